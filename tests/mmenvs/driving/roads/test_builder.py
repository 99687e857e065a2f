"""Carriageways, junctions and lines, by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as hs
from road_checks import check_network

from mmenvs.driving.roads import network as net
from mmenvs.driving.roads.builder import NetworkBuilder
from mmenvs.driving.roads.curves import Line, Pose, arc, bends, lead, rounded, sample_lanes, trace, turning
from mmenvs.driving.roads.junctions import (
    ALL_RED,
    AMBER,
    Cycle,
    lay_junction,
    mouths,
    movements,
    signed_rules,
)
from mmenvs.driving.roads.network import RoadError
from mmenvs.driving.roads.sections import Arm, RoadSettings, Section

ORIGIN = Pose(0.0, 0.0, 0.0)

# ---------------------------------------------------------------- lines


@given(hs.floats(-3, 3).filter(lambda angle: abs(angle) > 0.05), hs.floats(20, 200), hs.floats(1, 40))
def test_a_turn_turns_by_its_angle(angle, radius, easing):
    line = trace(Pose(3.0, -2.0, 0.7), turning(angle, radius, easing))
    assert line.end.heading - 0.7 == pytest.approx(angle, abs=0.02)
    assert np.abs(line.curvature).max() <= 1 / radius + 1e-9


def test_an_arc_is_a_circle():
    line = arc(1.0, 2.0, 20.0, 0.0, math.pi)
    assert line.length == pytest.approx(20 * math.pi, rel=1e-4)
    assert line.start == pytest.approx((21.0, 2.0, math.pi / 2))
    assert line.end == pytest.approx((-19.0, 2.0, 1.5 * math.pi))
    inside = line.beside(5.0)
    assert inside.length == pytest.approx(15 * math.pi, rel=1e-4)
    assert inside.curvature == pytest.approx(1 / 15)


def test_a_reversed_line_comes_back():
    line = trace(ORIGIN, turning(1.0, 40.0))
    back = line.reversed()
    assert back.start[:2] == line.end[:2] and back.end[:2] == line.start[:2]
    assert back.curvature[5] == -line.curvature[-6]
    assert np.array_equal(back.reversed().points, line.points)


@given(hs.floats(8, 40), hs.floats(8, 40), hs.floats(0.4, 2.0), hs.booleans())
def test_a_bend_joins_two_poses_smoothly(before, after, angle, left):
    turn = angle if left else -angle
    end = ORIGIN.moved(before).turned(turn).moved(after)
    line = lead(ORIGIN, end)
    assert line.start == pytest.approx(ORIGIN) and line.end == pytest.approx(end, abs=1e-9)
    radius = min(before, after) / math.tan(angle / 2)
    assert np.abs(line.curvature).max() < 1.12 / radius
    assert (np.sign(turn) * line.curvature >= -1e-9).all()


def test_a_bend_turns_no_wider_than_asked():
    (line,) = bends([ORIGIN], [Pose(40.0, 40.0, math.pi / 2)], radius=10.0)
    assert line.pose(29.0)[1] == pytest.approx(0.0, abs=1e-6)
    assert np.abs(line.curvature).max() == pytest.approx(1 / 10, rel=0.12)


def test_a_bend_between_parallel_poses_swings_over():
    line = lead(ORIGIN, Pose(30.0, 3.5, 0.0))
    assert line.end == pytest.approx((30.0, 3.5, 0.0))
    assert np.abs(line.curvature).max() < 0.05


def test_a_rounded_polygon_closes():
    line = rounded([(0, 0), (100, 0), (100, 60), (0, 60)], 20.0, closed=True)
    assert line.start[:2] == pytest.approx(line.end[:2])
    assert line.end.heading - line.start.heading == pytest.approx(2 * math.pi)
    assert line.length == pytest.approx(320 - 160 + 2 * math.pi * 20, rel=0.01)


def test_an_offset_that_grows_turns_the_line():
    line = trace(ORIGIN, [(100.0, 0.0)]).refined(1.0)
    swung = line.beside(0.1 * line.station)
    assert swung.heading == pytest.approx(math.atan(0.1))
    assert swung.end[:2] == pytest.approx((100.0, 10.0))


def test_samples_agree_with_those_of_a_polyline():
    """The samples that are known exactly are those that ``centre_line`` finds from points alone."""
    line = trace(Pose(5.0, 1.0, 2.0), [(30.0, 0.0), *turning(-1.2, 50.0), (10.0, 0.0)])
    ((exact, length),) = sample_lanes([line], [3.5])
    found, polyline = net.centre_line(line.points, 3.5)
    assert exact.shape == found.shape and length == pytest.approx(polyline)
    assert exact[:, :2] == pytest.approx(found[:, :2], abs=1e-3)
    assert exact[2:-2, 2:4] == pytest.approx(found[2:-2, 2:4], abs=5e-3)
    assert exact[3:-3, net.CURVATURE] == pytest.approx(found[3:-3, net.CURVATURE], abs=2e-3)


# ---------------------------------------------------------------- carriageways


@given(hs.integers(1, 4), hs.integers(0, 3), hs.floats(-1, 1), hs.floats(0, 3))
@settings(max_examples=25, deadline=None)
def test_a_carriageway_is_a_sound_network(forward, backward, angle, pavement):
    builder = NetworkBuilder("test")
    section = Section(forward, backward, pavement=pavement)
    line = trace(ORIGIN, [(20.0, 0.0), *turning(angle, 60.0), (20.0, 0.0)])
    road = builder.carriageway(line, section, 15.0, "road")
    network = builder.build()
    check_network(network)
    assert len(road.forward) == forward and len(road.backward) == backward
    lanes = network.lanes
    assert [lanes[i].right for i in road.forward] == [*road.forward[1:], -1]
    assert [lanes[i].left for i in road.backward] == [-1, *road.backward][:-1]
    if backward:
        assert lanes[road.forward[0]].opposite == road.backward[0]
    # Oncoming lanes lie on the left and run the other way.
    for i, lane in enumerate(road.forward):
        assert lanes[lane].centre[0, :2] == pytest.approx((0.0, -3.5 * (i + 0.5)), abs=1e-5)
    for i, lane in enumerate(road.backward):
        assert lanes[lane].centre[-1, :2] == pytest.approx((0.0, 3.5 * (i + 0.5)), abs=1e-5)
        assert lanes[lane].centre[-1, net.COS] == pytest.approx(-1)


def test_paint_of_a_road_of_three_and_one():
    builder = NetworkBuilder()
    builder.carriageway(trace(ORIGIN, [(50.0, 0.0)]), Section(3, 1), 15.0)
    strokes = builder.build().strokes
    offsets = sorted((float(s.line[0, 1]), s.colour, s.dash, s.gap) for s in strokes)
    assert offsets == [
        (-10.5, net.WHITE, 0.0, 0.0),
        (-7.0, net.WHITE, 3.0, 4.5),
        (-3.5, net.WHITE, 3.0, 4.5),
        (-0.16, net.YELLOW, 0.0, 0.0),
        (0.16, net.YELLOW, 0.0, 0.0),
        (3.5, net.WHITE, 0.0, 0.0),
    ]


def test_a_middle_line_that_may_be_crossed_is_dashed():
    builder = NetworkBuilder()
    builder.carriageway(trace(ORIGIN, [(50.0, 0.0)]), Section(1, 1, overtaking=True), 15.0)
    yellow = [s for s in builder.build().strokes if s.colour == net.YELLOW]
    assert [(s.dash, s.gap) for s in yellow] == [(3.0, 4.5)]


def test_paint_keeps_off_bare_stretches():
    builder = NetworkBuilder()
    builder.carriageway(trace(ORIGIN, [(50.0, 0.0)]), Section(1, 1), 15.0, bare=[(20.0, 26.0)])
    spans = {(float(s.line[0, 0]), float(s.line[-1, 0])) for s in builder.build().strokes}
    assert spans == {(0.0, 20.0), (26.0, 50.0)}


def test_an_added_lane_opens_and_ends_without_a_kink():
    builder = NetworkBuilder()
    line = trace(ORIGIN, [(150.0, 0.0)])
    road = builder.carriageway(line, Section(2), 15.0, right=(50.0, 60.0))
    following = builder.carriageway(trace(line.end, [(30.0, 0.0)]), Section(2), 15.0)
    builder.join(road.forward[:2], following.forward)
    before = builder.carriageway(trace(Pose(-30.0, 0.0, 0.0), [(30.0, 0.0)]), Section(2), 15.0)
    builder.join(before.forward, road.forward[:2])
    network = builder.build()
    check_network(network)
    lane = network.lanes[road.forward[2]]
    width = lane.centre[:, net.WIDTH]
    assert width[0] == width[-1] == 1.0 and width[60] == 3.5
    assert lane.centre[[0, -1], net.COS] == pytest.approx(1.0, abs=1e-4)
    assert np.abs(lane.centre[:, net.CURVATURE]).max() < 0.01


def test_a_rollback_takes_back_everything():
    builder = NetworkBuilder()
    builder.carriageway(trace(ORIGIN, [(50.0, 0.0)]), Section(1, 1), 15.0)
    mark, before = builder.mark(), builder.build()
    road = builder.carriageway(trace(Pose(50.0, 0.0, 0.0), [(50.0, 0.0)]), Section(1, 1), 15.0)
    builder.join([0], road.forward)
    builder.crossing(ORIGIN, 7.0)
    builder.parking(trace(ORIGIN, [(20.0, 0.0)]), 6.0, 5.0, 2.2)
    builder.signal(ORIGIN, builder.group(builder.junction(), 40.0, 0.0, 10.0))
    assert len(builder.areas_since(mark)) == 1
    builder.rollback(mark)
    after = builder.build()
    assert len(after.lanes) == len(before.lanes) and after.lanes[0].successors == ()
    assert (len(after.strokes), after.signals, after.groups, after.crossings, after.spots) == (
        len(before.strokes), (), (), (), (),
    )  # fmt: skip


def test_nothing_makes_no_network():
    with pytest.raises(RoadError, match="no lane"):
        NetworkBuilder("void").build()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("lanes", 0),
        ("lanes", 2.0),
        ("oncoming_lanes", 4),
        ("lane_width", 1.0),
        ("max_curvature", 0.2),
        ("size", "x"),
    ],
)
def test_settings_say_what_is_wrong(name, value):
    with pytest.raises(ValueError, match=rf"{name}={value!r} must be .* from [\d.]+ to [\d.]+"):
        RoadSettings(**{name: value})


# ---------------------------------------------------------------- junctions


def meet(headings, sections, rules, radius=7.0, crossings=None, **kwargs):
    builder = NetworkBuilder("junction")
    crossings = crossings or [False] * len(headings)
    arms = []
    for heading, section, distance in zip(
        headings, sections, mouths(headings, sections, radius, crossings), strict=True
    ):
        line = trace(Pose(0.0, 0.0, heading).moved(distance), [(50.0, 0.0)])
        arms.append(builder.carriageway(line, section, 15.0).arm_at_start())
    lay_junction(builder, arms, rules, radius, crossings, **kwargs)
    return builder.build(), arms


@given(
    hs.lists(hs.floats(-6, 6), min_size=4, max_size=4),
    hs.lists(hs.integers(1, 3), min_size=8, max_size=8),
    hs.integers(0, 4),
    hs.booleans(),
)
@settings(max_examples=40, deadline=None)
def test_any_junction_is_a_sound_network(tilts, lanes, without, people):
    places = [k for k in range(4) if k != without]
    headings = [math.radians(90 * k + tilts[k]) for k in places]
    # Not more lanes come than lead on opposite and turn off: no road is built such that three become one.
    comes = [min(lanes[2 * k + 1], lanes[2 * ((k + 2) % 4)] + 1) for k in range(4)]
    sections = [Section(lanes[2 * k], comes[k], pavement=2.5, shoulder=0.5) for k in places]
    network, arms = meet(headings, sections, [net.FREE] * len(places), crossings=[people] * len(places))
    check_network(network)
    for arm in arms:
        assert all(network.lanes[lane].successors for lane in arm.incoming)
    assert len(network.crossings) == people * len(places)


def arm(heading, incoming, outgoing):
    return Arm(
        Pose(0.0, 0.0, math.radians(heading)),
        Section(outgoing, incoming),
        tuple(range(incoming)),
        tuple(range(outgoing)),
    )


def test_lanes_of_a_wide_road_share_the_movements():
    arms = [arm(0, 1, 1), arm(90, 1, 1), arm(180, 3, 3), arm(270, 1, 1)]
    found = {(m.lane, m.to_arm, m.turn) for m in movements(arms) if m.arm == 2}
    # The road ahead has one lane: the left lane turns left, the right one right.
    assert found == {(0, 1, net.LEFT), (1, 0, net.STRAIGHT), (2, 3, net.RIGHT)}


def test_where_few_can_go_on_the_others_turn():
    arms = [arm(0, 1, 1), arm(90, 1, 5), arm(180, 5, 5), arm(270, 1, 1)]
    found = {(m.lane, m.to_lane, m.turn) for m in movements(arms) if m.arm == 2}
    left = {(0, 0, net.LEFT), (1, 1, net.LEFT), (2, 2, net.LEFT)}
    assert found == left | {(3, 0, net.STRAIGHT), (4, 0, net.RIGHT)}


def test_equally_wide_roads_go_straight_on_lane_by_lane():
    arms = [arm(0, 2, 2), arm(90, 2, 2), arm(180, 2, 2), arm(270, 2, 2)]
    found = {(m.lane, m.to_arm, m.to_lane) for m in movements(arms) if m.arm == 0}
    assert found == {(0, 2, 0), (1, 2, 1), (0, 3, 0), (1, 1, 1)}


def test_the_stem_of_a_t_shares_its_lanes_out():
    arms = [arm(0, 2, 2), arm(180, 2, 2), arm(270, 2, 2)]
    found = {(m.lane, m.turn, m.to_lane) for m in movements(arms) if m.arm == 2}
    assert found == {(0, net.LEFT, 0), (1, net.RIGHT, 1)}


def test_signals_never_show_green_to_both_phases():
    cycle = Cycle((12.0, 9.0), 25.0)
    headings = [0.0, math.pi / 2, math.pi, 1.5 * math.pi]
    network, arms = meet(
        headings, [Section(1, 1, pavement=2)] * 4, [net.SIGNAL] * 4, crossings=[True] * 4, cycle=cycle
    )
    first, second = network.groups
    assert first.cycle == second.cycle == 12 + 9 + 2 * (AMBER + ALL_RED)
    for time in np.arange(0, first.cycle, 0.1):
        busy = [(time - g.begin) % g.cycle < g.green + AMBER for g in network.groups]
        assert not all(busy)
    groups = {lane.source[-1]: lane.group for lane in network.lanes if lane.junction == 0}
    assert groups["0"] == groups["2"] != groups["1"] == groups["3"]
    # Two heads for each arm, which shine towards who comes.
    assert len(network.signals) == 8
    for one in arms:
        facing = [s for s in network.signals if math.cos(s.heading - one.pose.heading) > 0.99]
        assert len(facing) == 2
        mouth = np.array(one.pose[:2])
        ahead = -np.array([math.cos(one.pose.heading), math.sin(one.pose.heading)])
        far = sorted(float((np.array([s.x, s.y]) - mouth) @ ahead) for s in facing)
        assert -1 < far[0] < 1 and far[1] > 15
    # People cross an arm while its own traffic waits.
    for crossing in network.crossings:
        middle = 0.5 * (crossing.start + crossing.end)
        nearest = min(range(4), key=lambda k: math.dist(arms[k].pose[:2], middle))
        assert crossing.group != groups[str(nearest)]


def test_stop_lines_lie_before_the_crossing():
    network, arms = meet(
        [0.0, 1.6, 3.1, 4.7], [Section(1, 1, pavement=2)] * 4, [net.STOP] * 4, crossings=[True] * 4
    )
    lines = [s for s in network.strokes if s.width == 0.4]
    assert len(lines) == 4 and all(s.dash == 0 for s in lines)
    for one, line, crossing in zip(arms, lines, network.crossings, strict=True):
        away = np.array([math.cos(one.pose.heading), math.sin(one.pose.heading)])
        middle = 0.5 * (crossing.start + crossing.end)
        assert (line.line.mean(axis=0) - middle) @ away > 0.5 * crossing.width + 0.4


def test_signs_prefer_the_larger_road():
    headings = [0.0, math.pi / 2, math.pi, 1.5 * math.pi]
    for seed in range(10):
        rules = signed_rules(headings, [1, 2, 1, 2], np.random.default_rng(seed))
        assert rules[1] == rules[3] == net.FREE
        assert rules[0] == rules[2] in (net.STOP, net.YIELD)
        rules = signed_rules([0.1, math.pi, -1.5], [1, 1, 9], np.random.default_rng(seed))
        assert rules[0] == rules[1] == net.FREE != rules[2]


def test_a_fork_needs_no_signs():
    headings = [math.pi, 0.8, -0.8]
    network, _ = meet(headings, [Section(0, 2), Section(1, 0), Section(1, 0)], [net.YIELD] * 3)
    assert {lane.rule for lane in network.lanes} == {net.FREE}
    assert isinstance(trace(ORIGIN, [(1.0, 0.0)]), Line)
