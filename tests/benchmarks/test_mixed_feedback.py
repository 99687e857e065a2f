"""What two minutes with a finger on + and - give."""

from __future__ import annotations

import numpy as np

from benchmarks import mixed_feedback
from benchmarks.mixed_feedback import _keys
from feedback.clips import Segment


def episode(seed: int, steps: int, *, crash: bool) -> Segment:
    rewards = np.full(steps, 0.3)
    rewards[-1] = -5.0 if crash else 0.3
    return Segment(
        observations={"state": np.arange(steps, dtype=np.float32)[:, None]},
        actions=np.zeros(steps, np.int64),
        rewards=rewards,
        env_id="Toy-v0",
        seed=seed,
        start=0,
        terminated=crash,
    )


def test_a_crash_is_judged_with_its_end_and_the_rest_of_it_is_watched_in_silence() -> None:
    episodes = [episode(seed, 40, crash=True) for seed in range(4)]
    said = _keys(episodes, 0, np.random.default_rng(0))
    keys, silent = ([item for item in said if (item.value != 0.0) == pressed] for pressed in (True, False))
    assert {item.value for item in keys} == {-1.0}
    assert len(keys) == 3  # at the first crash nobody knows what is usual
    for item in keys:
        assert item.segment.terminated
        assert len(item.segment) == 1 + mixed_feedback._DELAY[1]
    assert {len(item.segment) for item in silent} == {1}
    assert sum(item.segment.terminated for item in silent) == 1
    assert len(silent) == 4 * 40 - sum(len(item.segment) for item in keys)
    assert all(item.weight < 1 for item in silent)


def test_watching_ends_when_the_time_is_over(monkeypatch) -> None:
    monkeypatch.setattr(mixed_feedback, "_WATCHED", 25)
    said = _keys([episode(0, 40, crash=True)], 0, np.random.default_rng(0))
    # Nobody waited for the crash, and a key about the last second might still have come.
    assert [item.value for item in said] == [0.0] * (25 - mixed_feedback._DELAY[1])
