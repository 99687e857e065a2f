"""Keeps compiled networks in arrays that kernels index by slot, and evicts those unused for longest."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mmenvs.driving.config import DrivingConfig
from mmenvs.driving.roads import network
from mmenvs.driving.roads.compiled import (
    COUNT_COLUMNS,
    CROSSING_COLUMNS,
    LANE_COLUMNS,
    ROUTE_COLUMNS,
)
from mmenvs.driving.roads.raster import LEVELS, SWATCH_ROWS, TILE_COLUMNS
from mmenvs.driving.roads.routes import PATH_COLUMNS
from mmenvs.driving.roads.sources import compile_map

_MOST_SLOTS = 256


class Roads(NamedTuple):
    """Lanes and routes of compiled networks; the first axis of every array is the slot.

    The columns of the tables are named in :mod:`~mmenvs.driving.roads.compiled`.

    Attributes:
        samples: (slots, samples, 6) float32, centre lines of all lanes one after the other; see
            :class:`~mmenvs.driving.roads.network.Lane`.
        lanes: (slots, lanes, 24) float32, columns ``L_...``.
        entries: (slots, entries) int16, lanes where traffic comes in.
        conflicts: (slots, rows, 3) float32, columns ``F_...``: another lane of the junction, the station on
            it beyond which it is clear [m], and whether it has the right of way.
        crossings: (slots, crossings, 8) float32, columns ``K_...``.
        crossed: (slots, rows, 3) float32, columns ``X_...``: a lane that is crossed, the station on it, and
            the place along the crossing [m].
        path: (slots, samples, 14) float32, the routes' paths one after the other; columns ``P_...`` of
            :mod:`~mmenvs.driving.roads.routes`.
        routes: (slots, routes, 4) float32, columns ``R_...``.
        spawn: (slots, routes, lanes) float32, running share of where traffic starts.
        groups: (slots, groups, 4) float32: cycle, begin and length of green [s], junction.
        spots: (slots, spots, 5) float32: x, y [m], heading [rad], length, width [m].
        counts: (slots, 6) int32, columns ``N_...``: rows of the other arrays that are in use.
    """

    samples: NDArray[np.float32]
    lanes: NDArray[np.float32]
    entries: NDArray[np.int16]
    conflicts: NDArray[np.float32]
    crossings: NDArray[np.float32]
    crossed: NDArray[np.float32]
    path: NDArray[np.float32]
    routes: NDArray[np.float32]
    spawn: NDArray[np.float32]
    groups: NDArray[np.float32]
    spots: NDArray[np.float32]
    counts: NDArray[np.int32]


class Maps(NamedTuple):
    """What is seen of compiled networks; the first axis of every array is the slot.

    Attributes:
        origin: (slots, 2) float64; raster corner [m].
        level_start: (slots, LEVELS) int32.
        level_columns: (slots, LEVELS) int32.
        level_rows: (slots, LEVELS) int32.
        tile_index: (slots, positions) uint16.
        tiles: (slots, tiles, TILE_COLUMNS) uint16; see :class:`~mmenvs.driving.roads.raster.Raster`.
        swatches: (slots, swatches, SWATCH_ROWS) uint64.
        scenery: (slots, items, 9) float32, sorted by grid cell.
        grid_start: (slots, cells + 1) int32; first item of each grid cell.
        grid_size: (slots, 2) int32; columns and rows of the scenery grid, whose corner is ``origin``.
        signals: (slots, heads, 5) float32; x, y, cosine and sine of the direction in which it shines, group.
        signal_count: (slots,) int32; used heads of ``signals``.
    """

    origin: NDArray[np.float64]
    level_start: NDArray[np.int32]
    level_columns: NDArray[np.int32]
    level_rows: NDArray[np.int32]
    tile_index: NDArray[np.uint16]
    tiles: NDArray[np.uint16]
    swatches: NDArray[np.uint64]
    scenery: NDArray[np.float32]
    grid_start: NDArray[np.int32]
    grid_size: NDArray[np.int32]
    signals: NDArray[np.float32]
    signal_count: NDArray[np.int32]


class RoadLibrary:
    """Hands out slots of compiled networks by seed."""

    def __init__(self, config: DrivingConfig, num_worlds: int) -> None:
        """Start empty; ``num_worlds`` slots can be in use at once."""
        self._config = config
        self._slots = min(config.num_maps, _MOST_SLOTS + num_worlds)
        self._by_seed: OrderedDict[int, int] = OrderedDict()
        self._in_use = np.zeros(self._slots, np.int64)
        self._slot_of_world = np.full(num_worlds, -1, np.int64)
        self.roads, self.maps = _allocate(self._slots)

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
        self.roads = _write(self.roads, slot, rows)
        self.maps = _write(self.maps, slot, rows)


def _write(arrays: Any, slot: int, rows: Mapping[str, NDArray[Any]]) -> Any:
    """Write those rows that a structure of arrays has, after making room for them."""
    mine = {name: row for name, row in rows.items() if hasattr(arrays, name)}
    grown: dict[str, Any] = {
        name: _grow(getattr(arrays, name), row.shape)
        for name, row in mine.items()
        if any(need > have for need, have in zip(row.shape, getattr(arrays, name).shape[1:], strict=True))
    }
    arrays = arrays._replace(**grown)
    for name, row in mine.items():
        getattr(arrays, name)[(slot, *(slice(size) for size in row.shape))] = row
    return arrays


def _allocate(slots: int) -> tuple[Roads, Maps]:
    """Return empty arrays: np.zeros commits memory only where it is written, so spare slots cost nothing."""

    def zeros(*shape: int, dtype: Any = np.float32) -> NDArray[Any]:
        return np.zeros((slots, *shape), dtype)

    roads = Roads(
        samples=zeros(1, network.LANE_COLUMNS),
        lanes=zeros(1, LANE_COLUMNS),
        entries=zeros(1, dtype=np.int16),
        conflicts=zeros(1, 3),
        crossings=zeros(1, CROSSING_COLUMNS),
        crossed=zeros(1, 3),
        path=zeros(1, PATH_COLUMNS),
        routes=zeros(1, ROUTE_COLUMNS),
        spawn=zeros(1, 1),
        groups=zeros(1, 4),
        spots=zeros(1, 5),
        counts=zeros(COUNT_COLUMNS, dtype=np.int32),
    )
    maps = Maps(
        origin=zeros(2, dtype=np.float64),
        level_start=zeros(LEVELS, dtype=np.int32),
        level_columns=zeros(LEVELS, dtype=np.int32),
        level_rows=zeros(LEVELS, dtype=np.int32),
        tile_index=zeros(1, dtype=np.uint16),
        tiles=zeros(1, TILE_COLUMNS, dtype=np.uint16),
        swatches=zeros(1, SWATCH_ROWS, dtype=np.uint64),
        scenery=zeros(1, network.SCENERY_COLUMNS),
        grid_start=zeros(2, dtype=np.int32),
        grid_size=zeros(2, dtype=np.int32),
        signals=zeros(1, 5),
        signal_count=zeros(dtype=np.int32),
    )
    return roads, maps


def _grow(array: NDArray[Any], needed: tuple[int, ...]) -> NDArray[Any]:
    """Return a copy with room for ``needed`` along the axes after the first, and half as much to spare."""
    shape = [
        have if need <= have else need + need // 2 for need, have in zip(needed, array.shape[1:], strict=True)
    ]
    larger = np.zeros((len(array), *shape), array.dtype)
    inner: tuple[Any, ...] = tuple(slice(size) for size in array.shape[1:])
    for slot in range(len(array)):
        if array[slot].any():  # an unused slot is not touched, so that it costs no memory
            larger[(slot, *inner)] = array[slot]
    return larger
