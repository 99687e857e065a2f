"""Plain numbers, and discrete values."""

from __future__ import annotations

import math
from typing import Any

import torch
from gymnasium.spaces import Box, Discrete, MultiBinary, MultiDiscrete, Space
from torch import Tensor
from torch.nn import functional as F

from agents.config import EncoderConfig
from agents.encoders.base import ModalityEncoder, Scale, mlp


class VectorEncoder(ModalityEncoder):
    """``mlp``: over any space of numbers.

    Boxes are flattened and scaled by their bounds (see :class:`~agents.encoders.base.Scale`), ``Discrete``
    and ``MultiDiscrete`` become one-hot, ``MultiBinary`` becomes -1 and 1.
    """

    def __init__(self, space: Space[Any], config: EncoderConfig) -> None:
        """Build the network.

        Args:
            space: A Box, Discrete, MultiDiscrete or MultiBinary.
            config: Its field ``vector`` says how large the network is.

        Raises:
            ValueError: If the space is of another kind.
        """
        super().__init__()
        self._choices: list[int] = []
        self._starts: list[int] = []
        self.scale: Scale | None = None
        if isinstance(space, Box):
            self.scale = Scale(space)
            size = math.prod(space.shape)
        elif isinstance(space, MultiBinary):
            size = math.prod(space.shape)
        elif isinstance(space, Discrete):
            self._choices, self._starts = [int(space.n)], [int(space.start)]
            size = int(space.n)
        elif isinstance(space, MultiDiscrete):
            self._choices = [int(n) for n in space.nvec.ravel()]
            self._starts = [int(n) for n in space.start.ravel()]
            size = sum(self._choices)
        else:
            raise ValueError(f"no encoder for {space!r}: use a Box, Discrete, MultiDiscrete or MultiBinary")
        self.layers = mlp((size, *config.vector.hidden))
        self.features_dim = config.vector.hidden[-1]

    def forward(self, observation: Tensor) -> Tensor:
        """Encode raw values of shape ``(batch, *space.shape)``.

        Discrete values may also come as the float one-hot vectors that Stable-Baselines3 makes of them.
        """
        if self.scale is not None:
            numbers = self.scale(observation).flatten(1)
        elif self._choices:
            numbers = self._one_hot(observation)
        else:
            numbers = observation.float().flatten(1) * 2.0 - 1.0
        features: Tensor = self.layers(numbers)
        return features

    def _one_hot(self, values: Tensor) -> Tensor:
        batch = values.shape[0]
        if values.is_floating_point():
            return values.reshape(batch, sum(self._choices))
        columns = values.reshape(batch, len(self._choices)).long()
        parts = [
            F.one_hot(columns[:, i] - start, count)
            for i, (start, count) in enumerate(zip(self._starts, self._choices, strict=True))
        ]
        return torch.cat(parts, 1).float()
