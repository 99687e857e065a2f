"""Which items of a slate a user clicks.

Every law answers two questions with the same formula: how likely each click is (for ceilings and
estimators), and which clicks happen (for the simulation).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mmenvs.core.kernels import device_function, inner_function
from mmenvs.core.knobs import check_knobs, knob, option
from mmenvs.core.random import uniform
from mmenvs.recommender.arrays import Records

#: Score of an empty place of a slate [logit]: nobody clicks it.
NOTHING = -1e30

LOGIT, PROPORTIONAL, CASCADE, POSITION = range(4)
EXPONENTIAL, LINEAR, LOGISTIC, NESTED = range(4)

_HIGHEST = 30.0  # logits above are as good as certain, and would overflow


class ChoiceLaw(NamedTuple):
    """A choice law as kernels see it; the dataclasses below explain each number."""

    kind: int
    form: int
    no_click: float
    minimum: float
    attention: float
    scale: float
    onward: float
    decay: float
    slope: float
    offset: float
    mixed: bool
    crowd: int
    crowd_penalty: float


@dataclass(frozen=True, kw_only=True)
class MultinomialLogit:
    """At most one click, ``P(i) = d^k_i e^{v_i} / (e^{v_0} + sum_j d^k_j e^{v_j})`` (McFadden, 1974).

    Attributes:
        no_click: Score v_0 of clicking nothing [logit].
        decay: d, the ratio of the odds of one place, the k-th from 0, to those of the place above it.
    """

    no_click: float = knob(0.25, -50.0, 50.0)
    decay: float = knob(1.0, 0.0, 1.0)

    def __post_init__(self) -> None:
        """Check every field."""
        check_knobs(self)

    def law(self) -> ChoiceLaw:
        """Return the law as kernels see it."""
        return _OFF._replace(kind=LOGIT, no_click=self.no_click, decay=self.decay)


@dataclass(frozen=True, kw_only=True)
class Proportional:
    """At most one click, ``P(i) = (v_i - m) / (v_0 - m + sum_j (v_j - m))``, RecSim's default.

    Ie et al., "RecSim: A configurable simulation platform for recommender systems", arXiv:1909.04847.

    Attributes:
        minimum: m, the lowest score there is; lower ones count as m.
        no_click: Score v_0 of clicking nothing.
    """

    minimum: float = knob(-1.0, -50.0, 50.0)
    no_click: float = knob(1.0, -50.0, 50.0)

    def __post_init__(self) -> None:
        """Check every field."""
        check_knobs(self)
        if self.no_click <= self.minimum:
            raise ValueError(f"no_click={self.no_click} must be above minimum={self.minimum}")

    def law(self) -> ChoiceLaw:
        """Return the law as kernels see it."""
        return _OFF._replace(kind=PROPORTIONAL, minimum=self.minimum, no_click=self.no_click)


@dataclass(frozen=True, kw_only=True)
class Cascade:
    """The user looks from the top down and clicks what is reached with ``attention * scale * g(v)``.

    The cascade of Craswell et al. (WSDM 2008) with RecSim's scales; ``onward`` above 0 makes it the
    dependent click model (Guo et al., WSDM 2009), in which several items may be clicked.

    Attributes:
        form: g: ``"exponential"`` e^v, ``"linear"`` v - m, or ``"logistic"`` 1 / (1 + e^-v).
        attention: Probability of looking closely at what is reached.
        scale: Factor that makes g a probability; products above 1 count as 1.
        minimum: m of the linear form.
        onward: Probability of looking on after a click.
    """

    form: str = option("exponential", "linear", "logistic")
    attention: float = knob(0.65, 0.0, 1.0)
    scale: float = knob(0.05, 0.0, 100.0)
    minimum: float = knob(-1.0, -50.0, 50.0)
    onward: float = knob(0.0, 0.0, 1.0)

    def __post_init__(self) -> None:
        """Check every field."""
        check_knobs(self)

    def law(self) -> ChoiceLaw:
        """Return the law as kernels see it."""
        return _OFF._replace(
            kind=CASCADE,
            form=("exponential", "linear", "logistic").index(self.form),
            attention=self.attention,
            scale=self.scale,
            minimum=self.minimum,
            onward=self.onward,
        )


@dataclass(frozen=True, kw_only=True)
class PositionBased:
    """Each item is clicked by itself with ``r(v_k) * theta_k``, ``theta_k = decay^k`` (Craswell et al.).

    ``mixed`` averages theta with its reverse, as for people who start at either end (SARDINE, Deffayet et
    al., 2024), whose penalty for crowded slates is here too.

    Attributes:
        link: r: ``"logistic"`` for ``1 / (1 + exp(-slope (v - offset)))``, or ``"nested"`` for RecoGym's
            ``s(5 s(2 s(0.3 v) - 2) - 6)`` with s the logistic function, about 2 % (Rohde et al., 2018).
        decay: Ratio of the attention that one position gets to that of the one before it.
        slope: Slope of the logistic link.
        offset: Score of half relevance.
        mixed: Whether half of the people read from the bottom.
        crowd: Items of one category from which a slate counts as crowded; 0 for never.
        crowd_penalty: What the relevance on a crowded slate is divided by.
    """

    link: str = option("logistic", "nested")
    decay: float = knob(0.85, 0.0, 1.0)
    slope: float = knob(1.0, 0.0, 1e4)
    offset: float = knob(0.0, -100.0, 100.0)
    mixed: bool = False
    crowd: int = knob(0, 0, 1_000)
    crowd_penalty: float = knob(1.0, 1.0, 1e6)

    def __post_init__(self) -> None:
        """Check every field."""
        check_knobs(self)

    def law(self) -> ChoiceLaw:
        """Return the law as kernels see it."""
        return _OFF._replace(
            kind=POSITION,
            form=NESTED if self.link == "nested" else LOGISTIC,
            decay=self.decay,
            slope=self.slope,
            offset=self.offset,
            mixed=self.mixed,
            crowd=self.crowd,
            crowd_penalty=self.crowd_penalty,
        )


Choice = MultinomialLogit | Proportional | Cascade | PositionBased

_OFF = ChoiceLaw(
    kind=LOGIT,
    form=LOGISTIC,
    no_click=0.0,
    minimum=0.0,
    attention=1.0,
    scale=1.0,
    onward=0.0,
    decay=1.0,
    slope=1.0,
    offset=0.0,
    mixed=False,
    crowd=0,
    crowd_penalty=1.0,
)


@inner_function
def logistic(x: float) -> float:
    """Return 1 / (1 + exp(-x)) without overflow."""
    if x >= 0.0:
        return 1.0 / (1.0 + math.exp(-x))
    grown = math.exp(x)
    return grown / (1.0 + grown)


@inner_function
def attention_at(law: ChoiceLaw, place: int, places: int) -> float:
    """Return the position-based law's theta of a place, counted from 0."""
    theta = law.decay**place
    if law.mixed:
        theta = 0.5 * (theta + law.decay ** (places - 1 - place))
    return theta


@inner_function
def relevance(law: ChoiceLaw, score: float) -> float:
    """Return how likely an item is to be clicked once it is looked at, for the laws with positions."""
    if score <= NOTHING:
        return 0.0
    if law.kind == POSITION:
        if law.form == NESTED:
            return logistic(5.0 * logistic(2.0 * logistic(0.3 * score) - 2.0) - 6.0)
        return logistic(law.slope * (score - law.offset))
    if law.form == EXPONENTIAL:
        grown = math.exp(min(score, 50.0))
    elif law.form == LINEAR:
        grown = max(score - law.minimum, 0.0)
    else:
        grown = logistic(score)
    return min(law.attention * law.scale * grown, 1.0)


@inner_function
def attraction(law: ChoiceLaw, promise: float) -> float:
    """Return v of an item where at most one is clicked, by which clicks are shared out; else its relevance.

    That of the multinomial logit is relative to clicking nothing.
    """
    if law.kind == LOGIT:
        return math.exp(min(promise - law.no_click, _HIGHEST))
    if law.kind == PROPORTIONAL:
        return max(promise - law.minimum, 0.0)
    return relevance(law, promise)


@device_function
def attraction_of_nothing(law: ChoiceLaw) -> float:
    """Return v of clicking nothing where at most one item is clicked, else 0."""
    if law.kind == LOGIT:
        return 1.0
    return law.no_click - law.minimum if law.kind == PROPORTIONAL else 0.0


@inner_function
def crowding(law: ChoiceLaw, most: int) -> float:
    """Return the factor on relevance of a slate of which ``most`` items share a category."""
    return 1.0 / law.crowd_penalty if law.crowd > 0 and most >= law.crowd else 1.0


@inner_function
def click_chances(law: ChoiceLaw, slate: Records, row: int, crowd_factor: float) -> None:
    """Write how likely each place of a slate is to be clicked.

    Args:
        law: The law.
        slate: :data:`~mmenvs.recommender.arrays.PLACE`, shape (rows, places); ``promise`` is read, which is
            :data:`NOTHING` for an empty place, and ``chance`` is written.
        row: Row of the slate.
        crowd_factor: See :func:`crowding`.
    """
    places = slate.shape[1]
    if law.kind == LOGIT:
        highest = law.no_click
        for k in range(places):
            highest = max(highest, slate[row, k].promise)
        total, attention = math.exp(law.no_click - highest), 1.0
        for k in range(places):
            # An empty place's weight is e to the power of minus infinity.
            slate[row, k].chance = math.exp(slate[row, k].promise - highest) * attention
            attention *= law.decay
            total += slate[row, k].chance
        for k in range(places):
            slate[row, k].chance /= total
    elif law.kind == PROPORTIONAL:
        total = law.no_click - law.minimum
        for k in range(places):
            slate[row, k].chance = max(slate[row, k].promise - law.minimum, 0.0)
            total += slate[row, k].chance
        for k in range(places):
            slate[row, k].chance /= total
    elif law.kind == CASCADE:
        reached = 1.0
        for k in range(places):
            taken = relevance(law, slate[row, k].promise)
            slate[row, k].chance = reached * taken
            reached *= 1.0 - taken + taken * law.onward
    else:
        for k in range(places):
            attention = attention_at(law, k, places)
            slate[row, k].chance = relevance(law, slate[row, k].promise) * crowd_factor * attention


@inner_function
def draw_clicks(law: ChoiceLaw, slate: Records, row: int, streams: NDArray[np.uint64], world: int) -> int:
    """Draw the clicks on a slate.

    Args:
        law: The law.
        slate: See :func:`click_chances`; ``chance`` is read, ``clicked`` is written.
        row: Row of the slate.
        streams: Random streams, shape (worlds,).
        world: Whose stream to use.

    Returns:
        How many items were clicked.
    """
    count = 0
    if law.kind == LOGIT or law.kind == PROPORTIONAL:
        left = uniform(streams, world)
        for k in range(slate.shape[1]):
            left -= slate[row, k].chance
            hit = left < 0.0 and count == 0
            slate[row, k].clicked = hit
            count += int(hit)
    elif law.kind == CASCADE:
        looking, reached = True, 1.0
        for k in range(slate.shape[1]):
            taken = slate[row, k].chance / reached if reached > 0.0 else 0.0
            hit = uniform(streams, world) < taken and looking
            onward = uniform(streams, world) < law.onward
            slate[row, k].clicked = hit
            if hit:
                count += 1
                looking = onward
            reached *= 1.0 - taken + taken * law.onward
    else:
        for k in range(slate.shape[1]):
            hit = uniform(streams, world) < slate[row, k].chance
            slate[row, k].clicked = hit
            count += int(hit)
    return count
