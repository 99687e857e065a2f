from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from feedback_toy import ENV_ID
from gymnasium.utils.env_checker import check_env

from agents.vec_env import make_vec_env
from feedback.clips import digest_of
from feedback.labels import Evaluation
from feedback.reward_models import RewardConfig, RewardModel
from feedback.sources import EvaluationSource, Moment, RecordedSource
from feedback.sources.recorded import ReplayError
from feedback.vec_wrapper import EnvLayout, LearnedReward
from feedback.wrapper import HumanFeedback


class Fickle:
    """Says something at about a third of the steps, sometimes twice."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)

    def evaluations(self, moment: Moment) -> list[Evaluation]:
        values = self.rng.normal(size=self.rng.choice([0, 0, 1, 2]))
        return [Evaluation(clip=moment.clip, value=float(v), labeller="fickle") for v in values]


class Pleased:
    def evaluations(self, moment: Moment) -> list[Evaluation]:
        return [Evaluation(clip=moment.clip, value=2.0, labeller="pleased")]


def run(env: gym.Env[Any, Any], *, seed: int | None = 4, steps: int = 60) -> list[tuple[float, float, float]]:
    """Return (shaped, true, feedback) of each step, over several episodes."""
    actions = np.random.default_rng(0)
    env.reset(seed=seed)
    rows = []
    for _ in range(steps):
        _, shaped, terminated, truncated, info = env.step(int(actions.integers(3)))
        rows.append((shaped, info["true_reward"], info["feedback"]))
        if terminated or truncated:
            env.reset()
    return rows


def test_add_and_replace() -> None:
    added = run(HumanFeedback(gym.make(ENV_ID), Pleased(), weight=0.5))
    assert all(shaped == true + 1.0 and feedback == 2.0 for shaped, true, feedback in added)
    replaced = run(HumanFeedback(gym.make(ENV_ID), Pleased(), shaping="replace"))
    assert all(shaped == 2.0 for shaped, _, _ in replaced)
    assert {true for _, true, _ in replaced} == {0.0, 1.0}


@pytest.mark.parametrize("shaping", ["add", "replace"])
def test_recorded_feedback_gives_the_rewards_of_the_live_one(store, shaping) -> None:
    live = run(HumanFeedback(gym.make(ENV_ID), Fickle(1), store=store, shaping=shaping))
    assert len(store) > 10
    replayed = run(HumanFeedback(gym.make(ENV_ID), RecordedSource(store), shaping=shaping))
    assert replayed == live


def test_feedback_is_on_disk_before_it_becomes_reward(store) -> None:
    env = HumanFeedback(gym.make(ENV_ID), Pleased(), store=store)
    env.reset(seed=0)
    env.step(1)
    assert [(label.step, label.value, label.clip.seed) for label in store.labels(Evaluation)] == [(0, 2.0, 0)]


def test_other_behaviour_is_not_given_the_feedback(store) -> None:
    env = HumanFeedback(gym.make(ENV_ID), Pleased(), store=store)
    env.reset(seed=0)
    env.step(1)
    strict = HumanFeedback(gym.make(ENV_ID), RecordedSource(store))
    strict.reset(seed=0)
    with pytest.raises(ReplayError, match=r"step 0 of episode 0 of .*Strip-v0 with seed 0"):
        strict.step(2)
    lenient = HumanFeedback(gym.make(ENV_ID), RecordedSource(store, strict=False))
    lenient.reset(seed=0)
    assert lenient.step(2)[4]["feedback"] == 0.0


def test_an_unseeded_start_can_be_replayed(store) -> None:
    env = HumanFeedback(gym.make(ENV_ID), Pleased(), store=store)
    live = run(env, seed=None, steps=30)
    seed = next(iter(store.labels(Evaluation))).clip.seed
    assert run(HumanFeedback(gym.make(ENV_ID), RecordedSource(store)), seed=seed, steps=30) == live


@pytest.mark.filterwarnings("ignore:.*is different from the unwrapped version")
def test_gymnasiums_checker_is_content() -> None:
    check_env(HumanFeedback(gym.make(ENV_ID, disable_env_checker=True), Pleased()), skip_render_check=True)
    assert isinstance(Pleased(), EvaluationSource)


def test_wrong_arguments_are_named(store) -> None:
    with pytest.raises(ValueError, match="shaping='multiply' must be one of"):
        HumanFeedback(gym.make(ENV_ID), Pleased(), shaping="multiply")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="must have a method evaluations"):
        HumanFeedback(gym.make(ENV_ID), object())  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="would keep recorded evaluations twice"):
        HumanFeedback(gym.make(ENV_ID), RecordedSource(store), store=store)


def test_the_learned_reward_of_a_batch_is_that_of_its_steps() -> None:
    venv = make_vec_env(ENV_ID, 5, seed=0)
    layout = EnvLayout(venv)
    model = RewardModel(layout.space, venv.action_space, RewardConfig(members=2, sees="before"), seed=0)
    wrapped = LearnedReward(venv, model)
    observations = wrapped.reset()
    assert layout.undo(observations)["camera"].shape == (5, 16, 16, 3)
    returns, reported = np.zeros(5), []
    for step in range(80):
        seen = {key: value.copy() for key, value in layout.undo(observations).items()}
        actions = np.full(5, step % 3)
        observations, rewards, dones, infos = wrapped.step(actions)
        np.testing.assert_array_equal(rewards, model.predict(seen, actions)[0])
        returns += [info["true_reward"] for info in infos]
        for world in np.flatnonzero(dones):
            reported.append((infos[world]["episode"]["r"], returns[world]))
            returns[world] = 0
    assert reported
    assert all(told == pytest.approx(true) for told, true in reported)
    wrapped.close()


def test_sources_see_what_the_environment_told_and_cannot_change_it(make_clip) -> None:
    class Reader:
        def __init__(self) -> None:
            self.seen: list[Moment] = []

        def evaluations(self, moment: Moment) -> list[Evaluation]:
            self.seen.append(moment)
            return []

    reader = Reader()
    env = HumanFeedback(gym.make(ENV_ID), reader)
    env.reset(seed=0)
    told = env.step(1)[4]
    assert dict(reader.seen[0].info) == {"success": told["success"]}
    with pytest.raises(TypeError):
        reader.seen[0].info["success"] = True  # type: ignore[index]
    # Infos hold arrays, which must not get in the way of comparing moments.
    plain = Moment(make_clip(), 1.0, False, False)
    assert plain.info == {}
    assert plain == Moment(make_clip(), 1.0, False, False, {"slate": np.arange(3)})


def test_every_episode_begins_with_its_own_observation_and_name() -> None:
    # A callback of gymnasium's play gets (observation, info) at the first step of each episode, and every
    # episode one seed; a label on that could not be told from those of other episodes.
    class Reader:
        def __init__(self) -> None:
            self.clips: list[Any] = []

        def evaluations(self, moment: Moment) -> list[Evaluation]:
            self.clips.append(moment.clip)
            return []

    reader, wanted = Reader(), []
    env = HumanFeedback(gym.make(ENV_ID), reader)
    for seed in (9, None, None):
        observation, _ = env.reset(seed=seed)
        wanted.append(digest_of(observation, 2))
        env.step(2)
    assert [clip.digest for clip in reader.clips] == wanted
    assert len(set(wanted)) == 3
    assert [(clip.seed, clip.episode, clip.start) for clip in reader.clips] == [
        (9, 0, 0),
        (9, 1, 0),
        (9, 2, 0),
    ]
