"""A lidar: distance to the nearest solid thing along each of many beams around the car, in one or more layers.

With one layer it is planar and hits whatever stands, however low.  With several, each layer is a cone of
beams at one angle to the ground: beams pass over what is lower than they are, meet the lids of what they
look down on, the crowns of trees or only their trunks, and the ground itself, pavements a kerb higher.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from mmenvs.core.arrays import FloatArray
from mmenvs.core.kernels import fast_function, inner_function
from mmenvs.core.random import normal, uniform
from mmenvs.driving import state as st
from mmenvs.driving.roads import network
from mmenvs.driving.roads.library import GRID
from mmenvs.driving.roads.raster import CELL, code_at
from mmenvs.driving.roads.surface import KIND_BITS, PAVEMENT

if TYPE_CHECKING:
    from mmenvs.driving.roads.library import Maps
    from mmenvs.driving.state import Worlds

MOUNT = 1.8  # height of a lidar of several layers [m]
KERB = 0.12  # height of a pavement [m]
_CROWN = 0.28  # share of a tree's height below its crown
_PARALLEL = 1.0e-9
_BEAM_MARGIN = 0.006  # more than the error of fast_atan2 [rad]


@fast_function
def fast_atan2(
    y: float,
    x: float,
) -> float:
    """Return an angle within 0.004 rad of ``atan2(y, x)``; enough to choose beams with a margin."""
    ax, ay = abs(x), abs(y)
    ratio = min(ax, ay) / max(max(ax, ay), 1.0e-12)
    angle = ratio * (0.7853982 + 0.273 * (1.0 - ratio))
    if ay > ax:
        angle = 1.5707963 - angle
    if x < 0.0:
        angle = 3.1415927 - angle
    return -angle if y < 0.0 else angle


@fast_function
def through_box(
    origin_x: float,
    origin_y: float,
    dir_x: float,
    dir_y: float,
    half_length: float,
    half_width: float,
) -> tuple[float, float]:
    """Return the distances at which a ray enters and leaves an axis-aligned box around zero.

    The slab method; origin and direction are in the box's frame.  A miss enters at 1e9; a ray that
    starts within enters at 0.
    """
    if abs(dir_x) < _PARALLEL:
        dir_x = _PARALLEL
    if abs(dir_y) < _PARALLEL:
        dir_y = _PARALLEL
    inverse_x, inverse_y = 1.0 / dir_x, 1.0 / dir_y
    reach_x, reach_y = half_length * abs(inverse_x), half_width * abs(inverse_y)
    middle_x, middle_y = -origin_x * inverse_x, -origin_y * inverse_y
    near = max(middle_x - reach_x, middle_y - reach_y)
    far = min(middle_x + reach_x, middle_y + reach_y)
    if near > far or far < 0.0:
        return 1.0e9, 1.0e9
    return max(near, 0.0), far


@fast_function
def ray_box(
    origin_x: float,
    origin_y: float,
    dir_x: float,
    dir_y: float,
    half_length: float,
    half_width: float,
) -> float:
    """Return the distance at which a ray enters a box; see :func:`through_box`."""
    return through_box(origin_x, origin_y, dir_x, dir_y, half_length, half_width)[0]


@inner_function
def _scan_box(
    x: float,
    y: float,
    cos: float,
    sin: float,
    half_length: float,
    half_width: float,
    low: float,
    high: float,
    reach: float,
    directions: FloatArray,
    layers: FloatArray,
    out: FloatArray,
) -> None:
    """Shorten the beams that hit one box between two heights; its pose is in the lidar's frame."""
    beams = len(directions)
    distance = math.sqrt(x * x + y * y)
    radius = math.sqrt(half_length * half_length + half_width * half_width)
    if distance - radius > reach:
        return
    first, count = 0, beams
    if distance > radius * 1.05:
        half_angle = radius / math.sqrt(distance * distance - radius * radius)  # tan >= angle: conservative
        centre = fast_atan2(y, x)
        scale = beams / (2.0 * math.pi)
        first = int(math.ceil((centre - half_angle - _BEAM_MARGIN) * scale))
        count = int(math.floor((centre + half_angle + _BEAM_MARGIN) * scale)) - first + 1
        count = min(count, beams)
    origin_x, origin_y = -(x * cos + y * sin), x * sin - y * cos
    beam = first % beams
    for _ in range(count):
        dx, dy = directions[beam, 0], directions[beam, 1]
        near, far = through_box(
            origin_x, origin_y, dx * cos + dy * sin, dy * cos - dx * sin, half_length, half_width
        )
        if len(layers) == 1:
            out[beam] = min(out[beam], near)
        elif near < reach:
            for layer in range(len(layers)):
                rise, stretch = layers[layer, 0], layers[layer, 1]
                height = MOUNT + near * rise
                hit = near
                if height < low or height > high:
                    # The beam passes below or above the near side: it may meet the underside or the lid.
                    level = high if height > high else low
                    hit = (level - MOUNT) / rise if rise != 0.0 else 1.0e9
                    if hit < near or hit > far:
                        continue
                at = layer * beams + beam
                out[at] = min(out[at], hit * stretch)
        beam += 1
        if beam == beams:
            beam = 0


@inner_function
def _scan_ground(
    ego_x: float,
    ego_y: float,
    cos: float,
    sin: float,
    slot: int,
    maps: Maps,
    directions: FloatArray,
    layers: FloatArray,
    out: FloatArray,
) -> None:
    """Shorten the beams that look down to where they meet the ground, or a pavement above it."""
    beams = len(directions)
    for layer in range(len(layers)):
        rise, stretch = layers[layer, 0], layers[layer, 1]
        if rise >= 0.0:
            continue
        flat, raised = -MOUNT / rise, (KERB - MOUNT) / rise
        for beam in range(beams):
            at = layer * beams + beam
            if out[at] < raised * stretch:
                continue
            dx = directions[beam, 0] * cos - directions[beam, 1] * sin
            dy = directions[beam, 0] * sin + directions[beam, 1] * cos
            code = code_at(
                ego_x + dx * raised, ego_y + dy * raised, CELL,
                maps.origin[slot, 0], maps.origin[slot, 1], maps.level_start[slot, 0],
                maps.level_columns[slot, 0], maps.level_rows[slot, 0], maps.tile_index[slot], maps.tiles[slot],
            )  # fmt: skip
            hit = raised if code >> KIND_BITS == PAVEMENT else flat
            out[at] = min(out[at], hit * stretch)


@inner_function
def scan(
    world: int,
    reach: float,
    sight: float,
    noise: float,
    rain_noise: float,
    dropout: float,
    directions: FloatArray,
    layers: FloatArray,
    worlds: Worlds,
    maps: Maps,
    out: FloatArray,
) -> None:
    """Write one lidar scan, as a share of the range; 1 means that the beam returned nothing.

    Args:
        world: Index of the world.
        reach: Range, the distance that reads 1 [m].
        sight: How far the lidar sees in this weather [m], at most ``reach``.
        noise: Standard deviation of a reading [m].
        rain_noise: The same that rain adds, per metre of distance.
        dropout: Share of the beams that return nothing at random.
        directions: Cosine and sine of each beam in the ego frame, shape (beams, 2).
        layers: Tangent of the angle to the horizontal and 1 / its cosine, shape (layers, 2).
        worlds: ``Worlds``.
        maps: ``Maps``.
        out: Shape (worlds, layers * beams), float32; layer by layer.
    """
    ego = worlds.ego[world]
    row = out[world]
    row[:] = reach
    cos, sin = math.cos(ego[st.HEADING]), math.sin(ego[st.HEADING])
    slot = worlds.slot[world]
    for k in range(worlds.box_count[world]):
        box = worlds.boxes[world, k]
        dx, dy = box[st.B_X] - ego[st.X], box[st.B_Y] - ego[st.Y]
        far = sight + box[st.B_RADIUS]
        if dx * dx + dy * dy > far * far:
            continue
        _scan_box(
            dx * cos + dy * sin, dy * cos - dx * sin,
            box[st.B_COS] * cos + box[st.B_SIN] * sin, box[st.B_SIN] * cos - box[st.B_COS] * sin,
            np.float64(box[st.B_HALF_LENGTH]), np.float64(box[st.B_HALF_WIDTH]),
            0.0, np.float64(box[st.B_HEIGHT]), sight, directions, layers, row,
        )  # fmt: skip
    columns, rows = maps.grid_size[slot, 0], maps.grid_size[slot, 1]
    left, bottom = maps.origin[slot, 0], maps.origin[slot, 1]
    column0 = max(int((ego[st.X] - sight - left) / GRID), 0)
    column1 = min(int((ego[st.X] + sight - left) / GRID), columns - 1)
    row0 = max(int((ego[st.Y] - sight - bottom) / GRID), 0)
    row1 = min(int((ego[st.Y] + sight - bottom) / GRID), rows - 1)
    for grid_row in range(row0, row1 + 1):
        if column1 < column0:
            break
        begin = maps.grid_start[slot, grid_row * columns + column0]
        end = maps.grid_start[slot, grid_row * columns + column1 + 1]
        for item in range(begin, end):
            thing = maps.scenery[slot, item]
            kind = thing[network.S_KIND]
            dx, dy = thing[network.S_X] - ego[st.X], thing[network.S_Y] - ego[st.Y]
            far = sight + 8.0
            if dx * dx + dy * dy > far * far:
                continue
            half_length, half_width = (
                np.float64(thing[network.S_HALF_LENGTH]),
                np.float64(thing[network.S_HALF_WIDTH]),
            )
            high = np.float64(thing[network.S_HEIGHT])
            parts = 2 if kind == network.TREE and len(layers) > 1 else 1
            for part in range(parts):
                low, top, long, wide = 0.0, high, half_length, half_width
                if part == 1:
                    low = _CROWN * high
                elif kind == network.TREE:  # the beam passes under the crown and meets the trunk
                    long = wide = 0.08 * high * 0.5
                    top = _CROWN * high if parts == 2 else high
                _scan_box(
                    dx * cos + dy * sin, dy * cos - dx * sin,
                    thing[network.S_COS] * cos + thing[network.S_SIN] * sin,
                    thing[network.S_SIN] * cos - thing[network.S_COS] * sin,
                    long, wide, low, top, sight, directions, layers, row,
                )  # fmt: skip
    if len(layers) > 1:
        _scan_ground(ego[st.X], ego[st.Y], cos, sin, slot, maps, directions, layers, row)
    scale = 1.0 / reach
    for beam in range(len(row)):
        distance = np.float64(row[beam])
        if distance >= sight:
            row[beam] = 1.0
            continue
        sigma = noise
        if rain_noise > 0.0:
            sigma = math.sqrt(noise * noise + rain_noise * rain_noise * distance * distance)
        if dropout > 0.0 and uniform(worlds.noise, world) < dropout:
            row[beam] = 1.0
            continue
        if sigma > 0.0:
            row[beam] += sigma * normal(worlds.noise, world)
        row[beam] = min(max(row[beam] * scale, 0.0), 1.0)
