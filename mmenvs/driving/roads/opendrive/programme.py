"""Programmes of traffic lights, which OpenDRIVE does not hold: who has green when.

Controllers say which lights change together, and their sequence numbers in which order; where a file has
none, approaches that face each other share a phase.  Each phase is 12 s of green, 3 s of amber, 2 s in
which all is red.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from mmenvs.driving.roads.network import SIGNAL, Signal, SignalGroup
from mmenvs.driving.roads.opendrive.lanes import Layout
from mmenvs.driving.roads.opendrive.links import Junction, feeders
from mmenvs.driving.roads.opendrive.parse import Node
from mmenvs.driving.roads.opendrive.signals import LIGHT, SignalRecord

GREEN, AMBER, ALL_RED = 12.0, 3.0, 2.0  # [s]
_WALK = 6.0  # green for people within the green of the traffic that runs beside them [s]
_FACING = math.radians(35.0)  # by which approaches that share a phase may be off one line
_BESIDE = math.radians(60.0)  # by which people may cross the line of the phase that they walk in


@dataclass(frozen=True)
class Phase:
    """A part of a cycle.

    Attributes:
        begin: When it begins within the cycle [s].
        axis: Line along which its traffic approaches [rad], modulo half a turn.
    """

    begin: float
    axis: float


@dataclass(frozen=True)
class Programme:
    """The cycle of one junction.

    Attributes:
        junction: Number of the junction.
        cycle: Length of the cycle [s].
        phases: In order.
    """

    junction: int
    cycle: float
    phases: tuple[Phase, ...]

    def walk(self, axis: float) -> SignalGroup | None:
        """Return the group of people who walk along a line: green beside the traffic that does so too.

        Args:
            axis: Line along which they walk [rad].
        """
        phase = min(self.phases, key=lambda phase: _between_axes(phase.axis, axis))
        if _between_axes(phase.axis, axis) > _BESIDE:
            spare = self.cycle - len(self.phases) * (GREEN + AMBER + ALL_RED)
            if spare <= 0:
                return None
            return SignalGroup(self.junction, self.cycle, self.cycle - spare, _WALK)
        return SignalGroup(self.junction, self.cycle, phase.begin, _WALK)


@dataclass
class _Approach:
    """The lanes that one light lets into a junction from one road."""

    light: SignalRecord
    road: str
    lanes: list[int]
    heading: float
    controller: str
    axis: int = 0


def make_programmes(
    root: Node, layout: Layout, junctions: dict[str, Junction], lights: list[SignalRecord]
) -> tuple[list[Signal], list[SignalGroup], dict[int, Programme]]:
    """Make signal heads and groups, and tell the lanes that they hold for.

    Args:
        root: The file.
        layout: Lanes, joined.
        junctions: Junctions by name.
        lights: Signals; those that are no lights are skipped.

    Returns:
        Heads, groups, and the programme of each junction that has one.
    """
    controllers = _controllers(root)
    sequences = {node.text("id"): int(node.soft_number("sequence", 0.0)) for node in root.all("controller")}
    by_junction: dict[int, list[_Approach]] = {}
    before = feeders(layout)
    for light in lights:
        if light.kind == LIGHT:
            for approach in _approaches(layout, before, light, controllers.get(light.id, "")):
                by_junction.setdefault(layout.drafts[approach.lanes[0]].junction, []).append(approach)
    signals: list[Signal] = []
    groups: list[SignalGroup] = []
    programmes: dict[int, Programme] = {}
    for junction in junctions.values():
        approaches = by_junction.get(junction.number)
        if approaches:
            order = {**sequences, **junction.controllers}
            programmes[junction.number] = _programme(
                layout, junction.number, approaches, order, signals, groups
            )
    return signals, groups, programmes


def _controllers(root: Node) -> dict[str, str]:
    """Return the controller of each signal; the first one that names it counts."""
    controllers: dict[str, str] = {}
    for node in root.all("controller"):
        for control in node.all("control"):
            controllers.setdefault(control.text("signalId"), node.text("id"))
    return controllers


def _approaches(
    layout: Layout, before: dict[int, str], light: SignalRecord, controller: str
) -> list[_Approach]:
    """Split the lanes of a light by the road and the junction that they lead from and into."""
    parts: dict[tuple[str, int], list[int]] = {}
    for k in light.entries:
        parts.setdefault((before.get(k, ""), layout.drafts[k].junction), []).append(k)
    return [
        _Approach(light, road, lanes, layout.drafts[lanes[0]].headings[0], controller)
        for (road, _), lanes in parts.items()
    ]


def _programme(
    layout: Layout,
    junction: int,
    approaches: list[_Approach],
    order: dict[str, int],
    signals: list[Signal],
    groups: list[SignalGroup],
) -> Programme:
    """Make the programme of one junction and add its heads and groups."""
    axes = _set_axes(approaches)
    sequences = {order.get(approach.controller) for approach in approaches}
    ordered = None not in sequences and len(sequences) > 1

    def phase_of(approach: _Approach) -> tuple[int, int]:
        return (order[approach.controller] if ordered else 0, approach.axis)

    phases = sorted({phase_of(approach) for approach in approaches})
    slot = GREEN + AMBER + ALL_RED
    # A single phase needs a second one in which its traffic waits.
    cycle = slot * max(len(phases), 2)
    known: dict[tuple[str, int], int] = {}
    for approach in approaches:
        # Lights of one controller that stand across each other cannot be green at once: the axis splits them.
        name = (
            f"controller {approach.controller}" if approach.controller else f"road {approach.road}",
            approach.axis,
        )
        if name not in known:
            known[name] = len(groups)
            begin = slot * phases.index(phase_of(approach))
            groups.append(SignalGroup(junction, cycle, begin, GREEN))
        group = known[name]
        x, y = approach.light.position()
        heading = math.remainder(approach.heading + math.pi, 2 * math.pi)
        signals.append(Signal(x, y, heading, group))
        for k in approach.lanes:
            if layout.drafts[k].rule != SIGNAL:
                layout.drafts[k].rule, layout.drafts[k].group = SIGNAL, group
    made = tuple(Phase(slot * index, axes[axis]) for index, (_, axis) in enumerate(phases))
    return Programme(junction, cycle, made)


def _set_axes(approaches: list[_Approach]) -> list[float]:
    """Sort approaches by the line that they run along; return the lines."""
    axes: list[float] = []
    for approach in approaches:
        near = [k for k, axis in enumerate(axes) if _between_axes(axis, approach.heading) < _FACING]
        if not near:
            near = [len(axes)]
            axes.append(approach.heading)
        approach.axis = near[0]
    return axes


def _between_axes(a: float, b: float) -> float:
    """Return the angle between two lines [rad], from 0 to a quarter turn."""
    return abs(math.remainder(a - b, math.pi))
