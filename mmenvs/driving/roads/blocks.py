"""Road networks from blocks: one letter each, chained in a row.

======  ===========================================================================
letter  block
======  ===========================================================================
``S``   straight road
``C``   curve to either side
``s``   S-curve
``U``   hairpin: the road turns back on itself
``d``   lane drop: the right lane ends (a single lane first gets a second one)
``r``   on-ramp: an acceleration lane that ends
``R``   off-ramp: an exit lane that leads to an exit road
``Y``   fork into two roads at 45 degrees to either side
``T``   T-junction, signed
``t``   T-junction with signals
``X``   crossroads, signed
``x``   crossroads with signals
``O``   roundabout
======  ===========================================================================

``"SXCrR"`` is a straight, crossroads, a curve, an on-ramp and an off-ramp.  Behind a junction the road goes
on along any of its arms, with all its lanes; the other arms are short roads where traffic comes and goes.
Blocks never overlap: one that does not fit is tried again with other measures, and if that does not
help, so are those before it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from mmenvs.driving.roads import network as net
from mmenvs.driving.roads.builder import NetworkBuilder
from mmenvs.driving.roads.chain import Block, Chain, chain_up
from mmenvs.driving.roads.curves import Pose, trace, turning
from mmenvs.driving.roads.junctions import Cycle, lay_junction, mouths, signed_rules
from mmenvs.driving.roads.network import Network, RoadError
from mmenvs.driving.roads.roundabouts import Roundabout, lay_roundabout
from mmenvs.driving.roads.sections import Arm, Layout, RoadSettings, Section

#: Settings by default: three lanes, and one for oncoming traffic.
COUNTRY = RoadSettings()
#: Length of the roads that lead nowhere [m].
STUB = 60.0
#: Radius of a kerb at a right-angled corner of a country road [m].
CORNER = 9.0

_SIDE_LIMIT = 14.0  # speed limit of side roads [m/s]


def compose(sequence: str, seed: int, settings: RoadSettings = COUNTRY) -> Network:
    """Chain blocks to a network.

    Args:
        sequence: Letters of :data:`BLOCKS`.
        seed: Non-negative integer; the same seed gives the same network, bit for bit.
        settings: Lanes, widths, speed limit and so on.

    Raises:
        RoadError: If a letter is unknown or there is none.
    """
    return compose_layout(sequence, seed, settings).network


def compose_layout(sequence: str, seed: int, settings: RoadSettings = COUNTRY) -> Layout:
    """Chain blocks to a network that is driven from the first to the last; see :func:`compose`."""
    for letter in sequence:
        if letter not in BLOCKS:
            raise RoadError(
                f"map={sequence!r} has the block {letter!r}, must be letters of {''.join(BLOCKS)!r}"
            )
    if not sequence:
        raise RoadError(f"map={sequence!r} is empty, must be letters of {''.join(BLOCKS)!r}")
    rng = np.random.default_rng([seed, 0xB10C])
    builder = NetworkBuilder(f"blocks {sequence!r}, seed {seed}")
    section = Section.of(settings, settings.lanes, settings.oncoming_lanes)
    start = Chain(builder, settings, Pose(0.0, 0.0, 0.0), section, source="run-in").straight(net.RUN_IN)
    blocks = [(f"block {place} {letter}", BLOCKS[letter]) for place, letter in enumerate(sequence)]
    chain = chain_up(start, [*blocks, ("run-out", _run_out)], _straight, rng)
    return Layout(builder.build(), start.forward, chain.forward)


def random_sequence(seed: int, blocks: int = 6, letters: str = "") -> str:
    """Draw a sequence for :func:`compose`.

    Args:
        seed: Non-negative integer; the same seed gives the same sequence.
        blocks: Number of blocks.
        letters: Letters to draw from, one as often as it stands there; all by default.
    """
    rng = np.random.default_rng([seed, 0x5E0])
    return "".join(rng.choice(list(letters or "".join(BLOCKS)), blocks))


# ---------------------------------------------------------------- the blocks


def _run_out(chain: Chain, rng: np.random.Generator) -> Chain:
    return chain.straight(net.RUN_OUT)


def _straight(chain: Chain, rng: np.random.Generator) -> Chain:
    return chain.straight(rng.uniform(40, 90))


def _tightest(chain: Chain) -> float:
    """Return the smallest radius at which lanes that lie side by side are still about equally long [m]."""
    lanes = max(chain.section.forward, chain.section.backward)
    return (lanes + 7) * chain.section.lane_width


def _side(rng: np.random.Generator) -> int:
    return 1 if rng.random() < 0.5 else -1


def _curve(chain: Chain, rng: np.random.Generator) -> Chain:
    radius = max(rng.uniform(1, 2) / max(chain.settings.max_curvature, 0.004), _tightest(chain))
    angle = _side(rng) * rng.uniform(0.5, min(1.7, 160 / radius + 0.5))
    return chain.laid(trace(chain.pose, turning(angle, radius)))


def _s_curve(chain: Chain, rng: np.random.Generator) -> Chain:
    radius = max(rng.uniform(1, 2) / max(chain.settings.max_curvature, 0.004), _tightest(chain))
    angle, side = rng.uniform(0.35, min(0.9, 60 / radius + 0.35)), _side(rng)
    profile = [*turning(side * angle, radius), (10.0, 0.0), *turning(-side * angle, radius)]
    return chain.laid(trace(chain.pose, profile))


def _hairpin(chain: Chain, rng: np.random.Generator) -> Chain:
    # A wide one leads around what lies beside the road it came along.
    radius = _tightest(chain) * (rng.uniform(1.0, 1.4) if rng.random() < 0.4 else rng.uniform(1.4, 2.4))
    profile = [(12.0, 0.0), *turning(_side(rng) * rng.uniform(2.9, 3.3), radius), (12.0, 0.0)]
    return chain.laid(trace(chain.pose, profile))


def _lane_drop(chain: Chain, rng: np.random.Generator) -> Chain:
    section = chain.section
    if section.forward == 1:
        return chain.straight(rng.uniform(150, 180), right=(50.0, 70.0))
    section = replace(section, forward=section.forward - 1)
    return chain.straight(rng.uniform(110, 140), section, right=(0.0, 70.0))


def _ramp(rng: np.random.Generator) -> list[tuple[float, float]]:
    """Return the profile of a ramp, from the main road outwards and to the left."""
    return [
        (6.0, 0.0),
        *turning(rng.uniform(0.5, 0.7), rng.uniform(45, 60), 16.0),
        (rng.uniform(22, 30), 0.0),
    ]


def _on_ramp(chain: Chain, rng: np.random.Generator) -> Chain:
    chain = chain.straight(rng.uniform(80, 95))
    section, settings = chain.section, chain.settings
    gore = chain.pose.moved(0, section.right_edge + section.shoulder)
    line = trace(gore.reversed(), _ramp(rng)).reversed()
    limit = 0.8 * settings.speed_limit
    ramp = chain.builder.carriageway(line, _one_lane(section), limit, f"{chain.source}, ramp")
    chain = chain.straight(rng.uniform(130, 170), right=(0.0, 60.0))
    chain.builder.join(ramp.forward, [chain.aside])
    return replace(chain, aside=ramp.forward[0])


def _off_ramp(chain: Chain, rng: np.random.Generator) -> Chain:
    section, settings = chain.section, chain.settings
    chain = chain.straight(rng.uniform(120, 150), right=(50.0, 0.0))
    gore = chain.pose.moved(0, section.right_edge + section.shoulder)
    line = trace(gore, [(length, -curvature) for length, curvature in _ramp(rng)])
    limit = 0.8 * settings.speed_limit
    ramp = chain.builder.carriageway(line, _one_lane(section), limit, f"{chain.source}, ramp")
    chain.builder.join([chain.aside], ramp.forward)
    chain = replace(chain, section=section, forward=chain.forward[:-1]).straight(rng.uniform(80, 95))
    return replace(chain, aside=ramp.forward[0])


def _one_lane(section: Section) -> Section:
    return replace(section, forward=1, backward=0, shift=0.0, pavement=0.0)


def _roads(
    chain: Chain,
    rng: np.random.Generator,
    centre: Pose,
    ways: Sequence[tuple[float, float, Section]],
) -> tuple[Chain, list[Arm]]:
    """Lay the roads that leave a junction, and choose one to go on along.

    Args:
        chain: The road that leads there.
        rng: Chooses.
        centre: Middle of the junction, looking the way the road led.
        ways: Direction of each road relative to that [rad], distance of its mouth from the middle [m], and
            section; the first is the one to go on along.

    Returns:
        The new end of the chain, and the arms of the junction, the road that leads there first.
    """
    arms, roads = [chain.arm()], []
    for k, (turn, distance, section) in enumerate(ways):
        length = rng.uniform(0.75, 1.0) * STUB if k else rng.uniform(42, 65)
        limit = chain.settings.speed_limit if k == 0 else min(chain.settings.speed_limit, _SIDE_LIMIT)
        line = trace(centre.turned(turn).moved(distance), [(length, 0.0)])
        roads.append(chain.builder.carriageway(line, section, limit, f"{chain.source}, road {k}"))
        arms.append(roads[-1].arm_at_start())
    main = roads[0]
    end = replace(
        chain, pose=main.line.end, section=main.section, forward=main.forward, backward=main.backward
    )
    return end, arms


def _junction(turns: Sequence[Sequence[float]], signals: bool = False) -> Block:
    """Return a block whose roads lead in one of several sets of directions, from that of travel [degrees]."""

    def lay(chain: Chain, rng: np.random.Generator) -> Chain:
        settings = chain.settings
        chosen = rng.permutation(turns[int(rng.integers(len(turns)))])
        angles = [math.radians(turn + (rng.uniform(-6, 6) if turn else 0.0)) for turn in chosen]
        main = Section.of(settings, settings.lanes, settings.oncoming_lanes)
        lanes = int(rng.integers(1, 3))
        fork = settings.oncoming_lanes == 0 and 0 not in chosen and len(chosen) == 2
        side = Section.of(settings, lanes, 0 if fork else lanes)
        # Whoever neither turns left nor right finds a lane ahead.
        ahead = replace(side, forward=max(lanes, chain.section.forward - len(angles) + 1))
        sections = [main, *(ahead if angle == 0 else side for angle in angles[1:])]
        pose = chain.pose
        headings = [pose.heading + math.pi, *(pose.heading + angle for angle in angles)]
        crossings = [settings.pavement > 0] * len(headings)
        distances = mouths(headings, [chain.section.flipped(), *sections], CORNER, crossings)
        centre = pose.moved(distances[0])
        end, arms = _roads(chain, rng, centre, list(zip(angles, distances[1:], sections, strict=True)))
        weights = [len(arm.incoming) for arm in arms]
        rules = [net.SIGNAL] * len(arms) if signals else signed_rules(headings, weights, rng)
        lay_junction(chain.builder, arms, rules, CORNER, crossings, Cycle.random(rng), chain.source)
        return end

    return lay


def _roundabout(chain: Chain, rng: np.random.Generator) -> Chain:
    settings = chain.settings
    lanes = 2 if min(settings.lanes, settings.oncoming_lanes) > 1 else 1
    chain = chain.reshaped(lanes, min(lanes, settings.oncoming_lanes))
    radius, width = (rng.uniform(15, 22), 4.2) if lanes == 1 else (rng.uniform(25.5, 27.5), 3.7)
    main, side = chain.section, Section.of(settings, lanes, lanes)
    chosen = [math.radians(turn) for turn in rng.permutation([-90, 0, 90])[: int(rng.integers(2, 4))]]
    measures = Roundabout(0.0, 0.0, radius, lanes, width)
    centre = chain.pose.moved(measures.mouth(main.flipped()))
    ring = measures._replace(x=centre.x, y=centre.y)
    ways = [
        (turn, ring.mouth(main if k == 0 else side), main if k == 0 else side)
        for k, turn in enumerate(chosen)
    ]
    end, arms = _roads(chain, rng, centre, ways)
    lay_roundabout(chain.builder, ring, arms, min(settings.speed_limit, 8.0), chain.source)
    return end.reshaped(settings.lanes, settings.oncoming_lanes)


_T_TURNS = ((0, 90), (0, -90), (-90, 90))

#: What each letter of a sequence stands for.
BLOCKS: dict[str, Block] = {
    "S": _straight,
    "C": _curve,
    "s": _s_curve,
    "U": _hairpin,
    "d": _lane_drop,
    "r": _on_ramp,
    "R": _off_ramp,
    "Y": _junction([(-45, 45)]),
    "T": _junction(_T_TURNS),
    "t": _junction(_T_TURNS, signals=True),
    "X": _junction([(-90, 0, 90)]),
    "x": _junction([(-90, 0, 90)], signals=True),
    "O": _roundabout,
}
