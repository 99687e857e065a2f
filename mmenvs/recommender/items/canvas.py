"""A canvas whose paints have names, so that one drawing serves every colour of a product.

Painting is linear in the colours: a pixel is a weighted sum of the paints that were laid over one another.
The canvas therefore keeps, instead of red, green and blue, how much of each of a product's own
:data:`PAINTS` a pixel holds, what fixed colours add to it, and how much of the backdrop still shows through.
Colours and backdrop are filled in afterwards, which costs a small fraction of a drawing.
"""

from __future__ import annotations

import colorsys
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.uint8]
Planes = NDArray[np.float32]
Colour = tuple[float, float, float]

#: A product's own paints: its colour, a darker one for parts in shadow, a lighter one for patterns.
PAINTS = ("main", "dark", "light")
PATTERNS = ("plain", "stripes", "dots", "checks")

WHITE: Colour = (250.0, 249.0, 246.0)
INK: Colour = (58.0, 60.0, 68.0)
_BLACK: Colour = (0.0, 0.0, 0.0)

_FIXED = len(PAINTS)  # the planes of red, green and blue follow those of the paints
_THROUGH = _FIXED + 3


@dataclass(frozen=True, eq=False)
class Layers:
    """A drawing without its colours; pixels in rows, row after row.

    Attributes:
        paints: Share of each of :data:`PAINTS`, float32 of shape (pixels, 3).
        fixed: What fixed colours add, float32 of shape (pixels, 3), in [0, 255].
        through: Share of the backdrop that shows through, float32 of shape (pixels, 1).
        size: Side of the picture [pixel].
    """

    paints: Planes
    fixed: Planes
    through: Planes
    size: int

    def over(self, backdrop: Planes, colours: Planes) -> Planes:
        """Fill in the colours and lay the drawing over a backdrop.

        Args:
            backdrop: Shape (pixels, 3), in [0, 255].
            colours: Colour of each of :data:`PAINTS`, shape (3, 3), in [0, 255].

        Returns:
            float32 of shape (pixels, 3), in [0, 255].
        """
        filled: Planes = self.paints @ colours
        filled += self.fixed
        filled += self.through * backdrop
        return filled


class Canvas:
    """A square canvas with unit coordinates, y down; everything is drawn several times too large.

    Args:
        size: Side of the finished drawing [pixel].
        pattern: Index into :data:`PATTERNS`.
        glossy: Whether light is reflected on the surface.
    """

    def __init__(self, size: int, pattern: int = 0, glossy: bool = False) -> None:
        self.size = size
        # Large drawings need less: their edges are thin against them.
        self.pixels = size * (4 if size <= 48 else 3 if size <= 128 else 2)
        self.pattern, self.glossy = pattern, glossy
        self.planes: Planes = np.zeros((_THROUGH + 1, self.pixels, self.pixels), np.float32)
        self.planes[_THROUGH] = 1.0

    def layers(self) -> Layers:
        """Average the canvas down to its size."""
        small = np.stack(
            [
                cv2.resize(plane, (self.size, self.size), interpolation=cv2.INTER_AREA)
                for plane in self.planes
            ],
            axis=-1,
        ).reshape(-1, _THROUGH + 1)
        return Layers(
            np.ascontiguousarray(small[:, :_FIXED]),
            np.ascontiguousarray(small[:, _FIXED:_THROUGH]),
            np.ascontiguousarray(small[:, _THROUGH:]),
            self.size,
        )

    def paint(self, mask: Mask, colour: str | Colour, opacity: float = 1.0) -> None:
        """Lay a colour, or one of :data:`PAINTS`, over what a mask selects."""
        x, y, width, height = cv2.boundingRect(mask)
        if width == 0:
            return
        box = np.s_[y : y + height, x : x + width]
        cover = mask[box].astype(np.float32)
        cover *= opacity / 255.0
        area = self.planes[:, y : y + height, x : x + width]
        area *= 1.0 - cover
        if isinstance(colour, str):
            area[PAINTS.index(colour)] += cover
        else:
            for channel, value in enumerate(colour):
                if value > 0.0:
                    area[_FIXED + channel] += value * cover

    def shadow(self, x: float, y: float, rx: float, ry: float) -> None:
        """Darken the ground under a product, softly."""
        mask = self.ellipse(x, y, rx, ry)
        # Blur at a quarter of the size: a shadow has no detail to lose.
        small = cv2.resize(mask, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA)
        width = max(3, round(0.05 * self.pixels / 4) * 2 + 1)
        small = cv2.blur(cv2.blur(small, (width, width)), (width, width))
        soft = cv2.resize(small, (self.pixels, self.pixels), interpolation=cv2.INTER_LINEAR)
        self.paint(np.asarray(soft, np.uint8), _BLACK, 0.42)

    def cloth(self, mask: Mask) -> None:
        """Paint the product's surface: its colour, pattern, light from the left, gloss and outline."""
        self.paint(mask, "main")
        if PATTERNS[self.pattern] != "plain":
            self.paint(np.minimum(mask, self._pattern_mask()), "light")
        x, y, width, height = cv2.boundingRect(mask)
        area = self.planes[:, y : y + height, x : x + width]
        inside = mask[y : y + height, x : x + width] > 0
        across = np.linspace(1.10, 0.80, self.pixels, dtype=np.float32)[None, x : x + width]
        down = np.linspace(1.04, 0.92, height, dtype=np.float32)[:, None]
        area *= np.where(inside, across * down, np.float32(1.0))
        if self.glossy:
            self.paint(np.minimum(mask, self._streak(x, x + width)), (255.0, 255.0, 255.0), 0.72)
        outlines, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        edge = self.blank()
        cv2.drawContours(edge, outlines, -1, 255, max(1, round(0.018 * self.pixels)))
        self.paint(edge, "dark")

    def blank(self) -> Mask:
        """Return an empty mask."""
        return np.zeros((self.pixels, self.pixels), np.uint8)

    def polygon(self, *corners: tuple[float, float]) -> Mask:
        """Return the inside of a polygon."""
        mask = self.blank()
        cv2.fillPoly(mask, [self._points(corners)], 255)
        return mask

    def ellipse(self, x: float, y: float, rx: float, ry: float) -> Mask:
        """Return an ellipse by its centre and half axes."""
        mask = self.blank()
        self._ellipse(mask, (x, y), (rx, ry), (0, 360), -1)
        return mask

    def dome(self, x: float, y: float, rx: float, ry: float) -> Mask:
        """Return the upper half of an ellipse."""
        mask = self.ellipse(x, y, rx, ry)
        mask[round(y * self.pixels) :] = 0
        return mask

    def arc(
        self, x: float, y: float, rx: float, ry: float, width: float, start: int = 0, end: int = 360
    ) -> Mask:
        """Return a piece of an ellipse's outline, angles [degree] clockwise from the right."""
        mask = self.blank()
        self._ellipse(mask, (x, y), (rx, ry), (start, end), max(1, round(width * self.pixels)))
        return mask

    def line(self, x0: float, y0: float, x1: float, y1: float, width: float) -> Mask:
        """Return a straight stroke with round ends."""
        mask = self.blank()
        ends = self._points([(x0, y0), (x1, y1)])
        cv2.line(mask, ends[0].tolist(), ends[1].tolist(), 255, max(1, round(width * self.pixels)))
        return mask

    def box(self, x0: float, y0: float, x1: float, y1: float, radius: float = 0.0) -> Mask:
        """Return a rectangle with rounded corners."""
        mask = self.blank()
        r = radius
        cv2.fillPoly(mask, [self._points([(x0 + r, y0), (x1 - r, y0), (x1 - r, y1), (x0 + r, y1)])], 255)
        cv2.fillPoly(mask, [self._points([(x0, y0 + r), (x1, y0 + r), (x1, y1 - r), (x0, y1 - r)])], 255)
        if r > 0:
            for x in (x0 + r, x1 - r):
                for y in (y0 + r, y1 - r):
                    self._ellipse(mask, (x, y), (r, r), (0, 360), -1)
        return mask

    def _points(self, corners: Sequence[tuple[float, float]]) -> NDArray[np.int32]:
        return np.array([(round(x * self.pixels), round(y * self.pixels)) for x, y in corners], np.int32)

    def _ellipse(
        self,
        mask: Mask,
        centre: tuple[float, float],
        radii: tuple[float, float],
        angles: tuple[int, int],
        width: int,
    ) -> None:
        middle = (round(centre[0] * self.pixels), round(centre[1] * self.pixels))
        axes = (round(radii[0] * self.pixels), round(radii[1] * self.pixels))
        cv2.ellipse(mask, middle, axes, 0, angles[0], angles[1], 255, width)

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

    def _streak(self, left: int, right: int) -> Mask:
        """Return the reflection of a window in a surface that reaches from left to right [pixel]."""
        x, width = left / self.pixels, (right - left) / self.pixels
        strip = min(0.13, 0.30 * width)
        start = x + 0.22 * width
        lean = min(0.14, 0.25 * width)
        return self.polygon(
            *((start + lean, 0.0), (start + lean + strip, 0.0), (start + strip, 1.0), (start, 1.0))
        )


def rgb(hue: float, saturation: float, value: float) -> Colour:
    """Return a colour of the hexcone model, channels in [0, 255]; hue is a fraction of the circle."""
    red, green, blue = colorsys.hsv_to_rgb(hue % 1.0, saturation, value)
    return (255.0 * red, 255.0 * green, 255.0 * blue)
