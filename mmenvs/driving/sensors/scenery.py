"""Trees, bushes, houses, posts and lamps.

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
from mmenvs.driving.roads import network
from mmenvs.driving.roads.compiled import GRID
from mmenvs.driving.roads.surface import BUILDING, POLE, VEGETATION
from mmenvs.driving.sensors.solids import (
    FLAT,
    NEAR,
    clarity,
    columns_of,
    draw_prism,
    enter_box,
    face_shade,
    hazed,
    span,
)

if TYPE_CHECKING:
    from mmenvs.driving.roads.library import Maps
    from mmenvs.driving.sensors.camera import View


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
    keep = clarity(depth)
    red, green, blue = 56.0 + 44.0 * hue, 98.0 + 16.0 * hue, 40.0 + 8.0 * hue
    if radius < 2.5:  # a few pixels: one tone
        plain = hazed(red, green, blue, shade, keep)
        for column in range(first, last):
            span(
                middle - half_height, middle + half_height, column, depth,
                plain[0], plain[1], plain[2], VEGETATION, zbuffer, rgb, semantic,
            )  # fmt: skip
        return
    for column in range(first, last):
        u = (column + 0.5 - centre) / radius
        ragged = 0.94 + 0.06 * math.sin(u * 23.0 + hue * 40.0) if radius > 6.0 else 1.0
        half = half_height * math.sqrt(max(1.0 - u * u, 0.0)) * ragged
        light = shade * (1.0 - 0.2 * u)
        bright = hazed(red * 1.25, green * 1.25, blue * 1.2, light, keep)
        plain = hazed(red, green, blue, light, keep)
        dark = hazed(red * 0.72, green * 0.74, blue * 0.8, light, keep)
        wobble = 0.08 * half_height * math.sin(u * 11.0 + hue * 17.0) if radius > 6.0 else 0.0
        edge = middle - half
        for tone in range(3):
            colour = bright if tone == 0 else (plain if tone == 1 else dark)
            below = middle - 0.3 * half + wobble if tone == 0 else middle + 0.4 * half + wobble
            if tone == 2:
                below = middle + half
            span(
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
        trunk = hazed(92.0, 72.0, 54.0, 0.9, clarity(depth))
        half = max(0.045 * high * scale, 0.5)
        first = max(int(math.ceil(centre - half - 0.5)), 0)
        last = min(int(math.ceil(centre + half - 0.5)), view.width)
        top = base - 0.45 * high * scale
        for column in range(first, last):
            span(top, base, column, depth, trunk[0], trunk[1], trunk[2], POLE, zbuffer, rgb, semantic)
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
        np.float64(thing[network.S_HALF_LENGTH]) + 0.4,
        np.float64(thing[network.S_HALF_WIDTH]) + 0.4,
    )
    high, hue = np.float64(thing[network.S_HEIGHT]), np.float64(thing[network.S_HUE])
    heading_cos, heading_sin = np.float64(thing[network.S_COS]), np.float64(thing[network.S_SIN])
    ridge = 0.8 * half_width
    keep = clarity(depth)
    first, last = columns_of(view, depth, across, box_cos, box_sin, half_length, half_width)
    origin_a = -(depth * box_cos + across * box_sin)
    origin_b = across * box_cos - depth * box_sin
    for column in range(first, last):
        slope = (column + 0.5 - 0.5 * view.width) / view.focal
        enter, leave, face, dir_a, dir_b = enter_box(
            slope, origin_a, origin_b, box_cos, box_sin, half_length, half_width
        )
        if enter >= FLAT:
            continue
        shade = face_shade(face, dir_a, dir_b, heading_cos, heading_sin)
        rise = ridge * (1.0 - abs(origin_b + enter * dir_b) / half_width)
        scale = view.focal / enter
        eaves = view.horizon + (view.mount_height - high) * scale
        top = eaves - rise * scale
        across_ridge = -origin_b / dir_b
        if enter < across_ridge < leave:
            top = min(top, view.horizon + (view.mount_height - high - ridge) * view.focal / across_ridge)
        r, g, b = hazed(150.0 + 30.0 * hue, 74.0 + 12.0 * hue, 56.0, shade + 0.1, keep)
        if face == 0:  # the gable is wall, not roof
            r, g, b = hazed(198.0 + 30.0 * hue, 182.0 + 34.0 * hue, 158.0 + 50.0 * hue, shade, keep)
        span(top, eaves, column, enter, r, g, b, BUILDING, zbuffer, rgb, semantic)


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
            high, hue = np.float64(thing[network.S_HEIGHT]), np.float64(thing[network.S_HUE])
            radius = np.float64(thing[network.S_HALF_WIDTH])
            scale = view.focal / depth
            if kind in (network.TREE, network.BUSH):
                _plant(view, depth, across, radius, high, hue, kind == network.TREE, zbuffer, rgb, semantic)
                continue
            if kind != network.HOUSE and wide * scale < 0.5:
                continue
            heading_cos, heading_sin = np.float64(thing[network.S_COS]), np.float64(thing[network.S_SIN])
            box_cos = heading_cos * cos + heading_sin * sin
            box_sin = heading_cos * sin - heading_sin * cos
            red = green = blue = 232.0 if kind == network.POST else 112.0
            style = np.int64(6) if kind == network.POST else np.int64(0)
            label = np.int64(POLE)
            if kind == network.HOUSE:
                red, green, blue = 206.0 + 30.0 * hue, 190.0 + 34.0 * hue, 166.0 + 50.0 * hue
                style, label = np.int64(5), np.int64(BUILDING)
            draw_prism(
                view, depth, across, box_cos, box_sin, heading_cos, heading_sin,
                np.float64(thing[network.S_HALF_LENGTH]), radius, 0.0, high, style,
                red, green, blue, label, zbuffer, rgb, semantic,
            )  # fmt: skip
            if kind == network.HOUSE:
                _roof(view, depth, across, box_cos, box_sin, thing, zbuffer, rgb, semantic)
