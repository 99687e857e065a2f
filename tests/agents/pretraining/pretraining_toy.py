"""What the tests of pretraining share."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
import torch
from gymnasium import spaces
from gymnasium.vector import AutoresetMode

from agents.config import EncoderConfig, ImageConfig
from agents.multimodal import MultimodalEncoder
from agents.pretraining import LearnConfig, Rollouts, collect
from agents.pretraining.base import Batch, Setting
from agents.vec_env import make_vector

TOY, TOY_BOX, OTHERS = "toy/Sides-v0", "toy/SidesBox-v0", "toy/Others-v0"
SMALL = EncoderConfig(image=ImageConfig(channels=(8,), features=32))
QUICK = LearnConfig(updates=4, batch_size=16, report_every=2, device="cpu", encoder=SMALL)


class Others(gym.Env[dict[str, Any], Any]):
    """Nothing of this package: plain boxes, choices and a picture, and an action of several choices."""

    def __init__(self) -> None:
        self.observation_space = spaces.Dict(
            bits=spaces.MultiBinary(3),
            eye=spaces.Box(0, 255, (10, 12, 3), np.uint8),
            gear=spaces.Discrete(4),
            motion=spaces.Box(-np.inf, np.inf, (2, 3), np.float64),
            switches=spaces.MultiDiscrete([2, 3]),
        )
        self.action_space = spaces.MultiDiscrete([2, 3])

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[dict[str, Any], dict[str, Any]]:
        super().reset(seed=seed)
        if seed is not None:
            self.observation_space.seed(seed)
        self._steps = 0
        return self.observation_space.sample(), {}

    def step(self, action: Any) -> tuple[dict[str, Any], float, bool, bool, dict[str, Any]]:
        self._steps += 1
        return self.observation_space.sample(), 0.0, self._steps == 5, False, {}


def played(env_id: str = TOY, steps: int = 160, worlds: int = 4, **kwargs: Any) -> Rollouts:
    env = make_vector(env_id, worlds, AutoresetMode.SAME_STEP)
    rollouts = collect(env, steps, **kwargs)
    env.close()
    return rollouts


def setting_of(rollouts: Rollouts, config: LearnConfig = QUICK) -> Setting:
    torch.manual_seed(0)
    encoder = MultimodalEncoder(rollouts.observation_space, config.encoder)
    sample = {key: torch.as_tensor(value) for key, value in rollouts.flat.items()}
    return Setting(encoder, rollouts.observation_space, rollouts.action_space, config, sample)


def batch_of(rollouts: Rollouts, count: int = 12) -> Batch:
    """Return the first rows with those one step later."""
    now, later = (
        {k: torch.as_tensor(v[begin : begin + count]) for k, v in rollouts.flat.items()}
        for begin in (0, rollouts.worlds)
    )
    actions = rollouts.actions.reshape(-1, *rollouts.actions.shape[2:])
    return Batch(
        now, torch.as_tensor(actions[:count]), later, torch.as_tensor(~rollouts.last.ravel()[:count])
    )
