"""How many stars a user gives to what was clicked."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mmenvs.core.kernels import inner_function
from mmenvs.core.knobs import check_knobs, knob
from mmenvs.core.random import normal, uniform

MOST_STARS = 5


class RatingLaw(NamedTuple):
    """The law of rating as kernels see it."""

    on: bool
    probability: float
    extremity: float
    middle: float
    slope: float
    noise: float


@dataclass(frozen=True, kw_only=True)
class Rating:
    """Stars from 1 to 5, ``round(middle + slope v + N(0, noise^2))``, given to some of what is clicked.

    A click is rated with probability ``min(probability + extremity |stars - middle| / 2, 1)``: people rate
    what they love or hate more often than the rest, so ratings are missing, but not at random.

    Attributes:
        probability: How often an item of middling worth is rated.
        extremity: How much more often the best and the worst are.
        middle: Mean stars of an item that is worth as much as nothing.
        slope: Stars per unit of the true score [1/logit].
        noise: Standard deviation of the taste of the day [stars]; about 0.9 in MovieLens-100K.
    """

    probability: float = knob(0.2, 0.0, 1.0)
    extremity: float = knob(0.3, 0.0, 1.0)
    middle: float = knob(3.0, 1.0, 5.0)
    slope: float = knob(0.7, 0.0, 10.0)
    noise: float = knob(0.7, 0.0, 10.0)

    def __post_init__(self) -> None:
        """Check every field."""
        check_knobs(self)

    def law(self) -> RatingLaw:
        """Return the law as kernels see it."""
        return RatingLaw(True, self.probability, self.extremity, self.middle, self.slope, self.noise)


#: Nobody ever rates.
NO_RATING = RatingLaw(False, 0.0, 0.0, 3.0, 0.0, 0.0)


@inner_function
def draw_rating(law: RatingLaw, score: float, streams: NDArray[np.uint64], world: int) -> float:
    """Draw the stars that a clicked item of the true ``score`` gets, 1 to 5, or 0 for no rating."""
    if not law.on:
        return 0.0
    said = math.floor(law.middle + law.slope * score + law.noise * normal(streams, world) + 0.5)
    stars = min(max(said, 1.0), float(MOST_STARS))
    chance = law.probability + 0.5 * law.extremity * abs(stars - law.middle)
    return stars if uniform(streams, world) < chance else 0.0


@inner_function
def expected_stars(law: RatingLaw, score: float) -> float:
    """Return the mean of :func:`draw_rating`, counting no rating as 0."""
    if not law.on:
        return 0.0
    mean, total, below = law.middle + law.slope * score, 0.0, 0.0
    for stars in range(1, MOST_STARS + 1):
        upto = 1.0
        if stars < MOST_STARS:
            gap = (stars + 0.5 - mean) / (law.noise + 1e-12)
            upto = 0.5 * (1.0 + math.erf(gap / math.sqrt(2.0)))
        chance = min(law.probability + 0.5 * law.extremity * abs(stars - law.middle), 1.0)
        total += (upto - below) * chance * stars
        below = upto
    return total
