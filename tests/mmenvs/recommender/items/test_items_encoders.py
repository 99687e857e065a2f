"""Encoders that need no download: texts by their words, pictures by their colours and edges."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmenvs.recommender.items.components import clusters, whitened_components
from mmenvs.recommender.items.images import ColourFeatures
from mmenvs.recommender.items.text import HashedText, TfidfSvd, as_vectors

_TEXTS = (
    *("cosy lamp for the desk", "cosy lamp for the bed", "desk lamp", "red sport shirt"),
    *("blue sport shirt", "sport shoes", "", "!? ..."),
)


@pytest.mark.parametrize("encode", [HashedText(16), TfidfSvd(4), HashedText(8, bigrams=True)], ids=str)
def test_rows_have_unit_length_and_nothing_gives_zeros(encode):
    vectors = encode(_TEXTS)
    assert vectors.shape == (8, encode.size) and vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors[:6], axis=1), 1.0, rtol=1e-5)
    assert not vectors[6:].any()
    np.testing.assert_array_equal(vectors, encode(_TEXTS))
    assert encode([]).shape == (0, encode.size)
    assert not encode(["", ""]).any()


@pytest.mark.parametrize("encode", [HashedText(64), TfidfSvd(4)], ids=str)
def test_alike_texts_are_near(encode):
    vectors = encode(_TEXTS)
    assert vectors[0] @ vectors[1] > vectors[0] @ vectors[3] + 0.3
    assert vectors[3] @ vectors[4] > vectors[3] @ vectors[2] + 0.3


def test_hashed_text_knows_words_not_their_order_or_case_unless_asked():
    one, other = ["Cosy mug, glossy"], ["glossy COSY mug"]
    np.testing.assert_allclose(HashedText(16)(one), HashedText(16)(other), rtol=1e-5, atol=1e-6)
    assert (HashedText(16, bigrams=True)(one) @ HashedText(16, bigrams=True)(other).T).item() < 0.95
    np.testing.assert_array_equal(HashedText(16)([*one, "tent"])[:1], HashedText(16)(one))


@settings(max_examples=15, deadline=None)
@given(st.lists(st.text(max_size=12), max_size=6), st.booleans())
def test_any_text_can_be_embedded(texts, bigrams):
    for encode in (HashedText(5, bigrams=bigrams), TfidfSvd(5, hash_size=8, bigrams=bigrams)):
        vectors = encode(texts)
        length = np.linalg.norm(vectors, axis=1)
        assert np.all((np.abs(length - 1.0) < 1e-4) | (length == 0.0))


def test_svd_finds_what_a_dense_one_finds():
    rng = np.random.default_rng(0)
    texts = [" ".join(f"w{word}" for word in rng.integers(30, size=9)) for _ in range(60)]
    full, reduced = TfidfSvd(60)(texts).astype(float), TfidfSvd(12)(texts).astype(float)
    weights = np.linalg.svd(full, full_matrices=False)
    dense = weights[0][:, :12] * weights[1][:12]
    dense /= np.linalg.norm(dense, axis=1, keepdims=True)
    np.testing.assert_allclose(reduced @ reduced.T, dense @ dense.T, atol=0.05)


def test_rare_words_weigh_more_than_common_ones():
    texts = ["the lamp", "the shirt", *["the the common thing"] * 20]
    vectors = TfidfSvd(8)(texts)
    assert abs(vectors[0] @ vectors[1]) < 0.3


def test_picture_features_have_the_documented_parts():
    encode = ColourFeatures()
    assert encode.size == 12 + 4 + 6 + 3 + 64
    red, grey = np.zeros((2, 40, 40, 3), np.uint8)
    red[...], grey[...] = (220, 20, 20), 128
    stripes = np.zeros((40, 40, 3), np.uint8)
    stripes[:, ::10] = stripes[:, 1::10] = stripes[:, 2::10] = 255
    features = encode(np.stack([red, grey, stripes, stripes.transpose(1, 0, 2)]))
    assert features.shape == (4, encode.size) and features.dtype == np.float32
    hues, light, mean = features[:, :12], features[:, 12:16], features[:, 16:19]
    assert hues[0].argmax() in (0, 1) and hues[0].sum() > 0.95 and hues[1].sum() < 0.1
    np.testing.assert_allclose(light.sum(axis=1), 1.0, atol=0.02)
    assert mean[1, 0] == pytest.approx(0.536, abs=0.01)  # L* of sRGB 128 is 53.6
    np.testing.assert_allclose(features[0, 22:25], mean[0], atol=0.01)  # the rim of an even picture
    upright, level = features[2, 25:].reshape(16, 4), features[3, 25:].reshape(16, 4)
    assert (upright**2).sum() == pytest.approx(1.0, abs=0.01)
    assert (upright[:, 0] ** 2).sum() > 0.9 and (level[:, 2] ** 2).sum() > 0.9


def test_picture_features_hardly_depend_on_the_size_and_not_on_the_batch():
    rng = np.random.default_rng(0)
    small = rng.integers(0, 256, (600, 8, 8, 3), dtype=np.uint8)
    large = small.repeat(8, axis=1).repeat(8, axis=2)
    encode = ColourFeatures()
    whole = encode(large[:300])
    np.testing.assert_allclose(encode(large[5:6])[0], whole[5], atol=1e-5)
    np.testing.assert_allclose(encode(small[:300].repeat(4, axis=1).repeat(4, axis=2)), whole, atol=0.05)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: HashedText(0), "HashedText.size=0: must be a whole number of at least 1"),
        (lambda: TfidfSvd(4, hash_size=2.0), "TfidfSvd.hash_size=2.0"),
        (lambda: ColourFeatures(hues=0), "ColourFeatures.hues=0"),
        (lambda: ColourFeatures(cells=5), "ColourFeatures.cells=5: must divide 32"),
        (lambda: ColourFeatures()(np.zeros((1, 8, 8, 3))), "pictures=float64 of shape"),
        (lambda: as_vectors([[1.0], [np.nan]], 2, "x"), "x: row 1 holds NaN"),
        (lambda: as_vectors([["a"]], 1, "x"), "x=<U1 of shape"),
        (lambda: as_vectors(np.zeros((3, 2)), 2, "x"), r"must be numbers of shape \(2, size\)"),
    ],
)
def test_bad_arguments_are_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_components_are_white_ordered_and_fewer_than_the_rank():
    rng = np.random.default_rng(0)
    features = rng.standard_normal((500, 3)) @ np.diag([9.0, 3.0, 1.0]) @ rng.standard_normal((3, 10)) + 7.0
    known = np.arange(500) % 5 > 0
    found = whitened_components(features, 8, known)
    assert found.shape == (500, 3) and not found[~known].any()
    np.testing.assert_allclose(found[known].T @ found[known] / known.sum(), np.eye(3), atol=1e-6)
    assert whitened_components(features, 2).shape == (500, 2)
    assert whitened_components(np.ones((4, 3)), 2).shape == (4, 0)
    assert whitened_components(features, 2, np.zeros(500, bool)).shape == (500, 0)


def test_clusters_are_those_that_are_there():
    rng = np.random.default_rng(1)
    truth = np.concatenate([np.arange(4), rng.integers(4, size=196)])
    points = 10.0 * np.eye(4)[truth] + rng.standard_normal((200, 4))
    np.testing.assert_array_equal(clusters(points, 4), truth)  # numbered by first point
    assert clusters(np.zeros((5, 2)), 3).tolist() == [0] * 5
