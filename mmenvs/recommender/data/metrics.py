"""How well probabilities fit and how alike two samples are; each number with its formula."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mmenvs.recommender.data.regression import fit_logistic, logistic

Floats = NDArray[np.float64]


def auc(label: ArrayLike, score: ArrayLike) -> float:
    """Return the probability that a positive scores above a negative, ties counting half.

    ``(sum of the positives' mid-ranks - P (P + 1) / 2) / (P N)``: Mann & Whitney's U (1947), scaled.

    Args:
        label: True or 1 for positives, shape (rows,).
        score: Larger for likelier positives, shape (rows,).

    Returns:
        In [0, 1]; 0.5 is chance; NaN if a class is missing.
    """
    positive = np.asarray(label, bool)
    _same_length("score", score, positive)
    values, group, size = np.unique(np.asarray(score, np.float64), return_inverse=True, return_counts=True)
    last = np.cumsum(size)
    middle = last - (size - 1) / 2.0
    count = int(positive.sum())
    others = len(positive) - count
    if not count or not others or np.isnan(values[-1]):
        return float("nan")
    ranks = float(middle[group.reshape(-1)][positive].sum())
    return (ranks - count * (count + 1) / 2.0) / (count * others)


def expected_calibration_error(label: ArrayLike, probability: ArrayLike, bins: int = 10) -> float:
    """Return how far probabilities are from frequencies: ``sum_b n_b / n |mean p_b - mean y_b|``.

    Naeini, Cooper & Hauskrecht, AAAI 2015, with bins of equal width.

    Args:
        label: 0 or 1, shape (rows,).
        probability: In [0, 1], shape (rows,).
        bins: At least 1.

    Returns:
        In [0, 1]; 0 is perfect; NaN without rows.
    """
    y, p = np.asarray(label, np.float64), np.asarray(probability, np.float64)
    _same_length("probability", p, y)
    if not len(y):
        return float("nan")
    if p.min() < 0.0 or p.max() > 1.0:
        raise ValueError(f"probability={p.min():g} to {p.max():g} must lie in [0, 1]")
    which = np.minimum((p * bins).astype(np.int64), bins - 1)
    gap = np.bincount(which, p - y, bins)
    return float(np.abs(gap).sum() / len(y))


def log_likelihood(label: ArrayLike, probability: ArrayLike) -> float:
    """Return the mean over rows of ``y log p + (1 - y) log(1 - p)`` [nat]; p is kept 1e-12 off 0 and 1."""
    y = np.asarray(label, np.float64)
    _same_length("probability", probability, y)
    p = np.clip(np.asarray(probability, np.float64), 1e-12, 1.0 - 1e-12)
    return float(np.mean(y * np.log(p) + (1.0 - y) * np.log1p(-p))) if len(y) else float("nan")


def rmse(truth: ArrayLike, prediction: ArrayLike) -> float:
    """Return the root of the mean squared difference."""
    difference = np.asarray(truth, np.float64) - np.asarray(prediction, np.float64)
    return float(np.sqrt(np.mean(difference**2))) if difference.size else float("nan")


def ks_distance(one: ArrayLike, other: ArrayLike) -> float:
    """Return the largest gap between two samples' distribution functions (Kolmogorov & Smirnov).

    Args:
        one: A sample, shape (rows,).
        other: Another, of any length.

    Returns:
        In [0, 1]; 0 where the samples are distributed alike; NaN if one is empty.
    """
    a, b = np.sort(np.asarray(one, np.float64)), np.sort(np.asarray(other, np.float64))
    if not len(a) or not len(b):
        return float("nan")
    points = np.concatenate([a, b])
    gap = np.searchsorted(a, points, "right") / len(a) - np.searchsorted(b, points, "right") / len(b)
    return float(np.abs(gap).max())


def kl_divergence(real: ArrayLike, simulated: ArrayLike, pseudocount: float = 0.5) -> float:
    """Return ``sum_b p_b log(p_b / q_b)`` of two histograms [nat].

    Args:
        real: Counts that give p, shape (bins,).
        simulated: Counts that give q, shape (bins,).
        pseudocount: Added to every count (Krichevsky & Trofimov's 1/2), which keeps an empty bin finite; 0
            for the counts as they are.

    Returns:
        At least 0; 0 for equal shares; NaN without any counts.
    """
    p, q = np.asarray(real, np.float64), np.asarray(simulated, np.float64)
    _same_length("simulated", q, p)
    p, q = p + pseudocount, q + pseudocount
    if p.sum() <= 0.0 or q.sum() <= 0.0:
        return float("nan")
    p, q = p / p.sum(), q / q.sum()
    with np.errstate(divide="ignore", invalid="ignore"):
        return float(np.where(p > 0.0, p * np.log(p / q), 0.0).sum())


def two_sample_auc(one: ArrayLike, other: ArrayLike, *, folds: int = 2, seed: int = 0) -> float:
    """Return how well a logistic classifier tells two samples apart: 0.5 if not at all.

    A classifier two-sample test (Lopez-Paz & Oquab, ICLR 2017): the AUC of predictions for rows that the
    classifier was not fitted on.  It sees standardised features and their squares, and a ridge keeps it
    finite.

    Args:
        one: Shape (rows, features).
        other: Shape (other rows, features).
        folds: Parts for cross-fitting, at least 2.
        seed: Of the parts.

    Returns:
        About 0.5 (perfect) to 1; NaN if a sample has fewer rows than parts.
    """
    a, b = np.atleast_2d(np.asarray(one, np.float64)), np.atleast_2d(np.asarray(other, np.float64))
    if a.shape[1] != b.shape[1]:
        raise ValueError(f"other has {b.shape[1]} features, but one has {a.shape[1]}")
    if min(len(a), len(b)) < folds:
        return float("nan")
    features = np.concatenate([a, b])
    label = np.repeat([0.0, 1.0], [len(a), len(b)])
    spread = features.std(axis=0)
    features = (features - features.mean(axis=0)) / np.where(spread > 0.0, spread, 1.0)
    features = np.concatenate([np.ones((len(features), 1)), features, features**2], axis=1)
    rng = np.random.default_rng(seed)
    fold = np.concatenate([rng.permutation(len(a)), rng.permutation(len(b))]) % folds
    # Each part is ranked by its own classifier, so each has its own AUC.
    areas = []
    for part in range(folds):
        rest = fold != part
        fit = fit_logistic(features[rest], label[rest], ridge=1.0)
        areas.append(auc(label[~rest], logistic(features[~rest] @ fit.coefficients)))
    return float(np.mean(areas))


def _same_length(name: str, values: Any, reference: NDArray[Any]) -> None:
    if np.shape(values) != reference.shape:
        raise ValueError(f"{name} has the shape {np.shape(values)}, but must have {reference.shape}")
