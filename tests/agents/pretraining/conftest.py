from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import gymnasium as gym
import pytest
from pretraining_toy import OTHERS, QUICK, Others, played

from agents.pretraining import Rollouts, pretrain


@pytest.fixture(autouse=True, scope="module")
def others() -> Iterator[None]:
    gym.register(OTHERS, Others)
    yield
    gym.registry.pop(OTHERS)


@pytest.fixture(scope="session")
def rollouts(toy_environments: None) -> Rollouts:
    return played()


@pytest.fixture(scope="session")
def encoder_file(rollouts: Rollouts, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("encoder") / "encoder.pt"
    pretrain(rollouts, QUICK).encoder.save(path)
    return path
