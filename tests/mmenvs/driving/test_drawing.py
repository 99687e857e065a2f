"""What the camera draws: signals, people, several cameras, the view from above."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest

import mmenvs  # noqa: F401
from mmenvs.driving import state as st
from mmenvs.driving.roads import surface

PEDESTRIAN, CYCLIST, SIGNAL = (surface.SEMANTIC_CLASSES.index(n) for n in ("pedestrian", "cyclist", "signal"))
EMPTY = {"traffic_vehicles": 0, "obstacle_spacing": 0}


def make(**settings):
    env = gym.make("mmenvs/Driving-v0", **{**EMPTY, **settings})
    env.reset(seed=1)
    return env.unwrapped.simulator


def ahead_of(simulator, ahead, left):
    ego = simulator.worlds.ego[0]
    cos, sin = np.cos(ego[st.HEADING]), np.sin(ego[st.HEADING])
    return ego[st.X] + cos * ahead - sin * left, ego[st.Y] + sin * ahead + cos * left, cos, sin


def look(simulator):
    simulator._observe(np.arange(1))
    return {key: value[0].copy() for key, value in simulator.observations.items()}


def put_signal(simulator, ahead, left, light):
    x, y, cos, sin = ahead_of(simulator, ahead, left)
    maps, slot = simulator.maps, simulator.worlds.slot[0]
    maps.signals[slot, 0] = x, y, -cos, -sin, 0
    maps.signal_count[slot] = 1
    simulator.worlds.lights[0, 0] = light


def put_box(simulator, ahead, left, kind, length, width, height):
    x, y, cos, sin = ahead_of(simulator, ahead, left)
    box = simulator.worlds.boxes[0, 0]
    box[:] = 0
    box[[st.B_X, st.B_Y, st.B_COS, st.B_SIN]] = x, y, cos, sin
    box[[st.B_HALF_LENGTH, st.B_HALF_WIDTH, st.B_HEIGHT]] = length / 2, width / 2, height
    box[st.B_KIND], box[st.B_RADIUS] = kind, (length + width) / 2
    simulator.worlds.box_count[0] = 1


@pytest.mark.parametrize("distance", [12.0, 20.0, 30.0])
@pytest.mark.parametrize("weather", ["clear", "night", "rain"])
def test_the_colour_of_a_light_is_seen_in_a_small_picture(distance, weather):
    """At 84 by 84 pixels, from 30 m: the brightest saturated pixel of the head is red or green."""
    colours = {}
    for light in (st.RED, st.GREEN):
        simulator = make(sensors=("camera", "semantic"), weather=weather)
        put_signal(simulator, distance, 2.0, light)
        seen = look(simulator)
        head = seen["semantic"][..., 0] == SIGNAL
        assert head.sum() >= 2
        pixels = seen["camera"][head].astype(int)
        colours[light] = pixels[np.argmax(pixels.max(axis=1) - pixels.min(axis=1))]
    red, green = colours[st.RED], colours[st.GREEN]
    assert red[0] > red[1] + 60
    assert green[1] > green[0] + 60


def test_a_light_is_dark_from_behind_and_no_other_sensor_knows_it():
    simulator = make(sensors=("camera", "lidar", "depth"))
    put_signal(simulator, 15.0, 2.0, st.RED)
    red = look(simulator)
    simulator.worlds.lights[0, 0] = st.GREEN
    green = look(simulator)
    assert not np.array_equal(red["camera"], green["camera"])
    assert np.array_equal(red["lidar"], green["lidar"])
    assert np.array_equal(red["depth"], green["depth"])
    simulator.maps.signals[simulator.worlds.slot[0], 0, 2:4] *= -1
    behind = look(simulator)
    simulator.worlds.lights[0, 0] = st.RED
    assert np.array_equal(behind["camera"], look(simulator)["camera"])


@pytest.mark.parametrize(
    ("kind", "label", "size"),
    [(st.PEDESTRIAN, PEDESTRIAN, (0.5, 0.5, 1.72)), (st.CYCLIST, CYCLIST, (1.8, 0.6, 1.75))],
)
def test_people_have_a_class_of_their_own_and_their_height(kind, label, size):
    simulator = make(sensors=("semantic", "camera"), camera_size=(168, 168))
    before = look(simulator)["camera"]
    put_box(simulator, 10.0, 0.0, kind, *size)
    seen = look(simulator)
    person = seen["semantic"][..., 0] == label
    view = simulator._view
    rows = np.flatnonzero(person.any(axis=1))
    expected = size[2] * view.focal / (10.0 - view.mount_ahead)
    assert len(rows) == pytest.approx(expected, rel=0.2)
    assert not np.array_equal(before[person], seen["camera"][person])


@pytest.mark.parametrize("kind", [st.LORRY, st.EMERGENCY, st.VAN])
def test_large_vehicles_are_drawn_as_vehicles(kind):
    simulator = make(sensors=("semantic",))
    put_box(simulator, 18.0, 0.0, kind, 8.0, 2.4, 3.2)
    assert (look(simulator)["semantic"] == surface.VEHICLE).sum() > 60


def test_each_camera_looks_its_own_way():
    cameras = ("front", "left", "right", "rear")
    simulator = make(sensors=("semantic", "depth"), cameras=cameras)
    places = {
        "semantic": (15, 0),
        "semantic_left": (0, 15),
        "semantic_right": (0, -15),
        "semantic_rear": (-15, 0),
    }
    for key, (ahead, left) in places.items():
        put_box(simulator, ahead, left, st.VAN, 4.0, 4.0, 2.5)
        seen = look(simulator)
        for other in places:
            assert ((seen[other] == surface.VEHICLE).sum() > 20) == (other == key), (key, other)
    assert set(simulator.observation_space) == {*places, *(k.replace("semantic", "depth") for k in places)}


def test_the_view_from_above_puts_things_where_they_are():
    simulator = make(sensors=("bev",), bev_size=(64, 64), bev_resolution=0.5)
    bare = look(simulator)["bev"][..., 0]
    put_box(simulator, 10.0, 4.0, st.CAR, 4.0, 2.0, 1.5)
    seen = look(simulator)["bev"][..., 0]
    changed = np.argwhere((seen == surface.VEHICLE) & (bare != surface.VEHICLE))
    # Ahead is up, left is left; the ego is three quarters down, in the middle.
    assert changed[:, 0].mean() + 0.5 == pytest.approx(48 - 20, abs=0.6)
    assert changed[:, 1].mean() + 0.5 == pytest.approx(32 - 8, abs=0.6)
    assert len(changed) == pytest.approx(4 * 2 / 0.25, abs=8)
    colours = make(sensors=("bev",), bev_colour=True)
    assert look(colours)["bev"].shape == (64, 64, 3)


def test_layers_of_the_lidar_see_how_high_things_are():
    settings = {"lidar_layers": 3, "lidar_elevation": (-6.0, 2.0), "lidar_beams": 72, "lidar_range": 50.0}
    simulator = make(sensors=("lidar",), **settings)
    assert simulator.observation_space["lidar"].shape == (216,)
    put_box(simulator, 10.0, 0.0, st.CONE, 2.0, 2.0, 0.6)  # lower than all beams at 10 m but the lowest
    low, middle, high = look(simulator)["lidar"].reshape(3, 72)[:, 0]
    assert middle * 50 > 12 and high == 1.0
    put_box(simulator, 10.0, 0.0, st.LORRY, 2.0, 2.0, 3.3)
    tall = look(simulator)["lidar"].reshape(3, 72)[:, 0] * 50
    assert tall == pytest.approx([9 / np.cos(np.radians(a)) for a in (-6, -2, 2)], rel=1e-3)
    # The lowest layer meets the ground 1.8 m below it.
    simulator.worlds.box_count[0] = 0
    ground = look(simulator)["lidar"].reshape(3, 72)[0, 0] * 50
    assert ground == pytest.approx(1.8 / np.sin(np.radians(6)), rel=1e-3)
    assert low * 50 <= ground + 1e-3


@pytest.mark.parametrize("view", ["chase", "driver", "top"])
@pytest.mark.parametrize("weather", ["clear", "night", "low_sun"])
def test_people_are_shown_every_view_in_every_light(view, weather):
    env = gym.make(
        "mmenvs/SignalisedIntersection-v0",
        render_mode="rgb_array",
        view=view,
        weather=weather,
        sensors=("state",),
    )
    env.reset(seed=0)
    frame = env.render()
    assert frame.shape == (360, 640, 3)
    assert frame.std() > 10
