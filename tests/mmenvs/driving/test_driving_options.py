"""Faults, metrics, instructions, maps and the dynamic car in a running world."""

from __future__ import annotations

import os
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest

import mmenvs  # noqa: F401
from mmenvs.driving import state as st
from mmenvs.driving.expert import ScriptedDriver
from mmenvs.driving.metrics.episode import METRICS
from mmenvs.driving.sensors.instruction import TRAINING_VARIANTS, decode
from mmenvs.wrappers import SensorFaults

FAULTS = ("camera:dirt:0.6", "lidar:dropout:0.3", "state:noise:0.2", "lidar:latency:0.2:random:0.1:4")


def test_faults_of_the_world_are_those_of_the_wrapper():
    inside = gym.make("mmenvs/Driving-v0", faults=FAULTS)
    outside = SensorFaults(gym.make("mmenvs/Driving-v0"), FAULTS)
    plain = gym.make("mmenvs/Driving-v0")
    action = np.array([0.02, 0.3], np.float32)
    for seed in (3, None):
        a, b, c = (env.reset(seed=seed)[0] for env in (inside, outside, plain))
        for _ in range(12):
            assert all(np.array_equal(a[key], b[key]) for key in a)
            assert np.array_equal(a["navigation"], c["navigation"])  # no fault of its own
            assert not np.array_equal(a["camera"], c["camera"])
            (a, *_, info), (b, *_), (c, *_) = (env.step(action) for env in (inside, outside, plain))
            assert info["faults"].shape == (len(FAULTS),)
    with pytest.raises(ValueError, match="lidar"):
        gym.make("mmenvs/Driving-v0", faults=("lidar:dirt",))


def test_metrics_are_told_at_the_end_and_agree_with_what_happened():
    env = gym.make_vec(
        "mmenvs/Driving-v0", num_envs=8, sensors=("state",), autoreset_mode="SAME_STEP", split="test"
    )
    env.reset(seed=0, options={"scenario": np.arange(8)})
    driver = ScriptedDriver(env.unwrapped.simulator)
    told = 0
    for _ in range(400):
        *_, terminated, truncated, infos = env.step(driver.actions())
        for world in np.flatnonzero(terminated | truncated):
            metrics = {name: infos["final_info"]["metrics"][name][world] for name in METRICS}
            success = bool(infos["final_info"]["success"][world])
            assert metrics["success"] == success
            assert metrics["collision"] == bool(infos["final_info"]["collision"][world])
            if success:
                assert metrics["route_completion"] == 1.0
                assert metrics["driving_score"] == 1.0
                assert metrics["cost"] == 0.0
                assert metrics["distance"] == pytest.approx(300, rel=0.1)
                assert metrics["mean_speed"] * metrics["duration"] == pytest.approx(metrics["distance"])
            told += 1
    assert told >= 6


def test_the_instruction_says_where_the_route_goes_and_tests_use_other_words():
    heard = {}
    for split in ("train", "test"):
        env = gym.make("mmenvs/Instructed-v0", split=split)
        sentences = set()
        for scenario in range(60):
            observation, _ = env.reset(seed=0, options={"scenario": scenario})
            text = env.unwrapped.instruction_text
            assert decode(observation["instruction"]) == text
            assert env.observation_space["instruction"].contains(observation["instruction"])
            path = env.unwrapped.simulator
            begin, count = path.roads.routes[path.worlds.slot[0], path.worlds.route[0], :2].astype(int)
            line = path.roads.path[path.worlds.slot[0], begin : begin + count]
            turned = np.degrees(np.arctan2(*line[-5, [3, 2]]) - np.arctan2(*line[5, [3, 2]]))
            turned = (turned + 180) % 360 - 180
            side = "left" if turned > 45 else "right" if turned < -45 else "straight"
            others = {"left", "right", "straight"} - {side}
            assert side in text or side == "straight", (text, turned)
            assert not any(f" {other}" in f" {text}" for other in others), (text, turned)
            sentences.add(text)
        heard[split] = sentences
    assert not heard["train"] & heard["test"]
    assert len(heard["train"]) > TRAINING_VARIANTS


def test_once_round_the_corner_the_instruction_is_to_follow_the_road():
    env = gym.make("mmenvs/Instructed-v0", traffic_vehicles=0, pedestrians=0, map="crossroads")
    env.reset(seed=0, options={"scenario": 1})
    before = env.unwrapped.instruction_text
    driver = ScriptedDriver(env.unwrapped.simulator)
    terminated = False
    texts = [before]
    while not terminated:
        _, _, terminated, truncated, info = env.step(driver.actions()[0])
        texts.append(env.unwrapped.instruction_text)
        assert not truncated
    assert info["success"]
    assert texts[-1] != before


def test_the_dynamic_car_follows_gentle_commands_as_the_kinematic_one_does_and_slides_on_harsh_ones():
    def run(vehicle, steering, weather="clear", speed=8.0):
        env = gym.make(
            "mmenvs/Driving-v0", vehicle=vehicle, sensors=("state",), weather=weather, traffic_vehicles=0,
            obstacle_spacing=0, lanes=5,
        )  # fmt: skip
        env.reset(seed=2)
        ego = env.unwrapped.simulator.worlds.ego
        ego[0, st.SPEED], start = speed, ego[0, st.HEADING]
        for _ in range(10):
            env.step(np.array([steering, 0.0], np.float32))
        return ego[0, st.HEADING] - start, ego[0, st.SIDE_SPEED]

    gentle = [run(vehicle, 0.08)[0] for vehicle in ("kinematic", "dynamic")]
    assert gentle[1] == pytest.approx(gentle[0], rel=0.15)
    dry, wet = run("dynamic", 0.9, speed=18.0), run("dynamic", 0.9, "rain", speed=18.0)
    assert abs(wet[0]) < 0.85 * abs(dry[0])
    with pytest.raises(ValueError, match="vehicle='dynamic'"):
        gym.make("mmenvs/PathPlanning-v0", vehicle="dynamic")


def test_noise_of_imu_and_gnss_is_seeded_and_of_the_size_that_it_says():
    def positions(noise):
        env = gym.make(
            "mmenvs/Driving-v0", sensors=("navigation", "motion"), gnss_noise=noise, imu_noise=noise
        )
        rows = [env.reset(seed=4)[0]]
        rows += [env.step(np.array([0.0, 0.1], np.float32))[0] for _ in range(60)]
        return [np.stack([row[key] for row in rows]) for key in ("navigation", "motion")]

    clean, noisy, again = positions(0.0), positions(2.0), positions(2.0)
    assert np.array_equal(noisy[0], again[0]) and np.array_equal(noisy[1], again[1])
    error = (noisy[0][:, :2] - clean[0][:, :2]) * 50
    assert error.std() == pytest.approx(2.0, rel=0.3)
    assert (noisy[1][:, 1] - clean[1][:, 1]).std() * 8 == pytest.approx(0.1, rel=0.3)


@pytest.mark.parametrize("name", ["town", "SXCrR", "tOU", "roundabout", "random"])
def test_other_maps_can_be_driven_by_the_scripted_driver(name):
    env = gym.make_vec(
        "mmenvs/Driving-v0", num_envs=6, map=name, sensors=("state",), traffic_vehicles=6, obstacle_spacing=0,
        any_lane=False, autoreset_mode="DISABLED",
    )  # fmt: skip
    env.reset(seed=0, options={"scenario": np.arange(6)})
    assert _arrive(env, 1500) >= 5


def _arrive(env, steps):
    simulator = env.unwrapped.simulator
    driver, done = ScriptedDriver(simulator), np.zeros(env.num_envs, bool)
    for _ in range(steps):
        simulator.step(driver.actions(), ~done)
        done |= simulator.terminated
        if done.all():
            break
    return int(simulator.infos["success"].sum())


@pytest.mark.skipif("MMENVS_MAPS" not in os.environ, reason="MMENVS_MAPS names no folder with maps")
def test_real_maps_can_be_driven_from_end_to_end():
    for path in sorted(Path(os.environ["MMENVS_MAPS"]).glob("*.xodr")):
        env = gym.make_vec(
            "mmenvs/Driving-v0", num_envs=8, map=str(path), sensors=("state",), traffic_vehicles=10,
            obstacle_spacing=0, any_lane=False, autoreset_mode="DISABLED", num_maps=1,
        )  # fmt: skip
        env.reset(seed=0, options={"scenario": np.arange(8)})
        assert _arrive(env, 3000) >= 7, path.name


def test_stacked_frames_are_the_last_ones_the_newest_last():
    settings = {"sensors": ("camera",), "cameras": ("front", "rear")}
    single, stacked = (gym.make("mmenvs/Driving-v0", frame_stack=n, **settings) for n in (1, 3))
    assert stacked.observation_space["camera_rear"].shape == (84, 84, 9)
    for seed in (5, None):
        frames = {key: [value] * 3 for key, value in single.reset(seed=seed)[0].items()}
        shown, _ = stacked.reset(seed=seed)
        for _ in range(6):
            for key, last in frames.items():
                assert np.array_equal(shown[key], np.concatenate(last[-3:], axis=2))
            action = np.array([0.02, 0.5], np.float32)
            for key, value in single.step(action)[0].items():
                frames[key].append(value)
            shown, *_ = stacked.step(action)
