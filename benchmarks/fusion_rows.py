"""What is known of each run of the comparison of fusions, and of all seeds together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["fusion", "without", "hidden", "reference"]

BASELINE = "concat"
HEADINGS: dict[str, str] = {
    "fusion": "all modalities",
    "without": f"{BASELINE}, trained without",
    "hidden": f"{BASELINE}, hidden from the trained agent",
}


@dataclass(frozen=True)
class Run:
    """What is trained once: a fusion with all modalities or all but one; or policies without training.

    Attributes:
        task: Name of the task.
        kind: ``"fusion"``, ``"without"`` or ``"reference"``.
        variant: The fusion, the modality that is left out, or the policy.
        seed: Its seed.
        steps: World steps of training; 0 for a reference.
    """

    task: str
    kind: Kind
    variant: str
    seed: int
    steps: int


@dataclass(frozen=True)
class Row:
    """One line of ``fusion_runs.csv``.

    Attributes:
        task: Name of the task.
        kind: As in :class:`Run`, or ``"hidden"``: the baseline, tested with the modality ``variant`` hidden.
        variant: As in :class:`Run`.
        seed: Its seed.
        steps: World steps of training.
        episodes: Test scenarios.
        success: Share of them that succeeded.
        mean_return: Mean return.
        mean_length: Mean steps.
        seconds: CPU time of training [s].
    """

    task: str
    kind: Kind
    variant: str
    seed: int
    steps: int
    episodes: int
    success: float
    mean_return: float
    mean_length: float
    seconds: float

    @property
    def run(self) -> Run:
        """The run that this row tells of."""
        return Run(self.task, self.kind, self.variant, self.seed, self.steps)


@dataclass(frozen=True)
class Summary:
    """One line of ``fusion.csv``: means over seeds, with their 95 % bootstrap intervals."""

    task: str
    kind: Kind
    variant: str
    steps: int
    seeds: int
    success: float
    success_low: float
    success_high: float
    mean_return: float
    mean_return_low: float
    mean_return_high: float
    seconds: float
