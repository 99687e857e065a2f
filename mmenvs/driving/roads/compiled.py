"""A network as arrays that kernels read: lanes, conflicts at junctions, crossings, signals, routes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmenvs.driving.roads import network as net
from mmenvs.driving.roads import routes
from mmenvs.driving.roads.meetings import find_conflicts, find_crossed
from mmenvs.driving.roads.network import Network
from mmenvs.driving.roads.raster import CELL, LEVELS, TILE, Raster
from mmenvs.driving.roads.wayside import places_to_cross

MOST_SUCCESSORS = 4
#: Columns of ``Roads.lanes``: first sample and number of samples, length [m], samples per metre, limit
#: [m/s], largest curvature [1/m], neighbours (-1 for none), junction, turn, rule, signal group, kind, what
#: comes at the end, first row and number of rows in ``Roads.conflicts``, length on which a car has room
#: [m], the only lane that leads here (-1 if none does, -2 if several do), and up to four successors.
(
    L_BEGIN,
    L_COUNT,
    L_LENGTH,
    L_SCALE,
    L_LIMIT,
    L_BEND,
    L_LEFT,
    L_RIGHT,
    L_OPPOSITE,
    L_JUNCTION,
    L_TURN,
    L_RULE,
    L_GROUP,
    L_KIND,
    L_END,
    L_CONFLICT,
    L_CONFLICTS,
    L_USABLE,
    L_BEFORE,
    L_NEXT,
) = range(20)
LANE_COLUMNS = L_NEXT + MOST_SUCCESSORS
#: Columns of ``Roads.counts``.
N_LANES, N_ENTRIES, N_CROSSINGS, N_ROUTES, N_GROUPS, N_SPOTS, N_PAINTED = range(7)
COUNT_COLUMNS = 7
#: Columns of ``Roads.routes``: first sample and number of samples in ``Roads.path``, where the ego starts
#: and where it arrives [m].
R_BEGIN, R_SAMPLES, R_START, R_FINISH = range(4)
ROUTE_COLUMNS = 4
#: Columns of ``Roads.crossings``: both ends [m], width [m], signal group, first row and number of rows in
#: ``Roads.crossed``.
K_X0, K_Y0, K_X1, K_Y1, K_WIDTH, K_GROUP, K_BEGIN, K_COUNT = range(8)
CROSSING_COLUMNS = 8
GRID = 24.0  # side of a scenery grid cell [m]

#: What happens at the end of a lane: it goes on, the world ends, or the lane does (change before).
GOES_ON, LEAVES, DROPS = range(3)

#: Columns of ``Roads.conflicts``.
F_LANE, F_CLEAR, F_YIELDS = range(3)
#: Columns of ``Roads.crossed``.
X_LANE, X_STATION, X_AT = range(3)
MOST_GROUPS = 256  # signal groups of a network
MOST_CROSSINGS = 64  # of a network; people do not use more

ROOM = 2.7  # a tapering lane ends for a car where it is narrower than this [m]
SPAWN_REACH = 160.0  # traffic starts this near to the route [m]


def compile_network(
    network: Network, raster: Raster, ways: Sequence[routes.Route]
) -> dict[str, NDArray[Any]]:
    """Return one slot of every array of ``Roads`` and ``Maps``, by name.

    Args:
        network: The roads.
        raster: Its ground.
        ways: Routes of the ego, at least one.

    Raises:
        RoadError: If there are more than :data:`MOST_GROUPS` signal groups.
    """
    if len(network.groups) > MOST_GROUPS:
        raise net.RoadError(f"{network.name}: {len(network.groups)} signal groups, at most {MOST_GROUPS}")
    mask = routes.DrivableMask(network)
    paths = [routes.trace_path(network, way, mask) for way in ways]
    starts, finishes = zip(
        *(_span(network, way, path) for way, path in zip(ways, paths, strict=True)), strict=True
    )
    begins = np.concatenate([[0], np.cumsum([len(path) for path in paths])])
    scenery, grid_start, grid_size = sort_scenery(network.scenery, raster)
    conflicts, conflict_begin = find_conflicts(network)
    # Painted crossings come first.
    places = [*network.crossings, *places_to_cross(network, mask)][:MOST_CROSSINGS]
    crossed, crossed_begin = find_crossed(network, places)
    crossings = np.array(
        [
            (*place.start, *place.end, place.width, place.group, begin, end - begin)
            for place, begin, end in zip(places, crossed_begin[:-1], crossed_begin[1:], strict=True)
        ],
        np.float32,
    ).reshape(-1, CROSSING_COLUMNS)
    lanes, entries = _lanes(network, conflict_begin)
    counts = (
        len(lanes), len(entries), len(crossings), len(paths), len(network.groups), len(network.spots),
        min(len(network.crossings), MOST_CROSSINGS),
    )  # fmt: skip
    groups = [(g.cycle, g.begin, g.green, g.junction) for g in network.groups]
    spots = [(s.x, s.y, s.heading, s.length, s.width) for s in network.spots]
    signals = [(s.x, s.y, math.cos(s.heading), math.sin(s.heading), s.group) for s in network.signals]
    return {
        "samples": np.concatenate([lane.centre for lane in network.lanes]),
        "lanes": lanes,
        "entries": entries,
        "conflicts": conflicts,
        "crossings": crossings,
        "crossed": crossed,
        "path": np.concatenate(paths),
        "routes": np.stack([begins[:-1], np.diff(begins), starts, finishes], 1).astype(np.float32),
        "spawn": _spawn(network, paths),
        "groups": np.array(groups, np.float32).reshape(-1, 4),
        "spots": np.array(spots, np.float32).reshape(-1, 5),
        "counts": np.array(counts, np.int32),
        "signals": np.array(signals, np.float32).reshape(-1, 5),
        "signal_count": np.asarray(len(signals), np.int32),
        "origin": raster.origin,
        "level_start": raster.start[: len(raster.columns)].astype(np.int32),
        "level_columns": raster.columns,
        "level_rows": raster.rows,
        "tile_index": raster.tile_index,
        "tiles": raster.tiles,
        "swatches": raster.swatches,
        "scenery": scenery,
        "grid_start": grid_start,
        "grid_size": grid_size,
    }


def _span(network: Network, way: routes.Route, path: NDArray[np.float32]) -> tuple[float, float]:
    """Return where on its path an episode begins and where it is won [m]."""
    first, last = network.lanes[way.lanes[0]], network.lanes[way.lanes[-1]]
    start = min(net.RUN_IN, 0.4 * first.length)
    if way.spot >= 0:
        spot = network.spots[way.spot]
        away = np.hypot(path[:, routes.P_X] - spot.x, path[:, routes.P_Y] - spot.y)
        return start, max(float(away.argmin()), start + 1.0)
    end = min(net.RUN_OUT, 0.4 * last.length)
    return start, max(len(path) - 1 - end, start + 1.0)


def _lanes(
    network: Network, conflict_begin: NDArray[np.int64]
) -> tuple[NDArray[np.float32], NDArray[np.int16]]:
    """Return the table of the lanes, and the lanes where traffic comes in."""
    lanes = network.lanes
    before = network.predecessors()

    def goes_on(index: int) -> bool:
        return index >= 0 and bool(lanes[index].successors)

    table = np.full((len(lanes), LANE_COLUMNS), -1.0, np.float32)
    counts = np.array([len(lane.centre) for lane in lanes])
    table[:, L_BEGIN] = np.concatenate([[0], np.cumsum(counts)[:-1]])
    table[:, L_COUNT] = counts
    table[:, L_CONFLICT] = conflict_begin[:-1]
    table[:, L_CONFLICTS] = np.diff(conflict_begin)
    entries = []
    for index, (lane, row) in enumerate(zip(lanes, table, strict=True)):
        row[L_LENGTH], row[L_SCALE], row[L_LIMIT] = (
            lane.length,
            (len(lane.centre) - 1) / lane.length,
            lane.limit,
        )
        row[L_BEND] = np.abs(lane.centre[:, net.CURVATURE]).max()
        row[L_LEFT], row[L_RIGHT], row[L_OPPOSITE] = lane.left, lane.right, lane.opposite
        row[L_JUNCTION], row[L_TURN] = lane.junction, lane.turn
        row[L_RULE], row[L_GROUP], row[L_KIND] = lane.rule, lane.group, lane.kind
        dropped = goes_on(lane.left) or goes_on(lane.right)
        row[L_END] = GOES_ON if lane.successors else DROPS if dropped else LEAVES
        wide = lane.centre[:, net.WIDTH] >= ROOM
        narrow = dropped and not lane.successors and not wide[-1]
        row[L_USABLE] = lane.length * (wide.argmin() if narrow else 1.0) / (len(wide) - 1 if narrow else 1.0)
        row[L_BEFORE] = -2 if len(before[index]) > 1 else before[index][0] if before[index] else -1
        kept = lane.successors[:MOST_SUCCESSORS]
        row[L_NEXT : L_NEXT + len(kept)] = kept
        beside = [side for side in (lane.left, lane.right) if side >= 0]
        fresh = not before[index] and not any(before[side] for side in beside)
        if fresh and lane.junction < 0 and lane.kind == net.DRIVING:
            entries.append(index)
    return table, np.array(entries, np.int16)


def _spawn(network: Network, paths: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    """Return for each route the running share of the lanes' lengths where traffic may start."""
    table = np.zeros((len(paths), len(network.lanes)), np.float32)
    middles = np.array([lane.centre[len(lane.centre) // 2, :2] for lane in network.lanes])
    usable = np.array(
        [
            lane.length if lane.junction < 0 and lane.kind == net.DRIVING and lane.length > 12 else 0.0
            for lane in network.lanes
        ]
    )
    reach = np.array([SPAWN_REACH + 0.5 * lane.length for lane in network.lanes])
    for row, path in zip(table, paths, strict=True):
        points = path[::10, :2]
        distance = np.hypot(*(middles[:, None] - points[None]).transpose(2, 0, 1)).min(axis=1)
        weight = np.where(distance < reach, usable, 0.0)
        total = weight.sum()
        row[:] = np.cumsum(weight) / total if total > 0 else 0.0
    return table


def sort_scenery(
    scenery: NDArray[np.float32], raster: Raster
) -> tuple[NDArray[np.float32], NDArray[np.int32], NDArray[np.int32]]:
    """Sort scenery by grid cell; return the items, each cell's first item, and the grid's size."""
    extent = np.array([raster.columns[-1], raster.rows[-1]]) * (TILE * CELL * 2 ** (LEVELS - 1))
    size = np.maximum(np.ceil(extent / GRID), 1).astype(np.int32)
    cell = np.clip(((scenery[:, 1:3] - raster.origin) / GRID).astype(np.int64), 0, size - 1)
    key = cell[:, 1] * size[0] + cell[:, 0]
    order = np.argsort(key, kind="stable")
    start = np.searchsorted(key[order], np.arange(int(size[0]) * int(size[1]) + 1)).astype(np.int32)
    return scenery[order], start, size
