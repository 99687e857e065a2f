from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedback.diagnostics.epic import (
    Steps,
    canonical,
    correlation,
    epic_distance,
    principal_features,
    sampled_distance,
)

STATES, ACTIONS = np.array([0.2, 0.3, 0.5]), np.array([0.6, 0.4])

seeds = st.integers(0, 2**32 - 1)


def tabular(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(3, 2, 3))


def shaped(reward: np.ndarray, seed: int, gamma: float, size: float) -> np.ndarray:
    potential = size * np.random.default_rng(seed).normal(size=3)
    return reward + gamma * potential[None, None, :] - potential[:, None, None]


@given(seeds, seeds, st.floats(0, 1), st.floats(-5, 5), st.floats(0.01, 100))
def test_scale_and_shaping_do_not_matter(seed, other, gamma, size, factor) -> None:
    reward = tabular(seed)
    equivalent = factor * shaped(reward, other, gamma, size)
    assert epic_distance(reward, equivalent, STATES, ACTIONS, gamma) == pytest.approx(0, abs=1e-9)
    np.testing.assert_allclose(
        canonical(shaped(reward, other, gamma, size), STATES, ACTIONS, gamma),
        canonical(reward, STATES, ACTIONS, gamma),
        atol=1e-9,
    )


@given(seeds, seeds, seeds, st.floats(0, 0.99))
def test_it_is_a_pseudometric(a, b, c, gamma) -> None:
    def between(x, y):
        return epic_distance(tabular(x), tabular(y), STATES, ACTIONS, gamma)

    assert 0 <= between(a, b) <= 1
    assert between(a, b) == pytest.approx(between(b, a))
    assert between(a, c) <= between(a, b) + between(b, c) + 1e-9
    assert epic_distance(tabular(a), -tabular(a), STATES, ACTIONS, gamma) == pytest.approx(1)


def test_the_canonical_form_by_hand() -> None:
    # One action, two states drawn alike, gamma 1/2, reward 4 for going from the first to the second.
    form = canonical([[[0.0, 4.0]], [[0.0, 0.0]]], [0.5, 0.5], [1.0], 0.5)
    # Mean from the first state 2, from the second 0, overall 1: R + half the next's - this one's - 1/2.
    np.testing.assert_allclose(form[:, 0, :], [[0 + 1 - 2 - 0.5, 4 + 0 - 2 - 0.5], [1 - 0.5, -0.5]])


def test_nothing_but_shaping_has_no_distance() -> None:
    nothing = shaped(np.zeros((3, 2, 3)), 0, 0.9, 1.0)
    assert math.isnan(epic_distance(nothing, tabular(1), STATES, ACTIONS, 0.9))


def clips(seed: int, count: int = 30, steps: int = 8) -> list[Steps]:
    rng = np.random.default_rng(seed)
    return [
        Steps(rng.normal(size=steps), rng.normal(size=steps), rng.normal(size=(steps, 2)), bool(k % 3 == 0))
        for k in range(count)
    ]


@given(seeds, st.floats(0.5, 1), st.floats(0.01, 100), st.floats(-5, 5))
def test_sampled_scale_and_shaping_do_not_matter_either(seed, gamma, factor, size) -> None:
    weights = size * np.array([1.0, 2.0])

    def equivalent(clip: Steps) -> Steps:
        # The last step of a clip that goes on leads to a state that is not in the clip.
        values = clip.features @ weights + 7
        following = np.r_[values[1:], 0.0 if clip.terminated else 123.0]
        return clip._replace(learned=factor * (clip.true + gamma * following - values))

    found = sampled_distance([equivalent(clip) for clip in clips(seed)], gamma=gamma, resamples=2)
    assert found.mean == pytest.approx(0, abs=1e-6)


def test_unrelated_and_opposite_rewards() -> None:
    assert sampled_distance(clips(0, 200)).mean == pytest.approx(math.sqrt(0.5), abs=0.05)
    opposite = [clip._replace(learned=-clip.true) for clip in clips(0)]
    assert sampled_distance(opposite).mean == pytest.approx(1)


def test_a_punished_end_is_as_good_as_a_rewarded_life() -> None:
    def lives(length: int) -> Steps:
        alive, ended = np.ones(length), np.zeros(length)
        alive[-1], ended[-1] = 0, -1
        return Steps(ended, alive, np.zeros((length, 0)), True)

    assert sampled_distance([lives(n) for n in range(2, 20)]).mean == pytest.approx(0, abs=1e-6)


def test_the_sampled_distance_is_near_the_exact_one_where_steps_are_drawn_as_epic_draws_them() -> None:
    rng = np.random.default_rng(0)
    true, learned = tabular(1), tabular(1) + 0.5 * tabular(2)
    drawn = []
    for _ in range(1500):
        state, action, following = rng.choice(3, p=STATES), rng.choice(2, p=ACTIONS), rng.choice(3, p=STATES)
        both = [np.array([reward[state, action, following], 0.0]) for reward in (learned, true)]
        drawn.append(Steps(*both, np.eye(3)[[state, following]], False))
    exact = epic_distance(learned, true, STATES, ACTIONS, 0.9)
    assert sampled_distance(drawn, gamma=0.9, resamples=20).mean == pytest.approx(exact, abs=0.04)


def test_too_little_to_say() -> None:
    assert math.isnan(sampled_distance(clips(0, 1, 4)).mean)
    with pytest.raises(ValueError, match=r"clips=\[\]"):
        sampled_distance([])
    with pytest.raises(ValueError, match="gamma=2"):
        sampled_distance(clips(0), gamma=2)


def test_bad_tables_are_named() -> None:
    with pytest.raises(ValueError, match=r"rewards has shape \(2, 2, 2\)"):
        canonical(np.zeros((2, 2, 2)), STATES, ACTIONS, 0.9)
    with pytest.raises(ValueError, match="actions must be probabilities"):
        canonical(np.zeros((3, 2, 3)), STATES, [0.5, 0.6], 0.9)


def test_correlations() -> None:
    x = np.arange(10.0)
    assert correlation(x, 3 * x + 2) == pytest.approx(1)
    assert correlation(x, -x) == pytest.approx(-1)
    y = np.random.default_rng(0).normal(size=10)
    assert correlation(x, y) == pytest.approx(np.corrcoef(x, y)[0, 1])
    assert math.isnan(correlation(x, np.full(10, 0.1)))
    assert math.isnan(correlation([1.0, 2.0], [1.0, 2.0]))


def test_principal_features_leave_out_what_is_constant() -> None:
    rng = np.random.default_rng(0)
    one = rng.normal(size=(40, 1))
    rows = np.hstack([one, 2 * one, np.full((40, 1), 5.0), rng.normal(size=(40, 1))])
    parts = principal_features([rows[:15], rows[15:]], count=3)
    assert [part.shape for part in parts] == [(15, 2), (25, 2)]
    np.testing.assert_allclose(np.concatenate(parts).std(0), 1)
