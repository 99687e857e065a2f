from __future__ import annotations

import math
from dataclasses import asdict, replace

import numpy as np
import pytest
from rich.console import Console

from benchmarks import preferences
from benchmarks.keeping import append_rows, load_rows
from benchmarks.pool import results
from benchmarks.preferences import Executor, Options, Row, Run, planned, summarise
from benchmarks.preferences_rows import share_of_gain
from benchmarks.study import remaining


def row(run: Run, mean_return: float) -> Row:
    return Row(
        **asdict(run), steps=1, success=0.5, mean_return=mean_return, mean_length=9, held_out=0.9, seconds=1
    )


def test_the_plan_has_the_main_study_of_all_tasks_first_and_nothing_twice() -> None:
    plan = list(planned(Options(seeds=2)))
    assert plan[:3] == [Run(task, "random", seed=10) for task in ("path", "highway", "recommender")]
    assert len(plan[:18]) == len([run for run in plan[:18] if run.labels in (0, 200)])
    todo = remaining(plan, [row(run, 0.0) for run in plan[:5]])
    assert len(todo) == len(set(plan)) - 5 and not set(todo) & set(plan[:5])
    assert {run.teacher for run in plan} == {"", "oracle", "stochastic", "mistake", "skip", "equal", "myopic"}
    assert {run.labels for run in plan} == {0, 25, 50, 100, 200, 400, 700}


def test_a_share_is_of_the_gain_over_random_actions() -> None:
    share, low, high = share_of_gain(np.array([8.0, 8.0]), np.array([2.0, 4.0]), np.array([13.0, 13.0]))
    assert share == low == high == pytest.approx(0.5)
    share, low, high = share_of_gain(np.array([3.0, 13.0]), np.array([3.0]), np.array([13.0]))
    assert (share, low, high) == pytest.approx((0.5, 0.0, 1.0))
    assert all(map(math.isnan, share_of_gain(np.array([1.0]), np.array([]), np.array([1.0]))))


def test_rows_are_kept_and_summarised_over_seeds(tmp_path) -> None:
    learned = Run("path", "learned", "oracle", "uniform", 200)
    rows = [row(Run("path", "random"), 0.0), row(Run("path", "true"), 10.0)]
    rows += [row(replace(learned, seed=seed), value) for seed, value in enumerate((8.0, 10.0))]
    append_rows(tmp_path / "preferences_runs.csv", rows)
    assert load_rows(Row, tmp_path / "preferences_runs.csv") == rows
    summary = summarise(rows)[-1]
    assert (summary.seeds, summary.share, summary.share_low, summary.share_high) == (2, 0.9, 0.8, 1.0)
    options = Options(tasks=("path",), out=tmp_path, plot=tmp_path / "plot.png")
    preferences.report(rows, options, Console(quiet=True))
    assert (tmp_path / "plot.png").exists() and (tmp_path / "preferences.csv").exists()


def test_a_run_learns_and_is_tested() -> None:
    options = Options(tasks=("highway",), steps=1024, episodes=4)
    run = Run("highway", "learned", "stochastic", "uniform", 8, seed=3)
    ((done, made),) = results(Executor(options), [run], 1)
    assert done == made.run == run
    assert made.steps == 1024 and made.mean_length > 0


def test_bad_options_are_named() -> None:
    with pytest.raises(ValueError, match=r"tasks=\['chess'\] must be among path, highway, recommender"):
        Options(tasks=("chess",))
    with pytest.raises(ValueError, match="seeds=0 must be at least 1"):
        Options(seeds=0)
