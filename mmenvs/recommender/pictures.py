"""Draws product pictures: a silhouette in a colour, with a pattern and a finish, on a light backdrop.

Everything is drawn in unit coordinates on a canvas four times as large as the result and then averaged
down, so a picture is smooth at any size, for the agent at 32 pixels as for a person at 96.
"""

from __future__ import annotations

import colorsys
from collections.abc import Callable, Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]
Mask = NDArray[np.uint8]
Colour = tuple[float, float, float]

#: Kinds of product, in the order of :data:`DRAWERS`; two for each department.
KINDS = ("mug", "lamp", "shirt", "sneaker", "headphones", "watch", "backpack", "tent")
PATTERNS = ("plain", "stripes", "dots", "checks")

_OVERSAMPLING = 4
_WHITE: Colour = (250.0, 249.0, 246.0)
_INK: Colour = (58.0, 60.0, 68.0)


def draw_product(kind: int, hue: float, pattern: int, glossy: bool, size: int) -> Picture:
    """Draw one product.

    Args:
        kind: Index into :data:`KINDS`; the silhouette.
        hue: Colour as a fraction of the colour circle, in [0, 1).
        pattern: Index into :data:`PATTERNS`.
        glossy: Whether light is reflected on the surface.
        size: Side of the picture [pixel].

    Returns:
        RGB picture of shape (size, size, 3).
    """
    canvas = _Canvas(size * _OVERSAMPLING, hue, pattern, glossy)
    DRAWERS[kind](canvas)
    return canvas.finish(size)


class _Canvas:
    """A square canvas with unit coordinates, y down, and the paints of one product."""

    def __init__(self, pixels: int, hue: float, pattern: int, glossy: bool) -> None:
        self.pixels = pixels
        self.main = _rgb(hue, 0.66, 0.86)
        self.dark = _rgb(hue, 0.74, 0.52)
        self.light = _rgb(hue, 0.20, 0.99)
        self.pattern, self.glossy = pattern, glossy
        backdrop = np.linspace(247.0, 224.0, pixels, dtype=np.float32)[:, None, None]
        self.image = np.broadcast_to(backdrop, (pixels, pixels, 3)).copy()
        shadow = self.ellipse(0.5, 0.86, 0.33, 0.05)
        # Blur at a quarter of the size: a shadow has no detail to lose.
        small = cv2.blur(cv2.resize(shadow, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA), (5, 5))
        soft = cv2.resize(small, (pixels, pixels), interpolation=cv2.INTER_LINEAR)
        self.image *= 1.0 - 0.3 * (soft.astype(np.float32) / 255.0)[..., None]

    def points(self, corners: Sequence[tuple[float, float]]) -> NDArray[np.int32]:
        return np.array([(round(x * self.pixels), round(y * self.pixels)) for x, y in corners], np.int32)

    def blank(self) -> Mask:
        return np.zeros((self.pixels, self.pixels), np.uint8)

    def polygon(self, *corners: tuple[float, float]) -> Mask:
        mask = self.blank()
        cv2.fillPoly(mask, [self.points(corners)], 255)
        return mask

    def ellipse(self, x: float, y: float, rx: float, ry: float) -> Mask:
        mask = self.blank()
        self._ellipse(mask, x, y, rx, ry, 0, 360, -1)
        return mask

    def arc(
        self, x: float, y: float, rx: float, ry: float, width: float, start: int = 0, end: int = 360
    ) -> Mask:
        mask = self.blank()
        self._ellipse(mask, x, y, rx, ry, start, end, max(1, round(width * self.pixels)))
        return mask

    def line(self, x0: float, y0: float, x1: float, y1: float, width: float) -> Mask:
        mask = self.blank()
        ends = self.points([(x0, y0), (x1, y1)])
        cv2.line(mask, ends[0].tolist(), ends[1].tolist(), 255, max(1, round(width * self.pixels)))
        return mask

    def box(self, x0: float, y0: float, x1: float, y1: float, radius: float = 0.0) -> Mask:
        """Return a rectangle with rounded corners."""
        mask = self.blank()
        r = radius
        cv2.fillPoly(mask, [self.points([(x0 + r, y0), (x1 - r, y0), (x1 - r, y1), (x0 + r, y1)])], 255)
        cv2.fillPoly(mask, [self.points([(x0, y0 + r), (x1, y0 + r), (x1, y1 - r), (x0, y1 - r)])], 255)
        if r > 0:
            for x in (x0 + r, x1 - r):
                for y in (y0 + r, y1 - r):
                    self._ellipse(mask, x, y, r, r, 0, 360, -1)
        return mask

    def paint(self, mask: Mask, colour: Colour) -> None:
        self.image[mask > 0] = colour

    def cloth(self, mask: Mask) -> None:
        """Paint the product's surface: main colour, pattern, shading from the left, gloss, outline."""
        self.paint(mask, self.main)
        if PATTERNS[self.pattern] != "plain":
            self.paint(np.minimum(mask, self._pattern_mask()), self.light)
        inside = mask > 0
        shade = np.linspace(1.08, 0.80, self.pixels, dtype=np.float32)[None, :, None]
        self.image[inside] = (self.image * shade)[inside]
        if self.glossy:
            streak = np.minimum(mask, self._streak())
            lit = streak > 0
            self.image[lit] += 0.75 * (255.0 - self.image[lit])
        outlines, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(self.image, outlines, -1, self.dark, max(1, round(0.018 * self.pixels)))

    def finish(self, size: int) -> Picture:
        small: NDArray[Any] = cv2.resize(self.image, (size, size), interpolation=cv2.INTER_AREA)
        return np.asarray(np.clip(np.rint(small), 0, 255), np.uint8)

    def _pattern_mask(self) -> Mask:
        x = np.arange(self.pixels, dtype=np.float32)[None, :] / self.pixels
        y = x.T
        name = PATTERNS[self.pattern]
        if name == "stripes":
            chosen = np.broadcast_to((y * 8.0) % 1.0 < 0.42, (self.pixels, self.pixels))
        elif name == "dots":
            row = np.floor(y * 7.0)
            across = (x * 7.0 + 0.5 * (row % 2.0)) % 1.0 - 0.5
            chosen = across**2 + ((y * 7.0) % 1.0 - 0.5) ** 2 < 0.085
        else:
            chosen = (np.floor(x * 8.0) + np.floor(y * 8.0)) % 2.0 < 1.0
        return chosen.astype(np.uint8) * np.uint8(255)

    def _streak(self) -> Mask:
        return self.polygon((0.30, 0.0), (0.44, 0.0), (0.30, 1.0), (0.16, 1.0))

    def _ellipse(
        self, mask: Mask, x: float, y: float, rx: float, ry: float, start: int, end: int, width: int
    ) -> None:
        n = self.pixels
        centre, axes = (round(x * n), round(y * n)), (round(rx * n), round(ry * n))
        cv2.ellipse(mask, centre, axes, 0, start, end, 255, width)


def _rgb(hue: float, saturation: float, value: float) -> Colour:
    red, green, blue = colorsys.hsv_to_rgb(hue % 1.0, saturation, value)
    return (255.0 * red, 255.0 * green, 255.0 * blue)


def _mug(c: _Canvas) -> None:
    c.paint(c.arc(0.68, 0.54, 0.14, 0.15, 0.07, -90, 90), c.dark)
    c.cloth(c.box(0.2, 0.26, 0.68, 0.85, 0.08))
    c.paint(c.ellipse(0.44, 0.28, 0.23, 0.055), c.dark)
    c.paint(c.ellipse(0.44, 0.285, 0.19, 0.035), _INK)


def _lamp(c: _Canvas) -> None:
    c.paint(c.box(0.475, 0.5, 0.525, 0.84), _INK)
    c.paint(c.ellipse(0.5, 0.84, 0.2, 0.045), _INK)
    c.paint(c.ellipse(0.5, 0.55, 0.2, 0.05), (255.0, 232.0, 160.0))
    c.cloth(c.polygon((0.35, 0.13), (0.65, 0.13), (0.84, 0.55), (0.16, 0.55)))


def _shirt(c: _Canvas) -> None:
    c.cloth(
        c.polygon(
            *((0.37, 0.16), (0.63, 0.16), (0.92, 0.36), (0.81, 0.52), (0.71, 0.45), (0.71, 0.86)),
            *((0.29, 0.86), (0.29, 0.45), (0.19, 0.52), (0.08, 0.36)),
        )
    )
    c.paint(c.ellipse(0.5, 0.165, 0.115, 0.075), c.dark)
    c.paint(c.ellipse(0.5, 0.15, 0.09, 0.055), (238.0, 238.0, 238.0))


def _sneaker(c: _Canvas) -> None:
    c.cloth(
        c.polygon(
            *((0.08, 0.36), (0.17, 0.40), (0.26, 0.33), (0.40, 0.31), (0.50, 0.44), (0.64, 0.54)),
            *((0.82, 0.57), (0.91, 0.65), (0.92, 0.77), (0.08, 0.77)),
        )
    )
    for step in range(3):
        x = 0.40 + 0.075 * step
        c.paint(c.line(x, 0.44 + 0.055 * step, x + 0.07, 0.37 + 0.055 * step, 0.03), _WHITE)
    c.paint(c.box(0.06, 0.75, 0.95, 0.86, 0.05), _WHITE)
    c.paint(c.box(0.06, 0.82, 0.95, 0.86, 0.02), c.dark)


def _headphones(c: _Canvas) -> None:
    c.paint(c.arc(0.5, 0.52, 0.32, 0.36, 0.085, 180, 360), c.dark)
    c.paint(c.arc(0.5, 0.52, 0.32, 0.36, 0.035, 190, 350), c.light)
    c.paint(c.ellipse(0.31, 0.63, 0.09, 0.2), _INK)
    c.paint(c.ellipse(0.69, 0.63, 0.09, 0.2), _INK)
    c.cloth(np.maximum(c.ellipse(0.21, 0.63, 0.125, 0.22), c.ellipse(0.79, 0.63, 0.125, 0.22)))


def _watch(c: _Canvas) -> None:
    c.cloth(c.polygon((0.33, 0.05), (0.67, 0.05), (0.72, 0.5), (0.67, 0.95), (0.33, 0.95), (0.28, 0.5)))
    c.paint(c.box(0.74, 0.46, 0.80, 0.54, 0.01), _INK)
    c.paint(c.ellipse(0.5, 0.5, 0.26, 0.26), c.dark)
    c.paint(c.ellipse(0.5, 0.5, 0.2, 0.2), _WHITE)
    c.paint(c.line(0.5, 0.5, 0.5, 0.35, 0.035), _INK)
    c.paint(c.line(0.5, 0.5, 0.61, 0.56, 0.035), _INK)


def _backpack(c: _Canvas) -> None:
    c.paint(c.arc(0.5, 0.16, 0.1, 0.09, 0.05), c.dark)
    c.paint(np.maximum(c.box(0.13, 0.5, 0.3, 0.8, 0.06), c.box(0.7, 0.5, 0.87, 0.8, 0.06)), c.dark)
    c.cloth(c.box(0.21, 0.15, 0.79, 0.87, 0.15))
    c.paint(c.box(0.3, 0.56, 0.7, 0.8, 0.06), c.dark)
    c.paint(c.box(0.3, 0.63, 0.7, 0.66), c.light)


def _tent(c: _Canvas) -> None:
    c.cloth(c.polygon((0.5, 0.16), (0.95, 0.85), (0.05, 0.85)))
    c.paint(c.polygon((0.5, 0.40), (0.66, 0.85), (0.34, 0.85)), _INK)
    c.paint(c.polygon((0.5, 0.40), (0.34, 0.85), (0.42, 0.85)), c.light)
    c.paint(c.line(0.5, 0.08, 0.5, 0.18, 0.025), _INK)


DRAWERS: tuple[Callable[[_Canvas], None], ...] = (
    *(_mug, _lamp, _shirt, _sneaker),
    *(_headphones, _watch, _backpack, _tent),
)
