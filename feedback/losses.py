"""What a reward model is fitted by."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F


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
