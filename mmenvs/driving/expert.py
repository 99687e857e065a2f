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
from mmenvs.core.kernels import entry_point, fast_function, inner_function, kernel
from mmenvs.driving import state as st
from mmenvs.driving.actors.changes import siren_behind
from mmenvs.driving.actors.junctions import may_enter, wants_grant
from mmenvs.driving.actors.lists import Lists, fill_lists, items_needed, make_lists
from mmenvs.driving.actors.traffic import lateral_speed
from mmenvs.driving.collision import boxes_overlap
from mmenvs.driving.dynamics import path_of
from mmenvs.driving.parking_driver import park
from mmenvs.driving.roads.compiled import L_LENGTH, L_NEXT
from mmenvs.driving.roads.lanes import lane_at, lane_width, place_on_lane, place_on_path
from mmenvs.driving.roads.routes import P_CURVATURE, P_LEFT, P_LIMIT, P_RIGHT, P_SHIFT

if TYPE_CHECKING:
    from mmenvs.driving.roads.library import Roads
    from mmenvs.driving.simulator import DrivingSimulator
    from mmenvs.driving.state import Params, Worlds

HORIZON = 4.8  # [s]
LOOKS = 12  # how often within the horizon others are looked at
SPACING = 0.875  # between the offsets that are tried [m]
REACH = 8.0  # farthest offset that is tried [m]
MARGIN_AHEAD, MARGIN_ASIDE = 1.2, 0.35  # kept from others [m]
MARGIN_EDGE = 0.3  # kept from the edge of the asphalt [m]
MAX_TILT = 0.4  # largest angle to the road of a manoeuvre [rad]
B_BEND = 2.0  # braking before a bend [m/s^2]
LATERAL = 2.5  # lateral acceleration in bends [m/s^2]
B_LINE = 5.0  # who needs more than this to stop at a line drives on [m/s^2]
NEAR = 75.0  # how far away others are heeded [m]
_PATIENT = 6.0  # waiting for longer does not make this driver take a shorter gap [s]
_SPEEDS, _DELAYS = 4, 3
_SHARES = (1.0, 0.65, 0.3, 0.0)
_CRASH = 100.0
_TIGHT = 40.0  # price of a second within the margins [m]
_ONCOMING = 12.0  # what a visit to the oncoming lanes must win [m]
_OFF_ROUTE = 0.5  # what a metre beside the route costs [m]
_P_X, _P_Y, _P_COS, _P_SIN, _P_LENGTH, _P_WIDTH = range(6)


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


@inner_function
def _nearest_step(
    steering: float,
) -> float:
    """Return the step of the three-way task closest to a steering angle."""
    return min(max(round(steering / st.STEER_TASK_ANGLE), -1), 1)


@inner_function
def _foresee(
    world: int,
    worlds: Worlds,
    roads: Roads,
    future: FloatArray,
) -> int:
    """Write where everybody near will be, shape (others, LOOKS, 6), and return how many there are."""
    ego = worlds.ego[world]
    cars, boxes = worlds.cars[world], worlds.boxes[world]
    lanes, samples = roads.lanes[worlds.slot[world]], roads.samples[worlds.slot[world]]
    step = HORIZON / LOOKS
    count = 0
    for k in range(worlds.box_count[world]):
        box = boxes[k]
        dx, dy = box[st.B_X] - ego[st.X], box[st.B_Y] - ego[st.Y]
        if dx * dx + dy * dy > NEAR * NEAR:
            continue
        is_car = k < cars.shape[1]
        lane, station, following = 0, 0.0, -1
        if is_car:
            lane, station = int(cars[st.C_LANE, k]), float(cars[st.C_STATION, k])
            following = int(cars[st.C_NEXT, k])
        walker = box[st.B_KIND] == st.PEDESTRIAN
        for look in range(LOOKS):
            time = (look + 1) * step
            row = future[count, look]
            if is_car:
                station += cars[st.C_SPEED, k] * step
                while station > lanes[lane, L_LENGTH] and following >= 0:
                    station -= lanes[lane, L_LENGTH]
                    lane, following = following, int(lanes[following, L_NEXT])
                drift = cars[st.C_REST, k] - cars[st.C_OFFSET, k]
                reach = lateral_speed(cars[st.C_SPEED, k]) * time
                drift = min(max(drift, -reach), reach)
                x, y, cos, sin = place_on_lane(lane, station, cars[st.C_OFFSET, k] + drift, lanes, samples)
                row[_P_X], row[_P_Y], row[_P_COS], row[_P_SIN] = x, y, cos, sin
            else:
                row[_P_X] = box[st.B_X] + box[st.B_VX] * time
                row[_P_Y] = box[st.B_Y] + box[st.B_VY] * time
                row[_P_COS], row[_P_SIN] = box[st.B_COS], box[st.B_SIN]
            # People change their minds: give them more room ahead.
            row[_P_LENGTH] = box[st.B_HALF_LENGTH] + (0.9 if walker else 0.0)
            row[_P_WIDTH] = box[st.B_HALF_WIDTH] + (0.4 if walker else 0.0)
        count += 1
    return count


@inner_function
def _touches(
    x: float,
    y: float,
    cos: float,
    sin: float,
    ahead: float,
    aside: float,
    look: int,
    count: int,
    future: FloatArray,
) -> bool:
    """Say whether the ego, kept apart by margins, would touch anybody at a moment."""
    half_length, half_width = 0.5 * st.EGO_LENGTH + ahead, 0.5 * st.EGO_WIDTH + aside
    for k in range(count):
        row = future[k, look]
        dx, dy = row[_P_X] - x, row[_P_Y] - y
        reach = half_length + half_width + row[_P_LENGTH] + row[_P_WIDTH]
        if dx * dx + dy * dy > reach * reach:
            continue
        if boxes_overlap(
            x, y, cos, sin, half_length, half_width,
            row[_P_X], row[_P_Y], row[_P_COS], row[_P_SIN], row[_P_LENGTH], row[_P_WIDTH],
        ):  # fmt: skip
            return True
    return False


@inner_function
def _imagine(
    world: int,
    target: float,
    delay: float,
    speed_target: float,
    wall: float,
    count: int,
    future: FloatArray,
    params: Params,
    worlds: Worlds,
    roads: Roads,
) -> tuple[float, float, float]:
    """Roll out one manoeuvre and return its score, its first steering angle and first acceleration.

    Until ``delay`` [s] has passed the car keeps its offset: the gap beside it may still have to open.
    """
    ego = worlds.ego[world]
    path = path_of(world, worlds, roads)
    last = len(path) - 1
    dt = params.dt
    station, offset, tilt = ego[st.STATION], ego[st.OFFSET], ego[st.HEADING_ERROR]
    speed = ego[st.SPEED]
    begin = station
    keep = offset
    score, first_steering, first_acceleration = 0.0, 0.0, 0.0
    look, look_time = 0, HORIZON / LOOKS
    for step in range(int(HORIZON / dt)):
        row = path[min(max(int(station), 0), last)]
        curvature = row[P_CURVATURE]
        aim = keep if step * dt < delay else target
        steering = steering_towards(offset, tilt, speed, curvature, aim)
        acceleration = 0.0
        if params.steer_task:
            steering = _nearest_step(steering) * st.STEER_TASK_ANGLE
        else:
            acceleration = min(
                max((speed_target - speed) / 0.8, -0.9 * st.MAX_BRAKE), 0.9 * st.MAX_ACCELERATION
            )
            grip = math.atan(st.MAX_LATERAL * st.WHEELBASE / max(speed * speed, 1.0))
            steering = min(max(steering, -grip), grip)
            steering = min(max(steering, -st.MAX_STEERING), st.MAX_STEERING)
        if step == 0:
            first_steering, first_acceleration = steering, acceleration
        speed = max(speed + acceleration * dt, 0.0)
        beta = math.atan(0.5 * math.tan(steering))
        yaw_rate = speed * math.sin(beta) / (0.5 * st.WHEELBASE)
        along = speed * math.cos(tilt + beta) / max(1.0 - curvature * offset, 0.2)
        offset += speed * math.sin(tilt + beta + 0.5 * yaw_rate * dt) * dt
        station += along * dt
        tilt += (yaw_rate - curvature * along) * dt
        time = (step + 1) * dt
        price = _CRASH * (1.0 + HORIZON - time)
        half_width = 0.5 * st.EGO_WIDTH + 0.5 * st.EGO_LENGTH * abs(math.sin(tilt))
        room = min(row[P_LEFT] - offset, row[P_RIGHT] + offset) - half_width - MARGIN_EDGE
        if room < 0.0:
            score += 8.0 * room * dt
            if room < -MARGIN_EDGE:
                return score - price + station - begin, first_steering, first_acceleration
        if station > max(wall, begin + 0.05):
            return score - price + station - begin, first_steering, first_acceleration
        if time >= (look + 1) * look_time - 1e-6 and look < LOOKS:
            x, y, road_cos, road_sin = place_on_path(path, station, offset)
            cos = road_cos * math.cos(tilt) - road_sin * math.sin(tilt)
            sin = road_sin * math.cos(tilt) + road_cos * math.sin(tilt)
            ahead = MARGIN_AHEAD + 0.15 * speed
            if _touches(x, y, cos, sin, ahead, MARGIN_ASIDE, look, count, future):
                score -= _TIGHT * look_time
                if _touches(x, y, cos, sin, 0.25, 0.1, look, count, future):
                    return score - price + station - begin, first_steering, first_acceleration
            look += 1
    return score + station - begin, first_steering, first_acceleration


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
    wait = _PATIENT if ego[st.SLOWEST] < 0.4 else min(ego[st.WAIT], _PATIENT)
    near = min(distance, 5.0) if wait > 5.0 else distance
    free = may_enter(
        lane, near, speed, wait, st.EGO_LENGTH, False,
        cars, ego, False, lights, lanes, conflicts, lists,
    )  # fmt: skip
    if free:
        return 1.0e9
    wall: float = ego[st.STATION] + distance - 0.7
    return wall


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
        count = _foresee(world, worlds, roads, future)
        cruise = _cruise(world, params, worlds, roads)
        wall = _wall(world, worlds, roads, lists)
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
                score, steering, acceleration = _imagine(
                    world, target, delay, speed, wall, count, future, params, worlds, roads
                )
                score -= 0.35 * abs(target - offset) + 2.0 * min(abs(aside) / width, 0.5)
                score -= _OFF_ROUTE * max(abs(target + row[P_SHIFT]) - 0.3, 0.0) * params.keep_route
                if oncoming:
                    score -= _ONCOMING
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
