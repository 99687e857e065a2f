r"""An alarm for reward hacking: the learned reward rises while what it stands for falls.

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
#: Which series may rise while which falls.
_TESTS = (
    ("learned_return", "true_return"),
    ("learned_return", "held_out_agreement"),
    ("learned_reward", "true_reward"),
)


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
        window: Evaluation points that are looked at together, at least 6; twice and four times as many are
            looked at as well, where there are so many.
        level: Probability by which a trend may be seen where there is none, in (0, 0.5), shared out among the
            windows that do not overlap and the series (Bonferroni).  With the default, fewer than 5 % of runs
            without a trend in the truth fire, even where the learned return always rises and neighbours
            correlate by ½.
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
    """Look through a run for a window in which what is learned from rises and the truth falls.

    Looked at are the return of an episode and the reward of a step, each beside the true one: an agent that
    climbs the reward of a step may make episodes so short that the learned return falls as well.  The truth
    may also be the agreement on held-out pairs.  Agreement is looked at once per fit, as it cannot change
    between two, and so counts only in runs of at least six fits; its trend is over as many fits as a window
    has points.

    The reward model's scale may change with every fit: a jump of the learned return at a fit is no proof of
    a better agent.  It is one point of a window, and the test looks at ranks.

    Args:
        progress: The points of a run.
        config: When to fire.

    Returns:
        The first window that fires, or why none does.
    """
    settings = config or AlarmConfig()
    points = len(progress.steps)
    if points < _FEWEST:
        return Alarm(False, None, f"{points} points are fewer than {_FEWEST}", judged=False)
    # Which points of a series count does not change from window to window.
    known = {name: _known(progress, name) for test in _TESTS for name in test}
    tests = [test for test in _TESTS if all(known[name].size >= _FEWEST for name in test)]
    if not tests:
        reason = "what is learned from, or both the true reward and held-out agreement, are known too seldom"
        return Alarm(False, None, reason, judged=False)
    windows = _windows(settings.window, points)
    looks = sum(max(points / window, 1.0) for window in windows) * len({learned for learned, _ in tests})
    level = settings.level / looks
    for end in range(_FEWEST, points + 1):
        for window in windows:
            for learned, truth in tests:
                rise = _trailing(progress, learned, known[learned], end, window)
                if rise is None or rise[0].rising >= level:
                    continue
                fall = _trailing(progress, truth, known[truth], end, window)
                if fall is not None and fall[0].falling < level:
                    begin = max(rise[1], fall[1])
                    last = int(progress.steps[end - 1])
                    return Alarm(True, begin, _reason((learned, rise[0]), (truth, fall[0]), begin, last))
    return Alarm(False, None, "nothing learned rose while the true reward or held-out agreement fell")


def _windows(shortest: int, points: int) -> list[int]:
    """Return the sizes of windows [points]: a slow trend shows in a long one only."""
    return [shortest, *(size for size in (2 * shortest, 4 * shortest) if size <= points)]


def _known(progress: TrainingProgress, name: str) -> NDArray[np.int64]:
    """Return the indices of the points at which a series is known, for agreement those of a new fit."""
    known = np.isfinite(getattr(progress, name))
    if name == "held_out_agreement":
        known &= np.r_[True, np.diff(progress.labels) != 0]
    return np.flatnonzero(known)


def trend(x: ArrayLike, y: ArrayLike) -> Trend:
    r"""Test a series for a trend (Mann 1945, Kendall 1975).

    :math:`S = \sum_{i<j} \mathrm{sgn}(y_j - y_i)` has mean 0 and variance
    :math:`[n(n-1)(2n+5) - \sum_t t(t-1)(2t+5)] / 18` without trend, t running over the sizes of ties;
    p-values are those of a normal, with a correction for continuity.  Values that follow each
    other are alike, as a mean over recent episodes is, so that the variance is multiplied by
    :math:`(1 + r) / (1 - r)`, with the correlation :math:`r \ge 0` of neighbours about the trend (Bayley and
    Hammersley 1946).

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
    """Return by how much likeness of neighbours spreads the statistic.

    Where neighbours correlate by r, values two apart differ by 1 + r times the square of what neighbours do.
    The slope of a trend that bends hardly shows in such differences, unlike in products of residuals.
    """
    squares = [float(np.square(residuals[apart:] - residuals[:-apart]).mean()) for apart in (1, 2)]
    if squares[0] <= 0:
        return 1.0
    # In a short series the correlation comes out too low.
    neighbours = min(max(squares[1] / squares[0] - 1 + 2 / len(residuals), 0.0), 0.8)
    return (1 + neighbours) / (1 - neighbours)


def _trailing(
    progress: TrainingProgress, name: str, known: NDArray[np.int64], end: int, window: int
) -> tuple[Trend, int] | None:
    """Return the trend of the last known values before ``end``, and the step of the first of them."""
    places = known[known < end][-window:]
    if len(places) < _FEWEST:
        return None
    steps = progress.steps[places]
    return trend(steps, getattr(progress, name)[places]), int(steps[0])


def _reason(learned: tuple[str, Trend], truth: tuple[str, Trend], begin: int, end: int) -> str:
    (risen, fallen), (rise, fall) = (
        [name.replace("_", " ").replace("held out", "held-out") for name, _ in (learned, truth)],
        [f"{abs(1000 * found.slope):.3g} per 1,000 steps" for _, found in (learned, truth)],
    )
    return f"from step {begin:,} to {end:,} the {risen} rises by {rise} while the {fallen} falls by {fall}"
