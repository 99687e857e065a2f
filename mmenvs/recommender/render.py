"""The shop page that a person sees: what was on offer, what was recommended, how the user took it.

The page is drawn at twice its size and averaged down, which makes text and edges smooth.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from mmenvs.recommender.catalogue import ATTRIBUTES, DEPARTMENTS, Catalogue

if TYPE_CHECKING:
    from mmenvs.recommender.simulator import RecommenderSimulator

Colour = tuple[int, int, int]
Page = NDArray[np.uint8]

WIDTH, HEIGHT = 640, 360
_SCALE = 2

_PAPER: Colour = (246, 246, 244)
_CARD: Colour = (255, 255, 255)
_EDGE: Colour = (218, 218, 216)
_INK: Colour = (38, 42, 50)
_GREY: Colour = (120, 124, 132)
_BAR: Colour = (230, 231, 233)
_HEADER: Colour = (33, 41, 60)
_PICK: Colour = (240, 140, 30)
_GOOD: Colour = (38, 160, 90)
_BAD: Colour = (205, 62, 60)

_GRID = (8, 40, 464, 248)  # left, top, width, height of the shelf [pixel]
_PANEL = (480, 40, 152, 248)
_STRIP = (8, 294, 624, 60)


def draw_page(simulator: RecommenderSimulator, world: int) -> Page:
    """Draw the page that the latest action was taken on, or the first page after a reset.

    Args:
        simulator: The worlds.
        world: Which of them.

    Returns:
        RGB picture of shape (360, 640, 3).
    """
    canvas = _Canvas()
    _draw_header(canvas, simulator, world)
    _draw_shelf(canvas, simulator, world)
    _draw_user(canvas, simulator, world)
    _draw_history(canvas, simulator, world)
    return canvas.finish()


class _Canvas:
    """Draws in page pixels on a picture of twice the size."""

    def __init__(self) -> None:
        self.image: Page = np.full((HEIGHT * _SCALE, WIDTH * _SCALE, 3), _PAPER, np.uint8)

    def box(self, x: float, y: float, width: float, height: float, fill: Colour, radius: float = 0.0) -> None:
        """Fill a rectangle with rounded corners."""
        left, top, right, bottom, r = (round(v * _SCALE) for v in (x, y, x + width, y + height, radius))
        r = min(r, (right - left) // 2, (bottom - top) // 2)
        if r <= 0:
            cv2.rectangle(self.image, (left, top), (right - 1, bottom - 1), fill, -1)
            return
        cv2.rectangle(self.image, (left + r, top), (right - r - 1, bottom - 1), fill, -1)
        cv2.rectangle(self.image, (left, top + r), (right - 1, bottom - r - 1), fill, -1)
        # Corners in sixteenths of a pixel: a circle around a pixel's centre would bulge out of the box.
        reach = 16 * r - 8
        for cx in (16 * (left + r) - 8, 16 * (right - r) - 8):
            for cy in (16 * (top + r) - 8, 16 * (bottom - r) - 8):
                cv2.circle(self.image, (cx, cy), reach, fill, -1, cv2.LINE_AA, 4)

    def card(self, x: float, y: float, width: float, height: float, edge: Colour, border: float) -> None:
        """Draw a white card with a coloured border."""
        self.box(x, y, width, height, edge, 5)
        self.box(x + border, y + border, width - 2 * border, height - 2 * border, _CARD, 5 - border / 2)

    def picture(self, x: float, y: float, picture: Page) -> None:
        """Paste a picture that is already at twice its size on the page."""
        top, left = round(y * _SCALE), round(x * _SCALE)
        self.image[top : top + picture.shape[0], left : left + picture.shape[1]] = picture

    def text(
        self, x: float, y: float, text: str, size: float, ink: Colour = _INK, bold: bool = False
    ) -> None:
        """Write text with its baseline at ``y``; ``size`` is the height of a capital [pixel]."""
        scale, weight = size * _SCALE / _CAPITAL, 2 if bold else 1
        origin = (round(x * _SCALE), round(y * _SCALE))
        cv2.putText(self.image, text, origin, _FONT, scale, ink, weight, cv2.LINE_AA)

    def finish(self) -> Page:
        return np.asarray(cv2.resize(self.image, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA), np.uint8)


_FONT = cv2.FONT_HERSHEY_DUPLEX
_CAPITAL = 21.0  # height of a capital of the font at scale 1 [pixel]


def _text_width(text: str, size: float, bold: bool = False) -> float:
    scale = size * _SCALE / _CAPITAL
    return float(cv2.getTextSize(text, _FONT, scale, 2 if bold else 1)[0][0]) / _SCALE


def _wrap(text: str, size: float, width: float, lines: int) -> list[str]:
    """Break a text into at most ``lines`` lines of ``width`` pixels; what does not fit is left out."""
    rows: list[str] = [""]
    for word in text.split():
        longer = f"{rows[-1]} {word}".strip()
        if _text_width(longer, size) <= width or not rows[-1]:
            rows[-1] = longer
        else:
            rows.append(word)
    return rows[:lines]


@lru_cache(maxsize=2048)
def _picture(catalogue: Catalogue, item: int, size: int) -> Page:
    return catalogue.draw(item, size * _SCALE)


def _draw_header(canvas: _Canvas, simulator: RecommenderSimulator, world: int) -> None:
    state = simulator.state
    canvas.box(0, 0, WIDTH, 32, _HEADER)
    canvas.box(10, 8, 16, 16, _PICK, 4)
    canvas.text(13.6, 20, "m", 7, _CARD, bold=True)
    canvas.text(33, 20.5, "mmenvs shop", 8.5, _CARD)
    facts = (
        f"user {int(simulator.output.scenario[world])}",
        f"step {int(state.steps[world])}",
        f"return {state.total[world]:.1f}",
    )
    right = float(WIDTH - 12)
    for fact in reversed(facts):
        right -= _text_width(fact, 7)
        canvas.text(right, 20, fact, 7, (205, 212, 226))
        right -= 18


def _draw_shelf(canvas: _Canvas, simulator: RecommenderSimulator, world: int) -> None:
    """Draw the candidates as cards: picture, title, price; the recommended one in orange."""
    state, catalogue = simulator.state, simulator.catalogue
    left, top, width, height = _GRID
    count = simulator.config.candidates
    columns, rows, gap, caption = max(map(_shelf, range(1, count + 1), [count] * count), key=_picture_side)
    card_width, card_height = (width + gap) / columns - gap, (height + gap) / rows - gap
    size = _picture_side((columns, rows, gap, caption))
    for slot in range(count):
        item = int(state.last_page[world, slot])
        x = left + slot % columns * (card_width + gap)
        y = top + slot // columns * (card_height + gap)
        chosen = slot == state.last_choice[world]
        canvas.card(x, y, card_width, card_height, _PICK if chosen else _EDGE, 2.5 if chosen else 1)
        middle = y + (card_height - caption - size) / 2
        canvas.picture(x + (card_width - size) / 2, max(middle, y + 3), _picture(catalogue, item, size))
        if caption:
            _draw_caption(canvas, catalogue, item, x + 6, y + card_height - caption, card_width - 12)
        if chosen and card_width >= 40:
            _draw_outcome(canvas, simulator, world, x + 5, y + 5, card_width - 10)


def _shelf(rows: int, count: int) -> tuple[int, int, float, float]:
    """Return columns, rows, gap and height of the captions of a shelf [pixel]; no captions on tiny cards."""
    columns = math.ceil(count / rows)
    return columns, rows, (6.0 if columns <= 6 else 3.0), (42.0 if columns <= 6 and rows <= 2 else 0.0)


def _picture_side(shelf: tuple[int, int, float, float]) -> int:
    """Return the side of the pictures on such a shelf [pixel]."""
    columns, rows, gap, caption = shelf
    width, height = (_GRID[2] + gap) / columns - gap, (_GRID[3] + gap) / rows - gap
    return int(min(width - 6, height - 6 - caption))


def _draw_caption(canvas: _Canvas, catalogue: Catalogue, item: int, x: float, y: float, width: float) -> None:
    title = catalogue.titles[item].split(",")[0]  # the picture already shows the finish
    for line, text in enumerate(_wrap(title, 5.6, width, 2)):
        canvas.text(x, y + 11 + 10 * line, text, 5.6, _INK)
    price = f"${catalogue.price(item):.0f}"
    canvas.text(x, y + 35, price, 7, _INK, bold=True)
    rating = f"{1.0 + 4.0 * float(catalogue.attributes[item, ATTRIBUTES.index('rating')]):.1f}"
    right = x + width - _text_width(rating, 5.6)
    canvas.text(right, y + 35, rating, 5.6, _GREY)
    _draw_star(canvas, right - 7, y + 32.2, 4.4, (238, 178, 44))


def _draw_star(canvas: _Canvas, x: float, y: float, radius: float, fill: Colour) -> None:
    angles = np.arange(10) * np.pi / 5.0 - np.pi / 2.0
    reach = np.where(np.arange(10) % 2 == 0, radius, 0.42 * radius)
    points = np.stack([x + reach * np.cos(angles), y + reach * np.sin(angles)], axis=1)
    fixed = np.rint(points * _SCALE * 16).astype(np.int32)
    cv2.fillPoly(canvas.image, [fixed], fill, cv2.LINE_AA, 4)


def _draw_outcome(
    canvas: _Canvas, simulator: RecommenderSimulator, world: int, x: float, y: float, width: float
) -> None:
    """Write on the recommended card whether it was clicked, and for how long."""
    dwell = float(simulator.output.dwell[world])
    clicked = bool(simulator.output.clicked[world])
    label = f"clicked {dwell:.0f} s" if clicked else "ignored"
    size = 5.6
    while _text_width(label, size) > width - 8 and size > 3.0:
        size -= 0.4
    canvas.box(x, y, _text_width(label, size) + 8, size + 7, _GOOD if clicked else _BAD, 4)
    canvas.text(x + 4, y + size + 3.4, label, size, _CARD)


def _draw_user(canvas: _Canvas, simulator: RecommenderSimulator, world: int) -> None:
    """Draw the panel of the user's hidden state: mood, boredom by department, the latest reward."""
    state, users = simulator.state, simulator.users
    x, y, width, height = _PANEL
    canvas.card(x, y, width, height, _EDGE, 1)
    inner, left = width - 24.0, x + 12.0
    mood = float(state.mood[world])
    left_shop = bool(simulator.terminated[world])
    content = mood >= users.content_mood and not left_shop
    status = "has left" if left_shop else "content" if content else "unhappy"
    canvas.text(left, y + 20, "The user", 7.5, _INK, bold=True)
    colour = _GOOD if content else _BAD
    tag = _text_width(status, 5.6) + 10
    canvas.box(left + inner - tag, y + 10, tag, 13.5, colour, 6)
    canvas.text(left + inner - tag + 5, y + 19.6, status, 5.6, _CARD)
    _draw_face(canvas, left + 17, y + 52, 16, mood, left_shop)
    canvas.text(left + 44, y + 46, f"mood {100 * mood:.0f}%", 6.2, _INK)
    _draw_bar(canvas, left + 44, y + 53, inner - 44, mood, colour, mark=users.content_mood)

    canvas.text(left, y + 91, "Boredom by department", 6.2, _GREY)
    for row, name in enumerate(DEPARTMENTS):
        top = y + 102 + 24 * row
        steps = int(state.bored[world, row])
        share = float(state.exposure[world, row]) / users.boredom_threshold
        canvas.text(left, top + 6, name, 6, _INK)
        if steps:
            words = f"bored for {steps}"
            canvas.text(left + inner - _text_width(words, 5.6), top + 6, words, 5.6, _BAD)
        _draw_bar(canvas, left, top + 10, inner, 1.0 if steps else share, _BAD if steps else _PICK)

    reward = float(simulator.rewards[world])
    canvas.box(left, y + 205, inner, 1, _EDGE)
    canvas.text(left, y + 229, "Reward", 6.2, _GREY)
    value = f"{reward:+.2f}" if state.steps[world] else "-"
    ink = _GOOD if reward > 0 else _BAD if reward < 0 else _GREY
    canvas.text(left + inner - _text_width(value, 9, True), y + 231, value, 9, ink, bold=True)


def _draw_bar(
    canvas: _Canvas, x: float, y: float, width: float, share: float, fill: Colour, mark: float | None = None
) -> None:
    canvas.box(x, y, width, 7, _BAR, 3.5)
    filled = width * min(max(share, 0.0), 1.0)
    if filled >= 1.0:
        canvas.box(x, y, max(filled, 7.0), 7, fill, 3.5)
    if mark is not None:
        canvas.box(x + width * mark - 0.5, y - 2, 1.5, 11, _INK)


def _draw_face(canvas: _Canvas, x: float, y: float, radius: float, mood: float, gone: bool) -> None:
    """Draw a face whose mouth bends with the mood."""
    centre = (round(x * _SCALE), round(y * _SCALE))
    skin: Colour = (200, 203, 208) if gone else (250, 206, 84)
    cv2.circle(canvas.image, centre, round(radius * _SCALE), skin, -1, cv2.LINE_AA)
    for side in (-1, 1):
        eye = (round((x + side * 5.5) * _SCALE), round((y - 4.5) * _SCALE))
        cv2.circle(canvas.image, eye, round(1.9 * _SCALE), _INK, -1, cv2.LINE_AA)
    bend = 12.0 * (min(max(mood, 0.0), 1.0) - 0.4)
    across = np.linspace(-1.0, 1.0, 25)
    points = np.stack([x + 8.0 * across, y + 6.0 + 0.6 * bend * (0.7 - across**2)], axis=1)
    fixed = np.rint(points * _SCALE * 16).astype(np.int32)
    cv2.polylines(canvas.image, [fixed], False, _INK, round(1.6 * _SCALE), cv2.LINE_AA, 4)


def _draw_history(canvas: _Canvas, simulator: RecommenderSimulator, world: int) -> None:
    """Draw the latest recommendations, oldest first, with a bar of the time that each was looked at."""
    left, top, width, height = _STRIP
    canvas.card(left, top, width, height, _EDGE, 1)
    canvas.text(left + 10, top + 25, "Recent", 6.2, _GREY)
    canvas.text(left + 10, top + 39, "history", 6.2, _GREY)
    size, gap, start = 40, 8.0, left + 62.0
    places = int((width - 62 - 6) // (size + gap))
    items = simulator.state.history[world][-places:]
    feedback = simulator.output.history_feedback[world][-places:]
    for place in range(len(items)):
        x, item = start + place * (size + gap), int(items[place])
        if item < 0:
            canvas.box(x, top + 5, size, size, _PAPER, 3)
            canvas.box(x, top + 49, size, 5, _PAPER, 2.5)
            continue
        _, clicked, share = feedback[place]
        picture = _picture(simulator.catalogue, item, size)
        canvas.picture(x, top + 5, picture if clicked else _faded(picture))
        canvas.box(x, top + 49, size, 5, _BAR, 2.5)
        if clicked:
            canvas.box(x, top + 49, max(5.0, size * share), 5, _GOOD, 2.5)


def _faded(picture: Page) -> Page:
    grey = picture.mean(axis=2, keepdims=True)
    return np.broadcast_to(0.35 * grey + 160.0, picture.shape).astype(np.uint8)
