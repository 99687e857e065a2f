"""Stop signs run."""

from __future__ import annotations

import numpy as np

from mmenvs.driving.metrics import columns as mc
from mmenvs.driving.metrics.stop_sign import update_stop_sign


def test_each_sign_counts_once():
    row = np.zeros(mc.METRIC_COLUMNS)
    counts = []
    for run in (False, True, False, True, True):
        update_stop_sign(row, run)
        counts.append(row[mc.STOP_SIGNS])
    assert counts == [0, 1, 1, 2, 2]
    assert row[mc.RED_LIGHTS] == 0
