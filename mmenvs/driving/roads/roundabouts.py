"""Roundabouts: a ring, counter-clockwise, and how roads enter and leave it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mmenvs.driving.roads import network as net
from mmenvs.driving.roads.builder import EDGE_LINE, LANE_LINE, NetworkBuilder
from mmenvs.driving.roads.curves import Line, Pose, arc, bends
from mmenvs.driving.roads.junctions import SETBACK, lay_kerb
from mmenvs.driving.roads.sections import Arm, Section

_TAU = 2 * math.pi
_APRON = 0.8  # asphalt beside the ring's lanes [m]
_ISLAND_RIM = 1.5  # pavement around the island in town [m]


class Roundabout(NamedTuple):
    """The measures of a roundabout.

    Attributes:
        x: Centre [m].
        y: Centre [m].
        radius: Radius of the outer lane's centre line [m].
        lanes: Lanes of the ring, 1 or 2.
        width: Width of a lane of the ring [m].
    """

    x: float
    y: float
    radius: float
    lanes: int = 1
    width: float = 4.2

    @property
    def fillet(self) -> float:
        """Radius at which cars enter and leave [m]."""
        return 0.5 * self.radius + 2.0

    @property
    def outer_edge(self) -> float:
        """Radius of the asphalt's outer edge [m]."""
        return self.radius + 0.5 * self.width + _APRON

    def lane_radius(self, lane: int) -> float:
        """Return the radius of a lane's centre line; lane 0 is the innermost [m]."""
        return self.radius - (self.lanes - 1 - lane) * self.width

    def pose(self, angle: float, radius: float) -> Pose:
        """Return the pose of who drives around the centre at a direction from it [rad] and a radius [m]."""
        return Pose(
            self.x + radius * math.cos(angle), self.y + radius * math.sin(angle), angle + 0.5 * math.pi
        )

    def arc(self, radius: float, begin: float, end: float) -> Line:
        """Return the arc between two directions from the centre [rad]."""
        return arc(self.x, self.y, radius, begin, end)

    def reach(self, offset: float) -> tuple[float, float]:
        """Return where an arm's outer lane leaves its straight, and where it touches the ring.

        The lane turns along a circle of radius :attr:`fillet` that touches both its straight and the ring.

        Args:
            offset: Offset of that lane's centre line from the arm's [m].

        Returns:
            Distance of the first point from the centre, along the arm [m], and direction of the second
            from the centre, away from the arm's [rad].
        """
        aside = abs(offset) + self.fillet
        along = math.sqrt(max((self.radius + self.fillet) ** 2 - aside**2, 0.0))
        return along, math.atan2(aside, along)

    def spread(self, section: Section) -> tuple[float, float]:
        """Return how far before and after an arm its lanes leave and touch the ring [rad]."""
        leave = self.reach(section.leaving(max(section.forward, 1) - 1))[1]
        enter = self.reach(section.coming(max(section.backward, 1) - 1))[1]
        return leave, enter

    def mouth(self, section: Section) -> float:
        """Return how far before the centre a road must end; its section is seen from the centre [m]."""
        offsets = (section.coming(max(section.backward, 1) - 1), section.leaving(max(section.forward, 1) - 1))
        return max(self.reach(offset)[0] for offset in offsets) + SETBACK


def thinned(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return every other point of a line and its last one, so that it still ends where it ended."""
    return np.concatenate([points[:-1:2], points[-1:]])


def lay_roundabout(
    builder: NetworkBuilder, ring: Roundabout, arms: Sequence[Arm], limit: float, source: str = "roundabout"
) -> None:
    """Lay a roundabout between roads that are there already.

    Each arm has a junction of its own, with the ring's lane past it; between them the ring is road.  In a
    ring of two lanes the outer one begins at an arm and leaves at the next: who goes farther keeps to the
    inner one, and so nobody crosses another on leaving.

    Args:
        builder: Where to.
        ring: Its measures.
        arms: The roads that meet, in any order; with two lanes each way if the ring has two.
        limit: Speed limit on the ring [m/s].
        source: Name for messages.
    """
    arms = sorted(arms, key=lambda arm: arm.pose.heading % _TAU)
    spreads = [ring.spread(arm.section) for arm in arms]
    exits = [arm.pose.heading - leave for arm, (leave, _) in zip(arms, spreads, strict=True)]
    entries = [arm.pose.heading + enter for arm, (_, enter) in zip(arms, spreads, strict=True)]
    numbers = [builder.junction(f"{source}, arm {k}") for k in range(len(arms))]
    between: list[list[int]] = []
    for k in range(len(arms)):
        begin, end = entries[k], exits[(k + 1) % len(arms)]
        end += _TAU * math.ceil((begin - end) / _TAU)
        lanes = [
            builder.lane(ring.arc(ring.lane_radius(lane), begin, end), ring.width, limit, f"{source}, ring")
            for lane in range(ring.lanes)
        ]
        builder.neighbours(lanes)
        between.append(lanes)
        outside = ring.arc(ring.radius + 0.5 * ring.width, begin, end)
        builder.stroke(outside.points[outside.outline(1.0)], EDGE_LINE)
        if ring.lanes > 1:
            middle = ring.arc(ring.radius - 0.5 * ring.width, begin, end)
            builder.stroke(middle.points[middle.outline(1.0)], LANE_LINE)
    for k, arm in enumerate(arms):
        _join(
            builder,
            ring,
            arm,
            numbers[k],
            limit,
            (exits[k], entries[k]),
            (between[k - 1], between[k]),
            source,
        )
        if arm.incoming:
            builder.stop_line(arm.pose, arm.section, giving_way=True)
    _pave(builder, ring, arms, exits, entries)


def _join(
    builder: NetworkBuilder,
    ring: Roundabout,
    arm: Arm,
    number: int,
    limit: float,
    angles: tuple[float, float],
    ring_lanes: tuple[Sequence[int], Sequence[int]],
    source: str,
) -> None:
    """Lay the lanes of an arm's junction: past it, into the ring and out of it."""
    leave, enter = angles
    before, after = ring_lanes
    section, pose = arm.section, arm.pose
    around = ring.arc(ring.lane_radius(0), leave, enter)
    past = builder.lane(around, ring.width, limit, f"{source}, past an arm", junction=number)
    builder.join([before[0], past], [past, after[0]])
    starts, ends, joined, rules = [], [], [], []
    for place, lane in enumerate(arm.incoming):
        target = ring.lanes - 1 if place == len(arm.incoming) - 1 else 0
        starts.append(pose.moved(0, section.coming(place)).reversed())
        ends.append(ring.pose(enter, ring.lane_radius(target)))
        joined.append((lane, after[target]))
        rules.append(net.YIELD)
    for target in range(ring.lanes if arm.outgoing else 0):
        place = len(arm.outgoing) - 1 if target == ring.lanes - 1 else 0
        starts.append(ring.pose(leave, ring.lane_radius(target)))
        ends.append(pose.moved(0, section.leaving(place)))
        joined.append((before[target], arm.outgoing[place]))
        rules.append(net.FREE)
    outer = [
        ring.fillet if lane in (arm.incoming[-1:] + tuple(before[-1:])) else math.inf for lane, _ in joined
    ]
    for line, (one, other), rule in zip(bends(starts, ends, np.array(outer)), joined, rules, strict=True):
        what = "into the ring" if rule == net.YIELD else "out of the ring"
        bend = builder.lane(
            line, section.lane_width, limit, f"{source}, {what}", junction=number, turn=net.RIGHT, rule=rule
        )
        builder.join([one, bend], [bend, other])


def _pave(
    builder: NetworkBuilder,
    ring: Roundabout,
    arms: Sequence[Arm],
    exits: Sequence[float],
    entries: Sequence[float],
) -> None:
    """Lay the ring, the mouths of the arms, the pavements around them, and the line around the island."""
    edge, inner = ring.outer_edge, ring.lane_radius(0) - 0.5 * ring.width
    ways_in, ways_out = [], []
    for arm, leave, enter in zip(arms, exits, entries, strict=True):
        section, pose = arm.section, arm.pose
        left, right = pose.moved(0, section.left_edge), pose.moved(0, section.right_edge)
        radius = max(ring.fillet - 0.5 * section.lane_width - section.shoulder, 3.0)
        into, out = bends(
            [left.reversed(), ring.pose(leave, edge)], [ring.pose(enter, edge), right], radius, points=17
        )
        ways_in.append(into)
        ways_out.append(out)
        inside = ring.arc(ring.radius, leave, enter).points[::-1]
        builder.area(net.ASPHALT, np.concatenate([into.points, inside, out.points]))
    for k, (into, arm) in enumerate(zip(ways_in, arms, strict=True)):
        following = (k + 1) % len(arms)
        begin, end = entries[k], exits[following]
        end += _TAU * math.ceil((begin - end) / _TAU)
        border = (into, ring.arc(edge, begin, end), ways_out[following])
        kerb = Line(
            np.concatenate([line.points for line in border]),
            np.concatenate([line.heading for line in border]),
            np.concatenate([line.curvature for line in border]),
        )
        lay_kerb(builder, kerb, arm.section.pavement, arms[following].section.pavement)
    for begin, end in pairwise((0.0, math.pi, _TAU)):
        outside = thinned(ring.arc(edge, begin - 0.01, end + 0.01).points)
        inside = thinned(ring.arc(inner - _APRON, begin - 0.01, end + 0.01).points)
        builder.area(net.ASPHALT, np.concatenate([outside, inside[::-1]]))
        if max(arm.section.pavement for arm in arms) > 0:
            rim = thinned(ring.arc(inner - _APRON - _ISLAND_RIM, begin, end).points)
            builder.area(net.PAVEMENT, np.concatenate([inside, rim[::-1]]))
    island = ring.arc(inner, 0.0, _TAU).points
    builder.stroke(np.concatenate([island[:-1:2], island[:1]]), EDGE_LINE)
