"""The loops over worlds: start an episode, advance a step, sense, photograph."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mmenvs.core.arrays import BoolArray, ByteArray, FloatArray, IntArray
from mmenvs.core.kernels import fast_function, kernel
from mmenvs.core.random import integer_below, uniform_between
from mmenvs.driving import state as st
from mmenvs.driving.collision import ego_collides, place_cars, place_obstacles, place_on_road
from mmenvs.driving.dynamics import drive_ego, localise_ego, wheels_off_road
from mmenvs.driving.rewards import reward_terms
from mmenvs.driving.sensors.bev import overlook
from mmenvs.driving.sensors.camera import photograph, portray
from mmenvs.driving.sensors.lidar import scan
from mmenvs.driving.sensors.motion import measure_state, navigate
from mmenvs.driving.sensors.radar import detect
from mmenvs.driving.traffic import place_traffic, step_traffic
from mmenvs.driving.weather import draw_look

if TYPE_CHECKING:
    from mmenvs.driving.roads.library import Maps
    from mmenvs.driving.sensors.bev import Chart
    from mmenvs.driving.sensors.camera import View
    from mmenvs.driving.state import Params, Worlds


class Outputs(NamedTuple):
    """Observation buffers; the first axis is the world, and a sensor that is off has no columns.

    Attributes:
        camera: (cameras, worlds, height, width, 3) uint8.
        depth: (cameras, worlds, height, width, 1) float32.
        semantic: (cameras, worlds, height, width, 1) uint8.
        lidar: (worlds, layers * beams) float32.
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


@kernel
def reset_worlds(
    begin: int,
    end: int,
    which: IntArray,
    params: Params,
    looks: IntArray,
    worlds: Worlds,
    maps: Maps,
) -> None:
    """Start an episode in the worlds ``which[begin:end]``, whose slot and streams are set."""
    for position in range(begin, end):
        world = which[position]
        worlds.look[world] = draw_look(worlds.random[world], looks)
        slot = worlds.slot[world]
        ego = worlds.ego[world]
        ego[:] = 0.0
        worlds.flags[world] = False
        worlds.steps[world] = 0
        reference = maps.reference[slot, : maps.samples[slot]]
        lane = integer_below(worlds.random, world, params.lanes)
        offset = maps.lane_offset[slot, lane] + uniform_between(worlds.random, world, -0.3, 0.3)
        x, y, cos, sin = place_on_road(reference, params.start, offset)
        ego[st.X], ego[st.Y] = x, y
        ego[st.HEADING] = math.atan2(sin, cos) + uniform_between(worlds.random, world, -0.03, 0.03)
        ego[st.SPEED] = params.pace if params.steer_task else 0.5 * params.speed_limit
        ego[st.STATION] = params.start
        worlds.ego_index[world] = int(params.start)
        localise_ego(world, params, worlds, maps)
        place_traffic(world, params, worlds, maps)
        place_obstacles(world, worlds, maps)
        place_cars(world, worlds, maps)
        _place_ego_box(world, worlds)


@kernel
def step_worlds(
    begin: int,
    end: int,
    which: IntArray,
    actions: FloatArray,
    params: Params,
    drivable: BoolArray,
    worlds: Worlds,
    maps: Maps,
    rewards: FloatArray,
    terminated: BoolArray,
    terms: FloatArray,
) -> None:
    """Advance the worlds ``which[begin:end]`` by one step."""
    for position in range(begin, end):
        world = which[position]
        worlds.steps[world] += 1
        step_traffic(world, params, worlds, maps)
        drive_ego(world, actions[world, 0], actions[world, 1], params, worlds)
        localise_ego(world, params, worlds, maps)
        place_cars(world, worlds, maps)
        _place_ego_box(world, worlds)
        slot = worlds.slot[world]
        offset = worlds.ego[world, st.OFFSET]
        flags = worlds.flags[world]
        flags[st.COLLISION] = ego_collides(world, worlds)
        flags[st.OFF_ROAD] = wheels_off_road(world, worlds, maps, drivable) >= 2
        failed = flags[st.COLLISION] or flags[st.OFF_ROAD]
        flags[st.SUCCESS] = not failed and worlds.ego[world, st.STATION] >= params.finish
        flags[st.WRONG_SIDE] = offset > maps.lane_offset[slot, params.lanes - 1] + 0.5 * params.lane_width
        rewards[world] = reward_terms(world, params, worlds, terms)
        terminated[world] = failed or flags[st.SUCCESS]


@kernel
def observe_worlds(
    begin: int,
    end: int,
    which: IntArray,
    params: Params,
    instruments: Instruments,
    view: View,
    worlds: Worlds,
    maps: Maps,
    out: Outputs,
) -> None:
    """Write the observations of the worlds ``which[begin:end]``."""
    zbuffer = np.empty((view.height, view.width), np.float32)
    codes = np.empty(view.width, np.uint8)
    visible = np.empty(worlds.boxes.shape[1], np.int64)
    near = np.empty(maps.scenery.shape[1], np.int64)
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
            measure_state(world, worlds, maps, out.state)
        if out.navigation.shape[1]:
            navigate(world, params, instruments.look_ahead, worlds, maps, out.navigation)


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
    zbuffer = np.empty((view.height, view.width), np.float32)
    visible = np.empty(worlds.boxes.shape[1], np.int64)
    near = np.empty(maps.scenery.shape[1], np.int64)
    semantic = np.empty((0, 0, 1), np.uint8)
    for world in range(begin, end):
        portray(world, view, worlds, maps, zbuffer, visible, near, rgb, semantic)
