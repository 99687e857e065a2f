"""Roads for tasks: the topology is fixed, and a seed gives lengths, radii and bends."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from mmenvs.driving.roads import network as net
from mmenvs.driving.roads.blocks import BLOCKS
from mmenvs.driving.roads.builder import NetworkBuilder
from mmenvs.driving.roads.chain import Chain
from mmenvs.driving.roads.curves import Line, Pose, arc, from_curvature, rounded, trace, turning
from mmenvs.driving.roads.junctions import Cycle, lay_junction, mouths, signed_rules
from mmenvs.driving.roads.roundabouts import Roundabout, lay_roundabout
from mmenvs.driving.roads.sections import Arm, Layout, RoadSettings, Section
from mmenvs.driving.roads.towns import lay_crossing

#: Settings by default.
SINGLE = RoadSettings()
HIGHWAY = RoadSettings(lanes=4, oncoming_lanes=0, road_length=600.0, max_curvature=0.003, speed_limit=30.0)
MERGE = RoadSettings(lanes=2, oncoming_lanes=0, speed_limit=25.0)
EXIT = RoadSettings(lanes=3, oncoming_lanes=0, speed_limit=25.0)
CROSSROADS = RoadSettings(lanes=1, oncoming_lanes=1, speed_limit=13.9, shoulder=0.5, pavement=2.6)
ROUNDABOUT = RoadSettings(lanes=1, oncoming_lanes=1, speed_limit=13.9)
RACETRACK = RoadSettings(
    lanes=2, oncoming_lanes=0, lane_width=4.5, road_length=650.0, max_curvature=0.04, speed_limit=35.0
)
PARKING_LOT = RoadSettings(lanes=1, oncoming_lanes=0, speed_limit=4.0, shoulder=0.4, pavement=2.0)
STREET = RoadSettings(
    lanes=1,
    oncoming_lanes=1,
    road_length=220.0,
    max_curvature=0.008,
    speed_limit=8.4,
    shoulder=0.4,
    pavement=3.0,
)

_MAX_HEADING = 1.2  # below pi / 2 a road moves ever eastward, so it cannot cross itself [rad]


def straight_road(seed: int, settings: RoadSettings = SINGLE) -> Layout:
    """Return one winding road, with run-in and run-out beyond start and finish.

    Its reference line, whose offset is 0, is the carriageway's middle.

    Args:
        seed: Non-negative integer; the same seed gives the same road, bit for bit.
        settings: Lanes each way, widths, length, curvature, speed limit.
    """
    rng = np.random.default_rng([seed, 0x5EED])
    builder = NetworkBuilder(f"straight road, seed {seed}")
    middle = 0.5 * settings.lane_width * (settings.lanes - settings.oncoming_lanes)
    section = replace(Section.of(settings, settings.lanes, settings.oncoming_lanes), shift=middle)
    line = winding(settings, rng)
    road = builder.carriageway(line, section, settings.speed_limit, "road")
    return Layout(builder.build(), road.forward, road.forward)


def highway(seed: int, settings: RoadSettings = HIGHWAY) -> Layout:
    """Return a one-way motorway with gentle bends, cut into three stretches; see :func:`straight_road`."""
    rng = np.random.default_rng([seed, 0x4164])
    builder = NetworkBuilder(f"highway, seed {seed}")
    section = Section.of(settings, settings.lanes, settings.oncoming_lanes)
    chain = Chain(builder, settings, Pose(0.0, 0.0, 0.0), section, source="highway")
    line = winding(settings, rng, (90, 200))
    starts: tuple[int, ...] = ()
    for begin, end in zip((0.0, 1 / 3, 2 / 3), (1 / 3, 2 / 3, 1.0), strict=True):
        chain = chain.laid(line.cut(begin * line.length, end * line.length))
        starts = starts or chain.forward
    return Layout(builder.build(), starts, chain.forward)


def merge_road(seed: int, settings: RoadSettings = MERGE) -> Layout:
    """Return a motorway with an on-ramp whose lane ends; the ego begins on the ramp."""
    rng = np.random.default_rng([seed, 0x3E6E])
    end, _ = _motorway(f"merge road, seed {seed}", "r", settings, rng)
    return Layout(end.builder.build(), (end.aside,), end.forward)


def exit_road(seed: int, settings: RoadSettings = EXIT) -> Layout:
    """Return a motorway with an off-ramp, which is the goal."""
    rng = np.random.default_rng([seed, 0xE817])
    end, starts = _motorway(f"exit road, seed {seed}", "R", settings, rng)
    return Layout(end.builder.build(), starts, (end.aside,))


def crossroads(seed: int, settings: RoadSettings = CROSSROADS, signals: bool = False) -> Layout:
    """Return crossroads with arms of about 80 m; the ego comes from the south and may leave on any other.

    Args:
        seed: Non-negative integer.
        settings: Lanes of each arm away from the junction (``lanes``) and towards it (``oncoming_lanes``).
        signals: Whether there are signals; without, signs say who goes first.
    """
    rng = np.random.default_rng([seed, 0xC405])
    builder = NetworkBuilder(f"crossroads, seed {seed}")
    section = Section.of(settings, settings.lanes, max(settings.oncoming_lanes, 1))
    headings = [-0.5 * math.pi + 0.5 * math.pi * k + math.radians(rng.uniform(-6, 6)) for k in range(4)]
    crossings = [settings.pavement > 0] * 4
    radius = rng.uniform(6.0, 9.0)
    distances = mouths(headings, [section] * 4, radius, crossings)
    arms = _arms(builder, section, settings, headings, distances, rng)
    rules = [net.SIGNAL] * 4 if signals else signed_rules(headings, [1.0] * 4, rng)
    lay_junction(builder, arms, rules, radius, crossings, Cycle.random(rng))
    return _from_first_arm(builder, arms)


def roundabout(seed: int, settings: RoadSettings = ROUNDABOUT) -> Layout:
    """Return a roundabout with three or four arms; the ego comes on one and may leave on any other.

    The ring has one lane, or two if the arms have two lanes each way.
    """
    rng = np.random.default_rng([seed, 0x0B07])
    builder = NetworkBuilder(f"roundabout, seed {seed}")
    lanes = min(settings.lanes, max(settings.oncoming_lanes, 1), 2)
    section = Section.of(settings, lanes, lanes)
    count = int(rng.integers(3, 5))
    headings = [
        -0.5 * math.pi + 2 * math.pi * k / count + math.radians(rng.uniform(-3, 3)) for k in range(count)
    ]
    if lanes == 1:
        ring = Roundabout(0.0, 0.0, rng.uniform(16.0, 24.0))
    else:
        ring = Roundabout(0.0, 0.0, rng.uniform(25.5, 27.5), lanes, 3.7)
    distances = [ring.mouth(section)] * count
    arms = _arms(builder, section, settings, headings, distances, rng)
    lay_roundabout(builder, ring, arms, min(settings.speed_limit, 8.0))
    return _from_first_arm(builder, arms)


def racetrack(seed: int, settings: RoadSettings = RACETRACK) -> Layout:
    """Return a closed circuit, driven counter-clockwise, in four stretches; the goal is the end of a lap."""
    rng = np.random.default_rng([seed, 0x4ACE])
    builder = NetworkBuilder(f"racetrack, seed {seed}")
    width = settings.lanes * settings.lane_width
    section = replace(Section.of(settings, settings.lanes), shift=0.5 * width)
    line = _circuit(settings, 0.5 * width, rng)
    roads = []
    for k in range(4):
        part = line.cut(0.25 * k * line.length, 0.25 * (k + 1) * line.length)
        roads.append(builder.carriageway(part, section, settings.speed_limit, f"stretch {k}"))
    for k, road in enumerate(roads):
        builder.join(roads[k - 1].forward, road.forward)
    return Layout(builder.build(), roads[0].forward, roads[-1].forward)


def parking_lot(seed: int, settings: RoadSettings = PARKING_LOT) -> Layout:
    """Return a yard with two aisles and a row of parking spaces on either side of each.

    The way leads in, along one aisle, back along the other, and out; the goals are the aisles.
    """
    rng = np.random.default_rng([seed, 0x9A4C])
    builder = NetworkBuilder(f"parking lot, seed {seed}")
    count, slant = int(rng.integers(9, 15)), math.radians(rng.choice([60.0, 75.0, 90.0]))
    aisle, width, depth = rng.uniform(6.0, 7.0), 2.7, 5.2
    pitch = width / math.sin(slant)
    reach = depth * math.sin(slant) + width * math.cos(slant)  # of a space, away from the aisle
    apart, margin = aisle + 2 * reach, 4.0
    row = count * pitch + 2 * margin

    def lane(line: Line, what: str) -> int:
        return builder.lane(line, min(aisle, 5.0), settings.speed_limit, what)

    first = trace(Pose(0.0, 0.0, 0.0), [(row, 0.0)])
    second = trace(Pose(row, apart, math.pi), [(row, 0.0)])
    turn = arc(row, 0.5 * apart, 0.5 * apart, -0.5 * math.pi, 0.5 * math.pi)
    aisles = lane(first, "first aisle"), lane(second, "second aisle")
    back = lane(turn, "turn")
    builder.join([aisles[0], back], [back, aisles[1]])
    section = replace(Section.of(settings, 1), shift=0.5 * settings.lane_width)
    length = rng.uniform(28.0, 45.0)
    way_in = trace(Pose(-length, 0.0, 0.0), [(length, 0.0)])
    way_out = trace(Pose(0.0, apart, math.pi), [(length, 0.0)])
    roads = [
        builder.carriageway(line, section, settings.speed_limit, what)
        for line, what in ((way_in, "way in"), (way_out, "way out"))
    ]
    builder.join([roads[0].forward[0], aisles[1]], [aisles[0], roads[1].forward[0]])
    south, north = -0.5 * aisle - reach - 0.5, apart + 0.5 * aisle + reach + 0.5
    east = row + 0.5 * apart + 0.5 * aisle + 0.5
    for kind, rim in ((net.ASPHALT, 0.0), (net.PAVEMENT, settings.pavement)):
        if kind == net.ASPHALT or rim > 0:
            low, high, right = south - rim, north + rim, east + rim
            builder.area(kind, [(-rim, low), (right, low), (right, high), (-rim, high)])
    for line in (first, second):
        for side in (-1, 1):
            beside = line.cut(margin, margin + count * pitch).beside(side * 0.5 * (aisle + reach))
            builder.parking(beside, pitch, depth, width - 0.1, side * slant)
    return Layout(builder.build(), roads[0].forward, aisles)


def pedestrian_street(seed: int, settings: RoadSettings = STREET) -> Layout:
    """Return a street in town with three to five crossings, where people have priority."""
    rng = np.random.default_rng([seed, 0x9ED5])
    builder = NetworkBuilder(f"pedestrian street, seed {seed}")
    section = Section.of(settings, settings.lanes, settings.oncoming_lanes)
    line = winding(settings, rng)
    count = max(min(int(rng.integers(3, 6)), int(settings.road_length / 30)), 1)
    places = (np.arange(count) + rng.uniform(0.3, 0.7, count)) / count
    stations = [net.RUN_IN + float(place) * (line.length - net.RUN_IN - net.RUN_OUT) for place in places]
    bare = [(station - 3.0, station + 3.0) for station in stations]
    road = builder.carriageway(line, section, settings.speed_limit, "street", bare=bare)
    for station in stations:
        lay_crossing(builder, road, station)
    return Layout(builder.build(), road.forward, road.forward)


def winding(settings: RoadSettings, rng: np.random.Generator, stretches: tuple[int, int] = (25, 70)) -> Line:
    """Integrate a random profile of curvature: straights and bends joined by smooth transitions.

    Args:
        settings: Length and curvature.
        rng: Draws the bends.
        stretches: Shortest and longest bend or straight [m].
    """
    samples = round(settings.road_length) + net.RUN_IN + net.RUN_OUT + 1
    target = np.zeros(samples)
    heading, at = 0.0, net.RUN_IN // 2
    while at < samples:
        length = int(rng.integers(*stretches))
        curvature = 0.0 if rng.random() < 0.25 else rng.uniform(-1, 1) * settings.max_curvature
        if abs(heading + curvature * length) > _MAX_HEADING:
            curvature = -curvature
        if abs(heading + curvature * length) > _MAX_HEADING:
            curvature = 0.0
        target[at : at + length] = curvature
        heading += curvature * min(length, samples - at)
        at += length
    ramp = np.hanning(21)
    profile = np.convolve(np.pad(target, 10, mode="edge"), ramp / ramp.sum(), mode="valid")
    return from_curvature(Pose(0.0, 0.0, 0.0), profile, 1.0)


def _motorway(
    name: str, letter: str, settings: RoadSettings, rng: np.random.Generator
) -> tuple[Chain, tuple[int, ...]]:
    """Lay a slight bend, a block and a straight; return the end, and the lanes at the start."""
    section = Section.of(settings, settings.lanes, settings.oncoming_lanes)
    chain = Chain(NetworkBuilder(name), settings, Pose(0.0, 0.0, 0.0), section, source="approach")
    angle = rng.uniform(-0.25, 0.25)
    chain = chain.laid(trace(chain.pose, [(20.0, 0.0), *turning(angle, rng.uniform(300, 500), 40.0)]))
    starts = chain.forward
    chain = BLOCKS[letter](replace(chain, source="interchange"), rng)
    return replace(chain, source="run-out").straight(net.RUN_OUT + rng.uniform(0.0, 40.0)), starts


def _arms(
    builder: NetworkBuilder,
    section: Section,
    settings: RoadSettings,
    headings: Sequence[float],
    distances: Sequence[float],
    rng: np.random.Generator,
) -> list[Arm]:
    arms = []
    for k, (heading, distance) in enumerate(zip(headings, distances, strict=True)):
        line = trace(Pose(0.0, 0.0, heading).moved(distance), [(rng.uniform(75.0, 90.0), 0.0)])
        arms.append(builder.carriageway(line, section, settings.speed_limit, f"arm {k}").arm_at_start())
    return arms


def _from_first_arm(builder: NetworkBuilder, arms: Sequence[Arm]) -> Layout:
    goals = tuple(lane for arm in arms[1:] for lane in arm.outgoing)
    return Layout(builder.build(), arms[0].incoming, goals)


def _circuit(settings: RoadSettings, half: float, rng: np.random.Generator) -> Line:
    """Round the corners of a random polygon until no bend is too sharp and no two parts are too near.

    Args:
        settings: Length, and curvature of the sharpest bend.
        half: Half the width of the track [m].
        rng: Draws the corners.
    """
    length = settings.road_length
    sharpest = max(settings.max_curvature, 5.0 / length)
    for attempt in range(40):
        count = int(rng.integers(6, 10))
        angle = 2 * math.pi * (np.arange(count) + rng.uniform(-0.3, 0.3, count)) / count
        # As its corners lie in order around the middle, the polygon cannot cross itself.
        shrink = 0.45 * (1.0 - attempt / 40)
        distance = length / 5.6 * (1.0 - shrink * rng.uniform(0.0, 1.0, count) ** 0.7)
        corners = np.stack([distance * np.cos(angle), distance * np.sin(angle)], 1)
        line = rounded(corners, rng.uniform(1.15, 3.0, count) / sharpest, closed=True)
        scale = length / line.length
        line = Line(line.points * scale, line.heading, line.curvature / scale)
        if np.abs(line.curvature).max() <= sharpest and _spacious(line, 2 * half + 12.0):
            return line
    radius = length / (2 * math.pi)
    return arc(0.0, 0.0, radius, 0.0, 2 * math.pi)


def _spacious(line: Line, clearance: float) -> bool:
    """Whether parts of a closed line that are far from each other along it are so in space [m]."""
    stations = np.linspace(0.0, line.length, 96)
    x, y = (np.interp(stations, line.station, line.points[:, k]) for k in (0, 1))
    gap = np.hypot(x[:, None] - x, y[:, None] - y)
    apart = np.abs(stations[:, None] - stations)
    apart = np.minimum(apart, line.length - apart)
    return not bool((gap < np.where(apart > 2.2 * clearance, clearance, 0.0)).any())
