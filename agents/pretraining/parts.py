"""The parts of an input: which can be hidden, and what is to be reconstructed or predicted of it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from agents.config import EncoderConfig
from agents.encoders import modality_for
from agents.encoders.base import Scale
from agents.encoders.image import is_channels_first
from mmenvs.spaces import Image, ModalBox

#: Words and choices that are too many to be reconstructed one by one.
LARGEST = 4096
#: Least standard deviation of a number, in those of its key: what hardly ever changes must not count most.
_LEAST_SPREAD = 0.1


class Target(nn.Module):
    """What a decoder should say of one key, with mean 0 and about unit variance over the rollouts.

    ======================  ==================================================  ==============
    Key                     Target                                              Parts
    ======================  ==================================================  ==============
    picture                 the picture at a smaller size                       square patches
    scan                    every reading, scaled                               sectors
    objects, history        every number, scaled                                rows
    other box               every number, scaled                                numbers
    sentence                which words it holds                                none
    discrete, multi-binary  one-hot                                             none
    ======================  ==================================================  ==============

    A squared error of 1 thus says that a decoder knows no more than the mean.  Where patches do not divide a
    picture evenly, the edge of a patch in the target may be off by a part of one of its numbers.

    Attributes:
        size: Numbers of the target.
        parts: Number of parts that can be hidden; 0 if the key is there or not as a whole.
        low_dimensional: Whether it is a box of numbers that is no picture.
    """

    mean: Tensor
    spread: Tensor
    _part_of_input: Tensor
    _part_of_target: Tensor

    def __init__(
        self,
        key: str,
        space: spaces.Space[Any],
        config: EncoderConfig,
        sample: Tensor,
        *,
        picture_size: int = 16,
        patches: int = 8,
    ) -> None:
        """Read the space and how observations spread.

        Args:
            key: Name of the key.
            space: What it holds.
            config: Says of which modality it is.
            sample: Some observations, shape ``(count, *space.shape)``.
            picture_size: Longest side of pictures that are reconstructed [pixels].
            patches: Patches to a side of a picture, sectors of a scan.
        """
        super().__init__()
        self._space = space
        self._modality = modality_for(key, space, config)
        box = isinstance(space, spaces.Box) and self._modality != "tokens"
        self._picture = box and self._modality == "image" and len(space.shape or ()) == 3
        self.low_dimensional = box and not self._picture
        self.scale: Scale | None = None
        self.fill = 0.0
        of_input, of_target = np.zeros(0, np.int64), np.zeros(0, np.int64)
        if isinstance(space, spaces.Box) and self._picture:
            self._centre, self._factor = _range(space)
            self.fill = self._centre
            of_input, of_target = self._patches(space, picture_size, patches)
        elif isinstance(space, spaces.Box) and box:
            self.scale = Scale(space)
            of_input = _rows(space, self._modality, patches)
            of_target = of_input.ravel()
            middle = torch.where(self.scale.unbounded, 0.0, self.scale.centre)
            self.register_buffer("_middle", middle, persistent=False)
        self.parts = int(of_input.max()) + 1 if of_input.size else 0
        self.register_buffer("_part_of_input", torch.as_tensor(of_input), persistent=False)
        self.register_buffer("_part_of_target", torch.as_tensor(of_target), persistent=False)
        raw = self._raw(sample)
        self.size = raw.shape[1]
        spread = raw.std(0, correction=0)
        usual = float(spread.square().mean().sqrt())
        self.register_buffer("mean", raw.mean(0))
        self.register_buffer("spread", spread.clamp_min(_LEAST_SPREAD * usual) if usual > 0 else spread + 1.0)

    def forward(self, observation: Tensor) -> Tensor:
        """Return the targets of raw observations, shape ``(batch, size)``."""
        return (self._raw(observation) - self.mean) / self.spread

    def hide(self, observation: Tensor, hidden: Tensor) -> Tensor:
        """Put the middle of the range where parts are hidden.

        Args:
            observation: Raw, shape ``(batch, *space.shape)``.
            hidden: Which parts, bool of shape ``(batch, parts)``.

        Returns:
            A raw observation of the same shape and type.
        """
        middle = getattr(self, "_middle", None)
        fill = torch.full((), self.fill, device=observation.device) if middle is None else middle
        return torch.where(hidden[:, self._part_of_input], fill.to(observation.dtype), observation)

    def covers(self, hidden: Tensor) -> Tensor:
        """Return which numbers of the target are hidden with these parts, bool of shape ``(batch, size)``."""
        return hidden[:, self._part_of_target]

    def _raw(self, observation: Tensor) -> Tensor:
        if self._picture:
            pictures = self._pictures(observation).flatten(0, 1).float()
            small = F.adaptive_avg_pool2d(pictures, self._small)
            return ((small - self._centre) * self._factor).reshape(len(observation), -1)
        if self.scale is not None:
            scaled: Tensor = self.scale(observation)
            return scaled.flatten(1)
        if self._modality == "tokens":
            words = observation.long().flatten(1)
            count = int(np.max(self._space.high)) + 1  # type: ignore[attr-defined]
            held = torch.zeros(len(words), count, device=words.device).scatter_(1, words, 1.0)
            return held[:, 1:]  # 0 is padding
        return _one_hot(self._space, observation)

    def _pictures(self, observation: Any) -> Any:
        """Return ``(batch, count, channels, height, width)`` of a tensor, or of an array of that kind."""
        permute = observation.permute if isinstance(observation, Tensor) else observation.transpose
        if isinstance(self._space, Image):
            pictures = self._space.unflatten(observation)
            if self._space.count == 1:
                pictures = pictures[:, None]
            permute = pictures.permute if isinstance(pictures, Tensor) else pictures.transpose
            return permute(0, 1, 4, 2, 3)
        assert isinstance(self._space, spaces.Box)
        return (observation if is_channels_first(self._space) else permute(0, 3, 1, 2))[:, None]

    def _patches(
        self, space: spaces.Box, picture_size: int, patches: int
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the patch of each pixel, of the shape of the space, and that of each number of a target."""
        places = np.arange(math.prod(space.shape)).reshape(1, *space.shape)
        _, count, channels, height, width = self._pictures(places).shape
        reduction = max(max(height, width) / picture_size, 1.0)
        self._small = max(round(height / reduction), 1), max(round(width / reduction), 1)

        def grid(tall: int, wide: int) -> NDArray[np.int64]:
            rows, columns = (
                np.arange(n) * min(patches, least) // n for n, least in ((tall, height), (wide, width))
            )
            cells = rows[:, None] * min(patches, width) + columns
            sheet = np.arange(count)[:, None, None] * (min(patches, height) * min(patches, width)) + cells
            return np.repeat(sheet[:, None], channels, 1)

        of_input = np.empty(places.size, np.int64)
        of_input[self._pictures(places)[0].ravel()] = grid(height, width).ravel()
        return of_input.reshape(space.shape), grid(*self._small).ravel()


def reconstructable(key: str, space: spaces.Space[Any], config: EncoderConfig) -> bool:
    """Say whether a key is neither without bounds of words nor of more than :data:`LARGEST` of them."""
    if isinstance(space, spaces.Box):
        words = modality_for(key, space, config) == "tokens"
        return not words or 1 < float(space.high.max()) + 1 <= LARGEST
    if isinstance(space, spaces.Discrete):
        return int(space.n) <= LARGEST
    if isinstance(space, spaces.MultiDiscrete):
        return int(space.nvec.sum()) <= LARGEST
    return isinstance(space, spaces.MultiBinary)


def _range(space: spaces.Box) -> tuple[float, float]:
    low, high = float(space.low.min()), float(space.high.max())
    return (low + high) / 2, 2.0 / (high - low)


def _rows(space: spaces.Box, modality: str, sectors: int) -> NDArray[np.int64]:
    """Return the part of each number of a box, of the shape of the space."""
    size = math.prod(space.shape)
    numbers = np.arange(size)
    if modality == "scan":
        numbers = numbers * min(sectors, size) // size
    elif isinstance(space, ModalBox) and len(space.structure) == 2:
        numbers //= space.structure[1]
    return numbers.reshape(space.shape)


def _one_hot(space: spaces.Space[Any], values: Tensor) -> Tensor:
    if isinstance(space, spaces.MultiBinary):
        return values.float().flatten(1)
    if isinstance(space, spaces.Discrete):
        return F.one_hot(values.reshape(-1).long() - int(space.start), int(space.n)).float()
    assert isinstance(space, spaces.MultiDiscrete)
    columns = values.reshape(len(values), -1).long()
    counts, starts = space.nvec.ravel().tolist(), space.start.ravel().tolist()
    return torch.cat([F.one_hot(columns[:, i] - starts[i], n).float() for i, n in enumerate(counts)], 1)
