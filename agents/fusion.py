"""Ways of joining the features of several modalities into one vector.

Each is made as ``Fusion(sizes, width)``, where ``sizes`` maps each key of the observation to the size of its
features, and is called with the features themselves.  Add one of your own to :data:`FUSIONS`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn


class Fusion(nn.Module, ABC):
    """Joins the features of several keys.

    Attributes:
        features_dim: Size of the joined vector.
    """

    features_dim: int

    @abstractmethod
    def forward(self, features: dict[str, Tensor]) -> Tensor:
        """Join features.

        Args:
            features: Key to tensor of shape ``(batch, sizes[key])``.

        Returns:
            Tensor of shape ``(batch, features_dim)``.
        """


class ConcatFusion(Fusion):
    """Projects each key to the same width, normalises it, and lays all side by side.

    The projection keeps a modality of many features from drowning one of few, and the LayerNorm one of large
    values from drowning one of small values.
    """

    def __init__(self, sizes: Mapping[str, int], width: int) -> None:
        """Build the projections.

        Args:
            sizes: Key to the size of its features.
            width: Size of each projection.
        """
        super().__init__()
        self.projections = nn.ModuleDict(
            {
                _name(key): nn.Sequential(nn.Linear(size, width), nn.LayerNorm(width), nn.ReLU())
                for key, size in sizes.items()
            }
        )
        self.features_dim = width * len(sizes)

    def forward(self, features: dict[str, Tensor]) -> Tensor:
        """Return tensor of shape ``(batch, width * keys)``, keys in the order in which they were given."""
        return torch.cat([self.projections[_name(key)](value) for key, value in features.items()], 1)


#: Name to fusion.
FUSIONS: dict[str, Callable[[Mapping[str, int], int], Fusion]] = {"concat": ConcatFusion}


def _name(key: str) -> str:
    """Return ``key`` as a name that a ModuleDict accepts, which holds no dot."""
    return "key_" + key.replace("_", "__").replace(".", "_dot_")
