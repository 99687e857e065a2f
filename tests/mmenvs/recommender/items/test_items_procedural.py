"""The items made up: reproducible, told by several modalities of which none replaces another."""

import pickle

import numpy as np
import pytest

from mmenvs.recommender.items.catalogue import NO_PICTURE
from mmenvs.recommender.items.procedural import (
    ATTRIBUTES,
    DEPARTMENTS,
    HUES,
    SEASONS,
    THEMES,
    TRAITS,
    procedural_catalogue,
)

_ARRAYS = (
    *("category", "text", "attributes", "look", "picture_features", "pictures"),
    *("price", "popularity", "quality", "bait", "bias", "season"),
)


@pytest.fixture(scope="module")
def catalogue():
    return procedural_catalogue(800, 3)


@pytest.fixture(scope="module")
def market():
    return procedural_catalogue(800, 3, missing_rate=0.2, clickbait_share=0.25, new_share=0.1)


def _codes(catalogue):
    """Return kind, pattern, finish, hue and presentation of each item that has a picture."""
    return catalogue.artist.codes[catalogue.look[catalogue.look > 0] - 1]


def test_the_same_arguments_give_the_same_items_bit_for_bit(market):
    again = procedural_catalogue.__wrapped__(800, 3, missing_rate=0.2, clickbait_share=0.25, new_share=0.1)
    assert (again.ids, again.titles, again.descriptions) == (market.ids, market.titles, market.descriptions)
    for name in _ARRAYS:
        np.testing.assert_array_equal(getattr(again, name), getattr(market, name), err_msg=name)
    assert procedural_catalogue(800, 4).titles != procedural_catalogue(800, 3).titles


def test_shapes_ranges_and_read_only(catalogue):
    looks = len(catalogue.picture_features)
    assert catalogue.pictures.shape == (looks, 32, 32, 3)
    assert catalogue.look.min() == 1 and catalogue.look.max() == looks - 1
    assert not catalogue.picture_features[NO_PICTURE].any()
    assert catalogue.text.shape == (800, 16)
    assert catalogue.attributes.shape == (800, len(ATTRIBUTES)) == (800, len(catalogue.attribute_names))
    assert catalogue.attributes.min() >= 0 and catalogue.attributes.max() <= 1
    np.testing.assert_allclose(np.linalg.norm(catalogue.text, axis=1), 1.0, rtol=1e-5)
    np.testing.assert_array_equal(np.bincount(catalogue.category), 200)
    assert catalogue.embedding.shape[0] == 800 and np.isfinite(catalogue.embedding).all()
    for group, names in TRAITS.items():
        assert catalogue.traits[group].shape == (800, len(names))
    for name in _ARRAYS:
        with pytest.raises(ValueError, match="read-only"):
            getattr(catalogue, name)[0] = 0


def test_the_bulk_of_pictures_is_what_the_artist_draws(catalogue):
    for item in (0, 7, 799):
        np.testing.assert_array_equal(catalogue.pictures[catalogue.look[item]], catalogue.draw(item, 32))
    assert catalogue.draw(3, 96).shape == (96, 96, 3)


def test_items_that_look_alike_share_a_look():
    catalogue = procedural_catalogue(1500, 0)
    codes = _codes(catalogue)
    assert len(np.unique(codes, axis=0)) == len(catalogue.picture_features) - 1 < 1500


def _explained(features, target):
    """Share of the target's variance that a ridge regression explains on held-out items."""
    x = (features - features.mean(0)) / (features.std(0) + 1e-9)
    x = np.concatenate([x, np.ones((len(x), 1))], axis=1)
    half = len(x) // 2
    gram = x[:half].T @ x[:half] + 10.0 * np.eye(x.shape[1])
    fit = x[half:] @ np.linalg.solve(gram, x[:half].T @ target[:half])
    return 1.0 - np.mean((fit - target[half:]) ** 2) / target[half:].var()


@pytest.mark.parametrize(
    ("owner", "group", "trait"),
    [
        ("image", "image", "hue_cos"),
        ("image", "image", "hue_sin"),
        ("text", "text", "party"),
        ("text", "text", "cosy"),
        ("attributes", "attributes", "freshness"),
    ],
)
def test_each_modality_tells_what_the_others_do_not(catalogue, owner, group, trait):
    target = catalogue.traits[group][:, TRAITS[group].index(trait)]
    shown = {
        "image": catalogue.picture_features[catalogue.look].astype(float),
        "text": catalogue.text.astype(float),
        "attributes": catalogue.attributes.astype(float),
    }
    for modality, features in shown.items():
        explained = _explained(features, target)
        assert explained > 0.7 if modality == owner else explained < 0.1, modality


def test_department_and_quality_are_told_by_all_and_finish_by_two(catalogue):
    shared = dict(zip(TRAITS["shared"], catalogue.traits["shared"].T, strict=True))
    picture = catalogue.picture_features[catalogue.look].astype(float)
    for features in (picture, catalogue.text.astype(float), catalogue.attributes.astype(float)):
        assert _explained(features, shared["home"]) > 0.5
        assert _explained(features, shared["quality"]) > 0.6
    assert _explained(picture, shared["gloss"]) > 0.3
    assert _explained(catalogue.text.astype(float), shared["gloss"]) > 0.8
    assert _explained(catalogue.attributes.astype(float), shared["gloss"]) < 0.1


def test_texts_say_what_the_item_is(catalogue):
    kinds = {name: number for number, name in enumerate(("mug", "shirt", "camera", "tent"))}
    for item in range(100):
        title, description = catalogue.titles[item], catalogue.descriptions[item]
        theme = THEMES[int(catalogue.traits["text"][item].argmax())]
        assert theme in title and theme in description
        assert DEPARTMENTS[catalogue.category[item]] in description
        for kind, department in kinds.items():
            assert kind not in title or catalogue.category[item] == department


def test_prices_are_the_attribute_on_a_logarithmic_scale(catalogue):
    scaled = catalogue.attributes[:, ATTRIBUTES.index("price")].astype(float)
    np.testing.assert_allclose(catalogue.price, 5.0 * 50.0**scaled, rtol=1e-5)
    assert np.corrcoef(scaled, catalogue.quality)[0, 1] > 0.5


def test_honest_items_look_and_read_as_good_as_they_are(catalogue):
    assert not catalogue.bait.any()
    tier = np.minimum((catalogue.quality * 3).astype(int), 2)
    np.testing.assert_array_equal(_codes(catalogue)[:, 4], tier)
    for item in range(200):
        assert catalogue.titles[item].startswith(("Basic", "Classic", "Premium")[tier[item]])


def test_clickbait_looks_premium_and_is_poor():
    honest, market = procedural_catalogue(800, 3), procedural_catalogue(800, 3, clickbait_share=0.25)
    bait = market.bait > 0
    assert bait.sum() == 200 and market.bait.max() <= 1
    assert market.quality[bait].max() < 1 / 3
    np.testing.assert_allclose(market.bait[bait], 5 / 6 - market.quality[bait])
    assert (_codes(market)[bait, 4] == 2).all()
    assert all(market.titles[item].startswith("Premium") for item in np.flatnonzero(bait))
    rating = market.attributes[:, ATTRIBUTES.index("rating")]
    premium = ~bait & (market.quality > 2 / 3)
    assert rating[bait].mean() < rating[premium].mean() - 0.5  # the rating gives it away
    for name in ("quality", "attributes", "text", "price"):  # the others are as they were
        np.testing.assert_array_equal(getattr(market, name)[~bait], getattr(honest, name)[~bait])


def test_missing_pictures_and_texts_are_independent_and_counted(market):
    no_picture, no_text = market.look == NO_PICTURE, ~market.text.any(axis=1)
    assert market.report == {"missing pictures": no_picture.sum(), "missing texts": no_text.sum()}
    for lost in (no_picture, no_text):
        assert lost.mean() == pytest.approx(0.2, abs=0.05)
    assert (no_picture & no_text).mean() == pytest.approx(0.04, abs=0.02)
    for item in np.flatnonzero(no_text):
        assert market.titles[item] == market.descriptions[item] == ""
    gone = procedural_catalogue(20, 0, missing_rate=1.0)
    assert not gone.look.any() and not gone.text.any() and len(gone.pictures) == 1


def test_new_items_have_no_past(market):
    new = market.popularity == 0
    assert new.sum() == 80
    numbers = dict(zip(ATTRIBUTES, market.attributes.T, strict=True))
    assert not numbers["rating"][new].any() and not numbers["popularity"][new].any()
    assert (numbers["freshness"][new] == 1).all() and market.quality[new].std() > 0.1


def test_seasons_belong_to_themes(catalogue):
    theme = catalogue.traits["text"].argmax(axis=1)
    length = np.linalg.norm(catalogue.season, axis=1)
    for number, name in enumerate(THEMES):
        np.testing.assert_allclose(length[theme == number], 0.0 if SEASONS[name] is None else 1.0)
    assert len(np.unique(catalogue.season.round(6), axis=0)) == 5  # four times of year, and always


def test_traits_carry_the_weights_that_were_asked_for(catalogue):
    weights = {"image": 0.5, "text": 2.0, "attributes": 0.0, "shared": 1.0}
    traits = catalogue.weighted_traits(weights)
    rng = np.random.default_rng(0)
    for group, start, stop in (("image", 0, 6), ("text", 6, 12)):
        scores = rng.standard_normal((4000, stop - start)) @ traits[:, start:stop].T
        assert scores.std() == pytest.approx(weights[group], rel=0.05)
    assert not traits[:, 12:15].any()


def test_a_hundred_thousand_items_need_no_more_than_all_looks():
    big = procedural_catalogue.__wrapped__(100_000, 0)
    most = 16 * HUES * 4 * 2 * 3
    assert len(big) == 100_000 and 9_000 < len(big.picture_features) <= most + 1
    assert len(set(map(id, big.titles))) <= 576  # strings are shared too
    assert len(set(big.ids)) == 100_000


@pytest.mark.parametrize("items", [1, 2, 17])
def test_few_items(items):
    few = procedural_catalogue(items, 0, picture_size=16, text_size=1)
    assert len(few) == items and few.pictures.shape[1:] == (16, 16, 3)
    assert np.isfinite(few.weighted_traits({"image": 1.0, "shared": 1.0})).all()


def test_it_survives_pickling(market):
    copy = pickle.loads(pickle.dumps(market))
    np.testing.assert_array_equal(copy.draw(5, 48), market.draw(5, 48))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"items": 0}, "items=0: must be a whole number of at least 1"),
        ({"items": 2.5}, "items=2.5"),
        ({"seed": -1}, "seed=-1"),
        ({"picture_size": 4}, "picture_size=4: must be a whole number of at least 8"),
        ({"text_size": 0}, "text_size=0"),
        ({"missing_rate": 1.5}, r"missing_rate=1.5: must lie in \[0, 1\]"),
        ({"clickbait_share": -0.1}, "clickbait_share=-0.1"),
        ({"new_share": float("nan")}, "new_share=nan"),
    ],
)
def test_bad_arguments_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        procedural_catalogue(**{"items": 10, "seed": 0, **arguments})
