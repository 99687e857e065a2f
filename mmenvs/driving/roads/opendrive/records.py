"""What a file says about roads, as records: sections, lanes, their widths, links, marks and limits."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import pairwise

import numpy as np

from mmenvs.driving.roads.network import ASPHALT, BIKING, DRIVING, PAVEMENT, RoadError
from mmenvs.driving.roads.opendrive.geometry import Array, Cubics, ReferenceLine
from mmenvs.driving.roads.opendrive.marks import Mark, read_marks
from mmenvs.driving.roads.opendrive.parse import Node
from mmenvs.driving.roads.opendrive.plan_view import read_plan_view

#: Lane types that cars drive on.
DRIVEN = frozenset(
    ("driving", "entry", "exit", "onRamp", "offRamp", "connectingRamp", "slipLane", "mwyEntry", "mwyExit")
) | {"bidirectional", "shared"}
#: Lane types that are paved, and that a wheel may stand on.
PAVED = frozenset(
    ("shoulder", "parking", "border", "stop", "median", "restricted", "bus", "taxi", "HOV", "tram")
) | {"roadWorks", "special1", "special2", "special3"}
#: Lane types for people, behind a kerb.
WALKED = frozenset({"sidewalk", "walking", "curb"})
_EMPTY = frozenset({"none", "rail", "grass"})
#: Limit by type of road [m/s]: what holds outside the signs in most of Europe.
_LIMITS = {"motorway": 36.1, "rural": 27.8, "town": 13.9, "lowSpeed": 8.3, "pedestrian": 2.8, "bicycle": 8.3}
TOWN_LIMIT = 13.9
_NO_LIMIT = 36.1
_UNITS = {"km/h": 1 / 3.6, "kmh": 1 / 3.6, "kph": 1 / 3.6, "mph": 0.44704, "m/s": 1.0, "": 1.0}
_WIDEST = 500.0  # distance of an edge from the reference line [m]
VERGE = 2.0  # an outermost border lane that is wider than this is taken for grass [m]


@dataclass(frozen=True)
class LaneRecord:
    """A lane of a section.

    Attributes:
        node: Its element.
        id: Its number: positive left of the reference line, negative right of it.
        kind: :data:`DRIVING` or :data:`BIKING`; -1 where nobody drives.
        surface: :data:`ASPHALT` or :data:`PAVEMENT`; -1 where nothing is paved.
        direction: 1 if its traffic runs along the reference line, -1 if against it.
        width: Width over the station [m]; None if its outer border is given instead.
        border: Position of its outer border over the station [m]; None if the width is given.
        marks: Paint on its outer border, by station.
        limits: Station and speed limit [m/s], by station.
        before: Lanes that it is linked to at the start of the section.
        after: Lanes that it is linked to at the end of the section.
    """

    node: Node
    id: int
    kind: int
    surface: int
    direction: int
    width: Cubics | None
    border: Cubics | None
    marks: tuple[Mark, ...]
    limits: tuple[tuple[float, float], ...]
    before: tuple[int, ...]
    after: tuple[int, ...]


@dataclass(frozen=True)
class Section:
    """A stretch of road with the same lanes throughout.

    Attributes:
        node: Its element.
        number: Position in the road, from 0.
        begin: Station of its start [m].
        end: Station of its end [m].
        lanes: Lanes by number, from left to right.
        centre: Paint along the middle.
    """

    node: Node
    number: int
    begin: float
    end: float
    lanes: dict[int, LaneRecord]
    centre: tuple[Mark, ...]

    def inner(self, lane: int) -> int:
        """Return the lane between this one and the middle, 0 for the middle itself."""
        nearer = [other for other in self.lanes if other * lane > 0 and abs(other) < abs(lane)]
        return max(nearer, key=abs, default=0)


@dataclass(frozen=True)
class RoadLink:
    """What a road is joined to at one of its ends.

    Attributes:
        node: Its element.
        kind: ``"road"`` or ``"junction"``.
        id: Of the road or junction.
        contact: Which end of the other road: ``"start"``, ``"end"``, or empty where the file does not say.
    """

    node: Node
    kind: str
    id: str
    contact: str


@dataclass
class RoadRecord:
    """A road.

    Attributes:
        node: Its element.
        id: Its name in the file.
        line: Its plan view.
        offset: Distance of the lanes' middle from the reference line [m], left positive.
        sections: In order along the road.
        left_hand: Whether traffic keeps to the left.
        junction: The junction that it crosses; empty outside of junctions.
        types: Station, and speed limit from there on [m/s] or None.
        before: What it is joined to at its start.
        after: What it is joined to at its end.
    """

    node: Node
    id: str
    line: ReferenceLine
    offset: Cubics
    left_hand: bool
    junction: str
    types: list[tuple[float, float | None]]
    before: RoadLink | None
    after: RoadLink | None
    sections: list[Section] = field(default_factory=list)

    def section_at(self, station: float) -> Section:
        """Return the section at a station [m]."""
        return next((s for s in reversed(self.sections) if s.begin <= station), self.sections[0])

    def edges(self, section: Section, station: Array) -> dict[int, Array]:
        """Return where the lanes of a section end.

        Args:
            section: One of the sections.
            station: Stations within it [m], shape (n,).

        Returns:
            Distance of each lane's outer edge from the reference line [m], left positive, shape (n,) each;
            number 0 is the middle.

        Raises:
            RoadError: If a lane is absurdly wide.
        """
        # Records that begin where the section ends belong to the next one.
        station = np.minimum(station, section.end - 1e-6)
        middle = self.offset.at(station)
        edges = {0: middle}
        for sign in (1, -1):
            side = sorted((lane for lane in section.lanes if lane * sign > 0), key=abs)
            # Borders are coordinates, hence negative on the right; some writers give distances instead.
            borders = [
                record.border for record in section.lanes.values() if record.id * sign > 0 and record.border
            ]
            flip = sign < 0 and not any((border.coefficients[:, 0] < 0).any() for border in borders)
            before = middle
            for lane in side:
                record = section.lanes[lane]
                if record.border is not None:
                    edge = middle + record.border.at(station) * (-1 if flip else 1)
                    edge = np.maximum(edge, before) if sign > 0 else np.minimum(edge, before)
                else:
                    assert record.width is not None
                    edge = before + sign * np.maximum(record.width.at(station), 0.0)
                if np.abs(edge).max() > _WIDEST:
                    most = float(np.abs(edge).max())
                    raise record.node.error(f"lane {lane} reaches {most:.3g} m from the reference line")
                edges[lane] = before = edge
        if np.abs(middle).max() > _WIDEST:
            raise self.node.error(f"<laneOffset> is {float(np.abs(middle).max()):.3g} m")
        return edges


def read_roads(root: Node) -> dict[str, RoadRecord]:
    """Read every road of a file.

    Raises:
        RoadError: If there is none, two have one id, or one cannot be built.
    """
    roads: dict[str, RoadRecord] = {}
    lines: dict[str, int] = {}
    for node in root.all("road"):
        name = node.text("id")
        if not name:
            raise node.error("<road> has no id")
        if name in lines:
            raise node.error(f"its id is that of the road on line {lines[name]}")
        lines[name] = node.line
        line = read_plan_view(node)
        if line is not None:
            roads[name] = _read_road(node, name, line)
    if not roads:
        raise root.error("there is no road in the file")
    return roads


def _read_road(node: Node, name: str, line: ReferenceLine) -> RoadRecord:
    junction = node.text("junction", "-1")
    rule = node.text("rule", "RHT")
    if rule not in ("RHT", "LHT"):
        node.warn(f'rule="{rule}" is unknown; RHT, traffic on the right, is taken')
    road = RoadRecord(
        node=node,
        id=name,
        line=line,
        offset=read_cubics(node.all("lanes", "laneOffset"), 0.0, "s"),
        left_hand=rule == "LHT",
        junction="" if junction in ("-1", "") else junction,
        types=_read_types(node),
        before=_read_link(node, "predecessor"),
        after=_read_link(node, "successor"),
    )
    road.sections = _read_sections(road)
    return road


def _read_link(road: Node, tag: str) -> RoadLink | None:
    node = road.first("link", tag)
    if node is None:
        return None
    kind, other = node.text("elementType", "road"), node.text("elementId")
    if kind not in ("road", "junction") or not other:
        node.warn(f'<{tag}> links to elementType="{kind}", elementId="{other}"; the link is left out')
        return None
    return RoadLink(node, kind, other, node.text("contactPoint"))


def _read_types(road: Node) -> list[tuple[float, float | None]]:
    types: list[tuple[float, float | None]] = []
    for node in road.all("type"):
        speed = node.first("speed")
        limit = read_limit(speed) if speed else None
        types.append((node.soft_number("s", 0.0), limit or _LIMITS.get(node.text("type"))))
    return sorted(types, key=lambda entry: entry[0])


def read_limit(node: Node) -> float | None:
    """Read the ``max`` of a ``<speed>`` [m/s]; None, with a warning, where it is not understood."""
    text, unit = node.text("max"), node.text("unit")
    if text in ("no limit", "undefined"):
        return _NO_LIMIT if text == "no limit" else None
    value = node.soft_number("max", 0.0)
    if unit not in _UNITS:
        node.warn(f'a speed limit has unit="{unit}"; must be km/h, mph or m/s; it is left out')
        return None
    value *= _UNITS[unit]
    if not 0.5 <= value <= 100.0:
        node.warn(f"a speed limit is {text or 'missing'} {unit or 'm/s'}; it is left out")
        return None
    return value


def read_cubics(nodes: list[Node], begin: float, station: str = "sOffset") -> Cubics:
    """Read polynomials.

    Args:
        nodes: Elements with a station and a to d.
        begin: Station that theirs count from [m].
        station: Name of that attribute.
    """
    if not nodes:
        return Cubics(np.zeros(1), np.zeros((1, 4)))
    starts = np.array([begin + node.number(station, 0.0) for node in nodes])
    rows = [[node.number("a"), *(node.number(name, 0.0) for name in "bcd")] for node in nodes]
    return Cubics(starts, np.array(rows))


def _read_sections(road: RoadRecord) -> list[Section]:
    nodes = sorted(road.node.all("lanes", "laneSection"), key=lambda node: node.number("s"))
    if not nodes:
        raise road.node.error("there is no <laneSection>")
    length = road.line.length
    for node in nodes[1:]:
        if node.number("s") >= length:
            node.warn(
                f"a <laneSection> begins at s={node.number('s'):g}, at or beyond the end; it is left out"
            )
    # The first one reaches back to the start of the road, whatever it says.
    begins = [0.0] + [node.number("s") for node in nodes[1:] if node.number("s") < length]
    if abs(nodes[0].number("s")) > 0.01:
        nodes[0].warn(f"the first <laneSection> begins at s={nodes[0].number('s'):g}; 0 is taken")
    begins = list(np.maximum(begins, 0.0))
    sections: list[Section] = []
    for number, (begin, end) in enumerate(pairwise([*begins, length])):
        sections.append(_read_section(road, nodes[number], number, float(begin), float(end)))
        if nodes[number].text("singleSide") == "true" and number > 0:
            sections[-2:] = _complete(sections[-2], sections[-1])
    return sections


def _complete(before: Section, section: Section) -> tuple[Section, Section]:
    """Carry on the side that a single-sided section does not tell, linked lane by lane."""
    told = {lane > 0 for lane in section.lanes}
    carried = {lane: record for lane, record in before.lanes.items() if (lane > 0) not in told}
    linked = {lane: replace(record, after=(lane,)) for lane, record in carried.items()}
    went_on = {lane: replace(record, before=(lane,)) for lane, record in carried.items()}
    lanes = dict(sorted({**section.lanes, **went_on}.items(), reverse=True))
    return replace(before, lanes={**before.lanes, **linked}), replace(section, lanes=lanes)


def _read_section(road: RoadRecord, node: Node, number: int, begin: float, end: float) -> Section:
    lanes: dict[int, LaneRecord] = {}
    for lane in [*node.all("left", "lane"), *node.all("right", "lane")]:
        name = lane.integer("id")
        if name == 0:
            lane.warn("lane 0 stands outside of <center> and is left out")
            continue
        if name in lanes:
            raise lane.error(f"lane {name} stands twice in its section")
        lanes[name] = _read_lane(road, lane, name, begin)
    centre = node.first("center", "lane")
    ordered = dict(sorted(lanes.items(), reverse=True))
    for name in (max(lanes, default=0), min(lanes, default=0)):
        if name and ordered[name].node.text("type") == "border" and _is_verge(ordered[name]):
            ordered[name] = replace(ordered[name], surface=-1)
    return Section(node, number, begin, end, ordered, read_marks(centre, 0, begin) if centre else ())


def _is_verge(record: LaneRecord) -> bool:
    """Whether an outermost border lane is a strip of grass: esmini's maps draw them so."""
    return record.width is not None and float(record.width.coefficients[:, 0].max()) > VERGE


def _read_lane(road: RoadRecord, node: Node, name: int, begin: float) -> LaneRecord:
    kind, surface = _use(node)
    widths, borders = node.all("width"), node.all("border")
    if not widths and not borders:
        node.warn(f"lane {name} has no <width>; it is left out")
    flipped = road.left_hand != (node.text("direction") == "reversed")
    limits = [(begin + speed.soft_number("sOffset", 0.0), read_limit(speed)) for speed in node.all("speed")]
    return LaneRecord(
        node=node,
        id=name,
        kind=kind,
        surface=surface,
        direction=(1 if name < 0 else -1) * (-1 if flipped else 1),
        width=read_cubics(widths, begin) if widths or not borders else None,
        border=read_cubics(borders, begin) if borders and not widths else None,
        marks=read_marks(node, name, begin),
        limits=tuple(sorted((at, limit) for at, limit in limits if limit is not None)),
        before=_read_lane_links(node, "predecessor"),
        after=_read_lane_links(node, "successor"),
    )


def _use(node: Node) -> tuple[int, int]:
    """Return who drives on a lane and what it is paved with."""
    name = node.text("type", "none")
    if name in DRIVEN:
        return DRIVING, ASPHALT
    if name == "biking":
        return BIKING, ASPHALT
    if name in PAVED:
        return -1, ASPHALT
    if name in WALKED:
        return -1, PAVEMENT
    if name not in _EMPTY:
        node.warn(f'lane type "{name}" is unknown; nothing is built there')
    return -1, -1


def _read_lane_links(node: Node, tag: str) -> tuple[int, ...]:
    links = []
    for link in node.all("link", tag):
        try:
            links.append(link.integer("id"))
        except RoadError as error:
            node.source.warn(f"{error}; the link is left out")
    return tuple(links)
