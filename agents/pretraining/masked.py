"""Masked autoencoding: what was there?"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from agents.fusion.base import module_name
from agents.multimodal import MultimodalEncoder
from agents.pretraining.base import Batch, Objective, Setting
from agents.pretraining.parts import Target, reconstructable
from agents.validity import VALIDITY, Validity, drop


class Masked(Objective):
    """``masked``: hides whole keys and parts of others, and reconstructs them from the features of the rest.

    Parts are hidden as by He et al., "Masked autoencoders are scalable vision learners" (2022), but their
    places are filled with the middle of the range, as convolutions cannot leave them out; whole modalities
    as by Seo et al., "Multi-view masked world models for visual robotic manipulation" (2023).  A key that is
    hidden as a whole has a validity bit of 0, as if its sensor had failed.  Only what was hidden counts.
    """

    def __init__(self, setting: Setting) -> None:
        """Build a decoder for each key.

        Raises:
            ValueError: If there is nothing to reconstruct, a key is not known, or keys cannot be hidden.
        """
        super().__init__()
        options = setting.config.masked
        self._rates = options.key_rate, options.part_rate
        self._validity = Validity(setting.space)
        if options.key_rate and self._validity.taken:
            raise ValueError(
                f"MaskedConfig: key_rate={options.key_rate} needs the key {VALIDITY!r} for its bits, but the "
                "observation has one of another meaning; set it to 0"
            )
        encoder = setting.config.encoder
        able = [k for k in self._validity.sensors if reconstructable(k, setting.space[k], encoder)]
        if unknown := sorted(set(options.keys) - set(able)):
            raise ValueError(f"MaskedConfig: keys names {unknown}, but can be any of {sorted(able)}")
        keys = options.keys or tuple(able)
        if not keys:
            raise ValueError(f"masked finds nothing to reconstruct in {list(setting.space)}")
        if options.key_rate == 0 or len(self._validity.sensors) == 1:
            self._rates = 0.0, options.part_rate
        self._keys = keys
        sizes = {"picture_size": options.picture_size, "patches": options.patches}
        self.targets = nn.ModuleDict(
            {module_name(k): Target(k, setting.space[k], encoder, setting.sample[k], **sizes) for k in keys}
        )
        features = setting.encoder.features_dim
        self.decoders = nn.ModuleDict(
            {
                module_name(k): nn.Sequential(
                    nn.Linear(features, options.hidden),
                    nn.ReLU(),
                    nn.Linear(options.hidden, self._target(k).size),
                )
                for k in keys
            }
        )

    def forward(self, encoder: MultimodalEncoder, batch: Batch) -> tuple[Tensor, dict[str, float]]:
        """Return the mean of the errors of all keys, and the error of each."""
        shown, hidden = self.mask(batch.observations)
        features = encoder(shown)
        losses, figures = [features.new_zeros(())], {}
        for key in self._keys:
            said = self.decoders[module_name(key)](features)
            error = masked_error(said, self._target(key)(batch.observations[key]), hidden[key])
            losses.append(error)
            figures[key] = float(error.detach())
        return torch.stack(losses).sum() / len(self._keys), figures

    def mask(self, observations: dict[str, Tensor]) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """Hide parts and keys at random; draws come from torch's global generator.

        Args:
            observations: Key to raw tensor.

        Returns:
            Observations with validity bits, where whole keys are hidden; and for each key that is
            reconstructed which numbers of its target were hidden, bool of shape ``(batch, size)``.
        """
        key_rate, part_rate = self._rates
        sensors = self._validity.sensors
        shown, hidden = dict(observations), {}
        there = self._validity.read(observations)
        count, device = len(next(iter(observations.values()))), next(iter(observations.values())).device
        present = torch.ones(count, len(sensors), dtype=torch.bool, device=device) if there is None else there
        left = drop(present, key_rate) if key_rate else present
        for key in self._keys:
            target, place = self._target(key), sensors.index(key)
            numbers = torch.zeros(count, target.size, dtype=torch.bool, device=device)
            if target.parts and part_rate:
                parts = torch.rand(count, target.parts, device=device) < part_rate
                shown[key] = target.hide(observations[key], parts)
                numbers = target.covers(parts)
            # A key that was missing from the start has nothing to be compared with.
            numbers = (numbers | ~left[:, place, None]) & present[:, place, None]
            hidden[key] = numbers
        if key_rate or there is not None:
            shown[VALIDITY] = self._validity.bits(left)
        return shown, hidden

    def _target(self, key: str) -> Target:
        target = self.targets[module_name(key)]
        assert isinstance(target, Target)
        return target


def masked_error(said: Tensor, target: Tensor, counts: Tensor) -> Tensor:
    """Return the mean squared error over what counts, 0 if nothing does.

    Args:
        said: Shape ``(batch, size)``.
        target: The same.
        counts: What counts, bool of the same shape.
    """
    errors = (said - target).square().masked_fill(~counts, 0.0)
    return errors.sum() / counts.sum().clamp_min(1)
