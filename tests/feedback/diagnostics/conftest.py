from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from gymnasium import spaces

from agents.config import EncoderConfig
from feedback.clips import ClipFolder, Segment
from feedback.diagnostics.progress import COLUMNS
from feedback.labels import Preference
from feedback.reward_models import RewardConfig, RewardModel
from feedback.store import LabelStore

SPACE = spaces.Dict(
    {"camera": spaces.Box(0, 255, (8, 8, 3), np.uint8), "state": spaces.Box(-9, 9, (2,), np.float32)}
)
BEGIN = datetime(2025, 1, 1, 9, tzinfo=UTC)


@dataclass
class Run:
    """A folder as learning leaves it, and what is in it."""

    folder: Path
    model: RewardModel
    preferences: list[Preference]
    numbers: list[int]
    segments: list[Segment]

    @property
    def store(self) -> Path:
        return self.folder / "labels.db"

    def clip_file(self, index: int) -> Path:
        return self.folder / "labels.clips" / f"{self.segments[index].digest}.npz"


@pytest.fixture(scope="session")
def reward_model() -> RewardModel:
    config = RewardConfig(members=2, hidden=8, horizon=4, held_out=0.3, encoder=EncoderConfig())
    return RewardModel(SPACE, spaces.Discrete(3), config, seed=0)


@pytest.fixture
def run(tmp_path, make_segment, reward_model) -> Run:
    """Twelve pairs of two labellers; the last label is taken back."""
    rng = np.random.default_rng(0)
    folder = tmp_path / "run"
    segments = [make_segment(rng.normal(size=4).tolist(), mark=k, terminated=k % 5 == 0) for k in range(24)]
    preferences, numbers = [], []
    with LabelStore(folder / "labels.db") as store:
        clips = ClipFolder(store.clip_folder)
        for k in range(12):
            first, second = (clips.add(segment) for segment in segments[2 * k : 2 * k + 2])
            better = segments[2 * k].rewards.sum() > segments[2 * k + 1].rewards.sum()
            preferences.append(
                Preference(
                    labeller="alice" if k % 2 else "bob & <co>",
                    first=first,
                    second=second,
                    choice="first" if better else "second",
                    created=BEGIN + timedelta(seconds=5 * k),
                    response_time=1.0 + k,
                    shown_left="first" if k % 3 else "second",
                )
            )
            numbers.append(store.add(preferences[-1]))
        store.undo(numbers[-1], labeller="alice")
    rows = [f"{1000 * k},{k},{k},{k + 1},0.9,0.8" for k in range(1, 9)]
    (folder / "progress.csv").write_text("\n".join([",".join(COLUMNS), *rows]) + "\n", encoding="utf-8")
    (folder / "result.json").write_text('{"learned": {"env_id": "Toy-v0"}}', encoding="utf-8")
    return Run(folder, reward_model, preferences, numbers, segments)
