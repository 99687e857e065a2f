"""What things do to the light on the ground: shadows under and behind them, and pools of lamp light.

Pools of light are drawn before the solids, shadows on whatever ground nothing covers.  A pixel is
darkened once, however many fall on it: ``zbuffer`` remembers, with a depth just short of
:data:`~mmenvs.driving.sensors.strokes.FLAT`.

A patch of ground is described in its own frame: its centre is ``depth`` ahead of the eye and ``across``
to the right of it, and its length runs along ``cos`` ahead and ``sin`` to the right.  A row of the
picture is a line across the view, so a patch is a run of columns in each of its rows.
"""

from __future__ import annotations

import math

import numpy as np

from mmenvs.core.arrays import ByteArray, FloatArray
from mmenvs.core.kernels import inner_function
from mmenvs.driving import state as st
from mmenvs.driving.sensors.scene import Scene, turn_to_view
from mmenvs.driving.sensors.strokes import FLAT, NEAR, columns_of, enter_box

SHADED = 0.9 * FLAT
_FARTHEST = 70.0  # beyond it neither a long shadow nor a pool of light is drawn [m]
_THINNEST = 1.0  # rows that they must cover to be drawn
_PARALLEL = 1.0e-6


@inner_function
def _rows_of(
    scene: Scene,
    depth: float,
    across: float,
    cos: float,
    sin: float,
    half_length: float,
    half_width: float,
) -> tuple[int, int]:
    """Return the range of rows that a patch may cover; none if it cannot show or is but a line."""
    deep = abs(cos) * half_length + abs(sin) * half_width
    far = depth + deep
    if far < NEAR or depth - deep > min(_FARTHEST, scene.clear_reach):
        return 0, 0
    if abs(across) > far * scene.spread + abs(sin) * half_length + abs(cos) * half_width:
        return 0, 0
    drop = scene.focal * scene.mount_height
    low, high = drop / far, drop / max(depth - deep, NEAR)
    if high - low < _THINNEST:
        return 0, 0
    first = max(int(math.ceil(scene.horizon + low - 0.5)), scene.horizon)
    return first, min(int(math.ceil(scene.horizon + high - 0.5)), scene.height)


@inner_function
def _darken(
    scene: Scene,
    depth: float,
    zbuffer: FloatArray,
    rgb: ByteArray,
) -> None:
    """Darken the ground pixels of a run of columns; the arrays are those of the run."""
    share = scene.shadow
    if scene.exact:  # what the air adds to the ground, no shadow takes away
        share = 1.0 - (1.0 - share) * math.exp(-depth * scene.extinction)
    factor = np.uint32(share * 256.0)
    for column in range(len(zbuffer)):
        if zbuffer[column] > SHADED:
            zbuffer[column] = SHADED
            for channel in range(3):
                rgb[column, channel] = (np.uint32(rgb[column, channel]) * factor) >> np.uint32(8)


@inner_function
def _under_box(
    scene: Scene,
    depth: float,
    across: float,
    cos: float,
    sin: float,
    half_length: float,
    half_width: float,
    zbuffer: FloatArray,
    rgb: ByteArray,
) -> None:
    """Darken the ground under a box, column by column, so that it meets the box's own edges."""
    first, last = columns_of(scene, depth, across, cos, sin, half_length, half_width)
    origin_a = -(depth * cos + across * sin)
    origin_b = across * cos - depth * sin
    drop = scene.focal * scene.mount_height
    for column in range(first, last):
        slope = (column + 0.5 - 0.5 * scene.width) / scene.focal
        enter, leave, _face, _a, _b = enter_box(slope, origin_a, origin_b, cos, sin, half_length, half_width)
        if enter >= FLAT:
            continue
        bottom = min(int(math.ceil(scene.horizon + drop / enter - 0.5)), scene.height)
        top = max(int(math.ceil(scene.horizon + drop / leave - 0.5)), scene.horizon)
        for row in range(top, bottom):
            _darken(scene, enter, zbuffer[row, column : column + 1], rgb[row, column : column + 1])


@inner_function
def _between(
    offset: float,
    slope: float,
    half: float,
    low: float,
    high: float,
) -> tuple[float, float]:
    """Clip an interval of ``t`` to where ``|offset + slope * t| <= half``."""
    if abs(slope) < _PARALLEL:
        return (low, high) if abs(offset) <= half else (1.0, 0.0)
    middle, reach = -offset / slope, half / abs(slope)
    return max(low, middle - reach), min(high, middle + reach)


@inner_function
def cast_box(
    scene: Scene,
    x: float,
    y: float,
    heading_cos: float,
    heading_sin: float,
    half_length: float,
    half_width: float,
    height: float,
    zbuffer: FloatArray,
    rgb: ByteArray,
) -> None:
    """Darken the ground where the shadow of an upright box falls.

    It is the base of the box swept along the direction of the light: a hexagon, the intersection of
    three slabs, two along the box's axes and one along the sweep.

    Args:
        scene: The eye.
        x: Centre of the box, east [m].
        y: Centre of the box, north [m].
        heading_cos: Cosine of its heading.
        heading_sin: Sine of its heading.
        half_length: Half of its length [m].
        half_width: Half of its width [m].
        height: Its height [m].
        zbuffer: See :mod:`~mmenvs.driving.sensors.strokes`.
        rgb: The picture.
    """
    cast_x, cast_y = scene.cast_x * height, scene.cast_y * height
    dx, dy = x + 0.5 * cast_x - scene.x, y + 0.5 * cast_y - scene.y
    depth, across = turn_to_view(scene, dx, dy)
    cos, sin = turn_to_view(scene, heading_cos, heading_sin)
    sweep_a = cast_x * heading_cos + cast_y * heading_sin
    sweep_b = cast_y * heading_cos - cast_x * heading_sin
    sweep = max(math.sqrt(sweep_a * sweep_a + sweep_b * sweep_b), _PARALLEL)
    long, wide = half_length + 0.5 * abs(sweep_a), half_width + 0.5 * abs(sweep_b)
    first, last = _rows_of(scene, depth, across, cos, sin, long, wide)
    normal_a, normal_b = -sweep_b / sweep, sweep_a / sweep
    third = abs(normal_a) * half_length + abs(normal_b) * half_width
    drop = scene.focal * scene.mount_height
    for row in range(first, last):
        away = drop / (row + 0.5 - scene.horizon)
        ahead = away - depth
        low, high = _between(ahead * cos, sin, long, -1.0e4, 1.0e4)
        low, high = _between(ahead * sin, -cos, wide, low, high)
        low, high = _between(
            ahead * (normal_a * cos + normal_b * sin), normal_a * sin - normal_b * cos, third, low, high
        )
        begin, end = _columns(scene, away, across + low, across + high)
        if begin < end:
            _darken(scene, away, zbuffer[row, begin:end], rgb[row, begin:end])


@inner_function
def _columns(
    scene: Scene,
    depth: float,
    left: float,
    right: float,
) -> tuple[int, int]:
    """Return the range of columns between two points of a row [m to the right of the axis]."""
    scale = scene.focal / depth
    begin = max(left * scale + 0.5 * scene.width - 0.5, -1.0)
    end = min(right * scale + 0.5 * scene.width - 0.5, scene.width)
    return max(int(math.ceil(begin)), 0), min(int(math.ceil(end)), scene.width)


@inner_function
def draw_shadow(
    scene: Scene,
    box: FloatArray,
    zbuffer: FloatArray,
    rgb: ByteArray,
) -> None:
    """Darken the ground under one box of the world and, when the sun is low, behind it."""
    x, y = np.float64(box[st.B_X]), np.float64(box[st.B_Y])
    dx, dy = x + 0.1 - scene.x, y + 0.1 - scene.y
    depth, across = turn_to_view(scene, dx, dy)
    radius = np.float64(box[st.B_RADIUS])
    heading_cos, heading_sin = np.float64(box[st.B_COS]), np.float64(box[st.B_SIN])
    half_length, half_width = np.float64(box[st.B_HALF_LENGTH]), np.float64(box[st.B_HALF_WIDTH])
    if scene.cast_x != 0.0 or scene.cast_y != 0.0:
        high = np.float64(box[st.B_HEIGHT])
        cast_box(scene, x, y, heading_cos, heading_sin, half_length, half_width, high, zbuffer, rgb)
    # Farther away the shadow is thinner than a pixel.
    if depth * depth > 3.0 * radius * scene.focal * scene.mount_height:
        return
    cos, sin = turn_to_view(scene, heading_cos, heading_sin)
    more = 0.12 if box[st.B_KIND] < st.CYCLIST else -0.06
    _under_box(scene, depth, across, cos, sin, half_length + more, half_width + more, zbuffer, rgb)


@inner_function
def _chord(
    ahead: float,
    cos: float,
    sin: float,
    inverse_length: float,
    inverse_width: float,
) -> tuple[float, float]:
    """Return where a row, ``ahead`` of an ellipse's centre, crosses it: middle and half of the chord."""
    p, q = ahead * cos * inverse_length, ahead * sin * inverse_width
    r, s = sin * inverse_length, -cos * inverse_width
    square = r * r + s * s
    middle = -(p * r + q * s) / square
    rest = middle * middle - (p * p + q * q - 1.0) / square
    return middle, math.sqrt(max(rest, 0.0))


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
    depth, across = turn_to_view(scene, dx, dy)
    length = math.sqrt(scene.cast_x * scene.cast_x + scene.cast_y * scene.cast_y)
    long = radius + 0.5 * (high - low) * length
    cast_ahead, cast_aside = turn_to_view(scene, scene.cast_x, scene.cast_y)
    cos, sin = cast_ahead / length, cast_aside / length
    first, last = _rows_of(scene, depth, across, cos, sin, long, radius)
    drop = scene.focal * scene.mount_height
    for row in range(first, last):
        away = drop / (row + 0.5 - scene.horizon)
        centre, half = _chord(away - depth, cos, sin, 1.0 / long, 1.0 / radius)
        begin, end = _columns(scene, away, across + centre - half, across + centre + half)
        if begin < end:
            _darken(scene, away, zbuffer[row, begin:end], rgb[row, begin:end])


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
    depth, across = turn_to_view(scene, dx, dy)
    cos, sin = turn_to_view(scene, heading_cos, heading_sin)
    first, last = _rows_of(scene, depth, across, cos, sin, half_length, half_width)
    drop = scene.focal * scene.mount_height
    fade = math.exp(-max(depth, 0.0) * scene.extinction)
    for row in range(first, last):
        away = drop / (row + 0.5 - scene.horizon)
        ahead = away - depth
        centre, half = _chord(ahead, cos, sin, 1.0 / half_length, 1.0 / half_width)
        begin, end = _columns(scene, away, across + centre - half, across + centre + half)
        step = away / scene.focal
        for column in range(begin, end):
            t = (column + 0.5 - 0.5 * scene.width) * step - across
            u, v = (ahead * cos + t * sin) / half_length, (ahead * sin - t * cos) / half_width
            falloff = max(1.0 - u * u - v * v, 0.0)
            r, g, b = (
                np.float64(rgb[row, column, 0]),
                np.float64(rgb[row, column, 1]),
                np.float64(rgb[row, column, 2]),
            )
            # What the ground was tells how well it reflects; paint stays brighter than asphalt.
            gain = falloff * falloff * fade * (0.45 + (r + g + b) * (1.0 / 90.0))
            rgb[row, column, 0] = min(r + red * gain, 255.0)
            rgb[row, column, 1] = min(g + green * gain, 255.0)
            rgb[row, column, 2] = min(b + blue * gain, 255.0)
