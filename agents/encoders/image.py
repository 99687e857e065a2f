"""Pictures and contact sheets of pictures."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import torch
from gymnasium.spaces import Box, Space
from torch import Tensor, nn
from torch.nn import functional as F

from agents.config import EncoderConfig
from agents.encoders.base import ModalityEncoder
from mmenvs.spaces import Image

#: Least side of a picture [pixels], kernel and stride of the first convolution.
_FIRST = ((48, 8, 4), (24, 4, 4), (0, 4, 2))


class ImageEncoder(ModalityEncoder):
    """A CNN several times cheaper than NatureCNN at the same input size.

    Its first convolution is coarse, 8x8 with stride 4 for pictures of 48 pixels and more and finer below; the
    others are 3x3 with stride 2.  The bounds of the space are folded into the weights of the first one, so
    that raw bytes are converted to floats and nothing more.

    A contact sheet (:attr:`mmenvs.spaces.Image.tiles`) is cut into its pictures, all of which pass the same
    network; their embeddings are concatenated in order, so that each keeps its identity.

    Works on ``(batch, height, width, channels)`` and ``(batch, channels, height, width)`` alike, as the space
    says; for a box of another package the smaller of the outer axes holds the channels.
    """

    def __init__(self, space: Space[Any], config: EncoderConfig) -> None:
        """Build the network.

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
        self._space = space
        self._count, (height, width, channels) = _structure(space)
        options = config.image
        first = options.channels[0]
        side = min(height, width)
        kernel, stride = next(sizes for least, *sizes in _FIRST if side >= least)
        self._stride = stride
        self.first = nn.Conv2d(channels, first, min(kernel, side), stride)
        layers: list[nn.Module] = [nn.ReLU(inplace=True)]
        for before, after in pairwise(options.channels):
            layers += [nn.Conv2d(before, after, 3, stride=2, padding=1), nn.ReLU(inplace=True)]
        self.rest = nn.Sequential(*layers, nn.Flatten())
        with torch.no_grad():
            size = self.rest(self.first(torch.zeros(1, channels, height, width))).shape[1]
        features = options.features if self._count == 1 else options.tile_features
        self.head = nn.Sequential(nn.Linear(size, features), nn.ReLU())
        self.features_dim = features * self._count
        self._centre, self._factor = (low + high) / 2, 2.0 / (high - low)

    def forward(self, observation: Tensor) -> Tensor:
        """Encode raw pictures, uint8 or float, of shape ``(batch, *space.shape)``."""
        pictures = self._channels_first(observation)
        # conv(w, (x - c) * f) = conv(w * f, x) - c * f * sum(w): exact, because nothing is padded.
        weight = self.first.weight * self._factor
        bias = self.first.bias
        assert bias is not None
        bias = bias - self._centre * weight.sum((1, 2, 3))
        hidden = self.rest(F.conv2d(pictures.float(), weight, bias, stride=self._stride))
        features: Tensor = self.head(hidden)
        return features.reshape(observation.shape[0], self.features_dim)

    def _channels_first(self, observation: Tensor) -> Tensor:
        """Return all pictures as ``(batch * count, channels, height, width)``; a single one is not copied."""
        if isinstance(self._space, Image):
            pictures = self._space.unflatten(observation)
            if self._count > 1:
                pictures = pictures.flatten(0, 1)
            return pictures.permute(0, 3, 1, 2)
        return observation if is_channels_first(self._space) else observation.permute(0, 3, 1, 2)


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
