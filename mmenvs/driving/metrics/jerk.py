"""Jerk: how abruptly the acceleration changes, mean and largest."""

from __future__ import annotations

import math

from mmenvs.core.arrays import FloatArray
from mmenvs.core.kernels import fast_function
from mmenvs.driving.metrics.columns import (
    JERK,
    JERK_LONGITUDINAL,
    JERK_MOST,
    JERK_SUM,
    LATERAL_ONCE,
    LATERAL_TWICE,
    LONGITUDINAL_ONCE,
    LONGITUDINAL_TWICE,
    STEPS,
)
from mmenvs.driving.metrics.smoothing import smoothed_slope


@fast_function
def update_jerk(
    row: FloatArray,
    longitudinal: float,
    lateral: float,
    dt: float,
) -> None:
    """Estimate the jerk that passengers feel and add it up; see :mod:`mmenvs.driving.metrics.smoothing`.

    Args:
        row: Row of ``Verdicts.metrics``.
        longitudinal: Acceleration along the car [m/s^2].
        lateral: Acceleration across the car, left positive [m/s^2].
        dt: Time step [s].
    """
    along = smoothed_slope(row, LONGITUDINAL_ONCE, LONGITUDINAL_TWICE, longitudinal, dt)
    across = smoothed_slope(row, LATERAL_ONCE, LATERAL_TWICE, lateral, dt)
    jerk = math.sqrt(along * along + across * across)
    row[JERK_LONGITUDINAL] = along
    row[JERK] = jerk
    row[JERK_SUM] += jerk
    row[JERK_MOST] = max(row[JERK_MOST], jerk)


@fast_function
def mean_jerk(
    row: FloatArray,
) -> float:
    """Return the mean magnitude of the jerk [m/s^3]; 0 before the first step."""
    return float(row[JERK_SUM] / max(row[STEPS], 1.0))
