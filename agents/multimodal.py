"""The one network that everybody shares: an observation of many modalities in, one vector out."""

from __future__ import annotations

from typing import Any

from gymnasium import spaces
from torch import Tensor, nn

from agents.config import EncoderConfig
from agents.encoders import ENCODERS, ModalityEncoder
from agents.fusion import FUSIONS
from mmenvs.spaces import modality_of


class MultimodalEncoder(nn.Module):
    """Encodes each key of a Dict observation by its modality and joins the results.

    Which encoder reads a key is decided by :func:`mmenvs.spaces.modality_of` its space, or by
    :attr:`EncoderConfig.modalities`; Dict spaces of plain boxes from any other package work too.
    Observations come raw, in the units of their space: scaling happens inside, so that whoever deploys the
    network has nothing to remember.

    Attributes:
        features_dim: Size of the vector.
        encoders: One encoder per key of the observation, in the order of the space; see :meth:`encoder_of`.
    """

    features_dim: int

    def __init__(self, observation_space: spaces.Dict, config: EncoderConfig | None = None) -> None:
        """Build the encoders and the fusion.

        Args:
            observation_space: Dict space of a single world.
            config: Sizes and choices; :class:`EncoderConfig` ``()`` by default.

        Raises:
            ValueError: If the space is not a Dict of leaves, is empty, or holds a leaf that no encoder reads.
        """
        super().__init__()
        config = config or EncoderConfig()
        if not isinstance(observation_space, spaces.Dict) or not observation_space.spaces:
            raise ValueError(f"observation_space={observation_space!r} must be a Dict with at least one key")
        unknown = sorted(set(config.modalities) - set(observation_space.spaces))
        if unknown:
            raise ValueError(
                f"EncoderConfig: modalities names {unknown}, but the observation has "
                f"{sorted(observation_space)}"
            )
        self._shapes: dict[str, tuple[int, ...] | None] = {}
        self.encoders = nn.ModuleList()
        sizes: dict[str, int] = {}
        for key, space in observation_space.spaces.items():
            encoder = _encoder(key, space, config)
            self._shapes[key] = space.shape if isinstance(space, spaces.Box) else None
            self.encoders.append(encoder)
            sizes[key] = encoder.features_dim
        self.fusion = FUSIONS[config.fusion](sizes, config.width)
        self.features_dim = self.fusion.features_dim

    def forward(self, observations: dict[str, Tensor]) -> Tensor:
        """Encode a batch of observations.

        Args:
            observations: Key to raw tensor of shape ``(batch, *space.shape)``; further keys are ignored.

        Returns:
            Features of shape ``(batch, features_dim)``.

        Raises:
            ValueError: If a key is missing or has another shape.
        """
        features = {}
        for (key, shape), encoder in zip(self._shapes.items(), self.encoders, strict=True):
            value = observations.get(key)
            if value is None:
                missing = sorted(set(self._shapes) - set(observations))
                raise ValueError(f"observation lacks {missing}; it has {sorted(observations)}")
            if shape is not None and tuple(value.shape[1:]) != shape:
                raise ValueError(
                    f"observation[{key!r}] has shape {tuple(value.shape)}, but must be "
                    f"(batch, {', '.join(map(str, shape))})"
                )
            features[key] = encoder(value)
        joined: Tensor = self.fusion(features)
        return joined

    def encoder_of(self, key: str) -> ModalityEncoder:
        """Return the encoder that reads ``key``."""
        encoder = self.encoders[list(self._shapes).index(key)]
        assert isinstance(encoder, ModalityEncoder)
        return encoder


def _encoder(key: str, space: spaces.Space[Any], config: EncoderConfig) -> ModalityEncoder:
    """Make the encoder of one key, or say which key has none."""
    modality = config.modalities.get(key) or modality_of(space)
    try:
        return ENCODERS[modality](space, config)
    except ValueError as error:
        raise ValueError(f"observation[{key!r}], read as {modality}: {error}") from error
