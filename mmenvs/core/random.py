"""Random streams that kernels can use.

A stream is one ``uint64`` counter, advanced by a constant and hashed: the SplitMix64 generator
(Steele, Lea and Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014).  Each world
owns its streams, so a trajectory depends on its seed alone and never on the batch around it.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from mmenvs.core.kernels import device_function

UIntArray = NDArray[np.uint64]

_GAMMA = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)
_SHIFT_30, _SHIFT_27, _SHIFT_31, _SHIFT_11 = (np.uint64(n) for n in (30, 27, 31, 11))
_TO_UNIT = 1.0 / (1 << 53)


@device_function
def mix(value: int | np.uint64) -> np.uint64:
    """Hash a 64-bit integer (SplitMix64's finaliser)."""
    z = np.uint64(value)
    z = (z ^ (z >> _SHIFT_30)) * _MIX_1
    z = (z ^ (z >> _SHIFT_27)) * _MIX_2
    return z ^ (z >> _SHIFT_31)


@device_function
def derive(seed: int | np.uint64, index: int | np.uint64) -> np.uint64:
    """Return the seed of sub-stream ``index`` of ``seed``; different indices are independent."""
    return mix(np.uint64(seed) + (np.uint64(index) + np.uint64(1)) * _GAMMA)


@device_function
def next_integer(streams: UIntArray, world: int) -> np.uint64:
    """Advance the stream of ``world`` and return 64 random bits."""
    streams[world] += _GAMMA
    return mix(streams[world])


@device_function
def uniform(streams: UIntArray, world: int) -> float:
    """Return a float in [0, 1)."""
    return np.float64(next_integer(streams, world) >> _SHIFT_11) * _TO_UNIT


@device_function
def uniform_between(streams: UIntArray, world: int, low: float, high: float) -> float:
    """Return a float in [low, high)."""
    return low + (high - low) * uniform(streams, world)


@device_function
def integer_below(streams: UIntArray, world: int, bound: int) -> int:
    """Return an integer in [0, bound)."""
    return int(uniform(streams, world) * bound)


@device_function
def normal(streams: UIntArray, world: int) -> float:
    """Return a standard normal number (Box and Muller, 1958)."""
    radius = math.sqrt(-2.0 * math.log(1.0 - uniform(streams, world)))
    return radius * math.cos(2.0 * math.pi * uniform(streams, world))


def derive_seeds(seeds: UIntArray, indices: UIntArray) -> UIntArray:
    """Vectorised :func:`derive` for NumPy arrays of equal shape."""
    with np.errstate(over="ignore"):
        z = seeds + (indices + np.uint64(1)) * _GAMMA
        z = (z ^ (z >> _SHIFT_30)) * _MIX_1
        z = (z ^ (z >> _SHIFT_27)) * _MIX_2
        return np.asarray(z ^ (z >> _SHIFT_31), np.uint64)
