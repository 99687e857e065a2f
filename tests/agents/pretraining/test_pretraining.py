from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pretraining_toy import OTHERS, QUICK, SMALL, TOY, played

from agents.algorithm_config import PPOConfig
from agents.pretraining import (
    OBJECTIVES,
    ContrastiveConfig,
    LearnConfig,
    MaskedConfig,
    NextStepConfig,
    PretrainConfig,
    Rollouts,
    pretrain,
)
from agents.pretraining.probe import explained, probe, ridge
from agents.train_config import TrainConfig
from agents.training import train


@pytest.mark.parametrize("objectives", [("contrastive",), ("masked:0.5", "next_step:2"), tuple(OBJECTIVES)])
def test_pretraining_learns_and_repeats_itself(rollouts: Rollouts, objectives: tuple[str, ...]) -> None:
    config = replace(QUICK, objectives=objectives, updates=15, report_every=5)
    before = torch.get_rng_state()
    first = pretrain(rollouts, config)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(99)
    second, other = pretrain(rollouts, config), pretrain(rollouts, replace(config, seed=1))
    assert first.reports == second.reports
    for name, weight in first.encoder.weights.items():
        assert torch.equal(weight, second.encoder.weights[name])
    assert any(not torch.equal(w, other.encoder.weights[n]) for n, w in first.encoder.weights.items())
    assert [report.updates for report in first.reports] == [5, 10, 15]
    assert list(first.reports[0].losses) == [name.partition(":")[0] for name in objectives]
    assert sum(first.reports[-1].losses.values()) < sum(first.reports[0].losses.values())


def test_it_works_on_any_dict(tmp_path: Path) -> None:
    found = played(OTHERS, 60)
    config = replace(QUICK, encoder=replace(SMALL, fusion="attention", modality_dropout=0.2))
    result = pretrain(found, config)
    assert all(math.isfinite(loss) for loss in result.reports[-1].held_out.values())
    assert {f"masked/{key}" for key in found.observation_space} <= set(result.reports[-1].figures)
    assert set(probe(result.encoder, found, config)) == {"motion"}
    file = tmp_path / "encoder.pt"
    result.encoder.save(file)
    small = PPOConfig(n_steps=8, batch_size=16, n_epochs=1)
    run = TrainConfig(
        OTHERS,
        steps=32,
        num_envs=4,
        out=tmp_path / "run",
        device="cpu",
        threads=1,
        ppo=small,
        pretrained=file,
    )
    assert train(run, quiet=True).steps == 32


def test_linear_probe() -> None:
    rng = np.random.default_rng(0)
    features = rng.normal(size=(400, 6))
    labels = features @ rng.normal(size=(6, 2)) + 3.0
    assert explained(ridge(features[:300], labels[:300], features[300:]), labels[300:]) > 0.99
    noise = rng.normal(size=(400, 2))
    assert explained(ridge(features[:300], noise[:300], features[300:]), noise[300:]) < 0.1


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: LearnConfig(objectives=("maskd",)), "objectives=.*'contrastive'"),
        (lambda: LearnConfig(objectives=("masked:much",)), "masked:much"),
        (lambda: LearnConfig(objectives=("masked:-1",)), "above 0"),
        (lambda: LearnConfig(held_out=1.0), "held_out=1.0"),
        (lambda: ContrastiveConfig(keys=("camera",)), "keys="),
        (lambda: MaskedConfig(key_rate=1.0), "key_rate=1.0"),
        (lambda: NextStepConfig(predict="rewards"), "predict='rewards'"),  # type: ignore[arg-type]
        (lambda: PretrainConfig(TOY, rollouts=Path("a.zip")), r"\.npz"),
        (lambda: TrainConfig(TOY, freeze=True), "freeze=True"),
    ],
)
def test_configs_refuse_what_makes_no_sense(build: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build()


def test_objectives_say_what_they_miss(rollouts: Rollouts) -> None:
    for config, message in (
        (replace(QUICK, contrastive=ContrastiveConfig(keys=("camera", "sonar"))), "sonar"),
        (replace(QUICK, masked=MaskedConfig(keys=("sonar",))), "sonar"),
    ):
        with pytest.raises(ValueError, match=message):
            pretrain(rollouts, config)
