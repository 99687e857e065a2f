"""Jerk: its mean, its largest value, and both directions."""

from __future__ import annotations

import numpy as np
import pytest

from mmenvs.driving.metrics import columns as mc
from mmenvs.driving.metrics.jerk import mean_jerk, update_jerk


def drive(accelerations, dt=0.1):
    row = np.zeros(mc.METRIC_COLUMNS)
    for along, across in accelerations:
        update_jerk(row, float(along), float(across), dt)
        row[mc.STEPS] += 1
    return row


def test_a_steady_car_has_no_jerk():
    row = drive([(2.0, -3.0)] * 30)
    assert row[mc.JERK_SUM] == row[mc.JERK_MOST] == mean_jerk(row) == 0.0


def test_two_ramps_add_up_by_pythagoras():
    """3 m/s^3 along and 4 m/s^3 across: the jerk is 5 m/s^3."""
    steps = 0.1 * np.arange(80)
    row = drive(np.stack([-3 * steps, 4 * steps], 1))
    assert row[mc.JERK_LONGITUDINAL] == pytest.approx(-3, rel=1e-4)
    assert row[mc.JERK] == pytest.approx(5, rel=1e-4)
    assert row[mc.JERK_MOST] == pytest.approx(5, rel=1e-4)
    assert 4.0 < mean_jerk(row) < 5.0


def test_the_largest_jerk_is_kept():
    row = drive([(0, 0), (3, 0)] + [(3, 0)] * 60)
    assert row[mc.JERK] < 0.01
    assert 2.0 < row[mc.JERK_MOST] < 3.0
    assert mean_jerk(np.zeros(mc.METRIC_COLUMNS)) == 0.0
