"""The strip of what was shown and viewed lately."""

from __future__ import annotations

from mmenvs.recommender.render.canvas import (
    BAR,
    CARD,
    EDGE,
    GOLD,
    GOOD,
    GREY,
    INK,
    ORGANIC,
    PALE,
    PAPER,
    Canvas,
)
from mmenvs.recommender.render.cards import Area
from mmenvs.recommender.render.scene import Event, Scene
from mmenvs.recommender.render.tiles import faded, tile

_LEGEND = 66.0  # width of the words on the left [page pixel]


def draw_history(canvas: Canvas, scene: Scene, area: Area) -> None:
    """Draw the latest events, the newest on the right, as many as there is room for.

    A green bar tells how long an item was looked at, stars what it got; what was passed by is grey, what
    the user viewed by themselves wears a blue mark.
    """
    canvas.card(*area)
    canvas.text(area.x + 10, area.y + 16, "History", 6.6, INK)
    legend = [(GOOD, "clicked"), (PALE, "ignored")]
    if any(event.organic for event in scene.history):
        legend.append((ORGANIC, "viewed"))
    for row, (fill, words) in enumerate(legend):
        canvas.disc(area.x + 13, area.y + 26 + 10 * row, 2.6, fill)
        canvas.text(area.x + 19, area.y + 28.5 + 10 * row, words, 5, GREY)
    room = area.width - _LEGEND - 8
    places = min(max(scene.places_of_history, 1), 14)
    side = min(40.0, (room + 6.0) / places - 6.0)
    gap = min((room - places * side) / max(places - 1, 1), 18.0)
    events = scene.history[-places:]
    start = area.x + _LEGEND
    top = area.y + (area.height - side - 10) / 2
    for place in range(places):
        x = start + place * (side + gap)
        if place < len(events):
            _draw_event(canvas, scene, events[place], x, top, side)
        else:
            canvas.box(x, top, side, side, PAPER, 4)
            canvas.box(x, top + side + 4, side, 4.5, PAPER, 2.2)


def _draw_event(canvas: Canvas, scene: Scene, event: Event, x: float, y: float, side: float) -> None:
    picture = tile(scene.catalogue, event.item, int(side * canvas.zoom))
    canvas.picture(x, y, picture if event.clicked or event.organic else faded(picture), 4)
    if event.organic:
        canvas.bar(x, y + side + 4, side, 4.5, 1.0, ORGANIC)
        canvas.disc(x + side - 5, y + 5, 5, CARD)
        canvas.disc(x + side - 5, y + 5, 4, ORGANIC)
        canvas.disc(x + side - 5, y + 5, 1.6, CARD)
        return
    canvas.bar(x, y + side + 4, side, 4.5, max(event.share, 0.06) if event.clicked else 0.0, GOOD, BAR)
    if event.stars:
        canvas.box(x, y + side - 9.5, 17, 9.5, EDGE, 4)
        canvas.box(x + 0.6, y + side - 8.9, 15.8, 8.3, CARD, 3.6)
        canvas.star(x + 5, y + side - 4.9, 3.2, GOLD)
        canvas.text(x + 9.8, y + side - 2.7, f"{event.stars}", 4.6, INK)
