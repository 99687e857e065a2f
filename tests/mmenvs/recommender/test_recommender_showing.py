"""Pages: what is on them, how they look to an agent, and what is on sale."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from shops import EVERYTHING, shop, start, step


def _on_sale(simulator, day):
    """Items on sale, by the rule as it is documented."""
    rules, arrival = simulator.rules, simulator.items.facts["arrival"]
    return (rules.churn * day - arrival) % 1.0 < rules.on_sale


def test_a_page_shows_the_rows_of_the_catalogue():
    simulator = shop(5, **{**EVERYTHING, "candidates": 6})
    space, seen, catalogue = simulator.observation_space, simulator.observations, simulator.catalogue
    for _ in range(3):
        items = simulator.state.candidates
        for key, truth in (
            ("candidate_image", catalogue.pictures[catalogue.look]),
            ("candidate_image_features", catalogue.picture_features[catalogue.look]),
            ("candidate_text", catalogue.text),
            ("candidate_attributes", catalogue.attributes),
        ):
            np.testing.assert_array_equal(space[key].unflatten(seen[key]), truth[items])
        assert all(len(set(page)) == 6 for page in items)
        step(simulator, [0, 1, 2])
    assert (catalogue.look[items] == 0).any()  # some of them without a picture


@pytest.mark.parametrize(
    ("candidates", "size", "tiles"),
    [(10, 32, (2, 5)), (12, 32, (3, 4)), (7, 32, (2, 4)), (7, 40, (1, 7)), (2, 32, (2, 2)), (9, 16, (3, 3))],
)
def test_contact_sheets_are_large_enough_and_black_where_nothing_is_shown(candidates, size, tiles):
    simulator = shop(candidates=candidates, picture_size=size, items=20)
    space = simulator.observation_space["candidate_image"]
    assert space.tiles == tiles
    assert min(space.shape[:2]) >= 36
    pictures = space.unflatten(simulator.observations["candidate_image"])[0]
    np.testing.assert_array_equal(
        pictures[:candidates],
        simulator.catalogue.pictures[simulator.catalogue.look[simulator.state.candidates[0]]],
    )
    assert not pictures[candidates:].any()


def test_every_item_comes_up_about_as_often():
    simulator = shop(2000, items=20, modalities=("user",))
    seen = np.bincount(simulator.state.candidates.ravel(), minlength=20)
    np.testing.assert_allclose(seen / 2000, 0.5, atol=0.06)
    first = np.bincount(simulator.state.candidates[:, 0], minlength=20)
    np.testing.assert_allclose(first / 2000, 0.05, atol=0.025)


def test_a_page_of_the_whole_catalogue_is_a_permutation():
    simulator = shop(20, items=12, candidates=12, modalities=("user",))
    assert all(sorted(page) == list(range(12)) for page in simulator.state.candidates)


def test_the_last_page_is_the_one_that_was_acted_on():
    simulator = shop(3)
    page = simulator.state.candidates.copy()
    np.testing.assert_array_equal(simulator.state.last_page, page)
    step(simulator)
    np.testing.assert_array_equal(simulator.state.last_page, page)
    assert not np.array_equal(simulator.state.candidates, page)


def test_only_items_on_sale_are_shown():
    simulator = shop(300, **EVERYTHING)
    days = set()
    for _ in range(12):
        for world in range(300):
            day = simulator.state.sessions["day"][world]
            assert _on_sale(simulator, day)[simulator.state.candidates[world]].all()
            days.add(day)
        step(simulator, [0, 1, 2])
    assert len(days) > 200


def test_what_is_on_sale_changes_with_the_day():
    simulator = shop(on_sale=0.5, churn=0.1, items=200)
    today = _on_sale(simulator, 40.0)
    assert today.sum() == pytest.approx(100, abs=1)
    tomorrow = _on_sale(simulator, 41.0)
    assert (tomorrow & ~today).sum() == pytest.approx(20, abs=1)
    assert (today & ~tomorrow).sum() == pytest.approx(20, abs=1)
    assert not (_on_sale(simulator, 45.0) & today).any()
    np.testing.assert_array_equal(_on_sale(simulator, 50.0), today)  # a turnover later


def test_nothing_changes_without_churn():
    simulator = shop(400, items=40, candidates=8, on_sale=0.5, churn=0.0, modalities=("user",))
    assert len(np.unique(simulator.state.candidates)) == 20


def test_new_items_have_no_rating_and_no_popularity():
    simulator = shop(new_share=0.3)
    names = simulator.catalogue.attribute_names
    rating, popularity, freshness = (names.index(name) for name in ("rating", "popularity", "freshness"))
    attributes = simulator.catalogue.attributes
    new = (attributes[:, rating] == 0) & (attributes[:, popularity] == 0)
    assert new.sum() >= 60
    assert (attributes[new, freshness] == 1.0).sum() >= 60


@settings(max_examples=25)
@given(
    st.sampled_from([12, 40, 97, 200]),
    st.floats(0.05, 1.0),
    st.floats(0.0, 1.0),
    st.integers(2, 20),
    st.integers(0, 1000),
)
def test_pages_hold_different_items_on_sale_whatever_the_settings(items, on_sale, churn, candidates, seed):
    candidates = min(candidates, int(items * on_sale))
    assume(candidates >= 2)
    simulator = shop(
        4,
        seed,
        task="boredom",
        items=items,
        on_sale=on_sale,
        churn=churn,
        candidates=candidates,
        slate_size=1,
    )
    for page, day in zip(simulator.state.candidates, simulator.state.sessions["day"], strict=True):
        assert len(set(page)) == candidates
        nearly = (_on_sale(simulator, day + shift)[page] for shift in (0.0, 1e-9, -1e-9))
        assert np.any(list(nearly), axis=0).all()


def test_without_a_page_there_is_nothing_to_see_of_candidates():
    simulator = shop(candidates=None)
    assert set(simulator.observations) == {"history_attributes", "history_feedback", "user"}
    assert simulator.state.candidates.shape == (1, 0)
    start(simulator, 3)
    step(simulator, 17)
    assert simulator.infos["slate"].tolist() == [[17]]


@pytest.mark.parametrize(("items", "on_sale"), [(2000, 0.05), (1000, 0.1), (100, 1.0)])
def test_a_page_can_hold_everything_on_sale(items, on_sale):
    simulator = shop(
        60, task="boredom", items=items, on_sale=on_sale, churn=0.02, candidates=100, slate_size=1
    )
    for page, day in zip(simulator.state.candidates, simulator.state.sessions["day"], strict=True):
        assert sorted(page) == np.flatnonzero(_on_sale(simulator, day)).tolist()
