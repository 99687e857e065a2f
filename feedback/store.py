"""Where labels are kept: one SQLite file, append-only, safe to share between processes.

    store = LabelStore("sqlite:///labels.db")      # or LabelStore("labels.db")
    number = store.add(label)                      # on disk when this returns
    store.undo(number, labeller="alice")           # a new row; nothing is ever deleted
    for label in store.labels(Preference): ...

The file is written through a write-ahead log with full synchronisation: a label is durable once
:meth:`LabelStore.add` has returned its number, even if the process is killed or the power fails
at the next instant.  Writers in other processes wait for their turn.
"""

from __future__ import annotations

import json
import os
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from feedback.labels import Label, label_from_dict

#: Version of the tables below; a file of another version is refused, never guessed at.
SCHEMA_VERSION = 1

#: Marks the file as ours (SQLite's application_id; the letters "mmfb").
APPLICATION_ID = 0x6D6D6662

#: The kind of the rows that take a label back.
_UNDO = "undo"
_UNDONE = "SELECT id FROM events WHERE undoes = ?"

_TABLES = """
CREATE TABLE events (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    labeller TEXT NOT NULL,
    created TEXT NOT NULL,
    undoes INTEGER UNIQUE REFERENCES events(id),
    body TEXT NOT NULL
);
CREATE TABLE clips (
    event INTEGER NOT NULL REFERENCES events(id),
    digest TEXT NOT NULL
);
CREATE INDEX clips_by_digest ON clips(digest);
CREATE INDEX clips_by_event ON clips(event);
"""

LabelT = TypeVar("LabelT", bound=Label)


class StoreError(RuntimeError):
    """The file cannot be used as a store of labels; the message names it and says why."""


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


class LabelStore:
    """A file of labels.

    One store may be used by several threads, and a file by several processes at once.  It survives a
    fork: a child opens its own connection.
    """

    def __init__(self, url: str | os.PathLike[str], *, timeout: float = 30.0) -> None:
        """Open a store, creating it where there is none.

        Args:
            url: ``"sqlite:///relative.db"``, ``"sqlite:////absolute.db"`` or a path.
            timeout: Seconds to wait for other writers [s].

        Raises:
            ValueError: If the URL names another kind of database, or ``timeout`` is not positive.
            StoreError: If the file is damaged, is not a store, or is of another schema version.
        """
        if timeout <= 0:
            raise ValueError(f"timeout={timeout} must be positive [s]")
        self.path = path_of(url)
        self._timeout = timeout
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._owner = 0
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self._reading():
            pass

    @property
    def clip_folder(self) -> Path:
        """Folder beside the file in which the clips that labels refer to are kept."""
        return self.path.with_name(f"{self.path.stem}.clips")

    def add(self, label: Label) -> int:
        """Keep a label; on disk when this returns.

        Returns:
            Its number.

        Raises:
            StoreError: If the file cannot be written.
        """
        body = label.to_dict()
        row = (label.kind, label.labeller, body["created"], None, json.dumps(body, allow_nan=False))
        with self._writing() as connection:
            number = _insert(connection, row)
            connection.executemany(
                "INSERT INTO clips VALUES (?, ?)", [(number, clip.digest) for clip in label.clips]
            )
        return number

    def undo(self, number: int, *, labeller: str) -> int:
        """Take a label back by adding a row that says so; the label itself stays in the file.

        Args:
            number: What :meth:`add` returned.
            labeller: Who takes it back.

        Returns:
            The number of the new row.

        Raises:
            ValueError: If there is no such label, or it was taken back before.
        """
        created = datetime.now(UTC).isoformat()
        with self._writing() as connection:
            found = connection.execute("SELECT kind FROM events WHERE id = ?", (number,)).fetchone()
            if found is None or found[0] == _UNDO:
                raise ValueError(f"number={number} is not the number of a label in {self.path}")
            if connection.execute("SELECT 1 FROM events WHERE undoes = ?", (number,)).fetchone():
                raise ValueError(f"number={number} has been undone before")
            return _insert(connection, (_UNDO, labeller, created, number, "{}"))

    def rows(
        self,
        kind: type[Label] | None = None,
        *,
        labeller: str | None = None,
        clip: str | None = None,
        undone: bool = False,
    ) -> Iterator[Stored]:
        """Return labels with their numbers, in the order of adding.

        Args:
            kind: Only labels of this class.
            labeller: Only labels of this person.
            clip: Only labels on the clip of this digest.
            undone: Whether labels that were taken back are returned as well.

        Raises:
            StoreError: If a row cannot be read; the message names it.
        """
        where, values = ["e.kind != ?"], [_UNDO]
        if not undone:
            where.append("NOT EXISTS (SELECT 1 FROM events u WHERE u.undoes = e.id)")
        if kind is not None:
            where.append("e.kind = ?")
            values.append(kind.kind)
        if labeller is not None:
            where.append("e.labeller = ?")
            values.append(labeller)
        if clip is not None:
            where.append("e.id IN (SELECT event FROM clips WHERE digest = ?)")
            values.append(clip)
        query = f"SELECT e.id, e.body FROM events e WHERE {' AND '.join(where)} ORDER BY e.id"
        with self._reading() as connection:
            found = connection.execute(query, values).fetchall()
        return (self._parse(number, body) for number, body in found)

    def labels(
        self, kind: type[LabelT], *, labeller: str | None = None, clip: str | None = None
    ) -> Iterator[LabelT]:
        """Return the labels of one class that stand, in the order of adding; see :meth:`rows`."""
        for row in self.rows(kind, labeller=labeller, clip=clip):
            if isinstance(row.label, kind):
                yield row.label

    def events(self) -> list[Event]:
        """Return all rows, those that take others back included, in the order of adding."""
        query = "SELECT id, kind, labeller, created, undoes, body FROM events ORDER BY id"
        with self._reading() as connection:
            return [Event(*row) for row in connection.execute(query)]

    def restore(self, events: Sequence[Event]) -> int:
        """Add rows of another store, under new numbers, unless they are here already: all of them, or none.

        Args:
            events: Rows; one that takes a label back comes after that label.

        Returns:
            How many were added.

        Raises:
            ValueError: If a body cannot be read as a label.
            StoreError: If the file cannot be written.
        """
        numbers: dict[int, int] = {}
        added = 0
        same = "SELECT id FROM events WHERE kind = ? AND labeller = ? AND created = ? AND body = ?"
        with self._writing() as connection:
            for event in events:
                undoes = None if event.undoes is None else numbers[event.undoes]
                key = (event.kind, event.labeller, event.created, event.body)
                query, values = (same, key) if undoes is None else (_UNDONE, (undoes,))
                found = connection.execute(query, values).fetchone()
                if found is not None:
                    numbers[event.number] = int(found[0])
                    continue
                row = (event.kind, event.labeller, event.created, undoes, event.body)
                numbers[event.number] = number = _insert(connection, row)
                added += 1
                if undoes is None:
                    clips = label_from_dict(json.loads(event.body)).clips
                    connection.executemany(
                        "INSERT INTO clips VALUES (?, ?)", [(number, clip.digest) for clip in clips]
                    )
        return added

    def __len__(self) -> int:
        """Number of labels that stand."""
        query = "SELECT COUNT(*) - 2 * COUNT(undoes) FROM events"
        with self._reading() as connection:
            return int(connection.execute(query).fetchone()[0])

    def __iter__(self) -> Iterator[Label]:
        """Iterate over the labels that stand, in the order of adding."""
        return (row.label for row in self.rows())

    def close(self) -> None:
        """Close the file; calling it twice is harmless, and using the store opens it again."""
        with self._lock:
            if self._connection is not None and self._owner == os.getpid():
                self._connection.close()
            self._connection = None

    def __enter__(self) -> Self:
        """Return the store, to be closed at the end of the ``with`` block."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the file."""
        self.close()

    def __repr__(self) -> str:
        """Name the file."""
        return f"LabelStore({str(self.path)!r})"

    def _parse(self, number: int, body: str) -> Stored:
        try:
            return Stored(number, label_from_dict(json.loads(body)))
        except ValueError as error:
            raise StoreError(f"{self.path}: label {number} cannot be read: {error}") from error

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            try:
                yield self._connect()
            except sqlite3.DatabaseError as error:
                raise StoreError(f"{self.path} cannot be read as a store of labels: {error}") from error

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._reading() as connection, _transaction(connection):
            yield connection

    def _connect(self) -> sqlite3.Connection:
        """Return this process's connection; a connection must not cross a fork."""
        if self._connection is None or self._owner != os.getpid():
            self._connection = self._open()
            self._owner = os.getpid()
        return self._connection

    def _open(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self.path, timeout=self._timeout, isolation_level=None, check_same_thread=False
        )
        try:
            _use_write_ahead_log(connection, self._timeout)
            connection.execute("PRAGMA synchronous=FULL")
            connection.execute("PRAGMA foreign_keys=ON")
            with _transaction(connection):
                self._check_or_create(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _check_or_create(self, connection: sqlite3.Connection) -> None:
        tables = connection.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()[0]
        application = connection.execute("PRAGMA application_id").fetchone()[0]
        if tables == 0 and application == 0:
            for statement in _TABLES.split(";"):
                connection.execute(statement)
            connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version={SCHEMA_VERSION}")
            return
        if application != APPLICATION_ID:
            raise StoreError(f"{self.path} is a SQLite file of another program, not a store of labels")
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if version != SCHEMA_VERSION:
            raise StoreError(
                f"{self.path} has schema version {version}, but this program reads version {SCHEMA_VERSION}"
            )


def path_of(url: str | os.PathLike[str]) -> Path:
    """Return the file that a store's URL or path names.

    Raises:
        ValueError: If it names no file, or another kind of database.
    """
    text = os.fspath(url)
    if "://" in text:
        scheme, _, rest = text.partition("://")
        if scheme != "sqlite" or not rest.startswith("/") or len(rest) < 2:
            raise ValueError(f"url={text!r} must be 'sqlite:///path' or a path")
        text = rest[1:]
    if not text or text == ":memory:":
        raise ValueError(f"url={text!r} must name a file: a label is kept on disk")
    return Path(text).expanduser()


def _insert(connection: sqlite3.Connection, row: tuple[Any, ...]) -> int:
    number = connection.execute(
        "INSERT INTO events (kind, labeller, created, undoes, body) VALUES (?, ?, ?, ?, ?)", row
    ).lastrowid
    assert number is not None
    return number


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Commit what the block does, or nothing of it; IMMEDIATE, so that writers queue and never deadlock."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def _use_write_ahead_log(connection: sqlite3.Connection, timeout: float) -> None:
    """Switch to the write-ahead log; SQLite does not wait for other processes here, so we do."""
    deadline = time.monotonic() + timeout
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
