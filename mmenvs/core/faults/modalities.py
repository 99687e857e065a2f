"""Modality dropout: whole sensors that are missing at random, and the word that they are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from gymnasium import spaces as gym_spaces
from numpy.typing import NDArray

from mmenvs import spaces
from mmenvs.core.faults.effect import code_of
from mmenvs.core.faults.sensor import Sensor, form_of
from mmenvs.core.random import derive_seeds

#: How often :class:`ModalityBank` draws anew what is missing.
PERIODS = ("episode", "step")
#: Key of the observation that says which modalities are there.
VALIDITY = "validity"

_MODALITY_STREAM = np.uint64(0x6D6F64616C)
_TO_UNIT = 1.0 / (1 << 53)


class ModalityBank:
    """Drops keys of the observations of ``num_worlds`` worlds, each on its own.

    A dropped key reads as nothing: see ``blackout`` in :data:`~mmenvs.core.faults.fault.MEANINGS`.  It is
    used like a :class:`~mmenvs.core.faults.bank.FaultBank`.

    Attributes:
        names: The keys that can be dropped, in the order of :attr:`validity`.
        keys: The keys that :meth:`apply` writes.
        validity: 1 where a key is there, 0 where it is dropped, shape (num_worlds, len(names)).
        space: Observation space of one world afterwards.
    """

    def __init__(
        self,
        space: gym_spaces.Dict,
        rate: float,
        num_worlds: int,
        *,
        keep_at_least: int = 1,
        validity: bool = True,
        every: str = "episode",
    ) -> None:
        """Prepare the values of missing readings.

        Args:
            space: Observation space of one world.
            rate: Chance that a key is dropped, in (0, 1].
            num_worlds: Number of worlds.
            keep_at_least: Keys that always stay; which ones is drawn.
            validity: Whether the observation gets a key ``"validity"``.
            every: ``"episode"`` or ``"step"``: how long a draw lasts.

        Raises:
            ValueError: Naming the argument, its value and what is allowed.
        """
        self.names = tuple(key for key, leaf in space.spaces.items() if form_of(leaf))
        if isinstance(rate, bool) or not isinstance(rate, int | float) or not 0.0 < rate <= 1.0:
            raise ValueError(f"rate={rate!r} must be a number above 0 and up to 1")
        if not hasattr(keep_at_least, "__index__") or not 0 <= keep_at_least <= len(self.names):
            raise ValueError(
                f"keep_at_least={keep_at_least!r} must be an integer from 0 to {len(self.names)}, the number "
                "of keys that can be dropped"
            )
        if every not in PERIODS:
            raise ValueError(f"every={every!r} must be one of {', '.join(map(repr, PERIODS))}")
        if validity and VALIDITY in space.spaces:
            raise ValueError(
                f"validity={validity!r} needs a free key: the observation has {VALIDITY!r} already"
            )
        self.num_worlds = num_worlds
        self.rate, self.keep_at_least, self.every = float(rate), int(keep_at_least), every
        self.validity = np.ones((num_worlds, len(self.names)), np.float32)
        self.keys = (*self.names, VALIDITY) if validity else self.names
        leaves: dict[str, gym_spaces.Space[Any]] = dict(space.spaces)
        if validity:
            leaves[VALIDITY] = spaces.Vector(
                len(self.names), low=0.0, high=1.0, unit="valid", names=self.names
            )
        self.space = gym_spaces.Dict(leaves)
        sensors = [Sensor(key, space[key]) for key in self.names]
        self._nothing = [s.nothing.astype(s.dtype).reshape(s.space.shape or ()) for s in sensors]
        self._codes = np.array([code_of(key) for key in self.names])
        self._seeds = np.zeros((num_worlds, len(self.names)), np.uint64)
        self._steps = np.zeros(num_worlds, np.uint64)

    def reset(self, worlds: NDArray[np.int64], seeds: NDArray[np.uint64]) -> None:
        """Start new episodes in some worlds.

        Args:
            worlds: Indices of the worlds, shape (k,).
            seeds: Seed of each episode, shape (k,).
        """
        base = derive_seeds(seeds, np.full_like(seeds, _MODALITY_STREAM))
        self._seeds[worlds] = derive_seeds(base[:, None], self._codes[None, :])
        self._steps[worlds] = 0

    def apply(self, observations: Mapping[str, NDArray[Any]], worlds: NDArray[np.int64]) -> None:
        """Drop keys from the newest observations of some worlds, in place, and write their validity.

        Args:
            observations: Key to array of shape (num_worlds, *space.shape); at least those of :attr:`keys`.
            worlds: Indices of the worlds that have a new observation, shape (k,).
        """
        period = self._steps[worlds] if self.every == "step" else np.zeros_like(self._steps[worlds])
        self._steps[worlds] += np.uint64(1)
        bits = derive_seeds(self._seeds[worlds], period[:, None]) >> np.uint64(11)
        draws = bits.astype(np.float64) * _TO_UNIT
        # Those that would be dropped last, were the rate higher, stay whatever it is.
        ranks = np.argsort(np.argsort(-draws, 1), 1)
        there = (draws >= self.rate) | (ranks < self.keep_at_least)
        self.validity[worlds] = there
        for column, key in enumerate(self.names):
            observations[key][worlds[~there[:, column]]] = self._nothing[column]
        if VALIDITY in self.keys:
            observations[VALIDITY][worlds] = there

    def infos(self) -> dict[str, NDArray[Any]]:
        """Return what infos say of each world."""
        return {"validity": self.validity}

    def close(self) -> None:
        """Do nothing: there are no threads."""
