from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from feedback_stores import clip_folder_of, evaluation

from feedback.labels import Evaluation, Preference
from feedback.store import Event, LabelStore, StoreError, address_of, path_of


@pytest.fixture
def store(store_url, tmp_path):
    with LabelStore(store_url, clip_folder=clip_folder_of(tmp_path)) as opened:
        yield opened


def test_labels_come_back_equal_and_in_order(store_url, make_clip) -> None:
    labels = [
        evaluation(make_clip(1), 0.25, "Zoë ✓ '; --"),
        Preference(
            first=make_clip(2), second=make_clip(3), choice="equal", labeller="b", shown_left="second"
        ),
        evaluation(make_clip(4), -1),
    ]
    with LabelStore(store_url) as store:
        numbers = [store.add(label) for label in labels]
    assert numbers == sorted(set(numbers))
    with LabelStore(store_url) as again:
        assert list(again) == labels
        assert len(again) == 3
        assert [row.number for row in again.rows()] == numbers
        assert again.add(labels[0]) > numbers[-1]


def test_queries_by_kind_labeller_and_clip(store, make_clip) -> None:
    one, two = evaluation(make_clip(1), labeller="a"), evaluation(make_clip(2), labeller="b")
    both = Preference(first=make_clip(2), second=make_clip(1), choice="first", labeller="a")
    for label in (one, two, both):
        store.add(label)
    for unreadable in ("raise", "skip"):
        assert list(store.labels(Evaluation, unreadable=unreadable)) == [one, two]
        assert [row.label for row in store.rows(labeller="a", unreadable=unreadable)] == [one, both]
        digest = make_clip(2).digest
        assert [row.label for row in store.rows(clip=digest, unreadable=unreadable)] == [two, both]
        none = store.labels(Evaluation, labeller="b", clip=make_clip(1).digest, unreadable=unreadable)
        assert list(none) == []
    with pytest.raises(ValueError, match=r"unreadable='hide' must be one of \['raise', 'skip'\]"):
        store.rows(unreadable="hide")


def test_undo_adds_a_row_and_deletes_none(store, make_clip) -> None:
    kept, mistaken = evaluation(make_clip(1)), evaluation(make_clip(2), -1)
    store.add(kept)
    number = store.add(mistaken)
    undo = store.undo(number, labeller="a")
    assert undo > number
    assert list(store) == [kept]
    assert len(store) == 1
    for unreadable in ("raise", "skip"):
        assert [row.label for row in store.rows(unreadable=unreadable)] == [kept]
        assert [row.label for row in store.rows(undone=True, unreadable=unreadable)] == [kept, mistaken]
    with pytest.raises(ValueError, match=f"number={number} has been undone before"):
        store.undo(number, labeller="a")
    with pytest.raises(ValueError, match=f"number={undo} is not the number of a label"):
        store.undo(undo, labeller="a")


@pytest.mark.parametrize("number", [0, 99])
def test_undo_of_nothing_is_an_error(store, number) -> None:
    with pytest.raises(ValueError, match=f"number={number} is not the number of a label"):
        store.undo(number, labeller="a")


def test_rows_go_to_another_store_once_and_all_or_none(store, tmp_path, make_clip) -> None:
    with LabelStore(tmp_path / "other.db") as other:
        other.add(evaluation(make_clip(1)))
        other.undo(other.add(evaluation(make_clip(2))), labeller="a")
        events = other.events()
        assert store.restore(events) == 3
        assert store.restore(events) == 0
        assert list(store) == list(other)
        assert [row.label for row in store.rows(clip=make_clip(1).digest)] == list(other)
    with pytest.raises(ValueError, match="kind='riddle' must be one of"):
        store.restore(
            [events[0], Event(9, "riddle", "a", "2026-01-01T00:00:00+00:00", None, '{"kind": "riddle"}')]
        )
    with pytest.raises(ValueError, match="row 3 takes back 2, which is not before it"):
        store.restore([events[2], events[1]])
    assert len(store.events()) == 3


def test_threads_share_a_store(store, make_clip) -> None:
    def work(name: str) -> None:
        for _ in range(20):
            store.add(evaluation(make_clip(1), labeller=name))

    threads = [threading.Thread(target=work, args=(name,)) for name in "abc"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(store) == 60


def test_a_store_may_be_closed_twice_and_used_again(store, make_clip) -> None:
    store.add(evaluation(make_clip(1)))
    store.close()
    store.close()
    store.add(evaluation(make_clip(2)))
    assert len(store) == 2


FORKER = """
import os, sys, threading
from feedback.labels import Clip, Evaluation
from feedback.store import LabelStore

clip = Clip("0" * 32, "Toy-v0", 0, 0, 0, 1)
store = LabelStore(sys.argv[1])
store.add(Evaluation(clip=clip, value=1.0, labeller="parent"))
# Another thread is writing while this one forks: the child must not wait for it.
held, done = threading.Event(), threading.Event()
def hold():
    with store._database.reading():
        held.set()
        done.wait(20)
thread = threading.Thread(target=hold)
thread.start()
held.wait()
child = os.fork()
if child == 0:
    try:
        store.add(Evaluation(clip=clip, value=1.0, labeller="child"))
        os._exit(0)
    finally:
        os._exit(1)
_, status = os.waitpid(child, 0)
done.set()
thread.join()
store.add(Evaluation(clip=clip, value=1.0, labeller="parent"))
print(os.waitstatus_to_exitcode(status), *(label.labeller for label in store))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_forked_child_opens_its_own_connection(store_url) -> None:
    command = [sys.executable, "-c", FORKER, store_url]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert answer.stdout.split() == ["0", "parent", "child", "parent"]


def test_full_synchronisation_and_write_ahead_log(tmp_path) -> None:
    with LabelStore(tmp_path / "labels.db") as store, store._database.reading() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2


def test_who_waits_too_long_for_another_writer_is_told(tmp_path, make_clip) -> None:
    path = tmp_path / "labels.db"
    with LabelStore(path, timeout=0.2) as store:
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match=r"labels\.db is busy: others were writing for 0\.2 s"):
            store.add(evaluation(make_clip(1)))
        assert len(store) == 0  # readers need not wait
        other.execute("ROLLBACK")
        other.close()
        store.add(evaluation(make_clip(1)))
        assert len(store) == 1


def test_where_the_clips_are(tmp_path) -> None:
    with LabelStore(tmp_path / "mine.db") as store:
        assert store.clip_folder == tmp_path / "mine.clips"
        assert store.path == tmp_path / "mine.db"
        assert repr(store) == f"LabelStore('{tmp_path}/mine.db')"
    with LabelStore(tmp_path / "mine.db", clip_folder=tmp_path / "shared") as store:
        assert store.clip_folder == tmp_path / "shared"


@pytest.mark.parametrize("url", ["", ":memory:", "postgresql://host/db", "sqlite://labels.db"])
def test_an_url_that_names_no_file(url) -> None:
    with pytest.raises(ValueError, match="url="):
        path_of(url)


@pytest.mark.parametrize("url", ["mysql://me:secret@host/db", "postgresql+other://me:secret@host/db"])
def test_another_kind_of_database_is_named_without_its_password(url) -> None:
    with pytest.raises(ValueError, match=r"url='[a-z+]+://\.\.\.' must be") as caught:
        LabelStore(url)
    assert "secret" not in str(caught.value)
    assert "secret" not in repr(address_of("postgresql://me:secret@host/db"))


def test_importing_the_store_imports_little() -> None:
    code = (
        "import sys, feedback.store; from feedback.labels import Label; "
        "print(*{'torch', 'stable_baselines3', 'pygame', 'sqlalchemy', 'numpy'} & set(sys.modules))"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == ""


def test_a_store_is_made_in_a_folder_that_is_not_there(tmp_path: Path) -> None:
    LabelStore(tmp_path / "a" / "b" / "labels.db").close()
    assert (tmp_path / "a" / "b" / "labels.db").exists()
