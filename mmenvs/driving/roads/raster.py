"""The form of a compiled ground: a tiled raster of surface codes with mip levels.

Level ``k`` has cells of ``CELL * 2**k`` metres, in tiles of 16 x 16 cells.  Only tiles that paved areas
touch are stored; all others point to one of some shared tiles of grass.
:func:`~mmenvs.driving.roads.ground.rasterise_network` draws it.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mmenvs.core.arrays import ByteArray, IntArray
from mmenvs.core.kernels import fast_function
from mmenvs.driving.roads.surface import GRASS, KIND_BITS

CELL = 0.1  # cell of level 0 [m]
LEVELS = 5
TILE_BITS = 4  # small: along an edge at any angle, what is stored is a band as wide as a tile
TILE = 1 << TILE_BITS
TILE_CELLS = TILE * TILE
GRASS_TILES = 16
LINE_WIDTH = 0.16  # of a painted line [m]


class Raster(NamedTuple):
    """A compiled raster.

    Attributes:
        origin: Lower left corner [m], shape (2,).
        start: First entry of each mip level in ``tile_index``, shape (LEVELS,).
        columns: Tiles per row of each level, shape (LEVELS,).
        rows: Tile rows of each level, shape (LEVELS,).
        tile_index: Tile number of every tile position, shape (positions,).
        tiles: Surface codes, shape (tiles, TILE_CELLS), row by row.
    """

    origin: NDArray[np.float64]
    start: NDArray[np.int32]
    columns: NDArray[np.int32]
    rows: NDArray[np.int32]
    tile_index: NDArray[np.uint16]
    tiles: NDArray[np.uint8]


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
    tiles: ByteArray,
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
        tiles: Surface codes, shape (tiles, TILE_CELLS).
    """
    u = int(math.floor((x - origin_x) / cell))
    v = int(math.floor((y - origin_y) / cell))
    column = u >> TILE_BITS
    row = v >> TILE_BITS
    if column < 0 or row < 0 or column >= columns or row >= rows:
        return GRASS << KIND_BITS | 15
    tile = index[begin + row * columns + column]
    return int(tiles[tile, (v & (TILE - 1)) << TILE_BITS | (u & (TILE - 1))])
