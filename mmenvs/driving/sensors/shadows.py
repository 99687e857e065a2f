"""What things do to the light on the ground: shadows under and behind them, and pools of lamp light.

They are drawn on the bare ground, before the solids.  A pixel is darkened once, however many shadows
fall on it: ``zbuffer`` remembers, with a depth just short of :data:`~mmenvs.driving.sensors.strokes.FLAT`.
"""

from __future__ import annotations

import math

import numpy as np

from mmenvs.core.arrays import ByteArray, FloatArray
from mmenvs.core.kernels import inner_function
from mmenvs.driving import state as st
from mmenvs.driving.sensors.scene import Scene
from mmenvs.driving.sensors.strokes import FLAT, NEAR, columns_of, enter_box

SHADED = 0.9 * FLAT
_CAST_REACH = 70.0  # beyond it no long shadow is drawn [m]


@inner_function
def _darken(
    scene: Scene,
    enter: float,
    leave: float,
    column: int,
    zbuffer: FloatArray,
    rgb: ByteArray,
) -> None:
    """Darken the ground of a column between two depths."""
    drop = scene.focal * scene.mount_height
    bottom = min(int(math.ceil(scene.horizon + drop / enter - 0.5)), scene.height)
    top = max(int(math.ceil(scene.horizon + drop / leave - 0.5)), scene.horizon)
    factor = np.uint32(scene.shadow * 256.0)
    for row in range(top, bottom):
        if zbuffer[row, column] > SHADED:
            zbuffer[row, column] = SHADED
            for channel in range(3):
                rgb[row, column, channel] = (np.uint32(rgb[row, column, channel]) * factor) >> np.uint32(8)


@inner_function
def cast_box(
    scene: Scene,
    x: float,
    y: float,
    heading_cos: float,
    heading_sin: float,
    half_length: float,
    half_width: float,
    cast: float,
    zbuffer: FloatArray,
    rgb: ByteArray,
) -> None:
    """Darken the ground under an upright box and where its shadow falls.

    The shadow of a box is its base swept along the direction of the light: a hexagon, the intersection
    of three slabs, two along the box's axes and one along the sweep.

    Args:
        scene: The eye.
        x: Centre of the box, east [m].
        y: Centre of the box, north [m].
        heading_cos: Cosine of its heading.
        heading_sin: Sine of its heading.
        half_length: Half of its length [m].
        half_width: Half of its width [m].
        cast: Height that casts the shadow [m]; 0 for no more than what is under the box.
        zbuffer: See :mod:`~mmenvs.driving.sensors.strokes`.
        rgb: The picture.
    """
    cast_x, cast_y = scene.cast_x * cast, scene.cast_y * cast
    dx, dy = x + 0.5 * cast_x - scene.x, y + 0.5 * cast_y - scene.y
    depth, across = dx * scene.cos + dy * scene.sin, dx * scene.sin - dy * scene.cos
    box_cos = heading_cos * scene.cos + heading_sin * scene.sin
    box_sin = heading_cos * scene.sin - heading_sin * scene.cos  # to the right, like the columns
    sweep_a = cast_x * heading_cos + cast_y * heading_sin
    sweep_b = cast_y * heading_cos - cast_x * heading_sin
    sweep = math.sqrt(sweep_a * sweep_a + sweep_b * sweep_b)
    long, wide = half_length + 0.5 * abs(sweep_a), half_width + 0.5 * abs(sweep_b)
    normal_a, normal_b = 0.0, 0.0
    if sweep > 1.0e-6:
        normal_a, normal_b = -sweep_b / sweep, sweep_a / sweep
    third = abs(normal_a) * half_length + abs(normal_b) * half_width
    first, last = columns_of(scene, depth, across, box_cos, box_sin, long, wide)
    origin_a = -(depth * box_cos + across * box_sin)
    origin_b = across * box_cos - depth * box_sin
    for column in range(first, last):
        slope = (column + 0.5 - 0.5 * scene.width) / scene.focal
        enter, leave, _face, dir_a, dir_b = enter_box(slope, origin_a, origin_b, box_cos, box_sin, long, wide)
        if enter >= FLAT:
            if sweep <= 1.0e-6 or leave < NEAR:
                continue
            enter = NEAR  # the eye may stand in a long shadow
            inside = abs(origin_a + NEAR * dir_a) < long and abs(origin_b + NEAR * dir_b) < wide
            if not inside:
                continue
        if sweep > 1.0e-6:
            at = normal_a * origin_a + normal_b * origin_b
            along = normal_a * dir_a + normal_b * dir_b
            if abs(along) < 1.0e-9:
                along = 1.0e-9
            middle, reach = -at / along, third / abs(along)
            enter, leave = max(enter, middle - reach), min(leave, middle + reach)
            if enter >= leave:
                continue
        _darken(scene, enter, leave, column, zbuffer, rgb)


@inner_function
def draw_shadow(
    scene: Scene,
    box: FloatArray,
    zbuffer: FloatArray,
    rgb: ByteArray,
) -> None:
    """Darken the ground under one box of the world and, when the sun is low, behind it."""
    dx, dy = box[st.B_X] + 0.1 - scene.x, box[st.B_Y] + 0.1 - scene.y
    depth = dx * scene.cos + dy * scene.sin
    radius = box[st.B_RADIUS]
    # Farther away the shadow is thinner than a pixel.
    if len(rgb) == 0 or depth * depth > 3.0 * radius * scene.focal * scene.mount_height:
        return
    high = np.float64(box[st.B_HEIGHT])
    cast_box(
        scene, box[st.B_X] + 0.1, box[st.B_Y] + 0.1, np.float64(box[st.B_COS]), np.float64(box[st.B_SIN]),
        box[st.B_HALF_LENGTH] + 0.12, box[st.B_HALF_WIDTH] + 0.12, high, zbuffer, rgb,
    )  # fmt: skip


@inner_function
def cast_crown(
    scene: Scene,
    x: float,
    y: float,
    radius: float,
    low: float,
    high: float,
    zbuffer: FloatArray,
    rgb: ByteArray,
) -> None:
    """Darken the ground where the crown of a plant between two heights casts its shadow: an ellipse."""
    middle = 0.5 * (low + high)
    dx, dy = x + scene.cast_x * middle - scene.x, y + scene.cast_y * middle - scene.y
    depth, across = dx * scene.cos + dy * scene.sin, dx * scene.sin - dy * scene.cos
    length = math.sqrt(scene.cast_x * scene.cast_x + scene.cast_y * scene.cast_y)
    long = radius + 0.5 * (high - low) * length
    if depth < -long or depth - long > _CAST_REACH:
        return
    # The frame of the ellipse: a along the sweep, b to its left.
    cos = (scene.cast_x * scene.cos + scene.cast_y * scene.sin) / length
    sin = (scene.cast_x * scene.sin - scene.cast_y * scene.cos) / length
    first, last = columns_of(scene, depth, across, cos, sin, long, radius)
    origin_a = -(depth * cos + across * sin) / long
    origin_b = (across * cos - depth * sin) / radius
    for column in range(first, last):
        slope = (column + 0.5 - 0.5 * scene.width) / scene.focal
        dir_a, dir_b = (cos + slope * sin) / long, (sin - slope * cos) / radius
        square = dir_a * dir_a + dir_b * dir_b
        half = origin_a * dir_a + origin_b * dir_b
        rest = half * half - square * (origin_a * origin_a + origin_b * origin_b - 1.0)
        if rest <= 0.0:
            continue
        root = math.sqrt(rest)
        enter, leave = max((-half - root) / square, NEAR), (-half + root) / square
        if leave > enter:
            _darken(scene, enter, leave, column, zbuffer, rgb)


@inner_function
def light_pool(
    scene: Scene,
    x: float,
    y: float,
    heading_cos: float,
    heading_sin: float,
    half_length: float,
    half_width: float,
    red: float,
    green: float,
    blue: float,
    rgb: ByteArray,
) -> None:
    """Brighten an ellipse of ground, most in its middle; colours are what a middle grey there gains."""
    dx, dy = x - scene.x, y - scene.y
    depth, across = dx * scene.cos + dy * scene.sin, dx * scene.sin - dy * scene.cos
    if depth < -half_length or depth - half_length > min(_CAST_REACH, scene.clear_reach):
        return
    cos = heading_cos * scene.cos + heading_sin * scene.sin
    sin = heading_cos * scene.sin - heading_sin * scene.cos
    first, last = columns_of(scene, depth, across, cos, sin, half_length, half_width)
    drop = scene.focal * scene.mount_height
    origin_a = -(depth * cos + across * sin) / half_length
    origin_b = (across * cos - depth * sin) / half_width
    fade = math.exp(-max(depth, 0.0) * scene.extinction)
    for column in range(first, last):
        slope = (column + 0.5 - 0.5 * scene.width) / scene.focal
        dir_a, dir_b = (cos + slope * sin) / half_length, (sin - slope * cos) / half_width
        square = dir_a * dir_a + dir_b * dir_b
        half = origin_a * dir_a + origin_b * dir_b
        rest = half * half - square * (origin_a * origin_a + origin_b * origin_b - 1.0)
        if rest <= 0.0:
            continue
        root = math.sqrt(rest)
        enter, leave = max((-half - root) / square, NEAR), (-half + root) / square
        if leave <= enter:
            continue
        bottom = min(int(math.ceil(scene.horizon + drop / enter - 0.5)), scene.height)
        top = max(int(math.ceil(scene.horizon + drop / leave - 0.5)), scene.horizon)
        for row in range(top, bottom):
            away = drop / (row + 0.5 - scene.horizon)
            u, v = origin_a + away * dir_a, origin_b + away * dir_b
            falloff = max(1.0 - u * u - v * v, 0.0)
            gain = falloff * falloff * fade
            # What the ground was tells how well it reflects; paint stays brighter than asphalt.
            r, g, b = (
                np.float64(rgb[row, column, 0]),
                np.float64(rgb[row, column, 1]),
                np.float64(rgb[row, column, 2]),
            )
            white = gain * (0.45 + (r + g + b) * (1.0 / 90.0))
            rgb[row, column, 0] = min(r + red * white, 255.0)
            rgb[row, column, 1] = min(g + green * white, 255.0)
            rgb[row, column, 2] = min(b + blue * white, 255.0)
