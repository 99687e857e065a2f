"""What the tests of exported policies share."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium import spaces
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from gymnasium.vector.utils import concatenate, create_empty_array
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.vec_env import VecEnv

from agents.algorithm_config import (
    A2CConfig,
    Algo,
    DQNConfig,
    PPOConfig,
    QRDQNConfig,
    SACConfig,
    TD3Config,
    TQCConfig,
)
from agents.algorithms import make_model
from agents.config import EncoderConfig, HistoryConfig, ImageConfig, ObjectsConfig, ScanConfig, VectorConfig
from agents.vec_env import GymVecEnv
from mmenvs.spaces import History, Image, Objects, Scan, Tokens, Vector

MISSING = [name for name in ("onnx", "onnxruntime") if importlib.util.find_spec(name) is None]
needs_onnx = pytest.mark.skipif(bool(MISSING), reason=f"{MISSING} not installed; extra 'deploy'")
SUFFIXES = [pytest.param(".onnx", marks=needs_onnx), ".pt"]

TINY = EncoderConfig(
    width=8,
    image=ImageConfig((4, 4), 8, 4),
    scan=ScanConfig((4,), 5, 8),
    objects=ObjectsConfig((8,), 4),
    vector=VectorConfig((8,)),
    history=HistoryConfig((4,), 8),
)
SETTINGS: dict[Algo, Any] = {
    "ppo": PPOConfig(n_steps=4, batch_size=8, net_arch=(8,)),
    "a2c": A2CConfig(net_arch=(8,)),
    "dqn": DQNConfig(buffer_size=10, net_arch=(8,)),
    "sac": SACConfig(buffer_size=10, net_arch=(8,)),
    "td3": TD3Config(buffer_size=10, net_arch=(8,)),
    "qrdqn": QRDQNConfig(buffer_size=10, net_arch=(8,), n_quantiles=4),
    "tqc": TQCConfig(buffer_size=10, net_arch=(8,), n_quantiles=4),
}
#: Every modality, and every kind of leaf that Stable-Baselines3 reads.
EVERYTHING = spaces.Dict(
    camera=Image(40, 48),
    sheet=Image(24, 24, tiles=(2, 2)),
    lidar=Scan(12),
    sector=Scan(9, circular=False),
    state=Vector(2, low=[0, -5], high=[8, 5]),
    free=spaces.Box(-np.inf, np.inf, (3, 2)),
    traffic=Objects(3, 4),
    past=History(5, 3),
    words=Tokens(6, 20),
    gear=spaces.Discrete(4),
    lamps=spaces.MultiDiscrete([2, 3]),
    doors=spaces.MultiBinary(3),
)
ACTIONS: dict[str, spaces.Space[Any]] = {
    "discrete": spaces.Discrete(5),
    "several": spaces.MultiDiscrete([3, 4, 2]),
    "bits": spaces.MultiBinary(4),
    "box": spaces.Box(np.array([-2.0, 0.0], np.float32), np.array([1.0, 10.0], np.float32)),
}


class Anything(gym.Env[Any, Any]):
    """Draws observations from its space; nothing matters."""

    def __init__(self, observation_space: spaces.Space[Any], action_space: spaces.Space[Any]) -> None:
        self.observation_space, self.action_space = observation_space, action_space

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        return self.observation_space.sample(), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        return self.observation_space.sample(), 0.0, False, False, {}


def worlds(observation_space: spaces.Space[Any], action_space: spaces.Space[Any]) -> GymVecEnv:
    """Return two worlds of any spaces."""
    make = [lambda: Anything(observation_space, action_space)] * 2
    return GymVecEnv(SyncVectorEnv(make, autoreset_mode=AutoresetMode.SAME_STEP))


def tiny_model(algo: Algo, venv: VecEnv, encoder: EncoderConfig = TINY) -> BaseAlgorithm:
    """Return a tiny model whose decisions depend on every input, as those of an untrained one do not."""
    model = make_model(algo, SETTINGS[algo], encoder, venv, seed=0, device="cpu")
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for weight in model.policy.parameters():
            noise = torch.randn(weight.shape, generator=generator)
            weight.add_(noise, alpha=0.1 if weight.ndim < 2 else weight[0].numel() ** -0.5)
    return model


def draw(space: spaces.Space[Any], count: int) -> Any:
    """Return a batch of observations drawn from a space."""
    space.seed(0)
    batch: Any = create_empty_array(space, count)
    return concatenate(space, [space.sample() for _ in range(count)], batch)


def first(observations: Any, index: Any) -> Any:
    """Return a part of a batch."""
    if isinstance(observations, Mapping):
        return {key: value[index] for key, value in observations.items()}
    return observations[index]
