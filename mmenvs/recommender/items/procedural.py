"""Items made up from a seed: latent traits, and the pictures, texts and attributes rendered from them.

Each modality shows a different, overlapping part of the traits, so that none can replace another:

==================  ============  =====  ==========
trait               picture       text   attributes
==================  ============  =====  ==========
hue, pattern        yes
theme                             yes
price                                    yes
popularity                               yes
freshness                                yes
department          (kind)        yes    yes
finish              yes           yes
quality             presentation  tier   noisy
==================  ============  =====  ==========

The presentation of a picture and the tier of a text promise a quality.  Honest items keep the promise;
clickbait promises the best tier and has a quality of the lowest, which only its rating gives away.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmenvs.recommender.items.catalogue import NO_PICTURE, Catalogue, Picture, frozen
from mmenvs.recommender.items.images import ColourFeatures
from mmenvs.recommender.items.pictures import KINDS, PATTERNS, PRESENTATIONS, draw_no_picture, draw_product
from mmenvs.recommender.items.text import HashedText

DEPARTMENTS = ("home", "fashion", "tech", "outdoor")
THEMES = ("cosy", "office", "party", "sport", "travel", "vintage")
FINISHES = ("matte", "glossy")
TIERS = ("Basic", "Classic", "Premium")

#: Colours are this many even steps of the colour circle, so that items can share looks.
HUES = 24

#: What each number of an attribute vector means; all lie in [0, 1].
ATTRIBUTES = (*DEPARTMENTS, "price", "rating", "popularity", "freshness")

#: Traits that tastes weigh, by the modality that tells them; "shared" ones are told by several.
TRAITS: dict[str, tuple[str, ...]] = {
    "image": ("hue_cos", "hue_sin", *PATTERNS),
    "text": THEMES,
    "attributes": ("cheapness", "popularity", "freshness"),
    "shared": (*DEPARTMENTS, "gloss", "quality"),
}

#: Mean taste of the population where it is not zero: most people like good, cheap, popular, new things.
MEAN_TASTE = {"quality": 1.0, "cheapness": 0.5, "popularity": 0.4, "freshness": 0.3}

#: When each theme is wanted most, as a fraction of the year from 1 January; None all the year round.
SEASONS: dict[str, float | None] = {
    "cosy": 0.02,
    "office": None,
    "party": 0.95,
    "sport": 0.32,
    "travel": 0.52,
    "vintage": None,
}

_CHEAPEST, _DEAREST = 5.0, 250.0
_RATING_NOISE = 0.12
#: Quality that a tier promises: the middle of what honest items of that tier have.
_PROMISE = tuple((tier + 0.5) / len(TIERS) for tier in range(len(TIERS)))

_THEME_WORDS = {
    "cosy": "For quiet, cosy evenings by the fire",
    "office": "For busy office days at the desk",
    "party": "For loud party nights with friends",
    "sport": "For active sport mornings and training",
    "travel": "For long travel weeks on the road",
    "vintage": "For lovers of vintage charm and old times",
}
_TIER_WORDS = ("plain and simple", "solid and proven", "of the finest make")


@dataclass(frozen=True, eq=False)
class ProductArtist:
    """Draws the looks of a procedural catalogue.

    Attributes:
        codes: What each look from 1 on shows: kind, pattern, finish, hue step and presentation, int64 of
            shape (looks - 1, 5); look 0 is the card that stands for a missing picture.
    """

    codes: NDArray[np.int64]

    def __call__(self, look: int, size: int) -> Picture:
        """Draw one look, uint8 of shape (size, size, 3)."""
        if look == NO_PICTURE:
            return draw_no_picture(size)
        kind, pattern, finish, hue, presentation = self.codes[look - 1].tolist()
        return draw_product(kind, hue / HUES, pattern, FINISHES[finish] == "glossy", size, presentation)


@lru_cache(maxsize=8)
def procedural_catalogue(
    items: int,
    seed: int,
    picture_size: int = 32,
    text_size: int = 16,
    missing_rate: float = 0.0,
    clickbait_share: float = 0.0,
    new_share: float = 0.0,
) -> Catalogue:
    """Make items up: the same arguments give the same catalogue, bit for bit.

    Kinds are as evenly represented as possible.  Price and popularity rise with quality, imperfectly.  The
    three shares draw from streams of their own: they change the items that they concern and no others.

    Args:
        items: How many, at least 1.
        seed: Seed of the latent traits, at least 0.
        picture_size: Side of a picture [pixel], at least 8.
        text_size: Length of a text vector, at least 1.
        missing_rate: Probability, in [0, 1], with which an item lacks its picture (it gets the look
            :data:`~mmenvs.recommender.items.catalogue.NO_PICTURE`), and independently its text (it gets
            empty texts and a zero vector); both are counted in ``report``.
        clickbait_share: Share of items, in [0, 1], that look and read like premium ones and are of the
            lowest third of quality; ``bait`` is what the premium tier promises, 5/6, less their quality.
        new_share: Share of items, in [0, 1], that have just come in: popularity and rating are 0, for
            they are not known yet, and freshness is 1.

    Returns:
        The catalogue; ``category`` is the department, attributes are :data:`ATTRIBUTES`, traits
        :data:`TRAITS`, picture features those of
        :class:`~mmenvs.recommender.items.images.ColourFeatures`.

    Raises:
        ValueError: If an argument is out of range; the message names it.
    """
    for name, number, least in (
        *(("items", items, 1), ("seed", seed, 0)),
        *(("picture_size", picture_size, 8), ("text_size", text_size, 1)),
    ):
        if isinstance(number, bool) or not isinstance(number, (int, np.integer)) or number < least:
            raise ValueError(f"{name}={number!r}: must be a whole number of at least {least}")
    for name, share in (
        *(("missing_rate", missing_rate), ("clickbait_share", clickbait_share), ("new_share", new_share)),
    ):
        if not 0.0 <= share <= 1.0:
            raise ValueError(f"{name}={share!r}: must lie in [0, 1]")
    rng = np.random.default_rng(seed)
    kind = rng.permutation(np.arange(items) % len(KINDS))
    department = kind * len(DEPARTMENTS) // len(KINDS)
    hue = rng.integers(HUES, size=items)
    pattern = rng.integers(len(PATTERNS), size=items)
    theme = rng.integers(len(THEMES), size=items)
    finish = rng.integers(len(FINISHES), size=items)
    quality = rng.random(items)
    price, popularity, freshness = (rng.random(items) for _ in range(3))
    noise = rng.standard_normal(items)

    bait = np.zeros(items)
    tier = np.minimum((quality * len(TIERS)).astype(np.int64), len(TIERS) - 1)
    liars = _some(items, clickbait_share, seed, 1)
    quality[liars] /= len(TIERS)  # from the whole range down to that of the lowest tier
    tier[liars] = len(TIERS) - 1
    bait[liars] = _PROMISE[-1] - quality[liars]

    price = 0.55 * quality + 0.45 * price
    popularity = 0.4 * quality + 0.6 * popularity
    rating = np.clip(quality + _RATING_NOISE * noise, 0.0, 1.0)
    new = _some(items, new_share, seed, 2)
    popularity[new], rating[new], freshness[new] = 0.0, 0.0, 1.0
    numbers = np.stack([price, rating, popularity, freshness], axis=1)
    attributes = np.concatenate([np.eye(len(DEPARTMENTS))[department], numbers], axis=1)

    lost = np.random.default_rng((seed, 3)).random((2, items)) < missing_rate
    picture_codes = np.stack([kind, pattern, finish, hue, tier], axis=1)
    look, codes = _looks(picture_codes, ~lost[0])
    artist = ProductArtist(frozen(codes))
    pictures = frozen(np.stack([artist(number, picture_size) for number in range(len(codes) + 1)]))
    picture_features = ColourFeatures()(pictures)
    picture_features[NO_PICTURE] = 0.0
    titles, descriptions, text = _texts(np.stack([kind, theme, finish, tier], axis=1), ~lost[1], text_size)

    turn = 2.0 * np.pi * hue / HUES
    columns = {
        **{"hue_cos": np.cos(turn), "hue_sin": np.sin(turn)},
        **{name: pattern == number for number, name in enumerate(PATTERNS)},
        **{name: theme == number for number, name in enumerate(THEMES)},
        **{name: department == number for number, name in enumerate(DEPARTMENTS)},
        **{"cheapness": 1.0 - 2.0 * price, "popularity": 2.0 * popularity - 1.0},
        **{"freshness": 2.0 * freshness - 1.0, "gloss": 2.0 * finish - 1.0},
        "quality": 4.0 * quality - 2.0,  # as much spread as the one-hot traits together
    }
    catalogue = Catalogue(
        ids=tuple(f"item-{item}" for item in range(items)),
        titles=titles,
        descriptions=descriptions,
        category=frozen(department),
        category_names=DEPARTMENTS,
        traits={
            group: frozen(np.stack([columns[name].astype(np.float64) for name in names], axis=1))
            for group, names in TRAITS.items()
        },
        trait_names=TRAITS,
        mean_taste=MEAN_TASTE,
        text=frozen(text),
        attributes=frozen(attributes.astype(np.float32)),
        attribute_names=ATTRIBUTES,
        look=frozen(look),
        artist=artist,
        picture_features=frozen(picture_features),
        picture_size=picture_size,
        price=frozen(_CHEAPEST * (_DEAREST / _CHEAPEST) ** price),
        popularity=frozen(popularity),
        quality=frozen(quality),
        bait=frozen(bait),
        bias=frozen(np.zeros(items)),
        season=frozen(_season_table()[theme]),
        report={
            name: int(count)
            for name, count in zip(("missing pictures", "missing texts"), lost.sum(axis=1), strict=True)
            if count
        },
    )
    vars(catalogue)["pictures"] = pictures  # the features needed them: they need not be drawn again
    return catalogue


def _some(items: int, share: float, seed: int, stream: int) -> NDArray[np.int64]:
    """Return a share of the items; those of a smaller share are among those of a larger one."""
    return np.random.default_rng((seed, stream)).permutation(items)[: round(share * items)]


def _looks(codes: NDArray[np.int64], shown: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Number the looks in use; 0 where the picture is not shown.

    Args:
        codes: Kind, pattern, finish, hue step and presentation, shape (items, 5).
        shown: Whether an item has a picture, shape (items,).

    Returns:
        Look of each item, and the codes of the looks from 1 on, drawn alike ones in a row.
    """
    base = (len(KINDS), len(PATTERNS), len(FINISHES), HUES, len(PRESENTATIONS))
    used, number = np.unique(np.ravel_multi_index(tuple(codes.T), base)[shown], return_inverse=True)
    look = np.full(len(codes), NO_PICTURE, np.int64)
    look[shown] = number + 1
    return look, np.stack(np.unravel_index(used, base), axis=1).astype(np.int64)


def _texts(
    codes: NDArray[np.int64], shown: NDArray[np.bool_], size: int
) -> tuple[tuple[str, ...], tuple[str, ...], NDArray[np.float32]]:
    """Write titles and descriptions, each different one once, and embed both together.

    Args:
        codes: Kind, theme, finish and tier, shape (items, 4).
        shown: Whether an item has a text, shape (items,).
        size: Length of a vector.

    Returns:
        Titles, descriptions, and vectors of shape (items, size).
    """
    base = (len(KINDS), len(THEMES), len(FINISHES), len(TIERS))
    used, number = np.unique(np.ravel_multi_index(tuple(codes.T), base)[shown], return_inverse=True)
    which = np.zeros(len(codes), np.int64)  # text 0 is the missing one
    which[shown] = number + 1
    titles, descriptions = [""], [""]
    for kind, theme, finish, tier in np.stack(np.unravel_index(used, base), axis=1).tolist():
        department = DEPARTMENTS[kind * len(DEPARTMENTS) // len(KINDS)]
        titles.append(f"{TIERS[tier]} {THEMES[theme]} {KINDS[kind]}, {FINISHES[finish]}")
        descriptions.append(
            f"{_THEME_WORDS[THEMES[theme]]}. A {FINISHES[finish]} {department} piece, {_TIER_WORDS[tier]}."
        )
    together = [f"{title} {text}" for title, text in zip(titles, descriptions, strict=True)]
    chosen = which.tolist()
    return (
        tuple(titles[text] for text in chosen),
        tuple(descriptions[text] for text in chosen),
        HashedText(size)(together)[which],
    )


def _season_table() -> NDArray[Any]:
    table = np.zeros((len(THEMES), 2))
    for row, theme in enumerate(THEMES):
        when = SEASONS[theme]
        if when is not None:
            table[row] = np.cos(2.0 * np.pi * when), np.sin(2.0 * np.pi * when)
    return table
