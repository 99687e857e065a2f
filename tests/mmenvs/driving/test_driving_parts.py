"""The formulas of the driving world against cases computed by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as hs

from mmenvs.driving import state as st
from mmenvs.driving.collision import boxes_overlap
from mmenvs.driving.config import DrivingConfig
from mmenvs.driving.dynamics import bicycle_step
from mmenvs.driving.expert import steering_towards
from mmenvs.driving.roads.generator import generate_road
from mmenvs.driving.roads.library import RoadLibrary
from mmenvs.driving.roads.raster import CELL, LEVELS, code_at, rasterise, road_coordinates
from mmenvs.driving.roads.surface import GRASS, KIND_BITS, WHITE, YELLOW, drivable
from mmenvs.driving.sensors.lidar import fast_atan2, ray_box
from mmenvs.driving.traffic import idm

# ---------------------------------------------------------------- motion


def test_a_straight_bicycle_goes_straight():
    x, y, heading, yaw_rate = bicycle_step(1.0, 2.0, math.pi / 2, 10.0, 0.0, 0.1)
    assert (x, y) == pytest.approx((1.0, 3.0))
    assert heading == pytest.approx(math.pi / 2)
    assert yaw_rate == 0.0


def test_a_steered_bicycle_drives_the_circle_of_its_geometry():
    """The centre of mass turns on radius (wheelbase / 2) / sin(beta), and a full turn closes."""
    steering, speed, dt = 0.3, 5.0, 0.01
    beta = math.atan(0.5 * math.tan(steering))
    radius = 0.5 * st.WHEELBASE / math.sin(beta)
    x, y, heading = 0.0, 0.0, 0.0
    points = []
    for _ in range(round(2 * math.pi * radius / speed / dt)):
        x, y, heading, _ = bicycle_step(x, y, heading, speed, steering, dt)
        points.append((x, y))
    points = np.array(points)
    assert np.ptp(points[:, 0]) / 2 == pytest.approx(radius, rel=1e-3)
    assert np.hypot(x, y) < 0.1
    assert abs(heading) < 0.02


@given(hs.floats(-3, 3), hs.floats(-0.4, 0.4), hs.floats(5, 15), hs.floats(-0.01, 0.01))
def test_the_tracking_law_steers_towards_its_target(target, tilt, speed, curvature):
    far_left = steering_towards(-20.0, tilt, speed, curvature, target)
    far_right = steering_towards(20.0, tilt, speed, curvature, target)
    assert far_left > far_right


# ---------------------------------------------------------------- traffic


def test_idm_by_hand():
    # Free road at half the desired speed: 1.8 * (1 - 0.5^4).
    assert idm(5.0, 10.0, 1e9, 0.0, 1.5) == pytest.approx(1.8 * (1 - 0.0625))
    # Equilibrium spacing: gap = s* / sqrt(1 - (v / v0)^4) gives no acceleration.
    wanted = 2.0 + 5.0 * 1.5
    assert idm(5.0, 10.0, wanted / math.sqrt(1 - 0.0625), 0.0, 1.5) == pytest.approx(0.0, abs=1e-9)
    # Closing at 5 m/s, 20 m ahead: s* = 2 + 7.5 + 25 / (2 sqrt(1.8 * 2.5)).
    star = 9.5 + 25 / (2 * math.sqrt(4.5))
    assert idm(5.0, 10.0, 20.0, 5.0, 1.5) == pytest.approx(1.8 * (1 - 0.0625 - (star / 20) ** 2))


@given(hs.floats(0, 30), hs.floats(1, 30), hs.floats(0.1, 200), hs.floats(-20, 30), hs.floats(0.5, 2))
def test_idm_is_monotone_and_bounded(speed, desired, gap, closing, headway):
    value = idm(speed, desired, gap, closing, headway)
    assert -7.0 <= value <= 1.8
    assert idm(speed, desired, gap + 1, closing, headway) >= value
    assert idm(speed, desired, gap, closing + 1, headway) <= value


# ---------------------------------------------------------------- geometry

UNIT = (1.0, 0.0, 2.0, 1.0)  # heading along x, 4 by 2


@pytest.mark.parametrize(
    ("x", "y", "angle", "expected"),
    [
        (0, 0, 0, True),
        (3.99, 0, 0, True),
        (4.01, 0, 0, False),
        (0, 1.99, 0, True),
        (0, 2.01, 0, False),
        (2.99, 0, 90, True),
        (3.01, 0, 90, False),
        # Two corners pass each other diagonally: bounding circles overlap, the boxes do not.
        (3.6, 2.6, 45, False),
    ],
)
def test_box_overlap_by_hand(x, y, angle, expected):
    other = (math.cos(math.radians(angle)), math.sin(math.radians(angle)), 2.0, 1.0)
    assert bool(boxes_overlap(0.0, 0.0, *UNIT, float(x), float(y), *other)) is expected


box_poses = hs.tuples(
    hs.floats(-4, 4), hs.floats(-4, 4), hs.floats(0, 6.3), hs.floats(0.3, 3), hs.floats(0.3, 2)
)


@given(box_poses, box_poses)
@settings(max_examples=300)
def test_box_overlap_agrees_with_sampled_points(first, second):
    def parts(pose):
        x, y, angle, length, width = pose
        return x, y, math.cos(angle), math.sin(angle), length, width

    a, b = parts(first), parts(second)
    found = bool(boxes_overlap(*a, *b))
    assert found == bool(boxes_overlap(*b, *a))
    grid = np.linspace(-1, 1, 21)
    u, v = np.meshgrid(grid * b[4], grid * b[5])
    x, y = b[0] + u * b[2] - v * b[3], b[1] + u * b[3] + v * b[2]
    dx, dy = x - a[0], y - a[1]
    inside = (np.abs(dx * a[2] + dy * a[3]) <= a[4]) & (np.abs(dy * a[2] - dx * a[3]) <= a[5])
    if inside.any():
        assert found


def test_ray_box_by_hand():
    assert ray_box(-10.0, 0.0, 1.0, 0.0, 2.0, 1.0) == pytest.approx(8.0)
    assert ray_box(-10.0, 1.5, 1.0, 0.0, 2.0, 1.0) > 1e6
    assert ray_box(10.0, 0.0, 1.0, 0.0, 2.0, 1.0) > 1e6
    assert ray_box(0.0, 0.0, 1.0, 0.0, 2.0, 1.0) == 0.0
    diagonal = math.sqrt(0.5)
    assert ray_box(-5.0, -4.0, diagonal, diagonal, 2.0, 1.0) == pytest.approx(3 * math.sqrt(2))


@given(hs.floats(-math.pi, math.pi))
def test_the_fast_arctangent_stays_within_the_beam_margin(angle):
    error = fast_atan2(math.sin(angle), math.cos(angle)) - angle
    assert abs(math.remainder(error, 2 * math.pi)) < 0.0045


# ---------------------------------------------------------------- roads

CONFIG = DrivingConfig()
ROAD = generate_road(CONFIG, 5)
RASTER = rasterise(ROAD)


def code(x, y, level=0):
    return int(
        code_at(
            float(x), float(y), CELL * 2**level, RASTER.origin[0], RASTER.origin[1],
            RASTER.start[level], RASTER.columns[level], RASTER.rows[level], RASTER.tile_index, RASTER.tiles,
        )
    )  # fmt: skip


@given(hs.floats(5, 390), hs.floats(-8, 8))
def test_road_coordinates_round_trip(station, offset):
    x, y = ROAD.position(np.array([station]), np.array([offset]))[0]
    found_station, found_offset, _ = road_coordinates(ROAD.reference, x, y, int(station) + 7)
    assert found_offset == pytest.approx(offset, abs=0.03)
    assert found_station == pytest.approx(station, abs=0.35)


@pytest.mark.parametrize("level", range(LEVELS))
def test_the_raster_says_where_one_may_drive(level):
    may_drive = drivable()
    stations = np.arange(20.0, 380.0, 3.0)
    cell = CELL * 2**level
    for offset, expected in (
        (0.9, True),
        (ROAD.left_edge - cell, True),
        (ROAD.right_edge + cell, True),
        (ROAD.left_edge + cell, False),
        (ROAD.right_edge - cell, False),
    ):
        points = ROAD.position(stations, np.full(len(stations), offset))
        assert all(may_drive[code(x, y, level)] == expected for x, y in points), offset
    assert code(RASTER.origin[0] - 50, RASTER.origin[1] - 50) >> KIND_BITS == GRASS


def test_paint_lies_where_the_markings_say():
    stations = np.arange(20.0, 380.0, 0.5)
    for offset, colour, dashed in ROAD.markings:
        points = ROAD.position(stations, np.full(len(stations), float(offset)))
        kinds = np.array([code(x, y) >> KIND_BITS for x, y in points])
        share = (kinds == (YELLOW if colour else WHITE)).mean()
        assert share == pytest.approx(0.43, abs=0.05) if dashed else share > 0.99


def test_the_same_seed_gives_the_same_road():
    again = generate_road(CONFIG, 5)
    other = generate_road(CONFIG, 6)
    assert np.array_equal(ROAD.reference, again.reference)
    assert np.array_equal(ROAD.scenery, again.scenery)
    assert not np.array_equal(ROAD.reference, other.reference)


@given(hs.integers(0, 2**32))
@settings(max_examples=25, deadline=None)
def test_roads_never_cross_themselves_and_keep_their_curvature(seed):
    road = generate_road(CONFIG, seed)
    assert (np.diff(road.reference[:, 0]) > 0.2).all()
    assert np.abs(road.reference[:, 4]).max() <= CONFIG.max_curvature + 1e-6
    assert np.abs(np.hypot(*np.diff(road.reference[:, :2], axis=0).T) - 1).max() < 1e-3
    assert np.isfinite(road.scenery).all()


def test_the_library_shares_and_evicts():
    library = RoadLibrary(DrivingConfig(num_maps=2, road_length=60), 2)
    first = library.assign(0, 11)
    assert library.assign(1, 11) == first
    second = library.assign(1, 12)
    assert second != first
    library.assign(0, 12)
    assert library.assign(0, 13) == first  # the road that nobody drives on makes room
    assert library.maps.samples[first] == 60 + 101


# ---------------------------------------------------------------- settings


@pytest.mark.parametrize(
    ("settings_", "message"),
    [
        ({"sensors": ("camera", "sonar")}, r"sensors='sonar' must be one of 'camera', 'depth'"),
        ({"sensors": ()}, "at least one"),
        ({"sensors": "camera"}, "must be a sequence"),
        ({"sensors": ("lidar", "lidar")}, "twice"),
        ({"camera_size": (84, -84)}, "camera_size=-84 must be an integer from 8 to 1024"),
        ({"camera_size": (84,)}, "must be \\(height, width\\)"),
        ({"lidar_beams": 0}, "lidar_beams=0 must be an integer from 4 to 4096"),
        ({"lidar_range": float("nan")}, "lidar_range=nan must be a number"),
        ({"dt": "fast"}, "dt='fast' must be a number"),
        ({"traffic_speed": (9, 5)}, "low <= high"),
        ({"obstacle_spacing": 3}, "obstacle_spacing=3"),
        ({"action": "thrust"}, "action='thrust' must be one of"),
        ({"num_scenarios": 0}, "num_scenarios=0"),
        ({"threads": 0}, "threads=0"),
        ({"lidar_beam": 3}, "did you mean lidar_beams"),
        ({"colour": 3}, "colour=3 is not a setting"),
    ],
)
def test_a_wrong_setting_is_named(settings_, message):
    with pytest.raises(ValueError, match=message):
        DrivingConfig.from_keywords({}, settings_)
