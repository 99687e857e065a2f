"""Pictures of items at any size; for items that are numbers, a chart in their category's colour."""

from __future__ import annotations

import colorsys
from functools import lru_cache

import numpy as np

from mmenvs.recommender.items.catalogue import NO_PICTURE, Catalogue
from mmenvs.recommender.render.canvas import Canvas, Colour, Picture, text_width

_MOST_COLUMNS = 24


def has_pictures(catalogue: Catalogue) -> bool:
    """Say whether a catalogue has any picture at all."""
    return len(catalogue.picture_features) > NO_PICTURE + 1


def tile(catalogue: Catalogue, item: int, size: int) -> Picture:
    """Return the picture of an item, or the chart of its attributes where the catalogue has no pictures.

    Args:
        catalogue: The items.
        item: Which of them.
        size: Side [pixel].

    Returns:
        RGB of shape (size, size, 3), read only.
    """
    if has_pictures(catalogue):
        return _look(catalogue, int(catalogue.look[item]), size)
    return _chart(catalogue, item, size)


def faded(picture: Picture) -> Picture:
    """Return a picture in light grey, for what was passed by."""
    grey = picture.mean(axis=2, keepdims=True)
    return np.broadcast_to(0.35 * grey + 160.0, picture.shape).astype(np.uint8)


def item_hue(catalogue: Catalogue, item: int) -> float:
    """Return the colour of an item's category, of the item itself if there is one category only."""
    if len(catalogue.category_names) > 1:
        return category_hue(catalogue, int(catalogue.category[item]))
    return 0.62 - 0.62 * item / max(len(catalogue) - 1, 1)


def category_hue(catalogue: Catalogue, category: int) -> float:
    """Return the colour of a category: even steps of the colour circle."""
    return (0.58 + category / len(catalogue.category_names)) % 1.0


def tint(hue: float, saturation: float, value: float) -> Colour:
    """Return a colour by hue, saturation and value, all in [0, 1]."""
    red, green, blue = (round(255 * part) for part in colorsys.hsv_to_rgb(hue, saturation, value))
    return red, green, blue


@lru_cache(maxsize=1024)
def _look(catalogue: Catalogue, look: int, size: int) -> Picture:
    picture = np.array(catalogue.artist(look, size), np.uint8)
    picture.setflags(write=False)
    return picture


@lru_cache(maxsize=1024)
def _chart(catalogue: Catalogue, item: int, size: int) -> Picture:
    """Draw an item's attributes: columns, or a gauge where there is a single one."""
    hue = item_hue(catalogue, item)
    canvas = Canvas(size, size, 1)
    canvas.box(0, 0, size, size, tint(hue, 0.11, 0.99))
    values = catalogue.attributes[item].tolist()
    if len(values) == 1:
        _gauge(canvas, size, values[0], hue)
    elif values.count(1.0) == 1 and values.count(0.0) == len(values) - 1:
        _emblem(canvas, size, catalogue.attribute_names[values.index(1.0)], hue)
    elif values:
        _columns(canvas, size, values, hue)
    picture = canvas.finish()
    picture.setflags(write=False)
    return picture


def _columns(canvas: Canvas, size: int, values: list[float], hue: float) -> None:
    if len(values) > _MOST_COLUMNS:  # what does not fit is summed up by the largest of each group
        groups = np.array_split(np.array(values), _MOST_COLUMNS)
        values = [float(group.max()) for group in groups]
    left, width, floor, height = 0.1 * size, 0.8 * size, 0.82 * size, 0.62 * size
    step = width / len(values)
    thick = min(0.74 * step, 0.14 * size)
    for k, value in enumerate(values):
        x = left + (k + 0.5) * step - thick / 2
        canvas.box(x, floor - height, thick, height, tint(hue, 0.17, 0.96), thick / 3)
        tall = height * min(max(value, 0.0), 1.0)
        if tall > 0.0:
            tall = max(tall, 0.04 * size)
            canvas.box(x, floor - tall, thick, tall, tint(hue, 0.66, 0.82), thick / 3)
    canvas.box(left, floor + 0.02 * size, width, max(0.012 * size, 0.5), tint(hue, 0.30, 0.80))


def _emblem(canvas: Canvas, size: int, name: str, hue: float) -> None:
    """Draw a name's number, or its first letter, on a disc: for items that are one of a kind."""
    word = name.replace("_", " ").split()[-1:] or ["?"]
    short = word[0][:3] if word[0].isdigit() else word[0][0].upper()
    canvas.disc(0.5 * size, 0.5 * size, 0.36 * size, tint(hue, 0.24, 0.96))
    canvas.disc(0.5 * size, 0.5 * size, 0.29 * size, tint(hue, 0.62, 0.80))
    tall = (0.30, 0.27, 0.22)[len(short) - 1] * size
    left = 0.5 * size - text_width(short, tall) / 2
    canvas.text(left, 0.5 * size + tall / 2, short, tall, (255, 255, 255))


def _gauge(canvas: Canvas, size: int, value: float, hue: float) -> None:
    for share, fill in ((1.0, tint(hue, 0.20, 0.95)), (min(max(value, 0.0), 1.0), tint(hue, 0.66, 0.82))):
        angles = np.pi * (0.75 + 1.5 * share * np.linspace(0.0, 1.0, 49))
        points = np.stack([np.cos(angles), np.sin(angles)], axis=1) * 0.3 * size + (0.5 * size, 0.54 * size)
        if share > 0.0:
            canvas.line(points, 0.11 * size, fill)
    canvas.disc(0.5 * size, 0.54 * size, 0.055 * size, tint(hue, 0.5, 0.7))
