"""Noise: numbers that are a little, or entirely, wrong.

Drawing a normal number for every byte of a picture would take longer than painting the picture.  So the
noise is cut out of one table of normal numbers, at a place that is drawn anew for every 256 values, step and
world: each value is normally distributed, and two pictures practically never get the same noise.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from mmenvs.core.arrays import FloatArray, IntArray
from mmenvs.core.faults.effect import Effect, Turn
from mmenvs.core.faults.sensor import Sensor
from mmenvs.core.kernels import fast_function, kernel
from mmenvs.core.random import UIntArray, derive, integer_below, normal, uniform

_TABLE = 1 << 16  # numbers in a table
_PIECE = 256  # values that take consecutive numbers of it


class Noise(Effect):
    """Gaussian noise on numbers, replacement of names.

    The standard deviation is ``severity / 4`` of the range of the space (of 1, if the space has no bounds),
    and the sum is clipped to the bounds.  Distances at "no return", and objects and events that are not
    there, stay so, because noise invents no echo.  Of names (class ids, words, choices) a share of
    ``severity`` is replaced by any name, padding excepted.
    """

    as_bytes = False

    def __init__(self, sensor: Sensor, severity: float, num_worlds: int) -> None:
        """See :class:`~mmenvs.core.faults.effect.Effect`."""
        low, high = sensor.low, sensor.high
        scale = (severity / 4 * sensor.span).astype(np.float32)
        whole = sensor.work_dtype.kind in "iu"
        if sensor.labels:
            padded = sensor.form == "tokens"
            first = np.maximum(low, 1).astype(low.dtype) if padded else low
            # A draw below the share says that a label is replaced; stretched, it says by which.
            stretch = ((high.astype(np.float64) - first + 1.0) / severity).astype(np.float32)
            self.kernel = _replace
            self.arguments = (_uniform_table(), np.float32(severity), stretch, first, high, padded)
        elif sensor.form in ("objects", "history"):
            if sensor.valid >= 0:
                scale.reshape(-1, sensor.features)[:, sensor.valid] = 0.0
            self.kernel = _shake_rows
            self.arguments = (_normal_table(), scale, low, high, sensor.features, sensor.valid)
        elif sensor.work_dtype == np.uint8 and (low == 0).all() and (high == 255).all():
            self.kernel = _shake_bytes
            self.arguments = (np.round(_normal_table() * scale[0]).astype(np.int16),)
        else:
            self.kernel = _shake_whole if whole else _shake
            own = () if whole else (sensor.ranging,)
            self.arguments = (_normal_table(), scale, low, high, *own)


@lru_cache(maxsize=1)
def _normal_table() -> NDArray[np.float32]:
    """Return normal numbers of mean 0 and variance 1, exactly so in the table."""
    table = np.empty(_TABLE)
    _draw_normal(0, _TABLE, np.array([0x6E6F697365], np.uint64), table)
    standard: NDArray[np.float32] = ((table - table.mean()) / table.std()).astype(np.float32)
    return standard


@lru_cache(maxsize=1)
def _uniform_table() -> NDArray[np.float32]:
    """Return the middles of equal parts of [0, 1) in random order."""
    table = np.empty(_TABLE)
    _draw_uniform(0, _TABLE, np.array([0x6C6162656C], np.uint64), table)
    return ((np.argsort(table) + 0.5) / _TABLE).astype(np.float32)


@kernel
def _draw_normal(
    begin: int,
    end: int,
    streams: UIntArray,
    table: FloatArray,
) -> None:
    for k in range(begin, end):
        table[k] = normal(streams, 0)


@kernel
def _draw_uniform(
    begin: int,
    end: int,
    streams: UIntArray,
    table: FloatArray,
) -> None:
    for k in range(begin, end):
        table[k] = uniform(streams, 0)


@fast_function
def _add_to_bytes(
    values: NDArray[np.uint8],
    deltas: NDArray[np.int16],
) -> None:
    """Add and saturate; in 16 bits throughout, so that one instruction does many."""
    for k in range(len(values)):
        value = np.int16(np.int16(values[k]) + deltas[k])
        values[k] = np.uint8(min(max(value, np.int16(0)), np.int16(255)))


@fast_function
def _add_to_floats(
    values: FloatArray,
    noise: FloatArray,
    scale: FloatArray,
    low: FloatArray,
    high: FloatArray,
    ranging: bool,
) -> None:
    """Add and saturate; without a branch, so that one instruction does many."""
    for k in range(len(values)):
        shaken = min(max(values[k] + scale[k] * noise[k], low[k]), high[k])
        values[k] = values[k] if ranging and values[k] >= high[k] else shaken


@fast_function
def _exchange(
    labels: IntArray,
    draws: FloatArray,
    share: float,
    stretch: FloatArray,
    first: IntArray,
    last: IntArray,
    padded: bool,
) -> None:
    """Replace the labels whose draw is below ``share``; without a branch."""
    for k in range(len(labels)):
        other = first[k] + min(int(draws[k] * stretch[k]), int(last[k] - first[k]))
        labels[k] = other if draws[k] < share and not (padded and labels[k] == 0) else labels[k]


@kernel
def _shake_bytes(
    begin: int,
    end: int,
    which: IntArray,
    turn: Turn,
    fault: int,
    seeds: UIntArray,
    streams: UIntArray,
    view: NDArray[np.uint8],
    deltas: NDArray[np.int16],
) -> None:
    """Shake numbers from 0 to 255."""
    size = view.shape[1]
    for position in range(begin, end):
        world = which[position]
        if not turn.active[world, fault]:
            continue
        streams[world] = derive(seeds[world], turn.steps[world])
        for first in range(0, size, _PIECE):
            place = integer_below(streams, world, _TABLE - _PIECE)
            count = min(_PIECE, size - first)
            _add_to_bytes(view[world, first : first + count], deltas[place : place + count])


@kernel
def _shake(
    begin: int,
    end: int,
    which: IntArray,
    turn: Turn,
    fault: int,
    seeds: UIntArray,
    streams: UIntArray,
    view: FloatArray,
    table: FloatArray,
    scale: FloatArray,
    low: FloatArray,
    high: FloatArray,
    ranging: bool,
) -> None:
    """Shake numbers; where they are distances, not those that mean "no return"."""
    size = view.shape[1]
    for position in range(begin, end):
        world = which[position]
        if not turn.active[world, fault]:
            continue
        streams[world] = derive(seeds[world], turn.steps[world])
        for first in range(0, size, _PIECE):
            last = min(first + _PIECE, size)
            place = integer_below(streams, world, _TABLE - _PIECE)
            _add_to_floats(
                view[world, first:last],
                table[place : place + last - first],
                scale[first:last],
                low[first:last],
                high[first:last],
                ranging,
            )


@kernel
def _shake_whole(
    begin: int,
    end: int,
    which: IntArray,
    turn: Turn,
    fault: int,
    seeds: UIntArray,
    streams: UIntArray,
    view: IntArray,
    table: FloatArray,
    scale: FloatArray,
    low: IntArray,
    high: IntArray,
) -> None:
    """Shake whole numbers of any size."""
    size = view.shape[1]
    for position in range(begin, end):
        world = which[position]
        if not turn.active[world, fault]:
            continue
        streams[world] = derive(seeds[world], turn.steps[world])
        row = view[world]
        for first in range(0, size, _PIECE):
            place = integer_below(streams, world, _TABLE - _PIECE) - first
            for k in range(first, min(first + _PIECE, size)):
                value = math.floor(float(row[k]) + float(scale[k] * table[place + k]) + 0.5)
                # Compared before the cast: a sum may lie outside of what the type can hold.
                if value <= low[k]:
                    row[k] = low[k]
                elif value >= high[k]:
                    row[k] = high[k]
                else:
                    row[k] = value


@kernel
def _shake_rows(
    begin: int,
    end: int,
    which: IntArray,
    turn: Turn,
    fault: int,
    seeds: UIntArray,
    streams: UIntArray,
    view: FloatArray,
    table: FloatArray,
    scale: FloatArray,
    low: FloatArray,
    high: FloatArray,
    features: int,
    valid: int,
) -> None:
    """Shake rows of ``features`` numbers that are there: valid, or else not all zero."""
    size = view.shape[1]
    for position in range(begin, end):
        world = which[position]
        if not turn.active[world, fault]:
            continue
        streams[world] = derive(seeds[world], turn.steps[world])
        row = view[world]
        for first in range(0, size, features):
            place = integer_below(streams, world, _TABLE - features) - first
            there = False
            for k in range(first, first + features):
                if row[k] != 0 and (valid < 0 or k == first + valid):
                    there = True
            if not there:
                continue
            for k in range(first, first + features):
                if scale[k] > 0.0:
                    row[k] = min(max(row[k] + scale[k] * table[place + k], low[k]), high[k])


@kernel
def _replace(
    begin: int,
    end: int,
    which: IntArray,
    turn: Turn,
    fault: int,
    seeds: UIntArray,
    streams: UIntArray,
    view: IntArray,
    table: FloatArray,
    share: float,
    stretch: FloatArray,
    least: IntArray,
    greatest: IntArray,
    padded: bool,
) -> None:
    """Replace a share of the labels."""
    size = view.shape[1]
    for position in range(begin, end):
        world = which[position]
        if not turn.active[world, fault]:
            continue
        streams[world] = derive(seeds[world], turn.steps[world])
        for first in range(0, size, _PIECE):
            last = min(first + _PIECE, size)
            place = integer_below(streams, world, _TABLE - _PIECE)
            _exchange(
                view[world, first:last],
                table[place : place + last - first],
                share,
                stretch[first:last],
                least[first:last],
                greatest[first:last],
                padded,
            )
