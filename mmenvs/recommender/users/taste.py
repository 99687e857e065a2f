"""What a user likes: a vector of tastes that weighs the traits of items."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mmenvs.core.kernels import device_function
from mmenvs.core.random import normal

_SPAN = 3.0  # standard deviations of taste that a profile's [-1, 1] covers


@device_function
def utility(taste: NDArray[np.float64], world: int, traits: NDArray[np.float64], item: int) -> float:
    """Return the score of an item to a user before boredom [logit].

    Args:
        taste: Tastes, shape (worlds, traits).
        world: The user's row.
        traits: Weighted traits of the catalogue [logit], shape (items, traits).
        item: The item's row.
    """
    total = 0.0
    for f in range(taste.shape[1]):
        total += taste[world, f] * traits[item, f]
    return total


@device_function
def draw_taste(
    taste: NDArray[np.float64], streams: NDArray[np.uint64], world: int, mean: NDArray[np.float64]
) -> None:
    """Draw a user of the population: normal tastes of unit variance around ``mean``, shape (traits,)."""
    for f in range(taste.shape[1]):
        taste[world, f] = mean[f] + normal(streams, world)


@device_function
def draw_profile(
    profile: NDArray[np.float32],
    taste: NDArray[np.float64],
    streams: NDArray[np.uint64],
    world: int,
    noise: float,
) -> None:
    """Write what the user says of their taste at sign-up: the truth plus noise, scaled into [-1, 1].

    Args:
        profile: Written, shape (worlds, traits).
        taste: True tastes, shape (worlds, traits).
        streams: Random streams, shape (worlds,).
        world: The user's row.
        noise: Standard deviation of the noise, in units of taste.
    """
    for f in range(taste.shape[1]):
        said = (taste[world, f] + noise * normal(streams, world)) / _SPAN
        profile[world, f] = min(max(said, -1.0), 1.0)
