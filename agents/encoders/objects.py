"""Sets of objects, such as traffic or the candidates of a recommendation, each kept at its place."""

from __future__ import annotations

from typing import Any

import torch
from gymnasium.spaces import Space
from torch import Tensor

from agents.config import EncoderConfig
from agents.encoders.base import Encoded, ModalityEncoder, Scale, mlp
from mmenvs.spaces import Objects

#: Name of the feature of an object that says whether the object is there at all.
VALID = "valid"


class SetReader(ModalityEncoder):
    """The base of all encoders of objects: reads the rows of the wire format.

    Objects that say of themselves that they are not there (a feature named ``valid`` that is not above 0, as
    radars have) are absent.
    """

    def __init__(self, space: Space[Any]) -> None:
        """Read the space.

        Raises:
            ValueError: If it is no :class:`mmenvs.spaces.Objects`.
        """
        super().__init__()
        if not isinstance(space, Objects):
            raise ValueError(f"objects need an mmenvs.spaces.Objects, got {space!r}")
        self._space = space
        self._valid = space.names.index(VALID) if VALID in space.names else None
        self.scale = Scale(space)

    def rows(self, observation: Tensor) -> tuple[Tensor, Tensor | None]:
        """Return scaled objects of shape ``(batch, count, features)``, and which are there."""
        rows: Tensor = self._space.unflatten(self.scale(observation))
        if self._valid is None:
            return rows, None
        return rows, self._space.unflatten(observation)[..., self._valid] > 0


class ObjectsEncoder(SetReader):
    """``ordered``: the same MLP for every object, the embeddings concatenated in order.

    They are not pooled: where an action picks the k-th candidate, the network must know which is the k-th.
    The parts are the objects.
    """

    def __init__(self, space: Space[Any], config: EncoderConfig) -> None:
        """Build the network.

        Args:
            space: An :class:`mmenvs.spaces.Objects`.
            config: Its field ``objects`` says how large the network is.

        Raises:
            ValueError: If the space is of another kind.
        """
        super().__init__(space)
        count, features = self._space.structure
        options = config.objects
        self.shared = mlp((features, *options.hidden, options.features))
        self.features_dim = count * options.features
        self.parts_shape = (count, options.features)

    def forward(self, observation: Tensor) -> Tensor:
        """Encode objects of wire shape ``(batch, count * features)``."""
        embedded: Tensor = self.shared(self.rows(observation)[0])
        return embedded.flatten(1)

    def encode(self, observation: Tensor) -> Encoded:
        """Encode objects as a whole and one by one."""
        rows, present = self.rows(observation)
        embedded: Tensor = self.shared(rows)
        return Encoded(embedded.flatten(1), embedded, present)


def pool(objects: Tensor, present: Tensor | None) -> Tensor:
    """Return the largest and the mean of each feature over the objects that are there; zeros if none is.

    Args:
        objects: Shape ``(batch, count, size)``.
        present: Bool of shape ``(batch, count)``; None for all.

    Returns:
        Shape ``(batch, 2 * size)``.
    """
    if present is None:
        return torch.cat([objects.amax(1), objects.mean(1)], 1)
    mask = present.unsqueeze(-1)
    some = mask.any(1)
    largest = objects.masked_fill(~mask, torch.finfo(objects.dtype).min).amax(1).masked_fill(~some, 0.0)
    mean = objects.masked_fill(~mask, 0.0).sum(1) / mask.sum(1).clamp(min=1)
    return torch.cat([largest, mean], 1)
