"""Keeps compiled roads in arrays that kernels index by slot, and evicts those unused for longest."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mmenvs.driving.config import DrivingConfig
from mmenvs.driving.roads import network
from mmenvs.driving.roads.generator import generate_road
from mmenvs.driving.roads.network import Road
from mmenvs.driving.roads.raster import LEVELS, TILE_CELLS, Raster, rasterise

GRID = 24.0  # side of a scenery grid cell [m]
_MOST_SLOTS = 256


class Maps(NamedTuple):
    """Compiled roads; the first axis of every array is the slot.

    Attributes:
        reference: (slots, samples, 5) float32; see :class:`~mmenvs.driving.roads.network.Road`.
        samples: (slots,) int32; used length of ``reference``.
        lane_offset: (slots, lanes) float32 [m].
        lane_direction: (slots, lanes) float32, 1 or -1.
        edges: (slots, 2) float32; left and right edge of the asphalt [m].
        origin: (slots, 2) float64; raster corner [m].
        level_start: (slots, LEVELS) int32.
        level_columns: (slots, LEVELS) int32.
        level_rows: (slots, LEVELS) int32.
        tile_index: (slots, positions) uint16.
        tiles: (slots, tiles, 1024) uint8.
        scenery: (slots, items, 9) float32, sorted by grid cell.
        grid_start: (slots, cells + 1) int32; first item of each grid cell.
        grid_size: (slots, 2) int32; columns and rows of the scenery grid, whose corner is ``origin``.
        signals: (slots, heads, 5) float32; x, y, cosine and sine of the direction in which it shines, group.
        signal_count: (slots,) int32; used heads of ``signals``.
    """

    reference: NDArray[np.float32]
    samples: NDArray[np.int32]
    lane_offset: NDArray[np.float32]
    lane_direction: NDArray[np.float32]
    edges: NDArray[np.float32]
    origin: NDArray[np.float64]
    level_start: NDArray[np.int32]
    level_columns: NDArray[np.int32]
    level_rows: NDArray[np.int32]
    tile_index: NDArray[np.uint16]
    tiles: NDArray[np.uint8]
    scenery: NDArray[np.float32]
    grid_start: NDArray[np.int32]
    grid_size: NDArray[np.int32]
    signals: NDArray[np.float32]
    signal_count: NDArray[np.int32]


class RoadLibrary:
    """Hands out slots of compiled roads by seed."""

    def __init__(self, config: DrivingConfig, num_worlds: int) -> None:
        """Start empty; ``num_worlds`` slots can be in use at once."""
        self._config = config
        self._slots = min(config.num_maps, _MOST_SLOTS + num_worlds)
        self._by_seed: OrderedDict[int, int] = OrderedDict()
        self._in_use = np.zeros(self._slots, np.int64)
        self._slot_of_world = np.full(num_worlds, -1, np.int64)
        self.maps = _allocate(self._slots, config.lanes + config.oncoming_lanes)

    def assign(self, world: int, seed: int) -> int:
        """Give a world the road of ``seed``, compiling it if need be, and return its slot."""
        before = self._slot_of_world[world]
        if before >= 0:
            self._in_use[before] -= 1
        slot = self._by_seed.get(seed)
        if slot is None:
            slot = self._free_slot()
            road = generate_road(self._config, seed)
            self._store(slot, road, rasterise(road))
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

    def _store(self, slot: int, road: Road, raster: Raster) -> None:
        maps = self.maps
        cells, start, size = _grid(road.scenery, raster)
        needed = {
            "reference": len(road.reference),
            "tile_index": len(raster.tile_index),
            "tiles": len(raster.tiles),
            "scenery": len(cells),
            "grid_start": len(start),
        }
        grown: dict[str, Any] = {
            name: _grow(getattr(maps, name), count)
            for name, count in needed.items()
            if getattr(maps, name).shape[1] < count
        }
        self.maps = maps = maps._replace(**grown)
        maps.reference[slot, : len(road.reference)] = road.reference
        maps.samples[slot] = len(road.reference)
        maps.lane_offset[slot] = road.lane_offsets
        maps.lane_direction[slot] = road.lane_directions
        maps.edges[slot] = road.left_edge, road.right_edge
        maps.origin[slot] = raster.origin
        maps.level_start[slot] = raster.start
        maps.level_columns[slot] = raster.columns
        maps.level_rows[slot] = raster.rows
        maps.tile_index[slot, : len(raster.tile_index)] = raster.tile_index
        maps.tiles[slot, : len(raster.tiles)] = raster.tiles
        maps.scenery[slot, : len(cells)] = cells
        maps.grid_start[slot, : len(start)] = start
        maps.grid_size[slot] = size


def _allocate(slots: int, lanes: int) -> Maps:
    # np.zeros commits memory only where it is written, so spare slots cost nothing.
    return Maps(
        reference=np.zeros((slots, 1, 5), np.float32),
        samples=np.zeros(slots, np.int32),
        lane_offset=np.zeros((slots, lanes), np.float32),
        lane_direction=np.zeros((slots, lanes), np.float32),
        edges=np.zeros((slots, 2), np.float32),
        origin=np.zeros((slots, 2)),
        level_start=np.zeros((slots, LEVELS), np.int32),
        level_columns=np.zeros((slots, LEVELS), np.int32),
        level_rows=np.zeros((slots, LEVELS), np.int32),
        tile_index=np.zeros((slots, 1), np.uint16),
        tiles=np.zeros((slots, 1, TILE_CELLS), np.uint8),
        scenery=np.zeros((slots, 1, network.SCENERY_COLUMNS), np.float32),
        grid_start=np.zeros((slots, 2), np.int32),
        grid_size=np.zeros((slots, 2), np.int32),
        signals=np.zeros((slots, 1, 5), np.float32),
        signal_count=np.zeros(slots, np.int32),
    )


def _grow(array: NDArray[np.generic], count: int) -> NDArray[np.generic]:
    shape = list(array.shape)
    used = shape[1]
    shape[1] = count + count // 2
    larger = np.zeros(shape, array.dtype)
    if used > 1:
        for slot in range(shape[0]):
            if array[slot].any():
                larger[slot, :used] = array[slot]
    return larger


def _grid(
    scenery: NDArray[np.float32], raster: Raster
) -> tuple[NDArray[np.float32], NDArray[np.int32], NDArray[np.int32]]:
    """Sort scenery by grid cell; return the items, each cell's first item, and the grid's size."""
    extent = np.array([raster.columns[-1], raster.rows[-1]]) * 51.2
    size = np.maximum(np.ceil(extent / GRID), 1).astype(np.int32)
    cell = np.clip(((scenery[:, 1:3] - raster.origin) / GRID).astype(np.int64), 0, size - 1)
    key = cell[:, 1] * size[0] + cell[:, 0]
    order = np.argsort(key, kind="stable")
    start = np.searchsorted(key[order], np.arange(int(size[0]) * int(size[1]) + 1)).astype(np.int32)
    return scenery[order], start, size
