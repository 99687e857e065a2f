r"""Which of many possible questions to ask: what an ensemble of reward models does not know.

With :math:`P_m` the probability by member :math:`m` that the first segment of a pair is preferred:

=================  ==================================================================================
name               what is asked first
=================  ==================================================================================
``uniform``        any
``disagreement``   largest standard deviation of :math:`P_m` (Christiano et al. 2017, arXiv:1706.03741)
``entropy``        largest entropy of the mean, :math:`H(\bar P)`
``information``    largest :math:`H(\bar P) - \overline{H(P_m)}`: what the answer would tell of the model, and
                   not what is a coin for every member (Bıyık et al. 2019, arXiv:1910.04365)
``k_centre``       pairs that lie far from each other and from those asked before (greedy k-centre)
``hybrid``         k-centre among the pairs with the largest disagreement
=================  ==================================================================================
"""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

Acquisition = Literal["uniform", "disagreement", "entropy", "information", "k_centre", "hybrid"]
Floats = NDArray[np.floating]

#: From how many times more pairs than are wanted ``hybrid`` takes those that lie far apart.
_HYBRID = 4


def choose_pairs(
    method: Acquisition,
    count: int,
    first: Floats,
    second: Floats,
    rng: np.random.Generator,
    *,
    features: Floats | None = None,
    asked: Floats | None = None,
) -> NDArray[np.int64]:
    """Choose which pairs to ask about.

    Args:
        method: How; see the module.
        count: How many.
        first: Scores of the first segments by every member, shape (members, pairs).
        second: Scores of the second segments, likewise.
        rng: Breaks ties, and draws for ``uniform``.
        features: What pairs are told apart by, shape (pairs, features); the members' score differences by
            default.
        asked: The same of pairs that were asked before, shape (asked, features).

    Returns:
        Different indices of pairs, in the order in which to ask, shape (min(count, pairs),).

    Raises:
        ValueError: Naming the argument that does not fit.
    """
    if method not in get_args(Acquisition):
        raise ValueError(f"method={method!r} must be one of {list(get_args(Acquisition))}")
    if count < 1:
        raise ValueError(f"count={count} must be at least 1")
    if first.ndim != 2 or first.shape != second.shape:
        raise ValueError(
            f"first and second have shapes {first.shape} and {second.shape}; both must be (members, pairs)"
        )
    pairs = first.shape[1]
    count = min(count, pairs)
    order = rng.permutation(pairs)
    if method == "uniform":
        return order[:count]
    difference = np.asarray(first - second, np.float64)
    known = np.asarray(difference.T if features is None else features, np.float64)
    if len(known) != pairs:
        raise ValueError(f"features has {len(known)} rows, but there are {pairs} pairs")
    if method == "k_centre":
        return order[k_centre(known[order], count, asked)]
    worth = _worth(method, difference)[order]
    ranked = order[np.argsort(-worth, kind="stable")]
    if method != "hybrid":
        return ranked[:count]
    best = ranked[: _HYBRID * count]
    return best[k_centre(known[best], count, asked)]


def k_centre(points: Floats, count: int, centres: Floats | None = None) -> NDArray[np.int64]:
    """Choose points so that none is far from a chosen one (Gonzalez, 1985: at most twice the least radius).

    Args:
        points: Shape (points, features).
        count: How many to choose, at most as many as there are.
        centres: Points that are chosen already, shape (centres, features).

    Returns:
        Indices in the order of choice, shape (count,); without ``centres`` the first point comes first.
    """
    chosen: list[int] = []
    far = np.full(len(points), np.inf)
    for centre in () if centres is None else centres:
        far = np.minimum(far, ((points - centre) ** 2).sum(1))
    for _ in range(count):
        chosen.append(int(far.argmax()))
        far = np.minimum(far, ((points - points[chosen[-1]]) ** 2).sum(1))
        far[chosen] = -1.0
    return np.array(chosen, np.int64)


def _worth(method: str, difference: Floats) -> Floats:
    """Return how much an answer to each pair is worth, shape (pairs,)."""
    chance = 0.5 * (1.0 + np.tanh(0.5 * difference))  # the sigmoid, which does not overflow
    if method in ("disagreement", "hybrid"):
        return np.asarray(chance.std(0))
    mean_entropy = _entropy(chance.mean(0))
    return mean_entropy if method == "entropy" else mean_entropy - _entropy(chance).mean(0)


def _entropy(chance: Floats) -> Floats:
    """Return the entropy of a coin [nats]."""
    inside = np.clip(chance, 1e-12, 1.0 - 1e-12)
    return np.asarray(-inside * np.log(inside) - (1.0 - inside) * np.log1p(-inside))
