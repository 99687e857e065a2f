"""Sentences of token ids."""

from __future__ import annotations

from typing import Any

from gymnasium.spaces import Space
from torch import Tensor, nn

from agents.config import EncoderConfig
from agents.encoders.attention import Transformer, masked_mean
from agents.encoders.base import Encoded, ModalityEncoder
from mmenvs.spaces import Tokens


class WordReader(ModalityEncoder):
    """The base of the encoders of sentences: embeds words, and knows which are padding.

    The parts are the words.  An empty sentence is read as one padding word.
    """

    def __init__(self, space: Space[Any], config: EncoderConfig) -> None:
        """Build the embedding.

        Args:
            space: An :class:`mmenvs.spaces.Tokens`.
            config: Its field ``tokens`` says how large the network is.

        Raises:
            ValueError: If the space is of another kind.
        """
        super().__init__()
        if not isinstance(space, Tokens):
            raise ValueError(f"tokens need an mmenvs.spaces.Tokens, got {space!r}")
        self._length = space.structure[0]
        self.embedding = nn.Embedding(space.vocabulary, config.tokens.embedding, padding_idx=0)

    def words(self, observation: Tensor) -> tuple[Tensor, Tensor]:
        """Return embedded words of shape ``(batch, length, size)``, and which are not padding.

        Ids may also come as floats, as Stable-Baselines3 sends them.
        """
        ids = observation.long()
        present = ids != 0
        present[:, 0] = True
        return self.embedding(ids), present

    def forward(self, observation: Tensor) -> Tensor:
        """Encode sentences of shape ``(batch, length)``."""
        return self.encode(observation).summary


class TokensEncoder(WordReader):
    """``gru``: embedded words read in order; the features are the state after the last word."""

    def __init__(self, space: Space[Any], config: EncoderConfig) -> None:
        """Build the network; see :class:`WordReader`."""
        super().__init__(space, config)
        options = config.tokens
        self.reader = nn.GRU(options.embedding, options.features, batch_first=True)
        self.features_dim = options.features
        self.parts_shape = (self._length, options.features)

    def encode(self, observation: Tensor) -> Encoded:
        """Encode sentences as a whole and word by word."""
        words, present = self.words(observation)
        states, _ = self.reader(words)
        # Padding follows the sentence.
        last = (observation != 0).sum(1).clamp(min=1) - 1
        index = last.view(-1, 1, 1).expand(-1, 1, self.features_dim)
        return Encoded(states.gather(1, index).squeeze(1), states, present)


class TransformerTokensEncoder(WordReader):
    """``transformer``: words attend to each other; the features are the mean of what became of them."""

    def __init__(self, space: Space[Any], config: EncoderConfig) -> None:
        """Build the network; see :class:`WordReader`.

        Raises:
            ValueError: If the space is of another kind, or the heads do not divide the embedding.
        """
        super().__init__(space, config)
        options = config.tokens
        self.transformer = Transformer(self._length, options.embedding, config)
        self.head = nn.Sequential(nn.Linear(options.embedding, options.features), nn.ReLU())
        self.features_dim = options.features
        self.parts_shape = (self._length, options.embedding)

    def encode(self, observation: Tensor) -> Encoded:
        """Encode sentences as a whole and word by word."""
        words, present = self.words(observation)
        states = self.transformer(words, present)
        return Encoded(self.head(masked_mean(states, present)), states, present)
