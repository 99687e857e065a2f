"""Parking: its goals, its reverse gear, its bumps, and hindsight experience replay on it."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some

import mmenvs  # noqa: F401
from mmenvs.driving import state as st
from mmenvs.driving.expert import ScriptedDriver
from mmenvs.driving.render import project_ground
from mmenvs.driving.sensors.camera import make_view
from mmenvs.driving.sensors.goal import ALONG, ASIDE, GOAL_SCALE, GOAL_SPEED, STILL, goal_reward, is_parked

FORWARDS, BACKWARDS = np.array([0.0, 1.0], np.float32), np.array([0.0, -1.0], np.float32)


def goal(x: float, y: float, degrees: float, speed: float = 0.0) -> np.ndarray:
    angle = math.radians(degrees)
    return np.array([x / GOAL_SCALE, y / GOAL_SCALE, math.cos(angle), math.sin(angle), speed / GOAL_SPEED])


@pytest.mark.parametrize(
    ("x", "y", "degrees", "speed", "reward"),
    [
        (10.0, 20.0, 90.0, 0.0, 0.0),
        (10.0, 20.0, 270.0, 0.0, 0.0),  # reversed into it
        (10.0, 20.5, 90.0, 0.0, 0.0),  # half a metre along the space
        (10.0, 20.7, 90.0, 0.0, -1.0),
        (10.3, 20.0, 90.0, 0.0, 0.0),  # 0.3 m aside
        (10.4, 20.0, 90.0, 0.0, -1.0),
        (10.0, 20.0, 99.0, 0.0, 0.0),
        (10.0, 20.0, 101.0, 0.0, -1.0),
        (10.0, 20.0, 90.0, 0.4, 0.0),
        (10.0, 20.0, 90.0, -0.6, -1.0),
    ],
)
def test_where_a_car_is_parked(x, y, degrees, speed, reward) -> None:
    assert goal_reward(goal(x, y, degrees, speed), goal(10.0, 20.0, 90.0)) == reward


@given(
    some.floats(-2 * ALONG, 2 * ALONG),
    some.floats(-2 * ASIDE, 2 * ASIDE),
    some.floats(-20.0, 20.0),
    some.floats(-2 * STILL, 2 * STILL),
    some.floats(0.0, 360.0),
)
def test_the_reward_of_arrays_is_what_the_kernel_says(dx, dy, tilt, speed, degrees) -> None:
    achieved, desired = goal(5.0 + dx, dy, degrees + tilt, speed), goal(5.0, 0.0, degrees)
    scale = np.array([GOAL_SCALE, GOAL_SCALE, 1.0, 1.0, GOAL_SPEED])
    parked = is_parked(*(achieved * scale).tolist(), *(desired * scale)[:4].tolist())
    assert goal_reward(achieved, desired) == (0.0 if parked else -1.0)
    batch = goal_reward(np.stack([achieved, desired]), np.stack([desired, desired]))
    assert batch.tolist() == [0.0 if parked else -1.0, 0.0]


def test_a_state_passed_at_speed_is_a_goal_in_hindsight() -> None:
    passed = goal(10.0, 20.0, 30.0, 3.0)
    assert goal_reward(passed, passed) == 0.0
    assert goal_reward(passed, goal(10.0, 20.0, 30.0, 0.0)) == -1.0


def test_each_reward_is_that_of_the_goals_shown() -> None:
    env: Any = gym.make("mmenvs/Parking-v0", split="test")
    observation, _ = env.reset(seed=0, options={"scenario": 3})
    driver = ScriptedDriver(env.unwrapped.simulator)
    rewards = []
    terminated = truncated = False
    while not (terminated or truncated):
        observation, reward, terminated, truncated, info = env.step(driver.actions()[0])
        goals = observation["achieved_goal"], observation["desired_goal"]
        assert reward == env.unwrapped.compute_reward(*goals, info)
        rewards.append(reward)
    assert terminated and info["success"] and rewards[-1] == 0.0 and set(rewards[:-1]) == {-1.0}


def test_the_pedal_backwards_brakes_and_then_reverses() -> None:
    env: Any = gym.make("mmenvs/Parking-v0", split="test")
    env.reset(seed=0, options={"scenario": 0})
    ego = env.unwrapped.simulator.worlds.ego[0]
    speeds = []
    for _ in range(40):
        env.step(BACKWARDS)
        speeds.append(float(ego[st.SPEED]))
    assert all(later <= sooner for sooner, later in pairwise(speeds))
    assert 0.0 in speeds and speeds[-1] == -st.REVERSE_SPEED
    before = ego[[st.X, st.Y]].copy()
    env.step(BACKWARDS)
    moved = np.hypot(*(ego[[st.X, st.Y]] - before))
    assert moved == pytest.approx(st.REVERSE_SPEED * env.unwrapped.simulator.params.dt, rel=0.02)


def test_a_bump_stops_the_car_and_the_episode_goes_on() -> None:
    env: Any = gym.make("mmenvs/Parking-v0", split="test")
    env.reset(seed=0, options={"scenario": 0})
    bumps = 0
    for step in range(200):
        _, reward, terminated, _, info = env.step(np.array([1.0, 1.0], np.float32))  # in a circle, to a kerb
        assert not terminated and reward == -1.0
        if info["collision"] or info["off_road"]:
            bumps += 1
            assert info["speed"] == 0.0
            place = env.unwrapped.simulator.worlds.ego[0, [st.X, st.Y]].copy()
            first = step
            break
    assert bumps, "nothing was hit"
    for _ in range(5):
        env.step(FORWARDS * 0.2)
    for _ in range(15):
        _, _, terminated, _, info = env.step(BACKWARDS)
    assert first < 199 and not terminated
    assert np.hypot(*(env.unwrapped.simulator.worlds.ego[0, [st.X, st.Y]] - place)) > 0.5


def test_the_spaces_beside_the_goal_are_free() -> None:
    env: Any = gym.make_vec("mmenvs/Parking-v0", num_envs=64, split="train")
    env.reset(seed=0)
    simulator = env.unwrapped.simulator
    worlds, roads = simulator.worlds, simulator.roads
    for world in range(64):
        spot = roads.spots[worlds.slot[world], worlds.spot[world]]
        parked = worlds.boxes[world, : worlds.box_count[world]]
        away = np.hypot(parked[:, st.B_X] - spot[0], parked[:, st.B_Y] - spot[1])
        assert (away > 3.0).all()


def test_ground_is_projected_by_a_pinhole_and_cut_off_before_the_eye() -> None:
    view = make_view((100, 200), 90.0, mount_height=2.0, mount_ahead=1.0, horizon=0.5)
    ego = np.zeros(st.EGO_COLUMNS)
    ego[[st.X, st.Y]] = 5.0, 7.0  # heading east: the eye is at (6, 7), and its focal length is 100 pixels
    seen = project_ground(np.array([[16.0, 5.0], [16.0, 7.0], [26.0, 7.0]]), ego, view)
    assert seen == pytest.approx(np.array([[120.0, 70.0], [100.0, 70.0], [100.0, 60.0]]))
    assert len(project_ground(np.array([[0.0, 5.0], [0.0, 7.0], [2.0, 7.0]]), ego, view)) == 0
    cut = project_ground(np.array([[16.0, 7.0], [16.0, 6.0], [-4.0, 6.0], [-4.0, 7.0]]), ego, view)
    assert len(cut) == 4 and cut[:, 1].max() == pytest.approx(50.0 + 2.0 * 100.0 / 0.5)


@pytest.mark.parametrize("view", ["chase", "driver", "top"])
def test_a_person_sees_where_to_park(view) -> None:
    env: Any = gym.make("mmenvs/Parking-v0", split="test", render_mode="rgb_array", dashboard=False)
    env.reset(seed=0, options={"scenario": 1})
    simulator = env.unwrapped.simulator
    env.unwrapped.view = view
    spot = simulator.roads.spots[simulator.worlds.slot[0], simulator.worlds.spot[0]]
    back = 8.0  # metres before the space
    ego = simulator.worlds.ego[0]
    ego[[st.X, st.Y]] = spot[0] - back * np.cos(spot[2]), spot[1] - back * np.sin(spot[2])
    ego[st.HEADING] = spot[2]
    marked = env.render().astype(int)
    simulator.worlds.spot[0] = -1
    bare = env.render().astype(int)
    changed = np.abs(marked - bare).max(axis=2) > 20
    assert changed.sum() > 300
    assert (marked - bare)[changed].mean(axis=0)[2] > 20  # bluer


def test_hindsight_experience_replay_learns_on_it() -> None:
    from stable_baselines3 import SAC, HerReplayBuffer

    env = gym.make("mmenvs/Parking-v0", max_episode_steps=40)
    model = SAC(
        "MultiInputPolicy",
        env,
        replay_buffer_class=HerReplayBuffer,
        replay_buffer_kwargs={"n_sampled_goal": 4, "goal_selection_strategy": "future"},
        learning_starts=100,
        policy_kwargs={"net_arch": [16]},
        seed=0,
        device="cpu",
    )
    model.learn(140)
    batch = model.replay_buffer.sample(64)
    assert (batch.rewards == 0.0).any(), "no goal was relabelled as reached"


@pytest.mark.parametrize(
    "kwargs",
    [
        {"sensors": ("camera",)},
        {"sensors": ("goal", "camera")},
        {"map": "road"},
        {"reward": "progress"},
        {"vehicle": "dynamic"},
        {"action": "steer"},
    ],
)
def test_what_does_not_go_together_is_named(kwargs) -> None:
    with pytest.raises(ValueError, match=rf"{next(iter(kwargs))}="):
        gym.make("mmenvs/Parking-v0", **kwargs)
