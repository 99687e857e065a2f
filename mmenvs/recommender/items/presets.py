"""Catalogues of the published simulators: items that are numbers, without pictures or texts."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmenvs.recommender.items.catalogue import NO_PICTURE, Catalogue, Picture, frozen

_TOPICS_OF_INTEREST_EVOLUTION = 20
_TOPICS = 10
_ORGANIC_TRAITS = 5


@lru_cache(maxsize=16)
def preset_catalogue(name: str, items: int, seed: int) -> Catalogue:
    """Make one of the catalogues of the published simulators.

    * ``"interest_evolution"`` (RecSim, Ie et al., 2019): one of 20 topics each; quality normal around the
      topic's mean, from -3 to 0 over 14 topics and from 0 to 3 over 6, with standard deviation 0.1.
    * ``"long_term_satisfaction"`` (RecSim): bait in equal steps from 0 to 1.
    * ``"topics"`` (SARDINE, Deffayet et al., 2024): two or three of ten topics each, uniform weights,
      unit length; the category is the main topic.
    * ``"organic"`` (RecoGym, Rohde et al., 2018): five standard normal traits and a popularity of
      standard deviation 3, both as logits of being viewed.

    Args:
        name: Which.
        items: How many.
        seed: Seed of what is random.

    Raises:
        ValueError: If the name is not one of these.
    """
    rng = np.random.default_rng(np.random.SeedSequence([seed, len(name)]))
    if name == "interest_evolution":
        return _interest_evolution(items, rng)
    if name == "long_term_satisfaction":
        bait = np.linspace(0.0, 1.0, items)
        return numeric_catalogue(np.zeros((items, 1)), ("nothing",), bait[:, None], ("clickbait",), bait=bait)
    if name == "topics":
        traits = _topic_vectors(items, rng)
        names = tuple(f"topic_{k}" for k in range(_TOPICS))
        return numeric_catalogue(traits, names, traits, names, category=traits.argmax(axis=1))
    if name == "organic":
        traits = rng.standard_normal((items, _ORGANIC_TRAITS))
        bias = 3.0 * rng.standard_normal(items)
        names = tuple(f"item_{k}" for k in range(items))
        return numeric_catalogue(
            traits, tuple(f"trait_{k}" for k in range(_ORGANIC_TRAITS)), np.eye(items), names, bias=bias
        )
    raise ValueError(f"catalogue={name!r} must be one of the preset catalogues")


def numeric_catalogue(
    traits: NDArray[np.floating[Any]],
    trait_names: Sequence[str],
    attributes: NDArray[np.floating[Any]],
    attribute_names: Sequence[str],
    *,
    category: NDArray[np.integer[Any]] | None = None,
    bias: NDArray[np.floating[Any]] | None = None,
    bait: NDArray[np.floating[Any]] | None = None,
    quality: NDArray[np.floating[Any]] | None = None,
) -> Catalogue:
    """Make a catalogue of plain numbers.

    Args:
        traits: What tastes weigh, shape (items, traits).
        trait_names: Their names.
        attributes: What agents see, in [0, 1], shape (items, attributes).
        attribute_names: Their names.
        category: Category of each item, from 0, shape (items,); all one if None.
        bias: See :class:`Catalogue`; zeros if None.
        bait: See :class:`Catalogue`; zeros if None.
        quality: What a budget refunds, of any size, shape (items,); zeros if None.
    """
    count = len(traits)
    zeros = np.zeros(count)
    kind = np.zeros(count, np.int64) if category is None else np.asarray(category, np.int64)

    def column(values: NDArray[np.floating[Any]] | None) -> NDArray[np.float64]:
        return frozen(zeros if values is None else np.asarray(values, np.float64))

    return Catalogue(
        ids=tuple(str(k) for k in range(count)),
        titles=tuple(f"item {k}" for k in range(count)),
        descriptions=("",) * count,
        category=frozen(kind),
        category_names=tuple(f"category {k}" for k in range(int(kind.max()) + 1)),
        traits={"shared": frozen(np.asarray(traits, np.float64))},
        trait_names={"shared": tuple(trait_names)},
        text=frozen(np.zeros((count, 0), np.float32)),
        attributes=frozen(np.asarray(attributes, np.float32)),
        attribute_names=tuple(attribute_names),
        look=frozen(np.full(count, NO_PICTURE, np.int64)),
        artist=blank,
        picture_features=frozen(np.zeros((1, 0), np.float32)),
        picture_size=32,
        price=frozen(np.full(count, np.nan)),
        popularity=column(None),
        quality=column(quality),
        bait=column(bait),
        bias=column(bias),
        season=frozen(np.zeros((count, 2))),
    )


def blank(look: int, size: int) -> Picture:
    """Draw nothing: a light square of shape (size, size, 3)."""
    return np.full((size, size, 3), 236, np.uint8)


def _interest_evolution(items: int, rng: np.random.Generator) -> Catalogue:
    topics = _TOPICS_OF_INTEREST_EVOLUTION
    means = np.concatenate([np.linspace(-3.0, 0.0, 14), np.linspace(0.0, 3.0, 6)])
    topic = np.arange(items) % topics  # every topic as often as every other
    traits = np.eye(topics)[topic]
    names = tuple(f"topic_{k}" for k in range(topics))
    quality = rng.normal(means[topic], 0.1)
    return numeric_catalogue(traits, names, traits, names, category=topic, quality=quality)


def _topic_vectors(items: int, rng: np.random.Generator) -> NDArray[np.float64]:
    weights = rng.random((items, _TOPICS))
    order = rng.random((items, _TOPICS)).argsort(axis=1).argsort(axis=1)
    weights *= order < rng.integers(2, 4, items)[:, None]
    return np.asarray(weights / np.linalg.norm(weights, axis=1, keepdims=True), np.float64)
