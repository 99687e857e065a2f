"""Distance driven, the time it took, and the mean speed."""

from __future__ import annotations

from mmenvs.core.arrays import FloatArray
from mmenvs.core.kernels import fast_function
from mmenvs.driving.metrics.columns import DISTANCE, DURATION


@fast_function
def update_distance(
    row: FloatArray,
    speed: float,
    dt: float,
) -> None:
    """Add one step's path, forwards or backwards, and its time.

    Args:
        row: Row of ``Verdicts.metrics``.
        speed: Speed [m/s]; negative in reverse.
        dt: Time step [s].
    """
    row[DISTANCE] += abs(speed) * dt
    row[DURATION] += dt


@fast_function
def mean_speed(
    row: FloatArray,
) -> float:
    """Return the mean speed along the path [m/s]; 0 before the first step."""
    return float(row[DISTANCE] / row[DURATION]) if row[DURATION] > 0.0 else 0.0
