"""What a driver, a sensor and a reward do in a running world."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest

import mmenvs  # noqa: F401
from mmenvs.driving import state as st
from mmenvs.driving.config import SENSORS
from mmenvs.driving.expert import ScriptedDriver
from mmenvs.driving.observing import observe_worlds
from mmenvs.driving.roads.surface import SEMANTIC_CLASSES, SKY, VEHICLE
from mmenvs.driving.sensors.motion import STATE_NAMES

EMPTY = {"traffic_vehicles": 0, "obstacle_spacing": 0}


def make(**kwargs):
    env = gym.make("mmenvs/Driving-v0", **kwargs)
    env.reset(seed=1)
    return env, env.unwrapped.simulator


def put_box(simulator, ahead, left, length=4.0, width=2.0, kind=st.CAR, speed=0.0):
    """Stand a box before the ego of world 0, in the ego's own frame, and look at it."""
    worlds = simulator.worlds
    ego = worlds.ego[0]
    cos, sin = np.cos(ego[st.HEADING]), np.sin(ego[st.HEADING])
    box = worlds.boxes[0, 0]
    box[:] = 0
    box[st.B_X] = ego[st.X] + cos * ahead - sin * left
    box[st.B_Y] = ego[st.Y] + sin * ahead + cos * left
    box[st.B_COS], box[st.B_SIN] = cos, sin
    box[st.B_HALF_LENGTH], box[st.B_HALF_WIDTH], box[st.B_HEIGHT] = length / 2, width / 2, 1.5
    box[st.B_KIND] = kind
    box[st.B_VX], box[st.B_VY] = speed * cos, speed * sin
    box[st.B_RADIUS] = (length + width) / 2
    worlds.box_count[0] = 1
    simulator._run(
        observe_worlds,
        np.arange(1),
        simulator.params,
        simulator._instruments,
        simulator._view,
        worlds,
        simulator.roads,
        simulator.maps,
        simulator._outputs,
    )
    return {key: value[0] for key, value in simulator.observations.items()}


def test_lidar_measures_the_distance_to_a_box():
    _, simulator = make(sensors=("lidar",), lidar_beams=360, lidar_range=40, **EMPTY)
    scan = put_box(simulator, 20.0, 0.0)["lidar"]
    assert scan[0] * 40 == pytest.approx(18.0, abs=1e-3)
    hit = np.flatnonzero(np.abs(scan * 40 - 18.0) < 0.1)
    half_angle = np.degrees(np.arctan2(1.0, 18.0))
    assert hit.max() <= 360 and (hit <= half_angle).sum() == int(half_angle) + 1
    left = put_box(simulator, 0.0, 10.0)["lidar"]
    assert left[90] * 40 == pytest.approx(9.0, abs=1e-3)
    assert put_box(simulator, 60.0, 0.0)["lidar"][0] == 1.0


def test_lidar_noise_is_seeded_and_leaves_the_world_alone():
    def drive(noise):
        env = gym.make("mmenvs/Driving-v0", sensors=("lidar", "state"), lidar_noise=noise)
        env.reset(seed=4)
        return [env.step(np.array([0.0, 0.2], np.float32))[0] for _ in range(10)]

    clean, noisy, again = drive(0.0), drive(0.5), drive(0.5)
    for a, b, c in zip(clean, noisy, again, strict=True):
        assert np.array_equal(a["state"], b["state"])
        assert np.array_equal(b["lidar"], c["lidar"])
        assert (b["lidar"][a["lidar"] == 1.0] == 1.0).all()
    assert not np.array_equal(clean[0]["lidar"], noisy[0]["lidar"])


def test_radar_reads_range_bearing_and_closing_speed():
    _, simulator = make(sensors=("radar",), radar_range=100, **EMPTY)
    simulator.worlds.ego[0, st.SPEED] = 10.0
    target = put_box(simulator, 50.0, 0.0, speed=4.0)["radar"].reshape(-1, 4)[0]
    assert target == pytest.approx([0.5, 0.0, -6.0 / 40, 1.0], abs=1e-5)
    aside = put_box(simulator, 30.0, 30.0)["radar"].reshape(-1, 4)[0]
    assert aside[1] == pytest.approx(0.25, abs=1e-5)
    assert not put_box(simulator, -20.0, 0.0)["radar"].any()
    assert not put_box(simulator, 20.0, 0.0, kind=st.CONE)["radar"].any()


def test_depth_and_semantics_show_a_car_at_its_distance():
    _, simulator = make(sensors=("depth", "semantic"), camera_size=(96, 96), camera_range=100, **EMPTY)
    seen = put_box(simulator, 20.0, 0.0)
    depth, classes = seen["depth"][..., 0] * 100, seen["semantic"][..., 0]
    middle = depth[:, 48]
    body = classes[:, 48] == VEHICLE
    rear = 18.0 - simulator._view.mount_ahead
    assert body.sum() >= 3
    assert middle[body].min() == pytest.approx(rear, abs=0.01)
    assert (classes[0] == SKY).all()
    assert depth[0, 0] == 100.0
    assert classes.max() < len(SEMANTIC_CLASSES)
    # A pinhole: the width of the car on the picture is focal * width / distance.
    columns = (classes[body.argmax() + 1] == VEHICLE).sum()
    assert columns == pytest.approx(simulator._view.focal * 2.0 / rear, abs=1.1)
    # The nearest ground: straight below the lowest row's ray.
    view = simulator._view
    lowest = view.mount_height * view.focal / (95.5 - view.horizon)
    assert depth[95, 0] == pytest.approx(lowest, rel=1e-5)


def test_the_camera_sees_what_the_lidar_cannot_and_the_other_way_round():
    """Paint and colour are in the camera alone, what is behind the car in the lidar alone."""
    _, simulator = make(sensors=("camera", "lidar"), **EMPTY)
    before = {k: v[0].copy() for k, v in simulator.observations.items()}
    behind = put_box(simulator, -12.0, 0.0)
    assert np.array_equal(before["camera"], behind["camera"])
    assert not np.array_equal(before["lidar"], behind["lidar"])
    red = put_box(simulator, 15.0, 0.0)
    first = {k: v.copy() for k, v in red.items()}
    simulator.worlds.boxes[0, 0, st.B_HUE] = 0.6
    simulator._observe(np.arange(1))
    assert np.array_equal(first["lidar"], simulator.observations["lidar"][0])
    assert not np.array_equal(first["camera"], simulator.observations["camera"][0])


def test_a_sensor_does_not_change_the_others():
    def first(sensors):
        env = gym.make("mmenvs/Driving-v0", sensors=sensors)
        env.reset(seed=9)
        return env.step(np.array([0.1, 0.5], np.float32))[0]

    alone = [sensor for sensor in SENSORS if sensor != "goal"]  # which is a whole observation
    together = first(tuple(alone))
    for sensor in alone:
        assert np.array_equal(first((sensor,))[sensor], together[sensor])


def test_state_names_its_numbers():
    env, _ = make(sensors=("state",), **EMPTY)
    observation, *_ = env.step(np.array([0.0, 1.0], np.float32))
    values = dict(zip(STATE_NAMES, observation["state"], strict=True))
    assert values["speed"] * 30 == pytest.approx(7.5 + 0.3, abs=1e-4)
    assert values["acceleration"] * 8 == pytest.approx(3.0, abs=1e-4)
    assert values["pedal"] == 1.0
    assert values["left_clearance"] + values["right_clearance"] == pytest.approx(16.4 / 16, abs=0.03)


def test_steering_left_goes_left_and_off_the_road_in_the_end():
    env, _ = make(sensors=("state",), **EMPTY)
    offsets = []
    for _ in range(80):
        observation, _, terminated, _, info = env.step(np.array([0.3, 0.0], np.float32))
        offsets.append(observation["state"][STATE_NAMES.index("lateral_offset")])
        if terminated:
            break
    assert offsets[5] > offsets[0]
    assert info["off_road"] and not info["collision"] and not info["success"]
    assert info["cost"] == 1.0
    assert info["reward_terms"]["infraction"] == -10.0


def test_the_reward_is_the_sum_of_its_terms_and_progress_pays_per_metre():
    env, simulator = make(sensors=("state",), **EMPTY)
    for _ in range(10):
        before = simulator.worlds.ego[0, st.STATION]
        _, reward, _, _, info = env.step(np.array([0.02, 0.4], np.float32))
        moved = simulator.worlds.ego[0, st.STATION] - before
        assert reward == pytest.approx(sum(info["reward_terms"].values()))
        assert info["reward_terms"]["progress"] == pytest.approx(0.1 * moved)


def test_neither_standing_still_nor_shaking_pays():
    env, _ = make(sensors=("state",), **EMPTY)
    for _ in range(30):
        env.step(np.array([0.0, -1.0], np.float32))
    still = [env.step(np.array([0.0, -1.0], np.float32))[1] for _ in range(20)]
    assert max(still) <= 1e-9
    shaking = [env.step(np.array([1.0 if k % 2 else -1.0, -1.0], np.float32))[1] for k in range(20)]
    assert max(shaking) < 0


def test_driving_against_the_road_costs_what_driving_along_it_earned():
    env, simulator = make(sensors=("state",), **EMPTY)
    simulator.worlds.ego[0, st.HEADING] += np.pi
    _, reward, *_ = env.step(np.array([0.0, 0.5], np.float32))
    assert reward < 0


@pytest.mark.parametrize(("env_id", "least"), [("mmenvs/Driving-v0", 0.85), ("mmenvs/PathPlanning-v0", 0.9)])
def test_the_scripted_driver_arrives_where_random_does_not(env_id, least):
    env = gym.make_vec(env_id, num_envs=40, split="test", sensors=("state",), autoreset_mode="Disabled")
    rates = {}
    for name in ("expert", "random"):
        env.reset(seed=0, options={"scenario": np.arange(40)})
        simulator = env.unwrapped.simulator
        driver = ScriptedDriver(simulator)
        env.action_space.seed(0)
        done = np.zeros(40, bool)
        for _ in range(env.unwrapped.max_episode_steps):
            simulator.step(driver.actions() if name == "expert" else env.action_space.sample(), ~done)
            done |= simulator.terminated
            if done.all():
                break
        rates[name] = simulator.worlds.flags[:, st.SUCCESS].mean()
    assert rates["expert"] >= least
    assert rates["random"] <= 0.2


def test_the_discrete_grid_and_its_driver():
    env = gym.make_vec("mmenvs/Driving-v0", num_envs=4, action="discrete", sensors=("state",))
    env.reset(seed=0)
    driver = ScriptedDriver(env.unwrapped.simulator)
    for _ in range(20):
        actions = driver.actions()
        assert env.action_space.contains(actions)
        env.step(actions)


@pytest.mark.parametrize("view", ["chase", "driver"])
def test_render_shows_the_world_and_its_dashboard(view):
    env = gym.make("mmenvs/Driving-v0", render_mode="rgb_array", view=view, dashboard=False)
    env.reset(seed=0)
    frame = env.render()
    assert frame.shape == (360, 640, 3)
    assert frame.dtype == np.uint8
    sky, road = frame[20:60].mean(axis=(0, 1)), frame[-60:-20, 280:360].mean(axis=(0, 1))
    assert sky[2] > sky[0]  # blue above
    assert frame.std() > 30
    shown = gym.make("mmenvs/Driving-v0", render_mode="rgb_array", view=view)
    shown.reset(seed=0)
    assert np.array_equal(shown.render()[150:250], frame[150:250])
    assert not np.array_equal(shown.render()[-40:], frame[-40:])
    assert road.mean() < 200


def test_human_rendering_without_a_screen(monkeypatch):
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    env = gym.make("mmenvs/PathPlanning-v0", render_mode="human")
    env.reset(seed=0)
    env.step(1)
    assert env.render() is None
    env.close()
    env.close()
