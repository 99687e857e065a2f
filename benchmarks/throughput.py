"""How fast the worlds are, and how fast others are in the same run.

    python -m benchmarks.throughput [--seconds 3] [--peers] [--out benchmarks/results]

Prints a table and writes ``throughput.csv``: world steps per wall second and per CPU second (the process and
its children), resets included, best of three runs, once the roads of the split have been compiled (128 times
some 10 ms, the first time each is driven on).  Run it with nothing else on the machine, and quote the ratios
rather than the figures, which drift from day to day.  Peers are measured where they are installed:
``pip install "gymnasium[box2d]" highway-env envpool``.
"""

from __future__ import annotations

import importlib.util
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

import gymnasium as gym
import numpy as np
import tyro
from rich.console import Console
from rich.table import Table

import mmenvs  # noqa: F401  (registers the ids)
from benchmarks.keeping import keep_csv

FULL = ("camera", "lidar", "state", "navigation")
BLIND = ("lidar", "state", "navigation")
#: A town with thirty others on its streets, in any weather, and every sensor that a car commonly has.
TOWN: dict[str, Any] = {
    "map": "town",
    "weather": "random",
    "sensors": ("camera", "lidar", "radar", "state", "navigation", "instruction"),
    "traffic_vehicles": 20,
    "pedestrians": 6,
    "cyclists": 4,
    "obstacle_spacing": 0.0,
}
_ACTIONS = 16
#: Roads that the scenarios of a split share by default: visited once before anything is measured.
ROADS = 128


@dataclass(frozen=True)
class Options:
    """What to measure.

    Attributes:
        seconds: Least length of one run.
        peers: Measure installed peers as well.
        out: Folder of the CSV file.
    """

    seconds: float = 3.0
    peers: bool = True
    out: Path = Path("benchmarks/results")


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes:
        name: What was stepped.
        worlds: Worlds in the batch.
        threads: Threads asked for.
        wall: World steps per second.
        cpu: World steps per CPU second.
        asked: The bar that the project set itself, per CPU second unless the name says otherwise.
    """

    name: str
    worlds: int
    threads: int
    wall: float
    cpu: float
    asked: float | None = None


def _cpu_seconds() -> float:
    own = resource.getrusage(resource.RUSAGE_SELF)
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


def measure(step: Callable[[int], None], worlds: int, seconds: float) -> tuple[float, float]:
    """Return the best of three rates of ``step``: world steps per wall and per CPU second."""
    step(0)
    begin = time.perf_counter()
    count = 0
    while time.perf_counter() - begin < 0.4 * seconds:
        step(count)
        count += 1
    best = (0.0, 0.0)
    for _ in range(3):
        wall, cpu = time.perf_counter(), _cpu_seconds()
        for k in range(count):
            step(k)
        rates = count * worlds / (time.perf_counter() - wall), count * worlds / (_cpu_seconds() - cpu)
        best = max(best, rates, key=lambda pair: pair[1])
    return best


def gentle(worlds: int) -> list[np.ndarray[Any, Any]]:
    """Return actions that keep the car on the road for a while, so that episodes are of ordinary length."""
    rng = np.random.default_rng(0)
    steering = rng.uniform(-0.04, 0.04, (_ACTIONS, worlds, 1))
    pedal = rng.uniform(-0.2, 0.4, (_ACTIONS, worlds, 1))
    return list(np.concatenate([steering, pedal], 2).astype(np.float32))


def batch(env_id: str, worlds: int, threads: int, seconds: float, **kwargs: Any) -> tuple[float, float]:
    """Measure the native vector env."""
    env = gym.make_vec(env_id, num_envs=worlds, threads=threads, **kwargs)
    for first in range(0, ROADS, worlds):
        env.reset(seed=0, options={"scenario": (np.arange(worlds) + first) % ROADS})
    env.reset(seed=0)
    if isinstance(env.single_action_space, gym.spaces.Box):
        actions = gentle(worlds)
    else:
        env.action_space.seed(0)
        actions = [cast("np.ndarray[Any, Any]", env.action_space.sample()) for _ in range(_ACTIONS)]
    rates = measure(lambda k: (env.step(actions[k % _ACTIONS]), None)[1], worlds, seconds)
    env.close()
    return rates


def single(
    env_id: str, seconds: float, actions: list[Any] | None = None, **kwargs: Any
) -> tuple[float, float]:
    """Measure one environment as ``gym.make`` gives it."""
    env = gym.make(env_id, **kwargs)
    if env_id.startswith("mmenvs/"):
        for scenario in range(ROADS):
            env.reset(seed=0, options={"scenario": scenario})
    env.reset(seed=0)
    env.action_space.seed(0)
    chosen: list[Any] = actions or [env.action_space.sample() for _ in range(_ACTIONS)]

    def step(k: int) -> None:
        _, _, terminated, truncated, _ = env.step(chosen[k % len(chosen)])
        if terminated or truncated:
            env.reset()

    rates = measure(step, 1, seconds)
    env.close()
    return rates


def ours(seconds: float) -> list[Row]:
    """Measure the worlds of this package."""
    driving = "mmenvs/Driving-v0"
    rows = [
        Row("Driving camera 84x84x3 + lidar 72 + state + navigation, 15 cars", 256, 1,
            *batch(driving, 256, 1, seconds, sensors=FULL, copy=False), 25_000),
        Row("the same, copy=True", 256, 1, *batch(driving, 256, 1, seconds, sensors=FULL)),
        Row("the same, two threads", 256, 2, *batch(driving, 256, 2, seconds, sensors=FULL, copy=False)),
        Row("Driving lidar + state + navigation, 15 cars", 256, 1,
            *batch(driving, 256, 1, seconds, sensors=BLIND, copy=False), 150_000),
        Row("Driving gym.make with camera (wall)", 1, 1,
            *single(driving, seconds, [a[0] for a in gentle(1)], sensors=FULL), 8_000),
        Row("Driving gym.make without camera (wall)", 1, 1,
            *single(driving, seconds, [a[0] for a in gentle(1)], sensors=BLIND), 20_000),
        Row("PathPlanning camera 64x64x3 + lidar 120 + state", 256, 1,
            *batch("mmenvs/PathPlanning-v0", 256, 1, seconds, copy=False)),
        Row("Town, 30 others, any weather: camera, lidar, radar, state, navigation, instruction", 256, 1,
            *batch(driving, 256, 1, seconds, copy=False, **TOWN), 20_000),
        Row("Recommender with pictures", 256, 1,
            *batch("mmenvs/Recommender-v0", 256, 1, seconds, copy=False)),
    ]  # fmt: skip
    rows += [
        Row(f"Driving full, {n} worlds", n, 1, *batch(driving, n, 1, seconds, sensors=FULL, copy=False))
        for n in (16, 1024, 4096)
    ]
    return rows


def peers(seconds: float) -> list[Row]:
    """Measure other simulators, where installed."""
    rows = []
    if importlib.util.find_spec("Box2D"):
        rates = single("CarRacing-v3", seconds)
        rows.append(Row("Gymnasium CarRacing-v3, camera 96x96x3", 1, 1, *rates))
    if importlib.util.find_spec("highway_env"):
        importlib.import_module("highway_env")
        rows.append(Row("highway-env highway-fast-v0, 5x5 vector", 1, 1, *single("highway-fast-v0", seconds)))
    if importlib.util.find_spec("envpool"):
        for name, note in (("CarRacing-v3", "camera 96x96x3"), ("HighwayFast-v0", "5x5 vector")):
            try:
                rows.append(Row(f"EnvPool {name}, {note}", 64, 1, *_envpool(name, seconds)))
            except (ValueError, KeyError, AssertionError) as error:
                print(f"EnvPool {name}: not in this build ({error})", file=sys.stderr)
    return rows


def _envpool(name: str, seconds: float) -> tuple[float, float]:
    envpool: Any = importlib.import_module("envpool")
    env = envpool.make_gymnasium(name, num_envs=64, num_threads=1)
    env.reset()
    rng = np.random.default_rng(0)
    space = env.action_space
    if isinstance(space, gym.spaces.Discrete):
        actions: list[Any] = [rng.integers(0, space.n, 64) for _ in range(_ACTIONS)]
    else:
        actions = [rng.uniform(space.low, space.high, (64, *space.shape)) for _ in range(_ACTIONS)]
    return measure(lambda k: (env.step(actions[k % _ACTIONS]), None)[1], 64, seconds)


def two_processes(seconds: float) -> float:
    """Return how many times the rate of one process two of them reach side by side, one thread each.

    That is what the machine itself gives to a second core, and so the ceiling of any scaling over threads.
    """
    code = (
        "from benchmarks.throughput import FULL, batch; "
        f"print(batch('mmenvs/Driving-v0', 256, 1, {seconds}, sensors=FULL, copy=False)[0])"
    )

    def rates(count: int) -> float:
        started = [
            subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
            for _ in range(count)
        ]
        return sum(float(process.communicate()[0].split()[-1]) for process in started)

    alone = rates(1)
    return rates(2) / alone


def two_threads(seconds: float, pairs: int = 5) -> float:
    """Return how much faster two threads are than one: the median of pairs, each measured back to back.

    A core that works alone may clock higher for a while, and a machine's pace drifts: rates from the two
    ends of a table would tell about that instead.
    """
    ratios = []
    for _ in range(pairs):
        one, two = (
            batch("mmenvs/Driving-v0", 256, threads, seconds / pairs, sensors=FULL, copy=False)[0]
            for threads in (1, 2)
        )
        ratios.append(two / one)
    return float(np.median(ratios))


def reset_times(worlds: int = 256) -> dict[str, float]:
    """Return how long a reset takes on maps that are cached, each world's share of a batch [ms]."""
    times = {}
    for name, kwargs in (("Driving", {}), ("a town with 30 others", TOWN)):
        env = gym.make_vec("mmenvs/Driving-v0", num_envs=worlds, threads=1, copy=False, **kwargs)
        for first in range(0, ROADS, worlds):
            env.reset(seed=0, options={"scenario": (np.arange(worlds) + first) % ROADS})
        rounds = 5
        begin = time.perf_counter()
        for k in range(rounds):
            env.reset(seed=k, options={"scenario": np.arange(worlds) % ROADS})
        times[name] = (time.perf_counter() - begin) / (rounds * worlds) * 1000.0
        env.close()
    return times


def memory_of(worlds: int) -> float:
    """Return the peak memory of a process that steps ``worlds`` worlds with the camera [MiB]."""
    # Not ru_maxrss, which a child of a large process begins with.
    code = (
        "import gymnasium as gym, mmenvs, re; "
        f"e = gym.make_vec('mmenvs/Driving-v0', num_envs={worlds}); e.reset(seed=0); "
        "e.action_space.seed(0); [e.step(e.action_space.sample()) for _ in range(5)]; "
        "print(int(re.search(r'VmHWM:\\s*(\\d+)', open('/proc/self/status').read())[1]) / 1024)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return float(done.stdout.split()[-1])


def main(options: Options) -> None:
    """Measure, print and keep."""
    console = Console()
    rows = ours(options.seconds)
    if options.peers:
        rows += peers(options.seconds)
    table = Table(title="World steps per second, best of three")
    for heading in ("what", "worlds", "threads", "per wall s", "per CPU s", "asked"):
        table.add_column(heading, justify="left" if heading == "what" else "right")
    for row in rows:
        asked = f"{row.asked:,.0f}" if row.asked else ""
        table.add_row(
            row.name, str(row.worlds), str(row.threads), f"{row.wall:,.0f}", f"{row.cpu:,.0f}", asked
        )
    console.print(table)
    ratio = two_threads(2.0 * options.seconds)
    console.print(f"two threads against one, median of pairs: {ratio:.2f} times (asked 1.7)")
    console.print(
        f"two processes against one, the machine's ceiling: {two_processes(options.seconds):.2f} times"
    )
    camera, blind = rows[0].cpu, rows[3].cpu
    for row in rows:
        if "CarRacing" in row.name:
            console.print(
                f"ours with camera and lidar against {row.name}: {camera / row.cpu:,.0f} times per CPU second"
            )
        elif "ighway" in row.name:
            console.print(
                f"ours without camera against {row.name}: {blind / row.cpu:,.1f} times per CPU second"
            )
    console.print(
        f"peak memory of 1,024 worlds with the camera: {memory_of(1024):,.0f} MiB (asked below 1,024)"
    )
    for name, milliseconds in reset_times().items():
        console.print(f"reset of a world on a cached map, {name}: {milliseconds:.3f} ms (asked below 1)")
    keep_csv(options.out / "throughput.csv", [asdict(row) for row in rows])


if __name__ == "__main__":
    main(tyro.cli(Options, description=__doc__))
