"""Cost: every infraction counts one."""

from __future__ import annotations

import numpy as np

from mmenvs.driving.metrics import columns as mc
from mmenvs.driving.metrics.cost import cost


def test_every_infraction_counts_and_nothing_else_does():
    infractions = (
        mc.HITS_VEHICLE,
        mc.HITS_PEDESTRIAN,
        mc.HITS_CYCLIST,
        mc.HITS_STATIC,
        mc.OFF_ROADS,
        mc.RED_LIGHTS,
        mc.STOP_SIGNS,
    )
    for column in range(mc.METRIC_COLUMNS):
        row = np.zeros(mc.METRIC_COLUMNS)
        row[column] = 2.0
        assert cost(row) == (2.0 if column in infractions else 0.0)
