"""Whether a reward model's probabilities are what they say: of pairs at 80 %, are 80 % ranked right?"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

#: Temperatures are looked for between these; the ends mean that every pair, or none, is ranked right.
COLDEST, HOTTEST = 0.01, 100.0


@dataclass(frozen=True)
class Bin:
    """Pairs of about the same confidence.

    Attributes:
        confidence: Their mean confidence, in [½, 1].
        accuracy: Share of them that was ranked as the labeller did.
        pairs: How many.
    """

    confidence: float
    accuracy: float
    pairs: int


@dataclass(frozen=True)
class Calibration:
    """How far confidence and accuracy lie apart.

    Attributes:
        bins: The reliability curve, by growing confidence; empty bins are left out.
        error: Expected calibration error (ECE), in [0, 1].
        by_chance: The ECE that a perfectly calibrated model stays below in 95 % of samples of this size.
        confidence: Mean confidence.
        accuracy: Share of pairs ranked as the labeller did.
        loss: Mean negative log-likelihood [nats].
        temperature: What to divide the differences of scores by, so that the loss is least.
        tempered_loss: The loss that is left then [nats].
        pairs: Number of decided pairs.
    """

    bins: tuple[Bin, ...]
    error: float
    by_chance: float
    confidence: float
    accuracy: float
    loss: float
    temperature: float
    tempered_loss: float
    pairs: int


def probabilities(first: ArrayLike, second: ArrayLike) -> NDArray[np.float64]:
    r"""Return the probability that the first segment is better, averaged over an ensemble.

    :math:`\bar P = \frac1M \sum_m \mathrm{sigmoid}(R^m_1 - R^m_2)` (Bradley and Terry 1952; averaged as
    Christiano et al. 2017, arXiv:1706.03741, do for asking).

    Args:
        first: Scores of the first segments, shape (members, pairs).
        second: Scores of the second segments, shape (members, pairs).

    Returns:
        Shape (pairs,).
    """
    differences = np.asarray(first, float) - np.asarray(second, float)
    # tanh does not overflow, whatever the scores.
    return np.asarray((0.5 + 0.5 * np.tanh(differences / 2)).mean(0))


def calibration(predicted: ArrayLike, targets: ArrayLike, *, bins: int = 10, seed: int = 0) -> Calibration:
    r"""Measure calibration on decided pairs.

    Which of two segments is called the first is chance, so each pair is looked at from the side that the
    model favours: its confidence is :math:`c = \max(P, 1 - P)`.  In bins :math:`B_b` of equal width over
    [½, 1], :math:`\mathrm{ECE} = \sum_b \frac{|B_b|}{n} |\mathrm{acc}(B_b) - \mathrm{conf}(B_b)|` (Guo et
    al. 2017, arXiv:1706.04599).  On few pairs the ECE is large by chance alone; ``by_chance`` says how
    large, from answers drawn with the model's own probabilities (consistency resampling, Bröcker and
    Smith 2007).  The temperature is Guo et al.'s, for a model with the logit of :math:`\bar P`.

    Args:
        predicted: Probability that the first is better, shape (pairs,).
        targets: 1 where the first was preferred, 0 where the second was, ½ if they are equal (such pairs
            are left out), shape (pairs,).
        bins: Number of bins.
        seed: Seed of the draws for ``by_chance``.

    Raises:
        ValueError: If no pair was decided, a probability is outside [0, 1], or there is no bin.
    """
    chance, wanted = np.asarray(predicted, float), np.asarray(targets, float)
    if bins < 1:
        raise ValueError(f"bins={bins} must be at least 1")
    if not np.all((chance >= 0) & (chance <= 1)):
        raise ValueError("predicted must hold probabilities in [0, 1]")
    chance, wanted = chance[wanted != 0.5], wanted[wanted != 0.5]
    if not chance.size:
        raise ValueError("targets must hold at least one decided pair")
    confidence = np.maximum(chance, 1 - chance)
    right = np.where(chance == 0.5, 0.5, (chance > 0.5) == (wanted > 0.5))
    place = np.minimum(((confidence - 0.5) * 2 * bins).astype(int), bins - 1)
    draws = np.random.default_rng(seed).random((500, chance.size)) < confidence
    by_chance = [_error(confidence, drawn.astype(float), place) for drawn in draws]
    # The logit from the side of the answer: positive if the pair is ranked as the labeller did.
    clipped = np.clip(np.where(wanted > 0.5, chance, 1 - chance), 1e-12, 1 - 1e-12)
    logits = np.log(clipped) - np.log1p(-clipped)
    temperature = best_temperature(logits)
    return Calibration(
        bins=tuple(
            Bin(
                float(confidence[place == b].mean()), float(right[place == b].mean()), int((place == b).sum())
            )
            for b in np.unique(place)
        ),
        error=_error(confidence, right, place),
        by_chance=float(np.percentile(by_chance, 95)),
        confidence=float(confidence.mean()),
        accuracy=float(right.mean()),
        loss=_loss(logits),
        temperature=temperature,
        tempered_loss=_loss(logits / temperature),
        pairs=chance.size,
    )


def best_temperature(logits: NDArray[np.float64]) -> float:
    r"""Return the temperature T that minimises :math:`\sum_i \log(1 + e^{-z_i / T})`.

    In :math:`1 / T` that is convex, so its slope is followed to zero by bisection.

    Args:
        logits: Of the answers that were given: positive where the model favours them, shape (pairs,).

    Returns:
        Between :data:`COLDEST` (all are ranked right: any confidence is too little) and :data:`HOTTEST`
        (the order is no better than a coin's).
    """
    low, high = math.log(1 / HOTTEST), math.log(1 / COLDEST)
    for _ in range(60):
        middle = (low + high) / 2
        slope = -(logits * np.exp(-np.logaddexp(0.0, logits * math.exp(middle)))).sum()
        low, high = (middle, high) if slope <= 0 else (low, middle)
    return math.exp(-(low + high) / 2)


def _loss(logits: NDArray[np.float64]) -> float:
    return float(np.logaddexp(0.0, -logits).mean())


def _error(confidence: NDArray[np.float64], right: NDArray[np.float64], place: NDArray[np.int64]) -> float:
    # |B| / n times the gap of the means is the gap of the sums over n.
    return float(np.abs(np.bincount(place, right - confidence)).sum() / len(place))
