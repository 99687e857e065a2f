"""How long networks take to be made and compiled, how large they are, and whether real maps can be driven.

    python -m benchmarks.maps [--seeds 20] [--folder path/to/xodr] [--out benchmarks/results]

Reports each source of roads, keeps ``maps.csv``, and lets the scripted driver drive on every OpenDRIVE file
of the folder.
"""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import tyro
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

import mmenvs  # noqa: F401  (registers the ids)
from benchmarks.keeping import keep_csv
from mmenvs.driving.config import DrivingConfig
from mmenvs.driving.expert import ScriptedDriver
from mmenvs.driving.roads.sources import SOURCES, compile_map

BLOCKS = ("random", "SXCrR", "SCTCOCXC")
DRIVES = 16


@dataclass(frozen=True)
class Options:
    """What to measure.

    Attributes:
        seeds: Maps of each procedural source.
        folder: Folder with OpenDRIVE files; none by default.
        out: Folder of the CSV file.
    """

    seeds: int = 20
    folder: Path | None = None
    out: Path = Path("benchmarks/results")


@dataclass(frozen=True)
class Row:
    """One source of roads.

    Attributes:
        map: Its name.
        median_ms: Time to make and compile a network, the median [ms].
        worst_ms: The longest of them [ms].
        megabytes: Size of the largest compiled network [MB].
        arrived: Share of the scripted driver's episodes that reach the end; of files only.
    """

    map: str
    median_ms: float
    worst_ms: float
    megabytes: float
    arrived: float | None = None


def measure(name: str, seeds: int, first: bool = False) -> Row:
    """Compile networks of a source; ``first`` counts the very first one, with whatever it reads."""
    config = DrivingConfig.from_keywords({}, {"map": name})
    if not first:
        compile_map(config, 0)
    times, sizes = [], []
    for seed in range(1, seeds + 1):
        begin = time.perf_counter()
        rows = compile_map(config, seed)
        times.append(1000.0 * (time.perf_counter() - begin))
        sizes.append(sum(array.nbytes for array in rows.values()) / 1e6)
    name = Path(name).name
    return Row(name, round(float(np.median(times)), 1), round(max(times), 1), round(max(sizes), 2))


def arrivals(path: Path) -> float:
    """Return the share of the scripted driver's episodes on a file that reach the end of their routes."""
    env: Any = gym.make_vec(
        "mmenvs/Driving-v0", num_envs=DRIVES, map=str(path), sensors=("state",), traffic_vehicles=10,
        obstacle_spacing=0, any_lane=False, autoreset_mode="DISABLED", num_maps=1,
    )  # fmt: skip
    env.reset(seed=0, options={"scenario": np.arange(DRIVES)})
    simulator = env.unwrapped.simulator
    driver = ScriptedDriver(simulator)
    done: NDArray[np.bool_] = np.zeros(DRIVES, bool)
    for _ in range(3000):
        simulator.step(driver.actions(), ~done)
        done |= simulator.terminated
        if done.all():
            break
    arrived = float(simulator.infos["success"].mean())
    env.close()
    return arrived


def main(options: Options) -> None:
    """Run, print and keep."""
    rows = [measure(name, options.seeds) for name in (*SOURCES, *BLOCKS)]
    for path in sorted(options.folder.glob("*.xodr")) if options.folder else ():
        row = measure(str(path), 1, first=True)
        rows.append(Row(row.map, row.median_ms, row.worst_ms, row.megabytes, arrivals(path)))
    table = Table(title="networks (asked: below 50 ms and 2 MB a procedural map, 5 s and 64 MB a town)")
    for heading in ("map", "median ms", "worst ms", "MB", "driver arrives"):
        table.add_column(heading)
    for row in rows:
        arrived = "" if row.arrived is None else f"{row.arrived:.2f}"
        table.add_row(
            row.map, f"{row.median_ms:,.1f}", f"{row.worst_ms:,.1f}", f"{row.megabytes:.2f}", arrived
        )
    Console().print(table)
    keep_csv(options.out / "maps.csv", [asdict(row) for row in rows])


if __name__ == "__main__":
    main(tyro.cli(Options, description=__doc__))
