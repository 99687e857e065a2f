"""Cars, vans, barriers, cones, and their shadows.

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
from mmenvs.driving import state as st
from mmenvs.driving.roads.surface import OBSTACLE, VEHICLE
from mmenvs.driving.sensors.solids import (
    FLAT,
    NEAR,
    Colour,
    clarity,
    columns_of,
    draw_prism,
    enter_box,
    hazed,
    repaint,
    span,
)

if TYPE_CHECKING:
    from mmenvs.driving.sensors.camera import View


@fast_function
def paint_of(
    hue: float,
) -> Colour:
    """Return a car's colour for a number in [0, 1): half are greys, as on real roads."""
    if hue < 0.16:
        return 228.0, 230.0, 232.0
    if hue < 0.28:
        return 158.0, 163.0, 170.0
    if hue < 0.38:
        return 52.0, 55.0, 62.0
    if hue < 0.55:
        return 188.0, 38.0, 36.0
    if hue < 0.72:
        return 38.0, 84.0, 168.0
    if hue < 0.82:
        return 232.0, 168.0, 34.0
    if hue < 0.92:
        return 40.0, 118.0, 84.0
    return 120.0, 74.0, 48.0


@fast_function
def in_view(
    view: View,
    eye_x: float,
    eye_y: float,
    cos: float,
    sin: float,
    box: FloatArray,
) -> bool:
    """Say whether any of a box may show in the picture."""
    dx, dy = box[st.B_X] - eye_x, box[st.B_Y] - eye_y
    depth = dx * cos + dy * sin
    radius = box[st.B_RADIUS]
    if depth < -radius or depth > view.reach:
        return False
    spread = 0.5 * view.width / view.focal
    # The distance of the centre from the view's side plane, times the plane normal's length.
    inside: bool = abs(dx * sin - dy * cos) - depth * spread < radius * math.sqrt(1.0 + spread * spread)
    return inside


@fast_function
def draw_shadow(
    view: View,
    eye_x: float,
    eye_y: float,
    cos: float,
    sin: float,
    box: FloatArray,
    rgb: ByteArray,
) -> None:
    """Darken the ground under a car or an obstacle."""
    dx, dy = box[st.B_X] + 0.1 - eye_x, box[st.B_Y] + 0.1 - eye_y
    depth = dx * cos + dy * sin
    radius = box[st.B_RADIUS]
    # Farther away the shadow is thinner than a pixel.
    if len(rgb) == 0 or depth * depth > 3.0 * radius * view.focal * view.mount_height:
        return
    across = dx * sin - dy * cos
    box_cos = box[st.B_COS] * cos + box[st.B_SIN] * sin
    box_sin = box[st.B_COS] * sin - box[st.B_SIN] * cos  # to the right, like the columns
    half_length, half_width = box[st.B_HALF_LENGTH] + 0.12, box[st.B_HALF_WIDTH] + 0.12
    first, last = columns_of(view, depth, across, box_cos, box_sin, half_length, half_width)
    origin_a = -(depth * box_cos + across * box_sin)
    origin_b = across * box_cos - depth * box_sin
    drop = view.focal * view.mount_height
    for column in range(first, last):
        slope = (column + 0.5 - 0.5 * view.width) / view.focal
        enter, leave, _face, _a, _b = enter_box(
            slope, origin_a, origin_b, box_cos, box_sin, half_length, half_width
        )
        if enter >= FLAT:
            continue
        bottom = min(int(math.ceil(view.horizon + drop / enter - 0.5)), view.height)
        top = max(int(math.ceil(view.horizon + drop / leave - 0.5)), view.horizon)
        for row in range(top, bottom):
            for channel in range(3):
                rgb[row, column, channel] = (
                    np.uint32(rgb[row, column, channel]) * np.uint32(115)
                ) >> np.uint32(8)


@fast_function
def draw_vehicle(
    view: View,
    eye_x: float,
    eye_y: float,
    cos: float,
    sin: float,
    box: FloatArray,
    zbuffer: FloatArray,
    rgb: ByteArray,
    semantic: ByteArray,
) -> None:
    """Draw one box of the world: a car, a van, a parked car, a barrier or a cone."""
    dx, dy = box[st.B_X] - eye_x, box[st.B_Y] - eye_y
    depth = dx * cos + dy * sin
    across = dx * sin - dy * cos
    # Equal types and one call of each drawing function keep the compilation short.
    heading_cos, heading_sin = np.float64(box[st.B_COS]), np.float64(box[st.B_SIN])
    box_cos = heading_cos * cos + heading_sin * sin
    box_sin = heading_cos * sin - heading_sin * cos
    half_length, half_width = np.float64(box[st.B_HALF_LENGTH]), np.float64(box[st.B_HALF_WIDTH])
    high = np.float64(box[st.B_HEIGHT])
    kind = int(box[st.B_KIND])
    if kind == st.CONE:
        _cone(view, depth, across, half_width, high, zbuffer, rgb, semantic)
        return
    red, green, blue = paint_of(box[st.B_HUE])
    label = np.int64(VEHICLE)
    low, style, parts = 0.16, np.int64(1), np.int64(2)
    top = 0.58 * high
    if kind == st.BARRIER:
        red, green, blue = 150.0, 150.0, 152.0
        low, top, style, parts = 0.0, high, np.int64(4), np.int64(1)
        label = np.int64(OBSTACLE)
    elif kind == st.VAN:
        low, top, style, parts = 0.22, high, np.int64(3), np.int64(1)
    elif kind == st.PARKED:
        label = np.int64(OBSTACLE)
    for _ in range(parts):
        draw_prism(
            view, depth, across, box_cos, box_sin, heading_cos, heading_sin,
            half_length, half_width, low, top, style, red, green, blue, label, zbuffer, rgb, semantic,
        )  # fmt: skip
        # The second part of a car is its cabin, a little behind the middle.
        depth -= 0.12 * half_length * box_cos
        across -= 0.12 * half_length * box_sin
        half_length *= 0.56
        half_width *= 0.86
        low, top, style = top, high, np.int64(2)


@fast_function
def _cone(
    view: View,
    depth: float,
    across: float,
    half_width: float,
    high: float,
    zbuffer: FloatArray,
    rgb: ByteArray,
    semantic: ByteArray,
) -> None:
    """Draw a traffic cone: an orange triangle with a white band on a flat foot."""
    if depth < NEAR:
        return
    scale = view.focal / depth
    base = view.horizon + view.mount_height * scale
    centre = across * scale + 0.5 * view.width
    reach = half_width * scale
    keep = clarity(depth)
    first = max(int(math.ceil(centre - reach - 0.5)), 0)
    last = min(int(math.ceil(centre + reach - 0.5)), view.width)
    foot = hazed(196.0, 70.0, 24.0, 0.9, keep)
    for column in range(first, last):
        u = (column + 0.5 - centre) / reach
        shade = 0.96 - 0.22 * u
        body = hazed(246.0, 104.0, 28.0, shade, keep)
        top = high * min(1.0, 1.16 - 1.25 * abs(u))
        if top > 0.0:
            span(
                base - top * scale,
                base,
                column,
                depth,
                body[0],
                body[1],
                body[2],
                OBSTACLE,
                zbuffer,
                rgb,
                semantic,
            )
            if top > 0.42 * high:
                band = hazed(244.0, 244.0, 240.0, shade, keep)
                repaint(
                    base - min(top, 0.68 * high) * scale,
                    base - 0.42 * high * scale,
                    column,
                    depth,
                    band,
                    zbuffer,
                    rgb,
                )
        span(
            base - 0.07 * scale,
            base,
            column,
            depth,
            foot[0],
            foot[1],
            foot[2],
            OBSTACLE,
            zbuffer,
            rgb,
            semantic,
        )
