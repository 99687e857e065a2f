"""The items: latent traits, and the pictures, titles and attributes rendered from them.

Each modality shows a different, overlapping part of the traits, so that none can replace another:

==================  =======  =====  ==========
trait               picture  title  attributes
==================  =======  =====  ==========
hue, pattern        yes
theme                        yes
price                               yes
popularity                          yes
freshness                           yes
department          (kind)   yes    yes
finish              yes      yes
quality                      rough  noisy
==================  =======  =====  ==========
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmenvs.recommender.pictures import KINDS, PATTERNS, draw_product

DEPARTMENTS = ("home", "fashion", "tech", "outdoor")
THEMES = ("cosy", "office", "party", "sport", "travel", "vintage")
FINISHES = ("matte", "glossy")
TIERS = ("Basic", "Classic", "Premium")

#: What each number of an attribute vector means; all lie in [0, 1].
ATTRIBUTES = (*DEPARTMENTS, "price", "rating", "popularity", "freshness")

#: Traits that tastes weigh, by the modality that tells them; "shared" ones are told by several.
TRAITS: dict[str, tuple[str, ...]] = {
    "image": ("hue_cos", "hue_sin", *PATTERNS),
    "text": THEMES,
    "attributes": ("cheapness", "popularity", "freshness"),
    "shared": (*DEPARTMENTS, "gloss", "quality"),
}
TRAIT_NAMES = tuple(name for names in TRAITS.values() for name in names)

#: Mean taste of the population where it is not zero: most people like good, cheap, popular, new things.
POPULATION_MEAN = {"quality": 1.0, "cheapness": 0.5, "popularity": 0.4, "freshness": 0.3}

_CHEAPEST, _DEAREST = 5.0, 250.0
_RATING_NOISE = 0.12


@dataclass(frozen=True, eq=False)
class Catalogue:
    """Items as arrays, one row an item; nothing in it is ever written to.

    Attributes:
        kind: Index into :data:`~mmenvs.recommender.pictures.KINDS`, int64 of shape (items,).
        department: Index into :data:`DEPARTMENTS`, int64 of shape (items,).
        hue: Colour as a fraction of the colour circle, shape (items,).
        pattern: Index into :data:`~mmenvs.recommender.pictures.PATTERNS`, int64 of shape (items,).
        theme: Index into :data:`THEMES`, int64 of shape (items,).
        finish: Index into :data:`FINISHES`, int64 of shape (items,).
        quality: True quality in [0, 1], shape (items,).
        titles: What a person reads.
        text: Hashed embedding of the title's words, float32 of shape (items, text_size), unit length.
        attributes: See :data:`ATTRIBUTES`, float32 of shape (items, 8).
        picture_size: Side of the pictures [pixel].
    """

    kind: NDArray[np.int64]
    department: NDArray[np.int64]
    hue: NDArray[np.float64]
    pattern: NDArray[np.int64]
    theme: NDArray[np.int64]
    finish: NDArray[np.int64]
    quality: NDArray[np.float64]
    titles: tuple[str, ...]
    text: NDArray[np.float32]
    attributes: NDArray[np.float32]
    picture_size: int

    def __len__(self) -> int:
        """Return the number of items."""
        return len(self.titles)

    @cached_property
    def pictures(self) -> NDArray[np.uint8]:
        """Pictures of all items, shape (items, picture_size, picture_size, 3); drawn at first use."""
        drawn = np.stack([self.draw(item, self.picture_size) for item in range(len(self))])
        return _frozen(drawn)

    def draw(self, item: int, size: int) -> NDArray[np.uint8]:
        """Draw one item at any size [pixel]; shape (size, size, 3)."""
        return draw_product(
            int(self.kind[item]),
            float(self.hue[item]),
            int(self.pattern[item]),
            FINISHES[self.finish[item]] == "glossy",
            size,
        )

    def price(self, item: int) -> float:
        """Return the price in money; the attribute is its logarithm, scaled to [0, 1]."""
        scaled = float(self.attributes[item, ATTRIBUTES.index("price")])
        return float(_CHEAPEST * (_DEAREST / _CHEAPEST) ** scaled)

    def weighted_traits(self, weights: dict[str, float]) -> NDArray[np.float64]:
        """Return the traits that tastes weigh into a score [logit], shape (items, len(TRAIT_NAMES)).

        Args:
            weights: For each group of :data:`TRAITS`, the standard deviation over users and items of
                what it adds to a score [logit].
        """
        blocks = []
        for group, names in TRAITS.items():
            block = np.stack([self._trait(name) for name in names], axis=1)
            block -= block.mean(axis=0)
            mean = np.array([POPULATION_MEAN.get(name, 0.0) for name in names])
            # Var(taste . x) over users and items, for independent tastes of unit variance around mean.
            variance = block.var(axis=0).sum() + (block @ mean).var()
            blocks.append(block * (weights[group] / np.sqrt(variance) if variance > 0 else 0.0))
        return _frozen(np.concatenate(blocks, axis=1))

    def _trait(self, name: str) -> NDArray[np.float64]:
        if name in ("hue_cos", "hue_sin"):
            wave = np.cos if name == "hue_cos" else np.sin
            return np.asarray(wave(2.0 * np.pi * self.hue), np.float64)
        for column, values in (
            (self.pattern, PATTERNS),
            (self.theme, THEMES),
            (self.department, DEPARTMENTS),
        ):
            if name in values:
                return np.asarray(column == values.index(name), np.float64)
        if name == "gloss":
            return np.asarray(2.0 * self.finish - 1.0, np.float64)
        if name == "quality":
            return np.asarray(
                4.0 * self.quality - 2.0
            )  # from -2 to 2: as much spread as the one-hot traits together
        attribute = "price" if name == "cheapness" else name
        value = 2.0 * self.attributes[:, ATTRIBUTES.index(attribute)].astype(np.float64) - 1.0
        return -value if name == "cheapness" else value


@lru_cache(maxsize=8)
def procedural_catalogue(items: int, seed: int, picture_size: int = 32, text_size: int = 16) -> Catalogue:
    """Make items up: the same arguments give the same catalogue, bit for bit.

    Kinds are as evenly represented as possible.  Price and popularity rise with quality, imperfectly.

    Args:
        items: How many.
        seed: Seed of the latent traits.
        picture_size: Side of a picture [pixel].
        text_size: Length of a text vector.
    """
    rng = np.random.default_rng(seed)
    kind = rng.permutation(np.arange(items) % len(KINDS))
    department = kind * len(DEPARTMENTS) // len(KINDS)
    hue = rng.random(items)
    pattern = rng.integers(len(PATTERNS), size=items)
    theme = rng.integers(len(THEMES), size=items)
    finish = rng.integers(len(FINISHES), size=items)
    quality = rng.random(items)
    price = np.clip(0.55 * quality + 0.45 * rng.random(items), 0.0, 1.0)
    popularity = np.clip(0.4 * quality + 0.6 * rng.random(items), 0.0, 1.0)
    rating = np.clip(quality + _RATING_NOISE * rng.standard_normal(items), 0.0, 1.0)
    numbers = np.stack([price, rating, popularity, rng.random(items)], axis=1)
    attributes = np.concatenate([np.eye(len(DEPARTMENTS))[department], numbers], axis=1)
    tier = np.minimum((quality * len(TIERS)).astype(np.int64), len(TIERS) - 1)
    titles = tuple(
        f"{TIERS[tier[i]]} {THEMES[theme[i]]} {KINDS[kind[i]]}, {FINISHES[finish[i]]}" for i in range(items)
    )
    return Catalogue(
        kind=_frozen(kind),
        department=_frozen(department),
        hue=_frozen(hue),
        pattern=_frozen(pattern),
        theme=_frozen(theme),
        finish=_frozen(finish),
        quality=_frozen(quality),
        titles=titles,
        text=_frozen(np.stack([embed_text(title, text_size) for title in titles])),
        attributes=_frozen(attributes.astype(np.float32)),
        picture_size=picture_size,
    )


def embed_text(text: str, size: int) -> NDArray[np.float32]:
    """Embed a text as the normalised sum of its words' random vectors, one per word, drawn from its hash.

    Feature hashing (Weinberger et al., 2009) with dense signs; needs no vocabulary and no download.

    Args:
        text: Any text; case and punctuation do not matter.
        size: Length of the vector.

    Returns:
        float32 vector of shape (size,) and unit length, or zeros if there is no word.
    """
    words = "".join(letter if letter.isalnum() else " " for letter in text.lower()).split()
    total = np.zeros(size)
    for word in words:
        total += _word_vector(word, size)
    length = float(np.linalg.norm(total))
    return (total / length if length > 0 else total).astype(np.float32)


@lru_cache(maxsize=4096)
def _word_vector(word: str, size: int) -> NDArray[np.float64]:
    digest = hashlib.blake2b(word.encode(), digest_size=8).digest()
    rng = np.random.default_rng(int.from_bytes(digest, "little"))
    return np.asarray(rng.standard_normal(size) / np.sqrt(size), np.float64)


def _frozen(array: NDArray[Any]) -> NDArray[Any]:
    fixed = np.ascontiguousarray(array)
    fixed.setflags(write=False)
    return fixed
