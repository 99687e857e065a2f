"""The strokes of which all solids are drawn, column by column.

Throughout the drawing functions, ``scene`` is a :class:`~mmenvs.driving.sensors.scene.Scene`; ``depth``
is measured along the view and ``across`` to the right of it [m], as columns are; ``zbuffer`` has shape
(height, width) [m], ``rgb`` (height, width, 3) and ``semantic`` (height, width, 1), either of the last two
empty when it is not wanted.  A ``base`` is the row of the ground under an object and a ``scale`` its
pixels per metre.
"""

from __future__ import annotations

import math

import numpy as np

from mmenvs.core.arrays import ByteArray, FloatArray
from mmenvs.core.kernels import inner_function
from mmenvs.driving.sensors.scene import Colour, Scene

NEAR = 0.25  # nothing closer to the eye is drawn [m]
FLAT = 1.0e9  # a depth beyond everything


@inner_function
def _cover(
    row: int,
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
    """Paint a pixel in every picture that is wanted."""
    zbuffer[row, column] = depth
    if len(rgb):
        rgb[row, column, 0] = red
        rgb[row, column, 1] = green
        rgb[row, column, 2] = blue
    if len(semantic):
        semantic[row, column, 0] = label


@inner_function
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
        if depth <= zbuffer[row, column]:
            _cover(row, column, depth, red, green, blue, label, zbuffer, rgb, semantic)


@inner_function
def lid(
    scene: Scene,
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
    drop = (scene.mount_height - high) * scene.focal
    for row in range(first, last):
        depth = drop / max(row + 0.5 - scene.horizon, 0.5)
        if depth < zbuffer[row, column]:
            _cover(row, column, depth, red, green, blue, label, zbuffer, rgb, semantic)


@inner_function
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


@inner_function
def columns_between(
    low: float,
    high: float,
    width: int,
) -> tuple[int, int]:
    """Return the range of columns whose centres lie in an interval; the nearest one if there are none."""
    first = int(math.ceil(low - 0.5))
    last = int(math.ceil(high - 0.5))
    if last <= first:
        first = int(math.floor(0.5 * (low + high)))
        last = first + 1
    return max(first, 0), min(last, width)


@inner_function
def limb(
    scene: Scene,
    depth: float,
    column_0: float,
    row_0: float,
    column_1: float,
    row_1: float,
    half: float,
    colour: Colour,
    label: int | np.int64,
    zbuffer: FloatArray,
    rgb: ByteArray,
    semantic: ByteArray,
) -> None:
    """Draw a thick straight stroke between two points of the picture, ``half`` pixels to either side."""
    run, fall = column_1 - column_0, row_1 - row_0
    length = max(math.sqrt(run * run + fall * fall), 1.0e-6)
    wide = half * max(abs(fall) / length, 0.3)  # as measured along a row
    tall = half * abs(run) / length
    first, last = columns_between(min(column_0, column_1) - wide, max(column_0, column_1) + wide, scene.width)
    for column in range(first, last):
        near, far = 0.0, 1.0
        if abs(run) > 1.0e-3:
            one = (column + 0.5 - wide - column_0) / run
            two = (column + 0.5 + wide - column_0) / run
            near, far = max(min(one, two), 0.0), min(max(one, two), 1.0)
        upper, lower = row_0 + near * fall, row_0 + far * fall
        span(
            min(upper, lower) - tall, max(upper, lower) + tall, column, depth,
            colour[0], colour[1], colour[2], label, zbuffer, rgb, semantic,
        )  # fmt: skip


@inner_function
def ellipse(
    scene: Scene,
    depth: float,
    centre: float,
    middle: float,
    half_width: float,
    half_height: float,
    colour: Colour,
    label: int | np.int64,
    zbuffer: FloatArray,
    rgb: ByteArray,
    semantic: ByteArray,
) -> None:
    """Draw a filled ellipse, a little darker to its right; all in pixels."""
    first, last = columns_between(centre - half_width, centre + half_width, scene.width)
    for column in range(first, last):
        u = (column + 0.5 - centre) / max(half_width, 0.5)
        half = half_height * math.sqrt(max(1.0 - u * u, 0.0))
        light = 1.0 - 0.14 * u if half_width > 1.5 else 1.0
        span(
            middle - half, middle + half, column, depth,
            min(light * colour[0], 255.0), min(light * colour[1], 255.0), min(light * colour[2], 255.0),
            label, zbuffer, rgb, semantic,
        )  # fmt: skip


@inner_function
def columns_of(
    scene: Scene,
    depth: float,
    across: float,
    cos: float,
    sin: float,
    half_length: float,
    half_width: float,
) -> tuple[int, int]:
    """Return the range of columns that a box may cover; its heading is in the frame of the eye."""
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
    first = int(math.floor(min(max(low, -50.0), 50.0) * scene.focal + 0.5 * scene.width))
    last = int(math.ceil(min(max(high, -50.0), 50.0) * scene.focal + 0.5 * scene.width))
    return max(first, 0), min(last + 1, scene.width)


@inner_function
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
