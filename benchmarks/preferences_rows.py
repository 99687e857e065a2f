"""What is known of each run of the study of preferences, and of all seeds together."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from agents.evaluation import bootstrap
from feedback.learning.config import TeacherName

Policy = Literal["random", "true", "learned"]

#: Answers in the main study.
LABELS = 200
#: Who answered in the second study.
TEACHERS: tuple[TeacherName, ...] = ("stochastic", "mistake", "skip", "equal", "myopic")


@dataclass(frozen=True)
class Run:
    """What is learned once.

    Attributes:
        task: Name of the task.
        policy: ``"random"``, ``"true"``: on the true reward, or ``"learned"``.
        teacher: Who answered; empty where nobody did.
        method: How questions were chosen; likewise.
        labels: Questions; 0 where none were asked.
        seed: Its seed.
    """

    task: str
    policy: Policy
    teacher: str = ""
    method: str = ""
    labels: int = 0
    seed: int = 0


@dataclass(frozen=True)
class Row:
    """One line of ``preferences_runs.csv``: a run and how its agent did on the test scenarios.

    Attributes:
        task: As in :class:`Run`, like the following five.
        policy: As there.
        teacher: As there.
        method: As there.
        labels: As there.
        seed: As there.
        steps: World steps of training.
        success: Share of the scenarios that succeeded.
        mean_return: Mean true return.
        mean_length: Mean steps.
        held_out: Share of held-out pairs that the learned reward ranks as the teacher did; NaN without one.
        seconds: CPU time [s].
    """

    task: str
    policy: Policy
    teacher: str
    method: str
    labels: int
    seed: int
    steps: int
    success: float
    mean_return: float
    mean_length: float
    held_out: float
    seconds: float

    @property
    def run(self) -> Run:
        """The run that this row tells of."""
        return Run(self.task, self.policy, self.teacher, self.method, self.labels, self.seed)


@dataclass(frozen=True)
class Summary:
    """One line of ``preferences.csv``: means over seeds, with their 95 % bootstrap intervals.

    ``share`` is the gain over random actions as a share of the true reward's agent's; its interval comes from
    drawing seeds of both agents with replacement.
    """

    task: str
    policy: Policy
    teacher: str
    method: str
    labels: int
    seeds: int
    success: float
    mean_return: float
    share: float
    share_low: float
    share_high: float
    held_out: float
    seconds: float


def summarise(rows: Collection[Row]) -> list[Summary]:
    """Return means over seeds, in the order of the rows."""
    groups: dict[Run, dict[int, Row]] = {}
    for row in rows:
        groups.setdefault(replace(row.run, seed=0), {})[row.seed] = row
    return [
        _summary(
            what,
            list(group.values()),
            _returns(groups, what.task, "random"),
            _returns(groups, what.task, "true"),
        )
        for what, group in groups.items()
    ]


def _returns(groups: dict[Run, dict[int, Row]], task: str, policy: Policy) -> np.ndarray[Any, Any]:
    rows = groups.get(Run(task, policy), {})
    return np.array([row.mean_return for row in rows.values()])


def _summary(
    what: Run, rows: Sequence[Row], random: np.ndarray[Any, Any], true: np.ndarray[Any, Any]
) -> Summary:
    mine = np.array([row.mean_return for row in rows])
    share, low, high = share_of_gain(mine, random, true)
    held_out = [row.held_out for row in rows if row.held_out == row.held_out]
    return Summary(
        what.task,
        what.policy,
        what.teacher,
        what.method,
        what.labels,
        seeds=len(rows),
        success=round(float(np.mean([row.success for row in rows])), 4),
        mean_return=round(bootstrap(mine).mean, 4),
        share=round(share, 4),
        share_low=round(low, 4),
        share_high=round(high, 4),
        held_out=round(float(np.mean(held_out)), 4) if held_out else float("nan"),
        seconds=round(float(np.mean([row.seconds for row in rows])), 1),
    )


def share_of_gain(
    mine: np.ndarray[Any, Any],
    random: np.ndarray[Any, Any],
    true: np.ndarray[Any, Any],
    resamples: int = 4000,
) -> tuple[float, float, float]:
    """Return the gain over random actions as a share of another agent's, with its bootstrap interval.

    Args:
        mine: Mean return of each seed of the agent.
        random: The same of random actions.
        true: The same of the other agent.
        resamples: How often seeds are drawn.

    Returns:
        Share, and the 2.5 and 97.5 percentiles of what it is for seeds drawn with replacement; NaN where
        something is missing.
    """
    if not (mine.size and random.size and true.size):
        return (float("nan"),) * 3
    rng, floor = np.random.default_rng(0), random.mean()

    def drawn(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        return np.asarray(values[rng.integers(values.size, size=(resamples, values.size))].mean(1) - floor)

    low, high = np.percentile(drawn(mine) / drawn(true), (2.5, 97.5))
    return float((mine.mean() - floor) / (true.mean() - floor)), float(low), float(high)
