"""A lidar: distance to the nearest solid thing along each of many beams, in one or more layers.

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
from mmenvs.driving.roads.compiled import GRID
from mmenvs.driving.roads.raster import CELL, code_at
from mmenvs.driving.roads.surface import KIND_BITS, PAVEMENT

if TYPE_CHECKING:
    from mmenvs.driving.roads.library import Maps
    from mmenvs.driving.state import Worlds

MOUNT = 1.8  # height of a lidar of several layers [m]
KERB = 0.12  # height of a pavement [m]
_CROWN = 0.28  # share of a tree's height below its crown
_PARALLEL = 1.0e-9
_PER_TURN = 1.0 / (2.0 * math.pi)
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
    heading_cos: float,
    heading_sin: float,
    ego_cos: float,
    ego_sin: float,
    half_length: float,
    half_width: float,
    low: float,
    high: float,
    reach: float,
    directions: FloatArray,
    layers: FloatArray,
    out: FloatArray,
) -> None:
    """Shorten the beams that hit one box between two heights; its place is in the lidar's frame."""
    beams = len(directions)
    single = len(layers) == 1
    square = x * x + y * y
    radius_square = half_length * half_length + half_width * half_width
    first, count, nearest = 0, beams, 0.0
    if square > 4.0 * radius_square:
        inverse = 1.0 / math.sqrt(square)
        radius = math.sqrt(radius_square)
        nearest = square * inverse - radius
        if nearest > reach:
            return
        # For an arcsine of up to a half, 1.05 times its argument is an upper bound.
        half_angle = 1.05 * radius * inverse + _BEAM_MARGIN
        centre = fast_atan2(y, x)
        scale = beams * _PER_TURN
        first = int(math.ceil((centre - half_angle) * scale))
        count = int(math.floor((centre + half_angle) * scale)) - first + 1
        if count <= 0:  # it stands between two beams
            return
        if first < 0:
            first += beams
    cos = heading_cos * ego_cos + heading_sin * ego_sin
    sin = heading_sin * ego_cos - heading_cos * ego_sin
    origin_x, origin_y = -(x * cos + y * sin), x * sin - y * cos
    beam = first
    for _ in range(count):
        if beam >= beams:
            beam -= beams
        dx, dy = directions[beam, 0], directions[beam, 1]
        if single and out[beam] < nearest - 0.001:  # hidden behind what was scanned before
            beam += 1
            continue
        near, far = through_box(
            origin_x, origin_y, dx * cos + dy * sin, dy * cos - dx * sin, half_length, half_width
        )
        if single:
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
                maps.level_columns[slot, 0], maps.level_rows[slot, 0],
                maps.tile_index[slot], maps.tiles[slot], maps.swatches[slot],
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
    single = len(layers) == 1
    for k in range(worlds.box_count[world]):
        box = worlds.boxes[world, k]
        dx, dy = box[st.B_X] - ego[st.X], box[st.B_Y] - ego[st.Y]
        far = sight + box[st.B_RADIUS]
        if dx * dx + dy * dy > far * far:
            continue
        _scan_box(
            dx * cos + dy * sin, dy * cos - dx * sin,
            np.float64(box[st.B_COS]), np.float64(box[st.B_SIN]), cos, sin,
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
            dx, dy = thing[network.S_X] - ego[st.X], thing[network.S_Y] - ego[st.Y]
            half_length = np.float64(thing[network.S_HALF_LENGTH])
            half_width = np.float64(thing[network.S_HALF_WIDTH])
            far = sight + half_length + half_width
            if dx * dx + dy * dy > far * far:
                continue
            tree = thing[network.S_KIND] == network.TREE
            high = np.float64(thing[network.S_HEIGHT])
            parts = 2 if tree and not single else 1
            for part in range(parts):
                low, top, long, wide = 0.0, high, half_length, half_width
                if part == 1:
                    low = _CROWN * high
                elif tree:  # the beam passes under the crown and meets the trunk
                    long = wide = 0.04 * high
                    top = high if single else _CROWN * high
                _scan_box(
                    dx * cos + dy * sin, dy * cos - dx * sin,
                    np.float64(thing[network.S_COS]), np.float64(thing[network.S_SIN]), cos, sin,
                    long, wide, low, top, sight, directions, layers, row,
                )  # fmt: skip
    if not single:
        _scan_ground(ego[st.X], ego[st.Y], cos, sin, slot, maps, directions, layers, row)
    scale = 1.0 / reach
    if noise <= 0.0 and rain_noise <= 0.0 and dropout <= 0.0:
        for beam in range(len(row)):
            row[beam] = min(row[beam] * scale, 1.0) if row[beam] < sight else 1.0
        return
    for beam in range(len(row)):
        distance = np.float64(row[beam])
        if distance >= sight or (dropout > 0.0 and uniform(worlds.noise, world) < dropout):
            row[beam] = 1.0
            continue
        sigma = noise
        if rain_noise > 0.0:
            sigma = math.sqrt(noise * noise + rain_noise * rain_noise * distance * distance)
        if sigma > 0.0:
            row[beam] += sigma * normal(worlds.noise, world)
        row[beam] = min(max(row[beam] * scale, 0.0), 1.0)
