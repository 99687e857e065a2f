"""Reading rows around damage."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from feedback.store.records import Event, Unreadable

#: The columns of a row in the order of :class:`Event`.
COLUMNS = ("id", "kind", "labeller", "created", "undoes", "body")

#: ``read(first, limit)`` returns at most ``limit`` rows whose number is at least ``first``, in order.
Read = Callable[[int, int], Sequence[Sequence[Any]]]

_MOST = 500


class Damaged(Exception):
    """What ``read`` raises where the database cannot read."""


def scan(read: Read, last: int) -> Iterator[Event | Unreadable]:
    """Yield every row, in order; in place of one that the database cannot read, why.

    Rows are read many at a time; where that fails, one by one, and past each that fails.

    Args:
        read: How rows are read.
        last: The largest number that was ever given; nothing is looked for beyond it once reading fails.
    """
    first, limit = 1, _MOST
    while True:
        try:
            rows = read(first, limit)
        except Damaged as error:
            if limit > 1:
                limit = 1
                continue
            if first > last:
                return
            yield Unreadable(first, str(error))
            first += 1
            continue
        if not rows:
            return
        for row in rows:
            # A damaged tree may lead anywhere, to where we have been as well.
            if not isinstance(row[0], int) or row[0] < first:
                first += 1
                break
            first = row[0] + 1
            yield Event(*row)
        limit = min(2 * limit, _MOST)
