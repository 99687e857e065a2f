"""Places what stands beside the roads: posts, lamps, houses, trees and bushes.

Everything is placed from the outer edges of the lanes, at a distance from where the paved ground ends, and
is kept only if it keeps clear of all areas and of everything placed before.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from mmenvs.core.arrays import BoolArray
from mmenvs.core.arrays import FloatArray as AnyFloats
from mmenvs.core.kernels import device_function
from mmenvs.driving.roads import network as net
from mmenvs.driving.roads.clearance import Outlines, clearances, keep_apart
from mmenvs.driving.roads.network import FloatArray, Network

#: Least distance of anything from the carriageway [m].
CLEARANCE = 0.8
#: Distance between posts, and between street lamps [m].
POST_SPACING, LAMP_SPACING = 25.0, 30.0

_MOST = 1500  # items per _TOWN
_TOWN = 250.0 * 250.0  # [m2]
_RANGE = 24.0  # how far from the paved ground things are placed [m]
_SEEK = 14.0  # how far from a lane its paved edge is looked for [m]
_STRIDE = 0.25  # steps of that search [m]
_STEPS = round(_SEEK / _STRIDE)
_CELL = 0.5  # of the distance grid [m]
_MOST_CELLS = 3000  # per side of the distance grid
_SMALLEST_BLOCK = 2500.0  # with houses on it; what is smaller is an island in the road [m2]
_STRETCH = 30.0  # along which wood and town stay the same [m]

_Floats = NDArray[np.float64]


class _Land(NamedTuple):
    """The ground on a grid.

    Attributes:
        low: Position of the first grid point [m], shape (2,).
        cell: Distance between grid points [m].
        road: 1 on asphalt, shape (rows, columns).
        away: Distance to asphalt or pavement [m], shape (rows, columns).
        block: 1 on unpaved ground that is large enough for houses, shape (rows, columns).
    """

    low: _Floats
    cell: float
    road: NDArray[np.uint8]
    away: FloatArray
    block: NDArray[np.uint8]


class _Verge(NamedTuple):
    """Places beside the roads, about a metre apart; every array has shape (places,).

    Attributes:
        x: Position of the lane's centre [m].
        y: The same.
        cos: Direction of the lane.
        sin: The same.
        side: 1 on the left of the lane, -1 on the right.
        kerb: Distance from the lane's centre to where asphalt ends [m].
        edge: Distance from the lane's centre to where paved ground ends [m].
        sample: Number of the sample of the lane's centre line.
        last: Number of the lane's last sample.
        lane: Index of the lane.
    """

    x: _Floats
    y: _Floats
    cos: _Floats
    sin: _Floats
    side: _Floats
    kerb: _Floats
    edge: _Floats
    sample: NDArray[np.int64]
    last: NDArray[np.int64]
    lane: NDArray[np.int64]

    def take(self, places: NDArray[np.bool_] | NDArray[np.int64]) -> _Verge:
        """Return some of the places."""
        columns: Any = (column[places] for column in self)
        return _Verge(*columns)


def plant(network: Network, seed: int, *, urban: float = 0.0) -> FloatArray:
    """Place scenery around the roads of a network.

    Nothing stands on asphalt or within :data:`CLEARANCE` of it, nor on pavement, street lamps excepted;
    nothing overlaps anything else, nor a signal, a parking space or where people wait to cross.

    Args:
        network: The roads; its own scenery is ignored.
        seed: Non-negative integer; the same seed gives the same scenery.
        urban: From 0, woods with a house here and there, to 1, rows of higher houses along the street.

    Returns:
        Items, shape (items, 9); see the column constants of :mod:`~mmenvs.driving.roads.network`. At most
        1,500 of them, or more where the ground is larger than 250 m x 250 m.

    Raises:
        ValueError: If ``urban`` is not from 0 to 1.
    """
    if not 0.0 <= urban <= 1.0:
        raise ValueError(f"urban={urban} must be from 0 to 1")
    rng = np.random.default_rng([seed, 0x7EEE])
    empty = np.zeros((0, net.SCENERY_COLUMNS), np.float32)
    if not network.areas:
        return empty
    outlines = _outlines(network)
    land = _survey(outlines)
    verge = _verge(network, land)
    if len(verge.x) == 0:
        return empty
    town = _by_stretch(verge, rng, lambda r: np.clip(urban + (r - 0.5) * 2.4 * urban * (1 - urban), 0, 1))
    wood = _by_stretch(verge, rng, lambda r: r)
    groups = [
        _posts(verge.take(verge.edge < verge.kerb + _CELL), outlines, rng),
        _lamps(verge, town, outlines, rng),
        _houses(verge, town, rng),
        _greenery(verge, town, wood, rng),
    ]
    items = np.concatenate(groups)
    items = items[_stands_free(items, outlines, land)]
    taken = _taken(network)
    everything = np.concatenate([taken, items])
    if len(everything) == len(taken):
        return empty
    span = np.maximum(np.ptp(outlines.points, axis=0), 1.0)
    most = int(_MOST * max(span[0] * span[1] / _TOWN, 1.0))
    kept = keep_apart(everything, len(taken), most)
    return np.asarray(everything[kept], np.float32)


# ---------------------------------------------------------------- the ground


def _outlines(network: Network) -> Outlines:
    polygons = [np.asarray(area.polygon, np.float64) for area in network.areas]
    first = np.concatenate([[0], np.cumsum([len(polygon) for polygon in polygons])]).astype(np.int64)
    points = np.concatenate(polygons)
    low = np.minimum.reduceat(points, first[:-1])
    high = np.maximum.reduceat(points, first[:-1])
    kinds = np.array([area.kind for area in network.areas], np.int64)
    return Outlines(points, first, kinds, np.concatenate([low, high], 1))


def _survey(outlines: Outlines) -> _Land:
    """Measure the distance to paved ground on a coarse grid."""
    low = outlines.points.min(axis=0) - _RANGE - 1.0
    extent = outlines.points.max(axis=0) + _RANGE + 1.0 - low
    cell = max(_CELL, float(extent.max()) / _MOST_CELLS)
    columns, rows = (np.ceil(extent / cell).astype(int) + 1).tolist()
    corners = np.round((outlines.points - low) / cell * 16).astype(np.int32)
    grids = np.zeros((2, rows, columns), np.uint8)
    for area, kind in enumerate(outlines.kinds):
        polygon = corners[outlines.first[area] : outlines.first[area + 1]]
        cv2.fillPoly(grids[kind], [polygon], 1, shift=4)
    road = grids[net.ASPHALT]
    free = 1 - (road | grids[net.PAVEMENT])
    away = cv2.distanceTransform(free, cv2.DIST_L2, 3) * np.float32(cell)
    names = cv2.connectedComponents(free[::2, ::2], connectivity=4)[1]  # every other point will do
    large = np.bincount(names.ravel()) * (2.0 * cell) ** 2 > _SMALLEST_BLOCK
    block: Any = cv2.resize(large.astype(np.uint8)[names], (columns, rows), interpolation=cv2.INTER_NEAREST)
    return _Land(low, cell, road, away, block)


def _look_up(land: _Land, grid: NDArray[Any], x: _Floats, y: _Floats) -> NDArray[Any]:
    """Return what is noted at the nearest grid point."""
    column = np.clip(((x - land.low[0]) / land.cell + 0.5).astype(np.int64), 0, grid.shape[1] - 1)
    row = np.clip(((y - land.low[1]) / land.cell + 0.5).astype(np.int64), 0, grid.shape[0] - 1)
    return np.asarray(grid[row, column])


def _verge(network: Network, land: _Land) -> _Verge:
    """List places along the outer sides of lanes, outside of junctions."""
    lanes: list[int] = []
    sides: list[float] = []
    opposite_side = 1.0 if not network.left_hand else -1.0
    for index, lane in enumerate(network.lanes):
        if lane.junction >= 0:
            continue
        for side, beside in ((1.0, lane.left), (-1.0, lane.right)):
            if beside < 0 and not (side == opposite_side and lane.opposite >= 0):
                lanes.append(index)
                sides.append(side)
    counts = np.array([len(network.lanes[lane].centre) for lane in lanes], np.int64)
    none = np.zeros((0, net.LANE_COLUMNS), np.float32)
    centre = np.concatenate([none, *(network.lanes[lane].centre for lane in lanes)]).astype(np.float64)
    along = np.repeat(np.array(sides), counts)
    x, y, cos, sin = (centre[:, column] for column in (net.X, net.Y, net.COS, net.SIN))
    kerb, edge, found = np.empty(len(x)), np.empty(len(x)), np.empty(len(x), np.bool_)
    _seek_edges(centre, along, land, kerb, edge, found)
    sample = np.arange(len(x)) - np.repeat(np.cumsum(counts) - counts, counts)
    last = np.repeat(counts - 1, counts)
    verge = _Verge(
        x, y, cos, sin, along, kerb, edge, sample, last, np.repeat(np.array(lanes, np.int64), counts)
    )
    return verge.take(found)


@device_function
def _seek_edges(
    centre: AnyFloats, along: AnyFloats, land: _Land, kerb: AnyFloats, edge: AnyFloats, found: BoolArray
) -> None:
    """Step away from lanes until asphalt ends, and until all paved ground does.

    Args:
        centre: Samples of the lanes, shape (places, LANE_COLUMNS).
        along: Side of each, 1 for left, shape (places,).
        land: The ground.
        kerb: Gets how far asphalt reaches from the lane's centre [m], shape (places,).
        edge: Gets how far paved ground reaches [m], shape (places,).
        found: Gets whether the paved ground ends at all, shape (places,).
    """
    rows, columns = land.road.shape
    for k in range(len(centre)):
        half = 0.5 * centre[k, net.WIDTH]
        kerb[k] = edge[k] = half
        found[k] = False
        on_road = True
        for step in range(_STEPS):
            reach = half + step * _STRIDE
            x = centre[k, net.X] - along[k] * centre[k, net.SIN] * reach
            y = centre[k, net.Y] + along[k] * centre[k, net.COS] * reach
            column = min(max(int((x - land.low[0]) / land.cell + 0.5), 0), columns - 1)
            row = min(max(int((y - land.low[1]) / land.cell + 0.5), 0), rows - 1)
            if on_road and land.road[row, column] == 0:
                on_road = False
                kerb[k] = reach
            if land.away[row, column] > 0.0:
                edge[k] = reach
                found[k] = True
                break


# ---------------------------------------------------------------- what stands where


def _by_stretch(verge: _Verge, rng: np.random.Generator, shape: Callable[[_Floats], _Floats]) -> _Floats:
    """Draw a number for each stretch of each side of each lane, and pass it through ``shape``."""
    stretch = (verge.sample * net.SAMPLE / _STRETCH).astype(np.int64)
    key = (verge.lane * 2 + (verge.side > 0)) * 1024 + stretch
    names, inverse = np.unique(key, return_inverse=True)
    return shape(rng.random(len(names)))[inverse]


def _rows(
    verge: _Verge,
    kind: int,
    offset: _Floats,
    size: tuple[_Floats | float, _Floats | float, _Floats | float],
    rng: np.random.Generator,
) -> _Floats:
    """Make items at an offset from the lane's centre line; ``size`` is length, width and height [m]."""
    rows = np.empty((len(verge.x), net.SCENERY_COLUMNS))
    rows[:, net.S_KIND] = kind
    rows[:, net.S_X] = verge.x - verge.side * verge.sin * offset
    rows[:, net.S_Y] = verge.y + verge.side * verge.cos * offset
    rows[:, net.S_COS], rows[:, net.S_SIN] = verge.cos, verge.sin
    rows[:, net.S_HALF_LENGTH] = 0.5 * np.asarray(size[0])
    rows[:, net.S_HALF_WIDTH] = 0.5 * np.asarray(size[1])
    rows[:, net.S_HEIGHT] = size[2]
    rows[:, net.S_HUE] = rng.random(len(rows))
    return rows


def _spaced(verge: _Verge, spacing: float) -> BoolArray:
    """Choose places at steady distances along each lane, half of one from its ends."""
    length = verge.last * net.SAMPLE
    count = np.maximum(np.round(length / spacing), 1.0)
    here, following = (
        np.floor(sample * count / verge.last + 0.5) for sample in (verge.sample, verge.sample + 1)
    )
    return np.asarray((here != following) & (length > 0.4 * spacing))


def _beside(verge: _Verge, items: _Floats, gap: float, outlines: Outlines) -> _Floats:
    """Move thin items across the road until they stand ``gap`` from the asphalt."""
    for _ in range(2):
        away = gap - clearances(items, outlines, 4.0)[:, net.ASPHALT]
        items[:, net.S_X] -= verge.side * verge.sin * away
        items[:, net.S_Y] += verge.side * verge.cos * away
    return items


def _posts(verge: _Verge, outlines: Outlines, rng: np.random.Generator) -> _Floats:
    """Place delineator posts along edges without pavement."""
    verge = verge.take(_spaced(verge, POST_SPACING))
    return _beside(verge, _rows(verge, net.POST, verge.edge + 0.9, (0.12, 0.12, 1.0), rng), 0.84, outlines)


def _lamps(verge: _Verge, town: _Floats, outlines: Outlines, rng: np.random.Generator) -> _Floats:
    """Place street lamps at steady distances in town, on the pavement if there is one; few elsewhere."""
    in_town = rng.random(len(town)) < town
    chosen = _spaced(verge, LAMP_SPACING) & in_town
    street = verge.take(chosen)
    lit = _beside(street, _rows(street, net.LAMP, street.kerb + 1.0, (0.18, 0.18, 6.5), rng), 0.86, outlines)
    lone = verge.take((rng.random(len(town)) < 0.008) & ~in_town)
    return np.concatenate([lit, _rows(lone, net.LAMP, lone.edge + 1.6, (0.18, 0.18, 6.5), rng)])


def _houses(verge: _Verge, town: _Floats, rng: np.random.Generator) -> _Floats:
    """Propose houses: rows that face the street in town, far apart and set back elsewhere."""
    count = len(town)
    draw = rng.random(count)
    in_row = draw < 0.7 * town
    alone = (draw > 1.0 - 0.01) & ~in_row
    # All houses of a row stand on one line: the setback belongs to the lane.
    setback = 1.6 + 2.4 * (np.abs(np.sin(verge.lane * 12.9898 + verge.side)) * 43.0 % 1.0)
    length = np.where(in_row, rng.uniform(9, 19, count), rng.uniform(8, 14, count))
    depth = np.where(in_row, rng.uniform(8, 12, count), rng.uniform(7, 10, count))
    height = rng.uniform(4, 8, count)
    height += np.where(in_row, town * rng.uniform(0, 9, count), 0.0)
    gap = np.where(in_row, setback, rng.uniform(9, 17, count))
    rows = _rows(verge, net.HOUSE, verge.edge + gap + 0.5 * depth, (length, depth, height), rng)
    return rows[in_row | alone]


def _greenery(verge: _Verge, town: _Floats, wood: _Floats, rng: np.random.Generator) -> _Floats:
    """Propose trees and bushes, in any order."""
    count = len(town)
    draw = rng.random(count)
    trees = draw < (0.025 + 0.1 * wood) * (1.0 - town) + 0.16 * town
    bushes = draw > 1.0 - (0.1 - 0.08 * wood)
    size = rng.uniform(2.6, 5.0, count) * (1.0 - 0.25 * town)
    tall = size * rng.uniform(1.4, 2.0, count)
    far = 1.0 + rng.random(count) * (13.5 + 9.0 * town) + 0.5 * size
    forest = _rows(verge, net.TREE, verge.edge + far, (size, size, tall), rng)[trees]
    size = rng.uniform(0.9, 1.9, count)
    shrubs = _rows(
        verge, net.BUSH, verge.edge + rng.uniform(0.9, 7.0, count) + 0.5 * size, (size, size, 0.8 * size), rng
    )[bushes]
    mixed = np.concatenate([forest, shrubs])
    return np.asarray(mixed[rng.permutation(len(mixed))])


# ---------------------------------------------------------------- what may stay

#: Least distance from asphalt, and from pavement, of each kind of scenery [m].
_GAPS = np.zeros((5, 2))
_GAPS[net.TREE] = 1.0, 0.4
_GAPS[net.BUSH] = CLEARANCE, 0.4
_GAPS[net.POST] = CLEARANCE, 0.2
_GAPS[net.HOUSE] = 2.0, 1.2
_GAPS[net.LAMP] = CLEARANCE, -1.0  # a lamp may stand on pavement


def _stands_free(items: _Floats, outlines: Outlines, land: _Land) -> BoolArray:
    """Say which items keep clear of all areas."""
    gaps = _GAPS[items[:, net.S_KIND].astype(np.int64)]
    narrow = items[:, net.S_HALF_LENGTH : net.S_HALF_WIDTH + 1].min(axis=1)
    # The grid is off by as much as a cell and a half: it only spares us most of the exact measuring.
    roughly = _look_up(land, land.away, items[:, net.S_X], items[:, net.S_Y])
    free = roughly >= gaps.min(axis=1) + narrow - 1.5 * land.cell
    houses = items[:, net.S_KIND] == net.HOUSE
    free &= ~houses | (_look_up(land, land.block, items[:, net.S_X], items[:, net.S_Y]) == 1)
    wide = np.hypot(items[:, net.S_HALF_LENGTH], items[:, net.S_HALF_WIDTH])
    near = free & (roughly < gaps.max(axis=1) + wide + 1.5 * land.cell)
    free[near] = (clearances(items[near], outlines, 2.5) >= gaps[near]).all(axis=1)
    return np.asarray(free)


def _taken(network: Network) -> _Floats:
    """Return what already has its place, as items: signals, parking spaces, ends of crossings."""
    rows = [(s.x, s.y, s.heading, 0.5, 0.5) for s in network.signals]
    rows += [(s.x, s.y, s.heading, 0.5 * s.length, 0.5 * s.width) for s in network.spots]
    for crossing in network.crossings:
        along = crossing.end - crossing.start
        heading = math.atan2(along[1], along[0])
        rows += [(*end, heading, 2.0, 0.5 * crossing.width) for end in (crossing.start, crossing.end)]
    table = np.array(rows, np.float64).reshape(-1, 5)
    items = np.zeros((len(table), net.SCENERY_COLUMNS))
    items[:, [net.S_X, net.S_Y]] = table[:, :2]
    items[:, net.S_COS], items[:, net.S_SIN] = np.cos(table[:, 2]), np.sin(table[:, 2])
    items[:, [net.S_HALF_LENGTH, net.S_HALF_WIDTH]] = table[:, 3:]
    return items
