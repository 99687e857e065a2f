"""The arrays of the recommender world: the items and sessions as kernels see them, one row a world.

What is one number an item, a world or a place of a slate stands in records, whose fields are read by name:
a kernel that took each of them as an array of its own would compile for a minute, and run slower.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

#: An array of records, and one of its records, as kernels see them.
Records = NDArray[np.void]
Record = Any

#: What each number of an event in ``history_feedback`` means; all lie in [0, 1].
FEEDBACK = ("valid", "clicked", "dwell", "rating", "organic")

#: One item.
FACT = np.dtype(
    [
        ("bias", np.float64),  # added to every user's score [logit]
        ("bait", np.float64),  # what is promised and not kept, in [0, 1]
        ("quality", np.float64),  # what the budget's refund counts
        ("arrival", np.float64),  # when in the catalogue's turnover the item arrives, in [0, 1)
        ("category", np.int64),
        ("look", np.int64),  # row of the pictures and of their features
    ]
)

#: One place of a slate.
PLACE = np.dtype(
    [
        ("item", np.int64),  # -1 for an empty place
        ("score", np.float64),  # what the item is worth to the user [logit]
        ("promise", np.float64),  # that, and its bait [logit]
        ("chance", np.float64),  # probability of a click
        ("dwell", np.float64),  # time spent with it, 0 without a click [s]
        ("stars", np.float64),  # 0 for no rating
        ("clicked", np.bool_),
    ],
    align=True,
)

#: One click that counts towards boredom.
CLICK = np.dtype([("category", np.int64), ("step", np.int64)])  # category -1 for none

#: What one user and session are in.
SESSION = np.dtype(
    [
        ("mood", np.float64),  # in [0, 1]
        ("level", np.float64),  # net exposure behind the mood
        ("budget", np.float64),  # time left
        ("day", np.float64),  # day of the year, and on from there
        ("first_day", np.float64),  # day on which the episode began
        ("total", np.float64),  # sum of the rewards
        ("type", np.int64),  # the user's row of the table of types
        ("phase", np.int64),  # see mmenvs.recommender.users.organic
        ("number", np.int64),  # sessions before this one
        ("steps", np.int64),  # steps of the episode
    ]
)

#: What one step has brought.
REPORT = np.dtype(
    [
        ("reward", np.float64),
        ("engagement", np.float64),  # the reward's main term
        ("leaving", np.float64),  # its term for leaving
        ("absence", np.float64),  # its term for days of absence
        ("dwell", np.float64),  # time spent with the clicked items [s]
        ("satisfaction", np.float64),  # share of the clicked items that was seen, summed, at most 1
        ("rating", np.float64),  # stars given last in the step, 0 for none
        ("mood", np.float64),  # in [0, 1]
        ("day", np.float64),  # day of the year
        ("clicks", np.int64),  # items clicked
        ("bored", np.int64),  # categories that bore the user
        ("item", np.int64),  # the first item clicked, else the slate's first; -1 after a reset
        ("session", np.int64),  # sessions before this one
        ("clicked", np.bool_),
        ("terminated", np.bool_),
        ("success", np.bool_),
    ],
    align=True,
)


class Items(NamedTuple):
    """The catalogue as kernels see it; the arrays are read only.

    Attributes:
        traits: Weighted traits [logit], shape (items, traits); the season's come last.
        facts: :data:`FACT`, shape (items,).
        attributes: float32, shape (items, attributes).
        text: float32, shape (items, text_size).
        pictures: Eight bytes a word, shape (looks, rows, words a row); no rows if not observed.
        features: float32, shape (looks, features).
        proto: What proto-actions and matches are computed with, float32, shape (proto_size, items).
        table: Mean tastes of the types of users, or users, shape (rows, personal traits).
    """

    traits: NDArray[np.float64]
    facts: Records
    attributes: NDArray[np.float32]
    text: NDArray[np.float32]
    pictures: NDArray[np.uint64]
    features: NDArray[np.float32]
    proto: NDArray[np.float32]
    table: NDArray[np.float64]


class Rules(NamedTuple):
    """The shop's rules; :class:`~mmenvs.recommender.config.RecommenderConfig` explains each.

    Attributes:
        reward: Index into :data:`~mmenvs.recommender.config.REWARDS`.
        refill: Whether a place of the slate that a duplicate leaves is filled with the next candidate.
        churn: Share of the catalogue that is replaced in a day.
        on_sale: Share of the catalogue that is on sale at a time.
        content_mood: Mood from which a user counts as content.
        parity: 0 for the train split, 1 for the test split.
        longest: Length of the longest vector of personal traits.
        greeting: Whether a random slate is shown before the first action.
    """

    reward: int
    refill: bool
    churn: float
    on_sale: float
    content_mood: float
    parity: int
    longest: float
    greeting: bool


class State(NamedTuple):
    """What a session is in: one row a world.

    Attributes:
        behaviour: Random stream of the user, shape (worlds,).
        layout: Random stream of the pages, shape (worlds,), its own so that no choice disturbs another.
        sessions: :data:`SESSION`, shape (worlds,).
        taste: Tastes, shape (worlds, traits).
        pull: Scratch of drifting tastes, shape (worlds, traits).
        exposure: Clicks by category that count towards boredom, shape (worlds, categories).
        bored: Steps of boredom left, shape (worlds, categories).
        clicks: The last clicks, oldest first, :data:`CLICK`, shape (worlds, memory).
        candidates: Items of the page to act on, shape (worlds, candidates).
        last_page: Items of the page that was acted on last, shape (worlds, candidates).
        slate: What was recommended last, :data:`PLACE`, shape (worlds, slate_size).
        history: Items shown or viewed, oldest first, -1 for none, shape (worlds, history_length).
    """

    behaviour: NDArray[np.uint64]
    layout: NDArray[np.uint64]
    sessions: Records
    taste: NDArray[np.float64]
    pull: NDArray[np.float64]
    exposure: NDArray[np.float64]
    bored: NDArray[np.int64]
    clicks: Records
    candidates: NDArray[np.int64]
    last_page: NDArray[np.int64]
    slate: Records
    history: NDArray[np.int64]


class Output(NamedTuple):
    """What a step writes for its readers; a modality that is not observed has an empty last axis.

    Attributes:
        image: Contact sheets, eight bytes a word, shape (worlds, rows, words a row).
        features: Embedded pictures, float32, shape (worlds, candidates, features).
        text: float32, shape (worlds, candidates, text_size).
        attributes: float32, shape (worlds, candidates, attributes).
        history_attributes: float32, shape (worlds, history_length, attributes).
        history_feedback: float32, shape (worlds, history_length, len(FEEDBACK)); always kept.
        user: What users say of their taste, float32, shape (worlds, 3 + tastes); always kept.
        recent: Exposure by category as a share of what bores, float32, shape (worlds, categories).
        reports: :data:`REPORT`, shape (worlds,).
    """

    image: NDArray[np.uint64]
    features: NDArray[np.float32]
    text: NDArray[np.float32]
    attributes: NDArray[np.float32]
    history_attributes: NDArray[np.float32]
    history_feedback: NDArray[np.float32]
    user: NDArray[np.float32]
    recent: NDArray[np.float32]
    reports: Records


def as_records(numbers: Any) -> Records:
    """Return a named tuple of numbers, or of named tuples of them, as one record.

    Returns:
        Read-only array of shape (1,).
    """
    record = np.zeros(1, _record_type(numbers))
    record[0] = _plain(numbers)
    record.setflags(write=False)
    return record


def _record_type(numbers: Any) -> np.dtype[np.void]:
    kinds = {bool: np.bool_, int: np.int64, float: np.float64}
    return np.dtype(
        [
            (name, kinds[type(value)] if type(value) in kinds else _record_type(value))
            for name, value in zip(numbers._fields, numbers, strict=True)
        ],
        align=True,
    )


def _plain(numbers: Any) -> Any:
    return tuple(map(_plain, numbers)) if isinstance(numbers, tuple) else numbers
