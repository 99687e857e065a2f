"""Ways of joining the features of several modalities into one vector.

A fusion of your own takes one line::

    FUSIONS["mine"] = MyFusion

where ``MyFusion(sources, config)`` is a :class:`Fusion`; ``EncoderConfig(fusion="mine")`` chooses it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from agents.config import EncoderConfig
from agents.fusion.attention import AttentionFusion, HybridFusion
from agents.fusion.base import Fusion, Source
from agents.fusion.concat import ConcatFusion
from agents.fusion.film import FilmFusion
from agents.fusion.weighted import GatedFusion, SumFusion

__all__ = [
    "FUSIONS",
    "AttentionFusion",
    "ConcatFusion",
    "FilmFusion",
    "Fusion",
    "GatedFusion",
    "HybridFusion",
    "Source",
    "SumFusion",
]

#: Name to fusion.
FUSIONS: dict[str, Callable[[Sequence[Source], EncoderConfig], Fusion]] = {
    "concat": ConcatFusion,
    "sum": SumFusion,
    "gated": GatedFusion,
    "film": FilmFusion,
    "attention": AttentionFusion,
    "hybrid": HybridFusion,
}
