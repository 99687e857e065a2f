"""What users click: the multinomial logit over slates, the position-based model, and how places bias both."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mmenvs.recommender.data.regression import Fit, fit_logistic, logistic, maximise, newton

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


def choice_probabilities(
    coefficients: Floats, features: Floats, starts: Integers, offset: Floats | float = 0.0
) -> Floats:
    """Return ``P(i) = e^{x_i . c} / (e^{c_0} + sum_j e^{x_j . c})`` of each row (McFadden, 1974).

    Args:
        coefficients: Utility of choosing nothing, then one a feature; shape (features + 1,).
        features: x, shape (rows, features), slate after slate.
        starts: Where each slate begins, and the number of rows; shape (slates + 1,).
        offset: Known part of each utility, shape (rows,).

    Returns:
        Shape (rows,).
    """
    sizes = np.diff(starts)
    utility = features @ coefficients[1:] + offset
    top = np.maximum(np.maximum.reduceat(utility, starts[:-1]), coefficients[0])
    weight = np.exp(utility - np.repeat(top, sizes))
    total = np.exp(coefficients[0] - top) + np.add.reduceat(weight, starts[:-1])
    return np.asarray(weight / np.repeat(total, sizes))


def fit_choice(
    features: Floats, starts: Integers, clicked: NDArray[np.bool_], offset: Floats | None = None
) -> Fit:
    """Fit the multinomial logit by Newton's method; a slate with several clicks counts as several choices.

    Args:
        features: Shape (rows, features), slate after slate.
        starts: Where each slate begins, and the number of rows; shape (slates + 1,).
        clicked: Shape (rows,).
        offset: Known part of each utility, shape (rows,).

    Returns:
        Coefficients as :func:`choice_probabilities` takes them, with their covariance.
    """
    first, sizes = starts[:-1], np.diff(starts)
    y = clicked.astype(np.float64)
    clicks = np.add.reduceat(y, first)
    choices = np.maximum(clicks, 1.0)
    nothing = float((clicks == 0.0).sum())
    taken = y @ features
    known = np.zeros(len(y)) if offset is None else offset

    def value(c: Floats) -> float:
        utility = features @ c[1:] + known
        top = np.maximum(np.maximum.reduceat(utility, first), c[0])
        total = np.exp(c[0] - top) + np.add.reduceat(np.exp(utility - np.repeat(top, sizes)), first)
        return float(y @ utility + nothing * c[0] - choices @ (top + np.log(total)))

    def derivatives(c: Floats) -> tuple[Floats, Floats]:
        p = choice_probabilities(c, features, starts, known)
        none = 1.0 - np.add.reduceat(p, first)
        # One row a slate: its mean features, where choosing nothing has the feature 1 of its own.
        mean = np.concatenate([none[:, None], np.add.reduceat(p[:, None] * features, first)], axis=1)
        slope = np.concatenate([[nothing], taken]) - choices @ mean
        weight = p * np.repeat(choices, sizes)
        second = np.zeros((len(c), len(c)))
        second[0, 0] = choices @ none
        second[1:, 1:] = (features * weight[:, None]).T @ features
        return slope, second - (mean * choices[:, None]).T @ mean

    return newton(value, derivatives, np.zeros(features.shape[1] + 1))


def position_probabilities(coefficients: Floats, features: Floats, position: Floats) -> Floats:
    """Return ``P = d^k logistic(x . c - c_0)`` of each row at position k: the position-based model.

    Craswell et al., "An experimental comparison of click position-bias models", WSDM 2008.

    Args:
        coefficients: c_0, one a feature, and last log d; shape (features + 2,).
        features: Shape (rows, features).
        position: k, shape (rows,).
    """
    return np.asarray(
        np.minimum(
            np.exp(coefficients[-1] * position) * logistic(features @ coefficients[1:-1] - coefficients[0]),
            1.0,
        )
    )


def fit_positions(
    features: Floats, position: Floats, clicked: NDArray[np.bool_], log_decay: float | None
) -> Fit:
    """Fit the position-based model by maximum likelihood.

    Args:
        features: Shape (rows, features).
        position: Shape (rows,).
        clicked: Shape (rows,).
        log_decay: Where to start log d.  None keeps it at 0, with an infinite variance: there is one
            position.

    Returns:
        Coefficients as :func:`position_probabilities` takes them.
    """
    free = features.shape[1] + 1
    start = fit_logistic(
        np.concatenate([-np.ones((len(features), 1)), features], axis=1), clicked.astype(np.float64)
    )
    if log_decay is None:
        infinite = np.full((free + 1, free + 1), 0.0)
        infinite[:free, :free], infinite[free, free] = start.covariance, np.inf
        return Fit(np.append(start.coefficients, 0.0), infinite, start.log_likelihood, start.converged)

    def value(c: Floats) -> float:
        p = np.clip(position_probabilities(c, features, position), 1e-12, 1.0 - 1e-12)
        return float(np.log(np.where(clicked, p, 1.0 - p)).sum())

    return maximise(value, np.append(start.coefficients, log_decay))


class Examination(NamedTuple):
    """How likely a place is looked at, relative to the first.

    Attributes:
        by_position: Shape (positions,); 1 for the first, NaN where nothing is known.
        stderr: Of its logarithm, shape (positions,).
        log_decay: Logarithm of the factor d in ``d^k`` that fits best.
        log_decay_stderr: Its standard error.
    """

    by_position: Floats
    stderr: Floats
    log_decay: float
    log_decay_stderr: float


def examination_from_propensities(
    position: Integers, clicked: NDArray[np.bool_], propensity: Floats
) -> Examination:
    """Compare click rates by position, weighed by inverse propensity: ``CTR_k = sum c / p / sum 1 / p``.

    Weighed so, all positions show the same mixture of items, and only the place differs; with random
    positions the weights are equal and this is the plain ratio of click rates.  Joachims, Swaminathan &
    Schnabel, WSDM 2017.

    Args:
        position: Shape (rows,).
        clicked: Shape (rows,).
        propensity: Probability of the item at its position, shape (rows,).

    Returns:
        The ratios to the first position.
    """
    places = int(position.max(initial=0)) + 1
    weight = 1.0 / propensity
    total = np.bincount(position, weight, places)
    with np.errstate(divide="ignore", invalid="ignore"):
        rate = np.bincount(position, weight * clicked, places) / total
        left = np.bincount(position, (weight * (clicked - rate[position])) ** 2, places)
        variance = left / total**2 / rate**2  # of log rate, by the delta method
        relative = np.where((rate > 0.0) & (rate[0] > 0.0), rate / rate[0], np.nan)
    return _examination(relative, variance)


def examination_by_regression(
    position: Integers, clicked: NDArray[np.bool_], features: Floats, rounds: int = 100
) -> Examination:
    """Tell places from relevance by regression-EM: ``P(click) = examined_k logistic(x . c)``.

    Wang et al., "Position bias estimation for unbiased learning to rank in personal search", WSDM 2018: the
    expectation of what was examined and relevant, then its shares by position and a regression on features.

    Args:
        position: Shape (rows,).
        clicked: Shape (rows,).
        features: What relevance depends on, with a column of ones, shape (rows, features).
        rounds: Of EM.

    Returns:
        The examination relative to the first position.
    """
    places = int(position.max(initial=0)) + 1
    shown = np.maximum(np.bincount(position, minlength=places), 1)
    examined = np.full(places, 0.9)
    c = fit_logistic(features, clicked.astype(np.float64), ridge=1e-6).coefficients
    for _ in range(rounds):
        relevance, looked = logistic(features @ c), examined[position]
        unclicked = np.maximum(1.0 - looked * relevance, 1e-12)
        was_examined = np.where(clicked, 1.0, looked * (1.0 - relevance) / unclicked)
        was_relevant = np.where(clicked, 1.0, (1.0 - looked) * relevance / unclicked)
        before = examined
        examined = np.bincount(position, was_examined, places) / shown
        c = fit_logistic(features, was_relevant, ridge=1e-6, start=c, iterations=1).coefficients
        if np.abs(examined - before).max() < 1e-6:
            break
    clicks = np.bincount(position, clicked * 1.0, places)
    with np.errstate(divide="ignore", invalid="ignore"):
        relative = np.where((clicks > 0) & (clicks[0] > 0), examined / examined[0], np.nan)
        variance = 1.0 / clicks  # of log rate, for rare clicks
    return _examination(relative, variance)


def positions_look_random(position: Integers, user: Integers, item: Integers) -> bool | None:
    """Say whether what a user is shown again keeps its place more than chance would have it.

    A one-way analysis of variance of positions by pairs of user and item: what good policies place first
    differs by user, and no model of clicks is needed to see it.  It counts as random if pairs explain less
    than a twentieth of the variance (the intraclass correlation) or no more than four standard deviations
    beyond chance.

    Args:
        position: Shape (rows,).
        user: Shape (rows,).
        item: Shape (rows,).

    Returns:
        None if fewer than a hundred rows show a pair again, which cannot tell.
    """
    pair = np.unique(user * (int(item.max(initial=0)) + 1) + item, return_inverse=True)[1].reshape(-1)
    size = np.bincount(pair)
    pairs, again = len(size), len(pair) - len(size)
    if again < 100 or pairs < 2:
        return None
    mean = np.bincount(pair, position) / size
    within = float(np.sum((position - mean[pair]) ** 2)) / again
    between = float(size @ (mean - position.mean()) ** 2) / (pairs - 1)
    if within == 0.0:
        return between == 0.0
    ratio = between / within
    correlation = (ratio - 1.0) / (ratio - 1.0 + len(pair) / pairs)
    return bool(correlation < 0.05 or ratio < 1.0 + 4.0 * np.sqrt(2.0 / (pairs - 1) + 2.0 / again))


def _examination(relative: Floats, variance: Floats) -> Examination:
    """Fit ``log relative_k = k log d`` by weighted least squares through the first position."""
    place = np.arange(len(relative), dtype=np.float64)
    known = np.isfinite(relative) & (place > 0) & (variance > 0.0)
    if not known.any():
        return Examination(relative, np.sqrt(variance), 0.0, np.inf)
    k, y, own = place[known], np.log(relative[known]), variance[known]
    # The first position's error is in every ratio; generalised least squares keeps count of it.
    precision = np.linalg.inv(np.diag(own) + variance[0])
    information = float(k @ precision @ k)
    return Examination(relative, np.sqrt(variance), float(k @ precision @ y) / information, information**-0.5)
