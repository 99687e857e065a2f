"""What a policy would have earned, estimated from the logs of another whose propensities are known.

Every estimator takes arrays with one row an independent unit: a recommendation, shape (rows,), or a slate,
shape (rows, positions).  Of a slate, the value is the sum over its positions, and an item at a position is
weighed by its own ratio ``w = target / logging`` of marginal probabilities: the item-position model (Li et
al., "Offline evaluation of ranking policies with click models", KDD 2018), which is unbiased if a reward at a
position depends on the item there and not on the rest of the slate.  For sessions see
:func:`trajectory_ips` and :func:`per_decision_ips`.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Estimate:
    """An estimated mean reward.

    Attributes:
        value: The estimate.
        stderr: Its standard error; NaN for a single unit.
        low: Lower end of the normal confidence interval.
        high: Upper end.
        effective_sample_size: ``(sum w)^2 / sum w^2``: how many units on target the logs are worth (Kish,
            1965). Where rows have several weights, the least over positions or steps.
    """

    value: float
    stderr: float
    low: float
    high: float
    effective_sample_size: float


def ips(
    reward: ArrayLike,
    logging: ArrayLike,
    target: ArrayLike,
    *,
    clip: float | None = None,
    level: float = 0.95,
) -> Estimate:
    """Weigh rewards by inverse propensity: ``V = mean_i sum_k w_ik r_ik``.

    Horvitz & Thompson, "A generalization of sampling without replacement from a finite universe", JASA 1952.
    Unbiased where the logging policy shows all that the target shows, unless weights are clipped.

    Args:
        reward: r, shape (rows,) or (rows, positions).
        logging: Probability with which the logging policy showed what it showed, in (0, 1], same shape.
        target: Probability with which the target policy would have, in [0, 1], same shape.
        clip: Largest weight; larger ones are cut, which trades variance for bias (towards 0, if rewards are
            not negative).
        level: Of the confidence interval, between 0 and 1.

    Returns:
        The estimate.

    Raises:
        ValueError: Naming the argument, the value and what is allowed.
    """
    r, w = _weighted(reward, logging, target, clip)
    return _mean((w * r).sum(axis=1), w, level)


def snips(
    reward: ArrayLike,
    logging: ArrayLike,
    target: ArrayLike,
    *,
    clip: float | None = None,
    level: float = 0.95,
) -> Estimate:
    """Divide by the sum of weights instead of their number: ``V = sum_k sum_i w_ik r_ik / sum_i w_ik``.

    Swaminathan & Joachims, "The self-normalized estimator for counterfactual learning", NIPS 2015.  Biased,
    consistent, and never outside the range of the rewards (for a slate: of their sum).  The standard error
    is the delta method's: that of the mean of ``sum_k w_ik (r_ik - V_k) / mean w_k``.

    The arguments are those of :func:`ips`.

    Raises:
        ValueError: As :func:`ips`; also if all weights of a position are zero.
    """
    r, w = _weighted(reward, logging, target, clip)
    total = w.sum(axis=0)
    if (total == 0.0).any():
        raise ValueError("target=0 everywhere (at some position) must be above 0 for at least one row")
    values = (w * r).sum(axis=0) / total
    influence = (w * (r - values) * (len(r) / total)).sum(axis=1)
    return _estimate(float(values.sum()), influence, w, level)


def direct_method(q_target: ArrayLike, *, level: float = 0.95) -> Estimate:
    """Trust a model of the reward: ``V = mean_i sum_k q_ik``, ``q_ik = sum_a target_k(a | x_i) q_k(x_i, a)``.

    As biased as the model is; the interval knows nothing of that.  See Dudik et al., ICML 2011.

    Args:
        q_target: Predicted reward of the target policy's choice, averaged over it; shape (rows,) or
            (rows, positions).
        level: Of the confidence interval.

    Returns:
        The estimate; its effective sample size is the number of rows.

    Raises:
        ValueError: Naming the argument, the value and what is allowed.
    """
    q = _two_dimensional("q_target", q_target)
    return _mean(q.sum(axis=1), np.ones((len(q), 1)), level)


def doubly_robust(
    reward: ArrayLike,
    logging: ArrayLike,
    target: ArrayLike,
    q_logged: ArrayLike,
    q_target: ArrayLike,
    *,
    clip: float | None = None,
    level: float = 0.95,
) -> Estimate:
    """Correct the model by weighted residuals: ``V = mean_i sum_k (q_ik + w_ik (r_ik - q_k(x_i, a_ik)))``.

    Dudik, Langford & Li, "Doubly robust policy evaluation and learning", ICML 2011.  Unbiased if either the
    propensities or the model is right; its variance is that of the residuals, not of the rewards.

    Args:
        reward: See :func:`ips`.
        logging: See :func:`ips`.
        target: See :func:`ips`.
        q_logged: Predicted reward of what was shown, same shape as ``reward``.
        q_target: Predicted reward of the target policy, see :func:`direct_method`, same shape.
        clip: See :func:`ips`.
        level: See :func:`ips`.

    Returns:
        The estimate.

    Raises:
        ValueError: Naming the argument, the value and what is allowed.
    """
    r, w = _weighted(reward, logging, target, clip)
    shown, chosen = _two_dimensional("q_logged", q_logged), _two_dimensional("q_target", q_target)
    for name, q in (("q_logged", shown), ("q_target", chosen)):
        if q.shape != r.shape:
            raise ValueError(f"{name} has the shape {q.shape}, but reward has {r.shape}")
    return _mean((chosen + w * (r - shown)).sum(axis=1), w, level)


def trajectory_ips(
    reward: ArrayLike,
    logging: ArrayLike,
    target: ArrayLike,
    session: ArrayLike,
    step: ArrayLike,
    *,
    discount: float = 1.0,
    normalise: bool = False,
    clip: float | None = None,
    level: float = 0.95,
) -> Estimate:
    """Weigh a session's whole return by all of its ratios: ``V = mean_n (prod_t w_nt) (sum_t d^t r_nt)``.

    Precup, Sutton & Singh, "Eligibility traces for off-policy policy evaluation", ICML 2000.

    Args:
        reward: Reward of a step, shape (rows,).
        logging: Probability of what was shown in that step under the logging policy, in (0, 1], shape
            (rows,); of a slate that is the probability of the slate.
        target: The same under the target policy, in [0, 1].
        session: Which session a row belongs to, shape (rows,).
        step: Its number within the session, which no two rows of a session share.
        discount: d, in [0, 1], by rank of the step within its session.
        normalise: Divide by the sum of the weights instead of the number of sessions (weighted importance
            sampling): biased, consistent, less variable.
        clip: Largest weight of a session.
        level: Of the confidence interval.

    Returns:
        The estimated mean return of a session.

    Raises:
        ValueError: Naming the argument, the value and what is allowed.
    """
    r, w, alive = _sessions(reward, logging, target, session, step, discount)
    whole = _clipped(w[:, -1:], clip)  # after its end, a session's weight stays what it was
    returns = (r * alive).sum(axis=1, keepdims=True)
    return _over_sessions(returns, whole, normalise, level)


def per_decision_ips(
    reward: ArrayLike,
    logging: ArrayLike,
    target: ArrayLike,
    session: ArrayLike,
    step: ArrayLike,
    *,
    discount: float = 1.0,
    normalise: bool = False,
    clip: float | None = None,
    level: float = 0.95,
) -> Estimate:
    """Weigh a reward by the ratios up to its step only: ``V = mean_n sum_t d^t (prod_{s <= t} w_ns) r_nt``.

    Precup, Sutton & Singh, "Eligibility traces for off-policy policy evaluation", ICML 2000.  Unbiased like
    :func:`trajectory_ips` and less variable, since later choices cannot change earlier rewards.  Normalised,
    each step is divided by its own sum of weights.

    The arguments are those of :func:`trajectory_ips`; ``clip`` holds for each step's product.

    Raises:
        ValueError: Naming the argument, the value and what is allowed.
    """
    r, w, alive = _sessions(reward, logging, target, session, step, discount)
    return _over_sessions(r * alive, _clipped(w, clip), normalise, level)


def _over_sessions(r: Floats, w: Floats, normalise: bool, level: float) -> Estimate:
    if not normalise:
        return _mean((w * r).sum(axis=1), w, level)
    # Ended sessions keep their weight: a session that has ended earns nothing, which is a reward of 0.
    total = w.sum(axis=0)
    scale = np.divide(len(r), total, out=np.zeros_like(total), where=total > 0.0)
    values = (w * r).mean(axis=0) * scale
    influence = (w * (r - values) * scale).sum(axis=1)
    return _estimate(float(values.sum()), influence, w, level)


def _sessions(
    reward: ArrayLike,
    logging: ArrayLike,
    target: ArrayLike,
    session: ArrayLike,
    step: ArrayLike,
    discount: float,
) -> tuple[Floats, Floats, Floats]:
    """Return discounted rewards, products of weights and presence, each of shape (sessions, steps)."""
    if not 0.0 <= discount <= 1.0:
        raise ValueError(f"discount={discount!r} must be from 0 to 1")
    r, w = _weighted(reward, logging, target, None)
    if r.shape[1] != 1:
        raise ValueError(f"reward must have the shape (rows,), but has {r.shape}")
    number, order_key = np.asarray(session), np.asarray(step)
    for name, values in (("session", number), ("step", order_key)):
        if values.shape != (len(r),):
            raise ValueError(f"{name} has the shape {values.shape}, but reward has ({len(r)},)")
    code = np.unique(number, return_inverse=True)[1].reshape(-1)
    order = np.lexsort((order_key, code))
    again = (np.diff(code[order]) == 0) & (np.diff(order_key[order]) == 0)
    if again.any():
        row = int(order[1:][again][0])
        raise ValueError(f"step[{row}]={order_key[row]} must be taken once in session {number[row]}")
    counts = np.bincount(code)
    rank = np.arange(len(order)) - np.repeat(np.cumsum(counts) - counts, counts)
    shape = (len(counts), int(counts.max()))
    rewards, weights, alive = np.zeros(shape), np.ones(shape), np.zeros(shape)
    cell = (code[order], rank)
    rewards[cell], weights[cell], alive[cell] = r[order, 0] * discount**rank, w[order, 0], 1.0
    return rewards, np.asarray(np.cumprod(weights, axis=1)), alive


def _weighted(
    reward: ArrayLike, logging: ArrayLike, target: ArrayLike, clip: float | None
) -> tuple[Floats, Floats]:
    """Return rewards and weights, shape (rows, positions)."""
    r = _two_dimensional("reward", reward)
    shown = _two_dimensional("logging", logging)
    wanted = _two_dimensional("target", target)
    for name, values in (("logging", shown), ("target", wanted)):
        if values.shape != r.shape:
            raise ValueError(f"{name} has the shape {values.shape}, but reward has {r.shape}")
    _check("logging", shown, (shown > 0.0) & (shown <= 1.0), "above 0 and at most 1")
    _check("target", wanted, (wanted >= 0.0) & (wanted <= 1.0), "from 0 to 1")
    return r, _clipped(wanted / shown, clip)


def _clipped(weights: Floats, clip: float | None) -> Floats:
    if clip is None:
        return weights
    if not clip > 0.0:
        raise ValueError(f"clip={clip!r} must be above 0, or None")
    return np.minimum(weights, clip)


def _two_dimensional(name: str, values: ArrayLike) -> Floats:
    array = np.asarray(values, np.float64)
    if array.ndim not in (1, 2) or array.size == 0:
        raise ValueError(f"{name} must have the shape (rows,) or (rows, positions), but has {array.shape}")
    _check(name, array, np.isfinite(array), "a finite number")
    return array.reshape(len(array), -1)


def _check(name: str, values: Floats, fine: NDArray[Any], allowed: str) -> None:
    if not fine.all():
        where = np.unravel_index(int(np.argmin(fine)), fine.shape)
        raise ValueError(f"{name}[{', '.join(map(str, where))}]={float(values[where])!r} must be {allowed}")


def _mean(terms: Floats, weights: Floats, level: float) -> Estimate:
    value = float(terms.mean())
    return _estimate(value, terms - value, weights, level)


def _estimate(value: float, influence: Floats, weights: Floats, level: float) -> Estimate:
    if not 0.0 < level < 1.0:
        raise ValueError(f"level={level!r} must be between 0 and 1")
    rows = len(influence)
    stderr = float(np.sqrt((influence**2).sum() / (rows - 1) / rows)) if rows > 1 else float("nan")
    reach = NormalDist().inv_cdf(0.5 + level / 2.0) * stderr
    squares = (weights**2).sum(axis=0)
    size = np.divide(weights.sum(axis=0) ** 2, squares, out=np.zeros_like(squares), where=squares > 0.0)
    return Estimate(value, stderr, value - reach, value + reach, float(size.min()))
