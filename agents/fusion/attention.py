"""Fusions in which pieces of one modality look at pieces of another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from agents.config import EncoderConfig
from agents.encoders.attention import Block, CrossBlock, masked_mean
from agents.encoders.base import Encoded
from agents.fusion.base import Fusion, Source, module_name

_SEQUENCES = ("history", "tokens")
_SPATIAL = ("image", "scan")


class _Tokens(NamedTuple):
    """Tokens of several sources, one after another: values, presence, and the place of each source."""

    values: Tensor
    present: Tensor | None
    places: list[slice]


class PartTokens(nn.Module):
    """Makes tokens of equal size of the parts of sources, each told its place and, by it, its source."""

    def __init__(self, sources: Sequence[Source], config: EncoderConfig) -> None:
        """Build a projection and the embeddings of places for each source with parts."""
        super().__init__()
        self.names = tuple(source.name for source in sources if source.parts)
        self.layers = nn.ModuleDict()
        self.places = nn.ParameterDict()
        for source in sources:
            if source.parts:
                count, size = source.parts
                self.layers[module_name(source.name)] = nn.Linear(size, config.width)
                self.places[module_name(source.name)] = nn.Parameter(torch.randn(count, config.width) * 0.02)

    def forward(self, encoded: Mapping[str, Encoded], there: Mapping[str, Tensor | None]) -> _Tokens:
        """Return the tokens.

        Args:
            encoded: Name of each source to its features.
            there: Name of each source to whether it is there, bool of shape ``(batch,)``; None for always.
        """
        values, present, places = [], [], []
        masked, begin = False, 0
        for name in self.names:
            features = encoded[name]
            assert features.parts is not None
            parts = features.parts
            count = parts.shape[1]
            values.append(self.layers[module_name(name)](parts) + self.places[module_name(name)][:count])
            mask = parts.new_ones(parts.shape[:2], dtype=torch.bool)
            valid = there[name]
            if features.present is not None:
                mask, masked = mask & features.present, True
            if valid is not None:
                mask, masked = mask & valid.unsqueeze(1), True
            present.append(mask)
            places.append(slice(begin, begin + count))
            begin += count
        return _Tokens(torch.cat(values, 1), torch.cat(present, 1) if masked else None, places)


class AttentionFusion(Fusion):
    """``attention``: summaries of all modalities look at each other and at all their parts.

    Tokens are the projected summary of each source and its parts: cells of a picture, sectors of a scan,
    words, objects, events.  Blocks of attention (Vaswani et al., 2017) mix them, as TransFuser does (Chitta
    et al., 2022) at its coarsest scale; the summaries that come out are laid side by side.  What is missing
    is asked by nobody.  The weight of a source is the share of the attention of the summaries, in the last
    block, that its tokens got; over sources they sum to 1.
    """

    reads_parts = True

    def __init__(self, sources: Sequence[Source], config: EncoderConfig) -> None:
        """Build projections and blocks; see :class:`~agents.fusion.base.Fusion`.

        Raises:
            ValueError: If the heads do not divide the width.
        """
        super().__init__(sources, config)
        width, count = config.width, len(self.sources)
        self.kinds = nn.Parameter(torch.randn(count, width) * 0.02)
        self.parts = PartTokens(self.sources, config)
        self.blocks = nn.ModuleList(Block(width, config) for _ in range(config.attention.layers))
        self.norm = nn.LayerNorm(width)
        self.weighted = tuple(source.name for source in self.sources)
        self.features_dim = width * count

    def forward(self, encoded: Mapping[str, Encoded], valid: Tensor | None = None) -> Tensor:
        """Return tensor of shape ``(batch, width * sources)``, in the order of the sources."""
        count = len(self.sources)
        tokens = torch.stack(self.project(encoded, valid), 1) + self.kinds
        present = valid
        owners = [[i] for i in range(count)]
        if self.parts.names:
            there = {s.name: None if valid is None else valid[:, i] for i, s in enumerate(self.sources)}
            parts = self.parts(encoded, there)
            tokens = torch.cat([tokens, parts.values], 1)
            if valid is not None or parts.present is not None:
                ones = tokens.new_ones((len(tokens), tokens.shape[1]), dtype=torch.bool)
                first = ones[:, :count] if valid is None else valid
                rest = ones[:, count:] if parts.present is None else parts.present
                present = torch.cat([first, rest], 1)
            for name, place in zip(self.parts.names, parts.places, strict=True):
                owners[self.weighted.index(name)] += range(count + place.start, count + place.stop)
        weights = tokens
        for i, block in enumerate(self.blocks):
            # The last block need not say what becomes of the parts.
            last = i + 1 == len(self.blocks)
            tokens, weights = block(tokens, present, count if last else None)
        self.remember(_shares(weights, owners, valid))
        joined = self.norm(tokens)
        if valid is not None:
            joined = joined.masked_fill(~valid.unsqueeze(-1), 0.0)
        features: Tensor = joined.flatten(1)
        return features


class HybridFusion(Fusion):
    """``hybrid``: sequences look at what is spread in space.

    Every event of a history and every word of a sentence asks the cells of all pictures and the sectors of
    all scans (cross-attention); the mean of the answers of a sequence is laid beside the projections of all
    sources.  An instruction thus finds in the camera what it speaks of.  The weight of a spatial source is
    its share of the attention, in the last block; over the spatial sources they sum to 1.
    """

    reads_parts = True

    def __init__(self, sources: Sequence[Source], config: EncoderConfig) -> None:
        """Build projections and blocks.

        Args:
            sources: What is joined, in order.
            config: Width, heads, blocks and dropout.

        Raises:
            ValueError: If there is no sequence or nothing spatial, or if the heads do not divide the width.
        """
        super().__init__(sources, config)
        sequences = [s for s in self.sources if s.modality in _SEQUENCES and s.parts]
        spatial = [s for s in self.sources if s.modality in _SPATIAL and s.parts]
        if not sequences or not spatial:
            kinds = {source.name: source.modality for source in self.sources}
            raise ValueError(
                "fusion='hybrid' needs a key that is a sequence (history, tokens) and one that is spatial "
                f"(image, scan), got {kinds}"
            )
        self.asking, self.asked = PartTokens(sequences, config), PartTokens(spatial, config)
        self.blocks = nn.ModuleList(CrossBlock(config.width, config) for _ in range(config.attention.layers))
        self.norm = nn.LayerNorm(config.width)
        self.weighted = tuple(source.name for source in spatial)
        self.features_dim = config.width * (len(self.sources) + len(sequences))

    def forward(self, encoded: Mapping[str, Encoded], valid: Tensor | None = None) -> Tensor:
        """Return tensor of shape ``(batch, width * (sources + sequences))``, the answers last."""
        there = {s.name: None if valid is None else valid[:, i] for i, s in enumerate(self.sources)}
        asking, asked = self.asking(encoded, there), self.asked(encoded, there)
        tokens = weights = asking.values
        for block in self.blocks:
            tokens, weights = block(tokens, asked.values, asked.present)
        owners = [list(range(place.start, place.stop)) for place in asked.places]
        self.remember(_shares(weights, owners, asking.present))
        tokens = self.norm(tokens)
        answers = []
        for place in asking.places:
            present = None if asking.present is None else asking.present[:, place]
            answers.append(masked_mean(tokens[:, place], present))
        return torch.cat([*self.project(encoded, valid), *answers], 1)


def _shares(weights: Tensor, owners: Sequence[Sequence[int]], asking: Tensor | None) -> Tensor:
    """Return the share of the attention that each owner of tokens got.

    Args:
        weights: Shape ``(batch, asking, asked)``.
        owners: The columns of each.
        asking: Whose attention counts, bool of shape ``(batch, asking)``; None for all.

    Returns:
        Shape ``(batch, owners)``.
    """
    mean = masked_mean(weights.detach(), asking)
    return torch.stack([mean[:, list(columns)].sum(1) for columns in owners], 1)
