"""Where a store is: a file, or a database on a server."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

_SERVERS = ("postgresql", "postgresql+psycopg")


@dataclass(frozen=True)
class Address:
    """A store's URL, taken apart as far as is needed before anything is opened.

    Attributes:
        database: What keeps it.
        url: The URL as it was given; it may hold a password and is left out of the representation.
        path: The file of a SQLite store, else None.
    """

    database: Literal["sqlite", "postgresql"]
    url: str = field(repr=False)
    path: Path | None = None


def address_of(url: str | os.PathLike[str]) -> Address:
    """Tell which database a URL or path names; nothing is opened.

    Raises:
        ValueError: If it names none that a store can be in.
    """
    text = os.fspath(url)
    scheme, mark, _ = text.partition("://")
    if mark and scheme in _SERVERS:
        return Address("postgresql", text)
    if mark and scheme != "sqlite":
        # What follows the scheme may hold a password, so it is not shown.
        allowed = "'sqlite:///path', 'postgresql://user@host/database' or a path"
        raise ValueError(f"url='{scheme}://...' must be {allowed}")
    return Address("sqlite", text, path_of(text))


def path_of(url: str | os.PathLike[str]) -> Path:
    """Return the file that a store's URL or path names.

    Raises:
        ValueError: If it names no file, or another kind of database.
    """
    text = os.fspath(url)
    if "://" in text:
        scheme, _, rest = text.partition("://")
        if scheme != "sqlite":
            raise ValueError(f"url='{scheme}://...' must be 'sqlite:///path' or a path")
        if not rest.startswith("/") or len(rest) < 2:
            raise ValueError(f"url={text!r} must be 'sqlite:///path' or a path")
        text = rest[1:]
    if not text or text == ":memory:":
        raise ValueError(f"url={text!r} must name a file: a label is kept on disk")
    return Path(text).expanduser()
