"""The user's own items: whatever holds them, they come out whole, and what is replaced is counted."""

import inspect
import pickle

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmenvs.recommender.items.attributes import MAX_LEVELS, scaled
from mmenvs.recommender.items.catalogue import NO_PICTURE, Catalogue
from mmenvs.recommender.items.photos import draw_mosaic, fit_square, read_picture
from mmenvs.recommender.items.tables import catalogue_from_table
from mmenvs.recommender.items.text import HashedText

_COLUMNS = {
    "sku": ["a1", "b2", "c3", "d4", "e5"],
    "title": ["Red mug", "Blue mug", "Tent", None, "Lamp"],
    "about": ["for tea", "for coffee", "for two", float("nan"), ""],
    "cost": [4.0, 6.5, 120.0, 15.0, None],
    "colour": ["red", "blue", "blue", None, "white"],
    "tags": [["kitchen", "gift"], ["kitchen"], ["camping", "gift"], [], None],
    "liked": [3, 0, 7, 1, 1],
}
_OPTIONS = {
    "id": "sku",
    "text": ["title", "about"],
    "attributes": ["cost", "colour", "tags"],
    "price": "cost",
    "popularity": "liked",
}


class _Frame:
    """What is used of pandas and polars: the names of columns, and columns by name."""

    def __init__(self, columns):
        self._columns = {name: np.array(values, object) for name, values in columns.items() if name != "tags"}
        if "tags" in columns:
            self._columns["tags"] = np.empty(len(columns["tags"]), object)
            self._columns["tags"][:] = columns["tags"]
        self.columns = list(self._columns)

    def __getitem__(self, name):
        return self._columns[name]

    def __len__(self):
        return len(next(iter(self._columns.values())))


def _same(first, second):
    assert (first.ids, first.titles, first.descriptions) == (second.ids, second.titles, second.descriptions)
    assert first.attribute_names == second.attribute_names and first.report == second.report
    for name in (
        "text",
        "attributes",
        "category",
        "look",
        "price",
        "popularity",
        "quality",
        "picture_features",
    ):
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name), err_msg=name)
    for group in first.traits:
        np.testing.assert_array_equal(first.traits[group], second.traits[group])


def test_columns_rows_and_frames_give_the_same():
    columns = Catalogue.from_table(_COLUMNS, **_OPTIONS)
    rows = [dict(zip(_COLUMNS, row, strict=True)) for row in zip(*_COLUMNS.values(), strict=True)]
    _same(columns, Catalogue.from_table(rows, **_OPTIONS))
    _same(columns, Catalogue.from_table(_Frame(_COLUMNS), **_OPTIONS))


def test_a_structured_array_is_a_table():
    table = np.array([("a", 1.5, 2), ("b", np.nan, 4)], [("name", "U4"), ("x", float), ("y", int)])
    catalogue = Catalogue.from_table(table, id="name", attributes=["x", "y"])
    assert catalogue.ids == ("a", "b")
    np.testing.assert_array_equal(catalogue.attributes, [[0.5, 0.0], [0.0, 1.0]])
    assert catalogue.report == {"missing values of x": 1}


def test_what_comes_out_is_what_went_in():
    catalogue = catalogue_from_table(_COLUMNS, **_OPTIONS)
    assert catalogue.ids == tuple(_COLUMNS["sku"])
    assert catalogue.titles == ("Red mug", "Blue mug", "Tent", "", "Lamp")
    assert catalogue.descriptions == ("for tea", "for coffee", "for two", "", "")
    assert catalogue.attribute_names == (
        *("cost", "colour=blue", "colour=red", "colour=white"),
        *("tags=camping", "tags=gift", "tags=kitchen"),
    )
    np.testing.assert_allclose(catalogue.attributes[:, 0], [0.0, 1 / 3, 1.0, 2 / 3, 0.0], rtol=1e-6)
    np.testing.assert_array_equal(catalogue.attributes[:, 1:4].sum(axis=1), [1, 1, 1, 0, 1])
    np.testing.assert_array_equal(catalogue.attributes[2, 4:], [1, 1, 0])
    np.testing.assert_array_equal(catalogue.price, [4.0, 6.5, 120.0, 15.0, np.nan])
    assert catalogue.popularity.argmax() == 2 and catalogue.popularity.min() == 0
    assert np.isnan(catalogue.quality).all() and not catalogue.bait.any()
    assert [catalogue.category_names[number] for number in catalogue.category] == [
        *("red", "blue", "blue", "unknown", "white")
    ]
    assert catalogue.report == {
        "missing texts": 1,
        "missing values of cost": 1,
        "missing values of colour": 1,
        "missing values of tags": 2,
    }
    assert not catalogue.text[3].any()
    np.testing.assert_allclose(np.linalg.norm(catalogue.text[[0, 1, 2, 4]], axis=1), 1.0, rtol=1e-5)
    assert len(catalogue.pictures) == 1 and not catalogue.look.any()
    assert np.isfinite(catalogue.embedding).all()
    copy = pickle.loads(pickle.dumps(catalogue))
    _same(copy, catalogue)


def test_strict_lists_what_is_missing():
    with pytest.raises(
        ValueError, match=r"strict=True.*1 missing texts \(d4\); 1 missing values of cost \(e5\)"
    ):
        catalogue_from_table(_COLUMNS, **_OPTIONS, strict=True)
    whole = {"sku": ["a", "b"], "title": ["x", "y"]}
    assert catalogue_from_table(whole, id="sku", text="title", strict=True).report == {}


def test_the_method_takes_what_the_function_takes():
    method, function = (
        inspect.signature(call).parameters for call in (Catalogue.from_table, catalogue_from_table)
    )
    assert list(method) == list(function)
    for name, parameter in method.items():
        assert (parameter.default, parameter.kind) == (function[name].default, function[name].kind)


def _png(path, colour, shape=(20, 30)):
    picture = np.full((*shape, len(colour)), colour, np.uint8)
    assert cv2.imwrite(str(path), picture)
    return str(path)


def test_picture_files_are_read_shared_and_counted(tmp_path):
    red = _png(tmp_path / "red.png", (0, 0, 255))
    (tmp_path / "broken.png").write_bytes(b"no picture")
    files = [red, tmp_path / "gone.png", None, str(tmp_path / "broken.png"), red, ""]
    options = {"image": "photo", "picture_size": 24}
    catalogue = catalogue_from_table({"photo": files}, **options)
    assert catalogue.look.tolist() == [1, 0, 0, 0, 1, 0]
    assert catalogue.report == {"unreadable pictures": 2, "missing pictures": 4}
    assert catalogue.pictures.shape == (2, 24, 24, 3)
    np.testing.assert_array_equal(catalogue.pictures[1, 12, 12], [255, 0, 0])
    np.testing.assert_array_equal(catalogue.pictures[1, 0, 0], [255, 255, 255])  # 30 x 20, whole, on white
    assert not catalogue.picture_features[NO_PICTURE].any() and catalogue.picture_features[1].any()
    np.testing.assert_array_equal(catalogue.draw(0, 60)[30, 30], [255, 0, 0])
    with pytest.raises(ValueError, match=r"2 unreadable pictures \(1: .*gone\.png"):
        catalogue_from_table({"photo": files}, **options, strict=True)
    (tmp_path / "red.png").unlink()
    np.testing.assert_array_equal(catalogue.draw(0, 60)[30, 30], [255, 0, 0])  # from the small one


def test_transparent_grey_and_deep_pictures(tmp_path):
    clear = read_picture(type(tmp_path)(_png(tmp_path / "clear.png", (0, 255, 0, 0))))
    np.testing.assert_array_equal(clear[0, 0], [255, 255, 255])
    cv2.imwrite(str(tmp_path / "grey.png"), np.full((4, 4), 77, np.uint8))
    np.testing.assert_array_equal(read_picture(tmp_path / "grey.png")[0, 0], [77, 77, 77])
    cv2.imwrite(str(tmp_path / "deep.png"), np.full((4, 4, 3), (0, 0, 65535), np.uint16))
    np.testing.assert_array_equal(read_picture(tmp_path / "deep.png")[0, 0], [255, 0, 0])
    assert read_picture(tmp_path) is None


def test_arrays_and_npy_files_of_pictures(tmp_path):
    stack = np.random.default_rng(0).integers(0, 256, (3, 40, 40, 3), dtype=np.uint8)
    np.save(tmp_path / "stack.npy", stack)
    table = {"name": ["a", "b", "c"], "photo": [stack[0], None, stack[2]]}
    whole = catalogue_from_table(table, image=stack, picture_size=20)
    _same(whole, catalogue_from_table(table, image=str(tmp_path / "stack.npy"), picture_size=20))
    assert whole.look.tolist() == [1, 2, 3] and whole.traits["image"].shape == (3, 2)
    np.testing.assert_array_equal(whole.draw(1, 40), stack[1])
    column = catalogue_from_table(table, image="photo", picture_size=20)
    assert column.look.tolist() == [1, 0, 2] and column.report == {"missing pictures": 1}
    np.testing.assert_array_equal(column.pictures[2], whole.pictures[3])


def test_encoders_may_be_callables_arrays_or_files(tmp_path):
    stack = np.zeros((3, 16, 16, 3), np.uint8)
    table = {"title": ["red lamp", "", "blue tent"]}
    seen = []

    def encode(pictures):
        seen.append(pictures.shape)
        return np.ones((len(pictures), 2))

    catalogue = catalogue_from_table(
        table, text="title", image=stack, picture_size=16, text_encoder=HashedText(7), image_encoder=encode
    )
    assert catalogue.text.shape == (3, 7) and catalogue.picture_features.shape == (4, 2)
    assert seen == [(3, 16, 16, 3)]
    vectors = np.array([[3.0, 4.0], [0.0, 0.0], [1.0, 0.0]])
    np.save(tmp_path / "v.npy", vectors)
    for given_ in (vectors, tmp_path / "v.npy"):
        catalogue = catalogue_from_table(table, text="title", text_encoder=given_, image_encoder=given_)
        np.testing.assert_allclose(catalogue.text, [[0.6, 0.8], [0, 0], [1, 0]], rtol=1e-6)
        np.testing.assert_allclose(catalogue.picture_features, [[0, 0], [3, 4], [1, 0]])
        assert catalogue.look.tolist() == [1, 0, 2]
        assert catalogue.report == {"missing texts": 1, "missing pictures": 1}
        assert (catalogue.pictures[1] != catalogue.pictures[2]).any()  # a mosaic each


def test_traits_are_what_each_modality_shows():
    rng = np.random.default_rng(0)
    table = {
        "title": [
            f"{a} {b}"
            for a in ("red", "blue", "green", "pink")
            for b in ("mug", "lamp", "tent", "cap", "bag")
        ],
        "cost": rng.random(20),
        "kind": ["x", "y"] * 10,
        "stars": rng.integers(1, 6, 20),
    }
    catalogue = catalogue_from_table(
        table,
        text="title",
        image=rng.integers(0, 256, (20, 16, 16, 3), dtype=np.uint8),
        attributes=["cost", "kind"],
        quality="stars",
    )
    assert {group: block.shape[1] for group, block in catalogue.traits.items()} == {
        **{"image": 8, "text": 7, "attributes": 3, "shared": 1}
    }
    assert catalogue.all_trait_names[0] == "image_1" and "kind=y" in catalogue.all_trait_names
    for block in (*catalogue.traits.values(), *catalogue.traits["text"].T[:, :, None]):
        np.testing.assert_allclose(block.mean(axis=0), 0.0, atol=1e-6)
    np.testing.assert_allclose(catalogue.traits["image"].var(axis=0), 1.0, rtol=1e-5)
    np.testing.assert_allclose(catalogue.traits["attributes"][:, 1:].var(axis=0).sum(), 1.0)
    assert catalogue.quality.min() == 0 and catalogue.quality.max() == 1
    assert catalogue.mean_taste == {"quality": 1.0}
    assert catalogue.category_names == ("x", "y")


def test_without_a_category_similar_items_are_one():
    words = ("wool scarf warm", "camera lens digital", "garden rake metal")
    table = {"title": [words[item % 3] for item in range(30)]}
    catalogue = catalogue_from_table(table, text="title")
    assert catalogue.category.tolist() == [0, 1, 2] * 10
    assert catalogue.category_names == ("group 1", "group 2", "group 3")
    named = catalogue_from_table({**table, "c": ["b", "a", None] * 10}, category="c")
    assert named.category_names == ("a", "b", "unknown") and named.report == {"missing values of c": 10}


def test_levels_beyond_the_cap_share_one_column_and_are_counted():
    table = {"maker": [f"m{item % 5}" for item in range(20)] + ["rare", "odd"]}
    catalogue = catalogue_from_table(table, attributes="maker", max_levels=5)
    assert catalogue.attribute_names == (
        *(f"maker={name}" for name in ("m0", "m1", "m2", "m3", "m4")),
        "maker=other",
    )
    assert catalogue.report == {"values of maker under 'other'": 2}
    assert catalogue.attributes[:, 5].sum() == 2


def test_many_texts_that_read_as_numbers_are_numbers():
    years = [str(1900 + year) for year in range(MAX_LEVELS + 1)]
    assert catalogue_from_table({"year": years}, attributes="year").attribute_names == ("year",)
    few = catalogue_from_table({"year": years[:3]}, attributes="year")
    assert few.attribute_names == ("year=1900", "year=1901", "year=1902")


def test_times_are_numbers():
    days = np.array(["2024-01-01", "NaT", "2024-01-11", "2024-01-02"], "datetime64[D]")
    catalogue = catalogue_from_table({"day": days}, attributes="day", scaling="range")
    np.testing.assert_allclose(catalogue.attributes[:, 0], [0.0, 0.0, 1.0, 0.1], rtol=1e-6)
    assert catalogue.report == {"missing values of day": 1}


_numbers = st.one_of(st.none(), st.floats(allow_nan=True, allow_infinity=False), st.integers(-(10**6), 10**6))
_words = st.one_of(st.none(), st.text(max_size=5))


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(_numbers, _words, _words), min_size=1, max_size=12), st.sampled_from(["rank", "range"])
)
def test_any_table_goes_round(rows, scaling):
    number, word, title = zip(*rows, strict=True)
    table = {"number": list(number), "word": list(word), "title": list(title)}
    catalogue = catalogue_from_table(
        table, text="title", attributes=["number", "word"], text_encoder=HashedText(3), scaling=scaling
    )
    assert len(catalogue) == len(rows)
    assert catalogue.titles == tuple((text or "").strip() for text in title)
    assert np.isfinite(catalogue.attributes).all() and catalogue.attributes.min(initial=0) >= 0
    assert catalogue.attributes.max(initial=0) <= 1
    known = [value is not None and value == value for value in number]
    assert catalogue.report.get("missing values of number", 0) == len(rows) - sum(known)
    assert all(np.isfinite(block).all() for block in catalogue.traits.values())
    for row, value in enumerate(word):
        level = (value or "").strip()
        if level and len(set(word)) <= MAX_LEVELS:
            assert catalogue.attributes[row, catalogue.attribute_names.index(f"word={level}")] == 1


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(-1e300, 1e300), min_size=1, max_size=20), st.sampled_from(["rank", "range"]))
def test_scaling_keeps_order_and_stays_in_range(values, scaling):
    array = np.array(values)
    result = scaled(array, scaling)
    assert result.min() >= 0 and result.max() <= 1
    order = np.argsort(array, kind="stable")
    assert (np.diff(result[order]) >= 0).all()
    if array.min() < array.max():
        assert result[array.argmin()] == 0 and result[array.argmax()] == 1


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_ragged_rows_are_refused_by_number(data):
    rows = [{"id": str(number), "title": "x"} for number in range(data.draw(st.integers(2, 6)))]
    wrong = data.draw(st.integers(1, len(rows) - 1))
    if data.draw(st.booleans()):
        del rows[wrong]["title"]
        expected = rf"row {wrong}: lacks \['title'\]"
    else:
        rows[wrong]["more"] = 1
        expected = rf"row {wrong}: .* has \['more'\]"
    with pytest.raises(ValueError, match=expected):
        catalogue_from_table(rows, id="id", text="title")


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 5), min_size=1, max_size=8))
def test_ids_are_kept_or_refused(ids):
    table = {"id": ids, "x": [0.0] * len(ids)}
    if len(set(ids)) == len(ids):
        assert catalogue_from_table(table, id="id", attributes="x").ids == tuple(map(str, ids))
    else:
        with pytest.raises(ValueError, match=r"rows .* all have the id"):
            catalogue_from_table(table, id="id", attributes="x")


@pytest.mark.parametrize(
    ("table", "options", "message"),
    [
        ({"id": ["a", "b", "a"]}, {"id": "id"}, r"rows \[0, 2\] all have the id 'a'"),
        ({"id": ["a", None]}, {"id": "id"}, "column 'id', row 1: an id is missing"),
        ({"title": ["a"]}, {"text": "titel"}, "text='titel': no such column; did you mean 'title'"),
        ({"a": [1, 2], "b": [1]}, {}, "columns have different lengths"),
        ({"a": []}, {}, "the table has no rows"),
        ([], {}, "the table has no rows"),
        ({"a": [1, 2]}, {"attributes": ["a", "a"]}, "'a' is named twice"),
        ({"a": [1.0, np.inf]}, {"attributes": "a"}, "column 'a', row 1: .*inf.* must be finite"),
        ({"a": [1.0, -2.0]}, {"price": "a"}, "column 'a', row 1: .*-2.0.*; must be finite and at least 0"),
        ({"a": ["x"]}, {"price": "a"}, "column 'a', row 0: 'x' is not a number"),
        ({"a": [[["x"]]]}, {"attributes": "a"}, "must hold values or flat lists"),
        ({"a": [1]}, {"scaling": "log"}, "scaling='log': must be one of"),
        ({"a": [1]}, {"max_levels": 0}, "max_levels=0"),
        ({"a": [1]}, {"picture_size": 3}, "picture_size=3"),
        ({"a": [np.zeros((4, 4))]}, {"image": "a"}, r"image, row 0: .* must be a path, or uint8"),
        ({"a": [1]}, {"image": np.zeros((2, 4, 4, 3), np.uint8)}, r"must be uint8 of shape \(1, height"),
        ({"a": [1]}, {"image": np.zeros((1, 4, 4, 3))}, "image, row 0: .*float64"),
        ({"a": [1]}, {"image": "photo"}, "image='photo': no such column"),
        ({"a": [1]}, {"image": "gone.npy"}, "image='gone.npy': there is no such file"),
        ({"a": ["x"]}, {"text": "a", "text_encoder": np.zeros((2, 3))}, "text_encoder=float64 of shape"),
        (
            {"a": ["x"]},
            {"text": "a", "text_encoder": lambda texts: [[np.nan]]},
            "text_encoder's result: row 0",
        ),
        ({"a": ["x"]}, {"text_encoder": np.full((1, 2), np.inf)}, "text_encoder: row 0 holds NaN or inf"),
    ],
)
def test_bad_input_is_named(table, options, message):
    with pytest.raises(ValueError, match=message):
        catalogue_from_table(table, **options)


@pytest.mark.parametrize("table", ["items.csv", 3, np.zeros((2, 2)), [1, 2]])
def test_what_is_no_table_is_refused(table):
    with pytest.raises(TypeError, match="items"):
        catalogue_from_table(table)


def test_pictures_are_fitted_whole():
    wide = np.zeros((10, 50, 3), np.uint8)
    square = fit_square(wide, 25)
    assert square.shape == (25, 25, 3)
    dark = (square == 0).all(axis=(1, 2))
    assert dark.sum() == 5 and dark[10:15].all()
    thin = fit_square(np.zeros((1, 500, 3), np.uint8), 16)
    assert (thin == 0).any()


def test_a_mosaic_shows_the_sign_and_size_of_features():
    mosaic = draw_mosaic(np.array([2.0, -2.0, 0.0, 0.5]), 16).astype(int)
    red_minus_blue = (mosaic[..., 0] - mosaic[..., 2])[2, [2, 6, 10, 14]]
    assert red_minus_blue[0] > 100 and red_minus_blue[1] < -100 and red_minus_blue[2] == 0
    assert 0 < red_minus_blue[3] < red_minus_blue[0]
