"""Noise of sensors that is a hash of where and when, not a draw from a stream.

It takes nothing from anywhere, so switching a sensor on changes neither the world nor another sensor,
and one seed gives one noise whatever the batch.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from mmenvs.core.kernels import device_function, inner_function
from mmenvs.core.random import derive
from mmenvs.driving import state as st

if TYPE_CHECKING:
    from mmenvs.driving.state import Worlds

#: Salts that keep the noise of different sensors apart; cameras count up from the first.
CAMERA_NOISE, RADAR_NOISE, IMU_NOISE, GNSS_NOISE = 0, 64, 65, 66
_SHIFT = np.uint64(11)
_TO_UNIT = 1.0 / (1 << 53)


@inner_function
def place_key(
    world: int,
    salt: int,
    worlds: Worlds,
) -> np.uint64:
    """Return a number that differs from moment to moment: a hash of the car's place, the step and a salt."""
    ego = worlds.ego[world]
    place = derive(np.uint64(np.int64(ego[st.X] * 4096.0)), np.uint64(np.int64(ego[st.Y] * 4096.0)))
    return derive(place, np.uint64(128 * worlds.steps[world] + salt))


@device_function
def hashed_uniform(key: np.uint64, index: int) -> float:
    """Return the ``index``-th number in [0, 1) of a key."""
    return np.float64(derive(key, np.uint64(index)) >> _SHIFT) * _TO_UNIT


@device_function
def hashed_normal(key: np.uint64, index: int) -> float:
    """Return the ``index``-th standard normal number of a key (Box and Muller, 1958)."""
    radius = math.sqrt(-2.0 * math.log(1.0 - hashed_uniform(key, 2 * index)))
    return radius * math.cos(2.0 * math.pi * hashed_uniform(key, 2 * index + 1))
