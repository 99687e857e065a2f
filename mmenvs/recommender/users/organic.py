"""What users look at by themselves, between recommendations."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mmenvs.core.kernels import inner_function
from mmenvs.core.knobs import check_knobs, knob
from mmenvs.core.random import uniform
from mmenvs.recommender.arrays import Records
from mmenvs.recommender.users.taste import utility

BROWSING, OPEN_TO_OFFERS, GONE = range(3)


class OrganicLaw(NamedTuple):
    """The law of organic views as kernels see it."""

    on: bool
    to_offers: float
    to_browsing: float
    leave: float


@dataclass(frozen=True, kw_only=True)
class Organic:
    """A chain between browsing, being open to offers, and gone (RecoGym, Rohde et al., 2018).

    While browsing the user views items with probability ``softmax(taste . traits + bias)``.  After a click
    on an offer the user always browses.

    Attributes:
        to_offers: Probability of turning from browsing to offers after a view.
        to_browsing: Probability of turning from offers to browsing after an offer.
        leave: Probability of leaving after either.
    """

    to_offers: float = knob(0.25, 0.001, 1.0)
    to_browsing: float = knob(0.05, 0.0, 1.0)
    leave: float = knob(0.01, 0.0, 0.999)

    def __post_init__(self) -> None:
        """Check every field."""
        check_knobs(self)
        for name in ("to_offers", "to_browsing"):
            if getattr(self, name) + self.leave > 1.0:
                raise ValueError(
                    f"{name}={getattr(self, name)} and leave={self.leave} must not sum to over 1"
                )

    def law(self) -> OrganicLaw:
        """Return the law as kernels see it."""
        return OrganicLaw(True, self.to_offers, self.to_browsing, self.leave)


#: Nobody looks at anything by themselves.
NO_ORGANIC = OrganicLaw(False, 1.0, 0.0, 0.0)


@inner_function
def next_phase(law: OrganicLaw, phase: int, streams: NDArray[np.uint64], world: int) -> int:
    """Return what the user does next, one of browsing, open to offers, gone."""
    draw = uniform(streams, world)
    if draw < law.leave:
        return GONE
    if phase == BROWSING:
        return OPEN_TO_OFFERS if draw < law.leave + law.to_offers else BROWSING
    return BROWSING if draw < law.leave + law.to_browsing else OPEN_TO_OFFERS


@inner_function
def draw_view(
    taste: NDArray[np.float64],
    traits: NDArray[np.float64],
    facts: Records,
    streams: NDArray[np.uint64],
    world: int,
) -> int:
    """Draw which item a browsing user views, by the softmax of all scores."""
    highest = -1e300
    for item in range(traits.shape[0]):
        highest = max(highest, utility(taste, world, traits, item) + facts[item].bias)
    total = 0.0
    for item in range(traits.shape[0]):
        total += math.exp(utility(taste, world, traits, item) + facts[item].bias - highest)
    left = uniform(streams, world) * total
    for item in range(traits.shape[0]):
        left -= math.exp(utility(taste, world, traits, item) + facts[item].bias - highest)
        if left < 0.0:
            return item
    return len(traits) - 1
