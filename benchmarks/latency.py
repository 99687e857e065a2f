"""How long one decision of a deployed policy takes, by what runs it.

    python -m benchmarks.latency [--repeats 1000] [--out benchmarks/results]

Prints a table and writes ``latency.csv``: median and 99th percentile of single decisions [ms] on one thread,
of the same untrained PPO policy with the default networks as Stable-Baselines3's ``predict``, as TorchScript
and as ONNX, checks of the observation included; and, of the recommender, from a person's history and ten
items to their ranking.  Run it with nothing else on the machine.
"""

from __future__ import annotations

import importlib.util
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
import tyro
from rich.console import Console
from rich.table import Table

from agents.algorithm_config import PPOConfig
from agents.algorithms import make_model
from agents.config import EncoderConfig
from agents.deployed import Policy, measure_latency
from agents.export import export_policy
from agents.vec_env import ChannelsFirst, make_vec_env
from benchmarks.keeping import keep_csv

TASKS = ("mmenvs/Driving-v0", "mmenvs/Recommender-v0")
_HISTORY = [(k, k % 3 == 0, 10.0, 4.0) for k in range(10)]


@dataclass(frozen=True)
class Options:
    """What to measure.

    Attributes:
        repeats: Decisions that are timed.
        out: Folder of the CSV file.
    """

    repeats: int = 1000
    out: Path = Path("benchmarks/results")


@dataclass(frozen=True)
class Row:
    """One way to decide on one task; times of a decision [ms], and the size of the file [MB]."""

    task: str
    runs: str
    p50: float
    p99: float
    megabytes: float | None


def rows(task: str, repeats: int, folder: Path) -> list[Row]:
    """Measure every way to decide on a task."""
    venv = make_vec_env(task, 2, seed=0)
    model = make_model(
        "ppo", PPOConfig(n_steps=8, batch_size=16), EncoderConfig(), venv, seed=0, device="cpu"
    )
    space: Any = venv.env.single_observation_space
    observations, _ = venv.env.reset(seed=0)
    observation = {key: value[0].copy() for key, value in observations.items()}
    venv.close()
    shown = ChannelsFirst(space).view(observation)
    name = task.partition("/")[2]

    def row(runs: str, decide: Callable[[], object], file: Path | None = None) -> Row:
        found = measure_latency(decide, repeats)
        size = None if file is None else round(file.stat().st_size / 1e6, 2)
        return Row(name, runs, round(found.p50, 4), round(found.p99, 4), size)

    found = [row("SB3 predict", lambda: model.predict(shown, deterministic=True))]
    for suffix, runs in ((".pt", "TorchScript"), (".onnx", "ONNX")):
        if suffix == ".onnx" and not importlib.util.find_spec("onnxruntime"):
            continue
        file = export_policy(model, folder / f"{name}{suffix}", observation_space=space, env_id=task)
        policy = Policy.load(file)
        found.append(row(runs, lambda policy=policy: policy.act(observation), file))  # type: ignore[misc]
        if "Recommender" in name:
            recommend = lambda policy=policy: policy.recommend(_HISTORY, range(10))  # noqa: E731
            found.append(row(f"{runs}, from a history to a ranking", recommend, file))
    return found


def main(options: Options) -> None:
    """Measure, print and keep."""
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        found = [row for task in TASKS for row in rows(task, options.repeats, Path(folder))]
    table = Table(title="One decision on one thread [ms]")
    for heading in ("task", "run by", "p50", "p99", "file [MB]"):
        table.add_column(heading, justify="left" if heading in ("task", "run by") else "right")
    for row in found:
        size = "" if row.megabytes is None else f"{row.megabytes:.2f}"
        table.add_row(row.task, row.runs, f"{row.p50:.3f}", f"{row.p99:.3f}", size)
    Console().print(table)
    keep_csv(options.out / "latency.csv", [asdict(row) for row in found])


if __name__ == "__main__":
    main(tyro.cli(Options, description=__doc__))
