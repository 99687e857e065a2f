"""From the values of single items to the best slate: the decomposition of SlateQ.

Ie et al., "SlateQ" (IJCAI 2019): where the user clicks at most one item, the value of a slate is
``Q(s, A) = sum_{i in A} P(i | s, A) q_i``, with q_i the value of item i once it is clicked.  Under the
multinomial logit and the proportional law ``P(i | s, A) = v_i / (v_0 + sum_{j in A} v_j)``.
"""

from __future__ import annotations

from itertools import combinations
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from mmenvs.recommender.policies.base import Values, top

Method = Literal["top", "greedy", "exhaustive"]
_MOST_SLATES = 100_000


def slate_value(weights: Values, values: Values, slates: NDArray[np.int64], no_click: Values) -> Values:
    """Return Q(s, A).

    Args:
        weights: Attraction v of each candidate, at least 0, shape (rows, candidates).
        values: q of each candidate, shape (rows, candidates).
        slates: Indices of candidates, shape (rows, slate_size).
        no_click: Attraction v_0 of clicking nothing, shape (rows,) or a number.

    Returns:
        Shape (rows,).
    """
    v = np.take_along_axis(weights, slates, axis=1)
    q = np.take_along_axis(values, slates, axis=1)
    return np.asarray((v * q).sum(axis=1) / (no_click + v.sum(axis=1)), np.float64)


def best_slate(
    weights: Values, values: Values, no_click: Values | float, size: int, method: Method = "greedy"
) -> NDArray[np.int64]:
    """Return the slates of highest value, by one of SlateQ's three ways of serving.

    Args:
        weights: Attraction v of each candidate, at least 0, shape (rows, candidates).
        values: q of each candidate, shape (rows, candidates).
        no_click: Attraction v_0 of clicking nothing, shape (rows,) or a number.
        size: Items on a slate.
        method: ``"top"`` takes the highest v q; ``"greedy"`` adds the item that raises Q most, again and
            again; ``"exhaustive"`` tries every set of candidates.

    Returns:
        Indices of candidates, shape (rows, size).

    Raises:
        ValueError: If the method is unknown, a slate is larger than the page, or there are too many slates
            to try.
    """
    rows, count = weights.shape
    if not 1 <= size <= count:
        raise ValueError(f"size={size} must be from 1 to the {count} candidates")
    empty = np.broadcast_to(np.asarray(no_click, np.float64), (rows,))
    if method == "top":
        return top(weights * values, size)
    if method == "greedy":
        return _greedy(weights, values, empty, size)
    if method != "exhaustive":
        raise ValueError(f"method={method!r} must be 'top', 'greedy' or 'exhaustive'")
    slates = np.array(list(combinations(range(count), size)), np.int64)
    if len(slates) * rows > _MOST_SLATES * 100:
        raise ValueError(f"size={size} of {count} candidates makes {len(slates)} slates: too many to try")
    v, q = weights[:, slates], values[:, slates]
    worth = (v * q).sum(axis=2) / (empty[:, None] + v.sum(axis=2))
    return np.asarray(slates[worth.argmax(axis=1)], np.int64)


def bootstrap_target(
    rewards: Values, discount: float, terminated: NDArray[np.bool_], chances: Values, values: Values
) -> Values:
    """Return the target of a clicked item's value, ``r + gamma sum_{j in A'} P(j | s', A') q_j(s')``.

    Args:
        rewards: Reward of the step in which the item was clicked, shape (rows,).
        discount: gamma, in [0, 1].
        terminated: Whether the episode ended there, shape (rows,).
        chances: Click probabilities on the next slate, shape (rows, slate_size).
        values: q of the items on the next slate, shape (rows, slate_size).
    """
    following = (chances * values).sum(axis=1)
    return np.asarray(rewards + discount * np.where(terminated, 0.0, following), np.float64)


def _greedy(weights: Values, values: Values, no_click: Values, size: int) -> NDArray[np.int64]:
    rows = np.arange(len(weights))
    slates = np.zeros((len(weights), size), np.int64)
    taken = np.zeros(weights.shape, bool)
    above, below = np.zeros(len(weights)), no_click.astype(np.float64)
    for place in range(size):
        worth = (above[:, None] + weights * values) / (below[:, None] + weights)
        chosen = np.where(taken, -np.inf, worth).argmax(axis=1)
        slates[:, place] = chosen
        taken[rows, chosen] = True
        above = above + (weights * values)[rows, chosen]
        below = below + weights[rows, chosen]
    return slates
