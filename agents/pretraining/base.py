"""What all objectives share: a batch of steps, and their interface."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from gymnasium import spaces
from torch import Tensor, nn

from agents.encoders.base import Encoded
from agents.multimodal import MultimodalEncoder
from agents.pretraining.config import LearnConfig


@dataclass
class Batch:
    """Steps of rollouts.

    Attributes:
        observations: Key to raw tensor of shape ``(batch, *space.shape)``.
        actions: What was done, shape ``(batch, *action_space.shape)``.
        following: What was seen one step later, as ``observations``; None if no objective asks for it.
        follows: Whether that is of the same episode, bool of shape ``(batch,)``.
    """

    observations: dict[str, Tensor]
    actions: Tensor
    following: dict[str, Tensor] | None
    follows: Tensor
    _encoded: tuple[dict[str, Encoded], Tensor] | None = field(default=None, repr=False)

    def encoded(self, encoder: MultimodalEncoder) -> tuple[dict[str, Encoded], Tensor]:
        """Return :meth:`MultimodalEncoder.encode` of the observations; objectives share one pass."""
        if self._encoded is None:
            self._encoded = encoder.encode(self.observations)
        return self._encoded


@dataclass(frozen=True)
class Setting:
    """What an objective is built from.

    Attributes:
        encoder: The encoder that is pretrained.
        space: What it reads.
        action_space: Of a single world.
        config: Everything about the pretraining.
        sample: Some observations of the rollouts, to know how they spread.
    """

    encoder: MultimodalEncoder
    space: spaces.Dict
    action_space: spaces.Space[Any]
    config: LearnConfig
    sample: Mapping[str, Tensor]


class Objective(nn.Module, ABC):
    """Something to learn from steps without labels.

    What it learns beside the encoder are its own parameters; it does not hold the encoder.

    Attributes:
        needs_following: Whether it looks at the step after.
    """

    needs_following: ClassVar[bool] = False

    @abstractmethod
    def forward(self, encoder: MultimodalEncoder, batch: Batch) -> tuple[Tensor, dict[str, float]]:
        """Judge the encoder.

        Args:
            encoder: The encoder that was named when the objective was built.
            batch: Some steps.

        Returns:
            A loss, and figures to show beside it.
        """

    def after_update(self, encoder: MultimodalEncoder) -> None:
        """Do what is due after each update of the weights; nothing, unless overridden."""
