"""Compiles a network's ground into the tiled raster of surface codes with mip levels.

Level ``k`` has cells of ``CELL * 2**k`` metres, in tiles of 32 x 32 cells; each level's shares are the
means of four cells of the level below, so that far lines fade instead of flickering.

The map is drawn one row of tiles after the other, on planes of coverage that say how much of each cell is
asphalt, pavement, white, yellow and kerb stone.  Areas are found by sweeping eight lines through each row
of cells: that makes their union exact, whatever overlaps or touches whatever, and is off by 6 mm at worst.
Paint is narrower than that would bear, but it never overlaps itself much: it is cut into short
quadrilaterals whose share of each cell is exact, and then to the asphalt.  Tiles without an edge in them
are never drawn, and equal tiles are stored once.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mmenvs.core.arrays import ByteArray, FloatArray, IntArray
from mmenvs.core.kernels import fast_function, inlined_function
from mmenvs.core.random import mix
from mmenvs.driving.roads import network as net
from mmenvs.driving.roads.network import Network, RoadError
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
)

#: Width of the stones between asphalt and pavement [m].
STONE_WIDTH = 0.15

_MOST_TILES = 65535
_MOST_POSITIONS = 1 << 24  # of the tile index: some 10 km by 10 km
_SWEEPS = 8  # sweep lines per row of cells
_PIECE = 24.0  # longest piece of a line that is drawn at once [cells]
_HAIRLINE = 0.05  # gaps and slivers narrower than this are rounding errors of the geometry [cells]
_TOP = LEVELS_PER_KIND - 1
_TRACE = 0.5 / _TOP  # a share below this rounds to level 0

# Planes of coverage; the first two are the kinds of Area.
_ROAD, _WALK, _WHITE, _YELLOW, _STONE = net.ASPHALT, net.PAVEMENT, 2, 3, 4
_PLANES = 5
# What a tile on the canvas holds: one thing throughout, or planes of coverage.
_BARE, _ALL_ROAD, _ALL_WALK, _MIXED = range(4)
# Tiles that every raster begins with: grass, then these.
_PLAIN_ROAD, _PLAIN_WALK, _COMMON = GRASS_TILES, GRASS_TILES + 1, GRASS_TILES + 2

_HASH_BITS = 17
_HASH_MASK = np.uint64((1 << _HASH_BITS) - 1)
_HASH_FACTOR = np.uint64(0x9E3779B97F4A7C15)
_HASH_SHIFT = np.uint64(29)


class _Canvas(NamedTuple):
    """One row of tiles of each mip level, while it is being drawn.

    Attributes:
        columns: Tiles per row, shape (LEVELS,).
        rows: Tile rows, shape (LEVELS,).
        begin: First entry of each level in the tile index, shape (LEVELS,).
        kind: What each tile holds, shape (LEVELS, columns).
        slot: Where the planes of a mixed tile lie, shape (LEVELS, columns).
        used: Slots in use, shape (LEVELS,).
        drawn: Planes of each slot that hold anything, as bits, shape (LEVELS, columns).
        planes: Coverage in [0, 1], shape (LEVELS, columns, planes, 1024); level, slot.
        full: Sweep lines that cross a whole tile, as a share of each row of cells, shape (columns, 2, 32).
        nothing: Zeros, shape (1024,).
    """

    columns: NDArray[np.int64]
    rows: NDArray[np.int64]
    begin: NDArray[np.int64]
    kind: NDArray[np.uint8]
    slot: NDArray[np.int32]
    used: NDArray[np.int64]
    drawn: NDArray[np.uint8]
    planes: NDArray[np.float32]
    full: NDArray[np.float32]
    nothing: NDArray[np.float32]


class _Shapes(NamedTuple):
    """Lines or polygons in one array of points.

    Attributes:
        points: Points [cells], shape (points, 2).
        first: First point of each shape, and the number of points, shape (shapes + 1,).
    """

    points: NDArray[np.float64]
    first: NDArray[np.int64]


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
    areas = [area.polygon for area in network.areas]
    for index, polygon in enumerate(areas):
        if polygon.ndim != 2 or polygon.shape[0] < 3:
            raise RoadError(
                f"{_name(network)}: area {index} has shape {polygon.shape}, must be (3 or more, 2)"
            )
    corners = (
        np.concatenate(areas) if areas else np.concatenate([lane.centre[:, :2] for lane in network.lanes])
    )
    if not np.isfinite(corners).all():
        raise RoadError(f"{_name(network)}: a corner of an area is not finite")
    low = corners.min(axis=0).astype(np.float64) - margin
    high = corners.max(axis=0).astype(np.float64) + margin
    sizes = TILE * CELL * 2.0 ** np.arange(LEVELS)
    columns = np.maximum(np.ceil((high[0] - low[0]) / sizes), 1).astype(np.int64)
    rows = np.maximum(np.ceil((high[1] - low[1]) / sizes), 1).astype(np.int64)
    start = np.concatenate([[0], np.cumsum(columns * rows)])
    if start[-1] > _MOST_POSITIONS:
        across, along = high - low
        raise RoadError(f"{_name(network)}: {across:.0f} m by {along:.0f} m are too large for a raster")

    polygons = _gather(areas, low)
    kinds = np.array([area.kind for area in network.areas], np.int64)
    quads, planes = _pieces(network, polygons, kinds, low)
    canvas = _canvas(columns, rows, start)
    index = np.empty(int(start[-1]), np.uint16)
    # Only what is written takes memory: this is as much as there can ever be.
    tiles = np.empty((_MOST_TILES + 1, TILE_CELLS), np.uint8)
    tiles[:_COMMON] = _common_tiles()
    count = _compile(canvas, polygons, kinds, quads, planes, index, tiles)
    if count < 0:
        raise RoadError(f"{_name(network)}: its ground needs more than {_MOST_TILES} tiles of 3.2 m and up")
    levels = [array.astype(np.int32) for array in (start[:-1], columns, rows)]
    return Raster(low, levels[0], levels[1], levels[2], index, tiles[:count].copy())


def _name(network: Network) -> str:
    return network.name or "network"


def _gather(lines: list[NDArray[np.float64]], low: NDArray[np.float64]) -> _Shapes:
    """Lay lines one behind the other, in cells from the raster's corner, without repeated points."""
    if not lines:
        return _Shapes(np.zeros((0, 2)), np.zeros(1, np.int64))
    counts = np.array([len(line) for line in lines])
    first = np.concatenate([[0], np.cumsum(counts)])
    points = (np.concatenate(lines).astype(np.float64).reshape(-1, 2) - low) / CELL
    keep = np.ones(len(points), bool)
    keep[1:] = (np.abs(np.diff(points, axis=0)) > 1e-6).any(axis=1)
    keep[first[:-1][counts > 0]] = True
    kept = np.concatenate([[0], np.cumsum(keep)])
    return _Shapes(np.ascontiguousarray(points[keep]), kept[first].astype(np.int64))


def _pieces(
    network: Network, polygons: _Shapes, kinds: NDArray[np.int64], low: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Cut paint and kerb stones into quadrilaterals.

    Returns:
        Corners [cells], shape (pieces, 4, 2), and the plane that each is drawn on, shape (pieces,).
    """
    strokes = network.strokes
    lines = _gather([stroke.line for stroke in strokes], low)
    if not np.isfinite(lines.points).all():
        raise RoadError(f"{_name(network)}: a point of a stroke is not finite")
    styles = np.array([(s.width, s.dash, s.gap) for s in strokes], np.float64).reshape(-1, 3) / CELL
    paint = np.array([_YELLOW if s.colour == net.YELLOW else _WHITE for s in strokes], np.int64)
    with_kerbs = bool((kinds == net.PAVEMENT).any())
    arguments = (lines, styles, paint, polygons, kinds, with_kerbs)
    count = _cut(*arguments, np.empty((0, 4, 2)), np.empty(0, np.int64))
    quads, planes = np.empty((count, 4, 2)), np.empty(count, np.int64)
    _cut(*arguments, quads, planes)
    return quads, planes


def _canvas(columns: NDArray[np.int64], rows: NDArray[np.int64], start: NDArray[np.int64]) -> _Canvas:
    most = int(columns[0])
    return _Canvas(
        columns=columns,
        rows=rows,
        begin=start[:-1].astype(np.int64),
        kind=np.zeros((LEVELS, most), np.uint8),
        slot=np.zeros((LEVELS, most), np.int32),
        used=np.zeros(LEVELS, np.int64),
        drawn=np.zeros((LEVELS, most), np.uint8),
        planes=np.empty((LEVELS, most, _PLANES, TILE_CELLS), np.float32),
        full=np.zeros((most, 2, TILE), np.float32),
        nothing=np.zeros(TILE_CELLS, np.float32),
    )


@lru_cache(maxsize=1)
def _common_tiles() -> NDArray[np.uint8]:
    """Return the tiles that every raster begins with: a fixed grain, so that plain ground is a copy."""
    tiles = np.empty((_COMMON, TILE_CELLS), np.uint8)
    _sow(tiles)
    tone = np.random.default_rng(11).normal(16.0, 2.2, TILE_CELLS).clip(0, _TOP)
    tiles[_PLAIN_ROAD] = ASPHALT << KIND_BITS | tone.astype(np.int64)
    tone = np.random.default_rng(12).normal(10.5, 2.2, TILE_CELLS).clip(0, STONE_LEVEL)
    tiles[_PLAIN_WALK] = PAVEMENT << KIND_BITS | tone.astype(np.int64)
    return tiles


@fast_function
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


# ---------------------------------------------------------------- the order of things


@fast_function
def _compile(
    canvas: _Canvas,
    polygons: _Shapes,
    kinds: IntArray,
    quads: FloatArray,
    planes: IntArray,
    index: IntArray,
    tiles: ByteArray,
) -> int:
    """Draw the map from south to north and return the number of tiles; -1 if they are too many."""
    bands = canvas.rows[0]
    edges, edge_first, edge_order = _edges(polygons, bands)
    heights = np.empty((len(quads), 2))
    for k in range(len(quads)):
        heights[k, 0], heights[k, 1] = quads[k, :, 1].min(), quads[k, :, 1].max()
    quad_first, quad_order = _sort_by_band(heights, bands)
    winding = np.zeros(len(kinds), np.int64)
    table = np.zeros(1 << _HASH_BITS, np.int32)
    for tile in range(_COMMON):
        _remember(table, tiles, tile)
    count = _COMMON
    for band in range(canvas.rows[LEVELS - 1] << (LEVELS - 1)):
        _clear(canvas, 0)
        if band < bands:
            _draw_areas(
                canvas, band, edges, edge_order[edge_first[band] : edge_first[band + 1]], kinds, winding
            )
            for k in range(quad_first[band], quad_first[band + 1]):
                _draw_quad(canvas, band, quads[quad_order[k]], planes[quad_order[k]])
            _keep_on_ground(canvas)
        row, level = band, 0
        while True:
            if row < canvas.rows[level]:
                count = _store(canvas, level, row, count, table, index, tiles)
                if count < 0:
                    return -1
            if level == LEVELS - 1:
                break
            _reduce(canvas, level, row & 1)
            if row & 1 == 0:
                break
            row, level = row >> 1, level + 1
    return count


@fast_function
def _clear(canvas: _Canvas, level: int) -> None:
    canvas.kind[level] = _BARE
    canvas.used[level] = 0
    if level == 0:
        canvas.full[:] = 0.0


@fast_function
def _plane(canvas: _Canvas, level: int, column: int, plane: int) -> FloatArray:
    """Return a tile's plane to draw on; the tile becomes a mixed one."""
    before = canvas.kind[level, column]
    if before != _MIXED:
        canvas.kind[level, column] = _MIXED
        slot = canvas.used[level]
        canvas.used[level] += 1
        canvas.slot[level, column] = slot
        canvas.drawn[level, slot] = 0
        if before != _BARE:
            whole = _ROAD if before == _ALL_ROAD else _WALK
            canvas.planes[level, slot, whole] = 1.0
            canvas.drawn[level, slot] = 1 << whole
    slot = canvas.slot[level, column]
    if canvas.drawn[level, slot] >> plane & 1 == 0:
        canvas.planes[level, slot, plane] = 0.0
        canvas.drawn[level, slot] |= 1 << plane
    return canvas.planes[level, slot, plane]


@fast_function
def _read(canvas: _Canvas, level: int, slot: int, plane: int) -> FloatArray:
    """Return a plane to read; zeros where nothing was drawn."""
    if canvas.drawn[level, slot] >> plane & 1:
        return canvas.planes[level, slot, plane]
    return canvas.nothing


@fast_function
def _sort_by_band(heights: FloatArray, bands: int) -> tuple[IntArray, IntArray]:
    """Sort items by the rows of tiles that they touch.

    Args:
        heights: Lowest and highest y [cells], shape (items, 2).
        bands: Rows of tiles.

    Returns:
        First entry of each row, shape (bands + 1,), and the items, row by row.
    """
    first = np.zeros(bands + 2, np.int64)
    for k in range(len(heights)):
        low = min(max(int(heights[k, 0]) >> TILE_BITS, 0), bands)
        high = min(max(int(heights[k, 1]) >> TILE_BITS, -1), bands - 1)
        for band in range(low, high + 1):
            first[band + 2] += 1
    for band in range(bands):
        first[band + 2] += first[band + 1]
    order = np.empty(first[bands + 1], np.int64)
    for k in range(len(heights)):
        low = min(max(int(heights[k, 0]) >> TILE_BITS, 0), bands)
        high = min(max(int(heights[k, 1]) >> TILE_BITS, -1), bands - 1)
        for band in range(low, high + 1):
            order[first[band + 1]] = k
            first[band + 1] += 1
    return first[: bands + 1], order


# ---------------------------------------------------------------- areas


@inlined_function
def _edges(polygons: _Shapes, bands: int) -> tuple[FloatArray, IntArray, IntArray]:
    """Return the edges of all polygons, sorted by row of tiles.

    Returns:
        Edges, shape (edges, 5): lower end, x [cells] and y [sweep lines], upper y, slope dx / dy, and the
        polygon's number plus one, negative if the edge was turned around; then their order, see
        :func:`_sort_by_band`.
    """
    edges = np.empty((len(polygons.points), 5))
    heights = np.empty((len(edges), 2))
    count = 0
    for polygon in range(len(polygons.first) - 1):
        first, end = polygons.first[polygon], polygons.first[polygon + 1]
        for k in range(first, end):
            after = k + 1 if k + 1 < end else first
            low, high, sign = k, after, 1.0
            if polygons.points[low, 1] > polygons.points[high, 1]:
                low, high, sign = after, k, -1.0
            y0, y1 = polygons.points[low, 1] * _SWEEPS, polygons.points[high, 1] * _SWEEPS
            if math.ceil(y0 - 0.5) == math.ceil(y1 - 0.5):
                continue  # between two sweep lines
            edge = edges[count]
            edge[0], edge[1], edge[2] = polygons.points[low, 0], y0, y1
            edge[3] = (polygons.points[high, 0] - polygons.points[low, 0]) / (y1 - y0)
            edge[4] = sign * (polygon + 1)
            heights[count, 0], heights[count, 1] = y0 / _SWEEPS, y1 / _SWEEPS
            count += 1
    first_of_band, order = _sort_by_band(heights[:count], bands)
    return edges[:count], first_of_band, order


@inlined_function
def _draw_areas(
    canvas: _Canvas, band: int, edges: FloatArray, order: IntArray, kinds: IntArray, winding: IntArray
) -> None:
    """Draw asphalt and pavement on one row of tiles."""
    lines = TILE * _SWEEPS
    base = band * lines
    # Where edges cross each sweep line, in linked lists.
    total = 0
    for k in range(len(order)):
        edge = edges[order[k]]
        total += max(min(math.ceil(edge[2] - 0.5), base + lines) - max(math.ceil(edge[1] - 0.5), base), 0)
    crossing = np.empty(total)
    crossed = np.empty(total, np.int64)
    following = np.empty(total, np.int64)
    head = np.full(lines, -1, np.int64)
    count = 0
    for k in range(len(order)):
        edge = edges[order[k]]
        low = max(math.ceil(edge[1] - 0.5), base)
        high = min(math.ceil(edge[2] - 0.5), base + lines)
        for line in range(low, high):
            crossing[count] = edge[0] + (line + 0.5 - edge[1]) * edge[3]
            crossed[count] = int(edge[4])
            following[count] = head[line - base]
            head[line - base] = count
            count += 1
    xs, who = np.empty(total), np.empty(total, np.int64)
    for line in range(lines):
        count = 0
        at = head[line]
        while at >= 0:
            xs[count], who[count] = crossing[at], crossed[at]
            count += 1
            at = following[at]
        _sort_crossings(xs, who, count)
        _sweep(canvas, line // _SWEEPS, xs, who, count, kinds, winding)
    _sum_up(canvas)


@fast_function
def _sort_crossings(xs: FloatArray, who: IntArray, count: int) -> None:
    """Sort by position: Shell's sort, since the lists are short and now and then are not."""
    step = 1
    while 3 * step + 1 < count // 2:
        step = 3 * step + 1
    while step > 0:
        for k in range(step, count):
            x, name = xs[k], who[k]
            j = k
            while j >= step and xs[j - step] > x:
                xs[j], who[j] = xs[j - step], who[j - step]
                j -= step
            xs[j], who[j] = x, name
        step //= 3


@inlined_function
def _sweep(
    canvas: _Canvas, row: int, xs: FloatArray, who: IntArray, count: int, kinds: IntArray, winding: IntArray
) -> None:
    """Follow one sweep line through the polygons and draw what it meets.

    A polygon is inside itself wherever it winds around a point at all, so that the small loop within a
    bend that is sharper than its width is wide counts as well.
    """
    road = walk = 0
    now = -1  # the surface since `begin`
    begin = 0.0
    kept, kept_begin, kept_end = -1, 0.0, 0.0  # a span that may yet go on
    for k in range(count):
        polygon = abs(who[k]) - 1
        before = winding[polygon]
        winding[polygon] = before + (1 if who[k] > 0 else -1)
        step = (1 if winding[polygon] != 0 else 0) - (1 if before != 0 else 0)
        if kinds[polygon] == net.ASPHALT:
            road += step
        else:
            walk += step
        surface = _ROAD if road > 0 else (_WALK if walk > 0 else -1)
        if surface == now:
            continue
        if now >= 0 and xs[k] - begin > _HAIRLINE:
            if now == kept and begin - kept_end <= _HAIRLINE:
                kept_end = xs[k]
            else:
                if kept >= 0:
                    _span(canvas, kept, row, kept_begin, kept_end)
                kept, kept_begin, kept_end = now, begin, xs[k]
        now, begin = surface, xs[k]
    if kept >= 0:
        _span(canvas, kept, row, kept_begin, kept_end)


@fast_function
def _span(canvas: _Canvas, plane: int, row: int, begin: float, end: float) -> None:
    """Note one sweep line's run over a surface, as steps of coverage that :func:`_sum_up` adds up."""
    width = np.float64(canvas.columns[0] * TILE)
    begin, end = max(begin, 0.0), min(end, width)
    if end <= begin:
        return
    share = np.float32(1.0 / _SWEEPS)
    first, last = int(begin) >> TILE_BITS, int(end) >> TILE_BITS
    if begin > first * TILE:
        _step(_plane(canvas, 0, first, plane), row, begin - first * TILE, share)
        first += 1
    for column in range(first, last):
        canvas.full[column, plane, row] += share
    if end > last * TILE:
        if last >= first:
            canvas.full[last, plane, row] += share
        _step(_plane(canvas, 0, last, plane), row, end - last * TILE, -share)


@fast_function
def _step(plane: FloatArray, row: int, x: float, share: float) -> None:
    cell = int(x)
    at = row * TILE + cell
    part = np.float32(x - cell) * share
    plane[at] += share - part
    if cell < TILE - 1:
        plane[at + 1] += part


@inlined_function
def _sum_up(canvas: _Canvas) -> None:
    """Turn steps into coverage, and recognise tiles that are one thing throughout."""
    for column in range(canvas.columns[0]):
        for plane in range(2):
            full = canvas.full[column, plane]
            if canvas.kind[0, column] != _MIXED:
                rows = 0.0
                for row in range(TILE):
                    rows += full[row]
                if rows == 0.0:
                    continue
                if rows == TILE:
                    canvas.kind[0, column] = _ALL_ROAD if plane == _ROAD else _ALL_WALK
                    break
            elif canvas.drawn[0, canvas.slot[0, column]] >> plane & 1 == 0 and full.max() == 0.0:
                continue
            cells = _plane(canvas, 0, column, plane)
            for row in range(TILE):
                total = full[row]
                for k in range(row * TILE, row * TILE + TILE):
                    total += cells[k]
                    cells[k] = min(max(total, np.float32(0.0)), np.float32(1.0))


# ---------------------------------------------------------------- paint and kerb stones


@fast_function
def _cut(
    lines: _Shapes,
    styles: FloatArray,
    paint: IntArray,
    polygons: _Shapes,
    kinds: IntArray,
    with_kerbs: bool,
    quads: FloatArray,
    planes: IntArray,
) -> int:
    """Cut strokes and kerb stones into pieces; return how many, and keep those that there is room for."""
    count = 0
    for stroke in range(len(styles)):
        points = lines.points[lines.first[stroke] : lines.first[stroke + 1]]
        last = len(points) - 1
        closed = last > 2 and points[0, 0] == points[last, 0] and points[0, 1] == points[last, 1]
        width, dash, gap = styles[stroke]
        count = _cut_line(
            points, closed, -0.5 * width, 0.5 * width, dash, gap, paint[stroke], quads, planes, count
        )
    if with_kerbs:
        for polygon in range(len(kinds)):
            if kinds[polygon] != net.ASPHALT:
                continue
            first, end = polygons.first[polygon], polygons.first[polygon + 1]
            ring = np.empty((end - first + 1, 2))
            ring[:-1] = polygons.points[first:end]
            ring[-1] = ring[0]
            doubled_area = 0.0
            for k in range(len(ring) - 1):
                doubled_area += (ring[k, 0] - ring[0, 0]) * (ring[k + 1, 1] - ring[0, 1])
                doubled_area -= (ring[k + 1, 0] - ring[0, 0]) * (ring[k, 1] - ring[0, 1])
            # Outside is on the right of a ring that runs counter-clockwise.
            left, right = (-STONE_WIDTH / CELL, 0.0) if doubled_area > 0 else (0.0, STONE_WIDTH / CELL)
            count = _cut_line(ring, True, left, right, 0.0, 0.0, _STONE, quads, planes, count)
    return count


@fast_function
def _cut_line(
    points: FloatArray,
    closed: bool,
    low: float,
    high: float,
    dash: float,
    gap: float,
    plane: int,
    quads: FloatArray,
    planes: IntArray,
    count: int,
) -> int:
    """Cut a ribbon beside a line, from offset ``low`` to ``high`` (left positive), into pieces.

    Neighbouring pieces are mitred and share an edge, so that they neither overlap nor gape.
    """
    last = len(points) - 1
    along = 0.0
    period = dash + gap
    for k in range(last):
        x, y = points[k, 0], points[k, 1]
        dx, dy = points[k + 1, 0] - x, points[k + 1, 1] - y
        length = math.hypot(dx, dy)
        if length < 1e-6:
            continue
        before = k - 1 if k > 0 else (last - 1 if closed else 0)
        after = k + 1 if k + 1 < last else (0 if closed else k)
        ax, ay = _mitre(points, before, k, -dy / length, dx / length)
        bx, by = _mitre(points, after, k, -dy / length, dx / length)
        at = 0.0
        while at < length - 1e-6:
            end = length
            if dash > 0.0:
                phase = along + at
                phase -= period * math.floor(phase / period + 1e-9)
                if phase >= dash - 1e-6:
                    at += max(period - phase, 1e-6)
                    continue
                end = min(end, at + dash - phase)
            end = min(end, at + _PIECE)
            if count < len(quads):
                planes[count] = plane
                for side in range(2):
                    u = (at if side == 0 else end) / length
                    nx, ny = ax + u * (bx - ax), ay + u * (by - ay)
                    near, far = (low, high) if side == 0 else (high, low)
                    quads[count, 2 * side, 0] = x + u * dx + near * nx
                    quads[count, 2 * side, 1] = y + u * dy + near * ny
                    quads[count, 2 * side + 1, 0] = x + u * dx + far * nx
                    quads[count, 2 * side + 1, 1] = y + u * dy + far * ny
            count += 1
            at = end
        along += length
    return count


@fast_function
def _mitre(points: FloatArray, other: int, this: int, nx: float, ny: float) -> tuple[float, float]:
    """Return the offset per unit of width at the joint of segment ``this`` and segment ``other``."""
    if other == this:
        return nx, ny
    dx, dy = points[other + 1, 0] - points[other, 0], points[other + 1, 1] - points[other, 1]
    length = math.hypot(dx, dy)
    if length < 1e-6:
        return nx, ny
    ox, oy = -dy / length, dx / length
    cosine = nx * ox + ny * oy
    if cosine < -0.5:  # so sharp a corner would grow a spike
        return nx, ny
    return (nx + ox) / (1.0 + cosine), (ny + oy) / (1.0 + cosine)


@fast_function
def _draw_quad(canvas: _Canvas, band: int, quad: FloatArray, plane: int) -> None:
    """Add a quadrilateral's exact share of each cell, where there is ground for it.

    By Green's theorem the share is a sum over edges: within a row of cells, an edge that rises by ``h``
    between ``a`` and ``b`` adds to each cell ``h`` times the mean over [a, b] of what lies to the right.
    """
    west, east = min(quad[0, 0], quad[1, 0]), max(quad[0, 0], quad[1, 0])
    west, east = min(west, min(quad[2, 0], quad[3, 0])), max(east, max(quad[2, 0], quad[3, 0]))
    south, north = min(quad[0, 1], quad[1, 1]), max(quad[0, 1], quad[1, 1])
    south, north = min(south, min(quad[2, 1], quad[3, 1])), max(north, max(quad[2, 1], quad[3, 1]))
    first = max(int(math.floor(west)), 0)
    last = min(int(math.floor(east)), canvas.columns[0] * TILE - 1)
    wanted = False
    for column in range(first >> TILE_BITS, (last >> TILE_BITS) + 1):
        wanted = wanted or _bears(canvas, column, plane)
    if not wanted:
        return
    area = 0.0
    for k in range(1, 3):
        area += (quad[k, 0] - quad[0, 0]) * (quad[k + 1, 1] - quad[0, 1])
        area -= (quad[k + 1, 0] - quad[0, 0]) * (quad[k, 1] - quad[0, 1])
    sign = -1.0 if area > 0.0 else 1.0  # an edge that rises has the inside of a positive ring on its left
    row0 = max(int(math.floor(south)), band * TILE)
    row1 = min(int(math.floor(north)), band * TILE + TILE - 1)
    shares = np.empty(last - first + 1)
    for row in range(row0, row1 + 1):
        shares[:] = 0.0
        for k in range(4):
            x0, y0 = quad[k, 0], quad[k, 1]
            x1, y1 = quad[(k + 1) & 3, 0], quad[(k + 1) & 3, 1]
            low, high = max(min(y0, y1), np.float64(row)), min(max(y0, y1), row + 1.0)
            if high <= low:
                continue
            slope = (x1 - x0) / (y1 - y0)
            one, two = x0 + (low - y0) * slope, x0 + (high - y0) * slope
            a, b = min(one, two), max(one, two)
            rise = sign * (high - low) if y1 > y0 else -sign * (high - low)
            begin = max(int(math.floor(a)), first)
            below = _mean_to_the_right(np.float64(begin), a, b)
            for cell in range(begin, last + 1):
                above = _mean_to_the_right(cell + 1.0, a, b)
                shares[cell - first] += rise * (above - below)
                below = above
        for column in range(first >> TILE_BITS, (last >> TILE_BITS) + 1):
            if not _bears(canvas, column, plane):
                continue
            cells = _plane(canvas, 0, column, plane)
            base = (row - band * TILE) * TILE - column * TILE
            for cell in range(max(first, column * TILE), min(last, column * TILE + TILE - 1) + 1):
                cells[base + cell] += max(shares[cell - first], 0.0)


@fast_function
def _mean_to_the_right(t: float, a: float, b: float) -> float:
    """Mean over x in [a, b] of ``max(t - x, 0)``."""
    if t <= a:
        return 0.0
    if t >= b:
        return t - 0.5 * (a + b)
    return 0.5 * (t - a) * (t - a) / (b - a)


@fast_function
def _bears(canvas: _Canvas, column: int, plane: int) -> bool:
    """Whether a tile has ground on which ``plane`` is seen: pavement for kerb stones, asphalt for paint."""
    kind = canvas.kind[0, column]
    if kind != _MIXED:
        return bool(kind == _ALL_ROAD and plane != _STONE)
    ground = _WALK if plane == _STONE else _ROAD
    return bool(canvas.drawn[0, canvas.slot[0, column]] >> ground & 1)


@inlined_function
def _keep_on_ground(canvas: _Canvas) -> None:
    """Cut paint to the asphalt, and kerb stones to the pavement."""
    for slot in range(canvas.used[0]):
        for plane in range(_WHITE, _PLANES):
            if canvas.drawn[0, slot] >> plane & 1 == 0:
                continue
            cells = canvas.planes[0, slot, plane]
            ground = _read(canvas, 0, slot, _WALK if plane == _STONE else _ROAD)
            for k in range(TILE_CELLS):
                cells[k] = min(cells[k], np.float32(1.0)) * ground[k]


# ---------------------------------------------------------------- mip levels and codes


@fast_function
def _reduce(canvas: _Canvas, level: int, half: int) -> None:
    """Average a row of tiles into the lower (0) or upper (1) half of the next level's row."""
    above = level + 1
    if half == 0:
        _clear(canvas, above)
    for column in range(canvas.columns[above]):
        left = canvas.kind[level, 2 * column]
        right = canvas.kind[level, 2 * column + 1] if 2 * column + 1 < canvas.columns[level] else _BARE
        before = canvas.kind[above, column]
        if left == right and left != _MIXED and (half == 0 or left == before):
            canvas.kind[above, column] = left
            continue
        if half == 1 and (before == _ALL_ROAD or before == _ALL_WALK):
            # The lower half was one thing throughout, but the upper one is another.
            plane = _ROAD if before == _ALL_ROAD else _WALK
            canvas.kind[above, column] = _BARE
            _plane(canvas, above, column, plane)[: TILE_CELLS // 2] = 1.0
        for side in range(2):
            kind = left if side == 0 else right
            first = half * (TILE_CELLS // 2) + side * (TILE // 2)
            if kind == _MIXED:
                slot = canvas.slot[level, 2 * column + side]
                for plane in range(_PLANES):
                    if canvas.drawn[level, slot] >> plane & 1:
                        _average(
                            canvas.planes[level, slot, plane], _plane(canvas, above, column, plane), first
                        )
            elif kind != _BARE:
                cells = _plane(canvas, above, column, _ROAD if kind == _ALL_ROAD else _WALK)
                for row in range(TILE // 2):
                    cells[first + row * TILE : first + row * TILE + TILE // 2] = 1.0


@fast_function
def _average(fine: FloatArray, coarse: FloatArray, first: int) -> None:
    """Write the means of 2 x 2 cells into a quarter of a tile that begins at cell ``first``."""
    for row in range(TILE // 2):
        lower = fine[2 * row * TILE : 2 * row * TILE + TILE]
        upper = fine[(2 * row + 1) * TILE : (2 * row + 1) * TILE + TILE]
        out = coarse[first + row * TILE : first + row * TILE + TILE // 2]
        for k in range(TILE // 2):
            out[k] = np.float32(0.25) * (lower[2 * k] + lower[2 * k + 1] + upper[2 * k] + upper[2 * k + 1])


@fast_function
def _store(
    canvas: _Canvas, level: int, row: int, count: int, table: IntArray, index: IntArray, tiles: ByteArray
) -> int:
    """Turn a row of tiles into codes and return the number of tiles; -1 if they are too many."""
    for column in range(canvas.columns[level]):
        at = canvas.begin[level] + row * canvas.columns[level] + column
        grass = mix(np.uint64(at)) & np.uint64(GRASS_TILES - 1)
        kind = canvas.kind[level, column]
        if kind == _BARE:
            index[at] = grass
        elif kind == _ALL_ROAD:
            index[at] = _PLAIN_ROAD
        elif kind == _ALL_WALK:
            index[at] = _PLAIN_WALK
        else:
            if count >= len(tiles) - 1:
                return -1
            _encode(canvas, level, canvas.slot[level, column], tiles[:_COMMON], tiles[grass], tiles[count])
            index[at] = _remember(table, tiles, count)
            if index[at] == count:
                count += 1
    return count


@inlined_function
def _encode(
    canvas: _Canvas, level: int, slot: int, common: ByteArray, grass: ByteArray, out: ByteArray
) -> None:
    """Choose the code of each cell that is nearest to what lies in it."""
    roads, walks = _read(canvas, level, slot, _ROAD), _read(canvas, level, slot, _WALK)
    whites, yellows = _read(canvas, level, slot, _WHITE), _read(canvas, level, slot, _YELLOW)
    stones = _read(canvas, level, slot, _STONE)
    for k in range(TILE_CELLS):
        road, walk = roads[k], walks[k]
        paint = max(whites[k], yellows[k])
        beside = 1.0 - road
        if paint > beside and paint >= _TRACE:
            kind = YELLOW if yellows[k] > whites[k] else WHITE
            out[k] = kind << KIND_BITS | int(paint * _TOP + 0.5)
        elif beside < _TRACE:
            out[k] = common[_PLAIN_ROAD, k]
        elif walk > 1.0 - _TRACE:
            steps = int(stones[k] * STONE_STEPS + 0.5)
            out[k] = PAVEMENT << KIND_BITS | STONE_LEVEL + steps if steps else common[_PLAIN_WALK, k]
        elif road < _TRACE and walk < _TRACE:
            out[k] = grass[k]
        elif road < min(walk, beside - walk) or road < _TRACE:
            out[k] = VERGE << KIND_BITS | int(walk / beside * _TOP + 0.5)
        else:
            kind = KERB if walk > beside - walk else EDGE
            out[k] = kind << KIND_BITS | int(road * _TOP + 0.5)


@fast_function
def _remember(table: IntArray, tiles: ByteArray, tile: int) -> int:
    """Return the first tile equal to this one, which may be itself; ``table`` maps hashes to tiles."""
    words = tiles[tile].view(np.uint64)
    value = np.uint64(0)
    for word in words:
        value = (value ^ word) * _HASH_FACTOR
        value ^= value >> _HASH_SHIFT
    place = mix(value) & _HASH_MASK
    while table[place]:
        other = table[place] - 1
        candidates = tiles[other].view(np.uint64)
        same = True
        for k in range(len(words)):
            if words[k] != candidates[k]:
                same = False
                break
        if same:
            return int(other)
        place = (place + np.uint64(1)) & _HASH_MASK
    table[place] = tile + 1
    return tile
