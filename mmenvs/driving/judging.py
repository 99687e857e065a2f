"""What is said of a step: which rules were broken, whether the goal is reached, what the metrics are."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from mmenvs.core.arrays import BoolArray, FloatArray
from mmenvs.core.kernels import inner_function
from mmenvs.driving import state as st
from mmenvs.driving.dynamics import path_of, wheels_off_road
from mmenvs.driving.metrics.episode import final_metrics, update_metrics
from mmenvs.driving.rewards import failed
from mmenvs.driving.roads.compiled import L_GROUP, L_JUNCTION, L_RULE, R_FINISH, R_START
from mmenvs.driving.roads.lanes import lane_width
from mmenvs.driving.roads.network import SIGNAL, STOP
from mmenvs.driving.roads.routes import P_LEFT, P_RIGHT
from mmenvs.driving.sensors.goal import is_parked

if TYPE_CHECKING:
    from mmenvs.driving.roads.library import Maps, Roads
    from mmenvs.driving.state import Params, Worlds


STOPPED = 0.5  # who has been slower than this before a stop line has stopped [m/s]
HELD_GAP = 30.0  # an ambulance this near behind the ego is held up by it [m]
HELD_STEPS = 60.0  # how many steps it may be held up


@inner_function
def take_stock(
    world: int,
    hit: int,
    limit: float,
    params: Params,
    worlds: Worlds,
    roads: Roads,
    metrics: FloatArray,
    scores: FloatArray,
) -> None:
    """Take the step into account in the metrics of the episode, and write what they are by now."""
    slot = worlds.slot[world]
    ego, flags = worlds.ego[world], worlds.flags[world]
    lanes = roads.lanes[slot]
    way = roads.routes[slot, worlds.route[world]]
    lane = int(ego[st.LANE])
    half = 0.5 * lane_width(lane, ego[st.LANE_STATION], lanes, roads.samples[slot])
    in_lane = lanes[lane, L_JUNCTION] < 0.0 and abs(ego[st.LANE_OFFSET]) + 0.5 * st.EGO_WIDTH < half
    update_metrics(
        metrics, ego, worlds.boxes[world], worlds.box_count[world], 0.5 * st.EGO_LENGTH, 0.5 * st.EGO_WIDTH,
        params.dt, ego[st.SIDE_ACCELERATION], limit, ego[st.STATION] - way[R_START],
        way[R_FINISH] - way[R_START], hit, flags[st.OFF_ROAD], flags[st.WRONG_SIDE], flags[st.RED_LIGHT],
        flags[st.STOP_SIGN], flags[st.SUCCESS], in_lane,
    )  # fmt: skip
    final_metrics(metrics, scores)


@inner_function
def judge(
    world: int,
    passed: int,
    hit: int,
    params: Params,
    drivable: BoolArray,
    worlds: Worlds,
    roads: Roads,
    maps: Maps,
) -> None:
    """Write the flags of one world.

    Args:
        world: Index of the world.
        passed: Lane of a junction that the ego has just entered, -1 for none.
        hit: Box that the ego touches, -1 for none.
        params: ``Params``.
        drivable: Whether a wheel may stand on each surface code, shape (256,).
        worlds: ``Worlds``.
        roads: ``Roads``.
        maps: ``Maps``.
    """
    slot, route = worlds.slot[world], worlds.route[world]
    lanes = roads.lanes[slot]
    ego, flags = worlds.ego[world], worlds.flags[world]
    flags[st.COLLISION] = hit >= 0
    flags[st.OFF_ROAD] = wheels_off_road(world, worlds, maps, drivable) >= 2
    here = path_of(world, worlds, roads)[worlds.ego_index[world]]
    flags[st.OFF_ROUTE] = ego[st.OFFSET] > here[P_LEFT] + 2.0 or -ego[st.OFFSET] > here[P_RIGHT] + 2.0
    flags[st.WRONG_SIDE] = ego[st.LANE_DIRECTION] < 0.0
    flags[st.RED_LIGHT] = flags[st.STOP_SIGN] = False
    if passed >= 0:
        group = int(lanes[passed, L_GROUP])
        if lanes[passed, L_RULE] == SIGNAL and group >= 0:
            flags[st.RED_LIGHT] = worlds.lights[world, group] == st.RED
        elif lanes[passed, L_RULE] == STOP:
            flags[st.STOP_SIGN] = ego[st.SLOWEST] > STOPPED
    flags[st.OBSTRUCTION] = _obstructs(world, worlds)
    if params.parking:
        spot = roads.spots[slot, worlds.spot[world]]
        flags[st.OFF_ROUTE] = False
        flags[st.SUCCESS] = not failed(flags) and is_parked(
            ego[st.X], ego[st.Y], math.cos(ego[st.HEADING]), math.sin(ego[st.HEADING]), ego[st.SPEED],
            spot[0], spot[1], math.cos(spot[2]), math.sin(spot[2]),
        )  # fmt: skip
        return
    arrived = ego[st.STATION] >= roads.routes[slot, route, R_FINISH]
    flags[st.SUCCESS] = arrived and not failed(flags)


@inner_function
def _obstructs(
    world: int,
    worlds: Worlds,
) -> bool:
    """Say whether the ego has kept an ambulance behind it for too long."""
    cars, ego = worlds.cars[world], worlds.ego[world]
    if cars[st.C_KIND, 0] != st.EMERGENCY or cars[st.C_ACTIVE, 0] < 0.5:
        return False
    gap = ego[st.LANE_STATION] - cars[st.C_STATION, 0]
    held = cars[st.C_LANE, 0] == ego[st.LANE] and 0.0 < gap < HELD_GAP
    slowed = cars[st.C_SPEED, 0] < 0.75 * cars[st.C_DESIRED, 0]
    ego[st.HELD] = ego[st.HELD] + 1.0 if held and slowed else max(ego[st.HELD] - 1.0, 0.0)
    return bool(ego[st.HELD] > HELD_STEPS)
