"""The tables of a store, the same on every database."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Identity, Index, Integer, MetaData, Table, Text

#: Marks a SQLite file as ours (its application_id; the letters "mmfb"), and names our lock on PostgreSQL.
APPLICATION_ID = 0x6D6D6662

METADATA = MetaData()

# SQLite counts rows only in a column that is declared INTEGER; it holds 64 bits there as well.
_NUMBER = BigInteger().with_variant(Integer, "sqlite")

#: Every label, and every taking back of one, in the order of adding.
EVENTS = Table(
    "events",
    METADATA,
    Column("id", _NUMBER, Identity(), primary_key=True),
    Column("kind", Text, nullable=False),
    Column("labeller", Text, nullable=False),
    Column("created", Text, nullable=False),
    Column("undoes", _NUMBER, ForeignKey("events.id"), unique=True),
    Column("body", Text, nullable=False),
    sqlite_autoincrement=True,
)

#: Which labels are about which clip.
CLIPS = Table(
    "clips",
    METADATA,
    Column("event", _NUMBER, ForeignKey("events.id"), nullable=False),
    Column("digest", Text, nullable=False),
    Index("clips_by_digest", "digest"),
    Index("clips_by_event", "event"),
)

#: One row, the version of these tables.  Writers on PostgreSQL queue for it.
VERSION = Table("label_store", METADATA, Column("version", Integer, nullable=False))
