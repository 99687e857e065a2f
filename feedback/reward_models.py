r"""Rewards learned from preferences.

A :class:`RewardModel` is a small ensemble of networks that share nothing.  Each gives a reward
:math:`r(o, a)` to what was seen and done in one step, and one number :math:`r_\circ` to having no step
at all because the episode has ended.  A segment of fewer steps than were asked for scores

    sum of r over its steps + (missing steps) x r_o    if it ended in failure (or just ended),
    mean of r over its steps x (steps asked for)       if it reached its goal or was cut short.

So a short segment is neither good nor bad for being short: *how* bad it is to have ended is itself
learned from what people prefer.  That is the absorbing state of Kostrikov et al. (2019,
arXiv:1809.02925), which they use against the survival bias of learned rewards.

An agent gets :math:`(r - r_\circ)`, averaged over the ensemble, each member divided by the root mean
square of that difference over the data.  Subtracting a constant per step and stopping at the end of the
episode is the same task as going on for ever and receiving :math:`r_\circ` after the end; so the
offset is not a free choice but a part of what was learned.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import torch
from gymnasium import spaces
from numpy.typing import NDArray
from torch import Tensor, nn

from agents.config import EncoderConfig
from agents.multimodal import MultimodalEncoder
from feedback.clips import Segment
from feedback.losses import bradley_terry_loss


@dataclass(frozen=True)
class RewardConfig:
    """How a reward model is built and fitted.

    Attributes:
        members: Networks in the ensemble.
        hidden: Units of the hidden layer.
        horizon: Steps that segments are asked to have [steps].
        noise: Assumed probability of a random answer, in [0, 1).
        epochs: Passes over the preferences in one fit.
        batch_size: Preferences per gradient step.
        learning_rate: Of AdamW.
        weight_decay: Of AdamW.
        held_out: Fraction of the preferences kept for measuring agreement, in [0, 0.5].
        bootstrap: Whether each member learns from its own sample with replacement.
        encoder: The encoder of the observations.
    """

    members: int = 3
    hidden: int = 64
    horizon: int = 16
    noise: float = 0.1
    epochs: int = 6
    batch_size: int = 16
    learning_rate: float = 1e-3
    weight_decay: float = 1e-4
    held_out: float = 0.1
    bootstrap: bool = True
    encoder: EncoderConfig = field(default_factory=EncoderConfig)

    def __post_init__(self) -> None:
        """Validate.

        Raises:
            ValueError: Naming the field, its value and what is allowed.
        """
        for name in ("members", "hidden", "horizon", "epochs", "batch_size"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}={getattr(self, name)} must be at least 1")
        if not 0 <= self.noise < 1:
            raise ValueError(f"noise={self.noise} must be in [0, 1)")
        if not self.learning_rate > 0:
            raise ValueError(f"learning_rate={self.learning_rate} must be positive")
        if not self.weight_decay >= 0:
            raise ValueError(f"weight_decay={self.weight_decay} must not be negative")
        if not 0 <= self.held_out <= 0.5:
            raise ValueError(f"held_out={self.held_out} must be in [0, 0.5]")


class Comparison(NamedTuple):
    """Two segments and the soft target for (first, second)."""

    first: Segment
    second: Segment
    target: tuple[float, float]


@dataclass(frozen=True)
class FitReport:
    """What a fit achieved.

    Attributes:
        loss: Mean loss over the last pass and the members.
        agreement: Fraction of the decided pairs learned from that the ensemble ranks as the labeller did.
        held_out_agreement: The same for pairs that no member learned from; NaN without any.
        pairs: Number of pairs learned from.
        held_out: Number of decided pairs held out.
    """

    loss: float
    agreement: float
    held_out_agreement: float
    pairs: int
    held_out: int


class RewardNetwork(nn.Module):
    """One member: an encoder, the action beside it, a hidden layer, a number."""

    absorbing: Tensor
    scale: Tensor

    def __init__(
        self, observation_space: spaces.Dict, action_space: spaces.Space[Any], config: RewardConfig
    ) -> None:
        """Build it for observations and actions of these spaces."""
        super().__init__()
        self.encoder = MultimodalEncoder(observation_space, config.encoder)
        self.embed_action, size = _action_embedding(action_space)
        self.head = nn.Sequential(
            nn.Linear(self.encoder.features_dim + size, config.hidden), nn.ReLU(), nn.Linear(config.hidden, 1)
        )
        self.absorbing = nn.Parameter(torch.zeros(()))
        self.register_buffer("scale", torch.ones(()))

    def forward(self, observations: dict[str, Tensor], actions: Tensor) -> Tensor:
        """Return the raw reward of each step, shape (batch,).

        Args:
            observations: Key to raw tensor of shape (batch, *space.shape).
            actions: Shape (batch, *action shape).
        """
        features = torch.cat([self.encoder(observations), self.embed_action(actions)], dim=1)
        rewards: Tensor = self.head(features).squeeze(1)
        return rewards


class RewardModel(nn.Module):
    """An ensemble of :class:`RewardNetwork`, fitted to preferences between segments."""

    def __init__(
        self,
        observation_space: spaces.Space[Any],
        action_space: spaces.Space[Any],
        config: RewardConfig | None = None,
        *,
        seed: int = 0,
        device: str | torch.device = "cpu",
    ) -> None:
        """Build the ensemble.

        Args:
            observation_space: Dict space of a single world, or a Box.
            action_space: Discrete or Box.
            config: Sizes and choices.
            seed: Seed of the weights, the bootstrap and the order of learning.
            device: Where it lives.

        Raises:
            ValueError: If a space is of another kind.
        """
        super().__init__()
        self.config = config or RewardConfig()
        if not isinstance(observation_space, spaces.Dict):
            observation_space = spaces.Dict({"observation": observation_space})
        self._rng = np.random.default_rng(seed)
        # The weights come from this model's seed and leave torch's global stream as it was.
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.members = nn.ModuleList(
                RewardNetwork(observation_space, action_space, self.config)
                for _ in range(self.config.members)
            )
        self.device = torch.device(device)
        self.to(self.device)

    @torch.inference_mode()
    def predict(
        self, observations: Mapping[str, NDArray[Any]], actions: NDArray[Any], *, batch_size: int = 1024
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return the reward that an agent should get for each step, and how much the members disagree.

        Args:
            observations: Key to array of shape (steps, *space.shape), or one such array for a Box space.
            actions: Shape (steps, *action shape).
            batch_size: Steps at a time; bounds the memory.

        Returns:
            Mean and standard deviation over the members of the normalised reward, each of shape (steps,).
        """
        parts = []
        for begin in range(0, len(actions), batch_size):
            piece = slice(begin, begin + batch_size)
            seen = {key: self._tensor(value[piece]) for key, value in observations.items()}
            done = self._tensor(actions[piece])
            parts.append(torch.stack([(net(seen, done) - net.absorbing) / net.scale for net in self._nets]))
        rewards = torch.cat(parts, dim=1)
        return rewards.mean(0).cpu().numpy(), rewards.std(0, correction=0).cpu().numpy()

    @torch.inference_mode()
    def scores(self, segments: Sequence[Segment]) -> NDArray[np.float32]:
        """Return the score of each segment by each member, shape (members, segments)."""
        batch = self._stack(segments)
        return torch.stack([self._score(net, batch) for net in self._nets]).cpu().numpy()

    def fit(
        self, comparisons: Sequence[Comparison], *, progress: Callable[[float], None] | None = None
    ) -> FitReport:
        """Learn from comparisons, starting from what was learned before.

        Args:
            comparisons: All that are known; those called incomparable are left out by the caller.
            progress: Called with the fraction done, in (0, 1].

        Raises:
            ValueError: If there are none, or a segment is longer than the horizon.
        """
        if not comparisons:
            raise ValueError("comparisons=[] must hold at least one")
        longest = max(len(s) for c in comparisons for s in (c.first, c.second))
        if longest > self.config.horizon:
            raise ValueError(f"a segment has {longest} steps, but horizon={self.config.horizon}")
        # The held-out pairs are the same at every fit: chosen by content, so that none is ever learned from.
        kept = [c for c in comparisons if not self._is_held_out(c)] or list(comparisons)
        held = [c for c in comparisons if self._is_held_out(c)] if len(kept) < len(comparisons) else []
        total, losses = self.config.members * self.config.epochs, []
        for index, net in enumerate(self._nets):
            optimizer = torch.optim.AdamW(
                net.parameters(), lr=self.config.learning_rate, weight_decay=self.config.weight_decay
            )
            count = len(kept)
            sample = self._rng.integers(count, size=count) if self.config.bootstrap else np.arange(count)
            loss = math.nan
            for epoch in range(self.config.epochs):
                loss = self._epoch(net, optimizer, [kept[i] for i in self._rng.permutation(sample)])
                if progress is not None:
                    progress((index * self.config.epochs + epoch + 1) / total)
            losses.append(loss)
        self._normalise([s for c in comparisons for s in (c.first, c.second)])
        agreement, _ = self._agreement(kept)
        held_agreement, decided = self._agreement(held)
        return FitReport(float(np.mean(losses)), agreement, held_agreement, len(kept), decided)

    @property
    def _nets(self) -> list[RewardNetwork]:
        return [net for net in self.members if isinstance(net, RewardNetwork)]

    def _epoch(
        self, net: RewardNetwork, optimizer: torch.optim.Optimizer, comparisons: list[Comparison]
    ) -> float:
        total = 0.0
        for begin in range(0, len(comparisons), self.config.batch_size):
            batch = comparisons[begin : begin + self.config.batch_size]
            size = len(batch)
            scores = self._score(net, self._stack([c.first for c in batch] + [c.second for c in batch]))
            target = torch.tensor([c.target for c in batch], device=self.device)
            losses = bradley_terry_loss(scores[:size], scores[size:], target, noise=self.config.noise)
            optimizer.zero_grad()
            torch.autograd.backward(losses.mean())
            nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            optimizer.step()
            total += float(losses.detach().sum())
        return total / len(comparisons)

    def _score(self, net: RewardNetwork, batch: _Batch) -> Tensor:
        """Score each segment of a batch as the module's page says, shape (segments,)."""
        rewards = net(batch.observations, batch.actions)
        sums = torch.zeros(len(batch.lengths), device=self.device).index_add(0, batch.owner, rewards)
        missing = self.config.horizon - batch.lengths
        ended = sums + missing * net.absorbing
        cut_short = sums * (self.config.horizon / batch.lengths)
        return torch.where(batch.failed, ended, cut_short)

    def _normalise(self, segments: Sequence[Segment]) -> None:
        """Set each member's scale: the root mean square over the data of r minus r_o."""
        unique = list({segment.digest: segment for segment in segments}.values())
        for net in self._nets:
            squares, steps = 0.0, 0
            for begin in range(0, len(unique), 64):
                batch = self._stack(unique[begin : begin + 64])
                with torch.inference_mode():
                    gaps = net(batch.observations, batch.actions) - net.absorbing
                squares += float((gaps.double() ** 2).sum())
                steps += len(gaps)
            net.scale.fill_(max(math.sqrt(squares / steps), 1e-6))

    def _agreement(self, comparisons: Sequence[Comparison]) -> tuple[float, int]:
        """Return the fraction of decided pairs ranked as the labeller did, and their number."""
        decided = [c for c in comparisons if c.target[0] != c.target[1]]
        if not decided:
            return math.nan, 0
        right = 0
        for begin in range(0, len(decided), 64):
            batch = decided[begin : begin + 64]
            gaps = (self.scores([c.first for c in batch]) - self.scores([c.second for c in batch])).mean(0)
            wanted = np.array([c.target[0] > c.target[1] for c in batch])
            right += int(((gaps > 0) == wanted).sum())
        return right / len(decided), len(decided)

    def _is_held_out(self, comparison: Comparison) -> bool:
        mark = int(comparison.first.digest[:8], 16) ^ int(comparison.second.digest[:8], 16)
        return mark < self.config.held_out * 2**32

    def _stack(self, segments: Sequence[Segment]) -> _Batch:
        keys = segments[0].observations.keys()
        lengths = np.array([len(s) for s in segments])
        return _Batch(
            observations={
                key: self._tensor(np.concatenate([s.observations[key] for s in segments])) for key in keys
            },
            actions=self._tensor(np.concatenate([s.actions for s in segments])),
            owner=self._tensor(np.repeat(np.arange(len(segments)), lengths)),
            lengths=self._tensor(lengths),
            failed=self._tensor(np.array([s.failed for s in segments])),
        )

    def _tensor(self, array: NDArray[Any]) -> Tensor:
        return torch.as_tensor(array, device=self.device)


@dataclass(frozen=True)
class _Batch:
    """Segments laid end to end: no step is wasted on padding.

    Attributes:
        observations: Key to tensor of shape (steps, *space.shape).
        actions: Shape (steps, *action shape).
        owner: Segment of each step, shape (steps,).
        lengths: Steps of each segment, shape (segments,).
        failed: Whether each ended short of its goal, shape (segments,).
    """

    observations: dict[str, Tensor]
    actions: Tensor
    owner: Tensor
    lengths: Tensor
    failed: Tensor


class _OneHot(nn.Module):
    def __init__(self, space: spaces.Discrete) -> None:
        super().__init__()
        self._start, self._count = int(space.start), int(space.n)

    def forward(self, actions: Tensor) -> Tensor:
        index = actions.reshape(len(actions)).long() - self._start
        return nn.functional.one_hot(index, self._count).float()


class _Flat(nn.Module):
    def forward(self, actions: Tensor) -> Tensor:
        return actions.reshape(len(actions), -1).float()


def _action_embedding(space: spaces.Space[Any]) -> tuple[nn.Module, int]:
    """Return how an action enters the network, and the size of the result."""
    if isinstance(space, spaces.Discrete):
        return _OneHot(space), int(space.n)
    if isinstance(space, spaces.Box):
        return _Flat(), int(np.prod(space.shape))
    raise ValueError(f"action_space={space} must be a Discrete or a Box")
