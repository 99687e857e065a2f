"""Comfort: each of nuPlan's bounds makes a step uncomfortable by itself."""

from __future__ import annotations

import numpy as np
import pytest

from mmenvs.driving.metrics import columns as mc
from mmenvs.driving.metrics.comfort import comfort_share, comfortable, update_comfort, within_bounds
from mmenvs.driving.metrics.jerk import update_jerk

CALM = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
BOUNDS = (
    (0, -4.05),
    (0, 2.40),
    (1, 4.89),
    (1, -4.89),
    (2, 4.13),
    (2, -4.13),
    (3, 8.37),
    (4, 0.95),
    (4, -0.95),
    (5, 1.93),
    (5, -1.93),
)


@pytest.mark.parametrize(("place", "bound"), BOUNDS)
def test_each_bound(place, bound):
    inside, outside = list(CALM), list(CALM)
    inside[place], outside[place] = 0.999 * bound, 1.001 * bound
    assert within_bounds(*inside)
    assert not within_bounds(*outside)


def drive(longitudinal, lateral, yaw_rate, dt=0.1):
    row = np.zeros(mc.METRIC_COLUMNS)
    for a, b, c in zip(longitudinal, lateral, yaw_rate, strict=True):
        update_jerk(row, float(a), float(b), dt)
        update_comfort(row, float(c), dt)
        row[mc.STEPS] += 1
    return row


def test_shares_by_hand():
    calm = [0.0] * 10
    assert comfort_share(drive(calm, calm, calm)) == 1.0
    assert comfortable(drive(calm, calm, calm)) == 1.0
    # 3 m/s^2 from the first step on: above 2.40 throughout.
    assert comfort_share(drive([3.0] * 10, calm, calm)) == 0.0
    # A yaw rate of 1.2 rad/s passes 0.95 when 1 - (1 - gain)^n does 0.79, gain = 0.1 / 0.475: at n = 7.
    row = drive([0.0] * 21, [0.0] * 21, [0.0] * 11 + [1.2] * 10)
    assert comfort_share(row) == pytest.approx((11 + 6) / 21)
    assert comfortable(row) == 0.0
    assert comfort_share(np.zeros(mc.METRIC_COLUMNS)) == 1.0


def test_a_single_step_of_hard_braking_is_forgiven_and_a_stop_is_not():
    blip = [0.0] * 5 + [-7.0] + [0.0] * 10
    assert comfortable(drive(blip, [0.0] * 16, [0.0] * 16)) == 1.0
    stop = [0.0] * 5 + [-7.0] * 11
    assert comfortable(drive(stop, [0.0] * 16, [0.0] * 16)) == 0.0
