"""Roads for tasks: sound, and every goal can be reached."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from road_checks import check_network, overlapping_lanes, reachable, same, steps_from

from mmenvs.driving.roads import layouts
from mmenvs.driving.roads import network as net
from mmenvs.driving.roads.sections import RoadSettings

TWO = RoadSettings(lanes=2, oncoming_lanes=2)
CASES = {
    "straight_road": layouts.straight_road,
    "one_way_road": lambda seed: layouts.straight_road(seed, RoadSettings(lanes=2, oncoming_lanes=0)),
    "highway": layouts.highway,
    "merge_road": layouts.merge_road,
    "wide_merge_road": lambda seed: layouts.merge_road(seed, replace(layouts.MERGE, lanes=3)),
    "exit_road": layouts.exit_road,
    "crossroads": layouts.crossroads,
    "signals": lambda seed: layouts.crossroads(seed, signals=True),
    "wide_crossroads": lambda seed: layouts.crossroads(seed, TWO, signals=True),
    "roundabout": layouts.roundabout,
    "wide_roundabout": lambda seed: layouts.roundabout(seed, TWO),
    "racetrack": layouts.racetrack,
    "parking_lot": layouts.parking_lot,
    "pedestrian_street": layouts.pedestrian_street,
}


@pytest.mark.parametrize("name", CASES)
def test_every_layout_is_sound_and_its_goals_can_be_reached(name):
    for seed in range(5):
        layout = CASES[name](seed)
        check_network(layout.network)
        assert not overlapping_lanes(layout.network)
        assert layout.starts and layout.goals
        ways = steps_from(layout.network)
        for start in layout.starts:
            assert reachable(ways, start) >= set(layout.goals)


@pytest.mark.parametrize("name", CASES)
def test_the_same_seed_gives_the_same_layout(name):
    one, again, other = (CASES[name](seed) for seed in (4, 4, 5))
    assert same(one.network, again.network)
    assert (one.starts, one.goals) == (again.starts, again.goals)
    ends = [layout.network.lanes[0].centre[-1] for layout in (one, other)]
    assert not np.allclose(*ends, atol=1e-3)


def test_roads_have_the_size_that_is_asked_for():
    length = max(lane.length for lane in layouts.highway(0).network.lanes)
    assert 3 * length == pytest.approx(600 + net.RUN_IN + net.RUN_OUT, rel=0.05)
    track = layouts.racetrack(0, replace(layouts.RACETRACK, road_length=500.0))
    assert sum(track.network.lanes[i].length for i in range(0, 8, 2)) == pytest.approx(500, rel=0.06)


@pytest.mark.parametrize("seed", range(12))
def test_a_racetrack_is_closed_and_varied(seed):
    layout = layouts.racetrack(seed)
    lanes = layout.network.lanes
    at, total = layout.starts[0], 0.0
    for _ in range(4):
        total += lanes[at].length
        (at,) = lanes[at].successors
    assert at == layout.starts[0]
    assert 500 < total < 800
    bends = np.concatenate([lane.centre[:, net.CURVATURE] for lane in lanes])
    assert np.abs(bends).max() > 0.02 and (np.abs(bends) < 0.002).mean() > 0.05


def test_a_merge_begins_on_the_ramp_and_an_exit_ends_there():
    merge, leave = layouts.merge_road(1), layouts.exit_road(1)
    assert "ramp" in merge.network.lanes[merge.starts[0]].source
    assert "ramp" in leave.network.lanes[leave.goals[0]].source
    assert len(merge.goals) == 2 and len(leave.starts) == 3


def test_crossroads_have_three_ways_out():
    for signals in (False, True):
        layout = layouts.crossroads(2, signals=signals)
        lanes = layout.network.lanes
        turns = {lanes[way].turn for way in lanes[layout.starts[0]].successors}
        assert turns == {net.STRAIGHT, net.LEFT, net.RIGHT}
        assert bool(layout.network.groups) == bool(layout.network.signals) == signals
        assert len(layout.network.crossings) == 4


def test_a_ring_of_two_lanes_is_left_across_nobodys_way():
    layout = layouts.roundabout(3, TWO)
    lanes = layout.network.lanes
    for number in {lane.junction for lane in lanes if lane.junction >= 0}:
        members = [lane for lane in lanes if lane.junction == number]
        out = [lane for lane in members if lane.source.endswith("out of the ring")]
        past = [lane for lane in members if lane.source.endswith("past an arm")]
        assert len(out) == 2 and len(past) == 1
        gap = np.hypot(*(out[1].centre[:, None, :2] - past[0].centre[:, :2]).transpose(2, 0, 1))
        assert gap.min() > 2.5


def test_parking_spaces_lie_in_the_yard_and_off_the_aisles():
    for seed in range(6):
        layout = layouts.parking_lot(seed)
        spots = layout.network.spots
        assert len(spots) >= 36
        places = np.array([(s.x, s.y) for s in spots])
        gaps = np.hypot(*(places[:, None] - places).transpose(2, 0, 1)) + 99 * np.eye(len(places))
        assert gaps.min() > 2.5
        for lane in layout.network.lanes:
            for spot in spots:
                local = lane.centre[:, :2] - (spot.x, spot.y)
                cos, sin = math.cos(spot.heading), math.sin(spot.heading)
                along, aside = local @ (cos, sin), local @ (-sin, cos)
                inside = (np.abs(along) < spot.length / 2 + 0.9) & (np.abs(aside) < spot.width / 2 + 0.9)
                assert not inside.any()


def test_a_pedestrian_street_is_crossed_without_signals():
    for seed in range(6):
        network = layouts.pedestrian_street(seed).network
        assert 3 <= len(network.crossings) <= 5
        assert all(crossing.group == -1 for crossing in network.crossings)
        for crossing in network.crossings:
            assert np.hypot(*(crossing.end - crossing.start)) == pytest.approx(7.8, abs=0.01)
