r"""How likely people are to say what they said, if a reward is true.

All kinds of judgement speak of one reward; what differs between people is how reliably and on which scale
they say it.  Everybody has a few numbers of their own, learned along with the reward and held near the usual
by a Gaussian prior:

* a reliability :math:`\beta`: a comparison or a ranking is decided by :math:`\beta (R_1 - R_2)`;
* thresholds :math:`\theta_1 < \theta_2 < \dots` on :math:`R` between the stars;
* a scale :math:`a`, an offset :math:`b` and a spread :math:`\sigma` of the numbers that they say:
  :math:`h \sim N(a r + b, \sigma^2)`.

So three people of whom one answers at random, and ratings of a strict and a generous one, make one reward
rather than three.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from feedback.evidence import Comparison, Evidence, Instead, Judged, Order, Stars
from feedback.losses import bradley_terry_loss, generalised_cross_entropy, ordinal_loss, plackett_luce_loss

#: Standard deviations of the priors: of the logarithm of a reliability or a scale, and of an offset.
_PRIOR = 0.5
#: Least spread of what a person says, so that a few numbers cannot be fitted without end.
_SPREAD = 0.3


class Likelihood(nn.Module):
    """The likelihood of judgements, with what is particular to each labeller.

    Attributes:
        labellers: Names, in the order of the parameters.
        best: Most stars of any rating.
    """

    def __init__(self, noise: float = 0.0, robust: float = 0.0) -> None:
        """Begin without anybody; :meth:`meet` adds people.

        Args:
            noise: Probability that a comparison is answered at random, in [0, 1).
            robust: The q of :func:`~feedback.losses.generalised_cross_entropy` for comparisons and rankings.
        """
        super().__init__()
        self.labellers: list[str] = []
        self.best = 5
        self._noise, self._robust = noise, robust
        self.log_reliability = nn.Parameter(torch.zeros(0))
        self.log_scale = nn.Parameter(torch.zeros(0))
        self.offset = nn.Parameter(torch.zeros(0))
        self.log_spread = nn.Parameter(torch.zeros(0))
        self.lowest = nn.Parameter(torch.zeros(0))
        self.gaps = nn.Parameter(torch.zeros(0, self.best - 2))

    def meet(self, labellers: Sequence[str], best: int = 5) -> None:
        """Make room for people who are not known yet, and for more stars; what is known stays.

        Args:
            labellers: Names.
            best: Most stars of any rating.
        """
        fresh = [name for name in dict.fromkeys(labellers) if name not in self.labellers]
        self.labellers += fresh
        self.best = max(self.best, best)
        for name in ("log_reliability", "log_scale", "offset", "log_spread"):
            self._grow(name, (len(self.labellers),), 0.0)
        # At first every star is as wide as one unit of the score, in which the usual clip is worth nothing.
        self._grow("lowest", (len(self.labellers),), -0.5 * (self.best - 2))
        self._grow("gaps", (len(self.labellers), self.best - 2), math.log(math.e - 1.0))

    def thresholds(self) -> Tensor:
        """Return everybody's thresholds between the stars, rising, shape (labellers, best - 1)."""
        return torch.cat((self.lowest[:, None], self.lowest[:, None] + F.softplus(self.gaps).cumsum(1)), 1)

    def forward(self, evidence: Sequence[Evidence], scores: Tensor, steps: Sequence[Tensor]) -> Tensor:
        """Return the negative log-likelihood of each judgement.

        Args:
            evidence: The judgements.
            scores: Score of each of their segments, one evidence after the other, shape (segments,).
            steps: Reward of each step of each segment, likewise; shapes (steps,).

        Returns:
            Shape (len(evidence),); constant terms are left out.
        """
        first = 0
        places: dict[type[Evidence], list[tuple[int, int]]] = {}
        for index, item in enumerate(evidence):
            places.setdefault(type(item), []).append((index, first))
            first += len(item.segments)
        losses = scores.new_zeros(len(evidence))
        for kind, found in places.items():
            indices = [index for index, _ in found]
            items = [evidence[index] for index in indices]
            firsts = [begin for _, begin in found]
            people = torch.tensor([self.labellers.index(item.labeller) for item in items])
            terms = _TERMS[kind](self, items, people.to(scores.device), firsts, scores, steps)
            losses = losses.index_add(0, torch.tensor(indices, device=scores.device), terms)
        return losses

    def prior(self) -> Tensor:
        """Return the negative logarithm of the prior of everybody's parameters, shape ()."""
        usual = math.log(math.e - 1.0)
        return (
            (self.log_reliability / _PRIOR).square().sum()
            + (self.log_scale / _PRIOR).square().sum()
            + (self.offset / _PRIOR).square().sum()
            + (self.gaps - usual).square().sum()
        ) / 2

    def _comparisons(
        self, items: Sequence[Comparison], people: Tensor, firsts: list[int], scores: Tensor, _: object
    ) -> Tensor:
        beta = self.log_reliability[people].exp()
        begin = torch.tensor(firsts, device=scores.device)
        target = torch.tensor([item.target for item in items], device=scores.device)
        terms = bradley_terry_loss(beta * scores[begin], beta * scores[begin + 1], target, noise=self._noise)
        return generalised_cross_entropy(terms, self._robust)

    def _orders(
        self, items: Sequence[Order], people: Tensor, firsts: list[int], scores: Tensor, _: object
    ) -> Tensor:
        longest = max(len(item.segments) for item in items)
        counts = torch.tensor([len(item.segments) for item in items], device=scores.device)
        columns = torch.arange(longest, device=scores.device)
        mask = columns < counts[:, None]
        begin = torch.tensor(firsts, device=scores.device)[:, None]
        table = scores[torch.where(mask, begin + columns, begin)]
        terms = plackett_luce_loss(self.log_reliability[people].exp()[:, None] * table, mask)
        return generalised_cross_entropy(terms, self._robust)

    def _stars(
        self, items: Sequence[Stars], people: Tensor, firsts: list[int], scores: Tensor, _: object
    ) -> Tensor:
        values = torch.tensor([item.value for item in items], device=scores.device)
        return ordinal_loss(scores[firsts], values, self.thresholds()[people])

    def _judged(
        self,
        items: Sequence[Judged],
        people: Tensor,
        firsts: list[int],
        scores: Tensor,
        steps: Sequence[Tensor],
    ) -> Tensor:
        scale, offset = self.log_scale[people].exp(), self.offset[people]
        spread = self.log_spread[people].exp() + _SPREAD
        terms = []
        for index, (item, first) in enumerate(zip(items, firsts, strict=True)):
            rewards = steps[first]
            weights = rewards.new_tensor(item.weights) if item.weights else None
            meant = rewards[-1:] if weights is None else rewards
            errors = (item.value - scale[index] * meant - offset[index]).square()
            squared = errors.sum() if weights is None else (weights * errors).sum()
            terms.append(item.weight * (0.5 * squared / spread[index].square() + spread[index].log()))
        return torch.stack(terms)

    def _instead(
        self,
        items: Sequence[Instead],
        people: Tensor,
        firsts: list[int],
        scores: Tensor,
        steps: Sequence[Tensor],
    ) -> Tensor:
        beta = self.log_reliability[people].exp()
        # The mean over the steps: the steps of one takeover are one judgement, not many.
        return torch.stack(
            [
                -F.logsigmoid(beta[index] * (steps[first] - steps[first + 1])).mean()
                for index, first in enumerate(firsts)
            ]
        )

    def _grow(self, name: str, shape: tuple[int, ...], value: float) -> None:
        old: Tensor = getattr(self, name)
        if old.shape == shape:
            return
        grown = torch.full(shape, value, device=old.device)
        if old.numel():
            grown[tuple(slice(size) for size in old.shape)] = old.detach()
        setattr(self, name, nn.Parameter(grown))


_TERMS: dict[type[Evidence], Callable[..., Tensor]] = {
    Comparison: Likelihood._comparisons,
    Order: Likelihood._orders,
    Stars: Likelihood._stars,
    Judged: Likelihood._judged,
    Instead: Likelihood._instead,
}
