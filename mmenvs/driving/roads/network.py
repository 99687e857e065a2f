"""A road network: lanes as centre lines, how they join, and what lies, stands and shines beside them.

Every source of roads (the procedural blocks, an OpenDRIVE file) makes a :class:`Network`; everything
else (the raster, traffic, routes, sensors) reads one.  Metres and radians throughout, x east, y north,
angles counter-clockwise, left positive.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float32]

#: Columns of :attr:`Lane.centre`.
X, Y, COS, SIN, CURVATURE, WIDTH = range(6)
LANE_COLUMNS = 6
#: Distance between samples of a centre line, about [m].
SAMPLE = 1.0

#: Road before the start line and after the finish line [m].
RUN_IN = 40
RUN_OUT = 60

#: What a lane does in a junction, as a driver would say it.
STRAIGHT, LEFT, RIGHT = range(3)

#: What must be heeded before a lane is entered.
FREE, YIELD, STOP, SIGNAL = range(4)

#: Who drives on a lane.
DRIVING, BIKING = range(2)

#: Surfaces of :class:`Area`.
ASPHALT, PAVEMENT = range(2)
#: Colours of :class:`Stroke`.
WHITE, YELLOW = range(2)

#: Kinds of scenery, and the columns of :attr:`Network.scenery`.
TREE, BUSH, POST, HOUSE, LAMP = range(5)
S_KIND, S_X, S_Y, S_COS, S_SIN, S_HALF_LENGTH, S_HALF_WIDTH, S_HEIGHT, S_HUE = range(9)
SCENERY_COLUMNS = 9


class RoadError(ValueError):
    """A road that cannot be driven on; the message names the road and says what is wrong with it."""


@dataclass(frozen=True)
class Lane:
    """One lane, driven from the first sample of its centre line to the last.

    Attributes:
        centre: Samples of the centre line at equal distances of about :data:`SAMPLE`, shape
            (samples, 6), at least 2 of them: x [m], y [m], cosine and sine of the heading, curvature
            [1/m] (positive turns left), width [m].
        length: Length of the centre line [m].
        limit: Speed limit [m/s].
        successors: Lanes that begin where this one ends, indices into :attr:`Network.lanes`; empty where
            the world ends, and where the lane is dropped.
        left: Lane beside this one, same direction, that may be changed to; -1 if there is none.
        right: The same on the right.
        opposite: Lane on the left that runs the other way, with nothing between; -1 if there is none.
        junction: Number of the junction that the lane crosses; -1 outside of junctions.
        turn: :data:`STRAIGHT`, :data:`LEFT` or :data:`RIGHT`; meaningful within a junction.
        rule: What must be heeded before entering: :data:`FREE`, :data:`YIELD`, :data:`STOP` or
            :data:`SIGNAL`.
        group: Signal group that must be green, an index into :attr:`Network.groups`; -1 for none.
        kind: :data:`DRIVING` or :data:`BIKING`.
        source: Where the lane comes from, for messages, such as ``"road 12, section 0, lane -1"``.
    """

    centre: FloatArray
    length: float
    limit: float
    successors: tuple[int, ...] = ()
    left: int = -1
    right: int = -1
    opposite: int = -1
    junction: int = -1
    turn: int = STRAIGHT
    rule: int = FREE
    group: int = -1
    kind: int = DRIVING
    source: str = ""


@dataclass(frozen=True)
class Area:
    """A paved polygon.

    Attributes:
        kind: :data:`ASPHALT` (a wheel may stand on it) or :data:`PAVEMENT` (for people, behind a kerb).
        polygon: Corners [m], shape (corners, 2), simple, either orientation.
    """

    kind: int
    polygon: NDArray[np.float64]


@dataclass(frozen=True)
class Stroke:
    """Paint along a line.

    Attributes:
        line: Points [m], shape (points, 2).
        width: Width of the paint [m].
        colour: :data:`WHITE` or :data:`YELLOW`.
        dash: Length of a dash [m]; 0 for a solid line.
        gap: Length between dashes [m].
    """

    line: NDArray[np.float64]
    width: float = 0.16
    colour: int = WHITE
    dash: float = 0.0
    gap: float = 0.0


@dataclass(frozen=True)
class Signal:
    """A signal head, as drivers see it.

    Attributes:
        x: Position of the post [m].
        y: Position of the post [m].
        heading: Direction in which the light shines, against the traffic that it stops [rad].
        group: Index into :attr:`Network.groups`.
    """

    x: float
    y: float
    heading: float
    group: int


@dataclass(frozen=True)
class SignalGroup:
    """Signals that change together: green for a part of each cycle, then amber for 3 s, then red.

    Attributes:
        junction: Junction that the group belongs to; all its groups share one cycle.
        cycle: Length of the cycle [s].
        begin: When it turns green, within the cycle [s].
        green: How long it stays green [s].
    """

    junction: int
    cycle: float
    begin: float
    green: float


@dataclass(frozen=True)
class Crossing:
    """A pedestrian crossing, from kerb to kerb.

    Attributes:
        start: One end of its middle line [m], shape (2,).
        end: The other end [m], shape (2,).
        width: Width [m].
        group: Signal group of the people who cross; -1 where they have priority.
    """

    start: NDArray[np.float64]
    end: NDArray[np.float64]
    width: float = 4.0
    group: int = -1


@dataclass(frozen=True)
class Spot:
    """A parking space.

    Attributes:
        x: Centre [m].
        y: Centre [m].
        heading: Direction of a car that stands in it, forwards [rad].
        length: Length [m].
        width: Width [m].
    """

    x: float
    y: float
    heading: float
    length: float = 5.2
    width: float = 2.6


@dataclass(frozen=True)
class Network:
    """Roads and all that belongs to them.

    Attributes:
        lanes: Lanes.
        areas: Paved ground; asphalt wins over pavement where they overlap.
        strokes: Paint on asphalt.
        signals: Signal heads.
        groups: Signal groups.
        crossings: Pedestrian crossings.
        spots: Parking spaces.
        scenery: Objects beside the road, shape (items, 9); see the column constants of this module.
        left_hand: Whether traffic keeps to the left.
        name: Where the network comes from, for messages.
    """

    lanes: tuple[Lane, ...]
    areas: tuple[Area, ...]
    strokes: tuple[Stroke, ...] = ()
    signals: tuple[Signal, ...] = ()
    groups: tuple[SignalGroup, ...] = ()
    crossings: tuple[Crossing, ...] = ()
    spots: tuple[Spot, ...] = ()
    scenery: FloatArray = field(default_factory=lambda: np.zeros((0, SCENERY_COLUMNS), np.float32))
    left_hand: bool = False
    name: str = ""

    def __post_init__(self) -> None:
        """Check that the lanes can be driven on and that every index points at something.

        Raises:
            RoadError: Naming the lane and what is wrong.
        """
        if not self.lanes:
            raise RoadError(f"{self.name or 'network'}: there is no lane to drive on")
        for index, lane in enumerate(self.lanes):
            centre = lane.centre
            if centre.ndim != 2 or centre.shape[1] != LANE_COLUMNS or len(centre) < 2:
                raise self._error(
                    index, f"centre has shape {centre.shape}, must be (2 or more, {LANE_COLUMNS})"
                )
        samples = np.concatenate([lane.centre for lane in self.lanes])
        sound = bool(np.isfinite(samples).all() and (samples[:, WIDTH] > 0).all())  # of most networks
        count, groups = len(self.lanes), len(self.groups)
        for index, lane in enumerate(self.lanes):
            if not sound and not np.isfinite(lane.centre).all():
                raise self._error(index, "centre holds a number that is not finite")
            if not lane.length > 0:
                raise self._error(index, f"length={lane.length} must be positive")
            if not sound and (lane.centre[:, WIDTH] <= 0).any():
                raise self._error(
                    index, f"its width falls to {lane.centre[:, WIDTH].min()}, must be positive"
                )
            if not 0 < lane.limit <= 100:
                raise self._error(index, f"limit={lane.limit} must be from 0 to 100 m/s")
            beside = {"left": lane.left, "right": lane.right, "opposite": lane.opposite}
            for name, other in beside.items():
                if not -1 <= other < count:
                    raise self._error(index, f"{name}={other} is not one of {count} lanes")
            for successor in lane.successors:
                if not 0 <= successor < count:
                    raise self._error(index, f"successor {successor} is not one of {count} lanes")
            if not -1 <= lane.group < groups:
                raise self._error(index, f"group={lane.group} is not one of {groups} signal groups")

    def _error(self, index: int, message: str) -> RoadError:
        source = self.lanes[index].source or "no source"
        return RoadError(f"{self.name or 'network'}: lane {index} ({source}): {message}")

    def predecessors(self) -> list[list[int]]:
        """Return for each lane the lanes that it follows."""
        before: list[list[int]] = [[] for _ in self.lanes]
        for index, lane in enumerate(self.lanes):
            for successor in lane.successors:
                before[successor].append(index)
        return before


def centre_line(points: ArrayLike, width: float | ArrayLike) -> tuple[FloatArray, float]:
    """Resample a polyline to a centre line; the one way in which lanes get their samples.

    Args:
        points: Points along the line, at most a metre or so apart in bends [m], shape (points, 2).
        width: Width of the lane [m], a number or one per point.

    Returns:
        :attr:`Lane.centre` and :attr:`Lane.length`.

    Raises:
        ValueError: If there are fewer than two different points.
    """
    line = np.asarray(points, np.float64).reshape(-1, 2)
    widths = np.broadcast_to(np.asarray(width, np.float64), (len(line),))
    steps = np.hypot(*np.diff(line, axis=0).T) if len(line) > 1 else np.zeros(0)
    keep = np.concatenate([[True], steps > 1e-6]) if len(line) else np.zeros(0, bool)
    line, widths = line[keep], widths[keep]
    if len(line) < 2:
        raise ValueError("a centre line needs at least two different points")
    along = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(line, axis=0).T))])
    count = max(math.ceil(along[-1] / SAMPLE - 1e-6), 1) + 1
    at = np.linspace(0.0, along[-1], count)
    x, y, wide = (np.interp(at, along, column) for column in (line[:, 0], line[:, 1], widths))
    heading = np.unwrap(np.arctan2(np.gradient(y, at), np.gradient(x, at)))
    if count > 2:  # one-sided differences at the ends lie half a step inside: extrapolate
        heading[0], heading[-1] = 2 * heading[0] - heading[1], 2 * heading[-1] - heading[-2]
    curvature = np.gradient(heading, at)
    columns: Sequence[NDArray[np.float64]] = (x, y, np.cos(heading), np.sin(heading), curvature, wide)
    return np.stack(columns, 1).astype(np.float32), float(along[-1])
