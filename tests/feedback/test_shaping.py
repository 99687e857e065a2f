from __future__ import annotations

import subprocess
import sys
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from feedback_toy import ENV_ID
from gymnasium import spaces
from hypothesis import given
from hypothesis import strategies as st

from feedback.labels import Evaluation
from feedback.potentials import ModelPotential, PotentialShaping
from feedback.reward_models import Endings, RewardConfig, RewardModel
from feedback.shaping import ShapingConfig
from feedback.sources import Moment
from feedback.wrapper import HumanFeedback

GAMMA = 0.9


class Pleased:
    def evaluations(self, moment: Moment) -> list[Evaluation]:
        return [Evaluation(clip=moment.clip, value=2.0, labeller="pleased")]


class Model:
    """Predicts three times the action, plus the sum of the position."""

    def predict(self, observations, actions):
        rewards = 3.0 * np.asarray(actions).reshape(len(actions)) + observations["position"].sum(1)
        return rewards.astype(np.float32), np.zeros(len(actions), np.float32)


class Ending(Model):
    """Says what ends are worth as well."""

    def endings(self, gamma):
        return Endings(failure=-7.0, arrival=5.0 + 10.0 * gamma)


class Line(gym.Env[Any, Any]):
    """Goes to 1, 2, 3, ...; reward 10; ends at ``end`` by termination, at ``limit`` by truncation."""

    def __init__(
        self, end: int = 99, limit: int = 99, actions: Any = None, info: dict[str, Any] | None = None
    ) -> None:
        self.observation_space = spaces.Dict({"position": spaces.Box(-99, 99, (1,), np.float32)})
        self.action_space = actions or spaces.Discrete(3, start=1)
        self.end, self.limit, self.info = end, limit, info or {}

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.position = 0
        return self._seen(), {}

    def step(self, action):
        self.position += 1
        return self._seen(), 10.0, self.position >= self.end, self.position >= self.limit, self.info

    def _seen(self):
        return {"position": np.array([self.position], np.float32)}


def step(env: gym.Env[Any, Any], action: Any = 1, count: int = 1) -> tuple[float, dict[str, Any]]:
    """Return reward and info of the last of some steps of an episode."""
    env.reset(seed=0)
    for _ in range(count):
        _, reward, _, _, info = env.step(action)
    return reward, info


def test_what_was_said_and_what_was_learned_are_mixed() -> None:
    # At position 0 with action 2 the model says 6, the person 2: 0.75 * 2 + 0.25 * 6 = 3; half of it counts.
    reward, info = step(HumanFeedback(Line(), Pleased(), reward_model=Model(), mix=0.25, weight=0.5), 2)
    assert info == {"true_reward": 10.0, "feedback": 2.0, "learned_reward": 6.0, "shaping": 1.5}
    assert reward == 11.5
    reward, info = step(HumanFeedback(Line(), Pleased(), reward_model=Model(), shaping="replace"), 2)
    assert (reward, info["shaping"]) == (4.0, 4.0)
    # In the second step the model judges what was seen before it: position 1.
    reward, info = step(HumanFeedback(Line(), reward_model=Model()), 2, count=2)
    assert (reward, info["feedback"], info["learned_reward"]) == (17.0, 0.0, 7.0)
    assert "learned_reward" not in step(HumanFeedback(Line(), Pleased()))[1]


def test_what_an_end_is_worth_is_a_part_of_the_learned_reward() -> None:
    def last(gamma: float | None = GAMMA, **line: Any) -> tuple[float, dict[str, Any]]:
        env = HumanFeedback(Line(**line), reward_model=Ending(), shaping="replace", gamma=gamma)
        return step(env, 2, count=2)

    # At position 1 with action 2 the model says 7.
    assert last()[0] == 7.0
    assert last(limit=2)[0] == 7.0  # time that runs out ends nothing
    reward, info = last(end=2)
    assert reward == info["learned_reward"] == 0.0
    assert last(end=2, info={"success": True})[0] == pytest.approx(7 + 5 + 9)
    assert last(end=3, info={"success": True})[0] == 7.0  # it is not over yet
    mixed = HumanFeedback(Line(end=2), Pleased(), reward_model=Ending(), mix=0.25, gamma=GAMMA)
    assert step(mixed, 2, count=2)[0] == pytest.approx(10 + 0.75 * 2 + 0.25 * 0)
    # A potential is what states are worth, and an end is worth nothing by then.
    shaped = HumanFeedback(Line(end=2), reward_model=Ending(), shaping="potential", gamma=GAMMA)
    assert step(shaped, 2, count=2)[0] == pytest.approx(10 + 0 - 7)


def test_the_models_potential_is_the_mean_over_the_actions() -> None:
    # Actions 1, 2, 3: 3 * 2 + position.  From 0 to 1: 0.9 * 7 - 6.
    env = HumanFeedback(Line(), reward_model=Model(), shaping="potential", gamma=GAMMA, weight=2.0)
    reward, info = step(env, 3)
    assert info["shaping"] == pytest.approx(2 * (0.9 * 7 - 6))
    assert reward == pytest.approx(10 + info["shaping"])
    assert info["learned_reward"] == 9.0
    box = spaces.Box(np.array([-1.0], np.float32), np.array([3.0], np.float32))
    potential = ModelPotential(Model(), box)
    np.testing.assert_allclose(potential({"position": np.array([[0.0], [5.0]])}), [3.0, 8.0])
    with pytest.raises(ValueError, match="must be a Discrete or a bounded Box"):
        ModelPotential(Model(), spaces.Box(-np.inf, np.inf, (1,)))
    with pytest.raises(ValueError, match="must be a Discrete or a bounded Box"):
        ModelPotential(Model(), spaces.MultiBinary(3))


@pytest.mark.parametrize("mine", [False, True])
def test_an_end_is_worth_nothing_but_time_running_out_is_no_end(mine: bool) -> None:
    def shaped(**line: int) -> float:
        worth: Any = (
            {"potential": lambda o: 6 + float(o["position"][0])} if mine else {"reward_model": Model()}
        )
        env = HumanFeedback(Line(**line), shaping="potential", gamma=GAMMA, **worth)
        return step(env, count=3)[1]["shaping"]

    assert shaped(end=3) == pytest.approx(-8.0)
    assert shaped(limit=3) == pytest.approx(0.9 * 9 - 8)
    assert shaped(end=3, limit=3) == pytest.approx(-8.0)


def test_a_potential_shapes_as_the_plain_wrapper_does() -> None:
    def worth(observation: dict[str, Any]) -> float:
        return float(observation["camera"].mean())

    one = HumanFeedback(gym.make(ENV_ID), potential=worth, shaping="potential", gamma=GAMMA)
    other = PotentialShaping(gym.make(ENV_ID), worth, GAMMA)
    actions = np.random.default_rng(0).integers(3, size=40)
    one.reset(seed=1), other.reset(seed=1)
    for action in actions:
        ours, theirs = one.step(int(action)), other.step(int(action))
        assert ours[1:3] == theirs[1:3]
        if ours[2]:
            one.reset(), other.reset()


def test_live_feedback_is_kept_beside_a_potential(store) -> None:
    env = HumanFeedback(
        Line(), Pleased(), store=store, reward_model=Model(), shaping="potential", gamma=GAMMA
    )
    reward, info = step(env)
    assert info["feedback"] == 2.0
    assert reward == pytest.approx(10 + 0.9 * 7 - 6)
    assert len(store) == 1


@pytest.mark.parametrize("sees", ["before", "after"])
def test_a_real_model_is_asked_about_what_it_sees(sees) -> None:
    env = gym.make(ENV_ID)
    config = RewardConfig(members=2, sees=sees)
    model = RewardModel(env.observation_space, env.action_space, config, seed=0)
    wrapped = HumanFeedback(env, reward_model=model, shaping="replace", gamma=0.99)
    seen, _ = wrapped.reset(seed=0)
    for action in (0, 1, 2):
        before = seen
        seen, reward, _, _, info = wrapped.step(action)
        judged = {key: value[None] for key, value in (before if sees == "before" else seen).items()}
        wanted = float(model.predict(judged, np.array([action]))[0][0])
        # Torch rounds as memory happens to lie.
        assert reward == info["learned_reward"] == pytest.approx(wanted, rel=1e-4, abs=1e-6)


def worth(observation: Any) -> float:
    return 0.0


@pytest.mark.parametrize(
    ("source", "settings", "message"),
    [
        (None, {}, "source=None and reward_model=None: at least one"),
        (Pleased(), {"shaping": "potential", "gamma": 0.9}, "is not what a state is worth"),
        (Pleased(), {"mix": 0.5}, "mix=0.5 must be None"),
        (None, {"mix": 0.5, "reward_model": Model()}, "mix=0.5 must be None"),
        (
            Pleased(),
            {"mix": 0.5, "reward_model": Model(), "shaping": "potential", "gamma": 0.9},
            "mix=0.5 must be None",
        ),
        (Pleased(), {"mix": 1.5, "reward_model": Model()}, r"mix=1.5 must be in \[0, 1\]"),
        (None, {"potential": worth, "shaping": "potential"}, "gamma=None must be the agent's discount"),
        (None, {"potential": worth, "shaping": "potential", "gamma": 2.0}, r"gamma=2.0 must be in \[0, 1\]"),
        (Pleased(), {"gamma": 0.9}, "gamma=0.9 must be None but with shaping"),
        (None, {"reward_model": Ending()}, "gamma=None must be the agent's discount factor: it decides"),
        (Pleased(), {"potential": worth}, "potential= is used by shaping='potential' alone"),
        (Pleased(), {"weight": float("nan")}, "weight=nan must be finite"),
    ],
)
def test_what_does_not_go_together_is_named(source, settings, message) -> None:
    with pytest.raises(ValueError, match=message):
        HumanFeedback(Line(), source, **settings)


def test_a_store_without_a_source_is_refused(store) -> None:
    with pytest.raises(ValueError, match="would stay empty"):
        HumanFeedback(Line(), store=store, reward_model=Model())
    with pytest.raises(ValueError, match=r"mix=-0.1 must be in \[0, 1\]"):
        ShapingConfig(mix=-0.1)


def test_live_feedback_starts_without_torch() -> None:
    script = "import sys, feedback.wrapper, feedback.play; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def greedy(chances: np.ndarray, rewards: np.ndarray, ends: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return action values and the set of best actions of each state, by value iteration to convergence."""
    values = np.zeros(len(rewards))
    for _ in range(500):
        actions = (chances * (rewards + np.where(ends, 0.0, GAMMA * values))).sum(2)
        values = actions.max(1)
    return actions, actions >= values[:, None] - 1e-9


class Table(gym.Env[Any, Any]):
    """Takes a transition that the test asks for, so that the wrapper can be asked about every one."""

    def __init__(self, seed: int, states: int = 4, actions: int = 2) -> None:
        rng = np.random.default_rng(seed)
        self.chances = rng.dirichlet(np.full(states, 0.5), size=(states, actions))
        self.rewards = rng.normal(size=(states, actions, states))
        self.ends = rng.random((states, actions, states)) < 0.2
        self.observation_space = spaces.Box(0, states, (1,), np.float32)
        self.action_space = spaces.Discrete(actions)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.state, self.following = (options or {}).get("go", (0, 0))
        return np.array([self.state], np.float32), {}

    def step(self, action):
        place = (self.state, action, self.following)
        seen = np.array([self.following], np.float32)
        return seen, float(self.rewards[place]), bool(self.ends[place]), False, {}

    def through(self, wrapped: gym.Env[Any, Any]) -> np.ndarray:
        """Return what a wrapper makes of the reward of every transition."""
        shaped = np.empty_like(self.rewards)
        for state, action, following in np.ndindex(*shaped.shape):
            wrapped.reset(seed=0, options={"go": (state, following)})
            shaped[state, action, following] = wrapped.step(action)[1]
        return shaped


class Opinion:
    """A model with an opinion of each state and action, shape (states, actions)."""

    def __init__(self, values: np.ndarray) -> None:
        self.values = values

    def predict(self, observations, actions):
        rewards = self.values[observations["observation"][:, 0].astype(int), actions]
        return rewards, np.zeros(len(actions))


@given(st.integers(0, 10_000))
def test_the_best_policies_stay_the_best(seed: int) -> None:
    table = Table(seed)
    model = Opinion(np.random.default_rng(seed + 1).normal(size=(4, 2)) * 10)
    shaped = table.through(HumanFeedback(table, reward_model=model, shaping="potential", gamma=GAMMA))
    plain, best = greedy(table.chances, table.rewards, table.ends)
    values, still = greedy(table.chances, shaped, table.ends)
    np.testing.assert_array_equal(best, still)
    # Every value is lower by the potential of its state, whatever the action.
    np.testing.assert_allclose(plain - values, np.repeat(model.values.mean(1)[:, None], 2, 1), atol=1e-6)


def test_adding_the_same_opinion_changes_which_policy_is_best() -> None:
    table = Table(1)
    model = Opinion(np.random.default_rng(2).normal(size=(4, 2)) * 10)
    shaped = table.through(HumanFeedback(table, reward_model=model, shaping="add"))
    _, best = greedy(table.chances, table.rewards, table.ends)
    _, others = greedy(table.chances, shaped, table.ends)
    assert (best != others).any()
    # Even what depends on the state alone: adding the potential itself is not potential-based shaping.
    model.values = np.repeat(model.values.mean(1)[:, None], 2, 1)
    shaped = table.through(HumanFeedback(table, reward_model=model, shaping="add"))
    _, others = greedy(table.chances, shaped, table.ends)
    assert (best != others).any()
