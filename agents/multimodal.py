"""The one network that everybody shares: an observation of many modalities in, one vector out."""

from __future__ import annotations

from typing import Any

import torch
from gymnasium import spaces
from torch import Tensor, nn

from agents.config import EncoderConfig
from agents.encoders import ModalityEncoder, make_encoder, modality_for
from agents.encoders.base import Encoded
from agents.encoders.candidates import CandidatesEncoder, candidate_groups
from agents.fusion import FUSIONS, Source
from agents.validity import VALIDITY, Validity, drop


class MultimodalEncoder(nn.Module):
    """Encodes each key of a Dict observation by its modality and joins the results.

    Which encoder reads a key is decided by :func:`mmenvs.spaces.modality_of` its space, or by
    :attr:`EncoderConfig.modalities`; Dict spaces of plain boxes from any other package work too.
    Observations come raw, in the units of their space: scaling happens inside, so that whoever deploys the
    network has nothing to remember.

    An observation may come with validity bits under the key ``"validity"``, as
    :class:`mmenvs.wrappers.ModalityDropout` gives them, or one number per key in the order of the space: a
    key whose bit is 0 has no influence then, whatever it holds.  If the space has the bits, or modalities are
    dropped in training, the networks also see them, as one more vector.

    Attributes:
        features_dim: Size of the vector.
        encoders: One encoder per key that is read on its own, in the order of the space; see
            :meth:`encoder_of`.
        candidates: Encoders of the keys that are read together.
    """

    features_dim: int

    def __init__(self, observation_space: spaces.Dict, config: EncoderConfig | None = None) -> None:
        """Build the encoders and the fusion.

        Args:
            observation_space: Dict space of a single world.
            config: Sizes and choices; :class:`EncoderConfig` ``()`` by default.

        Raises:
            ValueError: If the space is not a Dict of leaves, is empty, holds a leaf that no encoder reads, or
                has not what the config asks for.
            ModuleNotFoundError: If a pretrained encoder needs a package that is not installed.
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
        self._config = config
        self._validity = Validity(observation_space)
        leaves: dict[str, spaces.Space[Any]] = dict(observation_space.spaces)
        self._shapes = {k: s.shape if isinstance(s, spaces.Box) else None for k, s in leaves.items()}
        self._add_validity(leaves)
        groups = self._groups(leaves)
        grouped = {key for group in groups for key in group}
        self._alone = tuple(key for key in leaves if key not in grouped)
        self.encoders = nn.ModuleList(make_encoder(key, leaves[key], config) for key in self._alone)
        self.candidates = nn.ModuleList(
            CandidatesEncoder({key: leaves[key] for key in group}, config) for group in groups
        )
        sources = [
            Source(key, modality_for(key, leaves[key], config), encoder.features_dim, encoder.parts_shape)
            for key, encoder in zip(self._alone, self._own_encoders(), strict=True)
        ]
        for members in self._candidate_encoders():
            name = "+".join(members.keys)
            sources.append(Source(name, "objects", members.features_dim, members.parts_shape))
        self.fusion = FUSIONS[config.fusion](sources, config)
        self.features_dim = self.fusion.features_dim

    def forward(self, observations: dict[str, Tensor]) -> Tensor:
        """Encode a batch of observations.

        Args:
            observations: Key to raw tensor of shape ``(batch, *space.shape)``; further keys are ignored,
                except validity bits.

        Returns:
            Features of shape ``(batch, features_dim)``.

        Raises:
            ValueError: If a key is missing or has another shape.
        """
        return self.encode(observations)[1]

    def encode(self, observations: dict[str, Tensor]) -> tuple[dict[str, Encoded], Tensor]:
        """Encode a batch of observations, and keep what each source became on the way.

        Args:
            observations: As in :meth:`forward`.

        Returns:
            Name of each source of the fusion to its features before they were joined, and the features of
            shape ``(batch, features_dim)``.

        Raises:
            ValueError: If a key is missing or has another shape.
        """
        self._check(observations)
        valid = self._valid(observations)
        if self._adds_bits or (valid is not None and self._validity.declared):
            observations = observations | {VALIDITY: self._bits(observations, valid)}
        encoded: dict[str, Encoded] = {}
        for key, encoder in zip(self._alone, self._own_encoders(), strict=True):
            value = observations[key]
            encoded[key] = encoder.encode(value) if self.fusion.reads_parts else Encoded(encoder(value))
        there = {} if valid is None else dict(zip(self._validity.sensors, valid.unbind(1), strict=True))
        for members in self._candidate_encoders():
            encoded["+".join(members.keys)] = members(observations, there)
        joined: Tensor = self.fusion(encoded, self._valid_sources(there))
        return encoded, joined

    def importance(self) -> dict[str, float]:
        """Say how much each source counted in the last batch, on average.

        ``sum`` and ``gated`` give the mean weight and gate of every source, ``attention`` the share of
        attention that it got, ``hybrid`` the same for pictures and scans.  A weight says what the network
        looked at, which is not yet what its decision depended on.

        Returns:
            Key of the observation, or keys joined by ``+`` that are read together, to a number in [0, 1].

        Raises:
            ValueError: If the fusion has no weights, or nothing was encoded yet.
        """
        fusion = self.fusion
        if not fusion.weighted:
            able = ", ".join(sorted(name for name in FUSIONS if name not in ("concat", "film")))
            raise ValueError(f"fusion={self._config.fusion!r} has no weights; these have: {able}")
        if fusion.weights is None:
            raise ValueError("nothing was encoded yet: call the encoder first")
        return dict(zip(fusion.weighted, fusion.weights.mean(0).tolist(), strict=True))

    def encoder_of(self, key: str) -> ModalityEncoder:
        """Return the encoder that reads ``key``."""
        for members in self._candidate_encoders():
            if key in members.keys:
                encoder = members.members[members.keys.index(key)]
                break
        else:
            encoder = self.encoders[self._alone.index(key)]
        assert isinstance(encoder, ModalityEncoder)
        return encoder

    def _add_validity(self, leaves: dict[str, spaces.Space[Any]]) -> None:
        """Let the networks see which modalities were dropped, where the observation does not say it."""
        self._adds_bits = bool(self._config.modality_dropout) and not self._validity.declared
        if self._adds_bits:
            if self._validity.taken:
                raise ValueError(
                    f"EncoderConfig: modality_dropout={self._config.modality_dropout} needs the key "
                    f"{VALIDITY!r} for its bits, but the observation has one of another meaning"
                )
            leaves[VALIDITY] = self._validity.space

    def _groups(self, leaves: dict[str, spaces.Space[Any]]) -> list[tuple[str, ...]]:
        if self._config.candidates == "separate":
            return []
        groups = candidate_groups(leaves)
        if not groups:
            raise ValueError(
                f"EncoderConfig: candidates={self._config.candidates!r} needs keys that hold objects or a "
                f"contact sheet of pictures; the observation has {leaves}"
            )
        return groups

    def _own_encoders(self) -> list[ModalityEncoder]:
        return list(self.encoders)  # type: ignore[arg-type]

    def _candidate_encoders(self) -> list[CandidatesEncoder]:
        return list(self.candidates)  # type: ignore[arg-type]

    def _check(self, observations: dict[str, Tensor]) -> None:
        for key, shape in self._shapes.items():
            value = observations.get(key)
            if value is None:
                missing = sorted(set(self._shapes) - set(observations))
                raise ValueError(f"observation lacks {missing}; it has {sorted(observations)}")
            if shape is not None and tuple(value.shape[1:]) != shape:
                raise ValueError(
                    f"observation[{key!r}] has shape {tuple(value.shape)}, but must be "
                    f"(batch, {', '.join(map(str, shape))})"
                )

    def _valid(self, observations: dict[str, Tensor]) -> Tensor | None:
        """Return which sensors are there, bool of shape ``(batch, sensors)``; None for all."""
        valid = self._validity.read(observations)
        rate = self._config.modality_dropout
        if self.training and rate:
            if valid is None:
                first = observations[self._validity.sensors[0]]
                valid = torch.ones(
                    len(first), len(self._validity.sensors), dtype=torch.bool, device=first.device
                )
            valid = drop(valid, rate)
        return valid

    def _bits(self, observations: dict[str, Tensor], valid: Tensor | None) -> Tensor:
        if valid is None:
            first = observations[self._validity.sensors[0]]
            return torch.ones(len(first), len(self._validity.sensors), device=first.device)
        return self._validity.bits(valid)

    def _valid_sources(self, there: dict[str, Tensor]) -> Tensor | None:
        """Return which sources of the fusion are there; those read together are if any of them is."""
        if not there:
            return None
        always = torch.ones_like(next(iter(there.values())))
        columns = [there.get(key, always) for key in self._alone]
        for members in self._candidate_encoders():
            columns.append(torch.stack([there[key] for key in members.keys], 1).any(1))
        return torch.stack(columns, 1)
