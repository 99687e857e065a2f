from __future__ import annotations

import hashlib
import uuid
from contextlib import ExitStack
from typing import Any

import feedback_postgres
import numpy as np
import pytest

from feedback.clips import Segment
from feedback.labels import Clip
from feedback.store import LabelStore


@pytest.fixture
def store(tmp_path):
    with LabelStore(tmp_path / "labels.db") as opened:
        yield opened


@pytest.fixture(scope="session")
def postgres_server():
    pytest.importorskip("psycopg", reason="mmenvs[postgres] is not installed")
    with ExitStack() as stack:
        try:
            url = stack.enter_context(feedback_postgres.server())
        except feedback_postgres.NoServerError as error:
            pytest.skip(str(error))
        yield url


@pytest.fixture
def postgres_url(postgres_server):
    """URL of a PostgreSQL database with nothing in it."""
    import psycopg

    schema = f"test_{uuid.uuid4().hex}"
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA {schema}")
        yield f"{postgres_server}{'&' if '?' in postgres_server else '?'}options=-csearch_path%3D{schema}"
        connection.execute(f"DROP SCHEMA {schema} CASCADE")


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request, tmp_path):
    """URL of a store that is not there yet, on each database."""
    if request.param == "postgresql":
        return request.getfixturevalue("postgres_url")
    return f"sqlite:///{tmp_path}/labels.db"


@pytest.fixture
def make_clip():
    def make(mark: int = 0, **changes: Any) -> Clip:
        digest = hashlib.blake2b(str(mark).encode(), digest_size=16).hexdigest()
        return Clip(
            **{"digest": digest, "env_id": "Toy-v0", "seed": 3, "episode": 0, "start": 5, "length": 4}
            | changes
        )

    return make


@pytest.fixture
def make_segment():
    def make(rewards: list[float], mark: int = 0, **changes: Any) -> Segment:
        rng = np.random.default_rng(mark)
        n = len(rewards)
        return Segment(
            **{
                "observations": {
                    "camera": rng.integers(0, 256, (n, 8, 8, 3), np.uint8),
                    "state": rng.normal(size=(n, 2)).astype(np.float32),
                },
                "actions": rng.integers(3, size=n),
                "rewards": np.array(rewards, np.float64),
                "env_id": "Toy-v0",
                "seed": 0,
                "start": 0,
            }
            | changes
        )

    return make
