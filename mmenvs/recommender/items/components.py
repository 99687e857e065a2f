"""What items differ in, found from their features: leading components, and groups of similar items."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

_ITERATIONS = 50
_CHUNK = 8192


def whitened_components(
    features: NDArray[Any], count: int, known: NDArray[np.bool_] | None = None
) -> NDArray[np.float64]:
    """Return the leading principal components of features, each with mean 0 and variance 1.

    Args:
        features: Shape (items, features).
        count: How many at most; fewer where the features have fewer independent directions.
        known: Items to find the components from, shape (items,); None for all.

    Returns:
        Shape (items, components), strongest first; rows of items that are not known are zero.
    """
    rows = np.ones(len(features), np.bool_) if known is None else known
    found = np.zeros((len(features), 0))
    if not rows.any() or not features.shape[1]:
        return found
    centred = features[rows].astype(np.float64)
    centred -= centred.mean(axis=0)
    variance, directions = np.linalg.eigh(centred.T @ centred / len(centred))
    variance, directions = variance[::-1], directions[:, ::-1]
    # What is left beyond the rank is rounding error.
    kept = np.flatnonzero(variance > 1e-9 * max(float(variance.sum()), 1e-30))[:count]
    chosen = directions[:, kept]
    largest = np.abs(chosen).argmax(axis=0)
    chosen = chosen * np.where(chosen[largest, np.arange(len(kept))] < 0.0, -1.0, 1.0)
    found = np.zeros((len(features), len(kept)))
    found[rows] = centred @ chosen / np.sqrt(variance[kept])
    return found


def clusters(points: NDArray[Any], count: int, seed: int = 0) -> NDArray[np.int64]:
    """Group points by k-means, started from points far apart (k-means++, Arthur and Vassilvitskii 2007).

    Args:
        points: Shape (points, coordinates).
        count: How many groups at most; fewer if there are fewer different points.
        seed: Seed of the start.

    Returns:
        Group of each point, int64 of shape (points,), numbered without gaps by the group's first point.
    """
    data = points.astype(np.float64)
    rng = np.random.default_rng(seed)
    centres = [data[rng.integers(len(data))]]
    distance = ((data - centres[0]) ** 2).sum(axis=1)
    while len(centres) < count and distance.max() > 1e-12:
        centres.append(data[rng.choice(len(data), p=distance / distance.sum())])
        distance = np.minimum(distance, ((data - centres[-1]) ** 2).sum(axis=1))
    middle = np.stack(centres)
    group = _nearest(data, middle)
    for _ in range(_ITERATIONS):
        size = np.bincount(group, minlength=len(middle))
        for number in np.flatnonzero(size):
            middle[number] = data[group == number].mean(axis=0)
        moved = _nearest(data, middle)
        if np.array_equal(moved, group):
            break
        group = moved
    _, first, group = np.unique(group, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[group].astype(np.int64)


def _nearest(data: NDArray[np.float64], centres: NDArray[np.float64]) -> NDArray[np.int64]:
    nearest = np.zeros(len(data), np.int64)
    offset = (centres**2).sum(axis=1)
    for start in range(0, len(data), _CHUNK):
        part = slice(start, start + _CHUNK)
        nearest[part] = (offset - 2.0 * data[part] @ centres.T).argmin(axis=1)
    return nearest
