"""The panel of the user: mood, budget, boredom, tastes and the latest reward."""

from __future__ import annotations

import numpy as np

from mmenvs.recommender.render.canvas import (
    BAD,
    EDGE,
    GOOD,
    GREY,
    INK,
    ORGANIC,
    PICK,
    Canvas,
    Colour,
    shortened,
    text_width,
)
from mmenvs.recommender.render.cards import Area
from mmenvs.recommender.render.scene import Person, Scene, signed
from mmenvs.recommender.render.tiles import category_hue, has_pictures, tint

_SKIN: Colour = (250, 206, 84)
_PALLID: Colour = (200, 203, 208)
_FOOT = 44.0  # height of the reward below everything else [page pixel]


def draw_panel(canvas: Canvas, scene: Scene, area: Area) -> None:
    """Draw what goes on in the user, from the top down as far as there is room."""
    canvas.card(*area)
    person = scene.person
    left, inner = area.x + 11.0, area.width - 22.0
    floor = area.y + area.height - _FOOT
    _draw_mood(canvas, person, left, area.y, inner)
    y = area.y + 78.0
    if person.phase:
        canvas.text(left, y + 6, "now", 6, GREY)
        width = text_width(person.phase, 5.6) + 9
        canvas.pill(left + inner - width, y - 3.5, person.phase, 5.6, ORGANIC)
        y += 17
    if person.budget:
        now, start = person.budget
        canvas.text(left, y + 6, "budget", 6, GREY)
        canvas.text_right(left + inner, y + 6, f"{now:.0f} of {start:.0f}", 6, INK)
        canvas.bar(left, y + 10, inner, 6, now / start, ORGANIC)
        y += 26
    if person.boredom:
        y = _draw_boredom(canvas, scene, left, y, inner, floor)
    rows = int((floor - y - 13) // 12)
    if rows >= 2 and person.tastes:
        _draw_tastes(canvas, person, left, y, inner, min(rows, 10))
    _draw_reward(canvas, scene, left, floor, inner)


def _draw_mood(canvas: Canvas, person: Person, left: float, top: float, inner: float) -> None:
    content, gone = person.status == "content", person.status == "has left"
    colour = GOOD if content else BAD
    canvas.text(left, top + 20, "The user", 7.5, INK, bold=True)
    width = text_width(person.status, 5.6) + 9
    canvas.pill(left + inner - width, top + 9.5, person.status, 5.6, colour)
    _draw_face(canvas, left + 16, top + 51, 16, person.mood, gone)
    canvas.text(left + 42, top + 47, "mood", 6, GREY)
    canvas.text_right(left + inner, top + 47, f"{100 * person.mood:.0f}%", 6, INK)
    canvas.bar(left + 42, top + 53, inner - 42, 6, person.mood, colour)
    mark = left + 42 + (inner - 42) * person.content_mood
    canvas.box(mark - 0.75, top + 51, 1.5, 10, INK, 0.75)


def _draw_face(canvas: Canvas, x: float, y: float, radius: float, mood: float, gone: bool) -> None:
    """Draw a face whose mouth bends with the mood."""
    canvas.disc(x, y, radius, _PALLID if gone else _SKIN)
    for side in (-1, 1):
        canvas.disc(x + side * 5.5, y - 4.0, 1.9, INK)
    bend = 12.0 * (min(max(mood, 0.0), 1.0) - 0.4)
    across = np.linspace(-1.0, 1.0, 25)
    mouth = np.stack([x + 7.5 * across, y + 6.0 + 0.6 * bend * (0.7 - across**2)], axis=1)
    canvas.line(mouth, 1.7, INK)


def _draw_boredom(canvas: Canvas, scene: Scene, left: float, y: float, inner: float, floor: float) -> float:
    """Draw how near each category is to boring the user; return where that ends."""
    boredom, coloured = scene.person.boredom, not has_pictures(scene.catalogue)
    canvas.text(left, y + 6, "Boredom", 6.2, INK)
    room = int((floor - y - 12) // 18)
    shown = boredom[:room]
    if len(shown) < len(boredom):
        canvas.text_right(left + inner, y + 6, f"top {len(shown)} of {len(boredom)}", 5.4, GREY)
    y += 12
    for row in shown:
        if row.steps:
            words = f"bored for {row.steps}"
            canvas.text_right(left + inner, y + 6, words, 5.4, BAD)
        x = left
        if coloured:  # the colour that its items have on the shelf
            canvas.disc(
                left + 2.6, y + 3.4, 2.6, tint(category_hue(scene.catalogue, row.category), 0.62, 0.82)
            )
            x += 9
        names = left + inner - x - (text_width(words, 5.4) + 4 if row.steps else 0.0)
        canvas.text(x, y + 6, shortened(row.name, 5.6, names), 5.6, GREY)
        canvas.bar(left, y + 9, inner, 4.6, 1.0 if row.steps else row.share, BAD if row.steps else PICK)
        y += 18
    return y + 4


def _draw_tastes(canvas: Canvas, person: Person, left: float, y: float, inner: float, rows: int) -> None:
    """Draw the strongest tastes: to the right what the user likes, to the left what they dislike."""
    canvas.text(left, y + 6, "Likes and dislikes", 6.2, INK)
    shown = person.tastes[:rows]
    longest = abs(shown[0][1])
    one_sided = all(value > 0.0 for _, value in shown)
    names, reach = 0.46 * inner, 0.54 * inner if one_sided else 0.27 * inner
    middle = left + inner - reach
    for row, (name, value) in enumerate(shown):
        top = y + 13 + 12 * row
        canvas.text(left, top + 6, shortened(name, 5.4, names - 4), 5.4, GREY)
        length = max(reach * abs(value) / longest, 1.0)
        canvas.box(
            middle if value > 0 else middle - length, top + 1, length, 5.2, GOOD if value > 0 else BAD, 1.5
        )
    canvas.box(middle - 0.4, y + 12, 0.8, 12 * len(shown) - 1, GREY)


def _draw_reward(canvas: Canvas, scene: Scene, left: float, top: float, inner: float) -> None:
    canvas.box(left, top, inner, 1, EDGE)
    canvas.text(left, top + 18, "Reward", 7, INK)
    if scene.fresh:
        canvas.text_right(left + inner, top + 18, "no step yet", 5.8, GREY)
        return
    reward = scene.reward
    ink = GOOD if reward > 0 else BAD if reward < 0 else GREY
    canvas.text_right(left + inner, top + 19, signed(reward), 9, ink, bold=True)
    terms = [(name, value) for name, value in scene.terms if value != 0.0] or scene.terms[:1]
    words = "  ".join(f"{name} {signed(value)}" for name, value in terms)
    canvas.text(left, top + 33, shortened(words, 5.0, inner), 5.0, GREY)
