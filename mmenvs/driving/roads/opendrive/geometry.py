"""The plan view of a road: lines, arcs, clothoids and cubics in sequence.

The formulas are those of ASAM OpenDRIVE 1.7, section 7 (road geometries).  Every piece is evaluated
in its own frame, u forwards and v to the left of its start, and then placed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

#: Distance between points in bends [m].
STEP = 0.5
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
        edges, before = self._panels
        panel = np.clip(np.searchsorted(edges, along, side="right") - 1, 0, len(edges) - 2)
        point = before[panel] + _clothoid(edges[panel], along, self.first, rate)
        return Pose(point[:, 0], point[:, 1], turned, curvature)

    @cached_property
    def _panels(self) -> tuple[Array, Array]:
        """Where panels that turn by a radian at most begin and end, and the displacements up to there.

        A clothoid has no closed form (its integrals are Fresnel's), so the panels are integrated numerically.
        """
        most = max(abs(self.first), abs(self.last)) * self.length
        edges = np.linspace(0.0, self.length, math.ceil(most) + 2)
        rate = (self.last - self.first) / self.length
        whole = np.cumsum(_clothoid(edges[:-1], edges[1:], self.first, rate), axis=0)
        return edges, np.concatenate([np.zeros((1, 2)), whole])


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
        edges, lengths = self._panels
        u = np.interp(along, lengths, edges)
        for _ in range(4):  # Newton's method; the slope of the length is at least 1
            panel = np.clip(np.searchsorted(edges, u, side="right") - 1, 0, len(edges) - 2)
            error = lengths[panel] + self._arc(edges[panel], u) - along
            u = np.clip(u - error / np.hypot(1.0, self._slope(u)), 0.0, self.length)
        return _cubic_pose((0.0, 1.0, 0.0, 0.0), self.v, u, self.length)

    @cached_property
    def _panels(self) -> tuple[Array, Array]:
        """Values of u, and the length of the curve up to there."""
        # The curve is no shorter than its shadow on the u axis, so u never exceeds the length.
        edges = np.linspace(0.0, self.length, math.ceil(self.length / STEP) + 1)
        return edges, np.concatenate([[0.0], np.cumsum(self._arc(edges[:-1], edges[1:]))])

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
