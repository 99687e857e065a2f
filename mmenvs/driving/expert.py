"""A scripted driver: it imagines a handful of manoeuvres, and takes the one that ends best.

Each manoeuvre heads for a lateral offset from the route at a target speed.  It is rolled out for some
seconds against everybody else, who is expected to go on along his or her lane at the present speed; a
collision, the edge of the road or a line that must not be passed costs, progress pays.  The driver reads
the simulator's state, not the sensors: it is a ceiling to compare agents with, and a teacher, not a policy
to deploy.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mmenvs.core.arrays import FloatArray
from mmenvs.core.kernels import entry_point, inner_function, kernel
from mmenvs.driving import state as st
from mmenvs.driving.actors.changes import siren_behind
from mmenvs.driving.actors.junctions import clears_on_amber, may_enter, wants_grant
from mmenvs.driving.actors.lists import Lists, fill_lists, items_needed, make_lists
from mmenvs.driving.actors.signals import time_to_red
from mmenvs.driving.dynamics import path_of
from mmenvs.driving.imagination import CRASH, LOOKS, MARGIN_EDGE, foresee, imagine
from mmenvs.driving.parking_driver import park
from mmenvs.driving.roads.compiled import L_GROUP
from mmenvs.driving.roads.lanes import lane_at, lane_width
from mmenvs.driving.roads.routes import P_CURVATURE, P_LEFT, P_LIMIT, P_RIGHT, P_SHIFT

if TYPE_CHECKING:
    from mmenvs.driving.roads.library import Roads
    from mmenvs.driving.simulator import DrivingSimulator
    from mmenvs.driving.state import Params, Worlds

SPACING = 0.875  # between the offsets that are tried [m]
REACH = 8.0  # farthest offset that is tried [m]
B_BEND = 2.0  # braking before a bend [m/s^2]
LATERAL = 2.5  # lateral acceleration in bends [m/s^2]
B_LINE = 5.0  # who needs more than this to stop at a line drives on [m/s^2]
QUEUE = 60.0  # how far from a junction cars may wait to enter it [m]
_PATIENT = 6.0  # waiting for longer does not make this driver take a shorter gap [s]
_LONG = 10.0  # waiting for so long lets anybody go on amber [s]
_SPEEDS, _DELAYS = 4, 3
_SHARES = (1.0, 0.65, 0.3, 0.0)
_ONCOMING = 12.0  # what a visit to the oncoming lanes must win [m]
_OFF_ROUTE = 0.5  # what a metre beside the route costs [m]


@inner_function
def _cruise(
    world: int,
    params: Params,
    worlds: Worlds,
    roads: Roads,
) -> float:
    """Return the speed that limits and the bends ahead allow [m/s]."""
    path = path_of(world, worlds, roads)
    index = worlds.ego_index[world]
    allowed = 100.0
    for ahead in range(0, 60, 2):
        row = path[min(index + ahead, len(path) - 1)]
        bend = abs(row[P_CURVATURE])
        there = min(min(row[P_LIMIT], params.speed_limit), math.sqrt(LATERAL / max(bend, 1e-3)))
        allowed = min(allowed, math.sqrt(there * there + 2.0 * B_BEND * max(ahead - 2.0, 0.0)))
    return allowed


@inner_function
def _wall(
    world: int,
    params: Params,
    worlds: Worlds,
    roads: Roads,
    lists: Lists,
) -> float:
    """Return the station of the path beyond which the ego's centre must not go now [m]."""
    ego = worlds.ego[world]
    slot = worlds.slot[world]
    lanes, conflicts = roads.lanes[slot], roads.conflicts[slot]
    cars, lights = worlds.cars[world], worlds.lights[world]
    lane = int(ego[st.NEXT_LANE])
    distance, speed = ego[st.TO_NEXT], ego[st.SPEED]
    if lane < 0 or distance <= 0.0 or distance > 60.0 or not wants_grant(lane, lanes):
        return 1.0e9
    if speed * speed > 2.0 * B_LINE * distance + 4.0:
        return 1.0e9
    # Who has stopped already need not stand still for a second time, only wait for others.
    stopped = ego[st.SLOWEST] < 0.4
    wait = _PATIENT if stopped else min(ego[st.WAIT], _PATIENT)
    if stopped and clears_on_amber(lane, distance, _LONG, lights, lanes):
        left = time_to_red(world, int(lanes[lane, L_GROUP]), params.dt, worlds, roads)
        wait = _LONG if left > 0.5 + math.sqrt(distance) else wait  # the others stop
    near = min(distance, 5.0) if wait > 5.0 else distance
    free = may_enter(
        lane, near, speed, wait, st.EGO_LENGTH, False,
        cars, ego, False, lights, lanes, conflicts, lists,
    )  # fmt: skip
    if free:
        return 1.0e9
    wall: float = ego[st.STATION] + distance - 0.7
    return wall


@inner_function
def _keeps_right(
    world: int,
    worlds: Worlds,
    lanes: FloatArray,
) -> bool:
    """Say whether the oncoming lanes are taboo: before a junction, unless an obstacle is next in the way."""
    ego, cars, obstacles = worlds.ego[world], worlds.cars[world], worlds.obstacles[world]
    if not 0.0 <= ego[st.TO_NEXT] < QUEUE or not wants_grant(int(ego[st.NEXT_LANE]), lanes):
        return False
    lane, station = int(ego[st.LANE]), ego[st.LANE_STATION]
    if ego[st.LANE_DIRECTION] < 0.0:
        return True
    near, obstacle = station + ego[st.TO_NEXT], False
    for k in range(worlds.obstacle_count[world]):
        if int(obstacles[st.O_LANE, k]) == lane and station < obstacles[st.O_STATION, k] < near:
            near, obstacle = float(obstacles[st.O_STATION, k]), True
    for car in range(cars.shape[1]):
        there = int(cars[st.C_LANE, car]) == lane and station < cars[st.C_STATION, car] < near
        if there and cars[st.C_ACTIVE, car] > 0.5:
            return True  # they wait to enter the junction
    return not obstacle


@kernel
def plan(
    begin: int,
    end: int,
    params: Params,
    worlds: Worlds,
    roads: Roads,
    out: FloatArray,
) -> None:
    """Write steering angle [rad] and acceleration [m/s²] of the best manoeuvre of each world."""
    lists = make_lists(roads.lanes.shape[1], items_needed(worlds.cars.shape[2], worlds.obstacles.shape[2]))
    future = np.empty((worlds.boxes.shape[1], LOOKS, 6), np.float64)
    for world in range(begin, end):
        if params.parking:
            out[world, 0], out[world, 1] = park(world, worlds, roads)
            continue
        slot = worlds.slot[world]
        lanes, samples = roads.lanes[slot], roads.samples[slot]
        ego = worlds.ego[world]
        fill_lists(world, worlds, roads, lists)
        count = foresee(world, worlds, roads, future)
        cruise = _cruise(world, params, worlds, roads)
        wall = _wall(world, params, worlds, roads, lists)
        keeps_right = _keeps_right(world, worlds, lanes)
        siren = siren_behind(ego[st.LANE], ego[st.LANE_STATION], worlds.cars[world])
        row = path_of(world, worlds, roads)[worlds.ego_index[world]]
        left, right = min(row[P_LEFT], REACH), min(row[P_RIGHT], REACH)
        steps_left, steps_right = int(left / SPACING), int(right / SPACING)
        # Offsets are measured from the route, along which the lanes lie.
        lane, station = int(ego[st.LANE]), ego[st.LANE_STATION]
        width = lane_width(lane, station, lanes, samples)
        speeds = 1 if params.steer_task else _SPEEDS
        best = -1.0e9
        offset = ego[st.OFFSET]
        for k in range(-steps_right, steps_left + 1):
            target = k * SPACING
            direction = ego[st.LANE_DIRECTION]
            own, _, aside, turned = lane_at(
                lane, station, ego[st.LANE_OFFSET] + (target - offset) * direction, lanes, samples
            )
            oncoming = turned * direction < 0.0
            for choice in range(speeds * _DELAYS):
                delay = 0.9 * (choice // speeds)
                if delay > 0.0 and abs(target - offset) < SPACING:
                    continue
                speed = cruise * _SHARES[choice % speeds]
                score, steering, acceleration = imagine(
                    world, target, delay, speed, wall, count, future, params, worlds, roads
                )
                score -= 0.35 * abs(target - offset) + 2.0 * min(abs(aside) / width, 0.5)
                score -= _OFF_ROUTE * max(abs(target + row[P_SHIFT]) - 0.3, 0.0) * params.keep_route
                if oncoming:
                    score -= _ONCOMING
                if keeps_right and (oncoming or abs(aside) > 0.5 * (width - st.EGO_WIDTH) + MARGIN_EDGE):
                    score -= CRASH
                if siren and own == lane:
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
        arguments = (simulator.params, simulator.worlds, simulator.roads, self._plan)
        if self._entry is None:
            self._entry = entry_point(plan, 0, 1, *arguments)
        simulator.pool.run(self._entry, *arguments)
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
