"""Lines that roads follow, with analytic heading and curvature, and the way in which lanes are sampled.

A :class:`Line` is traced from a profile of curvature, led from one pose to another, or rounded from
corners; lanes, edges and paint are lines beside it.  Everything works on whole arrays.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mmenvs.driving.roads.network import LANE_COLUMNS, SAMPLE, FloatArray

Floats = NDArray[np.float64]

#: Distance between samples of a traced bend [m].
STEP = 0.5
#: Points of a bend by default; a turn of 20 m has one every 0.6 m.
BEND_POINTS = 33
#: A bend's handles are longer than those of a circular arc by this factor: its curvature grows and falls
#: again as a driver's does, and is at most a tenth above that of the arc.
EASE = 1.05


class Pose(NamedTuple):
    """A place and a direction: x [m], y [m], heading [rad]."""

    x: float
    y: float
    heading: float

    def moved(self, ahead: float, left: float = 0.0) -> Pose:
        """Return the pose that lies ``ahead`` and to the ``left`` of this one [m]."""
        cos, sin = math.cos(self.heading), math.sin(self.heading)
        return Pose(self.x + ahead * cos - left * sin, self.y + ahead * sin + left * cos, self.heading)

    def turned(self, angle: float) -> Pose:
        """Return the pose turned to the left [rad]."""
        return Pose(self.x, self.y, self.heading + angle)

    def reversed(self) -> Pose:
        """Return the pose that looks back."""
        return self.turned(math.pi)


@dataclass(frozen=True)
class Line:
    """A smooth line, as samples.

    Attributes:
        points: x and y [m], shape (samples, 2); a straight line has but two.
        heading: Direction, continuous along the line [rad], shape (samples,).
        curvature: Positive where the line turns left [1/m], shape (samples,).
    """

    points: Floats
    heading: Floats
    curvature: Floats

    @cached_property
    def station(self) -> Floats:
        """Distance along the line [m], shape (samples,)."""
        steps = np.diff(self.points, axis=0)
        station = np.zeros(len(self.points))
        np.cumsum(np.hypot(steps[:, 0], steps[:, 1]), out=station[1:])
        return station

    @cached_property
    def normal(self) -> Floats:
        """Unit vectors to the left, shape (samples, 2)."""
        normal = np.empty_like(self.points)
        np.sin(self.heading, out=normal[:, 0])
        np.negative(normal[:, 0], out=normal[:, 0])
        np.cos(self.heading, out=normal[:, 1])
        return normal

    @cached_property
    def _outlines(self) -> dict[float, NDArray[np.intp]]:
        return {}

    @property
    def length(self) -> float:
        """Length [m]."""
        return float(self.station[-1])

    @property
    def start(self) -> Pose:
        """Where the line begins."""
        return Pose(float(self.points[0, 0]), float(self.points[0, 1]), float(self.heading[0]))

    @property
    def end(self) -> Pose:
        """Where the line ends."""
        return Pose(float(self.points[-1, 0]), float(self.points[-1, 1]), float(self.heading[-1]))

    def pose(self, station: float) -> Pose:
        """Return the pose at a station [m]."""
        columns = (self.points[:, 0], self.points[:, 1], self.heading)
        return Pose(*(float(np.interp(station, self.station, column)) for column in columns))

    def reversed(self) -> Line:
        """Return the same line, run the other way."""
        return Line(self.points[::-1], self.heading[::-1] + math.pi, -self.curvature[::-1])

    def cut(self, begin: float, end: float) -> Line:
        """Return the part between two stations [m]."""
        inner = self.station[(self.station > begin + 1e-6) & (self.station < end - 1e-6)]
        return self.at(np.concatenate([[begin], inner, [end]]))

    def refined(self, step: float = 2.0) -> Line:
        """Return the line with samples at most ``step`` apart [m], for what changes along a straight."""
        count = math.ceil(self.length / step) + 1
        return self if count <= len(self.points) else self.at(np.linspace(0.0, self.length, count))

    def at(self, stations: Floats) -> Line:
        """Return the samples at rising stations [m], shape (samples,)."""
        columns = (self.points[:, 0], self.points[:, 1], self.heading, self.curvature)
        x, y, heading, curvature = (np.interp(stations, self.station, column) for column in columns)
        return Line(np.stack([x, y], 1), heading, curvature)

    def beside(self, offset: float | Floats) -> Line:
        """Return the line that runs beside this one.

        Args:
            offset: Distance to the left [m], a number or one per sample, shape (samples,).
        """
        squeeze = 1.0 - self.curvature * offset
        if not isinstance(offset, np.ndarray):
            return Line(self.points + offset * self.normal, self.heading, self.curvature / squeeze)
        points = self.points + offset[:, None] * self.normal
        heading = self.heading + np.arctan2(np.gradient(offset, self.station), squeeze)
        line = Line(points, heading, heading)
        return Line(points, heading, np.gradient(heading, line.station))

    def outline(self, step: float = 2.0) -> NDArray[np.intp]:
        """Return indices of samples that draw the line well, about ``step`` metres apart."""
        if step not in self._outlines:
            last = len(self.points) - 1
            stride = max(int(step * last / max(self.length, 1e-6)), 1)
            self._outlines[step] = np.append(np.arange(0, last, stride), last)
        return self._outlines[step]


def trace(start: Pose, profile: Sequence[tuple[float, float]]) -> Line:
    """Follow a profile of curvature.

    Args:
        start: Where the line begins.
        profile: Length [m] and curvature at the end [1/m] of each piece.  The curvature begins with 0 and
            changes evenly along a piece: pieces are straights, arcs and clothoids.

    Raises:
        ValueError: If the line has no length.
    """
    lengths = [length for length, _ in profile]
    curvatures = [0.0, *(curvature for _, curvature in profile)]
    total = math.fsum(lengths)
    if not total > 0:
        raise ValueError(f"profile={list(profile)} has the length {total}, must be positive")
    if not any(curvatures):
        end = start.moved(total)
        points = np.array([start[:2], end[:2]])
        return Line(points, np.full(2, start.heading), np.zeros(2))
    knots = np.concatenate([[0.0], np.cumsum(lengths)])
    count = math.ceil(total / STEP) + 1
    curvature = np.interp(np.linspace(0.0, total, count), knots, curvatures)
    return from_curvature(start, curvature, total / (count - 1))


def turning(angle: float, radius: float, easing: float = 20.0) -> list[tuple[float, float]]:
    """Return the profile of a turn by an angle [rad] that eases in and out over so many metres."""
    curvature = math.copysign(1.0 / radius, angle)
    easing = min(easing, abs(angle) * radius)
    return [(easing, curvature), (abs(angle) * radius - easing, curvature), (easing, 0.0)]


def from_curvature(start: Pose, curvature: Floats, step: float) -> Line:
    """Integrate curvatures that are given ``step`` metres apart [1/m], shape (samples,)."""
    heading = np.full(len(curvature), start.heading)
    heading[1:] += np.cumsum(0.5 * step * (curvature[:-1] + curvature[1:]))
    middle = 0.5 * (heading[:-1] + heading[1:])
    points = np.empty((len(curvature), 2))
    points[0] = start[:2]
    points[1:, 0] = start.x + np.cumsum(step * np.cos(middle))
    points[1:, 1] = start.y + np.cumsum(step * np.sin(middle))
    return Line(points, heading, curvature)


def arc(x: float, y: float, radius: float, begin: float, end: float) -> Line:
    """Return the arc of a circle, counter-clockwise, between two directions from its centre [rad]."""
    angle = np.linspace(begin, end, max(math.ceil(abs(end - begin) * radius / STEP), 1) + 1)
    points = np.stack([x + radius * np.cos(angle), y + radius * np.sin(angle)], 1)
    return Line(points, angle + 0.5 * math.pi, np.full(len(angle), 1.0 / radius))


def bends(
    starts: ArrayLike,
    ends: ArrayLike,
    radius: ArrayLike = math.inf,
    points: int = BEND_POINTS,
    straight: ArrayLike = (0.0, 0.0),
) -> list[Line]:
    """Lead lines from pose to pose, all at once.

    A line goes straight, turns along a cubic Bezier curve, and goes straight again; where the two poses
    look the same way, the curve swings over from one to the other.

    Args:
        starts: Poses, shape (lines, 3).
        ends: Poses, shape (lines, 3).
        radius: Largest radius of the turn, so that it begins no earlier than it must [m], a number or
            shape (lines,).
        points: Points of each curve.
        straight: How far a line goes straight before and after it swings over [m], shape (lines, 2); a line
            with zeros swings over only where it has to.
    """
    start, end = np.asarray(starts, np.float64), np.asarray(ends, np.float64)
    p, q = start[:, :2], end[:, :2]
    u = np.stack([np.cos(start[:, 2]), np.sin(start[:, 2])], 1)
    v = np.stack([np.cos(end[:, 2]), np.sin(end[:, 2])], 1)
    gap = q - p
    sine = u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0]
    turn = np.arctan2(sine, (u * v).sum(1))
    # Where the straight lines through both poses meet: so far after the start, and before the end.
    safe = np.where(np.abs(sine) > 0.02, sine, 1.0)
    before = (gap[:, 0] * v[:, 1] - gap[:, 1] * v[:, 0]) / safe
    after = (u[:, 0] * gap[:, 1] - u[:, 1] * gap[:, 0]) / safe
    reserved = np.broadcast_to(np.asarray(straight, np.float64), (len(p), 2))
    corner = (np.abs(sine) > 0.02) & (np.minimum(before, after) > 0.5) & ~reserved.any(1)
    half = np.where(corner, np.abs(turn), 1.0) / 2
    tangent = np.minimum(np.minimum(before, after), radius * np.tan(half))
    first = p + np.where(corner, before - tangent, reserved[:, 0])[:, None] * u
    last = q - np.where(corner, after - tangent, reserved[:, 1])[:, None] * v
    swing = 0.4 * np.hypot(*(last - first).T)
    handle = np.where(corner, EASE * tangent * 4 / 3 * np.tan(half / 2) / np.tan(half), swing)
    a, b = first + handle[:, None] * u, last - handle[:, None] * v

    basis, slopes, (rest, share) = _bezier(points)
    p0, p1, p2, p3 = (corner_point[:, None, :] for corner_point in (first, a, b, last))
    place = basis[0] * p0 + basis[1] * p1 + basis[2] * p2 + basis[3] * p3
    speed = 3 * (slopes[0] * (p1 - p0) + slopes[1] * (p2 - p1) + slopes[2] * (p3 - p2))
    growth = 6 * (rest * (p2 - 2 * p1 + p0) + share * (p3 - 2 * p2 + p1))
    along = speed[..., 0] * u[:, None, 0] + speed[..., 1] * u[:, None, 1]
    across = speed[..., 1] * u[:, None, 0] - speed[..., 0] * u[:, None, 1]
    heading = np.empty((len(p), points + 2))
    heading[:, 1:-1] = start[:, 2:] + np.arctan2(across, along)
    heading[:, 0], heading[:, -1] = start[:, 2], heading[:, -2]
    curvature = np.zeros((len(p), points + 2))
    cross = speed[..., 0] * growth[..., 1] - speed[..., 1] * growth[..., 0]
    # The first and last points belong to the straights, which have none.
    curvature[:, 2:-2] = (cross / np.maximum((speed**2).sum(-1) ** 1.5, 1e-9))[:, 1:-1]
    line = np.concatenate([p[:, None], place, q[:, None]], 1)
    return [Line(*parts) for parts in zip(line, heading, curvature, strict=True)]


@lru_cache(maxsize=8)
def _bezier(points: int) -> tuple[tuple[Floats, ...], tuple[Floats, ...], tuple[Floats, Floats]]:
    """Return the weights of a cubic Bezier curve's corners, of its edges in its slope, and the shares."""
    share = np.linspace(0.0, 1.0, points)[:, None]
    rest = 1.0 - share
    basis = (rest**3, 3 * rest**2 * share, 3 * rest * share**2, share**3)
    return basis, (rest**2, 2 * rest * share, share**2), (rest, share)


def lead(start: Pose, end: Pose, radius: float = math.inf, points: int = BEND_POINTS) -> Line:
    """Lead one line from pose to pose; see :func:`bends`."""
    return bends([start], [end], radius, points)[0]


def rounded(corners: ArrayLike, radius: ArrayLike, closed: bool = False, points: int = 65) -> Line:
    """Round the corners of a polyline or polygon.

    Args:
        corners: Corners [m], shape (corners, 2).
        radius: Radius of each corner's turn [m], a number or shape (corners,); it becomes smaller where
            the corners lie too near to each other.
        closed: Whether the last corner is joined to the first; the line then begins and ends half-way
            between these.
        points: Points of each turn.
    """
    corner = np.asarray(corners, np.float64)
    radii = np.broadcast_to(np.asarray(radius, np.float64), (len(corner),))
    edges = np.roll(corner, -1, 0) - corner
    headings = np.arctan2(edges[:, 1], edges[:, 0])
    middles = corner + 0.5 * edges
    if not closed:
        if len(corner) == 2:
            return Line(corner, np.full(2, headings[0]), np.zeros(2))
        middles[0], middles[-2] = corner[0], corner[-1]
        corner, radii = corner[1:-1], radii[1:-1]
        begin = np.column_stack([middles[:-2], headings[:-2]])
        finish = np.column_stack([middles[1:-1], headings[1:-1]])
    else:
        begin = np.roll(np.column_stack([middles, headings]), 1, 0)
        finish = np.column_stack([middles, headings])
    pieces = bends(begin, finish, radii, points)
    parts = [pieces[0], *(Line(p.points[1:], p.heading[1:], p.curvature[1:]) for p in pieces[1:])]
    heading = np.unwrap(np.concatenate([part.heading for part in parts]))
    curvature = np.concatenate([part.curvature for part in parts])
    return Line(np.concatenate([part.points for part in parts]), heading, curvature)


def sample_lanes(lines: Sequence[Line], widths: Sequence[float | Floats]) -> list[tuple[FloatArray, float]]:
    """Sample centre lines at equal distances, all at once.

    This is :func:`mmenvs.driving.roads.network.centre_line` for lines whose heading and curvature are known
    exactly; hundreds of lanes take a few milliseconds.

    Args:
        lines: Centre lines.
        widths: Width of each lane [m], a number or one per sample of its line.

    Returns:
        ``Lane.centre`` and ``Lane.length`` of each.
    """
    sizes = np.array([len(line.points) for line in lines])
    last = np.cumsum(sizes) - 1
    first = last - sizes + 1
    table = np.empty((int(sizes.sum()), 5))
    table[:, :2] = np.concatenate([line.points for line in lines])
    table[:, 2] = np.concatenate([line.heading for line in lines])
    table[:, 3] = np.concatenate([line.curvature for line in lines])
    for begin, end, width in zip(first, last + 1, widths, strict=True):
        table[begin:end, 4] = width
    steps = np.diff(table[:, :2], axis=0)
    distances = np.hypot(steps[:, 0], steps[:, 1])
    distances[last[:-1]] = 1.0  # whatever lies between two lanes: it keeps their stations apart
    along = np.zeros(len(table))
    np.cumsum(distances, out=along[1:])
    lengths = along[last] - along[first]
    counts = np.maximum(np.ceil(lengths / SAMPLE - 1e-6).astype(int), 1) + 1
    ends = np.cumsum(counts)
    lane = np.repeat(np.arange(len(lines)), counts)
    share = (np.arange(ends[-1]) - (ends - counts)[lane]) / (counts - 1)[lane]
    at = along[first][lane] + share * lengths[lane]
    index = np.clip(np.searchsorted(along, at, side="right") - 1, first[lane], last[lane] - 1)
    part = (at - along[index]) / np.maximum(along[index + 1] - along[index], 1e-9)
    values = table[index] + np.clip(part, 0.0, 1.0)[:, None] * (table[index + 1] - table[index])
    centre = np.empty((len(values), LANE_COLUMNS), np.float32)
    centre[:, :2], centre[:, 4:] = values[:, :2], values[:, 3:]
    centre[:, 2], centre[:, 3] = np.cos(values[:, 2]), np.sin(values[:, 2])
    return [
        (centre[end - count : end], float(length))
        for end, count, length in zip(ends, counts, lengths, strict=True)
    ]
