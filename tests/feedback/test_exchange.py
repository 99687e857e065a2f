from __future__ import annotations

import json
from pathlib import Path

import pytest

from feedback.exchange import Imported, export_labels, import_labels
from feedback.labels import Evaluation, Label, Preference, Rating
from feedback.store import LabelStore


@pytest.fixture
def filled(tmp_path: Path, make_clip):
    with LabelStore(tmp_path / "one.db") as store:
        store.add(Preference(first=make_clip(1), second=make_clip(2), choice="first", labeller="a"))
        wrong = store.add(Rating(clip=make_clip(3), value=1, labeller="b"))
        store.undo(wrong, labeller="b")
        store.add(Rating(clip=make_clip(3), value=4, labeller="b"))
        yield store


def standing(store: LabelStore) -> list[Label]:
    return list(store)


@pytest.mark.parametrize("suffix", ["jsonl", "parquet"])
def test_a_store_survives_a_file(filled: LabelStore, tmp_path: Path, make_clip, suffix: str) -> None:
    if suffix == "parquet":
        pytest.importorskip("pyarrow", reason="mmenvs[data] is not installed")
    path = tmp_path / f"labels.{suffix}"
    assert export_labels(filled, path) == 4
    with LabelStore(tmp_path / "two.db") as other:
        other.add(Evaluation(clip=make_clip(9), value=1.0, labeller="c"))
        assert import_labels(other, path) == Imported(added=4, known=0)
        assert standing(other)[1:] == standing(filled)
        assert [row.label for row in other.rows(undone=True)][1:] == [
            row.label for row in filled.rows(undone=True)
        ]
        assert list(other.labels(Rating, clip=make_clip(3).digest)) == list(filled.labels(Rating))
        # A second time there is nothing new, and nothing is lost.
        assert import_labels(other, path) == Imported(added=0, known=4)
        assert len(other) == 3
    assert import_labels(filled, path) == Imported(added=0, known=4)


def test_an_undo_that_came_later_is_added_to_a_label_that_is_known(
    filled: LabelStore, tmp_path: Path
) -> None:
    export_labels(filled, tmp_path / "before.jsonl")
    with LabelStore(tmp_path / "two.db") as other:
        import_labels(other, tmp_path / "before.jsonl")
        first = next(iter(filled.rows())).number
        filled.undo(first, labeller="a")
        export_labels(filled, tmp_path / "after.jsonl")
        assert import_labels(other, tmp_path / "after.jsonl") == Imported(added=1, known=4)
        assert standing(other) == standing(filled)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("{", "row 3 is not valid JSON"),
        ("[]", r"row 3 has list, but must have the fields"),
        ('{"number": 9}', r"row 3 has \['number'\]"),
        (
            '{"number": 9, "kind": "x", "labeller": "a", "created": "", "undoes": null, '
            '"label": {"kind": "x"}}',
            "row 3 is no label: kind='x' must be one of",
        ),
        (
            '{"number": 9, "kind": "undo", "labeller": "a", "created": "", "undoes": 77, "label": null}',
            "row 3: undoes=77 is no earlier row's number",
        ),
    ],
)
def test_a_bad_row_is_named_and_nothing_is_added(
    filled: LabelStore, tmp_path: Path, line: str, words: str
) -> None:
    path = tmp_path / "labels.jsonl"
    export_labels(filled, path)
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines[:2], line, *lines[2:]]) + "\n")
    with LabelStore(tmp_path / "two.db") as other:
        with pytest.raises(ValueError, match=words):
            import_labels(other, path)
        assert len(other) == 0


def test_other_names_and_missing_files_are_named(filled: LabelStore, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"must end with \.jsonl or \.parquet"):
        export_labels(filled, tmp_path / "labels.csv")
    with pytest.raises(FileNotFoundError):
        import_labels(filled, tmp_path / "none.jsonl")


def test_a_line_is_plain_json(filled: LabelStore, tmp_path: Path) -> None:
    path = tmp_path / "labels.jsonl"
    export_labels(filled, path)
    records = [json.loads(line) for line in path.read_text().splitlines()]
    assert [record["kind"] for record in records] == ["preference", "rating", "undo", "rating"]
    assert records[2]["undoes"] == records[1]["number"]
    assert records[0]["label"]["choice"] == "first"
