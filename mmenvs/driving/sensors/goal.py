"""The goal of parking: where the car is, where it should be, and whether that is the same.

The observation is that of a goal-conditioned environment (Plappert et al., "Multi-goal reinforcement
learning", arXiv:1802.09464), so that hindsight experience replay works: the reward is a function of the
achieved and the desired goal alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mmenvs.core.kernels import fast_function
from mmenvs.driving import state as st

if TYPE_CHECKING:
    from mmenvs.driving.roads.library import Roads
    from mmenvs.driving.state import Worlds

GOAL_NAMES = ("x", "y", "cos", "sin", "speed")
GOAL_SCALE, GOAL_SPEED = 100.0, 10.0  # what reads 1 [m, m/s]
ALONG, ASIDE = 0.6, 0.35  # how far from the middle of the space a car may stand [m]
TILT = 0.17  # sine of the angle at which it may stand; forwards and backwards are the same
STILL = 0.5  # a car is parked below this speed [m/s]


@fast_function
def is_parked(
    x: float,
    y: float,
    cos: float,
    sin: float,
    speed: float,
    goal_x: float,
    goal_y: float,
    goal_cos: float,
    goal_sin: float,
) -> bool:
    """Say whether a car stands in a parking space; poses are position [m], cosine and sine of the heading."""
    dx, dy = x - goal_x, y - goal_y
    along, aside = dx * goal_cos + dy * goal_sin, dy * goal_cos - dx * goal_sin
    turned = abs(cos * goal_sin - sin * goal_cos)
    return abs(along) < ALONG and abs(aside) < ASIDE and turned < TILT and abs(speed) < STILL


def goal_reward(achieved: NDArray[Any], desired: NDArray[Any]) -> NDArray[np.float64]:
    """Return 0 where an achieved goal is the desired one, and -1 elsewhere.

    Args:
        achieved: Goals, shape (..., 5); see :data:`GOAL_NAMES`.
        desired: The same.
    """
    a, d = np.asarray(achieved, np.float64), np.asarray(desired, np.float64)
    delta = (a[..., :2] - d[..., :2]) * GOAL_SCALE
    norm = np.hypot(d[..., 2], d[..., 3])
    cos, sin = d[..., 2] / norm, d[..., 3] / norm
    along = np.abs(delta[..., 0] * cos + delta[..., 1] * sin)
    aside = np.abs(delta[..., 1] * cos - delta[..., 0] * sin)
    turned = np.abs(a[..., 2] * sin - a[..., 3] * cos) / np.hypot(a[..., 2], a[..., 3])
    # The difference, so that a state passed at speed is a goal to learn from, too.
    speed = np.abs(a[..., 4] - d[..., 4]) * GOAL_SPEED
    parked = (along < ALONG) & (aside < ASIDE) & (turned < TILT) & (speed < STILL)
    return np.where(parked, 0.0, -1.0)


def write_goals(
    which: NDArray[np.int64],
    worlds: Worlds,
    roads: Roads,
    achieved: NDArray[np.float32],
    desired: NDArray[np.float32],
) -> None:
    """Write achieved and desired goals of some worlds, each of shape (worlds, 5)."""
    ego = worlds.ego[which]
    heading = ego[:, st.HEADING]
    pose = (ego[:, st.X] / GOAL_SCALE, ego[:, st.Y] / GOAL_SCALE, np.cos(heading), np.sin(heading))
    achieved[which] = np.clip(np.stack([*pose, ego[:, st.SPEED] / GOAL_SPEED], 1), -1.0, 1.0)
    spot = roads.spots[worlds.slot[which], worlds.spot[which]]
    place = (spot[:, 0] / GOAL_SCALE, spot[:, 1] / GOAL_SCALE, np.cos(spot[:, 2]), np.sin(spot[:, 2]))
    desired[which] = np.clip(np.stack([*place, np.zeros(len(which))], 1), -1.0, 1.0)


def goal_corners(world: int, worlds: Worlds, roads: Roads) -> NDArray[np.float64]:
    """Return the corners of a world's parking space [m], shape (4, 2), in order around it."""
    x, y, heading, length, width = roads.spots[worlds.slot[world], worlds.spot[world]].astype(np.float64)
    ahead, aside = np.array([[1, 1, -1, -1], [1, -1, -1, 1]]) * 0.5 * np.array([[length], [width]])
    cos, sin = np.cos(heading), np.sin(heading)
    return np.stack([x + ahead * cos - aside * sin, y + ahead * sin + aside * cos], axis=1)
