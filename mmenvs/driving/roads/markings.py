"""The paint of crossings and parking spaces, wherever they come from."""

from __future__ import annotations

import math

import numpy as np

from mmenvs.driving.roads.network import Crossing, Spot, Stroke

STRIPE, PERIOD = 0.5, 1.0  # of a zebra: width of a stripe, and from one to the next [m]
SPOT_LINE = 0.12  # width [m]


def zebra(crossing: Crossing) -> list[Stroke]:
    """Return the stripes of a crossing, in the middle between its kerbs."""
    way = crossing.end - crossing.start
    length = math.hypot(*way)
    ahead = way / length
    half = 0.5 * crossing.width * np.array([-ahead[1], ahead[0]])
    count = int((length - 0.3) // PERIOD)
    middles = (
        crossing.start + (0.5 * length + PERIOD * (np.arange(count) - 0.5 * (count - 1)))[:, None] * ahead
    )
    return [Stroke(line, STRIPE) for line in np.stack([middles - half, middles + half], 1)]


def outline_of(spot: Spot) -> list[Stroke]:
    """Return the lines along both sides of a parking space."""
    ahead = 0.5 * spot.length * np.array([math.cos(spot.heading), math.sin(spot.heading)])
    aside = 0.5 * spot.width * np.array([-math.sin(spot.heading), math.cos(spot.heading)])
    middle = np.array([spot.x, spot.y])
    return [
        Stroke(np.stack([middle + side * aside - ahead, middle + side * aside + ahead]), SPOT_LINE)
        for side in (-1.0, 1.0)
    ]
