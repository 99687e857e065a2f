"""Lanes of single roads: where they run, who is beside whom, and what is paved and painted."""

from __future__ import annotations

import math

import numpy as np
import pytest
from opendrive_text import WIDTH, document, lane, lane_of, line, read, road, section, street

from mmenvs.driving.roads import network as net
from mmenvs.driving.roads.opendrive import RoadWarning


def ends(one):
    return [*one.centre[0, :2], *one.centre[-1, :2]]


def area(polygon):
    x, y = polygon.T
    return 0.5 * abs(np.sum(x * np.roll(y, -1) - y * np.roll(x, -1)))


# ---------------------------------------------------------------- centre lines


def test_lanes_run_on_their_side_and_in_their_direction(tmp_path):
    found = read(tmp_path, document(street(lane(1), lane(-1), lane(-2, width=3.0))))
    assert ends(lane_of(found, "road 1, section 0, lane -1")[1]) == pytest.approx([0, -1.75, 100, -1.75])
    assert ends(lane_of(found, "road 1, section 0, lane -2")[1]) == pytest.approx([0, -5.0, 100, -5.0])
    left = lane_of(found, "road 1, section 0, lane 1")[1]
    assert ends(left) == pytest.approx([100, 1.75, 0, 1.75])
    assert left.centre[:, net.COS] == pytest.approx(-1.0)
    assert left.length == pytest.approx(100.0)
    assert found.name == "map.xodr" and not found.left_hand


def test_traffic_on_the_left_runs_the_other_way(tmp_path):
    text = document(street(lane(1), lane(-1), lane(-2), attributes='junction="-1" rule="LHT"'))
    found = read(tmp_path, text)
    assert found.left_hand
    left, near, far = (lane_of(found, f"road 1, section 0, lane {k}") for k in (1, -1, -2))
    assert ends(left[1]) == pytest.approx([0, 1.75, 100, 1.75])
    assert ends(near[1]) == pytest.approx([100, -1.75, 0, -1.75])
    # Seen by its driver, lane -2 lies left of lane -1; oncoming traffic is on the right.
    assert (near[1].left, near[1].right) == (far[0], -1)
    assert (far[1].left, far[1].right) == (-1, near[0])
    assert {one.opposite for one in found.lanes} == {-1}


def test_an_arc_gives_its_lanes_their_own_radius(tmp_path):
    plan = line(50 * math.pi, shape='<arc curvature="0.02"/>')
    found = read(tmp_path, document(road("1", plan, section(lane(1), lane(-1)), 50 * math.pi)))
    inner, outer = (lane_of(found, f"road 1, section 0, lane {k}")[1] for k in (1, -1))
    assert inner.length == pytest.approx(48.25 * math.pi, rel=1e-4)
    assert outer.length == pytest.approx(51.75 * math.pi, rel=1e-4)
    assert outer.centre[5:-5, net.CURVATURE] == pytest.approx(1 / 51.75, rel=0.02)
    assert inner.centre[5:-5, net.CURVATURE] == pytest.approx(-1 / 48.25, rel=0.02)


def test_widths_and_offsets_are_polynomials(tmp_path):
    widths = '<width sOffset="0" a="3" b="0.01" c="0" d="0"/><width sOffset="50" a="3.5" b="0" c="0" d="0"/>'
    offset = '<laneOffset s="0" a="1" b="0" c="0" d="0"/><laneOffset s="60" a="1" b="0.05" c="0" d="0"/>'
    found = read(tmp_path, document(street(lane(-1, widths=widths), lane_offset=offset)))
    centre = found.lanes[0].centre
    assert centre[:, net.WIDTH] == pytest.approx(np.minimum(3 + 0.01 * centre[:, 0], 3.5), abs=1e-3)
    assert centre[10, 1] == pytest.approx(1 - 1.55, abs=1e-3)
    assert centre[-1, 1] == pytest.approx(1 + 0.05 * 40 - 1.75)


@pytest.mark.parametrize("sign", [1, -1])
def test_borders_may_be_given_instead_of_widths(tmp_path, sign):
    def border(a):
        return f'<border sOffset="0" a="{a}" b="0" c="0" d="0"/>'

    lanes = [lane(1, widths=border(3)), lane(-1, widths=border(4 * sign)), lane(-2, widths=border(7 * sign))]
    found = read(tmp_path, document(street(*lanes)))
    places = {one.source[-2:]: (one.centre[0, 1], one.centre[0, net.WIDTH]) for one in found.lanes}
    assert places == {
        " 1": pytest.approx((1.5, 3)),
        "-1": pytest.approx((-2, 4)),
        "-2": pytest.approx((-5.5, 3)),
    }


def test_a_lane_is_cut_where_it_has_no_width(tmp_path):
    """Lane -2 opens from 20 m to 40 m and closes again before the end: it exists from 0.6 m of width on."""
    widths = (
        '<width sOffset="0" a="0" b="0" c="0" d="0"/><width sOffset="20" a="0" b="0.15" c="0" d="0"/>'
        '<width sOffset="40" a="3" b="0" c="0" d="0"/><width sOffset="80" a="3" b="-0.2" c="0" d="0"/>'
        '<width sOffset="95" a="0" b="0" c="0" d="0"/>'
    )
    found = read(tmp_path, document(street(lane(-1), lane(-2, widths=widths))))
    number, second = lane_of(found, "road 1, section 0, lane -2")
    assert second.source.endswith(", s=24 to 92 m")
    assert second.centre[0, 0] == pytest.approx(24.0, abs=0.05)
    assert second.centre[-1, 0] == pytest.approx(92.0, abs=0.05)
    assert second.centre[:, net.WIDTH].min() == pytest.approx(0.6, abs=0.02)
    assert second.successors == ()
    pieces = [k for k, one in enumerate(found.lanes) if "lane -1" in one.source]
    first = [found.lanes[k] for k in pieces]
    assert [one.length for one in first] == pytest.approx([24, 68, 8], abs=0.05)
    # The pieces of the lane beside it follow each other, and the middle one is its neighbour.
    assert [one.successors for one in first] == [(pieces[1],), (pieces[2],), ()]
    assert [one.right for one in first] == [-1, number, -1]
    assert second.left == pieces[1]


def test_neighbours_always_lie_side_by_side(tmp_path):
    widths = '<width sOffset="0" a="0" b="0.02" c="0.0003" d="0"/>'
    plan = line(80.0, shape='<spiral curvStart="0" curvEnd="0.02"/>')
    lanes = section(lane(1, widths=widths), lane(-1), lane(-2, widths=widths), lane(-3))
    found = read(tmp_path, document(road("1", plan, lanes, 80.0)))
    pairs = 0
    for one in found.lanes:
        for other in (found.lanes[k] for k in (one.left, one.right) if k >= 0):
            pairs += 1
            for end in (0, -1):
                step = other.centre[end, :2] - one.centre[end, :2]
                direction = one.centre[end, net.COS : net.SIN + 1]
                assert abs(step @ direction) < 0.6
                beside = 0.5 * (one.centre[end, net.WIDTH] + other.centre[end, net.WIDTH])
                assert np.hypot(*step) < beside + 3.0
    assert pairs >= 4


def test_a_lane_that_is_never_wide_enough_is_left_out(tmp_path):
    with pytest.warns(RoadWarning, match=r"map\.xodr, line \d+, road 1: lane -2 stays narrower than 0\.6 m"):
        found = read(tmp_path, document(street(lane(-1), lane(-2, width=0.4))))
    assert len(found.lanes) == 1


def test_a_map_in_the_coordinates_of_a_country_is_moved_to_the_origin(tmp_path):
    plan = line(100.0, x=690123.0, y=5335456.0)
    found = read(tmp_path, document(road("1", plan, section(lane(-1)), 100.0)))
    assert ends(found.lanes[0]) == pytest.approx([123, 454.25, 223, 454.25])
    assert np.abs(found.areas[0].polygon).max() < 1000


# ---------------------------------------------------------------- neighbours


@pytest.mark.parametrize(
    ("mark", "leftwards", "rightwards"),
    [
        ("", True, True),
        ("none", True, True),
        ("broken", True, True),
        ("broken broken", True, True),
        ("solid", False, False),
        ("solid solid", False, False),
        ("curb", False, False),
        ("solid broken", True, False),
        ("broken solid", False, True),
        ('<roadMark sOffset="0" type="solid" laneChange="both"/>', True, True),
        ('<roadMark sOffset="0" type="broken" laneChange="none"/>', False, False),
        ('<roadMark sOffset="0" type="solid" laneChange="increase"/>', True, False),
        ('<roadMark sOffset="0" type="solid" laneChange="decrease"/>', False, True),
    ],
)
def test_paint_says_where_lanes_may_be_changed(tmp_path, mark, leftwards, rightwards):
    """On the right the line named first is the left one; what is nearer to the car decides."""
    found = read(tmp_path, document(street(lane(-1, mark=mark), lane(-2))))
    (a, left), (b, right) = (lane_of(found, f"road 1, section 0, lane -{k}") for k in (1, 2))
    assert right.left == (a if leftwards else -1)
    assert left.right == (b if rightwards else -1)
    assert (left.left, right.right) == (-1, -1)


def test_double_lines_left_of_the_middle_are_named_from_the_right(tmp_path):
    """Lane 1 is the inner one; its broken line is nearer, so it may be left outwards only."""
    found = read(tmp_path, document(street(lane(1, mark="broken solid"), lane(2))))
    (a, inner), (b, outer) = (lane_of(found, f"road 1, section 0, lane {k}") for k in (1, 2))
    assert (inner.right, outer.left) == (b, -1)
    assert (inner.left, outer.right) == (-1, -1) and a != b


def test_oncoming_lanes_know_each_other(tmp_path):
    found = read(tmp_path, document(street(lane(1), lane(-1), lane(-2), centre="solid solid")))
    (a, left), (b, near), (_, far) = (lane_of(found, f"road 1, section 0, lane {k}") for k in (1, -1, -2))
    assert (left.opposite, near.opposite, far.opposite) == (b, a, -1)
    assert (left.left, near.left) == (-1, -1)


def test_what_lies_between_keeps_lanes_apart(tmp_path):
    found = read(tmp_path, document(street(lane(1), lane(-1, "median"), lane(-2), lane(-3, "biking"))))
    assert {(one.left, one.right, one.opposite) for one in found.lanes} == {(-1, -1, -1)}
    assert [one.kind for one in found.lanes] == [net.DRIVING, net.DRIVING, net.BIKING]


def test_a_median_without_width_does_not(tmp_path):
    found = read(tmp_path, document(street(lane(1), lane(-1, "none", width=0), lane(-2))))
    assert found.lanes[0].opposite == 1 and found.lanes[1].opposite == 0


def test_a_lane_is_cut_where_paint_begins_to_forbid(tmp_path):
    mark = '<roadMark sOffset="0" type="broken"/><roadMark sOffset="70" type="solid"/>'
    found = read(tmp_path, document(street(lane(-1, mark=mark), lane(-2))))
    right = {one.source[26:]: one.left >= 0 for one in found.lanes if "lane -2" in one.source}
    assert right == {", s=0 to 70 m": True, ", s=70 to 100 m": False}


# ---------------------------------------------------------------- sections and roads


def test_sections_are_joined_by_their_links(tmp_path):
    lanes = section(lane(1, after=1), lane(-1, after=-2)) + section(
        lane(1, before=1), lane(-1), lane(-2, before=-1), s=40.0
    )
    offset = '<laneOffset s="0" a="0" b="0" c="0" d="0"/><laneOffset s="40" a="3.5" b="0" c="0" d="0"/>'
    text = document(road("1", line(100.0), lanes, lane_offset=offset))
    with pytest.warns(RoadWarning, match="3.5 m and 0 degrees off; they are not joined"):
        found = read(tmp_path, text)  # lane 1 jumps aside with the offset
    first = lane_of(found, "road 1, section 0, lane -1")[1]
    assert first.successors == (lane_of(found, "road 1, section 1, lane -2")[0],)
    assert first.length == pytest.approx(40.0)
    assert lane_of(found, "road 1, section 1, lane 1")[1].successors == ()


def test_roads_that_begin_at_one_point_are_joined_head_to_head(tmp_path):
    one = road("1", line(100.0), section(lane(1, before=-1), lane(-1)), before="road 2 start")
    plan = line(100.0, hdg=math.pi)
    other = road("2", plan, section(lane(1, before=-1), lane(-1)), before="road 1 start")
    found = read(tmp_path, document(one, other))
    # Lane 1 of either leads into lane -1 of the other, whichever of them says so.
    for a, b in (("1", "2"), ("2", "1")):
        source = lane_of(found, f"road {a}, section 0, lane 1")[1]
        target, into = lane_of(found, f"road {b}, section 0, lane -1")
        assert source.successors == (target,)
        assert source.centre[-1, :2] == pytest.approx(into.centre[0, :2], abs=1e-5)


def test_lanes_that_meet_are_joined_even_without_links(tmp_path):
    one = road("1", line(50.0), section(lane(-1)), 50.0, after="road 2 start")
    other = road("2", line(50.0, x=50.0), section(lane(-1)), 50.0, before="road 1 end")
    with pytest.warns(RoadWarning, match="lane -1 has no link but meets one of road 2; joined"):
        found = read(tmp_path, document(one, other))
    assert found.lanes[0].successors == (1,)


def test_lanes_that_meet_head_on_are_not_joined(tmp_path):
    one = road("1", line(50.0), section(lane(-1, after=-1)), 50.0, after="road 2 end")
    other = road("2", line(50.0, x=100.0, hdg=math.pi), section(lane(-1)), 50.0)
    with pytest.warns(RoadWarning, match="head-on"):
        found = read(tmp_path, document(one, other))
    assert [one.successors for one in found.lanes] == [(), ()]


def test_sections_that_are_hardly_there_are_bridged(tmp_path):
    lanes = section(lane(-1, after=-1)) + section(lane(-1, before=-1, after=-1), s=50.0)
    lanes += section(lane(-1, before=-1), s=50.01)
    found = read(tmp_path, document(road("1", line(100.0), lanes)))
    assert [one.source[:17] for one in found.lanes] == ["road 1, section 0", "road 1, section 2"]
    assert found.lanes[0].successors == (1,)


def test_a_single_sided_section_leaves_the_other_side_alone(tmp_path):
    lanes = section(lane(1), lane(-1, after=-1)) + section(
        lane(-1, before=-1), lane(-2), s=40.0, attributes='singleSide="true"'
    )
    found = read(tmp_path, document(road("1", line(100.0), lanes)))
    assert sorted(one.source for one in found.lanes if one.source.endswith("lane 1")) == [
        "road 1, section 0, lane 1",
        "road 1, section 1, lane 1",
    ]
    assert lane_of(found, "road 1, section 1, lane 1")[1].successors == (
        lane_of(found, "road 1, section 0, lane 1")[0],
    )


# ---------------------------------------------------------------- limits


@pytest.mark.parametrize(
    ("extra", "lane_extra", "limit"),
    [
        ("", "", 13.9),
        ('<type s="0" type="town"/>', "", 13.9),
        ('<type s="0" type="rural"/>', "", 27.8),
        ('<type s="0" type="town"><speed max="25" unit="mph"/></type>', "", 11.176),
        ('<type s="0" type="town"><speed max="36" unit="km/h"/></type>', "", 10.0),
        ('<type s="0" type="town"><speed max="8"/></type>', "", 8.0),
        ('<type s="0" type="town"><speed max="no limit"/></type>', "", 36.1),
        ('<type s="0" type="town"/><type s="30" type="rural"/>', "", 27.8),
        ('<type s="0" type="town"/>', '<speed sOffset="0" max="18" unit="km/h"/>', 5.0),
    ],
)
def test_speed_limits(tmp_path, extra, lane_extra, limit):
    found = read(tmp_path, document(street(lane(-1, extra=lane_extra), extra=extra)))
    assert found.lanes[0].limit == pytest.approx(limit, rel=1e-3)


# ---------------------------------------------------------------- ground and paint


def test_the_asphalt_of_a_section_is_one_polygon(tmp_path):
    lanes = [lane(2, "sidewalk", 2.0), lane(1, "shoulder", 1.0), lane(-1), lane(-2), lane(-3, "grass", 5.0)]
    found = read(tmp_path, document(street(*lanes)))
    assert [one.kind for one in found.areas] == [net.PAVEMENT, net.ASPHALT]
    for one, width in zip(found.areas, (2.0, 8.0), strict=True):
        assert area(one.polygon) == pytest.approx(100.2 * width)  # each reaches 0.1 m into the next
    assert found.areas[1].polygon[:, 1].max() == pytest.approx(1.0)
    assert found.areas[1].polygon[:, 1].min() == pytest.approx(-7.0)


def test_a_wide_border_beyond_all_lanes_is_grass(tmp_path):
    found = read(tmp_path, document(street(lane(-1), lane(-2, "border", 0.3), lane(-3, "border", 6.0))))
    assert [area(one.polygon) for one in found.areas] == pytest.approx([100.2 * 3.8])


def test_the_asphalt_of_an_arc_is_a_ring(tmp_path):
    plan = line(100 * math.pi, shape='<arc curvature="0.02"/>')
    found = read(tmp_path, document(road("1", plan, section(lane(1), lane(-1)), 100 * math.pi)))
    assert len(found.areas) > 1  # a whole circle in one polygon would meet itself
    ring = math.pi * ((50 + WIDTH) ** 2 - (50 - WIDTH) ** 2)
    assert sum(area(one.polygon) for one in found.areas) == pytest.approx(ring, rel=0.01)


def test_the_inside_of_a_tight_bend_does_not_fold(tmp_path):
    """A pavement whose inner edge lies beyond the centre of the bend keeps clear of the road."""
    plan = line(20.0) + line(5 * math.pi / 2, s=20.0, x=20.0, shape='<arc curvature="0.2"/>')
    plan += line(20.0, s=20.0 + 5 * math.pi / 2, x=25.0, y=5.0, hdg=math.pi / 2)
    lanes = section(lane(1, "sidewalk", 8.0), lane(-1))
    found = read(tmp_path, document(road("1", plan, lanes, 40.0 + 5 * math.pi / 2)))
    pavement = next(one.polygon for one in found.areas if one.kind == net.PAVEMENT)
    assert pavement[:, 0].max() < 25.1 and pavement[:, 1].min() > -0.1
    assert area(pavement) == pytest.approx(2 * 8 * 25 - 8 * 8 - 25 + 25 * math.pi / 4, rel=0.05)


def test_marks_become_paint(tmp_path):
    centre = (
        '<roadMark sOffset="0" type="broken" color="yellow" width="0.2"/>'
        '<roadMark sOffset="40" type="solid solid" color="yellow" width="0.1"/>'
    )
    outer = (
        '<roadMark sOffset="0" type="broken"><type name="broken" width="0.12">'
        '<line length="4" space="8" tOffset="0" sOffset="0" width="0.15"/></type></roadMark>'
    )
    found = read(tmp_path, document(street(lane(1, mark=outer), lane(-1, mark="solid"), centre=centre)))
    rows = [
        (
            *(round(float(v), 3) for v in (*one.line[0], *one.line[-1])),
            one.width,
            one.colour,
            one.dash,
            one.gap,
        )
        for one in found.strokes
    ]
    assert rows == [
        (0, 0, 40, 0, 0.2, net.YELLOW, 3.0, 4.5),
        (40, 0.1, 100, 0.1, 0.1, net.YELLOW, 0, 0),
        (40, -0.1, 100, -0.1, 0.1, net.YELLOW, 0, 0),
        (0, 3.5, 100, 3.5, 0.15, net.WHITE, 4, 8),
        (0, -3.5, 100, -3.5, 0.12, net.WHITE, 0, 0),
    ]


def test_grass_is_not_painted(tmp_path):
    found = read(tmp_path, document(street(lane(-1), lane(-2, "grass", mark="solid"))))
    assert found.strokes == ()
