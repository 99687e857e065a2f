"""A row of blocks: its open end, and how blocks are laid one after the other without overlaps."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mmenvs.driving.roads.builder import NetworkBuilder
from mmenvs.driving.roads.curves import Line, Pose, trace
from mmenvs.driving.roads.network import Area
from mmenvs.driving.roads.sections import Arm, RoadSettings, Section

#: Measures that are tried for a block before the one before it is laid anew.
TRIES = 4
#: Blocks that are laid, in all, before what does not fit is replaced.
MOST_TRIES = 400
#: From and to where the road ahead of a block must be free [m].
LOOK_AHEAD = (18.0, 140.0)

_CELL = 6.0  # side of a cell of the grid in which overlaps are found [m]
_ROW = 1 << 20  # cells of that grid from one row to the next


@dataclass(frozen=True)
class Chain:
    """The open end of a row of blocks.

    Attributes:
        builder: Where blocks are laid.
        settings: Settings of the roads.
        pose: Where the next block begins.
        section: The road's section there.
        forward: Lanes that wait to go on, from left to right.
        backward: Oncoming lanes that wait to be led here, from their left to their right.
        source: Name of the block that is being laid, for messages.
        aside: Lane that was last added on the right, or the last ramp.
    """

    builder: NetworkBuilder
    settings: RoadSettings
    pose: Pose
    section: Section
    forward: tuple[int, ...] = ()
    backward: tuple[int, ...] = ()
    source: str = ""
    aside: int = -1

    def laid(
        self,
        line: Line,
        section: Section | None = None,
        *,
        right: tuple[float, float] | None = None,
        left: tuple[float, float] | None = None,
    ) -> Chain:
        """Lay a stretch of the main road and return the new end; see :meth:`NetworkBuilder.carriageway`.

        A lane added with ``right`` or ``left`` is part of the road at whichever end it has its whole width.
        """
        section = section or self.section
        road = self.builder.carriageway(
            line, section, self.settings.speed_limit, self.source, right=right, left=left
        )
        self.builder.join(self.forward, road.forward[: len(self.forward)])
        self.builder.join(road.backward[: len(self.backward)], self.backward)
        forward = section.forward + (right is not None and right[1] == 0)
        backward = section.backward + (left is not None and left[1] == 0)
        return replace(
            self,
            pose=line.end,
            section=replace(section, forward=forward, backward=backward),
            forward=road.forward[:forward],
            backward=road.backward[:backward],
            aside=road.forward[-1] if right is not None else self.aside,
        )

    def arm(self) -> Arm:
        """Return the road so far as an arm of a junction."""
        return Arm(self.pose.reversed(), self.section.flipped(), self.forward, self.backward)

    def straight(
        self, length: float, section: Section | None = None, right: tuple[float, float] | None = None
    ) -> Chain:
        """Lay a straight stretch [m]; see :meth:`laid`."""
        return self.laid(trace(self.pose, [(length, 0.0)]), section, right=right)

    def reshaped(self, forward: int, backward: int) -> Chain:
        """Lay stretches along which lanes end or begin, one each way at a time, until so many are left."""
        chain = self
        while (chain.section.forward, chain.section.backward) != (forward, backward):
            here = chain.section
            section = replace(
                here, forward=min(here.forward, max(here.forward - 1, forward)),
                backward=min(here.backward, max(here.backward - 1, backward)),
            )  # fmt: skip
            right = (0.0, 50.0) if here.forward > forward else (40.0, 0.0) if here.forward < forward else None
            left = (
                (0.0, 40.0) if here.backward > backward else (50.0, 0.0) if here.backward < backward else None
            )
            line = trace(chain.pose, [(60.0, 0.0)])
            chain = chain.laid(line, section, right=right, left=left)
        return chain


#: Lays a stretch of road at the end of a chain, with measures that it draws, and returns the new end.
Block = Callable[[Chain, np.random.Generator], Chain]


def chain_up(
    start: Chain, blocks: Sequence[tuple[str, Block]], substitute: Block, rng: np.random.Generator
) -> Chain:
    """Lay blocks one after the other so that they do not overlap, and return the end of the last.

    Where a block does not fit with any of some measures, those before it are laid anew.  After so many
    tries whatever does not fit becomes a ``substitute``, and if even that does not fit, the road ends: the
    search always comes to an end, and what it leaves is a network.

    Args:
        start: Where they begin; all that was laid before belongs to it.
        blocks: Names, for messages, and blocks.
        substitute: What stands in for a block that does not fit.
        rng: Gives the blocks their measures.
    """
    builder = start.builder
    chains, marks = [start], [builder.mark()]
    taken = [_grown(_boundary(builder.areas_since((0,))))]
    tries = stuck = furthest = 0
    while (place := len(chains) - 1) < len(blocks):
        name, block = blocks[place]
        for attempt in range(TRIES):
            tries += 1
            lay = substitute if tries > MOST_TRIES and attempt > TRIES // 2 else block
            chain = lay(replace(chains[-1], source=name), rng)
            points = _boundary(builder.areas_since(marks[-1]))
            if _fits(points, chains[-1], taken):
                grown = _grown(points)
                if place + 1 == len(blocks) or _has_room(chain, [*taken, grown]):
                    chains.append(chain)
                    marks.append(builder.mark())
                    taken.append(grown)
                    break
            builder.rollback(marks[-1])
        else:
            if tries > MOST_TRIES:
                break
            # Each time it gets stuck at one place, it lays one block more anew.
            stuck = stuck + 1 if place <= furthest else 1
            furthest = max(furthest, place)
            keep = max(place + 1 - stuck, 1)
            del chains[keep:], marks[keep:], taken[keep:]
            builder.rollback(marks[-1])
    return chains[-1]


def _boundary(areas: Sequence[Area]) -> NDArray[np.float64]:
    """Return points on the outlines of areas, less than half a cell apart [m], shape (points, 2)."""
    begin = np.concatenate([area.polygon for area in areas])
    edge = np.concatenate([np.roll(area.polygon, -1, 0) for area in areas]) - begin
    counts = np.ceil(np.hypot(edge[:, 0], edge[:, 1]) / (0.45 * _CELL)).astype(int) + 1
    which = np.repeat(np.arange(len(begin)), counts)
    step = np.arange(len(which)) - np.repeat(np.cumsum(counts) - counts, counts)
    return np.asarray(begin[which] + (step / counts[which])[:, None] * edge[which])


def _cells(points: NDArray[np.float64]) -> NDArray[np.int64]:
    column, row = np.floor(points / _CELL).astype(np.int64).T
    return np.unique(row * _ROW + column)


def _grown(points: NDArray[np.float64]) -> set[int]:
    """Return the cells that points lie in, and those around them."""
    around = np.array([row * _ROW + column for row in (-1, 0, 1) for column in (-1, 0, 1)])
    return set((_cells(points)[:, None] + around).ravel().tolist())


def _fits(points: NDArray[np.float64], chain: Chain, taken: Sequence[set[int]]) -> bool:
    """Whether areas keep clear of all before them, but for where they join the last."""
    section = chain.section
    near = math.hypot(max(section.left_edge, -section.right_edge) + section.pavement + 2 * _CELL, 2 * _CELL)
    joined = np.hypot(points[:, 0] - chain.pose.x, points[:, 1] - chain.pose.y) < near
    cells = _cells(points).tolist()
    return all(old.isdisjoint(cells) for old in taken[:-1]) and taken[-1].isdisjoint(
        _cells(points[~joined]).tolist()
    )


def _has_room(chain: Chain, taken: Sequence[set[int]]) -> bool:
    """Whether a straight could go on from the end of a chain: without, laying the next block is in vain."""
    section, pose = chain.section, chain.pose
    ahead = np.arange(LOOK_AHEAD[0], LOOK_AHEAD[1], 0.9 * _CELL)
    aside = np.linspace(section.right_edge, section.left_edge, 4)[:, None]
    cos, sin = math.cos(pose.heading), math.sin(pose.heading)
    x, y = pose.x + ahead * cos - aside * sin, pose.y + ahead * sin + aside * cos
    cells = _cells(np.stack([x.ravel(), y.ravel()], 1)).tolist()
    return all(old.isdisjoint(cells) for old in taken)
