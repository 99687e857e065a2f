"""Upright boxes as a camera sees them: car bodies, cabins, lorries, barriers, posts.

See :mod:`mmenvs.driving.sensors.strokes` for the arguments that the drawing functions share.
"""

from __future__ import annotations

import math

import numpy as np

from mmenvs.core.arrays import ByteArray, FloatArray
from mmenvs.core.kernels import inner_function
from mmenvs.driving.sensors.scene import Air, Scene, air_at, glowing, hazed
from mmenvs.driving.sensors.strokes import FLAT, columns_of, enter_box, lid, repaint, span

# How a box is decorated.
PLAIN, BODY, CABIN, VAN, BARRIER, POST, CARGO, CAB, CHASSIS, RESCUE, BEACON = range(11)


@inner_function
def face_shade(
    scene: Scene,
    face: int,
    dir_a: float,
    dir_b: float,
    cos: float,
    sin: float,
) -> float:
    """Return the brightness of the face that a ray enters; ``cos, sin`` is the box's heading."""
    if face == 0:
        side = -1.0 if dir_a > 0.0 else 1.0
        facing = side * (cos * scene.sun_x + sin * scene.sun_y)
    else:
        side = -1.0 if dir_b > 0.0 else 1.0
        facing = side * (-sin * scene.sun_x + cos * scene.sun_y)
    return scene.ambient + scene.sun * facing


@inner_function
def draw_prism(
    scene: Scene,
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
    """Draw one upright box between two heights, decorated by its style."""
    first, last = columns_of(scene, depth, across, box_cos, box_sin, half_length, half_width)
    if first >= last:
        return
    air = air_at(scene, depth, across, 1.0)
    # Decoration smaller than a pixel is noise to an agent and time to us.
    detailed = scene.focal > 3.0 * depth
    inverse_focal = 1.0 / scene.focal
    origin_a = -(depth * box_cos + across * box_sin)
    origin_b = across * box_cos - depth * box_sin
    for column in range(first, last):
        slope = (column + 0.5 - 0.5 * scene.width) * inverse_focal
        enter, leave, face, dir_a, dir_b = enter_box(
            slope, origin_a, origin_b, box_cos, box_sin, half_length, half_width
        )
        if enter >= FLAT:
            continue
        scale = scene.focal / enter
        base = scene.horizon + scene.mount_height * scale  # row of the ground at that depth
        shade = face_shade(scene, face, dir_a, dir_b, heading_cos, heading_sin)
        r, g, b = hazed(red, green, blue, shade, air)
        if style == BEACON:
            r, g, b = glowing(red, green, blue, air)
        top, bottom = base - high * scale, base - low * scale
        span(top, bottom, column, enter, r, g, b, label, zbuffer, rgb, semantic)
        if style == POST:
            if detailed:
                dark = hazed(40.0, 40.0, 44.0, 1.0, air)
                repaint(
                    base - 0.86 * high * scale, base - 0.66 * high * scale, column, enter, dark, zbuffer, rgb
                )
        elif style != PLAIN and style != BEACON and (detailed or style == BARRIER):
            u = (
                (origin_b + enter * dir_b) / half_width
                if face == 0
                else (origin_a + enter * dir_a) / half_length
            )
            _decorate(
                scene, style, face, dir_a < 0.0, u, half_length, half_width, base, scale, low, high,
                column, enter, shade, air, zbuffer, rgb,
            )  # fmt: skip
        if scene.mount_height > high:  # the eye looks down on the lid
            edge = scene.horizon + (scene.mount_height - high) * scene.focal / leave
            r, g, b = hazed(red, green, blue, 1.16 if style == CABIN else 1.05, air)
            lid(scene, edge, top, column, high, r, g, b, label, zbuffer, rgb, semantic)


@inner_function
def _decorate(
    scene: Scene,
    style: int | np.int64,
    face: int,
    front: bool,
    u: float,
    half_length: float,
    half_width: float,
    base: float,
    scale: float,
    low: float,
    high: float,
    column: int,
    depth: float,
    shade: float,
    air: Air,
    zbuffer: FloatArray,
    rgb: ByteArray,
) -> None:
    """Decorate one column of a face; ``u`` in [-1, 1] says where on the face the column is."""
    top, bottom = base - high * scale, base - low * scale
    if style == CABIN:
        if abs(u) < 0.9:
            glass = hazed(44.0, 54.0, 66.0, 0.75 + 0.4 * shade, air)
            repaint(top + 0.07 * scale, bottom - 0.04 * scale, column, depth, glass, zbuffer, rgb)
        return
    if style == BARRIER:
        stripe = int(math.floor((u + 1.0) * 3.0)) & 1
        paint = hazed(226.0, 226.0, 222.0, shade + 0.15, air)
        if stripe:
            paint = hazed(214.0, 60.0, 40.0, shade + 0.15, air)
        repaint(top, base - 0.45 * high * scale, column, depth, paint, zbuffer, rgb)
        return
    if style == CARGO:
        _cargo(face, u, base, scale, low, high, column, depth, shade, air, zbuffer, rgb)
        return
    if style == RESCUE:
        _livery(face, front, u, half_length, base, scale, high, column, depth, shade, air, zbuffer, rgb)
    _bodywork(style, face, front, u, half_length, base, scale, high, low, column, depth, air, zbuffer, rgb)


@inner_function
def _cargo(
    face: int,
    u: float,
    base: float,
    scale: float,
    low: float,
    high: float,
    column: int,
    depth: float,
    shade: float,
    air: Air,
    zbuffer: FloatArray,
    rgb: ByteArray,
) -> None:
    """Add what makes a box on wheels a lorry: doors, a lower edge, lamps, ribs along the side."""
    frame = hazed(70.0, 72.0, 78.0, shade, air)
    if face == 0:
        repaint(base - (low + 0.14) * scale, base - low * scale, column, depth, frame, zbuffer, rgb)
        if abs(u) < 0.02 or abs(u) > 0.95:
            repaint(base - (high - 0.1) * scale, base - low * scale, column, depth, frame, zbuffer, rgb)
        if 0.62 < abs(u) < 0.95:
            lamp = glowing(206.0, 24.0, 22.0, air)
            repaint(
                base - (low + 0.3) * scale, base - (low + 0.06) * scale, column, depth, lamp, zbuffer, rgb
            )
        return
    rib = abs(u) * 9.0
    if rib - math.floor(rib) < 0.07:
        repaint(base - (high - 0.15) * scale, base - low * scale, column, depth, frame, zbuffer, rgb)
    repaint(base - (low + 0.12) * scale, base - low * scale, column, depth, frame, zbuffer, rgb)


@inner_function
def _livery(
    face: int,
    front: bool,
    u: float,
    half_length: float,
    base: float,
    scale: float,
    high: float,
    column: int,
    depth: float,
    shade: float,
    air: Air,
    zbuffer: FloatArray,
    rgb: ByteArray,
) -> None:
    """Add the chequered band and the chevrons of a rescue vehicle."""
    if face == 0:
        if abs(u) < 0.9 and not front:
            stripe = int(math.floor(abs(u) * 4.0)) & 1
            band = hazed(238.0, 216.0, 40.0, shade + 0.1, air)
            if stripe:
                band = hazed(206.0, 40.0, 40.0, shade + 0.1, air)
            repaint(base - 0.5 * high * scale, base - 0.2 * high * scale, column, depth, band, zbuffer, rgb)
        return
    for row in range(2):
        dark = (int(math.floor((u + 1.0) * half_length / 0.55)) + row) & 1
        band = hazed(240.0, 226.0, 60.0, shade + 0.1, air)
        if dark:
            band = hazed(36.0, 84.0, 168.0, shade + 0.1, air)
        share = 0.5 - 0.11 * row
        repaint(
            base - share * high * scale, base - (share - 0.11) * high * scale,
            column, depth, band, zbuffer, rgb,
        )  # fmt: skip


@inner_function
def _bodywork(
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
    air: Air,
    zbuffer: FloatArray,
    rgb: ByteArray,
) -> None:
    """Add wheels, lights, plates and, for all but cars, windows to one column of a body."""
    tall = style in (VAN, RESCUE)
    if face == 0:
        away = abs(u)
        if style == CHASSIS:
            return
        if away > 0.55:
            light = glowing(255.0, 250.0, 226.0, air) if front else glowing(206.0, 24.0, 22.0, air)
            low_edge, size = 0.72, 0.22 * high
            if tall:
                low_edge, size = 0.42, (0.22 if style == VAN else 0.11) * high
            if style == CAB:
                low_edge, size = 0.3, 0.26
            repaint(
                base - (low_edge * high + size) * scale, base - low_edge * high * scale,
                column, depth, light, zbuffer, rgb,
            )  # fmt: skip
        elif away < 0.28:
            plate = hazed(236.0, 236.0, 226.0, 0.95, air)
            repaint(base - 0.58 * scale, base - 0.44 * scale, column, depth, plate, zbuffer, rgb)
        if style == CAB:
            if away < 0.9:
                glass = hazed(46.0, 56.0, 68.0, 1.0, air)
                repaint(
                    base - 0.93 * high * scale, base - 0.6 * high * scale, column, depth, glass, zbuffer, rgb
                )
        elif tall and away < 0.86:
            glass = hazed(46.0, 56.0, 68.0, 1.0, air)
            repaint(base - 0.9 * high * scale, base - 0.6 * high * scale, column, depth, glass, zbuffer, rgb)
        bumper = hazed(48.0, 48.0, 52.0, 1.0, air)
        repaint(base - (low + 0.17) * scale, base - low * scale, column, depth, bumper, zbuffer, rgb)
        return
    along = u * half_length
    if (tall and u > 0.55) or (style == CAB and u > -0.2):
        glass = hazed(46.0, 56.0, 68.0, 1.0, air)
        repaint(base - 0.86 * high * scale, base - 0.58 * high * scale, column, depth, glass, zbuffer, rgb)
    if style == CAB:
        return
    radius, hub = (0.33, 0.2) if style != CHASSIS else (0.5, 0.3)
    for wheel in range(3 if style == CHASSIS else 2):
        place = 0.6 if wheel == 0 else -0.6
        if style == CHASSIS:
            place = 0.72 if wheel == 0 else (-0.45 if wheel == 1 else -0.68)
        off = along - place * half_length
        if abs(off) < radius + 0.03:
            arch = math.sqrt((radius + 0.03) * (radius + 0.03) - off * off)
            tyre = hazed(26.0, 26.0, 29.0, 1.0, air)
            lowest = low if style != CHASSIS else 0.0
            repaint(base - (radius + arch) * scale, base - lowest * scale, column, depth, tyre, zbuffer, rgb)
            if abs(off) < hub:
                rim = math.sqrt(hub * hub - off * off)
                metal = hazed(150.0, 152.0, 156.0, 1.0, air)
                repaint(
                    base - (radius + rim) * scale, base - (radius - rim) * scale,
                    column, depth, metal, zbuffer, rgb,
                )  # fmt: skip
            return
    sill = hazed(46.0, 46.0, 50.0, 1.0, air)
    repaint(base - (low + 0.1) * scale, base - low * scale, column, depth, sill, zbuffer, rgb)
