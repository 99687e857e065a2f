"""Whether traffic by itself, without any ego, keeps apart and keeps moving.

    python -m benchmarks.traffic [--minutes 100] [--maps road highway ...] [--out benchmarks/results]

Steps many worlds of each map for ``minutes`` world-minutes and counts collisions (pairs of cars that begin to
overlap), people run over, and jams (cars that stand for more than ``JAM`` seconds, signals included).  Keeps
``traffic.csv``.
"""

from __future__ import annotations

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
from mmenvs.core.arrays import FloatArray, IntArray
from mmenvs.core.kernels import fast_function, kernel
from mmenvs.driving import state as st
from mmenvs.driving.actors.lists import items_needed, make_lists
from mmenvs.driving.actors.people import place_people_boxes, step_people
from mmenvs.driving.actors.traffic import step_traffic
from mmenvs.driving.collision import boxes_overlap, place_cars
from mmenvs.driving.roads.library import Roads
from mmenvs.driving.state import Params, Worlds

JAM = 120.0  # [s]
WORLDS = 32
MAPS: dict[str, dict[str, Any]] = {
    "road": {"traffic_vehicles": 15},
    "highway": {"traffic_vehicles": 30, "traffic_speed": (14.0, 22.0)},
    "merge": {"traffic_vehicles": 16, "traffic_speed": (13.0, 19.0)},
    "exit": {"traffic_vehicles": 16, "traffic_speed": (13.0, 19.0)},
    "crossroads": {"traffic_vehicles": 12, "traffic_speed": (7.0, 11.0)},
    "signals": {"traffic_vehicles": 12, "traffic_speed": (7.0, 11.0), "pedestrians": 6},
    "roundabout": {"traffic_vehicles": 12, "traffic_speed": (7.0, 11.0)},
    "crossings": {"traffic_vehicles": 8, "traffic_speed": (6.0, 9.0), "pedestrians": 10},
    "town": {"traffic_vehicles": 24, "traffic_speed": (7.0, 12.0), "pedestrians": 10, "cyclists": 2},
    "SXCrR": {"traffic_vehicles": 20, "traffic_speed": (7.0, 12.0)},
}


@dataclass(frozen=True)
class Options:
    """What to run.

    Attributes:
        minutes: World-minutes of each map.
        maps: Which maps; all by default.
        out: Folder of the CSV file.
    """

    minutes: float = 100.0
    maps: tuple[str, ...] = ()
    out: Path = Path("benchmarks/results")


@dataclass(frozen=True)
class Row:
    """What happened on one map.

    Attributes:
        map: Its name.
        minutes: World-minutes.
        collisions: Pairs of cars that began to overlap.
        run_over: People and cars that began to overlap.
        jams: Cars that stood for longer than ``JAM``, counted once each time.
        speed: Mean speed of all cars on the road [m/s].
        longest_wait: Longest standstill [s].
    """

    map: str
    minutes: float
    collisions: int
    run_over: int
    jams: int
    speed: float
    longest_wait: float


@fast_function
def _count(
    boxes: FloatArray,
    cars: int,
    total: int,
    first: int,
) -> int:
    """Count pairs of a car and another box from ``first`` on that overlap."""
    found = 0
    for i in range(cars):
        a = boxes[i]
        for j in range(max(first, i + 1), total):
            b = boxes[j]
            dx, dy = a[st.B_X] - b[st.B_X], a[st.B_Y] - b[st.B_Y]
            reach = a[st.B_RADIUS] + b[st.B_RADIUS]
            if dx * dx + dy * dy > reach * reach or a[st.B_RADIUS] == 0.0 or b[st.B_RADIUS] == 0.0:
                continue
            if boxes_overlap(
                a[st.B_X], a[st.B_Y], a[st.B_COS], a[st.B_SIN], a[st.B_HALF_LENGTH], a[st.B_HALF_WIDTH],
                b[st.B_X], b[st.B_Y], b[st.B_COS], b[st.B_SIN], b[st.B_HALF_LENGTH], b[st.B_HALF_WIDTH],
            ):  # fmt: skip
                found += 1
    return found


@kernel
def advance(
    begin: int,
    end: int,
    params: Params,
    worlds: Worlds,
    roads: Roads,
    overlaps: IntArray,
) -> None:
    """Step traffic and people of some worlds, without the ego, and count who overlaps."""
    lists = make_lists(roads.lanes.shape[1], items_needed(worlds.cars.shape[2], worlds.obstacles.shape[2]))
    for world in range(begin, end):
        ego = worlds.ego[world]
        ego[st.X] = ego[st.Y] = 1.0e7
        ego[st.LANE] = ego[st.NEXT_LANE] = -1.0
        worlds.ego_box[world, st.B_X] = 1.0e7
        worlds.steps[world] += 1
        step_traffic(world, params, worlds, roads, lists)
        step_people(world, params, worlds, roads)
        place_cars(world, worlds, roads)
        place_people_boxes(world, worlds, roads)
        cars = worlds.cars.shape[2]
        people = cars + worlds.obstacle_count[world]
        overlaps[world, 0] = _count(worlds.boxes[world], cars, people, 0)
        overlaps[world, 1] = _count(worlds.boxes[world], cars, worlds.box_count[world], people)


def watch(name: str, minutes: float, count: int = WORLDS) -> Row:
    """Let the traffic of a map run by itself, in ``count`` worlds that share the minutes."""
    settings = {"obstacle_spacing": 0, "num_maps": count, **MAPS.get(name, MAPS["town"])}
    env: Any = gym.make_vec("mmenvs/Driving-v0", num_envs=count, sensors=("state",), map=name, **settings)
    env.reset(seed=0, options={"scenario": np.arange(count)})
    simulator = env.unwrapped.simulator
    worlds, dt = simulator.worlds, simulator.params.dt
    overlaps = np.zeros((count, 2), np.int64)
    before: NDArray[np.int64] = overlaps.copy()
    begun = np.zeros(2, np.int64)
    jams, speed, longest = 0, 0.0, 0.0
    steps = round(minutes * 60 / dt / count)
    for _ in range(steps):
        simulator.pool.run(advance, simulator.params, worlds, simulator.roads, overlaps)
        begun += np.maximum(overlaps - before, 0).sum(axis=0)
        before[:] = overlaps
        moving = worlds.cars[:, st.C_ACTIVE] > 0
        wait = worlds.cars[:, st.C_WAIT] * moving
        jams += int(((wait >= JAM) & (wait < JAM + dt)).sum())
        longest = max(longest, float(wait.max()))
        speed += float((worlds.cars[:, st.C_SPEED] * moving).sum() / max(moving.sum(), 1))
    env.close()
    return Row(name, minutes, int(begun[0]), int(begun[1]), jams, round(speed / steps, 2), round(longest, 1))


def main(options: Options) -> None:
    """Run, print and keep."""
    rows = [watch(name, options.minutes) for name in options.maps or tuple(MAPS)]
    table = Table(title="traffic alone")
    for heading in ("map", "world-minutes", "collisions", "run over", "jams", "mean speed", "longest wait"):
        table.add_column(heading)
    for row in rows:
        table.add_row(*(str(value) for value in asdict(row).values()))
    Console().print(table)
    total = sum(row.minutes for row in rows)
    print(f"in {total:,.0f} world-minutes: {sum(r.collisions for r in rows)} collisions, "
          f"{sum(r.run_over for r in rows)} run over, {sum(r.jams for r in rows)} jams")  # fmt: skip
    keep_csv(options.out / "traffic.csv", [asdict(row) for row in rows])


if __name__ == "__main__":
    main(tyro.cli(Options, description=__doc__))
