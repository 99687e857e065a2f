"""Signals beside the road: which lanes traffic lights, stop and yield signs and speed limits hold for."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from mmenvs.driving.roads.network import STOP, YIELD
from mmenvs.driving.roads.opendrive.lanes import Layout, Piece, beside
from mmenvs.driving.roads.opendrive.links import entries
from mmenvs.driving.roads.opendrive.parse import Node
from mmenvs.driving.roads.opendrive.records import RoadRecord

#: What a signal says.
LIGHT, STOP_SIGN, YIELD_SIGN, LIMIT_SIGN = range(4)
# Types of the German catalogue, which OpenDRIVE's own follows, and the names of the American one.
_SIGNS = {"206": STOP_SIGN, "205": YIELD_SIGN, "274": LIMIT_SIGN, "274.1": LIMIT_SIGN}
_SIGNS |= {"R1-1": STOP_SIGN, "R1-2": YIELD_SIGN, "R2-1": LIMIT_SIGN}
# Lights for people on foot, bicycles and trams; every other light of the 1000000s is for cars.
_OTHER_LIGHTS = frozenset({"1000002", "1000003", "1000007", "1000013", "1000014", "1000018"})
_UNITS = {"km/h": 1 / 3.6, "mph": 0.44704, "m/s": 1.0}
_REACH = 60.0  # a signal holds for a junction that is not farther ahead [m]


@dataclass
class SignalRecord:
    """A signal.

    Attributes:
        node: Its element.
        road: The road that it stands on.
        id: Its name in the file.
        kind: :data:`LIGHT`, :data:`STOP_SIGN`, :data:`YIELD_SIGN` or :data:`LIMIT_SIGN`.
        station: Where it stands [m].
        references: Other roads for which it holds, with the element that says so.
        entries: Lanes into junctions that it holds for.
    """

    node: Node
    road: RoadRecord
    id: str
    kind: int
    station: float
    references: list[tuple[RoadRecord, Node]] = field(default_factory=list)
    entries: list[int] = field(default_factory=list)

    def position(self) -> tuple[float, float]:
        """Return where it stands [m]."""
        pose = self.road.line.at(np.array([self.station]))
        x, y = beside(pose, np.array([self.node.soft_number("t", 0.0)]))[0]
        return float(x), float(y)


def read_signals(roads: dict[str, RoadRecord]) -> list[SignalRecord]:
    """Read the signals of all roads that matter to cars."""
    signals: list[SignalRecord] = []
    by_name: dict[str, SignalRecord] = {}
    unknown: set[str] = set()
    for road in roads.values():
        for node in road.node.all("signals", "signal"):
            kind, name = _kind(node), node.text("id")
            if kind is None:
                unknown.add(name)
                continue
            station = float(np.clip(node.soft_number("s", 0.0), 0.0, road.line.length))
            signal = SignalRecord(node, road, name, kind, station)
            signals.append(signal)
            if by_name.setdefault(name, signal) is not signal:
                node.warn(f'another signal has id="{name}"; references mean the first one')
    for road in roads.values():
        for node in road.node.all("signals", "signalReference"):
            name = node.text("id")
            if name in by_name:
                by_name[name].references.append((road, node))
            elif name not in unknown:
                node.warn(f'there is no signal "{name}"; the reference is left out')
    return signals


def apply_signals(layout: Layout, signals: list[SignalRecord]) -> None:
    """Find which lanes signals hold for: limits and right of way are set, lights only get their entries."""
    doors = set(entries(layout))
    limits = [signal for signal in signals if signal.kind == LIMIT_SIGN]
    for sign in limits:
        _apply_limit(layout, sign, [other for other in limits if other.road is sign.road])
    for signal in signals:
        if signal.kind == LIMIT_SIGN:
            continue
        signal.entries = _controlled(layout, signal, doors)
        if not signal.entries:
            what = ("traffic light", "stop sign", "yield sign")[signal.kind]
            signal.node.warn(f'the {what} "{signal.id}" holds for no lane into a junction; it is left out')
        if signal.kind != LIGHT:
            for k in signal.entries:
                rule = STOP if signal.kind == STOP_SIGN else YIELD
                layout.drafts[k].rule = max(layout.drafts[k].rule, rule)


def _kind(node: Node) -> int | None:
    kind = node.text("type")
    if kind in _SIGNS:
        return _SIGNS[kind]
    light = len(kind) == 7 and kind.startswith("10000") and kind.isdigit()
    return LIGHT if light and kind not in _OTHER_LIGHTS else None


def _controlled(layout: Layout, signal: SignalRecord, doors: set[int]) -> list[int]:
    """Return the lanes into junctions that a signal holds for.

    References from within a junction name them outright, and win: some writers of 2019 turn the
    orientation of the signals themselves round.
    """
    named: list[int] = []
    for road, node in signal.references:
        if road.junction:
            named += _within(layout, road, node, doors)
    if not named:
        if signal.road.junction:
            named += _within(layout, signal.road, signal.node, doors)
        else:
            named += _ahead(layout, signal.road, signal.node, signal.station, doors)
        for road, node in signal.references:
            if not road.junction:
                station = float(np.clip(node.soft_number("s", 0.0), 0.0, road.line.length))
                named += _ahead(layout, road, node, station, doors)
    return sorted(set(named))


def _within(layout: Layout, road: RoadRecord, node: Node, doors: set[int]) -> list[int]:
    """Return the lanes into a junction along one of its own roads."""
    chosen: list[int] = []
    for piece in layout.pieces[road.id]:
        valid = _valid(layout, piece, node)
        chosen += [k for lane, k in piece.lanes.items() if k in doors and lane in valid]
    if not chosen:
        chosen = [k for piece in layout.pieces[road.id] for k in piece.lanes.values() if k in doors]
    return chosen


def _ahead(layout: Layout, road: RoadRecord, node: Node, station: float, doors: set[int]) -> list[int]:
    """Return the lanes into the junction that lies ahead of a place on a road."""
    piece = layout.at(road.id, station)
    valid = _valid(layout, piece, node)
    found = _follow(layout, piece, [k for lane, k in piece.lanes.items() if lane in valid], station, doors)
    if not found:
        others = [k for lane, k in piece.lanes.items() if lane not in valid]
        found = _follow(layout, piece, others, station, doors)
        if found:
            node.warn(
                "no junction lies ahead of the signal as it is oriented; it is taken to face the other way"
            )
    return found


def _follow(layout: Layout, piece: Piece, lanes: list[int], station: float, doors: set[int]) -> list[int]:
    """Follow lanes from a station until a junction is entered."""
    drafts = layout.drafts
    best: dict[int, float] = {}
    queue = []
    for k in lanes:
        ahead = piece.end - station if drafts[k].record.direction > 0 else station - piece.begin
        queue.append((max(ahead, 0.0), k))
    found: list[int] = []
    while queue:
        distance, k = queue.pop()
        if distance > _REACH or best.get(k, _REACH + 1) <= distance:
            continue
        best[k] = distance
        for after in sorted(drafts[k].successors):
            if after in doors:
                found.append(after)
            elif drafts[after].junction < 0:
                queue.append((distance + drafts[after].length, after))
    return found


def _valid(layout: Layout, piece: Piece, node: Node) -> set[int]:
    """Return the lanes of a piece that a signal is valid for, by its ``<validity>`` and its orientation."""
    oriented = {"+": 1, "-": -1}.get(node.text("orientation", "none"), 0)
    facing = {lane for lane, k in piece.lanes.items() if oriented in (0, layout.drafts[k].record.direction)}
    ranges = [
        [span.soft_number(name, 0.0) for name in ("fromLane", "toLane")] for span in node.all("validity")
    ]
    told = {lane for lane in piece.lanes for span in ranges if min(span) <= lane <= max(span)}
    directions = {layout.drafts[piece.lanes[lane]].record.direction for lane in told}
    if len(directions) == 1:
        return told
    return told & facing or facing


def _apply_limit(layout: Layout, sign: SignalRecord, others: list[SignalRecord]) -> None:
    """Give lanes of which the better half lies beyond a speed limit sign its limit, up to the next sign."""
    limit = _sign_limit(sign.node)
    if limit is None:
        return
    for piece in layout.pieces[sign.road.id]:
        middle = 0.5 * (piece.begin + piece.end)
        valid = _valid(layout, piece, sign.node)
        for lane, k in piece.lanes.items():
            draft = layout.drafts[k]
            way = draft.record.direction
            passed = (middle - sign.station) * way > 0
            nearer = [
                other
                for other in others
                if (other.station - sign.station) * way > 0
                and (middle - other.station) * way > 0
                and lane in _valid(layout, piece, other.node)
                and _sign_limit(other.node) is not None
            ]
            if lane in valid and passed and not nearer and not draft.limit_is_own:
                draft.limit = limit


def _sign_limit(node: Node) -> float | None:
    """Return the limit of a sign [m/s]; None, with a warning, where it tells none."""
    american = node.text("type").startswith("R")
    unit = node.text("unit") or ("mph" if american else "km/h")
    value = node.soft_number("value", -1.0)
    if value <= 0:
        value = node.soft_number("subtype", -1.0)
        if value % 10 and 50 < value <= 63:  # the catalogue of 1992: 274-56 is 60 km/h
            value = 10 * (value - 50)
    speed = value * _UNITS.get(unit, 0.0)
    if not 0.5 <= speed <= 100.0:
        node.warn("a speed limit sign tells no limit that is understood; it is left out")
        return None
    return speed
