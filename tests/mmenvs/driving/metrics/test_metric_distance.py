"""Distance, duration, mean speed."""

from __future__ import annotations

import numpy as np
import pytest

from mmenvs.driving.metrics import columns as mc
from mmenvs.driving.metrics.distance import mean_speed, update_distance


def test_by_hand():
    row = np.zeros(mc.METRIC_COLUMNS)
    assert mean_speed(row) == 0.0
    for speed in (10.0, 5.0, 0.0, -3.0):
        update_distance(row, speed, 0.1)
    assert row[mc.DISTANCE] == pytest.approx(1.8)
    assert row[mc.DURATION] == pytest.approx(0.4)
    assert mean_speed(row) == pytest.approx(4.5)
