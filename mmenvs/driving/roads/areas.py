"""Draws the union of areas onto a row of tiles."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from mmenvs.core.arrays import FloatArray, IntArray
from mmenvs.core.kernels import fast_function, inlined_function
from mmenvs.driving.roads import network as net
from mmenvs.driving.roads.canvas import (
    ALL_ROAD,
    ALL_WALK,
    MIXED,
    ROAD,
    WALK,
    Canvas,
    Shapes,
    plane_to_draw,
)
from mmenvs.driving.roads.raster import TILE, TILE_BITS

#: Sweep lines per row of cells.
SWEEPS = 8

_HAIRLINE = 0.05  # gaps and slivers narrower than this are rounding errors of the geometry [cells]


def edges_of(polygons: Shapes) -> NDArray[np.float64]:
    """Return the edges of all polygons that cross a sweep line.

    Returns:
        Shape (edges, 5): lower end, x [cells] and y [sweep lines], upper y, slope dx / dy, and the polygon's
        number plus one, negative if the edge was turned around.
    """
    start = polygons.points * (1.0, SWEEPS)
    after = np.arange(1, len(start) + 1)
    after[polygons.first[1:] - 1] = polygons.first[:-1]
    end = start[after]
    down = start[:, 1] > end[:, 1]
    low, high = np.where(down[:, None], end, start), np.where(down[:, None], start, end)
    name = np.repeat(np.arange(1, len(polygons.first)), np.diff(polygons.first))
    crosses = np.ceil(low[:, 1] - 0.5) < np.ceil(high[:, 1] - 0.5)
    low, high, signed = low[crosses], high[crosses], np.where(down, -name, name)[crosses]
    slope = (high[:, 0] - low[:, 0]) / (high[:, 1] - low[:, 1])
    return np.stack([low[:, 0], low[:, 1], high[:, 1], slope, signed], 1)


@inlined_function
def draw_areas(
    canvas: Canvas, band: int, edges: FloatArray, order: IntArray, kinds: IntArray, winding: IntArray
) -> None:
    """Draw asphalt and pavement on a row of tiles.

    Args:
        canvas: Gets the coverage, on level 0.
        band: Number of the row of tiles.
        edges: See :func:`edges_of`.
        order: Which of them touch the row.
        kinds: Kind of each polygon, shape (polygons,).
        winding: Zeros, shape (polygons,); they are zeros again afterwards.
    """
    lines = TILE * SWEEPS
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
    spans, surfaces = np.empty((total, 2)), np.empty(total, np.int64)
    for line in range(lines):
        count = 0
        at = head[line]
        while at >= 0:
            xs[count], who[count] = crossing[at], crossed[at]
            count += 1
            at = following[at]
        _sort_crossings(xs, who, count)
        runs = _sweep(xs, who, count, kinds, winding, spans, surfaces)
        _draw_spans(canvas, line // SWEEPS, spans, surfaces, runs)
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


@fast_function
def _sweep(
    xs: FloatArray,
    who: IntArray,
    count: int,
    kinds: IntArray,
    winding: IntArray,
    spans: FloatArray,
    surfaces: IntArray,
) -> int:
    """Follow one sweep line through the polygons and note what it meets.

    A polygon is inside itself wherever it winds around a point at all, so that the small loop within a
    bend that is sharper than its width is wide counts as well.

    Args:
        xs: Where edges cross the line [cells], sorted, shape (count,) or longer.
        who: Number of the polygon plus one, with the sign of its direction there, same shape.
        count: How many there are.
        kinds: Kind of each polygon, shape (polygons,).
        winding: Zeros, shape (polygons,); they are zeros again afterwards.
        spans: Gets begin and end of runs over one surface [cells], shape (count, 2) or longer.
        surfaces: Gets the surface of each run, same length.

    Returns:
        The number of runs.
    """
    road = walk = 0
    now = -1  # the surface since `begin`
    begin = 0.0
    runs = 0
    for k in range(count):
        polygon = abs(who[k]) - 1
        before = winding[polygon]
        after = before + (1 if who[k] > 0 else -1)
        winding[polygon] = after
        if before != 0 and after != 0:
            continue
        step = 1 if after != 0 else -1
        if kinds[polygon] == net.ASPHALT:
            road += step
        else:
            walk += step
        surface = ROAD if road > 0 else (WALK if walk > 0 else -1)
        if surface == now:
            continue
        if now >= 0 and xs[k] - begin > _HAIRLINE:
            if runs > 0 and surfaces[runs - 1] == now and begin - spans[runs - 1, 1] <= _HAIRLINE:
                spans[runs - 1, 1] = xs[k]
            else:
                spans[runs, 0], spans[runs, 1], surfaces[runs] = begin, xs[k], now
                runs += 1
        now, begin = surface, xs[k]
    return runs


@inlined_function
def _draw_spans(canvas: Canvas, row: int, spans: FloatArray, surfaces: IntArray, runs: int) -> None:
    """Note one sweep line's runs, as steps of coverage that :func:`_sum_up` adds up along each row."""
    width = np.float64(canvas.columns[0] * TILE)
    share = np.float32(1.0 / SWEEPS)
    for run in range(runs):
        begin, end, plane = max(spans[run, 0], 0.0), min(spans[run, 1], width), surfaces[run]
        if end <= begin:
            continue
        first, last = int(begin) >> TILE_BITS, int(end) >> TILE_BITS
        for side in range(2):
            at = begin if side == 0 else end
            column = first if side == 0 else last
            if at == column * TILE:
                continue
            if canvas.kind[0, column] != MIXED or canvas.drawn[0, column] >> plane & 1 == 0:
                plane_to_draw(canvas, 0, column, plane)
            out = canvas.slot[0, column] + plane
            cell = int(at)
            place = row * TILE + cell - column * TILE
            weight = share if side == 0 else -share
            part = np.float32(at - cell) * weight
            canvas.planes[out, place] += weight - part
            if cell & (TILE - 1) != TILE - 1:
                canvas.planes[out, place + 1] += part
        if begin > first * TILE:
            first += 1
        if end == last * TILE:
            last -= 1
        for column in range(first, last + 1):
            canvas.full[column, plane, row] += share


@inlined_function
def _sum_up(canvas: Canvas) -> None:
    """Turn steps into coverage, and recognise tiles that are one thing throughout."""
    for column in range(canvas.columns[0]):
        for plane in range(2):
            crossed = np.float32(0.0)
            for row in range(TILE):
                crossed += canvas.full[column, plane, row]
            if canvas.kind[0, column] != MIXED:
                if crossed == TILE:
                    canvas.kind[0, column] = ALL_ROAD if plane == ROAD else ALL_WALK
                    canvas.full[column, plane] = 0.0
                    break
                if crossed == 0.0:
                    continue
            elif crossed == 0.0 and canvas.drawn[0, column] >> plane & 1 == 0:
                continue
            out = plane_to_draw(canvas, 0, column, plane)
            for row in range(TILE):
                total = canvas.full[column, plane, row]
                canvas.full[column, plane, row] = 0.0
                for k in range(row * TILE, row * TILE + TILE):
                    total += canvas.planes[out, k]
                    canvas.planes[out, k] = min(max(total, np.float32(0.0)), np.float32(1.0))
