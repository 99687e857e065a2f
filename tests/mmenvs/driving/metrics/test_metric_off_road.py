"""Leaving the road counts once for each time."""

from __future__ import annotations

import numpy as np

from mmenvs.driving.metrics import columns as mc
from mmenvs.driving.metrics.off_road import update_off_road


def test_each_departure_counts_once():
    row = np.zeros(mc.METRIC_COLUMNS)
    counts = []
    for off in (False, True, True, False, False, True):
        update_off_road(row, off)
        counts.append(row[mc.OFF_ROADS])
    assert counts == [0, 1, 1, 1, 1, 2]
