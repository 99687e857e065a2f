"""Chained blocks: every letter, random sequences, and what holds for any of them."""

from __future__ import annotations

import math

import numpy as np
import pytest
from road_checks import check_network, overlapping_lanes, reachable, same, steps_from

from mmenvs.driving.roads import network as net
from mmenvs.driving.roads.blocks import BLOCKS, compose, compose_layout, random_sequence
from mmenvs.driving.roads.network import RoadError
from mmenvs.driving.roads.sections import RoadSettings

SETTINGS = [
    RoadSettings(),
    RoadSettings(lanes=1, oncoming_lanes=1, max_curvature=0.03),
    RoadSettings(lanes=2, oncoming_lanes=2, pavement=2.5, shoulder=0.4),
    RoadSettings(lanes=5, oncoming_lanes=0),
    RoadSettings(lanes=2, oncoming_lanes=3, lane_width=3.0),
]


def named(network, letter):
    return [lane for lane in network.lanes if lane.source.startswith(f"block 0 {letter}")]


@pytest.mark.parametrize("settings", SETTINGS, ids=lambda s: f"{s.lanes}+{s.oncoming_lanes}")
@pytest.mark.parametrize("letter", BLOCKS)
def test_every_block_is_a_sound_network(letter, settings):
    for seed in range(3):
        layout = compose_layout(letter, seed, settings)
        check_network(layout.network)
        assert not overlapping_lanes(layout.network)
        ways = steps_from(layout.network)
        assert len(layout.starts) == settings.lanes
        for start in layout.starts:
            assert reachable(ways, start) >= set(layout.goals)


@pytest.mark.parametrize("seed", range(25))
def test_random_sequences_are_sound_and_do_not_overlap(seed):
    sequence = random_sequence(seed, 8)
    settings = SETTINGS[seed % len(SETTINGS)]
    layout = compose_layout(sequence, seed, settings)
    check_network(layout.network)
    assert not overlapping_lanes(layout.network)
    ways = steps_from(layout.network)
    assert reachable(ways, layout.starts[0]) >= set(layout.goals)
    places = {lane.source.split(",")[0] for lane in layout.network.lanes}
    assert places >= {f"block {place} {letter}" for place, letter in enumerate(sequence)}, (
        "a block is missing"
    )


def test_the_same_seed_gives_the_same_network_and_another_one_another():
    one, again, other = compose("SXCrR", 7), compose("SXCrR", 7), compose("SXCrR", 8)
    assert same(one, again)
    assert not np.array_equal(one.lanes[-1].centre, other.lanes[-1].centre)
    assert random_sequence(3) == random_sequence(3)
    assert len({random_sequence(seed) for seed in range(20)}) > 15
    assert set(random_sequence(1, 40, "SC")) == {"S", "C"}


def test_a_hopeless_sequence_ends_all_the_same():
    """Hairpins, roundabouts and crossroads in a row soon run into each other."""
    layout = compose_layout("UOUXUOUXUYUT" * 2, 0)
    check_network(layout.network)
    assert not overlapping_lanes(layout.network)


@pytest.mark.parametrize("sequence", ["SQ", "S X", "sx!"])
def test_an_unknown_letter_is_named_with_the_known_ones(sequence):
    with pytest.raises(RoadError, match=r"must be letters of 'SCsUdrRYTtXxO'"):
        compose(sequence, 0)


def test_an_empty_sequence_is_refused():
    with pytest.raises(RoadError, match="empty"):
        compose("", 0)


def test_a_hairpin_turns_back_with_room():
    for seed in range(5):
        network = compose("U", seed)
        lanes = named(network, "U")
        first, last = lanes[0].centre[0], lanes[0].centre[-1]
        assert first[net.COS] * last[net.COS] + first[net.SIN] * last[net.SIN] < -0.9
        assert max(np.abs(lane.centre[:, net.CURVATURE]).max() for lane in lanes) <= 1 / 12


def test_a_lane_drop_leaves_one_lane_less():
    layout = compose_layout("d", 0, RoadSettings(lanes=3))
    assert len(layout.goals) == 2
    ending = [lane for lane in named(layout.network, "d") if not lane.successors]
    assert len(ending) == 1
    assert ending[0].centre[0, net.WIDTH] == pytest.approx(3.5)
    assert ending[0].centre[-1, net.WIDTH] == pytest.approx(1.0)


def test_an_on_ramp_must_merge():
    network = compose("r", 1)
    ramp = next(i for i, lane in enumerate(network.lanes) if "ramp" in lane.source)
    (acceleration,) = network.lanes[ramp].successors
    lane = network.lanes[acceleration]
    assert not lane.successors and lane.length > 100
    assert network.lanes[lane.left].successors


def test_an_off_ramp_leads_out_of_the_world():
    network = compose("R", 1)
    before = network.predecessors()
    ramp = next(i for i, lane in enumerate(network.lanes) if "ramp" in lane.source)
    (deceleration,) = before[ramp]
    assert not network.lanes[ramp].successors
    assert not before[deceleration] and network.lanes[deceleration].left >= 0


@pytest.mark.parametrize(("letter", "arms"), [("X", 4), ("x", 4), ("T", 3), ("t", 3), ("Y", 3)])
def test_junctions_have_every_movement(letter, arms):
    for seed in range(6):
        network = compose(letter, seed, RoadSettings(lanes=1, oncoming_lanes=1))
        crossing = [lane for lane in network.lanes if lane.junction == 0]
        before = network.predecessors()
        roads = {
            (
                network.lanes[before[index][0]].source.split(", lane")[0],
                network.lanes[lane.successors[0]].source.split(", lane")[0],
            )
            for index, lane in enumerate(network.lanes)
            if lane.junction == 0
        }
        assert len(roads) == arms * (arms - 1)
        assert {lane.rule == net.SIGNAL for lane in crossing} == {letter in "xt"}
        if letter in "XTY":
            assert {lane.rule for lane in crossing} & {net.STOP, net.YIELD}
        for lane in crossing:
            turn = np.arctan2(lane.centre[:, net.SIN], lane.centre[:, net.COS])
            change = float(np.unwrap(turn)[-1] - turn[0])
            assert (abs(change) < math.radians(38)) == (lane.turn == net.STRAIGHT)
            if lane.turn != net.STRAIGHT:
                assert (change > 0) == (lane.turn == net.LEFT)


def test_a_roundabout_is_entered_by_giving_way():
    network = compose("O", 2)
    entries = [lane for lane in network.lanes if lane.rule == net.YIELD]
    assert len(entries) >= 3
    ring = [lane for lane in network.lanes if lane.source.endswith(", ring")]
    assert all((lane.centre[:, net.CURVATURE] > 0).all() for lane in ring)
