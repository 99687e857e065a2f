"""What all fusions share: their interface, the projections, and how a missing source is hidden."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from agents.config import EncoderConfig
from agents.encoders.base import Encoded


@dataclass(frozen=True)
class Source:
    """What a fusion knows of one of the things that it joins.

    Attributes:
        name: Key of the observation, or several joined by ``+``.
        modality: Of the key.
        size: Size of the summary.
        parts: Count and size of the parts; None without parts.
    """

    name: str
    modality: str
    size: int
    parts: tuple[int, int] | None = None


class Fusion(nn.Module, ABC):
    """Joins the features of several sources.

    Each is projected to the same width and normalised: the projection keeps a modality of many features from
    drowning one of few, and the LayerNorm one of large values from drowning one of small values.

    Attributes:
        features_dim: Size of the joined vector.
        reads_parts: Whether the parts of a source count, or its summary alone.
        weighted: Names of the sources that :attr:`weights` speaks of, in order; empty without weights.
        weights: How much each of them counted for each sample of the last batch, shape
            ``(batch, len(weighted))``; None before the first.
    """

    features_dim: int
    reads_parts: ClassVar[bool] = False
    weighted: tuple[str, ...] = ()
    weights: Tensor | None = None

    def __init__(self, sources: Sequence[Source], config: EncoderConfig) -> None:
        """Build the projections.

        Args:
            sources: What is joined, in order.
            config: Its ``width`` is the size of each projection; ``dropout`` follows each.
        """
        super().__init__()
        self.sources = tuple(sources)
        self.projections = nn.ModuleDict({module_name(s.name): projection(s.size, config) for s in sources})

    @abstractmethod
    def forward(self, encoded: Mapping[str, Encoded], valid: Tensor | None = None) -> Tensor:
        """Join features.

        Args:
            encoded: Name of each source to its features; further ones are ignored.
            valid: Which sources are there, bool of shape ``(batch, sources)``; None for all.  What is not
                there has no influence on the result.

        Returns:
            Tensor of shape ``(batch, features_dim)``.
        """

    def project(self, encoded: Mapping[str, Encoded], valid: Tensor | None) -> list[Tensor]:
        """Return the projected summary of each source, ``(batch, width)``, zeros where it is missing."""
        projected = []
        for i, source in enumerate(self.sources):
            value = self.projections[module_name(source.name)](encoded[source.name].summary)
            projected.append(value if valid is None else value.masked_fill(~valid[:, i : i + 1], 0.0))
        return projected

    def remember(self, weights: Tensor) -> None:
        """Keep weights of shape ``(batch, len(weighted))`` for whoever asks; not in a compiled graph."""
        if not torch.compiler.is_compiling():
            self.weights = weights.detach()


def projection(size: int, config: EncoderConfig) -> nn.Sequential:
    """Return a layer from ``size`` numbers to ``config.width``, normalised."""
    layers: list[nn.Module] = [nn.Linear(size, config.width), nn.LayerNorm(config.width), nn.ReLU()]
    if config.dropout:
        layers.append(nn.Dropout(config.dropout))
    return nn.Sequential(*layers)


def module_name(key: str) -> str:
    """Return ``key`` as a name that a ModuleDict accepts, which holds no dot."""
    return "key_" + key.replace("_", "__").replace(".", "_dot_")
