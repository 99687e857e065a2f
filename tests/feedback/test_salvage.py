from __future__ import annotations

import json
import random
import sqlite3
from pathlib import Path

import pytest
from feedback_stores import evaluation

from feedback.clips import ClipFolder
from feedback.labels import Evaluation, Label, Ranking
from feedback.store import Event, LabelStore, Salvaged, StoreError, salvage

PAGE = 4096


@pytest.fixture
def labels(make_clip) -> list[Label]:
    return [evaluation(make_clip(i), value=float(i)) for i in range(120)]


@pytest.fixture
def path(tmp_path: Path, labels: list[Label]) -> Path:
    """A store of 120 labels, of which one was taken back, all in the file itself."""
    path = tmp_path / "broken.db"
    bodies = [label.to_dict() for label in labels]
    with LabelStore(path) as store:
        # Many in one transaction, because each waits for the disk.
        store.restore(
            [
                Event(n, "evaluation", "a", body["created"], None, json.dumps(body))
                for n, body in enumerate(bodies, 1)
            ]
        )
        store.undo(10, labeller="a")
    return path


def leaf_of(path: Path, number: int) -> int:
    """Return the page that holds the body of a label."""
    with sqlite3.connect(path) as connection:
        (body,) = connection.execute("SELECT body FROM events WHERE id = ?", (number,)).fetchone()
    return path.read_bytes().index(body.encode()) // PAGE


def overwrite(path: Path, offset: int, data: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(data)


def test_rows_that_make_no_sense_are_named_and_the_others_are_read(store, make_clip) -> None:
    labels = [evaluation(make_clip(i)) for i in range(5)]
    numbers = [store.add(label) for label in labels]
    assert store.unreadable() == []
    with sqlite3.connect(store.path) as connection:
        connection.execute("UPDATE events SET body = '{' WHERE id = ?", (numbers[1],))
        connection.execute("UPDATE events SET body = '[1]' WHERE id = ?", (numbers[2],))
        connection.execute("UPDATE events SET labeller = 'eve' WHERE id = ?", (numbers[3],))
    rows = store.rows()
    assert next(rows).label == labels[0]
    with pytest.raises(StoreError, match=rf"labels\.db: label {numbers[1]} cannot be read"):
        next(rows)
    assert [row.label for row in store.rows(unreadable="skip")] == [labels[0], labels[4]]
    assert list(store.labels(Evaluation, unreadable="skip")) == [labels[0], labels[4]]
    found = {row.number: str(row) for row in store.unreadable()}
    assert list(found) == numbers[1:4]
    assert found[numbers[3]] == (
        f"row {numbers[3]}: its columns say 'evaluation' by 'eve', but its body says 'evaluation' by 'a'"
    )


def test_a_damaged_page_costs_the_rows_on_it(path: Path, tmp_path: Path, labels: list[Label]) -> None:
    overwrite(path, leaf_of(path, 60) * PAGE, b"\xff" * PAGE)
    with LabelStore(path) as store:
        with pytest.raises(StoreError, match=r"broken\.db cannot be read.*feedback salvage"):
            store.rows()
        lost = [row.number for row in store.unreadable()]
        assert 60 in lost
        assert lost == list(range(lost[0], lost[-1] + 1))
        assert len(lost) < 20
        kept = [label for n, label in enumerate(labels, 1) if n not in lost and n != 10]
        assert [row.label for row in store.rows(unreadable="skip")] == kept
    with LabelStore(tmp_path / "good.db") as good:
        done = salvage(path, good)
        assert [row.number for row in done.lost] == lost
        assert done.kept == 121 - len(lost)
        assert list(good) == kept
        assert good.unreadable() == []
        assert good.add(labels[0]) > done.kept


def test_a_file_cut_short_gives_what_is_before_the_cut(
    path: Path, tmp_path: Path, labels: list[Label]
) -> None:
    data = path.read_bytes()
    before = path.parent.joinpath("before.db")
    before.write_bytes(data)
    path.write_bytes(data[: len(data) * 3 // 4])
    with pytest.raises(StoreError, match=r"broken\.db cannot be read as a store of labels.*feedback salvage"):
        LabelStore(path)
    with LabelStore(tmp_path / "good.db") as good:
        done = salvage(path, good)
        kept = list(good)
    assert len(labels) // 2 < done.kept < len(labels)
    assert all(label in labels for label in kept)
    assert done.kept + len(done.lost) == 121
    assert path.read_bytes() == data[: len(data) * 3 // 4]


def test_labels_in_the_log_beside_a_file_are_saved(tmp_path: Path, make_clip) -> None:
    path = tmp_path / "labels.db"
    store = LabelStore(path)
    labels = [evaluation(make_clip(i)) for i in range(3)]
    for label in labels:
        store.add(label)
    copy = tmp_path / "copy.db"
    copy.write_bytes(path.read_bytes())
    (tmp_path / "copy.db-wal").write_bytes((tmp_path / "labels.db-wal").read_bytes())
    store.close()
    with LabelStore(tmp_path / "good.db") as good:
        assert salvage(copy, good) == Salvaged(kept=3, lost=(), clips=0)
        assert list(good) == labels


def test_an_undo_whose_label_is_lost_is_lost_as_well(path: Path, tmp_path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE events SET body = 'ink' WHERE id = 10")
    with LabelStore(tmp_path / "good.db") as good:
        lost = salvage(path, good).lost
    assert [row.number for row in lost] == [10, 121]
    assert lost[1].reason == "it takes back label 10, which is lost"


def test_clips_go_with_the_labels(tmp_path: Path, make_segment) -> None:
    with LabelStore(tmp_path / "broken.db") as store:
        clips = ClipFolder(store.clip_folder)
        segments = [make_segment([1.0], mark) for mark in range(3)]
        for segment in segments[:2]:
            store.add(evaluation(clips.add(segment)))
        clips.add(segments[2])  # no label is about it
    with LabelStore(tmp_path / "good.db") as good:
        assert salvage(tmp_path / "broken.db", good) == Salvaged(kept=2, lost=(), clips=2)
        found = ClipFolder(good.clip_folder)
        for segment, label in zip(segments, good.labels(Evaluation), strict=False):
            assert found.get(label.clip).digest == segment.digest


def test_what_salvage_refuses(path: Path, tmp_path: Path, make_clip) -> None:
    with LabelStore(tmp_path / "good.db") as good:
        with pytest.raises(FileNotFoundError, match=r"none\.db does not exist"):
            salvage(tmp_path / "none.db", good)
        (tmp_path / "notes.db").write_bytes(b"not a database " * 1000)
        with pytest.raises(StoreError, match=r"nothing can be read of .*notes\.db"):
            salvage(tmp_path / "notes.db", good)
        good.add(evaluation(make_clip(1)))
        with pytest.raises(ValueError, match=r"good=.*good\.db.* must be an empty store"):
            salvage(path, good)


@pytest.mark.parametrize("stretch", [slice(0, 100), slice(0, PAGE), slice(PAGE, 2 * PAGE)])
def test_the_head_of_a_file_may_be_lost(
    path: Path, tmp_path: Path, labels: list[Label], stretch: slice
) -> None:
    data = bytearray(path.read_bytes())
    data[stretch] = b"\0" * (stretch.stop - stretch.start)
    path.write_bytes(data)
    with LabelStore(tmp_path / "good.db") as good:
        done = salvage(path, good)
        assert done == Salvaged(kept=121, lost=(), clips=0)
        assert list(good) == [label for label in labels if label is not labels[9]]


def test_a_label_longer_than_a_page_survives_the_loss_of_the_head(tmp_path: Path, make_clip) -> None:
    path = tmp_path / "broken.db"
    long = Ranking(order=tuple(make_clip(i) for i in range(90)), labeller="a")
    with LabelStore(path) as store:
        for label in (long, evaluation(make_clip(1), labeller="b" * 3900), evaluation(make_clip(2))):
            store.add(label)
        labels = list(store)
    overwrite(path, 0, b"\0" * PAGE)
    with LabelStore(tmp_path / "good.db") as good:
        assert salvage(path, good).lost == ()
        assert list(good) == labels


def test_whatever_is_damaged_what_is_saved_was_said(path: Path, tmp_path: Path, labels: list[Label]) -> None:
    """Overwrite a few bytes or stretches anywhere, twenty times."""
    data, said = path.read_bytes(), set(labels)
    rng = random.Random(0)
    saved = []
    for trial in range(20):
        damaged = bytearray(data)
        for _ in range(rng.randint(1, 8)):
            length = rng.choice([1, 4, 64, PAGE])
            offset = rng.randrange(len(data) - length)
            damaged[offset : offset + length] = rng.randbytes(length)
        path.write_bytes(damaged)
        with LabelStore(tmp_path / f"good{trial}.db") as good:
            salvage(path, good)
            kept = list(good.rows(undone=True))
        saved.append(sum(row.label in said for row in kept))
        # A letter may change within a text, and nobody can tell.
        assert len(kept) - saved[-1] <= 8
    assert min(saved) > 40
    assert sum(saved) / len(saved) > 100
