"""How fast the recommenders are, how they bear large catalogues, and how fast a peer is in the same run.

    python -m benchmarks.recommender_speed [--seconds 2] [--large 100000] [--out benchmarks/results]

Prints a table and writes ``recommender_speed.csv``: user steps per wall second and per CPU second, resets
included, best of three runs on one thread; then how much longer a step and a reset take on a large catalogue
than on 1,000 items, the median of pairs that are measured back to back.  Run it with nothing else on the
machine.  The peer is measured where it is installed: ``pip install sardine-rec``.
"""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import tyro
from gymnasium.vector import VectorEnv
from rich.console import Console
from rich.table import Table

import mmenvs  # noqa: F401  (registers the ids)
from benchmarks.keeping import keep_csv
from benchmarks.throughput import Row, measure

USERS = 256
VECTORS = ("text", "attributes", "history", "user")
PICTURES = ("image", *VECTORS)
_ACTIONS = 16
_PAIRS = 7


@dataclass(frozen=True)
class Options:
    """What to measure.

    Attributes:
        seconds: Least length of one run.
        large: Items of the large catalogue.
        out: Folder of the CSV file.
    """

    seconds: float = 2.0
    large: int = 100_000
    out: Path = Path("benchmarks/results")


def stepper(env: VectorEnv[Any, Any, Any]) -> Callable[[int], None]:
    """Return a function that steps an env with actions drawn beforehand."""
    env.reset(seed=0)
    env.action_space.seed(0)
    actions = [env.action_space.sample() for _ in range(_ACTIONS)]
    return lambda k: (env.step(actions[k % _ACTIONS]), None)[1]


def restarter(env: VectorEnv[Any, Any, Any]) -> Callable[[int], None]:
    """Return a function that resets an env."""
    return lambda k: (env.reset(seed=k), None)[1]


def batch(env_id: str, seconds: float, **kwargs: Any) -> tuple[float, float]:
    """Measure a native vector env of 256 users on one thread."""
    env = gym.make_vec(f"mmenvs/{env_id}", num_envs=USERS, threads=1, copy=False, **kwargs)
    rates = measure(stepper(env), USERS, seconds)
    env.close()
    return rates


def rows(options: Options) -> list[Row]:
    """Measure this package, then the peer."""
    seconds, large = options.seconds, options.large
    ten = {"candidates": 10, "picture_size": 32}
    boredom = batch("Boredom-v0", seconds)
    peer = sardine(seconds)
    found = [
        Row(
            "Recommender, 10 candidates: text, attributes, history, user", USERS, 1,
            *batch("Recommender-v0", seconds, modalities=VECTORS, **ten), 100_000,
        ),
        Row(
            "the same and pictures 32x32", USERS, 1,
            *batch("Recommender-v0", seconds, modalities=PICTURES, **ten), 30_000,
        ),
        Row(
            f"the same, {large:,} items", USERS, 1,
            *batch("Recommender-v0", seconds, modalities=PICTURES, items=large, **ten),
        ),
        Row("SlateRecommender", USERS, 1, *batch("SlateRecommender-v0", seconds)),
        Row(
            f"ProtoRecommender, the 10 best of {large:,} items", USERS, 1,
            *batch("ProtoRecommender-v0", seconds, items=large), 2_000,
        ),
        Row("InterestEvolution", USERS, 1, *batch("InterestEvolution-v0", seconds)),
        Row("Boredom", USERS, 1, *boredom, 20.0 * peer[1] if peer else None),
    ]  # fmt: skip
    if peer:
        found.append(Row("sardine-rec SlateTopK-Bored", 1, 1, *peer))
    return found


def sardine(seconds: float) -> tuple[float, float] | None:
    """Measure SARDINE's environment behind our Boredom, if it is installed."""
    if not importlib.util.find_spec("sardine"):
        return None
    importlib.import_module("sardine")
    env = gym.make("sardine/SlateTopK-Bored-v0", disable_env_checker=True)
    env.reset(seed=0)
    env.action_space.seed(0)
    actions = [env.action_space.sample() for _ in range(_ACTIONS)]

    def step(k: int) -> None:
        _, _, terminated, truncated, _ = env.step(actions[k % _ACTIONS])
        if terminated or truncated:
            env.reset()

    return measure(step, 1, seconds)


def slowdown(large: int, seconds: float) -> tuple[float, float]:
    """Return how many times longer a step and a reset take with ``large`` items than with 1,000."""
    envs = [
        gym.make_vec("mmenvs/Recommender-v0", num_envs=USERS, threads=1, copy=False, items=items)
        for items in (1_000, large)
    ]
    steps = [stepper(env) for env in envs]
    resets = [restarter(env) for env in envs]
    for env in envs:
        env.reset(seed=0)
    ratios = []
    for calls in (steps, resets):
        pairs = [[_time(call, seconds / _PAIRS) for call in calls] for _ in range(_PAIRS)]
        ratios.append(float(np.median([many / few for few, many in pairs])))
    for env in envs:
        env.close()
    return ratios[0], ratios[1]


def _time(call: Callable[[int], None], seconds: float) -> float:
    begin, count = time.perf_counter(), 0
    while time.perf_counter() - begin < seconds:
        call(count)
        count += 1
    return (time.perf_counter() - begin) / count


def main(options: Options) -> None:
    """Measure, print and keep."""
    console = Console()
    found = rows(options)
    table = Table(title="User steps per second, best of three")
    for heading in ("what", "users", "per wall s", "per CPU s", "asked"):
        table.add_column(heading, justify="left" if heading == "what" else "right")
    for row in found:
        asked = f"{row.asked:,.0f}" if row.asked else ""
        table.add_row(row.name, str(row.worlds), f"{row.wall:,.0f}", f"{row.cpu:,.0f}", asked)
    console.print(table)
    if found[-1].name.startswith("sardine"):
        console.print(f"Boredom against sardine-rec: {found[-2].cpu / found[-1].cpu:,.0f} times (asked 20)")
    step, reset = slowdown(options.large, 4.0 * options.seconds)
    console.print(
        f"{options.large:,} items against 1,000: a step takes {step:.2f} times as long, a reset {reset:.2f} "
        "times (asked below 2)"
    )
    keep_csv(options.out / "recommender_speed.csv", [asdict(row) for row in found])


if __name__ == "__main__":
    main(tyro.cli(Options, description=__doc__))
