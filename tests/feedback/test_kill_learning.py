"""Runs of learning that are killed, and what is left of them.

The number of kills is that of the variable ``MMENVS_KILLS``, 20 by default; fifty take a minute or two:

    MMENVS_KILLS=50 python -m pytest tests/feedback/test_kill_learning.py
"""

from __future__ import annotations

import csv
import json
import os
import sqlite3
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from feedback_toy import ENV_ID
from rich.console import Console

from agents.algorithm_config import PPOConfig
from agents.train_config import TrainConfig
from feedback.clips import ClipFolder
from feedback.evidence import evidence_of
from feedback.labels import Preference
from feedback.learning.config import LearnConfig
from feedback.learning.preferences import Preferences, learn
from feedback.learning.result import LearnResult
from feedback.learning.run import Run
from feedback.queries import QueryConfig
from feedback.reward_models import RewardConfig
from feedback.sources.teachers import OracleTeacher, make_teacher
from feedback.store import LabelStore

VICTIMS = Path(__file__).with_name("learning_victims.py")
KILLS = int(os.environ.get("MMENVS_KILLS", "20"))
SMALL = TrainConfig(ENV_ID, num_envs=4, ppo=PPOConfig(n_steps=16, batch_size=64, n_epochs=1))


class Killed(BaseException):
    """Stands for a kill where the test wants to know exactly when."""


def config(out: Path, **changes: Any) -> LearnConfig:
    settings: dict[str, Any] = {
        **{"labels": 9, "rounds": 3, "steps": 400, "collect_steps": 20, "compare": False, "eval_episodes": 2},
        **{"device": "cpu", "query": QueryConfig(length=8), "out": out},
        "reward": RewardConfig(members=1, epochs=1, horizon=8),
    }
    return LearnConfig(ENV_ID, **(settings | changes))


def go(out: Path, *, resume: bool = False, source: Any = None, **changes: Any) -> LearnResult:
    quiet = Console(quiet=True)
    return learn(config(out, **changes), settings=SMALL, console=quiet, resume=resume, source=source)


def kill_at(monkeypatch, method: str, count: int, *, after: bool = False) -> None:
    """Have the ``count``-th call of a method of a run kill it, before it does anything or after."""
    original, calls = getattr(Run, method), iter(range(1, 100))

    def killing(self: Run, *args: Any, **kwargs: Any) -> Any:
        now = next(calls) == count
        if now and not after:
            raise Killed
        result = original(self, *args, **kwargs)
        if now:
            raise Killed
        return result

    monkeypatch.setattr(Run, method, killing)


def labels_of(out: Path) -> list[Preference]:
    with LabelStore(out / "labels.db") as store:
        return list(store.labels(Preference))


def test_a_run_goes_on_however_often_it_is_killed(tmp_path) -> None:
    command = [sys.executable, str(VICTIMS), str(tmp_path), str(KILLS), "0"]
    answer = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=600, check=True)
    fates = [json.loads(line) for line in answer.stdout.splitlines()]
    killed = [fate for fate in fates if fate["phase"] != "done"]
    assert len(killed) == KILLS
    assert {"ask", "fit", "train", "keep"} <= {fate["phase"] for fate in killed} or KILLS < 20
    for fate in fates:
        assert fate["whole"], fate
        # It goes on with the rounds and steps that were kept last.
        assert fate["begun"] in ([], fate["before"]), fate
    for out in {Path(fate["run"]) for fate in fates}:
        lives = [fate for fate in fates if fate["run"] == str(out)]
        for one, next_one in pairwise(lives):
            assert next_one["before"] >= one["before"]
        assert lives[-1]["phase"] in ("finish", "done")
        check_done(out, [number for fate in lives for number in fate["acknowledged"]])


def check_done(out: Path, acknowledged: list[int]) -> None:
    """Check that nothing acknowledged is lost, that nothing was asked twice, and that the run is done."""
    with sqlite3.connect(out / "labels.db") as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    with LabelStore(out / "labels.db") as store:
        numbers = [row.number for row in store.rows()]
        assert set(acknowledged) <= set(numbers) and len(numbers) == 18
        gathered = evidence_of(store, ClipFolder(store.clip_folder), ENV_ID)
        assert (len(gathered.evidence), gathered.left_out) == (18, {})
        asked = {frozenset((label.first.digest, label.second.digest)) for label in store.labels(Preference)}
        assert len(asked) == 18
    result = json.loads((out / "result.json").read_text())
    assert (result["labels"], len(result["fits"])) == (18, 3)
    steps = [int(row["step"]) for row in csv.DictReader((out / "progress.csv").open())]
    assert steps == sorted(set(steps))
    names = {path.name for path in out.iterdir() if path.suffix != ".partial"}
    assert names - {"labels.db-wal", "labels.db-shm"} == {
        *("agent.zip", "config.json", "labels.clips", "labels.db"),
        *("progress.csv", "result.json", "reward_model.pt"),
    }


def test_a_run_killed_after_every_round_ends_as_another(tmp_path, monkeypatch) -> None:
    whole = go(tmp_path / "whole")
    out = tmp_path / "killed"
    for round_ in range(3):
        with monkeypatch.context() as patch, pytest.raises(Killed):
            kill_at(patch, "keep", 1, after=True)
            go(out, resume=round_ > 0)
        state = json.loads((out / "state.json").read_text())
        assert (state["round"], state["asked"], len(state["reports"])) == (
            round_ + 1,
            3 * (round_ + 1),
            round_ + 1,
        )
    result = go(out, resume=True)
    assert (result.labels, len(result.reports)) == (whole.labels, 3) == (9, 3)
    assert shape(json.loads((out / "result.json").read_text())) == shape(
        json.loads((tmp_path / "whole" / "result.json").read_text())
    )
    assert not list(out.glob("round*"))


def shape(value: Any) -> Any:
    """Return what is where in JSON, whatever the numbers."""
    if isinstance(value, dict):
        return {key: shape(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [shape(value[0])] if value else []
    return "number" if value is None or isinstance(value, int | float) else type(value).__name__


@pytest.mark.parametrize("algorithm", ["ppo", "cpl"])
def test_a_run_killed_before_anything_was_kept_starts_from_its_labels(
    tmp_path, monkeypatch, algorithm
) -> None:
    class Tired(OracleTeacher):
        def prefer(self, first, second):
            if len(asked) == 2:
                raise Killed
            asked.append((first, second))
            return super().prefer(first, second)

    asked: list[Any] = []
    with pytest.raises(Killed):
        go(tmp_path, source=Tired(), algorithm=algorithm)
    assert len(labels_of(tmp_path)) == 2
    result = go(tmp_path, resume=True, algorithm=algorithm)
    assert result.labels == 9
    pairs = {frozenset((label.first.digest, label.second.digest)) for label in labels_of(tmp_path)}
    # Nobody is asked again what was answered.
    assert len(pairs) == 9


def test_unanswered_questions_of_kept_rounds_are_not_asked_again(tmp_path, monkeypatch) -> None:
    class Silent(OracleTeacher):
        def prefer(self, first, second):
            asked.append(first)
            return super().prefer(first, second) if len(asked) % 3 else None

    asked: list[Any] = []
    with monkeypatch.context() as patch, pytest.raises(Killed):
        # In the third round, when its questions have been asked.
        kill_at(patch, "fit", 3)
        go(tmp_path, source=Silent())
    assert len(asked) == 9
    result = go(tmp_path, resume=True, source=Silent())
    # Three of nine stayed unanswered; the one of the round that was not kept is asked once more.
    assert (result.labels, len(asked)) == (9, 10)


def test_other_settings_are_refused_by_name(tmp_path, monkeypatch) -> None:
    for count, method in ((1, "fit"), (1, "keep")):
        with monkeypatch.context() as patch, pytest.raises(Killed):
            kill_at(patch, method, count, after=True)
            go(tmp_path)
        with pytest.raises(ValueError, match=r"other settings: labels=12 was 9, reward\.epochs=2 was 1$"):
            go(tmp_path, resume=True, labels=12, reward=RewardConfig(members=1, epochs=2, horizon=8))
    assert len(labels_of(tmp_path)) == 3


def test_a_run_that_is_done_is_not_gone_on_with(tmp_path, monkeypatch) -> None:
    go(tmp_path)
    with pytest.raises(ValueError, match="holds a run that is done"):
        go(tmp_path, resume=True)
    # A run that begins anew in its folder is another one, from its first label on.
    with monkeypatch.context() as patch, pytest.raises(Killed):
        kill_at(patch, "fit", 1)
        go(tmp_path, labels=18)
    assert go(tmp_path, resume=True, labels=18).labels == 18


def test_what_an_earlier_run_kept_is_not_taken_for_this_one(tmp_path, monkeypatch) -> None:
    with monkeypatch.context() as patch, pytest.raises(Killed):
        kill_at(patch, "keep", 2, after=True)
        go(tmp_path)
    with monkeypatch.context() as patch, pytest.raises(Killed):
        kill_at(patch, "fit", 1)
        go(tmp_path)
    assert not list(tmp_path.glob("round*"))
    begun: list[int] = []
    start = Preferences._start
    monkeypatch.setattr(
        Preferences, "_start", lambda run, *given: begun.append(run.state is None) or start(run, *given)
    )
    go(tmp_path, resume=True)
    assert begun == [True]


def test_a_run_killed_while_it_ends_ends_again(tmp_path, monkeypatch) -> None:
    with monkeypatch.context() as patch, pytest.raises(Killed):
        kill_at(patch, "evaluate", 2)
        go(tmp_path)
    result = go(tmp_path, resume=True, source=make_teacher("oracle"))
    assert (result.labels, len(result.reports)) == (9, 3)
    assert result.agent.num_timesteps >= 400
