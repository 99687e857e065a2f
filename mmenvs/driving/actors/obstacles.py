"""What stands in the way: parked cars, barriers and cones on the ego's route, cars in parking spaces."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from mmenvs.core.kernels import inner_function
from mmenvs.core.random import integer_below, uniform, uniform_between
from mmenvs.driving import state as st
from mmenvs.driving.roads.compiled import (
    L_JUNCTION,
    L_LEFT,
    L_LENGTH,
    L_NEXT,
    L_RIGHT,
    N_SPOTS,
    R_BEGIN,
    R_FINISH,
    R_START,
)
from mmenvs.driving.roads.lanes import beside, place_on_lane
from mmenvs.driving.roads.routes import P_LANE, P_LANE_STATION

if TYPE_CHECKING:
    from mmenvs.driving.roads.library import Roads
    from mmenvs.driving.state import Params, Worlds

ROOM_TO_PARK = 4.0  # between the middles of the ego's parking space and of one that is taken [m]
KEEP_FROM_JUNCTION = 25.0  # no obstacle this near to either end of a lane that leads on [m]


@inner_function
def place_obstacles(
    world: int,
    params: Params,
    worlds: Worlds,
    roads: Roads,
) -> None:
    """Place the obstacles of a world and write their boxes, after those of the cars; they never move."""
    worlds.obstacle_count[world] = 0
    if params.obstacle_spacing > 0.0:
        _block_lanes(world, params, worlds, roads)
    if params.parked_share > 0.0:
        _park(world, params, worlds, roads)
    slot = worlds.slot[world]
    lanes, samples = roads.lanes[slot], roads.samples[slot]
    obstacles = worlds.obstacles[world]
    first = worlds.cars.shape[2]
    for k in range(worlds.obstacle_count[world]):
        box = worlds.boxes[world, first + k]
        lane = int(obstacles[st.O_LANE, k])
        if lane >= 0:
            x, y, cos, sin = place_on_lane(
                lane, obstacles[st.O_STATION, k], obstacles[st.O_OFFSET, k], lanes, samples
            )
            box[st.B_X], box[st.B_Y], box[st.B_COS], box[st.B_SIN] = x, y, cos, sin
        else:
            spot = roads.spots[slot, int(obstacles[st.O_STATION, k])]
            box[st.B_X], box[st.B_Y] = spot[0], spot[1]
            box[st.B_COS], box[st.B_SIN] = math.cos(spot[2]), math.sin(spot[2])
        box[st.B_HALF_LENGTH] = 0.5 * obstacles[st.O_LENGTH, k]
        box[st.B_HALF_WIDTH] = 0.5 * obstacles[st.O_WIDTH, k]
        box[st.B_HEIGHT] = obstacles[st.O_HEIGHT, k]
        box[st.B_KIND] = obstacles[st.O_KIND, k]
        box[st.B_HUE] = obstacles[st.O_HUE, k]
        box[st.B_VX] = 0.0
        box[st.B_VY] = 0.0
        box[st.B_RADIUS] = 0.5 * (obstacles[st.O_LENGTH, k] + obstacles[st.O_WIDTH, k])


@inner_function
def _add(
    world: int,
    lane: int,
    station: float,
    offset: float,
    length: float,
    width: float,
    height: float,
    kind: int,
    worlds: Worlds,
) -> None:
    """Note one obstacle, if there is room for it."""
    obstacles = worlds.obstacles[world]
    count = worlds.obstacle_count[world]
    if count >= obstacles.shape[1]:
        return
    obstacles[st.O_LANE, count] = lane
    obstacles[st.O_STATION, count] = station
    obstacles[st.O_OFFSET, count] = offset
    obstacles[st.O_LENGTH, count] = length
    obstacles[st.O_WIDTH, count] = width
    obstacles[st.O_HEIGHT, count] = height
    obstacles[st.O_KIND, count] = kind
    obstacles[st.O_HUE, count] = uniform(worlds.random, world)
    worlds.obstacle_count[world] = count + 1


@inner_function
def _block_lanes(
    world: int,
    params: Params,
    worlds: Worlds,
    roads: Roads,
) -> None:
    """Block one or two of the lanes beside the route at intervals; at least one always stays open."""
    slot, route = worlds.slot[world], worlds.route[world]
    stream = worlds.random
    lanes, samples = roads.lanes[slot], roads.samples[slot]
    way = roads.routes[slot, route]
    at = way[R_START] + uniform_between(stream, world, 0.9, 1.4) * params.obstacle_spacing
    while at < way[R_FINISH] - 12.0:
        row = roads.path[slot, int(way[R_BEGIN]) + int(at)]
        lane, station = int(row[P_LANE]), row[P_LANE_STATION]
        count = 1
        while lanes[lane, L_RIGHT] >= 0:
            other = int(lanes[lane, L_RIGHT])
            station = beside(lane, other, station, lanes, samples)
            lane = other
        leftmost = lane
        while lanes[leftmost, L_LEFT] >= 0:
            leftmost = int(lanes[leftmost, L_LEFT])
            count += 1
        blocked = min(min(params.blocked_lanes, 2 if uniform(stream, world) < 0.2 else 1), count - 1)
        first = integer_below(stream, world, count)
        remaining = lanes[lane, L_LENGTH] - station
        crowded = lanes[lane, L_NEXT] >= 0.0 and min(station, remaining) < KEEP_FROM_JUNCTION
        if lanes[lane, L_JUNCTION] >= 0 or crowded:
            blocked = 0
        for k in range(blocked):
            place, chosen = (first + k) % count, lane
            there = station
            for _ in range(place):
                other = int(lanes[chosen, L_LEFT])
                there = beside(chosen, other, there, lanes, samples)
                chosen = other
            there += uniform_between(stream, world, -1.0, 1.0)
            draw = uniform(stream, world)
            if draw < 0.45:
                pieces, kind, length, width, height = 1, st.PARKED, 4.4, 1.8, 1.5
            elif draw < 0.75:
                pieces, kind, length, width, height = 1, st.BARRIER, 0.5, 2.7, 1.0
            else:
                pieces, kind, length, width, height = 3, st.CONE, 0.45, 0.45, 0.85
            for piece in range(pieces):
                aside = (piece - 0.5 * (pieces - 1)) * 1.0 + 0.3 * (uniform(stream, world) - 0.5)
                _add(world, chosen, there + 0.8 * piece, aside, length, width, height, kind, worlds)
        at += uniform_between(stream, world, 0.75, 1.25) * params.obstacle_spacing


@inner_function
def _park(
    world: int,
    params: Params,
    worlds: Worlds,
    roads: Roads,
) -> None:
    """Fill parking spaces with cars, but never the one that the ego is to use."""
    slot = worlds.slot[world]
    for spot in range(roads.counts[slot, N_SPOTS]):
        taken = uniform(worlds.random, world) < params.parked_share
        goal = roads.spots[slot, max(worlds.spot[world], 0)]
        dx, dy = roads.spots[slot, spot, 0] - goal[0], roads.spots[slot, spot, 1] - goal[1]
        # Room to manoeuvre: the spaces beside the ego's stay free.
        near = worlds.spot[world] >= 0 and dx * dx + dy * dy < ROOM_TO_PARK * ROOM_TO_PARK
        if taken and not near:
            length = uniform_between(worlds.random, world, 3.9, 4.7)
            _add(world, -1, spot, 0.0, length, 1.82, 1.5, st.PARKED, worlds)
