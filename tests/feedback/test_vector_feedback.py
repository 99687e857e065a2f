from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
from feedback_toy import ENV_ID
from gymnasium.vector import AutoresetMode

import mmenvs  # noqa: F401  registers the ids
from agents.vec_env import GymVecEnv, make_vector
from feedback.labels import Evaluation
from feedback.reward_models import RewardConfig, RewardModel
from feedback.sources import Moment, RecordedSource
from feedback.vector_feedback import VectorHumanFeedback
from feedback.wrapper import HumanFeedback

WORLDS, STEPS, GAMMA = 3, 70, 0.95
MODES = list(AutoresetMode)
IDS = [ENV_ID, "CartPole-v1", "mmenvs/PathPlanning-v0", "mmenvs/Clickbait-v0"]


class Moody:
    """Judges by what it sees of the moment, info included, and by a mood of its own."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.moments: list[Moment] = []

    def evaluations(self, moment: Moment) -> list[Evaluation]:
        self.moments.append(moment)
        told = sum(float(v) for v in moment.info.values() if isinstance(v, bool | float | np.bool_))
        if self.rng.random() < 0.3:
            return []
        value = float(self.rng.normal()) + told + moment.reward + moment.terminated
        return [Evaluation(clip=moment.clip, value=value, labeller="moody")]


def worth(observation: Any) -> float:
    leaves = observation.values() if isinstance(observation, dict) else [observation]
    return sum(float(np.asarray(leaf, np.float64).mean()) for leaf in leaves)


def make(env_id: str, mode: AutoresetMode) -> gym.vector.VectorEnv:
    if env_id == "CartPole-v1":  # its own vector env knows one mode and one stream of numbers for all worlds
        return gym.make_vec(env_id, WORLDS, "sync", vector_kwargs={"autoreset_mode": mode})
    return make_vector(env_id, WORLDS, mode)


def actions_of(space: gym.spaces.Discrete) -> np.ndarray:
    return np.random.default_rng(5).integers(space.n, size=(STEPS, WORLDS))


def alone(env_id: str, world: int, actions: np.ndarray, **settings: Any) -> list[dict[str, Any]]:
    """Return what each step of a single wrapped world gave, beginning episodes as they end."""
    env = HumanFeedback(gym.make(env_id), **settings)
    env.reset(seed=7 + world)
    rows = []
    for action in actions:
        _, reward, terminated, truncated, info = env.step(action)
        rows.append({"reward": reward, **{k: info[k] for k in ("true_reward", "feedback", "shaping")}})
        if terminated or truncated:
            env.reset()
    return rows


def together(wrapped: VectorHumanFeedback, mode: AutoresetMode, actions: np.ndarray) -> list[list[dict]]:
    """Return the same of every world of a vector; each world has its own count of actions done."""
    wrapped.reset(seed=7)
    rows: list[list[dict[str, Any]]] = [[] for _ in range(WORLDS)]
    over = np.zeros(WORLDS, bool)
    while min(len(row) for row in rows) < STEPS:
        if mode == AutoresetMode.DISABLED and over.any():
            wrapped.reset(options={"reset_mask": over})
            over = np.zeros(WORLDS, bool)
        row = np.array([actions[min(len(rows[w]), STEPS - 1), w] for w in range(WORLDS)])
        _, rewards, terminated, truncated, infos = wrapped.step(row)
        for w in range(WORLDS):
            if over[w]:  # this step has only begun an episode
                assert rewards[w] == 0.0
                assert not infos["_true_reward"][w]
                continue
            told = {k: infos[k][w] for k in ("true_reward", "feedback", "shaping")}
            rows[w].append({"reward": rewards[w], **told})
            if (terminated | truncated)[w] and mode == AutoresetMode.SAME_STEP:
                assert infos["final_info"]["feedback"][w] == told["feedback"]
        over = (terminated | truncated) & (mode != AutoresetMode.SAME_STEP)
    return [row[:STEPS] for row in rows]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("env_id", IDS)
def test_many_worlds_get_the_rewards_of_single_ones_bit_for_bit(env_id: str, mode: AutoresetMode) -> None:
    env = make(env_id, mode)
    actions = actions_of(env.single_action_space)
    many, single = [Moody(w) for w in range(WORLDS)], [Moody(w) for w in range(WORLDS)]
    rows = together(VectorHumanFeedback(env, many, weight=0.3), mode, actions)
    for w in range(WORLDS):
        assert rows[w] == alone(env_id, w, actions[:, w], source=single[w], weight=0.3)
        assert [m.clip for m in many[w].moments][:STEPS] == [m.clip for m in single[w].moments]
    assert any(m.terminated or m.truncated for source in single for m in source.moments)
    env.close()


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("env_id", [ENV_ID, "CartPole-v1"])
def test_many_potentials_are_those_of_single_worlds(env_id: str, mode: AutoresetMode) -> None:
    env = make(env_id, mode)
    actions = actions_of(env.single_action_space)
    settings: dict[str, Any] = {"potential": worth, "shaping": "potential", "gamma": GAMMA}
    rows = together(VectorHumanFeedback(env, **settings), mode, actions)
    for w in range(WORLDS):
        assert rows[w] == alone(env_id, w, actions[:, w], **settings)
    env.close()


def ending_model(env: gym.vector.VectorEnv) -> RewardModel:
    model = RewardModel(
        env.single_observation_space, env.single_action_space, RewardConfig(members=2), seed=0
    )
    with torch.no_grad():
        for net in model._nets:
            net.failure.fill_(-7.0)
            net.arrival.fill_(5.0)
    return model


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("shaping", ["replace", "potential"])
def test_many_learned_rewards_are_those_of_single_worlds(shaping: str, mode: AutoresetMode) -> None:
    env = make(ENV_ID, mode)
    actions = actions_of(env.single_action_space)
    settings: dict[str, Any] = {"reward_model": ending_model(env), "shaping": shaping, "gamma": GAMMA}
    rows = together(VectorHumanFeedback(env, **settings), mode, actions)
    for w in range(WORLDS):
        for ours, theirs in zip(rows[w], alone(ENV_ID, w, actions[:, w], **settings), strict=True):
            assert ours == pytest.approx(theirs, rel=1e-3, abs=1e-5)


@pytest.mark.parametrize("mode", MODES)
def test_an_arrival_is_worth_what_the_model_says_in_every_mode(mode: AutoresetMode) -> None:
    env = gym.vector.SyncVectorEnv([lambda: gym.make(ENV_ID, goal=3)] * 2, autoreset_mode=mode)
    model = ending_model(env)
    wrapped = VectorHumanFeedback(env, reward_model=model, shaping="replace", gamma=GAMMA)
    wrapped.reset(seed=1)
    rewards = [wrapped.step(np.array([1, 1]))[1] for _ in range(3)]
    single = HumanFeedback(gym.make(ENV_ID, goal=3), reward_model=model, shaping="replace", gamma=GAMMA)
    single.reset(seed=1)
    alone = [single.step(1) for _ in range(3)]
    assert alone[-1][4]["success"]
    np.testing.assert_allclose([row[0] for row in rewards], [step[1] for step in alone], rtol=1e-3, atol=1e-5)
    assert rewards[2][0] - rewards[1][0] == pytest.approx(model.endings(GAMMA).arrival, abs=0.5)
    assert model.endings(GAMMA).arrival > 4


def test_a_recording_of_single_worlds_replays_in_many(store) -> None:
    env = make(ENV_ID, AutoresetMode.SAME_STEP)
    actions = actions_of(env.single_action_space)
    live = [
        alone(ENV_ID, w, actions[:, w], source=Moody(w), store=store, shaping="replace")
        for w in range(WORLDS)
    ]
    wrapped = VectorHumanFeedback(env, RecordedSource(store), shaping="replace")
    assert together(wrapped, AutoresetMode.SAME_STEP, actions) == live


def test_stable_baselines_gets_the_shaped_rewards_and_the_last_infos() -> None:
    env = make(ENV_ID, AutoresetMode.SAME_STEP)
    actions = actions_of(env.single_action_space)
    venv = GymVecEnv(VectorHumanFeedback(env, [Moody(w) for w in range(WORLDS)]))
    venv.seed(7)
    venv.reset()
    single = [alone(ENV_ID, w, actions[:, w], source=Moody(w)) for w in range(WORLDS)]
    ended = 0
    for step in range(STEPS):
        _, rewards, dones, infos = venv.step(actions[step])
        np.testing.assert_array_equal(rewards, np.float32([row[step]["reward"] for row in single]))
        for w in np.flatnonzero(dones):
            ended += 1
            assert infos[w]["shaping"] == single[w][step]["shaping"]
            assert "terminal_observation" in infos[w]
    assert ended


def test_worlds_without_seeds_can_be_replayed(store) -> None:
    wrapped = VectorHumanFeedback(make(ENV_ID, AutoresetMode.NEXT_STEP), Moody(0), store=store)
    wrapped.reset()
    rewards = wrapped.step(np.array([0, 1, 2]))[1]
    seeds = {m.clip.seed for m in wrapped.sources[0].moments}  # type: ignore[attr-defined]
    assert len(seeds) == WORLDS
    first = min(seeds)
    again = VectorHumanFeedback(make(ENV_ID, AutoresetMode.NEXT_STEP), RecordedSource(store))
    again.reset(seed=first)
    np.testing.assert_array_equal(again.step(np.array([0, 1, 2]))[1], rewards)
    # A world that has a seed goes on with it; one that never had one gets one.
    some = VectorHumanFeedback(make(ENV_ID, AutoresetMode.DISABLED), Moody(0))
    some.reset(seed=[1, None, 5])
    some.reset(options={"reset_mask": np.array([True, False, False])})
    some.step(np.array([0, 1, 2]))
    clips = [m.clip for m in some.sources[0].moments]  # type: ignore[attr-defined]
    assert [(c.seed, c.episode) for c in clips if c.seed in (1, 5)] == [(1, 1), (5, 0)]


def test_scenarios_are_named_world_by_world(store) -> None:
    source = Moody(0)
    wrapped = VectorHumanFeedback(make("mmenvs/PathPlanning-v0", AutoresetMode.NEXT_STEP), source)
    wrapped.reset(seed=0, options={"scenario": [4, 5, 6]})
    wrapped.step(np.zeros(WORLDS, np.int64))
    assert [m.clip.scenario for m in source.moments] == [4, 5, 6]


def test_wrong_arguments_are_named(store) -> None:
    env = make(ENV_ID, AutoresetMode.NEXT_STEP)
    with pytest.raises(ValueError, match="sources has 2 entries, but there are 3 worlds"):
        VectorHumanFeedback(env, [Moody(0), Moody(1)])
    with pytest.raises(TypeError, match="must have a method evaluations"):
        VectorHumanFeedback(env, object())  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="source=None and reward_model=None"):
        VectorHumanFeedback(env)
    with pytest.raises(ValueError, match="seed has 2 entries"):
        VectorHumanFeedback(env, Moody(0)).reset(seed=[1, 2])
