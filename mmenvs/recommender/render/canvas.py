"""A canvas in page pixels: drawn at twice the size and averaged down, which makes it smooth."""

from __future__ import annotations

import unicodedata
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

Colour = tuple[int, int, int]
Picture = NDArray[np.uint8]

PAPER: Colour = (245, 245, 243)
SHADE: Colour = (233, 233, 230)
CARD: Colour = (255, 255, 255)
EDGE: Colour = (220, 220, 218)
INK: Colour = (36, 40, 50)
GREY: Colour = (116, 121, 131)
PALE: Colour = (168, 172, 180)
BAR: Colour = (230, 231, 234)
HEADER: Colour = (33, 41, 60)
PICK: Colour = (240, 140, 30)
GOOD: Colour = (34, 152, 84)
BAD: Colour = (205, 62, 60)
GOLD: Colour = (240, 178, 40)
ORGANIC: Colour = (52, 120, 214)

_SMOOTH = 2
_FONT = cv2.FONT_HERSHEY_DUPLEX
_CAPITAL = 21.0  # height of a capital of the font at scale 1 [pixel]
_ASCII_ONLY = int(cv2.__version__.split(".")[0]) < 5  # earlier fonts draw anything else as question marks
_TURNS = np.pi * (np.arange(10) / 5.0 - 0.5)
#: Corners of a star of radius 1, the tip at the top, shape (10, 2).
_STAR = np.stack([np.cos(_TURNS), np.sin(_TURNS)], axis=1) * np.where(np.arange(10) % 2, 0.44, 1.0)[:, None]


class Canvas:
    """Draws in page pixels; text sizes are the height of a capital [page pixel]."""

    def __init__(self, width: int, height: int, scale: int) -> None:
        """Start with an empty page.

        Args:
            width: Of the page [page pixel].
            height: Of the page [page pixel].
            scale: Pixels of the result for each page pixel.
        """
        self.zoom = scale * _SMOOTH
        self._size = (width * scale, height * scale)
        self.image: Picture = _blank(width * self.zoom, height * self.zoom).copy()

    def box(self, x: float, y: float, width: float, height: float, fill: Colour, radius: float = 0.0) -> None:
        """Fill a rectangle with rounded corners."""
        left, top, right, bottom, r = (round(v * self.zoom) for v in (x, y, x + width, y + height, radius))
        r = min(r, (right - left) // 2, (bottom - top) // 2)
        if right <= left or bottom <= top:
            return
        if r <= 0:
            cv2.rectangle(self.image, (left, top), (right - 1, bottom - 1), fill, -1)
            return
        if right - left > 2 * r:
            cv2.rectangle(self.image, (left + r, top), (right - r - 1, bottom - 1), fill, -1)
        if bottom - top > 2 * r:
            cv2.rectangle(self.image, (left, top + r), (right - 1, bottom - r - 1), fill, -1)
        # Corners in sixteenths of a pixel: a circle around a pixel's centre would bulge out of the box.
        reach = 16 * r - 8
        for cx in (16 * (left + r) - 8, 16 * (right - r) - 8):
            for cy in (16 * (top + r) - 8, 16 * (bottom - r) - 8):
                cv2.circle(self.image, (cx, cy), reach, fill, -1, cv2.LINE_AA, 4)

    def card(
        self, x: float, y: float, width: float, height: float, edge: Colour = EDGE, border: float = 1.0
    ) -> None:
        """Draw a white card with a coloured border and a soft shade below."""
        self.box(x, y + 1.2, width, height, SHADE, 6)
        self.box(x, y, width, height, edge, 6)
        self.box(x + border, y + border, width - 2 * border, height - 2 * border, CARD, 6 - border)

    def hollow(self, x: float, y: float, width: float, height: float) -> None:
        """Draw a place where nothing is: a rounded frame of dashes."""
        self.box(x, y, width, height, EDGE, 6)
        self.box(x + 1, y + 1, width - 2, height - 2, PAPER, 5)
        for start in np.arange(x + 8, x + width - 10, 9.0):
            for level in (y, y + height - 1):
                self.box(start, level, 4.5, 1, PAPER)
        for start in np.arange(y + 8, y + height - 10, 9.0):
            for level in (x, x + width - 1):
                self.box(level, start, 1, 4.5, PAPER)

    def picture(self, x: float, y: float, picture: Picture, radius: float = 0.0) -> None:
        """Paste a picture that has the size of the canvas's own pixels, with rounded corners."""
        top, left = round(y * self.zoom), round(x * self.zoom)
        below = self.image[top : top + picture.shape[0], left : left + picture.shape[1]]
        r = min(round(radius * self.zoom), *(side // 2 for side in picture.shape[:2]))
        if r <= 0:
            below[:] = picture
            return
        corners = (slice(0, r), slice(-r, None))
        kept = [(a, b, below[a, b].copy()) for a in corners for b in corners]
        below[:] = picture
        for a, b, old in kept:
            share = _corner(r)[:: 1 if a.start == 0 else -1, :: 1 if b.start == 0 else -1]
            below[a, b] = np.rint(below[a, b] * share + old * (1.0 - share))

    def text(self, x: float, y: float, text: str, size: float, ink: Colour = INK, bold: bool = False) -> None:
        """Write text from ``x`` on, with its baseline at ``y``."""
        scale, weight = size * self.zoom / _CAPITAL, 2 if bold else 1
        origin = (round(x * self.zoom), round(y * self.zoom))
        cv2.putText(self.image, readable(text), origin, _FONT, scale, ink, weight, cv2.LINE_AA)

    def text_right(
        self, right: float, y: float, text: str, size: float, ink: Colour = INK, bold: bool = False
    ) -> float:
        """Write text that ends at ``right``; return where it begins."""
        left = right - text_width(text, size, bold)
        self.text(left, y, text, size, ink, bold)
        return left

    def pill(
        self, x: float, y: float, text: str, size: float, fill: Colour, ink: Colour = CARD, pad: float = 4.5
    ) -> float:
        """Write text on a rounded label; return the label's width."""
        width, height = text_width(text, size) + 2 * pad, 1.9 * size + 1.8
        self.box(x, y, width, height, fill, height / 2)
        self.text(x + pad, y + (height + size) / 2, text, size, ink)
        return width

    def bar(
        self, x: float, y: float, width: float, height: float, share: float, fill: Colour, back: Colour = BAR
    ) -> None:
        """Draw a share in [0, 1] of a bar."""
        self.box(x, y, width, height, back, height / 2)
        filled = width * min(max(share, 0.0), 1.0)
        if filled >= 0.5:
            self.box(x, y, max(filled, height), height, fill, height / 2)

    def disc(self, x: float, y: float, radius: float, fill: Colour) -> None:
        """Fill a circle around a point."""
        centre = (round(x * self.zoom * 16), round(y * self.zoom * 16))
        cv2.circle(self.image, centre, round(radius * self.zoom * 16), fill, -1, cv2.LINE_AA, 4)

    def polygon(self, points: NDArray[np.float64], fill: Colour) -> None:
        """Fill a polygon, shape (corners, 2)."""
        fixed = np.rint(points * self.zoom * 16).astype(np.int32)
        cv2.fillPoly(self.image, [fixed], fill, cv2.LINE_AA, 4)

    def line(self, points: NDArray[np.float64], width: float, ink: Colour) -> None:
        """Draw a line through points, shape (points, 2)."""
        fixed = np.rint(points * self.zoom * 16).astype(np.int32)
        weight = max(1, round(width * self.zoom))
        cv2.polylines(self.image, [fixed], False, ink, weight, cv2.LINE_AA, 4)

    def star(self, x: float, y: float, radius: float, fill: Colour) -> None:
        """Fill a star around a point."""
        self.polygon(_STAR * radius + (x, y), fill)

    def stars(self, x: float, y: float, radius: float, given: int, back: Colour = BAR) -> None:
        """Draw five stars in a row from ``x`` on, of which some are given."""
        for k in range(5):
            self.star(x + radius + 2.15 * radius * k, y, radius, GOLD if k < given else back)

    def finish(self) -> Picture:
        """Return the page, shape (height * scale, width * scale, 3)."""
        return np.asarray(cv2.resize(self.image, self._size, interpolation=cv2.INTER_AREA), np.uint8)


def text_width(text: str, size: float, bold: bool = False) -> float:
    """Return how wide text is [page pixel]; the same at every scale, so that a layout is too."""
    return float(_width(readable(text), bold)) * size / _CAPITAL / _MEASURE


_MEASURE = 2.0  # text is measured at this scale of the font, where rounding to pixels matters little


@lru_cache(maxsize=4096)
def _width(text: str, bold: bool) -> int:
    return int(cv2.getTextSize(text, _FONT, _MEASURE, 3 if bold else 1)[0][0])


@lru_cache(maxsize=4096)
def readable(text: str) -> str:
    """Return text without what the font cannot draw."""
    if _ASCII_ONLY:
        text = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return "".join(letter if letter.isprintable() else " " for letter in text)


def shortened(text: str, size: float, width: float, bold: bool = False) -> str:
    """Return text cut to ``width`` [page pixel], with dots where something is missing."""
    if text_width(text, size, bold) <= width:
        return text
    text = text[:200]  # a title may be a novel: no line holds more
    while text and text_width(text.rstrip(" ,.") + "..", size, bold) > width:
        text = text[:-1]
    return text.rstrip(" ,.") + ".." if text else ""


def wrapped(text: str, size: float, width: float, lines: int, bold: bool = False) -> list[str]:
    """Break text into at most ``lines`` lines of ``width`` [page pixel]; dots end what does not fit."""
    rows = [""]
    words = readable(text[:1000]).split()
    for number, word in enumerate(words):
        longer = f"{rows[-1]} {word}".strip()
        if not rows[-1] or text_width(longer, size, bold) <= width:
            rows[-1] = longer
        elif len(rows) < lines:
            rows.append(word)
        else:
            rows[-1] = " ".join([rows[-1], *words[number:]])
            break
    return [shortened(row, size, width, bold) for row in rows]


@lru_cache(maxsize=4)
def _blank(width: int, height: int) -> Picture:
    """Return an empty page; copying one is ten times faster than filling it, colour by colour."""
    return np.full((height, width, 3), PAPER, np.uint8)


@lru_cache(maxsize=64)
def _corner(radius: int) -> NDArray[np.float64]:
    """Return how much of each pixel lies within a round corner, top left, shape (radius, radius, 1)."""
    away = radius - 0.5 - np.arange(radius)
    inside = radius + 0.5 - np.hypot(away[:, None], away[None])
    return np.asarray(np.clip(inside, 0.0, 1.0)[..., None], np.float64)
