"""Catalogues from the user's own items: a table with texts, pictures and attributes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from mmenvs.recommender.items.attributes import (
    MAX_LEVELS,
    Attributes,
    Scaling,
    encode_attributes,
    first_levels,
    scaled,
)
from mmenvs.recommender.items.catalogue import NO_PICTURE, Catalogue, frozen
from mmenvs.recommender.items.columns import (
    Columns,
    Fallbacks,
    Table,
    Vectors,
    as_levels,
    as_numbers,
    as_text,
    is_missing,
    load_array,
)
from mmenvs.recommender.items.components import clusters, whitened_components
from mmenvs.recommender.items.images import ImageEncoder
from mmenvs.recommender.items.photos import read_pictures
from mmenvs.recommender.items.text import TextEncoder, TfidfSvd, as_vectors, unit_rows

__all__ = ["MAX_LEVELS", "Scaling", "catalogue_from_table"]

#: Principal components of picture features, and of texts, that become traits.
COMPONENTS = 8
#: Groups of similar items where the table has no category.
GROUPS_FOUND = 8


def catalogue_from_table(
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
    max_levels: int = MAX_LEVELS,
    strict: bool = False,
) -> Catalogue:
    """Make a catalogue of the user's own items.

    Every argument from ``id`` to ``quality`` names columns.  Values that are None, NaN, NaT or pandas' NA are
    missing; what was done about them is counted in the catalogue's ``report``.

    What tastes weigh (``traits``) is what the modalities show: of picture features and of text vectors the
    first :data:`COMPONENTS` whitened principal components, of the attributes all, standardised (the levels
    of one column together like one number), and under "shared" the quality, if there is one.

    Args:
        items: A mapping of columns, a list of rows as mappings, a structured array or a data frame
            (anything with ``columns`` and ``items[column]``).
        id: Names of the items, all different; None to number them.
        text: The first column is the title, the others are the description.  All together are embedded.
        image: A column of picture files (PNG, JPEG, whatever OpenCV reads) or of uint8 arrays of shape
            (height, width, 3); or an array, or the path of an ``.npy`` file, of uint8 and shape (items,
            height, width, 3).  Pictures are fitted into squares, whole, on white.  Missing and unreadable
            ones are counted and get the look :data:`~mmenvs.recommender.items.catalogue.NO_PICTURE`.
        attributes: Numbers and times are scaled to [0, 1], see ``scaling``; other columns become one column
            a level, "colour=red", and rows may hold several levels as a list.  Missing values become 0.
        category: What users get bored of; of a list, its first entry counts.  Without one, the first column
            of ``attributes`` that is not a number; without that, :data:`GROUPS_FOUND` groups of items that
            are similar in all modalities (k-means).
        price: In money, at least 0.
        popularity: Numbers in [0, 1]; others are replaced by their rank.  Missing, or no column: 0.
        quality: Numbers in [0, 1]; others are scaled so that the least becomes 0 and the greatest 1.
            Missing, or no column: NaN.
        picture_size: Side of the pictures that agents see [pixel].
        text_encoder: A callable, see :mod:`mmenvs.recommender.items.text`; or its result for all items, as
            an array of shape (items, size) or the path of an ``.npy`` file.  Rows are scaled to unit length,
            and zero rows count as missing texts.  None for
            :class:`~mmenvs.recommender.items.text.TfidfSvd` of size 32.
        image_encoder: A callable, see :mod:`mmenvs.recommender.items.images`, called on at most 1,024
            pictures at a time; or its result for all items, as for texts.  Items that have features and no
            picture are drawn as a mosaic of their features.  None for
            :class:`~mmenvs.recommender.items.images.ColourFeatures`.
        scaling: ``"rank"`` spreads numbers evenly by their rank, whatever outliers there are; ``"range"``
            keeps their distances.  Both map the least to 0, the greatest to 1, a constant column to 0.5.
        max_levels: Levels of a column that get a column of their own, the most frequent ones; the rest
            share "other" and are counted.  Texts that all read as numbers and have more levels are numbers.
        strict: Whether to refuse what would otherwise be replaced and counted.

    Returns:
        The catalogue.  Its ``report`` counts, for example, "missing pictures" (of which "unreadable
        pictures"), "missing texts", "missing values of colour".

    Raises:
        ValueError: If a column does not exist, lengths differ, two items have the same id, a value is wrong,
            or, with ``strict``, anything had to be replaced.
        TypeError: If ``items`` is no table.
    """
    if isinstance(picture_size, bool) or not isinstance(picture_size, (int, np.integer)) or picture_size < 8:
        raise ValueError(f"picture_size={picture_size!r}: must be a whole number of at least 8")
    table = Columns(items)
    fallbacks = Fallbacks()
    ids = _ids(table, id)
    texts = [as_text(table.get(name, "text"), name) for name in _names(text, "text")]
    titles = tuple(texts[0]) if texts else ("",) * table.rows
    rest = [" ".join(filter(None, parts)) for parts in zip(*texts[1:], strict=True)] if texts[1:] else None
    descriptions = tuple(rest) if rest is not None else ("",) * table.rows
    vectors = _text_vectors(titles, descriptions, bool(texts), text_encoder)
    look, artist, picture_features = read_pictures(
        table, image, int(picture_size), image_encoder, ids, fallbacks
    )
    if texts or text_encoder is not None:
        fallbacks.add("missing texts", _named(ids, ~_not_zero(vectors)))
    if image is not None or image_encoder is not None:
        fallbacks.add("missing pictures", _named(ids, look == NO_PICTURE))
    encoded = encode_attributes(
        [(name, table.get(name, "attributes")) for name in _names(attributes, "attributes")],
        scaling,
        max_levels,
        ids,
        fallbacks,
    )
    shown = picture_features[look]
    groups, group_names = _categories(table, category, encoded, (shown, vectors), ids, fallbacks)
    worth = _optional(table, quality, "quality", -np.inf)
    worth = worth if _in_unit(worth) else scaled(worth, "range")
    liked = _optional(table, popularity, "popularity", -np.inf)
    if popularity is not None:
        fallbacks.add(f"missing values of {popularity}", _named(ids, np.isnan(liked)))
    liked = np.nan_to_num(liked if _in_unit(liked) else scaled(liked, "rank"), nan=0.0)
    traits, trait_names = _traits(shown, look != NO_PICTURE, vectors, encoded, worth)
    if strict:
        fallbacks.refuse()
    zeros = frozen(np.zeros(table.rows))
    return Catalogue(
        ids=ids,
        titles=titles,
        descriptions=descriptions,
        category=frozen(groups),
        category_names=group_names,
        traits=traits,
        trait_names=trait_names,
        mean_taste={"quality": 1.0} if "shared" in traits else {},
        text=frozen(vectors),
        attributes=frozen(encoded.values),
        attribute_names=encoded.names,
        look=frozen(look),
        artist=artist,
        picture_features=frozen(picture_features),
        picture_size=int(picture_size),
        price=frozen(_optional(table, price, "price", 0.0)),
        popularity=frozen(liked),
        quality=frozen(worth),
        bait=zeros,
        bias=zeros,
        season=frozen(np.zeros((table.rows, 2))),
        report=fallbacks.counts,
    )


def _names(columns: str | Sequence[str], option: str) -> list[str]:
    names = [columns] if isinstance(columns, str) else list(columns)
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise ValueError(f"{option}={names}: {twice[0]!r} is named twice; each column may be named once")
    return names


def _named(ids: tuple[str, ...], which: NDArray[np.bool_]) -> list[str]:
    return [ids[row] for row in np.flatnonzero(which)]


def _ids(table: Columns, name: str | None) -> tuple[str, ...]:
    if name is None:
        return tuple(str(row) for row in range(table.rows))
    column = table.get(name, "id")
    missing = np.flatnonzero(is_missing(column))
    if len(missing):
        raise ValueError(f"column {name!r}, row {missing[0]}: an id is missing; every item must have one")
    ids = [value.decode() if isinstance(value, bytes) else str(value) for value in column.tolist()]
    first: dict[str, int] = {}
    for row, one in enumerate(ids):
        if first.setdefault(one, row) != row:
            rows = [other for other, name_ in enumerate(ids) if name_ == one]
            raise ValueError(f"column {name!r}: rows {rows} all have the id {one!r}; ids must differ")
    return tuple(ids)


def _optional(table: Columns, name: str | None, option: str, least: float) -> NDArray[np.float64]:
    if name is None:
        return np.full(table.rows, np.nan)
    return as_numbers(table.get(name, option), name, least)


def _not_zero(rows: NDArray[np.float32]) -> NDArray[np.bool_]:
    return np.asarray(rows.any(axis=1), np.bool_)


def _in_unit(values: NDArray[np.float64]) -> bool:
    known = values[~np.isnan(values)]
    return bool(((known >= 0.0) & (known <= 1.0)).all())


def _text_vectors(
    titles: Sequence[str], descriptions: Sequence[str], given: bool, encoder: TextEncoder | Vectors | None
) -> NDArray[np.float32]:
    """Embed title and description of each item; shape (items, size), size 0 if there is nothing to embed."""
    together = [f"{title} {text}".strip() for title, text in zip(titles, descriptions, strict=True)]
    written = np.array([bool(text) for text in together], np.bool_)
    if encoder is not None and not callable(encoder):
        vectors = as_vectors(load_array(encoder, "text_encoder"), len(titles), "text_encoder")
    elif not written.any():
        size = getattr(encoder if encoder is not None else _default_text_encoder(), "size", 1)
        return np.zeros((len(titles), int(size) if given else 0), np.float32)
    else:
        encode: Callable[[Sequence[str]], Any] = encoder if encoder is not None else _default_text_encoder()
        texts = [text for text in together if text]
        some = as_vectors(encode(texts), len(texts), "text_encoder's result")
        vectors = np.zeros((len(titles), some.shape[1]), np.float32)
        vectors[written] = some
    return unit_rows(vectors.astype(np.float64))


def _default_text_encoder() -> TextEncoder:
    return TfidfSvd(32)


def _categories(
    table: Columns,
    category: str | None,
    encoded: Attributes,
    modalities: Sequence[NDArray[np.float32]],
    ids: tuple[str, ...],
    fallbacks: Fallbacks,
) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    levels: Sequence[tuple[str, ...]] | None = encoded.first_category
    if category is not None:
        levels = as_levels(table.get(category, "category"), category)
        fallbacks.add(f"missing values of {category}", _named(ids, np.array([not row for row in levels])))
    if levels is not None:
        return first_levels(levels)
    blocks = [
        block / max(float(np.sqrt(block.var(axis=0).sum())), 1e-9) for block in modalities if block.shape[1]
    ]
    if encoded.values.shape[1]:
        blocks.append(encoded.traits / np.sqrt(encoded.values.shape[1]))
    if not blocks:
        return np.zeros(table.rows, np.int64), ("all",)
    found = clusters(np.concatenate(blocks, axis=1), GROUPS_FOUND)
    return found, tuple(f"group {number + 1}" for number in range(int(found.max()) + 1))


def _traits(
    shown: NDArray[np.float32],
    has_picture: NDArray[np.bool_],
    vectors: NDArray[np.float32],
    encoded: Attributes,
    quality: NDArray[np.float64],
) -> tuple[dict[str, NDArray[np.float64]], dict[str, tuple[str, ...]]]:
    found: dict[str, tuple[NDArray[np.float64], tuple[str, ...]]] = {}
    group: Literal["image", "text"]
    for group, block, known in (("image", shown, has_picture), ("text", vectors, _not_zero(vectors))):
        components = whitened_components(block, COMPONENTS, known)
        names = tuple(f"{group}_{number + 1}" for number in range(components.shape[1]))
        found[group] = components, names
    found["attributes"] = encoded.traits, encoded.names
    if not np.isnan(quality).all() and np.nanstd(quality) > 0:
        standard = (quality - np.nanmean(quality)) / np.nanstd(quality)
        found["shared"] = np.nan_to_num(standard)[:, None], ("quality",)
    traits = {group: frozen(block) for group, (block, _) in found.items() if block.shape[1]}
    return traits, {group: found[group][1] for group in traits}
