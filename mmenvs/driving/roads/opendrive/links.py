"""Joins lanes end to end: within roads, from road to road, and through junctions.

A link of the file joins two lane ends.  Whichever of the two lanes states it, it counts; which of them is
driven first follows from the directions.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from mmenvs.driving.roads.network import YIELD
from mmenvs.driving.roads.opendrive.lanes import Draft, Layout, Piece
from mmenvs.driving.roads.opendrive.parse import Node
from mmenvs.driving.roads.opendrive.records import RoadLink, RoadRecord

#: Ends of a stretch of road, as seen along its reference line.
START, END = 0, 1
_NEAR = 0.3  # lane ends that no link joins are joined if they are nearer [m]
_AHEAD = math.radians(15.0)  # and their directions differ by less
_FAR = 1.5  # lane ends that a link joins are not joined if they are farther apart [m]
_BACK = math.radians(75.0)  # or their directions differ by more
_TAPER = 2.2  # below this width of either lane, a link may lead to the side it widens from [m]


@dataclass(frozen=True)
class Connection:
    """A way into a junction.

    Attributes:
        node: Its element.
        incoming: The road that it comes from.
        connecting: The road that it takes.
        contact: End of the connecting road that it begins at, ``"start"`` or ``"end"``; may be empty.
        lanes: Pairs of a lane of the incoming and one of the connecting road.
    """

    node: Node
    incoming: str
    connecting: str
    contact: str
    lanes: tuple[tuple[int, int], ...]


@dataclass
class Junction:
    """A junction.

    Attributes:
        id: Its name in the file.
        number: Position among the junctions, from 0.
        connections: Ways into it.
        low: Roads that give way.
        controllers: Sequence number of each controller of its signals, by name.
    """

    id: str
    number: int
    connections: list[Connection] = field(default_factory=list)
    low: set[str] = field(default_factory=set)
    controllers: dict[str, int] = field(default_factory=dict)


def read_junctions(root: Node, roads: dict[str, RoadRecord]) -> dict[str, Junction]:
    """Read the junctions; those that only roads mention are there too, with a warning.

    Raises:
        RoadError: If two junctions have one id.
    """
    junctions: dict[str, Junction] = {}
    for node in root.all("junction"):
        name = node.text("id")
        if name in junctions:
            raise node.error("another junction has the same id")
        junction = junctions[name] = Junction(name, len(junctions))
        for child in node.all("connection"):
            connection = _read_connection(child, roads)
            if connection:
                junction.connections.append(connection)
        junction.low = {low for child in node.all("priority") if (low := child.text("low"))}
        junction.controllers = {
            child.text("id"): int(child.soft_number("sequence", 0.0)) for child in node.all("controller")
        }
    for road in roads.values():
        if road.junction and road.junction not in junctions:
            road.node.warn(f'junction "{road.junction}" is not in the file; the road is taken to cross one')
            junctions[road.junction] = Junction(road.junction, len(junctions))
    return junctions


def link_lanes(layout: Layout, roads: dict[str, RoadRecord], junctions: dict[str, Junction]) -> None:
    """Give every lane its successors, and the lanes of junctions the right of way that the file states."""
    joiner = _Joiner(layout)
    for road in roads.values():
        for before, after in pairwise(layout.pieces[road.id]):
            joiner.join_pieces(before, after)
    for road in roads.values():
        for link, side in ((road.before, START), (road.after, END)):
            if link and link.kind == "junction" and link.id not in junctions:
                link.node.warn(f'there is no junction "{link.id}"; the road ends there')
            if link and link.kind == "road":
                if link.id in roads:
                    joiner.join_roads(road, side, link, roads[link.id])
                else:
                    link.node.warn(f'there is no road "{link.id}"; the road ends there')
    for junction in junctions.values():
        for connection in junction.connections:
            joiner.join_connection(junction, connection, roads)
    _give_way(layout, junctions)


def inherit_limits(layout: Layout) -> None:
    """Give lanes of junctions that state no limit the lowest of the lanes that lead into them."""
    drafts = layout.drafts
    for _ in range(8):  # a way through a junction has few sections
        found: dict[int, float] = {}
        for draft in drafts:
            for k in draft.successors:
                if draft.limit is not None and drafts[k].limit is None and drafts[k].junction >= 0:
                    found[k] = min(found.get(k, math.inf), draft.limit)
        for k, limit in found.items():
            drafts[k].limit = limit
        if not found:
            break


def entries(layout: Layout) -> list[int]:
    """Return the lanes by which junctions are entered."""
    drafts = layout.drafts
    inside = [draft for draft in drafts if draft.junction >= 0]
    within = {k for draft in inside for k in draft.successors if drafts[k].junction == draft.junction}
    return [k for k, draft in enumerate(drafts) if draft.junction >= 0 and k not in within]


def feeders(layout: Layout) -> dict[int, str]:
    """Return the name of the road that leads into each lane, where one does; of several the first."""
    roads: dict[int, str] = {}
    for draft in layout.drafts:
        for k in draft.successors:
            roads.setdefault(k, draft.road.id)
    return roads


class _Joiner:
    """Joins lane ends and says what could not be joined."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._drafts = layout.drafts

    def join_pieces(self, before: Piece, after: Piece) -> None:
        """Join two pieces of one road that follow each other."""
        if before.section is after.section:
            pairs = [(lane, lane) for lane in before.lanes if lane in after.lanes]
        else:
            ahead, behind = before.section.lanes, after.section.lanes
            pairs = self._known([(a, b) for a in ahead for b in ahead[a].after], before, after, END)
            back = self._known([(b, a) for b in behind for a in behind[b].before], after, before, START)
            pairs += [(a, b) for b, a in back]
        for a, b in pairs:
            self._join(before, a, END, after, b, START)
        if before.section is not after.section:
            self._match(before, END, after, START)

    def join_roads(self, road: RoadRecord, side: int, link: RoadLink, other: RoadRecord) -> None:
        """Join the lanes at one end of a road to those of the road that it is linked to."""
        there = self._side(other, link.contact, road, side, link.node)
        here, beyond = self._end(road, side), self._end(other, there)
        records = here.section.lanes
        named = [(a, b) for a in records for b in (records[a].after if side == END else records[a].before)]
        for a, b in self._known(named, here, beyond, side):
            self._join(here, a, side, beyond, b, there)
        self._match(here, side, beyond, there)

    def join_connection(
        self, junction: Junction, connection: Connection, roads: dict[str, RoadRecord]
    ) -> None:
        """Join the lanes of an incoming road to those of a connecting road."""
        incoming, connecting = roads[connection.incoming], roads[connection.connecting]
        links = ((incoming.before, START), (incoming.after, END))
        sides = [side for link, side in links if link and link.kind == "junction" and link.id == junction.id]
        guess = sides[0] if len(sides) == 1 else -1
        contact = connection.contact
        if guess < 0:
            # A road that leaves a junction and comes back to it, or one that does not mention it.
            ends = [(a, b) for a in sides or (START, END) for b in (START, END)]
            wanted = {"start": START, "end": END}
            ends = [end for end in ends if contact not in wanted or end[1] == wanted[contact]]
            guess = min(ends, key=lambda end: _distance(incoming, end[0], connecting, end[1]))[0]
        there = self._side(connecting, contact, incoming, guess, connection.node)
        here, beyond = self._end(incoming, guess), self._end(connecting, there)
        for a, b in connection.lanes:
            if a not in here.section.lanes or b not in beyond.section.lanes:
                connection.node.warn(
                    f"a <laneLink> joins lanes {a} and {b}, one of which is not there; left out"
                )
            if a in here.lanes and b in beyond.lanes:
                self._join(here, a, guess, beyond, b, there)
        if not connection.lanes:
            self._match(here, guess, beyond, there)

    def _end(self, road: RoadRecord, side: int) -> Piece:
        return self._layout.pieces[road.id][-1 if side == END else 0]

    def _side(self, road: RoadRecord, contact: str, other: RoadRecord, side: int, node: Node) -> int:
        """Return which end of a road is meant; where the file does not say, the nearer one."""
        if contact in ("start", "end"):
            return START if contact == "start" else END
        node.warn(f'contactPoint="{contact}" must be start or end; the nearer end is taken')
        return min((START, END), key=lambda end: _distance(road, end, other, side))

    def _known(
        self, named: list[tuple[int, int]], here: Piece, beyond: Piece, side: int
    ) -> list[tuple[int, int]]:
        """Keep the links whose lanes are driven on; warn of those whose target is not there at all."""
        kept = []
        for a, b in named:
            record = here.section.lanes[a]
            if b not in beyond.section.lanes:
                if record.kind >= 0:
                    end = "end" if side == END else "start"
                    record.node.warn(
                        f"lane {a} is linked to lane {b} at its {end}, which is not there; left out"
                    )
            elif a in here.lanes and b in beyond.lanes:
                kept.append((a, b))
        return kept

    def _join(self, here: Piece, a: int, side: int, beyond: Piece, b: int, there: int) -> None:
        """Join two lane ends; the one that is driven out of comes first."""
        one, other = here.lanes[a], beyond.lanes[b]
        leaves, left = self._leaves(one, side), self._leaves(other, there)
        node = self._drafts[one].record.node
        if leaves == left:
            node.warn(f"lane {a} meets lane {b} of {_name(self._drafts[other])} head-on; they are not joined")
            return
        first, second = (one, other) if leaves else (other, one)
        gap, turned = self._misfit(first, second)
        if gap > _FAR or turned > _BACK:
            ends = (self._drafts[first].widths[-1], self._drafts[second].widths[0])
            if min(ends) > _TAPER or turned > _BACK:
                node.warn(
                    f"lane {a} is linked to lane {b} of {_name(self._drafts[other])}, {gap:.2g} m and "
                    f"{math.degrees(turned):.0f} degrees off; they are not joined"
                )
            return
        self._drafts[first].successors.add(second)

    def _match(self, here: Piece, side: int, beyond: Piece, there: int) -> None:
        """Join lanes that meet where the file forgot to link them."""
        for pieces in ((here, side, beyond, there), (beyond, there, here, side)):
            source, out, target, into = pieces
            for lane, index in source.lanes.items():
                draft = self._drafts[index]
                stated = draft.record.after if out == END else draft.record.before
                if stated or draft.successors or not self._leaves(index, out):
                    continue
                for other in target.lanes.values():
                    gap, turned = self._misfit(index, other)
                    same = self._drafts[other].record.kind == draft.record.kind
                    if same and not self._leaves(other, into) and gap < _NEAR and turned < _AHEAD:
                        draft.successors.add(other)
                        draft.record.node.warn(
                            f"lane {lane} has no link but meets one of {_name(self._drafts[other])}; joined"
                        )

    def _leaves(self, index: int, side: int) -> bool:
        """Whether a lane is driven out of at one end of its stretch of road."""
        return (self._drafts[index].record.direction > 0) == (side == END)

    def _misfit(self, first: int, second: int) -> tuple[float, float]:
        """Return how far apart the end of a lane and the start of another are: distance [m], angle [rad]."""
        one, other = self._drafts[first], self._drafts[second]
        gap = float(np.hypot(*(other.points[0] - one.points[-1])))
        turned = other.headings[0] - one.headings[1]
        return gap, abs(math.remainder(turned, 2 * math.pi))


def _read_connection(node: Node, roads: dict[str, RoadRecord]) -> Connection | None:
    incoming = node.text("incomingRoad")
    # A direct junction joins two roads without a connecting one.
    connecting = node.text("connectingRoad") or node.text("linkedRoad")
    for name, road in (("incomingRoad", incoming), ("connectingRoad", connecting)):
        if road not in roads:
            node.warn(f'a <connection> has {name}="{road}", which is not there; it is left out')
            return None
    pairs = []
    for link in node.all("laneLink"):
        ends = [link.soft_number(name, 0.0) for name in ("from", "to")]
        if 0.0 in ends:
            link.warn("a <laneLink> does not say which lanes it joins; it is left out")
        else:
            pairs.append((int(ends[0]), int(ends[1])))
    return Connection(node, incoming, connecting, node.text("contactPoint"), tuple(pairs))


def _distance(road: RoadRecord, side: int, other: RoadRecord, there: int) -> float:
    """Return the distance between two ends of roads [m]."""
    ends: Sequence[tuple[RoadRecord, int]] = ((road, side), (other, there))
    a, b = (end.line.at(np.array([end.line.length if at == END else 0.0])) for end, at in ends)
    return math.hypot(a.x[0] - b.x[0], a.y[0] - b.y[0])


def _give_way(layout: Layout, junctions: dict[str, Junction]) -> None:
    """Make the ways of low priority yield; the standard's versions name either road of a way."""
    low = {junction.number: junction.low for junction in junctions.values()}
    before = feeders(layout)
    for index in entries(layout):
        draft = layout.drafts[index]
        if {draft.road.id, before.get(index, "")} & low[draft.junction]:
            draft.rule = YIELD


def _name(draft: Draft) -> str:
    return f"road {draft.road.id}"
