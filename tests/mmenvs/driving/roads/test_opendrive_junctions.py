"""Junctions: ways through them, right of way, lights and their programmes, crossings, parking."""

from __future__ import annotations

import math

import numpy as np
import pytest
from opendrive_text import (
    HALF,
    NAMES,
    crossroads,
    document,
    lane,
    lane_of,
    line,
    objects,
    read,
    road,
    section,
    signal,
    signals,
    street,
)

from mmenvs.driving.roads import network as net
from mmenvs.driving.roads.opendrive import RoadWarning


def ways(found, arm):
    """The lanes by which a junction is entered from an arm, by the arm that they lead to."""
    entry = lane_of(found, f"road {arm}, section 0, lane -1")[1]
    lanes = [found.lanes[k] for k in entry.successors]
    return {int(one.source.split(",")[0][5:]) % 10: one for one in lanes}


def light(arm):
    return signals(signal(f"light{arm}", "1000001", dynamic="yes"))


# ---------------------------------------------------------------- ways


@pytest.mark.parametrize("lane_links", [True, False])
def test_every_arm_leads_to_every_other(tmp_path, lane_links):
    found = read(tmp_path, crossroads(lane_links=lane_links))  # the ways say it themselves
    turns = {-1: net.RIGHT, 1: net.LEFT, 2: net.STRAIGHT}
    for arm in range(4):
        assert sorted(ways(found, arm)) == [other for other in range(4) if other != arm]
        for other, way in ways(found, arm).items():
            # Seen from the arm, the next one counter-clockwise lies to the right.
            assert way.turn == turns[{1: -1, 3: 1, 2: 2}[(other - arm) % 4]], NAMES[arm]
            assert (way.junction, way.rule, way.group) == (0, net.FREE, -1)
            (after,) = way.successors
            assert found.lanes[after].source.startswith(f"road {other}, section 0, lane 1")
            assert way.centre[-1, :2] == pytest.approx(found.lanes[after].centre[0, :2], abs=0.01)
            entry = lane_of(found, f"road {arm}, section 0, lane -1")[1]
            assert way.centre[0, :2] == pytest.approx(entry.centre[-1, :2], abs=0.01)
    outside = [one for one in found.lanes if one.junction < 0]
    assert len(outside) == 8


def test_ways_through_a_junction_inherit_the_limit_of_the_road_before(tmp_path):
    extra = '<type s="0" type="town"><speed max="30" unit="km/h"/></type>'
    found = read(tmp_path, crossroads({0: extra}))
    assert [one.limit for one in ways(found, 0).values()] == pytest.approx([30 / 3.6] * 3)
    assert {one.limit for one in ways(found, 1).values()} == {13.9}


def test_the_gap_between_the_ways_is_filled(tmp_path):
    import cv2

    found = read(tmp_path, crossroads())
    grid = np.zeros((400, 400), np.uint8)
    for one in found.areas:
        assert one.kind == net.ASPHALT
        cv2.fillPoly(grid, [np.round((one.polygon + 20.0) * 10).astype(np.int32)], 1)
    # What lies between the ways, such as near the middle of a quarter, is road; beyond the turns it is not.
    assert grid[120:280, 180:220].all()
    assert grid[200 + 70, 200 + 60] and not grid[390, 390]


def test_a_direct_junction_joins_roads_without_a_way(tmp_path):
    one = road("1", line(50.0), section(lane(-1)), 50.0, after="junction 7")
    other = road("2", line(50.0, x=50.0), section(lane(-1)), 50.0, before="junction 7")
    connection = '<connection id="0" incomingRoad="1" linkedRoad="2" contactPoint="start">'
    tail = f'<junction id="7" type="direct">{connection}<laneLink from="-1" to="-1"/></connection></junction>'
    found = read(tmp_path, document(one, other, tail))
    assert found.lanes[0].successors == (1,)


# ---------------------------------------------------------------- right of way


@pytest.mark.parametrize(("kind", "rule"), [("206", net.STOP), ("205", net.YIELD), ("R1-1", net.STOP)])
def test_signs_hold_for_the_junction_ahead(tmp_path, kind, rule):
    found = read(tmp_path, crossroads({0: signals(signal("a", kind))}))
    assert {one.rule for one in ways(found, 0).values()} == {rule}
    assert {one.rule for one in ways(found, 1).values()} == {net.FREE}
    assert found.signals == ()


def test_priority_makes_the_low_road_yield(tmp_path):
    """Its versions differ in whether they name the ways or the roads before them: both are understood."""
    found = read(
        tmp_path, crossroads(junction_extra='<priority high="1" low="0"/><priority high="12" low="30"/>')
    )
    assert {one.rule for one in ways(found, 0).values()} == {net.YIELD}
    assert {other: one.rule for other, one in ways(found, 2).items()} == {
        0: net.YIELD,
        1: net.FREE,
        3: net.FREE,
    }


def test_a_sign_for_some_lanes_only(tmp_path):
    text = signals(signal("a", "206", orientation="none", extra='<validity fromLane="-1" toLane="-1"/>'))
    found = read(tmp_path, crossroads({0: text}))
    assert {one.rule for one in ways(found, 0).values()} == {net.STOP}


def test_a_sign_far_from_any_junction_holds_for_nothing(tmp_path):
    with pytest.warns(RoadWarning, match='the stop sign "a" holds for no lane'):
        found = read(tmp_path, crossroads({0: signals(signal("a", "206", s=10.0))}))
    assert {one.rule for one in found.lanes} == {net.FREE}


def test_a_sign_that_faces_away_is_turned_round(tmp_path):
    with pytest.warns(RoadWarning, match="taken to face the other way"):
        found = read(tmp_path, crossroads({0: signals(signal("a", "206", orientation="-"))}))
    assert {one.rule for one in ways(found, 0).values()} == {net.STOP}


@pytest.mark.parametrize(
    ("attributes", "limit"),
    [
        ({"value": "30", "unit": "km/h"}, 30 / 3.6),
        ({"value": "30"}, 30 / 3.6),
        ({"subtype": "60"}, 60 / 3.6),
        ({"subtype": "56"}, 60 / 3.6),
        ({"value": "20", "unit": "mph"}, 8.941),
    ],
)
def test_speed_limit_signs(tmp_path, attributes, limit):
    extra = signals(signal("a", "274", s=20.0, **attributes), signal("b", "274", s=80.0, value="100"))
    found = read(tmp_path, document(street(lane(1), lane(-1), extra=extra)))
    assert lane_of(found, "road 1, section 0, lane -1")[1].limit == pytest.approx(limit, rel=1e-3)
    assert lane_of(found, "road 1, section 0, lane 1")[1].limit == 13.9


def test_a_speed_limit_sign_holds_until_the_next(tmp_path):
    lanes = "".join(
        section(lane(-1, before=-1 if k else None, after=-1 if k < 3 else None), s=25.0 * k) for k in range(4)
    )
    extra = signals(signal("a", "274", s=20.0, value="30"), signal("b", "274", s=55.0, value="70"))
    found = read(tmp_path, document(road("1", line(100.0), lanes, extra=extra)))
    assert [round(one.limit * 3.6) for one in found.lanes] == [50, 30, 70, 70]


# ---------------------------------------------------------------- lights


def test_lights_that_face_each_other_share_a_phase(tmp_path):
    found = read(tmp_path, crossroads({arm: light(arm) for arm in range(4)}))
    assert len(found.groups) == len(found.signals) == 4
    group = {arm: {one.group for one in ways(found, arm).values()} for arm in range(4)}
    assert all(len(one) == 1 for one in group.values())
    assert {one.rule for arm in range(4) for one in ways(found, arm).values()} == {net.SIGNAL}
    east, north, west, south = (found.groups[next(iter(group[arm]))] for arm in range(4))
    assert (east.begin, east.green) == (west.begin, west.green)
    assert (north.begin, north.green) == (south.begin, south.green)
    assert east.begin != north.begin and {one.cycle for one in found.groups} == {34.0}
    first, second = sorted((east, north), key=lambda one: one.begin)
    # 3 s of amber and at least 2 s in which all is red, also at the turn of the cycle.
    assert second.begin - (first.begin + first.green + 3) >= 2
    assert first.begin + first.cycle - (second.begin + second.green + 3) >= 2


def test_a_light_shines_against_the_traffic_that_it_stops(tmp_path):
    found = read(tmp_path, crossroads({0: light(0)}))
    (head,) = found.signals
    # The eastern arm runs west; its light stands on the right, that is in the north, and shines east.
    assert (head.x, head.y) == pytest.approx((HALF + 10.0, 5.0))
    assert math.cos(head.heading) == pytest.approx(1.0)
    assert found.groups[head.group].junction == 0
    assert found.groups[head.group].cycle > found.groups[head.group].green + 3


def test_controllers_order_the_phases(tmp_path):
    tail = "".join(
        f'<controller id="c{arm}" sequence="{arm}"><control signalId="light{arm}"/></controller>'
        for arm in range(4)
    )
    extra = "".join(f'<controller id="c{arm}" sequence="{3 - arm}"/>' for arm in range(4))
    found = read(tmp_path, crossroads({arm: light(arm) for arm in range(4)}, junction_extra=extra, tail=tail))
    begins = [found.groups[ways(found, arm)[(arm + 1) % 4].group].begin for arm in range(4)]
    assert begins == [51.0, 34.0, 17.0, 0.0]
    assert {one.cycle for one in found.groups} == {68.0}


def test_a_controller_that_holds_all_lights_does_not_make_them_all_green(tmp_path):
    controls = "".join(f'<control signalId="light{arm}"/>' for arm in range(4))
    tail = f'<controller id="c" sequence="0">{controls}</controller>'
    found = read(tmp_path, crossroads({arm: light(arm) for arm in range(4)}, tail=tail))
    assert len(found.groups) == 2
    assert ways(found, 0)[1].group == ways(found, 2)[3].group != ways(found, 1)[2].group


def test_references_within_the_junction_say_for_whom_a_light_is(tmp_path):
    """Its own orientation, which some writers turn round, no longer matters then."""
    arm = signals(signal("a", "1000001", orientation="-", dynamic="yes"))
    way = signals(
        '<signalReference id="a" s="0" t="0" orientation="-">'
        '<validity fromLane="-1" toLane="-1"/></signalReference>'
    )
    found = read(tmp_path, crossroads({0: arm}, {11: way, 12: way}))
    assert {other: one.rule for other, one in ways(found, 0).items()} == {
        1: net.SIGNAL,
        2: net.SIGNAL,
        3: net.FREE,
    }


def test_lights_for_people_and_signs_of_other_kinds_are_left_out(tmp_path):
    text = signals(signal("a", "1000002", dynamic="yes"), signal("b", "101"))
    found = read(tmp_path, crossroads({0: text}))
    assert found.signals == () and {one.rule for one in found.lanes} == {net.FREE}


# ---------------------------------------------------------------- crossings and parking


def crosswalk(s=95.0, t=0.0, hdg=0.0, corners="", **attributes):
    text = " ".join(f'{key}="{value}"' for key, value in attributes.items())
    outline = f"<outlines><outline>{corners}</outline></outlines>" if corners else ""
    return objects(f'<object type="crosswalk" id="1" s="{s}" t="{t}" hdg="{hdg}" {text}>{outline}</object>')


def test_a_crossing_by_length_and_width(tmp_path):
    text = document(street(lane(1), lane(-1), extra=crosswalk(50.0, length=3.0, width=7.0)))
    (found,) = read(tmp_path, text).crossings
    assert sorted([tuple(found.start.round(6)), tuple(found.end.round(6))]) == [(50.0, -3.5), (50.0, 3.5)]
    assert (found.width, found.group) == (pytest.approx(3.0), -1)


@pytest.mark.parametrize("kind", ["cornerRoad", "cornerLocal"])
def test_a_crossing_by_its_outline(tmp_path, kind):
    """It is wider than the road: people still walk across it."""
    places = [(-4, -3.5), (4, -3.5), (4, 3.5), (-4, 3.5)]
    corners = "".join(
        f'<cornerRoad s="{50 + u}" t="{v}"/>' if kind == "cornerRoad" else f'<cornerLocal u="{u}" v="{v}"/>'
        for u, v in places
    )
    (found,) = read(
        tmp_path, document(street(lane(1), lane(-1), extra=crosswalk(50.0, corners=corners)))
    ).crossings
    assert sorted([tuple(found.start.round(6)), tuple(found.end.round(6))]) == [(50.0, -3.5), (50.0, 3.5)]
    assert found.width == pytest.approx(8.0)


def test_people_at_a_light_walk_beside_the_traffic_that_has_green(tmp_path):
    arms = {arm: light(arm) for arm in range(4)}
    arms[0] += crosswalk(length=3.0, width=7.0)
    found = read(tmp_path, crossroads(arms))
    (crossing,) = found.crossings
    walk = found.groups[crossing.group]
    east, north = (found.groups[ways(found, arm)[(arm + 1) % 4].group] for arm in (0, 1))
    assert walk.begin == north.begin != east.begin
    assert walk.green <= north.green and walk.junction == 0


def test_people_without_a_light_have_priority(tmp_path):
    found = read(tmp_path, crossroads({0: crosswalk(length=3.0, width=7.0)}))
    assert found.crossings[0].group == -1


def space(repeat="", **attributes):
    text = " ".join(f'{key}="{value}"' for key, value in attributes.items())
    return objects(f'<object type="parkingSpace" id="1" {text}>{repeat}</object>')


def test_spaces_along_the_road_face_as_its_traffic_does(tmp_path):
    lanes = [lane(2, "parking", 2.5), lane(1), lane(-1), lane(-2, "parking", 2.5)]
    right = space(s=50, t=-4.75, hdg=0, length=6.0, width=2.5)
    left = space(s=50, t=4.75, hdg=0, length=6.0, width=2.5)
    found = read(tmp_path, document(street(*lanes, extra=right + left)))
    one, other = found.spots
    assert (one.x, one.y, one.length, one.width) == pytest.approx((50, -4.75, 6.0, 2.5))
    assert one.heading == pytest.approx(0.0)
    assert abs(other.heading) == pytest.approx(math.pi)


def test_spaces_across_the_road_face_away_from_it_and_repeat(tmp_path):
    repeat = '<repeat s="10" length="10" distance="2.5" tStart="-6" tEnd="-6"/>'
    text = space(repeat, s=10, t=-6, hdg=0, length=2.5, width=5.0)
    found = read(tmp_path, document(street(lane(1), lane(-1), extra=text)))
    assert [(one.x, one.y) for one in found.spots] == [pytest.approx((10 + 2.5 * k, -6)) for k in range(5)]
    assert {round(one.heading, 6) for one in found.spots} == {round(-math.pi / 2, 6)}
    assert (found.spots[0].length, found.spots[0].width) == pytest.approx((5.0, 2.5))
    assert sum(one.kind == net.ASPHALT for one in found.areas) == 1 + 5
