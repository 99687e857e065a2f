from __future__ import annotations

import warnings

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import DummyVecEnv, VecTransposeImage

from agents.algorithm_config import PPOConfig
from agents.algorithms import make_model
from agents.config import EncoderConfig
from agents.vec_env import GymVecEnv, make_vec_env
from mmenvs.spaces import Image

TOY = "toy/Sides-v0"
NATIVE = "mmenvs/Recommender-v0"


def test_matches_dummy_vec_env_step_by_step() -> None:
    ours = make_vec_env(TOY, 3, seed=5)
    theirs = VecTransposeImage(DummyVecEnv([lambda: Monitor(gym.make(TOY)) for _ in range(3)]))
    theirs.seed(5)
    rng = np.random.default_rng(0)
    _assert_same(ours.reset(), theirs.reset())
    ended = timed_out = 0
    for _ in range(60):
        actions = rng.integers(2, size=3)
        mine, other = ours.step(actions), theirs.step(actions)
        _assert_same(mine[0], other[0])
        np.testing.assert_array_equal(mine[1], other[1])
        assert mine[1].dtype == other[1].dtype == np.float32
        np.testing.assert_array_equal(mine[2], other[2])
        for world in np.flatnonzero(mine[2]):
            a, b = mine[3][world], other[3][world]
            _assert_same(a["terminal_observation"], b["terminal_observation"])
            assert a["TimeLimit.truncated"] == b["TimeLimit.truncated"]
            assert (a["episode"]["r"], a["episode"]["l"]) == (b["episode"]["r"], b["episode"]["l"])
            assert a["is_success"] == b["success"] == a["success"]
            assert a["errors"] == b["errors"]
            ended += 1
            timed_out += a["TimeLimit.truncated"]
        assert all(info == {} for world, info in enumerate(mine[3]) if not mine[2][world])
    assert ended > 10
    assert 0 < timed_out < ended


def _assert_same(a: dict[str, np.ndarray], b: dict[str, np.ndarray]) -> None:
    assert set(a) == set(b)
    for key, value in a.items():
        np.testing.assert_array_equal(value, b[key])


@pytest.mark.parametrize("env_id", [TOY, NATIVE])
def test_observations_are_the_callers_to_keep(env_id: str) -> None:
    env = make_vec_env(env_id, 4, seed=0)
    kept = env.reset()
    copies = {key: value.copy() for key, value in kept.items()}
    for _ in range(3):
        env.step(np.zeros(4, np.int64))
    _assert_same(kept, copies)


def test_infos_are_the_callers_to_write() -> None:
    env = make_vec_env(TOY, 2, seed=0)
    env.reset()
    _, _, _, infos = env.step(np.zeros(2, np.int64))
    infos[0]["mine"] = 1
    assert "mine" not in infos[1]
    assert "mine" not in env.step(np.zeros(2, np.int64))[3][0]


def test_native_worlds_report_episodes() -> None:
    env = make_vec_env(NATIVE, 4, seed=0)
    picture = env.observation_space["candidate_image"]
    assert isinstance(picture, Image)
    assert picture.channels_first
    total, steps = np.zeros(4), np.zeros(4)
    env.reset()
    seen = 0
    while seen < 5:
        observation, rewards, dones, infos = env.step(np.zeros(4, np.int64))
        assert observation["candidate_image"].shape == (4, *picture.shape)
        total, steps = total + rewards, steps + 1
        for world in np.flatnonzero(dones):
            assert infos[world]["episode"]["l"] == steps[world]
            assert infos[world]["episode"]["r"] == pytest.approx(total[world], abs=1e-4)
            assert isinstance(infos[world]["is_success"], bool)
            assert infos[world]["terminal_observation"]["candidate_image"].shape == picture.shape
            total[world] = steps[world] = 0
            seen += 1


def test_plain_box_observations() -> None:
    env = make_vec_env("CartPole-v1", 2, seed=1)
    assert env.reset().shape == (2, 4)
    for _ in range(60):
        observation, _, _, _ = env.step(np.zeros(2, np.int64))
    assert observation.shape == (2, 4)
    pictures = GymVecEnv(
        SyncVectorEnv([_Noise] * 2, autoreset_mode=AutoresetMode.SAME_STEP)  # type: ignore[arg-type]
    )
    assert pictures.observation_space.shape == (3, 40, 50)
    assert pictures.reset().shape == (2, 3, 40, 50)


class _Noise(gym.Env):
    observation_space = gym.spaces.Box(0, 255, (40, 50, 3), np.uint8)
    action_space = gym.spaces.Discrete(2)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return np.zeros((40, 50, 3), np.uint8), {}

    def step(self, action):
        return np.zeros((40, 50, 3), np.uint8), 0.0, False, False, {}


def test_another_autoreset_mode_is_refused() -> None:
    with pytest.raises(ValueError, match="mode NEXT_STEP, but Stable-Baselines3 needs SAME_STEP"):
        GymVecEnv(gym.make_vec(TOY, 2, "sync"))


def test_unknown_id_and_keyword_are_named() -> None:
    with pytest.raises(ValueError, match="did you mean mmenvs/PathPlanning-v0"):
        make_vec_env("mmenvs/PathPlaning-v0", 2)
    with pytest.raises(ValueError, match="colour"):
        make_vec_env(TOY, 2, env_kwargs={"colour": "red"})


def test_attributes_and_methods() -> None:
    env = make_vec_env(TOY, 3)
    env.reset()
    assert env.get_attr("_errors") == [0, 0, 0]
    env.set_attr("_errors", 2, indices=[1])
    assert env.get_attr("_errors") == [0, 2, 0]
    assert env.env_method("get_wrapper_attr", "_errors", indices=[1, 2]) == [2, 0]
    assert not env.has_attr("no_such_thing")
    native = make_vec_env(NATIVE, 2)
    assert native.get_attr("max_episode_steps") == [100, 100]
    with pytest.raises(ValueError, match="must be for all worlds"):
        native.set_attr("max_episode_steps", 5, indices=[0])


def test_seeds_and_options_reach_the_worlds() -> None:
    env = make_vec_env(NATIVE, 2)
    env.seed(3)
    env.set_options({"scenario": 7})
    first = env.reset()
    env.seed(3)
    env.set_options({"scenario": 7})
    _assert_same(env.reset(), first)
    np.testing.assert_array_equal(first["user"][0], first["user"][1])
    env.set_options([{"scenario": 7}, {}])
    with pytest.raises(ValueError, match="same options"):
        env.reset()


def test_sb3_takes_it_as_it_is() -> None:
    env = make_vec_env(TOY, 2, seed=0)
    settings = PPOConfig(n_steps=8, batch_size=16, n_epochs=1)
    model = make_model("ppo", settings, EncoderConfig(), env, seed=0, device="cpu")
    assert model.get_env() is env
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # evaluate_policy warns of environments without a Monitor
        mean, _ = evaluate_policy(model, env, n_eval_episodes=4)
    assert 0 <= mean <= 8
