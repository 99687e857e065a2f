"""Catalogues: procedural ones, the user's own, and those of published data sets."""

from __future__ import annotations

from mmenvs.recommender.items.catalogue import Catalogue
from mmenvs.recommender.items.images import ColourFeatures, ImageEncoder
from mmenvs.recommender.items.minilm import MiniLM
from mmenvs.recommender.items.mmrec import catalogue_from_mmrec, read_mmrec_interactions
from mmenvs.recommender.items.procedural import procedural_catalogue
from mmenvs.recommender.items.recbole import catalogue_from_recbole, read_atomic, write_atomic
from mmenvs.recommender.items.tables import catalogue_from_table
from mmenvs.recommender.items.text import HashedText, TextEncoder, TfidfSvd

__all__ = [
    "Catalogue",
    "ColourFeatures",
    "HashedText",
    "ImageEncoder",
    "MiniLM",
    "TextEncoder",
    "TfidfSvd",
    "catalogue_from_mmrec",
    "catalogue_from_recbole",
    "catalogue_from_table",
    "procedural_catalogue",
    "read_atomic",
    "read_mmrec_interactions",
    "write_atomic",
]
