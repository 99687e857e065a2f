"""The baseline: everything side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from agents.config import EncoderConfig
from agents.encoders.base import Encoded
from agents.fusion.base import Fusion, Source


class ConcatFusion(Fusion):
    """``concat``: lays the projections side by side; a missing source reads as zeros."""

    def __init__(self, sources: Sequence[Source], config: EncoderConfig) -> None:
        """Build the projections; see :class:`~agents.fusion.base.Fusion`."""
        super().__init__(sources, config)
        self.features_dim = config.width * len(self.sources)

    def forward(self, encoded: Mapping[str, Encoded], valid: Tensor | None = None) -> Tensor:
        """Return tensor of shape ``(batch, width * sources)``, in the order of the sources."""
        return torch.cat(self.project(encoded, valid), 1)
