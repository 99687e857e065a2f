from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from feedback_stores import evaluation

from feedback.__main__ import main
from feedback.store import LabelStore


@pytest.fixture
def path(tmp_path: Path, make_clip) -> Path:
    path = tmp_path / "labels.db"
    with LabelStore(path) as store:
        for i in range(6):
            store.add(evaluation(make_clip(i)))
        store.undo(6, labeller="a")
    return path


@pytest.mark.parametrize("suffix", ["jsonl", "parquet"])
def test_labels_go_to_a_file_and_into_another_store(
    path: Path, tmp_path: Path, suffix: str, capsys: pytest.CaptureFixture[str]
) -> None:
    if suffix == "parquet":
        pytest.importorskip("pyarrow", reason="mmenvs[data] is not installed")
    file = str(tmp_path / f"labels.{suffix}")
    assert main(["export", str(path), file]) == 0
    assert capsys.readouterr().out == f"7 rows of {path} are in {file}\n"
    other = f"sqlite:///{tmp_path}/other.db"
    for expected in (
        "7 rows of {} are new in {}, 0 were there\n",
        "0 rows of {} are new in {}, 7 were there\n",
    ):
        assert main(["import", other, file]) == 0
        assert capsys.readouterr().out == expected.format(file, tmp_path / "other.db")
    with LabelStore(path) as one, LabelStore(other) as two:
        assert list(one) == list(two)


def test_labels_move_from_a_file_to_a_server(
    path: Path, postgres_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = str(tmp_path / "labels.jsonl")
    assert main(["export", str(path), file]) == 0
    assert main(["import", postgres_url, file]) == 0
    assert "sesame" not in capsys.readouterr().out
    with LabelStore(path) as one, LabelStore(postgres_url) as two:
        assert list(one) == list(two)


def test_salvage_says_what_is_lost(path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE events SET body = x'00' WHERE id IN (2, 3)")
        connection.execute("UPDATE events SET body = '{' WHERE id = 5")
    assert main(["salvage", str(path), str(tmp_path / "good.db")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"saved 4 rows and 0 clips in {tmp_path / 'good.db'}; lost 3 rows"
    assert lines[1] == "  rows 2 to 3: a column is not the text that it must be"
    assert lines[2].startswith("  row 5: ")
    assert len(lines) == 3
    with LabelStore(tmp_path / "good.db") as good:
        assert len(good) == 2


def test_what_is_not_possible_is_said_in_a_line(
    path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    none = tmp_path / "none.db"
    for arguments, words in (
        (["export", str(none), str(tmp_path / "x.jsonl")], "none.db does not exist"),
        (["export", str(path), str(tmp_path / "x.csv")], "must end with .jsonl or .parquet"),
        (["import", str(none), str(tmp_path / "x.jsonl")], "x.jsonl does not exist"),
        (["export", "mysql://me:secret@host/db", "x.jsonl"], "url='mysql://...' must be"),
        (["salvage", str(path), str(path)], "must be an empty store"),
    ):
        assert main(arguments) == 2
        error = capsys.readouterr().err
        assert error.startswith("error: ") and words in error and error.count("\n") == 1
        assert "secret" not in error
    assert not none.exists()


def test_a_damaged_row_is_named_by_export(
    path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE events SET body = '{' WHERE id = 5")
    assert main(["export", str(path), str(tmp_path / "x.jsonl")]) == 2
    assert "labels.db, row 5 is not valid JSON" in capsys.readouterr().err
