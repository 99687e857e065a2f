"""How well the scripted driver and random actions do on each driving task's 200 test scenarios.

    python -m benchmarks.experts [--tasks Highway-v0 Merge-v0] [--scenarios 200] [--out benchmarks/results]

Prints success with Wilson's 95 % interval and what went wrong, and keeps it as ``experts.csv``.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import tyro
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

import mmenvs
from agents.evaluation import wilson
from benchmarks.keeping import keep_csv
from mmenvs.driving.expert import ScriptedDriver
from mmenvs.driving.tasks import TASKS

#: Least success of the scripted driver that the project set itself.
ASKED = {
    "Driving-v0": 0.9,
    "EmergencyVehicle-v0": 0.9,
    **dict.fromkeys(
        (
            "Highway-v0",
            "Merge-v0",
            "Exit-v0",
            "Roundabout-v0",
            "Racetrack-v0",
            "PedestrianCrossing-v0",
            "Intersection-v0",
            "SignalisedIntersection-v0",
        ),
        0.95,
    ),
}
ENDINGS = ("collision", "off_road", "off_route", "red_light", "obstruction")


@dataclass(frozen=True)
class Options:
    """What to run.

    Attributes:
        tasks: Names without the ``mmenvs/``; all driving tasks by default.
        scenarios: Scenarios of the test split.
        out: Folder of the CSV file.
    """

    tasks: tuple[str, ...] = ()
    scenarios: int = 200
    out: Path = Path("benchmarks/results")


@dataclass(frozen=True)
class Outcome:
    """How the episodes of one policy on one task ended.

    Attributes:
        success: Episodes that succeeded.
        endings: Episodes by what ended them badly.
        unfinished: Episodes cut short by the time limit.
        steps: Mean length of an episode [steps].
    """

    success: int
    endings: dict[str, int]
    unfinished: int
    steps: float


def drive(env_id: str, scenarios: int, policy: str) -> Outcome:
    """Play each scenario of the test split once."""
    options: dict[str, Any] = {"split": "test", "autoreset_mode": "DISABLED", "copy": False}
    if TASKS[mmenvs.ENVIRONMENTS[env_id].kwargs["task"]].get("reward") != "goal":
        options["sensors"] = ("state",)  # the driver needs none; where goals are shown, they are all there is
    env: Any = gym.make_vec(env_id, num_envs=scenarios, **options)
    env.reset(seed=0, options={"scenario": np.arange(scenarios)})
    simulator = env.unwrapped.simulator
    driver = ScriptedDriver(simulator)
    env.action_space.seed(0)
    done = np.zeros(scenarios, bool)
    length: NDArray[np.int64] = np.zeros(scenarios, np.int64)
    for _ in range(env.unwrapped.max_episode_steps):
        actions = driver.actions() if policy == "expert" else env.action_space.sample()
        simulator.step(actions, ~done)
        length += ~done
        done |= simulator.terminated
        if done.all():
            break
    infos = simulator.infos
    success = int(infos["success"].sum())
    endings = {name: int(infos[name].sum()) for name in ENDINGS}
    env.close()
    return Outcome(success, endings, int((~done).sum()), float(length.mean()))


def main(options: Options) -> None:
    """Run, print and keep."""
    names = options.tasks or tuple(
        name.removeprefix("mmenvs/")
        for name, entry in mmenvs.ENVIRONMENTS.items()
        if entry.entry_point.startswith("mmenvs.driving")
    )
    table = Table(title=f"success on {options.scenarios} test scenarios")
    for heading in ("task", "asked", "expert", "random", "what ended the expert's other episodes"):
        table.add_column(heading)
    rows = []
    for name in names:
        expert, chance = (drive(f"mmenvs/{name}", options.scenarios, kind) for kind in ("expert", "random"))
        rate = wilson(expert.success, options.scenarios)
        bad = ", ".join(f"{count} {what}" for what, count in expert.endings.items() if count)
        bad += f"{', ' if bad else ''}{expert.unfinished} unfinished" if expert.unfinished else ""
        asked = ASKED.get(name)
        table.add_row(
            name,
            f"{asked:.2f}" if asked else "",
            f"{rate.mean:.3f} [{rate.low:.3f}, {rate.high:.3f}]",
            f"{chance.success / options.scenarios:.3f}",
            bad,
        )
        rows.append(
            {
                "task": name,
                "asked": asked or "",
                "scenarios": options.scenarios,
                "expert": rate.mean,
                "random": chance.success / options.scenarios,
                "steps": round(expert.steps, 1),
                **expert.endings,
                "unfinished": expert.unfinished,
            }
        )
    Console().print(table)
    keep_csv(options.out / "experts.csv", rows)


if __name__ == "__main__":
    main(tyro.cli(Options, description=__doc__))
