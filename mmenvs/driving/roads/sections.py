"""What a road is made of from side to side, and the settings of procedural roads."""

from __future__ import annotations

from dataclasses import dataclass, replace

from mmenvs.driving.roads.curves import Line, Pose
from mmenvs.driving.roads.network import Network

_RANGES: tuple[tuple[str, float, float], ...] = (
    ("lane_width", 2.5, 6.0),
    ("road_length", 60.0, 5000.0),
    ("max_curvature", 0.0, 0.05),
    ("speed_limit", 3.0, 40.0),
    ("shoulder", 0.2, 4.0),
    ("pavement", 0.0, 6.0),
    ("size", 150.0, 1000.0),
)


@dataclass(frozen=True)
class RoadSettings:
    """Settings of procedural roads.

    Attributes:
        lanes: Lanes in the direction of travel, 1 to 5.
        oncoming_lanes: Lanes in the opposite direction, 0 to 3.
        lane_width: Width of a lane [m].
        road_length: Length of a single road between start and finish [m].
        max_curvature: Sharpest bend of the open road [1/m]; junctions, ramps and hairpins are tighter.
        speed_limit: Speed limit of the main road [m/s].
        shoulder: Paved strip beside the outer lanes [m].
        pavement: Width of the pavements beside the road [m]; 0 for none.  Crossings lead from one to another.
        size: Side of a town [m].
    """

    lanes: int = 3
    oncoming_lanes: int = 1
    lane_width: float = 3.5
    road_length: float = 300.0
    max_curvature: float = 0.018
    speed_limit: float = 15.0
    shoulder: float = 1.2
    pavement: float = 0.0
    size: float = 250.0

    def __post_init__(self) -> None:
        """Check every field.

        Raises:
            ValueError: Naming the field, its value and what is allowed.
        """
        for name, low, high in (("lanes", 1, 5), ("oncoming_lanes", 0, 3)):
            count = getattr(self, name)
            if isinstance(count, bool) or not hasattr(count, "__index__") or not low <= count <= high:
                raise ValueError(f"{name}={count!r} must be an integer from {low} to {high}")
        for name, least, most in _RANGES:
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
                raise ValueError(f"{name}={value!r} must be a number from {least:g} to {most:g}")


@dataclass(frozen=True)
class Layout:
    """A network, and what a task does with it.

    Attributes:
        network: The roads.
        starts: Lanes on which the ego may begin.
        goals: Lanes at whose end it has arrived.
    """

    network: Network
    starts: tuple[int, ...]
    goals: tuple[int, ...]


@dataclass(frozen=True)
class Section:
    """What lies side by side on a road, from its reference line outwards.

    The reference line parts the two directions; a one-way road has all its lanes on the right of it.

    Attributes:
        forward: Lanes along the reference line, on its right.
        backward: Lanes against it, on its left.
        lane_width: Width of a lane [m].
        shoulder: Paved strip beyond the outer lanes [m].
        pavement: Width of the pavement on either side [m]; 0 for none.
        overtaking: Whether the middle line may be crossed.
        shift: How far the whole section lies to the left of the reference line [m].
    """

    forward: int
    backward: int = 0
    lane_width: float = 3.5
    shoulder: float = 1.2
    pavement: float = 0.0
    overtaking: bool = False
    shift: float = 0.0

    @property
    def left_edge(self) -> float:
        """Offset of the asphalt's left edge [m]."""
        return self.shift + self.backward * self.lane_width + self.shoulder

    @property
    def right_edge(self) -> float:
        """Offset of the asphalt's right edge [m]."""
        return self.shift - self.forward * self.lane_width - self.shoulder

    def leaving(self, lane: int) -> float:
        """Return the offset of the centre of a forward lane, counted from the middle [m]."""
        return self.shift - (lane + 0.5) * self.lane_width

    def coming(self, lane: int) -> float:
        """Return the offset of the centre of a backward lane, counted from the middle [m]."""
        return self.shift + (lane + 0.5) * self.lane_width

    def flipped(self) -> Section:
        """Return the same section, seen from the other end of the road."""
        return replace(self, forward=self.backward, backward=self.forward, shift=-self.shift)

    @classmethod
    def of(cls, settings: RoadSettings, forward: int, backward: int = 0) -> Section:
        """Return a section with the widths of the settings."""
        return cls(forward, backward, settings.lane_width, settings.shoulder, settings.pavement)


@dataclass(frozen=True)
class Arm:
    """Where a road meets a junction.

    Attributes:
        pose: Middle of its mouth, looking away from the junction.
        section: Its section, seen along ``pose``: forward lanes leave the junction.
        incoming: Lanes that end at the junction, in a driver's order from left to right.
        outgoing: Lanes that begin there, from left to right.
    """

    pose: Pose
    section: Section
    incoming: tuple[int, ...]
    outgoing: tuple[int, ...]


@dataclass(frozen=True)
class Carriageway:
    """A stretch of road that was laid.

    Attributes:
        line: Its reference line.
        section: Its section.
        forward: Lanes along the line, from left to right; one that opens or ends comes last.
        backward: Lanes against it, the same in their direction.
    """

    line: Line
    section: Section
    forward: tuple[int, ...]
    backward: tuple[int, ...]

    def arm_at_start(self) -> Arm:
        """Return the road as an arm of the junction where its line begins."""
        return Arm(self.line.start, self.section, self.backward, self.forward)

    def arm_at_end(self) -> Arm:
        """Return the road as an arm of the junction where its line ends."""
        return Arm(self.line.end.reversed(), self.section.flipped(), self.forward, self.backward)
