"""Comfort: the share of the time within the bounds that nuPlan found in people's driving."""

from __future__ import annotations

from mmenvs.core.arrays import FloatArray
from mmenvs.core.kernels import fast_function
from mmenvs.driving.metrics.columns import (
    COMFORT_STEPS,
    JERK,
    JERK_LONGITUDINAL,
    LATERAL_ONCE,
    LONGITUDINAL_ONCE,
    STEPS,
    YAW_ONCE,
    YAW_TWICE,
)
from mmenvs.driving.metrics.smoothing import smoothed_slope

# nuPlan's bounds (Karnchanachari et al., ICRA 2024; "ego_is_comfortable" in its list of metrics).
MOST_BRAKING, MOST_ACCELERATION = -4.05, 2.40  # [m/s^2]
MOST_LATERAL = 4.89  # [m/s^2]
MOST_JERK = 8.37  # [m/s^3]
MOST_LONGITUDINAL_JERK = 4.13  # [m/s^3]
MOST_YAW_RATE = 0.95  # [rad/s]
MOST_YAW_ACCELERATION = 1.93  # [rad/s^2]


@fast_function
def within_bounds(
    longitudinal: float,
    lateral: float,
    longitudinal_jerk: float,
    jerk: float,
    yaw_rate: float,
    yaw_acceleration: float,
) -> bool:
    """Say whether a motion is comfortable.

    Args:
        longitudinal: Acceleration along the car [m/s^2].
        lateral: Acceleration across the car [m/s^2].
        longitudinal_jerk: Jerk along the car [m/s^3].
        jerk: Magnitude of the jerk [m/s^3].
        yaw_rate: Yaw rate [rad/s].
        yaw_acceleration: Yaw acceleration [rad/s^2].
    """
    return (
        MOST_BRAKING <= longitudinal <= MOST_ACCELERATION
        and abs(lateral) <= MOST_LATERAL
        and abs(longitudinal_jerk) <= MOST_LONGITUDINAL_JERK
        and jerk <= MOST_JERK
        and abs(yaw_rate) <= MOST_YAW_RATE
        and abs(yaw_acceleration) <= MOST_YAW_ACCELERATION
    )


@fast_function
def update_comfort(
    row: FloatArray,
    yaw_rate: float,
    dt: float,
) -> None:
    """Count a comfortable step; call it after ``update_jerk``, whose smoothed accelerations it uses.

    Args:
        row: Row of ``Verdicts.metrics``.
        yaw_rate: Yaw rate [rad/s].
        dt: Time step [s].
    """
    yaw_acceleration = smoothed_slope(row, YAW_ONCE, YAW_TWICE, yaw_rate, dt)
    if within_bounds(
        row[LONGITUDINAL_ONCE],
        row[LATERAL_ONCE],
        row[JERK_LONGITUDINAL],
        row[JERK],
        row[YAW_ONCE],
        yaw_acceleration,
    ):
        row[COMFORT_STEPS] += 1.0


@fast_function
def comfort_share(
    row: FloatArray,
) -> float:
    """Return the share of comfortable steps; 1 before the first step."""
    return float(row[COMFORT_STEPS] / row[STEPS]) if row[STEPS] > 0.0 else 1.0


@fast_function
def comfortable(
    row: FloatArray,
) -> float:
    """Return 1 if every step was comfortable, nuPlan's verdict, else 0."""
    return 1.0 if row[COMFORT_STEPS] == row[STEPS] else 0.0
