from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading

import pytest

from feedback.labels import Evaluation, Preference
from feedback.store import LabelStore, StoreError, path_of

WRITER = """
import sys
from feedback.labels import Clip, Evaluation
from feedback.store import LabelStore

path, labeller, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
store = LabelStore(path)
for i in range(count):
    clip = Clip("0" * 32, "Toy-v0", 0, 0, i, 1)
    number = store.add(Evaluation(clip=clip, value=1.0, labeller=labeller))
    print(number, i, flush=True)
"""


def writer(path, labeller: str, count: int) -> subprocess.Popen[str]:
    arguments = [sys.executable, "-c", WRITER, str(path), labeller, str(count)]
    return subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True)


def evaluation(clip, value: float = 1.0, labeller: str = "a") -> Evaluation:
    return Evaluation(clip=clip, value=value, labeller=labeller)


def test_labels_come_back_equal_and_in_order(tmp_path, make_clip) -> None:
    labels = [
        evaluation(make_clip(1), 0.25),
        Preference(
            first=make_clip(2), second=make_clip(3), choice="equal", labeller="b", shown_left="second"
        ),
        evaluation(make_clip(4), -1),
    ]
    with LabelStore(tmp_path / "labels.db") as store:
        numbers = [store.add(label) for label in labels]
    assert numbers == sorted(set(numbers))
    with LabelStore(f"sqlite:///{tmp_path}/labels.db") as again:
        assert list(again) == labels
        assert len(again) == 3


def test_queries_by_kind_labeller_and_clip(store, make_clip) -> None:
    one, two = evaluation(make_clip(1), labeller="a"), evaluation(make_clip(2), labeller="b")
    both = Preference(first=make_clip(2), second=make_clip(1), choice="first", labeller="a")
    for label in (one, two, both):
        store.add(label)
    assert list(store.labels(Evaluation)) == [one, two]
    assert [row.label for row in store.rows(labeller="a")] == [one, both]
    assert [row.label for row in store.rows(clip=make_clip(2).digest)] == [two, both]
    assert list(store.labels(Evaluation, labeller="b", clip=make_clip(1).digest)) == []


def test_undo_adds_a_row_and_deletes_none(store, make_clip) -> None:
    kept, mistaken = evaluation(make_clip(1)), evaluation(make_clip(2), -1)
    store.add(kept)
    number = store.add(mistaken)
    assert store.undo(number, labeller="a") > number
    assert list(store) == [kept]
    assert len(store) == 1
    assert [row.label for row in store.rows(undone=True)] == [kept, mistaken]
    with pytest.raises(ValueError, match=f"number={number} has been undone before"):
        store.undo(number, labeller="a")


@pytest.mark.parametrize("number", [0, 99])
def test_undo_of_nothing_is_an_error(store, number) -> None:
    with pytest.raises(ValueError, match=f"number={number} is not the number of a label"):
        store.undo(number, labeller="a")


def test_what_was_acknowledged_survives_a_kill(tmp_path) -> None:
    path = tmp_path / "labels.db"
    process = writer(path, "victim", 100_000)
    assert process.stdout is not None
    acknowledged = [int(process.stdout.readline().split()[1]) for _ in range(25)]
    os.kill(process.pid, signal.SIGKILL)
    # What stands in the pipe was acknowledged too; a line cut short by the kill was not.
    acknowledged += [int(line.split()[1]) for line in process.stdout if line.endswith("\n")]
    process.wait()
    with LabelStore(path) as store:
        kept = [label.step for label in store.labels(Evaluation)]
    assert kept == list(range(len(kept)))
    assert len(acknowledged) <= len(kept) <= len(acknowledged) + 1


def test_processes_write_at_once(tmp_path) -> None:
    path = tmp_path / "labels.db"
    processes = [writer(path, name, 40) for name in ("a", "b", "c")]
    answers = [process.communicate()[0].split() for process in processes]
    assert all(process.returncode == 0 for process in processes)
    numbers = [int(number) for answer in answers for number in answer[::2]]
    assert len(set(numbers)) == 120
    with LabelStore(path) as store:
        for name in ("a", "b", "c"):
            assert [label.step for label in store.labels(Evaluation, labeller=name)] == list(range(40))


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


def test_full_synchronisation_and_write_ahead_log(store) -> None:
    with store._database.reading() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2


def test_a_text_file_is_not_a_store(tmp_path) -> None:
    path = tmp_path / "notes.db"
    path.write_text("not a database, but long enough to be looked at as one " * 40)
    with pytest.raises(StoreError, match=r"notes\.db cannot be read as a store"):
        LabelStore(path)
    assert path.read_text().startswith("not a database")


def test_a_file_of_another_program_is_left_alone(tmp_path) -> None:
    path = tmp_path / "other.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE things (name TEXT)")
    with pytest.raises(StoreError, match=r"other\.db is a SQLite file of another program"):
        LabelStore(path)


def test_another_schema_version_is_refused(tmp_path) -> None:
    path = tmp_path / "labels.db"
    LabelStore(path).close()
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE label_store SET version = 99")
    with pytest.raises(StoreError, match="has schema version 99, but this program reads versions 1 to 2"):
        LabelStore(path)


def test_a_damaged_label_is_named_and_the_others_stay_readable(store, make_clip) -> None:
    labels = [evaluation(make_clip(i)) for i in range(3)]
    numbers = [store.add(label) for label in labels]
    with sqlite3.connect(store.path) as connection:
        connection.execute("UPDATE events SET body = '{' WHERE id = ?", (numbers[1],))
    rows = store.rows()
    assert next(rows).label == labels[0]
    with pytest.raises(StoreError, match=f"label {numbers[1]} cannot be read"):
        next(rows)
    assert [row.label for row in store.rows(clip=make_clip(2).digest)] == [labels[2]]


@pytest.mark.parametrize("url", ["", ":memory:", "postgresql://host/db", "sqlite://labels.db"])
def test_an_url_that_names_no_file(url) -> None:
    with pytest.raises(ValueError, match="url="):
        path_of(url)
