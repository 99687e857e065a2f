"""Driving direction: metres against the traffic within a second."""

from __future__ import annotations

import numpy as np
import pytest

from mmenvs.driving.metrics import columns as mc
from mmenvs.driving.metrics.direction import direction_score, update_direction


def drive(speed, steps, dt=0.1):
    row = np.zeros(mc.METRIC_COLUMNS)
    for wrong in steps:
        update_direction(row, speed, wrong, dt)
    return row


@pytest.mark.parametrize(
    ("speed", "steps", "most", "score"),
    [
        (10.0, [False] * 20, 0.0, 1.0),
        (10.0, [True], 1.0, 1.0),
        (10.0, [True] * 3, 3.0, 0.5),
        (10.0, [True] * 7, 7.0, 0.0),
        (10.0, [True, False] * 10, 1.0, 1.0),  # never more than one step in a row
        (1.5, [True] * 50, 1.5, 1.0),  # 7.5 m, but never 2 m within a second
        (4.0, [True] * 50, 4.0, 0.5),
    ],
)
def test_by_hand(speed, steps, most, score):
    row = drive(speed, steps)
    assert row[mc.WRONG_WAY_MOST] == pytest.approx(most)
    assert direction_score(row) == score
