"""Does PPO on Ray RLlib reach what it reaches on Stable-Baselines3?

    python -m benchmarks.distributed [--seeds 0 1 2] [--steps 300000] [--runners 2] [--out benchmarks/results]

Trains on mmenvs/PathPlanning-v0 with the settings that are known to work there, once per seed with
``python -m agents distributed`` and once with ``python -m agents train``: the same networks, worlds, steps
and rates.  Each policy plays the same 200 held-out episodes.  Keeps ``distributed.csv``, after every seed:
success, return and seconds of every run, and the difference between the two with a 95 % interval, which
draws seeds and then episodes anew.  Asked: an interval that holds 0, or lies above it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import tyro
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from agents.config import require, require_positive
from agents.defaults import defaults_for
from agents.distributed.config import distributed_defaults, require_ray
from agents.distributed.training import train_distributed
from agents.evaluation import Estimate, EvaluationResult, evaluate
from agents.training import train
from benchmarks.keeping import keep_csv

#: A library's name to the successes of each seed's episodes, shape (episodes,).
Successes = Mapping[str, Sequence[NDArray[np.bool_]]]

RLLIB, SB3 = "rllib", "stable-baselines3"


@dataclass(frozen=True)
class Options:
    """What to run.

    Attributes:
        seeds: One run of each library each.
        steps: World steps of each run.
        runners: Processes of RLlib.
        threads: Threads of torch.
        episodes: Held-out episodes for each policy.
        env_id: The task.
        runs: Folder of the runs.
        out: Folder of the CSV file.
    """

    seeds: tuple[int, ...] = (0, 1, 2)
    steps: int = 300_000
    runners: int = 2
    threads: int = 2
    episodes: int = 200
    env_id: str = "mmenvs/PathPlanning-v0"
    runs: Path = Path("runs/benchmark-distributed")
    out: Path = Path("benchmarks/results")

    def __post_init__(self) -> None:
        """Check the fields."""
        require_positive(self, "steps", "runners", "threads", "episodes")
        require(self, "seeds", bool(self.seeds), "at least one seed")


def run_rllib(seed: int, options: Options) -> tuple[EvaluationResult, float]:
    """Train on RLlib; return the held-out episodes and the seconds of training."""
    config = replace(
        distributed_defaults(options.env_id),
        steps=options.steps,
        seed=seed,
        runners=options.runners,
        threads=options.threads,
        episodes=0,
        out=options.runs / f"{RLLIB}-seed{seed}",
    )
    result = train_distributed(config)
    from agents.distributed.policy import load_policy

    policy, _ = load_policy(result.checkpoint)
    return evaluate(policy, options.env_id, options.episodes), result.seconds


def run_sb3(seed: int, options: Options) -> tuple[EvaluationResult, float]:
    """Train on Stable-Baselines3; return the held-out episodes and the seconds of training."""
    config = replace(
        defaults_for(options.env_id),
        steps=options.steps,
        seed=seed,
        threads=options.threads,
        out=options.runs / f"{SB3}-seed{seed}",
    )
    result = train(config)
    return evaluate(result.model, options.env_id, options.episodes), result.seconds


def difference(successes: Successes, resamples: int = 2000) -> Estimate:
    """Return RLlib's success rate less SB3's, with a bootstrap interval over seeds and episodes."""
    rng = np.random.default_rng(0)

    def drawn(runs: Sequence[NDArray[np.bool_]]) -> float:
        chosen = rng.integers(len(runs), size=len(runs))
        return float(np.mean([runs[k][rng.integers(runs[k].size, size=runs[k].size)].mean() for k in chosen]))

    ours, theirs = successes[RLLIB], successes[SB3]
    draws = [drawn(ours) - drawn(theirs) for _ in range(resamples)]
    low, high = np.percentile(draws, (2.5, 97.5))
    mean = np.mean([run.mean() for run in ours]) - np.mean([run.mean() for run in theirs])
    return Estimate(float(mean), float(low), float(high))


def row(
    library: str, seed: int | str, success: Estimate, mean_return: float | str, seconds: float | str
) -> dict[str, Any]:
    """Return a row of the table."""
    numbers = {name: round(value, 4) for name, value in vars(success).items()}
    return {
        "library": library,
        "seed": seed,
        "success": numbers["mean"],
        "low": numbers["low"],
        "high": numbers["high"],
        "return": mean_return,
        "seconds": seconds,
    }


def main(options: Options) -> None:
    """Run, print and keep."""
    require_ray()
    rows: list[dict[str, Any]] = []
    successes: dict[str, list[NDArray[np.bool_]]] = {RLLIB: [], SB3: []}
    for seed in options.seeds:
        for library, run in ((RLLIB, run_rllib), (SB3, run_sb3)):
            result, seconds = run(seed, options)
            if result.success_rate is None or result.successes is None:
                raise ValueError(f"{options.env_id} does not report success")
            successes[library].append(result.successes)
            mean_return = round(result.mean_return.mean, 2)
            rows.append(row(library, seed, result.success_rate, mean_return, round(seconds, 1)))
        total = row("difference", "all", difference(successes), "", "")
        keep_csv(options.out / "distributed.csv", [*rows, total])
    table = Table(
        title=f"PPO on {options.env_id}, {options.steps:,} steps: {options.episodes} held-out episodes"
    )
    for heading in total:
        table.add_column(heading)
    for line in [*rows, total]:
        table.add_row(*map(str, line.values()))
    Console().print(table)


if __name__ == "__main__":
    main(tyro.cli(Options, description=__doc__))
