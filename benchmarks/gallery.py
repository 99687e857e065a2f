"""Draws the pictures of the README: real frames of the renderers, of every task and every weather.

    python -m benchmarks.gallery [--out docs/images]

Each frame is what ``render()`` returns after the scripted driver has driven some steps of a test scenario.
"""

from __future__ import annotations

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
from mmenvs.recommender.policies import OraclePolicy

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
    """Where the pictures go."""

    out: Path = Path("docs/images")


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


def shop(steps: int) -> Picture:
    """Return the shop page after the oracle has served some steps."""
    env = gym.make("mmenvs/Recommender-v0", split="test", render_mode="rgb_array")
    env.reset(seed=0, options={"scenario": 3})
    simulator = cast(Any, env.unwrapped).simulator
    policy = OraclePolicy()
    for _ in range(steps):
        if env.step(policy.actions(simulator)[0])[2]:
            break
    frame = cast(Picture, env.render())
    env.close()
    return frame


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
    pictures = {
        "driving": drive("mmenvs/Driving-v0", 12, 62, sensors=sensors),
        "tasks": tasks(),
        "weathers": weathers(),
        "recommender": shop(12),
    }
    for name, picture in pictures.items():
        path = options.out / f"{name}.png"
        cv2.imwrite(str(path), picture[..., ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 9])
        print(path)


if __name__ == "__main__":
    main(tyro.cli(Options, description=__doc__))
