"""nuPlan's score by hand."""

from __future__ import annotations

import numpy as np
import pytest

from mmenvs.driving.metrics import columns as mc
from mmenvs.driving.metrics.nuplan_score import nuplan_score

#: A perfect episode of 100 steps.
PERFECT = {
    mc.STEPS: 100,
    mc.DURATION: 10,
    mc.COMPLETION: 1,
    mc.MIN_TTC: 3,
    mc.COMFORT_STEPS: 100,
}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, 1.0),
        ({mc.COMPLETION: 0.6}, (5 * 0.6 + 11) / 16),
        ({mc.MIN_TTC: 0.9}, 11 / 16),
        ({mc.MIN_TTC: 0.95}, 1.0),
        ({mc.COMFORT_STEPS: 99}, 14 / 16),
        ({mc.OVERSPEED: 0.25 * 2.23 * 10}, (12 + 4 * 0.75) / 16),
        ({mc.COMPLETION: 0.19}, 0.0),
        ({mc.FAULTS_ROAD_USER: 1}, 0.0),
        ({mc.FAULTS_STATIC: 1}, 0.5),
        ({mc.FAULTS_STATIC: 2}, 0.0),
        ({mc.OFF_ROADS: 1}, 0.0),
        ({mc.WRONG_WAY_MOST: 3}, 0.5),
        ({mc.WRONG_WAY_MOST: 8}, 0.0),
        ({mc.HITS_VEHICLE: 1}, 1.0),  # not our fault
        ({mc.FAULTS_STATIC: 1, mc.MIN_TTC: 0, mc.COMPLETION: 0.5}, 0.5 * (2.5 + 4 + 2) / 16),
    ],
)
def test_by_hand(changes, expected):
    row = np.zeros(mc.METRIC_COLUMNS)
    for column, value in (PERFECT | changes).items():
        row[column] = value
    assert nuplan_score(row) == pytest.approx(expected)
