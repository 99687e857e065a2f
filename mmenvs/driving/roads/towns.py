"""Towns: an irregular grid of streets with signals, signs, pavements, crossings and parking bays."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mmenvs.driving.roads import network as net
from mmenvs.driving.roads.builder import NetworkBuilder
from mmenvs.driving.roads.curves import Line, rounded
from mmenvs.driving.roads.junctions import CROSSING_WIDTH, Cycle, lay_junction, mouths, signed_rules
from mmenvs.driving.roads.network import Network
from mmenvs.driving.roads.sections import Arm, Carriageway, RoadSettings, Section

#: Settings by default.
TOWN = RoadSettings(lanes=1, oncoming_lanes=1, speed_limit=13.9, shoulder=0.4, pavement=2.6)
#: Radius of a kerb at a right-angled corner [m], and of a street's own bends.
CORNER, BEND = 6.5, 16.0
#: Width of the strip in which cars park along a street [m].
PARKING = 2.5

_BLOCK = 82.0  # distance between streets, about [m]
_SPOT = 6.2  # length of road for each parked car [m]
_KEEP_CLEAR = 7.0  # nobody parks nearer to a junction or crossing [m]

Node = tuple[int, int]


@dataclass(frozen=True)
class _Street:
    """A street from one junction to another, past the nodes at which it only bends."""

    nodes: tuple[Node, ...]
    section: Section
    parking: bool


def town(seed: int, settings: RoadSettings = TOWN) -> Network:
    """Make a town.

    Everywhere can be reached from everywhere.  Streets have one lane each way; one or two avenues that
    run right through the town have two.

    Args:
        seed: Non-negative integer; the same seed gives the same town, bit for bit.
        settings: ``size``, ``lane_width``, ``speed_limit``, ``shoulder`` and ``pavement`` count.
    """
    rng = np.random.default_rng([seed, 0x7032])
    builder = NetworkBuilder(f"town, seed {seed}")
    count = max(round(settings.size / _BLOCK) + 1, 3)
    places = _places(count, settings.size, rng)
    across, along = _avenues(count, rng)
    links = _links(count, across, along, rng)
    streets = _streets(links, across, along, settings, rng)

    ends: dict[Node, list[tuple[int, bool]]] = {}
    for index, street in enumerate(streets):
        ends.setdefault(street.nodes[0], []).append((index, False))
        ends.setdefault(street.nodes[-1], []).append((index, True))
    lines = [_line(np.array([places[node] for node in street.nodes])) for street in streets]
    walks = settings.pavement > 0
    crossed = {node: [walks and c for c in _crossed(streets, met, rng)] for node, met in ends.items()}
    cuts = [[0.0, 0.0] for _ in streets]
    for node, met in ends.items():
        headings = [_heading(lines[index], far) for index, far in met]
        sections = [streets[index].section for index, _ in met]  # the same seen from both ends
        distances = mouths(headings, sections, CORNER, crossed[node])
        for (index, far), distance in zip(met, distances, strict=True):
            cuts[index][far] = distance
    roads = [
        _lay_street(builder, street, line.cut(begin, line.length - end), settings, index, rng)
        for index, (street, line, (begin, end)) in enumerate(zip(streets, lines, cuts, strict=True))
    ]
    for number, (node, met) in enumerate(ends.items()):
        arms = [_arm(roads[index], far) for index, far in met]
        rules = _rules(arms, rng)
        lay_junction(builder, arms, rules, CORNER, crossed[node], Cycle.random(rng), f"junction {number}")
    return builder.build()


# ---------------------------------------------------------------- the plan


def _places(count: int, size: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return where the nodes lie, shape (count, count, 2): lines at uneven distances, and then some more."""
    even = np.linspace(0.0, size, count)
    uneven = even + rng.uniform(-0.13, 0.13, (2, count)) * size / (count - 1)
    grid = np.stack(np.meshgrid(uneven[0], uneven[1], indexing="ij"), -1)
    return np.asarray(grid + rng.uniform(-4.5, 4.5, grid.shape))


def _avenues(count: int, rng: np.random.Generator) -> tuple[set[int], set[int]]:
    """Choose which inner columns and rows of the grid are avenues."""
    inner = np.arange(1, count - 1)
    across, along = {int(rng.choice(inner))}, {int(rng.choice(inner))}
    draw = rng.random()
    return (across if draw < 0.65 else set()), (along if draw > 0.35 else set())


def _links(count: int, across: set[int], along: set[int], rng: np.random.Generator) -> dict[Node, list[Node]]:
    """Return which nodes are joined to which: a grid from which some inner links are taken.

    Every node keeps two links at least and the town stays in one piece, so that whoever never turns back
    still comes everywhere.
    """
    links: dict[Node, list[Node]] = {(i, j): [] for i in range(count) for j in range(count)}
    inner = []
    for i, j in list(links):
        for other in ((i + 1, j), (i, j + 1)):
            if other not in links:
                continue
            links[i, j].append(other)
            links[other].append((i, j))
            avenue = j in along if other[0] > i else i in across
            border = j in (0, count - 1) if other[0] > i else i in (0, count - 1)
            if not avenue and not border:
                inner.append(((i, j), other))
    wanted = round(rng.uniform(0.2, 0.4) * len(inner))
    for k in rng.permutation(len(inner)):
        a, b = inner[k]
        if wanted == 0:
            break
        if min(len(links[a]), len(links[b])) < 3:
            continue
        links[a].remove(b)
        links[b].remove(a)
        if _joined(links):
            wanted -= 1
        else:
            links[a].append(b)
            links[b].append(a)
    return links


def _joined(links: dict[Node, list[Node]]) -> bool:
    seen = {(0, 0)}
    waiting = [(0, 0)]
    while waiting:
        for node in links[waiting.pop()]:
            if node not in seen:
                seen.add(node)
                waiting.append(node)
    return len(seen) == len(links)


def _streets(
    links: dict[Node, list[Node]],
    across: set[int],
    along: set[int],
    settings: RoadSettings,
    rng: np.random.Generator,
) -> list[_Street]:
    """Follow the links from junction to junction."""
    streets = []
    for node, others in links.items():
        if len(others) < 3:
            continue
        for other in others:
            nodes = [node, other]
            while len(links[nodes[-1]]) == 2:
                nodes.append(next(n for n in links[nodes[-1]] if n != nodes[-2]))
            if nodes > nodes[::-1]:
                continue  # it is found again from its other end
            (i, j), (to_i, to_j) = nodes[:2]
            avenue = (j in along and j == to_j) or (i in across and i == to_i)
            parking = not avenue and bool(rng.random() < 0.4)
            section = Section.of(settings, 2 if avenue else 1, 2 if avenue else 1)
            if parking:
                section = replace(section, shoulder=PARKING)
            elif not avenue:
                section = replace(section, overtaking=bool(rng.random() < 0.5))
            streets.append(_Street(tuple(nodes), section, parking))
    return streets


def _line(corners: NDArray[np.float64]) -> Line:
    """Lead a street past its corners: the slighter a bend, the wider."""
    edges = np.diff(corners, axis=0)
    headings = np.arctan2(edges[:, 1], edges[:, 0])
    turns = np.abs((np.diff(headings) + math.pi) % (2 * math.pi) - math.pi)
    radii = np.full(len(corners), BEND)
    radii[1:-1] = BEND / np.tan(np.maximum(0.5 * turns, 0.03))
    return rounded(corners, radii)


def _heading(line: Line, far: bool) -> float:
    """Return the direction in which a street leaves the junction at its start, or at its far end."""
    return line.end.heading + math.pi if far else line.start.heading


def _crossed(streets: list[_Street], met: list[tuple[int, bool]], rng: np.random.Generator) -> list[bool]:
    """Choose which arms of a junction people cross: all of a large one's, most of the others'."""
    large = any(streets[index].section.forward > 1 for index, _ in met)
    return [large or bool(rng.random() < 0.7) for _ in met]


def _rules(arms: list[Arm], rng: np.random.Generator) -> list[int]:
    large = any(len(arm.incoming) > 1 for arm in arms)
    if rng.random() < (0.75 if large else 0.2):
        return [net.SIGNAL] * len(arms)
    return signed_rules([arm.pose.heading for arm in arms], [len(arm.incoming) for arm in arms], rng)


# ---------------------------------------------------------------- the streets


def _arm(road: Carriageway, far: bool) -> Arm:
    return road.arm_at_end() if far else road.arm_at_start()


def _lay_street(
    builder: NetworkBuilder,
    street: _Street,
    line: Line,
    settings: RoadSettings,
    index: int,
    rng: np.random.Generator,
) -> Carriageway:
    section = street.section
    middle, half = rng.uniform(0.4, 0.6) * line.length, 0.5 * CROSSING_WIDTH
    straight = np.abs(line.pose(middle - 8.0).heading - line.pose(middle + 8.0).heading) < 0.02
    crossing = section.pavement > 0 and line.length > 70 and straight and rng.random() < 0.5
    bare = [(middle - half - 1.0, middle + half + 1.0)] if crossing else []
    road = builder.carriageway(line, section, settings.speed_limit, f"street {index}", bare=bare)
    if crossing:
        lay_crossing(builder, road, middle)
    if street.parking:
        stops = [0.0, *(at for gap in bare for at in gap), line.length]
        for begin, end in zip(stops[::2], stops[1::2], strict=True):
            _lay_parking(builder, line, section, begin + _KEEP_CLEAR, end - _KEEP_CLEAR)
    return road


def lay_crossing(builder: NetworkBuilder, road: Carriageway, station: float) -> None:
    """Lay a crossing without signals across a road, where its line is about straight.

    Args:
        builder: Where to.
        road: The road; it has no paint there.
        station: Where along its line [m].
    """
    section = road.section
    pose = road.line.pose(station)
    builder.crossing(
        pose.moved(0, section.left_edge).turned(-0.5 * math.pi),
        section.left_edge - section.right_edge,
        CROSSING_WIDTH,
    )
    gap = 0.5 * CROSSING_WIDTH + 0.9
    builder.stop_line(pose.moved(gap), section, giving_way=True)
    builder.stop_line(pose.reversed().moved(gap), section.flipped(), giving_way=True)


def _lay_parking(builder: NetworkBuilder, line: Line, section: Section, begin: float, end: float) -> None:
    """Lay rows of parking spaces on both sides of a street, between two stations [m]."""
    if end - begin < _SPOT:
        return
    part = line.cut(begin, end)
    for side, edge in ((part, section.right_edge), (part.reversed(), -section.left_edge)):
        builder.parking(side.beside(edge + 0.5 * PARKING), _SPOT, 5.4, 2.2)
