from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium import spaces

from mmenvs.spaces import Image, Scan, Vector

TOY, TOY_BOX = "toy/Sides-v0", "toy/SidesBox-v0"


class Sides(gym.Env[dict[str, Any], Any]):
    """Says by camera on which side the light is; the agent must point there. Three errors end the episode."""

    def __init__(self, continuous: bool = False, split: str = "train") -> None:
        self.observation_space = spaces.Dict(
            camera=Image(24, 32), lidar=Scan(12), state=Vector(2, low=[0, -5], high=[8, 5])
        )
        self.action_space = spaces.Box(-1, 1, (1,)) if continuous else spaces.Discrete(2)
        self._continuous = continuous

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[dict[str, Any], dict[str, Any]]:
        super().reset(seed=seed)
        self._steps = self._errors = self._right = 0
        return self._observe(), {"success": False}

    def step(self, action: Any) -> tuple[dict[str, Any], float, bool, bool, dict[str, Any]]:
        chosen = int(action[0] > 0) if self._continuous else int(action)
        correct = chosen == self._side
        self._steps += 1
        self._right += correct
        self._errors += not correct
        info = {"success": self._right >= 6, "errors": self._errors}
        return self._observe(), float(correct), self._errors >= 3, False, info

    def _observe(self) -> dict[str, Any]:
        self._side = int(self.np_random.integers(2))
        camera = np.zeros((24, 32, 3), np.uint8)
        camera[:, self._side * 16 : self._side * 16 + 16] = self.np_random.integers(100, 255)
        lidar = self.np_random.random(12, np.float32)
        return {"camera": camera, "lidar": lidar, "state": np.array([self._steps, self._errors], np.float32)}


@pytest.fixture(autouse=True, scope="session")
def toy_environments() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    gym.register(TOY, Sides, max_episode_steps=8)
    gym.register(TOY_BOX, Sides, max_episode_steps=8, kwargs={"continuous": True})
    yield
    torch.set_num_threads(threads)
    for name in (TOY, TOY_BOX):
        gym.registry.pop(name)
