"""A PostgreSQL server of our own, for tests."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

PASSWORD = "open sesame/@:"


class NoServerError(RuntimeError):
    """There is no PostgreSQL here; the message says what is missing."""


@contextmanager
def server() -> Iterator[str]:
    """Give the URL of a database: the one that MMENVS_TEST_POSTGRES names, or one on a server of our own."""
    if url := os.environ.get("MMENVS_TEST_POSTGRES"):
        yield url
        return
    programs = find_programs()
    # Not pytest's folder: only its owner may enter that, and the path of a socket must be short.
    folder = Path(tempfile.mkdtemp(prefix="mmenvs-postgres-"))
    try:
        with start(programs, folder) as process:
            yield wait_for(process, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def find_programs() -> Path:
    found = shutil.which("initdb")
    folders = [Path(found).resolve().parent] if found else []
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    for folder in folders:
        if (folder / "initdb").exists() and (folder / "postgres").exists():
            return folder
    raise NoServerError("PostgreSQL (initdb, postgres) is not installed, and MMENVS_TEST_POSTGRES is not set")


@contextmanager
def start(programs: Path, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    as_whom: dict[str, Any] = {"cwd": folder, "stdin": subprocess.DEVNULL}
    (folder / "password").write_text(PASSWORD)
    if os.geteuid() == 0:  # PostgreSQL refuses to run as root
        import pwd

        names = {entry.pw_name for entry in pwd.getpwall()}
        user = next((name for name in ("postgres", "nobody") if name in names), None)
        if user is None:
            raise NoServerError("PostgreSQL refuses to run as root, and there is no user postgres or nobody")
        entry = pwd.getpwnam(user)
        for path in (folder, folder / "password"):
            os.chown(path, entry.pw_uid, entry.pw_gid)
        as_whom |= {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
    options = ["--pwfile=password", "-E", "UTF8", "--locale=C", "--no-sync"]
    made = subprocess.run(
        [programs / "initdb", "-D", "data", "-U", "labels", "-A", "scram-sha-256", *options],
        capture_output=True,
        text=True,
        check=False,
        **as_whom,
    )
    if made.returncode:
        raise NoServerError(f"initdb failed: {made.stderr.strip()}")
    # A server that commits carelessly by default, to see that the store does not.
    settings = [
        "synchronous_commit=off",
        "listen_addresses=",
        f"unix_socket_directories={folder}",
        "fsync=off",
    ]
    command = [programs / "postgres", "-D", "data", *(part for s in settings for part in ("-c", s))]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, **as_whom)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGINT)  # a fast shutdown
        process.wait(30)


def wait_for(process: subprocess.Popen[bytes], folder: Path) -> str:
    import psycopg

    deadline = time.monotonic() + 60
    while True:
        try:
            psycopg.connect(host=str(folder), user="labels", password=PASSWORD, dbname="postgres").close()
        except psycopg.OperationalError as error:
            if process.poll() is not None or time.monotonic() > deadline:
                raise NoServerError(f"PostgreSQL did not start: {(folder / 'log').read_text()}") from error
            time.sleep(0.1)
        else:
            password, host = quote(PASSWORD, safe=""), quote(str(folder), safe="")
            return f"postgresql://labels:{password}@/postgres?host={host}"
