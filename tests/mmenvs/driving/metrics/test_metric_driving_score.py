"""CARLA's driving score by hand."""

from __future__ import annotations

import numpy as np
import pytest

from mmenvs.driving.metrics import columns as mc
from mmenvs.driving.metrics.driving_score import driving_score


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ({}, 0.8),
        ({mc.HITS_PEDESTRIAN: 1}, 0.4),
        ({mc.HITS_VEHICLE: 1}, 0.48),
        ({mc.HITS_CYCLIST: 1}, 0.48),
        ({mc.HITS_STATIC: 1}, 0.52),
        ({mc.RED_LIGHTS: 2}, 0.8 * 0.49),
        ({mc.STOP_SIGNS: 1}, 0.64),
        ({mc.HITS_VEHICLE: 2, mc.RED_LIGHTS: 1, mc.STOP_SIGNS: 1}, 0.8 * 0.36 * 0.7 * 0.8),
    ],
)
def test_by_hand(counts, expected):
    row = np.zeros(mc.METRIC_COLUMNS)
    row[mc.COMPLETION] = 0.8
    for column, count in counts.items():
        row[column] = count
    assert driving_score(row) == pytest.approx(expected)
