"""The shelf: cards of what could be chosen from, and of what was recommended and how it was taken."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from mmenvs.recommender.render.canvas import (
    BAR,
    CARD,
    EDGE,
    GOLD,
    GOOD,
    GREY,
    INK,
    PALE,
    PICK,
    Canvas,
    Colour,
    shortened,
    text_width,
    wrapped,
)
from mmenvs.recommender.render.scene import Card, Outcome, Scene
from mmenvs.recommender.render.tiles import has_pictures, item_hue, tile, tint

#: Cards that fit on the shelf with their captions; of a longer page the slate is shown above it.
_MOST_CARDS = 12
_MUTED: Colour = (92, 98, 112)


class Area(NamedTuple):
    """A rectangle of the page [page pixel]."""

    x: float
    y: float
    width: float
    height: float


class _Form(NamedTuple):
    """How cards are drawn: ``"wide"`` and ``"tall"`` with captions, ``"mini"`` with a line, ``"tile"`` bare.

    Attributes:
        name: Which of them.
        rank: How much they tell.
        side: Side of the picture [page pixel].
    """

    name: str
    rank: int
    side: float


def draw_shelf(canvas: Canvas, scene: Scene, area: Area) -> None:
    """Draw the page with the slate marked in it; the slate by itself where there is no page or a long one."""
    page, marked = scene.page, not scene.fresh
    if all(card.outcome for card in page):
        page = ()  # the slate is the page: once is enough
    if page and (len(page) <= _MOST_CARDS or scene.fresh):
        _draw_grid(canvas, scene, page, area, on_page=True)
        return
    slate: Sequence[Card | None] = scene.slate if marked else [None] * scene.places
    x, y, width, height = area
    label = "Recommended" if marked else "Nothing recommended yet"
    canvas.text(x + 2, y + 6.5, label, 6.2, INK)
    if not page:
        canvas.text_right(x + width - 2, y + 6.5, f"from {scene.choices:,} items", 5.8, GREY)
        _draw_grid(canvas, scene, slate, Area(x, y + 13, width, height - 13), on_page=False)
        return
    upper = 126.0 if len(page) <= 40 else 116.0
    _draw_grid(canvas, scene, slate, Area(x, y + 13, width, upper), on_page=False)
    canvas.text(x + 2, y + upper + 26, "The page", 6.2, INK)
    canvas.text_right(x + width - 2, y + upper + 26, f"{len(page)} candidates", 5.8, GREY)
    _draw_tiles(canvas, scene, Area(x, y + upper + 32, width, height - upper - 32))


def _draw_grid(canvas: Canvas, scene: Scene, cards: Sequence[Card | None], area: Area, on_page: bool) -> None:
    """Draw cards in as many rows as show most; on a page the recommended ones are marked."""
    count = len(cards)
    layouts = [_layout(count, rows, area) for rows in range(1, count + 1)]
    columns, gap, width, height, form = max(layouts, key=lambda layout: (layout[-1].rank, layout[-1].side))
    for slot, card in enumerate(cards):
        x = area.x + slot % columns * (width + gap)
        y = area.y + slot // columns * (height + gap)
        if card is None:
            canvas.hollow(x, y, width, height)
            if scene.places > 1 and width > 24:
                canvas.text(x + width / 2 - 2.5, y + height / 2 + 4, f"{slot + 1}", 8, PALE)
            continue
        outcome = card.outcome
        edge, border = EDGE, 1.0
        if outcome and (on_page or outcome.clicked):
            edge, border = (PICK if on_page else GOOD), 2.2
        canvas.card(x, y, width, height, edge, border)
        place = Area(x, y, width, height)
        if form.name == "wide":
            _draw_wide(canvas, scene, card, place, form.side)
        else:
            _draw_upright(canvas, scene, card, place, form)


def _layout(count: int, rows: int, area: Area) -> tuple[int, float, float, float, _Form]:
    """Return columns, gap, width and height of a card, and the form that tells most."""
    columns = math.ceil(count / rows)
    rows = math.ceil(count / columns)
    gap = 6.0 if columns <= 6 else 4.0 if columns <= 12 else 3.0
    width, height = (area.width + gap) / columns - gap, (area.height + gap) / rows - gap
    forms = [_Form("tile", 0, min(width, height) - 6.0)]
    if width >= 42:
        forms.append(_form("mini", 1, 26.0, min(width - 7.0, height - 18.0)))
    if width >= 64:
        forms.append(_form("tall", 2, 40.0, min(width - 8.0, height - 8.0 - 40.0 * _enlarged(width, height))))
    if width >= 200 and width >= 1.25 * height:
        forms.append(_form("wide", 2, 40.0, min(height - 12.0, 0.46 * width)))
    form = max(forms, key=lambda form: (form.rank, form.side))
    return columns, gap, width, height, form


def _form(name: str, rank: int, least: float, side: float) -> _Form:
    """Return a form that tells nothing if its picture would be smaller than ``least``."""
    return _Form(name, rank if side >= least else -1, side)


def _enlarged(width: float, height: float) -> float:
    """Return by how much the text of a card of this size is larger than that of a page of ten."""
    return min(max(min(width / 90.0, height / 115.0), 0.9), 1.5)


def _draw_upright(canvas: Canvas, scene: Scene, card: Card, area: Area, form: _Form) -> None:
    """Draw a card whose picture stands above its caption, if it has any."""
    x, y, width, height = area
    large = _enlarged(width, height)
    caption = {"tall": 40.0 * large, "mini": 12.0, "tile": 0.0}[form.name]
    spare = (height - caption - form.side) / 2
    left, top = x + (width - form.side) / 2, y + spare + (1.0 if caption else 0.0)
    label = 0.0
    if form.name == "tall":
        label = 5.6 * min(large, 1.2)
        top = min(top, y + (width - form.side) / 2 + 2)
        below = top + form.side + 1
        room = Area(x + 6, below, width - 12, y + height - below)
        _draw_caption(canvas, scene, card, room, large)
    elif form.name == "mini":
        canvas.text(x + 5, y + height - 5.5, card.price or shortened(card.title, 5, width - 8), 5.0, INK)
    canvas.picture(left, top, tile(scene.catalogue, card.item, _pixels(canvas, form.side)), 4)
    if card.outcome:
        _draw_outcome(canvas, card.outcome, Area(left, top, form.side, form.side), label, scene.places > 1)


def _draw_outcome(canvas: Canvas, outcome: Outcome, picture: Area, size: float, numbered: bool) -> None:
    """Say on its picture what became of a recommended item: its place, a label if there is room, stars."""
    x, y, side, _ = picture
    fill = GOOD if outcome.clicked else _MUTED
    left = x + 2
    if numbered:
        radius = 6.4 if side > 36 else 5.4
        _draw_number(canvas, x + radius + 2, y + radius + 2, radius, outcome)
        left += 2 * radius + 2
    elif not size and outcome.clicked:
        canvas.disc(x + 7, y + 7, 6, CARD)
        canvas.disc(x + 7, y + 7, 5, GOOD)
    if size:
        while text_width(outcome.words, size) > x + side - left - 11 and size > 4.0:
            size -= 0.2
        canvas.pill(left, y + 2, outcome.words, size, fill)
    if outcome.stars and side > 50:
        canvas.box(x + 2, y + side - 13.5, 43, 11.5, CARD, 5.7)
        canvas.stars(x + 5.5, y + side - 7.5, 3.5, outcome.stars)
    elif outcome.stars and side > 28:
        canvas.box(x + 1, y + side - 11, 18, 10, CARD, 5)
        canvas.star(x + 6, y + side - 5.8, 3.4, GOLD)
        canvas.text(x + 11, y + side - 3.6, f"{outcome.stars}", 4.8, INK)


def _draw_number(canvas: Canvas, x: float, y: float, radius: float, outcome: Outcome) -> None:
    """Write a place of the slate on a disc: green if it was clicked."""
    text = f"{outcome.place}"
    size = radius * (0.92 if len(text) == 1 else 0.76)
    canvas.disc(x, y, radius, GOOD if outcome.clicked else PICK)
    canvas.text(x - text_width(text, size) / 2, y + size / 2, text, size, CARD)


def _draw_caption(canvas: Canvas, scene: Scene, card: Card, area: Area, large: float) -> None:
    """Write title, offer and, where there is room, the description; for items that are numbers, these."""
    x, y, width, height = area
    numeric = not has_pictures(scene.catalogue) and not card.price
    cursor = y + 9.5 * large
    for line in wrapped(card.title, 5.6 * large, width, 1 if numeric else 2):
        canvas.text(x, cursor, line, 5.6 * large, INK if card.titled else GREY)
        cursor += 9.5 * large
    if numeric:
        room = Area(x, cursor - 5.5 * large, width, y + height - cursor + 2 * large)
        _draw_numbers(canvas, scene, card, room, 5.0 * large)
        return
    foot = y + height - 6 * large
    _draw_offer(canvas, card, x, foot, width, 7 * large)
    lines = int((foot - 10 * large - cursor) // (8.5 * large))
    if card.description and lines > 1:
        for line in wrapped(card.description, 4.9 * large, width, lines):
            canvas.text(x, cursor + 2, line, 4.9 * large, GREY)
            cursor += 8.5 * large


def _draw_offer(canvas: Canvas, card: Card, x: float, y: float, width: float, size: float) -> None:
    """Write price and rating on one line that ends at ``x + width``."""
    if card.price:
        canvas.text(x, y, card.price, size, INK, bold=True)
    if card.new:
        left = x + width - text_width("new", 0.75 * size) - 7
        canvas.pill(left, y - size, "new", 0.75 * size, tint(0.58, 0.14, 0.98), tint(0.6, 0.8, 0.65), 3.5)
    elif card.rating is not None:
        left = canvas.text_right(x + width, y, f"{card.rating:.1f}", 0.8 * size, GREY)
        canvas.star(left - 0.9 * size, y - 0.42 * size, 0.62 * size, GOLD)


def _draw_numbers(canvas: Canvas, scene: Scene, card: Card, area: Area, size: float) -> None:
    """Draw an item's largest attributes as named bars; a single one of 1 is a name and no more."""
    fill = tint(item_hue(scene.catalogue, card.item), 0.62, 0.84)
    step = 2.1 * size
    numbers = card.numbers
    if card.emblem:
        if card.emblem != card.title:
            canvas.text(area.x, area.y + size + 1, shortened(card.emblem, size, area.width), size, GREY)
        return
    named = max([text_width(name, size) for name, _ in numbers[: int(area.height // step)]], default=0.0)
    room = min(named, 0.56 * area.width) + 4.0
    for row, (name, value) in enumerate(numbers[: int(area.height // step)]):
        y = area.y + row * step
        canvas.text(area.x, y + size + 1, shortened(name, size, room - 3), size, GREY)
        canvas.bar(area.x + room, y + 0.5 * size + 0.2, area.width - room, 0.72 * size, value, fill, BAR)


def _draw_wide(canvas: Canvas, scene: Scene, card: Card, area: Area, side: float) -> None:
    """Draw a card whose picture stands left of its text."""
    x, y, width, height = area
    top = y + (height - side) / 2
    canvas.picture(x + 6, top, tile(scene.catalogue, card.item, _pixels(canvas, side)), 5)
    left, room = x + side + 16, width - side - 26
    large = min(max(room / 110.0, 0.95), 1.6)
    cursor = y + 8 + 8.5 * large
    for line in wrapped(card.title, 6.6 * large, room, 2 if height > 90 else 1):
        canvas.text(left, cursor, line, 6.6 * large, INK if card.titled else GREY)
        cursor += 11.5 * large
    foot = y + height - 9
    outcome = card.outcome
    if outcome:
        size = 6.2 * large
        pill = canvas.pill(
            left, foot - 1.9 * size, outcome.words, size, GOOD if outcome.clicked else _MUTED, pad=size
        )
        if outcome.stars:
            canvas.stars(left + pill + 7, foot - size, 0.64 * size, outcome.stars)
        foot -= 2 * size + 8
        if scene.places > 1:
            _draw_number(canvas, x + 16, top + 10, 7.5, outcome)
    if card.price or card.rating is not None or card.new:
        _draw_offer(canvas, card, left, foot, min(room, 96 * large), 7.5 * large)
        foot -= 14 * large
    if not has_pictures(scene.catalogue):
        space = Area(left, cursor - 5 * large, room, max(foot + 2 - cursor + 5 * large, 0.0))
        _draw_numbers(canvas, scene, card, space, 5.2 * large)
        return
    lines = int((foot - cursor + 5 * large) // (9 * large))
    if card.description and lines > 0:
        for line in wrapped(card.description, 5.0 * large, room, min(lines, 4)):
            canvas.text(left, cursor, line, 5.0 * large, GREY)
            cursor += 9 * large
    if foot - cursor > 32 * large:
        space = Area(left, cursor - 2 * large, min(room, 130 * large), foot - cursor - 4 * large)
        _draw_numbers(canvas, scene, card, space, 5.0 * large)


def _draw_tiles(canvas: Canvas, scene: Scene, area: Area) -> None:
    """Draw a whole page small: the recommended items in orange frames, the clicked ones with a green dot."""
    count, gap = len(scene.page), 4.0
    sides = [
        min((area.width + gap) / math.ceil(count / rows), (area.height + gap) / rows) - gap
        for rows in range(1, count + 1)
    ]
    rows = max(range(count), key=lambda k: sides[k]) + 1
    side, columns = sides[rows - 1], math.ceil(count / rows)
    across = (area.width + gap) / columns if columns * (side + gap) > 0.8 * area.width else side + gap
    for slot, card in enumerate(scene.page):
        x = area.x + slot % columns * across + (across - gap - side) / 2
        y = area.y + slot // columns * (side + gap)
        if card.outcome:
            canvas.box(x - 1.5, y - 1.5, side + 3, side + 3, PICK, 4.5)
        canvas.picture(x, y, tile(scene.catalogue, card.item, _pixels(canvas, side)), 3)
        if card.outcome and card.outcome.clicked:
            canvas.disc(x + side - 3.5, y + 3.5, 4.5, CARD)
            canvas.disc(x + side - 3.5, y + 3.5, 3.5, GOOD)


def _pixels(canvas: Canvas, side: float) -> int:
    return max(int(side * canvas.zoom), 1)
