"""Dirt: mud and dust on the lens of a camera, out of focus."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from mmenvs.core.arrays import ByteArray, FloatArray, IntArray
from mmenvs.core.faults.effect import EPISODE, Effect, Turn, as_bytes, copy_bytes
from mmenvs.core.faults.sensor import Picture, Sensor
from mmenvs.core.kernels import fast_function, kernel
from mmenvs.core.parallel import WorldPool
from mmenvs.core.random import UIntArray, derive, integer_below, uniform, uniform_between

#: Dry and wet mud, as shares of the range of a picture.
_DRY, _WET = (0.43, 0.35, 0.25), (0.13, 0.11, 0.09)
_DROPS = 6  # round spots that flow together to one smudge
_SMALLEST = 0.8  # radius of a spot that still covers a pixel [pixels]
_OPAQUE = 127  # light that gets through, of 255, below which a depth or class picture sees the dirt only


class Dirt(Effect):
    """Smudges on the lens: soft, lumpy, brown to black; drawn once per episode.

    Pictures of light are dimmed and stained.  Where a smudge takes more than half of the light, a depth
    picture has nothing within range and a class picture has class 0.

    Keeps two bytes per number of each picture.
    """

    def __init__(self, sensor: Sensor, severity: float, num_worlds: int) -> None:
        """See :class:`~mmenvs.core.faults.effect.Effect`."""
        picture = sensor.picture
        layout = picture._replace(pixel=picture.pixel // sensor.itemsize)
        keep, add = (np.zeros((num_worlds, sensor.size), np.uint8) for _ in range(2))
        self._paint = (keep, add, severity, layout)
        if sensor.labels or sensor.ranging:
            self.kernel = _hide
            self.arguments = (keep, as_bytes(sensor.nothing), sensor.itemsize)
        elif sensor.work_dtype == np.uint8 and (sensor.low == 0).all() and (sensor.high == 255).all():
            self.kernel = _stain_bytes
            self.arguments = (keep, add)
        else:
            self.as_bytes = False
            self.kernel = _stain
            base = np.where(np.isfinite(sensor.low), sensor.low, 0).astype(np.float32)
            whole = sensor.work_dtype.kind in "iu"
            self.arguments = (keep, add, base, sensor.span.astype(np.float32), whole)

    def restart(
        self, pool: WorldPool, worlds: NDArray[np.int64], seeds: UIntArray, streams: UIntArray
    ) -> None:
        """Draw the dirt of new episodes."""
        pool.run(_paint, worlds, seeds, streams, *self._paint, count=len(worlds))


@kernel
def _paint(
    begin: int,
    end: int,
    which: IntArray,
    seeds: UIntArray,
    streams: UIntArray,
    keep: ByteArray,
    add: ByteArray,
    severity: float,
    layout: Picture,
) -> None:
    """Draw the dirt of each world and lay it out as its picture lies: what it keeps and adds, of 255."""
    height, width = layout.rows * layout.height, layout.columns * layout.width
    light, colour = np.empty((height, width), np.float32), np.empty((height, width, 3), np.float32)
    drops = np.empty((_DROPS, 3), np.float32)
    channels = layout.planes * layout.pixel
    for position in range(begin, end):
        world = which[position]
        streams[world] = derive(seeds[world], EPISODE)
        _soil(streams, world, severity, light, colour, drops)
        place = 0
        for plane in range(layout.planes):
            for row in range(height):
                for column in range(width):
                    own = colour[row, column]
                    grey = (own[0] + own[1] + own[2]) / 3.0
                    for k in range(layout.pixel):
                        shade = own[(plane + k) % 3] if channels % 3 == 0 else grey
                        keep[world, place] = np.uint8(255.0 * light[row, column])
                        add[world, place] = np.uint8(255.0 * shade)
                        place += 1


@kernel
def _stain_bytes(
    begin: int,
    end: int,
    which: IntArray,
    turn: Turn,
    fault: int,
    seeds: UIntArray,
    streams: UIntArray,
    view: ByteArray,
    keep: ByteArray,
    add: ByteArray,
) -> None:
    """Stain pictures of numbers from 0 to 255."""
    for position in range(begin, end):
        world = which[position]
        if turn.active[world, fault]:
            _blend(view[world], keep[world], add[world])


@kernel
def _stain(
    begin: int,
    end: int,
    which: IntArray,
    turn: Turn,
    fault: int,
    seeds: UIntArray,
    streams: UIntArray,
    view: FloatArray,
    keep: ByteArray,
    add: ByteArray,
    base: FloatArray,
    span: FloatArray,
    whole: bool,
) -> None:
    """Stain pictures of numbers of any range."""
    for position in range(begin, end):
        world = which[position]
        if not turn.active[world, fault]:
            continue
        row = view[world]
        for k in range(len(row)):
            share = (row[k] - base[k]) / span[k]
            share = (share * keep[world, k] + add[world, k]) / 255.0
            value = base[k] + span[k] * min(max(share, 0.0), 1.0)
            row[k] = math.floor(value) if whole else value


@kernel
def _hide(
    begin: int,
    end: int,
    which: IntArray,
    turn: Turn,
    fault: int,
    seeds: UIntArray,
    streams: UIntArray,
    view: ByteArray,
    keep: ByteArray,
    nothing: ByteArray,
    itemsize: int,
) -> None:
    """Hide what lies behind the thick of the dirt, in pictures that cannot be half stained."""
    for position in range(begin, end):
        world = which[position]
        if not turn.active[world, fault]:
            continue
        for k in range(keep.shape[1]):
            if keep[world, k] < _OPAQUE:
                first, last = k * itemsize, (k + 1) * itemsize
                copy_bytes(view[world, first:last], nothing[first:last])


@fast_function
def _blend(
    row: ByteArray,
    keep: ByteArray,
    add: ByteArray,
) -> None:
    """Keep some of the light and add the dirt's own, which is never more than what was taken."""
    for k in range(len(row)):
        kept = np.uint16(np.uint16(row[k]) * np.uint16(np.uint16(keep[k]) + np.uint16(1)))
        row[k] = np.uint8(np.uint16(kept >> np.uint16(8)) + np.uint16(add[k]))


@fast_function
def _smooth(
    value: float,
    edge: float,
) -> float:
    """Rise smoothly from 0 at ``value`` 0 to 1 at ``edge``."""
    t = min(max(value / edge, 0.0), 1.0)
    return t * t * (3.0 - 2.0 * t)


@fast_function
def _smear(
    light: FloatArray,
    colour: FloatArray,
    drops: FloatArray,
    count: int,
    opacity: float,
    softness: float,
    wetness: float,
) -> None:
    """Lay one smudge over what is there.

    Args:
        light: Share of light that gets through, shape (height, width).
        colour: Light of the dirt itself, shape (height, width, 3).
        drops: x, y and radius of the spots of the smudge, shape (drops, 3) [pixels].
        count: Number of spots.
        opacity: Share of light that the middle takes.
        softness: Width of the border, as a share of the field of a spot.
        wetness: 0 for dry (brown) to 1 for wet (nearly black).
    """
    height, width = light.shape
    left, top, right, bottom = width, height, 0, 0
    for n in range(count):
        x, y, radius = drops[n, 0], drops[n, 1], drops[n, 2]
        left, right = min(left, int(x - radius)), max(right, int(x + radius) + 2)
        top, bottom = min(top, int(y - radius)), max(bottom, int(y + radius) + 2)
    for row in range(max(top, 0), min(bottom, height)):
        for column in range(max(left, 0), min(right, width)):
            field = 0.0
            for n in range(count):
                dx, dy, radius = column - drops[n, 0], row - drops[n, 1], drops[n, 2]
                near = 1.0 - (dx * dx + dy * dy) / (radius * radius)
                if near > 0.0:
                    field += near * near
            if field <= 0.0:
                continue
            taken = opacity * _smooth(field, softness)
            # The border is thin and lets the dirt's own colour shine; the middle is thick and dark.
            thick = wetness + (1.0 - wetness) * 0.6 * _smooth(field, 2.0)
            light[row, column] *= 1.0 - taken
            for c in range(3):
                own = _DRY[c] + (_WET[c] - _DRY[c]) * thick
                colour[row, column, c] += (own - colour[row, column, c]) * taken


@fast_function
def _scatter(
    streams: UIntArray,
    world: int,
    x: float,
    y: float,
    radius: float,
    reach: float,
    heading: float,
    spread: float,
    count: int,
    drops: FloatArray,
) -> None:
    """Draw the spots of a smudge: up to ``reach`` radii from its middle, within ``spread`` of ``heading``."""
    for n in range(count):
        away = reach * radius * uniform(streams, world)
        way = heading + spread * uniform_between(streams, world, -1.0, 1.0)
        if n & 1:
            away = -away  # to both sides, for a streak that is as long as it looks
        drops[n, 0], drops[n, 1] = x + away * math.cos(way), y + away * math.sin(way)
        drops[n, 2] = max(radius * uniform_between(streams, world, 0.5, 1.1), _SMALLEST)


@fast_function
def _soil(
    streams: UIntArray,
    world: int,
    severity: float,
    light: FloatArray,
    colour: FloatArray,
    drops: FloatArray,
) -> None:
    """Draw the dirt of one lens into ``light`` and ``colour``: a film of dust, splats of mud, specks.

    See :func:`_smear` for the two arrays.
    """
    height, width = light.shape
    side = float(min(height, width))
    light[:] = 1.0
    colour[:] = 0.0
    wiped = uniform_between(streams, world, -0.5, 0.5)  # a wiper has drawn the dust in one direction
    for _ in range(2):
        x, y = width * uniform(streams, world), height * uniform(streams, world)
        radius = side * uniform_between(streams, world, 0.3, 0.5)
        _scatter(streams, world, x, y, radius, 1.5, wiped, 0.2, 3, drops)
        opacity = severity * uniform_between(streams, world, 0.1, 0.35)
        _smear(light, colour, drops, 3, opacity, 1.5, 0.0)
    for _ in range(2 + int(12.0 * severity)):
        x, y = width * uniform(streams, world), height * uniform(streams, world)
        share = uniform(streams, world)
        radius = side * (0.04 + (0.05 + 0.15 * severity) * share * share)
        count = 3 + integer_below(streams, world, _DROPS - 2)
        heading = 2.0 * math.pi * uniform(streams, world)
        _scatter(streams, world, x, y, radius, 0.9, heading, 1.5, count, drops)
        opacity = 0.5 + (0.2 + 0.28 * severity) * uniform(streams, world)
        softness, wetness = uniform_between(streams, world, 0.4, 1.4), uniform(streams, world)
        _smear(light, colour, drops, count, opacity, softness, wetness)
        for _ in range(integer_below(streams, world, 5)):  # what splashed off it
            away = radius * uniform_between(streams, world, 1.2, 3.0)
            heading = 2.0 * math.pi * uniform(streams, world)
            drops[0, 0], drops[0, 1] = x + away * math.cos(heading), y + away * math.sin(heading)
            drops[0, 2] = max(side * uniform_between(streams, world, 0.008, 0.03), _SMALLEST)
            _smear(light, colour, drops, 1, opacity, 0.8, wetness)
    for _ in range(int(40.0 * severity)):
        drops[0, 0], drops[0, 1] = width * uniform(streams, world), height * uniform(streams, world)
        drops[0, 2] = max(side * uniform_between(streams, world, 0.005, 0.014), _SMALLEST)
        _smear(light, colour, drops, 1, uniform_between(streams, world, 0.2, 0.7), 0.8, 0.7)
