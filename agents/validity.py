"""Which modalities are there: what the observation says of it, and modality dropout in training."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from gymnasium import spaces
from torch import Tensor

from mmenvs.spaces import Vector

#: Key of the observation that says which others are there, named by :class:`mmenvs.wrappers.ModalityDropout`.
VALIDITY = "validity"


class Validity:
    """Reads and draws validity bits.

    An observation may say itself which keys are there, under the key ``"validity"``: a
    :class:`mmenvs.spaces.Vector` whose names are those keys, 1 where the key is there and 0 where not.

    Attributes:
        sensors: All keys of the observation but the validity itself.
        space: Space of the validity bits.
        declared: Whether the observation has such bits.
    """

    def __init__(self, observation_space: spaces.Dict) -> None:
        """Read the space of the observations."""
        leaves: Mapping[str, spaces.Space[Any]] = observation_space.spaces
        bits = leaves.get(VALIDITY)
        others = tuple(key for key in leaves if key != VALIDITY)
        self.declared = isinstance(bits, Vector) and bool(bits.names) and set(bits.names) <= set(others)
        self.sensors = others if self.declared else tuple(leaves)
        self.space = Vector(len(self.sensors), low=0.0, high=1.0, unit="valid", names=self.sensors)
        if self.declared and isinstance(bits, Vector):
            self.space = bits
        #: Whether ``"validity"`` is somebody else's key, of another meaning.
        self.taken = bits is not None and not self.declared

    def read(self, observations: Mapping[str, Tensor]) -> Tensor | None:
        """Return which sensors are there, bool of shape ``(batch, sensors)``; None if nothing is said.

        Raises:
            ValueError: If the bits have another shape than their space.
        """
        bits = None if self.taken else observations.get(VALIDITY)
        if bits is None:
            return None
        if bits.ndim != 2 or tuple(bits.shape[1:]) != self.space.shape:
            raise ValueError(
                f"observation[{VALIDITY!r}] has shape {tuple(bits.shape)}, but must be "
                f"(batch, {self.space.shape[0]}), one number for each of {list(self.space.names)}"
            )
        there = bits > 0.5
        if self.space.names == self.sensors:
            return there
        columns = [
            there[:, self.space.names.index(key)] if key in self.space.names else torch.ones_like(there[:, 0])
            for key in self.sensors
        ]
        return torch.stack(columns, 1)

    def bits(self, valid: Tensor) -> Tensor:
        """Return bits as :attr:`space` has them for bools of shape ``(batch, sensors)``."""
        columns = [self.sensors.index(name) for name in self.space.names]
        return valid[:, columns].float()


def drop(valid: Tensor, rate: float) -> Tensor:
    """Hide sensors at random, each with the chance ``rate``; of those that were there one stays.

    Sensor dropout after Liu et al., "Learning end-to-end multimodal sensor policies for autonomous
    navigation", 2017.  Draws come from torch's global generator.

    Args:
        valid: Which are there, bool of shape ``(batch, sensors)``.
        rate: Chance to be hidden, in [0, 1).

    Returns:
        Which are left, bool of the same shape.
    """
    draws = torch.rand(valid.shape, device=valid.device)
    # The one that would go last, were the rate higher, stays whatever it is.
    best = draws.masked_fill(~valid, -1.0).argmax(1, keepdim=True)
    keep = (draws >= rate).scatter(1, best, True)
    return valid & keep
