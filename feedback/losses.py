"""What a reward model is fitted by."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

#: A q below which a robust loss is the log-likelihood itself, to all digits that matter.
_LEAST_Q = 1e-12


def bradley_terry_loss(first: Tensor, second: Tensor, target: Tensor, *, noise: float = 0.0) -> Tensor:
    r"""Cross-entropy of preferences under the model of Bradley and Terry.

    With scores :math:`R`, the first segment is preferred with
    :math:`P = \mathrm{sigmoid}(R_1 - R_2)`; a labeller who answers at random with probability
    :math:`\epsilon` makes it :math:`\tilde P = (1 - \epsilon) P + \epsilon / 2` (Christiano et al. 2017,
    arXiv:1706.03741, with :math:`\epsilon = 0.1`).  The loss is
    :math:`-\mu_1 \log \tilde P - \mu_2 \log (1 - \tilde P)`.

    Args:
        first: Scores of the first segments, shape (batch,).
        second: Scores of the second segments, shape (batch,).
        target: Soft targets :math:`\mu`, rows (1, 0), (0, 1) or (½, ½), shape (batch, 2).
        noise: Probability of a random answer, in [0, 1).

    Returns:
        Loss of each pair, shape (batch,).

    Raises:
        ValueError: If a shape is wrong or ``noise`` is outside [0, 1).
    """
    if not 0 <= noise < 1:
        raise ValueError(f"noise={noise} must be in [0, 1)")
    if first.ndim != 1 or first.shape != second.shape or target.shape != (*first.shape, 2):
        raise ValueError(
            f"scores have shapes {tuple(first.shape)} and {tuple(second.shape)} and target "
            f"{tuple(target.shape)}; they must be (batch,), (batch,) and (batch, 2)"
        )
    difference = first - second
    log_first, log_second = F.logsigmoid(difference), F.logsigmoid(-difference)
    if noise > 0:
        keep = math.log1p(-noise)
        slip = torch.full_like(difference, math.log(noise / 2))
        log_first = torch.logaddexp(log_first + keep, slip)
        log_second = torch.logaddexp(log_second + keep, slip)
    return -(target[:, 0] * log_first + target[:, 1] * log_second)


def plackett_luce_loss(scores: Tensor, mask: Tensor | None = None) -> Tensor:
    r"""Negative log-likelihood of rankings under the model of Plackett and Luce.

    The best is chosen first, with probability :math:`e^{R_1} / \sum_j e^{R_j}`, then the best of the rest,
    and so on; two clips give :func:`bradley_terry_loss`.

    Args:
        scores: Scores of the clips in the order of the ranking, the best first, shape (batch, clips).
        mask: True where there is a clip, shape (batch, clips); rankings of fewer clips are filled at the end.

    Returns:
        Loss of each ranking, shape (batch,).

    Raises:
        ValueError: If a shape is wrong.
    """
    if scores.ndim != 2 or scores.shape[1] < 2 or (mask is not None and mask.shape != scores.shape):
        shape = None if mask is None else tuple(mask.shape)
        raise ValueError(
            f"scores have shape {tuple(scores.shape)} and mask {shape}; they must be (batch, clips), "
            "with two clips or more"
        )
    if mask is None:
        return (scores.flip(1).logcumsumexp(1).flip(1) - scores).sum(1)
    # What is not there comes last and never wins.
    hidden = scores.masked_fill(~mask, -1e30)
    rest = hidden.flip(1).logcumsumexp(1).flip(1)
    return ((rest - hidden) * mask).sum(1)


def ordinal_loss(scores: Tensor, values: Tensor, thresholds: Tensor) -> Tensor:
    r"""Negative log-likelihood of ratings under the ordinal logit model (McCullagh, 1980).

    :math:`P(y \le k) = \mathrm{sigmoid}(\theta_k - R)` with ordered thresholds, of which each person may have
    their own: who is strict has higher ones.

    Args:
        scores: Scores of the clips, shape (batch,).
        values: Ratings from 1 to K, integers of shape (batch,).
        thresholds: Rising, shape (K - 1,) for one person or (batch, K - 1) for the person of each rating.

    Returns:
        Loss of each rating, shape (batch,).

    Raises:
        ValueError: If a shape is wrong, or a rating lies outside the scale.
    """
    edges = thresholds.expand(len(scores), -1) if thresholds.ndim == 1 else thresholds
    if scores.ndim != 1 or values.shape != scores.shape or edges.shape[0] != len(scores):
        raise ValueError(
            f"scores, values and thresholds have shapes {tuple(scores.shape)}, {tuple(values.shape)} and "
            f"{tuple(thresholds.shape)}; they must be (batch,), (batch,) and (batch, K - 1) or (K - 1,)"
        )
    best = edges.shape[1] + 1
    if len(values) and not (int(values.min()) >= 1 and int(values.max()) <= best):
        raise ValueError(f"values from {int(values.min())} to {int(values.max())} must be in 1 to {best}")
    # sigmoid(a) - sigmoid(b) = sigmoid(a) sigmoid(-b) (1 - exp(b - a)), which loses nothing far out.
    limit = edges.new_full((len(scores), 1), math.inf)
    place = (values.long() - 1)[:, None]
    upper = torch.cat((edges, limit), 1).gather(1, place).squeeze(1)
    lower = torch.cat((-limit, edges), 1).gather(1, place).squeeze(1)
    between = torch.log1p(-torch.exp(lower - upper))
    return -(F.logsigmoid(upper - scores) + F.logsigmoid(scores - lower) + between)


def evaluation_loss(rewards: Tensor, values: Tensor, weights: Tensor) -> Tensor:
    r"""Squared error of evaluations, each shared out over the steps that it may have been about.

    A person who presses a key judges what happened a moment ago: the value :math:`h` is a target for all
    steps of a window, each weighted by the probability that it was the one that was meant (Warnell et al.
    2018, "Deep TAMER", arXiv:1709.10163): :math:`\sum_t w_t (\hat r_t - h)^2`.

    Args:
        rewards: What the model says of each step, shape (batch, steps).
        values: What was said, shape (batch,).
        weights: Probabilities of the steps, 0 where there is none, shape (batch, steps).

    Returns:
        Loss of each evaluation, shape (batch,).

    Raises:
        ValueError: If a shape is wrong.
    """
    if rewards.ndim != 2 or weights.shape != rewards.shape or values.shape != rewards.shape[:1]:
        raise ValueError(
            f"rewards, values and weights have shapes {tuple(rewards.shape)}, {tuple(values.shape)} and "
            f"{tuple(weights.shape)}; they must be (batch, steps), (batch,) and (batch, steps)"
        )
    return (weights * (rewards - values[:, None]).square()).sum(1)


def generalised_cross_entropy(losses: Tensor, q: float = 0.7) -> Tensor:
    r"""Make a negative log-likelihood robust against labels that are simply wrong.

    :math:`(1 - p^q) / q`, which is :math:`-\log p` for :math:`q \to 0` and the probability of an error for
    :math:`q = 1`: a label that the model is sure is wrong pulls less (Zhang and Sabuncu, 2018).

    Args:
        losses: Negative log-likelihoods, any shape.
        q: From 0, not at all, to 1.

    Raises:
        ValueError: If ``q`` is outside [0, 1].
    """
    if not 0 <= q <= 1:
        raise ValueError(f"q={q} must be in [0, 1]")
    # The smallest numbers are rounded when they are multiplied, and to divide by them makes that large.
    return losses if q < _LEAST_Q else -torch.expm1(-q * losses) / q
