"""The functions of the user laws, callable from Python: the package compiles them without a wrapper.

Laws go in as the named tuples of their ``law()``; rows of worlds are arrays of one row.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np

from mmenvs.recommender.arrays import PLACE
from mmenvs.recommender.users import (
    boredom,
    budget,
    choice,
    drift,
    dwell,
    leaving,
    mood,
    organic,
    rating,
    taste,
)


def _callable(function: Any) -> Any:
    return numba.njit(error_model="numpy")(function.py_func)


boredom_penalty, grow_bored = map(_callable, (boredom.boredom_penalty, boredom.grow_bored))
fade, remember_click, count_window = map(
    _callable, (boredom.fade, boredom.remember_click, boredom.count_window)
)
spend = _callable(budget.spend)
logistic, relevance, crowding = map(_callable, (choice.logistic, choice.relevance, choice.crowding))
click_chances, draw_clicks = map(_callable, (choice.click_chances, choice.draw_clicks))
reinforce, attract, walk = map(_callable, (drift.reinforce, drift.attract, drift.walk))
draw_dwell, expected_dwell = map(_callable, (dwell.draw_dwell, dwell.expected_dwell))
leave_probability, draw_absence = map(_callable, (leaving.leave_probability, leaving.draw_absence))
next_mood, next_level = map(_callable, (mood.next_mood, mood.next_level))
next_phase, draw_view = map(_callable, (organic.next_phase, organic.draw_view))
draw_rating, expected_stars = map(_callable, (rating.draw_rating, rating.expected_stars))
utility, draw_taste, draw_profile = map(_callable, (taste.utility, taste.draw_taste, taste.draw_profile))
set_season, follow_taste = map(_callable, (taste.set_season, taste.follow_taste))


def stream(seed: int = 1) -> Any:
    """Return the random stream of one world."""
    return np.array([seed], np.uint64)


def slate_of(*promises: float) -> Any:
    """Return a slate that promises these scores [logit]."""
    slate = np.zeros((1, len(promises)), PLACE)
    slate["promise"] = promises
    return slate


def chances(law: Any, *promises: float, crowd_factor: float = 1.0) -> Any:
    """Return the probability of a click on each place of a slate."""
    slate = slate_of(*promises)
    click_chances(law.law(), slate, 0, crowd_factor)
    return slate["chance"][0]


def clicks(law: Any, promises: Any, draws: int, seed: int = 1) -> Any:
    """Draw the clicks on a slate again and again: bool of shape (draws, places)."""
    numbers, slate, streams = law.law(), slate_of(*promises), stream(seed)
    click_chances(numbers, slate, 0, 1.0)
    found = np.zeros((draws, len(promises)), bool)
    for draw in range(draws):
        count = draw_clicks(numbers, slate, 0, streams, 0)
        found[draw] = slate["clicked"][0]
        assert count == found[draw].sum()
    return found
