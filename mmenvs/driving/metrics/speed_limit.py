"""Keeping to the speed limit."""

from __future__ import annotations

from mmenvs.core.arrays import FloatArray
from mmenvs.core.kernels import fast_function
from mmenvs.driving.metrics.columns import DURATION, LEGAL_STEPS, OVERSPEED, STEPS

#: Above the limit by less than this still counts as compliant: about 1 km/h [m/s].
TOLERANCE = 0.3
#: Mean speed above the limit at which nuPlan's score is 0: 5 miles an hour [m/s].
MOST_OVERSPEED = 2.23


@fast_function
def update_speed_limit(
    row: FloatArray,
    speed: float,
    limit: float,
    dt: float,
) -> None:
    """Count a step within the limit, and add up what is above it.

    Args:
        row: Row of ``Verdicts.metrics``.
        speed: Speed [m/s].
        limit: Speed limit here [m/s].
        dt: Time step [s].
    """
    over = abs(speed) - limit
    if over <= TOLERANCE:
        row[LEGAL_STEPS] += 1.0
    row[OVERSPEED] += max(over, 0.0) * dt


@fast_function
def speed_limit_share(
    row: FloatArray,
) -> float:
    """Return the share of steps within the limit; 1 before the first step."""
    return float(row[LEGAL_STEPS] / row[STEPS]) if row[STEPS] > 0.0 else 1.0


@fast_function
def speed_limit_score(
    row: FloatArray,
) -> float:
    """Return nuPlan's score, 0 to 1: the mean speed above the limit, relative to :data:`MOST_OVERSPEED`."""
    if row[DURATION] <= 0.0:
        return 1.0
    return float(max(1.0 - row[OVERSPEED] / (MOST_OVERSPEED * row[DURATION]), 0.0))
