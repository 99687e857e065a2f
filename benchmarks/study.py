"""A study: many runs that may be stopped and started at will, because every finished one is kept."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

from rich.console import Console

from agents.config import require_positive
from benchmarks.keeping import append_rows, load_rows
from benchmarks.pool import results


@dataclass(frozen=True)
class StudyOptions:
    """What to run of any study.

    Attributes:
        seeds: Seeds of each variant, from 0.
        jobs: Runs at a time, each on one core.
        episodes: Test scenarios of each agent.
        report_only: Run nothing; report what is there.
        out: Folder of the results.
    """

    seeds: int = 5
    jobs: int = 1
    episodes: int = 200
    report_only: bool = False
    out: Path = Path("benchmarks/results")

    def __post_init__(self) -> None:
        """Check the fields.

        Raises:
            ValueError: Naming the field, its value and what is allowed.
        """
        require_positive(self, "seeds", "jobs", "episodes")


RunT = TypeVar("RunT")


class Kept(Protocol):
    """A row of the file of finished runs: a dataclass of texts and numbers."""

    @property
    def run(self) -> Hashable:
        """The run that this row tells of."""
        ...


RowT = TypeVar("RowT", bound=Kept)


def remaining(planned: Iterable[RunT], rows: Iterable[Kept]) -> list[RunT]:
    """Return the runs that have no row yet, each once and in the order of the plan."""
    done = {row.run for row in rows}
    return [run for run in dict.fromkeys(planned) if run not in done]


def carry_out(
    execute: Callable[[RunT], RowT | list[RowT]],
    planned: Iterable[RunT],
    kind: type[RowT],
    path: Path,
    options: StudyOptions,
    console: Console,
    describe: Callable[[RowT], str] = str,
) -> list[RowT]:
    """Do the runs that have no row yet, keep the rows of each as it ends, and say how far it is.

    Args:
        execute: Does one run; must be importable.  Of several rows the last is the run's own, so that a run
            whose rows were cut off is done again.
        planned: All runs.
        kind: Class of the rows.
        path: File of the rows.
        options: How many at a time, or none at all.
        console: Where it says how far it is.
        describe: Says in a line what a run reached.

    Returns:
        All rows that the file holds then.
    """
    plan = dict.fromkeys(planned)
    runs = remaining(plan, load_rows(kind, path))
    console.print(f"{len(plan)} runs, {len(runs)} of them to do; rows go to {path}")
    if not options.report_only:
        for count, (_, made) in enumerate(results(execute, runs, options.jobs), 1):
            rows = made if isinstance(made, list) else [made]
            append_rows(path, rows)
            console.print(f"{count}/{len(runs)} {describe(rows[-1])}")
    return load_rows(kind, path)
