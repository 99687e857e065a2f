"""Miscalibration: a camera or a lidar that does not point where it should."""

from __future__ import annotations

import math

import numpy as np

from mmenvs.core.arrays import ByteArray, IntArray
from mmenvs.core.faults.effect import EPISODE, Effect, Turn, as_bytes, copy_bytes
from mmenvs.core.faults.sensor import Picture, Sensor
from mmenvs.core.kernels import fast_function, kernel
from mmenvs.core.random import UIntArray, derive, next_integer, uniform, uniform_between

_SHIFT = 0.08  # largest shift, in shorter sides of the picture
_TURN = math.radians(6.0)  # largest turn of a picture
_BEAMS = 1 / 12  # largest turn of a scan, as a share of its beams


class Miscalibration(Effect):
    """Pictures are shifted and turned about their middle, scans are turned; drawn once per episode.

    What comes into view at the border of a picture, or at the end of a scan that is not circular, is unknown:
    a picture repeats its border, a scan returns nothing.  Each picture of a contact sheet is moved by itself.
    """

    def __init__(self, sensor: Sensor, severity: float, num_worlds: int) -> None:
        """See :class:`~mmenvs.core.faults.effect.Effect`; at least half of the largest error is drawn."""
        if sensor.form == "image":
            picture = sensor.picture
            shift = max(1.0, severity * _SHIFT * min(picture.height, picture.width))
            self.kernel = _move_picture
            self.arguments = (picture, shift, severity * _TURN)
        else:
            largest = max(1.0, severity * _BEAMS * sensor.size)
            self.kernel = _turn_scan
            self.arguments = (as_bytes(sensor.nothing), largest, sensor.itemsize, sensor.circular)


@fast_function
def _copy_run(
    target: ByteArray,
    source: ByteArray,
    first: int,
    last: int,
    offset: int,
    width: int,
    pixel: int,
) -> None:
    """Fill the pixels ``first`` to ``last`` of a row with those ``offset`` further in the source's row."""
    left = min(max(-offset, first), last)
    right = min(max(width - offset, left), last)
    for x in range(first, left):
        for k in range(pixel):
            target[x * pixel + k] = source[k]
    copy_bytes(
        target[left * pixel : right * pixel],
        source[(left + offset) * pixel : (right + offset) * pixel],
    )
    for x in range(right, last):
        for k in range(pixel):
            target[x * pixel + k] = source[(width - 1) * pixel + k]


@kernel
def _move_picture(
    begin: int,
    end: int,
    which: IntArray,
    turn: Turn,
    fault: int,
    seeds: UIntArray,
    streams: UIntArray,
    view: ByteArray,
    picture: Picture,
    shift: float,
    angle: float,
) -> None:
    """Shift and turn pictures.

    For a few degrees a turn is a shear of rows after a shear of columns, to a fraction of a pixel; so each
    row is put together of runs that are copied whole.
    """
    height, width, pixel = picture.height, picture.width, picture.pixel
    across, stride = width * pixel, picture.columns * width * pixel
    source = np.empty(view.shape[1], np.uint8)
    edges = np.empty(width + 1, np.int64)  # where runs of a row begin
    drops = np.empty(width, np.int64)  # how many rows further down their source lies
    for position in range(begin, end):
        world = which[position]
        if not turn.active[world, fault]:
            continue
        streams[world] = derive(seeds[world], EPISODE)
        length = shift * uniform_between(streams, world, 0.5, 1.0)
        heading = 2.0 * math.pi * uniform(streams, world)
        slope = angle * uniform_between(streams, world, 0.5, 1.0)
        if next_integer(streams, world) & np.uint64(1):
            slope = -slope
        move_x, move_y = length * math.cos(heading), length * math.sin(heading)
        if abs(move_x) < 0.5 and abs(move_y) < 0.5:
            move_x = 1.0
        runs = 0
        for x in range(width):
            drop = int(math.floor(move_y + slope * (x - 0.5 * (width - 1)) + 0.5))
            if runs == 0 or drop != drops[runs - 1]:
                edges[runs], drops[runs] = x, drop
                runs += 1
        edges[runs] = width
        copy_bytes(source, view[world])
        for plane in range(picture.planes):
            for sheet_row in range(picture.rows):
                top = (plane * picture.rows + sheet_row) * height
                for column in range(picture.columns):
                    left = column * across
                    for y in range(height):
                        offset = int(math.floor(move_x - slope * (y - 0.5 * (height - 1)) + 0.5))
                        start = (top + y) * stride + left
                        target = view[world, start : start + across]
                        for run in range(runs):
                            from_row = min(max(y + drops[run], 0), height - 1)
                            start = (top + from_row) * stride + left
                            origin = source[start : start + across]
                            _copy_run(target, origin, edges[run], edges[run + 1], offset, width, pixel)


@kernel
def _turn_scan(
    begin: int,
    end: int,
    which: IntArray,
    turn: Turn,
    fault: int,
    seeds: UIntArray,
    streams: UIntArray,
    view: ByteArray,
    nothing: ByteArray,
    largest: float,
    itemsize: int,
    circular: bool,
) -> None:
    """Turn scans by a whole number of beams."""
    source = np.empty(view.shape[1], np.uint8)
    beams = view.shape[1] // itemsize
    for position in range(begin, end):
        world = which[position]
        if not turn.active[world, fault]:
            continue
        streams[world] = derive(seeds[world], EPISODE)
        offset = int(math.floor(largest * uniform_between(streams, world, 0.5, 1.0) + 0.5))
        if next_integer(streams, world) & np.uint64(1):
            offset = -offset
        copy_bytes(source, view[world])
        for beam in range(beams):
            origin = beam + offset
            if circular:
                origin %= beams
            inside = 0 <= origin < beams
            for k in range(itemsize):
                if inside:
                    view[world, beam * itemsize + k] = source[origin * itemsize + k]
                else:
                    view[world, beam * itemsize + k] = nothing[beam * itemsize + k]
