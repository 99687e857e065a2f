"""Routes for the ego: which lanes lead from a start to a goal, and the line that it should follow.

A route is found on the graph of lanes (successors and permitted lane changes), then traced into one
:data:`path <PATH_COLUMNS>`: samples exactly 1 m apart, so that a station is an index.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from mmenvs.core.arrays import ByteArray, FloatArray
from mmenvs.core.kernels import device_function
from mmenvs.driving.roads import network as net
from mmenvs.driving.roads.network import Network
from mmenvs.driving.sensors import instruction as words

#: Columns of a path: pose, curvature [1/m], distances to the edges of the asphalt [m], speed limit [m/s],
#: lane and station in it [m], offset of the path from that lane's centre line [m], and where the next lane
#: of a junction is entered (station [m], :data:`NO_GATE` if none is), which lane that is, and what a driver
#: who sits beside would say; see :mod:`~mmenvs.driving.sensors.instruction`.
(
    P_X,
    P_Y,
    P_COS,
    P_SIN,
    P_CURVATURE,
    P_LEFT,
    P_RIGHT,
    P_LIMIT,
    P_LANE,
    P_LANE_STATION,
    P_SHIFT,
    P_GATE,
    P_GATE_LANE,
    P_MEANING,
) = range(14)
PATH_COLUMNS = 14
NO_GATE = 1.0e6

_SAID = {net.STRAIGHT: words.GO_STRAIGHT, net.LEFT: words.TURN_LEFT, net.RIGHT: words.TURN_RIGHT}
_AT_SIGNAL = words.TURN_LEFT_AT_SIGNAL - words.TURN_LEFT
CHANGE_COST = 80.0  # metres of detour that a lane change is worth
CHANGE_LENGTH = 45.0  # of road that a planned lane change takes [m]
EDGE_REACH = 16.0  # how far beside the path the edge of the asphalt is looked for [m]
_CELL = 0.2  # of the mask in which it is looked for [m]


@dataclass(frozen=True)
class Route:
    """Lanes in the order of driving; a lane that is changed to follows the one that is left.

    Attributes:
        lanes: Indices into ``Network.lanes``.
        length: About how long the way is [m].
        meaning: What is said of it all along, one of :data:`~mmenvs.driving.sensors.instruction.MEANINGS`;
            -1 to announce the turns.
        spot: Parking space beside the last lane that is the goal; -1 for none.
    """

    lanes: tuple[int, ...]
    length: float
    meaning: int = -1
    spot: int = -1


def find_route(network: Network, start: int, goals: Sequence[int]) -> Route | None:
    """Return the shortest way from the beginning of a lane to the end of any goal, or None.

    Dijkstra's algorithm (Numerische Mathematik 1, 1959); a lane change costs as much as
    :data:`CHANGE_COST` metres, so that it is made where it is needed and not twice.
    """
    lanes = network.lanes
    wanted = set(goals)
    best = {start: 0.0}
    before: dict[int, int] = {}
    queue: list[tuple[float, int]] = [(0.0, start)]
    while queue:
        cost, at = heapq.heappop(queue)
        if cost > best[at]:
            continue
        if at in wanted:
            order = [at]
            while order[-1] in before:
                order.append(before[order[-1]])
            return Route(tuple(reversed(order)), cost + lanes[at].length)
        lane = lanes[at]
        steps = [(follower, lane.length) for follower in lane.successors]
        if lane.junction < 0 and lane.length > 0.6 * CHANGE_LENGTH:
            steps += [(side, CHANGE_COST) for side in (lane.left, lane.right) if side >= 0]
        for follower, price in steps:
            if cost + price < best.get(follower, math.inf) - 1e-9:
                best[follower] = cost + price
                before[follower] = at
                heapq.heappush(queue, (cost + price, follower))
    return None


def find_loop(network: Network, start: int, length: float, *, laps: int = 0) -> Route:
    """Return a way along first successors: for a length, or round a circuit.

    Args:
        network: The roads.
        start: The first lane.
        length: Least length, if the road does not end before [m].
        laps: How often to come back to the start; the way then goes on for the lane after.
    """
    order, total = [start], network.lanes[start].length
    seen = 0
    while network.lanes[order[-1]].successors:
        if laps == 0 and total >= length:
            break
        order.append(network.lanes[order[-1]].successors[0])
        total += network.lanes[order[-1]].length
        seen += order[-1] == start
        if laps and seen == laps:
            break
    return Route(tuple(order), total)


def trace_path(network: Network, route: Route, mask: DrivableMask) -> NDArray[np.float32]:
    """Return the path of a route, shape (samples, :data:`PATH_COLUMNS`), samples 1 m apart."""
    meaning = route.meaning
    pieces: list[NDArray[np.float64]] = []
    chain: list[int] = []
    for at, following in pairwise((*route.lanes, -1)):
        chain.append(at)
        if following >= 0 and following not in network.lanes[at].successors:
            continue  # a lane change: the next lane lies beside this one
        pieces.append(_trace_chain(network, chain))
        chain = []
    line = np.concatenate(pieces)
    keep = np.concatenate([[True], np.hypot(*np.diff(line[:, :2], axis=0).T) > 1e-3])
    line = line[keep]
    along = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(line[:, :2], axis=0).T))])
    count = max(int(along[-1]), 1) + 1
    at_metres = np.minimum(np.arange(count, dtype=np.float64), along[-1])
    x, y, limit, shift = (np.interp(at_metres, along, line[:, k]) for k in (0, 1, 2, 5))
    # Lane and station jump where lanes meet, so they are those of the sample before, carried on.
    nearest = np.clip(np.searchsorted(along, at_metres + 1e-6) - 1, 0, len(line) - 1)
    lane = line[nearest, 3]
    station = line[nearest, 4] + at_metres - along[nearest]
    heading = _smooth(_headings(x, y))
    curvature = _smooth(_slope(heading)) if count > 2 else np.zeros(count)
    path = np.zeros((count, PATH_COLUMNS), np.float32)
    gate, gate_lane = _gates(network, lane)
    pose = (x, y, np.cos(heading), np.sin(heading), curvature)
    said = _turns(network, lane, gate, gate_lane) if meaning < 0 else meaning
    columns = (*pose, 0.0, 0.0, limit, lane, station, shift, gate, gate_lane, said)
    for column, values in enumerate(columns):
        path[:, column] = values
    path[:, P_LEFT], path[:, P_RIGHT] = mask.edges(path)
    return path


def _gates(network: Network, lane: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return for each sample where the next lane of a junction is entered, and that lane."""
    inside = np.array([entry.junction >= 0 for entry in network.lanes])
    number = lane.astype(int)
    entered = np.flatnonzero((number[1:] != number[:-1]) & inside[number[1:]]) + 1
    following = np.searchsorted(entered, np.arange(len(lane)), side="right")
    known = following < len(entered)
    at = entered[np.minimum(following, len(entered) - 1)] if len(entered) else np.zeros(len(lane), int)
    return np.where(known, at, NO_GATE), np.where(known, number[at], -1)


def _turns(
    network: Network,
    lane: NDArray[np.float64],
    gate: NDArray[np.float64],
    gate_lane: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return what is said at each sample: the turn at the next junction where there is a choice."""
    said = np.full(len(lane), float(words.FOLLOW))
    for entered in np.unique(gate[gate < NO_GATE]).astype(int)[::-1]:
        at = np.flatnonzero(gate == entered)
        chosen = network.lanes[int(gate_lane[at[0]])]
        before = network.lanes[int(lane[max(entered - 1, 0)])]
        beside = [network.lanes[k] for k in (before.left, before.right) if k >= 0]
        turns = {network.lanes[k].turn for road in (before, *beside) for k in road.successors}
        if len(turns) > 1:
            signalled = chosen.rule == net.SIGNAL
            said[: at[-1] + 1] = _SAID[chosen.turn] + (_AT_SIGNAL if signalled else 0)
    return said


def _trace_chain(network: Network, chain: Sequence[int]) -> NDArray[np.float64]:
    """Trace lanes that lie side by side: rows x, y, limit, lane, station, shift."""
    first = network.lanes[chain[0]]
    count = max(math.ceil(first.length), 2) + 1
    share = np.linspace(0.0, 1.0, count)
    if len(chain) == 1:
        rows = np.zeros((count, 6))
        rows[:, :2] = _at_shares(network, chain[0], share)[:, :2]
        rows[:, 2], rows[:, 3], rows[:, 4] = first.limit, chain[0], first.length * share
        return rows
    centres = [_at_shares(network, lane, share) for lane in chain]
    rows = np.zeros((count, 6))
    changes = len(chain) - 1
    weight = np.zeros(count)
    for k in range(changes):
        middle = (k + 1) / (changes + 1)
        half = min(0.5 * CHANGE_LENGTH / first.length, 0.45 / (changes + 1))
        step = np.clip((share - middle + half) / (2 * half), 0.0, 1.0)
        weight += step * step * (3.0 - 2.0 * step)
    index = np.minimum(weight.astype(int), max(changes - 1, 0))
    part = weight - index
    stacked = np.stack(centres)
    every = np.arange(count)
    here = stacked[index, every]
    there = stacked[np.minimum(index + 1, changes), every]
    rows[:, :2] = here[:, :2] + part[:, None] * (there[:, :2] - here[:, :2])
    chosen = np.round(weight).astype(int)
    near = stacked[chosen, every]
    rows[:, 2] = np.array([network.lanes[lane].limit for lane in chain])[chosen]
    rows[:, 3] = np.array(chain)[chosen]
    rows[:, 4] = np.array([network.lanes[lane].length for lane in chain])[chosen] * share
    offset = rows[:, :2] - near[:, :2]
    rows[:, 5] = offset[:, 1] * near[:, net.COS] - offset[:, 0] * near[:, net.SIN]
    return rows


def _at_shares(network: Network, lane: int, share: NDArray[np.float64]) -> NDArray[np.float64]:
    centre = network.lanes[lane].centre.astype(np.float64)
    at = share * (len(centre) - 1)
    low = np.minimum(at.astype(int), len(centre) - 2)
    part = (at - low)[:, None]
    return np.asarray(centre[low] * (1 - part) + centre[low + 1] * part)


def _headings(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    heading = np.unwrap(np.arctan2(_slope(y), _slope(x)))
    if len(heading) > 2:
        heading[0], heading[-1] = 2 * heading[0] - heading[1], 2 * heading[-1] - heading[-2]
    return np.asarray(heading)


def _slope(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the slope at each sample; numpy's own function takes longer to look at its arguments."""
    slope = np.empty(len(values))
    slope[1:-1] = 0.5 * (values[2:] - values[:-2])
    slope[0], slope[-1] = values[1] - values[0], values[-1] - values[-2]
    return slope


def _smooth(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Average over three samples: interpolation between lane samples leaves a ripple of that length."""
    padded = np.concatenate([[2 * values[0] - values[1]], values, [2 * values[-1] - values[-2]]])
    return np.asarray(0.25 * padded[:-2] + 0.5 * padded[1:-1] + 0.25 * padded[2:])


class DrivableMask:
    """Where the asphalt is, on a grid of 0.2 m."""

    def __init__(self, network: Network) -> None:
        """Fill the asphalt areas of a network."""
        asphalt = [area.polygon for area in network.areas if area.kind == net.ASPHALT]
        corners = np.concatenate(asphalt) if asphalt else np.zeros((1, 2))
        self.origin = corners.min(axis=0) - 1.0
        size = np.ceil((corners.max(axis=0) + 1.0 - self.origin) / _CELL).astype(int) + 1
        self.cells = np.zeros((size[1], size[0]), np.uint8)
        for polygon in asphalt:
            # A shift of 4 bits gives sixteenths of a cell.
            points = np.round(((polygon - self.origin) / _CELL - 0.5) * 16).astype(np.int32)
            cv2.fillPoly(self.cells, [points], 1, cv2.LINE_8, 4)

    def edges(self, path: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return how far the asphalt reaches to the left and to the right of each sample [m]."""
        reach = np.empty((2, len(path)))
        distances = np.arange(0.0, EDGE_REACH, _CELL)
        _find_edges(path, self.cells, float(self.origin[0]), float(self.origin[1]), distances, reach)
        return reach[0], reach[1]


@device_function
def _find_edges(
    path: FloatArray,
    cells: ByteArray,
    origin_x: float,
    origin_y: float,
    distances: FloatArray,
    reach: FloatArray,
) -> None:
    """Step across the mask to both sides of each sample; see :meth:`DrivableMask.edges`.

    Args:
        path: Samples, of which the pose counts, shape (samples, PATH_COLUMNS).
        cells: 1 on asphalt, shape (rows, columns).
        origin_x: East of the mask's corner [m].
        origin_y: North of the mask's corner [m].
        distances: Steps [m].
        reach: Gets the distances [m], shape (2, samples).
    """
    rows, columns = cells.shape
    for sample in range(len(path)):
        x, y = np.float64(path[sample, P_X]), np.float64(path[sample, P_Y])
        cos, sin = np.float64(path[sample, P_COS]), np.float64(path[sample, P_SIN])
        for k in range(2):
            side = 1.0 if k == 0 else -1.0
            first = 0
            while first < len(distances):
                column = int((x - side * sin * distances[first] - origin_x) / _CELL)
                row = int((y + side * cos * distances[first] - origin_y) / _CELL)
                if column < 0 or row < 0 or column >= columns or row >= rows or cells[row, column] == 0:
                    break
                first += 1
            reach[k, sample] = max((first - 1) * _CELL, 0.0)  # fillPoly covers what it touches
