"""How fast the worlds are against those of another commit, in the same run.

    python -m benchmarks.against COMMIT [--workloads camera lidar town] [--pairs 5] [--seconds 2]
        [--out benchmarks/results]

A machine's pace drifts from day to day, and by half when others share its cores, so that a rate says little
about a change of the code.  This one measures pairs, the other commit's ``mmenvs`` and this folder's by turns
and each in a process of its own, and prints the median of their ratios and the least and the greatest; all
pairs are kept in ``against.csv``.  Run it with nothing else on the machine.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import tempfile
from dataclasses import asdict, dataclass
from io import BytesIO
from pathlib import Path
from statistics import median
from typing import Annotated, Any, Literal

import tyro
from rich.console import Console
from rich.table import Table

from agents.config import require_positive
from benchmarks.keeping import keep_csv
from benchmarks.throughput import BLIND, FULL, TOWN, batch

Workload = Literal["camera", "lidar", "town"]

#: Options of ``mmenvs/Driving-v0``.
WORKLOADS: dict[Workload, dict[str, Any]] = {
    "camera": {"sensors": FULL},
    "lidar": {"sensors": BLIND},
    "town": TOWN,
}
_ROOT = Path(__file__).resolve().parent.parent
_CHILD = "import sys; from benchmarks.against import rate; print(rate(sys.argv[1], float(sys.argv[2])))"


@dataclass(frozen=True)
class Options:
    """What to compare.

    Attributes:
        commit: The other commit.
        workloads: What is stepped: 256 worlds on one thread, with the sensors of the rows of
            ``benchmarks.throughput`` of that name.
        pairs: How often both are measured.
        seconds: Least length of one of the three runs that a rate is the best of.
        out: Folder of the CSV file.
    """

    commit: Annotated[str, tyro.conf.Positional]
    workloads: tuple[Workload, ...] = ("camera", "lidar", "town")
    pairs: int = 5
    seconds: float = 2.0
    out: Path = Path("benchmarks/results")

    def __post_init__(self) -> None:
        """Validate.

        Raises:
            ValueError: Naming the field, its value and what is allowed.
        """
        require_positive(self, "pairs")
        if not self.seconds > 0.0:
            raise ValueError(f"seconds={self.seconds} must be above 0")


@dataclass(frozen=True)
class Pair:
    """Two rates, measured one after the other.

    Attributes:
        commit: The other commit.
        workload: What was stepped.
        other: World steps per CPU second of the other commit.
        here: The same of this folder.
    """

    commit: str
    workload: str
    other: float
    here: float


def rate(workload: Workload, seconds: float) -> float:
    """Return world steps per CPU second of the ``mmenvs`` that this process imports."""
    return batch("mmenvs/Driving-v0", 256, 1, seconds, copy=False, **WORKLOADS[workload])[1]


def take_out(commit: str, folder: Path) -> str:
    """Write the package of a commit into a folder, and return the commit's short name.

    Raises:
        ValueError: If git knows no such commit.
    """
    git = ["git", "-C", str(_ROOT)]
    found = subprocess.run(
        [*git, "rev-parse", "--short", "--verify", "--quiet", f"{commit}^{{commit}}"],
        capture_output=True,
        text=True,
        check=False,
    )
    if found.returncode:
        raise ValueError(f"commit={commit!r} must be a commit of the repository in {_ROOT}")
    packed = subprocess.run([*git, "archive", commit, "mmenvs"], capture_output=True, check=True)
    with tarfile.open(fileobj=BytesIO(packed.stdout)) as archive:
        archive.extractall(folder, filter="data")
    return found.stdout.strip()


def _rate_in(folder: Path, workload: Workload, seconds: float) -> float:
    """Measure the ``mmenvs`` of a folder in a process of its own, by the benchmarks of this one."""
    done = subprocess.run(
        [sys.executable, "-c", _CHILD, workload, str(seconds)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(folder), str(_ROOT)])},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return float(done.stdout.split()[-1])


def main(options: Options) -> None:
    """Compare, print and keep."""
    pairs: list[Pair] = []
    with tempfile.TemporaryDirectory() as name:
        other = Path(name)
        commit = take_out(options.commit, other)
        for folder in (other, _ROOT):  # compiles
            _rate_in(folder, options.workloads[0], 0.1)
        for _ in range(options.pairs):
            for workload in options.workloads:
                rates = [_rate_in(folder, workload, options.seconds) for folder in (other, _ROOT)]
                pairs.append(Pair(commit, workload, round(rates[0]), round(rates[1])))
    table = Table(title=f"World steps per CPU second against commit {commit}, {options.pairs} pairs")
    for heading in ("workload", commit, "here", "ratio", "from", "to"):
        table.add_column(heading, justify="left" if heading == "workload" else "right")
    for workload in options.workloads:
        mine = [pair for pair in pairs if pair.workload == workload]
        ratios = [pair.here / pair.other for pair in mine]
        table.add_row(
            workload,
            f"{median(pair.other for pair in mine):,.0f}",
            f"{median(pair.here for pair in mine):,.0f}",
            *(f"{ratio:.2f}" for ratio in (median(ratios), min(ratios), max(ratios))),
        )
    Console().print(table)
    keep_csv(options.out / "against.csv", [asdict(pair) for pair in pairs])


if __name__ == "__main__":
    main(tyro.cli(Options, description=__doc__))
