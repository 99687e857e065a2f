"""The loops over worlds that sense and photograph."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mmenvs.core.arrays import ByteArray, FloatArray, IntArray
from mmenvs.core.kernels import fast_function, inner_function, kernel
from mmenvs.driving.dynamics import path_of
from mmenvs.driving.roads.routes import P_MEANING
from mmenvs.driving.sensors.bev import overlook
from mmenvs.driving.sensors.camera import photograph, portray
from mmenvs.driving.sensors.houses import CURTAIN_ROWS
from mmenvs.driving.sensors.instruction import sentence_index
from mmenvs.driving.sensors.lidar import scan
from mmenvs.driving.sensors.motion import measure_motion, measure_state, navigate
from mmenvs.driving.sensors.radar import detect
from mmenvs.driving.sensors.sheet import Sheet, new_sheet

if TYPE_CHECKING:
    from mmenvs.driving.roads.library import Maps, Roads
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
    codes, sheet = np.empty(view.width, np.uint8), new_sheet()
    visible = np.empty(worlds.boxes.shape[1], np.int64)
    near = np.empty(maps.scenery.shape[1], np.int64)
    _observe_worlds(
        begin, end, which, params, instruments, view, worlds, roads, maps, out, zbuffer, codes, sheet,
        visible, near,
    )  # fmt: skip


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
    sheet: Sheet,
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
                sheet,
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
    codes, sheet = np.empty(out.shape[2], np.uint8), new_sheet()
    for position in range(begin, end):
        world = which[position]
        overlook(world, chart, worlds, maps, codes, sheet, out[world])


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
