"""Encoders per modality, chosen from the space of the observation and by name.

An encoder of your own takes one line::

    ENCODERS["image"]["mine"] = MyImageEncoder

where ``MyImageEncoder(space, config)`` is a :class:`ModalityEncoder`; then ``ImageConfig(encoder="mine")``
chooses it for all pictures, ``EncoderConfig(modalities={"camera": "image:mine"})`` for one key.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gymnasium.spaces import Space

from agents.config import EncoderConfig
from agents.encoders.base import Encoded, ModalityEncoder
from agents.encoders.history import (
    GRUHistoryEncoder,
    HistoryEncoder,
    NewestEventEncoder,
    TransformerHistoryEncoder,
)
from agents.encoders.image import ImageEncoder, PictureEncoder
from agents.encoders.image_deep import ImpalaEncoder, NatureEncoder
from agents.encoders.objects import ObjectsEncoder
from agents.encoders.pretrained import EfficientNetEncoder, MiniLMEncoder
from agents.encoders.scan import ScanEncoder
from agents.encoders.sets import GraphEncoder, PointNetEncoder, SetAttentionEncoder
from agents.encoders.tokens import TokensEncoder, TransformerTokensEncoder
from agents.encoders.vector import VectorEncoder
from mmenvs.spaces import modality_of

__all__ = [
    "ENCODERS",
    "EfficientNetEncoder",
    "Encoded",
    "GRUHistoryEncoder",
    "GraphEncoder",
    "HistoryEncoder",
    "ImageEncoder",
    "ImpalaEncoder",
    "MiniLMEncoder",
    "ModalityEncoder",
    "NatureEncoder",
    "NewestEventEncoder",
    "ObjectsEncoder",
    "PictureEncoder",
    "PointNetEncoder",
    "ScanEncoder",
    "SetAttentionEncoder",
    "TokensEncoder",
    "TransformerHistoryEncoder",
    "TransformerTokensEncoder",
    "VectorEncoder",
    "make_encoder",
    "modality_for",
]

#: Modality to the names of its encoders and what makes them; the first of each is the default.
ENCODERS: dict[str, dict[str, Callable[[Space[Any], EncoderConfig], ModalityEncoder]]] = {
    "image": {
        "compact": ImageEncoder,
        "nature": NatureEncoder,
        "impala": ImpalaEncoder,
        "efficientnet": EfficientNetEncoder,
    },
    "scan": {"circular": ScanEncoder},
    "objects": {
        "ordered": ObjectsEncoder,
        "pointnet": PointNetEncoder,
        "attention": SetAttentionEncoder,
        "graph": GraphEncoder,
    },
    "vector": {"mlp": VectorEncoder},
    "history": {
        "convolutional": HistoryEncoder,
        "gru": GRUHistoryEncoder,
        "transformer": TransformerHistoryEncoder,
        "newest": NewestEventEncoder,
    },
    "tokens": {"gru": TokensEncoder, "transformer": TransformerTokensEncoder, "minilm": MiniLMEncoder},
}


def make_encoder(key: str, space: Space[Any], config: EncoderConfig) -> ModalityEncoder:
    """Make the encoder of one key of the observation.

    Args:
        key: Name of the key.
        space: What it holds.
        config: Which encoder, and how large.

    Raises:
        ValueError: If the encoder does not read such a space, naming the key.
        ModuleNotFoundError: If the encoder needs a package that is not installed, naming it.
    """
    modality = modality_for(key, space, config)
    chosen = config.modalities.get(key, "").partition(":")[2]
    # A modality of the user's own has no options in the config: its first encoder is the default.
    name = chosen or getattr(getattr(config, modality, None), "encoder", next(iter(ENCODERS[modality])))
    try:
        return ENCODERS[modality][name](space, config)
    except ValueError as error:
        raise ValueError(f"observation[{key!r}], read as {modality}: {error}") from error


def modality_for(key: str, space: Space[Any], config: EncoderConfig) -> str:
    """Return the modality of a key: that of :attr:`EncoderConfig.modalities`, or of its space."""
    return config.modalities.get(key, "").partition(":")[0] or modality_of(space)
