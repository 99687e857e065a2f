"""The two faces: the checkers, clear errors, a light import."""

import pickle
import subprocess
import sys
import warnings

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.error import ResetNeeded
from gymnasium.utils.env_checker import check_env

from mmenvs.recommender import MODALITIES, RecommenderEnv, RecommenderVectorEnv

ENV = "mmenvs/Recommender-v0"


@pytest.mark.parametrize("settings", [{}, {"modalities": ("image",), "candidates": 7}, {"candidates": 2}])
def test_the_checkers_pass_without_a_warning(settings):
    from stable_baselines3.common.env_checker import check_env as check_env_sb3

    env = gym.make(ENV, render_mode="rgb_array", **settings)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(env.unwrapped)
        check_env_sb3(env.unwrapped)


@pytest.mark.parametrize("modality", MODALITIES)
def test_observations_lie_in_their_space(modality):
    env = RecommenderVectorEnv(5, modalities=(modality,), max_episode_steps=10)
    observations, _ = env.reset(seed=0)
    for _ in range(25):
        assert observations in env.observation_space
        observations, *_ = env.step(env.action_space.sample())


def test_spaces_survive_pickling():
    space = RecommenderEnv().observation_space
    again = pickle.loads(pickle.dumps(space))
    assert again == space
    assert again["candidate_image"].tiles == (2, 5)


@pytest.mark.parametrize("make", [RecommenderEnv, RecommenderVectorEnv])
def test_wrong_settings_are_named(make):
    with pytest.raises(TypeError, match=r"unknown setting modality=.*modalities"):
        make(modality="image")
    with pytest.raises(ValueError, match="candidates=0"):
        make(candidates=0)


def test_wrong_actions_and_calls_are_named():
    env = RecommenderEnv(modalities=("user",))
    with pytest.raises(ResetNeeded):
        env.step(0)
    env.reset(seed=0)
    for action in (10, -1, 0.5, np.nan, [1, 2]):
        with pytest.raises(ValueError, match="action"):
            env.step(action)
    with pytest.raises(ValueError, match=r"options\['scenarios'\] is unknown"):
        env.reset(options={"scenarios": 1})


def test_a_session_ends_by_leaving_or_by_the_time_limit():
    env = gym.make(ENV, modalities=("user",), leave_bias=-50.0)
    env.reset(seed=0)
    for _ in range(99):
        assert env.step(0)[2:4] == (False, False)
    assert env.step(0)[2:4] == (False, True)
    env = gym.make(ENV, modalities=("user",), leave_bias=50.0)
    env.reset(seed=0)
    _, reward, terminated, truncated, info = env.step(0)
    assert (terminated, truncated, info["success"]) == (True, False, False)
    assert reward == info["reward_terms"]["satisfaction"] - 1.0
    with pytest.raises(ResetNeeded):
        env.unwrapped.step(0)


def test_asynchronous_workers_agree_with_the_batch_after_the_parent_used_its_threads():
    native = gym.make_vec(ENV, num_envs=16, threads=2, modalities=("user", "history"))
    forked = gym.make_vec(
        ENV, num_envs=2, vectorization_mode="async", modalities=("user", "history"), threads=1
    )
    try:
        for env in (native, forked):
            env.reset(seed=3)
        for step in range(5):
            _, rewards, *_ = native.step(np.full(16, step))
            _, same, *_ = forked.step(np.full(2, step))
            np.testing.assert_array_equal(rewards[:2], same)
    finally:
        forked.close()
        native.close()


def test_importing_loads_nothing_heavy():
    code = (
        "import sys, mmenvs, mmenvs.recommender\n"
        "heavy = {'torch', 'pygame', 'pybullet', 'matplotlib', 'stable_baselines3'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
