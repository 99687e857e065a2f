from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import pytest

from feedback.clips import Segment
from feedback.labels import Clip
from feedback.store import LabelStore


@pytest.fixture
def store(tmp_path):
    with LabelStore(tmp_path / "labels.db") as opened:
        yield opened


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
