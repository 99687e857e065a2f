"""Small worlds: stay away from the edge of a strip by looking at it, and slide to a goal."""

from __future__ import annotations

from typing import Any, ClassVar

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

ENV_ID = "feedback-tests/Strip-v0"
SLIDE_ID = "feedback-tests/Slide-v0"


class Strip(gym.Env[dict[str, NDArray[Any]], int]):
    """A point drifts at random; left, stay and right move it. Reward 1 per step; over the edge is the end."""

    metadata: ClassVar[dict[str, Any]] = {"render_modes": ["rgb_array"], "render_fps": 10}

    def __init__(self, render_mode: str | None = None, goal: int = 60) -> None:
        self.observation_space = spaces.Dict(
            {
                "camera": spaces.Box(0, 255, (16, 16, 3), np.uint8),
                "position": spaces.Box(-1.5, 1.5, (1,), np.float32),
            }
        )
        self.action_space = spaces.Discrete(3)
        self.render_mode = render_mode
        self.goal = goal

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        super().reset(seed=seed)
        self.position = float(self.np_random.uniform(-0.5, 0.5))
        self.steps = 0
        return self._observation(), {"success": False}

    def step(self, action: Any) -> tuple[dict[str, NDArray[Any]], float, bool, bool, dict[str, Any]]:
        self.position += 0.2 * (int(action) - 1) + 0.1 * float(self.np_random.normal())
        self.steps += 1
        failed = abs(self.position) > 1
        success = not failed and self.steps >= self.goal
        return self._observation(), float(not failed), failed or success, False, {"success": success}

    def render(self) -> NDArray[np.uint8]:  # type: ignore[override]
        return self._picture().repeat(20, 0).repeat(20, 1)

    def _observation(self) -> dict[str, NDArray[Any]]:
        return {"camera": self._picture(), "position": np.clip([self.position], -1.5, 1.5).astype(np.float32)}

    def _picture(self) -> NDArray[np.uint8]:
        picture = np.full((16, 16, 3), 40, np.uint8)
        column = int(np.clip((self.position + 1) * 8, 0, 15))
        picture[4:12, column] = (240, 200, 60)
        return picture


class Slide(gym.Env[Any, NDArray[np.float32]]):
    """A point that is pushed by up to 2 to either side. At 1 it arrives, at -1 it has failed.

    The observation is ``"box"``, ``"dict"`` or a ``"picture"`` in a dict; the reward is where the point is.
    """

    metadata: ClassVar[dict[str, Any]] = {"render_modes": []}

    def __init__(self, shown: str = "dict") -> None:
        self.shown = shown
        box = spaces.Box(-2.0, 2.0, (1,), np.float32)
        leaves: dict[str, spaces.Space[Any]] = {"position": box}
        if shown == "picture":
            leaves["camera"] = spaces.Box(0, 255, (16, 12, 3), np.uint8)
        self.observation_space = box if shown == "box" else spaces.Dict(leaves)
        self.action_space = spaces.Box(-2.0, 2.0, (1,), np.float32)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self.position = float(self.np_random.uniform(-0.5, 0.5))
        return self._observation(), {"success": False}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        self.position += 0.2 * float(action[0]) + 0.05 * float(self.np_random.normal())
        success = self.position >= 1
        ended = success or self.position <= -1
        return self._observation(), self.position, ended, False, {"success": success}

    def _observation(self) -> Any:
        position = np.clip([self.position], -2, 2).astype(np.float32)
        if self.shown == "box":
            return position
        if self.shown == "dict":
            return {"position": position}
        picture = np.full((16, 12, 3), 40, np.uint8)
        picture[int(np.clip((self.position + 1) * 8, 0, 15)), :, 0] = 240
        return {"position": position, "camera": picture}


def register() -> None:
    if ENV_ID not in gym.registry:
        gym.register(ENV_ID, entry_point=Strip, max_episode_steps=100)
        gym.register(SLIDE_ID, entry_point=Slide, max_episode_steps=25)


register()
