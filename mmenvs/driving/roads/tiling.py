"""Turns the canvas of :mod:`~mmenvs.driving.roads.ground` into tiles and swatches of surface codes."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mmenvs.core.arrays import ByteArray, IntArray
from mmenvs.core.kernels import fast_function, inlined_function, inner_function
from mmenvs.core.random import mix
from mmenvs.driving.roads.canvas import (
    ALL_ROAD,
    ALL_WALK,
    BARE,
    ROAD,
    STONE,
    WALK,
    WHITE_PAINT,
    YELLOW_PAINT,
    Canvas,
    plane_to_read,
)
from mmenvs.driving.roads.raster import (
    GRASS_TILES,
    LOT,
    LOT_BITS,
    SWATCH_COLUMNS,
    SWATCH_ROWS,
    SWATCHES,
    TILE,
    TILE_BITS,
    TILE_CELLS,
)
from mmenvs.driving.roads.surface import (
    ASPHALT,
    EDGE,
    GRASS,
    KERB,
    KIND_BITS,
    LEVELS_PER_KIND,
    PAVEMENT,
    STONE_LEVEL,
    STONE_STEPS,
    VERGE,
    WHITE,
    YELLOW,
    palette,
)

_TOP = LEVELS_PER_KIND - 1
_TRACE = 0.5 / _TOP  # a share below this rounds to level 0

# How light surfaces are, from asphalt (0) to kerb stone (1): what a coarse cell holds beside the two surfaces
# that its code tells of changes the code's level by its light, lest far kerbs and lines flicker.
_LIGHT = palette().sum(axis=1)
_DARKEST, _STONE_LIGHT = _LIGHT[KERB << KIND_BITS | _TOP], _LIGHT[KERB << KIND_BITS]
_WALK_LIGHT = float((_LIGHT[VERGE << KIND_BITS | _TOP] - _DARKEST) / (_STONE_LIGHT - _DARKEST))
_WHITE_LIGHT = float((_LIGHT[WHITE << KIND_BITS | _TOP] - _DARKEST) / (_STONE_LIGHT - _DARKEST))

# Tiles that every raster begins with: grass, then these.
_PLAIN = 4  # tiles of each
_PLAIN_ROAD, _PLAIN_WALK = GRASS_TILES, GRASS_TILES + _PLAIN
_COMMON = GRASS_TILES + 2 * _PLAIN
# What cells hold, as bits.
_GRASS, _ROAD, _WALK, _OTHER = 1, 2, 4, 8

_TILE_WORDS = 3
_LOT = 1 << LOT_BITS
_HASH_BITS = LOT_BITS + 1
_HASH_MASK = np.uint64((1 << _HASH_BITS) - 1)
_HASH_FACTOR = np.uint64(0x9E3779B97F4A7C15)


class Stock(NamedTuple):
    """Tiles and swatches that have been stored, in arrays with room for as many as there can be.

    Attributes:
        tile_index: Tile number of every tile position, shape (positions,).
        tiles: Swatches of each tile, its lot and zeros, shape (most tiles, 4 * _TILE_WORDS).
        tile_words: The same, four numbers to a word, shape (most tiles, _TILE_WORDS).
        swatches: Surface codes, eight to a word, shape (most swatches, SWATCH_ROWS).
        counts: How many tiles and swatches there are, shape (2,).
        plain: Surface codes of the tiles that come first, shape (tiles, TILE_CELLS).
        known_tiles: Number of a tile plus one by hash; 0 where there is none.
        known_swatches: The same of the swatches of the last lot.
    """

    tile_index: NDArray[np.uint16]
    tiles: NDArray[np.uint16]
    tile_words: NDArray[np.uint64]
    swatches: NDArray[np.uint64]
    counts: NDArray[np.int64]
    plain: NDArray[np.uint8]
    known_tiles: NDArray[np.int32]
    known_swatches: NDArray[np.int32]


def new_stock(positions: int, most: int) -> Stock:
    """Return a stock for so many tile positions and tiles; the plain tiles are there."""
    # Only what is written takes memory.
    tiles = np.empty((most, 4 * _TILE_WORDS), np.uint16)
    swatches = np.empty((most * SWATCHES + _LOT, SWATCH_ROWS), np.uint64)
    plain = plain_tiles()
    cut = plain.reshape(_COMMON, TILE // SWATCH_ROWS, SWATCH_ROWS, TILE // SWATCH_COLUMNS, SWATCH_COLUMNS)
    count = _COMMON * SWATCHES
    swatches[:count] = cut.swapaxes(2, 3).reshape(count, -1).view("<u8")
    tiles[:_COMMON] = 0
    tiles[:_COMMON, :SWATCHES] = np.arange(count).reshape(_COMMON, SWATCHES)
    counts = np.array([_COMMON, count])
    known = (np.zeros(1 << _HASH_BITS, np.int32), np.zeros(1 << _HASH_BITS, np.int32))
    stock = Stock(
        np.empty(positions, np.uint16), tiles, tiles.view(np.uint64), swatches, counts, plain, *known
    )
    _remember_plain(stock)
    return stock


@fast_function
def _remember_plain(stock: Stock) -> None:
    for tile in range(_COMMON):
        _remember(stock.known_tiles, stock.tile_words, tile)


@inlined_function
def store_row(canvas: Canvas, level: int, row: int, stock: Stock) -> bool:
    """Turn a row of tiles into codes and say whether there was room for all."""
    room = True
    for column in range(canvas.columns[level]):
        at = canvas.begin[level] + row * canvas.columns[level] + column
        bits = mix(np.uint64(at))
        grass = int(bits & np.uint64(GRASS_TILES - 1))
        plain = int(bits >> np.uint64(32) & np.uint64(_PLAIN - 1))
        kind = canvas.kind[level, column]
        if kind == BARE:
            stock.tile_index[at] = grass
        elif kind == ALL_ROAD:
            stock.tile_index[at] = _PLAIN_ROAD + plain
        elif kind == ALL_WALK:
            stock.tile_index[at] = _PLAIN_WALK + plain
        elif stock.counts[0] == len(stock.tiles):
            room = False
        else:
            stock.tile_index[at] = _store_tile(canvas, level, column, grass, stock)
    return room


@inner_function
def _store_tile(canvas: Canvas, level: int, column: int, grass: int, stock: Stock) -> int:
    """Store a tile with several things on it, grass being that of a plain tile, and return its number."""
    counts, tiles, swatches = stock.counts, stock.tiles, stock.swatches
    if (counts[1] & (_LOT - 1)) + SWATCHES > _LOT:  # a new lot
        while counts[1] & (_LOT - 1):
            for k in range(SWATCH_ROWS):
                swatches[counts[1], k] = 0
            counts[1] += 1
        for place in range(len(stock.known_swatches)):
            stock.known_swatches[place] = 0
    tile = counts[0]
    for k in range(SWATCHES, 4 * _TILE_WORDS):
        tiles[tile, k] = 0
    tiles[tile, LOT] = counts[1] >> LOT_BITS
    for swatch in range(SWATCHES):
        number = counts[1]
        only = _encode(canvas, level, column, swatch, grass, stock)
        if only < len(stock.plain) and tiles[tile, LOT] == 0:
            tiles[tile, swatch] = only * SWATCHES + swatch
            continue
        found = _remember(stock.known_swatches, swatches, number)
        tiles[tile, swatch] = found & (_LOT - 1)
        counts[1] += int(found == number)
    found = _remember(stock.known_tiles, stock.tile_words, tile)
    counts[0] += int(found == tile)
    return found


@inner_function
def _encode(canvas: Canvas, level: int, column: int, swatch: int, grass: int, stock: Stock) -> int:
    """Write the next swatch: of each cell the code that is nearest to what lies in it.

    Returns:
        The plain tile whose swatch this is; as many as there are plain tiles if it is none's.
    """
    planes, out = canvas.planes, stock.swatches[stock.counts[1]]
    plain_grass, plain_road, plain_walk = (
        stock.plain[grass],
        stock.plain[_PLAIN_ROAD],
        stock.plain[_PLAIN_WALK],
    )
    roads = planes[plane_to_read(canvas, level, column, ROAD)]
    walks = planes[plane_to_read(canvas, level, column, WALK)]
    whites = planes[plane_to_read(canvas, level, column, WHITE_PAINT)]
    yellows = planes[plane_to_read(canvas, level, column, YELLOW_PAINT)]
    stones = planes[plane_to_read(canvas, level, column, STONE)]
    first = (swatch >> 1) * SWATCH_ROWS * TILE + (swatch & 1) * SWATCH_COLUMNS
    seen = 0
    for row in range(SWATCH_ROWS):
        word = np.uint64(0)
        for k in range(first + row * TILE, first + row * TILE + SWATCH_COLUMNS):
            road, walk = roads[k], walks[k]
            paint = max(whites[k], yellows[k])
            beside = np.float32(1.0) - road
            holds, code = _OTHER, 0
            if paint > beside and paint >= _TRACE:
                if yellows[k] > whites[k]:
                    code = YELLOW << KIND_BITS | int(paint * _TOP + 0.5)
                else:
                    paint += walk * np.float32(_WALK_LIGHT / _WHITE_LIGHT)
                    code = WHITE << KIND_BITS | int(min(paint, np.float32(1.0)) * _TOP + 0.5)
            elif beside < _TRACE:
                holds, code = _ROAD, int(plain_road[k])
            elif walk > 1.0 - _TRACE:
                steps = int(stones[k] * STONE_STEPS + 0.5)
                if steps:
                    code = PAVEMENT << KIND_BITS | STONE_LEVEL + steps
                else:
                    holds, code = _WALK, int(plain_walk[k])
            elif road < _TRACE and walk < _TRACE:
                holds, code = _GRASS, int(plain_grass[k])
            elif road < min(walk, beside - walk) or road < _TRACE:
                code = VERGE << KIND_BITS | int(walk / beside * _TOP + 0.5)
            elif walk <= beside - walk:
                code = EDGE << KIND_BITS | int(road * _TOP + 0.5)
            else:
                dark = road + (walk - stones[k]) * (1.0 - _WALK_LIGHT) - whites[k] * _WHITE_LIGHT
                steps = int(max(min(dark, 1.0), 0.0) * _TOP + 0.5)
                # Whether one may drive there does not depend on the light.
                half = LEVELS_PER_KIND // 2
                steps = max(steps, half) if int(road * _TOP + 0.5) >= half else min(steps, half - 1)
                code = KERB << KIND_BITS | steps
            seen |= holds
            word = word >> np.uint64(8) | np.uint64(code) << np.uint64(56)
        out[row] = word
    if seen == _GRASS:
        return grass
    return _PLAIN_ROAD if seen == _ROAD else _PLAIN_WALK if seen == _WALK else _COMMON


@inner_function
def _remember(table: IntArray, words: IntArray, item: int) -> int:
    """Return the first item equal to this one, which may be itself.

    Args:
        table: Number of an item plus one by hash; 0 where there is none.
        words: What the items hold, shape (items, words of each).
        item: Number of the item.
    """
    size = words.shape[1]
    value = np.uint64(0)
    for k in range(size):
        value = (value ^ words[item, k]) * _HASH_FACTOR
    place = mix(value) & _HASH_MASK
    while table[place]:
        other = table[place] - 1
        k = 0
        while k < size and words[item, k] == words[other, k]:
            k += 1
        if k == size:
            return int(other)
        place = (place + np.uint64(1)) & _HASH_MASK
    table[place] = item + 1
    return item


@lru_cache(maxsize=1)
def plain_tiles() -> NDArray[np.uint8]:
    """Return the tiles that every raster begins with: a fixed grain, so that plain ground is a copy."""
    tiles = np.empty((_COMMON, TILE_CELLS), np.uint8)
    _sow(tiles)
    tone = np.random.default_rng(11).normal(16.0, 2.2, (_PLAIN, TILE_CELLS)).clip(0, _TOP)
    tiles[_PLAIN_ROAD:_PLAIN_WALK] = ASPHALT << KIND_BITS | tone.astype(np.int64)
    tone = np.random.default_rng(12).normal(10.5, 2.2, (_PLAIN, TILE_CELLS)).clip(0, STONE_LEVEL)
    tiles[_PLAIN_WALK:] = PAVEMENT << KIND_BITS | tone.astype(np.int64)
    return tiles


@inner_function
def _noise(x: int, y: int) -> float:
    """Hash a lattice point to [0, 1)."""
    bits = mix(np.uint64(np.int64(x) * np.int64(73856093) ^ np.int64(y) * np.int64(19349663)))
    return np.float64(bits >> np.uint64(40)) / 16777216.0


@fast_function
def _sow(tiles: ByteArray) -> None:
    """Draw the tiles of grass."""
    for tile in range(GRASS_TILES):
        for cell in range(TILE_CELLS):
            x, y = (cell & (TILE - 1)) + 977 * tile, cell >> TILE_BITS
            tone = 0.3 + 0.4 * _noise(x >> 3, (y >> 3) + 7919) + 0.3 * (_noise(x, y) - 0.5)
            tiles[tile, cell] = GRASS << KIND_BITS | int(tone * _TOP)
