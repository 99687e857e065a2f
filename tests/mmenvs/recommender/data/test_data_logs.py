"""Logs: what goes in comes out, and what is wrong is named."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_catalogue import small_catalogue

from mmenvs.recommender.data.logs import COLUMNS, Logs

TABLE = {
    "user": ["ann", "ann", "bob", "ann"],
    "item": [10, 11, 10, 12],
    "time": [0.0, 10.0, 5.0, 5000.0],
    "click": [1, 0, 1, 0],
}


def assert_same(one, other, by_id=False):
    """Compare logs row by row; ``by_id`` allows other codes for the same ids."""
    for name in COLUMNS:
        if by_id and name in ("user", "item", "session"):
            continue
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)
    for name in ("user", "item"):
        ids = [[getattr(logs, f"{name}_ids")[code] for code in getattr(logs, name)] for logs in (one, other)]
        assert ids[0] == ids[1]
    if not by_id:
        assert one.user_ids == other.user_ids and one.item_ids == other.item_ids
        assert dict(one.report) == dict(other.report)


def test_ids_become_codes_and_silence_ends_a_session():
    logs = Logs.from_table(**TABLE)
    assert logs.user_ids == ("ann", "bob") and logs.item_ids == ("10", "11", "12")
    assert logs.user.tolist() == [0, 0, 1, 0] and logs.item.tolist() == [0, 1, 0, 2]
    assert logs.session.tolist() == [0, 0, 2, 1]  # ann came back after more than half an hour
    assert logs.step.tolist() == [0, 1, 0, 0] and logs.position.tolist() == [0, 0, 0, 0]
    assert np.isnan(logs.rating).all() and np.isnan(logs.propensity).all()
    assert logs.reward.tolist() == [1, 0, 1, 0]
    assert logs.summary()["sessions"] == 3 and logs.summary()["click-through rate"] == 0.5
    with pytest.raises(ValueError, match="read-only"):
        logs.clicked[0] = False


@pytest.mark.parametrize("kind", ["mapping", "structured", "rows", "frame"])
def test_tables_of_any_kind_give_the_same_logs(kind):
    columns = {"u": np.array(TABLE["user"]), "i": np.array([10, 11, 10, 12]), "t": np.array(TABLE["time"])}
    table = columns
    if kind == "structured":
        table = np.empty(4, [("u", "U5"), ("i", "i8"), ("t", "f8")])
        for name, values in columns.items():
            table[name] = values
    elif kind == "rows":
        table = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    elif kind == "frame":

        class Series:
            def __init__(self, values):
                self.to_numpy = lambda: values

        class Frame:
            columns = ("u", "i", "t")

            def __getitem__(self, name):
                return Series(columns[name])

        table = Frame()
    logs = Logs.from_table(table, user="u", item="i", time="t", click=TABLE["click"])
    assert_same(logs, Logs.from_table(**TABLE))


def test_slates_are_told_by_position_or_by_step():
    session, position = [0] * 5, [0, 1, 2, 0, 2]
    logs = Logs.from_table(user=["a"] * 5, item=range(5), session=session, position=position)
    assert logs.step.tolist() == [0, 0, 0, 1, 1]
    assert logs.slates.starts.tolist() == [0, 3, 5]
    logs = Logs.from_table(user=["a"] * 5, item=range(5), session=session, step=[3, 1, 3, 1, 1])
    assert logs.position.tolist() == [0, 0, 1, 1, 2]
    assert logs.slates.order.tolist() == [1, 3, 4, 0, 2]


def test_sessions_counted_for_each_user_anew_are_told_apart():
    logs = Logs.from_table(user=["a", "b", "a"], item=[0, 1, 2], session=[0, 0, 1])
    assert len(set(logs.session.tolist())) == 3


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"item": [1, 2]}, r"item has 2 rows, but user has 4"),
        ({"user": ["a", None, "b", "c"]}, r"user\[1\]=None must be an id"),
        ({"user": ["a", "", "b", "c"]}, r"user\[1\]='' must be a non-empty id"),
        ({"user": ["a", "x\ty", "b", "c"]}, r"user\[1\]='x\\ty' must be .* without tabs"),
        ({"item": [1.0, 2.5, 3.0, 4.0]}, r"item\[1\]=.*2\.5.* must be an id"),
        ({"time": [0.0, np.nan, 1.0, 2.0]}, r"time\[1\]=.*nan.* must be a number"),
        ({"click": [0, 1, 2, 0]}, r"click\[2\]=.*2.* must be False or True, or 0 or 1"),
        ({"dwell": [0.0, -1.0, 1.0, 2.0]}, r"dwell\[1\]=.*-1.* from 0"),
        ({"propensity": [0.5, 0.0, 1.0, 1.0]}, r"propensity\[1\]=.*0\.0.* must be a number from .* to 1"),
        ({"propensity": [0.5, 1.5, 1.0, 1.0]}, r"propensity\[1\]=.*1\.5"),
        ({"position": [0, -1, 0, 0]}, r"position\[1\]=.*-1.* from 0"),
        ({"rating": ["good", "bad", 1, 2]}, r"rating\[0\]='good' must be a number"),
        ({"rating": [[1], [2], [3], [4]]}, r"rating must be one-dimensional"),
        ({"time": "when"}, r"time='when' names a column, but no table was given"),
        (
            {"session": [0, 0, 0, 0], "step": [0, 0, 0, 0], "position": [0, 0, 0, 1]},
            r"position=0 must be taken once",
        ),
        ({"session_gap": 0.0}, r"session_gap=0\.0 must be above 0"),
    ],
)
def test_wrong_input_is_named(wrong, message):
    with pytest.raises(ValueError, match=message):
        Logs.from_table(**{**TABLE, **wrong})


def test_a_missing_column_is_named_with_those_there_are():
    with pytest.raises(ValueError, match=r"item='film' is no column of the table; it has \['user', 'item'"):
        Logs.from_table(TABLE, user="user", item="film")


def test_items_that_the_catalogue_lacks_are_named_or_dropped_and_counted():
    catalogue = small_catalogue(np.zeros((2, 1)), ids=("12", "10"))
    logs = Logs.from_table(**TABLE)
    with pytest.raises(
        ValueError, match=r"item\[1\]='11' must be in the catalogue of 2 items; 1 rows are not"
    ):
        logs.with_catalogue(catalogue)
    kept = logs.with_catalogue(catalogue, unseen="drop")
    assert kept.item.tolist() == [1, 1, 0] and kept.item_ids == catalogue.ids
    assert kept.summary()["rows of items that the catalogue lacks"] == 1
    assert_same(kept, Logs.from_table(**TABLE, catalogue=catalogue, unseen="drop"))


@pytest.mark.parametrize("by", ["row", "slate", "session", "user", "time"])
def test_splits_are_seeded_disjoint_and_keep_together_what_they_say(by):
    rng = np.random.default_rng(0)
    logs = Logs.from_table(
        user=np.repeat(np.arange(20), 30), item=np.arange(600), session=np.repeat(np.arange(60), 10),
        step=np.tile(np.repeat(np.arange(5), 2), 60), time=rng.permutation(600),
    )  # fmt: skip
    rest, held_out = logs.split(0.2, seed=3, by=by)
    assert sorted(np.concatenate([rest.item, held_out.item]).tolist()) == list(range(600))
    assert len(held_out) == 120
    assert_same(held_out, logs.split(0.2, seed=3, by=by)[1])
    if by == "time":
        assert held_out.time.min() > rest.time.max()
    else:
        assert held_out.item.tolist() != logs.split(0.2, seed=4, by=by)[1].item.tolist()
    if by in ("session", "user"):
        assert not set(getattr(rest, by)) & set(getattr(held_out, by))
    with pytest.raises(ValueError, match=r"fraction=1\.5 must be between 0 and 1"):
        logs.split(1.5)
    with pytest.raises(ValueError, match="by='week' must be one of"):
        logs.split(0.5, by="week")


def test_concatenation_matches_ids_and_keeps_sessions_apart():
    one = Logs.from_table(**TABLE)
    other = Logs.from_table(user=["bob", "cid"], item=[11, 99])
    both = Logs.concat([one, other])
    assert both.user_ids == ("ann", "bob", "cid") and both.item_ids == ("10", "11", "12", "99")
    assert both.user.tolist() == [0, 0, 1, 0, 1, 2] and both.item.tolist() == [0, 1, 0, 2, 1, 3]
    assert len(np.unique(both.session)) == 5


@st.composite
def logs_of_any_kind(draw):
    rows = draw(st.integers(1, 12))
    name = st.text(st.characters(blacklist_categories=("Cs", "Cc")), min_size=1, max_size=5)

    def some(strategy):
        return draw(st.none() | st.lists(strategy, min_size=rows, max_size=rows))

    number = st.floats(-1e9, 1e9)
    return Logs.from_table(
        user=draw(st.lists(name, min_size=rows, max_size=rows)),
        item=draw(st.lists(name, min_size=rows, max_size=rows)),
        time=some(number),
        rating=some(number | st.just(np.nan)),
        click=some(st.booleans()),
        dwell=some(st.floats(0, 1e6) | st.just(np.nan)),
        propensity=some(st.floats(1e-9, 1.0) | st.just(np.nan)),
        reward=some(number),
        left=some(st.booleans()),
    )


@settings(max_examples=40, deadline=None)
@given(logs_of_any_kind())
def test_files_give_back_what_was_written(tmp_path_factory, logs):
    folder = tmp_path_factory.mktemp("logs")
    assert_same(logs, Logs.from_npz(logs.to_npz(folder / "logs.npz")))
    path = logs.to_recbole(folder, "shop")
    assert path == folder / "shop" / "shop.inter"
    assert path.read_text(encoding="utf-8").startswith("user_id:token\titem_id:token\t")
    assert_same(logs, Logs.from_recbole(path), by_id=True)
    assert_same(logs, Logs.from_recbole(folder / "shop"), by_id=True)


def test_recbole_files_of_others_are_read_and_what_has_no_place_is_counted(tmp_path):
    path = tmp_path / "x.inter"
    path.write_text("user_id:token\titem_id:token\trating:float\tmood:token\n1\t7\t3\thappy\n2\t7\t\tsad\n")
    logs = Logs.from_recbole(path)
    assert logs.rating[0] == 3.0 and np.isnan(logs.rating[1])
    assert logs.clicked.all() and logs.summary()["column mood ignored"] == 2
    path.write_text("user_id:token\trating:float\n1\t3\n")
    with pytest.raises(ValueError, match="must have the column item_id"):
        Logs.from_recbole(path)
    with pytest.raises(FileNotFoundError, match=r"must hold one \.inter file"):
        Logs.from_recbole(tmp_path / "..")


def test_parquet_needs_pyarrow_and_says_so(tmp_path):
    logs = Logs.from_table(**TABLE)
    try:
        import pyarrow  # noqa: F401
    except ImportError:
        with pytest.raises(ImportError, match=r"pip install 'mmenvs\[data\]'"):
            logs.to_parquet(tmp_path / "logs.parquet")
    else:
        assert_same(logs, Logs.from_parquet(logs.to_parquet(tmp_path / "logs.parquet")))


def test_foreign_npz_files_are_refused(tmp_path):
    np.savez(tmp_path / "other.npz", user=np.zeros(3))
    with pytest.raises(ValueError, match=r"must be written by Logs\.to_npz"):
        Logs.from_npz(tmp_path / "other.npz")
