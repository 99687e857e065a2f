"""The user model, law by law, against cases worked out by hand."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmenvs.recommender.users.boredom import bored_score, grow_bored
from mmenvs.recommender.users.choice import NO_CLICK, choose, click_probability, logistic
from mmenvs.recommender.users.dwell import draw_dwell, expected_dwell
from mmenvs.recommender.users.leaving import leave_probability
from mmenvs.recommender.users.mood import next_mood
from mmenvs.recommender.users.taste import draw_profile, draw_taste, utility

DWELL = {"no_click": 0.25, "limit": 60.0, "spread": 0.5, "skip_mean": 2.0, "skip_slope": 1.5}


def test_multinomial_logit_divides_the_unit_interval_by_the_weights():
    # Weights 2, 1, 4 and 1 for nothing: shares 2/8, 1/8, 4/8 and 1/8.
    scores = np.log([[2.0, 1.0, 4.0]])
    draws = {0.0: 0, 0.24: 0, 0.26: 1, 0.37: 1, 0.38: 2, 0.87: 2, 0.88: NO_CLICK, 0.999: NO_CLICK}
    for draw, chosen in draws.items():
        assert choose(scores, 0, 3, 0.0, draw) == chosen


@given(st.floats(-700, 700), st.floats(-700, 700), st.floats(0, 0.999))
def test_a_slate_of_one_is_clicked_with_the_logistic_probability(score, no_click, draw):
    chance = click_probability(score, no_click)
    assert 0.0 <= chance <= 1.0
    if abs(draw - chance) > 1e-9:
        clicked = choose(np.array([[score]]), 0, 1, no_click, draw) == 0
        assert clicked == (draw < chance)


def test_logistic_by_hand():
    assert logistic(0.0) == 0.5
    assert logistic(math.log(3.0)) == pytest.approx(0.75)
    assert logistic(-math.log(3.0)) == pytest.approx(0.25)
    assert logistic(-1000.0) == 0.0


@pytest.mark.parametrize("score", [-3.0, 0.0, 1.5, 6.0])
def test_mean_dwell_is_what_dwell_times_average_to(score):
    streams = np.array([5], np.uint64)
    drawn = np.array([draw_dwell(streams, 0, score, *DWELL.values()) for _ in range(20_000)])
    assert drawn.min() >= 0.0 and drawn.max() <= 60.0
    error = drawn.std() / math.sqrt(drawn.size)
    assert drawn.mean() == pytest.approx(expected_dwell(score, *DWELL.values()), abs=4 * error)


def test_mean_dwell_by_hand():
    # Slope 0 skips half the time; a tiny spread leaves the median: 2 s + 58 s * logistic(0) = 31 s.
    half_skipped = expected_dwell(0.0, 0.0, 60.0, 0.01, 2.0, 0.0)
    skipped = 2.0 * (1.0 - math.exp(-30.0))
    assert half_skipped == pytest.approx(0.5 * skipped + 0.5 * 31.0, rel=1e-3)


@settings(max_examples=50)
@given(st.floats(-5, 5), st.floats(0.1, 3.0))
def test_better_items_are_looked_at_longer(score, more):
    assert expected_dwell(score + more, *DWELL.values()) > expected_dwell(score, *DWELL.values())


def test_dwell_consumes_as_much_randomness_whatever_happens():
    streams = np.full(2, 9, np.uint64)
    draw_dwell(streams, 0, -50.0, *DWELL.values())
    draw_dwell(streams, 1, 50.0, *DWELL.values())
    assert streams[0] == streams[1]


def test_boredom_begins_at_the_threshold_lasts_and_ends():
    exposure, bored = np.zeros((1, 2)), np.zeros((1, 2), np.int64)
    law = {"decay": 0.5, "threshold": 1.75, "steps": 2}
    # Clicks on department 0: exposure 1, 1.5, 1.75 and there it begins.
    assert grow_bored(exposure, bored, 0, 0, 1.0, *law.values()) == 0
    assert grow_bored(exposure, bored, 0, 0, 1.0, *law.values()) == 0
    assert exposure[0, 0] == 1.5
    assert grow_bored(exposure, bored, 0, 0, 1.0, *law.values()) == 1
    assert exposure[0].tolist() == [0.0, 0.0]
    assert bored[0].tolist() == [2, 0]
    assert grow_bored(exposure, bored, 0, 1, 0.0, *law.values()) == 1
    assert grow_bored(exposure, bored, 0, 1, 0.0, *law.values()) == 0
    assert bored_score(3.0, 1, 4.0) == -1.0
    assert bored_score(3.0, 0, 4.0) == 3.0


def test_alternating_departments_never_bores():
    exposure, bored = np.zeros((1, 4)), np.zeros((1, 4), np.int64)
    for step in range(200):
        assert grow_bored(exposure, bored, 0, step % 4, 1.0, 0.85, 3.0, 12) == 0


def test_mood_and_leaving_by_hand():
    assert next_mood(0.5, 1.0, 0.2) == pytest.approx(0.6)
    assert next_mood(0.5, 0.0, 0.2) == pytest.approx(0.4)
    assert leave_probability(0.5, 0, 0.0, 8.0, 1.5) == 0.5
    odds = math.exp(-6.0 + 8.0 * 0.25 + 1.5 * 2)
    assert leave_probability(0.25, 2, -6.0, 8.0, 1.5) == pytest.approx(odds / (1.0 + odds))


def test_profiles_are_tastes_plus_noise_scaled_into_range():
    mean = np.array([2.0, -2.0, 0.0])
    taste, profile = np.zeros((1, 3)), np.zeros((1, 3), np.float32)
    streams = np.array([3], np.uint64)
    draw_taste(taste, streams, 0, mean)
    draw_profile(profile, taste, streams, 0, 0.0)
    np.testing.assert_allclose(profile[0], np.clip(taste[0] / 3.0, -1, 1), rtol=1e-6)
    tastes = np.zeros((5000, 3))
    streams = np.arange(5000, dtype=np.uint64) * np.uint64(2**40)
    for world in range(5000):
        draw_taste(tastes, streams, world, mean)
    np.testing.assert_allclose(tastes.mean(0), mean, atol=0.06)
    np.testing.assert_allclose(tastes.std(0), 1.0, atol=0.04)


def test_utility_is_the_inner_product():
    taste, traits = np.array([[1.0, -2.0]]), np.array([[0.0, 0.0], [3.0, 0.5]])
    assert utility(taste, 0, traits, 1) == 2.0
