"""Candidates of a recommendation, each read as one thing: its picture, its text and its attributes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from gymnasium.spaces import Space
from torch import Tensor, nn

from agents.config import EncoderConfig
from agents.encoders import make_encoder
from agents.encoders.attention import Block
from agents.encoders.base import Encoded, ModalityEncoder, mlp
from agents.encoders.objects import ObjectsEncoder
from mmenvs.spaces import Image, Objects


class CandidatesEncoder(nn.Module):
    """Joins several keys candidate by candidate, with networks that all candidates share.

    The parts of each key (objects, or the pictures of a contact sheet) are laid side by side per candidate
    and pass one MLP; with ``candidates="attention"`` the candidates then attend to each other.  The result
    keeps them in order, for an action that picks the k-th; changing the order of the candidates changes the
    order of the result, and nothing else.

    Attributes:
        keys: The keys that it reads.
        features_dim: Size of the result.
        parts_shape: Number of candidates, and numbers for each.
    """

    def __init__(self, leaves: Mapping[str, Space[Any]], config: EncoderConfig) -> None:
        """Build the networks.

        Args:
            leaves: Key to space, as :func:`candidate_groups` gives them.
            config: Its field ``objects`` says how large the networks are.

        Raises:
            ValueError: If the encoder of the pictures does not tell one picture of a sheet from another.
        """
        super().__init__()
        self.keys = tuple(leaves)
        self.members = nn.ModuleList()
        counts, size = [], 0
        for key, space in leaves.items():
            # Pooled sets would mix the candidates up before they are joined.
            pooled = isinstance(space, Objects)
            encoder = ObjectsEncoder(space, config) if pooled else make_encoder(key, space, config)
            if encoder.parts_shape is None:
                raise ValueError(
                    f"observation[{key!r}]: candidates={config.candidates!r} needs an encoder with parts, "
                    f"{type(encoder).__name__} has none"
                )
            self.members.append(encoder)
            counts.append(encoder.parts_shape[0])
            size += encoder.parts_shape[1]
        count, features = min(counts), config.objects.features
        self.join = mlp((size, *config.objects.hidden, features))
        self.mix = Block(features, config) if config.candidates == "attention" else None
        self.parts_shape = (count, features)
        self.features_dim = count * features

    def forward(self, observations: Mapping[str, Tensor], valid: Mapping[str, Tensor]) -> Encoded:
        """Encode candidates.

        Args:
            observations: Key to raw tensor of shape ``(batch, *space.shape)``.
            valid: Key to whether it is there, bool of shape ``(batch,)``; what it lacks is always there.
        """
        parts = []
        for key, encoder in zip(self.keys, self.members, strict=True):
            assert isinstance(encoder, ModalityEncoder)
            values = encoder.encode(observations[key]).parts
            assert values is not None
            values = values[:, : self.parts_shape[0]]
            if key in valid:
                values = values.masked_fill(~valid[key].view(-1, 1, 1), 0.0)
            parts.append(values)
        candidates: Tensor = self.join(torch.cat(parts, 2))
        if self.mix is not None:
            candidates, _ = self.mix(candidates)
        return Encoded(candidates.flatten(1), candidates)


def candidate_groups(leaves: Mapping[str, Space[Any]]) -> list[tuple[str, ...]]:
    """Return the keys that hold equally many objects or pictures, grouped, in their order.

    The last row of a contact sheet may have places to spare.
    """
    groups: dict[int, list[str]] = {}
    for key, space in leaves.items():
        if isinstance(space, Objects):
            groups.setdefault(space.structure[0], []).append(key)
    for key, space in leaves.items():
        if isinstance(space, Image) and space.count > 1:
            fitting = [n for n in groups if space.count - space.tiles[1] < n <= space.count]
            groups.setdefault(max(fitting, default=space.count), []).append(key)
    return [tuple(key for key in leaves if key in keys) for keys in groups.values()]
