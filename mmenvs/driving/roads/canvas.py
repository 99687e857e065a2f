"""The canvas of :mod:`~mmenvs.driving.roads.ground`: how much of each cell is covered by what."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mmenvs.core.arrays import FloatArray
from mmenvs.core.kernels import inlined_function, inner_function
from mmenvs.driving.roads import network as net
from mmenvs.driving.roads.raster import LEVELS, TILE, TILE_CELLS

# Planes of coverage; the first two are the kinds of Area.
ROAD, WALK, WHITE_PAINT, YELLOW_PAINT, STONE = net.ASPHALT, net.PAVEMENT, 2, 3, 4
PLANES = 5
# What a tile on the canvas holds: one thing throughout, or planes of coverage.
BARE, ALL_ROAD, ALL_WALK, MIXED = range(4)

_HALF = TILE // 2


class Canvas(NamedTuple):
    """One row of tiles of each mip level, while it is being drawn.

    Attributes:
        columns: Tiles per row, shape (LEVELS,).
        rows: Tile rows, shape (LEVELS,).
        begin: First entry of each level in the tile index, shape (LEVELS,).
        kind: What each tile holds, shape (LEVELS, columns).
        slot: First of a mixed tile's rows in ``planes``, shape (LEVELS, columns).
        drawn: Planes of a mixed tile that hold anything, as bits, shape (LEVELS, columns).
        used: Mixed tiles of each level, shape (LEVELS,).
        planes: Coverage in [0, 1], shape (rows, TILE_CELLS); the first row is zeros.
        full: Sweep lines that cross a whole tile, as a share of each row of cells, shape (columns, 2, TILE).
        lines: How many these are in all, shape (columns, 2).
    """

    columns: NDArray[np.int64]
    rows: NDArray[np.int64]
    begin: NDArray[np.int64]
    kind: NDArray[np.int64]
    slot: NDArray[np.int64]
    drawn: NDArray[np.int64]
    used: NDArray[np.int64]
    planes: NDArray[np.float32]
    full: NDArray[np.float32]
    lines: NDArray[np.int64]


class Shapes(NamedTuple):
    """Lines or polygons in one array of points.

    Attributes:
        points: Points [cells], shape (points, 2).
        first: First point of each shape, and the number of points, shape (shapes + 1,).
    """

    points: NDArray[np.float64]
    first: NDArray[np.int64]


def blank(columns: NDArray[np.int64], rows: NDArray[np.int64], start: NDArray[np.int64]) -> Canvas:
    """Return a canvas for tiles in so many columns and rows per level; see :class:`Canvas`."""
    most = int(columns[0])
    # Only what is written takes memory: there is room for a whole row of mixed tiles.
    planes = np.empty((1 + LEVELS * most * PLANES, TILE_CELLS), np.float32)
    planes[0] = 0.0
    kind, slot, drawn = (np.zeros((LEVELS, most), np.int64) for _ in range(3))
    full = np.zeros((most, 2, TILE), np.float32)
    lines, used = np.zeros((most, 2), np.int64), np.zeros(LEVELS, np.int64)
    return Canvas(columns, rows, start[:-1].astype(np.int64), kind, slot, drawn, used, planes, full, lines)


def sort_by_band(
    low: NDArray[np.float64], high: NDArray[np.float64], bands: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Sort items by the rows of tiles that they touch.

    Args:
        low: Lowest y of each [cells], shape (items,).
        high: Highest y of each [cells], shape (items,).
        bands: Rows of tiles.

    Returns:
        First entry of each row, and the number of entries, shape (bands + 1,); then the items, row by row.
    """
    first = np.clip(np.floor(low / TILE), 0, bands).astype(np.int64)
    last = np.clip(np.floor(high / TILE), -1, bands - 1).astype(np.int64)
    counts = np.maximum(last - first + 1, 0)
    items = np.repeat(np.arange(len(low)), counts)
    band = first[items] + np.arange(len(items)) - np.repeat(np.cumsum(counts) - counts, counts)
    order = np.argsort(band.astype(np.uint16), kind="stable")  # numbers that narrow are sorted much faster
    return np.searchsorted(band[order], np.arange(bands + 1)), items[order]


@inner_function
def clear(canvas: Canvas, level: int) -> None:
    """Begin a new row of tiles of a level."""
    canvas.used[level] = 0
    for column in range(canvas.columns[level]):
        canvas.kind[level, column] = BARE


@inner_function
def plane_to_draw(canvas: Canvas, level: int, column: int, plane: int) -> int:
    """Return the row of ``planes`` on which to draw; the tile becomes a mixed one."""
    before = canvas.kind[level, column]
    if before != MIXED:
        canvas.kind[level, column] = MIXED
        canvas.slot[level, column] = 1 + (level * canvas.kind.shape[1] + canvas.used[level]) * PLANES
        canvas.used[level] += 1
        canvas.drawn[level, column] = 0
        if before != BARE:
            whole = ROAD if before == ALL_ROAD else WALK
            canvas.drawn[level, column] = 1 << whole
            fill(canvas.planes, canvas.slot[level, column] + whole, 1.0)
    row = canvas.slot[level, column] + plane
    if canvas.drawn[level, column] >> plane & 1 == 0:
        canvas.drawn[level, column] |= 1 << plane
        fill(canvas.planes, row, 0.0)
    return int(row)


@inner_function
def fill(planes: FloatArray, row: int, value: float) -> None:
    """Fill a row of ``planes``."""
    for k in range(TILE_CELLS):
        planes[row, k] = value


@inner_function
def plane_to_read(canvas: Canvas, level: int, column: int, plane: int) -> int:
    """Return the row of ``planes`` to read; zeros where nothing was drawn."""
    if canvas.drawn[level, column] >> plane & 1:
        return int(canvas.slot[level, column] + plane)
    return 0


@inlined_function
def reduce(canvas: Canvas, level: int, half: int) -> None:
    """Average a row of tiles into the lower (0) or upper (1) half of the next level's row."""
    above = level + 1
    planes = canvas.planes
    if half == 0:
        clear(canvas, above)
    for column in range(canvas.columns[above]):
        left = canvas.kind[level, 2 * column]
        right = canvas.kind[level, 2 * column + 1] if 2 * column + 1 < canvas.columns[level] else BARE
        before = canvas.kind[above, column]
        if left == right and left != MIXED and (half == 0 or left == before):
            canvas.kind[above, column] = left
            continue
        # A tile that was one thing throughout gets a plane of ones, of which the upper half is not yet so.
        raised = half == 1 and before != BARE and before != MIXED
        for plane in range(PLANES):
            ones_left = (left == ALL_ROAD and plane == ROAD) or (left == ALL_WALK and plane == WALK)
            ones_right = (right == ALL_ROAD and plane == ROAD) or (right == ALL_WALK and plane == WALK)
            some_left = left == MIXED and canvas.drawn[level, 2 * column] >> plane & 1
            some_right = right == MIXED and canvas.drawn[level, 2 * column + 1] >> plane & 1
            ones_below = raised and plane == (ROAD if before == ALL_ROAD else WALK)
            if not (ones_left or ones_right or some_left or some_right or ones_below):
                continue
            out = plane_to_draw(canvas, above, column, plane)
            for side in range(2):
                ones, some = (ones_left, some_left) if side == 0 else (ones_right, some_right)
                floor = 1.0 if ones else 0.0
                source = canvas.slot[level, 2 * column + side] + plane if some else 0
                _average(planes[source], planes[out], half * _HALF * TILE + side * _HALF, floor)


@inner_function
def _average(fine: FloatArray, coarse: FloatArray, first: int, floor: float) -> None:
    """Write the means of 2 x 2 cells, plus ``floor``, into the quarter of a tile that begins at ``first``."""
    base = np.float32(floor)
    for row in range(_HALF):
        for k in range(_HALF):
            at = 2 * (row * TILE + k)
            total = fine[at] + fine[at + 1] + fine[at + TILE] + fine[at + TILE + 1]
            coarse[first + row * TILE + k] = base + np.float32(0.25) * total
