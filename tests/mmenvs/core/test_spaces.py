"""Spaces that say what they carry."""

from __future__ import annotations

import pickle

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium.vector.utils import batch_space
from hypothesis import given
from hypothesis import strategies as hs
from stable_baselines3 import PPO

from mmenvs import spaces

LEAVES = [
    spaces.Image(8, 6, 3),
    spaces.Image(4, 5, 3, tiles=(2, 3)),
    spaces.Image(4, 5, 3, tiles=(2, 3), channels_first=True),
    spaces.Scan(7, circular=False),
    spaces.Objects(3, 4, low=[0, -1, -1, 0], high=1.0, names=("a", "b", "c", "d")),
    spaces.Tokens(5, 30),
    spaces.Vector(2, unit="m", names=("x", "y")),
    spaces.History(4, 2),
]


@pytest.mark.parametrize("space", LEAVES, ids=lambda s: type(s).__name__)
def test_pickling_and_batching_keep_everything(space):
    for copy in (pickle.loads(pickle.dumps(space)), batch_space(space, 3)):
        assert type(copy) is type(space)
        assert copy.modality == space.modality
        assert copy.unit == space.unit
        assert copy.structure == space.structure
    batched = batch_space(space, 3)
    assert batched.shape == (3, *space.shape)
    sample = batched.sample()
    assert batched.contains(sample)
    assert all(space.contains(row) for row in sample)
    assert np.array_equal(batched.unflatten(sample)[1], space.unflatten(sample[1]))


@pytest.mark.parametrize("space", LEAVES, ids=lambda s: type(s).__name__)
def test_torch_and_numpy_unflatten_alike(space):
    sample = batch_space(space, 2).sample()
    tensor = torch.from_numpy(sample)
    assert np.array_equal(space.unflatten(sample), space.unflatten(tensor).numpy())


@given(hs.integers(1, 3), hs.integers(1, 3), hs.integers(1, 5), hs.integers(1, 5), hs.booleans())
def test_a_contact_sheet_gives_back_its_pictures(rows, columns, height, width, first):
    pictures = np.random.default_rng(0).integers(0, 255, (rows * columns, height, width, 3), np.uint8)
    sheet = np.concatenate(
        [np.concatenate(list(pictures[r * columns : (r + 1) * columns]), axis=1) for r in range(rows)], axis=0
    )
    space = spaces.Image(height, width, 3, tiles=(rows, columns))
    if first:
        space, sheet = space.to_channels_first(), sheet.transpose(2, 0, 1)
    assert sheet.shape == space.shape
    expected = pictures if rows * columns > 1 else pictures[0]
    assert np.array_equal(space.unflatten(sheet), expected)


def test_spaces_survive_sb3_save_and_load(tmp_path):
    env = gym.make("mmenvs/PathPlanning-v0", camera_size=(36, 36), traffic_vehicles=1)
    model = PPO("MultiInputPolicy", env, n_steps=2, batch_size=2, device="cpu")
    model.save(tmp_path / "model")
    loaded = PPO.load(tmp_path / "model", device="cpu")
    assert loaded.observation_space["lidar"].modality == "scan"
    assert loaded.observation_space["state"].names == env.observation_space["state"].names


def test_modality_is_inferred_for_other_packages():
    assert spaces.modality_of(gym.spaces.Box(0, 255, (8, 8, 3), np.uint8)) == "image"
    assert spaces.modality_of(gym.spaces.Box(-1, 1, (8,), np.float32)) == "vector"
    assert spaces.modality_of(gym.spaces.Discrete(3)) == "vector"
    assert spaces.modality_of(spaces.Scan(3)) == "scan"


@pytest.mark.parametrize("size", [0, -3, 2.5])
def test_sizes_must_be_positive_integers(size):
    with pytest.raises(ValueError, match="must be positive integers"):
        spaces.Vector(size)
