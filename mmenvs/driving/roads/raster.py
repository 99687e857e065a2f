"""The form of a compiled ground: a tiled raster of surface codes with mip levels.

Level ``k`` has cells of ``CELL * 2**k`` metres, in tiles of 16 x 16 cells.  A tile is eight swatches of 4
rows by 8 cells, and a swatch is four words of eight codes, the first in the lowest byte.  Equal tiles and
equal swatches are stored once: along an edge at any angle hardly two tiles are equal, but many of their
swatches are plain ground, and what is stored is a band as narrow as a swatch.  The first tiles are plain.
:func:`~mmenvs.driving.roads.ground.rasterise_network` draws it.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mmenvs.core.arrays import IntArray
from mmenvs.core.kernels import fast_function, hot_function
from mmenvs.driving.roads.surface import GRASS, KIND_BITS

CELL = 0.1  # cell of level 0 [m]
LEVELS = 5
TILE_BITS = 4
TILE = 1 << TILE_BITS
TILE_CELLS = TILE * TILE
GRASS_TILES = 16
LINE_WIDTH = 0.16  # of a painted line [m]

SWATCH_ROWS, SWATCH_COLUMNS = 4, 8
SWATCHES = TILE_CELLS // (SWATCH_ROWS * SWATCH_COLUMNS)  # of a tile, row by row
#: Column of ``tiles`` that says from which lot of 65,536 its swatches are, so that 16 bits number them.
LOT = SWATCHES
LOT_BITS = 16
TILE_COLUMNS = SWATCHES + 1


class Raster(NamedTuple):
    """A compiled raster.

    Attributes:
        origin: Lower left corner [m], shape (2,).
        start: First entry of each mip level in ``tile_index``, shape (LEVELS,).
        columns: Tiles per row of each level, shape (LEVELS,).
        rows: Tile rows of each level, shape (LEVELS,).
        tile_index: Tile number of every tile position, shape (positions,).
        tiles: Swatches of each tile, within its lot, and the lot; shape (tiles, TILE_COLUMNS).
        swatches: Surface codes, eight to a word, shape (swatches, SWATCH_ROWS).
    """

    origin: NDArray[np.float64]
    start: NDArray[np.int32]
    columns: NDArray[np.int32]
    rows: NDArray[np.int32]
    tile_index: NDArray[np.uint16]
    tiles: NDArray[np.uint16]
    swatches: NDArray[np.uint64]


@hot_function
def code_in_tile(tile: int, u: int, v: int, tiles: IntArray, swatches: IntArray) -> int:
    """Return the surface code of a cell of a tile; of the cell's column and row, the lowest bits count."""
    number = np.int64(tiles[tile, LOT]) << LOT_BITS | np.int64(tiles[tile, (v & 12) >> 1 | (u >> 3 & 1)])
    return int(np.int64(swatches[number, v & 3] >> np.uint64((u & 7) << 3) & np.uint64(255)))


@fast_function
def code_at(
    x: float,
    y: float,
    cell: float,
    origin_x: float,
    origin_y: float,
    begin: int,
    columns: int,
    rows: int,
    index: IntArray,
    tiles: IntArray,
    swatches: IntArray,
) -> int:
    """Return the surface code of a point; beyond the indexed area it is grass.

    Args:
        x: East [m].
        y: North [m].
        cell: Cell size of the level [m].
        origin_x: East of the raster's corner [m].
        origin_y: North of the raster's corner [m].
        begin: First entry of the level in ``index``.
        columns: Tiles per row of the level.
        rows: Tile rows of the level.
        index: Tile numbers, shape (positions,).
        tiles: Swatches of each tile, shape (tiles, TILE_COLUMNS).
        swatches: Surface codes, shape (swatches, SWATCH_ROWS).
    """
    u = int(math.floor((x - origin_x) / cell))
    v = int(math.floor((y - origin_y) / cell))
    column = u >> TILE_BITS
    row = v >> TILE_BITS
    if column < 0 or row < 0 or column >= columns or row >= rows:
        return GRASS << KIND_BITS | 15
    return code_in_tile(int(np.int64(index[begin + row * columns + column])), u, v, tiles, swatches)
