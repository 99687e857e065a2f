"""Route completion: the farthest point counts."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as hs

from mmenvs.driving.metrics import columns as mc
from mmenvs.driving.metrics.route_completion import update_route_completion


def test_by_hand():
    row = np.zeros(mc.METRIC_COLUMNS)
    found = []
    for progress, reached in ((-5.0, False), (50.0, False), (20.0, False), (190.0, False), (190.0, True)):
        update_route_completion(row, progress, 200.0, reached)
        found.append(row[mc.COMPLETION])
    assert found == [0.0, 0.25, 0.25, 0.95, 1.0]


@given(hs.lists(hs.floats(-1e4, 1e4), min_size=1, max_size=20), hs.floats(0.0, 1e3))
def test_it_stays_between_0_and_1_and_never_falls(places, length):
    row = np.zeros(mc.METRIC_COLUMNS)
    last = 0.0
    for place in places:
        update_route_completion(row, place, length, False)
        assert last <= row[mc.COMPLETION] <= 1.0
        last = row[mc.COMPLETION]
