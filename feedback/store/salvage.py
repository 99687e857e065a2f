"""What can still be read of a damaged file, in a new store."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from feedback.store.address import path_of
from feedback.store.carve import carve
from feedback.store.records import Event, StoreError, Unreadable, label_of
from feedback.store.scan import COLUMNS, Damaged, scan
from feedback.store.store import LabelStore

# A row takes more than that, so a file of n bytes holds fewer than n / 32 rows [bytes].
_LEAST_ROW = 32


@dataclass(frozen=True)
class Salvaged:
    """What was saved of a damaged store.

    Attributes:
        kept: Rows that are in the new store.
        lost: Rows that are not, in order; a file that was cut short may have had more after them.
        clips: Clip files that were put beside the new store.
    """

    kept: int
    lost: tuple[Unreadable, ...]
    clips: int


def salvage(broken: str | os.PathLike[str], good: LabelStore) -> Salvaged:
    """Write all rows of a damaged SQLite store that can still be read, and their clips, into a new store.

    The damaged file is only copied and read.  Rows are numbered anew, in the same order.

    Args:
        broken: The damaged file, as a path or URL.
        good: Where the rows go; it must be empty.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If ``good`` has rows already.
        StoreError: If nothing at all can be read.
    """
    path = path_of(broken)
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist")
    if good.events():
        raise ValueError(f"good={good.name!r} must be an empty store: it has rows already")
    events, lost = _sort_out(_rows_of(path))
    if not events:
        raise StoreError(f"nothing can be read of {path}: it has no rows of a store of labels")
    good.restore(events)
    source = path.with_name(f"{path.stem}.clips")
    return Salvaged(len(events), tuple(lost), _bring_clips(events, source, good.clip_folder))


def _rows_of(path: Path) -> list[Event | Unreadable]:
    """Return the rows that SQLite can reach, or that lie where it cannot, and name those that are missing."""
    log = path.with_name(f"{path.name}-wal")
    size = path.stat().st_size + (log.stat().st_size if log.exists() else 0)
    found, last = _read(path, log, size // _LEAST_ROW)
    numbers = range(1, max([last, *found]) + 1)
    if not found or any(not isinstance(found.get(number), Event) for number in numbers):
        for event in carve(path.read_bytes()):
            known = isinstance(found.get(event.number), Event)
            if not known and 1 <= event.number <= size // _LEAST_ROW and _makes_sense(event):
                found[event.number] = event
    # SQLite gives every number once, and a store deletes none.
    numbers = range(1, max([last, *found]) + 1)
    return [found.get(number) or Unreadable(number, "it is not in the file any more") for number in numbers]


def _read(path: Path, log: Path, most: int) -> tuple[dict[int, Event | Unreadable], int]:
    """Return the rows that SQLite finds, and the largest number, 0 if the file does not say."""
    import tempfile  # whoever only labels need not wait for its import

    with tempfile.TemporaryDirectory() as folder:
        # A copy, because SQLite would write the log that lies beside a file into it.
        copy = Path(folder) / "copy.db"
        shutil.copyfile(path, copy)
        if log.exists():
            shutil.copyfile(log, copy.with_name("copy.db-wal"))
        with closing(sqlite3.connect(copy, isolation_level=None)) as connection:
            # Without this SQLite reads nothing of a file that is shorter than its header says.
            connection.execute("PRAGMA writable_schema=ON")
            last = _last_number(connection)
            last = last if last <= most else 0
            query = f"SELECT {', '.join(COLUMNS)} FROM events WHERE id >= ? ORDER BY id LIMIT ?"

            def read(first: int, limit: int) -> Sequence[Sequence[Any]]:
                try:
                    return connection.execute(query, (first, limit)).fetchall()
                except sqlite3.DatabaseError as error:
                    raise Damaged(str(error)) from error

            return {row.number: row for row in scan(read, last) if row.number <= most}, last


def _last_number(connection: sqlite3.Connection) -> int:
    """Return the largest number that was given, as far as the file still says."""
    for query in ("SELECT seq FROM sqlite_sequence WHERE name = 'events'", "SELECT MAX(id) FROM events"):
        with suppress(sqlite3.DatabaseError):
            found = connection.execute(query).fetchone()
            if found is not None and isinstance(found[0], int):
                return int(found[0])
    return 0


def _makes_sense(event: Event) -> bool:
    try:
        label_of(event)
    except ValueError:
        return False
    return True


def _sort_out(rows: list[Event | Unreadable]) -> tuple[list[Event], list[Unreadable]]:
    """Return the rows that make sense, and the others with the reason."""
    labels: set[int] = set()
    kept, lost = [], []
    for row in rows:
        if isinstance(row, Unreadable):
            lost.append(row)
            continue
        try:
            if label_of(row) is not None:
                labels.add(row.number)
            elif row.undoes not in labels:
                raise ValueError(f"it takes back label {row.undoes}, which is lost")
        except ValueError as error:
            lost.append(Unreadable(row.number, str(error)))
        else:
            kept.append(row)
    return kept, lost


def _bring_clips(events: list[Event], source: Path, target: Path) -> int:
    """Put the clip files that the labels refer to beside the new store, and return how many."""
    labels = [label for label in map(label_of, events) if label is not None]
    names = {f"{clip.digest}.npz" for label in labels for clip in label.clips}
    names = {name for name in names if (source / name).is_file() and not (target / name).exists()}
    if names:
        target.mkdir(parents=True, exist_ok=True)
    for name in names:
        shutil.copyfile(source / name, target / name)
    return len(names)
