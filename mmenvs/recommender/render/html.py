"""The page as one HTML file that needs nothing else: no script, no network.

Every text of the catalogue is escaped, for titles may hold anything.
"""

from __future__ import annotations

import base64
from functools import lru_cache
from html import escape
from typing import TYPE_CHECKING

import cv2

from mmenvs.recommender.items.catalogue import Catalogue
from mmenvs.recommender.render.html_knowledge import knowledge
from mmenvs.recommender.render.scene import Card, Event, Outcome, Person, Scene, read_scene, signed
from mmenvs.recommender.render.style import CSS
from mmenvs.recommender.render.tiles import tile
from mmenvs.recommender.users.rating import MOST_STARS

if TYPE_CHECKING:
    from mmenvs.recommender.simulator import RecommenderSimulator

_MOST_CARDS = 24  # of a longer page the slate is shown above it, and the page itself small
_ROWS = 6  # categories and tastes in the panel; the rest is folded away


def page_html(simulator: RecommenderSimulator, world: int) -> str:
    """Write the page that the latest action was taken on, or the first page after a reset.

    Beside all that the picture shows there are descriptions, attributes and, folded away, what the
    simulator knows: true scores, probabilities of clicks, tastes and the reward's terms.

    Args:
        simulator: The worlds: ``env.unwrapped.simulator``.
        world: Which of them.

    Returns:
        A whole document; pictures are inside it.

    Raises:
        ValueError: If there is no such world.
    """
    scene = read_scene(simulator, world)
    title = ", ".join(f"{name} {value}" for name, value in scene.facts)
    facts = "".join(f"<div><dt>{escape(n)}</dt><dd>{escape(v)}</dd></div>" for n, v in scene.facts)
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n<link rel="icon" href="data:,">\n'
        f"<title>mmenvs shop: {escape(title)}</title>\n<style>{CSS}</style>\n</head>\n<body>\n"
        '<header><div><h1><span aria-hidden="true">m</span>mmenvs shop</h1>'
        f'<dl class="facts">{facts}</dl></div></header>\n<main>\n'
        f"<div>{_shelf(scene)}</div>\n{_panel(scene)}\n{_history(scene)}\n{knowledge(scene)}\n"
        "</main>\n</body>\n</html>\n"
    )


def _shelf(scene: Scene) -> str:
    page = scene.page
    if page and (scene.fresh or len(page) <= _MOST_CARDS):
        what = "The page" if scene.choices == len(page) else "The catalogue"
        return _section(what, f"{len(page)} to choose from", page, scene)
    if scene.fresh:
        empty = "".join(f'<li class="empty">{k + 1}</li>' for k in range(scene.places))
        heading = f"<h2>Nothing recommended yet<small>{scene.choices:,} items to choose from</small></h2>"
        return f'<section>{heading}<ol class="cards">{empty}</ol></section>'
    slate = _section("Recommended", f"from {scene.choices:,} items", scene.slate, scene)
    return slate + (_section("The page", f"{len(page)} candidates", page, scene) if page else "")


def _section(title: str, note: str, cards: tuple[Card | None, ...], scene: Scene) -> str:
    many = len(cards) > _MOST_CARDS
    size = "many" if many else "one" if len(cards) == 1 else "few" if len(cards) <= 3 else ""
    listed = "".join(
        _card(scene, card, many, cards is scene.page) if card else '<li class="empty">empty place</li>'
        for card in cards
    )
    return f'<section><h2>{title}<small>{note}</small></h2><ol class="cards {size}">{listed}</ol></section>'


def _card(scene: Scene, card: Card, small: bool, on_page: bool) -> str:
    outcome = card.outcome
    kinds = ["card"]
    if outcome:
        kinds.append("clicked" if outcome.clicked else "picked" if on_page else "ignored")
    title = f'<h3 dir="auto"{"" if card.titled else " class=untitled"}>{escape(card.title)}</h3>'
    parts = [picture(scene.catalogue, card.item, 64 if small else 192, card.title)]
    if outcome:
        parts.append(_outcome(outcome, scene.places > 1))
    parts.append(title)
    if not small:
        if card.description:
            parts.append(f'<p class="description" dir="auto">{escape(card.description)}</p>')
        if card.emblem:
            parts.append(
                f'<p class="description">{escape(card.emblem)}</p>' if card.emblem != card.title else ""
            )
        elif card.numbers:
            rows = "".join(_bar_row(name, value) for name, value in card.numbers[:6])
            parts.append(f'<dl class="bars">{rows}</dl>')
    parts.append(_offer(card, small))
    return f'<li class="{" ".join(kinds)}">{"".join(parts)}</li>'


def _bar_row(name: str, value: float) -> str:
    return f"<dt>{escape(name)}</dt><dd>{_bar(value, 'plain')}<span>{value:.2f}</span></dd>"


def _outcome(outcome: Outcome, numbered: bool) -> str:
    place = f'<span class="place"><span class="hash">#</span>{outcome.place}</span>' if numbered else ""
    words = f'<p class="outcome">{place}<span class="words">{escape(outcome.words)}</span></p>'
    return words + (f"<p>{stars(outcome.stars)}</p>" if outcome.stars else "")


def _offer(card: Card, small: bool) -> str:
    price = f'<span class="price">{escape(card.price)}</span>' if card.price else "<span></span>"
    rating = ""
    if card.new:
        rating = '<span class="new">new</span>'
    elif card.rating is not None and not small:
        words = f"rated {card.rating:.1f} of {MOST_STARS}"
        rating = (
            f'<span aria-label="{words}" role="img"><span class="stars">★</span> {card.rating:.1f}</span>'
        )
    return f'<p class="offer">{price}{rating}</p>' if card.price or rating else ""


def _panel(scene: Scene) -> str:
    person = scene.person
    tone = "good" if person.status == "content" else "bad"
    parts = [
        f'<div class="title"><h2>The user</h2><span class="tag {tone}">{person.status}</span></div>',
        f'<div class="mood">{_face(person)}<div><div class="row"><span>mood</span>'
        f"<span>{100 * person.mood:.0f}%</span></div>"
        f'<div class="meter" title="content from {100 * person.content_mood:.0f}%">'
        f"{_bar(person.mood, tone)}"
        f'<b style="left:calc({100 * person.content_mood:.0f}% - 1px)"></b></div></div></div>',
    ]
    if person.phase:
        parts.append(
            f'<div class="row"><span>now</span><span class="tag organic">{person.phase}</span></div>'
        )
    if person.budget:
        left, start = person.budget
        words = f"<span>budget</span><span>{left:.0f} of {start:.0f}</span>"
        parts.append(f'<div><div class="row">{words}</div>{_bar(left / start, "organic")}</div>')
    if person.boredom:
        rows = "".join(
            f'<li><div class="row"><span>{escape(row.name)}</span>'
            + (f'<span class="warn">bored for {row.steps}</span>' if row.steps else "")
            + f"</div>{_bar(1.0 if row.steps else row.share, 'bad' if row.steps else '')}</li>"
            for row in person.boredom[:_ROWS]
        )
        parts.append(f"<div><h3>Boredom</h3><ul>{rows}</ul></div>")
    liked = person.tastes[:_ROWS]
    if liked:
        rows = "".join(
            f'<li><div class="row"><span>{escape(name)}</span><span>{value:+.2f}</span></div>'
            f"{_bar(abs(value / liked[0][1]), 'good' if value > 0 else 'bad')}</li>"
            for name, value in liked
        )
        parts.append(f"<div><h3>Likes and dislikes</h3><ul>{rows}</ul></div>")
    parts.append(_reward(scene))
    return f"<aside>{''.join(parts)}</aside>"


def _reward(scene: Scene) -> str:
    if scene.fresh:
        return '<div class="reward row"><h3>Reward</h3><span class="note">no step yet</span></div>'
    tone = "plus" if scene.reward > 0 else "minus" if scene.reward < 0 else ""
    terms = "".join(
        f'<li class="row"><span>{name}</span><span>{signed(value)}</span></li>' for name, value in scene.terms
    )
    total = f'<div class="row"><h3>Reward</h3><strong class="{tone}">{signed(scene.reward)}</strong></div>'
    return f'<div class="reward">{total}<ul>{terms}</ul></div>'


def _bar(share: float, tone: str) -> str:
    width = 100 * min(max(share, 0.0), 1.0)
    return f'<div class="bar {tone}" aria-hidden="true"><i style="width:{width:.0f}%"></i></div>'


def _face(person: Person) -> str:
    """Draw a face whose mouth bends with the mood."""
    bend = 26.0 * (min(max(person.mood, 0.0), 1.0) - 0.4)
    skin = "#c8cbd0" if person.status == "has left" else "#face54"
    return (
        f'<svg viewBox="0 0 64 64" role="img" aria-label="a face in a mood of {100 * person.mood:.0f}%">'
        f'<circle cx="32" cy="32" r="31" fill="{skin}"/><g fill="#242832">'
        '<circle cx="21" cy="24" r="4"/><circle cx="43" cy="24" r="4"/></g>'
        f'<path d="M17 {44 - 0.4 * bend:.1f}Q32 {44 + 1.4 * bend:.1f} 47 {44 - 0.4 * bend:.1f}" fill="none" '
        'stroke="#242832" stroke-width="3.6" stroke-linecap="round"/></svg>'
    )


def _history(scene: Scene) -> str:
    events = "".join(_event(scene, event) for event in reversed(scene.history))
    shown = f'<ol tabindex="0" aria-label="History">{events}</ol>' if events else '<p class="note">empty</p>'
    title = "<h2>History<small>the newest first</small></h2>"
    return f'<section class="wide">{title}<div class="strip">{shown}</div></section>'


def _event(scene: Scene, event: Event) -> str:
    kind = "organic" if event.organic else "clicked" if event.clicked else "ignored"
    said = "viewed" if event.organic else kind
    bar = _bar(event.share if event.clicked else 0.0, "good") if not event.organic else ""
    given = f"<div>{stars(event.stars)}</div>" if event.stars else ""
    return (
        f'<li class="{kind}">{picture(scene.catalogue, event.item, 112, event.title)}{bar}{said}{given}</li>'
    )


def stars(given: int) -> str:
    """Return stars that the user gave, with words for who cannot see them."""
    row = "★" * given + "☆" * (MOST_STARS - given)
    return f'<span class="stars" role="img" aria-label="{given} of {MOST_STARS} stars given">{row}</span>'


def picture(catalogue: Catalogue, item: int, size: int, title: str) -> str:
    """Return an item's picture as an element that holds its own data."""
    source = _data(catalogue, item, size)
    return f'<img src="{source}" alt="{escape(title)}" width="{size}" height="{size}">'


@lru_cache(maxsize=1024)
def _data(catalogue: Catalogue, item: int, size: int) -> str:
    # The highest compression takes fifteen times as long as this one to save a quarter of the size.
    options = [cv2.IMWRITE_PNG_COMPRESSION, 3]
    packed = cv2.imencode(".png", tile(catalogue, item, size)[..., ::-1], options)[1]
    return "data:image/png;base64," + base64.b64encode(packed.tobytes()).decode("ascii")
