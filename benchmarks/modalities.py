"""Is every modality of the recommender needed?

    python -m benchmarks.modalities [--items 4000] [--users 400] [--seeds 5] [--out benchmarks/results]

A ridge regression predicts what an item is truly worth to a user (the hidden score, before boredom) from
what an agent sees: the user's profile, and pictures as built-in features, texts as embeddings, attributes.
It is bilinear, each feature of an item weighing each number of the profile, and is judged on items and users
that it has not seen.  Each modality is then left out, or kept alone.  Reported are the share of variance
that is explained (R^2) and the worth of the item that the model picks out of ten, from 0 for a random one to
1 for the best; means over seeds with 95 % intervals.  Keeps ``modalities.csv``.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import tyro
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from benchmarks.keeping import keep_csv
from mmenvs.recommender import Catalogue, RecommenderConfig, RecommenderSimulator

Floats = NDArray[np.float64]

SHOWN = ("image", "text", "attributes")
_COMPONENTS = 24  # of a modality's features; more of the picture's 89 tell nothing new
_ITEMS_OF_USER = 60
_PAGE = 10


@dataclass(frozen=True)
class Options:
    """What to run.

    Attributes:
        items: Items of the catalogue; half are for training.
        users: Users; half are for training.
        seeds: Catalogues and populations.
        out: Folder of the CSV file.
    """

    items: int = 4_000
    users: int = 400
    seeds: int = 5
    out: Path = Path("benchmarks/results")


@dataclass(frozen=True)
class Row:
    """One set of modalities.

    Attributes:
        modalities: What the model saw of the items.
        explained: R^2 on unseen users and items, the mean over seeds.
        explained_half: Half of its 95 % interval.
        picked: Worth of its pick out of ten, from 0 (random) to 1 (best).
        picked_half: Half of its 95 % interval.
    """

    modalities: str
    explained: float
    explained_half: float
    picked: float
    picked_half: float


def sets() -> list[tuple[str, tuple[str, ...]]]:
    """Return the sets of modalities to compare, by name."""
    without = [(f"without {name}", tuple(m for m in SHOWN if m != name)) for name in SHOWN]
    return [("all", SHOWN), *without, *((f"{name} alone", (name,)) for name in SHOWN)]


def features(catalogue: Catalogue) -> dict[str, Floats]:
    """Return what each modality shows of each item, standardised, shape (items, features)."""
    shown = {
        "image": catalogue.picture_features[catalogue.look],
        "text": catalogue.text,
        "attributes": catalogue.attributes,
    }
    return {name: whitened(block.astype(np.float64)) for name, block in shown.items()}


def whitened(block: Floats) -> Floats:
    """Return the leading principal components of unit variance, shape (rows, components)."""
    centred = block - block.mean(axis=0)
    u, s, _ = np.linalg.svd(centred, full_matrices=False)
    kept = s[:_COMPONENTS] > 1e-6 * s[0]
    return np.asarray(u[:, :_COMPONENTS][:, kept] * np.sqrt(len(block)), np.float64)


def design(profile: Floats, item: Floats) -> Floats:
    """Return the products of each number of the profiles, and 1, with each feature of the items, and 1."""
    ones = np.ones((len(profile), 1))
    users, items = np.concatenate([ones, profile], axis=1), np.concatenate([ones, item], axis=1)
    return np.asarray((users[:, :, None] * items[:, None, :]).reshape(len(profile), -1), np.float64)


def judge(seed: int, options: Options) -> dict[str, tuple[float, float]]:
    """Return R^2 and the worth of the pick for each set of modalities."""
    config = RecommenderConfig(items=options.items, catalogue_seed=seed, modalities=("user",))
    simulator = RecommenderSimulator(options.users, config)
    everybody = np.arange(options.users)
    simulator.reset(everybody, everybody.astype(np.uint64), everybody + 1_000 * seed)
    worth = simulator.state.taste @ simulator.items.traits.T
    profile = simulator.output.user[:, 3:].astype(np.float64)
    rng = np.random.default_rng(seed)
    half_users, half_items = options.users // 2, options.items // 2
    trained = np.repeat(np.arange(half_users), _ITEMS_OF_USER)
    studied = rng.integers(half_items, size=trained.size)
    tested = np.repeat(np.arange(half_users, options.users), _ITEMS_OF_USER)
    shown = rng.integers(half_items, options.items, size=tested.size)
    truth = worth[tested, shown]
    blocks, found = features(simulator.catalogue), {}
    for name, chosen in sets():
        item = np.concatenate([blocks[m] for m in chosen], axis=1)
        x, y = design(profile[trained], item[studied]), worth[trained, studied]
        penalty = 10.0 * np.eye(x.shape[1])
        weights = np.linalg.solve(x.T @ x + penalty, x.T @ y)
        said = design(profile[tested], item[shown]) @ weights
        explained = 1.0 - ((said - truth) ** 2).mean() / truth.var()
        pages, guesses = truth.reshape(-1, _PAGE), said.reshape(-1, _PAGE)
        picked = np.take_along_axis(pages, guesses.argmax(axis=1)[:, None], axis=1)[:, 0]
        best, chance = pages.max(axis=1), pages.mean(axis=1)
        found[name] = float(explained), float((picked - chance).mean() / (best - chance).mean())
    simulator.close()
    return found


def main(options: Options) -> None:
    """Run, print and keep."""
    console = Console()
    by_seed = [judge(seed, options) for seed in range(options.seeds)]
    table = Table(title="What the item is worth, from what is seen of it")
    for heading in ("modalities", "explained", "95 %", "pick of ten", "95 %"):
        table.add_column(heading, justify="left" if heading == "modalities" else "right")
    rows = []
    for name, _ in sets():
        values = np.array([found[name] for found in by_seed])
        mean = values.mean(axis=0)
        spread = values.std(axis=0, ddof=1) if len(values) > 1 else np.zeros(2)
        half = 1.96 * spread / np.sqrt(len(values))
        rows.append(Row(name, float(mean[0]), float(half[0]), float(mean[1]), float(half[1])))
        table.add_row(name, f"{mean[0]:.3f}", f"{half[0]:.3f}", f"{mean[1]:.3f}", f"{half[1]:.3f}")
    console.print(table)
    keep_csv(options.out / "modalities.csv", [asdict(row) for row in rows])


if __name__ == "__main__":
    main(tyro.cli(Options, description=__doc__))
