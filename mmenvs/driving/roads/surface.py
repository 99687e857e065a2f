"""What one cell of the ground raster says.

A cell is one byte: three bits of kind and five bits of level.  The level is a coverage (how much of
the cell is paint, or asphalt rather than grass) or a tone.  Coverage is what keeps paint crisp at any
distance: it is exact at each mip level, and a linear ramp across an edge that a renderer can sharpen.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

GRASS, WHITE, YELLOW, EDGE, ASPHALT = range(5)
KIND_BITS = 5
LEVELS_PER_KIND = 32
CODES = 256

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
)
SKY, TERRAIN_GRASS, ROAD, MARKING, VEHICLE, OBSTACLE, VEGETATION, BUILDING, POLE, TERRAIN = range(10)

# sRGB colours by daylight.
_GRASS = np.array([[88, 122, 54], [118, 146, 70]], np.float64)
_ASPHALT = np.array([[74, 76, 82], [104, 105, 109]], np.float64)
_WHITE = np.array([236, 236, 232], np.float64)
_YELLOW = np.array([240, 190, 52], np.float64)


def palette() -> NDArray[np.float64]:
    """Return the colour of each code, shape (256, 3), sRGB in [0, 255]."""
    colours = np.zeros((CODES, 3))
    asphalt = _ASPHALT.mean(axis=0)
    grass = _GRASS.mean(axis=0)
    for level in range(LEVELS_PER_KIND):
        share = level / (LEVELS_PER_KIND - 1)
        colours[_code(GRASS, level)] = _GRASS[0] + share * (_GRASS[1] - _GRASS[0])
        colours[_code(ASPHALT, level)] = _ASPHALT[0] + share * (_ASPHALT[1] - _ASPHALT[0])
        colours[_code(WHITE, level)] = asphalt + share * (_WHITE - asphalt)
        colours[_code(YELLOW, level)] = asphalt + share * (_YELLOW - asphalt)
        colours[_code(EDGE, level)] = grass + share * (asphalt - grass)
    return colours


def layers() -> NDArray[np.float32]:
    """Return what each code is made of, shape (256, 4): white, yellow, road in [0, 1], tone in [0, 1]."""
    table = np.zeros((CODES, 4), np.float32)
    for level in range(LEVELS_PER_KIND):
        share = level / (LEVELS_PER_KIND - 1)
        table[_code(GRASS, level)] = (0, 0, 0, share)
        table[_code(ASPHALT, level)] = (0, 0, 1, share)
        table[_code(WHITE, level)] = (share, 0, 1, 0.5)
        table[_code(YELLOW, level)] = (0, share, 1, 0.5)
        table[_code(EDGE, level)] = (0, 0, share, 0.5)
    return table


def semantics() -> NDArray[np.uint8]:
    """Return the semantic class of each code, shape (256,)."""
    table = np.full(CODES, TERRAIN_GRASS, np.uint8)
    for level in range(LEVELS_PER_KIND):
        table[_code(ASPHALT, level)] = ROAD
        for kind in (WHITE, YELLOW):
            table[_code(kind, level)] = MARKING if level >= LEVELS_PER_KIND // 3 else ROAD
        if level >= LEVELS_PER_KIND // 2:
            table[_code(EDGE, level)] = ROAD
    return table


def drivable() -> NDArray[np.bool_]:
    """Return whether a wheel may stand on each code, shape (256,)."""
    return np.isin(semantics(), (ROAD, MARKING))


def _code(kind: int, level: int) -> int:
    return kind << KIND_BITS | level
