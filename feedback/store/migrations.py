"""From no tables, or those of an older version, to those of today."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Connection, func, insert, inspect, select, update

from feedback.store.records import SCHEMA_VERSION, StoreError
from feedback.store.schema import APPLICATION_ID, CLIPS, EVENTS, METADATA, VERSION


def version_of(connection: Connection, name: str) -> int | None:
    """Return the version of a store's tables, or None where there are none yet; nothing is changed.

    Args:
        connection: To the database.
        name: What errors call it.

    Raises:
        StoreError: If another program's data are there, or the version is newer than this program.
    """
    tables = set(inspect(connection).get_table_names())
    version = _in_file(connection, name, tables) if connection.dialect.name == "sqlite" else None
    if VERSION.name in tables:
        version = connection.execute(select(VERSION.c.version)).scalar()
        if version is None:
            raise StoreError(f"{name} does not say which schema version it has")
    elif version is None and tables & {EVENTS.name, CLIPS.name}:
        raise StoreError(f"{name} has tables of another program, called like those of a store of labels")
    if version is not None and not 1 <= version <= SCHEMA_VERSION:
        raise StoreError(
            f"{name} has schema version {version}, but this program reads versions 1 to {SCHEMA_VERSION}"
        )
    return version


def prepare(connection: Connection, name: str) -> None:
    """Make the tables, or bring them to :data:`SCHEMA_VERSION`, in the transaction that is open.

    Raises:
        StoreError: See :func:`version_of`.
    """
    if connection.dialect.name == "postgresql":
        # Two that create the same table at once would collide.
        connection.execute(select(func.pg_advisory_xact_lock(APPLICATION_ID)))
    version = version_of(connection, name)
    if version is None:
        METADATA.create_all(connection)
        connection.execute(insert(VERSION).values(version=SCHEMA_VERSION))
    else:
        for step in range(version, SCHEMA_VERSION):
            _STEPS[step](connection)
        connection.execute(update(VERSION).values(version=SCHEMA_VERSION))
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql(f"PRAGMA application_id={APPLICATION_ID}")
        # Programs of version 1 look here, and so refuse a file that they do not know.
        connection.exec_driver_sql(f"PRAGMA user_version={SCHEMA_VERSION}")


def _in_file(connection: Connection, name: str, tables: set[str]) -> int | None:
    """Return the version that the header of a SQLite file says; it was the only place in version 1."""
    application = connection.exec_driver_sql("PRAGMA application_id").scalar_one()
    if not tables and application == 0:
        return None
    if application != APPLICATION_ID:
        raise StoreError(f"{name} is a SQLite file of another program, not a store of labels")
    return int(connection.exec_driver_sql("PRAGMA user_version").scalar_one())


# Steps are written out: the tables of today may not be those that a step led to.


def _from_1(connection: Connection) -> None:
    """Version 2 keeps its version in a table, because PostgreSQL has no header to keep it in."""
    connection.exec_driver_sql("CREATE TABLE label_store (version INTEGER NOT NULL)")
    connection.exec_driver_sql("INSERT INTO label_store VALUES (2)")


_STEPS: dict[int, Callable[[Connection], None]] = {1: _from_1}
