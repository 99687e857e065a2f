from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from feedback_toy import ENV_ID
from gymnasium import spaces
from hypothesis import given
from hypothesis import strategies as st

from agents.vec_env import make_vec_env
from feedback.potentials import PotentialShaping
from feedback.vec_potentials import VecPotentialShaping

GAMMA = 0.9


def worth(observation: dict[str, Any]) -> float:
    return float(observation["camera"].astype(float).mean()) / 10


def worths(observations: dict[str, Any]) -> np.ndarray:
    return observations["camera"].astype(float).mean((1, 2, 3)) / 10


def episodes(
    limit: int | None = None, count: int = 12
) -> list[tuple[list[float], list[float], float, float]]:
    """Return shaped and true rewards of episodes, and the potential at their beginning and their end."""
    env = PotentialShaping(gym.make(ENV_ID), worth, GAMMA)
    actions, played = np.random.default_rng(0), []
    for seed in range(count):
        observation, _ = env.reset(seed=seed)
        begin, shaped, true = worth(observation), [], []
        terminated = truncated = False
        while not (terminated or truncated):
            observation, reward, terminated, truncated, info = env.step(int(actions.integers(3)))
            shaped.append(reward)
            true.append(info["true_reward"])
            assert reward == pytest.approx(info["true_reward"] + info["shaping"])
        played.append((shaped, true, begin, 0.0 if terminated else worth(observation)))
    return played


def discounted(rewards: list[float]) -> float:
    return float(np.sum(GAMMA ** np.arange(len(rewards)) * rewards))


def test_what_is_added_depends_on_nothing_but_the_ends() -> None:
    for shaped, true, begin, end in episodes():
        wanted = GAMMA ** len(true) * end - begin
        assert discounted(shaped) - discounted(true) == pytest.approx(wanted)


class Walk(gym.Env[Any, Any]):
    """A random little world of states, actions and rewards, known in full."""

    def __init__(self, seed: int, states: int = 5, actions: int = 3) -> None:
        rng = np.random.default_rng(seed)
        self.chances = rng.dirichlet(np.full(states, 0.5), size=(states, actions))
        self.rewards = rng.normal(size=(states, actions, states))
        self.ends = rng.random((states, actions, states)) < 0.2
        self.observation_space, self.action_space = spaces.Discrete(states), spaces.Discrete(actions)

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[int, dict[str, Any]]:
        super().reset(seed=seed)
        self.state = int((options or {}).get("state", 0))
        return self.state, {}

    def step(self, action: int) -> tuple[int, float, bool, bool, dict[str, Any]]:
        before = self.state
        self.state = int(self.np_random.choice(len(self.chances), p=self.chances[before, action]))
        place = (before, action, self.state)
        return self.state, float(self.rewards[place]), bool(self.ends[place]), False, {}


def best(world: Walk, rewards: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the values of actions, and the best ones, by value iteration."""
    values = np.zeros(len(rewards))
    for _ in range(400):
        goes_on = np.where(world.ends, 0.0, GAMMA * values)
        actions = (world.chances * (rewards + goes_on)).sum(2)
        values = actions.max(1)
    return actions, actions.argmax(1)


@given(st.integers(0, 10_000))
def test_the_best_policy_stays_the_best(seed: int) -> None:
    world = Walk(seed)
    potential = np.random.default_rng(seed + 1).normal(size=5) * 10
    shaped = np.empty_like(world.rewards)
    wrapped = PotentialShaping(world, lambda state: potential[state], GAMMA)
    # What the wrapper makes of every transition, taken from the wrapper itself.
    for state, action, following in np.ndindex(*world.rewards.shape):
        wrapped.reset(options={"state": state})
        chances, world.chances = world.chances, np.zeros_like(world.chances)
        world.chances[state, action, following] = 1.0
        shaped[state, action, following] = wrapped.step(action)[1]
        world.chances = chances
    plain_values, plain = best(world, world.rewards)
    shaped_values, others = best(world, shaped)
    np.testing.assert_array_equal(plain, others)
    # Each value is lower by the potential of its state, whatever the action.
    np.testing.assert_allclose(plain_values - shaped_values, np.repeat(potential[:, None], 3, 1), atol=1e-6)


def test_many_worlds_are_shaped_like_one() -> None:
    venv = VecPotentialShaping(make_vec_env(ENV_ID, 3), worths, GAMMA)
    venv.seed(0)
    venv.reset()
    actions = np.random.default_rng(1).integers(3, size=(60, 3))
    rewards, ended = np.zeros((60, 3)), np.zeros((60, 3), bool)
    for step in range(60):
        _, rewards[step], ended[step], infos = venv.step(actions[step])
        assert all("true_reward" in info for info in infos)
    assert ended.any()
    venv.close()
    for world in range(3):
        env = PotentialShaping(gym.make(ENV_ID), worth, GAMMA)
        env.reset(seed=world)
        for step in range(60):
            _, reward, terminated, truncated, _ = env.step(int(actions[step, world]))
            assert rewards[step, world] == pytest.approx(reward, abs=1e-5)
            assert ended[step, world] == (terminated or truncated)
            if terminated or truncated:
                break


def test_a_discount_that_makes_no_sense() -> None:
    with pytest.raises(ValueError, match=r"gamma=1.5 must be in \[0, 1\]"):
        PotentialShaping(gym.make(ENV_ID), worth, 1.5)
