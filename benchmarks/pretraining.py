"""What pretraining buys: fewer steps, and fewer labels.

    python -m benchmarks.pretraining [--tasks NAME ...] [--seeds 0 1 2] [--behaviour random]

*Steps.* The tasks are PathPlanning as it is, and without its lidar (:data:`TASKS`).  For each seed an encoder
is pretrained on rollouts without labels, and PPO learns the task from scratch, from the pretrained encoder,
and with it frozen, all with the same settings.  Reported are the score at the end on held-out worlds and the
mean over the learning curve, which rises the earlier the agent learns: success rates, or returns where a task
has no success.  The steps of the rollouts are not in the curves.

*Labels.* A ridge regression on frozen features of 50 to 5,000 labelled observations of PathPlanning, for the
pretrained encoder and one of random weights: which way the scripted driver steers (share of right answers),
how far and on which side the next obstacle ahead is (R^2), and how far the car is from the middle of its path
(R^2, with the state hidden, which says it), all on worlds that were neither pretrained nor labelled on.

Means over seeds with 95 % intervals of Student's t.  Keeps ``pretraining.csv`` after each seed, with what it
held of other tasks, and draws ``pretraining.png`` where matplotlib is installed.
"""

from __future__ import annotations

import os

# One core for torch; this must be set before it is loaded.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import tyro
from gymnasium.vector import AutoresetMode
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from agents.config import EncoderConfig
from agents.defaults import defaults_for
from agents.evaluation import evaluate
from agents.multimodal import MultimodalEncoder
from agents.picture import draw_png
from agents.policies import expert_policy
from agents.pretraining import LearnConfig, PretrainedEncoder, Rollouts, collect, pretrain
from agents.pretraining.config import Behaviour
from agents.pretraining.probe import encode_rows, explained, ridge
from agents.training import train
from agents.vec_env import make_vector
from benchmarks.keeping import keep_csv, load_rows
from mmenvs.driving import state as st

ARMS = ("scratch", "pretrained", "frozen")
LABELS = (50, 100, 200, 500, 1_000, 2_000, 5_000)
_PROBED = "mmenvs/PathPlanning-v0"
#: Name of a task to its id and the keyword arguments of its environment.
TASKS: dict[str, tuple[str, dict[str, Any]]] = {
    _PROBED: (_PROBED, {}),
    "PathPlanning by camera": (_PROBED, {"sensors": ("camera", "state")}),
}
_WORLDS = 64
_POINTS = 10  # of a learning curve that are kept
_FARTHEST = 40.0  # [m] obstacles beyond count as there
_UNSEEN = 500_000  # seeds of the labelled worlds begin here
_TEST = 2_000
#: 97.5 % quantiles of Student's t by degrees of freedom.
_T = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262)


@dataclass(frozen=True)
class Options:
    """What to run.

    Attributes:
        tasks: Where agents learn: names in :data:`TASKS`, or ids.
        seeds: One encoder and one run of each arm each; at most ten.
        steps: World steps of each run.
        behaviour: Who plays the rollouts.
        rollouts: World steps of the rollouts.
        learn: How encoders are pretrained.
        episodes: Held-out episodes.
        runs: Folder of the runs.
        out: Folder of the figures.
    """

    tasks: tuple[str, ...] = tuple(TASKS)
    seeds: tuple[int, ...] = (0, 1, 2)
    steps: int = 40_000
    behaviour: Behaviour = "random"
    rollouts: int = 16_000
    learn: LearnConfig = field(default_factory=lambda: LearnConfig(updates=600))
    episodes: int = 100
    runs: Path = Path("runs/benchmark-pretraining")
    out: Path = Path("benchmarks/results")


@dataclass(frozen=True)
class Row:
    """One figure.

    Attributes:
        part: ``steps`` (a point of a learning curve), ``held out``, ``labels`` or ``cost``.
        task: Where.
        measure: What ``value`` is: ``success``, ``return``, the label that was predicted, or ``seconds``.
        arm: Who.
        seed: Of everything.
        amount: World steps, or labels.
        value: The figure.
    """

    part: str
    task: str
    measure: str
    arm: str
    seed: int
    amount: int
    value: float


def pretrained_on(task: str, seed: int, options: Options) -> tuple[Path, float]:
    """Pretrain an encoder, and return its file and the seconds that it took, rollouts included."""
    begin = time.perf_counter()
    env_id, env_kwargs = TASKS.get(task, (task, {}))
    env = make_vector(env_id, _WORLDS, AutoresetMode.SAME_STEP, env_kwargs)
    rollouts = collect(env, options.rollouts, options.behaviour, seed=seed)
    env.close()
    result = pretrain(rollouts, replace(options.learn, seed=seed, threads=1, device="cpu"))
    file = options.runs / f"{_short(task)}-{seed}.pt"
    result.encoder.save(file)
    return file, time.perf_counter() - begin


def learned(task: str, arm: str, seed: int, file: Path, options: Options) -> list[Row]:
    """Train one agent and return its learning curve and what it reaches on held-out worlds."""
    env_id, env_kwargs = TASKS.get(task, (task, {}))
    config = replace(
        defaults_for(env_id),
        env_kwargs=env_kwargs,
        steps=options.steps,
        seed=seed,
        threads=1,
        device="cpu",
        checkpoint_every=0,
        out=options.runs / f"{_short(task)}-{arm}-{seed}",
        pretrained=None if arm == "scratch" else file,
        freeze=arm == "frozen",
    )
    result = train(config, quiet=True)
    held_out = evaluate(result.model, env_id, options.episodes, seed=seed, env_kwargs=env_kwargs)
    rate = held_out.success_rate
    measure = "return" if rate is None else "success"
    points = [(p.steps, p.mean_return if rate is None else p.success_rate) for p in result.curve]
    known = [(steps, value) for steps, value in points if value is not None]
    grid = np.linspace(0, options.steps, _POINTS + 1)[1:]
    curve = np.interp(grid, [s for s, _ in known], [v for _, v in known])
    rows = [
        Row("steps", task, measure, arm, seed, int(s), round(float(v), 4))
        for s, v in zip(grid, curve, strict=True)
    ]
    reached = held_out.mean_return.mean if rate is None else rate.mean
    rows.append(Row("held out", task, measure, arm, seed, options.steps, round(reached, 4)))
    rows.append(Row("cost", task, "seconds", arm, seed, options.steps, round(result.seconds, 1)))
    return rows


def labelled(seed: int, steps: int) -> tuple[Rollouts, dict[str, NDArray[Any]]]:
    """Return rollouts of PathPlanning in unseen worlds, and the labels of each of their rows."""
    env: Any = make_vector(_PROBED, _WORLDS, AutoresetMode.SAME_STEP)
    expert = expert_policy(env)
    draws = np.random.default_rng(seed)
    actions, quantities = [], []

    def act(observations: Any) -> NDArray[Any]:
        wise = np.array(expert(observations))
        actions.append(wise)
        quantities.append(truths(env.unwrapped.simulator.worlds))
        wild = draws.integers(env.single_action_space.n, size=wise.shape)
        return np.where(draws.random(wise.shape) < 0.3, wild, wise)

    rollouts = collect(env, steps, act, seed=_UNSEEN + 1_000 * seed)
    choices = int(env.single_action_space.n)
    env.close()
    known = np.concatenate(quantities)
    labels = {
        "steering": np.eye(choices)[np.concatenate(actions)],
        "obstacle": known[:, :2],
        "offset": known[:, 2:],
    }
    return rollouts, labels


def truths(worlds: Any) -> NDArray[np.float64]:
    """Return distance and side of the next obstacle ahead and the offset from the path [m], (worlds, 3)."""
    ego, boxes = worlds.ego, worlds.boxes.astype(np.float64)
    cos, sin = np.cos(ego[:, st.HEADING, None]), np.sin(ego[:, st.HEADING, None])
    east, north = boxes[:, :, st.B_X] - ego[:, st.X, None], boxes[:, :, st.B_Y] - ego[:, st.Y, None]
    ahead, aside = east * cos + north * sin, north * cos - east * sin
    there = np.arange(boxes.shape[1]) < worlds.box_count[:, None]
    ahead = np.where(there & (ahead > 0) & (ahead < _FARTHEST) & (np.abs(aside) < 10.0), ahead, _FARTHEST)
    nearest = ahead.argmin(1)[:, None]
    distance = np.take_along_axis(ahead, nearest, 1)
    side = np.where(distance < _FARTHEST, np.take_along_axis(aside, nearest, 1), 0.0)
    return np.concatenate([distance, side, ego[:, st.OFFSET, None]], 1)


def probed(seed: int, file: Path) -> list[Row]:
    """Return what few labels give with the pretrained encoder and with random weights."""
    rollouts, labels = labelled(seed, 4 * (max(LABELS) + _TEST))
    learned_rows, held = rollouts.split(0.25)
    draws = np.random.default_rng(seed)
    chosen, test = draws.permutation(learned_rows)[: max(LABELS)], draws.permutation(held)[:_TEST]
    torch.manual_seed(seed)
    pretrained = PretrainedEncoder.load(file)
    encoders = {
        "pretrained": pretrained.build(),
        "random weights": MultimodalEncoder(pretrained.space, EncoderConfig()),
    }
    rows = []
    for arm, encoder in encoders.items():
        for name, label in labels.items():
            hide = "state" if name == "offset" else ""
            known, unseen = (encode_rows(encoder, rollouts, part, hide) for part in (chosen, test))
            for count in LABELS:
                said = ridge(known[:count], label[chosen[:count]], unseen)
                truth = label[test]
                right = float((said.argmax(1) == truth.argmax(1)).mean())
                value = right if name == "steering" else explained(said, truth)
                rows.append(Row("labels", _PROBED, name, arm, seed, count, round(value, 4)))
    return rows


def interval(values: Sequence[float]) -> tuple[float, float]:
    """Return the mean and half of its 95 % interval, infinite for a single value."""
    numbers = np.asarray(values)
    if numbers.size < 2:
        return float(numbers.mean()), float("inf")
    half = _T[min(numbers.size - 2, len(_T) - 1)] * numbers.std(ddof=1) / np.sqrt(numbers.size)
    return float(numbers.mean()), float(half)


def tables(rows: Sequence[Row]) -> list[Table]:
    """Return the figures as tables: one of steps, one of labels."""
    steps = Table(title="steps: from scratch, pretrained, pretrained and frozen; mean and 95 %")
    for heading in ("task", "measure", *ARMS):
        steps.add_column(heading)
    for task in dict.fromkeys(row.task for row in rows):
        for part, name in (
            ("steps", "mean over the curve"),
            ("held out", "held out at the end"),
            ("cost", "seconds"),
        ):
            cells = [_cell([r for r in rows if (r.part, r.task, r.arm) == (part, task, arm)]) for arm in ARMS]
            steps.add_row(task, name, *cells)
    labels = Table(title="labels: frozen features and a ridge regression on PathPlanning")
    for heading in ("predicted", "encoder", *map(str, LABELS)):
        labels.add_column(heading)
    probes = [row for row in rows if row.part == "labels"]
    for measure, arm in dict.fromkeys((row.measure, row.arm) for row in probes):
        found = [[r for r in probes if (r.measure, r.arm, r.amount) == (measure, arm, n)] for n in LABELS]
        labels.add_row(measure, arm, *map(_cell, found))
    return [steps, labels]


def _cell(rows: Sequence[Row]) -> str:
    """Write the mean over seeds, of each seed's mean, with its interval."""
    if not rows:
        return "-"
    seeds = dict.fromkeys(row.seed for row in rows)
    mean, half = interval([float(np.mean([r.value for r in rows if r.seed == seed])) for seed in seeds])
    return f"{mean:.3g} ± {half:.2g}"


def draw(rows: Sequence[Row], path: Path) -> bool:
    """Draw learning curves and label curves as a PNG; return whether matplotlib is there to do it."""
    panels = list(dict.fromkeys((r.part, r.task, r.measure) for r in rows if r.part in ("steps", "labels")))
    return draw_png(path, (3.4 * len(panels), 3.2), lambda figure: _draw(figure, panels, rows))


def _draw(figure: Any, panels: Sequence[tuple[str, str, str]], rows: Sequence[Row]) -> None:
    for place, (part, task, measure) in enumerate(panels):
        axes = figure.add_subplot(1, len(panels), place + 1)
        shown = [r for r in rows if (r.part, r.task, r.measure) == (part, task, measure)]
        for arm in dict.fromkeys(row.arm for row in shown):
            amounts = sorted({row.amount for row in shown})
            found = [interval([r.value for r in shown if (r.arm, r.amount) == (arm, n)]) for n in amounts]
            mean, half = np.array(found).T
            axes.plot(amounts, mean, label=arm)
            axes.fill_between(amounts, mean - half, mean + half, alpha=0.15)
        axes.set(
            title=_short(task),
            xlabel="world steps" if part == "steps" else "labels",
            ylabel=measure,
        )
        if part == "labels":
            axes.set_xscale("log")
        if measure in ("obstacle", "offset"):
            # R^2 has no lower end; below 0, a guess of the mean would do better.
            axes.set_ylim(-0.25, 1.05)
        axes.legend(fontsize="small")


def _short(task: str) -> str:
    return task.rpartition("/")[2].replace(" ", "-")


def main(options: Options) -> None:
    """Run, print and keep."""
    torch.set_num_threads(1)
    console = Console()
    options.runs.mkdir(parents=True, exist_ok=True)
    file_of_rows = options.out / "pretraining.csv"
    rows = [row for row in load_rows(Row, file_of_rows) if row.task not in options.tasks]
    for task in options.tasks:
        for seed in options.seeds:
            file, seconds = pretrained_on(task, seed, options)
            rows.append(
                Row("cost", task, "seconds", "pretraining", seed, options.rollouts, round(seconds, 1))
            )
            if task == _PROBED:
                rows += probed(seed, file)
            for arm in ARMS:
                rows += learned(task, arm, seed, file, options)
                console.print(
                    f"{task} seed {seed} {arm}: held out {rows[-2].value:.3g}, {rows[-1].value:.0f} s"
                )
            keep_csv(file_of_rows, [asdict(row) for row in rows])
    for table in tables(rows):
        console.print(table)
    draw(rows, options.out / "pretraining.png")


if __name__ == "__main__":
    main(tyro.cli(Options, description=__doc__))
