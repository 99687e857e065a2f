"""Success: the goal, cleanly."""

from __future__ import annotations

import numpy as np
import pytest

from mmenvs.driving.metrics import columns as mc
from mmenvs.driving.metrics.success import success, update_success


def test_reaching_the_goal_is_success_and_stays_it():
    row = np.zeros(mc.METRIC_COLUMNS)
    update_success(row, False)
    assert success(row) == 0.0
    update_success(row, True)
    update_success(row, False)
    assert success(row) == 1.0


@pytest.mark.parametrize("column", [mc.HITS_VEHICLE, mc.HITS_STATIC, mc.HITS_CYCLIST, mc.OFF_ROADS])
def test_an_episode_with_a_collision_or_off_the_road_is_none(column):
    row = np.zeros(mc.METRIC_COLUMNS)
    update_success(row, True)
    row[column] = 1.0
    assert success(row) == 0.0
