"""Sentences of token ids."""

from __future__ import annotations

from typing import Any

from gymnasium.spaces import Space
from torch import Tensor, nn

from agents.config import EncoderConfig
from agents.encoders.base import ModalityEncoder
from mmenvs.spaces import Tokens


class TokensEncoder(ModalityEncoder):
    """Embedded words read in order by a GRU; the features are its state after the last word."""

    def __init__(self, space: Space[Any], config: EncoderConfig) -> None:
        """Build the network.

        Args:
            space: An :class:`mmenvs.spaces.Tokens`.
            config: Its field ``tokens`` says how large the network is.

        Raises:
            ValueError: If the space is of another kind.
        """
        super().__init__()
        if not isinstance(space, Tokens):
            raise ValueError(f"tokens need an mmenvs.spaces.Tokens, got {space!r}")
        options = config.tokens
        self.embedding = nn.Embedding(space.vocabulary, options.embedding, padding_idx=0)
        self.reader = nn.GRU(options.embedding, options.features, batch_first=True)
        self.features_dim = options.features

    def forward(self, observation: Tensor) -> Tensor:
        """Encode sentences of shape ``(batch, length)``; ids may also come as floats, as SB3 sends them."""
        ids = observation.long()
        states, _ = self.reader(self.embedding(ids))
        # Padding follows the sentence; an empty sentence is read as one padding word.
        last = (ids != 0).sum(1).clamp(min=1) - 1
        index = last.view(-1, 1, 1).expand(-1, 1, self.features_dim)
        features: Tensor = states.gather(1, index).squeeze(1)
        return features
