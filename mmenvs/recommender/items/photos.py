"""Pictures of the user's own items: files or arrays, of any shape, fitted into squares."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from mmenvs.recommender.items.canvas import rgb
from mmenvs.recommender.items.catalogue import NO_PICTURE, Picture, frozen
from mmenvs.recommender.items.columns import (
    Column,
    Columns,
    Fallbacks,
    Vectors,
    as_column,
    is_missing,
    load_array,
)
from mmenvs.recommender.items.images import ColourFeatures, ImageEncoder
from mmenvs.recommender.items.pictures import draw_no_picture
from mmenvs.recommender.items.text import as_vectors

#: A file, a picture, or the features that stand for a picture that there is not.
Source = Path | NDArray[Any]

_BATCH = 1024  # pictures that an encoder gets at a time
_PAPER = 255
_TILES = 4


@dataclass(frozen=True, eq=False)
class PhotoArtist:
    """Draws the looks of a table: photographs where there are any, otherwise mosaics of features.

    Attributes:
        sources: Of each look from 1 on; see :data:`Source`.
        small: The same looks once fitted, uint8 of shape (looks - 1, side, side, 3).
    """

    sources: tuple[Source, ...]
    small: NDArray[np.uint8]

    def __call__(self, look: int, size: int) -> Picture:
        """Draw one look, uint8 of shape (size, size, 3); reads its file again for another size."""
        if look == NO_PICTURE:
            return draw_no_picture(size)
        fitted: Picture = self.small[look - 1]
        if size == fitted.shape[0]:
            return fitted
        drawn = draw_source(self.sources[look - 1], size)
        if drawn is not None:
            return drawn
        return fit_square(fitted, size)  # the file is gone: better blurred than missing


def read_pictures(
    table: Columns,
    image: str | Path | NDArray[np.uint8] | None,
    size: int,
    encoder: ImageEncoder | Vectors | None,
    ids: tuple[str, ...],
    fallbacks: Fallbacks,
) -> tuple[NDArray[np.int64], PhotoArtist, NDArray[np.float32]]:
    """Read the pictures of a table; see :func:`~mmenvs.recommender.items.tables.catalogue_from_table`.

    Args:
        table: The items.
        image: Column, array or file.
        size: Side of the fitted pictures [pixel].
        encoder: Callable, or vectors of the items.
        ids: Of the items, to say which pictures could not be read.
        fallbacks: Counts these.

    Returns:
        Look of each item, who draws them, and the features of the looks, row NO_PICTURE zero.
    """
    given = None
    if encoder is not None and not callable(encoder):
        given = as_vectors(load_array(encoder, "image_encoder"), table.rows, "image_encoder")
    sources = _sources(table, image)
    if given is not None:
        # Unit variance is what a mosaic is drawn from.
        spread = given.std(axis=0)
        unit = (given - given.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
        present = np.asarray(given.any(axis=1), np.bool_)
        sources = [
            source if source is not None or not present[row] else unit[row]
            for row, source in enumerate(sources)
        ]
    look = np.full(table.rows, NO_PICTURE, np.int64)
    known: dict[Path, int] = {}
    used: list[Source] = []
    small: list[NDArray[np.uint8]] = []
    owner: list[int] = []
    unreadable: list[str] = []
    for row, source in enumerate(sources):
        if source is None:
            continue
        # Items that share a file share a look, unless they have features of their own.
        shared = known.get(source) if isinstance(source, Path) and given is None else None
        if shared is None:
            drawn = draw_source(source, size)
            shared = NO_PICTURE
            if drawn is not None:
                used.append(source)
                small.append(drawn)
                owner.append(row)
                shared = len(used)
            if isinstance(source, Path):
                known[source] = shared
        if shared == NO_PICTURE:
            unreadable.append(f"{ids[row]}: {source}")
        look[row] = shared
    fallbacks.add("unreadable pictures", unreadable)
    squares = np.stack(small) if small else np.zeros((0, size, size, 3), np.uint8)
    if given is not None:
        described = given[owner]
    elif image is None:
        described = np.zeros((0, 0), np.float32)
    else:
        encode: ImageEncoder = encoder if callable(encoder) else ColourFeatures()
        described = _described(squares, encode)
    features = np.concatenate([np.zeros((1, described.shape[1]), np.float32), described])
    return look, PhotoArtist(tuple(used), frozen(squares)), features


def _described(squares: NDArray[np.uint8], encode: ImageEncoder) -> NDArray[np.float32]:
    parts = [squares[start : start + _BATCH] for start in range(0, len(squares), _BATCH)]
    if not parts:
        return np.zeros((0, int(getattr(encode, "size", 1))), np.float32)
    return np.concatenate([as_vectors(encode(part), len(part), "image_encoder's result") for part in parts])


def _sources(table: Columns, image: str | Path | NDArray[np.uint8] | None) -> list[Source | None]:
    if image is None:
        return [None] * table.rows
    if isinstance(image, np.ndarray) or (image not in table.names and Path(image).suffix == ".npy"):
        stack = load_array(image, "image")
        if stack.ndim != 4 or len(stack) != table.rows:
            raise ValueError(
                f"image: {stack.dtype} of shape {stack.shape}; "
                f"must be uint8 of shape ({table.rows}, height, width, 3)"
            )
        column: Column = as_column(list(stack))
    else:
        column = table.get(str(image), "image")
    missing = is_missing(column)
    sources: list[Source | None] = []
    for row, value in enumerate(column):
        if missing[row] or (isinstance(value, str) and not value.strip()):
            sources.append(None)
        elif isinstance(value, (str, Path)):
            sources.append(Path(value))
        else:
            array = np.asarray(value)
            if array.dtype != np.uint8 or array.ndim != 3 or array.shape[2] != 3 or not array.size:
                raise ValueError(
                    f"image, row {row}: {type(value).__name__} of {array.dtype} and shape {array.shape}; "
                    "must be a path, or uint8 of shape (height, width, 3)"
                )
            sources.append(array)
    return sources


def draw_source(source: Source, size: int) -> Picture | None:
    """Return a source as a square picture, uint8 of shape (size, size, 3); None if it cannot be read."""
    if isinstance(source, np.ndarray):
        return fit_square(source, size) if source.ndim == 3 else draw_mosaic(source, size)
    picture = read_picture(source)
    return None if picture is None else fit_square(picture, size)


def read_picture(path: Path) -> Picture | None:
    """Read a picture file as uint8 RGB of shape (height, width, 3); None if it cannot be read.

    Whatever is transparent shows white.
    """
    try:
        content = np.frombuffer(path.read_bytes(), np.uint8)
    except OSError:
        return None
    if not len(content):
        return None
    raw = cv2.imdecode(content, cv2.IMREAD_UNCHANGED)
    if raw is None:
        return None
    if raw.ndim == 3 and raw.shape[2] == 4:
        top = np.float32(255.0 if raw.dtype == np.uint8 else 65535.0)
        colour, cover = raw[..., 2::-1].astype(np.float32) / top, raw[..., 3:].astype(np.float32) / top
        return np.asarray(np.rint(255.0 * (colour * cover + (1.0 - cover))), np.uint8)
    # Only this way are 16 bits scaled to 8, greys made colours, and cameras' notes on rotation heeded.
    colours = cv2.imdecode(content, cv2.IMREAD_COLOR)
    return None if colours is None else np.ascontiguousarray(colours[..., ::-1], np.uint8)


def fit_square(picture: NDArray[np.uint8], size: int) -> Picture:
    """Scale a picture into a square, whole and undistorted, on white; uint8 of shape (size, size, 3)."""
    height, width = picture.shape[:2]
    scale = size / max(height, width)
    tall, wide = max(1, round(height * scale)), max(1, round(width * scale))
    method = cv2.INTER_AREA if scale < 1.0 else cv2.INTER_LINEAR
    scaled = picture if scale == 1.0 else cv2.resize(picture, (wide, tall), interpolation=method)
    square = np.full((size, size, 3), _PAPER, np.uint8)
    top, left = (size - tall) // 2, (size - wide) // 2
    square[top : top + tall, left : left + wide] = scaled
    return square


def draw_mosaic(features: NDArray[Any], size: int) -> Picture:
    """Draw features as tiles, for data sets that hold features but no pictures.

    Args:
        features: Of about unit variance; the first 16 are drawn, row by row: blue below 0, orange above,
            the stronger the farther, up to 2.
        size: Side [pixel].

    Returns:
        uint8 of shape (size, size, 3).
    """
    tiles = np.full((_TILES**2, 3), 245, np.uint8)
    for tile, value in enumerate(features[: _TILES**2].tolist()):
        tiles[tile] = np.rint(rgb(0.60 if value < 0 else 0.08, 0.75 * min(1.0, abs(value) / 2.0), 0.96))
    mosaic = tiles.reshape(_TILES, _TILES, 3)
    return np.asarray(cv2.resize(mosaic, (size, size), interpolation=cv2.INTER_NEAREST), np.uint8)
