from __future__ import annotations

from dataclasses import dataclass
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from benchmarks import clickbait, fusion, mixed_feedback, preferences
from benchmarks.keeping import append_rows, load_rows
from benchmarks.study import StudyOptions, carry_out, remaining

RESULTS = Path(__file__).parents[2] / "benchmarks" / "results"


@dataclass(frozen=True)
class Row:
    name: str
    seed: int

    @property
    def run(self) -> tuple[str, int]:
        return self.name, self.seed


def test_only_what_has_no_row_is_run_and_the_last_row_is_the_runs_own(tmp_path) -> None:
    path, text, ran = tmp_path / "rows.csv", StringIO(), []

    def execute(run: tuple[str, int]) -> list[Row]:
        ran.append(run)
        return [Row("part of it", run[1]), Row(*run)]

    plan = [("a", 0), ("a", 1), ("a", 0), ("a", 2)]
    # The run of seed 1 was killed while its rows were written.
    append_rows(path, [Row("a", 0), Row("part of it", 1)])
    console, options = Console(file=text, width=200), StudyOptions()
    assert len(carry_out(execute, plan, Row, path, StudyOptions(report_only=True), console)) == 2
    assert not ran
    rows = carry_out(execute, plan, Row, path, options, console, lambda row: f"seed {row.seed}")
    assert ran == [("a", 1), ("a", 2)]
    assert rows == load_rows(Row, path) and len(rows) == 6
    assert "3 runs, 2 of them to do" in text.getvalue() and "2/2 seed 2" in text.getvalue()
    assert not remaining(plan, rows)


@pytest.mark.parametrize("study", [clickbait, fusion, mixed_feedback, preferences])
def test_rows_that_were_kept_are_runs_of_the_plan(study) -> None:
    rows = load_rows(study.Row, RESULTS / f"{study.__name__.rpartition('.')[2]}_runs.csv")
    assert not rows or {row.run for row in rows} & set(study.planned(study.Options()))


def test_options_name_what_is_wrong() -> None:
    with pytest.raises(ValueError, match="jobs=0 must be at least 1"):
        StudyOptions(jobs=0)
    with pytest.raises(ValueError, match="steps=-1 must be at least 1"):
        clickbait.Options(steps=-1)
