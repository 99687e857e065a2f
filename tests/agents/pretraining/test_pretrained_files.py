from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from gymnasium import spaces
from pretraining_toy import QUICK, SMALL, TOY, batch_of

from agents.config import VectorConfig
from agents.pretraining import PretrainedEncoder, Rollouts, pretrain
from agents.vec_env import make_vec_env
from mmenvs.spaces import Scan, Vector


def test_a_file_gives_the_same_features(encoder_file: Path, rollouts: Rollouts) -> None:
    loaded = PretrainedEncoder.load(encoder_file)
    loaded.check(rollouts.observation_space, SMALL)
    loaded.check(make_vec_env(TOY, 2).observation_space)  # pictures with channels first
    original = pretrain(rollouts, QUICK).encoder
    observations = batch_of(rollouts).observations
    assert torch.equal(loaded.build().eval()(observations), original.build().eval()(observations))


def test_errors_name_what_differs(encoder_file: Path, tmp_path: Path) -> None:
    file = PretrainedEncoder.load(encoder_file)
    space = dict(file.space.spaces)
    with pytest.raises(
        ValueError, match=r"observation\['lidar'\]: trained on Scan\(\(12,\).*Scan\(\(13,\)"
    ) as error:
        file.check(spaces.Dict(space | {"lidar": Scan(13)}))
    assert "camera" not in str(error.value)
    with pytest.raises(ValueError, match=r"observation\['radar'\]: trained on None"):
        file.check(spaces.Dict(space | {"radar": Scan(3)}))
    with pytest.raises(ValueError, match=r"observation\['lidar'\]: .*Vector"):
        file.check(spaces.Dict(space | {"lidar": Vector(12, low=0.0)}))
    with pytest.raises(ValueError, match="trained on Dict"):
        file.check(spaces.Box(0, 1, (3,)))
    with pytest.raises(ValueError, match=r"encoder\.vector\.hidden: trained with \(64, 64\), given \(8,\)"):
        file.check(file.space, replace(SMALL, vector=VectorConfig(hidden=(8,))))

    wrong = replace(file, config=replace(SMALL, vector=VectorConfig(hidden=(8,))))
    wrong.save(tmp_path / "wrong.pt")
    with pytest.raises(ValueError, match=r"weight 'encoders\.2\.layers\.0\.weight': its file has \(64, 2\)"):
        PretrainedEncoder.load(tmp_path / "wrong.pt")
    damaged = tmp_path / "damaged.pt"
    damaged.write_bytes(encoder_file.read_bytes()[:-500])
    with pytest.raises(ValueError, match="no encoder file, or a part of one"):
        PretrainedEncoder.load(damaged)
    torch.save({"weights": {}}, damaged)
    with pytest.raises(ValueError, match=r"lacks \['format', 'space', 'config'\]"):
        PretrainedEncoder.load(damaged)
    parts = torch.load(encoder_file)
    torch.save(parts | {"config": json.dumps({"widht": 3})}, damaged)
    with pytest.raises(ValueError, match=r"no field \['widht'\]"):
        PretrainedEncoder.load(damaged)
    torch.save(parts | {"format": 7}, damaged)
    with pytest.raises(ValueError, match="format 7"):
        PretrainedEncoder.load(damaged)
    with pytest.raises(ValueError, match="does not exist"):
        PretrainedEncoder.load(tmp_path / "none.pt")
