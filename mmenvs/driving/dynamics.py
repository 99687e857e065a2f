"""How the ego moves: a kinematic bicycle, and where that puts it on the road."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from mmenvs.core.arrays import BoolArray, FloatArray
from mmenvs.core.kernels import fast_function, inlined_function, inner_function
from mmenvs.driving import state as st
from mmenvs.driving.roads.compiled import L_LENGTH, R_BEGIN, R_SAMPLES
from mmenvs.driving.roads.lanes import lane_at, project
from mmenvs.driving.roads.raster import CELL, code_at
from mmenvs.driving.roads.routes import P_GATE, P_GATE_LANE, P_LANE, P_LANE_STATION, P_SHIFT
from mmenvs.driving.vehicle import single_track_step
from mmenvs.driving.weather import FRICTION

if TYPE_CHECKING:
    from mmenvs.driving.roads.library import Maps, Roads
    from mmenvs.driving.state import Params, Worlds

_WRAP = 2.0 * math.pi
APPROACH = 8.0  # how far before a line it counts whether the ego has stopped [m]


@fast_function
def bicycle_step(
    x: float,
    y: float,
    heading: float,
    speed: float,
    steering: float,
    dt: float,
) -> tuple[float, float, float, float]:
    """Move a kinematic bicycle, its reference point midway between the axles, by one step.

    ``beta = atan(tan(steering) / 2)``; the point moves along ``heading + beta`` and the heading turns by
    ``speed * sin(beta) / (wheelbase / 2)`` a second (Polack et al., "The kinematic bicycle model", IV
    2017).  The step uses the heading in its middle, which is exact to second order.

    Args:
        x: East [m].
        y: North [m].
        heading: Heading [rad].
        speed: Speed [m/s].
        steering: Steering angle of the front wheels [rad], left positive.
        dt: Time step [s].

    Returns:
        New x, y, heading, and the yaw rate [rad/s].
    """
    beta = math.atan(0.5 * math.tan(steering))
    yaw_rate = speed * math.sin(beta) / (0.5 * st.WHEELBASE)
    direction = heading + beta + 0.5 * yaw_rate * dt
    x += speed * math.cos(direction) * dt
    y += speed * math.sin(direction) * dt
    heading += yaw_rate * dt
    heading -= _WRAP * math.floor((heading + math.pi) / _WRAP)
    return x, y, heading, yaw_rate


@inner_function
def _drive_dynamic(
    action_0: float,
    action_1: float,
    friction: float,
    dt: float,
    ego: FloatArray,
) -> None:
    """Move the ego as a single-track model with tyres; see :mod:`~mmenvs.driving.vehicle`."""
    speed, before = ego[st.SPEED], ego[st.STEERING]
    drive = max(action_1, 0.0) * st.MAX_ACCELERATION
    brake = max(-action_1, 0.0) * st.MAX_BRAKE
    x, y, heading, speed, side, yaw_rate, steering, along, across = single_track_step(
        ego[st.X], ego[st.Y], ego[st.HEADING], speed, ego[st.SIDE_SPEED], ego[st.YAW_RATE], before,
        action_0 * st.MAX_STEERING, drive, brake, friction, dt,
    )  # fmt: skip
    ego[st.X], ego[st.Y], ego[st.HEADING] = x, y, heading
    ego[st.SPEED], ego[st.SIDE_SPEED], ego[st.YAW_RATE] = speed, side, yaw_rate
    ego[st.STEERING], ego[st.ACCELERATION], ego[st.SIDE_ACCELERATION] = steering, along, across
    ego[st.WAIT] = ego[st.WAIT] + dt if speed < 0.4 else 0.0
    ego[st.COMMAND_CHANGE] = abs(steering - before) / st.MAX_STEERING
    ego[st.PEDAL] = action_1


@inner_function
def drive_ego(
    world: int,
    action_0: float,
    action_1: float,
    params: Params,
    worlds: Worlds,
) -> None:
    """Apply a steering and pedal command to the ego of one world.

    Args:
        world: Index of the world.
        action_0: Steering command in [-1, 1], left positive.
        action_1: Pedal in [-1, 1]: positive accelerates, negative brakes, and reverses where there is a
            reverse gear; ignored in the steer task.
        params: ``Params``.
        worlds: ``Worlds``, changed in place.
    """
    ego = worlds.ego[world]
    dt = params.dt
    speed = ego[st.SPEED]
    before = ego[st.STEERING]
    friction = FRICTION[worlds.look[world]]
    if params.dynamic:
        _drive_dynamic(action_0, action_1, st.ROAD_FRICTION * friction, dt, ego)
        return
    brake = min(st.MAX_BRAKE, st.TYRES * friction)
    if params.steer_task:
        acceleration = 0.0
        steering = action_0 * st.STEER_TASK_ANGLE
    else:
        acceleration = action_1 * (brake if action_1 * speed < 0.0 else st.MAX_ACCELERATION)
        step = st.STEERING_RATE * dt
        steering = min(max(action_0 * st.MAX_STEERING, before - step), before + step)
        # A tyre cannot give more than this lateral acceleration: the car understeers instead.
        grip = math.atan(st.MAX_LATERAL * friction * st.WHEELBASE / max(speed * speed, 1.0))
        steering = min(max(steering, -grip), grip)
    new_speed = max(speed + acceleration * dt, params.least_speed)
    if speed * new_speed < 0.0:  # between forwards and backwards the car stands still
        new_speed = 0.0
    acceleration = (new_speed - speed) / dt
    x, y, heading, yaw_rate = bicycle_step(
        ego[st.X], ego[st.Y], ego[st.HEADING], 0.5 * (speed + new_speed), steering, dt
    )
    ego[st.X], ego[st.Y], ego[st.HEADING] = x, y, heading
    ego[st.SPEED] = new_speed
    ego[st.STEERING] = steering
    ego[st.WAIT] = ego[st.WAIT] + dt if abs(new_speed) < 0.4 else 0.0
    ego[st.ACCELERATION] = acceleration
    ego[st.YAW_RATE] = yaw_rate
    ego[st.SIDE_ACCELERATION] = new_speed * yaw_rate
    ego[st.COMMAND_CHANGE] = abs(steering - before) / st.MAX_STEERING
    ego[st.PEDAL] = action_1


@inlined_function
def path_of(
    world: int,
    worlds: Worlds,
    roads: Roads,
) -> FloatArray:
    """Return the path that the ego of a world follows, a view of shape (samples, 14)."""
    slot, route = worlds.slot[world], worlds.route[world]
    begin = int(roads.routes[slot, route, R_BEGIN])
    path: FloatArray = roads.path[slot, begin : begin + int(roads.routes[slot, route, R_SAMPLES])]
    return path


@inner_function
def localise_ego(
    world: int,
    worlds: Worlds,
    roads: Roads,
) -> int:
    """Find where on its path and in which lane the ego is, and the junction ahead.

    Returns:
        The lane of a junction whose line the ego's front has passed since the last call, or -1.
    """
    ego = worlds.ego[world]
    lanes, samples = roads.lanes[worlds.slot[world]], roads.samples[worlds.slot[world]]
    path = path_of(world, worlds, roads)
    station, offset, index = project(path, ego[st.X], ego[st.Y], worlds.ego_index[world])
    worlds.ego_index[world] = index
    ego[st.PROGRESS] = station - ego[st.STATION]
    ego[st.STATION] = station
    ego[st.OFFSET] = offset
    row = path[index]
    along = math.cos(ego[st.HEADING]) * row[2] + math.sin(ego[st.HEADING]) * row[3]
    across = math.sin(ego[st.HEADING]) * row[2] - math.cos(ego[st.HEADING]) * row[3]
    ego[st.HEADING_ERROR] = math.atan2(across, along)
    lane = int(row[P_LANE])
    there = min(max(row[P_LANE_STATION] + station - index, 0.0), lanes[lane, L_LENGTH])
    found, found_station, found_offset, direction = lane_at(
        lane, there, offset + row[P_SHIFT], lanes, samples
    )
    ego[st.LANE], ego[st.LANE_STATION], ego[st.LANE_OFFSET] = found, found_station, found_offset
    ego[st.LANE_DIRECTION] = direction
    # The line is where the junction's lane begins; it is passed by the front of the car.
    passed = -1
    if ego[st.NEXT_LANE] >= 0.0 and ego[st.TO_NEXT] > 0.0 and ego[st.TO_NEXT] <= ego[st.PROGRESS]:
        passed = int(ego[st.NEXT_LANE])
    front = station + 0.5 * st.EGO_LENGTH
    ahead = path[min(max(int(front), 0), len(path) - 1)]
    ego[st.NEXT_LANE] = ahead[P_GATE_LANE]
    ego[st.TO_NEXT] = ahead[P_GATE] - front
    near = ego[st.TO_NEXT] < APPROACH
    if passed < 0:
        ego[st.SLOWEST] = min(ego[st.SLOWEST], ego[st.SPEED]) if near else 100.0
    return passed


@inner_function
def wheels_off_road(
    world: int,
    worlds: Worlds,
    maps: Maps,
    drivable: BoolArray,
) -> int:
    """Count the wheels of the ego that do not stand on a drivable cell of the raster."""
    ego = worlds.ego[world]
    slot = worlds.slot[world]
    cos, sin = math.cos(ego[st.HEADING]), math.sin(ego[st.HEADING])
    count = 0
    for wheel in range(4):
        ahead = 0.5 * st.WHEELBASE if wheel < 2 else -0.5 * st.WHEELBASE
        left = 0.42 * st.EGO_WIDTH if wheel % 2 else -0.42 * st.EGO_WIDTH
        code = code_at(
            ego[st.X] + cos * ahead - sin * left,
            ego[st.Y] + sin * ahead + cos * left,
            CELL,
            maps.origin[slot, 0],
            maps.origin[slot, 1],
            maps.level_start[slot, 0],
            maps.level_columns[slot, 0],
            maps.level_rows[slot, 0],
            maps.tile_index[slot],
            maps.tiles[slot],
            maps.swatches[slot],
        )
        if not drivable[code]:
            count += 1
    return count
