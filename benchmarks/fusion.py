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
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import tyro
from gymnasium import spaces
from gymnasium.vector import AutoresetMode
from rich.console import Console
from rich.table import Table

from agents.algorithm_config import PPOConfig
from agents.config import EncoderConfig, ImageConfig, TokensConfig, require_positive
from agents.evaluation import EvaluationResult, bootstrap, evaluate
from agents.fusion import FUSIONS
from agents.picture import draw_png
from agents.policies import Policy, PolicyFunction, policy_for
from agents.train_config import TrainConfig
from agents.training import train
from agents.vec_env import make_vector
from benchmarks.keeping import keep_csv
from benchmarks.study import StudyOptions, carry_out
from mmenvs.core.faults.bank import FaultBank

Kind = Literal["fusion", "without", "hidden", "reference"]

_WORLDS = 64
_BASELINE = "concat"
_HEADINGS: dict[str, str] = {
    "fusion": "all modalities",
    "without": f"{_BASELINE}, trained without",
    "hidden": f"{_BASELINE}, hidden from the trained agent",
}
_COLOURS = {"fusion": "tab:blue", "without": "tab:orange", "hidden": "tab:green"}


@dataclass(frozen=True)
class Task:
    """One task and the settings that learn it.

    Attributes:
        env_id: Where it is.
        option: Keyword of the environment that says what is observed.
        modalities: Name in that keyword to the keys of the observation that it brings.
        env_kwargs: Further keywords.
        measure: What counts, ``"success"`` or ``"mean_return"``.
        steps: World steps of a run.
        reward_scale: Factor on the rewards that PPO sees.
        ppo: Its settings.
        encoder: The networks, but for the fusion.
        faults: Name of a modality to what is wrong with it.
    """

    env_id: str
    option: str
    modalities: Mapping[str, tuple[str, ...]]
    env_kwargs: Mapping[str, Any]
    measure: str
    steps: int
    reward_scale: float
    ppo: PPOConfig
    encoder: EncoderConfig = field(default_factory=EncoderConfig)
    faults: Mapping[str, str] = field(default_factory=dict)

    def observing(self, without: str = "") -> dict[str, Any]:
        """Return the keywords of the environment with all modalities, or all but one."""
        seen = tuple(name for name in self.modalities if name != without)
        # An environment refuses faults of what it does not have.
        faults = tuple(fault for name, fault in self.faults.items() if name != without)
        given = {"faults": faults} if faults else {}
        return {**self.env_kwargs, self.option: seen, **given, "threads": 1}


_ENCODER = EncoderConfig(image=ImageConfig(features=64), tokens=TokensConfig(encoder="transformer"))
_STREET: dict[str, Any] = {
    "camera_size": (48, 48),
    "lidar_beams": 60,
    "action": "steer",
    "dt": 0.2,
    "oncoming_lanes": 1,
}
TASKS: dict[str, Task] = {
    "driving": Task(
        "mmenvs/Driving-v0",
        "sensors",
        {name: (name,) for name in ("camera", "lidar", "state", "instruction")},
        {
            **_STREET,
            "camera_fov": 75.0,
            "lanes": 3,
            "road_length": 160.0,
            "max_curvature": 0.012,
            "traffic_vehicles": 4,
            "traffic_speed": (3.5, 5.5),
            "obstacle_spacing": 48.0,
            "blocked_lanes": 1,
        },
        measure="success",
        steps=200_000,
        reward_scale=0.05,
        ppo=PPOConfig(9e-4, anneal=True, n_steps=64, batch_size=512, n_epochs=2, gamma=0.95, ent_coef=0.001),
        encoder=_ENCODER,
        faults={name: f"{name}:blackout:1:random:0.04:8" for name in ("camera", "lidar")},
    ),
    "instructed": Task(
        "mmenvs/Instructed-v0",
        "sensors",
        {name: (name,) for name in ("camera", "lidar", "motion", "instruction")},
        {**_STREET, "map": "Y", "lanes": 1, "pedestrians": 0, "traffic_vehicles": 2},
        measure="success",
        steps=150_000,
        reward_scale=0.05,
        ppo=PPOConfig(9e-4, anneal=True, n_steps=64, batch_size=512, n_epochs=4, gamma=0.95, ent_coef=0.005),
        encoder=_ENCODER,
    ),
    "recommender": Task(
        "mmenvs/Recommender-v0",
        "modalities",
        {
            "image": ("candidate_image",),
            "text": ("candidate_text",),
            "attributes": ("candidate_attributes",),
            "history": ("history_attributes", "history_feedback"),
            "user": ("user",),
        },
        {"candidates": 4, "users": {"boredom": None, "population": {"spread": 0.5}}},
        measure="mean_return",
        steps=120_000,
        reward_scale=1.0,
        ppo=PPOConfig(9e-4, anneal=True, n_steps=32, batch_size=256, n_epochs=3, gamma=0.5, ent_coef=0.003),
        encoder=replace(_ENCODER, width=32),
    ),
}


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
    if run.kind == "fusion" and run.variant == _BASELINE:
        for modality, keys in task.modalities.items():
            hidden = hide(policy, task, keys, min(64, episodes))
            again = Run(run.task, "hidden", modality, run.seed, run.steps)
            rows.append(_row(again, test(hidden, num_envs=64), seconds))
    return [*rows, _row(run, test(policy), seconds)]


def train_config(run: Run, folder: Path) -> TrainConfig:
    """Return the settings of the training of a run, which is kept in ``folder``."""
    task = TASKS[run.task]
    fusion = run.variant if run.kind == "fusion" else _BASELINE
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


def plot(summaries: Sequence[Summary], path: Path) -> bool:
    """Draw the summary as a PNG: a panel per task, a bar per variant, lines for the references.

    Returns:
        Whether it was drawn; without matplotlib it is not.
    """
    names = list(dict.fromkeys(summary.task for summary in summaries))
    return draw_png(path, (4.6 * len(names), 5.2), lambda figure: _draw(figure, names, summaries))


def _draw(figure: Any, names: Sequence[str], summaries: Sequence[Summary]) -> None:
    for axes, name in zip(figure.subplots(1, len(names), squeeze=False)[0], names, strict=True):
        _draw_task(axes, TASKS[name], name, [summary for summary in summaries if summary.task == name])
    handles = {
        label: handle
        for axes in figure.axes
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)
    }
    figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=5, frameon=False)


def _draw_task(axes: Any, task: Task, name: str, summaries: Sequence[Summary]) -> None:
    """Draw one task: horizontal bars, grouped by kind from the top down."""
    place, ticks, labels = 0.0, [], []
    for kind, heading in _HEADINGS.items():
        for entry in (summary for summary in summaries if summary.kind == kind):
            mean, low, high = _measure(task, entry)
            axes.barh(
                place,
                mean,
                xerr=[[mean - low], [high - mean]],
                color=_COLOURS[kind],
                error_kw={"capsize": 2, "lw": 1},
                label=heading,
            )
            ticks.append(place)
            labels.append(entry.variant if kind == "fusion" else f"no {entry.variant}")
            place += 1.0
        place += 0.6
    for entry in (summary for summary in summaries if summary.kind == "reference"):
        style = {"random": ":", "expert": "--"}[entry.variant]
        axes.axvline(_measure(task, entry)[0], color="black", ls=style, lw=1, label=entry.variant)
    seeds = {summary.seeds for summary in summaries if summary.kind != "reference"} or {0}
    count = f"{min(seeds)}" if len(seeds) == 1 else f"{min(seeds)} to {max(seeds)}"
    what = {"success": "success on held-out scenarios", "mean_return": "return on held-out scenarios"}
    axes.set(title=f"{name} ({count} seeds)", xlabel=what[task.measure], yticks=ticks)
    axes.set_yticklabels(labels)
    axes.invert_yaxis()
    axes.grid(axis="x", alpha=0.3)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def _measure(task: Task, entry: Summary) -> tuple[float, float, float]:
    """Return the mean and the interval of what counts in a task."""
    if task.measure == "success":
        return entry.success, entry.success_low, entry.success_high
    return entry.mean_return, entry.mean_return_low, entry.mean_return_high


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
            _HEADINGS.get(entry.kind, entry.kind),
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
