"""When users leave, and when they come back."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from law_calls import draw_absence, leave_probability, stream

from mmenvs.recommender.users import Leaving, Returning
from mmenvs.recommender.users.leaving import NO_LEAVING


def test_the_hazard_by_hand():
    law = Leaving(bias=-6.0, mood_weight=8.0, boredom_weight=1.5).law()
    odds = math.exp(-6.0 + 8.0 * 0.25 + 1.5 * 2)
    assert leave_probability(law, 0.25, 2) == pytest.approx(odds / (1.0 + odds))
    assert leave_probability(Leaving(bias=0.0).law(), 0.5, 0) == 0.5
    assert leave_probability(NO_LEAVING, 0.0, 9) == 0.0


@given(st.floats(0, 1), st.floats(0, 1), st.integers(0, 5))
def test_the_content_stay_and_the_bored_leave(mood, other, bored):
    law = Leaving().law()
    low, high = sorted((mood, other))
    assert leave_probability(law, high, bored) <= leave_probability(law, low, bored)
    assert leave_probability(law, mood, bored) < leave_probability(law, mood, bored + 1)


@pytest.mark.parametrize(("mood", "chance"), [(0.5, 0.4), (0.9, 0.72), (0.0, 0.001), (1.0, 0.8)])
def test_absences_are_a_truncated_geometric_law(mood, chance):
    law, streams, draws = Returning(), stream(), 6000
    numbers = law.law()
    found = np.array([draw_absence(numbers, mood, streams, 0) for _ in range(draws)])
    weights = chance * (1.0 - chance) ** np.arange(10)
    expected = weights / weights.sum()
    seen = np.bincount(found, minlength=10) / draws
    assert seen.size == 10
    assert (np.abs(seen - expected) <= 4.5 * np.sqrt(expected / draws)).all()


def test_whoever_cannot_stay_away_is_back_on_the_same_day():
    law, streams = Returning(longest=0).law(), stream()
    assert {draw_absence(law, mood, streams, 0) for mood in np.linspace(0, 1, 20)} == {0}


def test_a_better_mood_brings_users_back_sooner():
    numbers, streams = Returning().law(), stream()
    sad, glad = (
        np.mean([draw_absence(numbers, mood, streams, 0) for _ in range(800)]) for mood in (0.1, 0.9)
    )
    assert sad > glad + 2.0
