"""Draws the union of areas onto a row of tiles."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from mmenvs.core.arrays import FloatArray, IntArray
from mmenvs.core.kernels import allocating_function, inlined_function, inner_function
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
    begins = np.zeros(TILE * SWEEPS + 2, np.int64)
    total = _count(edges, order, band, begins)
    xs, who = np.empty(total), np.empty(total, np.int64)
    _cross(edges, _from_west(edges, order, band), band, begins, xs, who)
    spans, surfaces = np.empty((total, 2)), np.empty((total, 2), np.int64)
    runs = 0
    for line in range(TILE * SWEEPS):
        _sort_crossings(xs, who, begins[line], begins[line + 1], 0)
        runs = _sweep(xs, who, begins[line], begins[line + 1], line, kinds, winding, spans, surfaces, runs)
    _draw_spans(canvas, spans, surfaces, runs)
    _sum_up(canvas)


@allocating_function
def _from_west(edges: FloatArray, order: IntArray, band: int) -> IntArray:
    """Sort the edges that touch a row of tiles from west to east, so that its lines hardly need sorting."""
    middle = (band + 0.5) * TILE * SWEEPS
    xs, sorted_order = np.empty(len(order)), order.copy()
    for k in range(len(order)):
        edge = order[k]
        y = min(max(middle, edges[edge, 1]), edges[edge, 2])
        xs[k] = edges[edge, 0] + (y - edges[edge, 1]) * edges[edge, 3]
    _sort_crossings(xs, sorted_order, 0, len(order), 3)
    return sorted_order


@inner_function
def _count(edges: FloatArray, order: IntArray, band: int, begins: IntArray) -> int:
    """Count how many edges cross each sweep line of a row of tiles.

    Args:
        edges: See :func:`edges_of`.
        order: Which of them touch the row.
        band: Number of the row of tiles.
        begins: Zeros, shape (lines + 2,); gets, one place late, the first crossing of each line.

    Returns:
        The number of crossings.
    """
    base, lines = band * TILE * SWEEPS, TILE * SWEEPS
    for edge in order:
        low = max(math.ceil(edges[edge, 1] - 0.5) - base, 0)
        high = min(math.ceil(edges[edge, 2] - 0.5) - base, lines)
        if low < high:
            begins[low + 1] += 1
            begins[high + 1] -= 1
    crossing = total = 0
    for line in range(lines + 1):
        crossing += begins[line + 1]
        begins[line + 1] = total
        total += crossing
    return total


@inner_function
def _cross(
    edges: FloatArray, order: IntArray, band: int, begins: IntArray, xs: FloatArray, who: IntArray
) -> None:
    """Write where edges cross sweep lines, line by line; see :func:`_count` and :func:`_sweep`.

    ``begins`` becomes the first crossing of each line, and the number of crossings.
    """
    base, lines = band * TILE * SWEEPS, TILE * SWEEPS
    for edge in order:
        low = max(math.ceil(edges[edge, 1] - 0.5) - base, 0)
        high = min(math.ceil(edges[edge, 2] - 0.5) - base, lines)
        x, slope, name = edges[edge, 0], edges[edge, 3], int(edges[edge, 4])
        below = base + 0.5 - edges[edge, 1]
        for line in range(low, high):
            at = begins[line + 1]
            xs[at] = x + (line + below) * slope
            who[at] = name
            begins[line + 1] = at + 1


@inner_function
def _sort_crossings(xs: FloatArray, who: IntArray, begin: int, end: int, factor: int) -> None:
    """Sort by position: Shell's sort, or, for what is nearly sorted, a ``factor`` of 0 for one pass."""
    step = 1
    while factor and factor * step + 1 < (end - begin) // 2:
        step = factor * step + 1
    while step > 0:
        for k in range(begin + step, end):
            x, name = xs[k], who[k]
            j = k
            while j >= begin + step and xs[j - step] > x:
                xs[j], who[j] = xs[j - step], who[j - step]
                j -= step
            xs[j], who[j] = x, name
        step //= 3


@inner_function
def _sweep(
    xs: FloatArray,
    who: IntArray,
    first: int,
    end: int,
    line: int,
    kinds: IntArray,
    winding: IntArray,
    spans: FloatArray,
    surfaces: IntArray,
    runs: int,
) -> int:
    """Follow one sweep line through the polygons and note what it meets.

    A polygon is inside itself wherever it winds around a point at all, so that the small loop within a
    bend that is sharper than its width is wide counts as well.

    Args:
        xs: Where edges cross lines [cells], sorted along each, shape (crossings,).
        who: Number of the polygon plus one, with the sign of its direction there, shape (crossings,).
        first: First crossing of this line.
        end: First crossing of the next one.
        line: Number of this line.
        kinds: Kind of each polygon, shape (polygons,).
        winding: Zeros, shape (polygons,); they are zeros again afterwards.
        spans: Gets begin and end of runs over one surface [cells], shape (crossings, 2).
        surfaces: Gets the surface of each run and its line, shape (crossings, 2).
        runs: How many runs there are of the lines before.

    Returns:
        The number of runs.
    """
    road = walk = 0
    now = -1  # the surface since `begin`
    begin = 0.0
    before_line = runs
    for k in range(first, end):
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
            joined = runs > before_line and surfaces[runs - 1, 0] == now
            if joined and begin - spans[runs - 1, 1] <= _HAIRLINE:
                spans[runs - 1, 1] = xs[k]
            else:
                spans[runs, 0], spans[runs, 1] = begin, xs[k]
                surfaces[runs, 0], surfaces[runs, 1] = now, line
                runs += 1
        now, begin = surface, xs[k]
    return runs


@inlined_function
def _draw_spans(canvas: Canvas, spans: FloatArray, surfaces: IntArray, runs: int) -> None:
    """Note runs as steps of coverage, which :func:`_sum_up` adds up along each row of cells."""
    width = np.float64(canvas.columns[0] * TILE)
    share = np.float32(1.0 / SWEEPS)
    kind, slot, drawn, planes = canvas.kind, canvas.slot, canvas.drawn, canvas.planes
    full, lines = canvas.full, canvas.lines
    for run in range(runs):
        begin, end = max(spans[run, 0], 0.0), min(spans[run, 1], width)
        plane, row = surfaces[run, 0], surfaces[run, 1] // SWEEPS
        if end <= begin:
            continue
        first, last = int(begin) >> TILE_BITS, int(end) >> TILE_BITS
        for side in range(2):
            at = begin if side == 0 else end
            column = first if side == 0 else last
            if at == column * TILE:
                continue
            if kind[0, column] != MIXED or drawn[0, column] >> plane & 1 == 0:
                plane_to_draw(canvas, 0, column, plane)
            out = slot[0, column] + plane
            cell = int(at)
            place = row * TILE + cell - column * TILE
            weight = share if side == 0 else -share
            part = np.float32(at - cell) * weight
            planes[out, place] += weight - part
            if cell & (TILE - 1) != TILE - 1:
                planes[out, place + 1] += part
        if begin > first * TILE:
            first += 1
        if end == last * TILE:
            last -= 1
        for column in range(first, last + 1):
            full[column, plane, row] += share
            lines[column, plane] += 1


@inlined_function
def _sum_up(canvas: Canvas) -> None:
    """Turn steps into coverage, and recognise tiles that are one thing throughout."""
    kind, full, lines, planes = canvas.kind, canvas.full, canvas.lines, canvas.planes
    for column in range(canvas.columns[0]):
        for plane in range(2):
            crossed = lines[column, plane]
            lines[column, plane] = 0
            if kind[0, column] != MIXED and crossed == TILE * SWEEPS:
                kind[0, column] = ALL_ROAD if plane == ROAD else ALL_WALK
                for row in range(TILE):
                    full[column, plane, row] = 0.0
                break
            if crossed == 0 and (kind[0, column] != MIXED or canvas.drawn[0, column] >> plane & 1 == 0):
                continue
            out = plane_to_draw(canvas, 0, column, plane)
            for row in range(TILE):
                total = full[column, plane, row]
                full[column, plane, row] = 0.0
                for k in range(row * TILE, row * TILE + TILE):
                    total += planes[out, k]
                    planes[out, k] = min(max(total, np.float32(0.0)), np.float32(1.0))
