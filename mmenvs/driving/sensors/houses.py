"""Houses, and what they hide: in a town most of what stands within sight stands behind a house.

Scenery is drawn from near to far.  A ``curtain`` holds, for each column, down to where a wall has been
drawn and how far away it is, shape (2, width): what lies behind it and reaches no higher is not drawn.
See :mod:`mmenvs.driving.sensors.strokes` for the other arguments.
"""

from __future__ import annotations

import math

import numpy as np

from mmenvs.core.arrays import ByteArray, FloatArray
from mmenvs.core.kernels import inner_function
from mmenvs.driving.roads import network
from mmenvs.driving.roads.surface import BUILDING
from mmenvs.driving.sensors.scene import Air, Scene, air_at, glowing, hazed, turn_to_view
from mmenvs.driving.sensors.solids import face_shade
from mmenvs.driving.sensors.strokes import FLAT, NEAR, columns_of, enter_box, repaint, span

C_TOP, C_DEPTH = range(2)  # rows of a curtain
CURTAIN_ROWS = 2
EAVES = 0.4  # how far a roof stands out [m]


@inner_function
def open_curtain(curtain: FloatArray) -> None:
    """Hide nothing."""
    curtain[C_TOP] = FLAT
    curtain[C_DEPTH] = FLAT


@inner_function
def hidden(
    first: int,
    last: int,
    top: float,
    depth: float,
    curtain: FloatArray,
) -> bool:
    """Say whether something no nearer than a depth and no higher than a row is hidden in all its columns."""
    for column in range(first, last):
        if top < curtain[C_TOP, column] or depth < curtain[C_DEPTH, column]:
            return False
    return True


@inner_function
def covered(
    scene: Scene,
    depth: float,
    across: float,
    radius: float,
    high: float,
    curtain: FloatArray,
) -> bool:
    """Say whether an upright cylinder that stands on the ground is hidden."""
    near, far = depth - radius, depth + radius
    if near < NEAR:
        return False
    left, right = across - radius, across + radius
    middle = 0.5 * scene.width
    first = int(math.floor(left * scene.focal / (near if left < 0.0 else far) + middle))
    last = int(math.ceil(right * scene.focal / (far if right < 0.0 else near) + middle))
    drop = (scene.mount_height - high) * scene.focal
    top = scene.horizon + drop / (near if drop < 0.0 else far)
    return hidden(max(first, 0), min(last, scene.width), top, near, curtain)


@inner_function
def draw_house(
    scene: Scene,
    depth: float,
    across: float,
    thing: FloatArray,
    curtain: FloatArray,
    zbuffer: FloatArray,
    rgb: ByteArray,
    semantic: ByteArray,
) -> None:
    """Draw a house, whose gabled roof has its ridge along its length.

    Args:
        scene: The eye.
        depth: Distance along the view [m].
        across: Distance to the right of it [m].
        thing: Row of ``Maps.scenery``.
        curtain: What is hidden; the house hides more.
        zbuffer: Depth of each pixel [m].
        rgb: The picture.
        semantic: Its classes.
    """
    heading_cos, heading_sin = np.float64(thing[network.S_COS]), np.float64(thing[network.S_SIN])
    cos, sin = turn_to_view(scene, heading_cos, heading_sin)
    half_length = np.float64(thing[network.S_HALF_LENGTH])
    half_width = np.float64(thing[network.S_HALF_WIDTH])
    roof_length, roof_width = half_length + EAVES, half_width + EAVES
    high, hue = np.float64(thing[network.S_HEIGHT]), np.float64(thing[network.S_HUE])
    ridge = 0.8 * roof_width
    first, last = columns_of(scene, depth, across, cos, sin, roof_length, roof_width)
    nearest = depth - roof_length * abs(cos) - roof_width * abs(sin)
    over = scene.mount_height - high - ridge
    highest = scene.horizon + over * scene.focal / max(nearest, NEAR)
    if over < 0.0 and hidden(first, last, highest, nearest, curtain):
        return
    wall_air = air_at(scene, depth, across, 0.6)
    roof_air = air_at(scene, depth, across, 0.2)
    origin_a = -(depth * cos + across * sin)
    origin_b = across * cos - depth * sin
    inverse_focal = 1.0 / scene.focal
    behind = over < 0.0
    for column in range(first, last):
        if behind and highest >= curtain[C_TOP, column] and nearest >= curtain[C_DEPTH, column]:
            continue
        slope = (column + 0.5 - 0.5 * scene.width) * inverse_focal
        enter, leave, face, dir_a, dir_b = enter_box(
            slope, origin_a, origin_b, cos, sin, roof_length, roof_width
        )
        if enter >= FLAT:
            continue
        scale = scene.focal / enter
        eaves = scene.horizon + (scene.mount_height - high) * scale
        top = eaves - ridge * (1.0 - abs(origin_b + enter * dir_b) / roof_width) * scale
        across_ridge = -origin_b / dir_b
        if enter < across_ridge < leave:
            top = min(top, scene.horizon + over * scene.focal / across_ridge)
        if top >= curtain[C_TOP, column] and enter >= curtain[C_DEPTH, column]:
            continue
        red, green, blue = 198.0 + 30.0 * hue, 182.0 + 34.0 * hue, 158.0 + 50.0 * hue
        shade = face_shade(scene, face, dir_a, dir_b, heading_cos, heading_sin)
        roof = hazed(150.0 + 30.0 * hue, 74.0 + 12.0 * hue, 56.0, shade + 0.1, roof_air)
        if face == 0:  # the gable is wall, not roof
            roof = hazed(red, green, blue, shade, roof_air)
        label = np.int64(BUILDING)
        span(top, eaves, column, enter, roof[0], roof[1], roof[2], label, zbuffer, rgb, semantic)
        enter, leave, face, dir_a, dir_b = enter_box(
            slope, origin_a, origin_b, cos, sin, half_length, half_width
        )
        if enter >= FLAT:
            continue
        scale = scene.focal / enter
        base = scene.horizon + scene.mount_height * scale
        shade = face_shade(scene, face, dir_a, dir_b, heading_cos, heading_sin)
        wall = hazed(red + 8.0, green + 8.0, blue + 8.0, shade, wall_air)
        # From below, the underside of the eaves shows between roof and wall; the wall's tone will do.
        upper = min(base - high * scale, eaves)
        span(upper, base, column, enter, wall[0], wall[1], wall[2], label, zbuffer, rgb, semantic)
        if len(rgb):
            along = abs(origin_b + enter * dir_b) if face == 0 else abs(origin_a + enter * dir_a)
            _windows(scene, along, high, base, scale, column, enter, shade, wall_air, zbuffer, rgb)
        if top < curtain[C_TOP, column]:
            curtain[C_TOP, column] = top
            curtain[C_DEPTH, column] = enter


@inner_function
def _windows(
    scene: Scene,
    along: float,
    high: float,
    base: float,
    scale: float,
    column: int,
    depth: float,
    shade: float,
    air: Air,
    zbuffer: FloatArray,
    rgb: ByteArray,
) -> None:
    """Add the windows of a house; at night people are at home behind half of them."""
    cell = along / 2.6
    part = cell - math.floor(cell)
    if not 0.3 < part < 0.72:
        return
    glass = hazed(70.0, 86.0, 104.0, 0.7 + 0.4 * shade, air)
    storey, number = 1.0, int(math.floor(cell)) + int(8.0 * high)
    while storey + 1.2 < high:
        pane = glass
        if scene.night and (number * 7 + 3 * (number >> 2)) & 3 < 2:
            pane = glowing(255.0, 206.0, 128.0, air)
        repaint(base - (storey + 1.2) * scale, base - storey * scale, column, depth, pane, zbuffer, rgb)
        storey += 2.7
        number += 5
