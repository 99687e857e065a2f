"""Do the presets reproduce the simulators that they are named after?

    python -m benchmarks.published [--users 2000] [--out benchmarks/results]

Runs each policy on fresh users, prints the mean return with its 95 % interval beside the published figure (or
the one that was measured on a re-implementation), and keeps ``published.csv``.  Where ``sardine-rec`` is
installed (``pip install sardine-rec``) both simulators get the same items: the returns of two policies are
compared, and SARDINE's own clicks are replayed through our law of boredom, which must agree with SARDINE's
at every step.
"""

from __future__ import annotations

import importlib.util
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import tyro
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from benchmarks.keeping import keep_csv
from mmenvs.core.kernels import kernel
from mmenvs.recommender import Catalogue
from mmenvs.recommender.arrays import CLICK, Records, as_records
from mmenvs.recommender.items.presets import numeric_catalogue
from mmenvs.recommender.policies import (
    BaitPolicy,
    BoredomAwarePolicy,
    BudgetAwarePolicy,
    MyopicPolicy,
    Policy,
    RandomPolicy,
    Score,
    evaluate,
    normalised,
)
from mmenvs.recommender.users import WindowBoredom
from mmenvs.recommender.users.boredom import count_window, grow_bored, remember_click

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Options:
    """What to run.

    Attributes:
        users: Users of each policy; ten times as many where that is needed for the interval.
        seed: Seed of the episodes.
        out: Folder of the CSV file.
    """

    users: int = 2_000
    seed: int = 0
    out: Path = Path("benchmarks/results")


@dataclass(frozen=True)
class Row:
    """One policy on one task.

    Attributes:
        task: The preset, or the peer.
        policy: What recommended.
        asked: The figure to reproduce, in words.
        mean: Mean return.
        half: Half of its 95 % interval.
        users: Users.
        normalised: (mean - random) / (ceiling - random).
    """

    task: str
    policy: str
    asked: str
    mean: float
    half: float
    users: int
    normalised: float | None = None


#: What each preset should give, by policy; the first is chance and the last the ceiling.
CASES: dict[str, list[tuple[str, Policy, str]]] = {
    "interest_evolution": [
        ("random", RandomPolicy(0), "160 +- 2"),
        ("myopic", MyopicPolicy(), "+4 to +5 %"),
        ("budget-aware, observed interests", BudgetAwarePolicy(), "about +70 %"),
    ],
    "long_term_satisfaction": [
        ("random", RandomPolicy(0), ""),
        ("always clickbait", BaitPolicy(most=True), "572"),
        ("always kale", BaitPolicy(most=False), "1353"),
    ],
    "boredom": [
        ("random", RandomPolicy(0), "about 43"),
        ("greedy oracle", MyopicPolicy(), "about 150"),
        ("boredom-aware oracle", BoredomAwarePolicy(), "above 380"),
    ],
    "organic_bandit": [
        ("random", RandomPolicy(0), ""),
        ("oracle", MyopicPolicy(), ""),
    ],
}


def score(task: str, policy: Policy, users: int, seed: int, **settings: Any) -> Score:
    """Let a policy serve users of the test split, beyond the 200 frozen ones for the sake of the interval."""
    return evaluate(policy, task, episodes=users, num_scenarios=users, seed=seed, **settings)


def reproduce(options: Options) -> list[Row]:
    """Run every policy of every preset."""
    rows = []
    for task, cases in CASES.items():
        users = options.users * (10 if task in ("long_term_satisfaction", "organic_bandit") else 1)
        found = [score(task, policy, users, options.seed) for _, policy, _ in cases]
        for (name, _, asked), got in zip(cases, found, strict=True):
            share = normalised(got, found[0], found[-1])
            rows.append(Row(task, name, asked, got.mean, got.high - got.mean, users, share))
    return rows


def sardine_items() -> Catalogue:
    """Return SARDINE's items as a catalogue."""
    items = _sardine_env().item_embedd
    names = [f"topic_{k}" for k in range(items.shape[1])]
    return numeric_catalogue(items, names, items, names, category=items.argmax(axis=1))


def compare_with_sardine(users: int) -> list[Row]:
    """Run two policies on SARDINE and on our users with SARDINE's items."""
    rows, catalogue = [], sardine_items()
    for name, policy in (("random", RandomPolicy(0)), ("greedy oracle", MyopicPolicy())):
        theirs = np.array([_sardine_return(name, seed) for seed in range(users)])
        half = 1.96 * float(theirs.std(ddof=1)) / np.sqrt(users)
        rows.append(Row("sardine-rec SlateTopK-Bored", name, "", float(theirs.mean()), half, users))
        ours = score("boredom", policy, 10 * users, 0, catalogue=catalogue)
        rows.append(
            Row("boredom, SARDINE's items", name, "the same", ours.mean, ours.high - ours.mean, ours.users)
        )
    return rows


def replay_boredom(users: int) -> tuple[int, int]:
    """Replay SARDINE's clicks through our law of boredom.

    Returns:
        Steps compared, and steps in which what bores the user, or for how long, differs.
    """
    law, compared, different = as_records(WindowBoredom().law()), 0, 0
    for seed in range(users):
        env = _sardine_env()
        rng = np.random.default_rng(seed)
        topics = env.item_comp
        clicks = np.zeros((1, 10), CLICK)
        clicks["category"] = -1
        exposure, bored = np.zeros((1, 10)), np.zeros((1, 10), np.int64)
        _, info = env.reset(seed=seed)
        first = np.flatnonzero(info["clicks"])
        seen = [int(item) for item in list(env.clicked_items)[-first.size :]] if first.size else []
        for step in range(100):
            _replay(clicks, exposure, bored, topics[np.array(seen, np.int64)], step, law)
            compared += 1
            different += not np.array_equal(bored[0] > 0, env.bored) or not np.array_equal(
                bored[0][env.bored], env.bored_timeout[env.bored]
            )
            # Half of the slate is what the user likes, so that boredom comes and goes.
            liked = np.argsort(-env.item_embedd @ env.user_embedd)[:200]
            slate = np.concatenate([rng.choice(liked, 5, False), rng.integers(1000, size=5)])
            _, _, _, _, info = env.step(slate)
            seen = [int(item) for item in slate[np.flatnonzero(info["clicks"])]]
    return compared, different


@kernel
def _replay(
    clicks: Records,
    exposure: Floats,
    bored: NDArray[np.int64],
    topics: NDArray[np.int64],
    step: int,
    law: Records,
) -> None:
    for topic in topics:
        remember_click(clicks, 0, topic, step)
    count_window(law[0], clicks, exposure, 0, step)
    grow_bored(law[0], exposure, bored, 0)


def _sardine_env() -> Any:
    importlib.import_module("sardine")
    return gym.make("sardine/SlateTopK-Bored-v0", disable_env_checker=True).unwrapped


def _sardine_return(policy: str, seed: int) -> float:
    env, total = _sardine_env(), 0.0
    env.reset(seed=seed)
    rng = np.random.default_rng(seed)
    greedy = np.full(env.slate_size, -1)
    terminated = False
    while not terminated:
        slate = greedy if policy != "random" else rng.choice(env.num_items, env.slate_size, replace=False)
        _, reward, terminated, _, _ = env.step(slate)
        total += float(reward)
    return total


def main(options: Options) -> None:
    """Run, print and keep."""
    console = Console()
    rows = reproduce(options)
    if importlib.util.find_spec("sardine"):
        rows += compare_with_sardine(max(options.users // 10, 20))
    table = Table(title="Published simulators, reproduced")
    for heading in ("task", "policy", "asked", "return", "95 %", "users", "normalised"):
        table.add_column(heading, justify="left" if heading in ("task", "policy", "asked") else "right")
    for row in rows:
        share = "" if row.normalised is None else f"{row.normalised:.2f}"
        table.add_row(
            row.task, row.policy, row.asked, f"{row.mean:.1f}", f"{row.half:.1f}", str(row.users), share
        )
    console.print(table)
    by_name = {(row.task, row.policy): row.mean for row in rows}
    chance = by_name["interest_evolution", "random"]
    for (task, name), mean in by_name.items():
        if task == "interest_evolution" and name != "random":
            console.print(f"interest evolution, {name}: {mean / chance - 1.0:+.1%} against random")
    if importlib.util.find_spec("sardine"):
        compared, different = replay_boredom(20)
        console.print(f"SARDINE's clicks through our law of boredom: {different} of {compared} steps differ")
    keep_csv(options.out / "published.csv", [asdict(row) for row in rows])


if __name__ == "__main__":
    main(tyro.cli(Options, description=__doc__))
