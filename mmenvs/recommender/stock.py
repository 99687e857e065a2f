"""What a shop is stocked with and who comes: from settings to the arrays that kernels read."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mmenvs.recommender.arrays import FACT, Items, Rules
from mmenvs.recommender.config import REWARDS, RecommenderConfig
from mmenvs.recommender.items.catalogue import Catalogue, frozen
from mmenvs.recommender.items.presets import preset_catalogue
from mmenvs.recommender.users.model import UserModel, Users


class Stock(NamedTuple):
    """A catalogue and a user model, as people and as kernels see them.

    Attributes:
        catalogue: The items.
        model: The user model.
        items: The catalogue as kernels see it.
        users: The user model as kernels see it.
        taste_names: Names of the personal tastes.
    """

    catalogue: Catalogue
    model: UserModel
    items: Items
    users: Users
    taste_names: tuple[str, ...]


def make_stock(config: RecommenderConfig) -> Stock:
    """Return what the settings describe.

    Raises:
        ValueError: If the catalogue lacks what the settings need.
    """
    catalogue = _catalogue(config)
    for modality, width in (
        ("text", catalogue.text.shape[1]),
        ("image_features", catalogue.picture_features.shape[1]),
        ("attributes", catalogue.attributes.shape[1]),
        ("history", catalogue.attributes.shape[1]),
    ):
        if modality in config.modalities and width == 0:
            lacks = "attributes" if modality == "history" else modality
            raise ValueError(f"modalities={config.modalities!r}: this catalogue has no {lacks}")
    if isinstance(config.users, UserModel):
        model, bias, span = config.users, catalogue.bias, None
        traits = catalogue.weighted_traits(None if config.raw_traits else _weights(config))
        table = model.population.type_means(catalogue.mean, config.catalogue_seed)
        names = catalogue.all_trait_names
    else:
        from mmenvs.recommender.calibrated import adopt

        model, traits, bias, table, span = adopt(config.users, catalogue)
        names = tuple(f"factor_{k}" for k in range(traits.shape[1]))
    size = traits.shape[1]
    if model.population.season > 0.0:
        traits = np.concatenate([traits, catalogue.season], axis=1)
    facts = np.zeros(len(catalogue), FACT)
    facts["bias"], facts["bait"], facts["quality"] = bias, catalogue.bait, np.nan_to_num(catalogue.quality)
    facts["category"], facts["look"] = catalogue.category, catalogue.look
    # An item's turn in the turnover of the catalogue: a permutation, so that each day has as many.  Turns
    # lie between the round numbers that days fall on, where rounding would decide who is on sale.
    order = np.random.default_rng(config.catalogue_seed).permutation(len(catalogue))
    facts["arrival"] = (order + 0.5) / len(catalogue)
    items = Items(
        traits=frozen(traits),
        facts=frozen(facts),
        attributes=frozen(catalogue.attributes),
        text=frozen(catalogue.text),
        pictures=_words(catalogue, config),
        features=frozen(catalogue.picture_features),
        proto=proto_vectors(catalogue, config.proto_size),
        table=frozen(table),
    )
    return Stock(catalogue, model, items, model.users(size, span), names)


def shop_rules(config: RecommenderConfig, stock: Stock) -> Rules:
    """Return the shop's rules as kernels see them."""
    personal = stock.items.traits[:, : stock.users.population.size]
    return Rules(
        reward=REWARDS.index(config.reward),
        refill=config.duplicates == "next",
        churn=config.churn,
        on_sale=config.on_sale,
        content_mood=config.content_mood,
        parity=int(config.split == "test"),
        greeting=config.greeting,
        longest=float(max(np.linalg.norm(personal, axis=1).max(), 1e-12)),
    )


def proto_vectors(catalogue: Catalogue, size: int) -> NDArray[np.float32]:
    """Return the leading principal components of what the shop knows of each item.

    Args:
        catalogue: The items.
        size: How many components; if there are fewer, the rest is zero.

    Returns:
        float32 of shape (size, items), components in order, scaled so that the mean length is 1.
    """
    known = catalogue.embedding.astype(np.float64)
    known = known - known.mean(axis=0)
    _, axes = np.linalg.eigh(known.T @ known)
    axes = axes[:, ::-1][:, :size]
    # An axis and its negative are equally principal: take the one whose largest entry is positive.
    axes = axes * np.sign(axes[np.abs(axes).argmax(axis=0), np.arange(axes.shape[1])])
    found = known @ axes
    vectors = np.zeros((size, len(catalogue)), np.float32)
    length = float(np.linalg.norm(found, axis=1).mean())
    vectors[: found.shape[1]] = found.T / max(length, 1e-12)
    return frozen(vectors)


def _weights(config: RecommenderConfig) -> dict[str, float]:
    return {
        "image": config.image_weight,
        "text": config.text_weight,
        "attributes": config.attribute_weight,
        "shared": config.shared_weight,
    }


def _catalogue(config: RecommenderConfig) -> Catalogue:
    if isinstance(config.catalogue, Catalogue):
        return config.catalogue
    if config.catalogue != "procedural":
        return preset_catalogue(config.catalogue, config.items, config.catalogue_seed)
    from mmenvs.recommender.items.procedural import procedural_catalogue

    return procedural_catalogue(
        config.items,
        config.catalogue_seed,
        picture_size=config.picture_size,
        text_size=config.text_size,
        missing_rate=config.missing_rate,
        clickbait_share=config.clickbait_share,
        new_share=config.new_share,
    )


def _words(catalogue: Catalogue, config: RecommenderConfig) -> NDArray[np.uint64]:
    """Return the pictures, eight bytes a word; none if they are not observed."""
    words: NDArray[Any] = np.zeros((1, 0, 0), np.uint64)
    if "image" in config.modalities:
        size = catalogue.picture_size
        if size != config.picture_size:
            raise ValueError(f"picture_size={config.picture_size} must be the catalogue's, which is {size}")
        words = np.ascontiguousarray(catalogue.pictures).reshape(-1, size, size * 3).view(np.uint64)
    return frozen(words)
