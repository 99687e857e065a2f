"""Positions on lanes: scalar functions that kernels share."""

from __future__ import annotations

import math

from mmenvs.core.arrays import FloatArray
from mmenvs.core.kernels import fast_function, hot_function, inner_function
from mmenvs.driving.roads.compiled import (
    L_BEGIN,
    L_COUNT,
    L_LEFT,
    L_LENGTH,
    L_OPPOSITE,
    L_RIGHT,
    L_SCALE,
)
from mmenvs.driving.roads.network import CURVATURE, WIDTH


@hot_function
def place_on_lane(
    lane: int,
    station: float,
    offset: float,
    lanes: FloatArray,
    samples: FloatArray,
) -> tuple[float, float, float, float]:
    """Return x, y [m], cosine and sine of the heading at a station and lateral offset of a lane [m]."""
    begin = int(lanes[lane, L_BEGIN])
    at = station * lanes[lane, L_SCALE]
    index = min(max(int(at), 0), int(lanes[lane, L_COUNT]) - 2)
    share = at - index
    keep = 1.0 - share
    near, far = samples[begin + index], samples[begin + index + 1]
    cos = keep * near[2] + share * far[2]
    sin = keep * near[3] + share * far[3]
    norm = 1.0 / math.sqrt(cos * cos + sin * sin)
    cos *= norm
    sin *= norm
    x = keep * near[0] + share * far[0] - sin * offset
    y = keep * near[1] + share * far[1] + cos * offset
    return x, y, cos, sin


@hot_function
def _nearest_sample(
    lane: int,
    station: float,
    lanes: FloatArray,
) -> int:
    """Return which of all samples is the nearest to a station [m] of a lane."""
    index = int(station * lanes[lane, L_SCALE] + 0.5)
    return int(lanes[lane, L_BEGIN]) + min(max(index, 0), int(lanes[lane, L_COUNT]) - 1)


@hot_function
def lane_width(
    lane: int,
    station: float,
    lanes: FloatArray,
    samples: FloatArray,
) -> float:
    """Return the width of a lane at a station [m]."""
    width: float = samples[_nearest_sample(lane, station, lanes), WIDTH]
    return width


@hot_function
def lane_curvature(
    lane: int,
    station: float,
    lanes: FloatArray,
    samples: FloatArray,
) -> float:
    """Return the curvature of a lane at a station [1/m]."""
    curvature: float = samples[_nearest_sample(lane, station, lanes), CURVATURE]
    return curvature


@inner_function
def beside(
    lane: int,
    other: int,
    station: float,
    lanes: FloatArray,
    samples: FloatArray,
) -> float:
    """Return the station on a parallel lane, of either direction, that lies beside a station [m].

    Equal shares of both lengths are a first guess; bends make it wrong by some metres, which two steps of
    projection on the other lane's tangent put right.
    """
    x, y, cos, sin = place_on_lane(lane, station, 0.0, lanes, samples)
    share = station / lanes[lane, L_LENGTH]
    there = share * lanes[other, L_LENGTH]
    if lanes[lane, L_OPPOSITE] == other or lanes[other, L_OPPOSITE] == lane:
        there = lanes[other, L_LENGTH] - there
    for _ in range(2):
        other_x, other_y, cos, sin = place_on_lane(other, there, 0.0, lanes, samples)
        there += (x - other_x) * cos + (y - other_y) * sin
    found: float = min(max(there, 0.0), lanes[other, L_LENGTH] - 0.01)
    return found


@fast_function
def lane_at(
    lane: int,
    station: float,
    offset: float,
    lanes: FloatArray,
    samples: FloatArray,
) -> tuple[int, float, float, float]:
    """Find the lane that a point is in, starting from a lane near it.

    Args:
        lane: A lane of the same carriageway.
        station: Station of the point on that lane [m].
        offset: Offset of the point from its centre line [m], left positive.
        lanes: ``Roads.lanes`` of the map.
        samples: ``Roads.samples`` of the map.

    Returns:
        Lane, station on it [m], offset from its centre line [m], and its direction relative to the lane
        that was given: 1, or -1 for a lane of oncoming traffic.
    """
    half = 0.5 * lane_width(lane, station, lanes, samples)
    direction = 1.0
    for _ in range(6):
        if offset > half:
            other = int(lanes[lane, L_LEFT])
            if other < 0 and direction > 0.0:
                other = int(lanes[lane, L_OPPOSITE])
                if other < 0:
                    break
                station = beside(lane, other, station, lanes, samples)
                width = lane_width(other, station, lanes, samples)
                offset = half + 0.5 * width - offset
                lane, half, direction = other, 0.5 * width, -1.0
                continue
        elif offset < -half:
            other = int(lanes[lane, L_RIGHT])
        else:
            break
        if other < 0:
            break
        station = beside(lane, other, station, lanes, samples)
        width = lane_width(other, station, lanes, samples)
        offset -= (half + 0.5 * width) * (1.0 if offset > 0.0 else -1.0)
        lane, half = other, 0.5 * width
    return lane, station, offset, direction


@fast_function
def place_on_path(
    path: FloatArray,
    station: float,
    offset: float,
) -> tuple[float, float, float, float]:
    """Return x, y [m], cosine and sine of the heading at a station and lateral offset of a path [m]."""
    last = len(path) - 1
    index = min(max(int(station), 0), last - 1)
    share = station - index
    keep = 1.0 - share
    cos = keep * path[index, 2] + share * path[index + 1, 2]
    sin = keep * path[index, 3] + share * path[index + 1, 3]
    x = keep * path[index, 0] + share * path[index + 1, 0] - sin * offset
    y = keep * path[index, 1] + share * path[index + 1, 1] + cos * offset
    return x, y, cos, sin


@inner_function
def _nearest(path: FloatArray, x: float, y: float, hint: int) -> int:
    """Walk along a path from ``hint`` to the sample nearest to a point."""
    last = len(path) - 1
    i = min(max(hint, 0), last)
    best = (path[i, 0] - x) ** 2 + (path[i, 1] - y) ** 2
    for direction in (1, -1):
        while 0 <= i + direction <= last:
            j = i + direction
            distance = (path[j, 0] - x) ** 2 + (path[j, 1] - y) ** 2
            if distance >= best:
                break
            best = distance
            i = j
    return i


@fast_function
def project(
    path: FloatArray,
    x: float,
    y: float,
    hint: int,
) -> tuple[float, float, int]:
    """Project a point onto a path, whose samples are 1 m apart.

    Returns:
        Station [m], lateral offset [m] (left positive), index of the nearest sample.
    """
    i = _nearest(path, x, y, hint)
    dx = x - path[i, 0]
    dy = y - path[i, 1]
    along = dx * path[i, 2] + dy * path[i, 3]
    across = -dx * path[i, 3] + dy * path[i, 2]
    # Between two samples the line bends away from the tangent by half the curvature.
    return i + along, across - 0.5 * path[i, 4] * along * along, i
