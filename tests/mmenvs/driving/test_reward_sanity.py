"""Sanity checks of the reward on every task that pays for progress.

After Knox et al., "Reward (mis)design for autonomous driving", Artificial Intelligence 316 (2023): what a
person would rank lower must not pay more.
"""

from __future__ import annotations

import functools
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

import mmenvs
from mmenvs.driving import state as st
from mmenvs.driving.expert import ScriptedDriver
from mmenvs.driving.tasks import TASKS

OTHERS = ("path_planning", "parking")  # pay for safe steps and for the goal
IDS = [
    name
    for name, entry in mmenvs.ENVIRONMENTS.items()
    if "driving" in entry.entry_point and entry.kwargs["task"] not in OTHERS
]
WORLDS = 12


@functools.cache
def make(env_id: str) -> Any:
    env = gym.make_vec(
        env_id, num_envs=WORLDS, split="test", sensors=("state",), autoreset_mode="DISABLED", copy=False
    )
    return env.unwrapped


def returns(env_id: str, steps: int, choose: Any) -> tuple[np.ndarray, np.ndarray, Any]:
    """Return what each world earned, the rewards step by step, and the simulator."""
    env = make(env_id)
    env.reset(seed=0, options={"scenario": np.arange(WORLDS)})
    simulator = env.simulator
    done, rewards = np.zeros(WORLDS, bool), []
    for step in range(steps):
        simulator.step(choose(step, simulator), ~done)
        rewards.append(np.where(done, 0.0, simulator.rewards))
        done |= simulator.terminated
        if done.all():
            break
    table = np.array(rewards)
    return table.sum(axis=0), table, simulator


def constant(steering: float, pedal: float) -> Any:
    return lambda step, simulator: np.full((WORLDS, 2), (steering, pedal), np.float32)


def test_all_of_them_pay_for_progress() -> None:
    assert set(OTHERS) == {
        name for name, task in TASKS.items() if task.get("reward", "progress") != "progress"
    }


@pytest.mark.parametrize("env_id", IDS)
def test_standing_still_earns_nothing(env_id) -> None:
    _, table, simulator = returns(env_id, 80, constant(0.0, -1.0))
    assert (np.abs(simulator.worlds.ego[:, st.SPEED]) < 0.01).all()
    assert table[60:].max() <= 1e-9


@pytest.mark.parametrize("env_id", IDS)
def test_shaking_the_wheel_costs(env_id) -> None:
    def shake(step: int, simulator: Any) -> np.ndarray:
        side = 1.0 if step % 2 else -1.0
        return np.full((WORLDS, 2), (side if step > 50 else 0.0, -1.0), np.float32)

    _, table, simulator = returns(env_id, 80, shake)
    going = ~simulator.terminated
    assert table[52:, going].max() < 0.0


@pytest.mark.parametrize("env_id", IDS)
def test_driving_back_costs_what_driving_there_earned(env_id) -> None:
    """On the same stretch, at the same speed: the sum of both is not a gain."""
    sums = []
    for turned in (0.0, np.pi):
        env = make(env_id)
        env.reset(seed=0, options={"scenario": np.arange(WORLDS)})
        simulator = env.simulator
        simulator.worlds.ego[:, st.HEADING] += turned
        simulator.step(np.zeros((WORLDS, 2), np.float32), np.ones(WORLDS, bool))
        sums.append(simulator.infos["reward_terms"]["progress"].copy())
    assert (sums[1] <= 0.0).all()
    assert (sums[0] + sums[1]).max() < 0.02


@pytest.mark.parametrize("env_id", IDS)
def test_arriving_beats_standing_which_beats_leaving_the_road(env_id) -> None:
    drivers: dict[str, Any] = {}

    def drive(step: int, simulator: Any) -> Any:
        if step == 0:
            drivers["expert"] = ScriptedDriver(simulator)
        return drivers["expert"].actions()

    arriving, _, simulator = returns(env_id, make(env_id).max_episode_steps, drive)
    arrived = simulator.infos["success"].copy()
    standing, _, simulator = returns(env_id, 80, constant(0.0, -1.0))
    waits = ~simulator.terminated  # who stands before an ambulance is at fault
    leaving, _, simulator = returns(env_id, 80, constant(-1.0, 0.4))
    left = simulator.terminated & ~simulator.infos["success"]
    assert min(arrived.sum(), left.sum(), waits.sum()) >= WORLDS - 2
    assert arriving[arrived].min() > standing.max()
    assert leaving[left].max() < standing[waits].min()
