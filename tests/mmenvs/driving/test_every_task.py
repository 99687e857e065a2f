"""Whatever an agent does in any driving task: no NaN, nothing outside its space, and an end."""

from __future__ import annotations

import functools
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

import mmenvs
from mmenvs.driving import state as st

DRIVING = [name for name, entry in mmenvs.ENVIRONMENTS.items() if "driving" in entry.entry_point]
WORLDS, STEPS = 16, 400


@functools.cache
def make(env_id: str) -> Any:
    return gym.make_vec(env_id, num_envs=WORLDS, autoreset_mode="SAME_STEP")


@pytest.mark.parametrize("env_id", DRIVING)
@settings(max_examples=4, deadline=None, derandomize=True)
@given(data=some.data(), seed=some.integers(0, 2**32 - 1), hold=some.integers(5, 40))
def test_arbitrary_actions_keep_every_task_finite_and_every_episode_ends(env_id, data, seed, hold):
    """Sixteen worlds; actions are held for a while, because that goes farther than noise."""
    env = make(env_id)
    space = env.single_action_space
    if isinstance(space, gym.spaces.Box):
        number = some.floats(-1.0, 1.0, width=32)
        one = some.tuples(number.map(lambda x: x**3), number)
    else:
        one = some.integers(0, int(space.n) - 1)
    choices = np.array(data.draw(some.lists(one, min_size=4, max_size=8)), space.dtype)
    rng = np.random.default_rng(seed)
    env.reset(seed=seed)
    limit = env.unwrapped.max_episode_steps
    since = np.zeros(WORLDS, int)
    for step in range(STEPS):
        if step % hold == 0:
            actions = choices[rng.integers(len(choices), size=WORLDS)]
        observations, rewards, terminated, truncated, _ = env.step(actions)
        assert env.observation_space.contains(observations)
        assert np.isfinite(rewards).all()
        since = np.where(terminated | truncated, 0, since + 1)
        assert since.max() < limit
    worlds = env.unwrapped.simulator.worlds
    assert np.isfinite(worlds.ego).all() and np.isfinite(worlds.cars).all()
    active = np.abs(worlds.boxes[..., st.B_X]) < 1e5
    assert np.isfinite(worlds.boxes[active]).all()
