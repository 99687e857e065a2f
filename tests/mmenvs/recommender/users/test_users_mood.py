"""How content users are, and the budget that they spend."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from law_calls import next_level, next_mood, spend, stream

from mmenvs.recommender.users import Budget, NetExposure
from mmenvs.recommender.users.budget import NO_BUDGET


def test_the_moving_average_by_hand():
    assert next_mood(0.5, 1.0, 0.2) == pytest.approx(0.6)
    assert next_mood(0.5, 0.0, 0.2) == pytest.approx(0.4)


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1))
def test_a_mood_stays_between_what_it_was_and_what_happened(mood, satisfaction, rate):
    low, high = sorted((mood, satisfaction))
    assert low - 1e-12 <= next_mood(mood, satisfaction, rate) <= high + 1e-12


def test_net_exposure_grows_with_honest_items_and_shrinks_with_bait():
    law = NetExposure(noise=0.0).law()
    assert next_level(law, 2.0, 1.0, stream(), 0) == pytest.approx(0.7 * 2.0 - 1.0)
    assert next_level(law, 2.0, 0.0, stream(), 0) == pytest.approx(0.7 * 2.0 + 1.0)
    assert next_level(law, 2.0, 0.5, stream(), 0) == pytest.approx(0.7 * 2.0)


def test_net_exposure_is_noisy():
    law, streams = NetExposure(noise=0.3).law(), stream()
    drawn = np.array([next_level(law, 0.0, 0.5, streams, 0) for _ in range(4000)])
    assert drawn.mean() == pytest.approx(0.0, abs=4 * 0.3 / math.sqrt(4000))
    assert drawn.std() == pytest.approx(0.3, rel=0.05)


def test_good_items_give_budget_back_and_bad_ones_cost_more():
    law = Budget(refund=0.25).law()
    assert spend(law, 100.0, 4.0, 3.0) == 100.0 - 4.0 + 0.25 * 4.0 * 3.0
    assert spend(law, 100.0, 4.0, -3.0) == 100.0 - 4.0 - 0.25 * 4.0 * 3.0
    assert spend(Budget().law(), 100.0, 4.0, 3.4) == pytest.approx(100.0 - 0.1 * 4.0)  # RecSim's .9 / 3.4


def test_without_a_budget_nothing_is_spent():
    assert spend(NO_BUDGET, NO_BUDGET.start, 60.0, 0.0) == NO_BUDGET.start
