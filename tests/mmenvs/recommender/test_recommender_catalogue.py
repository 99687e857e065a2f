"""The items: reproducible, and told by several modalities of which none replaces another."""

import numpy as np
import pytest

from mmenvs.recommender.catalogue import (
    ATTRIBUTES,
    TRAITS,
    embed_text,
    procedural_catalogue,
)
from mmenvs.recommender.pictures import KINDS, PATTERNS, draw_product


@pytest.fixture(scope="module")
def catalogue():
    return procedural_catalogue(400, 3)


def test_the_same_seed_gives_the_same_items_bit_for_bit(catalogue):
    again = procedural_catalogue.__wrapped__(400, 3)
    assert again.titles == catalogue.titles
    for name in ("text", "attributes", "pictures", "hue"):
        assert np.array_equal(getattr(again, name), getattr(catalogue, name))
    assert procedural_catalogue(400, 4).titles != catalogue.titles


def test_shapes_ranges_and_read_only(catalogue):
    assert catalogue.pictures.shape == (400, 32, 32, 3)
    assert catalogue.text.shape == (400, 16)
    assert catalogue.attributes.shape == (400, len(ATTRIBUTES))
    assert catalogue.attributes.min() >= 0 and catalogue.attributes.max() <= 1
    np.testing.assert_allclose(np.linalg.norm(catalogue.text, axis=1), 1.0, rtol=1e-5)
    np.testing.assert_array_equal(np.bincount(catalogue.kind), 50)
    for array in (catalogue.pictures, catalogue.text, catalogue.attributes):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0


def _explained(features, target):
    """Share of the target's variance that a ridge regression explains on held-out items."""
    x = (features - features.mean(0)) / (features.std(0) + 1e-9)
    x = np.concatenate([x, np.ones((len(x), 1))], axis=1)
    half = len(x) // 2
    gram = x[:half].T @ x[:half] + 10.0 * np.eye(x.shape[1])
    fit = x[half:] @ np.linalg.solve(gram, x[:half].T @ target[:half])
    return 1.0 - np.mean((fit - target[half:]) ** 2) / target[half:].var()


def test_each_modality_tells_what_the_others_do_not(catalogue):
    pictures = catalogue.pictures.astype(float)
    colour = pictures.reshape(400, -1, 3)
    saturation = np.ptp(colour, axis=2)[..., None]
    shown = {
        "image": (colour * saturation).sum(1) / saturation.sum(1),  # mean colour of the product
        "text": catalogue.text.astype(float),
        "attributes": catalogue.attributes.astype(float),
    }
    targets = {
        "image": np.cos(2 * np.pi * catalogue.hue),
        "text": (catalogue.theme == 2).astype(float),
        "attributes": catalogue.attributes[:, ATTRIBUTES.index("freshness")].astype(float),
    }
    for owner, target in targets.items():
        for modality, features in shown.items():
            explained = _explained(features, target)
            assert explained > 0.4 if modality == owner else explained < 0.1, (owner, modality)


def test_traits_carry_the_weights_that_were_asked_for(catalogue):
    weights = {"image": 0.5, "text": 2.0, "attributes": 0.0, "shared": 1.0}
    traits = catalogue.weighted_traits(weights)
    np.testing.assert_allclose(traits.mean(axis=0), 0.0, atol=1e-12)
    rng = np.random.default_rng(0)
    start = 0
    for group in ("image", "text"):
        block = traits[:, start : start + len(TRAITS[group])]
        scores = rng.standard_normal((4000, block.shape[1])) @ block.T
        assert scores.std() == pytest.approx(weights[group], rel=0.05)
        start += block.shape[1]
    assert not traits[:, start : start + len(TRAITS["attributes"])].any()


def test_prices_are_the_attribute_on_a_logarithmic_scale(catalogue):
    item = int(catalogue.attributes[:, 4].argmax())
    assert catalogue.price(item) == pytest.approx(5.0 * 50.0 ** float(catalogue.attributes[item, 4]))


def test_text_vectors_know_words_not_their_order_or_case():
    assert np.array_equal(embed_text("Cosy mug, glossy", 16), embed_text("glossy COSY mug", 16))
    near = embed_text("Cosy mug, glossy", 16) @ embed_text("Cosy mug, matte", 16)
    far = embed_text("Cosy mug, glossy", 16) @ embed_text("sport tent", 16)
    assert near > far
    assert not embed_text(" ,.", 16).any()


def test_every_product_differs_from_every_other_and_from_its_background():
    drawn = [
        draw_product(kind, 0.6, pattern, glossy, 32).astype(int)
        for kind in range(len(KINDS))
        for pattern in range(len(PATTERNS))
        for glossy in (False, True)
    ]
    for i, first in enumerate(drawn):
        assert np.ptp(first) > 100
        for second in drawn[:i]:
            assert np.abs(first - second).mean() > 0.5


def test_a_picture_is_the_same_product_at_any_size():
    small, large = (draw_product(0, 0.3, 1, True, size).astype(float) for size in (32, 96))
    averaged = large.reshape(32, 3, 32, 3, 3).mean(axis=(1, 3))
    assert np.abs(averaged - small).mean() < 6.0
