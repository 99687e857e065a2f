"""Past events."""

from __future__ import annotations

from typing import Any

from gymnasium.spaces import Space
from torch import Tensor, nn

from agents.config import EncoderConfig
from agents.encoders.attention import Transformer
from agents.encoders.base import Encoded, ModalityEncoder, Scale
from mmenvs.spaces import History


class EventReader(ModalityEncoder):
    """The base of all encoders of histories: reads the events of the wire format.

    The parts are the events, oldest first.
    """

    def __init__(self, space: Space[Any]) -> None:
        """Read the space.

        Raises:
            ValueError: If it is no :class:`mmenvs.spaces.History`.
        """
        super().__init__()
        if not isinstance(space, History):
            raise ValueError(f"a history needs an mmenvs.spaces.History, got {space!r}")
        self._space = space
        self.scale = Scale(space)

    def events(self, observation: Tensor) -> Tensor:
        """Return scaled events of shape ``(batch, length, features)``."""
        events: Tensor = self._space.unflatten(self.scale(observation))
        return events

    def forward(self, observation: Tensor) -> Tensor:
        """Encode histories of wire shape ``(batch, length * features)``, oldest first."""
        return self.encode(observation).summary


class HistoryEncoder(EventReader):
    """``convolutional``: along time, then one linear layer that still knows how long ago each event was."""

    def __init__(self, space: Space[Any], config: EncoderConfig) -> None:
        """Build the network.

        Args:
            space: An :class:`mmenvs.spaces.History`.
            config: Its field ``history`` says how large the network is.

        Raises:
            ValueError: If the space is of another kind.
        """
        super().__init__(space)
        length, before = self._space.structure
        options = config.history
        layers: list[nn.Module] = []
        for channels in options.channels:
            layers += [nn.Conv1d(before, channels, 3, padding=1), nn.ReLU()]
            before = channels
        self.layers = nn.Sequential(
            *layers, nn.Flatten(), nn.Linear(before * length, options.features), nn.ReLU()
        )
        self._convolutions = len(layers)
        self.features_dim = options.features
        self.parts_shape = (length, before)

    def encode(self, observation: Tensor) -> Encoded:
        """Encode histories as a whole and event by event."""
        states = self.events(observation).transpose(1, 2)
        for layer in list(self.layers)[: self._convolutions]:
            states = layer(states)
        summary = states
        for layer in list(self.layers)[self._convolutions :]:
            summary = layer(summary)
        return Encoded(summary, states.transpose(1, 2))


class GRUHistoryEncoder(EventReader):
    """``gru``: events read in order (Cho et al., 2014); the features are the state after the newest."""

    def __init__(self, space: Space[Any], config: EncoderConfig) -> None:
        """Build the network; see :class:`HistoryEncoder`."""
        super().__init__(space)
        length, features = self._space.structure
        size = config.history.features
        self.reader = nn.GRU(features, size, batch_first=True)
        self.features_dim = size
        self.parts_shape = (length, size)

    def encode(self, observation: Tensor) -> Encoded:
        """Encode histories as a whole and event by event."""
        states, _ = self.reader(self.events(observation))
        return Encoded(states[:, -1], states)


class NewestEventEncoder(EventReader):
    """``newest``: the newest event alone, for what depends on nothing else, as a reward often does."""

    def __init__(self, space: Space[Any], config: EncoderConfig) -> None:
        """Build the network; see :class:`HistoryEncoder`."""
        super().__init__(space)
        _, features = self._space.structure
        size = config.history.features
        self.embed = nn.Sequential(nn.Linear(features, size), nn.ReLU())
        self.features_dim = size
        self.parts_shape = (1, size)

    def encode(self, observation: Tensor) -> Encoded:
        """Encode the last event of histories."""
        states = self.embed(self.events(observation)[:, -1:])
        return Encoded(states[:, 0], states)


class TransformerHistoryEncoder(EventReader):
    """``transformer``: events attend to each other; the features are what became of the newest."""

    def __init__(self, space: Space[Any], config: EncoderConfig) -> None:
        """Build the network; see :class:`HistoryEncoder`.

        Raises:
            ValueError: If the space is of another kind, or the heads do not divide the features.
        """
        super().__init__(space)
        length, features = self._space.structure
        size = config.history.features
        self.embed = nn.Linear(features, size)
        self.transformer = Transformer(length, size, config)
        self.features_dim = size
        self.parts_shape = (length, size)

    def encode(self, observation: Tensor) -> Encoded:
        """Encode histories as a whole and event by event."""
        states = self.transformer(self.embed(self.events(observation)))
        return Encoded(states[:, -1], states)
