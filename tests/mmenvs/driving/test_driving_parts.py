"""The formulas of the driving world against cases computed by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as hs

from mmenvs.driving import state as st
from mmenvs.driving.actors.idm import idm
from mmenvs.driving.collision import boxes_overlap
from mmenvs.driving.config import DrivingConfig
from mmenvs.driving.dynamics import bicycle_step
from mmenvs.driving.imagination import steering_towards
from mmenvs.driving.roads.compiled import N_LANES, R_FINISH
from mmenvs.driving.roads.lanes import place_on_path, project
from mmenvs.driving.roads.layouts import straight_road
from mmenvs.driving.roads.library import RoadLibrary
from mmenvs.driving.roads.routes import P_LANE, P_LEFT, P_RIGHT, P_SHIFT, DrivableMask, find_route, trace_path
from mmenvs.driving.sensors.lidar import fast_atan2, ray_box

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
LAYOUT = straight_road(5)
ROUTE = find_route(LAYOUT.network, 1, LAYOUT.goals)
PATH = trace_path(LAYOUT.network, ROUTE, DrivableMask(LAYOUT.network))


@given(hs.floats(5, 390), hs.floats(-6, 6))
@settings(deadline=None)  # the first example compiles
def test_projecting_on_a_path_undoes_placing_on_it(station, offset):
    x, y, _, _ = place_on_path(PATH, station, offset)
    found_station, found_offset, _ = project(PATH, x, y, int(station) + 7)
    assert found_offset == pytest.approx(offset, abs=0.03)
    assert found_station == pytest.approx(station, abs=0.35)


def test_a_path_knows_its_lane_and_the_edges_of_the_road():
    assert (PATH[:, P_LANE] == 1).all()
    assert np.abs(PATH[:, P_SHIFT]).max() < 0.02
    assert np.abs(np.hypot(*np.diff(PATH[:, :2], axis=0).T) - 1).max() < 2e-3
    # The middle of three lanes of 3.5 m with a shoulder of 1.2 m, one oncoming lane beyond the left one.
    assert np.abs(PATH[5:-5, P_RIGHT] - (1.5 * 3.5 + 1.2)).max() < 0.3
    assert np.abs(PATH[5:-5, P_LEFT] - (2.5 * 3.5 + 1.2)).max() < 0.3


def test_the_library_shares_and_evicts():
    library = RoadLibrary(DrivingConfig(num_maps=2, road_length=60), 2)
    first = library.assign(0, 11)
    assert library.assign(1, 11) == first
    second = library.assign(1, 12)
    assert second != first
    library.assign(0, 12)
    assert library.assign(0, 13) == first  # the road that nobody drives on makes room
    assert library.roads.counts[first, N_LANES] == 4
    assert library.roads.routes[first, 0, R_FINISH] == pytest.approx(
        60 + 40, abs=4
    )  # off the middle, a bend is shorter


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
        ({"traffic_density": (0.5, 1.5)}, r"traffic_density=\(0.5, 1.5\) must be \(low, high\)"),
        ({"map": "SQ"}, "'Q' is none"),
        ({"map": ""}, "map='' must be a name"),
        ({"emergency": 1}, "emergency=1 must be True or False"),
        ({"lidar_beam": 3}, "did you mean lidar_beams"),
        ({"colour": 3}, "colour=3 is not a setting"),
    ],
)
def test_a_wrong_setting_is_named(settings_, message):
    with pytest.raises(ValueError, match=message):
        DrivingConfig.from_keywords({}, settings_)
