from __future__ import annotations

import threading
import time
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import pytest
from feedback_toy import ENV_ID
from rich.console import Console

from agents.algorithm_config import PPOConfig
from agents.train_config import TrainConfig
from agents.vec_env import make_vec_env
from feedback.clips import ClipFolder
from feedback.labels import (
    Correction,
    Demonstration,
    Evaluation,
    Implicit,
    Intervention,
    Preference,
    Ranking,
    Rating,
)
from feedback.learning.config import LearnConfig
from feedback.learning.preferences import learn
from feedback.learning.questions import Questions
from feedback.learning.rollouts import collect
from feedback.queries import QueryConfig, sample_pairs
from feedback.reward_models import RewardConfig, RewardModel
from feedback.sources.teachers import OracleTeacher, make_teacher
from feedback.store import LabelStore
from feedback.vec_wrapper import EnvLayout

SMALL = TrainConfig(ENV_ID, num_envs=4, ppo=PPOConfig(n_steps=16, batch_size=64, n_epochs=1))


def config(out: Any, **changes: Any) -> LearnConfig:
    settings: dict[str, Any] = {
        **{"labels": 24, "rounds": 1, "asking": 1.0, "steps": 512, "collect_steps": 30, "compare": False},
        **{"eval_episodes": 2, "device": "cpu", "background": True, "refit_every": 4, "out": out},
        "query": QueryConfig(length=8),
        "reward": RewardConfig(members=1, epochs=1, horizon=8),
    }
    return LearnConfig(ENV_ID, **(settings | changes))


class Slow(OracleTeacher):
    """Takes its time, which may be a sleep or until it is let go on, and may fail."""

    def __init__(self, seconds: float = 0.0, fails_at: int | None = None) -> None:
        super().__init__(name="slow")
        self.seconds, self.fails_at, self.answered = seconds, fails_at, 0
        self.threads: set[int] = set()

    def watch(self, episodes):
        self.threads.add(threading.get_ident())
        super().watch(episodes)

    def prefer(self, first, second):
        time.sleep(self.seconds)
        self.threads.add(threading.get_ident())
        self.answered += 1
        if self.answered == self.fails_at:
            raise RuntimeError("the labeller has gone home")
        return super().prefer(first, second)


@pytest.fixture(scope="module")
def setting():
    venv = make_vec_env(ENV_ID, 4)
    yield collect(venv, None, env_id=ENV_ID, seed=3, steps=60), EnvLayout(venv).space, venv.action_space
    venv.close()


def questions_of(source: Any, store: LabelStore, space: Any) -> Questions:
    return Questions(source, store, ENV_ID, space=space, horizon=8)


def test_training_goes_on_while_answers_come_and_the_reward_follows(tmp_path, monkeypatch) -> None:
    fitted: list[int] = []
    steps_at: list[int] = []
    trained = threading.Condition()
    steps = 0

    class Watching(Slow):
        def prefer(self, first, second):
            # After the first four it answers only when the agent has taken eighty more steps, and so never
            # if the agent waits for it.
            wanted = 80 * (self.answered - 3)
            with trained:
                assert trained.wait_for(lambda: steps >= wanted, timeout=60)
                steps_at.append(steps)
            return super().prefer(first, second)

    fit, predict = RewardModel.fit, RewardModel.predict

    def watched_fit(self, evidence, **kwargs):
        fitted.append(len(evidence))
        return fit(self, evidence, **kwargs)

    def watched_predict(self, *args, **kwargs):
        nonlocal steps
        with trained:
            steps += 4
            trained.notify_all()
        return predict(self, *args, **kwargs)

    monkeypatch.setattr(RewardModel, "fit", watched_fit)
    monkeypatch.setattr(RewardModel, "predict", watched_predict)
    source, quiet = Watching(), Console(quiet=True)
    result = learn(config(tmp_path, steps=1600), settings=SMALL, source=source, console=quiet)
    assert steps == result.agent.num_timesteps >= 1600
    assert steps_at[:4] == [0] * 4 and steps_at[4] >= 80 and len(steps_at) > 12
    # The first fit waits for the first few answers; each of the others came with as many new ones.
    assert fitted[0] == 4 and len(fitted) >= 3
    assert all(later - earlier >= 4 for earlier, later in pairwise(fitted))
    assert len(result.reports) == len(fitted)
    with LabelStore(tmp_path / "labels.db") as store:
        assert len(store) == source.answered == result.labels
        folder = ClipFolder(store.clip_folder)
        for label in store.labels(Preference, labeller="slow"):
            assert len(folder.get(label.first)) <= 8 and len(folder.get(label.second)) <= 8
    assert not [thread for thread in threading.enumerate() if thread.name == "questions"]


@pytest.mark.parametrize("fails_at", [1, 6])
def test_what_goes_wrong_with_the_source_ends_the_run(tmp_path, fails_at: int) -> None:
    source = Slow(0.01, fails_at)
    with pytest.raises(RuntimeError, match="the labeller has gone home"):
        learn(config(tmp_path), settings=SMALL, source=source, console=Console(quiet=True))
    assert not [thread for thread in threading.enumerate() if thread.name == "questions"]
    with LabelStore(tmp_path / "labels.db") as store:
        assert len(store) == fails_at - 1
    # What was answered until then is there to go on with.
    quiet = Console(quiet=True)
    again = learn(config(tmp_path), settings=SMALL, source=Slow(), console=quiet, resume=True)
    with LabelStore(tmp_path / "labels.db") as store:
        assert fails_at - 1 < again.labels == len(store) <= 24


def test_an_error_in_the_last_answer_is_heard_at_the_end(tmp_path, monkeypatch) -> None:
    ended = threading.Event()

    class Late(Slow):
        def prefer(self, first, second):
            if self.answered == 5:
                ended.wait(30)
                raise RuntimeError("too late")
            return super().prefer(first, second)

    close = Questions.close

    def closing(self):
        ended.set()
        close(self)

    monkeypatch.setattr(Questions, "close", closing)
    with pytest.raises(RuntimeError, match="too late"):
        learn(config(tmp_path, steps=256), settings=SMALL, source=Late(), console=Console(quiet=True))


def test_closing_waits_for_one_answer_and_counts_what_was_asked(store, setting) -> None:
    episodes, space, _ = setting
    source = Slow(0.05)
    questions = questions_of(source, store, space)
    pairs = sample_pairs(episodes, 40, QueryConfig(length=8), questions.rng)
    questions.submit(pairs)
    assert questions.asked == 40
    questions.wait(2)
    settled, known = questions.settled
    assert 2 <= settled == known < 40
    questions.close()
    assert questions.asked == len(questions.evidence) == len(store) == source.answered < 40
    questions.close()
    # It may go on afterwards.
    questions.submit(pairs[-2:])
    questions.wait(1000)
    assert len(store) == source.answered == questions.asked
    questions.close()


def test_who_goes_on_knows_what_was_asked_and_asks_something_else(store, setting) -> None:
    episodes, space, _ = setting
    first = questions_of(make_teacher("oracle"), store, space)
    pairs = first.choose(episodes, 5, QueryConfig(length=8), None)
    for pair in pairs:
        first.ask(pair)
    # At three of those questions, of which one had no answer, the state was kept.
    second = Questions(None, store, ENV_ID, space=space, horizon=8, asked=3, known=2)
    assert second.asked == 6
    others = second.choose(episodes, 5, QueryConfig(length=8), None)
    assert not {(a.digest, b.digest) for a, b in pairs} & {(a.digest, b.digest) for a, b in others}


def test_the_source_sees_episodes_in_the_thread_that_answers(tmp_path) -> None:
    source = Slow()
    learn(config(tmp_path, rounds=3), settings=SMALL, source=source, console=Console(quiet=True))
    # Only the first episodes come before there is a thread.
    assert len(source.threads) == 2


def test_labels_of_all_kinds_from_a_store(tmp_path, setting, capsys) -> None:
    episodes, _, _ = setting
    cuts = [episode.cut(t, t + 8) for episode in episodes for t in range(0, len(episode) - 7, 8)]
    with LabelStore(tmp_path / "people.db") as store:
        folder = ClipFolder(store.clip_folder)
        a, b, c, d, *_ = clips = [folder.add(cut) for cut in cuts]
        who: dict[str, Any] = {"labeller": "ada", "created": datetime.now(UTC)}
        other = tuple(int(action + 1) % 3 for action in cuts[3].actions)
        done = tuple(int(action) for action in cuts[3].actions)
        for label in (
            *(Preference(first=x, second=y, choice="first", **who) for x, y in ((a, b), (c, d))),
            Preference(first=a, second=c, choice="incomparable", **who),
            Ranking(order=tuple(clips[4:7]), **who),
            Rating(clip=a, value=4, **who),
            Evaluation(clip=b, value=1.0, **who),
            Implicit(clip=c, signal="click", value=1.0, **who),
            Intervention(clip=d, agent_actions=done, person_actions=other, **who),
            Correction(clip=d, actions=other, **who),
            Demonstration(clip=clips[7], success=True, **who),
            Demonstration(clip=clips[8], success=False, **who),
        ):
            store.add(label)
    settings = config(
        tmp_path / "run",
        background=False,
        from_store=str(tmp_path / "people.db"),
        reward=RewardConfig(members=1, epochs=1, horizon=8, sees="before"),
        steps=256,
    )
    result = learn(settings, settings=SMALL)
    out = " ".join(capsys.readouterr().out.split())
    for reason in ("pairs called incomparable", "demonstrations that failed"):
        assert f"1 labels are left out: {reason}" in out
    assert result.left_out == {"pairs called incomparable": 1, "demonstrations that failed": 1}
    # Eight labels, and what the demonstration was better than.
    assert result.reports[0].learned_from >= 8 and len(result.reports) == 1
    with LabelStore(tmp_path / "people.db") as store:
        assert len(store) == 11
    assert not list((tmp_path / "run").glob("round*"))


def test_a_store_that_is_not_there_is_named(tmp_path) -> None:
    with pytest.raises(ValueError, match=r"from_store='.*nowhere\.db' does not exist"):
        learn(config(tmp_path, from_store=str(tmp_path / "nowhere.db")), settings=SMALL)
