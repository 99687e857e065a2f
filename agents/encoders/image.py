"""Pictures and contact sheets of pictures."""

from __future__ import annotations

from abc import abstractmethod
from itertools import pairwise
from typing import Any

import torch
from gymnasium.spaces import Box, Space
from torch import Tensor, nn
from torch.nn import functional as F

from agents.config import EncoderConfig
from agents.encoders.base import Encoded, ModalityEncoder
from mmenvs.spaces import Image

#: Least side of a picture [pixels], kernel and stride of the first convolution.
_FIRST = ((48, 8, 4), (24, 4, 4), (0, 4, 2))
#: Most cells to a side of what :meth:`PictureEncoder.encode` gives as parts; finer maps are averaged.
_CELLS = 6


class PictureEncoder(ModalityEncoder):
    """The base of all encoders of pictures: they say how a picture becomes a map of features.

    A contact sheet (:attr:`mmenvs.spaces.Image.tiles`) is cut into its pictures, all of which pass the same
    network; their embeddings are concatenated in order, so that each keeps its identity.

    Works on ``(batch, height, width, channels)`` and ``(batch, channels, height, width)`` alike, as the space
    says; for a box of another package the smaller of the outer axes holds the channels.

    The parts are the cells of the map, row by row and at most 6x6, or the pictures of a contact sheet.

    Attributes:
        count: Number of pictures in the sheet.
        size: Height, width and channels of one picture.
        head: From the flat map to the embedding.
    """

    head: nn.Sequential

    def __init__(self, space: Space[Any], config: EncoderConfig) -> None:
        """Read the space; subclasses build their layers and then call :meth:`build_head`.

        Args:
            space: A box of three axes.
            config: Its field ``image`` says how large the network is.

        Raises:
            ValueError: If the space is not a box of three axes, or not bounded.
        """
        super().__init__()
        if not isinstance(space, Box) or len(space.shape) != 3:
            raise ValueError(f"an image needs a Box of three axes, got {space!r}")
        low, high = float(space.low.min()), float(space.high.max())
        if not low < high < float("inf") or low == float("-inf"):
            raise ValueError(f"an image needs finite bounds with low < high, got low={low}, high={high}")
        self._space, self._options = space, config.image
        self.count, self.size = _structure(space)
        self._centre, self._factor = (low + high) / 2, 2.0 / (high - low)
        self._map = (0, 0, 0)

    @abstractmethod
    def flat_map(self, pictures: Tensor) -> Tensor:
        """Return the map of features.

        Args:
            pictures: Raw pictures, uint8 or float, shape ``(batch, channels, height, width)``.

        Returns:
            Shape ``(batch, map channels * map height * map width)``.
        """

    def build_head(self, map_shape: tuple[int, int, int], size: int | None = None) -> None:
        """Make the last layer.

        Args:
            map_shape: Channels, height and width of the map.
            size: Size of what :meth:`pooled` makes of the map; that of the map by default.
        """
        self._map = map_shape
        options, (channels, height, width) = self._options, map_shape
        features = options.features if self.count == 1 else options.tile_features
        self.head = nn.Sequential(nn.Linear(size or channels * height * width, features), nn.ReLU())
        self.features_dim = features * self.count
        cells = min(height, _CELLS) * min(width, _CELLS)
        self.parts_shape = (cells, channels) if self.count == 1 else (self.count, features)

    def pooled(self, flat: Tensor) -> Tensor:
        """Return what the head reads of a flat map; all of it, unless overridden."""
        return flat

    def scaled(self, pictures: Tensor) -> Tensor:
        """Return pictures as floats in [-1, 1]."""
        return (pictures.float() - self._centre) * self._factor

    def folded(self, convolution: nn.Conv2d, pictures: Tensor) -> Tensor:
        """Apply an unpadded convolution to scaled pictures, the scaling folded into its weights.

        Raw bytes are then converted to floats and nothing more:
        ``conv(w, (x - c) * f) = conv(w * f, x) - c * f * sum(w)``, exact because nothing is padded.
        """
        weight = convolution.weight * self._factor
        bias = convolution.bias
        assert bias is not None
        bias = bias - self._centre * weight.sum((1, 2, 3))
        return F.conv2d(pictures.float(), weight, bias, stride=convolution.stride)

    def forward(self, observation: Tensor) -> Tensor:
        """Encode raw pictures, uint8 or float, of shape ``(batch, *space.shape)``."""
        features: Tensor = self.head(self.pooled(self.flat_map(self._channels_first(observation))))
        return features.reshape(observation.shape[0], self.features_dim)

    def encode(self, observation: Tensor) -> Encoded:
        """Encode raw pictures as a whole and in parts."""
        flat = self.flat_map(self._channels_first(observation))
        features: Tensor = self.head(self.pooled(flat))
        summary = features.reshape(observation.shape[0], self.features_dim)
        if self.count > 1:
            return Encoded(summary, summary.reshape(len(summary), self.count, -1))
        cells = flat.reshape(-1, *self._map)
        height, width = self._map[1:]
        if max(height, width) > _CELLS:
            cells = F.adaptive_avg_pool2d(cells, (min(height, _CELLS), min(width, _CELLS)))
        return Encoded(summary, cells.flatten(2).transpose(1, 2))

    def _channels_first(self, observation: Tensor) -> Tensor:
        """Return all pictures as ``(batch * count, channels, height, width)``; a single one is not copied."""
        if isinstance(self._space, Image):
            pictures = self._space.unflatten(observation)
            if self.count > 1:
                pictures = pictures.flatten(0, 1)
            return pictures.permute(0, 3, 1, 2)
        return observation if is_channels_first(self._space) else observation.permute(0, 3, 1, 2)


class ImageEncoder(PictureEncoder):
    """``compact``: a CNN several times cheaper than NatureCNN at the same input size.

    Its first convolution is coarse, 8x8 with stride 4 for pictures of 48 pixels and more and finer below; the
    others are 3x3 with stride 2.
    """

    def __init__(self, space: Space[Any], config: EncoderConfig) -> None:
        """Build the network; see :class:`PictureEncoder`."""
        super().__init__(space, config)
        height, width, channels = self.size
        side = min(height, width)
        kernel, stride = next(sizes for least, *sizes in _FIRST if side >= least)
        wanted = config.image.channels
        self.first = nn.Conv2d(channels, wanted[0], min(kernel, side), stride)
        layers: list[nn.Module] = [nn.ReLU(inplace=True)]
        for before, after in pairwise(wanted):
            layers += [nn.Conv2d(before, after, 3, stride=2, padding=1), nn.ReLU(inplace=True)]
        self.rest = nn.Sequential(*layers, nn.Flatten())
        with torch.no_grad():
            shape = self.rest[:-1](self.first(torch.zeros(1, channels, height, width))).shape
        self.build_head((shape[1], shape[2], shape[3]))

    def flat_map(self, pictures: Tensor) -> Tensor:
        """Return the map of features of raw pictures."""
        flat: Tensor = self.rest(self.folded(self.first, pictures))
        return flat


def is_channels_first(space: Box) -> bool:
    """Say whether an image is ``(channels, height, width)``; unless declared, by the smaller axis."""
    if isinstance(space, Image):
        return space.channels_first
    return int(space.shape[0]) < int(space.shape[2])


def _structure(space: Box) -> tuple[int, tuple[int, int, int]]:
    """Return the number of pictures, and height, width and channels of one."""
    if isinstance(space, Image):
        return space.count, space.size
    if is_channels_first(space):
        channels, height, width = space.shape
    else:
        height, width, channels = space.shape
    return 1, (height, width, channels)
