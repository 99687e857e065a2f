"""RecurrentPPO, MaskablePPO, QR-DQN, TQC and hindsight, through the same config as all others."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium import spaces
from gymnasium.vector import AutoresetMode

from agents.algorithm_config import (
    DQNConfig,
    MaskablePPOConfig,
    QRDQNConfig,
    RecurrentPPOConfig,
    SACConfig,
    TQCConfig,
)
from agents.evaluation import evaluate
from agents.policies import RecurrentPolicy, model_policy
from agents.train_config import TrainConfig
from agents.training import load_model, train
from agents.vec_env import ScaledReward, make_vec_env, make_vector
from mmenvs.spaces import Vector

TOY, TOY_BOX = "toy/Sides-v0", "toy/SidesBox-v0"
MEMORY, MASKED, REACH = "toy/Memory-v0", "toy/Masked-v0", "toy/Reach-v0"


class Memory(gym.Env[dict[str, Any], Any]):
    """Shows a sign at the first step alone; from then on, it must be given as the action."""

    def __init__(self) -> None:
        self.observation_space = spaces.Dict(sign=Vector(2, low=-1.0, high=1.0))
        self.action_space = spaces.Discrete(2)

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[dict[str, Any], dict[str, Any]]:
        super().reset(seed=seed)
        self._sign, self._steps, self._right = int(self.np_random.integers(2)), 0, 0
        return {"sign": np.array([2 * self._sign - 1, 1], np.float32)}, {"success": False}

    def step(self, action: Any) -> tuple[dict[str, Any], float, bool, bool, dict[str, Any]]:
        self._steps += 1
        correct = int(action) == self._sign
        self._right += correct
        done = self._steps == 4
        info = {"success": done and self._right == 4}
        return {"sign": np.zeros(2, np.float32)}, float(correct), done, False, info


class Masked(gym.Env[dict[str, Any], Any]):
    """Of eight actions, one may be chosen, and the observation does not say which; others end all."""

    def __init__(self) -> None:
        self.observation_space = spaces.Dict(nothing=Vector(1, low=0.0, high=1.0))
        self.action_space = spaces.Discrete(8)

    def action_masks(self) -> np.ndarray:
        return np.arange(8) == self._allowed

    def _next(self) -> dict[str, Any]:
        self._allowed = int(self.np_random.integers(8))
        return {"nothing": np.zeros(1, np.float32)}

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[dict[str, Any], dict[str, Any]]:
        super().reset(seed=seed)
        self._steps = 0
        return self._next(), {"success": False}

    def step(self, action: Any) -> tuple[dict[str, Any], float, bool, bool, dict[str, Any]]:
        self._steps += 1
        allowed = int(action) == self._allowed
        done = self._steps == 5 or not allowed
        return self._next(), float(allowed), done, False, {"success": done and allowed}


class Reach(gym.Env[dict[str, Any], Any]):
    """Walks along a line to a goal; the reward is -1 until it is there."""

    def __init__(self) -> None:
        goal = spaces.Box(-2, 2, (1,), np.float32)
        self.observation_space = spaces.Dict(observation=goal, achieved_goal=goal, desired_goal=goal)
        self.action_space = spaces.Box(-1, 1, (1,), np.float32)

    def compute_reward(self, achieved_goal: Any, desired_goal: Any, info: Any) -> Any:
        return -(np.abs(achieved_goal - desired_goal)[..., 0] > 0.2).astype(np.float32)

    def _observe(self) -> dict[str, Any]:
        place = np.array([self._x], np.float32)
        return {"observation": place, "achieved_goal": place.copy(), "desired_goal": self._goal.copy()}

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[dict[str, Any], dict[str, Any]]:
        super().reset(seed=seed)
        self._x = 0.0
        self._goal = self.np_random.uniform(-1.5, 1.5, 1).astype(np.float32)
        return self._observe(), {"success": False}

    def step(self, action: Any) -> tuple[dict[str, Any], float, bool, bool, dict[str, Any]]:
        self._x = float(np.clip(self._x + 0.4 * float(action[0]), -2, 2))
        seen = self._observe()
        reward = float(self.compute_reward(seen["achieved_goal"], seen["desired_goal"], {}))
        return seen, reward, reward == 0.0, False, {"success": reward == 0.0}


@pytest.fixture(autouse=True, scope="module")
def more_toys() -> Iterator[None]:
    gym.register(MEMORY, Memory)
    gym.register(MASKED, Masked)
    gym.register(REACH, Reach, max_episode_steps=10)
    yield
    for name in (MEMORY, MASKED, REACH):
        gym.registry.pop(name)


def small(env_id: str, algo: str, tmp_path: Path, **changes: object) -> TrainConfig:
    replay = {"buffer_size": 2_000, "learning_starts": 64, "batch_size": 32}
    config = TrainConfig(
        env_id,
        algo=algo,  # type: ignore[arg-type]
        steps=256,
        num_envs=4,
        out=tmp_path / algo,
        device="cpu",
        threads=1,
        recurrent_ppo=RecurrentPPOConfig(n_steps=16, batch_size=32, lstm_hidden_size=16),
        maskable_ppo=MaskablePPOConfig(n_steps=16, batch_size=32),
        qrdqn=QRDQNConfig(**replay, n_quantiles=5),  # type: ignore[arg-type]
        tqc=TQCConfig(**replay, n_quantiles=5, net_arch=(32,)),  # type: ignore[arg-type]
        sac=SACConfig(**replay, net_arch=(32,)),  # type: ignore[arg-type]
        dqn=DQNConfig(**replay),  # type: ignore[arg-type]
    )
    return replace(config, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("algo", "env_id"),
    [("recurrent_ppo", TOY), ("maskable_ppo", MASKED), ("qrdqn", TOY), ("tqc", TOY_BOX)],
)
def test_trains_resumes_and_plays(algo: str, env_id: str, tmp_path: Path) -> None:
    config = small(env_id, algo, tmp_path)
    first = train(config, quiet=True)
    assert first.steps == 256
    model, saved = load_model(first.run_dir, device="cpu")
    assert saved == config
    assert type(model).__name__.lower() == algo.replace("_", "")
    again = train(replace(config, steps=384), resume=first.run_dir, quiet=True)
    assert again.steps == 384
    played = evaluate(again.model, env_id, 12, num_envs=5)
    assert (played.lengths > 0).all()


def test_a_memory_solves_what_no_single_observation_tells(tmp_path: Path) -> None:
    settings = RecurrentPPOConfig(
        learning_rate=5e-3, n_steps=16, batch_size=128, lstm_hidden_size=16, ent_coef=0.0, n_epochs=4
    )
    config = small(MEMORY, "recurrent_ppo", tmp_path, steps=12_000, num_envs=16, recurrent_ppo=settings)
    model = train(config, quiet=True).model
    seen = evaluate(model, MEMORY, 40, num_envs=7).success_rate
    assert seen is not None
    assert seen.mean >= 0.9
    # What a world remembers must not depend on how many others there are.
    alone, together = (evaluate(model, MEMORY, 12, num_envs=n) for n in (1, 12))
    np.testing.assert_array_equal(alone.returns, together.returns)


def test_the_memory_of_a_restarted_world_is_cleared(tmp_path: Path) -> None:
    model = train(small(MEMORY, "recurrent_ppo", tmp_path, steps=64), quiet=True).model
    env = make_vector(MEMORY, 2, AutoresetMode.DISABLED)
    act = model_policy(model, env, deterministic=True)
    assert isinstance(act, RecurrentPolicy)
    first = {"sign": np.ones((2, 2), np.float32)}
    nothing = {"sign": np.zeros((2, 2), np.float32)}
    act(first)
    act(nothing)
    memory = act._memory
    assert memory is not None
    act.restart(np.array([True, False]))
    act(first)
    fresh = model_policy(model, env)
    assert isinstance(fresh, RecurrentPolicy)
    fresh(first)
    assert act._memory is not None
    assert fresh._memory is not None
    np.testing.assert_array_equal(act._memory[0][:, 0], fresh._memory[0][:, 0])
    assert not np.array_equal(act._memory[0][:, 1], fresh._memory[0][:, 1])
    env.close()


def test_masked_actions_are_never_chosen(tmp_path: Path) -> None:
    model = train(small(MASKED, "maskable_ppo", tmp_path), quiet=True).model
    for deterministic in (True, False):
        played = evaluate(model, MASKED, 20, num_envs=4, deterministic=deterministic)
        assert (played.lengths == 5).all()


def test_maskable_ppo_refuses_an_environment_without_masks(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"maskable_ppo.*action_masks\(\)"):
        train(small(TOY, "maskable_ppo", tmp_path), quiet=True)


def test_hindsight_learns_from_goals_that_were_reached_by_chance(tmp_path: Path) -> None:
    settings = SACConfig(
        learning_rate=2e-3, learning_starts=100, batch_size=64, gamma=0.9, net_arch=(32,), hindsight=4
    )
    config = small(REACH, "sac", tmp_path, steps=2_000, num_envs=4, sac=settings)
    first = train(config, quiet=True)
    rate = evaluate(first.model, REACH, 40, num_envs=8).success_rate
    assert rate is not None
    assert rate.mean >= 0.9
    assert train(replace(config, steps=2_100), resume=first.run_dir, quiet=True).steps == 2_100


def test_rewards_of_other_goals_are_scaled_like_all_others() -> None:
    venv = ScaledReward(make_vec_env(REACH, 2, seed=0), 0.5)
    far, near = np.full((3, 1), 1.0, np.float32), np.zeros((3, 1), np.float32)
    np.testing.assert_array_equal(venv.env_method("compute_reward", far, near, {}, indices=[0])[0], -0.5)
    venv.close()


def test_hindsight_works_on_the_native_parking_lot(tmp_path: Path) -> None:
    settings = SACConfig(learning_starts=300, batch_size=32, net_arch=(32,), hindsight=4)
    kwargs = {"max_episode_steps": 50}
    config = small("mmenvs/Parking-v0", "sac", tmp_path, steps=400, sac=settings, env_kwargs=kwargs)
    assert train(config, quiet=True).steps == 400


def test_hindsight_says_when_it_starts_too_early(tmp_path: Path) -> None:
    settings = SACConfig(hindsight=4, learning_starts=4)
    with pytest.raises(ValueError, match=r"learning_starts must be greater than the steps of an episode"):
        train(small("mmenvs/Parking-v0", "sac", tmp_path, steps=40, sac=settings), quiet=True)


def test_hindsight_names_the_keys_that_are_missing(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"lacks \['observation', 'achieved_goal', 'desired_goal'\]"):
        train(small(TOY, "dqn", tmp_path, dqn=DQNConfig(hindsight=2)), quiet=True)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: TQCConfig(n_quantiles=2), "top_quantiles_to_drop_per_net=2 must be"),
        (lambda: SACConfig(hindsight=-1), "hindsight=-1 must be at least 0"),
        (lambda: QRDQNConfig(n_quantiles=0), "n_quantiles=0 must be at least 1"),
        (lambda: RecurrentPPOConfig(lstm_hidden_size=0), "lstm_hidden_size=0 must be at least 1"),
    ],
)
def test_settings_that_make_no_sense(make: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


def test_runs_are_reproducible_bit_for_bit(tmp_path: Path) -> None:
    for algo, env_id in (("recurrent_ppo", MEMORY), ("maskable_ppo", MASKED), ("qrdqn", TOY)):
        weights = [
            train(small(env_id, algo, tmp_path / name), quiet=True).model.policy.state_dict()
            for name in ("a", "b")
        ]
        assert all(torch.equal(weights[0][key], weights[1][key]) for key in weights[0])
