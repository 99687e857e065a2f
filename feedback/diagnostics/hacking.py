r"""An alarm for reward hacking: the learned return rises while what it stands for falls.

An agent that has found a hole in a learned reward gets more and more of it and does worse and worse
(Gao et al. 2023, arXiv:2210.10760, call it overoptimisation; Goodhart's law).  Here a trend is what
Mann-Kendall's test calls one, and its size is Theil and Sen's slope; neither is moved by a few outliers.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from feedback.diagnostics.progress import TrainingProgress

#: Fewer values than this are no trend, however they lie.
_FEWEST = 6


@dataclass(frozen=True)
class Alarm:
    """Whether the reward is being hacked.

    Attributes:
        fired: Whether it is.
        since_step: World step at which the first window begins in which it fired; None if it did not.
        reason: What was seen, in words; also why there was nothing to judge.
        judged: Whether there was enough to judge by.
    """

    fired: bool
    since_step: int | None
    reason: str
    judged: bool = True


@dataclass(frozen=True)
class AlarmConfig:
    """When the alarm fires.

    Attributes:
        window: Evaluation points that are looked at together, at least 6.
        level: Probability by which a trend may be seen where there is none, in (0, 0.5), shared out among the
            windows that do not overlap (Bonferroni).  With the default, fewer than 5 % of runs without a
            trend in the truth fire, even where the learned return always rises and neighbours correlate by ½.
    """

    window: int = 16
    level: float = 0.003

    def __post_init__(self) -> None:
        """Validate.

        Raises:
            ValueError: Naming the field, its value and what is allowed.
        """
        if self.window < _FEWEST:
            raise ValueError(f"window={self.window} must be at least {_FEWEST} [points]")
        if not 0 < self.level < 0.5:
            raise ValueError(f"level={self.level} must be in (0, 0.5)")


@dataclass(frozen=True)
class Trend:
    """Which way a series goes.

    Attributes:
        slope: Median of the slopes between all pairs of points (Theil 1950, Sen 1968), per unit of x.
        rising: One-sided p-value of a rise, in [0, 1]; small if it rises.
        falling: One-sided p-value of a fall.
        points: Values that counted.
    """

    slope: float
    rising: float
    falling: float
    points: int


def hacking_alarm(progress: TrainingProgress, config: AlarmConfig | None = None) -> Alarm:
    """Look through a run for a window in which the learned return rises and the truth falls.

    The truth is the true return, or the agreement on held-out pairs.  Agreement is looked at once per
    fit, as it cannot change between two, and so counts only in runs of at least six fits; its trend is over
    as many fits as a window has points.

    The reward model's scale may change with every fit: a jump of the learned return at a fit is no proof of
    a better agent.  It is one point of a window, and the test looks at ranks.

    Args:
        progress: The points of a run.
        config: When to fire.

    Returns:
        The first window that fires, or why none does.
    """
    settings = config or AlarmConfig()
    if len(progress.steps) < _FEWEST:
        return Alarm(False, None, f"{len(progress.steps)} points are fewer than {_FEWEST}", judged=False)
    refit = np.r_[True, np.diff(progress.labels) != 0] & np.isfinite(progress.held_out_agreement)
    agreements = np.where(refit, progress.held_out_agreement, np.nan)
    counts = [int(np.isfinite(series).sum()) for series in (progress.true_return, agreements)]
    if np.isfinite(progress.learned_return).sum() < _FEWEST or max(counts) < _FEWEST:
        reason = "the learned return, or both true return and held-out agreement, are known too seldom"
        return Alarm(False, None, reason, judged=False)
    level = settings.level / max(len(progress.steps) / settings.window, 1.0)
    for end in range(_FEWEST, len(progress.steps) + 1):
        learned = _trailing(progress, progress.learned_return, end, settings.window)
        if learned is None or learned[0].rising >= level:
            continue
        for name, series in (("true return", progress.true_return), ("held-out agreement", agreements)):
            truth = _trailing(progress, series, end, settings.window)
            if truth is not None and truth[0].falling < level:
                begin = max(learned[1], truth[1])
                return Alarm(True, begin, _reason(name, begin, int(progress.steps[end - 1]), learned, truth))
    return Alarm(False, None, "the learned return never rose while true return or held-out agreement fell")


def trend(x: ArrayLike, y: ArrayLike) -> Trend:
    r"""Test a series for a trend (Mann 1945, Kendall 1975).

    :math:`S = \sum_{i<j} \mathrm{sgn}(y_j - y_i)` has mean 0 and variance
    :math:`[n(n-1)(2n+5) - \sum_t t(t-1)(2t+5)] / 18` without trend, t running over the sizes of ties;
    p-values are those of a normal, with a correction for continuity.  Values that follow each
    other are alike, as a mean over recent episodes is, so that the variance is multiplied by
    :math:`(1 + r) / (1 - r)`, with the correlation :math:`r \ge 0` of neighbours
    about the line of the slope (Bayley and Hammersley 1946).

    Args:
        x: Where, growing, shape (points,).
        y: What; NaN where unknown, shape (points,).
    """
    places, values = np.asarray(x, float), np.asarray(y, float)
    places, values = places[np.isfinite(values)], values[np.isfinite(values)]
    n = len(values)
    if n < 3:
        return Trend(math.nan, 1.0, 1.0, n)
    i, j = np.triu_indices(n, 1)
    rises = values[j] - values[i]
    total = np.sign(rises).sum()
    ties = np.unique(values, return_counts=True)[1]
    variance = (n * (n - 1) * (2 * n + 5) - (ties * (ties - 1) * (2 * ties + 5)).sum()) / 18
    slope = float(np.median(rises / (places[j] - places[i])))
    variance *= _inflation(values - slope * places)
    if variance == 0:
        return Trend(slope, 1.0, 1.0, n)
    scale = math.sqrt(2 * variance)
    rising, falling = (0.5 * math.erfc((sign * total - 1) / scale) for sign in (1, -1))
    return Trend(slope, rising, falling, n)


def _inflation(residuals: NDArray[np.float64]) -> float:
    centred = residuals - residuals.mean()
    power = float(centred @ centred)
    if power <= 0:
        return 1.0
    n = len(residuals)
    # In a short series about its own line the correlation of neighbours comes out too low by (2 + 4 r) / n.
    neighbours = (float(centred[1:] @ centred[:-1]) / power + 2 / n) / (1 - 4 / n)
    neighbours = min(max(neighbours, 0.0), 0.8)
    return (1 + neighbours) / (1 - neighbours)


def _trailing(
    progress: TrainingProgress, series: NDArray[np.float64], end: int, window: int
) -> tuple[Trend, int] | None:
    """Return the trend of the last known values before ``end``, and the step of the first of them."""
    known = np.flatnonzero(np.isfinite(series[:end]))[-window:]
    if len(known) < _FEWEST:
        return None
    return trend(progress.steps[known], series[known]), int(progress.steps[known[0]])


def _reason(name: str, begin: int, end: int, learned: tuple[Trend, int], truth: tuple[Trend, int]) -> str:
    rise, fall = (f"{abs(1000 * found.slope):.3g} per 1,000 steps" for found, _ in (learned, truth))
    return (
        f"from step {begin:,} to {end:,} the learned return rises by {rise} while the {name} falls by {fall}"
    )
