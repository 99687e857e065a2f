"""Which seed each episode of each world gets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmenvs.core.simulator import ANY_SCENARIO


class EpisodeSeeds:
    """Counts episodes: episode ``k`` of a world seeded with ``s`` always gets the same seed.

    That holds whether the episode began by autoreset or by a call of ``reset`` without a seed, which
    is what makes a world of a batch follow the single environment bit for bit.
    """

    def __init__(self, num_worlds: int) -> None:
        """Start with worlds that have no seed yet."""
        self.base = np.zeros(num_worlds, np.uint64)
        self.episode = np.zeros(num_worlds, np.uint64)
        self.seeded = False

    def seed(self, worlds: NDArray[np.int64], seeds: Sequence[int] | NDArray[Any]) -> None:
        """Give some worlds new base seeds and start their episode counts anew."""
        self.base[worlds] = np.asarray([int(s) & (2**64 - 1) for s in seeds], np.uint64)
        self.episode[worlds] = 0
        self.seeded = True

    def next(self, worlds: NDArray[np.int64]) -> NDArray[np.uint64]:
        """Return the seeds of the next episode of some worlds."""
        from mmenvs.core.random import derive_seeds

        seeds = derive_seeds(self.base[worlds], self.episode[worlds])
        self.episode[worlds] += np.uint64(1)
        return seeds


def check_options(options: dict[str, Any] | None, allowed: Sequence[str]) -> dict[str, Any]:
    """Return ``options`` as a dict.

    Raises:
        ValueError: If it holds a key that is not allowed.
    """
    known = dict(options or {})
    for key in known:
        if key not in allowed:
            raise ValueError(f"options[{key!r}] is unknown; allowed: {', '.join(map(repr, allowed))}")
    return known


def scenarios_from(options: dict[str, Any], count: int) -> NDArray[np.int64]:
    """Return ``options["scenario"]`` for ``count`` worlds, or :data:`ANY_SCENARIO`.

    Raises:
        ValueError: If it is neither an integer nor ``count`` integers, or if one is negative.
    """
    if "scenario" not in options:
        return np.full(count, ANY_SCENARIO, np.int64)
    given = np.asarray(options["scenario"])
    if given.dtype.kind not in "iu" or given.shape not in ((), (count,)) or (given < 0).any():
        raise ValueError(
            f"options['scenario']={options['scenario']!r} must be a non-negative integer"
            + ("" if count == 1 else f", or {count} of them")
        )
    return np.ascontiguousarray(np.broadcast_to(given, (count,)), np.int64)
