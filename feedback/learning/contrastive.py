r"""A policy learned from comparisons alone, with no reward in between (Hejna et al. 2023, arXiv:2310.13639).

People compare regrets rather than rewards: the better segment holds the actions with the greater optimal
advantage.  In maximum-entropy control that advantage is :math:`\alpha \log \pi^*(a|o)`, so a comparison
speaks of the policy itself.  With

.. math:: A(\sigma) = \alpha \sum_t \gamma^t \log \pi(a_t | o_t)

the loss of a pair of which the first is better is :math:`-\log \mathrm{sigmoid}(A_+ - \lambda A_-)`.
:math:`\lambda < 1` keeps the policy near to what was shown, which the data alone would not.  Where it is
regularised by a reference policy, :math:`\log \pi` is :math:`\log (\pi / \pi_{ref})` instead, and the
reference is the policy after its pretraining.

A sum over fewer steps is nearer to 0, so a short segment would count as a good one for being short.  By
default the mean takes the place of the sum, times the weights of as many steps as were asked for: segments
of full length score as in the paper, and a policy that is as sure of each step scores them all alike.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import torch
from gymnasium import spaces
from numpy.typing import NDArray
from stable_baselines3.common.policies import ActorCriticPolicy
from torch import Tensor, nn
from torch.nn import functional as F

from agents.vec_env import ChannelsFirst
from feedback.clips import Segment
from feedback.evidence import Comparison, Evidence, Instead, Judged, Order, Stars
from feedback.fitting import FitReport, split_held_out

Lengths = Literal["mean", "sum"]

#: Steps at a time where no gradient is needed; bounds the memory.
_STEPS = 1024
#: Why other evidence is left out.
_REASONS: dict[type[Evidence], str] = {
    kind: f"{names} compare no segments, and algorithm='cpl' learns from comparisons alone"
    for kind, names in (
        (Stars, "ratings"),
        (Judged, "evaluations and traces"),
        (Instead, "takeovers and corrections"),
    )
}


@dataclass(frozen=True)
class CPLConfig:
    r"""Settings of contrastive preference learning.

    Attributes:
        alpha: Temperature of the advantage, positive; None for the paper's 0.1, or 0.2 with a reference.
        bias: Weight :math:`\lambda` of the worse segment, in (0, 1]; None for the paper's 0.5, or 0.75 with a
            reference.
        reference: Whether the policy is regularised by what it was after the pretraining.
        gamma: Weight of a step against the one before it, in (0, 1].
        lengths: Whether the steps of a segment count by their ``"mean"``, or by the ``"sum"`` over those that
            are there.
        pretrain: Passes of behaviour cloning over all segments before the comparisons are learned from.
        epochs: Passes over the comparisons.
        batch_size: Comparisons in a gradient step.
        learning_rate: Of AdamW.
        weight_decay: Of AdamW.
        learn_spread: Whether the standard deviations of continuous actions learn as well. A density has no
            upper bound, so comparisons would narrow them for ever; the paper's are fixed.
        held_out: Fraction of the judgements kept for measuring agreement, in [0, 0.5].
        behaviour: Folder of a run, or a zip file in it, of the agent whose episodes are asked about; None for
            random actions.
    """

    alpha: float | None = None
    bias: float | None = None
    reference: bool = False
    gamma: float = 1.0
    lengths: Lengths = "mean"
    pretrain: int = 10
    epochs: int = 20
    batch_size: int = 32
    learning_rate: float = 5e-4
    weight_decay: float = 1e-4
    learn_spread: bool = False
    held_out: float = 0.1
    behaviour: Path | None = None

    def __post_init__(self) -> None:
        """Validate.

        Raises:
            ValueError: Naming the field, its value and what is allowed.
        """
        if self.alpha is not None and not 0 < self.alpha < math.inf:
            raise ValueError(f"alpha={self.alpha} must be positive and finite, or None")
        if self.bias is not None and not 0 < self.bias <= 1:
            raise ValueError(f"bias={self.bias} must be in (0, 1], or None")
        if not 0 < self.gamma <= 1:
            raise ValueError(f"gamma={self.gamma} must be in (0, 1]")
        if self.lengths not in get_args(Lengths):
            raise ValueError(f"lengths={self.lengths!r} must be one of {list(get_args(Lengths))}")
        if self.pretrain < 0:
            raise ValueError(f"pretrain={self.pretrain} must not be negative")
        for name in ("epochs", "batch_size"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}={getattr(self, name)} must be at least 1")
        if not 0 < self.learning_rate < math.inf:
            raise ValueError(f"learning_rate={self.learning_rate} must be positive and finite")
        if not self.weight_decay >= 0:
            raise ValueError(f"weight_decay={self.weight_decay} must not be negative")
        if not 0 <= self.held_out <= 0.5:
            raise ValueError(f"held_out={self.held_out} must be in [0, 0.5]")

    @property
    def temperature(self) -> float:
        r""":math:`\alpha`."""
        return self.alpha if self.alpha is not None else 0.2 if self.reference else 0.1

    @property
    def asymmetry(self) -> float:
        r""":math:`\lambda`."""
        return self.bias if self.bias is not None else 0.75 if self.reference else 0.5


class ContrastiveLearner:
    """Teaches a policy of Stable-Baselines3 what people compared."""

    def __init__(
        self,
        policy: ActorCriticPolicy,
        space: spaces.Dict,
        config: CPLConfig | None = None,
        *,
        horizon: int,
        seed: int = 0,
    ) -> None:
        """Prepare to teach.

        Args:
            policy: Learns in place; its critic learns nothing.
            space: Observation space of one world in the environment's own layout, which segments have; see
                :class:`~feedback.vec_wrapper.EnvLayout`.
            config: Settings.
            horizon: Steps that segments were asked to have [steps].
            seed: Seed of the order of learning.

        Raises:
            ValueError: If ``horizon`` is below 1.
        """
        if horizon < 1:
            raise ValueError(f"horizon={horizon} must be at least 1 [steps]")
        self.policy, self.config, self.horizon = policy, config or CPLConfig(), horizon
        self._layout = ChannelsFirst(space)
        self._rng = np.random.default_rng(seed)
        self._reference: dict[str, Tensor] = {}

    def fit(
        self, evidence: Sequence[Evidence], *, progress: Callable[[float], None] | None = None
    ) -> FitReport:
        """Clone what was shown, then learn what was better.

        Args:
            evidence: Comparisons and rankings.
            progress: Called with the fraction done, in (0, 1].

        Returns:
            The loss of the last pass, and how often the policy's advantages agree with people.

        Raises:
            ValueError: If there is none, or anything else than these.
        """
        if wrong := next((item for item in evidence if not isinstance(item, Comparison | Order)), None):
            raise ValueError(f"evidence holds a {type(wrong).__name__}: {_REASONS[type(wrong)]}")
        if not evidence:
            raise ValueError("evidence=[] must hold at least one comparison or ranking")
        compared, _ = usable(evidence)
        kept, held = split_held_out(compared, self.config.held_out)
        comparisons = comparisons_of(kept)
        total, done = self.config.pretrain + self.config.epochs, 0
        self.policy.set_training_mode(True)
        optimizer = self._optimizer()
        segments = _unique([segment for item in kept for segment in item.segments])
        for _ in range(self.config.pretrain):
            self._clone(segments, optimizer)
            done += 1
            if progress is not None:
                progress(done / total)
        if self.config.reference:
            self._remember([segment for item in evidence for segment in item.segments])
        # Momentum of what was cloned says nothing about what is better.
        optimizer, loss = self._optimizer(), math.nan
        self.policy.set_training_mode(True)
        for _ in range(self.config.epochs):
            loss = self._contrast(comparisons, optimizer)
            done += 1
            if progress is not None:
                progress(done / total)
        self.policy.set_training_mode(False)
        agreement, held_agreement = (
            self.agreement([pair for item in part for pair in item.pairs]) for part in (kept, held)
        )
        decided = sum(len(item.pairs) for item in held)
        return FitReport(loss, agreement, held_agreement, len(kept), decided)

    def advantages(self, segments: Sequence[Segment]) -> Tensor:
        """Return the advantage of each segment under the policy, with gradients, shape (segments,)."""
        log_probs = self.log_probs(segments)
        if self._reference:
            log_probs = log_probs - torch.cat([self._reference[segment.digest] for segment in segments])
        lengths = torch.tensor([len(segment) for segment in segments], device=log_probs.device)
        return advantages_of(log_probs, lengths, self.config, self.horizon)

    def log_probs(self, segments: Sequence[Segment]) -> Tensor:
        """Return the log-probability of each action, segments laid end to end, shape (steps,)."""
        device = self.policy.device
        observations = {
            key: np.concatenate([segment.observations[key] for segment in segments])
            for key in segments[0].observations
        }
        shown: dict[str, Tensor] = {
            key: torch.as_tensor(np.ascontiguousarray(value), device=device)
            for key, value in self._layout.view(observations).items()
        }
        whole: Any = shown
        if not isinstance(self.policy.observation_space, spaces.Dict):
            (whole,) = shown.values()
        actions = self._actions(np.concatenate([segment.actions for segment in segments]))
        log_probs: Tensor = self.policy.get_distribution(whole).log_prob(actions)
        return log_probs

    @torch.no_grad()
    def agreement(self, pairs: Sequence[tuple[Segment, Segment]]) -> float:
        """Return the fraction of pairs whose better one, the first, has the greater advantage."""
        if not pairs:
            return math.nan
        segments = _unique([segment for pair in pairs for segment in pair])
        found: dict[str, float] = {}
        for part in self._parts(segments):
            values = self.advantages(part).tolist()
            found |= {segment.digest: value for segment, value in zip(part, values, strict=True)}
        return float(np.mean([found[better.digest] > found[worse.digest] for better, worse in pairs]))

    def _actions(self, actions: NDArray[Any]) -> Tensor:
        """Return actions as the policy's distributions want them."""
        space = self.policy.action_space
        if isinstance(space, spaces.Discrete):
            actions = actions.reshape(len(actions)).astype(np.int64)
        elif isinstance(space, spaces.MultiDiscrete):
            actions = actions.reshape(len(actions), -1).astype(np.int64)
        else:
            actions = actions.reshape(len(actions), -1).astype(np.float32)
        return torch.as_tensor(actions, device=self.policy.device)

    def _optimizer(self) -> torch.optim.Optimizer:
        fixed = None if self.config.learn_spread else getattr(self.policy, "log_std", None)
        weights = [weight for weight in self.policy.parameters() if weight is not fixed]
        rate, decay = self.config.learning_rate, self.config.weight_decay
        return torch.optim.AdamW(weights, lr=rate, weight_decay=decay)

    def _clone(self, segments: Sequence[Segment], optimizer: torch.optim.Optimizer) -> None:
        """Make what was shown likely, step by step."""
        size = 2 * self.config.batch_size
        order = [segments[int(index)] for index in self._rng.permutation(len(segments))]
        for begin in range(0, len(order), size):
            self._step(-self.log_probs(order[begin : begin + size]).mean(), optimizer)

    def _contrast(self, comparisons: Sequence[Comparison], optimizer: torch.optim.Optimizer) -> float:
        total = 0.0
        order = [comparisons[int(index)] for index in self._rng.permutation(len(comparisons))]
        for begin in range(0, len(order), self.config.batch_size):
            batch = order[begin : begin + self.config.batch_size]
            segments = _unique([segment for item in batch for segment in item.segments])
            place = {segment.digest: index for index, segment in enumerate(segments)}
            advantages = self.advantages(segments)
            first = advantages[[place[item.first.digest] for item in batch]]
            second = advantages[[place[item.second.digest] for item in batch]]
            target = torch.tensor([item.target for item in batch], device=first.device)
            losses = contrastive_loss(first, second, target, bias=self.config.asymmetry)
            self._step(losses.mean(), optimizer)
            total += float(losses.detach().sum())
        return total / len(order)

    def _step(self, loss: Tensor, optimizer: torch.optim.Optimizer) -> None:
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(self.policy.parameters(), 1.0)
        optimizer.step()

    @torch.no_grad()
    def _remember(self, segments: Sequence[Segment]) -> None:
        """Keep what the reference policy, this one as it is now, says of all segments."""
        self._reference = {}
        self.policy.set_training_mode(False)
        for part in self._parts(_unique(segments)):
            pieces = torch.split(self.log_probs(part), [len(segment) for segment in part])
            self._reference |= {s.digest: piece for s, piece in zip(part, pieces, strict=True)}

    def _parts(self, segments: Sequence[Segment]) -> list[Sequence[Segment]]:
        size = max(_STEPS // self.horizon, 1)
        return [segments[begin : begin + size] for begin in range(0, len(segments), size)]


def contrastive_loss(first: Tensor, second: Tensor, target: Tensor, *, bias: float = 0.5) -> Tensor:
    r"""Loss of pairs of segments (Hejna et al. 2023, arXiv:2310.13639, with its conservative bias).

    :math:`-\mu_1 \log \mathrm{sigmoid}(A_1 - \lambda A_2) - \mu_2 \log \mathrm{sigmoid}(A_2 - \lambda A_1)`.

    Args:
        first: Advantages of the first segments, shape (batch,).
        second: Advantages of the second segments, shape (batch,).
        target: Soft targets :math:`\mu`, rows (1, 0), (0, 1) or (½, ½), shape (batch, 2).
        bias: :math:`\lambda`, in (0, 1].

    Returns:
        Loss of each pair, shape (batch,).

    Raises:
        ValueError: If a shape is wrong or ``bias`` is outside (0, 1].
    """
    if not 0 < bias <= 1:
        raise ValueError(f"bias={bias} must be in (0, 1]")
    if first.ndim != 1 or first.shape != second.shape or target.shape != (*first.shape, 2):
        raise ValueError(
            f"advantages have shapes {tuple(first.shape)} and {tuple(second.shape)} and target "
            f"{tuple(target.shape)}; they must be (batch,), (batch,) and (batch, 2)"
        )
    forward, backward = F.logsigmoid(first - bias * second), F.logsigmoid(second - bias * first)
    return -(target[:, 0] * forward + target[:, 1] * backward)


def advantages_of(log_probs: Tensor, lengths: Tensor, config: CPLConfig, horizon: int) -> Tensor:
    """Return the advantage of each segment.

    Args:
        log_probs: Log-probability, or log-ratio to a reference, of each action, segments laid end to end,
            shape (steps,).
        lengths: Steps of each segment, at least 1, shape (segments,).
        config: Temperature, discount, and how lengths count.
        horizon: Steps that segments were asked to have [steps].

    Returns:
        Shape (segments,).
    """
    owner = torch.repeat_interleave(torch.arange(len(lengths), device=lengths.device), lengths)
    start = torch.cumsum(lengths, 0) - lengths
    step = torch.arange(len(log_probs), device=lengths.device) - start[owner]
    weights = config.gamma ** step.to(log_probs.dtype)
    nothing = log_probs.new_zeros(len(lengths))
    sums = nothing.index_add(0, owner, weights * log_probs)
    if config.lengths == "mean":
        asked = math.fsum(config.gamma**t for t in range(horizon))
        sums = sums * (asked / nothing.index_add(0, owner, weights))
    return config.temperature * sums


def comparisons_of(evidence: Sequence[Comparison | Order]) -> list[Comparison]:
    """Return comparisons as they are, and the pairs of rankings."""
    found: list[Comparison] = []
    for item in evidence:
        if isinstance(item, Comparison):
            found.append(item)
        else:
            found += [Comparison(better, worse, (1.0, 0.0), item.labeller) for better, worse in item.pairs]
    return found


def usable(evidence: Sequence[Evidence]) -> tuple[list[Comparison | Order], dict[str, int]]:
    """Return what a policy can be taught from, and why the rest is left out, with how much of it."""
    kept = [item for item in evidence if isinstance(item, Comparison | Order)]
    rest = [item for item in evidence if not isinstance(item, Comparison | Order)]
    return kept, dict(Counter(_REASONS[type(item)] for item in rest))


def _unique(segments: Sequence[Segment]) -> list[Segment]:
    return list({segment.digest: segment for segment in segments}.values())
