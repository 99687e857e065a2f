"""What a user has been through when a slate is shown: recent clicks by category, and the mood."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mmenvs.core.kernels import fast_function
from mmenvs.recommender.data.logs import Logs

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

#: Mood of a user at the start of a session.
INITIAL_MOOD = 0.5


def recent_clicks(logs: Logs, category: Integers, steps: int) -> Floats:
    """Count clicks on items of the same category in the last steps of the session.

    Args:
        logs: The impressions.
        category: Category of each item code, shape (items,).
        steps: How many steps back; the present one does not count.

    Returns:
        Clicks, shape (rows,).
    """
    order, starts = logs.slates
    session = np.unique(logs.session[order[starts[:-1]]], return_inverse=True)[1].reshape(-1)
    count = np.empty(len(logs))
    kinds = np.zeros(int(category.max(initial=0)) + 1)
    queue, when = np.empty(len(logs), np.int64), np.empty(len(logs), np.int64)
    _count(order, starts, session, category[logs.item], logs.clicked, steps, kinds, queue, when, count)
    return count


@fast_function
def _count(
    order: Integers,
    starts: Integers,
    session: Integers,
    category: Integers,
    clicked: NDArray[np.bool_],
    steps: int,
    kinds: Floats,
    queue: Integers,
    when: Integers,
    count: Floats,
) -> None:
    """Slide a window over the slates: ``queue`` holds its clicks' categories, ``when`` their slates."""
    head, tail = 0, 0
    for slate in range(len(starts) - 1):
        fresh = slate == 0 or session[slate] != session[slate - 1]
        while head < tail and (fresh or when[head] < slate - steps):
            kinds[queue[head]] -= 1.0
            head += 1
        for place in range(starts[slate], starts[slate + 1]):
            count[order[place]] = kinds[category[order[place]]]
        for place in range(starts[slate], starts[slate + 1]):
            row = order[place]
            if clicked[row]:
                kinds[category[row]] += 1.0
                queue[tail], when[tail] = category[row], slate
                tail += 1


def satisfaction(logs: Logs, dwell_limit: float | None) -> Floats:
    """Return how much each slate gave, in [0, 1], shape (slates,).

    Args:
        logs: The impressions.
        dwell_limit: Time after which an item has been seen in full [s]; None where dwell times are unknown,
            which makes a click worth 1.
    """
    order, starts = logs.slates
    worth = logs.clicked.astype(np.float64)
    if dwell_limit is not None:
        worth = np.where(logs.clicked, np.nan_to_num(logs.dwell) / dwell_limit, 0.0)
    return np.minimum(np.add.reduceat(worth[order], starts[:-1]), 1.0)


def moods(logs: Logs, gave: Floats, rate: float) -> Floats:
    """Return the mood after each slate: ``m <- m + rate (gave - m)``, from 0.5 at the start of a session.

    Args:
        logs: The impressions.
        gave: Satisfaction, shape (slates,).
        rate: In (0, 1].

    Returns:
        In [0, 1], shape (slates,), in the order of ``logs.slates``.
    """
    order, starts = logs.slates
    session = logs.session[order[starts[:-1]]]
    mood = np.empty(len(gave))
    _follow(session, gave, rate, INITIAL_MOOD, mood)
    return mood


@fast_function
def _follow(session: Integers, gave: Floats, rate: float, initial: float, mood: Floats) -> None:
    now = initial
    for slate in range(len(gave)):
        if slate == 0 or session[slate] != session[slate - 1]:
            now = initial
        now += rate * (gave[slate] - now)
        mood[slate] = now
