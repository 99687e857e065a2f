"""Lays out the part of a map's ground that a picture shows, so that each of its pixels is one look-up.

The rows of pixels that share a mip level see a quadrilateral of cells, which hold most of them several
pixels: to copy it out of the map, eight cells at a time, and to walk through the copy costs less than to
follow tiles and swatches for each pixel.  What is seen does not depend on whether that is done.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mmenvs.core.arrays import ByteArray
from mmenvs.core.kernels import allocating_function, inner_function
from mmenvs.driving.roads.raster import (
    GRASS_TILES,
    LOT,
    LOT_BITS,
    SWATCH_COLUMNS,
    SWATCH_ROWS,
    TILE_BITS,
    code_in_tile,
)

if TYPE_CHECKING:
    from mmenvs.driving.roads.library import Maps

FRACTION = 16  # bits of the fixed-point fraction of a cell
ONE = float(1 << FRACTION)

_CELLS = 1 << 16
_WORTH = 8  # cells laid out per pixel, at most
_MOST_ROWS = 1024  # of swatches
_SPARE = 0.5  # by how much more than what is seen is laid out, because steps are rounded [cells]
_CELL_SHIFT = np.uint64(FRACTION)
_SWATCH = SWATCH_ROWS * SWATCH_COLUMNS


class Walk(NamedTuple):
    """A way along a row of pixels, in fixed-point cells from the map's corner.

    Attributes:
        x: Where the first pixel lies.
        y: The same.
        step_x: From one pixel to the next.
        step_y: The same.
    """

    x: int
    y: int
    step_x: int
    step_y: int


class Sheet(NamedTuple):
    """Scratch: a piece of ground.

    Attributes:
        codes: Surface codes, row by row, shape (_CELLS,).
        words: The same, eight to a word.
        west: Where what is seen begins in each row of swatches [cells], shape (_MOST_ROWS,).
        east: Where it ends, likewise.
        frame: First column and row of swatches, and how many of each; shape (4,).
    """

    codes: NDArray[np.uint8]
    words: NDArray[np.uint64]
    west: NDArray[np.float64]
    east: NDArray[np.float64]
    frame: NDArray[np.int64]


@allocating_function
def new_sheet() -> Sheet:
    """Allocate a sheet."""
    words = np.empty(_CELLS >> 3, np.uint64)
    return Sheet(
        words.view(np.uint8), words, np.empty(_MOST_ROWS), np.empty(_MOST_ROWS), np.empty(4, np.int64)
    )


@inner_function
def fit(first: Walk, last: Walk, width: int, sheet: Sheet) -> bool:
    """Frame what is seen between two rows of pixels, and say whether the sheet is large enough for it.

    Args:
        first: One row of pixels.
        last: Another; those between begin on the straight line from one to the other.
        width: Pixels of a row.
        sheet: Gets the frame.
    """
    x0, x1 = first.x + (width - 1) * first.step_x, last.x + (width - 1) * last.step_x
    y0, y1 = first.y + (width - 1) * first.step_y, last.y + (width - 1) * last.step_y
    west = (min(min(first.x, last.x), min(x0, x1)) >> FRACTION) - 1
    south = (min(min(first.y, last.y), min(y0, y1)) >> FRACTION) - 1
    east = (max(max(first.x, last.x), max(x0, x1)) >> FRACTION) + 1
    north = (max(max(first.y, last.y), max(y0, y1)) >> FRACTION) + 1
    frame = sheet.frame
    frame[0], frame[1] = west >> 3, south >> 2
    frame[2], frame[3] = (east >> 3) - (west >> 3) + 1, (north >> 2) - (south >> 2) + 1
    return has_room(sheet)


@inner_function
def has_room(sheet: Sheet) -> bool:
    """Say whether the sheet is large enough for what has been framed."""
    return bool(sheet.frame[3] <= _MOST_ROWS and sheet.frame[2] * sheet.frame[3] * _SWATCH <= _CELLS)


@inner_function
def is_worth_it(sheet: Sheet, pixels: int) -> bool:
    """Say whether what has been framed has room, and to lay it out pays for so many pixels."""
    return has_room(sheet) and sheet.frame[2] * sheet.frame[3] * _SWATCH <= _WORTH * pixels


@inner_function
def lay_out(first: Walk, last: Walk, width: int, level: int, slot: int, maps: Maps, sheet: Sheet) -> None:
    """Copy what is seen between two rows of pixels out of a map; :func:`fit` has framed it."""
    _bound(first, last, width, sheet)
    begin, columns = np.int64(maps.level_start[slot, level]), np.int64(maps.level_columns[slot, level])
    rows = np.int64(maps.level_rows[slot, level])
    index, tiles, swatches, words = maps.tile_index[slot], maps.tiles[slot], maps.swatches[slot], sheet.words
    left, stride = sheet.frame[0], sheet.frame[2]
    for line in range(sheet.frame[3]):
        y = sheet.frame[1] + line
        tile_row = y >> 2
        known = 0 <= tile_row < rows
        west = max(np.int64(math.floor(sheet.west[line] - _SPARE)) >> 3, left)
        east = min(np.int64(math.floor(sheet.east[line] + _SPARE)) >> 3, left + stride - 1)
        at = np.uint64(line * SWATCH_ROWS * stride + west - left)
        down = np.uint64(stride)
        for x in range(west, east + 1):
            tile_column = x >> 1
            if known and 0 <= tile_column < columns:
                tile = np.uint64(index[begin + tile_row * columns + tile_column])
            else:
                tile = np.uint64(
                    (tile_column ^ tile_row) & (GRASS_TILES - 1)
                )  # beyond the map lies more grass
            number = np.uint64(tiles[tile, np.uint64((y & 3) << 1 | (x & 1))])
            number |= np.uint64(tiles[tile, np.uint64(LOT)]) << np.uint64(LOT_BITS)
            words[at] = swatches[number, np.uint64(0)]
            words[at + down] = swatches[number, np.uint64(1)]
            words[at + down + down] = swatches[number, np.uint64(2)]
            words[at + down + down + down] = swatches[number, np.uint64(3)]
            at += np.uint64(1)


@inner_function
def _bound(first: Walk, last: Walk, width: int, sheet: Sheet) -> None:
    """Find from where to where each row of swatches in the frame is seen."""
    for row in range(sheet.frame[3]):
        sheet.west[row], sheet.east[row] = 1.0e18, -1.0e18
    ax, ay = first.x / ONE, first.y / ONE
    bx, by = (first.x + (width - 1) * first.step_x) / ONE, (first.y + (width - 1) * first.step_y) / ONE
    cx, cy = (last.x + (width - 1) * last.step_x) / ONE, (last.y + (width - 1) * last.step_y) / ONE
    dx, dy = last.x / ONE, last.y / ONE
    _follow(ax, ay, bx, by, sheet)
    _follow(bx, by, cx, cy, sheet)
    _follow(cx, cy, dx, dy, sheet)
    _follow(dx, dy, ax, ay, sheet)


@inner_function
def _follow(x0: float, y0: float, x1: float, y1: float, sheet: Sheet) -> None:
    """Widen the bounds of the rows of swatches that an edge crosses or passes closely [cells]."""
    if y0 > y1:
        x0, y0, x1, y1 = x1, y1, x0, y0
    slope = (x1 - x0) / (y1 - y0) if y1 > y0 else 0.0
    south, rows = sheet.frame[1], sheet.frame[3]
    begin = max((np.int64(math.floor(y0 - _SPARE)) >> 2) - south, 0)
    end = min((np.int64(math.floor(y1 + _SPARE)) >> 2) - south, rows - 1)
    for row in range(begin, end + 1):
        low, high = 4.0 * (south + row) - _SPARE, 4.0 * (south + row + 1) + _SPARE
        a = x0 + (low - y0) * slope if low > y0 else x0
        b = x0 + (high - y0) * slope if high < y1 else x1
        sheet.west[row] = min(sheet.west[row], min(a, b))
        sheet.east[row] = max(sheet.east[row], max(a, b))


@inner_function
def walk_sheet(walk: Walk, sheet: Sheet, codes: ByteArray) -> None:
    """Write the surface code of each pixel of a row that has been laid out."""
    # Unsigned indices spare Numba's check for negative ones.
    ux = np.uint64(walk.x - (sheet.frame[0] << (FRACTION + 3)))
    uy = np.uint64(walk.y - (sheet.frame[1] << (FRACTION + 2)))
    step_x, step_y = np.uint64(walk.step_x), np.uint64(walk.step_y)
    stride, laid = np.uint64(sheet.frame[2] << 3), sheet.codes
    for column in range(len(codes)):
        codes[column] = laid[(uy >> _CELL_SHIFT) * stride + (ux >> _CELL_SHIFT)]
        ux += step_x
        uy += step_y


@inner_function
def walk_map(walk: Walk, level: int, slot: int, maps: Maps, codes: ByteArray) -> None:
    """Write the surface code of each pixel of any row."""
    begin, columns = np.int64(maps.level_start[slot, level]), np.int64(maps.level_columns[slot, level])
    rows = np.int64(maps.level_rows[slot, level])
    index, tiles, swatches = maps.tile_index[slot], maps.tiles[slot], maps.swatches[slot]
    x, y = walk.x, walk.y
    for column in range(len(codes)):
        tile_column, tile_row = x >> (FRACTION + TILE_BITS), y >> (FRACTION + TILE_BITS)
        if 0 <= tile_column < columns and 0 <= tile_row < rows:
            tile = int(np.int64(index[begin + tile_row * columns + tile_column]))
        else:
            tile = (tile_column ^ tile_row) & (GRASS_TILES - 1)
        codes[column] = code_in_tile(tile, x >> FRACTION, y >> FRACTION, tiles, swatches)
        x += walk.step_x
        y += walk.step_y
