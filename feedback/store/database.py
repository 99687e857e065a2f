"""One connection to a store's database: transactions, waiting, forks, and errors that say what to do."""

from __future__ import annotations

import math
import os
import sqlite3
import threading
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url, select
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.pool import QueuePool

from feedback.store.address import Address
from feedback.store.migrations import prepare, version_of
from feedback.store.records import SCHEMA_VERSION, StoreError
from feedback.store.schema import VERSION

_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)

# PostgreSQL's code for a lock that was not had in time.
_LOCK_TIMEOUT = "55P03"


class Database:
    """What a store reads and writes through: one connection, used by one thread at a time.

    Attributes:
        name: What errors and people call it: the file, or the URL without its password.
    """

    def __init__(self, address: Address, timeout: float) -> None:
        """Remember where it is; :meth:`reading` and :meth:`writing` open it.

        Args:
            address: Where it is.
            timeout: Seconds to wait for other writers, and for a server to answer [s].

        Raises:
            ValueError: If the URL cannot be taken apart.
        """
        self._url = _url_of(address)
        self._timeout = timeout
        self.name = str(address.path) if address.path is not None else _name_of(self._url)
        self._path = address.path
        self._lock = threading.Lock()
        self._engine: Engine | None = None
        _DATABASES.add(self)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Give a connection that sees one state of the store throughout the block.

        Raises:
            StoreError: If the store cannot be opened or read.
        """
        with self._lock, self._errors(), self._open().connect() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Give a connection whose changes are on disk after the block, or none of them if it raises.

        Raises:
            StoreError: If the store cannot be opened or written.
        """
        with self._lock, self._errors(), _transaction(self._open()) as connection:
            # Numbers are given before a commit, and commits of several could overtake each other on
            # PostgreSQL: a reader would see 8 and then 7.  Whoever has this row has the pen.
            found = connection.execute(select(VERSION.c.version).with_for_update()).scalar()
            if found != SCHEMA_VERSION:
                raise StoreError(
                    f"{self.name} has schema version {found} now, but this program writes "
                    f"version {SCHEMA_VERSION}"
                )
            yield connection

    def last_number(self, connection: Connection) -> int:
        """Return the largest number that SQLite gave, even if its row cannot be read; 0 on PostgreSQL."""
        if self._path is None:
            return 0
        query = "SELECT MAX(seq) FROM sqlite_sequence WHERE name = 'events'"
        return int(connection.exec_driver_sql(query).scalar() or 0)

    def close(self) -> None:
        """Close the connection; using the database opens it again."""
        with self._lock:
            if self._engine is not None:
                self._engine.dispose()
            self._engine = None

    def forget(self) -> None:
        """Begin anew in the child of a fork: neither lock nor connection of the parent is usable here."""
        if self._engine is not None:
            # SQLite forbids even to close a connection that crossed a fork, so it is kept for good.
            _INHERITED.append(self._engine)
        self._lock = threading.Lock()
        self._engine = None

    def _open(self) -> Engine:
        if self._engine is None:
            engine = self._new_engine()
            try:
                self._make_ready(engine)
            except BaseException:
                engine.dispose()
                raise
            self._engine = engine
        return self._engine

    def _make_ready(self, engine: Engine) -> None:
        """Look first, so that a file of another program is left as it is."""
        with engine.connect() as connection:
            version = version_of(connection, self.name)
        if self._path is not None:
            _use_write_ahead_log(engine, self._timeout)
        if version != SCHEMA_VERSION:
            with _transaction(engine) as connection:
                prepare(connection, self.name)

    def _new_engine(self) -> Engine:
        common: dict[str, Any] = {"poolclass": QueuePool, "pool_size": 1, "max_overflow": 0}
        if self._path is not None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            arguments = {"timeout": self._timeout, "isolation_level": None, "check_same_thread": False}
            engine = create_engine(self._url, connect_args=arguments, **common)
            event.listen(engine, "connect", _set_up_sqlite)
            event.listen(engine, "begin", _begin_sqlite)
            return engine
        try:
            engine = create_engine(
                self._url,
                connect_args={"connect_timeout": math.ceil(self._timeout)},
                isolation_level="READ COMMITTED",
                pool_pre_ping=True,  # a server may have been restarted meanwhile
                **common,
            )
        except ModuleNotFoundError:
            raise ModuleNotFoundError("PostgreSQL needs psycopg: pip install 'mmenvs[postgres]'") from None
        milliseconds = math.ceil(self._timeout * 1000)
        event.listen(engine, "connect", lambda connection, _: _set_up_postgresql(connection, milliseconds))
        return engine

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except (DBAPIError, sqlite3.DatabaseError) as error:
            cause = getattr(error, "orig", None) or error
            raise StoreError(self._explain(cause)) from cause

    def _explain(self, error: BaseException) -> str:
        code = getattr(error, "sqlite_errorcode", None)
        state = getattr(error, "sqlstate", None)
        if (code is not None and code & 0xFF in _BUSY) or state == _LOCK_TIMEOUT:
            return f"{self.name} is busy: others were writing for {self._timeout:g} s"
        words = str(error).strip()
        if self._url.password:
            words = words.replace(self._url.password, "***")
        words = f"{self.name} cannot be read as a store of labels: {words}"
        if code is not None and code & 0xFF in _DAMAGED:
            words += "; 'python -m feedback salvage' writes what is still there into a new store"
        return words


_DATABASES: weakref.WeakSet[Database] = weakref.WeakSet()
_INHERITED: list[Engine] = []


def _forget_all() -> None:
    for database in list(_DATABASES):
        database.forget()


if hasattr(os, "register_at_fork"):  # Windows does not fork
    os.register_at_fork(after_in_child=_forget_all)


@contextmanager
def _transaction(engine: Engine) -> Iterator[Connection]:
    """Commit what the block does, or nothing of it."""
    with engine.connect().execution_options(store_writes=True) as connection, connection.begin():
        yield connection


def _url_of(address: Address) -> URL:
    if address.path is not None:
        return URL.create("sqlite", database=str(address.path))
    try:
        url = make_url(address.url)
    except (ArgumentError, ValueError):
        # Not shown, and no cause: what cannot be taken apart may hold a password anywhere.
        shape = "postgresql://user:password@host:port/database"
        raise ValueError(f"url='postgresql://...' must have the form {shape!r}") from None
    return url.set(drivername="postgresql+psycopg")


def _name_of(url: URL) -> str:
    """Return a URL without its password, and without options, which may hold another."""
    host = url.query.get("host", ())
    shown = url.set(drivername="postgresql", query={"host": host} if host else {})
    return shown.render_as_string(hide_password=True)


def _set_up_sqlite(connection: Any, _: Any) -> None:
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA foreign_keys=ON")


def _begin_sqlite(connection: Connection) -> None:
    """Begin a transaction; IMMEDIATE for a writer, so that writers queue and never deadlock."""
    writes = connection.get_execution_options().get("store_writes", False)
    connection.exec_driver_sql(f"BEGIN {'IMMEDIATE' if writes else 'DEFERRED'}")


def _use_write_ahead_log(engine: Engine, timeout: float) -> None:
    """Switch to the write-ahead log; SQLite does not wait for other processes here, so we do."""
    deadline = time.monotonic() + timeout
    raw = engine.raw_connection()
    try:
        while True:
            try:
                raw.cursor().execute("PRAGMA journal_mode=WAL")
                return
            except sqlite3.OperationalError as error:
                if "locked" not in str(error) or time.monotonic() > deadline:
                    raise
                time.sleep(0.01)
    finally:
        raw.close()


def _set_up_postgresql(connection: Any, milliseconds: int) -> None:
    """Have commits wait for the disk, whatever the server's default, and locks not wait forever."""
    with connection.cursor() as cursor:
        (level,) = cursor.execute("SHOW synchronous_commit").fetchone()
        if level in ("off", "local"):
            cursor.execute("SET synchronous_commit TO on")
        cursor.execute(f"SET lock_timeout TO {milliseconds}")
    connection.commit()
