"""What 200 simulated preferences reach against the true reward, for several seeds.

    python -m benchmarks.preferences [--seeds 0 1 2] [--out benchmarks/results]

Runs ``python -m feedback learn`` once per seed, and keeps a summary as ``preferences.json``.  Asked: at
least 0.8 of the true-reward agent's success, each run within ten minutes on two cores.

``--constant`` adds a control: an agent whose every step is worth 1.  On a task that rewards survival, such as
PathPlanning, that is nearly the true reward, and a claim about preferences must be read beside it.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tyro
from rich.console import Console
from rich.table import Table


@dataclass(frozen=True)
class Options:
    """What to run.

    Attributes:
        env_id: The task.
        labels: Preferences in each run.
        seeds: One run each.
        constant: Train the control as well.
        steps: World steps of training for every agent; None for what ``feedback learn`` takes.
        runs: Folder of the runs.
        out: Folder of the summary.
    """

    env_id: str = "mmenvs/PathPlanning-v0"
    labels: int = 200
    seeds: tuple[int, ...] = (0, 1, 2)
    constant: bool = False
    steps: int | None = None
    runs: Path = Path("runs/benchmark-preferences")
    out: Path = Path("benchmarks/results")


def run(seed: int, options: Options) -> dict[str, Any]:
    """Learn once from preferences and return what was reached."""
    folder = options.runs / f"seed{seed}"
    begin = time.perf_counter()
    command = [sys.executable, "-m", "feedback", "learn", options.env_id, "--teacher", "oracle"]
    command += ["--labels", str(options.labels), "--seed", str(seed)]
    if options.steps is not None:
        command += ["--steps", str(options.steps)]
    subprocess.run([*command, "--out", str(folder)], check=True)
    result = json.loads((folder / "result.json").read_text())
    row = {"seed": seed, "seconds": round(time.perf_counter() - begin, 1), **summary(result)}
    if options.constant:
        row["constant reward"] = control(seed, options)
    return row


def summary(result: dict[str, Any]) -> dict[str, Any]:
    """Return the success rates of a ``result.json``, with their intervals."""
    return {name: result[name]["success_rate"] for name in ("random", "learned", "true") if result.get(name)}


def control(seed: int, options: Options) -> dict[str, float]:
    """Train on a reward of 1 for every step and return the success rate with its interval."""
    from dataclasses import replace

    from stable_baselines3.common.vec_env import VecEnvWrapper

    from agents.defaults import defaults_for
    from agents.evaluation import evaluate
    from agents.training import train
    from agents.vec_env import make_vec_env

    class Constant(VecEnvWrapper):
        """Replaces every reward by a constant of the usual scale."""

        def reset(self) -> Any:
            return self.venv.reset()

        def step_wait(self) -> Any:
            observations, rewards, dones, infos = self.venv.step_wait()
            return observations, np.full_like(rewards, settings.reward_scale), dones, infos

    settings = defaults_for(options.env_id)
    steps = options.steps or settings.steps // 2
    settings = replace(settings, steps=steps, seed=seed, out=options.runs / f"constant{seed}")
    venv = Constant(make_vec_env(options.env_id, settings.num_envs or 64, seed=seed))
    model = train(settings, venv=venv).model
    venv.close()
    rate = evaluate(model, options.env_id, 100, seed=seed).to_dict()["success_rate"]
    return dict(rate)


def main(options: Options) -> None:
    """Run, print and keep."""
    rows = [run(seed, options) for seed in options.seeds]
    table = Table(title=f"{options.env_id}: success from {options.labels} preferences")
    policies = [key for key in rows[0] if key not in ("seed", "seconds")]
    for heading in ("seed", "seconds", *policies, "learned / true"):
        table.add_column(heading)
    for row in rows:
        rates = [f"{row[p]['mean']:.0%} [{row[p]['low']:.0%}, {row[p]['high']:.0%}]" for p in policies]
        ratio = row["learned"]["mean"] / max(row["true"]["mean"], 1e-9)
        table.add_row(str(row["seed"]), f"{row['seconds']:.0f}", *rates, f"{ratio:.2f}")
    Console().print(table)
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "preferences.json").write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main(tyro.cli(Options, description=__doc__))
