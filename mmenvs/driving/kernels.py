"""The loops over worlds: start an episode, advance a step, sense, photograph."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mmenvs.core.arrays import BoolArray, ByteArray, FloatArray, IntArray
from mmenvs.core.kernels import fast_function, kernel
from mmenvs.core.random import integer_below, uniform, uniform_between
from mmenvs.driving import state as st
from mmenvs.driving.actors.lists import items_needed, make_lists
from mmenvs.driving.actors.obstacles import place_obstacles
from mmenvs.driving.actors.people import place_people, place_people_boxes, step_people
from mmenvs.driving.actors.signals import set_lights
from mmenvs.driving.actors.spawn import place_traffic
from mmenvs.driving.actors.traffic import step_traffic
from mmenvs.driving.collision import ego_collides, place_cars
from mmenvs.driving.dynamics import drive_ego, localise_ego, path_of, wheels_off_road
from mmenvs.driving.rewards import failed, reward_terms
from mmenvs.driving.roads.compiled import L_GROUP, L_LEFT, L_RIGHT, L_RULE, R_FINISH, R_START
from mmenvs.driving.roads.lanes import lane_width, place_on_path
from mmenvs.driving.roads.network import SIGNAL, STOP
from mmenvs.driving.roads.routes import P_LANE, P_LANE_STATION, P_LEFT, P_LIMIT, P_RIGHT
from mmenvs.driving.sensors.camera import photograph, portray
from mmenvs.driving.sensors.lidar import scan
from mmenvs.driving.sensors.motion import measure_state, navigate
from mmenvs.driving.sensors.radar import detect

if TYPE_CHECKING:
    from mmenvs.driving.roads.library import Maps, Roads
    from mmenvs.driving.sensors.camera import View
    from mmenvs.driving.state import Params, Worlds


STOPPED = 0.5  # who has been slower than this before a stop line has stopped [m/s]
HELD_GAP = 30.0  # an ambulance this near behind the ego is held up by it [m]
HELD_STEPS = 60.0  # how many steps it may be held up


class Outputs(NamedTuple):
    """Observation buffers; the first axis is the world, and a sensor that is off has no columns.

    Attributes:
        camera: (worlds, height, width, 3) uint8.
        depth: (worlds, height, width, 1) float32.
        semantic: (worlds, height, width, 1) uint8.
        lidar: (worlds, beams) float32.
        radar: (worlds, targets * 4) float32.
        state: (worlds, 10) float32.
        navigation: (worlds, 12) float32.
    """

    camera: NDArray[np.uint8]
    depth: NDArray[np.float32]
    semantic: NDArray[np.uint8]
    lidar: NDArray[np.float32]
    radar: NDArray[np.float32]
    state: NDArray[np.float32]
    navigation: NDArray[np.float32]


class Instruments(NamedTuple):
    """Settings and tables of the sensors other than the camera.

    Attributes:
        beams: Cosine and sine of each lidar beam in the ego frame, shape (beams, 2).
        lidar_range: Range [m].
        lidar_noise: Standard deviation of a reading [m].
        radar_range: Range [m].
        radar_half_angle: Half of the opening angle [rad].
        look_ahead: Distances of the way-points [m], shape (5,).
    """

    beams: NDArray[np.float64]
    lidar_range: float
    lidar_noise: float
    radar_range: float
    radar_half_angle: float
    look_ahead: NDArray[np.float64]


@fast_function
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


@fast_function
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
    ego[st.SPEED] = params.pace if params.steer_task else 0.5 * min(params.speed_limit, path[int(start), P_LIMIT])
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
    worlds: Worlds,
    roads: Roads,
) -> None:
    """Start an episode in the worlds ``which[begin:end]``, whose slot, route and streams are set."""
    lists = make_lists(
        roads.lanes.shape[1], items_needed(worlds.cars.shape[2], worlds.obstacles.shape[2])
    )
    for position in range(begin, end):
        world = which[position]
        worlds.flags[world] = False
        worlds.steps[world] = 0
        worlds.phase[world] = 1000.0 * uniform(worlds.random, world)
        _start_ego(world, params, worlds, roads)
        _place_ego_box(world, worlds)
        set_lights(world, params.dt, worlds, roads)
        place_obstacles(world, params, worlds, roads)
        place_traffic(world, params, worlds, roads, lists)
        place_cars(world, worlds, roads)
        place_people(world, params, worlds, roads)
        place_people_boxes(world, worlds, roads)


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
    rewards: FloatArray,
    terminated: BoolArray,
    terms: FloatArray,
) -> None:
    """Advance the worlds ``which[begin:end]`` by one step."""
    lists = make_lists(
        roads.lanes.shape[1], items_needed(worlds.cars.shape[2], worlds.obstacles.shape[2])
    )
    for position in range(begin, end):
        world = which[position]
        worlds.steps[world] += 1
        step_traffic(world, params, worlds, roads, lists)
        step_people(world, params, worlds, roads)
        drive_ego(world, actions[world, 0], actions[world, 1], params, worlds)
        passed = localise_ego(world, worlds, roads)
        place_cars(world, worlds, roads)
        place_people_boxes(world, worlds, roads)
        _place_ego_box(world, worlds)
        judge(world, passed, drivable, worlds, roads, maps)
        flags = worlds.flags[world]
        limit = min(params.speed_limit, path_of(world, worlds, roads)[worlds.ego_index[world], P_LIMIT])
        rewards[world] = reward_terms(world, params, limit, worlds, terms)
        terminated[world] = flags[st.SUCCESS] or failed(flags)


@fast_function
def judge(
    world: int,
    passed: int,
    drivable: BoolArray,
    worlds: Worlds,
    roads: Roads,
    maps: Maps,
) -> None:
    """Write the flags of one world; ``passed`` is the lane of a junction that the ego has just entered."""
    slot, route = worlds.slot[world], worlds.route[world]
    lanes = roads.lanes[slot]
    ego, flags = worlds.ego[world], worlds.flags[world]
    flags[st.COLLISION] = ego_collides(world, worlds) >= 0
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
    arrived = ego[st.STATION] >= roads.routes[slot, route, R_FINISH]
    flags[st.SUCCESS] = arrived and not failed(flags)


@fast_function
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


@kernel
def observe_worlds(
    begin: int,
    end: int,
    which: IntArray,
    params: Params,
    instruments: Instruments,
    view: View,
    worlds: Worlds,
    roads: Roads,
    maps: Maps,
    out: Outputs,
) -> None:
    """Write the observations of the worlds ``which[begin:end]``."""
    zbuffer = np.empty((view.height, view.width), np.float32)
    codes = np.empty(view.width, np.uint8)
    visible = np.empty(worlds.boxes.shape[1], np.int64)
    pictures = out.camera.shape[1] + out.depth.shape[1] + out.semantic.shape[1] > 0
    for position in range(begin, end):
        world = which[position]
        if pictures:
            photograph(
                world,
                view,
                worlds,
                maps,
                zbuffer,
                codes,
                visible,
                out.camera[world],
                out.semantic[world],
                out.depth[world],
            )
        if out.lidar.shape[1]:
            scan(
                world,
                instruments.lidar_range,
                instruments.lidar_noise,
                instruments.beams,
                worlds,
                maps,
                out.lidar,
            )
        if out.radar.shape[1]:
            detect(world, instruments.radar_range, instruments.radar_half_angle, worlds, out.radar)
        if out.state.shape[1]:
            measure_state(world, worlds, roads, out.state)
        if out.navigation.shape[1]:
            navigate(world, params, instruments.look_ahead, worlds, roads, out.navigation)


@kernel
def portray_worlds(
    begin: int,
    end: int,
    view: View,
    worlds: Worlds,
    maps: Maps,
    rgb: ByteArray,
) -> None:
    """Take a picture for people of the worlds ``begin`` to ``end``, each into the same ``rgb``."""
    zbuffer = np.empty((view.height, view.width), np.float32)
    visible = np.empty(worlds.boxes.shape[1], np.int64)
    semantic = np.empty((0, 0, 1), np.uint8)
    for world in range(begin, end):
        portray(world, view, worlds, maps, zbuffer, visible, rgb, semantic)
