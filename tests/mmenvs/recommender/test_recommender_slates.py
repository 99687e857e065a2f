"""From actions to slates."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from shops import EAGER, shop, start, step

PROTO = {"task": "proto_recommender", "modalities": ("user",), "users": {"leaving": None}}


def _slates(simulator):
    return simulator.infos["slate"]


def _by_hand(page, choices, refill):
    slate = []
    for choice in choices:
        order = [*page[choice:], *page[:choice]]
        fresh = [item for item in order if item not in slate]
        slate.append(-1 if page[choice] in slate and not refill else fresh[0])
    return slate


def test_an_item_action_shows_that_candidate():
    simulator = shop(20)
    step(simulator, np.arange(20) % 10)
    np.testing.assert_array_equal(
        _slates(simulator)[:, 0], simulator.state.last_page[np.arange(20), np.arange(20) % 10]
    )


@pytest.mark.parametrize(("duplicates", "shown"), [("next", [2, 3, 9, 0]), ("empty", [2, None, 9, None])])
def test_a_second_place_is_given_to_the_next_candidate_or_to_none(duplicates, shown):
    simulator = shop(action="slate", slate_size=4, duplicates=duplicates)
    step(simulator, [2, 2, 9, 9])  # after the last candidate comes the first
    page = simulator.state.last_page[0]
    assert _slates(simulator)[0].tolist() == [-1 if k is None else page[k] for k in shown]


@pytest.fixture(scope="module", params=[(6, "next"), (6, "empty"), (None, "next"), (None, "empty")])
def free(request):
    candidates, duplicates = request.param
    size = {"candidates": candidates, "items": 7, "slate_size": 5}
    return shop(8, action="slate", duplicates=duplicates, modalities=("user",), **size)


@settings(max_examples=30)
@given(data=st.data())
def test_no_slate_shows_an_item_twice(free, data):
    count = free.config.candidates or 7
    actions = data.draw(arrays(np.int64, (8, 5), elements=st.integers(0, count - 1)))
    refill = free.config.duplicates == "next"
    step(free, actions)
    for world in range(8):
        page = free.state.last_page[world].tolist() or list(range(7))
        slate = _slates(free)[world].tolist()
        assert slate == _by_hand(page, actions[world].tolist(), refill)
        shown = [item for item in slate if item >= 0]
        assert len(set(shown)) == len(shown)
        assert len(shown) == 5 or not refill


def test_an_empty_place_is_never_clicked():
    simulator = shop(
        100, action="slate", slate_size=3, duplicates="empty", users={"choice": {"no_click": -50.0}}
    )
    step(simulator, [4, 4, 4])
    place = simulator.state.slate
    assert place["clicked"][:, 0].all() and not place["clicked"][:, 1:].any()
    np.testing.assert_allclose(place["chance"], [[1.0, 0.0, 0.0]] * 100)


@pytest.fixture(scope="module")
def weighted():
    return shop(6, action="weights", slate_size=4, modalities=("user",), users=EAGER)


@settings(max_examples=25)
@given(st.integers(0, 10_000))
def test_weights_rank_the_page_like_numpy(weighted, seed):
    start(weighted, seed, seed)
    rng = np.random.default_rng(seed)
    items, state = weighted.items, weighted.state
    for turn in range(3):
        page, history = state.candidates.copy(), state.history.copy()
        clicked = weighted.output.history_feedback[:, :, 1] > 0
        weights = rng.uniform(-1, 1, (6, 9)).astype(np.float32)
        step(weighted, weights)
        for world in range(6):
            past = history[world][clicked[world]]
            assert (past.size > 0) == (turn > 0)
            match = items.proto.T[page[world]].astype(float) @ items.proto[:, past].astype(float)
            values = items.attributes[page[world]].astype(float) @ weights[world, :-1].astype(float)
            values += weights[world, -1] * (match.mean(axis=1) if past.size else 0.0)
            shown = [page[world].tolist().index(item) for item in _slates(weighted)[world]]
            assert len(set(shown)) == 4
            np.testing.assert_allclose(values[shown], -np.sort(-values)[:4], atol=1e-5)


def _check_protos(simulator, points):
    step(simulator, points)
    rules, facts = simulator.rules, simulator.items.facts
    for world, day in enumerate(simulator.state.sessions["day"]):
        scores = simulator.items.proto.T.astype(float) @ points[world].astype(float)
        on_sale = (rules.churn * day - facts["arrival"]) % 1.0 < rules.on_sale
        scores[~on_sale] = -np.inf
        slate = _slates(simulator)[world]
        assert len(set(slate.tolist())) == slate.size
        np.testing.assert_allclose(scores[slate], -np.sort(-scores)[: slate.size], atol=1e-5)


@settings(max_examples=25)
@given(
    st.sampled_from([30, 511, 512, 513, 1500]),
    st.sampled_from([1, 7, 16]),
    st.floats(0.4, 1.0),
    st.integers(0, 10_000),
)
def test_protos_find_the_nearest_items_on_sale_like_numpy(items, slate_size, on_sale, seed):
    size = min(slate_size, int(items * on_sale))
    simulator = shop(5, seed, catalogue="topics", items=items, slate_size=size, on_sale=on_sale, **PROTO)
    _check_protos(simulator, np.random.default_rng(seed).uniform(-1, 1, (5, 16)).astype(np.float32))


@pytest.fixture(scope="module")
def small():
    return shop(items=64, slate_size=64, **PROTO)


@given(point=arrays(np.float32, 16, elements=st.floats(-1, 1, width=32)))
@settings(max_examples=30)
def test_any_point_sorts_the_whole_catalogue(small, point):
    _check_protos(small, point[None])


def test_of_equally_near_items_the_first_is_shown(small):
    step(small, np.zeros((1, 16)))
    assert _slates(small)[0].tolist() == list(range(64))


def test_proto_vectors_are_the_leading_components():
    simulator = shop(items=300, proto_size=5, **PROTO)
    vectors, known = simulator.items.proto, simulator.catalogue.embedding
    assert vectors.shape == (5, 300)
    spreads = vectors.std(axis=1)
    assert (np.diff(spreads) <= 1e-6).all() and spreads[-1] > 0
    whole = np.linalg.svd(known - known.mean(axis=0), compute_uv=False)
    np.testing.assert_allclose(spreads / spreads[0], whole[:5] / whole[0], rtol=1e-3)
    wide = shop(items=300, proto_size=256, **PROTO)
    lengths = np.linalg.norm(wide.items.proto, axis=0)
    assert lengths.mean() == pytest.approx(1.0, rel=1e-5)
    assert wide.items.proto.shape == (256, 300) and not wide.items.proto[-1].any()


def test_protos_may_show_more_than_a_page_and_shows_one_too():
    simulator = shop(action="proto", slate_size=12, candidates=4)
    assert simulator.observation_space["candidate_attributes"].structure[0] == 4
    step(simulator, np.ones(16))
    assert len(set(_slates(simulator)[0].tolist())) == 12


def test_strided_actions_mean_what_they_say():
    # The kernels are bound to contiguous arrays; a column of a matrix is not one.
    matrix = np.stack([np.arange(6) % 3, np.full(6, 9)], axis=1)
    simulator = shop(6)
    found = []
    for actions in (matrix[:, 0], np.ascontiguousarray(matrix[:, 0])):
        start(simulator)
        simulator.step(actions, np.ones(6, bool))
        found.append(_slates(simulator).copy())
    np.testing.assert_array_equal(*found)


@pytest.mark.parametrize("duplicates", ["next", "empty"])
def test_without_a_page_what_is_not_on_sale_is_not_shown(duplicates):
    simulator = shop(200, candidates=None, on_sale=0.5, churn=0.1, duplicates=duplicates)
    days, arrival = simulator.state.sessions["day"], simulator.items.facts["arrival"]
    step(simulator, np.arange(200))
    for world, (shown,) in enumerate(_slates(simulator)):
        on_sale = (0.1 * days[world] - arrival) % 1.0 < 0.5
        following = np.roll(on_sale, -world).argmax()
        wanted = (world + following) % 200 if duplicates == "next" or following == 0 else -1
        assert shown == wanted
    assert 60 < (_slates(simulator)[:, 0] == np.arange(200)).sum() < 140
