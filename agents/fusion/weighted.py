"""Fusions that add the sources up, and say how much each counted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from agents.config import EncoderConfig
from agents.encoders.base import Encoded
from agents.fusion.base import Fusion, Source


class SumFusion(Fusion):
    """``sum``: adds the projections, weighted by the softmax of one learned number per source.

    The weights of the sources that are there sum to 1 in every sample.
    """

    def __init__(self, sources: Sequence[Source], config: EncoderConfig) -> None:
        """Build the projections and equal weights; see :class:`~agents.fusion.base.Fusion`."""
        super().__init__(sources, config)
        self.logits = nn.Parameter(torch.zeros(len(self.sources)))
        self.weighted = tuple(source.name for source in self.sources)
        self.features_dim = config.width

    def forward(self, encoded: Mapping[str, Encoded], valid: Tensor | None = None) -> Tensor:
        """Return tensor of shape ``(batch, width)``."""
        projected = torch.stack(self.project(encoded, valid), 1)
        logits = self.logits.expand(len(projected), -1)
        if valid is None:
            weights = logits.softmax(1)
        else:
            weights = logits.masked_fill(~valid, torch.finfo(logits.dtype).min).softmax(1) * valid
        self.remember(weights)
        return (projected * weights.unsqueeze(-1)).sum(1)


class GatedFusion(Fusion):
    """``gated``: gated multimodal units (Arevalo et al., "Gated multimodal units", 2017).

    With projections x, every source has ``h_i = tanh(W_i x_i)`` and gates ``z_i = sigmoid(V_i [x_1, ..,
    x_k])``, one per feature, that look at all sources; the result is the sum of ``z_i * h_i``.  The weight of
    a source is the mean of its gates, in [0, 1], 0 if it is missing.
    """

    def __init__(self, sources: Sequence[Source], config: EncoderConfig) -> None:
        """Build projections and gates; see :class:`~agents.fusion.base.Fusion`."""
        super().__init__(sources, config)
        width, count = config.width, len(self.sources)
        self.contents = nn.ModuleList(nn.Linear(width, width) for _ in self.sources)
        self.gates = nn.Linear(width * count, width * count)
        self.weighted = tuple(source.name for source in self.sources)
        self.features_dim = width

    def forward(self, encoded: Mapping[str, Encoded], valid: Tensor | None = None) -> Tensor:
        """Return tensor of shape ``(batch, width)``."""
        projected = self.project(encoded, valid)
        contents = [layer(x).tanh() for layer, x in zip(self.contents, projected, strict=True)]
        gates = self.gates(torch.cat(projected, 1)).sigmoid().reshape(-1, len(projected), self.features_dim)
        if valid is not None:
            gates = gates * valid.unsqueeze(-1)
        self.remember(gates.mean(2))
        joined: Tensor = (gates * torch.stack(contents, 1)).sum(1)
        return joined
