"""Cars, vans, lorries, rescue vehicles, barriers and cones.

See :mod:`mmenvs.driving.sensors.strokes` for the arguments that the drawing functions share.
"""

from __future__ import annotations

import math

import numpy as np

from mmenvs.core.arrays import ByteArray, FloatArray
from mmenvs.core.kernels import fast_function, inner_function
from mmenvs.driving import state as st
from mmenvs.driving.roads.surface import OBSTACLE, VEHICLE
from mmenvs.driving.sensors import solids
from mmenvs.driving.sensors.scene import Colour, Scene, air_at, hazed, turn_to_view
from mmenvs.driving.sensors.solids import draw_prism
from mmenvs.driving.sensors.strokes import NEAR, repaint, span

# What :func:`_part` returns: shift along the heading, half length, half width, low, top [m], style, colour.
_Part = tuple[float, float, float, float, float, np.int64, float, float, float]


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


@inner_function
def in_view(
    scene: Scene,
    box: FloatArray,
) -> bool:
    """Say whether any of a box may show in the picture."""
    dx, dy = box[st.B_X] - scene.x, box[st.B_Y] - scene.y
    depth, across = turn_to_view(scene, dx, dy)
    radius = box[st.B_RADIUS]
    if depth < -radius or depth > scene.reach:
        return False
    # The distance of the centre from the view's side plane, times the plane normal's length.
    inside: bool = abs(across) - depth * scene.spread < radius * math.sqrt(1.0 + scene.spread * scene.spread)
    return inside


@inner_function
def _part(
    kind: int,
    part: int,
    half_length: float,
    half_width: float,
    high: float,
    hue: float,
    step: int,
) -> _Part:
    """Return one of the boxes of which a box of the world is made."""
    red, green, blue = paint_of(hue)
    if kind == st.BARRIER:
        return 0.0, half_length, half_width, 0.0, high, np.int64(solids.BARRIER), 150.0, 150.0, 152.0
    if kind == st.VAN:
        return 0.0, half_length, half_width, 0.22, high, np.int64(solids.VAN), red, green, blue
    if kind == st.LORRY:
        if part == 0:
            return 0.0, half_length, 0.92 * half_width, 0.4, 0.98, np.int64(solids.CHASSIS), 58.0, 60.0, 66.0
        if part == 1:
            pale = 0.35  # the box is a paler shade of the cab's paint
            return (
                -0.24 * half_length, 0.76 * half_length, half_width, 0.95, high, np.int64(solids.CARGO),
                red + (226.0 - red) * pale, green + (228.0 - green) * pale, blue + (230.0 - blue) * pale,
            )  # fmt: skip
        return (
            0.78 * half_length, 0.22 * half_length, 0.97 * half_width, 0.45, min(0.84 * high, 3.0),
            np.int64(solids.CAB), red, green, blue,
        )  # fmt: skip
    if kind == st.EMERGENCY:
        roof = high - 0.2
        if part == 0:
            if hue < 0.6:  # an ambulance; the others are fire engines
                return 0.0, half_length, half_width, 0.25, roof, np.int64(solids.RESCUE), 240.0, 240.0, 236.0
            return 0.0, half_length, half_width, 0.25, roof, np.int64(solids.RESCUE), 204.0, 30.0, 28.0
        bright = 255.0 if step >> 1 & 1 else 150.0
        return (
            0.3 * half_length, 0.09 * half_length, 0.78 * half_width, roof, high, np.int64(solids.BEACON),
            30.0, 0.4 * bright, bright,
        )  # fmt: skip
    if part == 0:
        return 0.0, half_length, half_width, 0.16, 0.58 * high, np.int64(solids.BODY), red, green, blue
    return (  # the cabin, a little behind the middle
        -0.12 * half_length, 0.56 * half_length, 0.86 * half_width, 0.58 * high, high,
        np.int64(solids.CABIN), red, green, blue,
    )  # fmt: skip


@inner_function
def draw_vehicle(
    scene: Scene,
    box: FloatArray,
    zbuffer: FloatArray,
    rgb: ByteArray,
    semantic: ByteArray,
) -> None:
    """Draw one box of the world that is neither a person nor a cyclist."""
    dx, dy = box[st.B_X] - scene.x, box[st.B_Y] - scene.y
    depth, across = turn_to_view(scene, dx, dy)
    # Equal types and one call of each drawing function keep the compilation short.
    heading_cos, heading_sin = np.float64(box[st.B_COS]), np.float64(box[st.B_SIN])
    box_cos, box_sin = turn_to_view(scene, heading_cos, heading_sin)
    half_length, half_width = np.float64(box[st.B_HALF_LENGTH]), np.float64(box[st.B_HALF_WIDTH])
    high, hue = np.float64(box[st.B_HEIGHT]), np.float64(box[st.B_HUE])
    kind = int(box[st.B_KIND])
    if kind == st.CONE:
        _cone(scene, depth, across, half_width, high, zbuffer, rgb, semantic)
        return
    label = np.int64(OBSTACLE) if kind in (st.PARKED, st.BARRIER) else np.int64(VEHICLE)
    parts = 3 if kind == st.LORRY else (1 if kind in (st.VAN, st.BARRIER) else 2)
    for part in range(parts):
        shift, long, wide, low, top, style, red, green, blue = _part(
            kind, part, half_length, half_width, high, hue, scene.step
        )
        draw_prism(
            scene, depth + shift * box_cos, across + shift * box_sin, box_cos, box_sin,
            heading_cos, heading_sin, long, wide, low, top, style, red, green, blue, label,
            zbuffer, rgb, semantic,
        )  # fmt: skip


@inner_function
def _cone(
    scene: Scene,
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
    scale = scene.focal / depth
    base = scene.horizon + scene.mount_height * scale
    centre = across * scale + 0.5 * scene.width
    reach = half_width * scale
    air = air_at(scene, depth, across, 1.0)
    first = max(int(math.ceil(centre - reach - 0.5)), 0)
    last = min(int(math.ceil(centre + reach - 0.5)), scene.width)
    foot = hazed(196.0, 70.0, 24.0, 0.9, air)
    for column in range(first, last):
        u = (column + 0.5 - centre) / reach
        shade = 0.96 - 0.22 * u
        body = hazed(246.0, 104.0, 28.0, shade, air)
        top = high * min(1.0, 1.16 - 1.25 * abs(u))
        if top > 0.0:
            span(
                base - top * scale, base, column, depth,
                body[0], body[1], body[2], np.int64(OBSTACLE), zbuffer, rgb, semantic,
            )  # fmt: skip
            if top > 0.42 * high:
                band = hazed(244.0, 244.0, 240.0, shade, air)
                repaint(
                    base - min(top, 0.68 * high) * scale, base - 0.42 * high * scale,
                    column, depth, band, zbuffer, rgb,
                )  # fmt: skip
        span(
            base - 0.07 * scale, base, column, depth,
            foot[0], foot[1], foot[2], np.int64(OBSTACLE), zbuffer, rgb, semantic,
        )  # fmt: skip
