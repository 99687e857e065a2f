"""Draws product pictures: a silhouette in a colour, with a pattern and a finish, in a presentation.

Everything is drawn in unit coordinates on a canvas several times as large as the result and then averaged
down, so a picture is smooth at any size, for the agent at 32 pixels as for a person at 96.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from mmenvs.recommender.items.canvas import INK, PATTERNS, WHITE, Canvas, Layers, Planes, rgb

__all__ = ["KINDS", "PATTERNS", "PRESENTATIONS", "draw_no_picture", "draw_product"]

Picture = NDArray[np.uint8]

#: Kinds of product, in the order of :data:`DRAWERS`; four for each department.
KINDS = (
    *("mug", "lamp", "teapot", "armchair"),
    *("shirt", "sneaker", "cap", "dress"),
    *("headphones", "watch", "camera", "speaker"),
    *("backpack", "tent", "bottle", "umbrella"),
)

#: How much care the picture shows: a bare product; a matching backdrop; a spotlight, a podium and a badge.
PRESENTATIONS = ("plain", "styled", "premium")

_GOLD = ((233.0, 180.0, 62.0), (255.0, 226.0, 140.0), (168.0, 112.0, 28.0))
_BADGE = (0.84, 0.155)


def draw_product(
    kind: int, hue: float, pattern: int, glossy: bool, size: int, presentation: int = 0
) -> Picture:
    """Draw one product.

    Args:
        kind: Index into :data:`KINDS`; the silhouette.
        hue: Colour as a fraction of the colour circle, in [0, 1).
        pattern: Index into :data:`PATTERNS`.
        glossy: Whether light is reflected on the surface.
        size: Side of the picture [pixel].
        presentation: Index into :data:`PRESENTATIONS`.

    Returns:
        RGB picture of shape (size, size, 3).
    """
    colours = np.array([rgb(hue, 0.66, 0.86), rgb(hue, 0.74, 0.52), rgb(hue, 0.20, 0.99)], np.float32)
    picture = _product(kind, pattern, glossy, size).over(_backdrop(presentation, hue, size), colours)
    if PRESENTATIONS[presentation] == "premium":
        picture = _badge(size).over(picture, colours)
    return _finish(picture, size)


@lru_cache(maxsize=8)
def draw_no_picture(size: int) -> Picture:
    """Draw the card that stands for a missing picture; shape (size, size, 3)."""
    canvas = Canvas(size)
    grey, pale = (176.0, 178.0, 182.0), (236.0, 236.0, 235.0)
    frame = canvas.box(0.2, 0.26, 0.8, 0.74, 0.05)
    canvas.paint(frame, grey)
    canvas.paint(canvas.box(0.24, 0.30, 0.76, 0.70, 0.02), pale)
    canvas.paint(canvas.ellipse(0.37, 0.42, 0.055, 0.055), grey)
    hills = np.maximum(
        canvas.polygon((0.26, 0.68), (0.44, 0.5), (0.60, 0.68)),
        canvas.polygon((0.46, 0.68), (0.61, 0.44), (0.74, 0.62), (0.74, 0.68)),
    )
    canvas.paint(hills, grey)
    canvas.paint(canvas.line(0.24, 0.84, 0.80, 0.20, 0.085), pale)
    canvas.paint(canvas.line(0.22, 0.82, 0.78, 0.18, 0.035), grey)
    backdrop = np.full((size * size, 3), (236.0, 236.0, 235.0), np.float32)
    card = _finish(canvas.layers().over(backdrop, np.zeros((3, 3), np.float32)), size)
    card.setflags(write=False)
    return card


@lru_cache(maxsize=256)
def _product(kind: int, pattern: int, glossy: bool, size: int) -> Layers:
    canvas = Canvas(size, pattern, glossy)
    DRAWERS[kind](canvas)
    return canvas.layers()


@lru_cache(maxsize=256)
def _backdrop(presentation: int, hue: float, size: int) -> Planes:
    """Return what stands behind a product, shape (pixels, 3), in [0, 255]."""
    y, x = (np.mgrid[0:size, 0:size].astype(np.float32) + 0.5) / size
    y, x = y[..., None], x[..., None]
    name = PRESENTATIONS[presentation]
    if name == "plain":
        scene = np.broadcast_to(247.0 - 23.0 * y, (size, size, 3))
    elif name == "styled":
        scene = _mix(_tint(hue, 0.24, 0.97), _tint(hue, 0.17, 0.99), y)
        disc = np.hypot(x - 0.5, y - 0.47)
        scene = _mix(scene, _tint(hue, 0.07, 1.0), _soft(0.40 - disc, size))
        scene = _mix(scene, _tint(hue, 0.33, 0.90), _soft(y - 0.76, size))
    else:
        glow = np.exp(-((x - 0.5) ** 2 + (y - 0.46) ** 2) / (2.0 * 0.26**2))
        scene = _mix(_tint(0.64, 0.50, 0.20), _tint(0.11, 0.10, 0.92), 0.92 * glow)
        stage = 1.0 - ((x - 0.5) / 0.46) ** 2 - ((y - 0.88) / 0.085) ** 2
        scene = _mix(scene, _tint(0.64, 0.42, 0.15), _soft((stage + 0.18) * 0.05, size))
        scene = _mix(scene, _tint(0.11, 0.16, 0.80), _soft((stage) * 0.05, size))
    return np.ascontiguousarray(scene.reshape(-1, 3), np.float32)


@lru_cache(maxsize=8)
def _badge(size: int) -> Layers:
    """Return the gold rosette of premium pictures."""
    canvas = Canvas(size)
    x, y = _BADGE
    gold, shine, rim = _GOLD
    for side in (-1.0, 1.0):
        ribbon = ((0.085, 0.0), (0.0, 0.04), (0.05, 0.2), (0.12, 0.17))
        canvas.paint(canvas.polygon(*((x + side * across, y + down) for across, down in ribbon)), rim)
    canvas.paint(canvas.polygon(*_star(x, y, 0.125, 0.105, 12)), gold)
    canvas.paint(canvas.ellipse(x, y, 0.085, 0.085), rim)
    canvas.paint(canvas.ellipse(x, y, 0.072, 0.072), shine)
    canvas.paint(canvas.polygon(*_star(x, y, 0.06, 0.025, 5)), rim)
    return canvas.layers()


def _star(x: float, y: float, outer: float, inner: float, tips: int) -> list[tuple[float, float]]:
    turn = 2.0 * np.pi * np.arange(2 * tips) / (2 * tips)
    radius = np.where(np.arange(2 * tips) % 2 == 0, outer, inner)
    return list(zip(x + radius * np.sin(turn), y - radius * np.cos(turn), strict=True))


def _tint(hue: float, saturation: float, value: float) -> Planes:
    return np.array(rgb(hue, saturation, value), np.float32)


def _mix(below: Planes, above: Planes, share: Planes) -> Planes:
    return below + (above - below) * share


def _soft(inside: Planes, size: int) -> Planes:
    """Return 1 where a distance [picture] is positive, 0 where negative, with an edge of one pixel."""
    return np.asarray(np.clip(inside * size + 0.5, 0.0, 1.0), np.float32)


def _finish(picture: Planes, size: int) -> Picture:
    # Saturates and rounds in one pass over the picture.
    return np.asarray(cv2.convertScaleAbs(np.maximum(picture, 0.0)), np.uint8).reshape(size, size, 3)


def _mug(c: Canvas) -> None:
    c.shadow(0.47, 0.86, 0.31, 0.045)
    c.paint(c.arc(0.68, 0.54, 0.14, 0.15, 0.07, -90, 90), "dark")
    c.cloth(c.box(0.2, 0.26, 0.68, 0.85, 0.08))
    c.paint(c.ellipse(0.44, 0.28, 0.23, 0.055), "dark")
    c.paint(c.ellipse(0.44, 0.285, 0.19, 0.035), INK)


def _lamp(c: Canvas) -> None:
    c.shadow(0.5, 0.87, 0.26, 0.04)
    c.paint(c.box(0.475, 0.5, 0.525, 0.84), INK)
    c.paint(c.ellipse(0.5, 0.84, 0.2, 0.045), INK)
    c.paint(c.ellipse(0.5, 0.55, 0.2, 0.05), (255.0, 232.0, 160.0))
    c.cloth(c.polygon((0.35, 0.13), (0.65, 0.13), (0.84, 0.55), (0.16, 0.55)))


def _teapot(c: Canvas) -> None:
    c.shadow(0.48, 0.86, 0.30, 0.045)
    c.paint(c.arc(0.235, 0.56, 0.135, 0.15, 0.06, 80, 290), "dark")
    spout = c.polygon((0.66, 0.56), (0.80, 0.38), (0.93, 0.33), (0.95, 0.39), (0.88, 0.45), (0.72, 0.78))
    c.cloth(
        np.maximum(np.maximum(c.ellipse(0.47, 0.6, 0.28, 0.25), spout), c.box(0.33, 0.78, 0.61, 0.87, 0.02))
    )
    c.paint(c.ellipse(0.47, 0.375, 0.17, 0.045), "dark")
    c.paint(c.dome(0.47, 0.37, 0.14, 0.09), "main")
    c.paint(c.ellipse(0.47, 0.25, 0.045, 0.045), "dark")


def _armchair(c: Canvas) -> None:
    c.shadow(0.5, 0.89, 0.40, 0.04)
    for x in (0.2, 0.8):
        c.paint(c.line(x, 0.78, x, 0.88, 0.05), INK)
    c.cloth(c.box(0.22, 0.14, 0.78, 0.72, 0.13))
    c.cloth(c.box(0.24, 0.52, 0.76, 0.68, 0.05))
    c.paint(c.box(0.2, 0.68, 0.8, 0.8, 0.02), "dark")
    c.cloth(c.box(0.08, 0.42, 0.27, 0.82, 0.08))
    c.cloth(c.box(0.73, 0.42, 0.92, 0.82, 0.08))


def _shirt(c: Canvas) -> None:
    c.shadow(0.5, 0.89, 0.28, 0.03)
    c.cloth(
        c.polygon(
            *((0.37, 0.16), (0.63, 0.16), (0.92, 0.36), (0.81, 0.52), (0.71, 0.45), (0.71, 0.86)),
            *((0.29, 0.86), (0.29, 0.45), (0.19, 0.52), (0.08, 0.36)),
        )
    )
    c.paint(c.ellipse(0.5, 0.165, 0.115, 0.075), "dark")
    c.paint(c.ellipse(0.5, 0.15, 0.09, 0.055), (238.0, 238.0, 238.0))


def _sneaker(c: Canvas) -> None:
    c.shadow(0.5, 0.87, 0.44, 0.035)
    c.cloth(
        c.polygon(
            *((0.08, 0.36), (0.17, 0.40), (0.26, 0.33), (0.40, 0.31), (0.50, 0.44), (0.64, 0.54)),
            *((0.82, 0.57), (0.91, 0.65), (0.92, 0.77), (0.08, 0.77)),
        )
    )
    for step in range(3):
        x = 0.40 + 0.075 * step
        c.paint(c.line(x, 0.44 + 0.055 * step, x + 0.07, 0.37 + 0.055 * step, 0.03), WHITE)
    c.paint(c.box(0.06, 0.75, 0.95, 0.86, 0.05), WHITE)
    c.paint(c.box(0.06, 0.82, 0.95, 0.86, 0.02), "dark")


def _cap(c: Canvas) -> None:
    c.shadow(0.52, 0.83, 0.42, 0.035)
    c.paint(c.ellipse(0.68, 0.735, 0.28, 0.075), "dark")
    c.paint(c.ellipse(0.68, 0.715, 0.27, 0.055), "main")
    c.cloth(c.dome(0.42, 0.75, 0.33, 0.44))
    c.paint(np.minimum(c.arc(0.42, 0.75, 0.13, 0.43, 0.014), c.box(0.0, 0.2, 1.0, 0.74)), "dark")
    c.paint(c.ellipse(0.42, 0.305, 0.045, 0.028), "dark")
    c.paint(c.box(0.09, 0.71, 0.75, 0.77, 0.02), "dark")


def _dress(c: Canvas) -> None:
    c.shadow(0.5, 0.91, 0.30, 0.03)
    c.cloth(
        c.polygon(
            *((0.35, 0.08), (0.41, 0.08), (0.44, 0.2), (0.5, 0.23), (0.56, 0.2), (0.59, 0.08), (0.65, 0.08)),
            *((0.67, 0.26), (0.61, 0.44), (0.72, 0.64), (0.84, 0.86), (0.66, 0.9), (0.5, 0.91), (0.34, 0.9)),
            *((0.16, 0.86), (0.28, 0.64), (0.39, 0.44), (0.33, 0.26)),
        )
    )
    c.paint(c.polygon((0.385, 0.41), (0.615, 0.41), (0.625, 0.47), (0.375, 0.47)), "dark")


def _headphones(c: Canvas) -> None:
    c.shadow(0.5, 0.88, 0.36, 0.035)
    c.paint(c.arc(0.5, 0.52, 0.32, 0.36, 0.085, 180, 360), "dark")
    c.paint(c.arc(0.5, 0.52, 0.32, 0.36, 0.035, 190, 350), "light")
    c.paint(c.ellipse(0.31, 0.63, 0.09, 0.2), INK)
    c.paint(c.ellipse(0.69, 0.63, 0.09, 0.2), INK)
    c.cloth(c.ellipse(0.21, 0.63, 0.125, 0.22))
    c.cloth(c.ellipse(0.79, 0.63, 0.125, 0.22))


def _watch(c: Canvas) -> None:
    c.shadow(0.5, 0.94, 0.22, 0.025)
    c.cloth(c.polygon((0.33, 0.05), (0.67, 0.05), (0.72, 0.5), (0.67, 0.95), (0.33, 0.95), (0.28, 0.5)))
    c.paint(c.box(0.74, 0.46, 0.80, 0.54, 0.01), INK)
    c.paint(c.ellipse(0.5, 0.5, 0.26, 0.26), "dark")
    c.paint(c.ellipse(0.5, 0.5, 0.2, 0.2), WHITE)
    c.paint(c.line(0.5, 0.5, 0.5, 0.35, 0.035), INK)
    c.paint(c.line(0.5, 0.5, 0.61, 0.56, 0.035), INK)


def _camera(c: Canvas) -> None:
    c.shadow(0.5, 0.82, 0.42, 0.04)
    c.paint(c.polygon((0.34, 0.32), (0.40, 0.19), (0.60, 0.19), (0.66, 0.32)), "dark")
    c.paint(c.box(0.15, 0.25, 0.29, 0.34, 0.02), INK)
    c.cloth(c.box(0.08, 0.30, 0.92, 0.81, 0.08))
    c.paint(c.box(0.74, 0.36, 0.86, 0.43, 0.02), WHITE)
    c.paint(c.ellipse(0.5, 0.57, 0.22, 0.22), INK)
    c.paint(c.ellipse(0.5, 0.57, 0.165, 0.165), "dark")
    c.paint(c.ellipse(0.5, 0.57, 0.125, 0.125), (40.0, 46.0, 66.0))
    c.paint(c.ellipse(0.455, 0.52, 0.04, 0.04), (214.0, 226.0, 244.0))


def _speaker(c: Canvas) -> None:
    c.shadow(0.5, 0.88, 0.30, 0.035)
    c.cloth(c.box(0.24, 0.08, 0.76, 0.87, 0.06))
    for y, radius in ((0.27, 0.105), (0.62, 0.19)):
        c.paint(c.ellipse(0.5, y, radius, radius), "dark")
        c.paint(c.ellipse(0.5, y, 0.82 * radius, 0.82 * radius), INK)
        c.paint(c.ellipse(0.5, y, 0.36 * radius, 0.36 * radius), (150.0, 152.0, 160.0))


def _backpack(c: Canvas) -> None:
    c.shadow(0.5, 0.88, 0.36, 0.035)
    c.paint(c.arc(0.5, 0.16, 0.1, 0.09, 0.05), "dark")
    c.paint(np.maximum(c.box(0.13, 0.5, 0.3, 0.8, 0.06), c.box(0.7, 0.5, 0.87, 0.8, 0.06)), "dark")
    c.cloth(c.box(0.21, 0.15, 0.79, 0.87, 0.15))
    c.paint(c.box(0.3, 0.56, 0.7, 0.8, 0.06), "dark")
    c.paint(c.box(0.3, 0.63, 0.7, 0.66), "light")


def _tent(c: Canvas) -> None:
    c.shadow(0.5, 0.87, 0.46, 0.03)
    c.cloth(c.polygon((0.5, 0.16), (0.95, 0.85), (0.05, 0.85)))
    c.paint(c.polygon((0.5, 0.40), (0.66, 0.85), (0.34, 0.85)), INK)
    c.paint(c.polygon((0.5, 0.40), (0.34, 0.85), (0.42, 0.85)), "light")
    c.paint(c.line(0.5, 0.08, 0.5, 0.18, 0.025), INK)


def _bottle(c: Canvas) -> None:
    c.shadow(0.5, 0.91, 0.19, 0.03)
    body = np.maximum(
        c.box(0.33, 0.34, 0.67, 0.91, 0.07),
        c.polygon((0.33, 0.42), (0.35, 0.34), (0.43, 0.22), (0.57, 0.22), (0.65, 0.34), (0.67, 0.42)),
    )
    c.cloth(body)
    c.paint(c.box(0.425, 0.17, 0.575, 0.24, 0.01), "dark")
    c.paint(c.box(0.41, 0.06, 0.59, 0.18, 0.03), INK)
    c.paint(c.box(0.33, 0.74, 0.67, 0.79), "dark")


def _umbrella(c: Canvas) -> None:
    c.shadow(0.5, 0.93, 0.20, 0.025)
    c.paint(c.line(0.5, 0.08, 0.5, 0.84, 0.03), INK)
    c.paint(c.arc(0.435, 0.84, 0.065, 0.07, 0.035, 0, 180), INK)
    canopy = c.dome(0.5, 0.55, 0.44, 0.40)
    for x in (0.207, 0.5, 0.793):
        canopy[c.ellipse(x, 0.555, 0.135, 0.06) > 0] = 0
    c.cloth(canopy)
    c.paint(np.minimum(c.arc(0.5, 0.55, 0.15, 0.39, 0.014, 180, 360), canopy), "dark")


DRAWERS: tuple[Callable[[Canvas], None], ...] = (
    *(_mug, _lamp, _teapot, _armchair),
    *(_shirt, _sneaker, _cap, _dress),
    *(_headphones, _watch, _camera, _speaker),
    *(_backpack, _tent, _bottle, _umbrella),
)
