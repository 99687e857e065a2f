from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from feedback_stores import writer

from feedback.clips import ClipFolder
from feedback.labels import Evaluation
from feedback.store import LabelStore

VICTIMS = Path(__file__).with_name("store_victims.py")


def kill(url: str, clips: Path, kills: int, seed: int = 0) -> list[list[list[int]]]:
    """Return the [number, step] that each of so many processes acknowledged until it was killed."""
    command = [sys.executable, str(VICTIMS), url, str(clips), str(kills), str(seed)]
    answer = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=300, check=True)
    return [json.loads(line) for line in answer.stdout.splitlines()]


def check(url: str, clips: Path, killed: list[list[list[int]]]) -> None:
    """Check that nothing acknowledged is lost, that its clips are there, and that labelling goes on."""
    with LabelStore(url, clip_folder=clips) as store:
        kept = {row.number: row.label for row in store.rows()}
        folder = ClipFolder(store.clip_folder)
        for acknowledged in killed:
            for number, step in acknowledged:
                label = kept[number]
                assert isinstance(label, Evaluation)
                assert label.step == step
                assert folder.get(label.clip).observations["state"][0, 0] == step
        # Each may have lost the acknowledgement of one label, but no label before another.
        for name in {label.labeller for label in kept.values()}:
            steps = [label.step for label in store.labels(Evaluation, labeller=name)]
            assert steps == list(range(steps[0], steps[0] + len(steps)))
        said = sum(len(acknowledged) for acknowledged in killed)
        assert said <= len(kept) <= said + len(killed)
        label = next(iter(kept.values()))
        assert store.add(label) > max(kept)
        assert len(store) == len(kept) + 1


def test_what_was_acknowledged_survives_fifty_kills(tmp_path) -> None:
    path = tmp_path / "labels.db"
    killed = kill(f"sqlite:///{path}", tmp_path / "clips", 50)
    assert len(killed) == 50
    assert sum(len(acknowledged) for acknowledged in killed) > 50
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    check(f"sqlite:///{path}", tmp_path / "clips", killed)


def test_what_was_acknowledged_survives_kills_on_a_server(postgres_url, tmp_path) -> None:
    killed = kill(postgres_url, tmp_path / "clips", 10)
    assert sum(len(acknowledged) for acknowledged in killed) > 10
    check(postgres_url, tmp_path / "clips", killed)


def test_processes_write_at_once_and_readers_see_numbers_grow(store_url) -> None:
    with LabelStore(store_url) as store:
        processes = [writer(store_url, name, 40) for name in ("a", "b", "c")]
        seen: list[int] = []
        while len(seen) < 120 and any(process.poll() is None for process in processes):
            now = [event.number for event in store.events()]
            # What a reader has seen once is the beginning of what it sees later.
            assert now[: len(seen)] == seen
            seen = now
        answers = [process.communicate()[0].split() for process in processes]
        assert all(process.returncode == 0 for process in processes)
        numbers = [int(number) for answer in answers for number in answer[::2]]
        assert sorted(numbers) == [row.number for row in store.rows()]
        assert len(set(numbers)) == 120
        for name in ("a", "b", "c"):
            assert [label.step for label in store.labels(Evaluation, labeller=name)] == list(range(40))


def test_a_store_is_made_once_by_many_who_open_it_at_once(store_url) -> None:
    processes = [writer(store_url, name, 1) for name in "abcd"]
    assert [process.communicate()[0].split()[1] for process in processes] == ["0"] * 4
    with LabelStore(store_url) as store:
        assert sorted(label.labeller for label in store) == list("abcd")


def test_a_label_cut_short_by_an_error_leaves_nothing(store_url, make_clip, monkeypatch) -> None:
    with LabelStore(store_url) as store:
        with pytest.raises(KeyboardInterrupt), store._database.writing() as connection:
            connection.exec_driver_sql(
                "INSERT INTO events (kind, labeller, created, body) VALUES ('rating', 'a', '', '{}')"
            )
            raise KeyboardInterrupt
        assert store.events() == []
        store.add(Evaluation(clip=make_clip(1), value=1.0, labeller="a"))
        assert len(store) == 1
