"""What one cell of the ground raster says.

A cell is one byte: three bits of kind and five bits of level.  The level is a coverage (how much of
the cell is paint, or asphalt rather than grass) or a tone.  Coverage is what keeps paint crisp at any
distance: it is exact at each mip level, and a linear ramp across an edge that a renderer can sharpen.

==========  ===================================================================
kind        level
==========  ===================================================================
GRASS       tone
WHITE       share of white paint, on asphalt
YELLOW      share of yellow paint, on asphalt
EDGE        share of asphalt, beside grass
ASPHALT     tone
PAVEMENT    tone up to :data:`STONE_LEVEL`; above it, share of kerb stone
KERB        share of asphalt, beside the kerb stone of a pavement
VERGE       share of pavement, beside grass
==========  ===================================================================
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

GRASS, WHITE, YELLOW, EDGE, ASPHALT, PAVEMENT, KERB, VERGE = range(8)
KIND_BITS = 5
LEVELS_PER_KIND = 32
CODES = 256
#: Lightest tone of a pavement's slabs; what is left of the 32 levels says how much is kerb stone.
STONE_LEVEL = 20
STONE_STEPS = LEVELS_PER_KIND - 1 - STONE_LEVEL

#: Semantic classes, the values of the ``semantic`` sensor.
SEMANTIC_CLASSES = (
    "sky",
    "grass",
    "road",
    "marking",
    "vehicle",
    "obstacle",
    "vegetation",
    "building",
    "pole",
    "terrain",
    "pavement",
    "pedestrian",
    "cyclist",
    "signal",
)
SKY, TERRAIN_GRASS, ROAD, MARKING, VEHICLE, OBSTACLE, VEGETATION, BUILDING, POLE, TERRAIN = range(10)
WALKWAY, PEDESTRIAN, CYCLIST, SIGNAL = range(10, 14)

# sRGB colours by daylight.
_GRASS = np.array([[88, 122, 54], [118, 146, 70]], np.float64)
_ASPHALT = np.array([[74, 76, 82], [104, 105, 109]], np.float64)
_WHITE = np.array([236, 236, 232], np.float64)
_YELLOW = np.array([240, 190, 52], np.float64)
_PAVEMENT = np.array([[132, 129, 124], [164, 160, 153]], np.float64)
_STONE = np.array([192, 190, 184], np.float64)


def palette() -> NDArray[np.float64]:
    """Return the colour of each code, shape (256, 3), sRGB in [0, 255]."""
    colours = np.zeros((CODES, 3))
    asphalt = _ASPHALT.mean(axis=0)
    grass = _GRASS.mean(axis=0)
    pavement = _PAVEMENT.mean(axis=0)
    for level in range(LEVELS_PER_KIND):
        share = level / (LEVELS_PER_KIND - 1)
        colours[_code(GRASS, level)] = _GRASS[0] + share * (_GRASS[1] - _GRASS[0])
        colours[_code(ASPHALT, level)] = _ASPHALT[0] + share * (_ASPHALT[1] - _ASPHALT[0])
        colours[_code(WHITE, level)] = asphalt + share * (_WHITE - asphalt)
        colours[_code(YELLOW, level)] = asphalt + share * (_YELLOW - asphalt)
        colours[_code(EDGE, level)] = grass + share * (asphalt - grass)
        tone, stone = _slab(level)
        slab = _PAVEMENT[0] + tone * (_PAVEMENT[1] - _PAVEMENT[0])
        colours[_code(PAVEMENT, level)] = slab + stone * (_STONE - slab)
        colours[_code(KERB, level)] = _STONE + share * (asphalt - _STONE)
        colours[_code(VERGE, level)] = grass + share * (pavement - grass)
    return colours


def layers() -> NDArray[np.float32]:
    """Return what each code is made of, in shares of [0, 1].

    Returns:
        Shape (256, 6): white, yellow, road, tone, pavement (its kerb stone included), kerb stone.
    """
    table = np.zeros((CODES, 6), np.float32)
    for level in range(LEVELS_PER_KIND):
        share = level / (LEVELS_PER_KIND - 1)
        table[_code(GRASS, level)] = (0, 0, 0, share, 0, 0)
        table[_code(ASPHALT, level)] = (0, 0, 1, share, 0, 0)
        table[_code(WHITE, level)] = (share, 0, 1, 0.5, 0, 0)
        table[_code(YELLOW, level)] = (0, share, 1, 0.5, 0, 0)
        table[_code(EDGE, level)] = (0, 0, share, 0.5, 0, 0)
        tone, stone = _slab(level)
        table[_code(PAVEMENT, level)] = (0, 0, 0, tone, 1, stone)
        table[_code(KERB, level)] = (0, 0, share, 0.5, 1 - share, 1 - share)
        table[_code(VERGE, level)] = (0, 0, 0, 0.5, share, 0)
    return table


def semantics() -> NDArray[np.uint8]:
    """Return the semantic class of each code, shape (256,)."""
    table = np.full(CODES, TERRAIN_GRASS, np.uint8)
    for level in range(LEVELS_PER_KIND):
        table[_code(ASPHALT, level)] = ROAD
        for kind in (WHITE, YELLOW):
            table[_code(kind, level)] = MARKING if level >= LEVELS_PER_KIND // 3 else ROAD
        table[_code(PAVEMENT, level)] = WALKWAY
        table[_code(KERB, level)] = WALKWAY
        if level >= LEVELS_PER_KIND // 2:
            table[_code(EDGE, level)] = ROAD
            table[_code(KERB, level)] = ROAD
            table[_code(VERGE, level)] = WALKWAY
    return table


def drivable() -> NDArray[np.bool_]:
    """Return whether a wheel may stand on each code, shape (256,)."""
    return np.isin(semantics(), (ROAD, MARKING))


def _slab(level: int) -> tuple[float, float]:
    """Split a pavement's level into the tone of its slabs and the share of kerb stone."""
    if level > STONE_LEVEL:
        return 0.5, (level - STONE_LEVEL) / STONE_STEPS
    return level / STONE_LEVEL, 0.0


def _code(kind: int, level: int) -> int:
    return kind << KIND_BITS | level
