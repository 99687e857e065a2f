"""Junctions: how far roads end before them, the lanes that cross them, and who may go first."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from mmenvs.driving.roads import network as net
from mmenvs.driving.roads.builder import NetworkBuilder
from mmenvs.driving.roads.curves import Floats, Line, Pose, bends
from mmenvs.driving.roads.sections import Arm, Section

#: From the mouth of a road to where the kerb begins to turn [m].
SETBACK = 0.6
#: Room for a crossing between the two [m], and the width of the crossing.
CROSSING_SETBACK, CROSSING_WIDTH = 5.4, 4.0
#: A signal post stands so far behind the kerb [m].
POST_SETBACK = 1.0
#: Amber, which every green is followed by, and the time in which all is red [s].
AMBER, ALL_RED = 3.0, 2.0

_FLAT = math.radians(152)  # roads at a wider angle meet without a corner between them
_STRAIGHT_ON = math.radians(38)  # a driver turns who changes direction by more
_WIDE_TURN = 13.0  # largest radius of a turn across the junction [m]


class Movement(NamedTuple):
    """A lane across a junction: from an incoming lane of one arm to an outgoing lane of another."""

    arm: int
    lane: int
    to_arm: int
    to_lane: int
    turn: int


class Cycle(NamedTuple):
    """Times of a junction's signals: the greens of its two phases, and when the first begins [s]."""

    greens: tuple[float, float] = (14.0, 10.0)
    begin: float = 0.0

    @classmethod
    def random(cls, rng: np.random.Generator) -> Cycle:
        """Draw times that keep nobody waiting for more than half a minute."""
        first, second, begin = rng.uniform((10, 8, 0), (18, 14, 30))
        return cls((float(first), float(second)), float(begin))


STEADY = Cycle()


def corner_radius(angle: float, radius: float) -> float:
    """Return the radius of the kerb between two roads at an angle [rad]: blunt corners are wide."""
    return radius * max(1.0, math.tan(0.5 * min(angle, _FLAT)))


def mouths(
    headings: Sequence[float], sections: Sequence[Section], radius: float, crossings: Sequence[bool]
) -> list[float]:
    """Return how far before the point where reference lines meet each road has to end.

    Args:
        headings: Direction of each arm, away from the junction [rad].
        sections: Section of each arm, seen that way.
        radius: Radius of a kerb at a right-angled corner [m].
        crossings: Whether people cross each arm.
    """
    order = sorted(range(len(headings)), key=lambda i: headings[i] % (2 * math.pi))
    setbacks = [CROSSING_SETBACK if crossed else SETBACK for crossed in crossings]
    distances = [6.0 + setback for setback in setbacks]
    for a, b in zip(order, order[1:] + order[:1], strict=True):
        angle = (headings[b] - headings[a]) % (2 * math.pi)
        if angle >= _FLAT:
            continue
        tangent = corner_radius(angle, radius) / math.tan(0.5 * angle)
        left, right = sections[a].left_edge, -sections[b].right_edge
        # Where the kerb lines meet, along either arm.
        on_a = (left * math.cos(angle) + right) / math.sin(angle)
        on_b = (right * math.cos(angle) + left) / math.sin(angle)
        distances[a] = max(distances[a], on_a + tangent + setbacks[a])
        distances[b] = max(distances[b], on_b + tangent + setbacks[b])
    return distances


def movements(arms: Sequence[Arm]) -> list[Movement]:
    """Return the lanes that a junction needs.

    Who turns does so from the outermost lanes of that side into the outermost lanes of that side; who goes
    straight on does so from any lane, unless there are fewer lanes beyond: then outer lanes must turn.
    Every incoming lane leads somewhere.

    Args:
        arms: The roads that meet, counter-clockwise.
    """
    found = []
    for number, arm in enumerate(arms):
        ways = []
        for other, target in enumerate(arms):
            if other != number and target.outgoing:
                change = math.remainder(target.pose.heading - arm.pose.heading - math.pi, 2 * math.pi)
                turn = net.STRAIGHT if abs(change) < _STRAIGHT_ON else net.LEFT if change > 0 else net.RIGHT
                ways.append((change, turn, other, len(target.outgoing)))
        ways.sort(reverse=True)
        shares = _shares(len(arm.incoming), [turn for _, turn, _, _ in ways], [room for *_, room in ways])
        for (_, turn, other, room), (first, last) in zip(ways, shares, strict=True):
            for lane in range(first, last):
                to_lane = max(room - (last - lane), 0) if turn == net.RIGHT else min(lane - first, room - 1)
                found.append(Movement(number, lane, other, to_lane, turn))
    return found


def _shares(count: int, turns: Sequence[int], rooms: Sequence[int]) -> list[tuple[int, int]]:
    """Return which of an arm's lanes, first and last but one, may go each way; ways from left to right."""
    if len(turns) == 1 or count <= 1:
        return [(0, count)] * len(turns)
    if net.STRAIGHT in turns:
        ahead = turns.index(net.STRAIGHT)
        surplus = max(count - rooms[ahead], 0)
        # So many lanes must turn; one may at least.
        right = min(rooms[-1], surplus) if turns[-1] == net.RIGHT else 0
        left = min(rooms[0], surplus - right) if turns[0] == net.LEFT else 0
        ranges = {
            net.LEFT: (0, max(left, 1)),
            net.STRAIGHT: (left, count - right),
            net.RIGHT: (count - max(right, 1), count),
        }
        return [ranges[turn] for turn in turns]
    half = (count + 1) // 2
    left = min(max(half, count - rooms[-1]), rooms[0])
    right = max(min(half, rooms[-1]), count - left)
    return [(0, left), *[(0, count)] * (len(turns) - 2), (count - right, count)]


def signed_rules(headings: Sequence[float], weights: Sequence[float], rng: np.random.Generator) -> list[int]:
    """Decide by signs who goes first: who is on the larger road, or on the one that goes straight on.

    Args:
        headings: Direction of each arm, away from the junction [rad].
        weights: How large each road is.
        rng: Decides between equals, sometimes that everybody stops, and between STOP and YIELD.
    """
    order = sorted(range(len(headings)), key=lambda i: headings[i] % (2 * math.pi))
    phases = _phases([headings[i] for i in order])
    sums = [sum(weights[i] for i, p in zip(order, phases, strict=True) if p == phase) for phase in (0, 1)]
    draw = rng.random()
    if len(order) > 3 and sums[0] == sums[1] and draw < 0.25:
        return [net.STOP] * len(order)
    major = 0 if len(order) == 3 or sums[0] > sums[1] or (sums[0] == sums[1] and draw < 0.6) else 1
    minor = net.STOP if rng.random() < 0.5 else net.YIELD
    rules = [minor] * len(order)
    for i, phase in zip(order, phases, strict=True):
        if phase == major:
            rules[i] = net.FREE
    return rules


def lay_junction(
    builder: NetworkBuilder,
    arms: Sequence[Arm],
    rules: Sequence[int],
    radius: float,
    crossings: Sequence[bool] = (),
    cycle: Cycle = STEADY,
    source: str = "junction",
) -> int:
    """Lay a junction between roads that are there already.

    Args:
        builder: Where to.
        arms: The roads that meet, in any order.
        rules: What must be heeded by who comes from each arm: FREE, YIELD, STOP or SIGNAL.
        radius: Radius of a kerb at a right-angled corner [m]; the one that :func:`mouths` was given.
        crossings: Whether people cross each arm; empty for none.
        cycle: Times of the signals.
        source: Name for messages.

    Returns:
        The number of the junction.
    """
    crossed = list(crossings) or [False] * len(arms)
    order = sorted(range(len(arms)), key=lambda i: arms[i].pose.heading % (2 * math.pi))
    arms, rules = [arms[i] for i in order], [rules[i] for i in order]
    crossed = [crossed[i] for i in order]
    if sum(bool(arm.incoming) for arm in arms) < 2:
        rules = [net.FREE] * len(arms)  # a fork: nobody comes the other way
    number = builder.junction(source)
    phases = _phases([arm.pose.heading for arm in arms])
    groups = _groups(builder, number, phases, cycle) if net.SIGNAL in rules else [-1, -1]
    outline = _pave(builder, arms, radius)
    _connect(builder, number, arms, rules, [groups[phase] for phase in phases], radius, source)
    for arm, rule, people, phase in zip(arms, rules, crossed, phases, strict=True):
        if arm.incoming and rule != net.FREE:
            builder.stop_line(arm.pose, arm.section, giving_way=rule == net.YIELD)
        if arm.incoming and rule == net.SIGNAL:
            _signals(builder, arm, arms, outline, groups[phase])
        if people:
            edge = arm.pose.moved(-SETBACK - 0.5 * CROSSING_WIDTH, arm.section.left_edge)
            width = arm.section.left_edge - arm.section.right_edge
            # People cross while the traffic of the other phase has green.
            builder.crossing(edge.turned(-0.5 * math.pi), width, CROSSING_WIDTH, groups[1 - phase])
    return number


def _phases(headings: Sequence[float]) -> list[int]:
    """Share arms, counter-clockwise, out between two phases: those that face each other go together."""
    if len(headings) != 3:
        return [i % 2 for i in range(len(headings))]
    following = [*headings[1:], headings[0]]
    bent = [
        abs(math.remainder(b - a - math.pi, 2 * math.pi)) for a, b in zip(headings, following, strict=True)
    ]
    # The two that are nearest to a straight line are the through road; the third comes in from its side.
    stem = (bent.index(min(bent)) + 2) % 3
    return [int(i == stem) for i in range(3)]


def _groups(builder: NetworkBuilder, number: int, phases: Sequence[int], cycle: Cycle) -> list[int]:
    greens = cycle.greens
    length = sum(greens) + 2 * (AMBER + ALL_RED)
    begins = (cycle.begin, cycle.begin + greens[0] + AMBER + ALL_RED)
    return [builder.group(number, length, begins[phase], greens[phase]) for phase in sorted(set(phases))]


def _connect(
    builder: NetworkBuilder,
    number: int,
    arms: Sequence[Arm],
    rules: Sequence[int],
    groups: Sequence[int],
    radius: float,
    source: str,
) -> None:
    """Lay the lanes across the junction."""
    found = movements(arms)
    starts, ends, straight = [], [], []
    for way in found:
        arm, target = arms[way.arm], arms[way.to_arm]
        starts.append(arm.pose.moved(0, arm.section.coming(way.lane)).reversed())
        ends.append(target.pose.moved(0, target.section.leaving(way.to_lane)))
        # Who goes over to another lane does so before the kerb beyond comes near.
        across = math.dist(starts[-1][:2], ends[-1][:2])
        changes = way.turn == net.STRAIGHT and way.lane != way.to_lane
        straight.append((0.0, 0.45 * across if changes else 0.0))
    radii = [_turn_radius(arms, way, radius) for way in found]
    lines = bends(starts, ends, np.array(radii), straight=np.array(straight)) if found else []
    for way, line in zip(found, lines, strict=True):
        arm, target = arms[way.arm], arms[way.to_arm]
        before, after = arm.incoming[way.lane], target.outgoing[way.to_lane]
        lane = builder.lane(
            line,
            min(arm.section.lane_width, target.section.lane_width),
            min(builder.limit(before), builder.limit(after)),
            f"{source}, {('straight', 'left', 'right')[way.turn]} from arm {way.arm}",
            junction=number,
            turn=way.turn,
            rule=rules[way.arm],
            group=groups[way.arm] if rules[way.arm] == net.SIGNAL else -1,
        )
        builder.join([before, lane], [lane, after])


def _turn_radius(arms: Sequence[Arm], way: Movement, radius: float) -> float:
    """Return the largest radius of a lane's turn: around a kerb it runs along it, not across it."""
    arm, target = arms[way.arm], arms[way.to_arm]
    change = math.remainder(target.pose.heading - arm.pose.heading - math.pi, 2 * math.pi)
    largest = _WIDE_TURN * max(1.0, 1.0 / math.tan(0.5 * max(abs(change), 0.05)))
    if way.turn == net.STRAIGHT:
        return largest
    coming, leaving = arm.section.coming(way.lane), target.section.leaving(way.to_lane)
    angle = (target.pose.heading - arm.pose.heading) % (2 * math.pi)
    if way.to_arm == (way.arm + 1) % len(arms):
        gap = min(arm.section.left_edge - coming, leaving - target.section.right_edge)
        return corner_radius(angle, radius) + gap
    if way.to_arm == (way.arm - 1) % len(arms):
        gap = min(coming - arm.section.right_edge, target.section.left_edge - leaving)
        return min(largest, corner_radius(2 * math.pi - angle, radius) + gap)
    return largest


def _pave(builder: NetworkBuilder, arms: Sequence[Arm], radius: float) -> Floats:
    """Lay the asphalt and the pavements around its corners; return the outline of the asphalt."""
    following = [*arms[1:], arms[0]]
    starts = [arm.pose.moved(0, arm.section.left_edge).reversed() for arm in arms]
    ends = [arm.pose.moved(0, arm.section.right_edge) for arm in following]
    angles = [(b.pose.heading - a.pose.heading) % (2 * math.pi) for a, b in zip(arms, following, strict=True)]
    # Opposite a road, the kerb bends by a few degrees within a few metres.
    radii = [
        corner_radius(angle, radius)
        if angle < _FLAT
        else 6.0 / max(abs(math.tan(0.5 * (angle - math.pi))), 0.01)
        for angle in angles
    ]
    straight = [
        _flat_kerb(start, end) if angle >= _FLAT else (0.0, 0.0)
        for start, end, angle in zip(starts, ends, angles, strict=True)
    ]
    corners = bends(starts, ends, np.array(radii), 17, np.array(straight))
    for corner, a, b in zip(corners, arms, following, strict=True):
        lay_kerb(builder, corner, a.section.pavement, b.section.pavement)
    outline = np.concatenate([corner.points for corner in corners])
    builder.area(net.ASPHALT, outline)
    return outline


def _flat_kerb(start: Pose, end: Pose) -> tuple[float, float]:
    """Return how far a kerb opposite a road goes straight at either end before it swings over [m].

    Where two edges meet half-way, the kerb bends from one to the other, and (0, 0) is returned.  Otherwise
    it keeps to the edge that is farther out: who turns needs the room.
    """
    cos, sin = math.cos(start.heading), math.sin(start.heading)
    along = (end.x - start.x) * cos + (end.y - start.y) * sin
    aside = (end.y - start.y) * cos - (end.x - start.x) * sin
    slope = math.tan(math.remainder(end.heading - start.heading, 2 * math.pi))
    meet = 1.0 - aside / slope / along if abs(slope) > 0.02 else -1.0  # as a share of the way
    if 0.0 < meet < 1.0 and (slope < 0 or 0.3 < meet < 0.7):
        return 0.0, 0.0
    if 0.0 < meet < 1.0:
        return (0.6 * along, 0.0) if meet < 0.5 else (0.0, 0.6 * along)
    rest = max(along - max(10.0, 1.2 * abs(aside)), 0.1)
    return (rest, 0.0) if aside > 0.5 * along * slope else (0.0, rest)


def lay_kerb(builder: NetworkBuilder, kerb: Line, begin: float, end: float) -> None:
    """Lay a pavement on the right of a kerb, whose width goes over from ``begin`` to ``end`` [m]."""
    if max(begin, end) <= 0:
        return
    right = np.stack([np.sin(kerb.heading), -np.cos(kerb.heading)], 1)
    width = np.interp(kerb.station, [0.0, kerb.length], [begin, end])[:, None]
    builder.area(
        net.PAVEMENT, np.concatenate([kerb.points - 0.2 * right, (kerb.points + width * right)[::-1]])
    )


def _signals(builder: NetworkBuilder, arm: Arm, arms: Sequence[Arm], outline: Floats, group: int) -> None:
    """Put up two heads for an arm: at its right kerb, and beyond the junction for who waits at the line."""
    pose, section = arm.pose, arm.section
    builder.signal(pose.moved(-0.7, section.left_edge + POST_SETBACK), group)
    for other in arms:
        bend = math.remainder(other.pose.heading - pose.heading - math.pi, 2 * math.pi)
        if other is not arm and abs(bend) < _STRAIGHT_ON:
            beyond = other.pose.moved(0.0, other.section.right_edge - POST_SETBACK)
            builder.signal(Pose(beyond.x, beyond.y, pose.heading), group)
            return
    # Nothing lies opposite: at the far kerb, ahead of the right lane.
    offset = section.coming(len(arm.incoming) - 1)
    ahead = np.array([-math.cos(pose.heading), -math.sin(pose.heading)])
    relative = outline - np.array(pose[:2])
    along, aside = relative @ ahead, relative @ np.array([ahead[1], -ahead[0]])
    after = np.roll(aside, -1)
    crossed = (aside > offset) != (after > offset)
    share = (offset - aside[crossed]) / (after - aside)[crossed]
    far = (along[crossed] + share * (np.roll(along, -1) - along)[crossed]).max()
    builder.signal(pose.moved(-float(far) - POST_SETBACK, offset), group)
