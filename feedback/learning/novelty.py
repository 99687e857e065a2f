r"""How new something is: the distance to its nearest neighbours among all that was seen.

The entropy of the states that an agent visits grows with the mean of :math:`\log \|s - s^{(k)}\|`, where
:math:`s^{(k)}` is the k-th nearest neighbour (Singh et al. 2003; as a reward, Lee et al. 2021,
arXiv:2106.05091).  Here it is :math:`\log(1 + \|s - s^{(k)}\|)` as in Liu and Abbeel (2021,
arXiv:2103.04551): that is never negative, so that no agent learns to end its episodes.

Distances need few numbers that are alike in size.  A vector counts as it is.  A picture, or anything else of
many numbers, goes through a fixed random projection, which keeps distances about as they are (Johnson and
Lindenstrauss 1984): nothing needs to be learned before there is anything to learn from.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray
from stable_baselines3.common.running_mean_std import RunningMeanStd

from feedback.clips import as_mapping

#: Numbers that are kept of one sensor.
_KEPT = 32
#: Distances that are held at a time; bounds the memory.
_AT_A_TIME = 2_000_000
#: Spread below which a number counts as one that does not change.
_STILL = 1e-6


class Novelty:
    """Rewards what is far from everything that was seen before.

    The numbers of each sensor are divided by their spread over what had been seen when a reward was first
    asked for, and by the root of how many there are, so that every sensor has the same say.
    """

    def __init__(self, space: spaces.Space[Any], capacity: int, *, neighbour: int = 5, seed: int = 0) -> None:
        """Begin with nothing seen.

        Args:
            space: Observation space of one world, a Dict or a leaf.
            capacity: Observations that are remembered; later ones take the place of the first.
            neighbour: Which neighbour counts.
            seed: Seed of the projections.
        """
        self._features = Features(space, seed)
        self._points = np.zeros((capacity, self._features.size), np.float32)
        self._place = self._count = 0
        self._neighbour = neighbour
        self._scale: NDArray[np.float32] | None = None
        self._spread = RunningMeanStd(shape=())

    def see(self, observations: Any) -> None:
        """Remember observations, an array or a mapping of arrays of shape (batch, *space.shape)."""
        points = self._features(observations)
        places = (self._place + np.arange(len(points))) % len(self._points)
        self._points[places] = points if self._scale is None else points * self._scale
        self._place = (self._place + len(points)) % len(self._points)
        self._count = min(self._count + len(points), len(self._points))

    def rewards(self, observations: Any) -> NDArray[np.float32]:
        """Return how new observations are among those seen, themselves included.

        Returns:
            Shape (batch,); divided by the standard deviation of all that was returned so far.

        Raises:
            ValueError: If nothing has been seen.
        """
        if not self._count:
            raise ValueError("nothing has been seen yet: call see() before rewards()")
        if self._scale is None:
            self._scale = self._features.weights(self._points[: self._count])
            self._points[: self._count] *= self._scale
        raw = log_distances(
            self._features(observations) * self._scale, self._points[: self._count], self._neighbour
        )
        self._spread.update(raw)
        return (raw / max(float(np.sqrt(self._spread.var)), 1e-6)).astype(np.float32)


class Features:
    """A few numbers for an observation.

    Attributes:
        size: How many.
    """

    def __init__(self, space: spaces.Space[Any], seed: int = 0) -> None:
        """Draw the projections for a Dict space or a leaf of one."""
        leaves: Mapping[str, spaces.Space[Any]] = (
            space.spaces if isinstance(space, spaces.Dict) else {"observation": space}
        )
        rng = np.random.default_rng(seed)
        self._leaves = dict(leaves)
        self._projections: dict[str, NDArray[np.float32]] = {}
        self._sizes: dict[str, int] = {}
        for key, leaf in self._leaves.items():
            size = int(leaf.n) if isinstance(leaf, spaces.Discrete) else int(np.prod(leaf.shape or ()))
            self._sizes[key] = min(size, _KEPT)
            if size > _KEPT:
                drawn = rng.normal(size=(size, _KEPT)) / np.sqrt(_KEPT)
                self._projections[key] = drawn.astype(np.float32)
        self.size = sum(self._sizes.values())

    def __call__(self, observations: Any) -> NDArray[np.float32]:
        """Return the numbers of a batch of observations, shape (batch, size)."""
        parts = []
        values = as_mapping(observations)
        for key, leaf in self._leaves.items():
            value = values[key]
            if isinstance(leaf, spaces.Discrete):
                flat = np.eye(int(leaf.n), dtype=np.float32)[value.reshape(-1).astype(np.int64) - leaf.start]
            else:
                flat = value.reshape(len(value), -1).astype(np.float32)
            parts.append(flat @ self._projections[key] if key in self._projections else flat)
        numbers: NDArray[np.float32] = np.concatenate(parts, 1)
        return numbers

    def weights(self, points: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return factors, shape (size,), after which every sensor of these points has the same say.

        What does not change among the points is left as it is, for it may later.
        """
        spread = points.std(0, dtype=np.float64)
        counts = np.concatenate([np.full(size, size) for size in self._sizes.values()])
        factors: NDArray[np.float64] = 1.0 / (np.where(spread > _STILL, spread, 1.0) * np.sqrt(counts))
        return factors.astype(np.float32)


def log_distances(
    points: NDArray[np.float32], among: NDArray[np.float32], neighbour: int
) -> NDArray[np.float64]:
    r"""Return :math:`\log(1 + d)` with d the Euclidean distance to the k-th nearest neighbour.

    Args:
        points: Shape (points, size); each is also in ``among``, and is no neighbour of itself.
        among: Shape (others, size).
        neighbour: k; the farthest counts where there are fewer.

    Returns:
        Shape (points,).
    """
    others = among.astype(np.float64)
    squares = (others**2).sum(1)
    place = min(neighbour, len(others) - 1)
    rows = max(_AT_A_TIME // len(others), 1)
    parts = []
    for begin in range(0, len(points), rows):
        piece = points[begin : begin + rows].astype(np.float64)
        gaps = (piece**2).sum(1)[:, None] + squares - 2.0 * piece @ others.T
        parts.append(np.partition(gaps, place, axis=1)[:, place])
    return np.asarray(np.log1p(np.sqrt(np.maximum(np.concatenate(parts), 0.0))))
