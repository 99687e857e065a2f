"""Small regressions with standard errors: logistic, ridge, and any likelihood of a few parameters."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class Fit(NamedTuple):
    """A maximum-likelihood fit.

    Attributes:
        coefficients: Shape (parameters,).
        covariance: Inverse of the observed information, shape (parameters, parameters); infinite where the
            likelihood is flat.
        log_likelihood: Sum over rows [nat].
        converged: Whether the gradient vanished.
    """

    coefficients: Floats
    covariance: Floats
    log_likelihood: float
    converged: bool

    @property
    def stderr(self) -> Floats:
        """Standard errors, shape (parameters,)."""
        return np.sqrt(np.diag(self.covariance))


def logistic(x: Floats) -> Floats:
    """Return 1 / (1 + exp(-x)) without overflow."""
    return 0.5 * (1.0 + np.tanh(0.5 * x))


def fit_logistic(
    features: Floats, label: Floats, *, offset: Floats | None = None, ridge: float = 0.0,
    start: Floats | None = None, iterations: int = 50,
) -> Fit:  # fmt: skip
    """Fit ``P(y = 1) = logistic(x . c + offset)`` by iteratively reweighted least squares.

    McCullagh & Nelder, *Generalized Linear Models* (1989), with steps halved until the likelihood grows.

    Args:
        features: x, shape (rows, parameters); a column of ones for an intercept.
        label: y, in [0, 1] (fractions are soft labels), shape (rows,).
        offset: Known part of the log-odds, shape (rows,).
        ridge: Precision of a normal prior around 0 on each coefficient.
        start: Coefficients to start from; zeros by default.
        iterations: At most so many.

    Returns:
        The fit; separable data without a ridge do not converge.
    """
    known = np.zeros(len(label)) if offset is None else offset

    def value(c: Floats) -> float:
        logit = features @ c + known
        return float(np.sum(label * logit - np.logaddexp(0.0, logit)) - 0.5 * ridge * (c @ c))

    def derivatives(c: Floats) -> tuple[Floats, Floats]:
        p = logistic(features @ c + known)
        slope = features.T @ (label - p) - ridge * c
        curvature = (features * (p * (1.0 - p))[:, None]).T @ features
        return slope, curvature + ridge * np.eye(len(c))

    first = np.zeros(features.shape[1]) if start is None else start
    return newton(value, derivatives, first, iterations)


def newton(
    value: Callable[[Floats], float],
    derivatives: Callable[[Floats], tuple[Floats, Floats]],
    start: Floats,
    iterations: int = 50,
) -> Fit:
    """Maximise a log-likelihood by damped Newton steps.

    Args:
        value: Log-likelihood of parameters; may be -inf where they are not allowed.
        derivatives: Gradient, shape (parameters,), and negative Hessian, shape (parameters, parameters).
        start: Shape (parameters,).
        iterations: At most so many.

    Returns:
        The fit.
    """
    at, best = np.array(start, np.float64), value(start)
    slope, curvature = derivatives(at)
    converged = False
    for _ in range(iterations):
        step = _solve(curvature, slope)
        if float(slope @ step) < 1e-9:  # twice what the step could still gain
            converged = True
            break
        length = 1.0
        while length > 1e-6 and not value(at + length * step) > best:
            length *= 0.5
        if length <= 1e-6:
            converged = float(slope @ step) < 1e-4
            break
        at = at + length * step
        best = value(at)
        slope, curvature = derivatives(at)
    return Fit(at, _inverse(curvature), best, converged)


def maximise(value: Callable[[Floats], float], start: Floats, iterations: int = 50) -> Fit:
    """Maximise a log-likelihood of a few parameters, of order 1, by Newton steps on numerical derivatives.

    Args:
        value: Log-likelihood of parameters.
        start: Shape (parameters,).
        iterations: At most so many.

    Returns:
        The fit.
    """
    size = len(start)
    reach = 1e-3 * np.eye(size)

    def derivatives(c: Floats) -> tuple[Floats, Floats]:
        here = value(c)
        up = np.array([value(c + reach[k]) for k in range(size)])
        down = np.array([value(c - reach[k]) for k in range(size)])
        slope = (up - down) / 2e-3
        curvature = np.diag((2.0 * here - up - down) / 1e-6)
        for j in range(size):
            for k in range(j):
                both = value(c + reach[j] + reach[k]) + value(c - reach[j] - reach[k])
                mixed = (both - up[j] - down[j] - up[k] - down[k] + 2.0 * here) / 2e-6
                curvature[j, k] = curvature[k, j] = -mixed
        return slope, curvature

    return newton(value, derivatives, start, iterations)


def _solve(curvature: Floats, slope: Floats) -> Floats:
    """Return an uphill step: Newton's, with negative curvatures reversed and flat directions left alone."""
    values, vectors = np.linalg.eigh(curvature)
    size = np.abs(values)
    steep = size > 1e-10 * max(float(size.max(initial=0.0)), 1e-300)
    scaled = np.divide(vectors.T @ slope, size, out=np.zeros_like(values), where=steep)
    return np.asarray(vectors @ scaled)


def _inverse(curvature: Floats) -> Floats:
    """Return the covariance; infinite on the diagonal if the likelihood has no proper maximum here."""
    values, vectors = np.linalg.eigh(curvature)
    if not len(values) or values[0] <= 1e-10 * max(float(values[-1]), 1e-300):
        return np.diag(np.full(len(values), np.inf))
    return np.asarray((vectors / values) @ vectors.T)


class Ridge(NamedTuple):
    """A ridge regression of several targets on the same features.

    Attributes:
        weights: Shape (features, targets).
        intercept: Shape (targets,).
        penalty: The penalty that was chosen, relative to the mean square of a feature times the rows.
        r_squared: Share of each target's variance that is explained *out of sample* (leave one out), shape
            (targets,); at most 1, below 0 where the features only mislead.
    """

    weights: Floats
    intercept: Floats
    penalty: float
    r_squared: Floats

    def predict(self, features: Floats) -> Floats:
        """Return predictions, shape (rows, targets)."""
        return np.asarray(features @ self.weights + self.intercept)


#: Penalties that :func:`fit_ridge` tries.
PENALTIES = (1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0)


def fit_ridge(
    features: Floats, targets: Floats, weight: Floats, penalties: tuple[float, ...] = PENALTIES
) -> Ridge:
    """Regress targets on features with the penalty that predicts best what it has not seen.

    The leave-one-out residual is ``e_i / (1 - h_i)`` with the leverage h (Allen's PRESS, 1974), so that all
    penalties cost one decomposition.

    Args:
        features: Shape (rows, features).
        targets: Shape (rows, targets).
        weight: Weight of each row, above 0, shape (rows,).
        penalties: Candidates.

    Returns:
        The regression; if there are fewer than three rows, one that predicts the mean.
    """
    share = weight / weight.sum()
    x_mean, y_mean = share @ features, share @ targets
    root = np.sqrt(share)[:, None]
    x, y = (features - x_mean) * root, (targets - y_mean) * root
    total = (y**2).sum(axis=0)
    # Only as many directions as there are rows or features carry anything.
    u, s, vt = np.linalg.svd(x, full_matrices=False)
    best = (np.inf, 0.0, np.zeros((features.shape[1], targets.shape[1])), np.zeros(targets.shape[1]))
    scale = float((s**2).mean()) if len(s) else 0.0
    if len(features) >= 3 and scale > 0.0:
        for penalty in penalties:
            kept = s**2 / (s**2 + penalty * scale)
            left = y - u @ (kept[:, None] * (u.T @ y))
            leverage = np.minimum((u**2) @ kept + share, 1.0 - 1e-6)  # the mean has its own leverage
            press = ((left / (1.0 - leverage)[:, None]) ** 2).sum(axis=0)
            gain = np.divide(press, total, out=np.ones_like(press), where=total > 0.0)
            if float(gain.mean()) < best[0]:
                weights = vt.T @ ((s / (s**2 + penalty * scale))[:, None] * (u.T @ y))
                best = (float(gain.mean()), penalty, weights, 1.0 - gain)
    _, penalty, weights, r_squared = best
    return Ridge(weights, y_mean - x_mean @ weights, penalty, r_squared)
