"""One encoder per modality, chosen from the space of the observation.

An encoder of your own takes one line::

    ENCODERS["image"] = MyImageEncoder

where ``MyImageEncoder(space, config)`` is a :class:`ModalityEncoder`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gymnasium.spaces import Space

from agents.config import EncoderConfig
from agents.encoders.base import ModalityEncoder
from agents.encoders.history import HistoryEncoder
from agents.encoders.image import ImageEncoder
from agents.encoders.objects import ObjectsEncoder
from agents.encoders.scan import ScanEncoder
from agents.encoders.tokens import TokensEncoder
from agents.encoders.vector import VectorEncoder

__all__ = [
    "ENCODERS",
    "HistoryEncoder",
    "ImageEncoder",
    "ModalityEncoder",
    "ObjectsEncoder",
    "ScanEncoder",
    "TokensEncoder",
    "VectorEncoder",
]

#: Modality to the encoder that reads it.
ENCODERS: dict[str, Callable[[Space[Any], EncoderConfig], ModalityEncoder]] = {
    "image": ImageEncoder,
    "scan": ScanEncoder,
    "objects": ObjectsEncoder,
    "vector": VectorEncoder,
    "history": HistoryEncoder,
    "tokens": TokensEncoder,
}
