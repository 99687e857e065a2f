from __future__ import annotations

from typing import get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedback.acquisition import Acquisition, choose_pairs, k_centre

METHODS = get_args(Acquisition)


def chosen(method: str, differences: list[list[float]], count: int = 1, **given) -> list[int]:
    first = np.array(differences)
    rng = np.random.default_rng(0)
    return choose_pairs(method, count, first, np.zeros_like(first), rng, **given).tolist()


def test_each_method_has_its_own_first_question() -> None:
    # Members agree that: pair 0 is certain, 1 is a coin, 2 is disputed a little, 3 is disputed in full.
    differences = [[9.0, 0.0, 1.0, 4.0], [9.0, 0.0, -0.5, -4.0], [9.0, 0.0, 1.0, 4.0]]
    assert chosen("disagreement", differences) == [3]
    assert chosen("information", differences) == [3]
    assert chosen("entropy", differences) == [1]
    assert chosen("disagreement", differences, 4)[:2] == [3, 2]
    # A coin for every member has the most entropy, but its answer tells nothing.
    assert chosen("information", differences, 4)[-2:] in ([0, 1], [1, 0])


def test_k_centre_spreads_out_and_heeds_what_was_asked() -> None:
    points = np.array([[0.0], [0.1], [5.0], [9.0], [10.0]])
    assert k_centre(points, 3).tolist() == [0, 4, 2]
    assert k_centre(points, 1, np.array([[0.0], [10.0]])).tolist() == [2]
    assert sorted(k_centre(np.zeros((4, 2)), 4).tolist()) == [0, 1, 2, 3]


def test_hybrid_spreads_out_among_what_is_disputed() -> None:
    rng = np.random.default_rng(1)
    certain, disputed = np.full((2, 30), 9.0), np.array([[3.0] * 8, [-3.0] * 8])
    differences = np.concatenate((certain, disputed), 1)
    features = np.concatenate((rng.normal(size=(30, 1)) * 100, [[0.0]] * 4, [[1.0]] * 4))
    found = choose_pairs("hybrid", 2, differences, np.zeros_like(differences), rng, features=features)
    assert (found >= 30).all()
    assert sorted(features[found].ravel().tolist()) == [0.0, 1.0]


@given(
    st.sampled_from(METHODS),
    st.integers(1, 12),
    st.integers(1, 4),
    st.integers(1, 9),
    st.integers(0, 99),
)
def test_any_method_gives_different_pairs_and_repeats_itself(method, count, members, pairs, seed) -> None:
    scores = np.random.default_rng(seed).normal(size=(2, members, pairs)) * 5
    answers = [choose_pairs(method, count, *scores, np.random.default_rng(seed)) for _ in range(2)]
    np.testing.assert_array_equal(*answers)
    assert len(answers[0]) == len(set(answers[0].tolist())) == min(count, pairs)
    assert ((answers[0] >= 0) & (answers[0] < pairs)).all()


@given(st.sampled_from(["disagreement", "entropy", "information"]), st.integers(0, 99))
def test_the_order_within_a_pair_does_not_matter(method, seed) -> None:
    first, second = np.random.default_rng(seed).normal(size=(2, 3, 20))
    answers = [
        choose_pairs(method, 5, *sides, np.random.default_rng(seed)).tolist()
        for sides in ((first, second), (second, first))
    ]
    assert answers[0] == answers[1]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"method": "best"}, "method='best' must be one of"),
        ({"count": 0}, "count=0 must be at least 1"),
        ({"second": np.zeros((2, 3))}, r"have shapes \(2, 4\) and \(2, 3\)"),
        ({"features": np.zeros((3, 1))}, "features has 3 rows, but there are 4 pairs"),
    ],
)
def test_what_does_not_fit_is_named(change, words) -> None:
    arguments = {"method": "entropy", "count": 1, "first": np.zeros((2, 4)), "second": np.zeros((2, 4))}
    with pytest.raises(ValueError, match=words):
        choose_pairs(**(arguments | change), rng=np.random.default_rng(0))
