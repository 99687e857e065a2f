"""The PPO that keeps its rollouts on the device learns what Stable-Baselines3's learns."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium import spaces
from stable_baselines3 import PPO
from stable_baselines3.common.vec_env import VecEnv

from agents.accelerated import AcceleratedPPO
from agents.config import EncoderConfig, ImageConfig
from agents.device_buffer import DeviceRolloutBuffer
from agents.extractor import MultimodalExtractor
from agents.vec_env import make_vec_env

TOY, TOY_BOX, LATE = "toy/Sides-v0", "toy/SidesBox-v0", "toy/Late-v0"
ENDLESS, ENDLESS_BOX = "toy/Endless-v0", "toy/EndlessBox-v0"
SMALL = EncoderConfig(width=8, image=ImageConfig(channels=(4,), features=8))
SETTINGS: dict[str, Any] = {"n_steps": 16, "batch_size": 24, "n_epochs": 2, "seed": 3, "device": "cpu"}


class Late(gym.Env[Any, Any]):
    """Two numbers that say nothing; every episode runs out of time after three steps, each worth 1."""

    def __init__(self) -> None:
        self.observation_space = spaces.Box(-1, 1, (2,), np.float32)
        self.action_space = spaces.MultiDiscrete([2, 3])

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        return self.np_random.uniform(-1, 1, 2).astype(np.float32), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        return self.np_random.uniform(-1, 1, 2).astype(np.float32), 1.0, False, False, {}


@pytest.fixture(autouse=True, scope="module")
def late() -> Iterator[None]:
    gym.register(LATE, Late, max_episode_steps=3)
    # Without a limit of steps: see test_adds_what_the_critic_expects_where_time_ran_out.
    gym.register(ENDLESS, gym.spec(TOY).entry_point)
    gym.register(ENDLESS_BOX, gym.spec(TOY).entry_point, kwargs={"continuous": True})
    yield
    for name in (LATE, ENDLESS, ENDLESS_BOX):
        gym.registry.pop(name)


def make(kind: type[PPO], env_id: str, num_envs: int = 5, **changes: Any) -> PPO:
    venv = make_vec_env(env_id, num_envs, seed=0)
    kwargs: dict[str, Any] = {"net_arch": [8]}
    policy = "MlpPolicy"
    if isinstance(venv.observation_space, spaces.Dict):
        policy = "MultiInputPolicy"
        kwargs |= {
            "features_extractor_class": MultimodalExtractor,
            "features_extractor_kwargs": {"config": SMALL},
            "normalize_images": False,
        }
    return kind(policy, venv, policy_kwargs=kwargs, **(SETTINGS | changes))


def learn(model: PPO, rollouts: int = 1) -> None:
    model.set_random_seed(5)
    model.learn(rollouts * 16 * model.n_envs)


def assert_alike(a: PPO, b: PPO) -> None:
    """Weights equal up to rounding: minibatches lie otherwise in memory, which some processors can tell."""
    ours, theirs = a.policy.state_dict(), b.policy.state_dict()
    assert ours.keys() == theirs.keys()
    for key, weight in theirs.items():
        torch.testing.assert_close(ours[key], weight, rtol=1e-4, atol=1e-5)


def same_weights(a: PPO, b: PPO) -> bool:
    ours, theirs = a.policy.state_dict(), b.policy.state_dict()
    return ours.keys() == theirs.keys() and all(torch.equal(ours[key], theirs[key]) for key in ours)


@pytest.mark.parametrize("env_id", [ENDLESS, ENDLESS_BOX])
@pytest.mark.parametrize("changes", [{}, {"clip_range_vf": 0.2, "ent_coef": 0.01}, {"target_kl": 1e-4}])
def test_learns_what_ppo_learns(env_id: str, changes: dict[str, Any]) -> None:
    ours, theirs = make(AcceleratedPPO, env_id, **changes), make(PPO, env_id, **changes)
    assert same_weights(ours, theirs)
    for model in (ours, theirs):
        learn(model, 3)
    assert_alike(ours, theirs)
    assert ours._n_updates == theirs._n_updates


def test_adds_what_the_critic_expects_where_time_ran_out() -> None:
    ours, theirs = make(AcceleratedPPO, LATE), make(PPO, LATE)
    for model in (ours, theirs):
        learn(model)
    # One forward pass for all worlds, where Stable-Baselines3 has one for each: equal up to rounding.
    for name, weight in theirs.policy.state_dict().items():
        torch.testing.assert_close(ours.policy.state_dict()[name], weight, rtol=1e-4, atol=1e-5)
    buffer = ours.rollout_buffer
    assert isinstance(buffer, DeviceRolloutBuffer)
    np.testing.assert_allclose(
        buffer._returns.numpy(), theirs.rollout_buffer.returns.reshape(5, 16).T, rtol=1e-4
    )
    late = buffer._rewards[2::3]
    assert not torch.equal(late, torch.ones_like(late))


def test_the_estimates_of_a_rollout_worked_out_by_hand() -> None:
    space = spaces.Box(-1, 1, (1,), np.float32)
    buffer = DeviceRolloutBuffer(3, space, spaces.Discrete(2), "cpu", gae_lambda=0.5, gamma=0.5, n_envs=1)
    buffer.reset()
    # An episode ends with the first step; the second begins another, which goes on.
    for reward, start, value in ((1.0, 1.0, 0.5), (2.0, 1.0, 1.0), (4.0, 0.0, 2.0)):
        buffer.show(np.zeros((1, 1), np.float32))
        numbers = [torch.tensor([number]) for number in (reward, start, value, 0.0)]
        buffer.keep(torch.tensor([1]), *numbers)
    buffer.estimate(torch.tensor([8.0]), torch.tensor([0.0]))
    # delta: 1 - 0.5; 2 + 0.5 * 2 - 1 = 2; 4 + 0.5 * 8 - 2 = 6.  Advantages: 0.5; 2 + 0.25 * 6; 6.
    torch.testing.assert_close(buffer._advantages.flatten(), torch.tensor([0.5, 3.5, 6.0]))
    torch.testing.assert_close(buffer._returns.flatten(), torch.tensor([1.0, 4.5, 8.0]))


def test_an_unfinished_rollout_says_so() -> None:
    space = spaces.Box(-1, 1, (1,), np.float32)
    buffer = DeviceRolloutBuffer(3, space, spaces.Discrete(2), "cpu")
    with pytest.raises(RuntimeError, match="0 of 3 steps"):
        next(iter(buffer.get(2)))


def test_every_transition_comes_once_an_epoch() -> None:
    model = make(AcceleratedPPO, TOY)
    model.learn(5 * 16)
    buffer = model.rollout_buffer
    assert isinstance(buffer, DeviceRolloutBuffer)
    parts = list(buffer.get(24))
    assert [len(part.returns) for part in parts] == [24, 24, 24, 8]
    seen = torch.cat([part.observations["lidar"] for part in parts])
    assert sorted(map(tuple, seen.tolist())) == sorted(
        map(tuple, buffer._shown["lidar"].flatten(0, 1).tolist())
    )


def test_pictures_are_bytes_in_the_order_of_the_environment() -> None:
    model = make(AcceleratedPPO, TOY)
    model.learn(5 * 16)
    buffer = model.rollout_buffer
    assert isinstance(buffer, DeviceRolloutBuffer)
    batch = next(buffer.get(24)).observations["camera"]
    assert batch.is_contiguous(memory_format=torch.channels_last)
    camera = buffer._shown["camera"]
    assert camera.dtype == torch.uint8
    assert camera.shape == (16, 5, 3, 24, 32)
    assert camera.permute(0, 1, 3, 4, 2).is_contiguous()
    assert len(camera.untyped_storage()) == 16 * 5 * 3 * 24 * 32


def test_a_model_that_only_acts_keeps_no_rollout(tmp_path: Path) -> None:
    make(AcceleratedPPO, TOY).save(tmp_path / "model")
    loaded = AcceleratedPPO.load(tmp_path / "model", device="cpu")
    assert not hasattr(loaded.rollout_buffer, "_shown")
    assert not hasattr(loaded.rollout_buffer, "observations")


@pytest.mark.parametrize(("saver", "loader"), [(AcceleratedPPO, PPO), (PPO, AcceleratedPPO)])
def test_each_loads_what_the_other_saved_and_goes_on_alike(
    saver: type[PPO], loader: type[PPO], tmp_path: Path
) -> None:
    model = make(saver, TOY)
    model.learn(5 * 16)
    model.save(tmp_path / "model")
    models = []
    for kind in (saver, loader):
        venv = make_vec_env(TOY, 5, seed=7)
        other = kind.load(tmp_path / "model", env=venv, device="cpu")
        learn(other)
        models.append(other)
    assert_alike(*models)


def test_bfloat16_learns_close_to_float32() -> None:
    ours, exact = make(AcceleratedPPO, TOY, autocast=True), make(AcceleratedPPO, TOY)
    for model in (ours, exact):
        learn(model)
    assert not same_weights(ours, exact)
    assert all(weight.dtype == torch.float32 for weight in ours.policy.state_dict().values())
    assert all(torch.isfinite(weight).all() for weight in ours.policy.state_dict().values())


def test_channels_last_changes_nothing_but_rounding() -> None:
    ours, exact = make(AcceleratedPPO, TOY, channels_last=True), make(AcceleratedPPO, TOY)
    for model in (ours, exact):
        learn(model)
    for name, weight in exact.policy.state_dict().items():
        torch.testing.assert_close(ours.policy.state_dict()[name], weight, rtol=1e-2, atol=1e-3)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"use_sde": True}, "use_sde=True must be False"),
        ({"rollout_buffer_class": DeviceRolloutBuffer}, "rollout_buffer_class=.* must be None"),
    ],
)
def test_refuses_what_it_cannot_do(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make(AcceleratedPPO, TOY_BOX, **changes)


def test_a_callback_may_end_a_rollout() -> None:
    model = make(AcceleratedPPO, TOY)
    model.learn(5 * 16, callback=lambda names, _: names["self"].num_timesteps < 20)
    assert model.num_timesteps == 20
    assert isinstance(model.env, VecEnv)
