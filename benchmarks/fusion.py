"""Which fusion learns best, and what does each modality add?

    python -m benchmarks.fusion [--tasks driving instructed recommender] [--seeds 3] [--jobs 1]
        [--steps 150000] [--out benchmarks/results] [--report-only]

Three tasks, small enough to be learnt in one or two minutes of one core:

* ``driving``: a short road with slow traffic and obstacles, on which the camera and the lidar go black at
  random, each about a quarter of the time.  The instruction says nothing of obstacles: it is a control.
* ``instructed``: a fork of which only the instruction says which way to take.
* ``recommender``: four candidates a page for users whom nothing bores, and whose tastes differ half as much
  as usual.

On each, PPO learns with every fusion and all modalities, and with ``concat`` and one modality less, which the
environment then does not make.  The agent of ``concat`` is also tested with one modality hidden from it that
it learnt with.  All are judged on the same 200 test scenarios, beside random actions and the scripted expert,
which knows the state of the world.

Every finished run is a row of ``fusion_runs.csv``; what has its row there is not run again, so that the
benchmark may be stopped and started at will, and ``--report-only`` draws what is there.  Delete that file
after a change of a task's settings.  The summary ``fusion.csv`` has means over seeds with 95 % bootstrap
intervals over seeds, which are too narrow with as few as three, and is drawn as ``docs/images/fusion.png``.
"""

from __future__ import annotations

import os

# One core for torch; this must be set before it is loaded.
os.environ["OMP_NUM_THREADS"] = "1"

import tempfile
import time
from collections.abc import Collection, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import tyro
from gymnasium import spaces
from gymnasium.vector import AutoresetMode
from rich.console import Console
from rich.table import Table

from agents.config import require_positive
from agents.evaluation import EvaluationResult, bootstrap, evaluate
from agents.fusion import FUSIONS
from agents.policies import Policy, PolicyFunction, policy_for
from agents.train_config import TrainConfig
from agents.training import train
from agents.vec_env import make_vector
from benchmarks.fusion_plot import plot
from benchmarks.fusion_rows import BASELINE, HEADINGS, Kind, Row, Run, Summary
from benchmarks.fusion_tasks import TASKS, Task
from benchmarks.keeping import keep_csv
from benchmarks.study import StudyOptions, carry_out
from mmenvs.core.faults.bank import FaultBank

_WORLDS = 64


@dataclass(frozen=True)
class Options(StudyOptions):
    """What to run.

    Attributes:
        tasks: Names of tasks.
        steps: World steps of a run; the task's own by default.
        plot: Where to draw the summary.
    """

    tasks: tuple[str, ...] = tuple(TASKS)
    seeds: int = 3
    steps: int | None = None
    plot: Path = Path("docs/images/fusion.png")

    def __post_init__(self) -> None:
        """Check the fields.

        Raises:
            ValueError: Naming the field, its value and what is allowed.
        """
        super().__post_init__()
        if unknown := sorted(set(self.tasks) - set(TASKS)):
            raise ValueError(f"tasks={unknown} must be among {', '.join(TASKS)}")
        if self.steps is not None:
            require_positive(self, "steps")


def planned(options: Options) -> Iterator[Run]:
    """Yield all runs: all variants of all tasks have the first seed before any has the second."""
    for seed in range(options.seeds):
        for name in options.tasks:
            task = TASKS[name]
            steps = options.steps or task.steps
            for policy in ("random", "expert"):
                yield Run(name, "reference", policy, seed, 0)
            for fusion in FUSIONS:
                yield Run(name, "fusion", fusion, seed, steps)
            for modality in task.modalities:
                yield Run(name, "without", modality, seed, steps)


def execute(run: Run, episodes: int) -> list[Row]:
    """Do one run.

    Returns:
        Its row, last; before it, for the baseline, those of the modalities that were hidden from it.
    """
    task = TASKS[run.task]
    without = run.variant if run.kind == "without" else ""
    kwargs = task.observing(without)
    test = partial(evaluate, env_id=task.env_id, episodes=episodes, seed=run.seed, env_kwargs=kwargs)
    if run.kind == "reference":
        policy: Policy = "expert" if run.variant == "expert" else "random"
        return [_row(run, test(policy), 0.0)]
    begin = time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        policy = train(train_config(run, Path(folder)), quiet=True).model
    seconds = time.process_time() - begin
    rows = []
    if run.kind == "fusion" and run.variant == BASELINE:
        for modality, keys in task.modalities.items():
            hidden = hide(policy, task, keys, min(64, episodes))
            again = Run(run.task, "hidden", modality, run.seed, run.steps)
            rows.append(_row(again, test(hidden, num_envs=64), seconds))
    return [*rows, _row(run, test(policy), seconds)]


def train_config(run: Run, folder: Path) -> TrainConfig:
    """Return the settings of the training of a run, which is kept in ``folder``."""
    task = TASKS[run.task]
    fusion = run.variant if run.kind == "fusion" else BASELINE
    return TrainConfig(
        task.env_id,
        steps=run.steps,
        seed=run.seed,
        num_envs=_WORLDS,
        env_kwargs=task.observing(run.variant if run.kind == "without" else ""),
        reward_scale=task.reward_scale,
        out=folder,
        device="cpu",
        threads=1,
        checkpoint_every=0,
        encoder=replace(task.encoder, fusion=fusion),
        ppo=task.ppo,
    )


def hide(policy: Policy, task: Task, keys: Sequence[str], worlds: int) -> PolicyFunction:
    """Return a policy to which some keys read as nothing, as a black picture or an empty sentence.

    Args:
        policy: A policy of the task with all modalities.
        task: The task.
        keys: What it does not see.
        worlds: Number of worlds that it will act in.
    """
    env = make_vector(task.env_id, 1, AutoresetMode.DISABLED, task.observing())
    act = policy_for(policy, env)
    space = env.single_observation_space
    env.close()
    assert isinstance(space, spaces.Dict)
    bank = FaultBank(space, [f"{key}:blackout" for key in keys], worlds)
    everyone = np.arange(worlds)
    bank.reset(everyone, np.zeros(worlds, np.uint64))

    def act_without(observations: Any) -> Any:
        shown = dict(observations) | {key: observations[key].copy() for key in keys}
        bank.apply(shown, everyone)
        return act(shown)

    return act_without


def summarise(rows: Collection[Row], options: Options) -> list[Summary]:
    """Return means over seeds of the rows that the options speak of, in the order of the plan."""
    summaries = []
    for name in options.tasks:
        task = TASKS[name]
        steps = options.steps or task.steps
        variants: dict[Kind, Sequence[str]] = {
            "reference": ("random", "expert"),
            "fusion": tuple(FUSIONS),
            "without": tuple(task.modalities),
            "hidden": tuple(task.modalities),
        }
        for kind, names in variants.items():
            for variant in names:
                wanted = (name, kind, variant, 0 if kind == "reference" else steps)
                # A row that is there twice counts once.
                own = {r.seed: r for r in rows if (r.task, r.kind, r.variant, r.steps) == wanted}
                if own:
                    summaries.append(_summary(wanted, list(own.values())))
    return summaries


def _row(run: Run, result: EvaluationResult, seconds: float) -> Row:
    rate = result.success_rate
    return Row(
        **asdict(run),
        episodes=result.returns.size,
        success=round(rate.mean, 4) if rate else float("nan"),
        mean_return=round(result.mean_return.mean, 4),
        mean_length=round(result.mean_length.mean, 2),
        seconds=round(seconds, 1),
    )


def _summary(what: tuple[str, Kind, str, int], rows: Sequence[Row]) -> Summary:
    success = bootstrap(np.array([row.success for row in rows]))
    returns = bootstrap(np.array([row.mean_return for row in rows]))
    return Summary(
        *what,
        seeds=len(rows),
        success=round(success.mean, 4),
        success_low=round(success.low, 4),
        success_high=round(success.high, 4),
        mean_return=round(returns.mean, 4),
        mean_return_low=round(returns.low, 4),
        mean_return_high=round(returns.high, 4),
        seconds=round(float(np.mean([row.seconds for row in rows])), 1),
    )


def report(rows: Collection[Row], options: Options, console: Console) -> None:
    """Keep, draw and print the summary of what is there."""
    summaries = summarise(rows, options)
    if not summaries:
        console.print("nothing to report yet")
        return
    keep_csv(options.out / "fusion.csv", [asdict(summary) for summary in summaries])
    plot(summaries, options.plot)
    table = Table(title="Fusions and modalities on held-out scenarios: mean and 95 % interval over seeds")
    for heading in ("task", "what", "variant", "seeds", "success", "return", "training [CPU s]"):
        table.add_column(heading)
    for entry in summaries:
        table.add_row(
            entry.task,
            HEADINGS.get(entry.kind, entry.kind),
            entry.variant,
            str(entry.seeds),
            f"{entry.success:.1%} [{entry.success_low:.1%}, {entry.success_high:.1%}]",
            f"{entry.mean_return:.2f} [{entry.mean_return_low:.2f}, {entry.mean_return_high:.2f}]",
            f"{entry.seconds:.0f}" if entry.kind != "reference" else "",
        )
    console.print(table)


def main(options: Options) -> None:
    """Run what is missing, keep each row, and report."""
    console, path = Console(), options.out / "fusion_runs.csv"
    run_one = partial(execute, episodes=options.episodes)
    rows = carry_out(run_one, planned(options), Row, path, options, console, _describe)
    report(rows, options, console)


def _describe(row: Row) -> str:
    return (
        f"{row.task} {row.kind} {row.variant} seed {row.seed}: "
        f"success {row.success:.1%}, return {row.mean_return:.2f}, {row.seconds:.0f} s"
    )


if __name__ == "__main__":
    main(tyro.cli(Options, description=__doc__))
