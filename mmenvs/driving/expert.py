"""A scripted driver: it imagines a handful of manoeuvres, and takes the one that ends best.

Each manoeuvre heads for a lateral offset at a target speed.  It is rolled out for some seconds in road
coordinates against traffic that keeps its speed; a collision or the road's edge costs, progress pays.
The driver reads the simulator's state, not the sensors: it is a ceiling to compare agents with, and a
teacher, not a policy to deploy.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mmenvs.core.arrays import FloatArray
from mmenvs.core.kernels import entry_point, fast_function, kernel
from mmenvs.driving import state as st
from mmenvs.driving.traffic import LATERAL_SPEED

if TYPE_CHECKING:
    from mmenvs.driving.roads.library import Maps
    from mmenvs.driving.simulator import DrivingSimulator
    from mmenvs.driving.state import Params, Worlds

HORIZON = 5.0  # [s]
SPACING = 0.875  # between the offsets that are tried [m]
MARGIN_AHEAD, MARGIN_ASIDE = 1.2, 0.35  # kept from others [m]
MARGIN_EDGE = 0.3  # kept from the edge of the asphalt [m]
MAX_TILT = 0.4  # largest angle to the road of a manoeuvre [rad]
_SPEEDS, _DELAYS = 3, 3
_CRASH = 100.0
_TIGHT = 40.0  # price of a second within the margins [m]
_ONCOMING = 12.0  # what a visit to the oncoming lanes must win [m]


@fast_function
def steering_towards(
    offset: float,
    tilt: float,
    speed: float,
    curvature: float,
    target: float,
) -> float:
    """Return the front-wheel angle that leads to a lateral offset [rad].

    A cascade: the offset error asks for an angle to the road, the angle error for a yaw rate, and the
    bicycle's inverse gives the steering.

    Args:
        offset: Lateral offset [m].
        tilt: Heading relative to the road [rad].
        speed: Speed [m/s].
        curvature: Curvature of the road [1/m].
        target: Wanted lateral offset [m].
    """
    reach = max(0.9 * speed, 4.0)
    wanted = min(max((target - offset) / reach, -MAX_TILT), MAX_TILT)
    yaw_rate = curvature * speed + 2.2 * (wanted - tilt)
    return math.atan(st.WHEELBASE * yaw_rate / max(speed, 2.0))


@fast_function
def _nearest_step(
    steering: float,
    dt: float,
    speed: float,
) -> float:
    """Return the step of the three-way task closest to a steering angle."""
    return min(max(round(steering / st.STEER_TASK_ANGLE), -1), 1)


@fast_function
def _imagine(
    world: int,
    target: float,
    delay: float,
    speed_target: float,
    params: Params,
    worlds: Worlds,
    maps: Maps,
) -> tuple[float, float, float]:
    """Roll out one manoeuvre and return its score, its first steering angle and first acceleration.

    Until ``delay`` [s] has passed the car keeps its offset: the gap beside it may still have to open.
    """
    ego = worlds.ego[world]
    cars = worlds.cars[world]
    obstacles = worlds.obstacles[world]
    slot = worlds.slot[world]
    last = maps.samples[slot] - 1
    dt = params.dt
    station, offset, tilt = ego[st.STATION], ego[st.OFFSET], ego[st.HEADING_ERROR]
    speed = ego[st.SPEED]
    begin = station
    keep = offset
    score, first_steering, first_acceleration = 0.0, 0.0, 0.0
    steps = int(HORIZON / dt)
    for step in range(steps):
        index = min(max(int(station), 0), last)
        curvature = maps.reference[slot, index, 4]
        aim = keep if step * dt < delay else target
        steering = steering_towards(offset, tilt, speed, curvature, aim)
        acceleration = 0.0
        if params.steer_task:
            steering = _nearest_step(steering, dt, speed) * st.STEER_TASK_ANGLE
        else:
            acceleration = min(
                max((speed_target - speed) / 0.8, -0.9 * st.MAX_BRAKE), 0.9 * st.MAX_ACCELERATION
            )
            grip = math.atan(st.MAX_LATERAL * st.WHEELBASE / max(speed * speed, 1.0))
            steering = min(max(steering, -grip), grip)
        if step == 0:
            first_steering, first_acceleration = steering, acceleration
        speed = max(speed + acceleration * dt, 0.0)
        beta = math.atan(0.5 * math.tan(steering))
        yaw_rate = speed * math.sin(beta) / (0.5 * st.WHEELBASE)
        along = speed * math.cos(tilt + beta) / (1.0 - curvature * offset)
        offset += speed * math.sin(tilt + beta + 0.5 * yaw_rate * dt) * dt
        station += along * dt
        tilt += (yaw_rate - curvature * along) * dt
        time = (step + 1) * dt
        half_width = 0.5 * st.EGO_WIDTH + 0.5 * st.EGO_LENGTH * abs(math.sin(tilt))
        room = min(maps.edges[slot, 0] - offset, offset - maps.edges[slot, 1]) - half_width - MARGIN_EDGE
        if room < 0.0:
            score += 8.0 * room * dt
            if room < -MARGIN_EDGE:
                return (
                    score - _CRASH * (1.0 + HORIZON - time) + station - begin,
                    first_steering,
                    first_acceleration,
                )
        blocked = tight = False
        for car in range(cars.shape[1]):
            if cars[st.C_ACTIVE, car] < 0.5:
                continue
            there = cars[st.C_STATION, car] + cars[st.C_DIRECTION, car] * cars[st.C_SPEED, car] * time
            gap = abs(there - station) - 0.5 * (st.EGO_LENGTH + cars[st.C_LENGTH, car])
            if gap > MARGIN_AHEAD:
                continue
            drift = maps.lane_offset[slot, int(cars[st.C_LANE, car])] - cars[st.C_OFFSET, car]
            drift = min(max(drift, -LATERAL_SPEED * time), LATERAL_SPEED * time)
            aside = abs(cars[st.C_OFFSET, car] + drift - offset)
            if aside < half_width + 0.5 * cars[st.C_WIDTH, car] + MARGIN_ASIDE:
                tight = True
                if gap < 0.25 and aside < half_width + 0.5 * cars[st.C_WIDTH, car] + 0.1:
                    blocked = True
        for k in range(worlds.obstacle_count[world]):
            gap = abs(obstacles[st.O_STATION, k] - station) - 0.5 * (
                st.EGO_LENGTH + obstacles[st.O_LENGTH, k]
            )
            if gap > MARGIN_AHEAD:
                continue
            aside = abs(obstacles[st.O_OFFSET, k] - offset)
            if aside < half_width + 0.5 * obstacles[st.O_WIDTH, k] + MARGIN_ASIDE:
                tight = True
                if gap < 0.25 and aside < half_width + 0.5 * obstacles[st.O_WIDTH, k] + 0.1:
                    blocked = True
        if tight:
            score -= _TIGHT * dt
        if blocked:
            return (
                score - _CRASH * (1.0 + HORIZON - time) + station - begin,
                first_steering,
                first_acceleration,
            )
    return score + station - begin, first_steering, first_acceleration


@kernel
def plan(
    begin: int,
    end: int,
    params: Params,
    worlds: Worlds,
    maps: Maps,
    out: FloatArray,
) -> None:
    """Write steering angle [rad] and acceleration [m/s²] of the best manoeuvre of each world."""
    for world in range(begin, end):
        slot = worlds.slot[world]
        rightmost = maps.lane_offset[slot, 0]
        boundary = maps.lane_offset[slot, params.lanes - 1] + 0.5 * params.lane_width
        leftmost = maps.lane_offset[slot, params.all_lanes - 1]
        count = int(round((leftmost - rightmost) / SPACING)) + 1
        best = -1.0e9
        offset = worlds.ego[world, st.OFFSET]
        index = min(max(int(worlds.ego[world, st.STATION]), 0), maps.samples[slot] - 1)
        bend = abs(maps.reference[slot, index, 4])
        cruise = min(params.speed_limit, math.sqrt(2.5 / max(bend, 1e-3)))
        speeds = 1 if params.steer_task else _SPEEDS
        for k in range(count):
            target = rightmost + k * SPACING
            off_centre = abs(
                (target - rightmost) / params.lane_width - round((target - rightmost) / params.lane_width)
            )
            for choice in range(speeds * _DELAYS):
                delay = 0.9 * (choice // speeds)
                if delay > 0.0 and abs(target - offset) < SPACING:
                    continue
                pace = choice % speeds
                speed = cruise if pace == 0 else (0.45 * cruise if pace == 1 else 0.0)
                score, steering, acceleration = _imagine(world, target, delay, speed, params, worlds, maps)
                score -= 0.35 * abs(target - offset) + 2.0 * off_centre
                if target + 0.5 * st.EGO_WIDTH > boundary:
                    score -= _ONCOMING
                if score > best:
                    best = score
                    out[world, 0] = steering
                    out[world, 1] = acceleration


class ScriptedDriver:
    """Drives every world of a simulator; see the module."""

    def __init__(self, simulator: DrivingSimulator) -> None:
        """Drive the worlds of ``simulator``."""
        self._simulator = simulator
        self._plan = np.zeros((simulator.num_worlds, 2))
        self._entry: Any = None

    def actions(self) -> NDArray[Any]:
        """Return an action for each world, shape (num_worlds, *action_space.shape)."""
        simulator = self._simulator
        arguments = (simulator.params, simulator.worlds, simulator.maps, self._plan)
        if self._entry is None:
            self._entry = entry_point(plan, 0, 1, *arguments)
        self._entry(0, simulator.num_worlds, *arguments)
        steering = self._plan[:, 0]
        acceleration = self._plan[:, 1]
        if simulator.config.action == "steer":
            return 1 - np.clip(np.round(steering / st.STEER_TASK_ANGLE), -1, 1).astype(np.int64)
        scale = np.where(acceleration > 0, st.MAX_ACCELERATION, st.MAX_BRAKE)
        commands = np.clip(np.stack([steering / st.MAX_STEERING, acceleration / scale], 1), -1, 1)
        if simulator.config.action == "discrete":
            from mmenvs.driving.simulator import DISCRETE_ACTIONS

            weights = np.array([4.0, 1.0])  # a wrong steering angle costs more than a wrong pedal
            distance = ((commands[:, None] - DISCRETE_ACTIONS[None]) ** 2 * weights).sum(axis=2)
            return np.asarray(np.argmin(distance, axis=1))
        return commands.astype(np.float32)
