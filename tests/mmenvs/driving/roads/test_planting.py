"""Scenery keeps clear of roads, pavements and itself."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as hs

from mmenvs.driving.roads import network as net
from mmenvs.driving.roads.network import Area, Crossing, Lane, Network, Signal, Spot, centre_line
from mmenvs.driving.roads.planting import CLEARANCE, LAMP_SPACING, POST_SPACING, plant


def ribbon(line, half):
    """Polygon of a road along a line."""
    direction = np.gradient(line, axis=0)
    direction /= np.hypot(*direction.T)[:, None]
    normal = np.stack([-direction[:, 1], direction[:, 0]], 1)
    return np.concatenate([line + half * normal, (line - half * normal)[::-1]])


def two_way(line, width=3.5):
    """Centre lines of the two lanes of a road, right-hand traffic."""
    direction = np.gradient(line, axis=0)
    direction /= np.hypot(*direction.T)[:, None]
    normal = np.stack([-direction[:, 1], direction[:, 0]], 1)
    return line - 0.5 * width * normal, (line + 0.5 * width * normal)[::-1]


def road(line, pavement=0.0, **parts):
    lanes = tuple(
        Lane(*centre_line(points, 3.5), limit=14.0, opposite=1 - k) for k, points in enumerate(two_way(line))
    )
    areas = [Area(net.ASPHALT, ribbon(line, 4.0))]
    if pavement:
        areas.append(Area(net.PAVEMENT, ribbon(line, 4.0 + pavement)))
    return Network(lanes, tuple(areas), **parts)


def bend():
    turn = np.linspace(0, math.pi, 80)
    arc = np.stack([100 + 25 * np.sin(turn), 25 - 25 * np.cos(turn)], 1)
    there, back = np.linspace((0, 0), (99, 0), 100), np.linspace((99, 50), (0, 50), 100)
    return np.concatenate([there, arc, back])


def crossroads(pavement=3.0, **parts):
    """Two roads that cross; their lanes end 12 m before, and the junction's lanes stand for all turns."""
    lanes, areas = [], []
    for quarter in range(4):
        way = quarter * math.pi / 2
        direction = np.array([math.cos(way), math.sin(way)])
        line = np.linspace(12 * direction, 120 * direction, 109)
        first = len(lanes)
        for k, points in enumerate(two_way(line)):
            lanes.append(Lane(*centre_line(points, 3.5), limit=14.0, opposite=first + 1 - k))
    for way in (0, 1):
        line = np.linspace((-120, 0), (120, 0), 240)[:, :: 1 - 2 * way]
        areas.append(Area(net.ASPHALT, ribbon(line, 3.5)))
        areas.append(Area(net.PAVEMENT, ribbon(line, 3.5 + pavement)))
    lanes.append(Lane(*centre_line([(-12, -1.75), (12, -1.75)], 3.5), limit=14.0, junction=0))
    return Network(tuple(lanes), tuple(areas), **parts)


def corners(items):
    """Corners and middles of the sides of each item's box, shape (items, 8, 2)."""
    along = items[:, None, [net.S_COS, net.S_SIN]] * items[:, None, [net.S_HALF_LENGTH]]
    across = items[:, None, [net.S_SIN, net.S_COS]] * items[:, None, [net.S_HALF_WIDTH]] * (-1, 1)
    ring = np.array([(1, 1), (0, 1), (-1, 1), (-1, 0), (-1, -1), (0, -1), (1, -1), (1, 0)])
    return items[:, None, [net.S_X, net.S_Y]] + ring[:, :1] * along + ring[:, 1:] * across


def of_kind(items, *kinds):
    return items[np.isin(items[:, net.S_KIND], kinds)]


def distance_to_line(points, line):
    """Distance of points to a polyline."""
    a, along = line[:-1], np.diff(line, axis=0)
    flat = points.reshape(-1, 1, 2) - a
    share = np.clip((flat * along).sum(-1) / (along**2).sum(-1), 0, 1)
    gap = np.hypot(*(flat - share[..., None] * along).transpose(2, 0, 1))
    return gap.min(axis=1).reshape(points.shape[:-1])


@pytest.mark.parametrize("urban", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("pavement", [0.0, 2.5])
def test_everything_keeps_clear_of_the_road(urban, pavement):
    line = bend()
    items = plant(road(line, pavement), 3, urban=urban)
    assert len(items) > 50
    away = distance_to_line(corners(items), line).min(axis=1) - 4.0
    # The ribbon's corners lie on the line's chords: a centimetre.
    assert away.min() > CLEARANCE - 0.01
    if pavement:
        on_grass = items[:, net.S_KIND] != net.LAMP
        assert away[on_grass].min() > pavement


@pytest.mark.parametrize("urban", [0.0, 0.6, 1.0])
def test_nothing_overlaps(urban):
    items = plant(crossroads(), 5, urban=urban)
    box = corners(items)
    for k in range(len(items)):
        # The sides of convex boxes that overlap cross, or one holds the other's middle.
        gap = box - items[k, [net.S_X, net.S_Y]]
        along = gap @ items[k, [net.S_COS, net.S_SIN]]
        across = gap @ (items[k, [net.S_COS, net.S_SIN]][::-1] * (-1, 1))
        half_length, half_width = items[k, net.S_HALF_LENGTH], items[k, net.S_HALF_WIDTH]
        inside = (np.abs(along) < half_length) & (np.abs(across) < half_width)
        inside[k] = False
        assert not inside.any()


def test_the_same_seed_gives_the_same_scenery():
    town = crossroads()
    np.testing.assert_array_equal(plant(town, 8, urban=0.5), plant(town, 8, urban=0.5))
    assert not np.array_equal(plant(town, 8, urban=0.5), plant(town, 9, urban=0.5))


def test_rows_are_what_the_network_says_they_are():
    items = plant(crossroads(), 1, urban=0.4)
    assert items.dtype == np.float32
    assert items.shape[1] == net.SCENERY_COLUMNS
    assert set(np.unique(items[:, net.S_KIND])) == {net.TREE, net.BUSH, net.HOUSE, net.LAMP}
    np.testing.assert_allclose(np.hypot(items[:, net.S_COS], items[:, net.S_SIN]), 1, atol=1e-5)
    assert (items[:, net.S_HALF_LENGTH : net.S_HUE] > 0).all()
    assert ((items[:, net.S_HUE] >= 0) & (items[:, net.S_HUE] < 1)).all()


def test_posts_line_a_road_without_pavement_at_steady_distances():
    line = np.linspace((0, 0), (200, 0), 201)
    posts = of_kind(plant(road(line), 0), net.POST)
    for side in (-1, 1):
        row = np.sort(posts[np.sign(posts[:, net.S_Y]) == side, net.S_X])
        assert len(row) == 200 / POST_SPACING
        np.testing.assert_allclose(np.diff(row), POST_SPACING, atol=1.1)
    np.testing.assert_allclose(np.abs(posts[:, net.S_Y]), 4.9, atol=0.03)
    assert len(of_kind(plant(road(line, 2.5), 0), net.POST)) == 0


def test_street_lamps_stand_on_the_pavement():
    line = np.linspace((0, 0), (240, 0), 241)
    lamps = of_kind(plant(road(line, 2.5), 0, urban=1.0), net.LAMP)
    assert len(lamps) == 2 * 240 / LAMP_SPACING
    np.testing.assert_allclose(np.abs(lamps[:, net.S_Y]), 4.95, atol=0.03)


def test_a_town_has_houses_along_the_street_and_the_country_has_trees():
    line = np.linspace((0, 0), (400, 0), 401)
    country, town = plant(road(line, 2.5), 2), plant(road(line, 2.5), 2, urban=1.0)
    assert len(of_kind(town, net.HOUSE)) > 3 * len(of_kind(country, net.HOUSE))
    houses = of_kind(town, net.HOUSE)
    front = np.abs(houses[:, net.S_Y]) - houses[:, net.S_HALF_WIDTH] - 6.5
    assert np.median(front) < 4.5
    np.testing.assert_allclose(np.abs(houses[:, net.S_COS]), 1, atol=1e-5)
    assert houses[:, net.S_HEIGHT].max() > 9 > of_kind(country, net.HOUSE)[:, net.S_HEIGHT].max()


def test_signals_spots_and_crossings_are_left_free():
    line = np.linspace((0, 0), (200, 0), 201)
    free = plant(road(line, 2.5), 4, urban=1.0)
    lamp = of_kind(free, net.LAMP)[0]
    x, y = float(lamp[net.S_X]), float(lamp[net.S_Y])
    for parts in (
        {"signals": (Signal(x, y, 0.0, 0),)},
        {"spots": (Spot(x, y, 0.3),)},
        {"crossings": (Crossing(np.array([x, y]), np.array([x, -y])),)},
    ):
        lamps = of_kind(plant(road(line, 2.5, **parts), 4, urban=1.0), net.LAMP)
        assert np.hypot(lamps[:, net.S_X] - x, lamps[:, net.S_Y] - y).min() > 1.0


def test_no_house_stands_on_an_island():
    turn = np.linspace(0, 2 * math.pi, 120)
    ring = 24 * np.stack([np.cos(turn), np.sin(turn)], 1)
    outer, inner = ring[:-1] * 28 / 24, ring[:-1] * 20 / 24
    # Two halves, since an area has no holes.
    halves = [np.concatenate([outer[k : k + 61], inner[k : k + 61][::-1]]) for k in (0, 58)]
    lanes = (Lane(*centre_line(ring, 4.0), limit=10.0),)
    network = Network(lanes, tuple(Area(net.ASPHALT, half) for half in halves))
    items = np.concatenate([plant(network, seed, urban=0.5) for seed in range(5)])
    away = np.hypot(items[:, net.S_X], items[:, net.S_Y])
    assert (away < 20).any()
    assert (away[items[:, net.S_KIND] == net.HOUSE] > 28).all()


def test_nothing_grows_out_of_a_junction():
    items = plant(crossroads(), 6, urban=0.3)
    x, y = np.abs(items[:, [net.S_X, net.S_Y]]).T
    assert not ((x < 3.5 + CLEARANCE) | (y < 3.5 + CLEARANCE)).any()


@settings(max_examples=20, deadline=None)
@given(hs.integers(0, 2**31), hs.floats(0, 1))
def test_there_are_never_too_many(seed, urban):
    assert 0 < len(plant(crossroads(), seed, urban=urban)) <= 1500


def test_lanes_within_junctions_alone_plant_nothing():
    lane = Lane(*centre_line([(0, 0), (20, 0)], 3.5), limit=14.0, junction=0)
    area = Area(net.ASPHALT, np.array([(0, -3), (20, -3), (20, 3), (0, 3.0)]))
    assert plant(Network((lane,), (area,)), 0).shape == (0, net.SCENERY_COLUMNS)
    assert plant(Network((lane,), ()), 0).shape == (0, net.SCENERY_COLUMNS)


@pytest.mark.parametrize("urban", [-0.1, 1.5, math.nan])
def test_urban_is_a_share(urban):
    with pytest.raises(ValueError, match="urban="):
        plant(crossroads(), 0, urban=urban)
