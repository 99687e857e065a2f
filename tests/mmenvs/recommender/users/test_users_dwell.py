"""How long users stay: draws, and their mean in closed form."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from law_calls import draw_dwell, expected_dwell, stream

from mmenvs.recommender.users import DwellMixture, Engagement, FixedLength

FOREVER = 1e300


def _draws(law, score=0.0, bait=0.0, mood=0.5, budget=FOREVER, count=20_000):
    numbers, streams = law.law(), stream(5)
    return np.array([draw_dwell(numbers, streams, 0, score, bait, mood, budget) for _ in range(count)])


def _mean(law, score=0.0, bait=0.0, mood=0.5):
    return expected_dwell(law.law(), score, bait, mood)


@pytest.mark.parametrize(
    "law",
    [DwellMixture(), DwellMixture(limit=30.0, spread=1.2, skip_mean=20.0, skip_slope=0.4, reference=-1.0)],
    ids=repr,
)
@pytest.mark.parametrize("score", [-3.0, 0.0, 1.5, 6.0])
def test_the_mean_of_the_mixture_is_what_draws_average_to(law, score):
    drawn = _draws(law, score)
    assert drawn.min() >= 0.0 and drawn.max() <= law.limit
    assert drawn.mean() == pytest.approx(_mean(law, score), abs=4 * drawn.std() / math.sqrt(drawn.size))


def test_the_mean_of_the_mixture_by_hand():
    # Slope 0 skips half the time; a tiny spread leaves the median: 2 s + 58 s / 2 = 31 s.
    law = DwellMixture(reference=0.0, spread=0.01, skip_slope=0.0)
    skipped = 2.0 * (1.0 - math.exp(-30.0))
    assert _mean(law) == pytest.approx(0.5 * skipped + 0.5 * 31.0, rel=1e-3)


@given(st.floats(-5, 5), st.floats(0.1, 3.0))
def test_better_items_are_looked_at_longer(score, more):
    assert _mean(DwellMixture(), score + more) > _mean(DwellMixture(), score)


def test_what_disappoints_is_left_after_an_exponential_time():
    drawn = _draws(DwellMixture(skip_mean=3.0), score=-60.0)
    assert drawn.mean() == pytest.approx(3.0, abs=0.1)
    assert drawn.std() == pytest.approx(3.0, abs=0.15)


@pytest.mark.parametrize(("bait", "mood"), [(0.0, 0.5), (1.0, 0.5), (0.3, 0.9)])
def test_engagement_is_log_normal_in_mood_and_bait(bait, mood):
    law = Engagement(bait_spread=0.5, honest_spread=0.8)
    logs = np.log(_draws(law, bait=bait, mood=mood, count=8000))
    middle, spread = mood * (5.0 * bait + 4.0 * (1.0 - bait)), 0.5 * bait + 0.8 * (1.0 - bait)
    assert logs.mean() == pytest.approx(middle, abs=4 * spread / math.sqrt(8000))
    assert logs.std() == pytest.approx(spread, rel=0.05)
    assert _mean(law, bait=bait, mood=mood) == pytest.approx(math.exp(middle + spread**2 / 2))


def test_fixed_items_are_seen_in_full():
    assert (_draws(FixedLength(limit=4.0), count=5) == 4.0).all()
    assert _mean(FixedLength(limit=4.0), score=-9.0) == 4.0


@pytest.mark.parametrize("law", [DwellMixture(), FixedLength(limit=4.0), Engagement()], ids=repr)
def test_nobody_stays_longer_than_the_budget(law):
    drawn = _draws(law, score=9.0, budget=1.5, count=200)
    assert drawn.max() == 1.5
    assert drawn.min() >= 0.0


@pytest.mark.parametrize("law", [DwellMixture(), FixedLength(limit=4.0), Engagement()], ids=repr)
def test_whoever_has_overspent_does_not_stay(law):
    assert (_draws(law, score=9.0, budget=-3.0, count=20) == 0.0).all()


def test_a_skip_is_no_longer_than_the_item():
    with pytest.raises(ValueError, match=r"skip_mean=90.0 must be at most limit=60.0"):
        DwellMixture(skip_mean=90.0)
