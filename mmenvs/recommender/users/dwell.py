"""How long a user stays with what was clicked."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mmenvs.core.kernels import inner_function
from mmenvs.core.knobs import check_knobs, knob
from mmenvs.core.random import normal, uniform
from mmenvs.recommender.users.choice import logistic

MIXTURE, FIXED, ENGAGEMENT = range(3)


class DwellLaw(NamedTuple):
    """A dwell law as kernels see it; the dataclasses below explain each number."""

    kind: int
    limit: float
    reference: float
    spread: float
    skip_mean: float
    skip_slope: float
    bait_mean: float
    bait_spread: float
    honest_mean: float
    honest_spread: float


@dataclass(frozen=True, kw_only=True)
class DwellMixture:
    """Quick skips and a skewed bulk, both censored at ``limit`` (a mixture as in EGMN, arXiv:2508.12665).

    With probability ``logistic(-skip_slope (v - reference))`` the item disappoints and the user turns away
    after an exponential time of mean ``skip_mean``; otherwise the time is log-normal with the median
    ``skip_mean + (limit - skip_mean) logistic(v - reference)``, so that staying lasts longer than skipping
    and a better item longer than a worse one.

    Attributes:
        limit: Time after which an item has been seen in full [s].
        reference: Score of an item that is worth as much as nothing [logit].
        spread: Standard deviation of the logarithm of the bulk.
        skip_mean: Mean time before a disappointed user turns away [s].
        skip_slope: How sharply disappointment depends on the score [1/logit].
    """

    limit: float = knob(60.0, 1.0, 86_400.0)
    reference: float = knob(0.25, -50.0, 50.0)
    spread: float = knob(0.5, 0.01, 5.0)
    skip_mean: float = knob(2.0, 0.01, 86_400.0)
    skip_slope: float = knob(1.5, 0.0, 100.0)

    def __post_init__(self) -> None:
        """Check every field."""
        check_knobs(self)
        if self.skip_mean > self.limit:
            raise ValueError(f"skip_mean={self.skip_mean} must be at most limit={self.limit}")

    def law(self) -> DwellLaw:
        """Return the law as kernels see it."""
        return _OFF._replace(
            kind=MIXTURE,
            limit=self.limit,
            reference=self.reference,
            spread=self.spread,
            skip_mean=self.skip_mean,
            skip_slope=self.skip_slope,
        )


@dataclass(frozen=True, kw_only=True)
class FixedLength:
    """Whatever is clicked is seen in full, as long as the budget lasts (RecSim's interest evolution).

    Attributes:
        limit: Length of every item, in the unit of the budget.
    """

    limit: float = knob(4.0, 0.01, 86_400.0)

    def __post_init__(self) -> None:
        """Check every field."""
        check_knobs(self)

    def law(self) -> DwellLaw:
        """Return the law as kernels see it."""
        return _OFF._replace(kind=FIXED, limit=self.limit)


@dataclass(frozen=True, kw_only=True)
class Engagement:
    """Log-normal engagement, ``log e ~ N(mood (b m_b + (1 - b) m_h), (b s_b + (1 - b) s_h)^2)``.

    RecSim's long-term satisfaction ("choc" and "kale"): items with bait b engage more now, but the mood
    that multiplies the mean suffers from them.

    Attributes:
        limit: Engagement that counts as full satisfaction.
        bait_mean: m_b, of items that are all bait.
        bait_spread: s_b.
        honest_mean: m_h, of honest items.
        honest_spread: s_h.
    """

    limit: float = knob(100.0, 0.01, 1e6)
    bait_mean: float = knob(5.0, -20.0, 20.0)
    bait_spread: float = knob(1.0, 0.0, 10.0)
    honest_mean: float = knob(4.0, -20.0, 20.0)
    honest_spread: float = knob(1.0, 0.0, 10.0)

    def __post_init__(self) -> None:
        """Check every field."""
        check_knobs(self)

    def law(self) -> DwellLaw:
        """Return the law as kernels see it."""
        return _OFF._replace(
            kind=ENGAGEMENT,
            limit=self.limit,
            bait_mean=self.bait_mean,
            bait_spread=self.bait_spread,
            honest_mean=self.honest_mean,
            honest_spread=self.honest_spread,
        )


Dwell = DwellMixture | FixedLength | Engagement

_OFF = DwellLaw(
    kind=FIXED,
    limit=1.0,
    reference=0.0,
    spread=0.5,
    skip_mean=1.0,
    skip_slope=0.0,
    bait_mean=0.0,
    bait_spread=0.0,
    honest_mean=0.0,
    honest_spread=0.0,
)


@inner_function
def draw_dwell(
    law: DwellLaw,
    streams: NDArray[np.uint64],
    world: int,
    score: float,
    bait: float,
    mood: float,
    budget: float,
) -> float:
    """Draw the dwell time of one clicked item, in the law's unit; never more than the budget.

    Args:
        law: The law.
        streams: Random streams, shape (worlds,).
        world: Whose stream to use.
        score: True score v of the item [logit].
        bait: Its bait, in [0, 1].
        mood: The user's mood, in [0, 1].
        budget: What the user has left; a bad item above on the slate may have cost more than there was.
    """
    budget = max(budget, 0.0)
    if law.kind == MIXTURE:
        skips = uniform(streams, world) < logistic(-law.skip_slope * (score - law.reference))
        if skips:
            time = -law.skip_mean * math.log(1.0 - uniform(streams, world))
        else:
            time = _median_stay(law, score) * math.exp(law.spread * normal(streams, world))
        return min(time, law.limit, budget)
    if law.kind == ENGAGEMENT:
        mean = mood * (bait * law.bait_mean + (1.0 - bait) * law.honest_mean)
        spread = bait * law.bait_spread + (1.0 - bait) * law.honest_spread
        return min(math.exp(mean + spread * normal(streams, world)), budget)
    return min(law.limit, budget)


@inner_function
def expected_dwell(law: DwellLaw, score: float, bait: float, mood: float) -> float:
    """Return the mean of :func:`draw_dwell` in closed form, for users without a budget."""
    if law.kind == MIXTURE:
        skip = logistic(-law.skip_slope * (score - law.reference))
        skipped = law.skip_mean * (1.0 - math.exp(-law.limit / law.skip_mean))
        mu = math.log(_median_stay(law, score))
        gap = (math.log(law.limit) - mu) / law.spread
        below = 0.5 * (1.0 + math.erf((gap - law.spread) / math.sqrt(2.0)))
        beyond = 0.5 * (1.0 - math.erf(gap / math.sqrt(2.0)))
        stayed = math.exp(mu + 0.5 * law.spread * law.spread) * below + law.limit * beyond
        return skip * skipped + (1.0 - skip) * stayed
    if law.kind == ENGAGEMENT:
        mean = mood * (bait * law.bait_mean + (1.0 - bait) * law.honest_mean)
        spread = bait * law.bait_spread + (1.0 - bait) * law.honest_spread
        return math.exp(mean + 0.5 * spread * spread)
    return law.limit


@inner_function
def _median_stay(law: DwellLaw, score: float) -> float:
    return law.skip_mean + (law.limit - law.skip_mean) * logistic(score - law.reference)
