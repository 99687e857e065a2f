"""What a run of learning from people achieved."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rich.table import Table
from stable_baselines3.common.base_class import BaseAlgorithm

from agents.evaluation import EvaluationResult
from feedback.fitting import FitReport
from feedback.reward_models import RewardModel


@dataclass(frozen=True)
class LearnResult:
    """What a run achieved.

    Attributes:
        agent: The agent that learned from people.
        reward_model: The learned reward; None where there is none in between.
        reports: One fit per round.
        labels: Questions asked, and judgements that were there before.
        steps: World steps of training of each agent; of the one on the true reward alone, where the other
            learns from labels without a world.
        random: Held-out episodes of random actions.
        learned: Held-out episodes of the agent.
        true: Held-out episodes of the agent trained on the true reward; None if there was none.
        seconds: Wall time of the whole run, without what was done before it was resumed [s].
        left_out: Why labels of the store were not used, each reason with the number of labels.
    """

    agent: BaseAlgorithm
    reward_model: RewardModel | None
    reports: tuple[FitReport, ...]
    labels: int
    steps: int
    random: EvaluationResult
    learned: EvaluationResult
    true: EvaluationResult | None
    seconds: float
    left_out: dict[str, int]

    @property
    def ratio(self) -> float:
        """What the agent gained over random actions, over what the true reward's agent did.

        Of success where the environment reports it, else of return; NaN without that agent, or if it gained
        nothing.
        """
        if self.true is None:
            return math.nan
        floor, mine, theirs = (_score(result) for result in (self.random, self.learned, self.true))
        return (mine - floor) / (theirs - floor) if theirs > floor else math.nan

    def to_dict(self) -> dict[str, Any]:
        """Return plain lists and numbers, ready for JSON."""
        rows = {"random": self.random, "learned": self.learned, "true": self.true}
        return {
            "labels": self.labels,
            "steps": self.steps,
            "seconds": self.seconds,
            "ratio": None if math.isnan(self.ratio) else self.ratio,
            "left_out": self.left_out,
            "fits": [
                {k: None if isinstance(v, float) and math.isnan(v) else v for k, v in vars(report).items()}
                for report in self.reports
            ],
            **{name: None if result is None else result.to_dict() for name, result in rows.items()},
        }


def result_table(result: LearnResult) -> Table:
    """Return the table that a run ends with."""
    facts = f"{result.labels} labels, {result.steps:,} steps, {result.seconds:.0f} s"
    table = Table(title=f"{result.learned.env_id}: {facts}")
    for column in ("agent", "success", "true return"):
        table.add_column(column, justify="left" if column == "agent" else "right")
    rows: Sequence[tuple[str, EvaluationResult | None]] = (
        ("random", result.random),
        ("from people", result.learned),
        ("true reward", result.true),
    )
    for name, row in rows:
        if row is not None:
            table.add_row(name, str(row.success_rate or "-"), str(row.mean_return))
    said = []
    if result.reports:
        last = result.reports[-1]
        held = f"held out {percent(last.held_out_agreement)} of {last.held_out}"
        said.append(f"agreement {percent(last.agreement)}, {held}")
    if not math.isnan(result.ratio):
        said.append(f"{result.ratio:.2f} of what the true reward gains over random actions")
    table.caption = "; ".join(said)
    return table


def percent(value: float) -> str:
    """Write a share, or a dash for NaN."""
    return "-" if math.isnan(value) else f"{value:.0%}"


def _score(result: EvaluationResult) -> float:
    rate = result.success_rate
    return result.mean_return.mean if rate is None else rate.mean
