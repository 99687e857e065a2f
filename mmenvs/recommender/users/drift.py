"""How what is shown changes what a user likes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mmenvs.core.kernels import inner_function
from mmenvs.core.knobs import check_knobs, knob
from mmenvs.core.random import normal, uniform

NONE, REINFORCE, ATTRACT, WALK = range(4)


class DriftLaw(NamedTuple):
    """A drift law as kernels see it; the dataclasses below explain each number."""

    kind: int
    rate: float


@dataclass(frozen=True, kw_only=True)
class Reinforcement:
    """A click moves the interest in its topics to or from it, with step ``rate (1 - |u|)`` (RecSim).

    ``u <- clip(u +- rate (1 - |u|) x (x - u), -1, 1)`` for the clicked item's traits x, "+" with
    probability ``x . (u + 1) / 2``: what is liked grows on people, what is not repels them further.

    Attributes:
        rate: Step of an interest of zero.
    """

    rate: float = knob(0.3, 0.0, 1.0)

    def __post_init__(self) -> None:
        """Check every field."""
        check_knobs(self)

    def law(self) -> DriftLaw:
        """Return the law as kernels see it."""
        return DriftLaw(REINFORCE, self.rate)


@dataclass(frozen=True, kw_only=True)
class Attraction:
    """Clicks pull tastes towards what was clicked, ``u <- |u| n((1 - rate) u + rate |u| x)``, n(y) = y / |y|.

    x is the mean of the step's clicked items in units of the largest item.  SARDINE states this rule but
    averages over topics too, which adds one number to every taste and blurs users instead.

    Attributes:
        rate: Weight of a step with clicks; SARDINE's omega is ``1 - rate``.
    """

    rate: float = knob(0.05, 0.0, 1.0)

    def __post_init__(self) -> None:
        """Check every field."""
        check_knobs(self)

    def law(self) -> DriftLaw:
        """Return the law as kernels see it."""
        return DriftLaw(ATTRACT, self.rate)


@dataclass(frozen=True, kw_only=True)
class RandomWalk:
    """Tastes walk by themselves, ``u <- u + N(0, rate^2)``, at each organic event (RecoGym), else each step.

    Attributes:
        rate: Standard deviation of a step.
    """

    rate: float = knob(0.1, 0.0, 10.0)

    def __post_init__(self) -> None:
        """Check every field."""
        check_knobs(self)

    def law(self) -> DriftLaw:
        """Return the law as kernels see it."""
        return DriftLaw(WALK, self.rate)


Drift = Reinforcement | Attraction | RandomWalk

#: Tastes stay as they are.
NO_DRIFT = DriftLaw(NONE, 0.0)


@inner_function
def reinforce(
    law: DriftLaw,
    taste: NDArray[np.float64],
    traits: NDArray[np.float64],
    item: int,
    size: int,
    streams: NDArray[np.uint64],
    world: int,
) -> None:
    """Apply :class:`Reinforcement` for one clicked item to the first ``size`` tastes."""
    if law.kind != REINFORCE:
        return
    chance = 0.0
    for f in range(size):
        chance += 0.5 * (taste[world, f] + 1.0) * traits[item, f]
    sign = 1.0 if uniform(streams, world) < chance else -1.0
    for f in range(size):
        u, x = taste[world, f], traits[item, f]
        moved = u + sign * law.rate * (1.0 - abs(u)) * x * (x - u)
        taste[world, f] = min(max(moved, -1.0), 1.0)


@inner_function
def attract(
    law: DriftLaw,
    taste: NDArray[np.float64],
    mean: NDArray[np.float64],
    longest: float,
    size: int,
    world: int,
) -> None:
    """Apply :class:`Attraction` to the first ``size`` tastes.

    Args:
        law: The law.
        taste: Tastes, shape (worlds, traits).
        mean: Sum of the clicked items' traits, shape (worlds, traits).
        longest: What makes it a mean in units of the longest item: clicks times its length.
        size: Tastes that drift.
        world: The user's row.
    """
    length = 0.0
    for f in range(size):
        length += taste[world, f] * taste[world, f]
    length = math.sqrt(length)
    if length <= 0.0:
        return
    after = 0.0
    for f in range(size):
        moved = (1.0 - law.rate) * taste[world, f] + law.rate * length * mean[world, f] / longest
        taste[world, f] = moved
        after += moved * moved
    after = math.sqrt(after)
    if after > 0.0:
        for f in range(size):
            taste[world, f] *= length / after


@inner_function
def walk(
    law: DriftLaw, taste: NDArray[np.float64], size: int, streams: NDArray[np.uint64], world: int
) -> None:
    """Apply one step of :class:`RandomWalk` to the first ``size`` tastes."""
    if law.kind == WALK:
        for f in range(size):
            taste[world, f] += law.rate * normal(streams, world)
