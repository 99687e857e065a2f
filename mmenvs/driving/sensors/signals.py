"""Traffic lights as drivers see them: a post, a housing, three lamps, of which one is lit.

See :mod:`mmenvs.driving.sensors.strokes` for the arguments that the drawing functions share.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from mmenvs.core.arrays import ByteArray, FloatArray
from mmenvs.core.kernels import fast_function, inner_function
from mmenvs.driving import state as st
from mmenvs.driving.roads.compiled import MOST_GROUPS
from mmenvs.driving.roads.surface import POLE, SIGNAL
from mmenvs.driving.sensors.glow import halo
from mmenvs.driving.sensors.scene import Colour, Scene, air_at, glowing, hazed, turn_to_view
from mmenvs.driving.sensors.strokes import NEAR, columns_between, span

if TYPE_CHECKING:
    from mmenvs.driving.roads.library import Maps
    from mmenvs.driving.state import Worlds

# Larger than life (0.3 m by 1 m), for the sake of small pictures.
HALF_WIDTH, TOP, BOTTOM = 0.3, 4.3, 2.75  # of the housing [m]
PITCH, RADIUS = 0.49, 0.2  # distance between lamps, and their radius [m]
POST_HALF = 0.08  # [m]
_LEAST = 1.0  # pixels: radius of the smallest lit lamp
_READABLE = 45.0  # up to this distance it keeps that radius [m]


@fast_function
def lamp_colour(
    lamp: int | np.int64,
) -> Colour:
    """Return the colour of a lit lamp."""
    if lamp == st.RED:
        return 255.0, 34.0, 26.0
    if lamp == st.AMBER:
        return 255.0, 172.0, 16.0
    return 24.0, 246.0, 118.0


@inner_function
def draw_signals(
    scene: Scene,
    world: int,
    slot: int,
    worlds: Worlds,
    maps: Maps,
    zbuffer: FloatArray,
    picture: ByteArray,
    semantic: ByteArray,
) -> None:
    """Draw the signal heads in view; from behind a head is a dark housing."""
    for head in range(maps.signal_count[slot]):
        signal = maps.signals[slot, head]
        dx, dy = np.float64(signal[0]) - scene.x, np.float64(signal[1]) - scene.y
        depth, across = turn_to_view(scene, dx, dy)
        if depth < NEAR or depth > scene.reach or abs(across) > depth * scene.spread + 1.0:
            continue
        distance = math.sqrt(dx * dx + dy * dy)
        facing = -(dx * signal[2] + dy * signal[3]) / distance
        rgb = picture if depth < scene.clear_reach else picture[:0]
        group = int(signal[4])
        lit = np.int64(worlds.lights[world, group]) if 0 <= group < MOST_GROUPS else np.int64(st.RED)
        _head(scene, depth, across, facing, lit, zbuffer, rgb, semantic)


@inner_function
def _head(
    scene: Scene,
    depth: float,
    across: float,
    facing: float,
    lit: int | np.int64,
    zbuffer: FloatArray,
    rgb: ByteArray,
    semantic: ByteArray,
) -> None:
    """Draw one head; ``facing`` is the cosine of the angle at which its front is seen."""
    # As exact as the buffer: lamps lie on the housing at its very depth, or depth would tell which is lit.
    depth = np.float64(np.float32(depth))
    scale = scene.focal / depth
    base = scene.horizon + scene.mount_height * scale
    centre = across * scale + 0.5 * scene.width
    air = air_at(scene, depth, across, 0.7)
    # In a small picture a lamp would be less than a pixel: what matters is drawn as large as it must be.
    least = _LEAST * min(1.0, _READABLE / depth)
    radius = max(RADIUS * scale, least)
    pitch = max(PITCH * scale, 1.6 * radius)
    middle = base - 0.5 * (TOP + BOTTOM) * scale
    half_height = max(0.5 * (TOP - BOTTOM) * scale, pitch + radius + 0.3)
    half_width = max(HALF_WIDTH * max(abs(facing), 0.5) * scale, radius + 0.3)
    post = hazed(96.0, 98.0, 102.0, 0.9, air)
    first, last = columns_between(centre - POST_HALF * scale, centre + POST_HALF * scale, scene.width)
    for column in range(first, last):
        span(
            middle,
            base,
            column,
            depth + 0.1,
            post[0],
            post[1],
            post[2],
            np.int64(POLE),
            zbuffer,
            rgb,
            semantic,
        )
    shell = hazed(34.0, 36.0, 38.0, 1.0, air)
    first, last = columns_between(centre - half_width, centre + half_width, scene.width)
    for column in range(first, last):
        span(
            middle - half_height, middle + half_height, column, depth, shell[0], shell[1], shell[2],
            np.int64(SIGNAL), zbuffer, rgb, semantic,
        )  # fmt: skip
    if facing < 0.05:
        return
    narrow = radius * max(facing, 0.45)
    for lamp in range(3):
        colour = lamp_colour(lamp)
        shown = glowing(colour[0], colour[1], colour[2], air)
        if lamp != lit:
            if radius < 1.5:
                continue
            shown = hazed(0.2 * colour[0] + 14.0, 0.2 * colour[1] + 14.0, 0.2 * colour[2] + 14.0, 1.0, air)
        place = middle + (lamp - 1.0) * pitch
        first, last = columns_between(centre - narrow, centre + narrow, scene.width)
        for column in range(first, last):
            u = (column + 0.5 - centre) / max(narrow, 0.5)
            half = radius * math.sqrt(max(1.0 - u * u, 0.0)) if radius > 1.6 else radius
            span(
                place - half, place + half, column, depth, shown[0], shown[1], shown[2],
                np.int64(SIGNAL), zbuffer, rgb, semantic,
            )  # fmt: skip
        if lamp == lit and len(rgb):
            height = scene.mount_height - (place - scene.horizon) / scale
            halo(
                scene, depth, across, height, 0.75, colour[0], colour[1], colour[2],
                (0.16 + 0.6 * scene.lamps) * facing, zbuffer, rgb,
            )  # fmt: skip
