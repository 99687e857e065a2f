"""Range scans."""

from __future__ import annotations

from typing import Any, Literal

import torch
from gymnasium.spaces import Box, Space
from torch import Tensor, nn

from agents.config import EncoderConfig
from agents.encoders.base import Encoded, ModalityEncoder, Scale


class ScanEncoder(ModalityEncoder):
    """``circular``: convolutions along the beams, the last one a neighbour of the first.

    Turning the sensor by a multiple of the total stride turns the output of :attr:`convolutions` with it, and
    nothing else, where that stride divides the number of beams.  A scan that is not circular
    (:attr:`mmenvs.spaces.Scan.circular`) is padded with zeros instead, that is with mid-range.
    The parts are the sectors that are left after the last convolution.
    """

    def __init__(self, space: Space[Any], config: EncoderConfig) -> None:
        """Build the network.

        Args:
            space: A box of one axis; one that does not say whether it is circular is taken as circular.
            config: Its field ``scan`` says how large the network is.

        Raises:
            ValueError: If the space is not a box of one axis.
        """
        super().__init__()
        if not isinstance(space, Box) or len(space.shape) != 1:
            raise ValueError(f"a scan needs a Box of one axis, got {space!r}")
        options = config.scan
        beams = space.shape[0]
        self.scale = Scale(space)
        layers: list[nn.Module] = []
        before = 1
        length = beams
        for channels in options.channels:
            # Circular padding may not go around more than once.
            pad = min(options.kernel // 2, length)
            mode: Literal["circular", "zeros"] = "circular" if getattr(space, "circular", True) else "zeros"
            layers += [
                nn.Conv1d(before, channels, 2 * pad + 1, stride=2, padding=pad, padding_mode=mode),
                nn.ReLU(),
            ]
            before, length = channels, (length - 1) // 2 + 1
        self.convolutions = nn.Sequential(*layers)
        self.head = nn.Sequential(nn.Flatten(), nn.Linear(before * length, options.features), nn.ReLU())
        self.features_dim = options.features
        self.parts_shape = (length, before)

    def forward(self, observation: Tensor) -> Tensor:
        """Encode scans of shape ``(batch, beams)``."""
        features: Tensor = self.head(self._sectors(observation))
        return features

    def encode(self, observation: Tensor) -> Encoded:
        """Encode scans as a whole and sector by sector."""
        sectors = self._sectors(observation)
        return Encoded(self.head(sectors), sectors.transpose(1, 2))

    def _sectors(self, observation: Tensor) -> Tensor:
        sectors: Tensor = self.convolutions(torch.unsqueeze(self.scale(observation), 1))
        return sectors
