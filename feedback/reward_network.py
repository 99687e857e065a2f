"""One member of a reward model: what was seen and done in a step, and one number for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from numpy.typing import NDArray
from torch import Tensor, nn

from agents.config import EncoderConfig
from agents.multimodal import MultimodalEncoder
from feedback.clips import Segment
from feedback.likelihood import Likelihood
from feedback.reward_config import Sees


class RewardNetwork(nn.Module):
    """An encoder, the action beside it if it counts, a hidden layer, a number.

    Attributes:
        failure: What it is worth that an episode ends badly.
        arrival: What it is worth that it ends at its goal.
        absorbing: Reward of every step that is missing after a failure.
        goal: The same after an arrival.
        scale: What rewards are divided by for an agent.
        fitted: Whether it has learned anything yet.
        likelihood: What is particular to each labeller.
    """

    scale: Tensor
    fitted: Tensor

    def __init__(
        self,
        observation_space: spaces.Dict,
        action_space: spaces.Space[Any],
        encoder: EncoderConfig,
        hidden: int,
        likelihood: Likelihood,
        *,
        actions: bool = True,
    ) -> None:
        """Build it for observations and actions of these spaces."""
        super().__init__()
        self.encoder = MultimodalEncoder(observation_space, encoder)
        self.embed_action, size = _action_embedding(action_space) if actions else (_Nothing(), 0)
        self.head = nn.Sequential(
            nn.Linear(self.encoder.features_dim + size, hidden), nn.ReLU(), nn.Linear(hidden, 1)
        )
        self.likelihood = likelihood
        self.absorbing = nn.Parameter(torch.zeros(()))
        self.goal = nn.Parameter(torch.zeros(()))
        self.failure = nn.Parameter(torch.zeros(()))
        self.arrival = nn.Parameter(torch.zeros(()))
        self.register_buffer("scale", torch.ones(()))
        self.register_buffer("fitted", torch.zeros((), dtype=torch.bool))

    def forward(self, observations: dict[str, Tensor], actions: Tensor) -> Tensor:
        """Return the raw reward of each step, shape (batch,).

        Args:
            observations: Key to raw tensor of shape (batch, *space.shape).
            actions: Shape (batch, *action shape).
        """
        features = torch.cat([self.encoder(observations), self.embed_action(actions)], dim=1)
        rewards: Tensor = self.head(features).squeeze(1)
        return rewards

    def score(self, batch: Batch, horizon: int) -> tuple[Tensor, Tensor]:
        """Score segments as the page of :mod:`feedback.reward_models` says.

        Returns:
            Score of each segment, shape (segments,), and reward of each step, shape (steps,).
        """
        rewards = self(batch.observations, batch.actions)
        sums = rewards.new_zeros(len(batch.lengths)).index_add(0, batch.owner, rewards)
        sums = sums * (batch.lengths / batch.shown)
        after_end = torch.where(batch.failed, self.absorbing, self.goal)
        ended = sums + self._at_end(batch) + (horizon - batch.lengths) * after_end
        return torch.where(batch.ended, ended, sums * (horizon / batch.lengths)), rewards

    def with_ends(self, rewards: Tensor, batch: Batch) -> Tensor:
        """Return the rewards of steps, the last ones of episodes with what it is worth to end like that.

        Who judges the last step of an episode has seen how it ended.

        Args:
            rewards: Of each step, shape (steps,).
            batch: Segments of which the last step is among those shown.
        """
        worth = torch.where(batch.ended, self._at_end(batch), torch.zeros_like(self.failure))
        return rewards.index_add(0, batch.shown.cumsum(0) - 1, worth)

    def _at_end(self, batch: Batch) -> Tensor:
        return torch.where(batch.failed, self.failure, self.arrival)


@dataclass(frozen=True)
class Batch:
    """Segments laid end to end: no step is wasted on padding.

    Attributes:
        observations: Key to tensor of shape (steps, *space.shape).
        actions: Shape (steps, *action shape).
        owner: Segment of each step, shape (steps,).
        lengths: Steps of each segment, shape (segments,).
        shown: Those of them that are in the batch and stand for the others, likewise.
        ended: Whether the episode ended with the segment, shape (segments,).
        failed: Whether it ended short of its goal, shape (segments,).
    """

    observations: dict[str, Tensor]
    actions: Tensor
    owner: Tensor
    lengths: Tensor
    shown: Tensor
    ended: Tensor
    failed: Tensor

    @classmethod
    def of(
        cls,
        segments: Sequence[Segment],
        sees: Sees,
        keys: Sequence[str],
        device: torch.device,
        chosen: Sequence[NDArray[np.int64] | slice] | None = None,
    ) -> Batch:
        """Lay segments end to end.

        Args:
            segments: The segments.
            sees: Whether what was seen before or after each step counts.
            keys: Which keys of it.
            device: Where the tensors shall be.
            chosen: The steps of each segment that go into the batch; None for all.
        """
        seen = [segment.observations if sees == "before" else segment.after for segment in segments]
        steps = [slice(None)] * len(segments) if chosen is None else chosen
        actions = [segment.actions[some] for segment, some in zip(segments, steps, strict=True)]
        shown = np.array([len(some) for some in actions])

        def tensor(array: NDArray[Any]) -> Tensor:
            return torch.as_tensor(array, device=device)

        return cls(
            observations={
                key: tensor(np.concatenate([part[key][some] for part, some in zip(seen, steps, strict=True)]))
                for key in keys
            },
            actions=tensor(np.concatenate(actions)),
            owner=tensor(np.repeat(np.arange(len(segments)), shown)),
            lengths=tensor(np.array([len(segment) for segment in segments])),
            shown=tensor(shown),
            ended=tensor(np.array([segment.terminated for segment in segments])),
            failed=tensor(np.array([segment.failed for segment in segments])),
        )


class _Nothing(nn.Module):
    def forward(self, actions: Tensor) -> Tensor:
        return torch.empty(len(actions), 0, device=actions.device)


class _OneHot(nn.Module):
    def __init__(self, space: spaces.Discrete) -> None:
        super().__init__()
        self._start, self._count = int(space.start), int(space.n)

    def forward(self, actions: Tensor) -> Tensor:
        index = actions.reshape(len(actions)).long() - self._start
        return nn.functional.one_hot(index, self._count).float()


class _OneHots(nn.Module):
    def __init__(self, space: spaces.MultiDiscrete) -> None:
        super().__init__()
        self._start = np.asarray(space.start, np.int64).reshape(-1).tolist()
        self._counts = space.nvec.reshape(-1).tolist()

    def forward(self, actions: Tensor) -> Tensor:
        columns = actions.reshape(len(actions), -1).long().unbind(1)
        parts = [
            nn.functional.one_hot(column - start, count)
            for column, start, count in zip(columns, self._start, self._counts, strict=True)
        ]
        return torch.cat(parts, 1).float()


class _Flat(nn.Module):
    def forward(self, actions: Tensor) -> Tensor:
        return actions.reshape(len(actions), -1).float()


def _action_embedding(space: spaces.Space[Any]) -> tuple[nn.Module, int]:
    """Return how an action enters the network, and the size of the result."""
    if isinstance(space, spaces.Discrete):
        return _OneHot(space), int(space.n)
    if isinstance(space, spaces.MultiDiscrete):
        return _OneHots(space), int(space.nvec.sum())
    if isinstance(space, spaces.Box):
        return _Flat(), int(np.prod(space.shape))
    raise ValueError(f"action_space={space} must be a Discrete, a MultiDiscrete or a Box")


def part_of(space: spaces.Dict, keys: tuple[str, ...] | None) -> spaces.Dict:
    """Return the part of an observation space that the reward is read from.

    Args:
        space: The space.
        keys: Which keys; None for all.

    Raises:
        ValueError: If there are none, or others than the space has.
    """
    if keys is None:
        return space
    if not keys or set(keys) - set(space):
        raise ValueError(f"keys={keys} must be among {sorted(space)}")
    return spaces.Dict({key: space[key] for key in keys})
