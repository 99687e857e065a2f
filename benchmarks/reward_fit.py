"""How long a reward model takes to fit on pictures.

    python -m benchmarks.reward_fit [--segments 200] [--steps 50] [--threads 2]

An ensemble of three with the compact encoder, on comparisons of clips of ``mmenvs/PathPlanning-v0`` with its
camera of 64x64 alone; asked: below 30 s for 200 segments of 50 steps, on two cores.  Run it alone.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import torch
import tyro
from rich.console import Console
from rich.table import Table

from agents.vec_env import make_vec_env
from feedback.clips import Segment
from feedback.evidence import Comparison
from feedback.learning.rollouts import collect
from feedback.reward_models import RewardConfig, RewardModel
from feedback.sources.teachers import OracleTeacher
from feedback.vec_wrapper import EnvLayout

_ENV_ID = "mmenvs/PathPlanning-v0"
_LIMIT = 30.0


@dataclass(frozen=True)
class Options:
    """What to fit.

    Attributes:
        segments: Number of clips; every two are compared.
        steps: Steps of each [steps].
        threads: Of torch.
        seed: Seed of everything.
    """

    segments: int = 200
    steps: int = 50
    threads: int = 2
    seed: int = 0


def clips(options: Options) -> tuple[list[Segment], EnvLayout, object]:
    """Return clips of a scripted hand that mostly goes straight, so that they are long enough."""
    venv = make_vec_env(
        _ENV_ID, 64, seed=options.seed, env_kwargs={"sensors": ("camera",), "obstacle_spacing": 0}
    )
    found: list[Segment] = []
    seed = options.seed
    while len(found) < options.segments:
        for episode in collect(venv, None, env_id=_ENV_ID, seed=seed, steps=4 * options.steps):
            if len(episode) >= options.steps:
                found.append(episode.cut(0, options.steps))
        seed += 64
    layout, actions = EnvLayout(venv), venv.action_space
    venv.close()
    return found[: options.segments], layout, actions


def main(options: Options) -> None:
    """Fit and print."""
    torch.set_num_threads(options.threads)
    found, layout, actions = clips(options)
    teacher = OracleTeacher(horizon=options.steps)
    pairs = []
    for first, second in zip(found[::2], found[1::2], strict=True):
        answer = teacher.prefer(first, second)
        if answer is not None and answer.target is not None:
            pairs.append(Comparison(first, second, answer.target, "oracle"))
    config = RewardConfig(members=3, horizon=options.steps)
    model = RewardModel(layout.space, actions, config, seed=options.seed)  # type: ignore[arg-type]
    began = time.perf_counter()
    report = model.fit(pairs)
    seconds = time.perf_counter() - began
    table = Table(title=f"Fitting {config.members} members on {options.threads} threads")
    for heading in ("segments", "steps", "pairs", "epochs", "agreement", "seconds", "asked"):
        table.add_column(heading)
    table.add_row(
        str(len(found)),
        str(options.steps),
        str(len(pairs)),
        str(config.epochs),
        f"{report.agreement:.0%}",
        f"{seconds:.1f}",
        f"below {_LIMIT:.0f}",
    )
    Console().print(table)


if __name__ == "__main__":
    main(tyro.cli(Options, description=__doc__))
