"""Where labels are kept: append-only, shared between processes, on SQLite or PostgreSQL.

    store = LabelStore("sqlite:///labels.db")      # or LabelStore("labels.db")
    store = LabelStore("postgresql://alice@host/labels", clip_folder="/shared/labels.clips")
    number = store.add(label)                      # on disk when this returns
    store.undo(number, labeller="alice")           # a new row; nothing is ever deleted
    for label in store.labels(Preference): ...

A label is durable once :meth:`LabelStore.add` has returned its number, even if the process is killed or the
power fails at the next instant: SQLite writes a write-ahead log with full synchronisation, PostgreSQL commits
synchronously.  Writers wait for their turn, so that numbers grow in the order in which readers see labels.

A file that is damaged is never repaired in place: :func:`salvage` writes what can still be read into another.
"""

from feedback.store.address import address_of, path_of
from feedback.store.records import SCHEMA_VERSION, Event, OnUnreadable, Stored, StoreError, Unreadable
from feedback.store.salvage import Salvaged, salvage
from feedback.store.store import LabelStore

__all__ = [
    "SCHEMA_VERSION",
    "Event",
    "LabelStore",
    "OnUnreadable",
    "Salvaged",
    "StoreError",
    "Stored",
    "Unreadable",
    "address_of",
    "path_of",
    "salvage",
]
