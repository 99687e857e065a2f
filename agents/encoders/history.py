"""Past events."""

from __future__ import annotations

from typing import Any

from gymnasium.spaces import Space
from torch import Tensor, nn

from agents.config import EncoderConfig
from agents.encoders.base import ModalityEncoder, Scale
from mmenvs.spaces import History


class HistoryEncoder(ModalityEncoder):
    """Convolutions along time, then one linear layer that still knows how long ago each event was."""

    def __init__(self, space: Space[Any], config: EncoderConfig) -> None:
        """Build the network.

        Args:
            space: An :class:`mmenvs.spaces.History`.
            config: Its field ``history`` says how large the network is.

        Raises:
            ValueError: If the space is of another kind.
        """
        super().__init__()
        if not isinstance(space, History):
            raise ValueError(f"a history needs an mmenvs.spaces.History, got {space!r}")
        length, before = space.structure
        options = config.history
        self._space = space
        self.scale = Scale(space)
        layers: list[nn.Module] = []
        for channels in options.channels:
            layers += [nn.Conv1d(before, channels, 3, padding=1), nn.ReLU()]
            before = channels
        self.layers = nn.Sequential(
            *layers, nn.Flatten(), nn.Linear(before * length, options.features), nn.ReLU()
        )
        self.features_dim = options.features

    def forward(self, observation: Tensor) -> Tensor:
        """Encode histories of wire shape ``(batch, length * features)``, oldest first."""
        events = self._space.unflatten(self.scale(observation))
        features: Tensor = self.layers(events.transpose(1, 2))
        return features
