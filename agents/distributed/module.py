"""The networks of RLlib's new API stack on top of :class:`~agents.multimodal.MultimodalEncoder`.

The sizes, the activations and PPO's first weights are those of ``python -m agents train``, so that both learn
the same with the same settings.  Actions of a Box are in [-1, 1]; RLlib stretches them to the space's bounds.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from gymnasium import spaces
from ray.rllib.algorithms.sac.torch.default_sac_torch_rl_module import DefaultSACTorchRLModule
from ray.rllib.core.columns import Columns
from ray.rllib.core.distribution.torch.torch_distribution import (
    TorchCategorical,
    TorchDiagGaussian,
    TorchMultiCategorical,
    TorchSquashedGaussian,
)
from ray.rllib.core.learner.utils import make_target_network
from ray.rllib.core.models.base import ENCODER_OUT
from ray.rllib.core.rl_module.apis import InferenceOnlyAPI, QNetAPI, TargetNetworkAPI, ValueFunctionAPI
from ray.rllib.core.rl_module.torch import TorchRLModule
from ray.rllib.utils.schedules.scheduler import Scheduler
from stable_baselines3.common.policies import ActorCriticPolicy
from torch import Tensor, nn

from agents.multimodal import MultimodalEncoder

#: Rows of a whole training batch that are valued at once: the activations of all would take gigabytes.
_ROWS = 1024
#: Names under which RLlib's learner of DQN looks for the values of actions.
_VALUES, _NEXT_VALUES, _TARGET_VALUES = "qf_preds", "qf_next_preds", "qf_target_next_preds"

Batch = dict[str, Any]


class MultimodalActorCritic(TorchRLModule, ValueFunctionAPI):
    """Policy and value function over one encoder, for PPO.

    ``model_config`` holds ``encoder``, an :class:`~agents.config.EncoderConfig`, and ``net_arch``, the hidden
    layers of each of the two.
    """

    def setup(self) -> None:
        """Build the networks."""
        hidden: Sequence[int] = self.model_config["net_arch"]
        self.encoder = MultimodalEncoder(self.observation_space, self.model_config["encoder"])
        width = self.encoder.features_dim
        self.action_dist_cls, outputs = _distribution(self.action_space)
        self.policy = perceptron(width, hidden, outputs, nn.Tanh)
        self.value = perceptron(width, hidden, 1, nn.Tanh)
        # None, not empty: learners that share gradients wait for that of every parameter.
        box = isinstance(self.action_space, spaces.Box)
        self.log_std = nn.Parameter(torch.zeros(outputs)) if box else None
        for module in (self.encoder, self.policy, self.value):
            module.apply(lambda part: ActorCriticPolicy.init_weights(part, 2**0.5))
        ActorCriticPolicy.init_weights(self.policy[-1], 0.01)
        ActorCriticPolicy.init_weights(self.value[-1], 1.0)

    def compute_values(self, batch: Batch, embeddings: Tensor | None = None) -> Tensor:
        """Return state values, shape (batch,), of observations or of what the encoder made of them."""
        if embeddings is not None:
            values: Tensor = self.value(embeddings).squeeze(-1)
            return values
        # Without embeddings it is about advantages of a whole training batch, which need no gradients.
        observations, learning = batch[Columns.OBS], self.training
        rows = len(next(iter(observations.values())))
        self.eval()
        with torch.no_grad():
            parts = [
                self.value(self.encoder({key: value[i : i + _ROWS] for key, value in observations.items()}))
                for i in range(0, rows, _ROWS)
            ]
        self.train(learning)
        return torch.cat(parts).squeeze(-1)

    def _forward(self, batch: Batch, **kwargs: Any) -> Batch:
        features = self.encoder(batch[Columns.OBS])
        outputs = self.policy(features)
        if self.log_std is not None:
            outputs = torch.cat([outputs, self.log_std.expand_as(outputs)], -1)
        return {Columns.ACTION_DIST_INPUTS: outputs, Columns.EMBEDDINGS: features}

    def _forward_exploration(self, batch: Batch, **kwargs: Any) -> Batch:
        # The embeddings stay here: a runner would send them along with every step.
        with torch.no_grad():
            return {Columns.ACTION_DIST_INPUTS: self._forward(batch)[Columns.ACTION_DIST_INPUTS]}


class MultimodalQNetwork(TorchRLModule, InferenceOnlyAPI, TargetNetworkAPI, QNetAPI):
    """Values of discrete actions, for double DQN.

    ``model_config`` holds ``encoder``, ``net_arch``, and ``epsilon``, RLlib's schedule of the share of random
    actions over world steps.
    """

    def setup(self) -> None:
        """Build the networks."""
        encoder = MultimodalEncoder(self.observation_space, self.model_config["encoder"])
        head = perceptron(
            encoder.features_dim, self.model_config["net_arch"], int(self.action_space.n), nn.ReLU
        )
        self.values = nn.Sequential(encoder, head)
        self.epsilon = Scheduler(
            fixed_value_or_schedule=self.model_config["epsilon"], framework=self.framework
        )

    def get_non_inference_attributes(self) -> list[str]:
        """Return what runners need not have."""
        return ["target"]

    def make_target_networks(self) -> None:
        """Copy the network."""
        self.target = make_target_network(self.values)

    def get_target_network_pairs(self) -> list[tuple[nn.Module, nn.Module]]:
        """Return the network and its copy."""
        return [(self.values, self.target)]

    def forward_target(self, batch: Batch) -> Batch:
        """Return values by the copy, shape (batch, actions)."""
        return {_VALUES: self.target(batch[Columns.OBS])}

    def compute_q_values(self, batch: Batch) -> Batch:
        """Return values, shape (batch, actions)."""
        return {_VALUES: self.values(batch[Columns.OBS])}

    def _forward_inference(self, batch: Batch, **kwargs: Any) -> Batch:
        with torch.no_grad():
            return {Columns.ACTIONS: self.values(batch[Columns.OBS]).argmax(-1)}

    def _forward_exploration(self, batch: Batch, t: int = 0, **kwargs: Any) -> Batch:
        best = self._forward_inference(batch)[Columns.ACTIONS]
        self.epsilon.update(t)
        random = torch.rand(best.shape, device=best.device) < self.epsilon.get_current_value()
        drawn = torch.randint_like(best, int(self.action_space.n))
        return {Columns.ACTIONS: torch.where(random, drawn, best)}

    def _forward_train(self, batch: Batch, **kwargs: Any) -> Batch:
        with torch.no_grad():
            following = self.values(batch[Columns.NEXT_OBS])
            target = self.target(batch[Columns.NEXT_OBS])
        return {
            _VALUES: self.values(batch[Columns.OBS]),
            _NEXT_VALUES: following,
            _TARGET_VALUES: target,
        }


class MultimodalSoftActorCritic(DefaultSACTorchRLModule):
    """Policy and twin values of continuous actions, for SAC; only the networks are not RLlib's own.

    ``model_config`` holds ``encoder``, ``net_arch``, and ``twin_q``, which RLlib's methods ask for.
    """

    def setup(self) -> None:
        """Build the networks."""
        hidden: Sequence[int] = self.model_config["net_arch"]
        self.twin_q = True
        self.action_dist_cls = TorchSquashedGaussian
        actions = int(self.action_space.shape[0])
        self.pi_encoder = self._reader(0)
        width = self.pi_encoder.features_dim
        self.pi = perceptron(width, hidden, 2 * actions, nn.ReLU)
        if not self.inference_only:
            self.qf_encoder, self.qf_twin_encoder = self._reader(actions), self._reader(actions)
            self.qf = perceptron(width + actions, hidden, 1, nn.ReLU)
            self.qf_twin = perceptron(width + actions, hidden, 1, nn.ReLU)

    def _reader(self, actions: int) -> Reader:
        return Reader(
            MultimodalEncoder(self.observation_space, self.model_config["encoder"]), with_actions=actions > 0
        )


class Reader(nn.Module):
    """An encoder that reads RLlib's batches."""

    def __init__(self, encoder: MultimodalEncoder, with_actions: bool) -> None:
        """Wrap an encoder.

        Args:
            encoder: Of the observations.
            with_actions: Whether the actions are put behind the features.
        """
        super().__init__()
        self.encoder = encoder
        self.features_dim = encoder.features_dim
        self._with_actions = with_actions

    def forward(self, batch: Batch) -> Batch:
        """Return features of shape (batch, features [+ actions])."""
        features = self.encoder(batch[Columns.OBS])
        if self._with_actions:
            features = torch.cat([features, batch[Columns.ACTIONS]], -1)
        return {ENCODER_OUT: features}


def perceptron(
    inputs: int, hidden: Sequence[int], outputs: int, activation: type[nn.Module]
) -> nn.Sequential:
    """Return an MLP whose last layer is linear."""
    layers: list[nn.Module] = []
    for width in hidden:
        layers += [nn.Linear(inputs, width), activation()]
        inputs = width
    return nn.Sequential(*layers, nn.Linear(inputs, outputs))


def _distribution(space: spaces.Space[Any]) -> tuple[Any, int]:
    """Return the distribution of a policy's actions, and the numbers that the network gives of it."""
    if isinstance(space, spaces.Discrete):
        return TorchCategorical, int(space.n)
    if isinstance(space, spaces.MultiDiscrete):
        lengths = [int(n) for n in space.nvec]
        return TorchMultiCategorical.get_partial_dist_cls(space=space, input_lens=lengths), sum(lengths)
    assert isinstance(space, spaces.Box)
    # The standard deviations are parameters of their own, one per action, as in Stable-Baselines3.
    return TorchDiagGaussian, int(space.shape[0])
