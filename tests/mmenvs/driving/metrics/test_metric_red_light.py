"""Red lights run."""

from __future__ import annotations

import numpy as np

from mmenvs.driving.metrics import columns as mc
from mmenvs.driving.metrics.red_light import update_red_light


def test_each_light_counts_once_however_long_the_crossing_takes():
    row = np.zeros(mc.METRIC_COLUMNS)
    counts = []
    for red in (True, True, True, False, True, False):
        update_red_light(row, red)
        counts.append(row[mc.RED_LIGHTS])
    assert counts == [1, 1, 1, 1, 2, 2]
    assert row[mc.STOP_SIGNS] == 0
