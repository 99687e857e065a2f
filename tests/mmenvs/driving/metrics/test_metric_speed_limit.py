"""Speed limit: share of the time, and nuPlan's score."""

from __future__ import annotations

import numpy as np
import pytest

from mmenvs.driving.metrics import columns as mc
from mmenvs.driving.metrics.distance import update_distance
from mmenvs.driving.metrics.speed_limit import speed_limit_score, speed_limit_share, update_speed_limit


def drive(speeds, limit=10.0, dt=0.1):
    row = np.zeros(mc.METRIC_COLUMNS)
    for speed in speeds:
        update_speed_limit(row, speed, limit, dt)
        update_distance(row, speed, dt)
        row[mc.STEPS] += 1
    return row


def test_by_hand():
    row = drive([9.0, 10.0, 10.2, 12.0])
    assert speed_limit_share(row) == 0.75
    # Above by 2.2 m/s in all over four steps, against 2.23 m/s all the time.
    assert row[mc.OVERSPEED] == pytest.approx(0.22)
    assert speed_limit_score(row) == pytest.approx(1 - 2.2 / (4 * 2.23))


def test_the_extremes():
    assert speed_limit_score(drive([10.0] * 5)) == speed_limit_share(drive([10.0] * 5)) == 1.0
    assert speed_limit_score(drive([13.0] * 5)) == speed_limit_share(drive([13.0] * 5)) == 0.0
    assert speed_limit_score(drive([])) == speed_limit_share(drive([])) == 1.0
    assert speed_limit_share(drive([-13.0])) == 0.0
