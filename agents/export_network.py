"""A policy of Stable-Baselines3 as one network: raw observations in, actions in the world's units out."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import torch
from gymnasium import spaces
from sb3_contrib.qrdqn.policies import QRDQNPolicy
from sb3_contrib.tqc.policies import TQCPolicy
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.policies import ActorCriticPolicy, BasePolicy
from stable_baselines3.dqn.policies import DQNPolicy
from stable_baselines3.sac.policies import SACPolicy
from stable_baselines3.td3.policies import TD3Policy
from torch import Tensor, nn

from agents.observations import leaves_of

ACTION, SCORES, VALUE = "action", "scores", "value"
#: What a deployed policy can answer.
OUTPUTS = (ACTION, SCORES, VALUE)


class PolicyNetwork(nn.Module):
    """The deterministic policy of a model, with everything between the environment and its layers inside.

    That is: the order of the axes of pictures, one-hot vectors, conversion and scaling of numbers on the way
    in; the most likely choice, clipping and scaling to the bounds of the action space on the way out.

    Attributes:
        inputs: Keys of the observation, in the order of the arguments of :meth:`forward`.
        outputs: Names of what it returns, some of :data:`OUTPUTS`.
    """

    def __init__(
        self, model: BaseAlgorithm, observation_space: spaces.Space[Any], *, value: bool = False
    ) -> None:
        """Copy the policy of a model to the CPU.

        Args:
            model: PPO, A2C, DQN, QR-DQN, SAC, TQC or TD3.
            observation_space: What the environment gives, pictures as they come from it.
            value: Whether to return the value of the observation as well.

        Raises:
            ValueError: If the policy is of another kind.
        """
        super().__init__()
        policy = copy.deepcopy(model.policy).to("cpu")
        policy.set_training_mode(False)
        trained, given = leaves_of(model.observation_space), leaves_of(observation_space)
        self.inputs = list(given)
        self._is_dict = isinstance(observation_space, spaces.Dict)
        self._channels_last = [given[key].shape != trained[key].shape for key in self.inputs]
        self.head = _head(policy, value)
        scored = not isinstance(model.action_space, spaces.Box)
        self.outputs = [ACTION] + [SCORES] * scored + [VALUE] * value

    def forward(self, *observations: Tensor) -> tuple[Tensor, ...]:
        """Choose actions.

        Args:
            observations: One tensor per key of :attr:`inputs`, of shape ``(batch, *space.shape)``.

        Returns:
            ``action``, of shape ``(batch, *action_space.shape)``; ``scores`` where actions are discrete, of
            shape ``(batch, choices)``, the choices of several places side by side: log-probabilities, of
            DQN Q-values; and ``value`` of shape ``(batch,)`` if it was asked for: what the critic expects, of
            several critics the least.
        """
        shown = {
            key: value.permute(0, 3, 1, 2) if moved else value
            for key, value, moved in zip(self.inputs, observations, self._channels_last, strict=True)
        }
        answers: tuple[Tensor, ...] = self.head(shown if self._is_dict else shown[self.inputs[0]])
        return answers


class _ActorCriticHead(nn.Module):
    """PPO and A2C."""

    def __init__(self, policy: ActorCriticPolicy, value: bool) -> None:
        super().__init__()
        self.policy, self._value = policy, value
        self.actions = _actions(policy)

    def forward(self, observations: Any) -> tuple[Tensor, ...]:
        policy = self.policy
        features = BasePolicy.extract_features(policy, observations, policy.pi_features_extractor)
        numbers = policy.action_net(policy.mlp_extractor.forward_actor(features))
        if policy.squash_output:
            numbers = torch.tanh(numbers)
        answers: tuple[Tensor, ...] = self.actions(numbers)
        return (*answers, policy.predict_values(observations).squeeze(1)) if self._value else answers


class _QHead(nn.Module):
    """DQN, and QR-DQN, whose scores are means over quantiles."""

    def __init__(self, network: nn.Module, quantiles: bool, value: bool) -> None:
        super().__init__()
        self.network, self._quantiles, self._value = network, quantiles, value

    def forward(self, observations: Any) -> tuple[Tensor, ...]:
        scores = self.network(observations)
        if self._quantiles:
            scores = scores.mean(1)
        answers = (scores.argmax(1), scores)
        return (*answers, scores.amax(1)) if self._value else answers


class _ActorHead(nn.Module):
    """SAC, TQC and TD3, whose actors and critics speak of actions in [-1, 1]."""

    def __init__(self, policy: SACPolicy | TQCPolicy | TD3Policy, value: bool) -> None:
        super().__init__()
        self.actor, self.critic = policy.actor, policy.critic if value else None
        self._draws, self._quantiles = not isinstance(policy, TD3Policy), isinstance(policy, TQCPolicy)
        self.actions = _actions(policy)

    def forward(self, observations: Any) -> tuple[Tensor, ...]:
        chosen = self.actor(observations, deterministic=True) if self._draws else self.actor(observations)
        answers: tuple[Tensor, ...] = self.actions(chosen)
        if self.critic is None:
            return answers
        expected = self.critic(observations, chosen)
        critics = expected.mean(2) if self._quantiles else torch.cat(expected, 1)
        return (*answers, critics.amin(1))


class _Choices(nn.Module):
    """One choice, or several side by side, from logits."""

    def __init__(self, sizes: Sequence[int], several: bool) -> None:
        super().__init__()
        self._sizes, self._several = list(sizes), several

    def forward(self, logits: Tensor) -> tuple[Tensor, ...]:
        places = torch.split(logits, self._sizes, 1)
        chosen = torch.stack([place.argmax(1) for place in places], 1)
        scores = torch.cat([place.log_softmax(1) for place in places], 1)
        return (chosen if self._several else chosen.squeeze(1)), scores


class _Switches(nn.Module):
    """Bits from log-odds; the score of a bit is the log-probability that it is one."""

    def forward(self, logits: Tensor) -> tuple[Tensor, ...]:
        return (logits > 0).long(), nn.functional.logsigmoid(logits)


class _Bounded(nn.Module):
    """Numbers of a Box: from [-1, 1] to its bounds if the policy squashes them, else clipped to them."""

    low: Tensor
    high: Tensor

    def __init__(self, space: spaces.Box, squashed: bool) -> None:
        super().__init__()
        self._squashed, self._shape = squashed, space.shape
        self.register_buffer("low", torch.as_tensor(space.low, dtype=torch.float32))
        self.register_buffer("high", torch.as_tensor(space.high, dtype=torch.float32))

    def forward(self, numbers: Tensor) -> tuple[Tensor, ...]:
        actions = numbers.reshape(-1, *self._shape)
        if self._squashed:
            return (self.low + 0.5 * (actions + 1.0) * (self.high - self.low),)
        return (torch.minimum(torch.maximum(actions, self.low), self.high),)


def _head(policy: BasePolicy, value: bool) -> nn.Module:
    # A policy that predicts in its own way, such as a recurrent one, keeps something between its decisions.
    if type(policy).predict is BasePolicy.predict:
        if isinstance(policy, ActorCriticPolicy):
            return _ActorCriticHead(policy, value)
        if isinstance(policy, DQNPolicy):
            return _QHead(policy.q_net, False, value)
        if isinstance(policy, QRDQNPolicy):
            return _QHead(policy.quantile_net, True, value)
        if isinstance(policy, SACPolicy | TQCPolicy | TD3Policy):
            return _ActorHead(policy, value)
    raise ValueError(
        f"{type(policy).__name__} cannot be exported; policies of PPO, A2C, DQN, QR-DQN, SAC, TQC, TD3 can"
    )


def _actions(policy: BasePolicy) -> nn.Module:
    space = policy.action_space
    if isinstance(space, spaces.Box):
        return _Bounded(space, policy.squash_output)
    if isinstance(space, spaces.Discrete):
        return _Choices([int(space.n)], several=False)
    if isinstance(space, spaces.MultiDiscrete):
        return _Choices([int(n) for n in space.nvec], several=True)
    if isinstance(space, spaces.MultiBinary):
        return _Switches()
    raise ValueError(f"actions of {space!r} cannot be exported")
