"""What the simulator knows and no agent sees, folded away at the end of an HTML page."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from mmenvs.recommender.render.scene import Card, Scene, signed

_MOST_TASTES = 60


def knowledge(scene: Scene) -> str:
    """Write true scores, probabilities of clicks, tastes, boredom and the reward's terms as tables."""
    parts = [
        _slate(scene),
        _page(scene),
        _boredom(scene),
        _tastes(scene),
        _terms(scene),
    ]
    return f'<details class="wide"><summary>What the simulator knows</summary>{"".join(parts)}</details>'


def _slate(scene: Scene) -> str:
    if scene.fresh:
        return ""
    rows = []
    for number, card in enumerate(scene.slate):
        if card is None or card.outcome is None:
            rows.append((f"{number + 1}", "empty place", *(["-"] * 7)))
            continue
        outcome = card.outcome
        rows.append(
            (
                f"{number + 1}",
                card.title,
                f"{outcome.score:+.2f}",
                f"{outcome.promise:+.2f}",
                f"{card.bait:.2f}",
                f"{100 * outcome.chance:.1f}%",
                "yes" if outcome.clicked else "no",
                f"{outcome.dwell:.1f}" if outcome.clicked else "-",
                f"{outcome.stars}" if outcome.stars else "-",
            )
        )
    head = ("place", "item", "true score", "promise", "bait", "click chance", "clicked", "dwell", "stars")
    note = "Scores and chances as they were when the slate was shown; a score is a logit."
    return _table("The slate", note, head, rows)


def _page(scene: Scene) -> str:
    if not scene.page:
        return ""
    best: list[Card] = sorted(scene.page, key=lambda card: -card.worth)
    rows = [
        (
            card.title,
            card.category,
            f"{card.worth:+.2f}",
            f"{card.bait:.2f}",
            card.price or "-",
            "yes" if card.outcome else "no",
        )
        for card in best
    ]
    note = "The best first, by what each item is worth to the user now, after the step."
    head = ("item", "category", "true score", "bait", "price", "recommended")
    return _table("The page", note, head, rows)


def _boredom(scene: Scene) -> str:
    rows = [
        (row.name, f"{100 * row.share:.0f}%", f"{row.steps}" if row.steps else "-")
        for row in scene.person.boredom
    ]
    note = "Clicks that count, as a share of those that bore, and the steps for which boredom lasts."
    return _table("Boredom", note, ("category", "exposure", "bored for"), rows) if rows else ""


def _tastes(scene: Scene) -> str:
    rows = "".join(
        f'<li class="row"><span>{escape(name)}</span><span>{value:+.2f}</span></li>'
        for name, value in scene.person.tastes[:_MOST_TASTES]
    )
    if not rows:
        return ""
    note = '<p class="note">The strongest first: what one unit of a trait adds to a score.</p>'
    return f'<h3>Tastes</h3>{note}<ul class="columns">{rows}</ul>'


def _terms(scene: Scene) -> str:
    if scene.fresh:
        return ""
    rows = [(name, signed(value)) for name, value in (*scene.terms, ("sum", scene.reward))]
    return _table("Reward", "The terms of the latest step.", ("term", "value"), rows)


def _table(title: str, note: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    top = "".join(f'<th scope="col"{_side(column)}>{escape(column)}</th>' for column in columns)
    body = ""
    for first, *rest in rows:
        cells = "".join(_cell(column, cell) for column, cell in zip(columns[1:], rest, strict=True))
        body += f'<tr><th scope="row" dir="auto">{escape(first)}</th>{cells}</tr>'
    return (
        f'<h3>{title}</h3><p class="note">{note}</p><div class="scroll" tabindex="0"><table>'
        f"<thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _cell(column: str, text: str) -> str:
    return f'<td{_side(column)} dir="auto">{escape(text)}</td>'


def _side(column: str) -> str:
    """Align words left and numbers right."""
    return ' class="text"' if column in ("item", "category") else ""
