"""Objects on the road: pedestrian crossings and parking spaces."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from mmenvs.driving.roads.network import ASPHALT, Area, Crossing, SignalGroup, Spot
from mmenvs.driving.roads.opendrive.geometry import Array
from mmenvs.driving.roads.opendrive.lanes import Layout, beside
from mmenvs.driving.roads.opendrive.links import Junction
from mmenvs.driving.roads.opendrive.parse import Node
from mmenvs.driving.roads.opendrive.programme import Programme
from mmenvs.driving.roads.opendrive.records import RoadRecord

_MOST_REPEATED = 1000
_SIGNALLED = 40.0  # a crossing belongs to a junction with lights that is not farther [m]
_CROSSING = (1.0, 80.0)  # length of one [m]
_CROSSING_WIDTH = (0.5, 20.0)  # [m]
_SPOT = (1.0, 30.0)  # sides of one [m]
_SPOT_LENGTH, _SPOT_WIDTH = 5.2, 2.6  # [m]
_ALIKE = 1.15  # sides of a crossing whose ratio is below this are equally long


def read_crossings(
    road: RoadRecord,
    junctions: dict[str, Junction],
    programmes: dict[int, Programme],
    groups: list[SignalGroup],
) -> list[Crossing]:
    """Read the pedestrian crossings of a road; groups of people who wait are added to ``groups``."""
    crossings = []
    for node in road.node.all("objects", "object"):
        if node.text("type").lower() != "crosswalk":
            continue
        for station, outline in _outlines(road, node):
            rectangle = _rectangle(outline) if outline is not None else None
            if rectangle is None:
                node.warn("a crosswalk has neither an outline nor length and width; it is left out")
                continue
            middle, heading, length, width = rectangle
            across = float(road.line.at(np.array([station])).heading[0]) + math.pi / 2
            askew = abs(math.remainder(heading - across, math.pi)) > math.pi / 4
            # People walk across the road.  In a junction its roads run every way, so there the long side
            # tells, unless there is none.
            if askew and (not road.junction or length < _ALIKE * width):
                heading, length, width = heading + math.pi / 2, width, length
            if not (
                _CROSSING[0] <= length <= _CROSSING[1] and _CROSSING_WIDTH[0] <= width <= _CROSSING_WIDTH[1]
            ):
                node.warn(f"a crosswalk is {length:.3g} m long and {width:.3g} m wide; it is left out")
                continue
            half = 0.5 * length * np.array([math.cos(heading), math.sin(heading)])
            group = _group_of(road, station, heading, junctions, programmes, groups)
            crossings.append(Crossing(middle - half, middle + half, width, group))
    return crossings


def read_spots(road: RoadRecord, layout: Layout) -> tuple[list[Spot], list[Area]]:
    """Read the parking spaces of a road, and the ground of each."""
    spots: list[Spot] = []
    areas: list[Area] = []
    for node in road.node.all("objects", "object"):
        if node.text("type").lower() != "parkingspace":
            continue
        for station, outline in _outlines(road, node, _SPOT_LENGTH, _SPOT_WIDTH):
            rectangle = _rectangle(outline) if outline is not None else None
            if (
                outline is None
                or rectangle is None
                or not _SPOT[0] <= rectangle[3] <= rectangle[2] <= _SPOT[1]
            ):
                node.warn("a parking space has an impossible outline; it is left out")
                continue
            middle, heading, length, width = rectangle
            heading = _forwards(road, layout, station, middle, heading)
            spots.append(Spot(float(middle[0]), float(middle[1]), heading, length, width))
            areas.append(Area(ASPHALT, outline))
    return spots, areas


def _outlines(
    road: RoadRecord, node: Node, length: float = 0.0, width: float = 0.0
) -> Iterable[tuple[float, Array | None]]:
    """Yield the station and the outline of an object and of each of its repetitions.

    Args:
        road: Its road.
        node: Its element.
        length: Length where it states none [m].
        width: Width where it states none [m].
    """
    station, offset = node.soft_number("s", 0.0), node.soft_number("t", 0.0)
    repeats = [repeat for repeat in node.all("repeat") if repeat.soft_number("distance", 0.0) > 0]
    if not repeats:
        yield station, _outline(road, node, station, offset, 0.0, 0.0, length, width)
    for repeat in repeats:
        distance, total = repeat.soft_number("distance", 1.0), repeat.soft_number("length", 0.0)
        first = repeat.soft_number("s", station)
        count = int(min(max(total / distance, 0.0), _MOST_REPEATED)) + 1
        if count > _MOST_REPEATED:
            repeat.warn(f"an object is repeated more than {_MOST_REPEATED} times; the rest is left out")
        near, far = repeat.soft_number("tStart", offset), repeat.soft_number("tEnd", offset)
        for k in range(count):
            along = k * distance
            t = near + (far - near) * (along / total if total > 0 else 0.0)
            if first + along > road.line.length:
                break
            moved = (first + along - station, t - offset)
            yield first + along, _outline(road, node, first + along, t, *moved, length, width)


def _outline(
    road: RoadRecord,
    node: Node,
    station: float,
    offset: float,
    moved: float,
    aside: float,
    length: float,
    width: float,
) -> Array | None:
    """Return the corners of an object [m], shape (n, 2), or None where nothing gives them.

    Args:
        road: Its road.
        node: Its element.
        station: Where it stands [m].
        offset: Where it stands beside the reference line [m].
        moved: By how much a repetition has moved it along the road [m].
        aside: By how much it has moved it to the left [m].
        length: Length where it states none [m].
        width: Width where it states none [m].
    """
    outline = node.first("outline") or node.first("outlines", "outline")
    corners = outline.all("cornerRoad") if outline else []
    if corners:
        at = np.array([corner.soft_number("s", station - moved) + moved for corner in corners])
        t = np.array([corner.soft_number("t", offset - aside) + aside for corner in corners])
        if len(corners) == 2:
            # A line along the middle, as wide as the object.
            half = 0.5 * max(node.soft_number("width", 4.0), 0.5)
            at = np.array([at[0] - half, at[1] - half, at[1] + half, at[0] + half])
            t = np.array([t[0], t[1], t[1], t[0]])
        return beside(road.line.at(at), t)
    pose = road.line.at(np.array([station]))
    heading = float(pose.heading[0]) + node.soft_number("hdg", 0.0)
    local = (
        [(c.soft_number("u", 0.0), c.soft_number("v", 0.0)) for c in outline.all("cornerLocal")]
        if outline
        else []
    )
    if not local:
        length, width = node.soft_number("length", length), node.soft_number("width", width)
        if length <= 0 or width <= 0:
            return None
        u, v = 0.5 * length, 0.5 * width
        local = [(-u, -v), (u, -v), (u, v), (-u, v)]
    cos, sin = math.cos(heading), math.sin(heading)
    points = np.array(local) @ np.array([[cos, sin], [-sin, cos]])
    return np.asarray(beside(pose, np.array([offset])) + points)


def _rectangle(outline: Array) -> tuple[Array, float, float, float] | None:
    """Return the smallest rectangle along an edge of an outline that holds it.

    Returns:
        Its middle [m], the direction of its long side [rad], and its length and width [m]; None where the
        outline has no size.
    """
    best: tuple[Array, float, float, float] | None = None
    for step in np.roll(outline, -1, axis=0) - outline:
        if np.hypot(*step) < 1e-3:
            continue
        heading = math.atan2(step[1], step[0])
        axes = np.array([[math.cos(heading), math.sin(heading)], [-math.sin(heading), math.cos(heading)]])
        places = outline @ axes.T
        low, high = places.min(axis=0), places.max(axis=0)
        sides = high - low
        middle = 0.5 * (low + high) @ axes
        if best is None or sides[0] * sides[1] < best[2] * best[3] - 1e-6:
            turned = sides[1] > sides[0]
            best = (
                middle,
                heading + (math.pi / 2 if turned else 0.0),
                float(sides.max()),
                float(sides.min()),
            )
    return best if best and best[3] > 0.1 else None


def _forwards(road: RoadRecord, layout: Layout, station: float, middle: Array, heading: float) -> float:
    """Return the direction of a car in a space: with the traffic beside it, or away from the road."""
    pose = road.line.at(np.array([station]))
    along = float(pose.heading[0])
    side = math.copysign(
        1.0, (middle[1] - pose.y[0]) * math.cos(along) - (middle[0] - pose.x[0]) * math.sin(along)
    )
    piece = layout.at(road.id, min(max(station, 0.0), road.line.length))
    ways = [layout.drafts[k].record.direction for lane, k in piece.lanes.items() if lane * side > 0]
    way = ways[0] if ways else (-side if not road.left_hand else side)
    off = math.remainder(heading - along - (0.0 if way > 0 else math.pi), 2 * math.pi)
    if abs(abs(off) - math.pi / 2) < math.radians(20.0):  # across: nose to the kerb
        off = math.remainder(heading - along - side * math.pi / 2, 2 * math.pi)
    return math.remainder(heading if abs(off) < math.pi / 2 else heading + math.pi, 2 * math.pi)


def _group_of(
    road: RoadRecord,
    station: float,
    heading: float,
    junctions: dict[str, Junction],
    programmes: dict[int, Programme],
    groups: list[SignalGroup],
) -> int:
    """Return the signal group of a crossing at a junction with lights, or -1."""
    names = [road.junction] if road.junction else []
    for link, distance in ((road.before, station), (road.after, road.line.length - station)):
        if link and link.kind == "junction" and distance <= _SIGNALLED:
            names.append(link.id)
    for name in names:
        if name not in junctions:
            continue
        programme = programmes.get(junctions[name].number)
        group = programme.walk(heading) if programme else None
        if group is not None:
            if group not in groups:
                groups.append(group)
            return groups.index(group)
    return -1
