"""A planar lidar: distance to the nearest solid thing along each of many beams around the car."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from mmenvs.core.arrays import FloatArray
from mmenvs.core.kernels import fast_function
from mmenvs.core.random import normal
from mmenvs.driving import state as st
from mmenvs.driving.roads import network
from mmenvs.driving.roads.compiled import GRID

if TYPE_CHECKING:
    from mmenvs.driving.roads.library import Maps
    from mmenvs.driving.state import Worlds

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
def ray_box(
    origin_x: float,
    origin_y: float,
    dir_x: float,
    dir_y: float,
    half_length: float,
    half_width: float,
) -> float:
    """Return the distance at which a ray enters an axis-aligned box around zero; huge if it misses.

    The slab method; origin and direction are in the box's frame.
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
        return 1.0e9
    return max(near, 0.0)


@fast_function
def _scan_box(
    x: float,
    y: float,
    cos: float,
    sin: float,
    half_length: float,
    half_width: float,
    reach: float,
    directions: FloatArray,
    out: FloatArray,
) -> None:
    """Shorten the beams that hit one box; its pose is in the lidar's frame."""
    beams = len(out)
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
        hit = ray_box(origin_x, origin_y, dx * cos + dy * sin, dy * cos - dx * sin, half_length, half_width)
        out[beam] = min(out[beam], hit)
        beam += 1
        if beam == beams:
            beam = 0


@fast_function
def scan(
    world: int,
    reach: float,
    noise: float,
    directions: FloatArray,
    worlds: Worlds,
    maps: Maps,
    out: FloatArray,
) -> None:
    """Write one lidar scan, as a share of the range; 1 means that the beam returned nothing.

    Args:
        world: Index of the world.
        reach: Range [m].
        noise: Standard deviation of a reading [m].
        directions: Cosine and sine of each beam in the ego frame, shape (beams, 2).
        worlds: ``Worlds``.
        maps: ``Maps``.
        out: Shape (worlds, beams), float32.
    """
    ego = worlds.ego[world]
    row = out[world]
    row[:] = reach
    cos, sin = math.cos(ego[st.HEADING]), math.sin(ego[st.HEADING])
    for k in range(worlds.box_count[world]):
        box = worlds.boxes[world, k]
        dx, dy = box[st.B_X] - ego[st.X], box[st.B_Y] - ego[st.Y]
        far = reach + box[st.B_RADIUS]
        if dx * dx + dy * dy > far * far:
            continue
        _scan_box(
            dx * cos + dy * sin,
            dy * cos - dx * sin,
            box[st.B_COS] * cos + box[st.B_SIN] * sin,
            box[st.B_SIN] * cos - box[st.B_COS] * sin,
            box[st.B_HALF_LENGTH],
            box[st.B_HALF_WIDTH],
            reach,
            directions,
            row,
        )
    slot = worlds.slot[world]
    columns, rows = maps.grid_size[slot, 0], maps.grid_size[slot, 1]
    left, bottom = maps.origin[slot, 0], maps.origin[slot, 1]
    column0 = max(int((ego[st.X] - reach - left) / GRID), 0)
    column1 = min(int((ego[st.X] + reach - left) / GRID), columns - 1)
    row0 = max(int((ego[st.Y] - reach - bottom) / GRID), 0)
    row1 = min(int((ego[st.Y] + reach - bottom) / GRID), rows - 1)
    for grid_row in range(row0, row1 + 1):
        begin = maps.grid_start[slot, grid_row * columns + column0]
        end = maps.grid_start[slot, grid_row * columns + column1 + 1]
        for item in range(begin, end):
            thing = maps.scenery[slot, item]
            kind = thing[network.S_KIND]
            dx, dy = thing[network.S_X] - ego[st.X], thing[network.S_Y] - ego[st.Y]
            far = reach + 8.0
            if dx * dx + dy * dy > far * far:
                continue
            half_length, half_width = thing[network.S_HALF_LENGTH], thing[network.S_HALF_WIDTH]
            if kind == network.TREE:  # the beam passes under the crown and meets the trunk
                half_length = half_width = 0.08 * thing[network.S_HEIGHT] * 0.5
            _scan_box(
                dx * cos + dy * sin,
                dy * cos - dx * sin,
                thing[network.S_COS] * cos + thing[network.S_SIN] * sin,
                thing[network.S_SIN] * cos - thing[network.S_COS] * sin,
                half_length,
                half_width,
                reach,
                directions,
                row,
            )
    scale = 1.0 / reach
    if noise > 0.0:
        for beam in range(len(row)):
            if row[beam] < reach:
                row[beam] += noise * normal(worlds.noise, world)
    for beam in range(len(row)):
        row[beam] = min(max(row[beam] * scale, 0.0), 1.0)
