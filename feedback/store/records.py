"""What a store returns: labels with numbers, rows as they are kept, rows that cannot be read."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Literal

from feedback.labels import Label, label_from_dict

#: Version of the tables; an older store is migrated when it is opened, a newer one is refused.
SCHEMA_VERSION = 2

#: The kind of the rows that take a label back.
UNDO = "undo"

#: What is done about rows that cannot be read: an error, or the others without them.
OnUnreadable = Literal["raise", "skip"]


class StoreError(RuntimeError):
    """The store cannot be used; the message names it and says why."""


@dataclass(frozen=True)
class Stored:
    """A label with the number that the store gave it; numbers grow in the order of adding."""

    number: int
    label: Label


@dataclass(frozen=True)
class Event:
    """A row of a store as it is kept.

    Attributes:
        number: Its number.
        kind: Kind of the label, or ``"undo"``.
        labeller: Who gave it, or took another back.
        created: When, ISO 8601.
        undoes: Number of the label that was taken back; None for a label.
        body: The label as JSON.
    """

    number: int
    kind: str
    labeller: str
    created: str
    undoes: int | None
    body: str


@dataclass(frozen=True)
class Unreadable:
    """A row that cannot be read.

    Attributes:
        number: Its number.
        reason: Why.
    """

    number: int
    reason: str

    def __str__(self) -> str:
        """Name the row and say why."""
        return f"row {self.number}: {self.reason}"


def label_of(event: Event) -> Label | None:
    """Return the label of a row, or None if the row takes another back.

    Raises:
        ValueError: If it is neither, or its columns contradict its body.
    """
    texts = (event.kind, event.labeller, event.created, event.body)
    if not all(isinstance(text, str) for text in texts):
        raise ValueError("a column is not the text that it must be")
    if event.kind == UNDO:
        if not isinstance(event.undoes, int) or not event.labeller.strip():
            raise ValueError("it takes a label back, but does not say which and for whom")
        return None
    try:
        label = label_from_dict(json.loads(event.body))
    except TypeError as error:
        raise ValueError(f"its body is no label: {error}") from error
    if (label.kind, label.labeller) != (event.kind, event.labeller):
        columns, body = f"{event.kind!r} by {event.labeller!r}", f"{label.kind!r} by {label.labeller!r}"
        raise ValueError(f"its columns say {columns}, but its body says {body}")
    return label
