"""Compiles a network's ground into the tiled raster of surface codes with mip levels.

Level ``k`` has cells of ``CELL * 2**k`` metres, in tiles of 16 x 16 cells; each level's shares are the
means of four cells of the level below, so that far lines fade instead of flickering.

The map is drawn one row of tiles after the other, on planes of coverage that say how much of each cell is
asphalt, pavement, white, yellow and kerb stone.  Areas are found by sweeping eight lines through each row
of cells: that makes their union exact, whatever overlaps or touches whatever, and is off by 6 mm at worst.
Paint is narrower than that would bear, but it never overlaps itself much: it is cut into short
quadrilaterals whose share of each cell is exact, and then to the asphalt.  Tiles without an edge in them
are never drawn.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mmenvs.core.arrays import FloatArray, IntArray
from mmenvs.core.kernels import allocating_function
from mmenvs.driving.roads import network as net
from mmenvs.driving.roads.areas import SWEEPS, draw_areas, edges_of
from mmenvs.driving.roads.canvas import (
    STONE,
    WHITE_PAINT,
    YELLOW_PAINT,
    Canvas,
    Shapes,
    blank,
    clear,
    reduce,
    sort_by_band,
)
from mmenvs.driving.roads.network import Network, RoadError
from mmenvs.driving.roads.paint import cut, draw_pieces, keep_on_ground
from mmenvs.driving.roads.raster import CELL, LEVELS, TILE, TILE_COLUMNS, Raster
from mmenvs.driving.roads.tiling import Stock, new_stock, store_row

#: Width of the stones between asphalt and pavement [m].
STONE_WIDTH = 0.15

_MOST_TILES = 65535
_MOST_POSITIONS = 1 << 24  # of the tile index: some 10 km by 10 km


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
    canvas, stock = blank(columns, rows, start), new_stock(int(start[-1]), _MOST_TILES)
    if not _compile(canvas, edges, kinds, pieces, planes, *by_band, stock):
        raise RoadError(f"{name}: its ground needs more than {_MOST_TILES} tiles")
    levels = [array.astype(np.int32) for array in (start[:-1], columns, rows)]
    tiles, swatches = stock.tiles[: stock.counts[0], :TILE_COLUMNS], stock.swatches[: stock.counts[1]]
    return Raster(low, levels[0], levels[1], levels[2], stock.tile_index, tiles.copy(), swatches.copy())


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
    stock: Stock,
) -> bool:
    """Draw the map from south to north and say whether there was room for all of its tiles."""
    winding = np.zeros(len(kinds), np.int64)
    shares = np.empty(canvas.columns[0] * TILE)
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
            if row < canvas.rows[level] and not store_row(canvas, level, row, stock):
                return False
            if level == LEVELS - 1:
                break
            reduce(canvas, level, row & 1)
            if row & 1 == 0:
                break
            row, level = row >> 1, level + 1
    return True
