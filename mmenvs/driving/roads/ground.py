"""Compiles a network's ground into the tiled raster of surface codes with mip levels.

Level ``k`` has cells of ``CELL * 2**k`` metres, in tiles of 16 x 16 cells; each level's shares are the
means of four cells of the level below, so that far lines fade instead of flickering.

The map is drawn one row of tiles after the other, on planes of coverage that say how much of each cell is
asphalt, pavement, white, yellow and kerb stone.  Areas are found by sweeping eight lines through each row
of cells: that makes their union exact, whatever overlaps or touches whatever, and is off by 6 mm at worst.
Paint is narrower than that would bear, but it never overlaps itself much: it is cut into short
quadrilaterals whose share of each cell is exact, and then to the asphalt.  Tiles without an edge in them
are never drawn, and equal tiles are stored once.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from mmenvs.core.arrays import ByteArray, FloatArray, IntArray
from mmenvs.core.kernels import allocating_function, fast_function, inlined_function, inner_function
from mmenvs.core.random import mix
from mmenvs.driving.roads import network as net
from mmenvs.driving.roads.areas import SWEEPS, draw_areas, edges_of
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
    Shapes,
    blank,
    clear,
    plane_to_read,
    reduce,
    sort_by_band,
)
from mmenvs.driving.roads.network import Network, RoadError
from mmenvs.driving.roads.paint import cut, draw_pieces, keep_on_ground
from mmenvs.driving.roads.raster import CELL, GRASS_TILES, LEVELS, TILE, TILE_BITS, TILE_CELLS, Raster
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

#: Width of the stones between asphalt and pavement [m].
STONE_WIDTH = 0.15

_MOST_TILES = 65535
_MOST_POSITIONS = 1 << 24  # of the tile index: some 10 km by 10 km
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
_PLAIN_ROAD, _PLAIN_WALK, _COMMON = GRASS_TILES, GRASS_TILES + _PLAIN, GRASS_TILES + 2 * _PLAIN

_WORDS = TILE_CELLS // 8
_HASH_BITS = 17
_HASH_MASK = np.uint64((1 << _HASH_BITS) - 1)
_HASH_FACTOR = np.uint64(0x9E3779B97F4A7C15)


def rasterise_network(network: Network, margin: float = 16.0) -> Raster:
    """Compile the ground of a network.

    Args:
        network: What lies on the ground: asphalt wins over pavement, and paint stays on asphalt.
        margin: Width of the grass around the areas that is indexed [m].

    Returns:
        The raster; its tiles are all different.

    Raises:
        RoadError: If an area has fewer than three corners, a number is not finite, or the ground is too
            large for the raster.
    """
    name = network.name or "network"
    for number, area in enumerate(network.areas):
        if area.polygon.ndim != 2 or len(area.polygon) < 3:
            raise RoadError(f"{name}: area {number} has shape {area.polygon.shape}, must be (3 or more, 2)")
    outlines = [area.polygon for area in network.areas]
    corners = np.concatenate(outlines or [lane.centre[:, :2].astype(np.float64) for lane in network.lanes])
    if not np.isfinite(corners).all():
        raise RoadError(f"{name}: a corner of an area is not finite")
    low, high = corners.min(axis=0) - margin, corners.max(axis=0) + margin
    sizes = TILE * CELL * 2.0 ** np.arange(LEVELS)
    columns, rows = (np.maximum(np.ceil(side / sizes), 1).astype(np.int64) for side in high - low)
    start = np.concatenate([[0], np.cumsum(columns * rows)])
    if start[-1] > _MOST_POSITIONS:
        across, along = high - low
        raise RoadError(f"{name}: {across:.0f} m by {along:.0f} m are too large for a raster")

    kinds = np.array([area.kind for area in network.areas], np.int64)
    polygons = _gather(outlines, low)
    pieces, planes = _pieces(network, low)
    if not np.isfinite(pieces).all():
        raise RoadError(f"{name}: a stroke is not finite")
    bands = int(rows[0])
    edges = edges_of(polygons)
    by_band = (
        *sort_by_band(edges[:, 1] / SWEEPS, edges[:, 2] / SWEEPS, bands),
        *sort_by_band(pieces[:, :, 1].min(axis=1), pieces[:, :, 1].max(axis=1), bands),
    )
    index = np.empty(int(start[-1]), np.uint16)
    # Only what is written takes memory: this is as much as there can ever be.
    tiles = np.empty((_MOST_TILES + 1, TILE_CELLS), np.uint8)
    tiles[:_COMMON] = _common_tiles()
    canvas = blank(columns, rows, start)
    words = tiles.view(np.uint64)
    count = _compile(canvas, edges, kinds, pieces, planes, *by_band, index, tiles, words)
    if count < 0:
        raise RoadError(f"{name}: its ground needs more than {_MOST_TILES} tiles")
    levels = [array.astype(np.int32) for array in (start[:-1], columns, rows)]
    return Raster(low, levels[0], levels[1], levels[2], index, tiles[:count].copy())


def _gather(lines: list[NDArray[np.float64]], low: NDArray[np.float64]) -> Shapes:
    """Lay lines one behind the other, in cells from the raster's corner, without repeated points."""
    counts = np.array([len(line) for line in lines], np.int64)
    first = np.concatenate([[0], np.cumsum(counts)])
    points = (np.concatenate([np.zeros((0, 2)), *lines]) - low) / CELL
    keep = np.ones(len(points), bool)
    keep[1:] = (np.abs(np.diff(points, axis=0)) > 1e-6).any(axis=1)
    keep[first[:-1][counts > 0]] = True
    kept = np.concatenate([[0], np.cumsum(keep)])
    return Shapes(np.ascontiguousarray(points[keep]), kept[first].astype(np.int64))


def _pieces(network: Network, low: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Cut paint and kerb stones into quadrilaterals.

    Returns:
        Corners [cells], shape (pieces, 4, 2), and the plane that each is drawn on, shape (pieces,).
    """
    lines = [stroke.line for stroke in network.strokes]
    styles = [(-0.5 * s.width, 0.5 * s.width, s.dash, s.gap) for s in network.strokes]
    planes = [YELLOW_PAINT if s.colour == net.YELLOW else WHITE_PAINT for s in network.strokes]
    if any(area.kind == net.PAVEMENT for area in network.areas):
        for area in network.areas:
            if area.kind == net.ASPHALT:
                ring = np.concatenate([area.polygon, area.polygon[:1]])
                x, y = ring.T
                counter_clockwise = (x[:-1] * y[1:] - x[1:] * y[:-1]).sum() > 0  # outside is on the right
                styles.append(
                    (-STONE_WIDTH, 0.0, 0.0, 0.0) if counter_clockwise else (0.0, STONE_WIDTH, 0.0, 0.0)
                )
                lines.append(ring)
                planes.append(STONE)
    shapes, table = _gather(lines, low), np.array(styles, np.float64).reshape(-1, 4) / CELL
    count = cut(shapes, table, np.empty((0, 4, 2)), np.empty(0, np.int64))
    pieces, source = np.empty((count, 4, 2)), np.empty(count, np.int64)
    cut(shapes, table, pieces, source)
    return pieces, np.array(planes, np.int64)[source]


@allocating_function
def _compile(
    canvas: Canvas,
    edges: FloatArray,
    kinds: IntArray,
    pieces: FloatArray,
    planes: IntArray,
    edge_first: IntArray,
    edge_order: IntArray,
    piece_first: IntArray,
    piece_order: IntArray,
    index: IntArray,
    tiles: ByteArray,
    words: IntArray,
) -> int:
    """Draw the map from south to north and return the number of tiles; -1 if they are too many."""
    winding = np.zeros(len(kinds), np.int64)
    shares = np.empty(canvas.columns[0] * TILE)
    table = np.zeros(1 << _HASH_BITS, np.int32)
    for tile in range(_COMMON):
        _remember(table, words, tile)
    count = _COMMON
    for band in range(canvas.rows[LEVELS - 1] << (LEVELS - 1)):
        clear(canvas, 0)
        if band < canvas.rows[0]:
            touching = edge_order[edge_first[band] : edge_first[band + 1]]
            draw_areas(canvas, band, edges, touching, kinds, winding)
            touching = piece_order[piece_first[band] : piece_first[band + 1]]
            draw_pieces(canvas, band, pieces, planes, touching, shares)
            keep_on_ground(canvas)
        row, level = band, 0
        while True:
            if row < canvas.rows[level]:
                count = _store(canvas, level, row, count, table, index, tiles, words)
                if count < 0:
                    return -1
            if level == LEVELS - 1:
                break
            reduce(canvas, level, row & 1)
            if row & 1 == 0:
                break
            row, level = row >> 1, level + 1
    return count


@inlined_function
def _store(
    canvas: Canvas,
    level: int,
    row: int,
    count: int,
    table: IntArray,
    index: IntArray,
    tiles: ByteArray,
    words: IntArray,
) -> int:
    """Turn a row of tiles into codes and return the number of tiles; -1 if they are too many."""
    for column in range(canvas.columns[level]):
        at = canvas.begin[level] + row * canvas.columns[level] + column
        bits = mix(np.uint64(at))
        grass = int(bits & np.uint64(GRASS_TILES - 1))
        plain = int(bits >> np.uint64(32) & np.uint64(_PLAIN - 1))
        kind = canvas.kind[level, column]
        if kind == BARE:
            index[at] = grass
        elif kind == ALL_ROAD:
            index[at] = _PLAIN_ROAD + plain
        elif kind == ALL_WALK:
            index[at] = _PLAIN_WALK + plain
        elif count < 0 or count == len(tiles) - 1:
            count = -1
        else:
            _encode(canvas, level, column, tiles, grass, count)
            tile = _remember(table, words, count)
            index[at] = tile
            if tile == count:
                count += 1
    return count


@inlined_function
def _encode(canvas: Canvas, level: int, column: int, tiles: ByteArray, grass: int, number: int) -> None:
    """Choose the code of each cell that is nearest to what lies in it, and write tile ``number``."""
    planes, out = canvas.planes, tiles[number]
    plain_grass, plain_road, plain_walk = tiles[grass], tiles[_PLAIN_ROAD], tiles[_PLAIN_WALK]
    roads = planes[plane_to_read(canvas, level, column, ROAD)]
    walks = planes[plane_to_read(canvas, level, column, WALK)]
    whites = planes[plane_to_read(canvas, level, column, WHITE_PAINT)]
    yellows = planes[plane_to_read(canvas, level, column, YELLOW_PAINT)]
    stones = planes[plane_to_read(canvas, level, column, STONE)]
    for k in range(TILE_CELLS):
        road, walk = roads[k], walks[k]
        paint = max(whites[k], yellows[k])
        beside = np.float32(1.0) - road
        if paint > beside and paint >= _TRACE:
            if yellows[k] > whites[k]:
                out[k] = YELLOW << KIND_BITS | int(paint * _TOP + 0.5)
            else:
                paint += walk * np.float32(_WALK_LIGHT / _WHITE_LIGHT)
                out[k] = WHITE << KIND_BITS | int(min(paint, np.float32(1.0)) * _TOP + 0.5)
        elif beside < _TRACE:
            out[k] = plain_road[k]
        elif walk > 1.0 - _TRACE:
            steps = int(stones[k] * STONE_STEPS + 0.5)
            out[k] = PAVEMENT << KIND_BITS | STONE_LEVEL + steps if steps else plain_walk[k]
        elif road < _TRACE and walk < _TRACE:
            out[k] = plain_grass[k]
        elif road < min(walk, beside - walk) or road < _TRACE:
            out[k] = VERGE << KIND_BITS | int(walk / beside * _TOP + 0.5)
        elif walk <= beside - walk:
            out[k] = EDGE << KIND_BITS | int(road * _TOP + 0.5)
        else:
            dark = road + (walk - stones[k]) * (1.0 - _WALK_LIGHT) - whites[k] * _WHITE_LIGHT
            steps = int(max(min(dark, 1.0), 0.0) * _TOP + 0.5)
            # Whether one may drive there does not depend on the light.
            half = LEVELS_PER_KIND // 2
            steps = max(steps, half) if int(road * _TOP + 0.5) >= half else min(steps, half - 1)
            out[k] = KERB << KIND_BITS | steps


@inner_function
def _remember(table: IntArray, words: IntArray, tile: int) -> int:
    """Return the first tile equal to this one, which may be itself.

    Args:
        table: Number of a tile plus one by hash; 0 where there is none.
        words: All tiles, eight cells to a word, shape (tiles, TILE_CELLS / 8).
        tile: Number of the tile.
    """
    value = np.uint64(0)
    for k in range(_WORDS):
        value = (value ^ words[tile, k]) * _HASH_FACTOR
    place = mix(value) & _HASH_MASK
    while table[place]:
        other = table[place] - 1
        k = 0
        while k < _WORDS and words[tile, k] == words[other, k]:
            k += 1
        if k == _WORDS:
            return int(other)
        place = (place + np.uint64(1)) & _HASH_MASK
    table[place] = tile + 1
    return tile


@lru_cache(maxsize=1)
def _common_tiles() -> NDArray[np.uint8]:
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
