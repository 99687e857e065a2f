"""Finds where lanes meet each other in junctions, and where crossings meet lanes."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mmenvs.core.arrays import FloatArray, IntArray
from mmenvs.core.kernels import device_function
from mmenvs.driving.roads import network as net
from mmenvs.driving.roads.network import Network

MOST_CROSSED = 30  # lanes that a crossing may cross: bits of ``Worlds.busy``
NEAR_SHARE = 0.8  # two lanes conflict where their centres are nearer than this share of a lane's width

_REACH = np.float32(NEAR_SHARE * 0.5)
_RANK = {net.FREE: 2, net.SIGNAL: 2, net.YIELD: 1, net.STOP: 0}


def find_conflicts(network: Network) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Find which lanes of a junction cannot be used at once, until where, and who must give way.

    Returns:
        Rows of ``Roads.conflicts``, shape (rows, 3), and the first row of each lane and the number of rows,
        shape (lanes + 1,).
    """
    lanes = network.lanes
    inside = [k for k, lane in enumerate(lanes) if lane.junction >= 0 and lane.kind == net.DRIVING]
    inside.sort(key=lambda k: lanes[k].junction)  # a stable sort: by number within each junction
    if not inside:
        return np.zeros((0, 3), np.float32), np.zeros(len(lanes) + 1, np.int64)
    centres = [lanes[k].centre for k in inside]
    samples = np.concatenate(centres).T[[net.X, net.Y, net.WIDTH]].copy()
    sizes = np.array([len(centre) for centre in centres])
    first = np.concatenate([[0], np.cumsum(sizes)])
    junction = np.array([lanes[k].junction for k in inside])
    counts = np.unique(junction, return_counts=True)[1]
    pairs = np.empty((int((counts * (counts - 1) // 2).sum()), 4), np.int64)
    pairs = pairs[: _touch(samples, first, junction, pairs)]

    steps = np.array([lanes[k].length for k in inside]) / (sizes - 1)
    clear = (pairs[:, 2:] + 1) * steps[pairs[:, :2]]
    entries = [_entry(lanes[k]) for k in inside]
    yields = [
        (_waits(entries[one], entries[other]), _waits(entries[other], entries[one]))
        for one, other in pairs[:, :2].tolist()
    ]
    number = np.array(inside)[pairs[:, :2]]
    rows = np.empty((2, len(pairs), 4))
    for side in range(2):
        rows[side, :, 0], rows[side, :, 1] = number[:, side], number[:, 1 - side]
        rows[side, :, 2] = clear[:, 1 - side]
        rows[side, :, 3] = np.array(yields, bool).reshape(-1, 2)[:, side]
    table = rows.reshape(-1, 4)
    table = table[np.lexsort((table[:, 1], table[:, 0]))]
    return table[:, 1:].astype(np.float32), np.searchsorted(table[:, 0], np.arange(len(lanes) + 1))


@device_function
def _touch(samples: FloatArray, first: IntArray, junction: IntArray, pairs: IntArray) -> int:
    """Find which lanes of a junction come near each other, and where for the last time.

    Args:
        samples: x, y and width of all samples [m], shape (3, samples).
        first: First sample of each lane, and the number of samples, shape (lanes + 1,).
        junction: Junction of each lane, in rising order, shape (lanes,).
        pairs: Gets both lanes, and the last near sample of each; shape (room, 4).

    Returns:
        The number of pairs.
    """
    x, y, width = samples[0], samples[1], samples[2]
    count = 0
    for one in range(len(junction)):
        for other in range(one + 1, len(junction)):
            if junction[other] != junction[one]:
                break
            last_one = _last_near(x, y, width, first[one], first[one + 1], first[other], first[other + 1])
            if last_one < 0:
                continue
            pairs[count, 0], pairs[count, 1], pairs[count, 2] = one, other, last_one
            pairs[count, 3] = _last_near(
                x, y, width, first[other], first[other + 1], first[one], first[one + 1]
            )
            count += 1
    return count


@device_function
def _last_near(
    x: FloatArray, y: FloatArray, width: FloatArray, begin: int, end: int, other_begin: int, other_end: int
) -> int:
    """Return the last sample of one lane that is near any of another; -1 if none is."""
    for k in range(end - 1, begin - 1, -1):
        near = False
        for j in range(other_begin, other_end):
            dx, dy, reach = x[k] - x[j], y[k] - y[j], _REACH * (width[k] + width[j])
            near |= dx * dx + dy * dy < reach * reach
        if near:
            return k - begin
    return -1


def gives_way(lane: net.Lane, other: net.Lane) -> bool:
    """Say whether who enters ``lane`` must wait for who enters ``other``.

    The lower rule waits; among equals, who turns left waits for oncoming traffic, and where nothing is
    signed or signalled, for whoever comes from the right.
    """
    return _waits(_entry(lane), _entry(other))


def _entry(lane: net.Lane) -> tuple[int, float, float, bool, bool]:
    """Return a lane's rank, the direction at its start, whether it turns left and whether it has signals."""
    cos, sin = lane.centre[0, net.COS : net.SIN + 1].tolist()
    return _RANK[lane.rule], cos, sin, lane.turn == net.LEFT, lane.rule == net.SIGNAL


def _waits(lane: tuple[int, float, float, bool, bool], other: tuple[int, float, float, bool, bool]) -> bool:
    mine, a_cos, a_sin, left, signalled = lane
    theirs, b_cos, b_sin, other_left, _ = other
    if mine != theirs:
        return mine < theirs
    cos, sin = a_cos * b_cos + a_sin * b_sin, a_cos * b_sin - a_sin * b_cos
    if cos < -0.5:
        return left and not other_left
    from_the_right = cos < 0.5 and sin > 0  # it drives towards my left
    return not signalled and from_the_right


def find_crossed(
    network: Network, places: Sequence[net.Crossing]
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Find which lanes each crossing meets, at what station, and where along the crossing.

    Args:
        network: The roads.
        places: Crossings.

    Returns:
        Rows of ``Roads.crossed``, shape (rows, 3), and the first row of each crossing and the number of
        rows, shape (crossings + 1,).
    """
    centres = [lane.centre for lane in network.lanes]
    sizes = np.array([len(centre) for centre in centres])
    first = np.concatenate([[0], np.cumsum(sizes)])
    points = np.concatenate(centres)[:, :2].astype(np.float64)
    steps = np.array([lane.length for lane in network.lanes]) / (sizes - 1)
    ends = np.array([(*crossing.start, *crossing.end) for crossing in places]).reshape(-1, 4)
    rows = np.empty((len(places) * MOST_CROSSED, 3))
    begins = np.zeros(len(places) + 1, np.int64)
    _cross(points, first, steps, ends, rows, begins)
    return rows[: begins[-1]].astype(np.float32), begins


@device_function
def _cross(
    points: FloatArray,
    first: IntArray,
    steps: FloatArray,
    ends: FloatArray,
    rows: FloatArray,
    begins: IntArray,
) -> None:
    """Write rows of ``Roads.crossed``, and the first of each crossing; see :func:`find_crossed`."""
    count = 0
    for crossing in range(len(ends)):
        x0, y0 = ends[crossing, 0], ends[crossing, 1]
        dx, dy = ends[crossing, 2] - x0, ends[crossing, 3] - y0
        span = dx * dx + dy * dy
        most = count + MOST_CROSSED
        for lane in range(len(first) - 1):
            before = 0.0
            for k in range(first[lane], first[lane + 1]):
                x, y = points[k, 0] - x0, points[k, 1] - y0
                side = y * dx - x * dy
                if k > first[lane] and (before < 0.0) != (side < 0.0) and count < most:
                    part = before / (before - side)
                    share = ((points[k - 1, 0] - x0) * dx + (points[k - 1, 1] - y0) * dy) / span
                    share += part * ((x * dx + y * dy) / span - share)
                    if 0.0 <= share <= 1.0:
                        rows[count, 0] = lane
                        rows[count, 1] = (k - 1 - first[lane] + part) * steps[lane]
                        rows[count, 2] = share * math.sqrt(span)
                        count += 1
                before = side
        begins[crossing + 1] = count
