"""Whether there is room: boxes of scenery against areas, and against each other."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mmenvs.core.arrays import FloatArray as AnyFloats
from mmenvs.core.arrays import IntArray
from mmenvs.core.kernels import allocating_function, inner_function
from mmenvs.driving.roads import network as net

_HOUSE_GAP, _LAMP_GAP = 1.6, 8.0  # between neighbours of one kind [m]
_BUCKET = 8.0  # side of the grid in which neighbours are looked for [m]


class Outlines(NamedTuple):
    """Areas as one array of corners.

    Attributes:
        points: Corners [m], shape (corners, 2).
        first: First corner of each area, and the number of corners, shape (areas + 1,).
        kinds: Kind of each area, shape (areas,).
        bounds: Lowest x, lowest y, highest x and highest y of each [m], shape (areas, 4).
    """

    points: NDArray[np.float64]
    first: NDArray[np.int64]
    kinds: NDArray[np.int64]
    bounds: NDArray[np.float64]


@allocating_function
def clearances(items: AnyFloats, outlines: Outlines, reach: float) -> NDArray[np.float64]:
    """Measure how far the boxes of items are from areas.

    Args:
        items: Scenery, shape (items, 9).
        outlines: The areas.
        reach: Distance beyond which nothing is measured [m].

    Returns:
        Distance to asphalt and to pavement [m], at most ``reach``, shape (items, 2); 0 where they overlap.
    """
    result = np.full((len(items), 2), reach)
    for k in range(len(items)):
        x, y = items[k, net.S_X], items[k, net.S_Y]
        length, width = items[k, net.S_HALF_LENGTH], items[k, net.S_HALF_WIDTH]
        cos, sin = items[k, net.S_COS], items[k, net.S_SIN]
        size = math.hypot(length, width)
        for area in range(len(outlines.kinds)):
            bounds, best = outlines.bounds[area], result[k, outlines.kinds[area]]
            if best == 0.0:
                continue
            radius = size + best  # what is farther away than what has been found does not matter
            if x < bounds[0] - radius or y < bounds[1] - radius:
                continue
            if x > bounds[2] + radius or y > bounds[3] + radius:
                continue
            end = outlines.first[area + 1]
            bx, by = outlines.points[end - 1, 0] - x, outlines.points[end - 1, 1] - y
            dx, dy = bx * cos + by * sin, by * cos - bx * sin
            inside = False
            for corner in range(outlines.first[area], end):
                ax, ay = bx, by
                bx, by = outlines.points[corner, 0] - x, outlines.points[corner, 1] - y
                if (ay > 0.0) != (by > 0.0) and ax + (bx - ax) * ay / (ay - by) > 0.0:
                    inside = not inside
                cx, cy = dx, dy
                dx, dy = bx * cos + by * sin, by * cos - bx * sin
                if min(cx, dx) > length + best or max(cx, dx) < -length - best:
                    continue
                if min(cy, dy) > width + best or max(cy, dy) < -width - best:
                    continue
                distance = _box_to_segment(cx, cy, dx, dy, length, width)
                best = min(best, distance)
            result[k, outlines.kinds[area]] = 0.0 if inside else best
    return result


@inner_function
def _box_to_segment(ax: float, ay: float, bx: float, by: float, length: float, width: float) -> float:
    """Distance from the box of half sizes ``length, width`` around the origin to a segment."""
    dx, dy = bx - ax, by - ay
    # The part of the segment within the box's slabs.
    enter, leave = 0.0, 1.0
    for axis in range(2):
        at, step, half = (ax, dx, length) if axis == 0 else (ay, dy, width)
        if abs(step) < 1e-12:
            if abs(at) > half:
                leave = -1.0
        else:
            one, two = (-half - at) / step, (half - at) / step
            enter, leave = max(enter, min(one, two)), min(leave, max(one, two))
    if enter <= leave:
        return 0.0
    one, two = max(abs(ax) - length, 0.0), max(abs(ay) - width, 0.0)
    best = one * one + two * two
    one, two = max(abs(bx) - length, 0.0), max(abs(by) - width, 0.0)
    best = min(best, one * one + two * two)
    square = max(dx * dx + dy * dy, 1e-12)
    for corner in range(4):
        cx = length if corner & 1 else -length
        cy = width if corner & 2 else -width
        share = min(max(((cx - ax) * dx + (cy - ay) * dy) / square, 0.0), 1.0)
        one, two = ax + share * dx - cx, ay + share * dy - cy
        best = min(best, one * one + two * two)
    return math.sqrt(best)


@allocating_function
def keep_apart(items: AnyFloats, taken: int, most: int) -> IntArray:
    """Choose items in order of precedence, none of which overlaps one chosen before.

    Args:
        items: Scenery, shape (items, 9).
        taken: How many of the first items stand already; they are not chosen.
        most: How many to choose at most.

    Returns:
        Indices of the chosen items.
    """
    low_x, low_y = items[:, net.S_X].min(), items[:, net.S_Y].min()
    columns = int((items[:, net.S_X].max() - low_x) / _BUCKET) + 1
    rows = int((items[:, net.S_Y].max() - low_y) / _BUCKET) + 1
    head = np.full(rows * columns, -1, np.int64)
    following = np.empty(len(items), np.int64)
    radii = np.hypot(items[:, net.S_HALF_LENGTH], items[:, net.S_HALF_WIDTH])
    widest = radii.max()
    chosen = np.empty(len(items), np.int64)
    count = 0
    for k in range(len(items)):
        column = int((items[k, net.S_X] - low_x) / _BUCKET)
        row = int((items[k, net.S_Y] - low_y) / _BUCKET)
        if k >= taken:
            if count == most:
                break
            ring = int((radii[k] + widest + _LAMP_GAP) / _BUCKET) + 1
            free = True
            for other_row in range(max(row - ring, 0), min(row + ring, rows - 1) + 1):
                for other_column in range(max(column - ring, 0), min(column + ring, columns - 1) + 1):
                    other = head[other_row * columns + other_column]
                    while other >= 0 and free:
                        free = _apart(items[k], items[other])
                        other = following[other]
            if not free:
                continue
            chosen[count] = k
            count += 1
        following[k] = head[row * columns + column]
        head[row * columns + column] = k
    return chosen[:count]


@inner_function
def _apart(a: AnyFloats, b: AnyFloats) -> bool:
    """Whether there is a gap between the boxes of two items: wider between houses, and between lamps."""
    gap = 0.3
    if a[net.S_KIND] == b[net.S_KIND]:
        if a[net.S_KIND] == net.HOUSE:
            gap = _HOUSE_GAP
        elif a[net.S_KIND] == net.LAMP:
            gap = _LAMP_GAP
    dx, dy = b[net.S_X] - a[net.S_X], b[net.S_Y] - a[net.S_Y]
    # Along the axes of each box: how far apart the centres are, and how far both boxes reach.
    cos = abs(a[net.S_COS] * b[net.S_COS] + a[net.S_SIN] * b[net.S_SIN])
    sin = abs(a[net.S_COS] * b[net.S_SIN] - a[net.S_SIN] * b[net.S_COS])
    for one in range(2):
        box, other = (a, b) if one == 0 else (b, a)
        along = abs(dx * box[net.S_COS] + dy * box[net.S_SIN])
        across = abs(dy * box[net.S_COS] - dx * box[net.S_SIN])
        length, width = other[net.S_HALF_LENGTH], other[net.S_HALF_WIDTH]
        if along > box[net.S_HALF_LENGTH] + length * cos + width * sin + gap:
            return True
        if across > box[net.S_HALF_WIDTH] + length * sin + width * cos + gap:
            return True
    return False
