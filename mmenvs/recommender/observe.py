"""Observations without a simulated user: what a shop shows and knows, as the agent saw it in training.

A deployed agent meets people, not a simulator.  :class:`Observer` turns a page of candidates, the events of a
person's history and what they said at sign-up into the observation that
:class:`~mmenvs.recommender.env.RecommenderEnv` would give, with the same kernels, and an action into the
items that it stands for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mmenvs.core.kernels import entry_point, kernel
from mmenvs.recommender.arrays import Items, Output, Records, State, as_records
from mmenvs.recommender.config import RecommenderConfig
from mmenvs.recommender.items.catalogue import Catalogue
from mmenvs.recommender.layout import (
    action_space,
    fresh_values,
    new_actions,
    new_output,
    new_state,
    observation_space,
    published,
)
from mmenvs.recommender.showing import make_room, show_item, write_event
from mmenvs.recommender.slates import bind_slates
from mmenvs.recommender.stock import make_stock, shop_rules
from mmenvs.recommender.users.boredom import count_click, count_window, fade, grow_bored, tell_exposure
from mmenvs.recommender.users.rating import MOST_STARS
from mmenvs.recommender.users.taste import PROFILE_HEAD, set_date

#: An item: its row in the catalogue, or its id.
ItemName = int | str

#: One event, as the kernel reads it.
_EVENT = np.dtype(
    [
        ("item", np.int64),
        ("step", np.int64),  # events of one step were shown together
        ("dwell", np.float64),  # share of the dwell law's limit, in [0, 1]
        ("rating", np.float64),  # share of the most stars, in [0, 1]
        ("clicked", np.bool_),
        ("organic", np.bool_),
    ],
    align=True,
)


@dataclass(frozen=True)
class Event:
    """What happened to one item that a person saw.

    Attributes:
        item: Row in the catalogue, or id.
        clicked: Whether they clicked it.
        dwell: Time spent with it, in the unit of ``info["dwell"]`` [s].
        rating: Stars given, 0 for none.
        organic: Whether they found it without being shown it.
    """

    item: ItemName
    clicked: bool = False
    dwell: float = 0.0
    rating: float = 0.0
    organic: bool = False


#: An event, its fields in order, or its fields by name.
EventLike = Event | Sequence[Any] | Mapping[str, Any]


class Observer:
    """Lays out observations of one person at a time.

    Attributes:
        config: The settings that the agent was trained with.
        catalogue: The items.
        observation_space: Of one world, as the environment's.
        action_space: Of one world, as the environment's.
        taste_names: What ``user`` can tell of.
    """

    def __init__(self, config: RecommenderConfig | None = None) -> None:
        """Stock the shop.

        Args:
            config: The settings; the defaults if None.

        Raises:
            ValueError: If the catalogue lacks what the settings need.
        """
        self.config = config = config or RecommenderConfig()
        stock = make_stock(config)
        self.catalogue: Catalogue = stock.catalogue
        self.taste_names = stock.taste_names
        self.action_space = action_space(config, stock)
        self.observation_space = observation_space(config, stock)
        self._items, self._limit = stock.items, stock.users.dwell.limit
        self._users, self._rules = as_records(stock.users), as_records(shop_rules(config, stock))
        self._state, self._out = new_state(1, config, stock), new_output(1, config, stock)
        self._fresh = fresh_values(self._state, self._out)
        self._page = np.zeros(config.candidates or 0, np.int64)
        self._entry = entry_point(_observe, 0, 1, *self._arguments(np.zeros(0, _EVENT)))
        self._actions = new_actions(1, config, self.action_space)
        self._slate_entry, self._slate_arguments = bind_slates(
            config.action, self._actions, np.ones(1, bool), self._items, self._rules, self._state, self._out
        )

    def observe(
        self,
        candidates: Sequence[ItemName] | NDArray[np.integer[Any]] | None = None,
        history: Iterable[EventLike | Sequence[Event]] = (),
        user: Mapping[str, float] | ArrayLike | None = None,
        *,
        day: float = 0.0,
    ) -> dict[str, NDArray[Any]]:
        """Lay out one observation.

        Args:
            candidates: The page, rows or ids of ``config.candidates`` different items; None where there is
                no page.
            history: Events, oldest first; a list of :class:`Event` stands for a slate that was shown at once.
                Only the last ``config.history_length`` are seen, but all count towards boredom.
            user: What the person says of their tastes, by the names in ``taste_names``, or all in their
                order, each in [-1, 1]; 1 stands for three standard deviations of the population.  None for a
                person who says nothing.
            day: Day of the year.

        Returns:
            Key to array, the caller's to keep.

        Raises:
            ValueError: If an item is not known, or a number out of its range, naming it.
        """
        page = self._rows_of_page(candidates)
        events = np.array(list(self._records(history)), _EVENT)
        tastes = self._tastes(user)
        state, out = self._state, self._out
        for array, value in self._fresh:
            array[:] = value
        state.exposure[:] = 0.0
        state.bored[:] = 0
        state.clicks["category"] = -1
        state.sessions["day"] = day
        head = len(PROFILE_HEAD)
        out.user[0, 0] = float(tastes is not None)
        out.user[0, head:] = 0.0 if tastes is None else tastes
        self._page[:] = page
        self._entry(0, 1, *self._arguments(events))
        views = published(out, self.observation_space)
        return {key: view[0].copy() for key, view in views.items()}

    def slate(self, action: Any) -> list[int]:
        """Return the items that an action recommends on the page that was observed last.

        Args:
            action: Of ``action_space``.

        Returns:
            Rows of the catalogue, the top of the slate first; empty places are left out.
        """
        self._actions[0] = action
        self._slate_entry(0, 1, *self._slate_arguments)
        return [int(item) for item in self._state.slate["item"][0] if item >= 0]

    def row(self, item: ItemName) -> int:
        """Return the row of an item in the catalogue.

        Raises:
            ValueError: If there is no such item.
        """
        if isinstance(item, str):
            if item not in self._rows:
                raise ValueError(f"item {item!r} is not in the catalogue of {len(self.catalogue)} items")
            return self._rows[item]
        if isinstance(item, bool) or int(item) != item or not 0 <= item < len(self.catalogue):
            raise ValueError(f"item {item!r} must be an id, or a row from 0 to {len(self.catalogue) - 1}")
        return int(item)

    @cached_property
    def _rows(self) -> dict[str, int]:
        return {name: row for row, name in enumerate(self.catalogue.ids)}

    def _arguments(self, events: Records) -> tuple[Any, ...]:
        return self._page, events, self._items, self._users, self._state, self._out

    def _rows_of_page(self, candidates: Any) -> list[int]:
        wanted = self.config.candidates
        if candidates is None or wanted is None:
            if candidates is not None:
                raise ValueError("candidates must be None: this agent chooses from the whole catalogue")
            if wanted is not None:
                raise ValueError(f"candidates=None must be {wanted} items: this agent chooses from a page")
            return []
        rows = [self.row(item) for item in candidates]
        if len(rows) != wanted or len(set(rows)) < wanted:
            raise ValueError(
                f"candidates must be {wanted} different items, got {len(rows)}, {len(set(rows))} different"
            )
        return rows

    def _records(self, history: Iterable[Any]) -> Iterator[tuple[Any, ...]]:
        """Yield the events as rows of :data:`_EVENT`."""
        for step, entry in enumerate(history):
            together = isinstance(entry, Sequence) and bool(entry) and isinstance(entry[0], Event)
            for given in entry if together else [entry]:
                event = _event(given)
                for name, most in (("dwell", np.inf), ("rating", MOST_STARS)):
                    if not 0.0 <= getattr(event, name) <= most:
                        raise ValueError(f"history: {name} of {event} must be in [0, {most}]")
                share = min(event.dwell / self._limit, 1.0)
                stars = event.rating / MOST_STARS
                yield self.row(event.item), step, share, stars, event.clicked, event.organic

    def _tastes(self, user: Any) -> NDArray[np.float32] | None:
        if user is None:
            return None
        names = self.taste_names
        if isinstance(user, Mapping):
            if unknown := sorted(set(user) - set(names)):
                raise ValueError(f"user names tastes {unknown}; known are {list(names)}")
            user = [user.get(name, 0.0) for name in names]
        tastes = np.asarray(user, np.float32)
        if tastes.shape != (len(names),) or not (np.abs(tastes) <= 1.0).all():
            raise ValueError(f"user={user!r} must be {len(names)} numbers in [-1, 1], of {list(names)}")
        return tastes


def _event(given: Any) -> Event:
    """Return an event, however it was given."""
    if isinstance(given, Event):
        return given
    try:
        return Event(**given) if isinstance(given, Mapping) else Event(*given)
    except TypeError as error:
        names = [entry.name for entry in fields(Event)]
        raise ValueError(f"history: {given!r} must be an Event, or its fields {names}: {error}") from None


@kernel
def _observe(
    begin: int,
    end: int,
    page: NDArray[np.int64],
    events: Records,
    items: Items,
    users: Records,
    state: State,
    out: Output,
) -> None:
    """Show every world of ``[begin, end)`` the page and replay the events, as the steps of a session."""
    law = users[0].boredom
    last = state.history.shape[1] - 1
    for world in range(begin, end):
        for place in range(page.shape[0]):
            show_item(world, place, page[place], items, state, out)
        step, shown = -1, 0
        for k in range(events.shape[0]):
            event = events[k]
            if event.step != step:
                step, shown = event.step, 0
                if not event.organic:
                    fade(law, state.exposure, world)
            # Of a slate that is longer than the history, the top is kept.
            if shown <= last:
                make_room(world, 1, state, out)
                write_event(
                    world,
                    last,
                    event.item,
                    event.clicked,
                    event.dwell,
                    event.rating,
                    event.organic,
                    items,
                    state,
                    out,
                )
                shown += 1
            if event.clicked:
                category = items.facts[event.item].category
                count_click(law, state.clicks, state.exposure, world, category, step)
            ends = k + 1 == events.shape[0] or events[k + 1].step != step
            if ends and not event.organic:
                count_window(law, state.clicks, state.exposure, world, step)
                grow_bored(law, state.exposure, state.bored, world)
        set_date(users[0].population, out.user, world, state.sessions[world].day)
        tell_exposure(law, state.exposure, out.recent, world)
