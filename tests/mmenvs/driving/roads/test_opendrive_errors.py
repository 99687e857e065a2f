"""What is wrong with a file is either an error that names its place, or a warning and a fallback."""

from __future__ import annotations

import random
import re
import warnings

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as hs
from opendrive_text import (
    crossroads,
    document,
    lane,
    line,
    objects,
    read,
    road,
    section,
    signal,
    signals,
    street,
)

from mmenvs.driving.roads.network import Network, RoadError
from mmenvs.driving.roads.opendrive import RoadWarning, read_opendrive

STREET = document(street(lane(1), lane(-1)))


def assert_finite(network: Network) -> None:
    for one in network.lanes:
        assert np.isfinite(one.centre).all() and np.isfinite([one.length, one.limit]).all()
    for line_ in [*(one.polygon for one in network.areas), *(one.line for one in network.strokes)]:
        assert np.isfinite(line_).all()
    for head in network.signals:
        assert np.isfinite([head.x, head.y, head.heading]).all()
    for crossing in network.crossings:
        assert np.isfinite([*crossing.start, *crossing.end, crossing.width]).all()
    for spot in network.spots:
        assert np.isfinite([spot.x, spot.y, spot.heading, spot.length, spot.width]).all()


# ---------------------------------------------------------------- errors


def test_a_missing_file_is_an_ordinary_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_opendrive(tmp_path / "nowhere.xodr")


BOMB = """<?xml version="1.0"?>
<!DOCTYPE OpenDRIVE [
<!ENTITY a "aaaaaaaaaaaaaaaaaaaa"> <!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">
]>
<OpenDRIVE><header name="&b;"/></OpenDRIVE>
"""


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        ("", "line 1", "the file is empty"),
        ("   \n", "line 1", "the file is empty"),
        ("hello", "line 1", "not well-formed XML"),
        (bytes(range(256)), "line 1", "not well-formed XML"),
        (STREET[: len(STREET) // 2], r"line \d+", "not well-formed XML"),
        (STREET.replace("</road>", ""), "line 15", "not well-formed XML: mismatched tag"),
        ("<net><edge/></net>", "line 1", "the root element is <net>"),
        ("<userData/>", "line 1", "the root element is <userData>"),
        (BOMB, "line 2", "document type or entity"),
        ("<OpenDRIVE>" + "<a>" * 500 + "</a>" * 500 + "</OpenDRIVE>", "line 1", "nested deeper"),
        ('<?xml version="1.0" encoding="klingon"?><OpenDRIVE/>', "line 1", "XML"),
        ("<OpenDRIVE/>", "line 1", "there is no road"),
    ],
    ids=lambda value: None,
)
def test_what_is_no_map(tmp_path, text, place, message):
    with pytest.raises(RoadError, match=rf"^map\.xodr, {place}: .*{message}"):
        read(tmp_path, text)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('x="0.0"', 'x="nan"', r"line 7, road 1: <geometry> has x=\"nan\", which must be a finite number"),
        ('x="0.0"', 'x="1_0"', r"line 7, road 1: <geometry> has x=\"1_0\""),
        ('x="0.0"', 'x="1e30"', r"line 7, road 1: <geometry> has x=\"1e30\""),
        ('x="0.0"', "", "line 7, road 1: <geometry> has no x"),
        ('hdg="0.0"', 'hdg="inf"', "line 7, road 1: .*hdg"),
        ('hdg="0.0"', 'hdg="north"', r"line 7, road 1: <geometry> has hdg=\"north\""),
        ('length="100.0"><line', 'length="-5"><line', "line 7, road 1: the length of a <geometry> is -5 m"),
        ('length="100.0"><line', 'length="2e5"><line', "line 7, road 1: the road is longer than 100 km"),
        ("<line/>", "<circle/>", "line 7, road 1: a <geometry> holds <circle>; must be a line"),
        ("<planView>", "<plan>", "not well-formed"),
        ('id="1" length="100.0"', 'id="1" length="long"', r"line 4, road 1: <road> has length=\"long\""),
        ('<road id="1"', "<road ", r"line 4, road \?: <road> has no id"),
        ('a="3.5"', 'a="wide"', r"line 10, road 1: <width> has a=\"wide\""),
        ('a="3.5"', 'a="2000"', "road 1: lane 1 reaches 2e\\+03 m from the reference line"),
        ('lane id="-1"', 'lane id="-1.5"', "road 1: <lane> has id=.*must be an integer"),
        ('lane id="-1"', 'lane id="1"', "road 1: lane 1 stands twice in its section"),
        ('laneSection s="0.0"', 'laneSection s="?"', r"line 10, road 1: <laneSection> has s=\"\?\""),
        ("driving", "none", "there is no lane to drive on"),
    ],
)
def test_what_shapes_a_road_must_be_right(tmp_path, old, new, message):
    assert old in STREET
    with pytest.raises(RoadError, match=r"map\.xodr.*" + message):
        read(tmp_path, STREET.replace(old, new))


def test_a_curve_of_absurd_length_is_refused_before_it_is_drawn(tmp_path):
    shape = '<paramPoly3 aU="0" bU="1" cU="0" dU="0" aV="0" bV="0" cV="0" dV="0"/>'
    with pytest.raises(RoadError, match="line 7, road 1: the road is longer than 100 km"):
        read(tmp_path, document(road("1", line(1e9, shape=shape), section(lane(-1)))))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_encodings_and_namespaces_do_not_matter(tmp_path, encoding):
    text = STREET.replace("<OpenDRIVE>", '<OpenDRIVE xmlns:od="urn:x">').replace('<?xml version="1.0"?>', "")
    text = text.replace("<planView>", "<od:planView>").replace("</planView>", "</od:planView>")
    assert len(read(tmp_path, text.encode(encoding)).lanes) == 2
    assert len(read_opendrive(str(tmp_path / "map.xodr")).lanes) == 2


def test_ids_must_not_stand_twice(tmp_path):
    one = street(lane(-1))
    with pytest.raises(RoadError, match=r"map\.xodr, line 14, road 1: its id is that of the road on line 4"):
        read(tmp_path, document(one, one))
    with pytest.raises(RoadError, match="junction 9: another junction has the same id"):
        read(tmp_path, document(one, '<junction id="9"/><junction id="9"/>'))


def test_a_road_needs_sections_and_geometry(tmp_path):
    with pytest.raises(RoadError, match="line 4, road 1: there is no <laneSection>"):
        read(tmp_path, document(road("1", line(100.0), "")))
    with pytest.raises(RoadError, match="line 4, road 1: there is no <geometry>"):
        read(tmp_path, document(road("1", "", section(lane(-1)))))


def test_geometries_far_apart_are_no_road(tmp_path):
    plan = line(50.0) + line(50.0, s=50.0, x=80.0)
    with pytest.raises(RoadError, match="line 8, road 1: a <geometry> begins 30 m from where"):
        read(tmp_path, document(road("1", plan, section(lane(-1)))))


# ---------------------------------------------------------------- warnings


def lanes_of(network):
    return [one.source for one in network.lanes]


@pytest.mark.parametrize(
    ("text", "message", "lanes"),
    [
        (
            document(road("1", line(50.0) + line(50.0, s=50.0, x=51.0), section(lane(-1)))),
            "line 8, road 1: a <geometry> begins 1 m from where",
            1,
        ),
        (document(road("1", line(0.0) + line(100.0), section(lane(-1)))), "has no length and is left out", 1),
        (
            document(street(lane(-1)), road("2", line(0.0), section(lane(-1)), 0.0)),
            "road 2: the road has no length",
            1,
        ),
        (document(road("1", line(100.0, s=7.0), section(lane(-1)))), "states s=7, the lengths before it", 1),
        (
            document(road("1", line(100.0), section(lane(-1)), 90.0)),
            "length=90 m, but its plan view is 100 m",
            1,
        ),
        (document(road("1", line(100.0), section(lane(-1), s=3.0))), "first <laneSection> begins at s=3", 1),
        (
            document(road("1", line(100.0), section(lane(-1)) + section(lane(-1), s=100.0))),
            "begins at s=100, at or beyond the end",
            1,
        ),
        (document(street(lane(-1), lane(-2, width=0.0))), "lane -2 stays narrower than 0.6 m", 1),
        (document(street(lane(-1), lane(-2, widths=" "))), "lane -2 has no <width>; it is left out", 1),
        (document(street(lane(-1), lane(-2, "lava"))), 'lane type "lava" is unknown', 1),
        (document(street(lane(-1, mark="wavy"))), 'road mark type "wavy" is unknown', 1),
        (
            document(street(lane(-1, mark='<roadMark type="solid" laneChange="maybe"/>'))),
            'laneChange="maybe" is unknown',
            1,
        ),
        (
            document(street(lane(-1, mark='<roadMark type="solid" width="fat"/>'))),
            'width="fat", which is no number; 0.12 is taken',
            1,
        ),
        (document(street(lane(-1), after="road 77 start")), 'there is no road "77"; the road ends there', 1),
        (document(street(lane(-1), after="junction 77")), 'there is no junction "77"', 1),
        (document(street(lane(-1), after="bridge 77")), 'elementType="bridge"', 1),
        (document(street(lane(-1), attributes='junction="77"')), 'junction "77" is not in the file', 1),
        (document(street(lane(-1), attributes='junction="-1" rule="UP"')), 'rule="UP" is unknown', 1),
        (document(street(lane(-1, after="x"))), 'has id="x".*; the link is left out', 1),
        (
            document(
                road("1", line(100.0), section(lane(-1, after=-7)) + section(lane(-1, before=-1), s=50.0))
            ),
            "lane -1 is linked to lane -7 at its end, which is not there",
            2,
        ),
        (
            document(street(lane(-1), extra='<type s="0" type="town"><speed max="9" unit="knots"/></type>')),
            'unit="knots"',
            1,
        ),
        (
            document(street(lane(-1), extra='<type s="0" type="town"><speed max="-9"/></type>')),
            "a speed limit is -9 m/s; it is left out",
            1,
        ),
        (
            document(street(lane(-1), extra=signals(signal("a", "1000001", dynamic="yes")))),
            'the traffic light "a" holds for no lane',
            1,
        ),
        (document(street(lane(-1), extra=signals('<signalReference id="b"/>'))), 'there is no signal "b"', 1),
        (
            document(street(lane(-1), extra=signals(signal("a", "274", value="-3")))),
            "tells no limit that is understood",
            1,
        ),
        (
            document(street(lane(-1), extra=objects('<object type="crosswalk" s="9" t="0"/>'))),
            "neither an outline nor length and width",
            1,
        ),
        (
            document(
                street(lane(-1), extra=objects('<object type="parkingSpace" s="9" t="0" length="99"/>'))
            ),
            "impossible outline",
            1,
        ),
        (
            crossroads(junction_extra='<connection id="x" incomingRoad="0" connectingRoad="77"/>'),
            'connectingRoad="77", which is not there',
            20,
        ),
        (
            crossroads().replace('from="-1"', 'from="-8"', 1),
            "joins lanes -8 and -1, one of which is not there",
            20,
        ),
        (crossroads().replace('to="-1"', "", 1), "does not say which lanes it joins", 20),
        (crossroads().replace('contactPoint="start"', "", 1), "the nearer end is taken", 20),
    ],
)
def test_what_a_driver_would_not_notice_is_a_warning(tmp_path, text, message, lanes):
    with pytest.warns(RoadWarning, match=message) as caught:
        found = read(tmp_path, text)
    assert len(found.lanes) == lanes
    assert_finite(found)
    assert all(re.match(r"map\.xodr, line \d+", str(one.message)) for one in caught)
    assert caught[0].filename.endswith("opendrive_text.py")  # whoever called read_opendrive


def test_warnings_are_counted_rather_than_listed_without_end(tmp_path):
    lanes = "".join(section(lane(-1, f"kind{k}"), lane(-2), s=0.1 * k) for k in range(300))
    with pytest.warns(RoadWarning) as caught:
        read(tmp_path, document(road("1", line(100.0), lanes)))
    assert len(caught) == 101
    assert re.fullmatch(r"map\.xodr: \d+ more warnings are not shown", str(caught[-1].message))


def test_an_object_that_repeats_without_end_does_not_hang(tmp_path):
    repeat = '<repeat s="0" length="90" distance="1e-7" tStart="0" tEnd="0"/>'
    text = objects(f'<object type="parkingSpace" s="9" t="0" length="5" width="2">{repeat}</object>')
    with pytest.warns(RoadWarning, match="repeated more than 1000 times"):
        found = read(tmp_path, document(street(lane(-1), extra=text)))
    assert len(found.spots) == 1001


# ---------------------------------------------------------------- anything at all


def rich_map() -> str:
    """A map in which most elements occur."""
    light = signals(signal("l", "1000001", dynamic="yes"), signal("y", "205"), signal("v", "274", value="30"))
    walk = objects(
        '<object type="crosswalk" s="92" t="0" hdg="0" length="3" width="7"/>',
        '<object type="parkingSpace" s="9" t="5"><repeat s="9" length="6" distance="3" tStart="5" tEnd="5"/>'
        '<outline><cornerLocal u="0" v="0"/><cornerLocal u="2" v="0"/><cornerLocal u="2" v="5"/>'
        '<cornerLocal u="0" v="5"/></outline></object>',
    )
    plan = line(60.0, x=-500.0, shape='<spiral curvStart="0" curvEnd="0.02"/>')
    cubic = '<paramPoly3 pRange="arcLength" aU="0" bU="1" cU="0" dU="0" aV="0" bV="0" cV="0.004" dV="0"/>'
    widths = '<width sOffset="0" a="0" b="0" c="0.01" d="0"/><width sOffset="20" a="4" b="0" c="0" d="0"/>'
    lanes = section(
        lane(1, mark="solid broken", after=1),
        lane(-1, mark="broken", after=-1),
        lane(-2, widths=widths, mark="solid"),
        lane(-3, "sidewalk", 2.0),
        centre="solid",
    ) + section(lane(1, before=1), lane(-1, before=-1), s=30.0)
    extra = '<type s="0" type="town"><speed max="30" unit="mph"/></type>'
    roads = road("100", plan, lanes, 60.0, extra=extra)
    roads += road("101", line(30.0, x=-500.0, y=300.0, shape=cubic), section(lane(-1)), 30.0)
    text = crossroads({0: light + walk}, junction_extra='<priority high="1" low="2"/>', tail=roads)
    return text


RICH = rich_map()
_NUMBERS = list(re.finditer(r'"(-?[0-9.][0-9.e+-]*)"', RICH))
JUNK = [
    "",
    "nan",
    "inf",
    "-inf",
    "x",
    "-1",
    "0",
    "1e-300",
    "1e8",
    "99999",
    "1e300",
    "-3.7",
    "1,5",
    "💥",
    "&#0;",
]


def survives(tmp_path, data) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        warnings.simplefilter("ignore", RoadWarning)
        try:
            found = read(tmp_path, data)
        except RoadError as error:
            assert str(error).startswith("map.xodr")
        else:
            assert_finite(found)


def test_the_rich_map_is_whole(tmp_path):
    found = read(tmp_path, RICH)
    assert len(found.lanes) == 20 + 8 and len(found.spots) == 3 and len(found.crossings) == 1


_fuzz = settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])


@_fuzz
@given(hs.integers(0, len(RICH)))
def test_a_file_that_is_cut_off(tmp_path, end):
    survives(tmp_path, RICH[:end])


@_fuzz
@given(hs.integers(0, len(_NUMBERS) - 1), hs.sampled_from(JUNK))
def test_a_number_that_is_junk(tmp_path, index, junk):
    where = _NUMBERS[index]
    survives(tmp_path, RICH[: where.start(1)] + junk + RICH[where.end(1) :])


@_fuzz
@given(hs.integers(0, 2**32 - 1))
def test_several_numbers_that_are_junk(tmp_path, seed):
    rng = random.Random(seed)
    text = RICH
    for where in sorted(rng.sample(_NUMBERS, 4), key=lambda match: -match.start()):
        text = text[: where.start(1)] + rng.choice(JUNK[5:12]) + text[where.end(1) :]
    survives(tmp_path, text)


@_fuzz
@given(hs.integers(0, 2**32 - 1))
def test_lines_that_are_missing_or_doubled(tmp_path, seed):
    rng = random.Random(seed)
    rows = RICH.splitlines(keepends=True)
    for _ in range(2):
        at = rng.randrange(1, len(rows) - 1)
        rows[at : at + 1] = rng.choice([[], [rows[at]] * 2])
    survives(tmp_path, "".join(rows))


@_fuzz
@given(hs.binary(max_size=200))
def test_bytes_of_any_kind(tmp_path, data):
    survives(tmp_path, data)
