"""The store of labels."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar, get_args

from feedback.labels import Clip, Label, label_from_dict
from feedback.store.address import address_of
from feedback.store.records import UNDO, Event, OnUnreadable, Stored, StoreError, Unreadable, label_of
from feedback.store.scan import Damaged, scan

if TYPE_CHECKING:
    from sqlalchemy import Connection

# SQLAlchemy takes six times as long to import as all the rest: only who opens a store waits for it.

LabelT = TypeVar("LabelT", bound=Label)


class LabelStore:
    """A store of labels, in a file or on a server.

    One store may be used by several threads, and a file or database by several processes at once.  It
    survives a fork: a child opens its own connection.
    """

    def __init__(
        self,
        url: str | os.PathLike[str],
        *,
        timeout: float = 30.0,
        clip_folder: str | os.PathLike[str] | None = None,
    ) -> None:
        """Open a store, creating it where there is none and migrating it if it is of an older version.

        On PostgreSQL the labels are as durable as the server is set up to be (``fsync``), and the clips are
        files still: processes that share labels need a ``clip_folder`` that they share as well.

        Args:
            url: ``"sqlite:///relative.db"``, ``"sqlite:////absolute.db"``, a path, or
                ``"postgresql://user:password@host:port/database"`` (extra ``postgres``).
            timeout: Seconds to wait for other writers, and for a server to answer [s].
            clip_folder: Where clips are.  By default beside the file, ``labels.clips`` for ``labels.db``; for
                PostgreSQL ``labels.clips`` in the working directory.

        Raises:
            ValueError: If the URL names another kind of database, or ``timeout`` is not positive.
            StoreError: If it is damaged, cannot be reached, is not a store, or is of a newer schema version.
            ModuleNotFoundError: If it is on PostgreSQL and psycopg is not installed.
        """
        if timeout <= 0:
            raise ValueError(f"timeout={timeout} must be positive [s]")
        address = address_of(url)
        self.path = address.path
        if clip_folder is not None:
            self._clip_folder = Path(clip_folder)
        elif address.path is not None:
            self._clip_folder = address.path.with_name(f"{address.path.stem}.clips")
        else:
            self._clip_folder = Path("labels.clips")

        from feedback.store.database import Database

        self._database = Database(address, timeout)
        with self._database.reading():
            pass

    @property
    def name(self) -> str:
        """What to call it: the file, or the URL without its password."""
        return self._database.name

    @property
    def clip_folder(self) -> Path:
        """Folder in which the clips that labels refer to are kept."""
        return self._clip_folder

    def add(self, label: Label) -> int:
        """Keep a label; on disk when this returns.

        Returns:
            Its number.

        Raises:
            StoreError: If it cannot be written.
        """
        body = label.to_dict()
        event = Event(0, label.kind, label.labeller, body["created"], None, json.dumps(body, allow_nan=False))
        with self._database.writing() as connection:
            return _insert(connection, event, label.clips)

    def undo(self, number: int, *, labeller: str) -> int:
        """Take a label back by adding a row that says so; the label itself stays in the store.

        Args:
            number: What :meth:`add` returned.
            labeller: Who takes it back.

        Returns:
            The number of the new row.

        Raises:
            ValueError: If there is no such label, or it was taken back before.
        """
        from sqlalchemy import select

        from feedback.store.schema import EVENTS

        created = datetime.now(UTC).isoformat()
        with self._database.writing() as connection:
            kind = connection.execute(select(EVENTS.c.kind).where(EVENTS.c.id == number)).scalar()
            if kind is None or kind == UNDO:
                raise ValueError(f"number={number} is not the number of a label in {self.name}")
            if connection.execute(select(EVENTS.c.id).where(EVENTS.c.undoes == number)).first():
                raise ValueError(f"number={number} has been undone before")
            return _insert(connection, Event(0, UNDO, labeller, created, number, "{}"))

    def rows(
        self,
        kind: type[Label] | None = None,
        *,
        labeller: str | None = None,
        clip: str | None = None,
        undone: bool = False,
        unreadable: OnUnreadable = "raise",
    ) -> Iterator[Stored]:
        """Return labels with their numbers, in the order of adding.

        Args:
            kind: Only labels of this class.
            labeller: Only labels of this person.
            clip: Only labels on the clip of this digest.
            undone: Whether labels that were taken back are returned as well.
            unreadable: ``"raise"``, or ``"skip"`` for the labels that can be read; :meth:`unreadable` names
                the other rows.  A label whose taking back cannot be read counts as standing.

        Raises:
            ValueError: If ``unreadable`` is something else.
            StoreError: If a row cannot be read; the message names it.
        """
        if unreadable not in get_args(OnUnreadable):
            raise ValueError(f"unreadable={unreadable!r} must be one of {list(get_args(OnUnreadable))}")
        if unreadable == "skip":
            return self._readable(kind, labeller, clip, undone)

        from sqlalchemy import select

        from feedback.store.schema import CLIPS, EVENTS

        query = select(EVENTS.c.id, EVENTS.c.body).where(EVENTS.c.kind != UNDO).order_by(EVENTS.c.id)
        if not undone:
            later = EVENTS.alias()
            query = query.where(~select(later.c.id).where(later.c.undoes == EVENTS.c.id).exists())
        if kind is not None:
            query = query.where(EVENTS.c.kind == kind.kind)
        if labeller is not None:
            query = query.where(EVENTS.c.labeller == labeller)
        if clip is not None:
            query = query.where(EVENTS.c.id.in_(select(CLIPS.c.event).where(CLIPS.c.digest == clip)))
        with self._database.reading() as connection:
            found = connection.execute(query).all()
        return (self._parse(number, body) for number, body in found)

    def labels(
        self,
        kind: type[LabelT],
        *,
        labeller: str | None = None,
        clip: str | None = None,
        unreadable: OnUnreadable = "raise",
    ) -> Iterator[LabelT]:
        """Return the labels of one class that stand, in the order of adding; see :meth:`rows`."""
        for row in self.rows(kind, labeller=labeller, clip=clip, unreadable=unreadable):
            if isinstance(row.label, kind):
                yield row.label

    def events(self) -> list[Event]:
        """Return all rows, those that take others back included, in the order of adding."""
        with self._database.reading() as connection:
            return list(_events(connection))

    def unreadable(self) -> list[Unreadable]:
        """Return the rows that cannot be read, and why, in the order of adding; this reads all rows."""
        return [row for row, _ in self._scan() if isinstance(row, Unreadable)]

    def restore(self, events: Sequence[Event]) -> int:
        """Add rows of another store, under new numbers, unless they are here already: all of them, or none.

        Args:
            events: Rows; one that takes a label back comes after that label.

        Returns:
            How many were added.

        Raises:
            ValueError: If a body cannot be read as a label, or a row takes back one that is not before it.
            StoreError: If they cannot be written.
        """
        numbers: dict[int, int] = {}
        added = 0
        with self._database.writing() as connection:
            # All at once: to look for each row by itself would read the whole store as many times.
            here = {_key(row): row.number for row in _events(connection)}
            for event in events:
                if event.undoes is not None and event.undoes not in numbers:
                    raise ValueError(f"row {event.number} takes back {event.undoes}, which is not before it")
                undoes = None if event.undoes is None else numbers[event.undoes]
                row = replace(event, undoes=undoes)
                number = here.get(_key(row))
                if number is None:
                    clips = () if undoes is not None else label_from_dict(json.loads(event.body)).clips
                    number = here[_key(row)] = _insert(connection, row, clips)
                    added += 1
                numbers[event.number] = number
        return added

    def __len__(self) -> int:
        """Number of labels that stand."""
        from sqlalchemy import func, select

        from feedback.store.schema import EVENTS

        with self._database.reading() as connection:
            query = select(func.count(), func.count(EVENTS.c.undoes)).select_from(EVENTS)
            rows, undone = connection.execute(query).one()
        # Each row that takes back makes one other row not stand.
        return int(rows - 2 * undone)

    def __iter__(self) -> Iterator[Label]:
        """Iterate over the labels that stand, in the order of adding."""
        return (row.label for row in self.rows())

    def close(self) -> None:
        """Close the store; calling it twice is harmless, and using the store opens it again."""
        self._database.close()

    def __enter__(self) -> Self:
        """Return the store, to be closed at the end of the ``with`` block."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the store."""
        self.close()

    def __repr__(self) -> str:
        """Name the store."""
        return f"LabelStore({self.name!r})"

    def _parse(self, number: int, body: str) -> Stored:
        try:
            return Stored(number, label_from_dict(json.loads(body)))
        except (ValueError, TypeError) as error:
            raise StoreError(f"{self.name}: label {number} cannot be read: {error}") from error

    def _readable(
        self, kind: type[Label] | None, labeller: str | None, clip: str | None, undone: bool
    ) -> Iterator[Stored]:
        """Choose among the rows here rather than in the database, whose indexes may be damaged as well."""
        found = list(self._scan())
        gone = set() if undone else {event.undoes for event, _ in found if isinstance(event, Event)}
        for event, label in found:
            if label is None or event.number in gone:
                continue
            if kind is not None and label.kind != kind.kind:
                continue
            if labeller is not None and label.labeller != labeller:
                continue
            if clip is not None and all(part.digest != clip for part in label.clips):
                continue
            yield Stored(event.number, label)

    def _scan(self) -> Iterator[tuple[Event | Unreadable, Label | None]]:
        """Yield every row, with its label if it is one and can be read."""
        from sqlalchemy import select
        from sqlalchemy.exc import DatabaseError

        from feedback.store.schema import EVENTS

        with self._database.reading() as connection:

            def read(first: int, limit: int) -> Sequence[Sequence[Any]]:
                query = select(EVENTS).where(EVENTS.c.id >= first).order_by(EVENTS.c.id).limit(limit)
                try:
                    return connection.execute(query).all()
                except DatabaseError as error:
                    if connection.dialect.name != "sqlite":
                        raise  # a server that went away has lost no row
                    raise Damaged(str(error.orig)) from error

            rows = list(scan(read, self._database.last_number(connection)))
        for row in rows:
            if isinstance(row, Unreadable):
                yield row, None
                continue
            try:
                yield row, label_of(row)
            except ValueError as error:
                yield Unreadable(row.number, str(error)), None


def _events(connection: Connection) -> Iterator[Event]:
    from sqlalchemy import select

    from feedback.store.schema import EVENTS

    return (Event(*row) for row in connection.execute(select(EVENTS).order_by(EVENTS.c.id)))


def _key(event: Event) -> tuple[object, ...]:
    """Return what two rows that say the same have in common; a label can be taken back only once."""
    if event.undoes is not None:
        return (event.undoes,)
    return event.kind, event.labeller, event.created, event.body


def _insert(connection: Connection, event: Event, clips: Iterable[Clip] = ()) -> int:
    """Add a row, whatever number it says, and what clips it is about."""
    from sqlalchemy import insert

    from feedback.store.schema import CLIPS, EVENTS

    values = {name: getattr(event, name) for name in ("kind", "labeller", "created", "undoes", "body")}
    (number,) = connection.execute(insert(EVENTS).values(values)).inserted_primary_key or (None,)
    assert number is not None
    rows = [{"event": number, "digest": clip.digest} for clip in clips]
    if rows:
        connection.execute(insert(CLIPS), rows)
    return int(number)
