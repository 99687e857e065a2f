"""How pieces of behaviour are cut out, of which pairs are asked about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import get_args

import numpy as np

from feedback.acquisition import Acquisition
from feedback.clips import Segment


@dataclass(frozen=True)
class QueryConfig:
    """How segments are cut from episodes.

    Attributes:
        length: Steps of a segment [steps].
        end_fraction: Fraction of the segments cut where an episode ended, in [0, 1]. Where a task rewards
            being alive, two segments without an end are a tie; what a person can tell apart is how, and
            how soon, it went wrong. Where it rewards more, pairs of which one fails say little else.
        method: Which of the possible pairs are asked about, once there is a reward model: see
            :mod:`feedback.acquisition`.
        oversample: How many times more pairs are cut than are asked about, for ``method`` to choose from.
    """

    length: int = 16
    end_fraction: float = 0.3
    method: Acquisition = "uniform"
    oversample: int = 10

    def __post_init__(self) -> None:
        """Validate.

        Raises:
            ValueError: Naming the field, its value and what is allowed.
        """
        if self.length < 1:
            raise ValueError(f"length={self.length} must be at least 1 [steps]")
        if self.method not in get_args(Acquisition):
            raise ValueError(f"method={self.method!r} must be one of {list(get_args(Acquisition))}")
        if self.oversample < 1:
            raise ValueError(f"oversample={self.oversample} must be at least 1")
        if not 0 <= self.end_fraction <= 1:
            raise ValueError(f"end_fraction={self.end_fraction} must be in [0, 1]")


def sample_pairs(
    episodes: Sequence[Segment], count: int, config: QueryConfig, rng: np.random.Generator
) -> list[tuple[Segment, Segment]]:
    """Cut ``count`` pairs of different segments out of episodes.

    Only what anybody can see is used: that an episode ended, and whether it was at its goal.

    Args:
        episodes: Whole episodes, or beginnings of them.
        count: Number of pairs.
        config: How to cut.
        rng: Where the choices come from.

    Raises:
        ValueError: If there are no episodes, or no two different segments can be cut.
    """
    if not episodes:
        raise ValueError("episodes=[] must hold at least one")
    pairs: list[tuple[Segment, Segment]] = []
    for _ in range(100 * count):
        if len(pairs) == count:
            return pairs
        first, second = (_cut(episodes, config, rng) for _ in range(2))
        if first.digest != second.digest:
            pairs.append((first, second))
    raise ValueError(f"{len(episodes)} episodes hold too few different segments for {count} pairs")


def _cut(episodes: Sequence[Segment], config: QueryConfig, rng: np.random.Generator) -> Segment:
    ended = [episode for episode in episodes if episode.terminated]
    if ended and rng.random() < config.end_fraction:
        episode = ended[rng.integers(len(ended))]
        # Half end in the last step, which shows what led there; half end somewhere before, which shows
        # how much worse, or better, it is to have ended than to go on.
        kept = config.length if rng.random() < 0.5 else int(rng.integers(1, config.length + 1))
        return episode.cut(max(0, len(episode) - kept), len(episode))
    # Episodes count by their length, so that every step is as likely to be shown; the failing last step
    # is left to the branch above.
    lengths = np.array([len(episode) - episode.failed for episode in episodes])
    weights = np.maximum(lengths - config.length + 1, 0)
    if not weights.any():
        weights = lengths if lengths.any() else lengths + 1
    episode = episodes[rng.choice(len(episodes), p=weights / weights.sum())]
    usable = max(len(episode) - episode.failed, 1)
    start = int(rng.integers(max(usable - config.length, 0) + 1))
    return episode.cut(start, min(start + config.length, usable))
