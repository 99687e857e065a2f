from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from feedback_toy import ENV_ID
from rich.console import Console

from agents.vec_env import make_vec_env
from feedback.__main__ import main
from feedback.acquisition import choose_pairs
from feedback.clips import ClipFolder
from feedback.evidence import evidence_of
from feedback.labels import Preference
from feedback.learning.config import LearnConfig
from feedback.learning.preferences import learn
from feedback.learning.rollouts import collect
from feedback.queries import QueryConfig, sample_pairs
from feedback.reward_models import RewardConfig
from feedback.store import LabelStore


@pytest.fixture(scope="module")
def episodes():
    venv = make_vec_env(ENV_ID, 6)
    yield collect(venv, None, env_id=ENV_ID, seed=3, steps=90)
    venv.close()


def test_rollouts_are_whole_episodes_with_their_place(episodes) -> None:
    assert sum(len(e) for e in episodes) == 6 * 90
    assert {e.seed for e in episodes} == set(range(3, 9))
    for episode in episodes:
        assert episode.observations["camera"].shape == (len(episode), 16, 16, 3)
        assert np.all(episode.rewards[:-1] == 1)
        assert episode.failed == (episode.rewards[-1] == 0)
    assert any(e.failed for e in episodes) and any(not e.terminated for e in episodes)


def test_a_rollout_can_be_replayed_from_its_place(episodes) -> None:
    import gymnasium as gym

    episode = next(e for e in episodes if e.failed and e.episode == 0)
    env = gym.make(ENV_ID)
    observation, _ = env.reset(seed=episode.seed)
    for step, action in enumerate(episode.actions):
        np.testing.assert_array_equal(observation["camera"], episode.observations["camera"][step])
        observation, reward, *_ = env.step(action)
        assert reward == episode.rewards[step]


def test_questions_show_ends_as_often_as_asked(episodes) -> None:
    for fraction in (0.0, 0.5, 1.0):
        config = QueryConfig(length=8, end_fraction=fraction)
        pairs = sample_pairs(episodes, 200, config, np.random.default_rng(0))
        ended = np.mean([s.failed for pair in pairs for s in pair])
        assert ended == pytest.approx(fraction, abs=0.08)
        assert all(len(s) <= 8 and a.digest != b.digest for a, b in pairs for s in (a, b))
        assert all(len(s) == 8 or s.failed or s.start == 0 for pair in pairs for s in pair)
    again = sample_pairs(episodes, 200, config, np.random.default_rng(0))
    assert [(a.clip, b.clip) for a, b in again] == [(a.clip, b.clip) for a, b in pairs]


def test_learning_from_two_rounds_of_labels(tmp_path, capsys) -> None:
    config = LearnConfig(
        ENV_ID,
        labels=10,
        rounds=2,
        steps=8192,
        collect_steps=40,
        eval_episodes=10,
        out=tmp_path / "run",
        compare=False,
        reward=RewardConfig(members=1, epochs=1),
    )
    result = learn(config, console=Console(quiet=True))
    assert (result.labels, len(result.reports), result.true) == (10, 2, None)
    saved = json.loads((tmp_path / "run" / "result.json").read_text())
    assert saved["labels"] == 10 and len(saved["learned"]["returns"]) == 10
    with LabelStore(config.store_path) as store:
        assert len(list(store.labels(Preference, labeller="oracle"))) == 10
        kept = evidence_of(store, ClipFolder(store.clip_folder), ENV_ID)
        assert (len(kept.evidence), kept.left_out) == (10, {})
        other = evidence_of(store, ClipFolder(store.clip_folder), "Other-v0")
        assert (other.evidence, other.left_out) == ((), {f"labels on {ENV_ID}, which is not Other-v0": 10})
        again = learn(replace(config, rounds=1, steps=4096), console=Console(quiet=True))
        assert again.labels == 10 and len(store) == 10


def test_the_command_line_says_what_is_wrong(capsys) -> None:
    assert main(["learn", "mmenvs/Nowhere-v0"]) == 2
    assert "unknown environment id 'mmenvs/Nowhere-v0'" in capsys.readouterr().err
    with pytest.raises(SystemExit, match="2"):
        main(["learn", ENV_ID, "--labels", "0"])
    assert "labels=0 must be at least 1" in capsys.readouterr().err
    assert main(["dance"]) == 2
    assert "usage: python -m feedback" in capsys.readouterr().err
    assert main(["--help"]) == 0


def test_segments_must_fit_the_model() -> None:
    with pytest.raises(ValueError, match=r"query\.length=16 must be reward\.horizon=8"):
        LearnConfig(ENV_ID, reward=RewardConfig(horizon=8))


def test_later_questions_are_those_that_the_models_dispute(tmp_path, monkeypatch) -> None:
    seen: list[tuple[str, int, int]] = []

    def watch(method, count, first, second, rng):
        found = choose_pairs(method, count, first, second, rng)
        seen.append((method, count, first.shape[1]))
        return found

    monkeypatch.setattr("feedback.learning.questions.choose_pairs", watch)
    config = LearnConfig(
        ENV_ID,
        labels=8,
        rounds=2,
        steps=2048,
        collect_steps=40,
        compare=False,
        eval_episodes=4,
        out=tmp_path,
        device="cpu",
        query=QueryConfig(length=8, method="disagreement", oversample=3),
        reward=RewardConfig(horizon=8),
    )
    assert learn(config, console=Console(quiet=True)).labels == 8
    # The first round has no model to ask with.
    assert seen == [("disagreement", 4, 12)]


@pytest.mark.parametrize(
    ("change", "words"), [({"method": "best"}, "method='best'"), ({"oversample": 0}, "oversample=0")]
)
def test_bad_query_settings_are_named(change, words) -> None:
    with pytest.raises(ValueError, match=words):
        QueryConfig(**change)
