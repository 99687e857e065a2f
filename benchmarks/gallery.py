"""Draws the pictures of the README: real frames of the renderers.

python -m benchmarks.gallery [--out docs/images]
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

import mmenvs  # noqa: F401  (registers the ids)
from mmenvs.driving.config import SENSORS
from mmenvs.driving.expert import ScriptedDriver
from mmenvs.driving.simulator import DrivingSimulator
from mmenvs.recommender.policies import OraclePolicy

Picture = NDArray[np.uint8]


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
    sensors = tuple(s for s in SENSORS if s not in ("radar",))
    pictures = {
        "driving": drive("mmenvs/Driving-v0", 12, 62, sensors=sensors),
        "tour": sheet(
            [
                drive("mmenvs/Driving-v0", 4, 40),
                drive("mmenvs/Driving-v0", 21, 90, view="driver"),
                drive("mmenvs/PathPlanning-v0", 6, 26),
                drive("mmenvs/PathPlanning-v0", 9, 48),
            ],
            2,
        ),
        "recommender": shop(12),
    }
    for name, picture in pictures.items():
        path = options.out / f"{name}.png"
        cv2.imwrite(str(path), picture[..., ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 9])
        print(path)


if __name__ == "__main__":
    main(tyro.cli(Options, description=__doc__))
