"""Draws the pictures of the README: real frames of the renderers, of every task and every weather.

    python -m benchmarks.gallery [--out docs/images] [--only recommender recommender_tasks]

Each frame is what ``render()`` shows after some steps of a test scenario: of the scripted driver, or of a
shop that always recommends what the user likes best.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import cv2
import gymnasium as gym
import numpy as np
import tyro
from numpy.typing import NDArray

import mmenvs
from mmenvs.driving.config import SENSORS
from mmenvs.driving.expert import ScriptedDriver
from mmenvs.driving.simulator import DrivingSimulator
from mmenvs.driving.weather import WEATHERS
from mmenvs.recommender.policies import ceiling_policy
from mmenvs.recommender.render import draw_page
from mmenvs.recommender.simulator import RecommenderSimulator
from mmenvs.recommender.tasks import TASKS as SHOP_TASKS

Picture = NDArray[np.uint8]

#: Of each driving task the test scenario, the steps and the view that show what it is about.
TASKS: dict[str, tuple[int, int, str]] = {
    "Driving-v0": (12, 62, "chase"),
    "PathPlanning-v0": (6, 26, "chase"),
    "Highway-v0": (23, 80, "chase"),
    "Merge-v0": (3, 60, "chase"),
    "Exit-v0": (12, 118, "chase"),
    "Intersection-v0": (41, 114, "chase"),
    "SignalisedIntersection-v0": (45, 175, "chase"),
    "Roundabout-v0": (49, 119, "chase"),
    "Racetrack-v0": (3, 60, "chase"),
    "PedestrianCrossing-v0": (18, 84, "chase"),
    "EmergencyVehicle-v0": (31, 151, "chase"),
    "Parking-v0": (1, 240, "chase"),
    "NightFog-v0": (37, 38, "chase"),
    "Instructed-v0": (57, 70, "chase"),
}
#: Of each recommender task the test scenario and the steps that show what it is about.
SHOPS: dict[str, tuple[int, int]] = {
    "recommender": (9, 17),
    "slate_recommender": (2, 13),
    "proto_recommender": (8, 17),
    "cold_start": (9, 13),
    "clickbait": (11, 13),
    "interest_evolution": (5, 16),
    "long_term_satisfaction": (11, 14),
    "boredom": (5, 9),
    "organic_bandit": (11, 9),
}
#: Task, scenario and steps of the page that stands for them all.
SHOP = ("slate_recommender", 2, 13)
#: A street with people on it, for the weathers and the faults.
STREET: dict[str, Any] = {
    "map": "town",
    "pedestrians": 8,
    "cyclists": 4,
    "traffic_vehicles": 20,
    "obstacle_spacing": 0.0,
}
STREET_SCENARIO, STREET_STEPS = 19, 147


@dataclass(frozen=True)
class Options:
    """Which pictures, and where they go."""

    out: Path = Path("docs/images")
    only: tuple[str, ...] = ()  # names of the pictures to draw; all if there are none


def drive(env_id: str, scenario: int, steps: int, **kwargs: Any) -> Picture:
    """Return the frame after the scripted driver has driven some steps of a test scenario."""
    env = gym.make(env_id, split="test", render_mode="rgb_array", **kwargs)
    env.reset(seed=0, options={"scenario": scenario})
    driver = ScriptedDriver(cast(DrivingSimulator, cast(Any, env.unwrapped).simulator))
    for _ in range(steps):
        if env.step(driver.actions()[0])[2]:
            break
    frame = cast(Picture, env.render())
    env.close()
    return frame


def shop(task: str, scenario: int, steps: int, scale: int = 1) -> Picture:
    """Return the shop page after the ceiling's policy has served some steps of a test scenario."""
    env = gym.make("mmenvs/Recommender-v0", task=task, split="test")
    env.reset(seed=0, options={"scenario": scenario})
    simulator = cast(RecommenderSimulator, cast(Any, env.unwrapped).simulator)
    policy = ceiling_policy(simulator)
    for _ in range(steps):
        if env.step(policy.actions(simulator)[0])[2]:
            break
    page = draw_page(simulator, 0, scale)
    env.close()
    return page


def shops() -> Picture:
    """Return a contact sheet of every recommender task."""
    return sheet([titled(shop(name, *SHOPS.get(name, (3, 12))), name) for name in SHOP_TASKS], 3)


def titled(picture: Picture, title: str) -> Picture:
    """Return a picture with a title above it."""
    bar = np.full((34, picture.shape[1], 3), 255, np.uint8)
    cv2.putText(bar, title, (2, 23), cv2.FONT_HERSHEY_DUPLEX, 0.62, (52, 56, 64), 1, cv2.LINE_AA)
    return np.concatenate([bar, picture])


def tasks() -> Picture:
    """Return a contact sheet of every driving task."""
    ids = [name for name, entry in mmenvs.ENVIRONMENTS.items() if "driving" in entry.entry_point]
    frames = []
    for env_id in ids:
        name = env_id.removeprefix("mmenvs/")
        scenario, steps, view = TASKS.get(name, (3, 60, "chase"))
        frames.append(titled(drive(env_id, scenario, steps, view=view), name))
    town = drive("mmenvs/Driving-v0", 53, 140, view="driver", **STREET)
    frames.append(titled(town, 'Driving-v0 with map="town", view="driver"'))
    return reduced(sheet(frames, 3))


def weathers() -> Picture:
    """Return a contact sheet of one street under every weather, from behind the car and for an agent."""
    frames = [
        titled(drive("mmenvs/Driving-v0", STREET_SCENARIO, STREET_STEPS, weather=name, **STREET), name)
        for name in WEATHERS
    ]
    return reduced(sheet(frames, 3))


def reduced(picture: Picture) -> Picture:
    """Return a picture at half its size."""
    height, width = picture.shape[:2]
    return cast(Picture, cv2.resize(picture, (width // 2, height // 2), interpolation=cv2.INTER_AREA))


def sheet(frames: list[Picture], columns: int) -> Picture:
    """Lay frames out in rows with a thin gap."""
    height, width = frames[0].shape[:2]
    gap = 6
    rows = -(-len(frames) // columns)
    page = np.full((rows * (height + gap) - gap, columns * (width + gap) - gap, 3), 255, np.uint8)
    for k, frame in enumerate(frames):
        y, x = divmod(k, columns)
        page[y * (height + gap) :][:height, x * (width + gap) :][:, :width] = frame
    return page


def main(options: Options) -> None:
    """Draw and write."""
    options.out.mkdir(parents=True, exist_ok=True)
    sensors = tuple(s for s in SENSORS if s not in ("radar", "goal"))
    pictures: dict[str, Callable[[], Picture]] = {
        "driving": lambda: drive("mmenvs/Driving-v0", 12, 62, sensors=sensors),
        "tasks": tasks,
        "weathers": weathers,
        "recommender": lambda: shop(*SHOP, scale=2),
        "recommender_tasks": shops,
    }
    unknown = set(options.only) - set(pictures)
    if unknown:
        raise ValueError(f"only={options.only!r} must be some of {tuple(pictures)}")
    for name in options.only or pictures:
        path = options.out / f"{name}.png"
        cv2.imwrite(str(path), pictures[name]()[..., ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 9])
        print(path)


if __name__ == "__main__":
    main(tyro.cli(Options, description=__doc__))
