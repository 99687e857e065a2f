"""From a setting, ``map=...``, to a compiled network: the only place that knows all sources of roads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmenvs.driving.config import DrivingConfig
from mmenvs.driving.roads import blocks, layouts, towns
from mmenvs.driving.roads import network as net
from mmenvs.driving.roads.compiled import compile_network
from mmenvs.driving.roads.ground import rasterise_network
from mmenvs.driving.roads.network import Network, RoadError
from mmenvs.driving.roads.planting import plant
from mmenvs.driving.roads.routes import Route, find_loop, find_route
from mmenvs.driving.roads.sections import Layout, RoadSettings
from mmenvs.driving.sensors import instruction as words

MOST_ROUTES = 8  # of one procedural map
FILE_ROUTES = 64  # of an OpenDRIVE file
SHORTEST, LONGEST = 120.0, 500.0  # a route through a town [m]


@dataclass(frozen=True)
class Source:
    """How a named map is made.

    Attributes:
        lay: Makes the layout from a seed and settings.
        settings: Settings by default.
        urban: How much of a town the surroundings are, from 0 to 1.
        every_goal: Whether each goal is a route of its own; else the nearest one is taken.
        meaning: What is said of the route, that of the first goal if there are several; -1 to announce turns.
    """

    lay: Callable[[int, RoadSettings], Layout]
    settings: RoadSettings
    urban: float = 0.0
    every_goal: bool = False
    meaning: int = -1


def _signalised(seed: int, settings: RoadSettings) -> Layout:
    return layouts.crossroads(seed, settings, signals=True)


def _town(seed: int, settings: RoadSettings) -> Layout:
    return Layout(towns.town(seed, settings), (), ())


SOURCES: dict[str, Source] = {
    "road": Source(layouts.straight_road, layouts.SINGLE),
    "highway": Source(layouts.highway, layouts.HIGHWAY),
    "merge": Source(layouts.merge_road, layouts.MERGE, meaning=words.MERGE),
    "exit": Source(layouts.exit_road, layouts.EXIT, meaning=words.EXIT),
    "crossroads": Source(layouts.crossroads, layouts.CROSSROADS, 0.5, every_goal=True),
    "signals": Source(_signalised, layouts.CROSSROADS, 0.8, every_goal=True),
    "roundabout": Source(
        layouts.roundabout, layouts.ROUNDABOUT, 0.3, every_goal=True, meaning=words.ROUNDABOUT_1
    ),
    "racetrack": Source(layouts.racetrack, layouts.RACETRACK),
    "parking": Source(layouts.parking_lot, layouts.PARKING_LOT, 0.6, meaning=words.PARK),
    "crossings": Source(layouts.pedestrian_street, layouts.STREET, 0.9, meaning=words.YIELD_PEDESTRIANS),
    "town": Source(_town, towns.TOWN, 1.0),
}


def road_settings(config: DrivingConfig) -> RoadSettings:
    """Return the settings of a config's roads: the map's own, with what the config says otherwise."""
    source = SOURCES.get(config.map)
    default = source.settings if source else blocks.COUNTRY
    names = ("lanes", "oncoming_lanes", "lane_width", "road_length", "max_curvature", "speed_limit")
    given = {name: getattr(config, name) for name in names if getattr(config, name) is not None}
    return replace(default, **given)


def longest_route(config: DrivingConfig) -> float:
    """Return how long a route can be, run-in and run-out aside [m]."""
    single = config.map in SOURCES and config.map != "town"
    return road_settings(config).road_length if single else LONGEST


def compile_map(config: DrivingConfig, seed: int) -> dict[str, NDArray[Any]]:
    """Make the network of a seed and return one slot of every array of ``Roads`` and ``Maps``.

    Raises:
        RoadError: If a file cannot be read or no route leads through the network.
    """
    rng = np.random.default_rng([seed, 0x4057])
    source = SOURCES.get(config.map)
    settings = road_settings(config)
    if config.map.endswith(".xodr"):
        network, urban = _read(config.map), 0.7
        routes = _roam(network, FILE_ROUTES, np.random.default_rng(0))
    elif source is None:
        sequence = blocks.random_sequence(seed) if config.map == "random" else config.map
        layout, urban = blocks.compose_layout(sequence, seed, settings), 0.2
        network, routes = layout.network, _ways(layout, False, rng)
    else:
        layout, urban = source.lay(seed, settings), source.urban
        network = layout.network
        if config.map == "racetrack":
            routes = [find_loop(network, layout.starts[0], 0.0, laps=1)]
        elif config.map == "parking":
            routes = _into_spots(layout)
        elif config.map == "town":
            routes = _roam(network, MOST_ROUTES, rng)
        else:
            routes = _ways(layout, source.every_goal, rng)
        if source.meaning >= 0:
            step = 1 if source.every_goal else 0
            routes = [replace(way, meaning=source.meaning + k * step) for k, way in enumerate(routes)]
    if config.emergency:
        routes = [replace(way, meaning=words.YIELD_EMERGENCY) for way in routes]
    if not routes:
        raise RoadError(f"{network.name}: no route of {SHORTEST:.0f} m or more leads through it")
    network = replace(network, scenery=plant(network, seed, urban=urban))
    return compile_network(network, rasterise_network(network), routes)


@lru_cache(maxsize=4)
def _read(path: str) -> Network:
    from mmenvs.driving.roads.opendrive import read_opendrive

    return read_opendrive(Path(path))


def _ways(layout: Layout, every_goal: bool, rng: np.random.Generator) -> list[Route]:
    """Return routes from a start of a layout to its goals."""
    middle = layout.starts[len(layout.starts) // 2]
    if not every_goal:
        found = find_route(layout.network, middle, layout.goals)
        return [found] if found else []
    routes = [
        route
        for goal in layout.goals
        for route in [find_route(layout.network, int(rng.choice(layout.starts)), [goal])]
        if route is not None
    ]
    return routes[:MOST_ROUTES]


def _into_spots(layout: Layout) -> list[Route]:
    """Return a route into each parking space, from the aisle beside it."""
    network = layout.network
    routes = []
    for number, spot in enumerate(network.spots):
        away = [
            np.hypot(*(network.lanes[goal].centre[:, :2] - (spot.x, spot.y)).T).min() for goal in layout.goals
        ]
        aisle = layout.goals[int(np.argmin(away))]
        way = find_route(network, layout.starts[0], [aisle])
        if way is None:
            raise RoadError(f"{network.name}: no way leads to the parking space {number}")
        routes.append(replace(way, spot=number))
    return routes


def _roam(network: Network, most: int, rng: np.random.Generator) -> list[Route]:
    """Return routes of :data:`SHORTEST` to :data:`LONGEST` metres between lanes drawn at random."""
    lanes = network.lanes
    usable = [
        index
        for index, lane in enumerate(lanes)
        if lane.junction < 0 and lane.kind == net.DRIVING and lane.length > 15
    ]
    routes: list[Route] = []
    longest: Route | None = None
    for _ in range(6 * most):
        start, goal = (int(k) for k in rng.choice(usable, 2))
        route = None if start == goal else find_route(network, start, [goal])
        if route is None:
            continue
        if longest is None or route.length > longest.length:
            longest = route
        if SHORTEST <= route.length <= LONGEST:
            routes.append(route)
        if len(routes) == most:
            break
    return routes or ([longest] if longest else _single(network, usable))


def _single(network: Network, usable: Sequence[int]) -> list[Route]:
    """Return a route along the longest lane, for a network whose lanes are not joined."""
    if not usable:
        return []
    best = max(usable, key=lambda index: network.lanes[index].length)
    return [find_loop(network, best, 0.0)]
