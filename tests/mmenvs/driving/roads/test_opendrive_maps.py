"""Real maps, where the environment variable MMENVS_MAPS names a folder that holds some."""

from __future__ import annotations

import math
import os
import time
from pathlib import Path

import numpy as np
import pytest

from mmenvs.driving.roads import network as net
from mmenvs.driving.roads.opendrive import read_opendrive

FOLDER = Path(os.environ.get("MMENVS_MAPS", "no such folder"))
MAPS = sorted(FOLDER.glob("*.xodr"))
pytestmark = pytest.mark.skipif(not MAPS, reason="MMENVS_MAPS names no folder with maps")


@pytest.mark.parametrize("path", MAPS, ids=lambda path: path.stem)
def test_lanes_of_real_maps_join(path):
    found = read_opendrive(path)
    for one in found.lanes:
        for other in (found.lanes[k] for k in one.successors):
            a, b = one.centre[-1].astype(float), other.centre[0].astype(float)
            assert math.hypot(*(a[:2] - b[:2])) < 0.3, (one.source, other.source)
            assert a[net.COS] * b[net.COS] + a[net.SIN] * b[net.SIN] > math.cos(math.radians(10))
        for other in (found.lanes[k] for k in (one.left, one.right) if k >= 0):
            for end in (0, -1):
                step = other.centre[end, :2] - one.centre[end, :2]
                assert abs(step @ one.centre[end, net.COS : net.SIN + 1]) < 1.0
    for area in found.areas:
        assert np.isfinite(area.polygon).all() and len(area.polygon) > 2


def test_every_lane_of_a_town_can_be_reached_from_every_other():
    path = FOLDER / "Town01.xodr"
    if path not in MAPS:
        pytest.skip("there is no Town01.xodr")
    began = time.perf_counter()
    found = read_opendrive(path)
    assert time.perf_counter() - began < 5.0
    after = [set(one.successors) | {one.left, one.right} - {-1} for one in found.lanes]
    before = [{a for a, ways in enumerate(after) if b in ways} for b in range(len(after))]

    def reached(ways):
        seen, queue = {0}, [0]
        while queue:
            new = ways[queue.pop()] - seen
            seen |= new
            queue += new
        return seen

    assert len(reached(after) & reached(before)) > 0.95 * len(found.lanes)
    assert len(found.signals) == len(found.groups) == 36
    entries = [one for one in found.lanes if one.junction >= 0]
    assert {one.rule for one in entries} == {net.SIGNAL}
    assert {round(one.limit, 1) for one in found.lanes} == {11.2}
