"""The decomposition of SlateQ, by hand."""

import numpy as np
import pytest

from mmenvs.recommender.policies import best_slate, bootstrap_target, slate_value

# An item that is clicked by everybody and worth little, two that are worth much, and a bad one.
WEIGHTS, VALUES = np.array([[9.0, 2.0, 1.0, 1.0]]), np.array([[1.0, 4.0, 5.0, 0.5]])


def test_the_value_of_a_slate_by_hand():
    # (2 * 4 + 1 * 5) / (1 + 2 + 1), and (9 + 8) / (1 + 9 + 2).
    slates = np.array([[1, 2]]), np.array([[0, 1]])
    values = [float(slate_value(WEIGHTS, VALUES, slate, np.ones(1))[0]) for slate in slates]
    assert values == pytest.approx([13 / 4, 17 / 12])


def test_top_takes_the_clicked_and_the_others_the_best():
    assert best_slate(WEIGHTS, VALUES, 1.0, 2, "top").tolist() == [[0, 1]]
    assert best_slate(WEIGHTS, VALUES, 1.0, 2, "greedy").tolist() == [[1, 2]]
    assert sorted(best_slate(WEIGHTS, VALUES, 1.0, 2, "exhaustive")[0].tolist()) == [1, 2]


def test_more_effort_never_serves_worse():
    rng = np.random.default_rng(0)
    weights, values = rng.exponential(size=(200, 8)), rng.exponential(size=(200, 8))
    reached = [
        slate_value(weights, values, best_slate(weights, values, 1.0, 3, method), np.ones(200))
        for method in ("exhaustive", "greedy", "top")
    ]
    assert (reached[0] >= reached[1] - 1e-12).all() and (reached[0] >= reached[2] - 1e-12).all()
    assert reached[0].mean() >= reached[1].mean() > reached[2].mean()
    assert (reached[0] > reached[1] + 1e-9).any()  # adding one at a time is not always best


def test_the_bootstrap_target_by_hand():
    target = bootstrap_target(
        np.array([1.0, 2.0]), 0.5, np.array([False, True]), np.full((2, 2), 0.25), np.array([[4.0, 8.0]] * 2)
    )
    assert target.tolist() == [1.0 + 0.5 * 3.0, 2.0]


def test_wrong_slates_are_named():
    with pytest.raises(ValueError, match="size=5 must be from 1 to the 4 candidates"):
        best_slate(WEIGHTS, VALUES, 1.0, 5)
    with pytest.raises(ValueError, match="method='best'"):
        best_slate(WEIGHTS, VALUES, 1.0, 2, "best")
    with pytest.raises(ValueError, match="too many to try"):
        best_slate(np.ones((20_000, 16)), np.ones((20_000, 16)), 1.0, 6, "exhaustive")
