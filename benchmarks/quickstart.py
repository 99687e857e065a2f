"""What the quickstart reaches: success on held-out roads, for several seeds.

    python -m benchmarks.quickstart [--seeds 0 1 2] [--out benchmarks/results]

Runs ``python -m agents quickstart`` once per seed, one after the other, and keeps a summary as
``quickstart.json``.  Run it alone: it is timed.  Asked: at least 0.9 where random is below 0.3, in at most
four minutes of wall time on two cores.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tyro
from rich.console import Console
from rich.table import Table


@dataclass(frozen=True)
class Options:
    """What to run.

    Attributes:
        seeds: One run each.
        runs: Folder of the runs.
        out: Folder of the summary.
    """

    seeds: tuple[int, ...] = (0, 1, 2)
    runs: Path = Path("runs/benchmark-quickstart")
    out: Path = Path("benchmarks/results")


def run(seed: int, folder: Path) -> dict[str, Any]:
    """Run the quickstart once and return what it reached."""
    begin = time.perf_counter()
    command = [sys.executable, "-m", "agents", "quickstart", "--seed", str(seed), "--out", str(folder)]
    subprocess.run(command, check=True)
    return {"seed": seed, "seconds": round(time.perf_counter() - begin, 1), **reached(folder)}


def reached(folder: Path) -> dict[str, Any]:
    """Return success rates with their intervals from a run's ``results.json``."""
    results = json.loads((folder / "results.json").read_text())
    return {name: result["success_rate"] for name, result in results.items()}


def main(options: Options) -> None:
    """Run, print and keep."""
    rows = [run(seed, options.runs / f"seed{seed}") for seed in options.seeds]
    table = Table(title="quickstart: success on 200 held-out roads")
    policies = [key for key in rows[0] if key not in ("seed", "seconds")]
    for heading in ("seed", "seconds", *policies):
        table.add_column(heading)
    for row in rows:
        rates = [f"{row[p]['mean']:.1%} [{row[p]['low']:.1%}, {row[p]['high']:.1%}]" for p in policies]
        table.add_row(str(row["seed"]), f"{row['seconds']:.0f}", *rates)
    Console().print(table)
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "quickstart.json").write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main(tyro.cli(Options, description=__doc__))
