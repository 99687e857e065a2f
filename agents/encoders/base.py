"""What all encoders share: their interface, the scaling of numbers, and the making of an MLP."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import torch
from gymnasium.spaces import Box
from torch import Tensor, nn

#: A range wider than this says "any number" rather than how large the numbers are.
WIDEST_RANGE = 1e6


class Encoded(NamedTuple):
    """What an encoder makes of a batch.

    Attributes:
        summary: The whole as one vector, shape ``(batch, size)``.
        parts: The same piece by piece (cells of a picture, words, objects, time steps), shape
            ``(batch, count, part size)``; None if it has no parts.
        present: Which parts are there rather than padding, bool of shape ``(batch, count)``; None for all.
    """

    summary: Tensor
    parts: Tensor | None = None
    present: Tensor | None = None


class ModalityEncoder(nn.Module, ABC):
    """Turns one key of the observation into a vector.

    An encoder of your own needs :attr:`features_dim` and :meth:`forward`; one that can also say what it made
    of the pieces sets :attr:`parts_shape` and overrides :meth:`encode`.

    Attributes:
        features_dim: Size of that vector.
        parts_shape: Count and size of the parts that :meth:`encode` returns; None without parts.
    """

    features_dim: int
    parts_shape: tuple[int, int] | None = None

    @abstractmethod
    def forward(self, observation: Tensor) -> Tensor:
        """Encode a batch.

        Args:
            observation: Raw observations in the unit of the space, shape ``(batch, *space.shape)``.

        Returns:
            Features of shape ``(batch, features_dim)``.
        """

    def encode(self, observation: Tensor) -> Encoded:
        """Encode a batch as a whole and in parts, for fusions that attend to parts.

        Args:
            observation: As in :meth:`forward`.
        """
        return Encoded(self(observation))


class Scale(nn.Module):
    """Maps numbers to about [-1, 1].

    Bounded ones are mapped linearly, their bounds to -1 and 1; unbounded ones pass the symmetric logarithm
    ``sign(x) * log(1 + |x|)`` (Hafner et al., "Mastering diverse domains through world models", 2023).
    """

    centre: Tensor
    factor: Tensor
    unbounded: Tensor

    def __init__(self, space: Box) -> None:
        """Read the bounds of ``space``; the last axes of what is scaled must be its shape."""
        super().__init__()
        low, high = space.low.astype(np.float64), space.high.astype(np.float64)
        bounded = np.isfinite(low) & np.isfinite(high)
        low, high = np.where(bounded, low, 0.0), np.where(bounded, high, 0.0)
        span = high - low
        bounded &= (span > 0) & (span <= WIDEST_RANGE)
        centre = np.where(bounded, (low + high) / 2, 0.0)
        factor = np.where(bounded, 2.0 / np.where(bounded, span, 1.0), 1.0)
        self.register_buffer("centre", torch.as_tensor(centre, dtype=torch.float32), persistent=False)
        self.register_buffer("factor", torch.as_tensor(factor, dtype=torch.float32), persistent=False)
        self.register_buffer("unbounded", torch.as_tensor(~bounded), persistent=False)
        self._any_unbounded = bool((~bounded).any())

    def forward(self, numbers: Tensor) -> Tensor:
        """Scale float or integer tensors of shape ``(batch, *space.shape)``."""
        scaled = (numbers.float() - self.centre) * self.factor
        if self._any_unbounded:
            squashed = scaled.sign() * scaled.abs().log1p()
            scaled = torch.where(self.unbounded, squashed, scaled)
        return scaled


def mlp(sizes: Sequence[int]) -> nn.Sequential:
    """Return linear layers between ``sizes``, each followed by a ReLU."""
    layers: list[nn.Module] = []
    for before, after in pairwise(sizes):
        layers += [nn.Linear(before, after), nn.ReLU()]
    return nn.Sequential(*layers)
