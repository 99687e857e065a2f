"""RLlib's learner of PPO, with minibatches of steps that have nothing to do with each other."""

from __future__ import annotations

from typing import Any

import torch
import tree
from ray.rllib.algorithms.ppo.torch.ppo_torch_learner import PPOTorchLearner
from ray.rllib.connectors.connector_v2 import ConnectorV2


class MixedPPOLearner(PPOTorchLearner):
    """Draws minibatches at random in every epoch, and optimises as Stable-Baselines3 does.

    By itself RLlib cuts a training batch into minibatches in the order of its episodes: each holds
    consecutive steps of a few worlds, which is far from the mean over all.  Its ``shuffle_batch_per_epoch``
    begins with the second epoch.
    """

    def build(self) -> None:
        """Put the mixing behind everything that needs the order."""
        super().build()
        self._learner_connector.append(Mix())

    def configure_optimizers_for_module(self, module_id: str, config: Any = None) -> None:
        """Register Adam with the epsilon that PPO's reference implementations have."""
        parameters = self.get_parameters(self._module[module_id])
        self.register_optimizer(
            module_id=module_id,
            optimizer=torch.optim.Adam(parameters, eps=1e-5),
            params=parameters,
            lr_or_lr_schedule=config.lr,
        )


class Mix(ConnectorV2):
    """Permutes the rows of a training batch."""

    def __call__(self, *, batch: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
        """Return the batch of each module with its rows in random order."""
        return {name: mixed(columns) for name, columns in batch.items()}


def mixed(columns: dict[str, Any]) -> dict[str, Any]:
    """Return nested columns of shape (rows, ...), all in the same random order."""
    rows = len(tree.flatten(columns)[0])
    order = torch.randperm(rows)
    shuffled: dict[str, Any] = tree.map_structure(
        lambda column: column[order.to(column.device) if torch.is_tensor(column) else order.numpy()], columns
    )
    return shuffled
