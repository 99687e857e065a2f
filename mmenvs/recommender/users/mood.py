"""How content a user is with what was shown so far."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mmenvs.core.kernels import inner_function
from mmenvs.core.knobs import check_knobs, knob
from mmenvs.core.random import normal, uniform
from mmenvs.recommender.arrays import Record
from mmenvs.recommender.users.choice import logistic

#: Mood at the start of a session of :class:`MovingAverage`.
INITIAL_MOOD = 0.5

AVERAGE, EXPOSURE = range(2)


class MoodLaw(NamedTuple):
    """A mood law as kernels see it; the dataclasses below explain each number."""

    kind: int
    rate: float
    memory: float
    noise: float
    sensitivity: float


@dataclass(frozen=True, kw_only=True)
class MovingAverage:
    """``mood <- (1 - rate) mood + rate satisfaction``, all in [0, 1].

    Attributes:
        rate: Weight of the latest step.
    """

    rate: float = knob(0.15, 0.0, 1.0)

    def __post_init__(self) -> None:
        """Check every field."""
        check_knobs(self)

    def law(self) -> MoodLaw:
        """Return the law as kernels see it."""
        return MoodLaw(AVERAGE, self.rate, 0.0, 0.0, 0.0)


@dataclass(frozen=True, kw_only=True)
class NetExposure:
    """``n <- memory n - 2 (bait - 1/2) + N(0, noise^2)`` at each click; mood is ``logistic(sensitivity n)``.

    The net positive exposure of RecSim's long-term satisfaction.  RecSim's own sensitivity of 0.01 leaves
    no dilemma, because even endless bait hardly hurts: that takes ``exp(-3.33 sensitivity) < 0.8``.

    Attributes:
        memory: How much of the exposure a step leaves.
        noise: Standard deviation of what else happens.
        sensitivity: How much exposure matters to the mood; at least 0.067 for the dilemma to exist.
    """

    memory: float = knob(0.7, 0.0, 0.999)
    noise: float = knob(0.05, 0.0, 10.0)
    sensitivity: float = knob(0.2, 0.0, 100.0)

    def __post_init__(self) -> None:
        """Check every field."""
        check_knobs(self)

    def law(self) -> MoodLaw:
        """Return the law as kernels see it."""
        return MoodLaw(EXPOSURE, 0.0, self.memory, self.noise, self.sensitivity)


Mood = MovingAverage | NetExposure


@inner_function
def first_mood(law: MoodLaw, session: Record, streams: NDArray[np.uint64], world: int) -> None:
    """Start a user's mood: 1/2, or an exposure drawn from ``U(-1/2, 1/2) / (1 - memory)``."""
    session.level = 0.0
    session.mood = INITIAL_MOOD
    if law.kind == EXPOSURE:
        session.level = (uniform(streams, world) - 0.5) / (1.0 - law.memory)
        session.mood = logistic(law.sensitivity * session.level)


@inner_function
def next_mood(mood: float, satisfaction: float, rate: float) -> float:
    """Return the moving average after a step."""
    return mood + rate * (satisfaction - mood)


@inner_function
def next_level(law: MoodLaw, level: float, bait: float, streams: NDArray[np.uint64], world: int) -> float:
    """Return the net exposure after a click on an item with this bait."""
    return law.memory * level - 2.0 * (bait - 0.5) + law.noise * normal(streams, world)
