"""How the ego moves: a kinematic bicycle, and where that puts it on the road."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from mmenvs.core.arrays import BoolArray
from mmenvs.core.kernels import fast_function
from mmenvs.driving import state as st
from mmenvs.driving.roads.raster import code_at, road_coordinates

if TYPE_CHECKING:
    from mmenvs.driving.roads.library import Maps
    from mmenvs.driving.state import Params, Worlds

_WRAP = 2.0 * math.pi


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


@fast_function
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
        action_1: Pedal in [-1, 1]: positive accelerates, negative brakes; ignored in the steer task.
        params: ``Params``.
        worlds: ``Worlds``, changed in place.
    """
    ego = worlds.ego[world]
    dt = params.dt
    speed = ego[st.SPEED]
    before = ego[st.STEERING]
    if params.steer_task:
        acceleration = 0.0
        steering = action_0 * st.STEER_TASK_ANGLE
    else:
        acceleration = action_1 * (st.MAX_ACCELERATION if action_1 > 0.0 else st.MAX_BRAKE)
        step = st.STEERING_RATE * dt
        steering = min(max(action_0 * st.MAX_STEERING, before - step), before + step)
        # A tyre cannot give more than this lateral acceleration: the car understeers instead.
        grip = math.atan(st.MAX_LATERAL * st.WHEELBASE / max(speed * speed, 1.0))
        steering = min(max(steering, -grip), grip)
    new_speed = max(speed + acceleration * dt, 0.0)
    acceleration = (new_speed - speed) / dt
    x, y, heading, yaw_rate = bicycle_step(
        ego[st.X], ego[st.Y], ego[st.HEADING], 0.5 * (speed + new_speed), steering, dt
    )
    ego[st.X], ego[st.Y], ego[st.HEADING] = x, y, heading
    ego[st.SPEED] = new_speed
    ego[st.STEERING] = steering
    ego[st.ACCELERATION] = acceleration
    ego[st.YAW_RATE] = yaw_rate
    ego[st.COMMAND_CHANGE] = abs(steering - before) / st.MAX_STEERING
    ego[st.PEDAL] = action_1


@fast_function
def localise_ego(
    world: int,
    params: Params,
    worlds: Worlds,
    maps: Maps,
) -> None:
    """Update station, offset and heading error of the ego, and the progress since the last call [m]."""
    ego = worlds.ego[world]
    slot = worlds.slot[world]
    samples = maps.samples[slot]
    reference = maps.reference[slot, :samples]
    station, offset, index = road_coordinates(reference, ego[st.X], ego[st.Y], worlds.ego_index[world])
    worlds.ego_index[world] = index
    ego[st.PROGRESS] = station - ego[st.STATION]
    ego[st.STATION] = station
    ego[st.OFFSET] = offset
    along = math.cos(ego[st.HEADING]) * reference[index, 2] + math.sin(ego[st.HEADING]) * reference[index, 3]
    across = math.sin(ego[st.HEADING]) * reference[index, 2] - math.cos(ego[st.HEADING]) * reference[index, 3]
    ego[st.HEADING_ERROR] = math.atan2(across, along)


@fast_function
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
            0.1,
            maps.origin[slot, 0],
            maps.origin[slot, 1],
            maps.level_start[slot, 0],
            maps.level_columns[slot, 0],
            maps.level_rows[slot, 0],
            maps.tile_index[slot],
            maps.tiles[slot],
        )
        if not drivable[code]:
            count += 1
    return count
