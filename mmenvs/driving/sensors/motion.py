"""What the car knows of itself: its motion, its place on the road, and the way ahead."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from mmenvs.core.arrays import FloatArray
from mmenvs.core.kernels import inner_function
from mmenvs.driving import state as st
from mmenvs.driving.dynamics import path_of
from mmenvs.driving.roads.compiled import R_FINISH, R_START
from mmenvs.driving.roads.lanes import place_on_path
from mmenvs.driving.roads.routes import P_LEFT, P_LIMIT, P_RIGHT
from mmenvs.driving.sensors.noise import GNSS_NOISE, IMU_NOISE, hashed_normal, place_key

if TYPE_CHECKING:
    from mmenvs.driving.roads.library import Roads
    from mmenvs.driving.state import Params, Worlds

#: Names of the ``state`` numbers; each is divided by its scale and saturates at -1 and 1.
STATE_NAMES = (
    "speed",
    "acceleration",
    "lateral_acceleration",
    "steering",
    "yaw_rate",
    "heading_error",
    "lateral_offset",
    "left_clearance",
    "right_clearance",
    "pedal",
)
#: Names of the ``motion`` numbers: what the car feels without knowing where it is.
MOTION_NAMES = ("speed", "acceleration", "lateral_acceleration", "steering", "yaw_rate", "pedal")
#: Standard deviations of a good automotive unit, at ``imu_noise=1``: wheel speed [m/s], accelerations
#: [m/s^2], yaw rate [rad/s].
SPEED_SIGMA, ACCELERATION_SIGMA, YAW_SIGMA = 0.03, 0.05, 0.003
SPEED_SCALE, ACCELERATION_SCALE, YAW_SCALE, OFFSET_SCALE, CLEARANCE_SCALE = 30.0, 8.0, 1.0, 8.0, 16.0

#: Distances of the way-points ahead [m].
LOOK_AHEAD = (5.0, 10.0, 20.0, 30.0, 50.0)
#: Names of the ``navigation`` numbers.
NAVIGATION_NAMES = (
    *(f"waypoint_{distance:.0f}_{axis}" for distance in LOOK_AHEAD for axis in "xy"), "speed_limit", "done",
)  # fmt: skip
NAVIGATION_SIZE = len(NAVIGATION_NAMES)
NAVIGATION_SCALE = 50.0


@inner_function
def _clip(
    value: float,
) -> float:
    return min(max(value, -1.0), 1.0)


@inner_function
def measure_motion(
    world: int,
    noise: float,
    worlds: Worlds,
    out: FloatArray,
) -> None:
    """Write the ``motion`` of one world; see :data:`MOTION_NAMES`.

    Args:
        world: Index of the world.
        noise: Level of noise; 1 is a good automotive unit.
        worlds: ``Worlds``.
        out: Shape (worlds, 6), float32.
    """
    ego = worlds.ego[world]
    speed, along, across, turning = (
        ego[st.SPEED],
        ego[st.ACCELERATION],
        ego[st.SIDE_ACCELERATION],
        ego[st.YAW_RATE],
    )
    if noise > 0.0:
        key = place_key(world, IMU_NOISE, worlds)
        speed += noise * SPEED_SIGMA * hashed_normal(key, 0)
        along += noise * ACCELERATION_SIGMA * hashed_normal(key, 1)
        across += noise * ACCELERATION_SIGMA * hashed_normal(key, 2)
        turning += noise * YAW_SIGMA * hashed_normal(key, 3)
    row = out[world]
    row[0] = _clip(speed / SPEED_SCALE)
    row[1] = _clip(along / ACCELERATION_SCALE)
    row[2] = _clip(across / ACCELERATION_SCALE)
    row[3] = _clip(ego[st.STEERING] / st.MAX_STEERING)
    row[4] = _clip(turning / YAW_SCALE)
    row[5] = ego[st.PEDAL]


@inner_function
def measure_state(
    world: int,
    noise: float,
    worlds: Worlds,
    roads: Roads,
    out: FloatArray,
) -> None:
    """Write the ``state`` of one world; see :data:`STATE_NAMES`.

    Args:
        world: Index of the world.
        noise: Level of noise of what the car feels; 1 is a good automotive unit.
        worlds: ``Worlds``.
        roads: ``Roads``.
        out: Shape (worlds, 10), float32.
    """
    ego = worlds.ego[world]
    here = path_of(world, worlds, roads)[worlds.ego_index[world]]
    row = out[world]
    measure_motion(world, noise, worlds, out)
    row[5] = math.sin(ego[st.HEADING_ERROR])
    row[6] = _clip(ego[st.OFFSET] / OFFSET_SCALE)
    row[7] = _clip((here[P_LEFT] - ego[st.OFFSET]) / CLEARANCE_SCALE)
    row[8] = _clip((here[P_RIGHT] + ego[st.OFFSET]) / CLEARANCE_SCALE)
    row[9] = ego[st.PEDAL]


@inner_function
def navigate(
    world: int,
    noise: float,
    params: Params,
    distances: FloatArray,
    worlds: Worlds,
    roads: Roads,
    out: FloatArray,
) -> None:
    """Write the way-points ahead in the ego frame, the speed limit and the share of the route done.

    The way-points lie on the path; x is ahead and y is left, divided by 50 m.

    Args:
        world: Index of the world.
        noise: Standard deviation of where the car believes to be, in each direction [m].
        params: ``Params``.
        distances: How far ahead each way-point lies [m], shape (5,).
        worlds: ``Worlds``.
        roads: ``Roads``.
        out: Shape (worlds, 12), float32.
    """
    ego = worlds.ego[world]
    slot = worlds.slot[world]
    row = out[world]
    path = path_of(world, worlds, roads)
    cos, sin = math.cos(ego[st.HEADING]), math.sin(ego[st.HEADING])
    last = float(len(path) - 1)
    east, north = ego[st.X], ego[st.Y]
    if noise > 0.0:
        key = place_key(world, GNSS_NOISE, worlds)
        east += noise * hashed_normal(key, 0)
        north += noise * hashed_normal(key, 1)
    for k in range(len(distances)):
        station = min(ego[st.STATION] + distances[k], last)
        x, y, _, _ = place_on_path(path, station, 0.0)
        dx, dy = x - east, y - north
        row[2 * k] = _clip((dx * cos + dy * sin) / NAVIGATION_SCALE)
        row[2 * k + 1] = _clip((dy * cos - dx * sin) / NAVIGATION_SCALE)
    route = worlds.route[world]
    way = roads.routes[slot, route]
    done = (ego[st.STATION] - way[R_START]) / (way[R_FINISH] - way[R_START])
    limit = min(params.speed_limit, path[worlds.ego_index[world], P_LIMIT])
    row[2 * len(distances)] = _clip(limit / SPEED_SCALE)
    row[2 * len(distances) + 1] = _clip(done)
