"""Frozen and latency: readings of the past."""

from __future__ import annotations

import numpy as np

from mmenvs.core.arrays import ByteArray, IntArray
from mmenvs.core.faults.effect import Effect, Turn, copy_bytes
from mmenvs.core.faults.sensor import Sensor
from mmenvs.core.kernels import kernel
from mmenvs.core.random import UIntArray

_LONGEST = 10  # delay at severity 1 [steps]


class Frozen(Effect):
    """The reading at the onset is repeated until the fault is over."""

    def __init__(self, sensor: Sensor, severity: float, num_worlds: int) -> None:
        """See :class:`~mmenvs.core.faults.effect.Effect`; ``severity`` does not matter."""
        self.kernel = _freeze
        self.arguments = (np.zeros((num_worlds, sensor.size * sensor.itemsize), np.uint8),)


class Latency(Effect):
    """Readings arrive late: ``max(1, round(10 * severity))`` steps after they were taken.

    Keeps that many readings of each world.
    """

    def __init__(self, sensor: Sensor, severity: float, num_worlds: int) -> None:
        """See :class:`~mmenvs.core.faults.effect.Effect`."""
        self.delay = max(1, round(_LONGEST * severity))
        self.kernel = _delay
        self.arguments = (np.zeros((num_worlds, self.delay, sensor.size * sensor.itemsize), np.uint8),)


@kernel
def _freeze(
    begin: int,
    end: int,
    which: IntArray,
    turn: Turn,
    fault: int,
    seeds: UIntArray,
    streams: UIntArray,
    view: ByteArray,
    held: ByteArray,
) -> None:
    for position in range(begin, end):
        world = which[position]
        if not turn.active[world, fault]:
            continue
        if turn.since[world, fault] == turn.steps[world]:
            copy_bytes(held[world], view[world])
        else:
            copy_bytes(view[world], held[world])


@kernel
def _delay(
    begin: int,
    end: int,
    which: IntArray,
    turn: Turn,
    fault: int,
    seeds: UIntArray,
    streams: UIntArray,
    view: ByteArray,
    ring: ByteArray,
) -> None:
    """Show the reading of ``ring.shape[1]`` steps ago, and keep the present one also when all is well."""
    length = ring.shape[1]
    for position in range(begin, end):
        world = which[position]
        step = turn.steps[world]
        present, kept = view[world], ring[world, step % length]
        if not turn.active[world, fault]:
            copy_bytes(kept, present)
        elif step < length:
            # The first reading stays in its slot until the one that is due takes its turn.
            copy_bytes(kept, present)
            copy_bytes(present, ring[world, 0])
        else:
            for k in range(len(present)):
                byte = present[k]
                present[k] = kept[k]
                kept[k] = byte
