from __future__ import annotations

import math
import re

import numpy as np
import pytest

from feedback.diagnostics.hacking import AlarmConfig, hacking_alarm, trend
from feedback.diagnostics.progress import COLUMNS, TrainingProgress, read_progress


def made(learned, true, held=None, labels=None, rewards=None) -> TrainingProgress:
    n = len(learned)
    unknown = np.full(n, np.nan)
    held = unknown if held is None else np.asarray(held, float)
    labels = np.zeros(n) if labels is None else np.asarray(labels, float)
    per_step = (unknown, unknown) if rewards is None else rewards
    return TrainingProgress(1000 * np.arange(1, n + 1), labels, learned, true, unknown, held, *per_step)


def noise(rng: np.random.Generator, n: int, likeness: float) -> np.ndarray:
    """Values of variance 1 whose neighbours correlate."""
    values = rng.normal(size=n)
    for k in range(1, n):
        values[k] = likeness * values[k - 1] + math.sqrt(1 - likeness**2) * values[k]
    return values


@pytest.mark.parametrize(("rising", "likeness"), [(False, 0.0), (False, 0.5), (True, 0.0), (True, 0.5)])
def test_noise_fires_in_fewer_than_one_run_of_twenty(rising, likeness) -> None:
    rng = np.random.default_rng(0)
    n, runs, fired = 40, 100, 0
    for _ in range(runs):
        learned = noise(rng, n, likeness) + rising * 0.5 * np.arange(n)
        labels = np.repeat(np.arange(8), 5)
        held = (rng.binomial(12, 0.8, size=8) / 12)[labels]
        rewards = learned, noise(rng, n, likeness)
        fired += hacking_alarm(made(learned, noise(rng, n, likeness), held, labels, rewards)).fired
    assert fired / runs < 0.05


def test_a_clear_divergence_fires_from_where_it_begins() -> None:
    for seed in range(10):
        rng = np.random.default_rng(seed)
        t = np.arange(40)
        true = np.where(t < 16, t, 32 - t) + rng.normal(size=40)
        alarm = hacking_alarm(made(t + rng.normal(size=40), true))
        assert alarm.fired and alarm.judged
        assert 10_000 <= alarm.since_step <= 25_000
        assert re.search(r"learned return rises by [\d.]+ per .* the true return falls by", alarm.reason)


def test_a_trend_that_bends_is_not_taken_for_noise_that_correlates() -> None:
    rng = np.random.default_rng(2)
    # As with clicks: the truth falls by five times its noise in the first half and then stays there.
    bent = np.interp(np.arange(36), [0, 4, 16, 35], [10, 10, 7, 7])
    found = [trend(np.arange(36), bent + 0.6 * rng.normal(size=36)).falling for _ in range(50)]
    assert np.median(found) < 1e-4


def test_shorter_and_shorter_episodes_hide_nothing() -> None:
    t, rng = np.arange(40.0), np.random.default_rng(0)
    falling = -t + rng.normal(size=40)
    alarm = hacking_alarm(made(falling, falling, rewards=(t + rng.normal(size=40), falling)))
    assert alarm.fired and "the learned reward rises by" in alarm.reason
    assert "the true reward falls by" in alarm.reason


def test_a_slow_trend_shows_in_a_long_window() -> None:
    fired = []
    for seed in range(10):
        rng = np.random.default_rng(seed)
        t = np.arange(64.0)
        progress = made(t, -0.08 * t + rng.normal(size=64))
        fired.append(hacking_alarm(progress).fired)
    assert sum(fired) >= 9


def test_falling_agreement_fires_but_counts_once_per_fit() -> None:
    learned, flat = np.arange(40.0), np.zeros(40)
    falling = np.linspace(0.95, 0.5, 40)
    every_point = hacking_alarm(made(learned, flat, falling, labels=np.arange(40)))
    assert every_point.fired and "held-out agreement falls by" in every_point.reason
    three_fits = np.repeat([0.9, 0.8, 0.7, 0.7], 10)
    assert not hacking_alarm(made(learned, flat, three_fits, labels=np.repeat([1, 2, 3, 4], 10))).fired


def test_learning_well_and_learning_badly_do_not_fire() -> None:
    up, down = np.arange(40.0), -np.arange(40.0)
    assert not hacking_alarm(made(up, up)).fired
    assert not hacking_alarm(made(down, down)).fired
    assert not hacking_alarm(made(down, up)).fired


def test_too_little_is_said_to_be_too_little() -> None:
    short = hacking_alarm(made(np.arange(4.0), -np.arange(4.0)))
    assert not short.fired and not short.judged and "4 points" in short.reason
    unknown = hacking_alarm(made(np.arange(40.0), np.full(40, np.nan)))
    assert not unknown.fired and not unknown.judged and "known too seldom" in unknown.reason


def test_the_test_by_hand() -> None:
    # 5 growing values: S = 10, variance 5 * 4 * 15 / 18 before the correction for likeness.
    found = trend([0, 1, 2, 3, 4], [0.0, 2.0, 4.0, 6.0, 8.0])
    assert found.slope == 2
    assert found.rising == pytest.approx(0.5 * math.erfc(9 / math.sqrt(2 * 5 * 4 * 15 / 18)))
    assert found.falling > 0.99
    assert trend([0, 1, 2], [1.0, 1.0, 1.0]).rising == 1
    outlier = trend(np.arange(9), [0.0, 1, 2, 3, 1000, 5, 6, 7, 8])
    assert outlier.slope == 1


def test_configs_name_what_is_wrong() -> None:
    with pytest.raises(ValueError, match="window=3 must be at least 6"):
        AlarmConfig(window=3)
    with pytest.raises(ValueError, match=r"level=0.9 must be in \(0, 0.5\)"):
        AlarmConfig(level=0.9)


def test_progress_is_read_with_gaps_repeats_and_a_torn_last_row(tmp_path) -> None:
    path = tmp_path / "progress.csv"
    path.write_text(
        ",".join(COLUMNS) + "\n10,5,1.5,,0.9,\n20,5,2.5,3,0.9,0.8\n20,6,2.75,4,0.9,0.7\n30,6,1",
        encoding="utf-8",
    )
    found = read_progress(path)
    assert found.steps.tolist() == [10, 20]
    assert found.learned_return.tolist() == [1.5, 2.75]
    assert np.isnan(found.learned_reward).all()  # as in a run of an earlier version
    assert math.isnan(found.true_return[0]) and math.isnan(found.held_out_agreement[0])
    assert found.held_out_agreement[1] == 0.7


def test_bad_progress_is_named(tmp_path) -> None:
    path = tmp_path / "progress.csv"
    path.write_text("step,labels\n1,2\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"lacks the columns .*true_return"):
        read_progress(path)
    path.write_text(",".join(COLUMNS) + "\n1,2,x,,,\n", encoding="utf-8")
    with pytest.raises(ValueError, match="row 2 cannot be read"):
        read_progress(path)
    path.write_text(",".join(COLUMNS) + "\n", encoding="utf-8")
    assert len(read_progress(path).steps) == 0
