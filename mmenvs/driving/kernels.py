"""The loops over worlds that start an episode and advance a step."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mmenvs.core.arrays import BoolArray, FloatArray, IntArray
from mmenvs.core.kernels import inner_function, kernel
from mmenvs.core.random import integer_below, mix, uniform, uniform_between
from mmenvs.driving import state as st
from mmenvs.driving.actors.lists import Lists, items_needed, make_lists
from mmenvs.driving.actors.obstacles import place_obstacles
from mmenvs.driving.actors.people import place_people, place_people_boxes, step_people
from mmenvs.driving.actors.signals import set_lights
from mmenvs.driving.actors.spawn import place_traffic
from mmenvs.driving.actors.traffic import step_traffic
from mmenvs.driving.collision import ego_collides, place_cars
from mmenvs.driving.dynamics import drive_ego, localise_ego, path_of
from mmenvs.driving.judging import judge, take_stock
from mmenvs.driving.metrics.episode import start_metrics
from mmenvs.driving.rewards import failed, reward_terms
from mmenvs.driving.roads.compiled import L_LEFT, L_RIGHT, R_START
from mmenvs.driving.roads.lanes import lane_width, place_on_path
from mmenvs.driving.roads.routes import P_LANE, P_LANE_STATION, P_LIMIT
from mmenvs.driving.weather import draw_look

if TYPE_CHECKING:
    from mmenvs.driving.roads.library import Maps, Roads
    from mmenvs.driving.state import Params, Worlds


_WORDING_SALT = np.uint64(0x776F7264)


class Verdicts(NamedTuple):
    """What is said of each world after a step; the first axis is the world.

    Attributes:
        rewards: (worlds,) float64.
        terminated: (worlds,) bool.
        terms: (worlds, terms) float64, the parts of the reward; see :mod:`~mmenvs.driving.rewards`.
        metrics: (worlds, METRIC_COLUMNS) float64, what the metrics remember of the episode.
        scores: (worlds, METRICS) float64, the metrics by now; see :mod:`~mmenvs.driving.metrics.episode`.
    """

    rewards: NDArray[np.float64]
    terminated: NDArray[np.bool_]
    terms: NDArray[np.float64]
    metrics: NDArray[np.float64]
    scores: NDArray[np.float64]


@inner_function
def _place_ego_box(
    world: int,
    worlds: Worlds,
) -> None:
    ego = worlds.ego[world]
    box = worlds.ego_box[world]
    box[st.B_X], box[st.B_Y] = ego[st.X], ego[st.Y]
    box[st.B_COS], box[st.B_SIN] = math.cos(ego[st.HEADING]), math.sin(ego[st.HEADING])
    box[st.B_HALF_LENGTH], box[st.B_HALF_WIDTH] = 0.5 * st.EGO_LENGTH, 0.5 * st.EGO_WIDTH
    box[st.B_HEIGHT], box[st.B_KIND], box[st.B_HUE] = st.EGO_HEIGHT, st.CAR, 0.6
    box[st.B_RADIUS] = 0.5 * (st.EGO_LENGTH + st.EGO_WIDTH)


@inner_function
def _start_ego(
    world: int,
    params: Params,
    worlds: Worlds,
    roads: Roads,
) -> None:
    """Put the ego on its route, in any lane of the route's direction that leads on to the same place."""
    slot, route = worlds.slot[world], worlds.route[world]
    stream = worlds.random
    ego = worlds.ego[world]
    ego[:] = 0.0
    lanes, samples = roads.lanes[slot], roads.samples[slot]
    start = roads.routes[slot, route, R_START]
    path = path_of(world, worlds, roads)
    offset = uniform_between(stream, world, -0.3, 0.3)
    if params.any_lane:
        row = path[int(start)]
        lane, station = int(row[P_LANE]), row[P_LANE_STATION]
        count, leftmost = 1, lane
        while lanes[leftmost, L_LEFT] >= 0:
            leftmost = int(lanes[leftmost, L_LEFT])
            count += 1
        rightmost, to_right = lane, 0
        while lanes[rightmost, L_RIGHT] >= 0:
            rightmost = int(lanes[rightmost, L_RIGHT])
            to_right += 1
        place = integer_below(stream, world, count + to_right) - to_right
        offset += place * lane_width(lane, station, lanes, samples)
    x, y, cos, sin = place_on_path(path, start, offset)
    ego[st.X], ego[st.Y] = x, y
    ego[st.HEADING] = math.atan2(sin, cos) + uniform_between(stream, world, -0.03, 0.03)
    ego[st.SPEED] = (
        params.pace if params.steer_task else 0.5 * min(params.speed_limit, path[int(start), P_LIMIT])
    )
    ego[st.STATION] = start
    ego[st.NEXT_LANE] = -1.0
    ego[st.SLOWEST] = 100.0
    worlds.ego_index[world] = int(start)
    localise_ego(world, worlds, roads)
    ego[st.PROGRESS] = 0.0


@kernel
def reset_worlds(
    begin: int,
    end: int,
    which: IntArray,
    params: Params,
    looks: IntArray,
    worlds: Worlds,
    roads: Roads,
    metrics: FloatArray,
) -> None:
    """Start an episode in the worlds ``which[begin:end]``, whose slot, route and streams are set."""
    lists = make_lists(roads.lanes.shape[1], items_needed(worlds.cars.shape[2], worlds.obstacles.shape[2]))
    _reset_worlds(begin, end, which, params, looks, worlds, roads, metrics, lists)


@inner_function
def _reset_worlds(
    begin: int,
    end: int,
    which: IntArray,
    params: Params,
    looks: IntArray,
    worlds: Worlds,
    roads: Roads,
    metrics: FloatArray,
    lists: Lists,
) -> None:
    """Do it; the scratch has been allocated."""
    for position in range(begin, end):
        world = which[position]
        worlds.look[world] = draw_look(worlds.random[world], looks)
        draw = mix(worlds.random[world] ^ _WORDING_SALT) % np.uint64(params.wordings)
        worlds.wording[world] = params.first_wording + np.int64(draw)
        worlds.flags[world] = False
        worlds.steps[world] = 0
        worlds.spot[world] = worlds.route[world] if params.parking else -1
        worlds.phase[world] = 1000.0 * uniform(worlds.random, world)
        _start_ego(world, params, worlds, roads)
        _place_ego_box(world, worlds)
        set_lights(world, params.dt, worlds, roads)
        place_obstacles(world, params, worlds, roads)
        place_traffic(world, params, worlds, roads, lists)
        place_cars(world, worlds, roads)
        place_people(world, params, worlds, roads)
        place_people_boxes(world, worlds, roads)
        start_metrics(metrics[world])


@kernel
def step_worlds(
    begin: int,
    end: int,
    which: IntArray,
    actions: FloatArray,
    params: Params,
    drivable: BoolArray,
    worlds: Worlds,
    roads: Roads,
    maps: Maps,
    verdicts: Verdicts,
) -> None:
    """Advance the worlds ``which[begin:end]`` by one step."""
    lists = make_lists(roads.lanes.shape[1], items_needed(worlds.cars.shape[2], worlds.obstacles.shape[2]))
    _step_worlds(begin, end, which, actions, params, drivable, worlds, roads, maps, verdicts, lists)


@inner_function
def _step_worlds(
    begin: int,
    end: int,
    which: IntArray,
    actions: FloatArray,
    params: Params,
    drivable: BoolArray,
    worlds: Worlds,
    roads: Roads,
    maps: Maps,
    verdicts: Verdicts,
    lists: Lists,
) -> None:
    """Do it; the scratch has been allocated."""
    for position in range(begin, end):
        world = which[position]
        worlds.steps[world] += 1
        step_traffic(world, params, worlds, roads, lists)
        step_people(world, params, worlds, roads)
        ego = worlds.ego[world]
        before_x, before_y, before_heading = ego[st.X], ego[st.Y], ego[st.HEADING]
        drive_ego(world, actions[world, 0], actions[world, 1], params, worlds)
        passed = localise_ego(world, worlds, roads)
        place_cars(world, worlds, roads)
        place_people_boxes(world, worlds, roads)
        _place_ego_box(world, worlds)
        hit = ego_collides(world, worlds)
        judge(world, passed, hit, params, drivable, worlds, roads, maps)
        flags = worlds.flags[world]
        if params.parking and failed(flags):  # a bump stops the car, and the episode goes on
            ego[st.X], ego[st.Y], ego[st.HEADING], ego[st.SPEED] = before_x, before_y, before_heading, 0.0
            ego[st.SIDE_SPEED] = ego[st.YAW_RATE] = 0.0
            localise_ego(world, worlds, roads)
            _place_ego_box(world, worlds)
        limit = min(params.speed_limit, path_of(world, worlds, roads)[worlds.ego_index[world], P_LIMIT])
        verdicts.rewards[world] = reward_terms(world, params, limit, worlds, verdicts.terms)
        verdicts.terminated[world] = flags[st.SUCCESS] or (failed(flags) and not params.parking)
        take_stock(world, hit, limit, params, worlds, roads, verdicts.metrics[world], verdicts.scores[world])
