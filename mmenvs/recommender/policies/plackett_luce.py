"""Random rankings whose probabilities are known: the Plackett-Luce model (Luce, 1959; Plackett, 1975).

Items are drawn one after the other without replacement, each with the probability of its weight among those
that are left.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import combinations
from math import comb
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mmenvs.recommender.policies.base import Values, top

#: Sets of items that may stand above a place, up to which marginals are computed.
MOST_SETS = 20_000

_LOWEST = -600.0  # logits further below the highest would be weights of zero, and zero shares of zero
_CHUNK = 20_000_000  # numbers held at a time


def draw_rankings(logits: Values, places: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Draw the first places of rankings.

    Sorting by ``logit + Gumbel noise`` draws from Plackett-Luce (Yellott, 1977).

    Args:
        logits: Logarithms of the weights, shape (rows, items).
        places: How many places.
        rng: Source of randomness.

    Returns:
        Indices of items, shape (rows, places).
    """
    return top(_bounded(logits) + rng.gumbel(size=logits.shape), places)


def ranking_marginals(logits: Values, places: int) -> Values:
    """Return the probability of each item at each place, exactly.

    The place after a set S of items goes to item i with the probability ``w_i / sum_{j not in S} w_j``; the
    sets that may stand above a place are enumerated, with their probabilities in any order.

    Args:
        logits: Logarithms of the weights, shape (rows, items).
        places: How many places.

    Returns:
        Shape (rows, items, places); sums to 1 over items.

    Raises:
        ValueError: If there are more sets than :data:`MOST_SETS`.
    """
    rows, items = logits.shape
    if not 1 <= places <= items:
        raise ValueError(f"places={places} must be from 1 to the {items} items")
    sets = comb(items, places - 1)
    if sets > MOST_SETS:
        raise ValueError(
            f"places={places} of {items} items make {sets} sets above the last place, more than {MOST_SETS}: "
            "use shorter slates, fewer candidates, or the uniform or epsilon-greedy policy"
        )
    levels = _levels(items, places)
    result = np.empty((rows, items, places))
    step = max(1, _CHUNK // (sets * places + items))
    for first in range(0, rows, step):
        _fill(_bounded(logits[first : first + step]), levels, result[first : first + step])
    return result


def _fill(logits: Values, levels: tuple[_Level, ...], result: Values) -> None:
    weight = np.exp(logits)
    above = np.ones((len(weight), 1))  # probability that the sets of the level are what stands above
    for place, level in enumerate(levels):
        # What is left is summed, not subtracted from the total: next to a heavy item that is all rounding.
        left = weight @ level.outside.T
        share = above / left
        result[:, :, place] = weight * (share @ level.outside)
        if level.parents is not None:
            above = (share[:, level.parents] * weight[:, level.added]).sum(axis=2)


class _Level(NamedTuple):
    """The sets that may stand above one place.

    Attributes:
        outside: 1 where an item is not in the set, shape (sets, items).
        parents: For each set of the next level, the sets here from which one item makes it; shape
            (next sets, size); None for the last level.
        added: That item, same shape.
    """

    outside: Values
    parents: NDArray[np.int64] | None
    added: NDArray[np.int64] | None


@lru_cache(maxsize=8)
def _levels(items: int, places: int) -> tuple[_Level, ...]:
    levels = []
    for size in range(places):
        sets = list(combinations(range(items), size))
        outside = np.ones((len(sets), items))
        if size:
            outside[np.arange(len(sets))[:, None], np.array(sets)] = 0.0
        parents = added = None
        if size + 1 < places:
            row_of = {members: row for row, members in enumerate(sets)}
            grown = list(combinations(range(items), size + 1))
            parents = np.array(
                [[row_of[one[:k] + one[k + 1 :]] for k in range(size + 1)] for one in grown], np.int64
            )
            added = np.array(grown, np.int64)
        levels.append(_Level(outside, parents, added))
    return tuple(levels)


def _bounded(logits: Values) -> Values:
    highest = logits.max(axis=1, keepdims=True)
    return np.asarray(np.maximum(logits - highest, _LOWEST), np.float64)
