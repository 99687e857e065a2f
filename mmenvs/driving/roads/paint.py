"""Cuts paint and kerb stones into pieces, and draws these onto a row of tiles."""

from __future__ import annotations

import math

import numpy as np

from mmenvs.core.arrays import FloatArray, IntArray
from mmenvs.core.kernels import fast_function, inlined_function, inner_function
from mmenvs.driving.roads.canvas import (
    ALL_ROAD,
    ALL_WALK,
    MIXED,
    PLANES,
    ROAD,
    STONE,
    WALK,
    WHITE_PAINT,
    Canvas,
    Shapes,
    plane_to_draw,
    plane_to_read,
)
from mmenvs.driving.roads.raster import TILE, TILE_BITS, TILE_CELLS

_PIECE = 24.0  # longest piece of a line that is drawn at once [cells]


@fast_function
def cut(lines: Shapes, styles: FloatArray, pieces: FloatArray, styles_of: IntArray) -> int:
    """Cut ribbons beside lines into short pieces, and keep those that there is room for.

    Neighbouring pieces are mitred and share an edge, so that they neither overlap nor gape.

    Args:
        lines: The lines; one that ends where it begins is mitred there as well.
        styles: For each the ribbon's right and left edge, left positive, dash and gap [cells], shape
            (lines, 4); a dash of 0 makes a solid line.
        pieces: Gets the corners of pieces [cells], shape (room, 4, 2).
        styles_of: Gets the line of each piece, shape (room,).

    Returns:
        The number of pieces, whether there was room or not.
    """
    count = 0
    for line in range(len(styles)):
        low, high, dash = styles[line, 0], styles[line, 1], styles[line, 2]
        period = dash + styles[line, 3]
        begin, last = lines.first[line], lines.first[line + 1] - 1
        closed = (
            last > begin + 2
            and lines.points[begin, 0] == lines.points[last, 0]
            and lines.points[begin, 1] == lines.points[last, 1]
        )
        along = 0.0
        for k in range(begin, last):
            x, y = lines.points[k, 0], lines.points[k, 1]
            dx, dy = lines.points[k + 1, 0] - x, lines.points[k + 1, 1] - y
            length = math.hypot(dx, dy)
            if length < 1e-6:
                continue
            before = k - 1 if k > begin else (last - 1 if closed else k)
            after = k + 1 if k + 1 < last else (begin if closed else k)
            ax, ay = _mitre(lines.points, before, -dy / length, dx / length)
            bx, by = _mitre(lines.points, after, -dy / length, dx / length)
            at = 0.0
            while at < length - 1e-6:
                end = min(length, at + _PIECE)
                if dash > 0.0:
                    phase = along + at
                    phase -= period * math.floor(phase / period + 1e-9)
                    if phase >= dash - 1e-6:
                        at += max(period - phase, 1e-6)
                        continue
                    end = min(end, at + dash - phase)
                if count < len(pieces):
                    styles_of[count] = line
                    for corner in range(4):
                        u = (at if corner < 2 else end) / length
                        offset = low if corner == 0 or corner == 3 else high
                        pieces[count, corner, 0] = x + u * dx + offset * (ax + u * (bx - ax))
                        pieces[count, corner, 1] = y + u * dy + offset * (ay + u * (by - ay))
                count += 1
                at = end
            along += length
    return count


@inner_function
def _mitre(points: FloatArray, other: int, nx: float, ny: float) -> tuple[float, float]:
    """Return the offset per unit of width where a segment of normal ``nx, ny`` joins another."""
    dx, dy = points[other + 1, 0] - points[other, 0], points[other + 1, 1] - points[other, 1]
    length = math.hypot(dx, dy)
    if length < 1e-6:
        return nx, ny
    ox, oy = -dy / length, dx / length
    cosine = nx * ox + ny * oy
    if cosine < -0.5:  # so sharp a corner would grow a spike
        return nx, ny
    return (nx + ox) / (1.0 + cosine), (ny + oy) / (1.0 + cosine)


@inner_function
def draw_pieces(
    canvas: Canvas, band: int, pieces: FloatArray, planes_of: IntArray, order: IntArray, shares: FloatArray
) -> None:
    """Add quadrilaterals' exact shares of each cell of a row of tiles, where there is ground for them.

    By Green's theorem a share is a sum over edges: within a row of cells, an edge that rises by ``h``
    between ``a`` and ``b`` adds to each cell ``h`` times the mean over [a, b] of what lies to the right.

    Args:
        canvas: Gets the shares, on level 0.
        band: Number of the row of tiles.
        pieces: Corners [cells], shape (pieces, 4, 2).
        planes_of: Plane to draw each of them on, shape (pieces,).
        order: Which of them touch the row.
        shares: Scratch, shape (cells per row,).
    """
    kind, slot, drawn, planes = canvas.kind, canvas.slot, canvas.drawn, canvas.planes
    width = canvas.columns[0] * TILE
    for piece in order:
        plane = planes_of[piece]
        ground, whole = (WALK, ALL_WALK) if plane == STONE else (ROAD, ALL_ROAD)
        west = east = pieces[piece, 0, 0]
        south = north = pieces[piece, 0, 1]
        area = 0.0
        for k in range(1, 4):
            x, y = pieces[piece, k, 0], pieces[piece, k, 1]
            west, east, south, north = min(west, x), max(east, x), min(south, y), max(north, y)
            area += pieces[piece, k - 1, 0] * y - x * pieces[piece, k - 1, 1]
        area += pieces[piece, 3, 0] * pieces[piece, 0, 1] - pieces[piece, 0, 0] * pieces[piece, 3, 1]
        first, last = max(int(math.floor(west)), 0), min(int(math.floor(east)), width - 1)
        wanted = False
        for column in range(first >> TILE_BITS, (last >> TILE_BITS) + 1):
            bears = kind[0, column] == whole
            if kind[0, column] == MIXED:
                bears = drawn[0, column] >> ground & 1 == 1
            if bears:
                wanted = True
                if kind[0, column] != MIXED or drawn[0, column] >> plane & 1 == 0:
                    plane_to_draw(canvas, 0, column, plane)
        if not wanted:
            continue
        sign = (
            -1.0 if area > 0.0 else 1.0
        )  # where an edge of a positive ring rises, its inside is on the left
        row0 = max(int(math.floor(south)), band * TILE)
        row1 = min(int(math.floor(north)), band * TILE + TILE - 1)
        for row in range(row0, row1 + 1):
            for cell in range(last - first + 1):
                shares[cell] = 0.0
            for k in range(4):
                x0, y0 = pieces[piece, k, 0], pieces[piece, k, 1]
                x1, y1 = pieces[piece, (k + 1) & 3, 0], pieces[piece, (k + 1) & 3, 1]
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
                if kind[0, column] != MIXED or drawn[0, column] >> plane & 1 == 0:
                    continue
                out = slot[0, column] + plane
                base = (row - band * TILE) * TILE - column * TILE
                for cell in range(max(first, column * TILE), min(last, column * TILE + TILE - 1) + 1):
                    planes[out, base + cell] += max(shares[cell - first], 0.0)


@inner_function
def _mean_to_the_right(t: float, a: float, b: float) -> float:
    """Mean over x in [a, b] of ``max(t - x, 0)``."""
    if t <= a:
        return 0.0
    if t >= b:
        return t - 0.5 * (a + b)
    return 0.5 * (t - a) * (t - a) / (b - a)


@inlined_function
def keep_on_ground(canvas: Canvas) -> None:
    """Cut paint to the asphalt, and kerb stones to the pavement."""
    for column in range(canvas.columns[0]):
        if canvas.kind[0, column] != MIXED:
            continue
        for plane in range(WHITE_PAINT, PLANES):
            if canvas.drawn[0, column] >> plane & 1:
                cells = canvas.planes[canvas.slot[0, column] + plane]
                ground = canvas.planes[plane_to_read(canvas, 0, column, WALK if plane == STONE else ROAD)]
                for k in range(TILE_CELLS):
                    cells[k] = min(cells[k], np.float32(1.0)) * ground[k]
