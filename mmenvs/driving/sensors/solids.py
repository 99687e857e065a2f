"""Upright boxes as a camera sees them, and the strokes of which all solids are drawn.

All of them are drawn column by column.  ``view`` is a :class:`~mmenvs.driving.sensors.camera.View`; the
eye is at ``eye_x, eye_y`` [m] and looks along ``cos, sin``; ``rgb`` has shape (height, width, 3) and
``semantic`` (height, width, 1), either of them empty when it is not wanted.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from mmenvs.core.arrays import ByteArray, FloatArray
from mmenvs.core.kernels import fast_function

if TYPE_CHECKING:
    from mmenvs.driving.sensors.camera import View

Colour = tuple[float, float, float]

NEAR = 0.25  # nothing closer to the eye is drawn [m]
SUN_X, SUN_Y = 0.5547, 0.8321  # where the light comes from, seen from above
FLAT = 1.0e9  # a depth beyond everything
_HAZE = 1.0 / 260.0


@fast_function
def span(
    row_0: float,
    row_1: float,
    column: int,
    depth: float,
    red: float,
    green: float,
    blue: float,
    label: int | np.int64,
    zbuffer: FloatArray,
    rgb: ByteArray,
    semantic: ByteArray,
) -> None:
    """Fill part of a column between two (fractional) rows where nothing nearer is drawn."""
    first = max(int(math.ceil(row_0 - 0.5)), 0)
    last = min(int(math.ceil(row_1 - 0.5)), len(zbuffer))
    for row in range(first, last):
        if depth < zbuffer[row, column]:
            zbuffer[row, column] = depth
            if len(rgb):
                rgb[row, column, 0] = red
                rgb[row, column, 1] = green
                rgb[row, column, 2] = blue
            if len(semantic):
                semantic[row, column, 0] = label


@fast_function
def _lid(
    view: View,
    row_0: float,
    row_1: float,
    column: int,
    high: float,
    red: float,
    green: float,
    blue: float,
    label: int | np.int64,
    zbuffer: FloatArray,
    rgb: ByteArray,
    semantic: ByteArray,
) -> None:
    """Fill part of a column with a level surface at a height below the eye."""
    first = max(int(math.ceil(row_0 - 0.5)), 0)
    last = min(int(math.ceil(row_1 - 0.5)), len(zbuffer))
    drop = (view.mount_height - high) * view.focal
    for row in range(first, last):
        depth = drop / max(row + 0.5 - view.horizon, 0.5)
        if depth < zbuffer[row, column]:
            zbuffer[row, column] = depth
            if len(rgb):
                rgb[row, column, 0] = red
                rgb[row, column, 1] = green
                rgb[row, column, 2] = blue
            if len(semantic):
                semantic[row, column, 0] = label


@fast_function
def clarity(
    depth: float,
) -> float:
    """Return the share of an object's own colour that reaches the eye: ``exp(-depth / 260 m)``, roughly."""
    near = max(depth, 0.0)
    return 1.0 / (1.0 + near * _HAZE + 0.5 * near * near * _HAZE * _HAZE)


@fast_function
def hazed(
    red: float,
    green: float,
    blue: float,
    shade: float,
    keep: float,
) -> Colour:
    """Return a lit colour after the air has taken its share; ``keep`` is :func:`clarity`."""
    lit = shade * keep
    rest = 1.0 - keep
    return (
        min(red * lit + 196.0 * rest, 255.0),
        min(green * lit + 208.0 * rest, 255.0),
        min(blue * lit + 218.0 * rest, 255.0),
    )


@fast_function
def columns_of(
    view: View,
    depth: float,
    across: float,
    cos: float,
    sin: float,
    half_length: float,
    half_width: float,
) -> tuple[int, int]:
    """Return the range of columns that a box may cover; its pose is in the camera's frame.

    ``across`` and the box's axes are measured to the right, as columns are.
    """
    low, high = 1.0e9, -1.0e9
    behind = 0
    for corner in range(4):
        a = half_length if corner < 2 else -half_length
        b = half_width if corner % 2 else -half_width
        z = depth + a * cos - b * sin
        x = across + a * sin + b * cos
        if z < NEAR:
            behind += 1
            # A corner behind the eye: the box reaches the border on its side.
            side = 1.0e6 if x > 0.0 else -1.0e6
        else:
            side = x / z
        low = min(low, side)
        high = max(high, side)
    if behind == 4:
        return 0, 0
    first = int(math.floor(min(max(low, -50.0), 50.0) * view.focal + 0.5 * view.width))
    last = int(math.ceil(min(max(high, -50.0), 50.0) * view.focal + 0.5 * view.width))
    return max(first, 0), min(last + 1, view.width)


@fast_function
def enter_box(
    slope: float,
    origin_a: float,
    origin_b: float,
    ahead_a: float,
    ahead_b: float,
    half_length: float,
    half_width: float,
) -> tuple[float, float, int, float, float]:
    """Intersect one column's ray with a box.

    Returns:
        Depth at which the ray enters and leaves [m] (enter is huge for a miss), the face it enters by
        (0 along the length, 1 along the width; the sign of ``u`` aside) and the ray's direction.
    """
    # The right-hand direction is the ahead direction turned by -90 degrees in the box's frame.
    dir_a = ahead_a + slope * ahead_b
    dir_b = ahead_b - slope * ahead_a
    if abs(dir_a) < 1e-9:
        dir_a = 1e-9
    if abs(dir_b) < 1e-9:
        dir_b = 1e-9
    inverse_a, inverse_b = 1.0 / dir_a, 1.0 / dir_b
    reach_a, reach_b = half_length * abs(inverse_a), half_width * abs(inverse_b)
    middle_a, middle_b = -origin_a * inverse_a, -origin_b * inverse_b
    near_a, near_b = middle_a - reach_a, middle_b - reach_b
    enter, leave = max(near_a, near_b), min(middle_a + reach_a, middle_b + reach_b)
    if enter >= leave or leave < NEAR or enter < NEAR:
        enter = FLAT
    return enter, leave, 0 if near_a > near_b else 1, dir_a, dir_b


@fast_function
def face_shade(
    face: int,
    dir_a: float,
    dir_b: float,
    cos: float,
    sin: float,
) -> float:
    """Return the brightness of the face that a ray enters; ``cos, sin`` is the box's heading."""
    if face == 0:
        side = -1.0 if dir_a > 0.0 else 1.0
        facing = side * (cos * SUN_X + sin * SUN_Y)
    else:
        side = -1.0 if dir_b > 0.0 else 1.0
        facing = side * (-sin * SUN_X + cos * SUN_Y)
    return 0.72 + 0.26 * facing


@fast_function
def draw_prism(
    view: View,
    depth: float,
    across: float,
    box_cos: float,
    box_sin: float,
    heading_cos: float,
    heading_sin: float,
    half_length: float,
    half_width: float,
    low: float,
    high: float,
    style: int | np.int64,
    red: float,
    green: float,
    blue: float,
    label: int | np.int64,
    zbuffer: FloatArray,
    rgb: ByteArray,
    semantic: ByteArray,
) -> None:
    """Draw one upright box between two heights, decorated by its style.

    Styles: 0 plain, 1 car body, 2 cabin, 3 van, 4 barrier, 5 house wall, 6 post.
    """
    first, last = columns_of(view, depth, across, box_cos, box_sin, half_length, half_width)
    if first >= last:
        return
    keep = clarity(depth)
    # Decoration smaller than a pixel is noise to an agent and time to us.
    detailed = view.focal > 3.0 * depth
    inverse_focal = 1.0 / view.focal
    origin_a = -(depth * box_cos + across * box_sin)
    origin_b = across * box_cos - depth * box_sin
    for column in range(first, last):
        slope = (column + 0.5 - 0.5 * view.width) * inverse_focal
        enter, leave, face, dir_a, dir_b = enter_box(
            slope, origin_a, origin_b, box_cos, box_sin, half_length, half_width
        )
        if enter >= FLAT:
            continue
        scale = view.focal / enter
        base = view.horizon + view.mount_height * scale  # row of the ground at that depth
        shade = face_shade(face, dir_a, dir_b, heading_cos, heading_sin)
        r, g, b = hazed(red, green, blue, shade, keep)
        top, bottom = base - high * scale, base - low * scale
        if style == 0 or style == 6 or not (detailed or style == 4 or style == 5):
            span(top, bottom, column, enter, r, g, b, label, zbuffer, rgb, semantic)
            if style == 6 and detailed:
                dark = hazed(40.0, 40.0, 44.0, 1.0, keep)
                repaint(
                    base - 0.86 * high * scale, base - 0.66 * high * scale, column, enter, dark, zbuffer, rgb
                )
        else:
            u = (
                (origin_b + enter * dir_b) / half_width
                if face == 0
                else (origin_a + enter * dir_a) / half_length
            )
            span(top, bottom, column, enter, r, g, b, label, zbuffer, rgb, semantic)
            front = face == 0 and dir_a < 0.0
            if style == 1 or style == 3:
                _decorate_car(
                    style,
                    face,
                    front,
                    u,
                    half_length,
                    base,
                    scale,
                    high,
                    low,
                    column,
                    enter,
                    keep,
                    zbuffer,
                    rgb,
                )
            elif style == 2:
                if abs(u) < 0.9:
                    glass = hazed(44.0, 54.0, 66.0, 0.75 + 0.4 * shade, keep)
                    repaint(top + 0.07 * scale, bottom - 0.04 * scale, column, enter, glass, zbuffer, rgb)
            elif style == 4:
                stripe = int(math.floor((u + 1.0) * 3.0)) & 1
                paint = hazed(226.0, 226.0, 222.0, shade + 0.15, keep)
                if stripe:
                    paint = hazed(214.0, 60.0, 40.0, shade + 0.15, keep)
                repaint(base - high * scale, base - 0.45 * high * scale, column, enter, paint, zbuffer, rgb)
            elif style == 5:
                cell = abs(u) * (half_length if face else half_width) / 2.6
                part = cell - math.floor(cell)
                if 0.3 < part < 0.72:
                    glass = hazed(70.0, 86.0, 104.0, 0.7 + 0.4 * shade, keep)
                    storey = 1.0
                    while storey + 1.2 < high:
                        repaint(
                            base - (storey + 1.2) * scale,
                            base - storey * scale,
                            column,
                            enter,
                            glass,
                            zbuffer,
                            rgb,
                        )
                        storey += 2.7
        if view.mount_height > high:  # the eye looks down on the lid
            lid = view.horizon + (view.mount_height - high) * view.focal / leave
            r, g, b = hazed(red, green, blue, 1.16 if style == 2 else 1.05, keep)
            _lid(view, lid, top, column, high, r, g, b, label, zbuffer, rgb, semantic)


@fast_function
def repaint(
    row_0: float,
    row_1: float,
    column: int,
    depth: float,
    colour: Colour,
    zbuffer: FloatArray,
    rgb: ByteArray,
) -> None:
    """Change the colour of pixels that this very surface has just covered."""
    first = max(int(math.ceil(row_0 - 0.5)), 0)
    last = min(int(math.ceil(row_1 - 0.5)), len(rgb))
    for row in range(first, last):
        if depth <= zbuffer[row, column] * 1.000001:
            rgb[row, column, 0] = colour[0]
            rgb[row, column, 1] = colour[1]
            rgb[row, column, 2] = colour[2]


@fast_function
def _decorate_car(
    style: int | np.int64,
    face: int,
    front: bool,
    u: float,
    half_length: float,
    base: float,
    scale: float,
    high: float,
    low: float,
    column: int,
    depth: float,
    keep: float,
    zbuffer: FloatArray,
    rgb: ByteArray,
) -> None:
    """Add wheels, lights, plates and, for vans, windows to one column of a body."""
    if face == 0:
        away = abs(u)
        if away > 0.55:
            lit = (255.0, 250.0, 226.0) if front else (206.0, 24.0, 22.0)
            light = hazed(lit[0], lit[1], lit[2], 1.0, keep)
            low_edge = 0.72 if style == 1 else 0.42
            repaint(
                base - (low_edge + 0.22) * high * scale, base - low_edge * high * scale,
                column, depth, light, zbuffer, rgb,
            )  # fmt: skip
        elif away < 0.28:
            plate = hazed(236.0, 236.0, 226.0, 0.95, keep)
            repaint(base - 0.58 * scale, base - 0.44 * scale, column, depth, plate, zbuffer, rgb)
        if style == 3 and away < 0.86:
            glass = hazed(46.0, 56.0, 68.0, 1.0, keep)
            repaint(base - 0.9 * high * scale, base - 0.6 * high * scale, column, depth, glass, zbuffer, rgb)
        bumper = hazed(48.0, 48.0, 52.0, 1.0, keep)
        repaint(base - (low + 0.17) * scale, base - low * scale, column, depth, bumper, zbuffer, rgb)
        return
    along = u * half_length
    if style == 3 and u > 0.55:
        glass = hazed(46.0, 56.0, 68.0, 1.0, keep)
        repaint(base - 0.86 * high * scale, base - 0.58 * high * scale, column, depth, glass, zbuffer, rgb)
    for wheel in range(2):
        off = along - (0.6 if wheel else -0.6) * half_length
        if abs(off) < 0.36:
            arch = math.sqrt(0.1296 - off * off)
            tyre = hazed(26.0, 26.0, 29.0, 1.0, keep)
            repaint(base - (0.33 + arch) * scale, base - low * scale, column, depth, tyre, zbuffer, rgb)
            if abs(off) < 0.2:
                rim = math.sqrt(0.04 - off * off)
                metal = hazed(150.0, 152.0, 156.0, 1.0, keep)
                repaint(
                    base - (0.33 + rim) * scale,
                    base - (0.33 - rim) * scale,
                    column,
                    depth,
                    metal,
                    zbuffer,
                    rgb,
                )
            return
    sill = hazed(46.0, 46.0, 50.0, 1.0, keep)
    repaint(base - (low + 0.1) * scale, base - low * scale, column, depth, sill, zbuffer, rgb)
