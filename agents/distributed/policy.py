"""A policy that was trained on RLlib, for acting without Ray's processes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from numpy.typing import NDArray
from ray.rllib.core.columns import Columns
from ray.rllib.core.rl_module.rl_module import RLModule

from agents.distributed.checkpoints import newest_checkpoint
from agents.distributed.config import DistributedConfig
from agents.observations import space_differences

_MODULE = Path("learner_group", "learner", "rl_module", "default_policy")


class DistributedPolicy:
    """A :data:`~agents.policies.PolicyFunction` over a module of RLlib.

    Attributes:
        module: The networks.
    """

    def __init__(self, module: Any, deterministic: bool = True) -> None:
        """Wrap a module.

        Args:
            module: A ``TorchRLModule`` of :mod:`agents.distributed.module`.
            deterministic: Whether it takes its most likely action or draws one.
        """
        self.module = module
        self._deterministic = deterministic

    def __call__(self, observations: dict[str, NDArray[Any]]) -> NDArray[Any]:
        """Return actions of shape (batch, *action shape) for batched observations.

        Raises:
            ValueError: If a key is missing or has another shape.
        """
        # Copies, because environments may hand out arrays that cannot be written, which torch warns of.
        batch = {Columns.OBS: {key: torch.tensor(value) for key, value in observations.items()}}
        with torch.no_grad():
            answer = self.module.forward_inference(batch)
            if Columns.ACTIONS in answer:
                actions = answer[Columns.ACTIONS]
            else:
                kind = self.module.get_inference_action_dist_cls()
                drawn = kind.from_logits(answer[Columns.ACTION_DIST_INPUTS])
                actions = (drawn.to_deterministic() if self._deterministic else drawn).sample()
        return to_world(actions.cpu().numpy(), self.module.action_space)

    def check(self, observation_space: spaces.Space[Any], action_space: spaces.Space[Any]) -> None:
        """Check that the policy fits an environment.

        Raises:
            ValueError: Naming each key of the observation that differs, or the actions.
        """
        differences = space_differences(self.module.observation_space, observation_space)
        if self.module.action_space != action_space:
            differences.append(f"actions: trained on {self.module.action_space}, given {action_space}")
        if differences:
            raise ValueError("the policy does not fit the environment; " + "; ".join(differences))


def to_world(actions: NDArray[Any], space: spaces.Space[Any]) -> NDArray[Any]:
    """Return actions of a module, those of a Box in [-1, 1], as the environment takes them."""
    if not isinstance(space, spaces.Box):
        return actions
    share = (np.clip(actions, -1.0, 1.0) + 1.0) / 2.0
    world: NDArray[Any] = (space.low + share * (space.high - space.low)).astype(space.dtype)
    return world


def load_policy(path: Path, deterministic: bool = True) -> tuple[DistributedPolicy, DistributedConfig]:
    """Load a policy and the config of its run.

    Args:
        path: Folder of a run, whose newest checkpoint is taken, or one of its checkpoints.
        deterministic: Whether the policy takes its most likely action or draws one.

    Raises:
        ValueError: If there is no checkpoint, or it is damaged.
    """
    checkpoint = path if path.parent.name == "checkpoints" else newest_checkpoint(path)
    config = DistributedConfig.load(checkpoint.parent.parent)
    try:
        module = RLModule.from_checkpoint(str((checkpoint / _MODULE).resolve()))
    except (ValueError, RuntimeError, KeyError, OSError, EOFError) as error:
        raise ValueError(f"cannot load {checkpoint} as a checkpoint of RLlib: {error}") from error
    return DistributedPolicy(module, deterministic), config
