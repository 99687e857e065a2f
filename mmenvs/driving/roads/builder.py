"""Builds road networks: carriageways along a line, what joins them, and what lies and stands on them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from mmenvs.driving.roads import markings
from mmenvs.driving.roads import network as net
from mmenvs.driving.roads.curves import Floats, Line, Pose, sample_lanes
from mmenvs.driving.roads.markings import zebra
from mmenvs.driving.roads.network import Area, Crossing, Lane, Network, Signal, SignalGroup, Spot, Stroke
from mmenvs.driving.roads.sections import Carriageway, Section

#: Narrowest that a lane becomes where it opens or ends [m].
NARROWEST = 1.0
#: How far areas reach under each other, so that no seam shows between them [m].
OVERLAP = 0.3
#: Nobody parks where a street bends by more [1/m].
SPOT_BEND = 1 / 60


class Paint(NamedTuple):
    """A kind of line: width [m], colour, and lengths of its dashes and gaps [m]."""

    width: float
    colour: int = net.WHITE
    dash: float = 0.0
    gap: float = 0.0


EDGE_LINE = Paint(0.16)
LANE_LINE = Paint(0.16, dash=3.0, gap=4.5)
MERGE_LINE = Paint(0.24, dash=1.5, gap=1.5)
MIDDLE_LINE = Paint(0.14, net.YELLOW)
OVERTAKING_LINE = Paint(0.14, net.YELLOW, 3.0, 4.5)
STOP_LINE = Paint(0.4)
GIVE_WAY_LINE = Paint(0.4, dash=0.6, gap=0.4)
SPOT_LINE = Paint(markings.SPOT_LINE)


@dataclass
class _Draft:
    """A lane that is being built, so far to the left of a line, and maybe against it."""

    line: Line
    width: float | Floats
    limit: float
    source: str
    offset: float | Floats = 0.0
    against: bool = False
    junction: int = -1
    turn: int = net.STRAIGHT
    rule: int = net.FREE
    group: int = -1
    left: int = -1
    right: int = -1
    opposite: int = -1

    def centre_line(self) -> Line:
        line = (
            self.line
            if isinstance(self.offset, float) and self.offset == 0.0
            else self.line.beside(self.offset)
        )
        return line.reversed() if self.against else line


class _Stretch(NamedTuple):
    """A stretch of road that is to be painted."""

    line: Line
    section: Section
    spreads: tuple[Floats | None, Floats | None]
    bare: Sequence[tuple[float, float]]


@dataclass
class NetworkBuilder:
    """Collects lanes, areas, paint and signals, and makes a network of them.

    Everything is appended, so that :meth:`rollback` can take back whatever came after a :meth:`mark`; what
    takes time is left to :meth:`build`.

    Attributes:
        name: Name of the network, for messages.
    """

    name: str = ""
    _lanes: list[_Draft] = field(default_factory=list)
    _joins: list[tuple[int, int]] = field(default_factory=list)
    _junctions: list[str] = field(default_factory=list)
    _stretches: list[_Stretch] = field(default_factory=list)
    _areas: list[Area] = field(default_factory=list)
    _strokes: list[Stroke] = field(default_factory=list)
    _signals: list[Signal] = field(default_factory=list)
    _groups: list[SignalGroup] = field(default_factory=list)
    _crossings: list[Crossing] = field(default_factory=list)
    _spots: list[Spot] = field(default_factory=list)

    def build(self) -> Network:
        """Return the network.

        Raises:
            RoadError: If there is no lane.
        """
        if not self._lanes:
            raise net.RoadError(f"{self.name or 'network'}: there is no lane to drive on")
        successors: list[list[int]] = [[] for _ in self._lanes]
        for before, after in self._joins:
            successors[before].append(after)
        lines = [lane.centre_line() for lane in self._lanes]
        samples = sample_lanes(lines, [lane.width for lane in self._lanes])
        lanes = tuple(
            Lane(
                centre, length, lane.limit, tuple(after), lane.left, lane.right, lane.opposite,
                lane.junction, lane.turn, lane.rule, lane.group, net.DRIVING, lane.source,
            )
            for lane, after, (centre, length) in zip(self._lanes, successors, samples, strict=True)
        )  # fmt: skip
        return Network(
            lanes,
            tuple(self._areas),
            (*self._strokes, *(stroke for stretch in self._stretches for stroke in _paint(stretch))),
            tuple(self._signals),
            tuple(self._groups),
            tuple(self._crossings),
            tuple(self._spots),
            name=self.name,
        )

    def _collections(self) -> tuple[list[Any], ...]:
        return (
            self._areas, self._lanes, self._joins, self._junctions, self._stretches, self._strokes,
            self._signals, self._groups, self._crossings, self._spots,
        )  # fmt: skip

    def mark(self) -> tuple[int, ...]:
        """Return a mark to come back to."""
        return tuple(map(len, self._collections()))

    def rollback(self, mark: tuple[int, ...]) -> None:
        """Take back all that came after a mark."""
        for collection, length in zip(self._collections(), mark, strict=True):
            del collection[length:]

    def areas_since(self, mark: tuple[int, ...]) -> list[Area]:
        """Return the areas that came after a mark."""
        return self._areas[mark[0] :]

    # ------------------------------------------------------------ lanes

    def lane(
        self, line: Line, width: float | Floats, limit: float, source: str = "", *,
        junction: int = -1, turn: int = net.STRAIGHT, rule: int = net.FREE, group: int = -1,
    ) -> int:  # fmt: skip
        """Add a lane along its centre line and return its index; see :class:`Lane`."""
        draft = _Draft(line, width, limit, source, junction=junction, turn=turn, rule=rule, group=group)
        self._lanes.append(draft)
        return len(self._lanes) - 1

    def limit(self, lane: int) -> float:
        """Return a lane's speed limit [m/s]."""
        return self._lanes[lane].limit

    def join(self, before: Iterable[int], after: Iterable[int]) -> None:
        """Let lanes go on in others, one by one."""
        self._joins.extend(zip(before, after, strict=True))

    def neighbours(self, lanes: Sequence[int]) -> None:
        """Say that lanes lie side by side, from left to right."""
        for left, right in pairwise(lanes):
            self._lanes[left].right, self._lanes[right].left = right, left

    def junction(self, name: str = "") -> int:
        """Open a junction and return its number."""
        self._junctions.append(name)
        return len(self._junctions) - 1

    def carriageway(
        self,
        line: Line,
        section: Section,
        limit: float,
        source: str = "",
        *,
        right: tuple[float, float] | None = None,
        left: tuple[float, float] | None = None,
        bare: Sequence[tuple[float, float]] = (),
    ) -> Carriageway:
        """Lay a road along a reference line: lanes, asphalt, pavements and paint.

        Args:
            line: The reference line.
            section: What lies side by side.
            limit: Speed limit [m/s].
            source: Where the road comes from, for messages.
            right: Adds a lane on the right: lengths [m] over which it widens at the start of the line and
                narrows at its end; 0 where it is there already, or stays.
            left: The same on the left, for the other direction.
            bare: Pairs of stations between which no paint is laid [m].
        """
        if right is not None or left is not None:
            line = line.refined()
        first, spreads, edges = len(self._lanes), [], []
        sides = ((right, section.forward, -1.0), (left, section.backward, 1.0))
        for taper, count, way in sides:
            spread = None if taper is None else _spread(line.station, *taper)
            spreads.append(spread)
            edges.append(self._lay_lanes(line, section, count, way, spread, limit, source))
        counts = [count + (taper is not None) for taper, count, _ in sides]
        ahead = tuple(range(first, first + counts[0]))
        back = tuple(range(first + counts[0], first + sum(counts)))
        self.neighbours(ahead)
        self.neighbours(back)
        if section.forward and section.backward:
            self._lanes[ahead[0]].opposite, self._lanes[back[0]].opposite = back[0], ahead[0]
        self._pave(line, section, edges[0], edges[1])
        self._stretches.append(_Stretch(line, section, (spreads[0], spreads[1]), bare))
        return Carriageway(line, section, ahead, back)

    def _lay_lanes(
        self,
        line: Line,
        section: Section,
        count: int,
        way: float,
        spread: Floats | None,
        limit: float,
        source: str,
    ) -> float | Floats:
        """Lay the lanes left (``way`` 1) or right (-1) of a line; return the offset of the asphalt's edge."""
        width, against = section.lane_width, way > 0
        for lane in range(count):
            offset = section.shift + way * (lane + 0.5) * width
            self._lanes.append(_Draft(line, width, limit, f"{source}, lane {lane}", offset, against))
        outer = section.shift + way * count * width
        if spread is None:
            return outer + way * section.shoulder
        wide = NARROWEST + (width - NARROWEST) * spread
        draft = _Draft(line, wide[::-1] if against else wide, limit, f"{source}, added lane")
        draft.offset, draft.against = outer + 0.5 * way * wide, against
        self._lanes.append(draft)
        # The lane stays on asphalt even where the paint has cut it off and the shoulder is narrow.
        return outer + way * np.maximum(width * spread + section.shoulder, wide + OVERLAP)

    def _pave(self, line: Line, section: Section, right: float | Floats, left: float | Floats) -> None:
        """Lay asphalt between two offsets, and pavements beyond them."""
        index = line.outline(1.0 if np.abs(line.curvature).max() > 0.05 else 2.0)
        normal = line.normal[index]
        points = line.points[index]
        for end, reach in ((0, -OVERLAP), (-1, OVERLAP)):
            points[end] += reach * np.array([normal[end, 1], -normal[end, 0]])
        outer_left, outer_right = (
            edge if isinstance(edge, float) else edge[index, None] for edge in (left, right)
        )
        self.area(net.ASPHALT, _ribbon(points + outer_left * normal, points + outer_right * normal))
        if section.pavement > 0:
            for edge, way in ((outer_left, 1.0), (outer_right, -1.0)):
                near, far = edge - way * OVERLAP, edge + way * section.pavement
                self.area(net.PAVEMENT, _ribbon(points + near * normal, points + far * normal))

    # ------------------------------------------------------------ ground, signals, people

    def area(self, kind: int, polygon: ArrayLike) -> None:
        """Pave a polygon; see :class:`Area`."""
        self._areas.append(Area(kind, np.asarray(polygon, np.float64)))

    def stroke(self, line: ArrayLike, paint: Paint) -> None:
        """Paint a line of points [m], shape (points, 2)."""
        self._strokes.append(Stroke(np.asarray(line, np.float64), *paint))

    def group(self, junction: int, cycle: float, begin: float, green: float) -> int:
        """Add a signal group and return its index; see :class:`SignalGroup`."""
        self._groups.append(SignalGroup(junction, cycle, begin % cycle, green))
        return len(self._groups) - 1

    def signal(self, pose: Pose, group: int) -> None:
        """Put up a signal head that shines along a pose."""
        heading = math.remainder(pose.heading, 2 * math.pi)
        self._signals.append(Signal(pose.x, pose.y, heading, group))

    def crossing(self, start: Pose, length: float, width: float = 4.0, group: int = -1) -> None:
        """Lay a crossing from kerb to kerb.

        Args:
            start: Middle of one end, looking along the crossing.
            length: Length of the crossing [m].
            width: Width [m].
            group: Signal group of the people who cross; -1 where they have priority.
        """
        end = start.moved(length)
        made = Crossing(np.array(start[:2]), np.array(end[:2]), width, group)
        self._crossings.append(made)
        self._strokes += zebra(made)

    def stop_line(self, mouth: Pose, section: Section, giving_way: bool = False) -> None:
        """Paint the line before which incoming traffic waits, solid or, to give way, broken."""
        if section.backward:
            ends = (section.shift + 0.2, section.shift + section.backward * section.lane_width - 0.1)
            line = [mouth.moved(0.3, offset)[:2] for offset in ends]
            self.stroke(line, GIVE_WAY_LINE if giving_way else STOP_LINE)

    def parking(self, row: Line, pitch: float, length: float, width: float, slant: float = 0.0) -> None:
        """Lay parking spaces along a line, but for its sharper bends.

        Args:
            row: Middle line of the row.
            pitch: Distance from one space to the next [m].
            length: Length of a space [m].
            width: Width of a space [m].
            slant: Direction of the cars relative to the row [rad]; 0 for parking along a kerb.
        """
        count = int(row.length / pitch + 1e-6)
        if count < 1:
            return
        places = row.at(np.linspace(0.0, count * pitch, 2 * count + 1))
        poses = [
            Pose(x, y, h) for (x, y), h in zip(places.points.tolist(), places.heading.tolist(), strict=True)
        ]
        bent = np.abs(places.curvature) > SPOT_BEND
        kept = [k for k in range(count) if not bent[2 * k : 2 * k + 3].any()]
        reach = 0.5 * (length if slant else width)
        for k in sorted({2 * spot + side for spot in kept for side in (0, 2)}):
            line = poses[k].turned(slant or 0.5 * math.pi)
            self.stroke([line.moved(-reach)[:2], line.moved(reach)[:2]], SPOT_LINE)
        for k in kept:
            x, y, heading = poses[2 * k + 1].turned(slant)
            self._spots.append(Spot(x, y, math.remainder(heading, 2 * math.pi), length, width))


def _spread(station: Floats, opening: float, closing: float) -> Floats:
    """Return how much of an added lane is there, from 0 to 1, without a kink at either end."""
    share = np.ones(len(station))
    if opening > 0:
        share = np.minimum(share, station / opening)
    if closing > 0:
        share = np.minimum(share, (station[-1] - station) / closing)
    return np.asarray(share * share * (3.0 - 2.0 * share))


def _ribbon(left: Floats, right: Floats) -> Floats:
    return np.concatenate([left, right[::-1]])


def _paint(stretch: _Stretch) -> list[Stroke]:
    """Return the lines along a stretch of road: edges, lanes, middle."""
    line, section, spreads, bare = stretch
    width, shift = section.lane_width, section.shift
    stops = [0.0, *(at for gap in sorted(bare) for at in gap), line.length]
    cut = (
        [line.cut(begin, end) for begin, end in zip(stops[::2], stops[1::2], strict=True)] if bare else [line]
    )
    strokes = []

    def paint(offset: float | Floats, kind: Paint, parts: Sequence[Line] = cut) -> None:
        for part in parts if isinstance(offset, float) else [line]:
            index = part.outline()
            aside = offset if isinstance(offset, float) else offset[index, None]
            strokes.append(Stroke(part.points[index] + aside * part.normal[index], *kind))

    for count, spread, way in ((section.forward, spreads[0], -1.0), (section.backward, spreads[1], 1.0)):
        outer = shift + way * count * width
        paint(outer if spread is None else outer + way * width * spread, EDGE_LINE)
        for boundary in range(1, count):
            paint(shift + way * boundary * width, LANE_LINE)
        if spread is not None and count:
            there = line.station[spread > 0.35]
            paint(outer, MERGE_LINE, [line.cut(float(there[0]), float(there[-1]))])
    if section.forward and section.backward:
        if section.overtaking:
            paint(shift, OVERTAKING_LINE)
        else:
            paint(shift + 0.16, MIDDLE_LINE)
            paint(shift - 0.16, MIDDLE_LINE)
    return strokes
