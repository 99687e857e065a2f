"""RecBole's atomic files: read, written, and made a catalogue."""

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmenvs.recommender.items.recbole import catalogue_from_recbole, read_atomic, write_atomic

_ITEMS = (
    "item_id:token\tname:token_seq\tkind:token\tweight:float\tsizes:float_seq\n"
    "i1\tred mug\tkitchen\t0.5\t1 2.5\n"
    "i2\tblue mug\tkitchen\t\t\n"
    "i3\t\t\t-1e3\t7\n"
)


def _dataset(folder, items=_ITEMS, interactions=None):
    folder.mkdir(exist_ok=True)
    (folder / "shop.item").write_text(items, encoding="utf-8")
    if interactions is not None:
        (folder / "shop.inter").write_text(interactions, encoding="utf-8")
    return folder


def test_every_type_is_read(tmp_path):
    columns = read_atomic(_dataset(tmp_path) / "shop.item")
    assert columns["item_id"].tolist() == ["i1", "i2", "i3"]
    assert columns["name"] == [["red", "mug"], ["blue", "mug"], []]
    assert columns["kind"].tolist() == ["kitchen", "kitchen", ""]
    np.testing.assert_array_equal(columns["weight"], [0.5, np.nan, -1000.0])
    assert columns["sizes"] == [[1.0, 2.5], [], [7.0]]


_token = st.text(st.characters(blacklist_characters="\t\n\r", blacklist_categories=["Cs"]), max_size=6)
_part = st.text(
    st.characters(blacklist_characters="\t\n\r ", blacklist_categories=["Cs"]), min_size=1, max_size=4
)
_float = st.floats(allow_infinity=False)
_row = st.tuples(
    _token, st.lists(_part, max_size=3), _float, st.lists(st.floats(allow_nan=False), max_size=3)
)


@settings(max_examples=40, deadline=None)
@given(st.lists(_row, max_size=6))
def test_what_is_written_is_read_back(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("atomic") / "x.item"
    columns = {name: [row[number] for row in rows] for number, name in enumerate(("t", "ts", "f", "fs"))}
    types = {"t": "token", "ts": "token_seq", "f": "float", "fs": "float_seq"}
    write_atomic(path, columns, types)
    back = read_atomic(path)
    assert list(back) == list(columns)
    assert back["t"].tolist() == columns["t"] and back["ts"] == columns["ts"] and back["fs"] == columns["fs"]
    np.testing.assert_array_equal(back["f"], np.array(columns["f"], float))


def test_types_are_guessed_where_not_given(tmp_path):
    write_atomic(tmp_path / "x", {"a": ["p", "q"], "b": np.array([1, 2]), "c": [["u"], []], "d": [[1.0], []]})
    assert (tmp_path / "x").read_text().split("\n")[0] == "a:token\tb:float\tc:token_seq\td:float_seq"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a\tb:token\n", r"line 1: 'a'; must be name:type"),
        ("a:word\n", r"line 1: 'a:word'"),
        ("a:token\ta:float\n", "two columns are called 'a'"),
        ("a:token\tb:token\nx\n", "line 2: 1 fields; the header has 2"),
        ("a:float\n1\nx\n", "column 'a', line 3: 'x' is not a number"),
        ("", "line 1: ''"),
    ],
)
def test_bad_files_are_refused_by_line(tmp_path, text, message):
    (tmp_path / "x.item").write_text(text)
    with pytest.raises(ValueError, match=message):
        read_atomic(tmp_path / "x.item")


@pytest.mark.parametrize(
    ("columns", "types", "message"),
    [
        ({"a": ["x\ty"]}, None, "column 'a', row 0: .* must not hold tabs"),
        ({"a": [["x y"]]}, None, "must not be empty or hold blanks"),
        ({"a": ["x"], "b": []}, None, "lengths"),
        ({}, None, "lengths"),
        ({"a": ["x"]}, {"a": "word"}, "types.'a'.='word': must be one of"),
        ({"a": ["x"]}, {"b": "token"}, "types names 'b': no such column"),
        ({"a:b": ["x"]}, None, "must not be empty or hold colons"),
    ],
)
def test_what_cannot_be_written_is_refused(tmp_path, columns, types, message):
    with pytest.raises(ValueError, match=message):
        write_atomic(tmp_path / "x", columns, types)
    assert not (tmp_path / "x").exists()


def test_items_and_interactions_make_a_catalogue(tmp_path):
    inter = "user_id:token\titem_id:token\trating:float\nu1\ti1\t5\nu2\ti1\t4\nu1\ti2\t1\nu1\tgone\t3\n"
    folder = _dataset(tmp_path / "shop", interactions=inter)
    catalogue = catalogue_from_recbole(folder)
    assert catalogue.ids == ("i1", "i2", "i3") and catalogue.titles == ("red mug", "blue mug", "")
    assert catalogue.attribute_names == ("name=blue", "name=mug", "name=red", "kind=kitchen", "weight")
    assert catalogue.popularity.tolist() == pytest.approx([1.0, np.log(2) / np.log(3), 0.0])
    assert catalogue.quality[0] == 1 and catalogue.quality[1] == 0 and np.isnan(catalogue.quality[2])
    assert catalogue.report["interactions with unknown items"] == 1
    assert catalogue.report["missing texts"] == 1 and catalogue.report["missing values of weight"] == 1
    by_prefix = catalogue_from_recbole(folder / "shop", use_interactions=False, attributes=["kind"])
    assert not by_prefix.popularity.any() and by_prefix.attribute_names == ("kind=kitchen",)


def test_a_folder_without_items_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"0 \.item files"):
        catalogue_from_recbole(tmp_path)
    with pytest.raises(ValueError, match="there is no such file"):
        catalogue_from_recbole(tmp_path / "shop")
    (tmp_path / "x.item").write_text("name:token\na\n")
    with pytest.raises(ValueError, match="there is no column 'item_id'"):
        catalogue_from_recbole(tmp_path)


@pytest.mark.skipif("MMENVS_RECBOLE" not in os.environ, reason="MMENVS_RECBOLE names no folder of ml-100k")
def test_the_ratings_of_ml_100k(tmp_path):
    folder = Path(os.environ["MMENVS_RECBOLE"])
    catalogue = catalogue_from_recbole(folder)
    assert len(catalogue) == 1682 and catalogue.titles[0] == "Toy Story" and not catalogue.report
    assert len(catalogue.attribute_names) == 19 and catalogue.category_names[0] == "Action"
    inter, users = read_atomic(folder / "ml-100k.inter"), read_atomic(folder / "ml-100k.user")
    assert len(inter["rating"]) == 100_000 and len(users["age"]) == 943
    write_atomic(tmp_path / "copy.user", users)
    assert (tmp_path / "copy.user").read_bytes() == (folder / "ml-100k.user").read_bytes()
