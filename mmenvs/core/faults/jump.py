"""Jump: positions that are off by a constant, as after a satellite receiver has lost and found its fix."""

from __future__ import annotations

import math

import numpy as np

from mmenvs.core.arrays import FloatArray, IntArray
from mmenvs.core.faults.effect import Effect, Turn
from mmenvs.core.faults.sensor import Sensor
from mmenvs.core.kernels import kernel
from mmenvs.core.random import UIntArray, derive, next_integer, uniform_between

_AXES = ("x", "y", "z")
_POSITIONS = (*_AXES, "position", "offset", "station", "distance", "latitude", "longitude", "altitude")


class Jump(Effect):
    """Numbers that are positions are offset while the fault lasts.

    A number is a position if a word of its name says so (``lateral_offset``, ``waypoint_2_x``); where no name
    does, all numbers are.  Numbers of the same axis (x, y, z) move together, as way-points do when the car
    believes itself elsewhere.
    """

    as_bytes = False

    def __init__(self, sensor: Sensor, severity: float, num_worlds: int) -> None:
        """See :class:`~mmenvs.core.faults.effect.Effect`; offsets reach ``severity / 4`` of the range."""
        largest = severity / 4 * sensor.span
        group = np.arange(sensor.size)
        if len(sensor.names) == sensor.size:
            words = [name.lower().split("_") for name in sensor.names]
            moved = np.array([any(word in _POSITIONS for word in name) for name in words])
            if moved.any():
                largest[~moved] = 0.0
            for axis in _AXES:
                along = [k for k, name in enumerate(words) if axis in name]
                group[along] = min(along, default=0)
        whole = sensor.work_dtype.kind in "iu"
        self.kernel = _displace
        self.arguments = (largest.astype(np.float32), group, sensor.low, sensor.high, whole)


@kernel
def _displace(
    begin: int,
    end: int,
    which: IntArray,
    turn: Turn,
    fault: int,
    seeds: UIntArray,
    streams: UIntArray,
    view: FloatArray,
    largest: FloatArray,
    group: IntArray,
    low: FloatArray,
    high: FloatArray,
    whole: bool,
) -> None:
    """Add to each number an offset that its group and the onset of the fault decide."""
    for position in range(begin, end):
        world = which[position]
        if not turn.active[world, fault]:
            continue
        onset = derive(seeds[world], turn.since[world, fault])
        row = view[world]
        for k in range(len(row)):
            if largest[k] == 0.0:
                continue
            streams[world] = derive(onset, group[k])
            size = uniform_between(streams, world, 0.5, 1.0) * largest[k]
            if next_integer(streams, world) & np.uint64(1):
                size = -size
            value = row[k] + size
            if whole:
                value = math.floor(value + 0.5)
            if value <= low[k]:
                row[k] = low[k]
            elif value >= high[k]:
                row[k] = high[k]
            else:
                row[k] = value
