"""Lamps that outshine their surroundings: halos of headlights, tail-lights, beacons and street lamps.

See :mod:`mmenvs.driving.sensors.strokes` for the arguments that the drawing functions share.
"""

from __future__ import annotations

import math

import numpy as np

from mmenvs.core.arrays import ByteArray, FloatArray
from mmenvs.core.kernels import inner_function
from mmenvs.driving import state as st
from mmenvs.driving.sensors.scene import Scene, turn_to_view
from mmenvs.driving.sensors.shadows import light_pool
from mmenvs.driving.sensors.strokes import NEAR

_HIDDEN = 0.6  # a lamp is hidden by what is nearer by more than this [m]
_LEAST = 1.25  # pixels: the radius of the faintest halo


@inner_function
def halo(
    scene: Scene,
    depth: float,
    across: float,
    height: float,
    size: float,
    red: float,
    green: float,
    blue: float,
    strength: float,
    zbuffer: FloatArray,
    rgb: ByteArray,
) -> None:
    """Add a soft disc of light around a lamp, and its streak on a wet road.

    Args:
        scene: The eye.
        depth: Distance of the lamp ahead [m].
        across: Distance to the right [m].
        height: Height above ground [m].
        size: Radius of the halo [m].
        red: Colour of its middle.
        green: The same.
        blue: The same.
        strength: Factor of the colour.
        zbuffer: Depths of what is drawn.
        rgb: The picture.
    """
    if depth < NEAR or strength <= 0.0:
        return
    scale = scene.focal / depth
    centre = across * scale + 0.5 * scene.width
    radius = min(max((0.5 + 0.5 * scene.lamps) * size * scale, _LEAST), 0.16 * scene.height)
    amplitude = strength * math.exp(-depth * scene.extinction)
    for part in range(2 if scene.wet > 0.5 else 1):
        middle = scene.horizon + (scene.mount_height - height) * scale
        wide, tall = radius, radius
        if part == 1:  # the mirror image, drawn out towards the eye
            middle = scene.horizon + (scene.mount_height + height) * scale
            wide, tall = 0.7 * radius, min(3.2 * radius, 0.3 * scene.height)
            amplitude *= 0.38 * scene.wet
        first, last = max(int(centre - wide), 0), min(int(centre + wide) + 1, scene.width)
        top, bottom = max(int(middle - tall), 0), min(int(middle + tall) + 1, scene.height)
        for row in range(top, bottom):
            v = (row + 0.5 - middle) / tall
            for column in range(first, last):
                u = (column + 0.5 - centre) / wide
                falloff = 1.0 - u * u - v * v
                if falloff <= 0.0 or zbuffer[row, column] < depth - _HIDDEN:
                    continue
                light = amplitude * falloff * falloff * falloff
                rgb[row, column, 0] = min(rgb[row, column, 0] + red * light, 255.0)
                rgb[row, column, 1] = min(rgb[row, column, 1] + green * light, 255.0)
                rgb[row, column, 2] = min(rgb[row, column, 2] + blue * light, 255.0)


@inner_function
def glow_vehicle(
    scene: Scene,
    box: FloatArray,
    zbuffer: FloatArray,
    rgb: ByteArray,
) -> None:
    """Draw the light of a vehicle's lamps: white towards whom it comes, red behind it, and a beacon."""
    kind = int(box[st.B_KIND])
    if kind not in (st.CAR, st.VAN, st.LORRY, st.EMERGENCY, st.CYCLIST):
        return
    dx, dy = box[st.B_X] - scene.x, box[st.B_Y] - scene.y
    heading_cos, heading_sin = np.float64(box[st.B_COS]), np.float64(box[st.B_SIN])
    half_length, half_width = np.float64(box[st.B_HALF_LENGTH]), np.float64(box[st.B_HALF_WIDTH])
    away = dx * heading_cos + dy * heading_sin
    distance = math.sqrt(dx * dx + dy * dy) + 1.0e-6
    facing = abs(away) / distance
    behind = away > 0.0
    end = -half_length if behind else half_length
    high = np.float64(box[st.B_HEIGHT])
    low = 0.78
    if kind == st.LORRY:
        low = 1.12
    elif kind in (st.VAN, st.EMERGENCY):
        low = 0.5 * high
    red, green, blue, size, strength = 255.0, 246.0, 222.0, 0.62, scene.lamps * (0.1 + 0.9 * facing * facing)
    if behind:
        red, green, blue, size = 255.0, 38.0, 22.0, 0.36
    lamps = 2
    if kind == st.CYCLIST:
        lamps, size = 1, 0.26
    elif kind == st.EMERGENCY:
        lamps = 3
    for lamp in range(lamps):
        a, b, height = float(end), float((0.74 if lamp else -0.74) * half_width), low
        if lamps == 1:
            b = 0.0
        if lamp == 2:  # the beacon flashes at all times of day, left and right in turn
            a, b = 0.3 * half_length, (0.5 if scene.step >> 1 & 1 else -0.5) * half_width
            height = high
            red, green, blue, size, strength = 40.0, 110.0, 255.0, 1.2, max(0.8, scene.lamps)
        x, y = dx + a * heading_cos - b * heading_sin, dy + a * heading_sin + b * heading_cos
        depth, across = turn_to_view(scene, x, y)
        halo(scene, depth, across, height, size, red, green, blue, strength, zbuffer, rgb)


@inner_function
def light_road(
    scene: Scene,
    box: FloatArray,
    rgb: ByteArray,
) -> None:
    """Draw at night what the headlights of another vehicle make of the road before it."""
    kind = int(box[st.B_KIND])
    if kind not in (st.CAR, st.VAN, st.LORRY, st.EMERGENCY):
        return
    cos, sin = np.float64(box[st.B_COS]), np.float64(box[st.B_SIN])
    ahead = box[st.B_HALF_LENGTH] + 7.0
    light_pool(
        scene, box[st.B_X] + cos * ahead, box[st.B_Y] + sin * ahead, cos, sin, 8.5, 3.0,
        64.0, 60.0, 50.0, rgb,
    )  # fmt: skip
