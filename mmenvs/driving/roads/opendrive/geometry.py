"""The plan view of a road: lines, arcs, clothoids and cubics in sequence.

The formulas are those of ASAM OpenDRIVE 1.7, section 7 (road geometries).  Every piece is evaluated
in its own frame, u forwards and v to the left of its start, and then placed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mmenvs.driving.roads.opendrive.parse import Node

Array = NDArray[np.float64]

#: Distance between points in bends [m].
STEP = 0.5
_LONGEST = 1e5  # length of a road [m]
_MOST_TURNING = 300.0  # of one geometry [rad]
_GAP_WARNED, _GAP_REFUSED = 0.2, 10.0  # between the end of one geometry and the start of the next [m]
_STATION_SLACK = 0.1  # between the s that a geometry states and the sum of the lengths before it [m]
# Nodes and weights of Gauss-Legendre quadrature on [0, 1]: eight of them integrate a panel that turns by
# up to one radian to within rounding.
_NODES, _WEIGHTS = (
    0.5 * (np.polynomial.legendre.leggauss(8)[0] + 1.0),
    0.5 * np.polynomial.legendre.leggauss(8)[1],
)


class Pose(NamedTuple):
    """Points of a reference line, arrays of one shape.

    Attributes:
        x: East [m].
        y: North [m].
        heading: Direction of growing stations [rad], not wrapped.
        curvature: Curvature [1/m], positive turns left.
    """

    x: Array
    y: Array
    heading: Array
    curvature: Array

    def beside(self, offset: Array) -> Array:
        """Return the points at lateral offsets [m], left positive; one per pose, shape (n, 2)."""
        x = self.x - np.sin(self.heading) * offset
        y = self.y + np.cos(self.heading) * offset
        return np.stack([x, y], 1)


class Cubics:
    """Cubic polynomials in sequence, each valid from its start to the next one's."""

    def __init__(self, starts: Array, coefficients: Array) -> None:
        """Keep them sorted by start.

        Args:
            starts: Stations at which they begin [m], shape (n,), at least one.
            coefficients: a, b, c and d of each, shape (n, 4).
        """
        order = np.argsort(starts, kind="stable")
        self.starts = starts[order]
        self.coefficients = coefficients[order]

    @property
    def bends(self) -> bool:
        """Whether any of them is more than a straight line."""
        return bool(self.coefficients[:, 2:].any())

    @property
    def constant(self) -> bool:
        """Whether there is one value throughout."""
        return not self.coefficients[:, 1:].any() and bool(np.ptp(self.coefficients[:, 0]) == 0)

    def at(self, station: Array) -> Array:
        """Return the values at stations [m]; before the first start its value there is kept."""
        index = np.maximum(np.searchsorted(self.starts, station, side="right") - 1, 0)
        along = np.maximum(station - self.starts[index], 0.0)
        a, b, c, d = self.coefficients[index].T
        return np.asarray(a + along * (b + along * (c + along * d)))


@dataclass(frozen=True)
class Geometry:
    """One piece of a plan view; this one is a straight line.

    Attributes:
        begin: Station at which it begins [m].
        length: Length [m].
        x: East of its start [m].
        y: North of its start [m].
        heading: Direction at its start [rad].
    """

    begin: float
    length: float
    x: float
    y: float
    heading: float

    @property
    def straight(self) -> bool:
        """Whether two points say everything about it."""
        return True

    def local(self, along: Array) -> Pose:
        """Return poses in the frame of its start at distances from it [m]."""
        zero = np.zeros_like(along)
        return Pose(along, zero, zero, zero)

    def at(self, along: Array) -> Pose:
        """Return poses at distances from its start [m]."""
        u, v, turned, curvature = self.local(along)
        cos, sin = math.cos(self.heading), math.sin(self.heading)
        return Pose(self.x + u * cos - v * sin, self.y + u * sin + v * cos, self.heading + turned, curvature)


@dataclass(frozen=True)
class Bend(Geometry):
    """An arc or a clothoid: its curvature is linear in the distance.

    Attributes:
        first: Curvature at its start [1/m].
        last: Curvature at its end [1/m].
    """

    first: float
    last: float

    @property
    def straight(self) -> bool:
        """Whether two points say everything about it."""
        return self.first == self.last == 0.0

    def local(self, along: Array) -> Pose:
        """Return poses in the frame of its start at distances from it [m]."""
        rate = (self.last - self.first) / self.length
        turned = along * (self.first + 0.5 * rate * along)
        curvature = self.first + rate * along
        if rate == 0.0:
            # The chord of an arc, in a form that stays exact as the curvature goes to zero.
            half = 0.5 * turned
            chord = along * np.sinc(half / math.pi)
            return Pose(chord * np.cos(half), chord * np.sin(half), turned, curvature)
        # A clothoid has no closed form (its integrals are Fresnel's); panels that turn by a radian at most
        # are integrated numerically.
        most = max(abs(self.first), abs(self.last)) * self.length
        edges = np.linspace(0.0, self.length, math.ceil(most) + 2)
        whole = np.cumsum(_clothoid(edges[:-1], edges[1:], self.first, rate), axis=0)
        before = np.concatenate([np.zeros((1, 2)), whole])
        panel = np.clip(np.searchsorted(edges, along, side="right") - 1, 0, len(edges) - 2)
        point = before[panel] + _clothoid(edges[panel], along, self.first, rate)
        return Pose(point[:, 0], point[:, 1], turned, curvature)


def _clothoid(begin: Array, end: Array, first: float, rate: float) -> Array:
    """Integrate the direction of a clothoid over intervals; return the displacements, shape (n, 2)."""
    at = begin[:, None] + (end - begin)[:, None] * _NODES
    angle = at * (first + 0.5 * rate * at)
    length = (end - begin)[:, None]
    return np.asarray(length * np.stack([np.cos(angle) @ _WEIGHTS, np.sin(angle) @ _WEIGHTS], 1))


@dataclass(frozen=True)
class ParametricCubic(Geometry):
    """Two cubics in a parameter (``paramPoly3``).

    Attributes:
        u: Coefficients aU to dU.
        v: Coefficients aV to dV.
        most: Value of the parameter at its end: 1, or its length.
    """

    u: tuple[float, float, float, float]
    v: tuple[float, float, float, float]
    most: float

    @property
    def straight(self) -> bool:
        """Whether two points say everything about it."""
        return False

    def local(self, along: Array) -> Pose:
        """Return poses in the frame of its start at distances from it [m]."""
        return _cubic_pose(self.u, self.v, along * (self.most / self.length), self.most)


@dataclass(frozen=True)
class Cubic(Geometry):
    """A cubic v(u) (``poly3``), found by the length of the curve, as the standard demands.

    Attributes:
        v: Coefficients a to d.
    """

    v: tuple[float, float, float, float]

    @property
    def straight(self) -> bool:
        """Whether two points say everything about it."""
        return False

    def local(self, along: Array) -> Pose:
        """Return poses in the frame of its start at distances from it [m]."""
        # The curve is no shorter than its shadow on the u axis, so u never exceeds the length.
        edges = np.linspace(0.0, self.length, math.ceil(self.length / STEP) + 1)
        lengths = np.concatenate([[0.0], np.cumsum(self._arc(edges[:-1], edges[1:]))])
        u = np.interp(along, lengths, edges)
        for _ in range(4):  # Newton's method; the slope of the length is at least 1
            panel = np.clip(np.searchsorted(edges, u, side="right") - 1, 0, len(edges) - 2)
            error = lengths[panel] + self._arc(edges[panel], u) - along
            u = np.clip(u - error / np.hypot(1.0, self._slope(u)), 0.0, self.length)
        return _cubic_pose((0.0, 1.0, 0.0, 0.0), self.v, u, self.length)

    def _slope(self, u: Array) -> Array:
        return np.asarray(self.v[1] + u * (2 * self.v[2] + 3 * u * self.v[3]))

    def _arc(self, begin: Array, end: Array) -> Array:
        at = begin[:, None] + (end - begin)[:, None] * _NODES
        return np.asarray((end - begin) * (np.hypot(1.0, self._slope(at)) @ _WEIGHTS))


def _cubic_pose(
    u: tuple[float, float, float, float], v: tuple[float, float, float, float], p: Array, most: float
) -> Pose:
    """Return poses on two cubics at values of their parameter."""

    def speed(at: Array, c: tuple[float, float, float, float]) -> Array:
        return np.asarray(c[1] + at * (2 * c[2] + 3 * at * c[3]))

    # Where both derivatives vanish (control points that coincide) there is no direction: take that nearby.
    still = np.hypot(speed(p, u), speed(p, v)) < 1e-9
    q = np.where(still, np.clip(p, 1e-3 * most, 0.999 * most), p)
    du, dv = speed(q, u), speed(q, v)
    ddu, ddv = 2 * u[2] + 6 * q * u[3], 2 * v[2] + 6 * q * v[3]
    cubed = np.maximum(np.hypot(du, dv), 1e-9) ** 3
    turned = np.unwrap(np.arctan2(dv, du))
    return Pose(
        np.asarray(u[0] + p * (u[1] + p * (u[2] + p * u[3]))),
        np.asarray(v[0] + p * (v[1] + p * (v[2] + p * v[3]))),
        np.asarray(turned),
        np.asarray((du * ddv - dv * ddu) / cubed),
    )


class ReferenceLine:
    """The plan view of a road.

    Attributes:
        pieces: Geometries in order, at least one.
        length: Length [m].
        shift: East and north by which the whole map is moved [m].
    """

    def __init__(self, pieces: list[Geometry]) -> None:
        """Keep the geometries."""
        self.pieces = pieces
        self.length = pieces[-1].begin + pieces[-1].length
        self.shift = (0.0, 0.0)
        self._begins = np.array([piece.begin for piece in pieces])

    def at(self, station: Array) -> Pose:
        """Return poses at stations [m], shape (n,), which are clipped to the road."""
        station = np.clip(station, 0.0, self.length)
        index = np.maximum(np.searchsorted(self._begins, station, side="right") - 1, 0)
        columns = np.empty((4, len(station)))
        for number in np.unique(index):
            piece = self.pieces[number]
            chosen = index == number
            along = np.minimum(station[chosen] - piece.begin, piece.length)
            columns[:, chosen] = piece.at(along)
        return Pose(columns[0] + self.shift[0], columns[1] + self.shift[1], columns[2], columns[3])

    def stations(self, begin: float, end: float, dense: bool, extra: Array | None = None) -> Array:
        """Return stations that draw the line well.

        Args:
            begin: First of them [m].
            end: Last of them [m].
            dense: Whether points are wanted along straight lines too.
            extra: Further stations to include where they lie between [m].

        Returns:
            Ascending stations [m], at most :data:`STEP` apart in bends, shape (n,), at least 2 of them.
        """
        parts = [np.array([begin, end])] if extra is None else [np.array([begin, end]), extra]
        for piece in self.pieces:
            low, high = max(piece.begin, begin), min(piece.begin + piece.length, end)
            if low < high:
                count = 1 if piece.straight and not dense else math.ceil((high - low) / STEP)
                parts.append(np.linspace(low, high, count + 1))
        every = np.unique(np.concatenate(parts))
        every = every[(every >= begin) & (every <= end)]
        keep = np.diff(every, prepend=every[0] - 1.0) > 1e-4
        keep[-1] = True  # rather two near points than a piece that stops short of its end
        return np.asarray(every[keep]) if end > begin else np.array([begin, end])

    def turning(self) -> float:
        """Return by how much the heading changes from start to end [rad], positive to the left."""
        heading = np.unwrap(self.at(self.stations(0.0, self.length, dense=False)).heading)
        return float(heading[-1] - heading[0])


def read_plan_view(road: Node) -> ReferenceLine | None:
    """Read the plan view of a road.

    Args:
        road: A ``<road>``.

    Returns:
        Its reference line; None where it has no length, of which a warning tells.

    Raises:
        RoadError: If there is none, or a geometry is unknown, incomplete or impossible.
    """
    nodes = road.all("planView", "geometry")
    if not nodes:
        raise road.error("there is no <geometry> in a <planView>")
    nodes.sort(key=lambda node: node.number("s"))
    pieces: list[Geometry] = []
    kept: list[Node] = []
    begin = 0.0
    for node in nodes:
        length = node.number("length")
        if length < 0:
            raise node.error(f"the length of a <geometry> is {length:g} m")
        if length < 1e-6:
            node.warn("a <geometry> has no length and is left out")
            continue
        stated = node.number("s")
        if abs(stated - begin) > _STATION_SLACK:
            node.warn(
                f"a <geometry> states s={stated:g}, the lengths before it add up to {begin:g}, which is taken"
            )
        pieces.append(_read_geometry(node, begin, length))
        kept.append(node)
        begin += length
        if begin > _LONGEST:
            raise node.error(f"the road is longer than {_LONGEST / 1000:g} km")
    if not pieces:
        road.warn("the road has no length and is left out")
        return None
    _check_joints(pieces, kept)
    line = ReferenceLine(pieces)
    stated = road.number("length")
    if abs(stated - line.length) > max(_STATION_SLACK, 0.01 * line.length):
        road.warn(f"length={stated:g} m, but its plan view is {line.length:g} m long, which is taken")
    return line


def _read_geometry(node: Node, begin: float, length: float) -> Geometry:
    """Read one geometry and check that it is one that a road can have."""
    start = (begin, length, node.number("x"), node.number("y"), node.number("hdg"))
    shapes = [
        child for child in node.children if child.tag in ("line", "arc", "spiral", "poly3", "paramPoly3")
    ]
    if len(shapes) != 1:
        tags = ", ".join(f"<{child.tag}>" for child in node.children) or "nothing"
        raise node.error(f"a <geometry> holds {tags}; must be a line, arc, spiral, poly3 or paramPoly3")
    shape = shapes[0]
    piece: Geometry
    if shape.tag == "line":
        piece = Geometry(*start)
    elif shape.tag == "arc":
        curvature = shape.number("curvature")
        piece = Bend(*start, curvature, curvature)
    elif shape.tag == "spiral":
        piece = Bend(*start, shape.number("curvStart"), shape.number("curvEnd"))
    elif shape.tag == "poly3":
        a, b, c, d = (shape.number(name) for name in "abcd")
        piece = Cubic(*start, (a, b, c, d))
    else:
        scale = shape.text("pRange", "normalized")
        if scale not in ("normalized", "arcLength"):
            shape.warn(f'pRange="{scale}" is unknown; normalized is taken')
        names = [[f"{letter}{axis}" for letter in "abcd"] for axis in "UV"]
        (ua, ub, uc, ud), (va, vb, vc, vd) = ([shape.number(name) for name in row] for row in names)
        most = length if scale == "arcLength" else 1.0
        piece = ParametricCubic(*start, (ua, ub, uc, ud), (va, vb, vc, vd), most)
    if isinstance(piece, Bend) and length * max(abs(piece.first), abs(piece.last)) > _MOST_TURNING:
        raise shape.error(f"<{shape.tag}> turns more than {_MOST_TURNING / (2 * math.pi):.0f} times round")
    if isinstance(piece, Cubic | ParametricCubic):
        pose = piece.local(np.linspace(0.0, length, math.ceil(length / STEP) + 1))
        drawn = float(np.hypot(np.diff(pose.x), np.diff(pose.y)).sum())
        if not 0.5 * length - 0.1 < drawn < 2.0 * length + 0.1:
            raise shape.error(
                f"<{shape.tag}> draws {drawn:.3g} m of road, but its length says {length:.3g} m"
            )
    return piece


def _check_joints(pieces: list[Geometry], nodes: list[Node]) -> None:
    """Warn where a geometry does not begin where the one before it ends, and refuse what is far off."""
    for (before, after), node in zip(pairwise(pieces), nodes[1:], strict=True):
        end = before.at(np.array([before.length]))
        gap = math.hypot(after.x - end.x[0], after.y - end.y[0])
        if gap > _GAP_REFUSED:
            raise node.error(f"a <geometry> begins {gap:.3g} m from where the one before it ends")
        if gap > _GAP_WARNED:
            node.warn(f"a <geometry> begins {gap:.2g} m from where the one before it ends")
