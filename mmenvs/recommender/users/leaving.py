"""When a user ends the session, and when they come back.

Simulators that fix the session's length, or draw it at the start, hide the cost of a bad policy; here what
was recommended decides how long the user stays.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mmenvs.core.kernels import inner_function
from mmenvs.core.knobs import check_knobs, knob
from mmenvs.core.random import uniform
from mmenvs.recommender.users.choice import logistic


class LeavingLaw(NamedTuple):
    """The law of leaving as kernels see it."""

    on: bool
    bias: float
    mood_weight: float
    boredom_weight: float
    penalty: float


class ReturningLaw(NamedTuple):
    """The law of returning as kernels see it."""

    on: bool
    base: float
    mood_weight: float
    longest: int
    horizon: int
    penalty: float


@dataclass(frozen=True, kw_only=True)
class Leaving:
    """A logistic hazard: log-odds ``bias + mood_weight (1/2 - mood) + boredom_weight bored`` in each step.

    Attributes:
        bias: Log-odds at mood 1/2, without boredom.
        mood_weight: What a bad mood adds, per unit of mood.
        boredom_weight: What each category that bores the user adds.
        penalty: Taken from the reward when the user leaves.
    """

    bias: float = knob(-6.0, -50.0, 50.0)
    mood_weight: float = knob(8.0, 0.0, 100.0)
    boredom_weight: float = knob(1.5, 0.0, 100.0)
    penalty: float = knob(1.0, 0.0, 1_000.0)

    def __post_init__(self) -> None:
        """Check every field."""
        check_knobs(self)

    def law(self) -> LeavingLaw:
        """Return the law as kernels see it."""
        return LeavingLaw(True, self.bias, self.mood_weight, self.boredom_weight, self.penalty)


@dataclass(frozen=True, kw_only=True)
class Returning:
    """Who has left comes back after d days, ``P(d) ~ p (1 - p)^d`` for d = 0 .. longest.

    ``p = clip(base + mood_weight (mood - 1/2), 0.001, 0.999)``.  The form is that of KuaiSim (Zhao et al.,
    2023), whose personal term comes from an untrained layer; here it is the mood that the visits left.
    An episode then spans several sessions, and ends when the next one would begin past the horizon.

    Attributes:
        base: p of a user in the mood 1/2.
        mood_weight: What a better mood adds, per unit of mood.
        longest: Longest absence [day].
        horizon: Days that the episode spans [day].
        penalty: Taken from the reward for each day of absence.
    """

    base: float = knob(0.4, 0.0, 1.0)
    mood_weight: float = knob(0.8, 0.0, 10.0)
    longest: int = knob(9, 0, 365)
    horizon: int = knob(30, 1, 3_650)
    penalty: float = knob(0.1, 0.0, 100.0)

    def __post_init__(self) -> None:
        """Check every field."""
        check_knobs(self)

    def law(self) -> ReturningLaw:
        """Return the law as kernels see it."""
        return ReturningLaw(True, self.base, self.mood_weight, self.longest, self.horizon, self.penalty)


#: Nobody ever leaves.
NO_LEAVING = LeavingLaw(False, 0.0, 0.0, 0.0, 0.0)

#: Nobody ever comes back.
NO_RETURNING = ReturningLaw(False, 0.0, 0.0, 0, 1, 0.0)


@inner_function
def leave_probability(law: LeavingLaw, mood: float, bored_categories: float) -> float:
    """Return the probability of leaving in a step.

    Args:
        law: The law.
        mood: The user's mood in [0, 1].
        bored_categories: How many categories bore the user.
    """
    if not law.on:
        return 0.0
    return logistic(law.bias + law.mood_weight * (0.5 - mood) + law.boredom_weight * bored_categories)


@inner_function
def draw_absence(law: ReturningLaw, mood: float, streams: NDArray[np.uint64], world: int) -> int:
    """Draw for how many days a user stays away, from 0 to ``longest``."""
    chance = min(max(law.base + law.mood_weight * (mood - 0.5), 0.001), 0.999)
    # The weights p (1 - p)^d up to the longest sum to 1 - (1 - p)^(longest + 1).
    left = uniform(streams, world) * (1.0 - (1.0 - chance) ** (law.longest + 1))
    weight = chance
    for day in range(law.longest):
        left -= weight
        if left < 0.0:
            return day
        weight *= 1.0 - chance
    return law.longest
