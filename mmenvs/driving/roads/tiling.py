"""Turns the canvas of :mod:`~mmenvs.driving.roads.ground` into tiles and swatches of surface codes."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mmenvs.core.arrays import ByteArray, FloatArray, IntArray
from mmenvs.core.kernels import fast_function, hot_function, inlined_function, inner_function
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
_HALF, _ONE = np.float32(0.5), np.float32(1.0)
_STEPS, _STONE_STEPS = np.float32(_TOP), np.float32(STONE_STEPS)
_WHITES, _YELLOWS, _EDGES, _KERBS, _VERGES = (
    np.float32(kind << KIND_BITS) for kind in (WHITE, YELLOW, EDGE, KERB, VERGE)
)
_SLABS = np.float32(PAVEMENT << KIND_BITS | STONE_LEVEL)
# Of a kerb, the least level on which one may drive, the largest on which one may not, the largest of all.
_MAY, _MAY_NOT, _MOST = (
    np.float32(level) for level in (LEVELS_PER_KIND // 2, LEVELS_PER_KIND // 2 - 0.5, _TOP + 0.5)
)
_TRACE = np.float32(0.5 / _TOP)  # a share below this rounds to level 0

# How light surfaces are, from asphalt (0) to kerb stone (1): what a coarse cell holds beside the two surfaces
# that its code tells of changes the code's level by its light, lest far kerbs and lines flicker.
_LIGHT = palette().sum(axis=1)
_DARKEST, _STONE_LIGHT = _LIGHT[KERB << KIND_BITS | _TOP], _LIGHT[KERB << KIND_BITS]
_WALK_LIGHT = float((_LIGHT[VERGE << KIND_BITS | _TOP] - _DARKEST) / (_STONE_LIGHT - _DARKEST))
_WHITE_LIGHT = float((_LIGHT[WHITE << KIND_BITS | _TOP] - _DARKEST) / (_STONE_LIGHT - _DARKEST))
_WALK_IN_WHITE = np.float32(_WALK_LIGHT / _WHITE_LIGHT)
_WALK_IN_KERB, _WHITE_IN_KERB = np.float32(1.0 - _WALK_LIGHT), np.float32(_WHITE_LIGHT)

# Tiles that every raster begins with: grass, then these.
_PLAIN = 4  # tiles of each
_PLAIN_ROAD, _PLAIN_WALK = GRASS_TILES, GRASS_TILES + _PLAIN
_COMMON = GRASS_TILES + 2 * _PLAIN
_TILE_WORDS = 4
_LOT = 1 << LOT_BITS
_PLACES = 2 * _LOT  # of a table of hashes
_FACTORS = (
    np.uint64(0x9E3779B97F4A7C15), np.uint64(0xC2B2AE3D27D4EB4F), np.uint64(0x165667B19E3779F9),
    np.uint64(0xD6E8FEB86659FD93),
)  # fmt: skip


class Stock(NamedTuple):
    """Tiles and swatches that have been stored, in arrays with room for as many as there can be.

    Attributes:
        tile_index: Tile number of every tile position, shape (positions,).
        tiles: Swatches of each tile, its lot and zeros, shape (most tiles, 4 * _TILE_WORDS).
        tile_words: The same, four numbers to a word, shape (most tiles, _TILE_WORDS).
        swatches: Surface codes, eight to a word, shape (most swatches, SWATCH_ROWS).
        counts: How many tiles and swatches there are, shape (2,).
        grain: Surface codes of plain grass, asphalt and pavement in swatches that hold something else as
            well: the same in each, which makes many of them equal; shape (3, TILE_CELLS).
        grain_words: The same of one swatch by kind, eight codes to a word, shape (kinds, SWATCH_ROWS).
        codes: Scratch: surface codes of a tile, shape (TILE_CELLS,).
        words: The same, eight codes to a word.
        places: Scratch: where each swatch of a tile is looked for, shape (SWATCHES,).
        glance: Scratch, shape (SWATCHES,).
        known_tiles: Number of a tile plus one by hash; 0 where there is none.
        known_swatches: The same of the swatches of the last lot.
    """

    tile_index: NDArray[np.uint16]
    tiles: NDArray[np.uint16]
    tile_words: NDArray[np.uint64]
    swatches: NDArray[np.uint64]
    counts: NDArray[np.int64]
    grain: NDArray[np.float32]
    grain_words: NDArray[np.uint64]
    codes: NDArray[np.uint8]
    words: NDArray[np.uint64]
    places: NDArray[np.uint64]
    glance: NDArray[np.int32]
    known_tiles: NDArray[np.int32]
    known_swatches: NDArray[np.int32]


def new_stock(positions: int, most: int) -> Stock:
    """Return a stock for so many tile positions and tiles; the plain tiles are there."""
    # Only what is written takes memory.
    tiles = np.zeros((most, 4 * _TILE_WORDS), np.uint16)
    swatches = np.empty((most * SWATCHES + _LOT, SWATCH_ROWS), np.uint64)
    plain, grain = _plain_swatches()
    swatches[: len(plain)] = plain.view("<u8")
    tiles[:_COMMON, :SWATCHES] = np.arange(len(plain)).reshape(_COMMON, SWATCHES)
    counts = np.array([0, len(plain)])
    words = np.empty(TILE_CELLS // 8, np.uint64)
    by_kind = np.zeros((1 << (8 - KIND_BITS), SWATCH_ROWS), np.uint64)
    by_kind[[GRASS, ASPHALT, PAVEMENT]] = grain.reshape(3, -1).view("<u8")
    stock = Stock(
        np.empty(positions, np.uint16), tiles, tiles.view(np.uint64), swatches, counts,
        np.tile(grain, (1, TILE // SWATCH_ROWS, TILE // SWATCH_COLUMNS)).reshape(3, -1).astype(np.float32),
        by_kind, words.view(np.uint8), words, np.empty(SWATCHES, np.uint64),
        np.empty(SWATCHES, np.int32), np.zeros(_PLACES, np.int32), np.zeros(_PLACES, np.int32),
    )  # fmt: skip
    _remember_plain(stock)
    return stock


@fast_function
def _remember_plain(stock: Stock) -> None:
    for _ in range(_COMMON):
        _find_tile(stock)


@inlined_function
def store_row(canvas: Canvas, level: int, row: int, stock: Stock) -> bool:
    """Turn a row of tiles into codes and say whether there was room for all."""
    room = True
    for column in range(canvas.columns[level]):
        at = canvas.begin[level] + row * canvas.columns[level] + column
        bits = mix(np.uint64(at))
        grass = int(np.int64(bits & np.uint64(GRASS_TILES - 1)))
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
    if (stock.counts[1] & (_LOT - 1)) + SWATCHES > _LOT:
        _begin_lot(stock)
    planes = canvas.planes
    _encode(
        planes[plane_to_read(canvas, level, column, ROAD)],
        planes[plane_to_read(canvas, level, column, WALK)],
        planes[plane_to_read(canvas, level, column, WHITE_PAINT)],
        planes[plane_to_read(canvas, level, column, YELLOW_PAINT)],
        planes[plane_to_read(canvas, level, column, STONE)],
        stock.grain,
        stock.codes,
    )
    words, places, known, grain = stock.words, stock.places, stock.known_swatches, stock.grain_words
    swatches, tile = stock.swatches, stock.tiles[stock.counts[0]]
    lot = stock.counts[1] >> LOT_BITS
    tile[LOT] = lot
    for swatch in range(SWATCHES):
        at = _first_word(swatch)
        one, two, three, four = words[at], words[at + 2], words[at + 4], words[at + 6]
        kind = (one & np.uint64(255)) >> np.uint64(KIND_BITS)  # the kind of its first cell
        apart = (one ^ grain[kind, 0]) | (two ^ grain[kind, 1]) | (three ^ grain[kind, 2])
        if apart | (four ^ grain[kind, 3]) == np.uint64(0):
            whole = grass if kind == GRASS else _PLAIN_ROAD if kind == ASPHALT else _PLAIN_WALK
            tile[swatch] = whole * SWATCHES + swatch
            if lot == 0:
                places[swatch] = _PLACES
                continue
            for row in range(SWATCH_ROWS):
                words[at + 2 * row] = swatches[whole * SWATCHES + swatch, row]
            one, two, three, four = words[at], words[at + 2], words[at + 4], words[at + 6]
        places[swatch] = _place(one, two, three, four)
        # To look at all places before any answer is needed hides the wait for memory: the table is large.
        stock.glance[swatch] = known[places[swatch]]
    count = stock.counts[1]
    for swatch in range(SWATCHES):
        if places[swatch] < _PLACES:
            at = _first_word(swatch)
            found = _find(
                known, swatches, count, places[swatch], words[at], words[at + 2], words[at + 4], words[at + 6]
            )
            tile[swatch] = found & (_LOT - 1)
            count += int(found == count)
    stock.counts[1] = count
    return _find_tile(stock)


@hot_function
def _first_word(swatch: int) -> int:
    """Return which word of a tile is a swatch's first; every other word after it is the swatch's as well."""
    return (swatch >> 1) * 2 * SWATCH_ROWS + (swatch & 1)


@fast_function
def _find_tile(stock: Stock) -> int:
    """Return the number of the first tile equal to the next one, which may be that one itself."""
    number, words = stock.counts[0], stock.tile_words
    one, two, three = words[number, 0], words[number, 1], words[number, 2]
    place = _place(one, two, three, np.uint64(0))
    found = _find(stock.known_tiles, words, number, place, one, two, three, np.uint64(0))
    stock.counts[0] += int(found == number)
    return found


@inner_function
def _begin_lot(stock: Stock) -> None:
    """Fill the lot of swatches up and begin a new one, in which none is known."""
    count = stock.counts[1]
    while count & (_LOT - 1):
        for row in range(SWATCH_ROWS):
            stock.swatches[count, row] = 0
        count += 1
    stock.counts[1] = count
    for place in range(_PLACES):
        stock.known_swatches[place] = 0


@inner_function
def _encode(
    roads: FloatArray,
    walks: FloatArray,
    whites: FloatArray,
    yellows: FloatArray,
    stones: FloatArray,
    grain: FloatArray,
    codes: ByteArray,
) -> None:
    """Choose the code of each cell of a tile that is nearest to what lies in it.

    All candidates are worked out for every cell, as numbers of one width, whose fraction is cut off at the
    end: without branches and conversions the compiler does eight cells at a time.

    Args:
        roads: Coverage by asphalt, and so on, shape (TILE_CELLS,).
        walks: By pavement.
        whites: By white paint.
        yellows: By yellow paint.
        stones: By kerb stone.
        grain: Codes of plain ground, shape (3, TILE_CELLS).
        codes: Gets the codes, shape (TILE_CELLS,).
    """
    grass, asphalt, slabs = grain[0], grain[1], grain[2]
    for k in range(TILE_CELLS):
        road, walk, white, yellow, stone = roads[k], walks[k], whites[k], yellows[k], stones[k]
        beside = _ONE - road
        level = road * _STEPS + _HALF
        # Whether one may drive there does not depend on the light.
        dark = (road + (walk - stone) * _WALK_IN_KERB - white * _WHITE_IN_KERB) * _STEPS + _HALF
        open_ = dark if dark < _MOST else _MOST
        open_ = open_ if open_ > _MAY else _MAY
        shut = dark if dark > _HALF else _HALF
        shut = shut if shut < _MAY_NOT else _MAY_NOT
        code = _KERBS + (open_ if level >= _MAY else shut)
        code = _EDGES + level if walk + walk <= beside else code
        verge = _VERGES + walk / (beside if beside > _TRACE else _TRACE) * _STEPS + _HALF
        code = verge if ((road < walk) & (road < beside - walk)) | (road < _TRACE) else code
        code = grass[k] if (road < _TRACE) & (walk < _TRACE) else code
        steps = stone * _STONE_STEPS + _HALF
        slab = _SLABS + steps if steps >= _ONE else slabs[k]
        code = slab if walk > _ONE - _TRACE else code
        code = asphalt[k] if beside < _TRACE else code
        light = white + walk * _WALK_IN_WHITE
        light = _WHITES + (light if light < _ONE else _ONE) * _STEPS + _HALF
        painted = _YELLOWS + yellow * _STEPS + _HALF if yellow > white else light
        paint = yellow if yellow > white else white
        codes[k] = np.uint8(np.int32(painted if (paint > beside) & (paint >= _TRACE) else code))


@hot_function
def _place(one: np.uint64, two: np.uint64, three: np.uint64, four: np.uint64) -> np.uint64:
    """Return where in a table to look first for what consists of four words."""
    value = one * _FACTORS[0] + two * _FACTORS[1] + three * _FACTORS[2] + four * _FACTORS[3]
    return ((value ^ (value >> np.uint64(32))) * _FACTORS[0]) >> np.uint64(63 - LOT_BITS)


@inner_function
def _find(
    table: IntArray,
    items: IntArray,
    number: int,
    place: np.uint64,
    one: np.uint64,
    two: np.uint64,
    three: np.uint64,
    four: np.uint64,
) -> int:
    """Return the first item equal to four words, which become item ``number`` if there is none.

    Args:
        table: Number of an item plus one by place; 0 where there is none.
        items: All items, shape (items, 4).
        number: Number of the next item.
        place: Where to look first.
        one: The first word, and so on.
        two: The second.
        three: The third.
        four: The fourth.
    """
    found = -1
    while found < 0:
        other = np.int64(table[place]) - 1
        if other < 0:
            table[place] = number + 1
            items[number, 0], items[number, 1], items[number, 2], items[number, 3] = one, two, three, four
            found = number
        else:
            apart = (items[other, 0] ^ one) | (items[other, 1] ^ two) | (items[other, 2] ^ three)
            if apart | (items[other, 3] ^ four) == np.uint64(0):
                found = int(other)
        place = (place + np.uint64(1)) & np.uint64(_PLACES - 1)
    return found


@lru_cache(maxsize=1)
def _plain_swatches() -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return the swatches of the plain tiles, a fixed grain, and one of middling tone of each kind."""
    tiles = np.empty((_COMMON, TILE_CELLS), np.uint8)
    _sow(tiles)
    tone = np.random.default_rng(11).normal(16.0, 2.2, (_PLAIN, TILE_CELLS)).clip(0, _TOP)
    tiles[_PLAIN_ROAD:_PLAIN_WALK] = ASPHALT << KIND_BITS | tone.astype(np.int64)
    tone = np.random.default_rng(12).normal(10.5, 2.2, (_PLAIN, TILE_CELLS)).clip(0, STONE_LEVEL)
    tiles[_PLAIN_WALK:] = PAVEMENT << KIND_BITS | tone.astype(np.int64)
    cut = tiles.reshape(_COMMON, TILE // SWATCH_ROWS, SWATCH_ROWS, TILE // SWATCH_COLUMNS, SWATCH_COLUMNS)
    swatches = np.ascontiguousarray(cut.swapaxes(2, 3)).reshape(_COMMON * SWATCHES, -1)
    grain = []
    for begin, end in ((0, _PLAIN_ROAD), (_PLAIN_ROAD, _PLAIN_WALK), (_PLAIN_WALK, _COMMON)):
        kind = swatches[begin * SWATCHES : end * SWATCHES]
        grain.append(kind[np.abs(kind.mean(axis=1) - kind.mean()).argmin()])
    return swatches, np.stack(grain).reshape(3, SWATCH_ROWS, SWATCH_COLUMNS)


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
