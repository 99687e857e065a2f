"""More out of few answers: SURF (Park et al. 2022, arXiv:2203.10050).

Two things that cost no labels.  Pairs that nobody was asked about are learned from with the answer that the
ensemble gives itself, where it is sure; and segments that were compared are cropped at random, anew in every
pass, because of most pairs a piece says the same as the whole.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from feedback.clips import Segment
from feedback.evidence import Comparison, Evidence
from feedback.losses import bradley_terry_loss

Pair = tuple[Segment, Segment]


class Judge(Protocol):
    """What answers itself: a :class:`~feedback.reward_models.RewardModel`."""

    def probabilities(self, first: Sequence[Segment], second: Sequence[Segment]) -> NDArray[np.float64]:
        """Return how likely each first segment is preferred, shape (pairs,)."""
        ...

    def holds_out(self, *digests: str) -> bool:
        """Whether a judgement on clips of these hashes is kept for measuring agreement."""
        ...


@dataclass(frozen=True)
class Guesses:
    """What an ensemble thinks of pairs that nobody was asked about.

    Attributes:
        pairs: The pairs.
        first: Whether it thinks the first is better, shape (pairs,).
        sure: Whether it is sure of that, shape (pairs,).
    """

    pairs: tuple[Pair, ...]
    first: NDArray[np.bool_]
    sure: NDArray[np.bool_]

    @classmethod
    def of(cls, judge: Judge, pairs: Sequence[Pair], threshold: float) -> Guesses:
        """Let an ensemble answer; pairs that agreement is measured on are left out.

        Args:
            judge: The ensemble, fitted before.
            pairs: The pairs.
            threshold: Probability above which it is sure, in [0.5, 1).
        """
        kept = tuple(pair for pair in pairs if not judge.holds_out(*(segment.digest for segment in pair)))
        if not kept:
            return cls((), np.zeros(0, np.bool_), np.zeros(0, np.bool_))
        chances = judge.probabilities([first for first, _ in kept], [second for _, second in kept])
        return cls(kept, chances > 0.5, np.maximum(chances, 1.0 - chances) > threshold)

    def loss(
        self,
        score: Callable[[Sequence[Segment]], Tensor],
        count: int,
        crop: float,
        rng: np.random.Generator,
    ) -> Tensor:
        """Return the cross-entropy of some of the guesses; those that are not sure count as 0.

        Args:
            score: Scores segments by the member that learns, shape (segments,).
            count: Pairs that are drawn.
            crop: As for :func:`cropped`.
            rng: Where the choices come from.

        Returns:
            The mean over the pairs drawn, shape ().
        """
        drawn = rng.integers(len(self.pairs), size=count) if self.pairs else np.zeros(0, np.int64)
        chosen = [int(index) for index in drawn if self.sure[index]]
        if not chosen:
            return torch.zeros(())
        pairs = [crop_pair(*self.pairs[index], crop, rng) for index in chosen]
        scores = score([segment for pair in pairs for segment in pair])
        better = torch.as_tensor(self.first[chosen], device=scores.device)
        target = torch.stack((better, ~better), 1).to(scores.dtype)
        return bradley_terry_loss(scores[0::2], scores[1::2], target).sum() / count


def cropped(evidence: Sequence[Evidence], crop: float, rng: np.random.Generator) -> list[Evidence]:
    """Crop the segments of comparisons at random; other judgements stay whole.

    Args:
        evidence: Judgements.
        crop: Least share of a segment that is left, in (0, 1]; 1 leaves all.
        rng: Where the choices come from.
    """
    result: list[Evidence] = []
    for item in evidence:
        if isinstance(item, Comparison):
            first, second = crop_pair(item.first, item.second, crop, rng)
            result.append(replace(item, first=first, second=second))
        else:
            result.append(item)
    return result


def crop_pair(first: Segment, second: Segment, crop: float, rng: np.random.Generator) -> Pair:
    """Cut a piece out of each of two segments, both of the same length, at places of their own.

    A pair of which one ended its episode stays as it is: the end decides most of these, and the number of
    steps before it is a part of what they say.
    """
    length = min(len(first), len(second))
    shortest = max(math.ceil(crop * length), 1)
    if first.terminated or second.terminated or shortest == length:
        return first, second
    kept = int(rng.integers(shortest, length + 1))
    begins = [int(rng.integers(len(segment) - kept + 1)) for segment in (first, second)]
    return first.cut(begins[0], begins[0] + kept), second.cut(begins[1], begins[1] + kept)
