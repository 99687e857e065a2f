"""The Intelligent Driver Model."""

from __future__ import annotations

import math

import numpy as np

from mmenvs.core.kernels import hot_function, inlined_function

A_MAX = 1.8  # maximum acceleration [m/s^2]
B_COMFORT = 2.5  # comfortable deceleration [m/s^2]
B_HARD = 7.0  # what brakes can do [m/s^2]
GAP_MIN = 2.0  # standstill gap [m]
_ROOT = 2.0 * math.sqrt(A_MAX * B_COMFORT)


@inlined_function
def idm(
    speed: float,
    desired: float,
    gap: float,
    closing: float,
    headway: float,
) -> float:
    """Return the acceleration of the Intelligent Driver Model [m/s^2].

    ``a [1 - (v / v0)^4 - (s* / s)^2]`` with ``s* = s0 + max(0, v T + v dv / (2 sqrt(a b)))`` (Treiber,
    Hennecke and Helbing, Phys. Rev. E 62, 2000), limited to what brakes can do.

    Args:
        speed: Own speed [m/s].
        desired: Desired speed [m/s].
        gap: Bumper-to-bumper distance to the leader [m].
        closing: Own speed minus the leader's [m/s].
        headway: Time headway [s].
    """
    # One type of number for all callers: each other combination would be compiled anew.
    return _idm(
        np.float64(speed), np.float64(desired), np.float64(gap), np.float64(closing), np.float64(headway)
    )


@hot_function
def _idm(
    speed: float,
    desired: float,
    gap: float,
    closing: float,
    headway: float,
) -> float:
    ratio = speed / desired
    ratio *= ratio
    wanted = GAP_MIN + max(0.0, speed * headway + speed * closing / _ROOT)
    near = wanted / max(gap, 0.1)
    return max(A_MAX * (1.0 - ratio * ratio - near * near), -B_HARD)
