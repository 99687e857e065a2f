from __future__ import annotations

import json
from collections import OrderedDict
from typing import Any

import numpy as np
import pytest
from gymnasium import make, spaces
from gymnasium.vector.utils import batch_space

from mmenvs import ENVIRONMENTS
from mmenvs.space_json import space_from_json, space_to_json
from mmenvs.spaces import History, Image, ModalBox, Objects, Scan, Tokens, Vector

LEAVES: dict[str, spaces.Space[Any]] = {
    "box": spaces.Box(-np.inf, np.inf, (2, 3)),
    "bounds": spaces.Box(np.array([-1.0, -np.inf], np.float32), np.array([0.1, 7.0], np.float32)),
    "bytes": spaces.Box(0, 255, (4, 5, 3), np.uint8),
    "modal": ModalBox(-1, 1, (6,), np.float32, unit="m", structure=(2, 3)),
    "image": Image(8, 9, 1, low=0, high=6, tiles=(2, 3), unit="class"),
    "chw": Image(8, 9).to_channels_first(),
    "scan": Scan(12, high=2.0, circular=False),
    "objects": Objects(3, 2, low=[-1, 0], high=[1, 5], names=("a", "b")),
    "history": History(4, 2, low=0.0, names=("c", "d"), unit="s"),
    "tokens": Tokens(7, 31),
    "vector": Vector(2, low=[0, -5], high=[8, 5], names=("steps", "errors")),
    "discrete": spaces.Discrete(4, start=-1),
    "many": spaces.MultiDiscrete([3, 4], start=[0, 1]),
    "bits": spaces.MultiBinary(5),
}


def through_json(space: spaces.Space[Any]) -> spaces.Space[Any]:
    return space_from_json(json.loads(json.dumps(space_to_json(space), allow_nan=False)))


@pytest.mark.parametrize("key", LEAVES)
def test_every_space_comes_back(key: str) -> None:
    space = LEAVES[key]
    again = through_json(space)
    assert type(again) is type(space)
    assert again == space
    if isinstance(space, ModalBox):
        for name in ("unit", "structure", "names", "circular", "tiles", "channels_first", "vocabulary"):
            assert getattr(again, name, None) == getattr(space, name, None), name


def test_a_dict_keeps_the_order_of_its_keys() -> None:
    space = spaces.Dict(OrderedDict(reversed(LEAVES.items())))
    again = through_json(space)
    assert isinstance(again, spaces.Dict)
    assert list(again.spaces) == list(reversed(LEAVES))
    assert again == space


@pytest.mark.parametrize("env_id", ["mmenvs/Driving-v0", "mmenvs/Recommender-v0", "mmenvs/Boredom-v0"])
def test_spaces_of_our_environments(env_id: str) -> None:
    assert env_id in ENVIRONMENTS
    env = make(env_id)
    for space in (env.observation_space, env.action_space):
        assert through_json(space) == space
    env.close()


def test_what_is_no_space_is_refused() -> None:
    with pytest.raises(ValueError, match="cannot be written as JSON"):
        space_to_json(spaces.Text(4))
    with pytest.raises(ValueError, match="cannot be written as JSON"):
        space_to_json(batch_space(Scan(4), 2))
    for data in ({}, {"type": "Blob"}, {"type": "Box"}, {"type": "Discrete", "n": "many", "start": 0}):
        with pytest.raises(ValueError, match="does not describe a space"):
            space_from_json(data)
