"""The networks for pictures that most published results use."""

from __future__ import annotations

from typing import Any

import torch
from gymnasium.spaces import Space
from torch import Tensor, nn

from agents.config import EncoderConfig
from agents.encoders.image import PictureEncoder

_NATURE_LEAST = 36  # smallest side that the three convolutions leave anything of [pixels]


class NatureEncoder(PictureEncoder):
    """``nature``: the three convolutions of Mnih et al., "Human-level control through deep RL", 2015."""

    def __init__(self, space: Space[Any], config: EncoderConfig) -> None:
        """Build the network; see :class:`~agents.encoders.image.PictureEncoder`.

        Raises:
            ValueError: If the pictures are too small.
        """
        super().__init__(space, config)
        height, width, channels = self.size
        if min(height, width) < _NATURE_LEAST:
            raise ValueError(
                f"nature needs pictures of at least {_NATURE_LEAST} pixels a side, got {height}x{width}; "
                "compact and impala take any size"
            )
        self.first = nn.Conv2d(channels, 32, 8, stride=4)
        self.rest = nn.Sequential(
            nn.ReLU(inplace=True),
            nn.Conv2d(32, 64, 4, stride=2),
            nn.ReLU(inplace=True),
            nn.Conv2d(64, 64, 3),
            nn.ReLU(inplace=True),
        )
        with torch.no_grad():
            shape = self.rest(self.first(torch.zeros(1, channels, height, width))).shape
        self.build_head((shape[1], shape[2], shape[3]))

    def flat_map(self, pictures: Tensor) -> Tensor:
        """Return the map of features of raw pictures."""
        features: Tensor = self.rest(self.folded(self.first, pictures))
        return features.flatten(1)


class ImpalaEncoder(PictureEncoder):
    """``impala``: the residual network of Espeholt et al., "IMPALA", 2018.

    Each stage is a 3x3 convolution, a pooling that halves the map, and two residual blocks.
    """

    def __init__(self, space: Space[Any], config: EncoderConfig) -> None:
        """Build the network; see :class:`~agents.encoders.image.PictureEncoder`."""
        super().__init__(space, config)
        height, width, before = self.size
        layers: list[nn.Module] = []
        for channels in config.image.channels:
            layers += [
                nn.Conv2d(before, channels, 3, padding=1),
                nn.MaxPool2d(3, stride=2, padding=1),
                Residual(channels),
                Residual(channels),
            ]
            before = channels
            height, width = (height + 1) // 2, (width + 1) // 2
        self.layers = nn.Sequential(*layers, nn.ReLU())
        self.build_head((before, height, width))

    def flat_map(self, pictures: Tensor) -> Tensor:
        """Return the map of features of raw pictures."""
        # Scaled here and not in the first weights: its padding must read as mid-range.
        features: Tensor = self.layers(self.scaled(pictures))
        return features.flatten(1)


class Residual(nn.Module):
    """Two 3x3 convolutions beside the identity, each after a ReLU."""

    def __init__(self, channels: int) -> None:
        """Build it for maps of ``channels`` channels."""
        super().__init__()
        self.layers = nn.Sequential(
            # Not in place: what enters is also added at the end.
            nn.ReLU(),
            nn.Conv2d(channels, channels, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(channels, channels, 3, padding=1),
        )

    def forward(self, maps: Tensor) -> Tensor:
        """Return maps of the shape that they have, ``(batch, channels, height, width)``."""
        changed: Tensor = self.layers(maps)
        return maps + changed
