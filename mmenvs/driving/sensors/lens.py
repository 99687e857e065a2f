"""What lies between the scene and the picture: rain, glare of a low sun, and the noise of the chip.

None of it is part of the world, so none of it draws from the world's stream: it is a hash of where the
car is and when, and switching a sensor on changes neither the world nor another sensor.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mmenvs.core.arrays import ByteArray
from mmenvs.core.kernels import inner_function
from mmenvs.core.random import derive
from mmenvs.driving.sensors import scene as sc
from mmenvs.driving.sensors.noise import CAMERA_NOISE, place_key
from mmenvs.driving.sensors.scene import Scene
from mmenvs.driving.weather import Look

if TYPE_CHECKING:
    from mmenvs.driving.sensors.camera import View
    from mmenvs.driving.state import Worlds

GRAIN_SIZE = 8192  # numbers in the table of noise, a power of two
_GRAIN_RUN = 4096  # bytes that take one run of the table
_GRAIN_STEP = 5003  # from run to run in the table: odd, so that no pattern shows
_GLITTER = 0.11  # half-angle of the glitter on the road under the sun [rad]


def grain_table(deviation: float) -> NDArray[np.int8]:
    """Return normal noise in levels of 255, which repeats once: shape (2 * GRAIN_SIZE,)."""
    noise = np.random.default_rng(3).normal(0.0, deviation, GRAIN_SIZE)
    return np.tile(np.clip(np.round(noise), -127, 127).astype(np.int8), 2)


def glare_veil(look: Look, height: int, width: int, horizon: int, focal: float) -> NDArray[np.uint8]:
    """Return what the glare of a low sun adds to a picture three times as wide, the sun in its middle.

    Returns:
        Shape (height, 9 * width).
    """
    weather = look.weather
    right = (np.arange(3 * width) + 0.5 - 1.5 * width)[None] / focal
    down = (np.arange(height) + 0.5 - horizon)[:, None] / focal + math.tan(
        math.radians(weather.sun_elevation)
    )
    away = np.sqrt(right**2 + down**2)
    veil = 0.32 * np.exp(-away / 0.11) + 0.22 * np.exp(-away / 0.45)
    below = np.clip((np.arange(height) + 0.5 - horizon)[:, None] / focal, 0, None)
    path = 0.3 * np.exp(-((right / (_GLITTER * (1 + 1.5 * below))) ** 2) - below / 0.5) * (below > 0)
    colour = veil[..., None] * np.array([255.0, 232.0, 190.0]) + path[..., None] * np.array(
        [255.0, 214.0, 150.0]
    )
    shown = np.clip(np.round(weather.glare * colour), 0, 255).astype(np.uint8)
    return np.asarray(shown.reshape(height, -1))


@inner_function
def _streaks(
    scene: Scene,
    rain: float,
    key: np.uint64,
    rgb: ByteArray,
) -> None:
    """Draw falling drops, blurred to slanted streaks; their number grows with the rain rate [mm/h]."""
    count = int((24.0 + 0.00045 * scene.width * scene.height) * math.sqrt(rain * 0.04))
    thick = max(scene.height // 400, 1)
    for streak in range(count):
        bits = derive(key, np.uint64(streak))
        near = np.float64(bits & np.uint64(255)) * (1.0 / 255.0)
        length = (0.035 + 0.085 * near * near) * scene.height + 1.5
        column = np.float64((bits >> np.uint64(8)) & np.uint64(65535)) * (scene.width / 65536.0)
        top = np.float64((bits >> np.uint64(24)) & np.uint64(65535)) * (1.2 / 65536.0) - 0.15
        top *= scene.height
        slant = -0.16 + 0.08 * near
        opacity = 0.15 + 0.2 * near
        for row in range(max(int(top), 0), min(int(top + length), scene.height)):
            t = (row + 0.5 - top) / length
            alpha = opacity * min(4.0 * t * (1.0 - t), 1.0)
            left = int(column + slant * (row - top))
            for place in range(max(left, 0), min(left + thick, scene.width)):
                for channel in range(3):
                    bright = 214.0 + 6.0 * channel
                    was = np.float64(rgb[row, place, channel])
                    rgb[row, place, channel] = was + (bright - was) * alpha


@inner_function
def _veil(
    veil: ByteArray,
    sun: float,
    scene: Scene,
    rgb: ByteArray,
) -> None:
    """Add the glare of a sun in a column, which may lie outside the picture."""
    start = int(math.floor(1.5 * scene.width - sun + 0.5))
    if start < 0 or start > 2 * scene.width:
        return
    flat = rgb.reshape(scene.height, 3 * scene.width)
    for row in range(scene.height):
        target = flat[row]
        source = veil[row, 3 * start : 3 * start + 3 * scene.width]
        for k in range(len(target)):
            target[k] = min(np.uint16(target[k]) + np.uint16(source[k]), np.uint16(255))


@inner_function
def _add_grain(
    grain: NDArray[np.int8],
    key: np.uint64,
    scene: Scene,
    rgb: ByteArray,
) -> None:
    """Add noise to every byte, run by run, each from another place of the table."""
    flat = rgb.reshape(3 * scene.width * scene.height)
    start = np.int64(key >> np.uint64(40))
    for begin in range(0, len(flat), _GRAIN_RUN):
        target = flat[begin : begin + _GRAIN_RUN]
        start = (start + _GRAIN_STEP) & (GRAIN_SIZE - 1)
        source = grain[start : start + len(target)]
        for k in range(len(source)):
            value = np.int16(target[k]) + np.int16(source[k])
            target[k] = min(max(value, np.int16(0)), np.int16(255))


@inner_function
def look_through(
    world: int,
    camera: int,
    row: int,
    scene: Scene,
    view: View,
    worlds: Worlds,
    noisy: bool,
    rgb: ByteArray,
) -> None:
    """Add glare, rain and, if ``noisy``, grain to a finished picture; ``row`` is that of the look."""
    light = view.light[row]
    rain, grain, veil = light[sc.L_RAIN], int(light[sc.L_GRAIN]), int(light[sc.L_VEIL])
    if veil >= 0:
        turn = light[sc.L_AZIMUTH] - math.atan2(scene.sin, scene.cos)
        turn -= 2.0 * math.pi * math.floor(turn / (2.0 * math.pi) + 0.5)
        if abs(turn) < 1.35:
            _veil(view.veils[veil], 0.5 * scene.width - scene.focal * math.tan(turn), scene, rgb)
    if rain > 0.0 or (noisy and grain >= 0):
        key = place_key(world, CAMERA_NOISE + camera, worlds)
        if rain > 0.0:
            _streaks(scene, rain, key, rgb)
        if noisy and grain >= 0:
            _add_grain(view.grains[grain], key, scene, rgb)
