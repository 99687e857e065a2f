"""Driving direction: how far the ego drove against the traffic."""

from __future__ import annotations

from mmenvs.core.arrays import FloatArray
from mmenvs.core.kernels import fast_function
from mmenvs.driving.metrics.columns import WRONG_WAY, WRONG_WAY_MOST

# nuPlan's bounds of the distance against the traffic within one second [m].
TOLERATED, FORBIDDEN = 2.0, 6.0


@fast_function
def update_direction(
    row: FloatArray,
    speed: float,
    wrong_way: bool,
    dt: float,
) -> None:
    """Measure the path against the traffic within the last second.

    We keep the length of the current stretch and not a second of samples: the last second's part of it is
    the shorter of the stretch and of what the present speed covers in a second, exact at steady speed.

    Args:
        row: Row of ``Verdicts.metrics``.
        speed: Speed [m/s].
        wrong_way: Whether the ego moves against the direction of the lane that it is in.
        dt: Time step [s].
    """
    row[WRONG_WAY] = row[WRONG_WAY] + abs(speed) * dt if wrong_way else 0.0
    row[WRONG_WAY_MOST] = max(row[WRONG_WAY_MOST], min(row[WRONG_WAY], abs(speed)))


@fast_function
def direction_score(
    row: FloatArray,
) -> float:
    """Return nuPlan's driving-direction compliance: 1, 0.5 (more than 2 m) or 0 (more than 6 m)."""
    most = row[WRONG_WAY_MOST]
    if most < TOLERATED:
        return 1.0
    return 0.5 if most < FORBIDDEN else 0.0
