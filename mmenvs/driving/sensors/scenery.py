"""How scenery is gathered, and trees, bushes, posts and lamps.

See :mod:`mmenvs.driving.sensors.strokes` for the arguments that the drawing functions share.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from mmenvs.core.arrays import ByteArray, FloatArray, IntArray
from mmenvs.core.kernels import inner_function
from mmenvs.driving.roads import network
from mmenvs.driving.roads.compiled import GRID
from mmenvs.driving.roads.surface import POLE, VEGETATION
from mmenvs.driving.sensors.glow import halo
from mmenvs.driving.sensors.houses import covered, draw_house, open_curtain
from mmenvs.driving.sensors.scene import Scene, air_at, hazed, turn_to_view
from mmenvs.driving.sensors.shadows import cast_box, cast_crown, light_pool
from mmenvs.driving.sensors.solids import PLAIN, POST, draw_prism
from mmenvs.driving.sensors.strokes import NEAR, span

if TYPE_CHECKING:
    from mmenvs.driving.roads.library import Maps

_ITEM_BITS = 20  # of a sorting key; above them lies the depth
_KEYS_PER_METRE, _KEY_OFFSET = 64.0, 1 << 16
_CAST_MARGIN = 36.0  # things this far outside the view may cast a shadow into it [m]


@inner_function
def _blob(
    scene: Scene,
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
    last = min(int(math.ceil(centre + radius - 0.5)), scene.width)
    air = air_at(scene, depth, (centre - 0.5 * scene.width) * depth / scene.focal, 0.45)
    red = (56.0 + 44.0 * hue) * scene.leaf_red
    green = (98.0 + 16.0 * hue) * scene.leaf_green
    blue = (40.0 + 8.0 * hue) * scene.leaf_blue
    if radius < 2.5:  # a few pixels: one tone
        plain = hazed(red, green, blue, shade, air)
        for column in range(first, last):
            span(
                middle - half_height, middle + half_height, column, depth,
                plain[0], plain[1], plain[2], np.int64(VEGETATION), zbuffer, rgb, semantic,
            )  # fmt: skip
        return
    for column in range(first, last):
        u = (column + 0.5 - centre) / radius
        ragged = 0.94 + 0.06 * math.sin(u * 23.0 + hue * 40.0) if radius > 6.0 else 1.0
        half = half_height * math.sqrt(max(1.0 - u * u, 0.0)) * ragged
        light = shade * (1.0 - 0.2 * u)
        bright = hazed(red * 1.25, green * 1.25, blue * 1.2, light, air)
        plain = hazed(red, green, blue, light, air)
        dark = hazed(red * 0.72, green * 0.74, blue * 0.8, light, air)
        wobble = 0.08 * half_height * math.sin(u * 11.0 + hue * 17.0) if radius > 6.0 else 0.0
        edge = middle - half
        for tone in range(3):
            colour = bright if tone == 0 else (plain if tone == 1 else dark)
            below = middle - 0.3 * half + wobble if tone == 0 else middle + 0.4 * half + wobble
            if tone == 2:
                below = middle + half
            span(
                edge, below, column, depth,
                colour[0], colour[1], colour[2], np.int64(VEGETATION), zbuffer, rgb, semantic,
            )  # fmt: skip
            edge = below


@inner_function
def _plant(
    scene: Scene,
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
    scale = scene.focal / depth
    base = scene.horizon + scene.mount_height * scale
    centre = across * scale + 0.5 * scene.width
    if tree:
        trunk = hazed(92.0, 72.0, 54.0, 0.9, air_at(scene, depth, across, 1.0))
        half = max(0.045 * high * scale, 0.5)
        first = max(int(math.ceil(centre - half - 0.5)), 0)
        last = min(int(math.ceil(centre + half - 0.5)), scene.width)
        top = base - 0.45 * high * scale
        for column in range(first, last):
            span(
                top, base, column, depth, trunk[0], trunk[1], trunk[2], np.int64(POLE), zbuffer, rgb, semantic
            )
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
            scene, depth - 0.01 * blob, centre + aside * size, wide * size, middle + up * tall,
            tall_share * tall, hue, shade, zbuffer, rgb, semantic,
        )  # fmt: skip


@inner_function
def gather_scenery(
    scene: Scene,
    slot: int,
    maps: Maps,
    near: IntArray,
) -> int:
    """Write the indices of the scenery that may show, or cast a long shadow, from near to far.

    Args:
        scene: The eye.
        slot: Slot of the map.
        maps: ``Maps``.
        near: Where they go, shape (items,).

    Returns:
        How many there are.
    """
    columns, rows = maps.grid_size[slot, 0], maps.grid_size[slot, 1]
    left, bottom = maps.origin[slot, 0], maps.origin[slot, 1]
    reach, spread = scene.reach, scene.spread
    more = _CAST_MARGIN if scene.cast_x != 0.0 or scene.cast_y != 0.0 else 0.0
    side = reach * spread
    margin = 10.0 + more
    # The box around the eye and the two far corners of the view.
    ax, ay = scene.x + reach * scene.cos + side * scene.sin, scene.y + reach * scene.sin - side * scene.cos
    bx, by = scene.x + reach * scene.cos - side * scene.sin, scene.y + reach * scene.sin + side * scene.cos
    column0 = max(int((min(scene.x, min(ax, bx)) - margin - left) / GRID), 0)
    column1 = min(int((max(scene.x, max(ax, bx)) + margin - left) / GRID), columns - 1)
    row0 = max(int((min(scene.y, min(ay, by)) - margin - bottom) / GRID), 0)
    row1 = min(int((max(scene.y, max(ay, by)) + margin - bottom) / GRID), rows - 1)
    count = 0
    for grid_row in range(row0, row1 + 1):
        if column1 < column0:
            break
        begin = maps.grid_start[slot, grid_row * columns + column0]
        end = maps.grid_start[slot, grid_row * columns + column1 + 1]
        for item in range(begin, end):
            thing = maps.scenery[slot, item]
            dx, dy = thing[network.S_X] - scene.x, thing[network.S_Y] - scene.y
            depth, across = turn_to_view(scene, dx, dy)
            wide = thing[network.S_HALF_LENGTH] + thing[network.S_HALF_WIDTH]
            if depth < NEAR - more or depth > reach or abs(across) > depth * spread + 1.5 * wide + more:
                continue
            key = (np.int64(depth * _KEYS_PER_METRE) + _KEY_OFFSET) << _ITEM_BITS | item
            place = count
            while place > 0 and near[place - 1] > key:
                near[place] = near[place - 1]
                place -= 1
            near[place] = key
            count += 1
    for k in range(count):
        near[k] &= (1 << _ITEM_BITS) - 1
    return count


@inner_function
def light_scenery(
    scene: Scene,
    slot: int,
    maps: Maps,
    near: IntArray,
    count: int,
    zbuffer: FloatArray,
    rgb: ByteArray,
) -> None:
    """Draw what the gathered scenery does to the light on the ground: long shadows, pools under lamps."""
    for k in range(count):
        thing = maps.scenery[slot, near[k]]
        kind = int(thing[network.S_KIND])
        x, y = np.float64(thing[network.S_X]), np.float64(thing[network.S_Y])
        cos, sin = np.float64(thing[network.S_COS]), np.float64(thing[network.S_SIN])
        if scene.night:
            if kind == network.LAMP:
                light_pool(scene, x, y, cos, sin, 11.0, 8.0, 60.0, 47.0, 27.0, rgb)
            continue
        high, radius = np.float64(thing[network.S_HEIGHT]), np.float64(thing[network.S_HALF_WIDTH])
        length = np.float64(thing[network.S_HALF_LENGTH])
        if kind in (network.TREE, network.BUSH):
            tree = kind == network.TREE
            low = 0.28 * high if tree else 0.0
            cast_crown(scene, x, y, radius, low, high if tree else 0.92 * high, zbuffer, rgb)
            if not tree:
                continue
            length = radius = 0.045 * high
            high *= 0.4
        ahead, _aside = turn_to_view(scene, x - scene.x, y - scene.y)
        if 2.0 * length * scene.focal > abs(ahead):  # more than a pixel wide
            cast_box(scene, x, y, cos, sin, length, radius, high, zbuffer, rgb)


@inner_function
def glow_scenery(
    scene: Scene,
    slot: int,
    maps: Maps,
    near: IntArray,
    count: int,
    zbuffer: FloatArray,
    rgb: ByteArray,
) -> None:
    """Draw the light of the street lamps among the gathered scenery."""
    for k in range(count):
        thing = maps.scenery[slot, near[k]]
        if int(thing[network.S_KIND]) == network.LAMP:
            dx, dy = thing[network.S_X] - scene.x, thing[network.S_Y] - scene.y
            depth, across = turn_to_view(scene, dx, dy)
            high = np.float64(thing[network.S_HEIGHT])
            halo(scene, depth, across, high, 1.1, 255.0, 204.0, 128.0, 1.0, zbuffer, rgb)


@inner_function
def draw_scenery(
    scene: Scene,
    slot: int,
    maps: Maps,
    near: IntArray,
    count: int,
    curtain: FloatArray,
    zbuffer: FloatArray,
    picture: ByteArray,
    semantic: ByteArray,
) -> None:
    """Draw the gathered scenery, from near to far; see :mod:`~mmenvs.driving.sensors.houses`."""
    open_curtain(curtain)
    for k in range(count):
        thing = maps.scenery[slot, near[k]]
        dx, dy = thing[network.S_X] - scene.x, thing[network.S_Y] - scene.y
        depth, across = turn_to_view(scene, dx, dy)
        wide = thing[network.S_HALF_LENGTH] + thing[network.S_HALF_WIDTH]
        if depth < NEAR or abs(across) > depth * scene.spread + 1.5 * wide:
            continue
        rgb = picture if depth < scene.clear_reach else picture[:0]
        kind = int(thing[network.S_KIND])
        high, hue = np.float64(thing[network.S_HEIGHT]), np.float64(thing[network.S_HUE])
        radius = np.float64(thing[network.S_HALF_WIDTH])
        scale = scene.focal / depth
        if kind == network.HOUSE:
            draw_house(scene, depth, across, thing, curtain, zbuffer, rgb, semantic)
            continue
        if covered(scene, depth, across, wide, high, curtain):
            continue
        if kind in (network.TREE, network.BUSH):
            _plant(scene, depth, across, radius, high, hue, kind == network.TREE, zbuffer, rgb, semantic)
            continue
        if wide * scale < 0.5:
            continue
        heading_cos, heading_sin = np.float64(thing[network.S_COS]), np.float64(thing[network.S_SIN])
        box_cos, box_sin = turn_to_view(scene, heading_cos, heading_sin)
        red = green = blue = 232.0 if kind == network.POST else 112.0
        style = np.int64(POST) if kind == network.POST else np.int64(PLAIN)
        draw_prism(
            scene, depth, across, box_cos, box_sin, heading_cos, heading_sin,
            np.float64(thing[network.S_HALF_LENGTH]), radius, 0.0, high, style,
            red, green, blue, np.int64(POLE), zbuffer, rgb, semantic,
        )  # fmt: skip
