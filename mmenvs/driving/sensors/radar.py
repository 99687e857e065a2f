"""A radar: range, bearing and closing speed of the nearest vehicles and obstacles ahead."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from mmenvs.core.arrays import FloatArray
from mmenvs.core.kernels import inner_function
from mmenvs.driving import state as st
from mmenvs.driving.sensors.noise import RADAR_NOISE, hashed_normal, place_key

if TYPE_CHECKING:
    from mmenvs.driving.state import Worlds

#: What the four numbers of a target are.
FEATURES = ("range", "azimuth", "radial_velocity", "valid")
VELOCITY_SCALE = 40.0  # radial velocity that reads 1 [m/s]
#: Standard deviations at noise level 1, those of a good automotive unit.
RANGE_SIGMA, AZIMUTH_SIGMA, VELOCITY_SIGMA = 0.2, math.radians(0.2), 0.06  # [m], [rad], [m/s]


@inner_function
def detect(
    world: int,
    reach: float,
    sight: float,
    half_angle: float,
    noise: float,
    worlds: Worlds,
    out: FloatArray,
) -> None:
    """Write the nearest targets, nearest first; rows without a target are zero.

    A target reads ``range / reach``, ``azimuth / pi`` (left positive), ``radial velocity / 40`` (negative
    while it comes closer) and 1.  The radar looks through nearer targets, as real ones do under cars.
    Noise changes what a target reads, not the order of the targets, which is that of their true ranges.

    Args:
        world: Index of the world.
        reach: Range that reads 1 [m].
        sight: How far the radar sees in this weather [m], at most ``reach``.
        half_angle: Half of the opening angle [rad].
        noise: Level of noise; 1 for :data:`RANGE_SIGMA`, :data:`AZIMUTH_SIGMA`, :data:`VELOCITY_SIGMA`.
        worlds: ``Worlds``.
        out: Shape (worlds, targets * 4), float32.
    """
    ego = worlds.ego[world]
    row = out[world]
    targets = len(row) // 4
    row[:] = 0.0
    cos, sin = math.cos(ego[st.HEADING]), math.sin(ego[st.HEADING])
    ego_vx, ego_vy = ego[st.SPEED] * cos, ego[st.SPEED] * sin
    found = 0
    for k in range(worlds.box_count[world]):
        box = worlds.boxes[world, k]
        if box[st.B_KIND] == st.CONE:  # plastic does not reflect
            continue
        dx, dy = box[st.B_X] - ego[st.X], box[st.B_Y] - ego[st.Y]
        square = dx * dx + dy * dy
        if square > sight * sight:
            continue
        distance = max(math.sqrt(square), 1e-6)
        azimuth = math.atan2(dy * cos - dx * sin, dx * cos + dy * sin)
        if abs(azimuth) > half_angle:
            continue
        share = distance / reach
        place = min(found, targets)
        while place > 0 and row[4 * (place - 1)] > share:
            if place < targets:
                for feature in range(4):
                    row[4 * place + feature] = row[4 * (place - 1) + feature]
            place -= 1
        if place >= targets:
            continue
        radial = ((box[st.B_VX] - ego_vx) * dx + (box[st.B_VY] - ego_vy) * dy) / distance
        row[4 * place] = share
        row[4 * place + 1] = azimuth / math.pi
        row[4 * place + 2] = min(max(radial / VELOCITY_SCALE, -1.0), 1.0)
        row[4 * place + 3] = 1.0
        found += 1
    if noise <= 0.0:
        return
    key = place_key(world, RADAR_NOISE, worlds)
    sigma_range, sigma_speed = noise * RANGE_SIGMA / reach, noise * VELOCITY_SIGMA / VELOCITY_SCALE
    for target in range(min(found, targets)):
        first = 4 * target
        draw = 3 * target
        row[first] = min(max(row[first] + sigma_range * hashed_normal(key, draw), 0.0), 1.0)
        wide = row[first + 1] + noise * AZIMUTH_SIGMA / math.pi * hashed_normal(key, draw + 1)
        row[first + 1] = min(max(wide, -1.0), 1.0)
        fast = row[first + 2] + sigma_speed * hashed_normal(key, draw + 2)
        row[first + 2] = min(max(fast, -1.0), 1.0)
