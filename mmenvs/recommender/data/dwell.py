"""How long users stay: a mixture of exponential skips and log-normal stays, fitted by EM."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mmenvs.core.kernels import device_function, fast_function
from mmenvs.recommender.data.regression import Fit, fit_logistic, logistic, maximise

Floats = NDArray[np.float64]

#: Share of dwell times, and their number, that must equal the longest for it to be taken as a limit.
_ATOM, _ATOM_ROWS = 0.01, 5

_ROOT = math.sqrt(2.0)


class DwellFit(NamedTuple):
    """The mixture: ``skip_dwell, skip_slope, dwell_limit, dwell_spread``, and the margin of reference.

    Attributes:
        values: Shape (5,).
        stderr: Shape (5,); 0 for a limit that the data show as a pile of equal times, infinite for a
            reference where they do not.
        capped: Whether they do.
        converged: Whether the likelihood's maximum was found.
    """

    values: Floats
    stderr: Floats
    capped: bool
    converged: bool


def fit_dwell(dwell: Floats, margin: Floats) -> DwellFit:
    """Fit dwell times of clicked items.

    With probability ``logistic(-slope (m - reference))`` of the margin m = (score - no_click_score) /
    temperature the user skips after an exponential time of mean ``skip``; otherwise the time is log-normal
    with the median ``skip + (limit - skip) logistic(m - reference)`` and the spread of its logarithm.  Both
    are censored at ``limit``: the law of :mod:`mmenvs.recommender.users.dwell`.  EM (Dempster, Laird & Rubin,
    1977) starts Newton steps on the likelihood, whose curvature gives the errors.  If at least 1% of the
    times equal the longest, that is the limit; otherwise nothing is censored, the limit is but the scale of
    the medians, and the reference is 0.

    With true scores the reference is 0, and all are unbiased.  Fitted scores miss a part of what users like,
    and clicks select items that are better than they are thought to be: the reference falls below 0, the
    slope becomes flatter and the spread wider, as they must for simulated dwell times to be like real ones.

    Args:
        dwell: [s], at least 0, shape (rows,).
        margin: [logit], shape (rows,).

    Returns:
        The fit.
    """
    time = np.maximum(dwell, 1e-3)
    longest = float(time.max())
    equal = int((time >= longest).sum())
    capped = equal >= max(_ATOM * len(time), _ATOM_ROWS)
    censored = (time >= longest) if capped else np.zeros(len(time), bool)
    start = _expectation_maximisation(time, margin, censored, longest if capped else None)
    free = np.array([True, True, not capped, True, capped])

    # Positive numbers as their logarithms; slope and reference may have either sign.
    first = np.array([np.log(start[0]), start[1], np.log(start[2]), np.log(start[3]), 0.0])

    def whole(c: Floats) -> Floats:
        theta = first.copy()
        theta[free] = c
        return theta

    def value(c: Floats) -> float:
        skip, slope, limit, spread, reference = whole(c)
        largest = max(skip, limit, spread, abs(slope), abs(reference))
        if largest > 20.0 or min(skip, limit, spread) < -10.0 or skip >= limit:
            return -np.inf
        positive = math.exp(skip), slope, math.exp(limit), math.exp(spread)
        return float(_log_likelihood(time, margin - reference, censored, *positive))

    fit = maximise(value, first[free])
    found = _natural(fit, whole(fit.coefficients), free, capped)
    if capped:
        found.values[2] = longest  # the exponential of its logarithm is off by a rounding
    return found


def _natural(fit: Fit, theta: Floats, free: NDArray[np.bool_], capped: bool) -> DwellFit:
    """Turn logarithms into numbers, and their errors with them (delta method)."""
    stderr = np.zeros(5)
    stderr[free] = fit.stderr
    stderr[4] = stderr[4] if free[4] else np.inf
    values = np.exp(theta)
    values[[1, 4]] = theta[[1, 4]]
    stderr[[0, 2, 3]] *= values[[0, 2, 3]]
    return DwellFit(values, stderr, capped, fit.converged)


def _expectation_maximisation(
    time: Floats, margin: Floats, censored: NDArray[np.bool_], cap: float | None, rounds: int = 60
) -> Floats:
    """Return skip, slope, limit and spread near the maximum."""
    # Cut at a low quantile: what is shorter starts as a skip.
    skip = float(np.quantile(time, 0.1)) + 1e-3
    stays = time[time > 3.0 * skip] if (time > 3.0 * skip).any() else time
    limit = cap if cap is not None else 2.0 * float(np.median(stays))
    skip = min(skip, 0.5 * limit)
    slope, spread = 1.0, max(float(np.log(stays).std()), 0.1)
    uncensored = ~censored
    share = logistic(margin)
    for _ in range(rounds):
        before = np.array([skip, slope, limit, spread])
        skipping = np.empty(len(time))
        _responsibilities(time, margin, censored, skip, slope, limit, spread, skipping)
        if float((skipping * uncensored).sum()) > 1e-6:
            skip = float((skipping * time).sum() / (skipping * uncensored).sum())
        skip = min(max(skip, 1e-3), 0.5 * limit)
        step = fit_logistic(-margin[:, None], skipping, ridge=1e-3, start=np.array([slope]), iterations=1)
        slope = float(step.coefficients[0])
        staying = (1.0 - skipping) * uncensored
        if cap is None and staying.sum() > 1e-6:
            # The limit scales the medians: match the mean logarithm of the stays.
            gap = staying @ (np.log(time) - np.log(skip + (limit - skip) * share)) / staying.sum()
            limit = max(limit * math.exp(float(gap)), 2.0 * skip)
        gap = np.log(time) - np.log(skip + (limit - skip) * share)
        # A censored stay's square is at least this; the Newton steps that follow do it exactly.
        spread = math.sqrt(max(float((1.0 - skipping) @ gap**2 / max((1.0 - skipping).sum(), 1e-6)), 1e-4))
        now = np.array([skip, slope, limit, spread])
        if np.abs(now - before).max() < 1e-4 * np.abs(before).max():
            break
    return now


@device_function
def _logs_of_parts(
    time: float, margin: float, censored: bool, skip: float, slope: float, limit: float, spread: float
) -> tuple[float, float]:
    """Return the log-densities (log-survivals where censored) of a skip and of a stay, with their shares."""
    odds = slope * margin  # log of P(stay) / P(skip)
    log_stay = -math.log1p(math.exp(-odds)) if odds > -30.0 else odds
    log_skip = log_stay - odds
    z = (math.log(time) - math.log(skip + (limit - skip) / (1.0 + math.exp(-margin)))) / spread
    if censored:
        tail = 0.5 * math.erfc(z / _ROOT)
        return log_skip - time / skip, log_stay + math.log(max(tail, 1e-300))
    stay = log_stay - 0.5 * z * z - math.log(spread * time) - 0.9189385332046727  # log sqrt(2 pi)
    return log_skip - math.log(skip) - time / skip, stay


@fast_function
def _responsibilities(
    time: Floats,
    margin: Floats,
    censored: NDArray[np.bool_],
    skip: float,
    slope: float,
    limit: float,
    spread: float,
    out: Floats,
) -> None:
    """Write the probability that each time was a skip."""
    for row in range(len(time)):
        left, right = _logs_of_parts(time[row], margin[row], censored[row], skip, slope, limit, spread)
        out[row] = 1.0 / (1.0 + math.exp(min(max(right - left, -700.0), 700.0)))


@fast_function
def _log_likelihood(
    time: Floats,
    margin: Floats,
    censored: NDArray[np.bool_],
    skip: float,
    slope: float,
    limit: float,
    spread: float,
) -> float:
    total = 0.0
    for row in range(len(time)):
        left, right = _logs_of_parts(time[row], margin[row], censored[row], skip, slope, limit, spread)
        top = max(left, right)
        total += top + math.log(math.exp(left - top) + math.exp(right - top))
    return total
