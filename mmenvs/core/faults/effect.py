"""What all effects of faults share: the clock of the worlds, the draws, the copying of bytes."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mmenvs.core.arrays import ByteArray
from mmenvs.core.faults.sensor import Sensor
from mmenvs.core.kernels import fast_function
from mmenvs.core.parallel import WorldPool
from mmenvs.core.random import UIntArray

#: Index of the stream of what is drawn once per episode; the others are indexed by step.
EPISODE = 1 << 40


class Turn(NamedTuple):
    """Where each world is in its episode, and which faults are at work.

    Attributes:
        steps: Steps since the reset, whose observation is step 0, shape (worlds,).
        active: Whether a fault is at work, shape (worlds, faults).
        since: Step at which it last began, shape (worlds, faults).
    """

    steps: NDArray[np.int64]
    active: NDArray[np.bool_]
    since: NDArray[np.int64]


class Effect(ABC):
    """What one fault does to one sensor of all worlds.

    Attributes:
        kernel: The loop over worlds: ``kernel(begin, end, which, turn, fault, seeds, streams, view, *own)``,
            where ``fault`` is the column of the fault in ``turn``, ``seeds`` are the seeds of this fault and
            sensor in the running episodes, ``streams`` is room for one stream per world, both of shape
            (worlds,), ``view`` the readings of shape (worlds, size), and ``own`` is :attr:`arguments`.
        arguments: What the kernel takes besides.
        as_bytes: Whether ``view`` shows bytes, shape (worlds, size * itemsize), rather than numbers.
    """

    kernel: Any
    arguments: tuple[Any, ...]
    as_bytes: bool = True

    @abstractmethod
    def __init__(self, sensor: Sensor, severity: float, num_worlds: int) -> None:
        """Choose the kernel for a sensor and allocate what the effect remembers."""

    def restart(  # noqa: B027 - most effects prepare nothing
        self, pool: WorldPool, worlds: NDArray[np.int64], seeds: UIntArray, streams: UIntArray
    ) -> None:
        """Prepare new episodes of some worlds.

        Args:
            pool: Runs kernels.
            worlds: Indices of the worlds, shape (k,).
            seeds: As for :attr:`kernel`, already those of the new episodes.
            streams: As for :attr:`kernel`.
        """


def code_of(name: str) -> np.uint64:
    """Return a number that stands for a name in the derivation of seeds, the same on every machine."""
    return np.uint64(int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "little"))


def as_bytes(array: NDArray[Any]) -> ByteArray:
    """Return the bytes of a contiguous array of one axis."""
    return np.ascontiguousarray(array).view(np.uint8)


@fast_function
def copy_bytes(
    target: ByteArray,
    source: ByteArray,
) -> None:
    """Copy ``source`` to ``target``, which is as long."""
    for k in range(len(target)):
        target[k] = source[k]
