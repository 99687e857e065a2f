"""Lays the lanes of roads: centre lines, widths, limits, and who is beside whom.

A lane section is laid in pieces, cut where a lane becomes too narrow to drive on or wide enough for it,
and where paint begins or ceases to forbid a lane change.  So lanes that lie side by side begin and end
side by side, which is what lets a position on one be carried over to the other.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from mmenvs.driving.roads.network import DRIVING, FREE, LEFT, RIGHT, STRAIGHT, Lane, centre_line
from mmenvs.driving.roads.opendrive.geometry import Array, Pose
from mmenvs.driving.roads.opendrive.marks import Mark, permits
from mmenvs.driving.roads.opendrive.records import TOWN_LIMIT, LaneRecord, RoadRecord, Section

#: A lane ends where it becomes narrower than this [m].
LEAST_WIDTH = 0.6
_LEAST_SHOWN = 0.3  # width that a lane is given where the cut leaves it narrower [m]
_LEAST_PIECE = 0.5  # a lane is not cut nearer than this to the end of its section [m]
_LEAST_CHANGE = 10.0  # nor for the sake of paint that holds for less than this [m]
_SHORTEST = 0.05  # lanes below this are bridged [m]
_FINE = 0.25  # distance at which widths are looked at [m]
_TURN = math.radians(30.0)  # heading change from which a lane of a junction turns [rad]


@dataclass
class Draft:
    """A lane that is being put together; see :class:`~mmenvs.driving.roads.network.Lane`.

    Attributes:
        road: The road that it is part of.
        record: What the file says about it.
        begin: Station of the road at which it begins, seen along the reference line [m].
        end: Station at which it ends [m].
        points: Centre line in the order of driving [m], shape (n, 2).
        widths: Widths along it [m], shape (n,).
        headings: Direction of the road, as driven, where it begins and where it ends [rad].
        limit: Speed limit [m/s]; None as long as none is known.
        limit_is_own: Whether the lane itself states it, so that no sign changes it.
        source: Where it comes from.
        successors: Lanes that begin where it ends.
    """

    road: RoadRecord
    record: LaneRecord
    begin: float
    end: float
    points: Array
    widths: Array
    headings: tuple[float, float]
    limit: float | None
    limit_is_own: bool
    source: str
    successors: set[int] = field(default_factory=set)
    left: int = -1
    right: int = -1
    opposite: int = -1
    junction: int = -1
    turn: int = STRAIGHT
    rule: int = FREE
    group: int = -1

    @property
    def length(self) -> float:
        """Length of the centre line [m]."""
        return float(np.hypot(*np.diff(self.points, axis=0).T).sum())


@dataclass
class Piece:
    """A stretch of road between two cuts.

    Attributes:
        section: The section that it is part of.
        begin: Station of its start [m].
        end: Station of its end [m].
        lanes: Index of the draft of each lane that is driven on there.
    """

    section: Section
    begin: float
    end: float
    lanes: dict[int, int]


@dataclass
class Layout:
    """The lanes of all roads.

    Attributes:
        drafts: Lanes.
        pieces: Pieces of each road, in order along it.
    """

    drafts: list[Draft] = field(default_factory=list)
    pieces: dict[str, list[Piece]] = field(default_factory=dict)

    def at(self, road: str, station: float) -> Piece:
        """Return the piece of a road at a station [m]."""
        pieces = self.pieces[road]
        return next((piece for piece in reversed(pieces) if piece.begin <= station), pieces[0])


def lay_lanes(roads: dict[str, RoadRecord], junctions: dict[str, int]) -> Layout:
    """Lay the lanes of every road.

    Args:
        roads: Roads by name.
        junctions: Number of each junction by name.

    Returns:
        Lanes with their neighbours, but not yet with successors.
    """
    layout = Layout()
    for road in roads.values():
        first = len(layout.drafts)
        layout.pieces[road.id] = []
        for section in road.sections:
            spans = pairwise(_cuts(road, section))
            pieces = [_lay_piece(road, section, begin, end, layout) for begin, end in spans]
            layout.pieces[road.id] += pieces
            laid = {lane for piece in pieces for lane in piece.lanes}
            for lane, record in section.lanes.items():
                told = record.node.first("width") or record.node.first("border")
                if record.kind >= 0 and lane not in laid and told:
                    record.node.warn(f"lane {lane} stays narrower than {LEAST_WIDTH} m; it is left out")
        turning = road.line.turning() if road.junction else 0.0
        for draft in layout.drafts[first:]:
            turned = turning * (1 if _along(draft) else -1)
            draft.junction = junctions.get(road.junction, -1)
            draft.turn = LEFT if turned > _TURN else RIGHT if turned < -_TURN else STRAIGHT
    return layout


def finish_lanes(layout: Layout) -> tuple[tuple[Lane, ...], dict[int, int]]:
    """Turn drafts into lanes; those that are hardly there are bridged.

    Returns:
        The lanes, and the index of the lane of each draft that became one.
    """
    drafts = layout.drafts
    kept = [index for index, draft in enumerate(drafts) if draft.length >= _SHORTEST]
    place = {index: number for number, index in enumerate(kept)}
    lanes = []
    for index in kept:
        draft = drafts[index]
        centre, length = centre_line(draft.points, draft.widths)
        lane = Lane(
            centre=centre,
            length=length,
            limit=TOWN_LIMIT if draft.limit is None else draft.limit,
            successors=tuple(place[k] for k in sorted(_bridged(drafts, index, place))),
            left=place.get(draft.left, -1),
            right=place.get(draft.right, -1),
            opposite=place.get(draft.opposite, -1),
            junction=draft.junction,
            turn=draft.turn,
            rule=draft.rule,
            group=draft.group,
            kind=draft.record.kind,
            source=draft.source,
        )
        lanes.append(lane)
    return tuple(lanes), place


def beside(pose: Pose, offset: Array) -> Array:
    """Return the points at lateral offsets from a reference line, in an order that can be driven.

    Within a bend nothing reaches beyond the centre of curvature, where the line would run backwards.

    Args:
        pose: Poses of the reference line, n of them.
        offset: Offsets [m], left positive, shape (n,).

    Returns:
        Points [m], shape (n, 2).
    """
    beyond = pose.curvature * offset > 0.95
    return pose.beside(np.where(beyond, 0.95 / np.where(beyond, pose.curvature, 1.0), offset))


def section_stations(
    road: RoadRecord, section: Section, begin: float, end: float, dense: bool = False
) -> Array:
    """Return stations at which the edges of a section's lanes must be known.

    Args:
        road: A road.
        section: One of its sections.
        begin: First of the stations [m].
        end: Last of them [m].
        dense: Whether points are wanted along straight lines too.
    """
    cubics = [road.offset]
    for record in section.lanes.values():
        cubics += [shape for shape in (record.width, record.border) if shape is not None]
    extra = np.concatenate([shape.starts for shape in cubics])
    return road.line.stations(begin, end, dense or any(shape.bends for shape in cubics), extra)


def _along(draft: Draft) -> bool:
    return draft.record.direction > 0


def _bridged(drafts: list[Draft], index: int, kept: dict[int, int]) -> set[int]:
    """Return the followers of a draft that are kept, through those that are not."""
    found: set[int] = set()
    seen: set[int] = set()
    queue = list(drafts[index].successors)
    while queue:
        at = queue.pop()
        if at in seen:
            continue
        seen.add(at)
        if at in kept:
            found.add(at)
        else:
            queue += drafts[at].successors
    return found


def _cuts(road: RoadRecord, section: Section) -> list[float]:
    """Return the stations at which a section is cut, its own ends included [m]."""
    wanted = [*_width_cuts(road, section), *_paint_cuts(section)]
    cuts = [section.begin]
    for cut in sorted(wanted):
        if cut - cuts[-1] >= _LEAST_PIECE and section.end - cut >= _LEAST_PIECE:
            cuts.append(cut)
    return [*cuts, section.end]


def _width_cuts(road: RoadRecord, section: Section) -> list[float]:
    driven = [record for record in section.lanes.values() if record.kind >= 0]
    if all(record.width is not None and record.width.constant for record in driven):
        return []
    fine = np.linspace(section.begin, section.end, math.ceil((section.end - section.begin) / _FINE) + 1)
    edges = road.edges(section, fine)
    cuts: list[float] = []
    for record in driven:
        spare = np.abs(edges[record.id] - edges[section.inner(record.id)]) - LEAST_WIDTH
        for k in np.flatnonzero((spare[:-1] < 0) != (spare[1:] < 0)):
            cuts.append(float(fine[k] + _FINE * abs(spare[k]) / (abs(spare[k]) + abs(spare[k + 1]))))
    return cuts


def _paint_cuts(section: Section) -> list[float]:
    """Return where the paint between lanes of one direction changes what it permits [m]."""
    cuts: list[float] = []
    driven = [lane for lane, record in section.lanes.items() if record.kind == DRIVING]
    for left, right in pairwise(driven):
        if section.lanes[left].direction != section.lanes[right].direction:
            continue
        borders = _borders(section, left, right)
        for at in sorted(mark.begin for marks in borders for mark in marks):
            if min(at - section.begin, section.end - at) < _LEAST_CHANGE:
                continue
            before, after = (
                [all(permits(marks, station, side) for marks in borders) for side in (True, False)]
                for station in (at - 0.01, at)
            )
            if before != after and (not cuts or abs(at - cuts[-1]) >= _LEAST_CHANGE):
                cuts.append(at)
    return cuts


def _borders(section: Section, left: int, right: int) -> list[tuple[Mark, ...]]:
    """Return the marks on every border between two lanes."""
    lanes = section.lanes
    borders = [
        lanes[k].marks for k in lanes if (0 < k < left and k >= right) or (0 > k > right and k <= left)
    ]
    return [*borders, section.centre] if left > 0 > right else borders


def _lay_piece(road: RoadRecord, section: Section, begin: float, end: float, layout: Layout) -> Piece:
    middle = 0.5 * (begin + end)
    across = road.edges(section, np.array([middle]))
    width = {lane: abs(across[lane][0] - across[section.inner(lane)][0]) for lane in section.lanes}
    piece = Piece(section, begin, end, {})
    stations = section_stations(road, section, begin, end)
    pose, edges = road.line.at(stations), road.edges(section, stations)
    whole = begin == section.begin and end == section.end
    stretch = "" if whole else f", s={begin:.0f} to {end:.0f} m"
    for lane, record in section.lanes.items():
        if record.kind < 0 or width[lane] < LEAST_WIDTH:
            continue
        outer, inner = edges[lane], edges[section.inner(lane)]
        points = beside(pose, 0.5 * (outer + inner))
        widths = np.maximum(np.abs(outer - inner), _LEAST_SHOWN)
        own = [limit for at, limit in record.limits if at <= middle]
        kind = [limit for at, limit in road.types if at <= middle]
        order = slice(None, None, record.direction)
        first, last = pose.heading[order][[0, -1]] + (0.0 if record.direction > 0 else math.pi)
        draft = Draft(
            road=road,
            record=record,
            begin=begin,
            end=end,
            points=points[order],
            widths=widths[order],
            headings=(float(first), float(last)),
            limit=own[-1] if own else kind[-1] if kind else None,
            limit_is_own=bool(own),
            source=f"road {road.id}, section {section.number}, lane {lane}{stretch}",
        )
        piece.lanes[lane] = len(layout.drafts)
        layout.drafts.append(draft)
    _join_neighbours(layout, piece, [lane for lane in section.lanes if width[lane] > 0.05])
    return piece


def _join_neighbours(layout: Layout, piece: Piece, lanes: list[int]) -> None:
    """Tell lanes that lie side by side of each other; ``lanes`` are those that are there, from the left."""
    middle = 0.5 * (piece.begin + piece.end)
    for left, right in pairwise(lanes):
        if left not in piece.lanes or right not in piece.lanes:
            continue
        a, b = piece.lanes[left], piece.lanes[right]
        one, other = layout.drafts[a], layout.drafts[b]
        if not one.record.kind == other.record.kind == DRIVING:
            continue
        if one.record.direction != other.record.direction:
            if _along(other):  # each has the other on its left
                one.opposite, other.opposite = b, a
            continue
        borders = _borders(piece.section, left, right)
        leftwards, rightwards = (
            all(permits(marks, middle, side) for marks in borders) for side in (True, False)
        )
        if _along(one):
            one.right = b if rightwards else -1
            other.left = a if leftwards else -1
        else:
            one.left = b if rightwards else -1
            other.right = a if leftwards else -1
