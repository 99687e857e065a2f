"""Sets of objects, such as traffic or the candidates of a recommendation."""

from __future__ import annotations

from typing import Any

from gymnasium.spaces import Space
from torch import Tensor

from agents.config import EncoderConfig
from agents.encoders.base import ModalityEncoder, Scale, mlp
from mmenvs.spaces import Objects


class ObjectsEncoder(ModalityEncoder):
    """The same MLP for every object, the embeddings concatenated in order.

    They are not pooled: where an action picks the k-th candidate, the network must know which is the k-th.
    """

    def __init__(self, space: Space[Any], config: EncoderConfig) -> None:
        """Build the network.

        Args:
            space: An :class:`mmenvs.spaces.Objects`.
            config: Its field ``objects`` says how large the network is.

        Raises:
            ValueError: If the space is of another kind.
        """
        super().__init__()
        if not isinstance(space, Objects):
            raise ValueError(f"objects need an mmenvs.spaces.Objects, got {space!r}")
        count, features = space.structure
        options = config.objects
        self._space = space
        self.scale = Scale(space)
        self.shared = mlp((features, *options.hidden, options.features))
        self.features_dim = count * options.features

    def forward(self, observation: Tensor) -> Tensor:
        """Encode objects of wire shape ``(batch, count * features)``."""
        embedded: Tensor = self.shared(self._space.unflatten(self.scale(observation)))
        return embedded.flatten(1)
