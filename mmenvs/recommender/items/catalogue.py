"""The items of a shop, as arrays: what people see of them and what they like about them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from mmenvs.recommender.items.attributes import Scaling
    from mmenvs.recommender.items.columns import Table, Vectors
    from mmenvs.recommender.items.images import ImageEncoder
    from mmenvs.recommender.items.text import TextEncoder

#: The groups of traits, by the modality that tells them; "shared" ones are told by several.
GROUPS = ("image", "text", "attributes", "shared")

#: The look of an item whose picture is missing.
NO_PICTURE = 0

Picture = NDArray[np.uint8]
Artist = Callable[[int, int], Picture]


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Catalogue:
    """Items as arrays, one row an item; nothing in it is ever written to.

    Items that look alike share a *look*, a row of :attr:`pictures`, so that a hundred thousand items need
    no more pictures than there are looks.

    Attributes:
        ids: Names of the items, all different.
        titles: What a person reads on the shelf; "" where missing.
        descriptions: What a person reads on the item's page; "" where missing.
        category: Index into ``category_names``, int64 of shape (items,); users get bored by category.
        category_names: Names of the categories.
        traits: By group of :data:`GROUPS`, what tastes weigh, float64 of shape (items, traits of the group);
            groups may be left out.
        trait_names: By group, the name of each of its traits.
        mean_taste: Mean taste of the population by the name of a trait, where it is not zero.
        text: Embedded title and description, float32 of shape (items, text_size); rows have unit length, or
            are zero where the text is missing.
        attributes: float32 of shape (items, attributes), each in [0, 1].
        attribute_names: Names of the attributes.
        look: Row of :attr:`pictures`, int64 of shape (items,); :data:`NO_PICTURE` where it is missing.
        artist: ``artist(look, size)`` draws a look, uint8 of shape (size, size, 3), at any size [pixel].
        picture_features: Embedded looks, float32 of shape (looks, features); row :data:`NO_PICTURE` is zero.
        picture_size: Side of the pictures [pixel].
        price: In money, shape (items,); NaN where unknown.
        popularity: In [0, 1], shape (items,).
        quality: In [0, 1], shape (items,); NaN where unknown.
        bait: How much more than it gives an item promises, in [0, 1], shape (items,); 0 for honest items.
        bias: What every user adds to an item's score [logit], shape (items,).
        season: Cosine and sine of the time of year at which an item is wanted, shape (items, 2); zeros for
            items that are wanted all the year.
        report: Counted fallbacks, such as ``{"missing pictures": 3}``.
    """

    ids: tuple[str, ...]
    titles: tuple[str, ...]
    descriptions: tuple[str, ...]
    category: NDArray[np.int64]
    category_names: tuple[str, ...]
    traits: Mapping[str, NDArray[np.float64]]
    trait_names: Mapping[str, tuple[str, ...]]
    mean_taste: Mapping[str, float] = field(default_factory=dict)
    text: NDArray[np.float32]
    attributes: NDArray[np.float32]
    attribute_names: tuple[str, ...]
    look: NDArray[np.int64]
    artist: Artist
    picture_features: NDArray[np.float32]
    picture_size: int
    price: NDArray[np.float64]
    popularity: NDArray[np.float64]
    quality: NDArray[np.float64]
    bait: NDArray[np.float64]
    bias: NDArray[np.float64]
    season: NDArray[np.float64]
    report: Mapping[str, int] = field(default_factory=dict)

    @staticmethod
    def from_table(
        items: Table,
        *,
        id: str | None = None,
        text: str | Sequence[str] = (),
        image: str | Path | NDArray[np.uint8] | None = None,
        attributes: str | Sequence[str] = (),
        category: str | None = None,
        price: str | None = None,
        popularity: str | None = None,
        quality: str | None = None,
        picture_size: int = 32,
        text_encoder: TextEncoder | Vectors | None = None,
        image_encoder: ImageEncoder | Vectors | None = None,
        scaling: Scaling = "rank",
        max_levels: int = 32,
        strict: bool = False,
    ) -> Catalogue:
        """Make a catalogue of the user's own items.

        The arguments are those of :func:`~mmenvs.recommender.items.tables.catalogue_from_table`.
        """
        from mmenvs.recommender.items.tables import catalogue_from_table

        return catalogue_from_table(
            items,
            id=id,
            text=text,
            image=image,
            attributes=attributes,
            category=category,
            price=price,
            popularity=popularity,
            quality=quality,
            picture_size=picture_size,
            text_encoder=text_encoder,
            image_encoder=image_encoder,
            scaling=scaling,
            max_levels=max_levels,
            strict=strict,
        )

    def __repr__(self) -> str:
        """Name the size, the categories and the attributes."""
        return f"Catalogue({len(self)} items, {len(self.category_names)} categories, {self.attribute_names})"

    def __len__(self) -> int:
        """Return the number of items."""
        return len(self.ids)

    @cached_property
    def pictures(self) -> NDArray[np.uint8]:
        """Pictures of all looks, shape (looks, picture_size, picture_size, 3); drawn at first use."""
        looks = len(self.picture_features)
        return frozen(np.stack([self.artist(look, self.picture_size) for look in range(looks)]))

    def draw(self, item: int, size: int) -> Picture:
        """Draw one item at any size [pixel]; shape (size, size, 3)."""
        return self.artist(int(self.look[item]), size)

    @cached_property
    def all_trait_names(self) -> tuple[str, ...]:
        """Names of the traits of all groups, in the order of :data:`GROUPS`."""
        return tuple(name for group in GROUPS for name in self.trait_names.get(group, ()))

    @cached_property
    def mean(self) -> NDArray[np.float64]:
        """Mean taste of the population, one number a trait, shape (traits,)."""
        return frozen(np.array([self.mean_taste.get(name, 0.0) for name in self.all_trait_names]))

    @cached_property
    def embedding(self) -> NDArray[np.float32]:
        """What the shop knows of each item as one vector: picture features, text, attributes.

        Returns:
            float32 of shape (items, features); each block is centred and scaled to equal total variance.
        """
        blocks = []
        for block in (self.picture_features[self.look], self.text, self.attributes):
            if block.shape[1]:
                centred = block.astype(np.float64) - block.mean(axis=0, dtype=np.float64)
                spread = float(np.sqrt(centred.var(axis=0).sum()))
                blocks.append(centred / spread if spread > 0 else centred)
        together = np.concatenate(blocks, axis=1) if blocks else np.zeros((len(self), 1))
        return frozen(together.astype(np.float32))

    def weighted_traits(self, weights: Mapping[str, float] | None = None) -> NDArray[np.float64]:
        """Return the traits of all groups as tastes weigh them into a score [logit], shape (items, traits).

        Args:
            weights: For each group, the standard deviation over users and items of what it adds to a score
                [logit], for independent tastes of unit variance around ``mean_taste``; None for the traits
                as they are.
        """
        blocks = []
        for group in GROUPS:
            if group not in self.traits:
                continue
            block = np.array(self.traits[group], np.float64)
            if weights is not None:
                block -= block.mean(axis=0)
                mean = np.array([self.mean_taste.get(name, 0.0) for name in self.trait_names[group]])
                # Var(taste . x) over users and items, for independent tastes of unit variance around mean.
                variance = block.var(axis=0).sum() + (block @ mean).var()
                block *= weights.get(group, 0.0) / np.sqrt(variance) if variance > 0 else 0.0
            blocks.append(block)
        return frozen(np.concatenate(blocks, axis=1))


def frozen(array: NDArray[Any]) -> NDArray[Any]:
    """Return the array as one contiguous block that cannot be written to."""
    fixed = np.ascontiguousarray(array)
    fixed.setflags(write=False)
    return fixed
