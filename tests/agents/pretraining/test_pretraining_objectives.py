from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium import spaces
from pretraining_toy import QUICK, TOY, batch_of, setting_of

from agents.config import EncoderConfig
from agents.multimodal import MultimodalEncoder
from agents.pretraining import ContrastiveConfig, MaskedConfig, NextStepConfig, Rollouts, pretrain
from agents.pretraining.base import Batch, Setting
from agents.pretraining.contrastive import Contrastive, info_nce
from agents.pretraining.masked import Masked, masked_error
from agents.pretraining.next_step import NextStep, apart
from agents.pretraining.parts import Target
from mmenvs.spaces import History, Image, Objects, Scan, Tokens, Vector
from mmenvs.wrappers import ModalityDropout

# Contrastive.


def test_info_nce_by_hand() -> None:
    a, b = torch.tensor([[2.0, 0.0], [0.0, 1.0]]), torch.tensor([[1.0, 0.0], [3.0, 3.0]])
    # Cosines: [[1, r], [0, r]] with r = 1 / sqrt(2); divided by 0.5.
    r = 1 / math.sqrt(2)
    s = [[2.0, 2 * r], [0.0, 2 * r]]

    def cross(row: list[float], truth: int) -> float:
        return math.log(sum(map(math.exp, row))) - row[truth]

    by_rows = (cross(s[0], 0) + cross(s[1], 1)) / 2
    by_columns = (cross([s[0][0], s[1][0]], 0) + cross([s[0][1], s[1][1]], 1)) / 2
    loss, accuracy = info_nce(a, b, 0.5)
    assert float(loss) == pytest.approx((by_rows + by_columns) / 2, abs=1e-6)
    assert accuracy >= 0.75


def test_info_nce_is_symmetric_and_least_where_all_match() -> None:
    a, b = torch.randn(2, 9, 5, generator=torch.Generator().manual_seed(1))
    assert float(info_nce(a, b, 0.2)[0]) == pytest.approx(float(info_nce(b, a, 0.2)[0]), abs=1e-6)
    order = torch.randperm(9, generator=torch.Generator().manual_seed(2))
    assert float(info_nce(a[order], b[order], 0.2)[0]) == pytest.approx(
        float(info_nce(a, b, 0.2)[0]), abs=1e-6
    )
    assert float(info_nce(a, a, 0.2)[0]) < float(info_nce(a, b, 0.2)[0])
    same = torch.ones(9, 5)
    assert float(info_nce(same, same, 0.2)[0]) == pytest.approx(math.log(9), abs=1e-5)


def test_contrastive_leaves_out_what_is_missing() -> None:
    env: Any = ModalityDropout(gym.make(TOY), rate=0.4)
    seen = [env.reset(seed=seed)[0] for seed in range(12)]
    batch = {key: torch.as_tensor(np.stack([o[key] for o in seen])) for key in seen[0]}
    config = replace(QUICK, contrastive=ContrastiveConfig(keys=("camera", "lidar")))
    encoder = MultimodalEncoder(env.observation_space)
    objective = Contrastive(Setting(encoder, env.observation_space, env.action_space, config, batch))
    names = env.observation_space["validity"].names
    both = (batch["validity"][:, [names.index("camera"), names.index("lidar")]] > 0.5).all(1)
    assert 2 <= both.sum() < 12
    there = {key: value[both] for key, value in batch.items()}
    losses = []
    for seen_of in (batch, there):
        count = len(seen_of["lidar"])
        steps = Batch(seen_of, torch.zeros(count), None, torch.ones(count, dtype=torch.bool))
        losses.append(objective(encoder, steps)[0].item())
    assert losses[0] == pytest.approx(losses[1], abs=1e-5)


def test_temperature_is_learned_or_not(rollouts: Rollouts) -> None:
    for learn in (True, False):
        config = replace(QUICK, contrastive=ContrastiveConfig(learn_temperature=learn, temperature=0.2))
        setting = setting_of(rollouts, config)
        objective = Contrastive(setting)
        loss, figures = objective(setting.encoder, batch_of(rollouts))
        loss.backward()
        assert figures["temperature"] == pytest.approx(0.2)
        assert (objective.log_temperature.grad is not None) == learn


# Masked.


def test_masked_error_counts_what_is_masked_alone() -> None:
    said, target = torch.zeros(2, 3), torch.tensor([[1.0, 2.0, 9.0], [3.0, 9.0, 9.0]])
    counts = torch.tensor([[True, True, False], [True, False, False]])
    assert float(masked_error(said, target, counts)) == pytest.approx((1 + 4 + 9) / 3)
    assert float(masked_error(said, target, torch.zeros_like(counts))) == 0.0
    assert not torch.isnan(masked_error(said, torch.full((2, 3), float("nan")), torch.zeros_like(counts)))


def test_what_was_not_hidden_does_not_count(rollouts: Rollouts) -> None:
    setting = setting_of(rollouts, replace(QUICK, masked=MaskedConfig(patches=4, picture_size=8)))
    objective, observations = Masked(setting), batch_of(rollouts).observations
    shown, hidden = objective.mask(observations)
    for key, numbers in hidden.items():
        assert numbers.any(), key
        assert not numbers.all(), key
        unchanged = (shown[key] == observations[key]).flatten(1).all(1)
        absent = shown["validity"][:, list(observations).index(key)] == 0
        assert (numbers[absent]).all()
        assert not numbers[unchanged & ~absent].all(1).any()
    # Where nothing at all is hidden nothing is lost.
    bare = replace(QUICK, masked=MaskedConfig(key_rate=0.0, part_rate=1e-9))
    loss, _ = Masked(setting_of(rollouts, bare))(setting.encoder, batch_of(rollouts))
    assert loss.item() == 0.0


@pytest.mark.parametrize(
    ("space", "parts"),
    [
        (Image(16, 16), 16),
        (Image(8, 8, tiles=(1, 3)), 48),
        (Image(8, 16).to_channels_first(), 16),
        (spaces.Box(0, 255, (8, 16, 3), np.uint8), 16),
        (Scan(10), 4),
        (Objects(3, 4), 3),
        (History(5, 2), 5),
        (Vector(6), 6),
        (spaces.Box(-np.inf, np.inf, (2, 3), np.float64), 6),
        (Tokens(4, 9), 0),
        (spaces.Discrete(3, start=1), 0),
    ],
)
def test_parts_of_every_space(space: spaces.Space[Any], parts: int) -> None:
    space.seed(0)
    sample = torch.as_tensor(np.stack([space.sample() for _ in range(64)]))
    target = Target("key", space, EncoderConfig(), sample, picture_size=8, patches=4)
    assert target.parts == parts
    wanted = target(sample)
    assert wanted.shape == (64, target.size)
    assert wanted.isfinite().all()
    assert wanted.mean(0).abs().max() < 1e-4
    assert 0.5 < float(wanted.std()) < 1.2
    if not parts:
        return
    for part in range(parts):
        hidden = torch.zeros(64, parts, dtype=torch.bool)
        hidden[:, part] = True
        changed = target(target.hide(sample, hidden)) != wanted
        assert changed.any()
        # Hiding a part changes the numbers of that part of the target and no others.
        assert not changed[~target.covers(hidden)].any()
    assert target.hide(sample, hidden).dtype == sample.dtype
    everything = target.hide(sample, torch.ones(64, parts, dtype=torch.bool))
    assert (everything == everything[:1]).all()


# Next step.


def test_next_step_ignores_the_ends_of_episodes(rollouts: Rollouts) -> None:
    setting = setting_of(rollouts)
    objective, batch = NextStep(setting), batch_of(rollouts, 60)
    assert 0 < batch.follows.sum() < 60
    assert batch.following is not None
    loss, _ = objective(setting.encoder, batch)
    for ends, changes in ((True, False), (False, True)):
        where = batch.follows != ends
        other = {
            k: torch.where(where.view(-1, *[1] * (v.ndim - 1)), v.flip(-1) + 1, v)
            for k, v in batch.following.items()
        }
        altered, _ = objective(setting.encoder, replace(batch, following=other))
        assert bool(loss != altered) == changes
    nothing = replace(batch, follows=torch.zeros_like(batch.follows))
    only = replace(QUICK, next_step=NextStepConfig(predict="observations"))
    assert NextStep(setting_of(rollouts, only))(setting.encoder, nothing)[0].item() == 0.0


def test_collapse_is_punished_and_the_slow_copy_follows(rollouts: Rollouts) -> None:
    constant, varied = torch.ones(16, 4), torch.randn(512, 4, generator=torch.Generator().manual_seed(0)) * 2
    assert float(apart(constant)[0]) == pytest.approx(0.99, abs=0.01)
    assert float(apart(varied)[0]) == 0.0
    doubled = varied[:, [0, 0, 1, 1]]
    assert float(apart(doubled)[1]) > 10 * float(apart(varied)[1])

    config = replace(QUICK, next_step=NextStepConfig(predict="features", momentum=0.75))
    setting = setting_of(rollouts, config)
    objective = NextStep(setting)
    before = [p.clone() for p in objective.slow.parameters()]
    with torch.no_grad():
        for weight in setting.encoder.parameters():
            weight.add_(4.0)
    objective.after_update(setting.encoder)
    moved = [float((p - b).mean()) for p, b in zip(objective.slow[0].parameters(), before, strict=False)]
    assert moved == pytest.approx([1.0] * len(moved), abs=1e-4)
    assert not any(p.requires_grad for p in objective.slow.parameters())


def test_prediction_does_not_collapse(rollouts: Rollouts) -> None:
    held = replace(
        QUICK,
        updates=40,
        objectives=("next_step",),
        next_step=NextStepConfig(predict="features"),
        learning_rate=3e-3,
    )
    loose = replace(held, next_step=NextStepConfig(predict="features", variance=0.0, covariance=0.0))
    spreads = [pretrain(rollouts, c).reports[-1].figures["next_step/spread"] for c in (held, loose)]
    assert spreads[0] > 2 * spreads[1]
