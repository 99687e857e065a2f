"""What a shop page tells, as words and numbers: read once, then drawn or written as HTML."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mmenvs.recommender.items.catalogue import Catalogue
from mmenvs.recommender.items.procedural import ATTRIBUTES
from mmenvs.recommender.slates import EMPTY
from mmenvs.recommender.users.boredom import NONE
from mmenvs.recommender.users.dwell import FIXED, MIXTURE
from mmenvs.recommender.users.organic import BROWSING, OPEN_TO_OFFERS
from mmenvs.recommender.users.rating import MOST_STARS

if TYPE_CHECKING:
    from mmenvs.recommender.simulator import RecommenderSimulator

_PHASES = {BROWSING: "browsing", OPEN_TO_OFFERS: "open to offers"}

#: A catalogue of at most this many items is shown as a whole where an action may name any of it.
_SMALL_CATALOGUE = 40


@dataclass(frozen=True)
class Outcome:
    """What became of an item that was recommended.

    Attributes:
        place: Its place on the slate, from 1.
        clicked: Whether the user clicked it.
        words: That in words, with the time spent: ``"clicked 56 s"``, ``"ignored"``.
        dwell: Time spent with it, in the unit of the dwell law; 0 without a click.
        stars: Stars that the user gave, 1 to 5; 0 for none.
        score: What it was worth to the user [logit].
        promise: That, and its bait [logit].
        chance: Probability of a click.
    """

    place: int
    clicked: bool
    words: str
    dwell: float
    stars: int
    score: float
    promise: float
    chance: float


@dataclass(frozen=True)
class Card:
    """One item as the page shows it.

    Attributes:
        item: Index into the catalogue.
        title: Its title; its id where that is missing.
        titled: Whether it has a title of its own.
        description: Its description; "" where missing.
        category: Name of its category.
        price: In money; "" where unknown.
        rating: Mean stars of all customers, 1 to 5; None where unknown.
        new: Whether it has just come in, so that nobody knows its rating.
        numbers: Names and values of its attributes that are not zero, the largest first.
        worth: What it is worth to the user now [logit].
        bait: How much more than it gives it promises, in [0, 1].
        outcome: What became of it; None where it was not recommended.
    """

    item: int
    title: str
    titled: bool
    description: str
    category: str
    price: str
    rating: float | None
    new: bool
    numbers: tuple[tuple[str, float], ...]
    worth: float
    bait: float
    outcome: Outcome | None

    @property
    def emblem(self) -> str | None:
        """The one attribute that the item has in full, if it has no other: a name rather than a number."""
        return self.numbers[0][0] if len(self.numbers) == 1 and self.numbers[0][1] == 1.0 else None


@dataclass(frozen=True)
class Boredom:
    """How tired of one category the user is.

    Attributes:
        category: Index of the category.
        name: Its name.
        share: Clicks that count, as a share of those that bore, in [0, 1].
        steps: Steps for which the boredom lasts still; 0 for none.
    """

    category: int
    name: str
    share: float
    steps: int


@dataclass(frozen=True)
class Person:
    """The user, hidden state included.

    Attributes:
        mood: In [0, 1].
        content_mood: Mood from which a user counts as content.
        status: ``"content"``, ``"unhappy"`` or ``"has left"``.
        boredom: All categories, the most tiring first; empty where nothing bores.
        budget: What is left and what a session starts with; None without a budget.
        phase: What the user is doing; None without organic views.
        tastes: Names and values other than zero, the strongest first [logit per unit of a trait].
    """

    mood: float
    content_mood: float
    status: str
    boredom: tuple[Boredom, ...]
    budget: tuple[float, float] | None
    phase: str | None
    tastes: tuple[tuple[str, float], ...]


@dataclass(frozen=True)
class Event:
    """One event of the history.

    Attributes:
        item: Index into the catalogue.
        title: Of the item.
        clicked: Whether it was clicked.
        share: Dwell as a share of the most, in [0, 1].
        stars: Stars given, 1 to 5; 0 for none.
        organic: Whether the user viewed it by themselves.
    """

    item: int
    title: str
    clicked: bool
    share: float
    stars: int
    organic: bool


@dataclass(frozen=True)
class Scene:
    """One world after its latest step.

    Attributes:
        catalogue: The items.
        facts: What the head line says: names and values.
        fresh: Whether nothing has been recommended yet.
        page: What could be chosen from, in its order; empty where that is a whole catalogue.
        slate: What was recommended, place by place; None for an empty place; empty if fresh.
        places: Places of a slate.
        choices: How many items could be chosen from.
        person: The user.
        reward: Of the latest step.
        terms: Its terms by name.
        history: Oldest first.
        places_of_history: How many events the history holds.
    """

    catalogue: Catalogue
    facts: tuple[tuple[str, str], ...]
    fresh: bool
    page: tuple[Card, ...]
    slate: tuple[Card | None, ...]
    places: int
    choices: int
    person: Person
    reward: float
    terms: tuple[tuple[str, float], ...]
    history: tuple[Event, ...]
    places_of_history: int


def read_scene(simulator: RecommenderSimulator, world: int) -> Scene:
    """Read what one world's page tells; nothing of the simulator is changed.

    Raises:
        ValueError: If there is no such world.
    """
    if not 0 <= world < simulator.num_worlds:
        raise ValueError(f"world={world} must be from 0 to {simulator.num_worlds - 1}")
    session, report = simulator.state.sessions[world], simulator.output.reports[world]
    fresh = int(session["steps"]) == 0
    outcomes = {} if fresh else _outcomes(simulator, world)
    shown = _shown(simulator, world, fresh)
    slate = [] if fresh else simulator.state.slate[world]["item"].tolist()
    asked = sorted({*shown, *slate} - {EMPTY})
    cards = dict(zip(asked, _cards(simulator, world, asked, outcomes), strict=True))
    return Scene(
        catalogue=simulator.catalogue,
        facts=_facts(simulator, world),
        fresh=fresh,
        page=tuple(cards[item] for item in shown),
        slate=tuple(cards.get(item) for item in slate),
        places=simulator.config.slate_size,
        choices=_choices(simulator),
        person=_person(simulator, world),
        reward=float(report["reward"]),
        terms=tuple(
            (simulator.config.reward if name == "engagement" else name, float(report[name]))
            for name in ("engagement", "leaving", "absence")
        ),
        history=_history(simulator, world),
        places_of_history=simulator.config.history_length,
    )


def worth(simulator: RecommenderSimulator, world: int, items: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return what items are worth to a user now: taste and bias, less boredom [logit].

    Args:
        simulator: The worlds.
        world: Which of them.
        items: Indices into the catalogue, shape (k,).

    Returns:
        Shape (k,).
    """
    facts, law = simulator.items.facts[items], simulator.users.boredom
    scores = simulator.items.traits[items] @ simulator.state.taste[world] + facts["bias"]
    if law.kind != NONE:
        bored = simulator.state.bored[world] > 0
        scores -= law.penalty * (
            np.full(len(items), bored.any()) if law.everything else bored[facts["category"]]
        )
    return np.asarray(scores, np.float64)


def signed(value: float) -> str:
    """Write a reward with its sign, if it has any."""
    return f"{value:+.2f}" if round(value, 2) != 0.0 else "0.00"


def _choices(simulator: RecommenderSimulator) -> int:
    config = simulator.config
    return len(simulator.catalogue) if config.action == "proto" else config.candidates or config.size


def _shown(simulator: RecommenderSimulator, world: int, fresh: bool) -> list[int]:
    """Return the items that could be chosen from, if they are few enough to be shown."""
    config, state = simulator.config, simulator.state
    if config.candidates is not None and config.action != "proto":
        page = state.candidates if fresh else state.last_page
        return [int(item) for item in page[world]]
    return list(range(config.size)) if config.size <= _SMALL_CATALOGUE else []


def _outcomes(simulator: RecommenderSimulator, world: int) -> dict[int, Outcome]:
    return {
        int(place["item"]): Outcome(
            place=number + 1,
            clicked=bool(place["clicked"]),
            words=_words(simulator, float(place["dwell"])) if place["clicked"] else "ignored",
            dwell=float(place["dwell"]),
            stars=int(place["stars"]),
            score=float(place["score"]),
            promise=float(place["promise"]),
            chance=float(place["chance"]),
        )
        for number, place in enumerate(simulator.state.slate[world])
        if place["item"] != EMPTY
    }


def _words(simulator: RecommenderSimulator, dwell: float) -> str:
    """Say how long a click lasted, where that says anything and in the unit of its law."""
    kind = simulator.users.dwell.kind
    if kind == MIXTURE:
        return f"clicked {dwell:.0f} s"
    if kind == FIXED:  # every click lasts as long as every other, so only a budget makes it worth telling
        return f"clicked {dwell:.1f}" if simulator.users.budget.on else "clicked"
    return f"engaged {dwell:.0f}"


def _cards(
    simulator: RecommenderSimulator, world: int, items: list[int], outcomes: dict[int, Outcome]
) -> list[Card]:
    catalogue = simulator.catalogue
    values = worth(simulator, world, np.array(items, np.int64)).tolist()
    cards = []
    for item, value in zip(items, values, strict=True):
        price = float(catalogue.price[item])
        rating, new = _rating(catalogue, item)
        cards.append(
            Card(
                item=item,
                title=catalogue.titles[item].strip() or catalogue.ids[item],
                titled=bool(catalogue.titles[item].strip()),
                description=catalogue.descriptions[item].strip(),
                category=catalogue.category_names[int(catalogue.category[item])],
                price="" if np.isnan(price) else f"${price:,.2f}" if abs(price) < 100 else f"${price:,.0f}",
                rating=rating,
                new=new,
                numbers=_numbers(catalogue, item),
                worth=value,
                bait=float(catalogue.bait[item]),
                outcome=outcomes.get(item),
            )
        )
    return cards


def _rating(catalogue: Catalogue, item: int) -> tuple[float | None, bool]:
    """Return what customers say, and whether the item is too new for that.

    Only made-up catalogues say what their ratings stand for; those of a table may be ranks.
    """
    if catalogue.attribute_names != ATTRIBUTES:
        return None, False
    known = dict(zip(ATTRIBUTES, catalogue.attributes[item].tolist(), strict=True))
    new = known["rating"] == 0.0 and known["popularity"] == 0.0
    return (None if new else 1.0 + (MOST_STARS - 1.0) * known["rating"]), new


def _numbers(catalogue: Catalogue, item: int) -> tuple[tuple[str, float], ...]:
    pairs = zip(catalogue.attribute_names, catalogue.attributes[item].tolist(), strict=True)
    return tuple(
        (name.replace("_", " "), value)
        for name, value in sorted(pairs, key=lambda pair: -pair[1])
        if value > 0.0
    )


def _facts(simulator: RecommenderSimulator, world: int) -> tuple[tuple[str, str], ...]:
    session, users = simulator.state.sessions[world], simulator.users
    facts = [("user", f"{int(simulator.scenario[world])}")]
    if users.returning.on:
        past = int(session["day"] - session["first_day"])
        facts += [
            ("day", f"{past + 1} of {users.returning.horizon}"),
            ("visit", f"{int(session['number']) + 1}"),
        ]
    elif users.population.season > 0.0:
        facts.append(("day", f"{int(session['day'])} of the year"))
    facts += [("step", f"{int(session['steps'])}"), ("return", f"{float(session['total']):.1f}")]
    return tuple(facts)


def _person(simulator: RecommenderSimulator, world: int) -> Person:
    state, users, least = simulator.state, simulator.users, simulator.config.content_mood
    session = state.sessions[world]
    mood, gone = float(session["mood"]), bool(simulator.terminated[world])
    return Person(
        mood=mood,
        content_mood=least,
        status="has left" if gone else "content" if mood >= least else "unhappy",
        boredom=_boredom(simulator, world) if users.boredom.kind != NONE else (),
        budget=(max(float(session["budget"]), 0.0), users.budget.start) if users.budget.on else None,
        phase=_PHASES.get(int(session["phase"]), "gone") if users.organic.on else None,
        tastes=_tastes(simulator, world),
    )


def _tastes(simulator: RecommenderSimulator, world: int) -> tuple[tuple[str, float], ...]:
    """Return the tastes that any item answers to, the strongest first."""
    size = simulator.users.population.size
    names = simulator.catalogue.all_trait_names
    if len(names) != size:  # calibrated users have tastes of their own
        names = tuple(f"factor_{k}" for k in range(size))
    tastes = simulator.state.taste[world, :size] * simulator.items.traits[:, :size].any(axis=0)
    order = np.argsort(-np.abs(tastes), kind="stable")
    return tuple((names[k].replace("_", " "), float(tastes[k])) for k in order if tastes[k] != 0.0)


def _boredom(simulator: RecommenderSimulator, world: int) -> tuple[Boredom, ...]:
    """Return all categories: in their order if they are few, else the most tiring first."""
    names = simulator.catalogue.category_names
    shares = simulator.state.exposure[world] / simulator.users.boredom.threshold
    steps = simulator.state.bored[world]
    rows = [
        Boredom(k, names[k], float(np.clip(shares[k], 0.0, 1.0)), int(steps[k])) for k in range(len(names))
    ]
    return tuple(rows if len(rows) <= 5 else sorted(rows, key=lambda row: (row.steps == 0, -row.share)))


def _history(simulator: RecommenderSimulator, world: int) -> tuple[Event, ...]:
    items = simulator.state.history[world].tolist()
    feedback = simulator.output.history_feedback[world].tolist()
    titles, ids = simulator.catalogue.titles, simulator.catalogue.ids
    return tuple(
        Event(
            item=item,
            title=titles[item].strip() or ids[item],
            clicked=clicked > 0.0,
            share=share,
            stars=round(MOST_STARS * rating),
            organic=organic > 0.0,
        )
        for item, (_, clicked, share, rating, organic) in zip(items, feedback, strict=True)
        if item != EMPTY
    )
