"""A rollout that stays where the network is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
import torch
from gymnasium import spaces
from numpy.typing import NDArray
from stable_baselines3.common.buffers import RolloutBuffer
from torch import Tensor

#: The key under which an observation that is no Dict is kept.
WHOLE = ""


class Minibatch(NamedTuple):
    """Some transitions of a rollout, all on the training device.

    Attributes:
        observations: Key to tensor of shape ``(batch, *space.shape)``, or the tensor alone.
        actions: Shape ``(batch, *action shape)``; int64 of shape ``(batch,)`` for one choice.
        old_values: What the critic expected when it acted, shape ``(batch,)``.
        old_log_prob: Log-probability of the action then, shape ``(batch,)``.
        advantages: Generalised advantage estimates, shape ``(batch,)``.
        returns: Targets of the critic, shape ``(batch,)``.
    """

    observations: Any
    actions: Tensor
    old_values: Tensor
    old_log_prob: Tensor
    advantages: Tensor
    returns: Tensor


class DeviceRolloutBuffer(RolloutBuffer):
    """Keeps a rollout on the training device from the step in which it is observed.

    ``RolloutBuffer`` of Stable-Baselines3 keeps NumPy arrays and copies each minibatch to the device, in each
    epoch anew.  Here an observation is copied once, pictures as bytes and in the memory order in which the
    environment made them, through pinned memory where the device is a GPU; the policy acts on that copy, and
    minibatches are gathered on the device.

    Memory is taken when the first rollout begins, so that a model that only acts has none.
    """

    def reset(self) -> None:
        """Begin a rollout."""
        self.pos, self.full = 0, False
        self.generator_ready = False

    def show(self, observation: Any) -> Any:
        """Copy the observations of the step that begins to the device.

        Args:
            observation: Of all worlds, an array of shape ``(n_envs, *space.shape)`` or a Dict of such.

        Returns:
            The same as tensors on the device, valid until the next rollout.
        """
        parts: Mapping[str, NDArray[Any]] = (
            observation if isinstance(observation, dict) else {WHOLE: observation}
        )
        if not hasattr(self, "_shown"):
            self._allocate(parts)
        for key, value in parts.items():
            source = torch.from_numpy(value)
            if (stage := self._stages.get(key)) is not None:
                # The last transfer out of this memory is long over: the policy has acted on it since.
                source = stage.copy_(source)
            self._shown[key][self.pos].copy_(source, non_blocking=True)
        return self._of_space({key: kept[self.pos] for key, kept in self._shown.items()})

    def keep(
        self, actions: Tensor, rewards: Tensor, starts: Tensor, values: Tensor, log_probs: Tensor
    ) -> None:
        """Keep what happened in the step whose observations were shown.

        Args:
            actions: As the policy gave them, shape ``(n_envs, *action shape)``.
            rewards: Shape ``(n_envs,)``.
            starts: 1 where the observation began an episode, shape ``(n_envs,)``.
            values: What the critic expected, shape ``(n_envs, 1)`` or ``(n_envs,)``.
            log_probs: Log-probabilities of the actions, shape ``(n_envs,)``.
        """
        if not hasattr(self, "_actions"):
            self._actions = actions.new_empty((self.buffer_size, *actions.shape))
        self._actions[self.pos] = actions
        for kept, value in zip(
            (self._rewards, self._starts, self._values, self._log_probs),
            (rewards, starts, values.flatten(), log_probs),
            strict=True,
        ):
            kept[self.pos] = value
        self.pos += 1
        self.full = self.pos == self.buffer_size

    def estimate(self, last_values: Tensor, dones: Tensor) -> None:
        """Compute advantages and returns (Schulman et al., "High-dimensional continuous control", 2016).

        Args:
            last_values: What the critic expects after the last step, shape ``(n_envs, 1)`` or ``(n_envs,)``.
            dones: 1 where the last step ended an episode, shape ``(n_envs,)``.
        """
        advantage: Tensor | float = 0.0
        following, goes_on = last_values.flatten().float(), 1.0 - dones
        for step in reversed(range(self.buffer_size)):
            delta = self._rewards[step] + self.gamma * following * goes_on - self._values[step]
            advantage = delta + self.gamma * self.gae_lambda * goes_on * advantage
            self._advantages[step] = advantage
            following, goes_on = self._values[step], 1.0 - self._starts[step]
        self._returns = self._advantages + self._values

    def get(self, batch_size: int | None = None) -> Iterator[Minibatch]:  # type: ignore[override]
        """Yield all transitions once, in random order, the last minibatch as large as what is left.

        The order is drawn like that of Stable-Baselines3, and from the same generator.

        Args:
            batch_size: Transitions in a minibatch; all by default.

        Raises:
            RuntimeError: If the rollout is not complete.
        """
        if not self.full:
            raise RuntimeError(f"the rollout has {self.pos} of {self.buffer_size} steps: collect it first")
        total = self.buffer_size * self.n_envs
        order = torch.from_numpy(np.random.permutation(total)).to(self.device)  # noqa: NPY002
        for begin in range(0, total, batch_size or total):
            chosen = order[begin : begin + (batch_size or total)]
            # World by world, as Stable-Baselines3 numbers them.
            world, step = chosen // self.buffer_size, chosen % self.buffer_size
            # What is gathered has the memory order of what it is gathered from.
            shown = {key: kept[step, world] for key, kept in self._shown.items()}
            yield Minibatch(
                self._of_space(shown),
                self._actions[step, world],
                *(
                    kept[step, world]
                    for kept in (self._values, self._log_probs, self._advantages, self._returns)
                ),
            )

    def explained_variance(self) -> float:
        """Return the share of the returns' variance that the critic explained; NaN if they are all equal."""
        variance = self._returns.var(unbiased=False)
        unexplained = (self._returns - self._values).var(unbiased=False)
        return float(1.0 - unexplained / variance) if variance > 0 else float("nan")

    def _of_space(self, parts: dict[str, Tensor]) -> Any:
        return parts if isinstance(self.observation_space, spaces.Dict) else parts[WHOLE]

    def _allocate(self, parts: Mapping[str, NDArray[Any]]) -> None:
        """Take memory for a rollout of observations like these."""
        self._shown: dict[str, Tensor] = {}
        self._stages: dict[str, Tensor] = {}
        for key, value in parts.items():
            like = torch.from_numpy(value)
            # Pictures that are views of (height, width, channels) stay that in memory: then a copy is one
            # run of bytes, and convolutions get the channels-last order that they like.
            order = [0, *(1 + np.argsort(-np.array(like.stride()[1:]), kind="stable")).tolist()]
            shape = [self.buffer_size, *(like.shape[axis] for axis in order)]
            places = [0, *(1 + order.index(axis) for axis in range(like.ndim))]
            self._shown[key] = torch.empty(shape, dtype=like.dtype, device=self.device).permute(places)
            if self.device.type == "cuda":
                stage = torch.empty(shape[1:], dtype=like.dtype, pin_memory=True)
                self._stages[key] = stage.permute([place - 1 for place in places[1:]])
        numbers = torch.zeros((5, self.buffer_size, self.n_envs), device=self.device)
        self._rewards, self._starts, self._values, self._log_probs, self._advantages = numbers
        self._returns = torch.zeros_like(self._values)
