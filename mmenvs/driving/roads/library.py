"""Keeps compiled networks in arrays that kernels index by slot, and evicts those unused for longest."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mmenvs.driving.config import DrivingConfig
from mmenvs.driving.roads import network
from mmenvs.driving.roads.compiled import MOST_SUCCESSORS
from mmenvs.driving.roads.raster import LEVELS, TILE_CELLS
from mmenvs.driving.roads.routes import PATH_COLUMNS
from mmenvs.driving.roads.sources import compile_map

_MOST_SLOTS = 256


class Maps(NamedTuple):
    """Compiled networks; the first axis of every array is the slot.

    Attributes:
        samples: (slots, samples, 6) float32, centre lines of all lanes one after the other; see
            :class:`~mmenvs.driving.roads.network.Lane`.
        lanes: (slots,) int32, number of lanes.
        lane_begin: (slots, lanes) int32, first sample of each lane.
        lane_count: (slots, lanes) int32, samples of each lane.
        lane_length: (slots, lanes) float32 [m].
        lane_scale: (slots, lanes) float32, samples per metre.
        lane_limit: (slots, lanes) float32 [m/s].
        lane_bend: (slots, lanes) float32, largest curvature [1/m].
        lane_next: (slots, lanes, 4) int16, successors, -1 for none.
        lane_left: (slots, lanes) int16, neighbour that may be changed to, -1 for none.
        lane_right: (slots, lanes) int16.
        lane_opposite: (slots, lanes) int16, neighbour on the left that runs the other way, -1 for none.
        lane_junction: (slots, lanes) int16, -1 outside of junctions.
        lane_turn: (slots, lanes) int8.
        lane_rule: (slots, lanes) int8.
        lane_group: (slots, lanes) int16.
        lane_kind: (slots, lanes) int8.
        lane_end: (slots, lanes) int8; see :mod:`~mmenvs.driving.roads.compiled`.
        entries: (slots, entries) int16, lanes where traffic comes in.
        entry_count: (slots,) int32.
        conflict_begin: (slots, lanes + 1) int32, first row of each lane in ``conflicts``.
        conflicts: (slots, rows, 3) float32: the other lane, the station on it beyond which it is clear
            [m], and whether it has the right of way.
        crossings: (slots, crossings, 6) float32: both ends [m], width [m], signal group.
        crossing_count: (slots,) int32.
        crossing_lane_begin: (slots, crossings + 1) int32, first row of each in ``crossing_lanes``.
        crossing_lanes: (slots, rows, 3) float32: a lane that is crossed, the station on it, and the place
            along the crossing [m].
        path: (slots, samples, 13) float32, the routes' paths one after the other; see
            :mod:`~mmenvs.driving.roads.routes`.
        routes: (slots,) int32, number of routes.
        route_begin: (slots, routes) int32, first sample of each route in ``path``.
        route_samples: (slots, routes) int32.
        route_start: (slots, routes) float32, where the ego starts [m].
        route_finish: (slots, routes) float32, where it arrives [m].
        spawn: (slots, routes, lanes) float32, running share of where traffic starts.
        signals: (slots, heads, 5) float32; x, y, cosine and sine of the direction in which it shines, group.
        signal_count: (slots,) int32.
        groups: (slots, groups, 4) float32: cycle, begin and length of green [s], junction.
        group_count: (slots,) int32.
        spots: (slots, spots, 5) float32: x, y [m], heading [rad], length, width [m].
        spot_count: (slots,) int32.
        origin: (slots, 2) float64; raster corner [m].
        level_start: (slots, LEVELS) int32.
        level_columns: (slots, LEVELS) int32.
        level_rows: (slots, LEVELS) int32.
        tile_index: (slots, positions) uint16.
        tiles: (slots, tiles, 1024) uint8.
        scenery: (slots, items, 9) float32, sorted by grid cell.
        grid_start: (slots, cells + 1) int32; first item of each grid cell.
        grid_size: (slots, 2) int32; columns and rows of the scenery grid, whose corner is ``origin``.
    """

    samples: NDArray[np.float32]
    lanes: NDArray[np.int32]
    lane_begin: NDArray[np.int32]
    lane_count: NDArray[np.int32]
    lane_length: NDArray[np.float32]
    lane_scale: NDArray[np.float32]
    lane_limit: NDArray[np.float32]
    lane_bend: NDArray[np.float32]
    lane_next: NDArray[np.int16]
    lane_left: NDArray[np.int16]
    lane_right: NDArray[np.int16]
    lane_opposite: NDArray[np.int16]
    lane_junction: NDArray[np.int16]
    lane_turn: NDArray[np.int8]
    lane_rule: NDArray[np.int8]
    lane_group: NDArray[np.int16]
    lane_kind: NDArray[np.int8]
    lane_end: NDArray[np.int8]
    entries: NDArray[np.int16]
    entry_count: NDArray[np.int32]
    conflict_begin: NDArray[np.int32]
    conflicts: NDArray[np.float32]
    crossings: NDArray[np.float32]
    crossing_count: NDArray[np.int32]
    crossing_lane_begin: NDArray[np.int32]
    crossing_lanes: NDArray[np.float32]
    path: NDArray[np.float32]
    routes: NDArray[np.int32]
    route_begin: NDArray[np.int32]
    route_samples: NDArray[np.int32]
    route_start: NDArray[np.float32]
    route_finish: NDArray[np.float32]
    spawn: NDArray[np.float32]
    signals: NDArray[np.float32]
    signal_count: NDArray[np.int32]
    groups: NDArray[np.float32]
    group_count: NDArray[np.int32]
    spots: NDArray[np.float32]
    spot_count: NDArray[np.int32]
    origin: NDArray[np.float64]
    level_start: NDArray[np.int32]
    level_columns: NDArray[np.int32]
    level_rows: NDArray[np.int32]
    tile_index: NDArray[np.uint16]
    tiles: NDArray[np.uint8]
    scenery: NDArray[np.float32]
    grid_start: NDArray[np.int32]
    grid_size: NDArray[np.int32]


class RoadLibrary:
    """Hands out slots of compiled networks by seed."""

    def __init__(self, config: DrivingConfig, num_worlds: int) -> None:
        """Start empty; ``num_worlds`` slots can be in use at once."""
        self._config = config
        self._slots = min(config.num_maps, _MOST_SLOTS + num_worlds)
        self._by_seed: OrderedDict[int, int] = OrderedDict()
        self._in_use = np.zeros(self._slots, np.int64)
        self._slot_of_world = np.full(num_worlds, -1, np.int64)
        self.maps = _allocate(self._slots)

    def assign(self, world: int, seed: int) -> int:
        """Give a world the network of ``seed``, compiling it if need be, and return its slot."""
        before = self._slot_of_world[world]
        if before >= 0:
            self._in_use[before] -= 1
        slot = self._by_seed.get(seed)
        if slot is None:
            slot = self._free_slot()
            self._store(slot, compile_map(self._config, seed))
            self._by_seed[seed] = slot
        self._by_seed.move_to_end(seed)
        self._in_use[slot] += 1
        self._slot_of_world[world] = slot
        return slot

    def _free_slot(self) -> int:
        if len(self._by_seed) < self._slots:
            return len(self._by_seed)
        # One slot per world and some to spare: an unused one always exists.
        seed = next(seed for seed, slot in self._by_seed.items() if self._in_use[slot] == 0)
        return self._by_seed.pop(seed)

    def _store(self, slot: int, rows: Mapping[str, NDArray[Any]]) -> None:
        grown: dict[str, Any] = {
            name: _grow(getattr(self.maps, name), row.shape)
            for name, row in rows.items()
            if any(need > have for need, have in zip(row.shape, getattr(self.maps, name).shape[1:], strict=True))
        }
        self.maps = self.maps._replace(**grown)
        for name, row in rows.items():
            getattr(self.maps, name)[(slot, *(slice(size) for size in row.shape))] = row


def _allocate(slots: int) -> Maps:
    """Return empty arrays: np.zeros commits memory only where it is written, so spare slots cost nothing."""
    shapes: dict[str, tuple[int, ...]] = {
        "samples": (1, network.LANE_COLUMNS),
        "lane_next": (1, MOST_SUCCESSORS),
        "conflicts": (1, 3),
        "crossings": (1, 6),
        "crossing_lanes": (1, 3),
        "path": (1, PATH_COLUMNS),
        "spawn": (1, 1),
        "signals": (1, 5),
        "groups": (1, 4),
        "spots": (1, 5),
        "origin": (2,),
        "level_start": (LEVELS,),
        "level_columns": (LEVELS,),
        "level_rows": (LEVELS,),
        "tiles": (1, TILE_CELLS),
        "scenery": (1, network.SCENERY_COLUMNS),
        "grid_size": (2,),
    }
    scalars = ("lanes", "entry_count", "crossing_count", "routes", "signal_count", "group_count", "spot_count")
    arrays: dict[str, Any] = {}
    for name, kind in Maps.__annotations__.items():
        shape = () if name in scalars else shapes.get(name, (1,))
        # ``NDArray[np.float32]`` says the type of its numbers at run time only as text.
        dtype = str(kind).rsplit(".", maxsplit=1)[-1].strip("[]')")
        arrays[name] = np.zeros((slots, *shape), dtype)
    return Maps(**arrays)


def _grow(array: NDArray[Any], needed: tuple[int, ...]) -> NDArray[Any]:
    """Return a copy with room for ``needed`` along the axes after the first, and half as much to spare."""
    shape = [
        have if need <= have else need + need // 2 for need, have in zip(needed, array.shape[1:], strict=True)
    ]
    larger = np.zeros((len(array), *shape), array.dtype)
    inner = tuple(slice(size) for size in array.shape[1:])
    for slot in range(len(array)):
        if array[slot].any():  # an unused slot is not touched, so that it costs no memory
            larger[(slot, *inner)] = array[slot]
    return larger
