"""Upright solids as a camera sees them: cars, barriers, cones, houses, posts, trees.

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
from mmenvs.driving.roads import network
from mmenvs.driving.roads.library import GRID
from mmenvs.driving.roads.surface import BUILDING, OBSTACLE, POLE, VEGETATION, VEHICLE

if TYPE_CHECKING:
    from mmenvs.driving.roads.library import Maps
    from mmenvs.driving.sensors.camera import View

Colour = tuple[float, float, float]

NEAR = 0.25  # nothing closer to the eye is drawn [m]
SUN_X, SUN_Y = 0.5547, 0.8321  # where the light comes from, seen from above
_HAZE = 1.0 / 260.0
_FLAT = 1.0e9


@fast_function
def _span(
    row_0: float,
    row_1: float,
    column: int,
    depth: float,
    red: float,
    green: float,
    blue: float,
    label: int,
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
    label: int,
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
def _clarity(
    depth: float,
) -> float:
    """Return the share of an object's own colour that reaches the eye: ``exp(-depth / 260 m)``, roughly."""
    near = max(depth, 0.0)
    return 1.0 / (1.0 + near * _HAZE + 0.5 * near * near * _HAZE * _HAZE)


@fast_function
def _hazed(
    red: float,
    green: float,
    blue: float,
    shade: float,
    keep: float,
) -> Colour:
    """Return a lit colour after the air has taken its share; ``keep`` is :func:`_clarity`."""
    lit = shade * keep
    rest = 1.0 - keep
    return (
        min(red * lit + 196.0 * rest, 255.0),
        min(green * lit + 208.0 * rest, 255.0),
        min(blue * lit + 218.0 * rest, 255.0),
    )


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
def _columns(
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
def _enter(
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
        enter = _FLAT
    return enter, leave, 0 if near_a > near_b else 1, dir_a, dir_b


@fast_function
def _face_shade(
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
    return abs(dx * sin - dy * cos) - depth * spread < radius * math.sqrt(1.0 + spread * spread)


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
    first, last = _columns(view, depth, across, box_cos, box_sin, half_length, half_width)
    origin_a = -(depth * box_cos + across * box_sin)
    origin_b = across * box_cos - depth * box_sin
    drop = view.focal * view.mount_height
    for column in range(first, last):
        slope = (column + 0.5 - 0.5 * view.width) / view.focal
        enter, leave, _face, _a, _b = _enter(
            slope, origin_a, origin_b, box_cos, box_sin, half_length, half_width
        )
        if enter >= _FLAT:
            continue
        bottom = min(int(math.ceil(view.horizon + drop / enter - 0.5)), view.height)
        top = max(int(math.ceil(view.horizon + drop / leave - 0.5)), view.horizon)
        for row in range(top, bottom):
            for channel in range(3):
                rgb[row, column, channel] = (
                    np.uint32(rgb[row, column, channel]) * np.uint32(115)
                ) >> np.uint32(8)


@fast_function
def _prism(
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
    style: int,
    red: float,
    green: float,
    blue: float,
    label: int,
    zbuffer: FloatArray,
    rgb: ByteArray,
    semantic: ByteArray,
) -> None:
    """Draw one upright box between two heights, decorated by its style.

    Styles: 0 plain, 1 car body, 2 cabin, 3 van, 4 barrier, 5 house wall, 6 post.
    """
    first, last = _columns(view, depth, across, box_cos, box_sin, half_length, half_width)
    if first >= last:
        return
    keep = _clarity(depth)
    # Decoration smaller than a pixel is noise to an agent and time to us.
    detailed = view.focal > 3.0 * depth
    inverse_focal = 1.0 / view.focal
    origin_a = -(depth * box_cos + across * box_sin)
    origin_b = across * box_cos - depth * box_sin
    for column in range(first, last):
        slope = (column + 0.5 - 0.5 * view.width) * inverse_focal
        enter, leave, face, dir_a, dir_b = _enter(
            slope, origin_a, origin_b, box_cos, box_sin, half_length, half_width
        )
        if enter >= _FLAT:
            continue
        scale = view.focal / enter
        base = view.horizon + view.mount_height * scale  # row of the ground at that depth
        shade = _face_shade(face, dir_a, dir_b, heading_cos, heading_sin)
        r, g, b = _hazed(red, green, blue, shade, keep)
        top, bottom = base - high * scale, base - low * scale
        if style == 0 or style == 6 or not (detailed or style == 4 or style == 5):
            _span(top, bottom, column, enter, r, g, b, label, zbuffer, rgb, semantic)
            if style == 6 and detailed:
                dark = _hazed(40.0, 40.0, 44.0, 1.0, keep)
                _repaint(
                    base - 0.86 * high * scale, base - 0.66 * high * scale, column, enter, dark, zbuffer, rgb
                )
        else:
            u = (
                (origin_b + enter * dir_b) / half_width
                if face == 0
                else (origin_a + enter * dir_a) / half_length
            )
            _span(top, bottom, column, enter, r, g, b, label, zbuffer, rgb, semantic)
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
                    glass = _hazed(44.0, 54.0, 66.0, 0.75 + 0.4 * shade, keep)
                    _repaint(top + 0.07 * scale, bottom - 0.04 * scale, column, enter, glass, zbuffer, rgb)
            elif style == 4:
                stripe = int(math.floor((u + 1.0) * 3.0)) & 1
                paint = _hazed(226.0, 226.0, 222.0, shade + 0.15, keep)
                if stripe:
                    paint = _hazed(214.0, 60.0, 40.0, shade + 0.15, keep)
                _repaint(base - high * scale, base - 0.45 * high * scale, column, enter, paint, zbuffer, rgb)
            elif style == 5:
                cell = abs(u) * (half_length if face else half_width) / 2.6
                part = cell - math.floor(cell)
                if 0.3 < part < 0.72:
                    glass = _hazed(70.0, 86.0, 104.0, 0.7 + 0.4 * shade, keep)
                    storey = 1.0
                    while storey + 1.2 < high:
                        _repaint(
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
            r, g, b = _hazed(red, green, blue, 1.16 if style == 2 else 1.05, keep)
            _lid(view, lid, top, column, high, r, g, b, label, zbuffer, rgb, semantic)


@fast_function
def _repaint(
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
    style: int,
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
            light = _hazed(lit[0], lit[1], lit[2], 1.0, keep)
            low_edge = 0.72 if style == 1 else 0.42
            _repaint(
                base - (low_edge + 0.22) * high * scale, base - low_edge * high * scale,
                column, depth, light, zbuffer, rgb,
            )  # fmt: skip
        elif away < 0.28:
            plate = _hazed(236.0, 236.0, 226.0, 0.95, keep)
            _repaint(base - 0.58 * scale, base - 0.44 * scale, column, depth, plate, zbuffer, rgb)
        if style == 3 and away < 0.86:
            glass = _hazed(46.0, 56.0, 68.0, 1.0, keep)
            _repaint(base - 0.9 * high * scale, base - 0.6 * high * scale, column, depth, glass, zbuffer, rgb)
        bumper = _hazed(48.0, 48.0, 52.0, 1.0, keep)
        _repaint(base - (low + 0.17) * scale, base - low * scale, column, depth, bumper, zbuffer, rgb)
        return
    along = u * half_length
    if style == 3 and u > 0.55:
        glass = _hazed(46.0, 56.0, 68.0, 1.0, keep)
        _repaint(base - 0.86 * high * scale, base - 0.58 * high * scale, column, depth, glass, zbuffer, rgb)
    for wheel in range(2):
        off = along - (0.6 if wheel else -0.6) * half_length
        if abs(off) < 0.36:
            arch = math.sqrt(0.1296 - off * off)
            tyre = _hazed(26.0, 26.0, 29.0, 1.0, keep)
            _repaint(base - (0.33 + arch) * scale, base - low * scale, column, depth, tyre, zbuffer, rgb)
            if abs(off) < 0.2:
                rim = math.sqrt(0.04 - off * off)
                metal = _hazed(150.0, 152.0, 156.0, 1.0, keep)
                _repaint(
                    base - (0.33 + rim) * scale,
                    base - (0.33 - rim) * scale,
                    column,
                    depth,
                    metal,
                    zbuffer,
                    rgb,
                )
            return
    sill = _hazed(46.0, 46.0, 50.0, 1.0, keep)
    _repaint(base - (low + 0.1) * scale, base - low * scale, column, depth, sill, zbuffer, rgb)


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
    # Plain floats and one call of each drawing function keep its compilation short.
    heading_cos, heading_sin = float(box[st.B_COS]), float(box[st.B_SIN])
    box_cos = heading_cos * cos + heading_sin * sin
    box_sin = heading_cos * sin - heading_sin * cos
    half_length, half_width = float(box[st.B_HALF_LENGTH]), float(box[st.B_HALF_WIDTH])
    high = float(box[st.B_HEIGHT])
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
        _prism(
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
    keep = _clarity(depth)
    first = max(int(math.ceil(centre - reach - 0.5)), 0)
    last = min(int(math.ceil(centre + reach - 0.5)), view.width)
    foot = _hazed(196.0, 70.0, 24.0, 0.9, keep)
    for column in range(first, last):
        u = (column + 0.5 - centre) / reach
        shade = 0.96 - 0.22 * u
        body = _hazed(246.0, 104.0, 28.0, shade, keep)
        top = high * min(1.0, 1.16 - 1.25 * abs(u))
        if top > 0.0:
            _span(
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
                band = _hazed(244.0, 244.0, 240.0, shade, keep)
                _repaint(
                    base - min(top, 0.68 * high) * scale,
                    base - 0.42 * high * scale,
                    column,
                    depth,
                    band,
                    zbuffer,
                    rgb,
                )
        _span(
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


@fast_function
def _blob(
    view: View,
    depth: float,
    centre: float,
    radius: float,
    middle: float,
    half_height: float,
    hue: float,
    shade: float,
    zbuffer: FloatArray,
    rgb: ByteArray,
    semantic: ByteArray,
) -> None:
    """Draw a leafy ellipse, lighter towards the light; rows and columns are in pixels."""
    first = max(int(math.ceil(centre - radius - 0.5)), 0)
    last = min(int(math.ceil(centre + radius - 0.5)), view.width)
    keep = _clarity(depth)
    red, green, blue = 56.0 + 44.0 * hue, 98.0 + 16.0 * hue, 40.0 + 8.0 * hue
    if radius < 2.5:  # a few pixels: one tone
        plain = _hazed(red, green, blue, shade, keep)
        for column in range(first, last):
            _span(
                middle - half_height, middle + half_height, column, depth,
                plain[0], plain[1], plain[2], VEGETATION, zbuffer, rgb, semantic,
            )  # fmt: skip
        return
    for column in range(first, last):
        u = (column + 0.5 - centre) / radius
        ragged = 0.94 + 0.06 * math.sin(u * 23.0 + hue * 40.0) if radius > 6.0 else 1.0
        half = half_height * math.sqrt(max(1.0 - u * u, 0.0)) * ragged
        light = shade * (1.0 - 0.2 * u)
        bright = _hazed(red * 1.25, green * 1.25, blue * 1.2, light, keep)
        plain = _hazed(red, green, blue, light, keep)
        dark = _hazed(red * 0.72, green * 0.74, blue * 0.8, light, keep)
        wobble = 0.08 * half_height * math.sin(u * 11.0 + hue * 17.0) if radius > 6.0 else 0.0
        edge = middle - half
        for tone in range(3):
            colour = bright if tone == 0 else (plain if tone == 1 else dark)
            below = middle - 0.3 * half + wobble if tone == 0 else middle + 0.4 * half + wobble
            if tone == 2:
                below = middle + half
            _span(
                edge,
                below,
                column,
                depth,
                colour[0],
                colour[1],
                colour[2],
                VEGETATION,
                zbuffer,
                rgb,
                semantic,
            )
            edge = below


@fast_function
def _plant(
    view: View,
    depth: float,
    across: float,
    radius: float,
    high: float,
    hue: float,
    tree: bool,
    zbuffer: FloatArray,
    rgb: ByteArray,
    semantic: ByteArray,
) -> None:
    """Draw a bush, or a tree: a trunk and a crown of one blob, or of several when it is near."""
    scale = view.focal / depth
    base = view.horizon + view.mount_height * scale
    centre = across * scale + 0.5 * view.width
    if tree:
        trunk = _hazed(92.0, 72.0, 54.0, 0.9, _clarity(depth))
        half = max(0.045 * high * scale, 0.5)
        first = max(int(math.ceil(centre - half - 0.5)), 0)
        last = min(int(math.ceil(centre + half - 0.5)), view.width)
        top = base - 0.45 * high * scale
        for column in range(first, last):
            _span(top, base, column, depth, trunk[0], trunk[1], trunk[2], POLE, zbuffer, rgb, semantic)
    size = radius * scale
    tall = (0.36 if tree else 0.5) * high * scale
    middle = base - (0.64 if tree else 0.42) * high * scale
    blobs = 3 if tree and size > 14.0 else 1
    for blob in range(blobs):
        aside, wide, up, tall_share, shade = 0.0, 1.0, 0.0, 1.0, 1.0
        if blobs == 3:
            if blob == 0:
                aside, wide, up, tall_share, shade = -0.5, 0.58, 0.3, 0.62, 0.86
            elif blob == 1:
                aside, wide, up, tall_share, shade = 0.45, 0.6, 0.2, 0.66, 0.9
            else:
                aside, wide, up, tall_share, shade = -0.1, 0.68, -0.3, 0.72, 1.06
        # Each blob is a hair's breadth nearer than the one before, so that it wins.
        _blob(
            view, depth - 0.01 * blob, centre + aside * size, wide * size, middle + up * tall,
            tall_share * tall, hue, shade, zbuffer, rgb, semantic,
        )  # fmt: skip


@fast_function
def _roof(
    view: View,
    depth: float,
    across: float,
    box_cos: float,
    box_sin: float,
    thing: FloatArray,
    zbuffer: FloatArray,
    rgb: ByteArray,
    semantic: ByteArray,
) -> None:
    """Draw the gabled roof of a house, whose ridge runs along its length."""
    half_length, half_width = (
        float(thing[network.S_HALF_LENGTH]) + 0.4,
        float(thing[network.S_HALF_WIDTH]) + 0.4,
    )
    high, hue = float(thing[network.S_HEIGHT]), float(thing[network.S_HUE])
    heading_cos, heading_sin = float(thing[network.S_COS]), float(thing[network.S_SIN])
    ridge = 0.8 * half_width
    keep = _clarity(depth)
    first, last = _columns(view, depth, across, box_cos, box_sin, half_length, half_width)
    origin_a = -(depth * box_cos + across * box_sin)
    origin_b = across * box_cos - depth * box_sin
    for column in range(first, last):
        slope = (column + 0.5 - 0.5 * view.width) / view.focal
        enter, leave, face, dir_a, dir_b = _enter(
            slope, origin_a, origin_b, box_cos, box_sin, half_length, half_width
        )
        if enter >= _FLAT:
            continue
        shade = _face_shade(face, dir_a, dir_b, heading_cos, heading_sin)
        rise = ridge * (1.0 - abs(origin_b + enter * dir_b) / half_width)
        scale = view.focal / enter
        eaves = view.horizon + (view.mount_height - high) * scale
        top = eaves - rise * scale
        across_ridge = -origin_b / dir_b
        if enter < across_ridge < leave:
            top = min(top, view.horizon + (view.mount_height - high - ridge) * view.focal / across_ridge)
        r, g, b = _hazed(150.0 + 30.0 * hue, 74.0 + 12.0 * hue, 56.0, shade + 0.1, keep)
        if face == 0:  # the gable is wall, not roof
            r, g, b = _hazed(198.0 + 30.0 * hue, 182.0 + 34.0 * hue, 158.0 + 50.0 * hue, shade, keep)
        _span(top, eaves, column, enter, r, g, b, BUILDING, zbuffer, rgb, semantic)


@fast_function
def draw_scenery(
    view: View,
    eye_x: float,
    eye_y: float,
    cos: float,
    sin: float,
    slot: int,
    maps: Maps,
    zbuffer: FloatArray,
    rgb: ByteArray,
    semantic: ByteArray,
) -> None:
    """Draw the scenery ahead, grid cell by grid cell."""
    columns, rows = maps.grid_size[slot, 0], maps.grid_size[slot, 1]
    left, bottom = maps.origin[slot, 0], maps.origin[slot, 1]
    reach = view.reach
    spread = 0.5 * view.width / view.focal
    side = reach * spread
    margin = 10.0
    # The box around the eye and the two far corners of the view.
    ax, ay = eye_x + reach * cos + side * sin, eye_y + reach * sin - side * cos
    bx, by = eye_x + reach * cos - side * sin, eye_y + reach * sin + side * cos
    column0 = max(int((min(eye_x, min(ax, bx)) - margin - left) / GRID), 0)
    column1 = min(int((max(eye_x, max(ax, bx)) + margin - left) / GRID), columns - 1)
    row0 = max(int((min(eye_y, min(ay, by)) - margin - bottom) / GRID), 0)
    row1 = min(int((max(eye_y, max(ay, by)) + margin - bottom) / GRID), rows - 1)
    for grid_row in range(row0, row1 + 1):
        if column1 < column0:
            break
        begin = maps.grid_start[slot, grid_row * columns + column0]
        end = maps.grid_start[slot, grid_row * columns + column1 + 1]
        for item in range(begin, end):
            thing = maps.scenery[slot, item]
            dx, dy = thing[network.S_X] - eye_x, thing[network.S_Y] - eye_y
            depth = dx * cos + dy * sin
            across = dx * sin - dy * cos
            wide = thing[network.S_HALF_LENGTH] + thing[network.S_HALF_WIDTH]
            if depth < NEAR or depth > reach or abs(across) > depth * spread + 1.5 * wide:
                continue
            kind = int(thing[network.S_KIND])
            high, hue = float(thing[network.S_HEIGHT]), float(thing[network.S_HUE])
            radius = float(thing[network.S_HALF_WIDTH])
            scale = view.focal / depth
            if kind in (network.TREE, network.BUSH):
                _plant(view, depth, across, radius, high, hue, kind == network.TREE, zbuffer, rgb, semantic)
                continue
            if kind != network.HOUSE and wide * scale < 0.5:
                continue
            heading_cos, heading_sin = float(thing[network.S_COS]), float(thing[network.S_SIN])
            box_cos = heading_cos * cos + heading_sin * sin
            box_sin = heading_cos * sin - heading_sin * cos
            red = green = blue = 232.0 if kind == network.POST else 112.0
            style = np.int64(6) if kind == network.POST else np.int64(0)
            label = np.int64(POLE)
            if kind == network.HOUSE:
                red, green, blue = 206.0 + 30.0 * hue, 190.0 + 34.0 * hue, 166.0 + 50.0 * hue
                style, label = np.int64(5), np.int64(BUILDING)
            _prism(
                view, depth, across, box_cos, box_sin, heading_cos, heading_sin,
                float(thing[network.S_HALF_LENGTH]), radius, 0.0, high, style,
                red, green, blue, label, zbuffer, rgb, semantic,
            )  # fmt: skip
            if kind == network.HOUSE:
                _roof(view, depth, across, box_cos, box_sin, thing, zbuffer, rgb, semantic)
