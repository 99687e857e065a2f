"""The loops over worlds: start an episode, advance a step, sense, photograph."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mmenvs.core.arrays import BoolArray, ByteArray, FloatArray, IntArray
from mmenvs.core.kernels import fast_function, inner_function, kernel
from mmenvs.core.random import integer_below, mix, uniform, uniform_between
from mmenvs.driving import state as st
from mmenvs.driving.actors.lists import Lists, items_needed, make_lists
from mmenvs.driving.actors.obstacles import place_obstacles
from mmenvs.driving.actors.people import place_people, place_people_boxes, step_people
from mmenvs.driving.actors.signals import set_lights
from mmenvs.driving.actors.spawn import place_traffic
from mmenvs.driving.actors.traffic import step_traffic
from mmenvs.driving.collision import ego_collides, place_cars
from mmenvs.driving.dynamics import drive_ego, localise_ego, path_of, wheels_off_road
from mmenvs.driving.metrics.episode import final_metrics, start_metrics, update_metrics
from mmenvs.driving.rewards import failed, reward_terms
from mmenvs.driving.roads.compiled import L_GROUP, L_JUNCTION, L_LEFT, L_RIGHT, L_RULE, R_FINISH, R_START
from mmenvs.driving.roads.lanes import lane_width, place_on_path
from mmenvs.driving.roads.network import SIGNAL, STOP
from mmenvs.driving.roads.routes import P_LANE, P_LANE_STATION, P_LEFT, P_LIMIT, P_MEANING, P_RIGHT
from mmenvs.driving.sensors.bev import overlook
from mmenvs.driving.sensors.camera import photograph, portray
from mmenvs.driving.sensors.goal import is_parked
from mmenvs.driving.sensors.houses import CURTAIN_ROWS
from mmenvs.driving.sensors.instruction import sentence_index
from mmenvs.driving.sensors.lidar import scan
from mmenvs.driving.sensors.motion import measure_motion, measure_state, navigate
from mmenvs.driving.sensors.radar import detect
from mmenvs.driving.weather import draw_look

if TYPE_CHECKING:
    from mmenvs.driving.roads.library import Maps, Roads
    from mmenvs.driving.sensors.bev import Chart
    from mmenvs.driving.sensors.camera import View
    from mmenvs.driving.state import Params, Worlds


_WORDING_SALT = np.uint64(0x776F7264)
STOPPED = 0.5  # who has been slower than this before a stop line has stopped [m/s]
HELD_GAP = 30.0  # an ambulance this near behind the ego is held up by it [m]
HELD_STEPS = 60.0  # how many steps it may be held up


class Outputs(NamedTuple):
    """Observation buffers; the first axis is the world, and a sensor that is off has no columns.

    Attributes:
        camera: (cameras, worlds, height, width, 3) uint8.
        depth: (cameras, worlds, height, width, 1) float32.
        semantic: (cameras, worlds, height, width, 1) uint8.
        lidar: (worlds, layers * beams) float32.
        radar: (worlds, targets * 4) float32.
        state: (worlds, 10) float32.
        motion: (worlds, 6) float32.
        navigation: (worlds, 12) float32.
        instruction: (worlds, 16) int64.
    """

    camera: NDArray[np.uint8]
    depth: NDArray[np.float32]
    semantic: NDArray[np.uint8]
    lidar: NDArray[np.float32]
    radar: NDArray[np.float32]
    state: NDArray[np.float32]
    motion: NDArray[np.float32]
    navigation: NDArray[np.float32]
    instruction: NDArray[np.int64]


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


class Instruments(NamedTuple):
    """Settings and tables of the sensors other than the camera; looks are those of ``Worlds.look``.

    Attributes:
        beams: Cosine and sine of each lidar beam in the ego frame, shape (beams, 2).
        layers: Tangent of each lidar layer's angle and 1 / its cosine, shape (layers, 2).
        lidar_range: Range [m].
        lidar_sight: How far it sees under each look [m], shape (LOOKS,).
        lidar_noise: Standard deviation of a reading [m].
        lidar_rain: What rain adds to it under each look, per metre of distance, shape (LOOKS,).
        lidar_dropout: Share of beams lost under each look, shape (LOOKS,).
        radar_range: Range [m].
        radar_sight: How far it sees under each look [m], shape (LOOKS,).
        radar_half_angle: Half of the opening angle [rad].
        radar_noise: Level of noise under each look, shape (LOOKS,).
        look_ahead: Distances of the way-points [m], shape (5,).
        imu_noise: Level of noise of what the car feels.
        gnss_noise: Standard deviation of where it believes to be [m].
        sentences: Tokens of every sentence, shape (sentences, 16).
    """

    beams: NDArray[np.float64]
    layers: NDArray[np.float64]
    lidar_range: float
    lidar_sight: NDArray[np.float64]
    lidar_noise: float
    lidar_rain: NDArray[np.float64]
    lidar_dropout: NDArray[np.float64]
    radar_range: float
    radar_sight: NDArray[np.float64]
    radar_half_angle: float
    radar_noise: NDArray[np.float64]
    look_ahead: NDArray[np.float64]
    imu_noise: float
    gnss_noise: float
    sentences: NDArray[np.int64]


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


@fast_function
def sentence_of(
    world: int,
    worlds: Worlds,
    roads: Roads,
) -> int:
    """Return which sentence is said in a world now, a row of ``Instruments.sentences``."""
    meaning = int(path_of(world, worlds, roads)[worlds.ego_index[world], P_MEANING])
    return int(sentence_index(meaning, worlds.wording[world]))


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
    zbuffer = np.empty((view.height + CURTAIN_ROWS, view.width), np.float32)
    codes = np.empty(view.width, np.uint8)
    visible = np.empty(worlds.boxes.shape[1], np.int64)
    near = np.empty(maps.scenery.shape[1], np.int64)
    _observe_worlds(
        begin, end, which, params, instruments, view, worlds, roads, maps, out, zbuffer, codes, visible, near
    )


@inner_function
def _observe_worlds(
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
    zbuffer: FloatArray,
    codes: ByteArray,
    visible: IntArray,
    near: IntArray,
) -> None:
    """Do it; the scratch has been allocated."""
    pictures = out.camera.shape[2] + out.depth.shape[2] + out.semantic.shape[2] > 0
    for position in range(begin, end):
        world = which[position]
        look = worlds.look[world]
        for camera in range(len(view.yaws) if pictures else 0):
            photograph(
                world,
                camera,
                view,
                worlds,
                maps,
                zbuffer,
                codes,
                visible,
                near,
                out.camera[camera, world],
                out.semantic[camera, world],
                out.depth[camera, world],
            )
        if out.lidar.shape[1]:
            scan(
                world,
                instruments.lidar_range,
                instruments.lidar_sight[look],
                instruments.lidar_noise,
                instruments.lidar_rain[look],
                instruments.lidar_dropout[look],
                instruments.beams,
                instruments.layers,
                worlds,
                maps,
                out.lidar,
            )
        if out.radar.shape[1]:
            detect(
                world,
                instruments.radar_range,
                instruments.radar_sight[look],
                instruments.radar_half_angle,
                instruments.radar_noise[look],
                worlds,
                out.radar,
            )
        if out.state.shape[1]:
            measure_state(world, instruments.imu_noise, worlds, roads, out.state)
        if out.motion.shape[1]:
            measure_motion(world, instruments.imu_noise, worlds, out.motion)
        if out.navigation.shape[1]:
            navigate(
                world, instruments.gnss_noise, params, instruments.look_ahead, worlds, roads, out.navigation
            )
        if out.instruction.shape[1]:
            sentence = sentence_of(world, worlds, roads)
            for k in range(out.instruction.shape[1]):
                out.instruction[world, k] = instruments.sentences[sentence, k]


@kernel
def overlook_worlds(
    begin: int,
    end: int,
    which: IntArray,
    chart: Chart,
    worlds: Worlds,
    maps: Maps,
    out: ByteArray,
) -> None:
    """Draw the worlds ``which[begin:end]`` from above into ``out``, shape (worlds, height, width, 1 or 3)."""
    codes = np.empty(out.shape[2], np.uint8)
    for position in range(begin, end):
        world = which[position]
        overlook(world, chart, worlds, maps, codes, out[world])


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
    zbuffer = np.empty((view.height + CURTAIN_ROWS, view.width), np.float32)
    visible = np.empty(worlds.boxes.shape[1], np.int64)
    near = np.empty(maps.scenery.shape[1], np.int64)
    semantic = np.empty((0, 0, 1), np.uint8)
    for world in range(begin, end):
        portray(world, view, worlds, maps, zbuffer, visible, near, rgb, semantic)
