"""What the car knows of itself: its motion, its place on the road, and the way ahead."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from mmenvs.core.arrays import FloatArray
from mmenvs.core.kernels import fast_function
from mmenvs.driving import state as st
from mmenvs.driving.dynamics import path_of
from mmenvs.driving.roads.compiled import R_FINISH, R_START
from mmenvs.driving.roads.lanes import place_on_path
from mmenvs.driving.roads.routes import P_LEFT, P_LIMIT, P_RIGHT

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
SPEED_SCALE, ACCELERATION_SCALE, YAW_SCALE, OFFSET_SCALE, CLEARANCE_SCALE = 30.0, 8.0, 1.0, 8.0, 16.0

#: Distances of the way-points ahead [m].
LOOK_AHEAD = (5.0, 10.0, 20.0, 30.0, 50.0)
NAVIGATION_SIZE = 2 * len(LOOK_AHEAD) + 2
NAVIGATION_SCALE = 50.0


@fast_function
def _clip(
    value: float,
) -> float:
    return min(max(value, -1.0), 1.0)


@fast_function
def measure_state(
    world: int,
    worlds: Worlds,
    roads: Roads,
    out: FloatArray,
) -> None:
    """Write the ``state`` of one world; see :data:`STATE_NAMES`.

    Args:
        world: Index of the world.
        worlds: ``Worlds``.
        roads: ``Roads``.
        out: Shape (worlds, 10), float32.
    """
    ego = worlds.ego[world]
    here = path_of(world, worlds, roads)[worlds.ego_index[world]]
    row = out[world]
    row[0] = _clip(ego[st.SPEED] / SPEED_SCALE)
    row[1] = _clip(ego[st.ACCELERATION] / ACCELERATION_SCALE)
    row[2] = _clip(ego[st.SPEED] * ego[st.YAW_RATE] / ACCELERATION_SCALE)
    row[3] = _clip(ego[st.STEERING] / st.MAX_STEERING)
    row[4] = _clip(ego[st.YAW_RATE] / YAW_SCALE)
    row[5] = math.sin(ego[st.HEADING_ERROR])
    row[6] = _clip(ego[st.OFFSET] / OFFSET_SCALE)
    row[7] = _clip((here[P_LEFT] - ego[st.OFFSET]) / CLEARANCE_SCALE)
    row[8] = _clip((here[P_RIGHT] + ego[st.OFFSET]) / CLEARANCE_SCALE)
    row[9] = ego[st.PEDAL]


@fast_function
def navigate(
    world: int,
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
    for k in range(len(distances)):
        station = min(ego[st.STATION] + distances[k], last)
        x, y, _, _ = place_on_path(path, station, 0.0)
        dx, dy = x - ego[st.X], y - ego[st.Y]
        row[2 * k] = _clip((dx * cos + dy * sin) / NAVIGATION_SCALE)
        row[2 * k + 1] = _clip((dy * cos - dx * sin) / NAVIGATION_SCALE)
    route = worlds.route[world]
    way = roads.routes[slot, route]
    done = (ego[st.STATION] - way[R_START]) / (way[R_FINISH] - way[R_START])
    limit = min(params.speed_limit, path[worlds.ego_index[world], P_LIMIT])
    row[2 * len(distances)] = _clip(limit / SPEED_SCALE)
    row[2 * len(distances) + 1] = _clip(done)
