"""The whole page as a picture, and pages as files."""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

import cv2

from mmenvs.recommender.render.canvas import CARD, HEADER, PICK, Canvas, Colour, Picture, text_width
from mmenvs.recommender.render.cards import Area, draw_shelf
from mmenvs.recommender.render.history import draw_history
from mmenvs.recommender.render.html import page_html
from mmenvs.recommender.render.panel import draw_panel
from mmenvs.recommender.render.scene import Scene, read_scene

if TYPE_CHECKING:
    from mmenvs.recommender.simulator import RecommenderSimulator

#: Size of a page at scale 1 [pixel].
WIDTH, HEIGHT = 640, 360

_SHELF = Area(8, 40, 464, 248)
_PANEL = Area(480, 40, 152, 248)
_STRIP = Area(8, 294, 624, 60)
_LIGHT: Colour = (208, 214, 228)
_DIM: Colour = (140, 150, 172)
_LARGEST_SCALE = 8


def draw_page(simulator: RecommenderSimulator, world: int, scale: int = 1) -> Picture:
    """Draw the page that the latest action was taken on, or the first page after a reset.

    Args:
        simulator: The worlds: ``env.unwrapped.simulator``.
        world: Which of them.
        scale: Enlarges the page: pixels of the picture for each pixel of the page, 1 to 8.

    Returns:
        RGB picture of shape (360 * scale, 640 * scale, 3).

    Raises:
        ValueError: If there is no such world, or the scale is not allowed.
    """
    if isinstance(scale, bool) or not isinstance(scale, int) or not 1 <= scale <= _LARGEST_SCALE:
        raise ValueError(f"scale={scale!r} must be a whole number from 1 to {_LARGEST_SCALE}")
    scene = read_scene(simulator, world)
    canvas = Canvas(WIDTH, HEIGHT, scale)
    _draw_header(canvas, scene)
    draw_shelf(canvas, scene, _SHELF)
    draw_panel(canvas, scene, _PANEL)
    draw_history(canvas, scene, _STRIP)
    return canvas.finish()


def save_page(simulator: RecommenderSimulator, world: int, path: str | PathLike[str], scale: int = 2) -> None:
    """Write a page to a file, as a picture or as HTML, as the file's ending says.

    Args:
        simulator: The worlds: ``env.unwrapped.simulator``.
        world: Which of them.
        path: Ends in ``.png`` or ``.html``.
        scale: Of a picture; see :func:`draw_page`.

    Raises:
        ValueError: If the path ends in anything else, or another argument is not allowed.
        OSError: If the file cannot be written.
    """
    target = Path(path)
    kind = target.suffix.lower()
    if kind == ".html":
        target.write_text(page_html(simulator, world), encoding="utf-8")
    elif kind == ".png":
        # Through memory, because OpenCV neither says why it cannot write nor takes every path.
        picture = draw_page(simulator, world, scale)
        packed = cv2.imencode(".png", picture[..., ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 9])[1]
        target.write_bytes(packed.tobytes())
    else:
        raise ValueError(f"path={str(path)!r} must end in '.png' or '.html'")


def _draw_header(canvas: Canvas, scene: Scene) -> None:
    canvas.box(0, 0, WIDTH, 32, HEADER)
    canvas.box(10, 8, 16, 16, PICK, 4)
    canvas.text(13.2, 19.6, "m", 7, CARD, bold=True)
    canvas.text(33, 20.5, "mmenvs shop", 8.5, CARD)
    right = WIDTH - 12.0
    for name, value in reversed(scene.facts):
        right = canvas.text_right(right, 20, value, 7, _LIGHT) - 4
        right -= text_width(name, 7)
        canvas.text(right, 20, name, 7, _DIM)
        right -= 15
