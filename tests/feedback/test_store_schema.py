from __future__ import annotations

import json
import sqlite3
import sys
from pathlib import Path
from urllib.parse import quote

import feedback_postgres
import pytest
from feedback_stores import evaluation

from feedback.labels import Label
from feedback.store import SCHEMA_VERSION, LabelStore, StoreError

# The tables as version 1 made them; they are not to be changed.
VERSION_1 = """
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
PRAGMA application_id=0x6D6D6662;
PRAGMA user_version=1;
"""


def make_version_1(path: Path, labels: list[Label], undone: list[int]) -> None:
    """Write a file as programs of version 1 did: labels under the numbers 1, 2, ..., then what was undone."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.executescript(VERSION_1)
    insert = "INSERT INTO events (kind, labeller, created, undoes, body) VALUES (?, ?, ?, ?, ?)"
    for number, label in enumerate(labels, 1):
        body = label.to_dict()
        row = (label.kind, label.labeller, body["created"], None, json.dumps(body))
        connection.execute(insert, row)
        digests = [(number, clip.digest) for clip in label.clips]
        connection.executemany("INSERT INTO clips VALUES (?, ?)", digests)
    for number in undone:
        connection.execute(insert, ("undo", "a", "2026-01-01T00:00:00+00:00", number, "{}"))
    connection.close()


def test_a_file_of_version_1_is_migrated_without_loss(tmp_path, make_clip) -> None:
    path = tmp_path / "labels.db"
    labels = [evaluation(make_clip(i), labeller="ab"[i % 2]) for i in range(30)]
    make_version_1(path, labels, [3, 7])
    with sqlite3.connect(path) as connection:
        before = connection.execute("SELECT * FROM events").fetchall()
    with LabelStore(path) as store:
        assert [row.number for row in store.rows()] == [n for n in range(1, 31) if n not in (3, 7)]
        assert [row.label for row in store.rows(undone=True)] == labels
        assert [row.label for row in store.rows(clip=make_clip(4).digest)] == [labels[4]]
        assert store.add(labels[0]) == 33
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT * FROM events").fetchall()[:-1] == before
        assert connection.execute("SELECT version FROM label_store").fetchall() == [(SCHEMA_VERSION,)]
        # This is where programs of version 1 look; they refuse the file rather than misread it.
        assert connection.execute("PRAGMA user_version").fetchone() == (SCHEMA_VERSION,)
    with LabelStore(path) as again:
        assert len(again) == 29


def test_a_migration_that_fails_changes_nothing(tmp_path, make_clip, monkeypatch) -> None:
    from feedback.store import migrations

    def fail(connection) -> None:
        connection.exec_driver_sql("CREATE TABLE label_store (version INTEGER NOT NULL)")
        connection.exec_driver_sql("DELETE FROM clips")
        raise KeyboardInterrupt

    path = tmp_path / "labels.db"
    make_version_1(path, [evaluation(make_clip(1))], [])
    with monkeypatch.context() as patch:
        patch.setitem(migrations._STEPS, 1, fail)
        with pytest.raises(KeyboardInterrupt):
            LabelStore(path)
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (1,)
        assert connection.execute("SELECT COUNT(*) FROM clips").fetchone() == (1,)
    with LabelStore(path) as store:
        assert len(store) == 1


def test_a_newer_version_is_refused(store_url) -> None:
    with LabelStore(store_url) as store, store._database.writing() as connection:
        connection.exec_driver_sql("UPDATE label_store SET version = 99")
    with pytest.raises(StoreError, match="has schema version 99, but this program reads versions 1 to 2"):
        LabelStore(store_url)


def test_a_newer_file_that_has_no_such_table_is_refused(tmp_path) -> None:
    path = tmp_path / "labels.db"
    make_version_1(path, [], [])
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version=7")
    with pytest.raises(StoreError, match="has schema version 7, but this program reads versions 1 to 2"):
        LabelStore(path)


def test_a_store_that_is_migrated_while_it_is_open_is_not_written(store_url, make_clip) -> None:
    with LabelStore(store_url) as store, LabelStore(store_url) as newer:
        with newer._database.writing() as connection:
            connection.exec_driver_sql("UPDATE label_store SET version = 3")
        with pytest.raises(StoreError, match="has schema version 3 now, but this program writes version 2"):
            store.add(evaluation(make_clip(1)))


def test_a_text_file_is_not_a_store(tmp_path) -> None:
    path = tmp_path / "notes.db"
    path.write_text("not a database, but long enough to be looked at as one " * 40)
    before = path.read_bytes()
    with pytest.raises(StoreError, match=r"notes\.db cannot be read as a store.*feedback salvage"):
        LabelStore(path)
    assert path.read_bytes() == before


def test_a_file_of_another_program_is_left_alone(tmp_path) -> None:
    path = tmp_path / "other.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE things (name TEXT)")
    before = path.read_bytes()
    with pytest.raises(StoreError, match=r"other\.db is a SQLite file of another program"):
        LabelStore(path)
    assert path.read_bytes() == before


def test_tables_of_another_program_on_a_server_are_left_alone(postgres_url) -> None:
    import psycopg

    with psycopg.connect(postgres_url) as connection:
        connection.execute("CREATE TABLE events (name TEXT)")
    with pytest.raises(StoreError, match="has tables of another program, called like those of a store"):
        LabelStore(postgres_url)


def test_commits_wait_for_the_disk_whatever_the_server_does_by_default(postgres_url) -> None:
    with LabelStore(postgres_url) as store, store._database.reading() as connection:
        assert connection.exec_driver_sql("SHOW synchronous_commit").scalar() == "on"


def test_a_server_that_hung_up_is_connected_to_again(postgres_url, make_clip) -> None:
    import psycopg

    with LabelStore(postgres_url) as store:
        store.add(evaluation(make_clip(1)))
        with store._database.reading() as connection:
            process = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar()
        with psycopg.connect(postgres_url, autocommit=True) as other:
            other.execute("SELECT pg_terminate_backend(%s)", (process,))
        store.add(evaluation(make_clip(2)))
        assert len(store) == 2


def test_a_store_on_a_server_has_no_path_and_shows_no_password(postgres_url) -> None:
    with LabelStore(postgres_url) as store:
        assert store.path is None
        assert store.clip_folder == Path("labels.clips")
        shown = [repr(store), store.name, repr(store._database)]
    password = quote(feedback_postgres.PASSWORD, safe="")
    if password in postgres_url:
        with pytest.raises(StoreError, match="cannot be read as a store of labels") as caught:
            LabelStore(postgres_url.replace(password, "an%20unlucky%20guess"))
        shown += [str(caught.value), repr(caught.value.__cause__)]
    with pytest.raises(StoreError, match="cannot be read") as caught:
        LabelStore("postgresql://me:swordfish@localhost:1/labels", timeout=1)
    shown.append(str(caught.value))
    for malformed in ("postgresql://me:swordfish@host:port/db", "postgresql://me:swordfish/@:@"):
        with pytest.raises((ValueError, StoreError)) as failed:
            LabelStore(malformed, timeout=1)
        shown.append(str(failed.value))
    for text in shown:
        assert not any(secret in text for secret in ("sesame", "unlucky", "swordfish")), text


def test_without_psycopg_the_extra_is_named(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'mmenvs\[postgres\]'"):
        LabelStore("postgresql://me@host/db")
