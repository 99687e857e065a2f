"""Does one agent learn several tasks as well as one agent for each of them?

    python -m benchmarks.multitask [--steps 500000] [--seeds 3] [--episodes 200] [--out benchmarks/results]

One MaskablePPO over the multimodal encoder learns path planning, the motorway and the shop of
``mmenvs/MultiTask-v0`` together.  For each task a specialist of the same architecture, on the same
observation and action space, then gets as many steps of its task alone as the mix had of it, counted.  All
are judged on the same scenarios of the test split.  To fit a single core, nobody sees pictures unless
``--pictures``.

A score's share is (return - random) / (expert - random); the expert acts in the same action space.  Intervals
of 95 % are bootstraps over episodes, and for "all" over seeds and episodes.  Keeps ``multitask.csv``.
"""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import tyro
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from sb3_contrib import MaskablePPO
from stable_baselines3.common.callbacks import BaseCallback

from agents.evaluation import EvaluationResult, bootstrap, evaluate
from agents.extractor import MultimodalExtractor
from agents.policies import Policy
from agents.vec_env import ScaledReward, make_vec_env
from benchmarks.keeping import keep_csv

MIX = "mmenvs/MultiTask-v0"
#: How often an episode of each task comes, so that all get a fair share of the steps.
WEIGHTS = {"PathPlanning": 3.0, "Highway": 1.0, "Recommender": 2.0}
_NO_PICTURES: dict[str, dict[str, Any]] = {
    "PathPlanning": {"sensors": ["lidar", "state"]},
    "Highway": {"sensors": ["lidar", "state", "navigation"]},
    "Recommender": {"modalities": ["text", "attributes", "history", "user"]},
}
_SCALE = 5.0  # the critic's targets are then about 1
_RESAMPLES = 2_000


@dataclass(frozen=True)
class Options:
    """What to run.

    Attributes:
        steps: Steps of the agent that learns all tasks.
        seeds: Runs of every agent.
        episodes: Test scenarios of each task.
        num_envs: Worlds that run together.
        pictures: Whether the agents see pictures.
        out: Folder of the CSV file.
    """

    steps: int = 500_000
    seeds: int = 3
    episodes: int = 200
    num_envs: int = 64
    pictures: bool = False
    out: Path = Path("benchmarks/results")


@dataclass(frozen=True)
class Row:
    """How one agent does on one task.

    Attributes:
        task: The task.
        agent: ``"random"``, ``"expert"``, ``"shared"`` or ``"specialist"``.
        seed: Of the training; ``"all"`` for all of them together, empty for who does not learn.
        steps: Steps of the task in training; the mean over seeds for ``"all"``.
        success: Share of episodes.
        success_low: Lower end of its interval.
        success_high: Upper end of its interval.
        mean_return: Unscaled, as the task's own environment gives it.
        return_low: Lower end of its interval.
        return_high: Upper end of its interval.
        share: Of the way from random to the expert.
    """

    task: str
    agent: str
    seed: str
    steps: int
    success: float
    success_low: float
    success_high: float
    mean_return: float
    return_low: float
    return_high: float
    share: float


class CountSteps(BaseCallback):
    """Counts how many steps of each task an agent has learnt from."""

    def __init__(self, tasks: int) -> None:
        """Begin at zero for a number of tasks."""
        super().__init__()
        self.counts = np.zeros(tasks, np.int64)

    def _on_step(self) -> bool:
        # Who has just been reset counts for its next task: off by one step an episode, without bias.
        simulator = self.training_env.get_attr("simulator")[0]
        self.counts += np.bincount(simulator.task, minlength=len(self.counts))
        return True


def settings(options: Options, only: str | None = None) -> dict[str, Any]:
    """Return the keyword arguments of the mix, or of the mix that plays one task only."""
    own = {} if options.pictures else _NO_PICTURES
    return {
        "tasks": [{"task": task, **own.get(task, {})} for task in WEIGHTS],
        "weights": WEIGHTS if only is None else {task: float(task == only) for task in WEIGHTS},
        "threads": 1,
    }


def train(
    options: Options, seed: int, steps: int, only: str | None = None
) -> tuple[MaskablePPO, dict[str, int]]:
    """Train on the mix, or on one task only; return the agent and its steps of each task."""
    mix = make_vec_env(MIX, options.num_envs, seed=1_000 * seed, env_kwargs=settings(options, only))
    model = MaskablePPO(
        "MultiInputPolicy",
        ScaledReward(mix, _SCALE),
        learning_rate=lambda left: 5e-4 * left,
        n_steps=64,
        batch_size=512,
        n_epochs=4,
        gamma=0.97,
        ent_coef=0.003,
        seed=seed,
        device="cpu",
        policy_kwargs={"features_extractor_class": MultimodalExtractor, "normalize_images": False},
    )
    counter = CountSteps(len(WEIGHTS))
    model.learn(steps, callback=counter)
    mix.close()
    return model, dict(zip(WEIGHTS, counter.counts.tolist(), strict=True))


def judge(policy: Policy, task: str, options: Options) -> EvaluationResult:
    """Play the test scenarios of a task; returns are unscaled."""
    plain = {**settings(options, task), "reward_scale": dict.fromkeys(WEIGHTS, 1.0)}
    return evaluate(policy, MIX, options.episodes, env_kwargs=plain, num_envs=options.num_envs)


def row(
    task: str, agent: str, seed: str, steps: int, results: list[EvaluationResult], share: tuple[float, float]
) -> Row:
    """Summarise what one or several trainings reached on a task.

    Args:
        task: The task.
        agent: The agent.
        seed: What to call the training.
        steps: Steps of the task in training.
        results: Of each training.
        share: Mean returns of random actions and of the expert.
    """
    successes = np.array([result.successes for result in results], float)
    returns = np.array([result.returns for result in results])
    chance, ceiling = share
    return Row(
        task,
        agent,
        seed,
        steps,
        *_interval(successes),
        *_interval(returns),
        float((returns.mean() - chance) / (ceiling - chance)),
    )


def _interval(values: NDArray[np.float64]) -> tuple[float, float, float]:
    """Return mean, low and high of values of shape (seeds, episodes), resampling both."""
    if len(values) == 1:
        estimate = bootstrap(values[0])
        return estimate.mean, estimate.low, estimate.high
    rng = np.random.default_rng(0)
    seeds, episodes = values.shape
    means = [
        values[rng.integers(seeds, size=seeds)][:, rng.integers(episodes, size=episodes)].mean()
        for _ in range(_RESAMPLES)
    ]
    low, high = np.percentile(means, (2.5, 97.5))
    return float(values.mean()), float(low), float(high)


def main(options: Options) -> None:
    """Run, print and keep."""
    torch.set_num_threads(1)
    console = Console()
    rows: list[Row] = []
    bounds = {}
    for task in WEIGHTS:
        chance, ceiling = judge("random", task, options), judge("expert", task, options)
        bounds[task] = float(chance.returns.mean()), float(ceiling.returns.mean())
        rows.append(row(task, "random", "", 0, [chance], bounds[task]))
        rows.append(row(task, "expert", "", 0, [ceiling], bounds[task]))
    results: dict[tuple[str, str], list[EvaluationResult]] = {}
    steps: dict[str, list[int]] = {task: [] for task in WEIGHTS}

    def note(task: str, agent: str, seed: int, model: MaskablePPO) -> None:
        found = judge(model, task, options)
        results.setdefault((task, agent), []).append(found)
        rows.append(row(task, agent, str(seed), steps[task][seed], [found], bounds[task]))
        rate = float(np.mean(found.successes)) if found.successes is not None else 0.0
        console.print(f"seed {seed}, {agent} on {task}: success {rate:.3f}, share {rows[-1].share:.3f}")

    for seed in range(options.seeds):
        began = time.perf_counter()
        shared, counts = train(options, seed, options.steps)
        for task, count in counts.items():
            steps[task].append(count)
            note(task, "shared", seed, shared)
        for task, count in counts.items():
            note(task, "specialist", seed, train(options, seed, count, task)[0])
        console.print(f"seed {seed} took {time.perf_counter() - began:.0f} s")
        _keep(rows, results, steps, bounds, options)
    table = Table(title="One agent for all tasks, and one for each")
    for heading in ("task", "agent", "steps", "success", "95 %", "return", "95 %", "share"):
        table.add_column(heading, justify="left" if heading in ("task", "agent") else "right")
    for kept in _keep(rows, results, steps, bounds, options):
        if kept.seed in ("", "all"):
            table.add_row(
                kept.task,
                kept.agent,
                f"{kept.steps:,}",
                f"{kept.success:.3f}",
                f"{kept.success_low:.3f} to {kept.success_high:.3f}",
                f"{kept.mean_return:.1f}",
                f"{kept.return_low:.1f} to {kept.return_high:.1f}",
                f"{kept.share:.2f}",
            )
    console.print(table)


def _keep(
    rows: list[Row],
    results: dict[tuple[str, str], list[EvaluationResult]],
    steps: dict[str, list[int]],
    bounds: dict[str, tuple[float, float]],
    options: Options,
) -> list[Row]:
    """Write the rows and those of all seeds together, by task."""
    together = [
        row(task, agent, "all", int(np.mean(steps[task])), found, bounds[task])
        for (task, agent), found in results.items()
    ]
    every = sorted([*rows, *together], key=lambda kept: list(WEIGHTS).index(kept.task))
    keep_csv(options.out / "multitask.csv", [asdict(kept) for kept in every])
    return every


if __name__ == "__main__":
    main(tyro.cli(Options, description=__doc__))
