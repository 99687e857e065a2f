"""The raster of a network's ground against areas and lines of known size."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as hs

from mmenvs.driving.roads import ground, layouts, surface
from mmenvs.driving.roads import network as net
from mmenvs.driving.roads.ground import rasterise_network
from mmenvs.driving.roads.network import Area, Lane, Network, RoadError, Stroke, centre_line
from mmenvs.driving.roads.raster import (
    CELL,
    GRASS_TILES,
    LEVELS,
    LOT,
    LOT_BITS,
    SWATCH_COLUMNS,
    SWATCH_ROWS,
    TILE,
    code_at,
)
from mmenvs.driving.roads.surface import KIND_BITS

PLANES = surface.layers()
ANGLES = (0.0, 0.3, math.pi / 4, math.pi / 2, 2.0)


def turned(points, angle):
    cos, sin = math.cos(angle), math.sin(angle)
    return np.asarray(points, np.float64) @ np.array([[cos, sin], [-sin, cos]])


def rectangle(x0, y0, x1, y1, angle=0.0):
    return turned([(x0, y0), (x1, y0), (x1, y1), (x0, y1)], angle)


def network(*polygons, strokes=(), pavements=(), name="test"):
    lane = Lane(*centre_line([(0, 0), (10, 0)], 3.5), limit=14.0)
    areas = [Area(net.PAVEMENT, polygon) for polygon in pavements]
    areas += [Area(net.ASPHALT, polygon) for polygon in polygons]
    return Network((lane,), tuple(areas), tuple(strokes), name=name)


def decoded(raster, level=0):
    """Codes of a whole level, shape (rows, columns) in cells."""
    columns, rows = raster.columns[level], raster.rows[level]
    start = raster.start[level]
    index = raster.tile_index[start : start + columns * rows].reshape(rows, columns)
    tiles = raster.tiles[index].astype(int)
    swatches = raster.swatches[(tiles[..., LOT:] << LOT_BITS) + tiles[..., :LOT]].view(np.uint8)
    cells = swatches.reshape(rows, columns, TILE // SWATCH_ROWS, TILE // SWATCH_COLUMNS, SWATCH_ROWS, -1)
    return cells.transpose(0, 2, 4, 1, 3, 5).reshape(rows * TILE, columns * TILE)


def square_metres(raster, column, level=0):
    """Area that one of the planes of ``surface.layers`` covers."""
    return PLANES[decoded(raster, level), column].sum() * (CELL * 2**level) ** 2


def code(raster, x, y, level=0):
    return code_at(
        x, y, CELL * 2**level, *raster.origin, raster.start[level], raster.columns[level],
        raster.rows[level], raster.tile_index, raster.tiles, raster.swatches,
    )  # fmt: skip


# ---------------------------------------------------------------- areas


@pytest.mark.parametrize("angle", ANGLES)
@pytest.mark.parametrize("level", range(LEVELS))
def test_a_turned_road_covers_the_same_area(angle, level):
    road = rectangle(0.03, -5.27, 80.0, 4.71, angle)
    area = square_metres(rasterise_network(network(road)), 2, level)
    # As if the edges, of 180 m in all, lay 1 cm beside where they are.
    assert area == pytest.approx(79.97 * 9.98, abs=0.01 * 180 * 2**level)


@pytest.mark.parametrize("angle", ANGLES)
@pytest.mark.parametrize("shift", [0.0, 0.02, 0.05, 0.07])
def test_an_edge_lies_within_three_centimetres(angle, shift):
    """Across a straight edge the shares of the cells add up to where it is."""
    raster = rasterise_network(network(rectangle(-20, -10, 20, shift, angle)))
    ways = np.linspace(-15, 15, 31)
    for way in ways:
        across = np.arange(-1.0, 1.0, 0.01) + 0.005
        points = turned(np.stack([np.full_like(across, way), across], 1), angle)
        shares = [PLANES[code(raster, x, y), 2] for x, y in points]
        # Where the edge is steep to the grid this reads one row of cells, so allow for a 1/31 step.
        assert sum(shares) * 0.01 - 1.0 == pytest.approx(shift, abs=0.03)


def test_areas_that_touch_or_overlap_are_one():
    corner = turned([(0, -5), (30, -5), (30, 5), (0, 5)], 0.4)
    whole = rasterise_network(network(corner))
    start, end = turned([(11.3, -5), (13.9, 5)], 0.4)
    left = np.array([corner[0], start, end, corner[3]])
    right = np.array([start, corner[1], corner[2], end])
    for parts in (
        (left, right),
        (left[::-1], right),  # either orientation
        (corner, corner, corner),
        (corner, left),
        (left, right, corner),
    ):
        raster = rasterise_network(network(*parts))
        for level in range(LEVELS):
            np.testing.assert_array_equal(decoded(raster, level), decoded(whole, level))


def test_the_loop_of_a_ribbon_in_a_sharp_bend_is_filled():
    """The inner edge of a ribbon whose bend is sharper than half its width crosses itself."""
    turn = np.linspace(0, math.pi, 40)
    line = np.concatenate([[(-20, -2)], np.stack([2 * np.sin(turn), -2 * np.cos(turn)], 1), [(-20, 2)]])
    normal = np.concatenate([[(0, 1)], np.stack([-np.sin(turn), np.cos(turn)], 1), [(0, -1)]])
    ribbon = np.concatenate([line + 4 * normal, (line - 4 * normal)[::-1]])
    raster = rasterise_network(network(ribbon, rectangle(-20, -6, 0, 6)))
    for x in np.linspace(-19, 4, 40):
        for y in np.linspace(-3, 3, 13):
            assert code(raster, x, y) >> KIND_BITS == surface.ASPHALT


def test_asphalt_wins_over_pavement_with_a_kerb_between():
    raster = rasterise_network(network(rectangle(0, -3, 40, 3.04), pavements=[rectangle(0, -6, 40, 6)]))
    kinds = [code(raster, 20, y) >> KIND_BITS for y in (0, 3.05, 3.14, 4.5, 7.0)]
    assert kinds == [surface.ASPHALT, surface.KERB, surface.PAVEMENT, surface.PAVEMENT, surface.GRASS]
    assert code(raster, 20, 3.14) & 31 > surface.STONE_LEVEL >= code(raster, 20, 4.5) & 31
    planes = PLANES[decoded(raster)].sum(axis=(0, 1)) * CELL**2
    assert planes[2] == pytest.approx(6.04 * 40, rel=2e-3)
    assert planes[4] == pytest.approx(5.96 * 40, rel=2e-3)
    assert planes[5] == pytest.approx(2 * 0.15 * 40, rel=0.1)


@settings(max_examples=25, deadline=None)
@given(hs.integers(0, 2**32 - 1))
def test_one_may_drive_where_a_polygon_is(seed):
    rng = np.random.default_rng(seed)
    polygons = []
    for _ in range(3):
        angle = np.sort(rng.uniform(0, 2 * math.pi, rng.integers(3, 9)))
        radius = rng.uniform(3, 12, len(angle))
        polygons.append(rng.uniform(-8, 8, 2) + radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], 1))
    raster = rasterise_network(network(*polygons))
    may_drive = surface.drivable()
    for x, y in rng.uniform(-20, 20, (300, 2)):
        away = min(edge_distance(polygon, x, y) for polygon in polygons)
        if away > 0.12:
            inside = any(contains(polygon, x, y) for polygon in polygons)
            assert may_drive[code(raster, x, y)] == inside


def contains(polygon, x, y):
    a, b = polygon, np.roll(polygon, -1, axis=0)
    crosses = (a[:, 1] > y) != (b[:, 1] > y)
    with np.errstate(divide="ignore", invalid="ignore"):
        at = a[:, 0] + (y - a[:, 1]) / (b[:, 1] - a[:, 1]) * (b[:, 0] - a[:, 0])
    return bool((crosses & (at > x)).sum() % 2)


def edge_distance(polygon, x, y):
    a, b = polygon, np.roll(polygon, -1, axis=0)
    along = b - a
    share = ((np.array([x, y]) - a) * along).sum(1) / np.maximum((along**2).sum(1), 1e-12)
    nearest = a + np.clip(share, 0, 1)[:, None] * along
    return np.hypot(nearest[:, 0] - x, nearest[:, 1] - y).min()


# ---------------------------------------------------------------- paint


@pytest.mark.parametrize("angle", ANGLES)
@pytest.mark.parametrize(("colour", "column"), [(net.WHITE, 0), (net.YELLOW, 1)])
def test_a_line_covers_its_width_at_every_level(angle, colour, column):
    line = Stroke(turned([(5.0, 0.33), (95.0, 0.33)], angle), 0.16, colour)
    raster = rasterise_network(network(rectangle(0, -8, 100, 8, angle), strokes=[line]))
    assert square_metres(raster, column, 0) == pytest.approx(0.16 * 90, rel=0.02)
    assert square_metres(raster, column, 1) == pytest.approx(0.16 * 90, rel=0.05)
    # Five bits say little about a line that fills a tenth of a cell.
    for level in (2, 3, 4):
        assert square_metres(raster, column, level) == pytest.approx(0.16 * 90, rel=0.2)
    assert square_metres(raster, 1 - column, 0) == 0


def test_a_bent_line_neither_gapes_nor_overlaps():
    turn = np.linspace(0, 2 * math.pi, 90)
    ring = 10 * np.stack([np.cos(turn), np.sin(turn)], 1)
    raster = rasterise_network(network(rectangle(-15, -15, 15, 15), strokes=[Stroke(ring, 0.16)]))
    codes = decoded(raster)
    assert PLANES[codes, 0].sum() * CELL**2 == pytest.approx(0.16 * 2 * math.pi * 10, rel=0.02)
    for angle in np.linspace(0, 2 * math.pi, 500):
        shares = [
            PLANES[code(raster, r * math.cos(angle), r * math.sin(angle)), 0]
            for r in np.arange(9.5, 10.5, 0.01)
        ]
        assert sum(shares) * 0.01 == pytest.approx(0.16, abs=0.06)


def test_dashes_are_as_long_as_they_say():
    line = Stroke(np.array([[1.0, 0.0], [13.0, 0.0], [91.0, 0.0]]), 0.2, net.WHITE, 3.0, 4.5)
    raster = rasterise_network(network(rectangle(0, -5, 100, 5), strokes=[line]))
    painted = np.array([PLANES[code(raster, x, 0.05), 0] > 0.5 for x in np.arange(0.05, 100, 0.1)])
    changes = np.flatnonzero(np.diff(painted.astype(int))) * 0.1 + 0.1
    expected = np.sort(np.concatenate([1 + 7.5 * np.arange(12), 4 + 7.5 * np.arange(12)]))
    np.testing.assert_allclose(changes, expected, atol=0.051)


def test_paint_stays_on_the_asphalt():
    across = Stroke(np.array([[10.0, -20.0], [10.0, 20.0]]), 0.5)
    beside = Stroke(np.array([[0.0, 9.0], [20.0, 9.0]]), 0.5)
    raster = rasterise_network(
        network(rectangle(0, -4, 20, 4), pavements=[rectangle(0, 4, 20, 6)], strokes=[across, beside])
    )
    assert square_metres(raster, 0) == pytest.approx(0.5 * 8, rel=0.02)
    assert code(raster, 10.0, 5.0) >> KIND_BITS == surface.PAVEMENT
    assert code(raster, 10.0, 8.0) >> KIND_BITS == surface.GRASS
    assert code(raster, 5.0, 9.0) >> KIND_BITS == surface.GRASS


def test_crossing_lines_do_not_hide_each_other():
    strokes = [
        Stroke(np.array([[-5.0, 0.0], [5.0, 0.0]]), 0.2, net.WHITE),
        Stroke(np.array([[0.0, -5.0], [0.0, 5.0]]), 0.2, net.YELLOW),
    ]
    raster = rasterise_network(network(rectangle(-9, -9, 9, 9), strokes=strokes))
    assert PLANES[code(raster, 3.0, 0.05), 0] == 1
    assert PLANES[code(raster, 0.05, 3.0), 1] == 1


# ---------------------------------------------------------------- levels and tiles


def test_each_level_is_the_mean_of_the_finer_one():
    raster = rasterise_network(crossroads(0.3))
    for level in range(LEVELS - 1):
        fine, coarse = decoded(raster, level), decoded(raster, level + 1)
        height, width = min(fine.shape[0] // 2, coarse.shape[0]), min(fine.shape[1] // 2, coarse.shape[1])
        blocks = fine[: 2 * height, : 2 * width].reshape(height, 2, width, 2)

        # Rounding, and the least of three surfaces in one cell, which no code has room for.
        apart = np.abs(PLANES[blocks].mean(axis=(1, 3)) - PLANES[coarse][:height, :width])
        assert apart[..., [2, 4]].mean() < 0.005
        # Colours agree better: they are what must not flicker.
        palette = surface.palette()
        apart = np.abs(palette[blocks].mean(axis=(1, 3)) - palette[coarse][:height, :width])
        paved = (coarse[:height, :width] >> KIND_BITS) != surface.GRASS
        assert apart[paved].mean() < 3


def crossroads(angle=0.0, reach=100.0):
    """Two roads of 7 m that cross, with pavements and paint."""
    roads = [rectangle(-reach, -3.5, reach, 3.5, angle), rectangle(-3.5, -reach, 3.5, reach, angle)]
    walks = [rectangle(-reach, -6, reach, 6, angle), rectangle(-6, -reach, 6, reach, angle)]
    strokes = []
    for quarter in range(4):
        way = angle + quarter * math.pi / 2
        strokes.append(Stroke(turned([(8, 0), (reach, 0)], way), 0.16, net.YELLOW))
        strokes.append(Stroke(turned([(7, 3.2), (reach, 3.2)], way), 0.16))
        strokes.append(Stroke(turned([(7, -3.2), (reach, -3.2)], way), 0.16, net.WHITE, 3.0, 4.5))
        strokes.append(Stroke(turned([(7, -3.5), (7, 0)], way), 0.4))
    return network(*roads, strokes=strokes, pavements=walks)


def test_only_tiles_with_something_on_them_are_stored_and_each_once():
    raster = rasterise_network(crossroads(0.3))
    assert raster.tile_index.dtype == np.uint16
    for stored in (raster.tiles, raster.swatches):
        assert len(np.unique(stored, axis=0)) == len(stored)
    assert raster.tile_index.max() < len(raster.tiles)
    assert raster.tiles[:, :LOT].max() < len(raster.swatches)
    grass = raster.swatches[raster.tiles[:GRASS_TILES, :LOT]].view(np.uint8)
    assert set(np.unique(grass >> KIND_BITS)) == {surface.GRASS}
    assert raster.tiles.nbytes + raster.swatches.nbytes + raster.tile_index.nbytes < 0.75e6
    # Along a road parallel to the grid most tiles are equal.
    assert len(rasterise_network(crossroads()).tiles) < 0.5 * len(raster.tiles)
    assert len(rasterise_network(crossroads()).swatches) < 0.3 * len(raster.swatches)


def test_the_margin_is_indexed_and_grass():
    raster = rasterise_network(network(rectangle(0, 0, 50, 10)), margin=20.0)
    np.testing.assert_allclose(raster.origin, -20.0)
    for level in range(LEVELS):
        size = TILE * CELL * 2**level
        assert raster.columns[level] == math.ceil(90 / size)
        assert raster.rows[level] == math.ceil(50 / size)
        assert code(raster, -19.9, -19.9, level) >> KIND_BITS == surface.GRASS
        assert code(raster, 25, 5, level) >> KIND_BITS == surface.ASPHALT


def test_an_area_may_reach_the_rim_of_the_raster():
    raster = rasterise_network(network(rectangle(0, 0, 50, 10)), margin=0.0)
    assert square_metres(raster, 2) == pytest.approx(500, rel=1e-3)


def test_a_network_without_areas_is_grass():
    raster = rasterise_network(network(strokes=[Stroke(np.array([[0.0, 0.0], [10.0, 0.0]]))]))
    assert (decoded(raster) >> KIND_BITS == surface.GRASS).all()


def test_the_same_network_gives_the_same_raster():
    for one, two in zip(rasterise_network(crossroads(1.1)), rasterise_network(crossroads(1.1)), strict=True):
        np.testing.assert_array_equal(one, two)


def test_too_many_tiles_are_refused_by_name(monkeypatch):
    monkeypatch.setattr(ground, "_MOST_TILES", 100)
    with pytest.raises(RoadError, match=r"ringway.*more than 100 tiles"):
        rasterise_network(network(rectangle(0, 0, 300, 10, 0.3), name="ringway"))


@pytest.mark.parametrize(
    ("polygon", "message"),
    [
        (np.zeros((2, 2)), r"ringway: area 0 has shape \(2, 2\)"),
        (np.array([[0, 0], [1, 0], [np.nan, 1]]), "ringway: .*not finite"),
        (np.array([[0, 0], [1e6, 0], [0, 1e6]]), "ringway: .*too large"),
    ],
)
def test_what_cannot_be_drawn_is_refused_by_name(polygon, message):
    with pytest.raises(RoadError, match=message):
        rasterise_network(network(polygon, name="ringway"))


# ---------------------------------------------------------------- codes


def test_codes_say_what_they_are():
    semantics, drivable, palette = surface.semantics(), surface.drivable(), surface.palette()
    names = surface.SEMANTIC_CLASSES
    assert names[10:] == ("pavement", "pedestrian", "cyclist", "signal")
    assert (surface.WALKWAY, surface.PEDESTRIAN, surface.CYCLIST, surface.SIGNAL) == (10, 11, 12, 13)
    for kind, few, many in (
        (surface.GRASS, "grass", "grass"),
        (surface.WHITE, "road", "marking"),
        (surface.YELLOW, "road", "marking"),
        (surface.EDGE, "grass", "road"),
        (surface.ASPHALT, "road", "road"),
        (surface.PAVEMENT, "pavement", "pavement"),
        (surface.KERB, "pavement", "road"),
        (surface.VERGE, "grass", "pavement"),
    ):
        codes = np.arange(32) + (kind << KIND_BITS)
        assert names[semantics[codes[4]]] == few
        assert names[semantics[codes[27]]] == many
        assert drivable[codes[27]] == (many in ("road", "marking"))
        assert (palette[codes] > 0).all()
    assert PLANES.shape == (256, 6)
    assert (PLANES[:, [0, 1]].sum(axis=1) <= PLANES[:, 2]).all()
    assert (PLANES[:, [2, 4]].sum(axis=1) <= 1 + 1e-6).all()


def test_the_two_halves_of_a_roundabouts_ring_meet():
    """Once every other point was kept and the last one lost, which left gaps of 20 cm on the ring."""
    may_drive = surface.drivable()
    for seed in (3, 14):
        made = layouts.roundabout(seed).network
        raster = rasterise_network(made)
        for lane in made.lanes:
            for x, y in lane.centre[:, :2].astype(float):
                code = code_at(
                    x, y, CELL, raster.origin[0], raster.origin[1], int(raster.start[0]),
                    int(raster.columns[0]), int(raster.rows[0]), raster.tile_index, raster.tiles,
                    raster.swatches,
                )  # fmt: skip
                assert may_drive[code], (seed, lane.source, x, y)
