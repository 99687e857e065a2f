"""Which item of a slate a user clicks."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from mmenvs.core.kernels import device_function

#: What :func:`choose` returns when the user clicks nothing.
NO_CLICK = -1


@device_function
def logistic(x: float) -> float:
    """Return 1 / (1 + exp(-x)) without overflow."""
    if x >= 0.0:
        return 1.0 / (1.0 + math.exp(-x))
    grown = math.exp(x)
    return grown / (1.0 + grown)


@device_function
def click_probability(score: float, no_click: float) -> float:
    """Return the multinomial-logit probability of a click on a slate of one item.

    Args:
        score: Utility of the item [logit].
        no_click: Utility of clicking nothing [logit].
    """
    return logistic(score - no_click)


@device_function
def choose(scores: NDArray[np.float64], world: int, count: int, no_click: float, draw: float) -> int:
    """Draw a click by the multinomial logit ``P(i) = e^{v_i} / (e^{v_0} + sum_j e^{v_j})``.

    The choice model of McFadden (1974), as RecSim (Ie et al., 2019) uses it for slates.

    Args:
        scores: Utilities v [logit], shape (worlds, slate).
        world: Row of ``scores``.
        count: Items on the slate.
        no_click: Utility v_0 of clicking nothing [logit].
        draw: A uniform number in [0, 1).

    Returns:
        Index of the clicked item, or :data:`NO_CLICK`.
    """
    highest = no_click
    for i in range(count):
        highest = max(highest, scores[world, i])
    total = math.exp(no_click - highest)
    for i in range(count):
        total += math.exp(scores[world, i] - highest)
    left = draw * total
    for i in range(count):
        left -= math.exp(scores[world, i] - highest)
        if left < 0.0:
            return i
    return NO_CLICK
