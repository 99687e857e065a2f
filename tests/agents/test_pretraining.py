from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium import spaces
from gymnasium.vector import AutoresetMode
from stable_baselines3 import PPO, SAC
from stable_baselines3.common.policies import BasePolicy

from agents.__main__ import main
from agents.algorithm_config import A2CConfig, DQNConfig, PPOConfig, SACConfig, TD3Config
from agents.config import EncoderConfig, ImageConfig, VectorConfig
from agents.encoders import ENCODERS
from agents.extractor import MultimodalExtractor
from agents.multimodal import MultimodalEncoder
from agents.pretraining import (
    OBJECTIVES,
    ContrastiveConfig,
    LearnConfig,
    MaskedConfig,
    NextStepConfig,
    PretrainConfig,
    PretrainedEncoder,
    Rollouts,
    collect,
    pretrain,
)
from agents.pretraining.base import Batch, Setting
from agents.pretraining.contrastive import Contrastive, info_nce
from agents.pretraining.masked import Masked, masked_error
from agents.pretraining.next_step import NextStep, apart
from agents.pretraining.parts import Target
from agents.pretraining.probe import explained, probe, ridge
from agents.train_config import TrainConfig
from agents.training import load_model, train
from agents.vec_env import make_vec_env, make_vector
from mmenvs.spaces import History, Image, Objects, Scan, Tokens, Vector
from mmenvs.wrappers import ModalityDropout

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


@pytest.fixture(autouse=True, scope="module")
def others() -> Iterator[None]:
    gym.register(OTHERS, Others)
    yield
    gym.registry.pop(OTHERS)


def played(env_id: str = TOY, steps: int = 160, worlds: int = 4, **kwargs: Any) -> Rollouts:
    env = make_vector(env_id, worlds, AutoresetMode.SAME_STEP)
    rollouts = collect(env, steps, **kwargs)
    env.close()
    return rollouts


@pytest.fixture(scope="module")
def rollouts(toy_environments: None) -> Rollouts:
    return played()


@pytest.fixture(scope="module")
def encoder_file(rollouts: Rollouts, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("encoder") / "encoder.pt"
    pretrain(rollouts, QUICK).encoder.save(path)
    return path


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


# Rollouts.


def test_rollouts_are_what_the_worlds_showed(rollouts: Rollouts) -> None:
    assert len(rollouts) == 160
    assert rollouts.observations["camera"].shape == (40, 4, 24, 32, 3)
    assert rollouts.observations["camera"].dtype == np.uint8
    assert rollouts.actions.shape == (40, 4)
    steps = rollouts.observations["state"][..., 0]
    follows = ~rollouts.last[:-1]
    assert (steps[1:][follows] == steps[:-1][follows] + 1).all()
    assert (steps[1:][~follows] == 0).all()
    assert rollouts.last[-1].all()
    assert (rollouts.flat["state"].reshape(40, 4, 2)[..., 0] == steps).all()


@pytest.mark.parametrize("mode", list(AutoresetMode))
def test_any_autoreset_mode_will_do(mode: AutoresetMode) -> None:
    env = gym.make_vec(TOY, 3, "sync", vector_kwargs={"autoreset_mode": mode})
    found = collect(env, 90, seed=3)
    steps = found.observations["state"][..., 0]
    follows = ~found.last[:-1]
    assert (steps[1:][follows] == steps[:-1][follows] + 1).all()
    assert (steps[1:][~follows] == 0).all()
    assert (~follows).any()
    env.close()


def test_native_worlds_reuse_their_buffers_and_have_an_expert() -> None:
    env = make_vector("mmenvs/PathPlanning-v0", 2, AutoresetMode.SAME_STEP, {"sensors": ("lidar", "state")})
    same = [collect(env, 24, "mixed", seed=5) for _ in range(2)]
    expert, chance = collect(env, 24, "expert", seed=5), collect(env, 24, "random", seed=5)
    env.close()
    assert all((same[0].flat[k] == same[1].flat[k]).all() for k in same[0].flat)
    assert len(np.unique(same[0].flat["lidar"], axis=0)) > 12
    assert not (expert.actions == same[0].actions).all()
    assert not (expert.actions == chance.actions).all()


def test_rollouts_survive_a_file(rollouts: Rollouts, tmp_path: Path) -> None:
    path = tmp_path / "deep" / "rollouts.npz"
    rollouts.save(path)
    loaded = Rollouts.load(path)
    assert loaded.observation_space == rollouts.observation_space
    assert loaded.action_space == rollouts.action_space
    assert all((loaded.flat[k] == v).all() for k, v in rollouts.flat.items())
    assert (loaded.actions == rollouts.actions).all()
    assert (loaded.last == rollouts.last).all()
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(ValueError, match="damaged"):
        Rollouts.load(path)
    with pytest.raises(ValueError, match="does not exist"):
        Rollouts.load(tmp_path / "none.npz")
    with pytest.raises(ValueError, match="are a Dict"):
        collect(gym.make_vec("CartPole-v1", 2), 8)


def test_held_out_worlds_are_never_learned_from(rollouts: Rollouts) -> None:
    learned, held = rollouts.split(0.3)
    assert set(learned % 4) == {0, 1}
    assert set(held % 4) == {2, 3}
    assert len(learned) + len(held) == len(rollouts)
    ahead, behind = played(worlds=1, steps=20).split(0.25)
    assert ahead.max() + 1 == behind.min() == 15


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


# Pretraining.


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


# Files.


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


# Training on.


def encoders_of(policy: BasePolicy) -> list[dict[str, torch.Tensor]]:
    return [m.encoder.state_dict() for m in policy.modules() if isinstance(m, MultimodalExtractor)]


def run_of(tmp_path: Path, file: Path, algo: str, **changes: Any) -> TrainConfig:
    replay = {"buffer_size": 200, "learning_starts": 16, "batch_size": 8}
    config = TrainConfig(
        TOY_BOX if algo in ("sac", "td3") else TOY,
        algo=algo,  # type: ignore[arg-type]
        steps=64,
        num_envs=4,
        out=tmp_path / algo,
        device="cpu",
        threads=1,
        weight_decay=0.01,
        ppo=PPOConfig(n_steps=16, batch_size=32, n_epochs=2),
        a2c=A2CConfig(n_steps=8),
        dqn=DQNConfig(**replay, target_update_interval=20),
        sac=SACConfig(**replay),
        td3=TD3Config(**replay),
        pretrained=file,
    )
    return replace(config, **changes)


@pytest.mark.parametrize("algo", ["ppo", "a2c", "dqn", "sac", "td3"])
def test_a_frozen_encoder_stays_as_it_is(algo: str, encoder_file: Path, tmp_path: Path) -> None:
    wanted = PretrainedEncoder.load(encoder_file).weights
    config = run_of(tmp_path, encoder_file, algo, freeze=True)
    first = train(config, quiet=True)
    resumed = train(replace(config, steps=96), resume=first.run_dir, quiet=True)
    loaded, saved = load_model(first.run_dir, device="cpu")
    assert saved.freeze
    assert resumed.steps >= 96
    heads = [m.policy.state_dict() for m in (first.model, resumed.model)]
    assert any(not torch.equal(v, heads[1][k]) for k, v in heads[0].items())
    for model in (first.model, resumed.model, loaded):
        found = encoders_of(model.policy)
        assert found
        for weights in found:
            assert all(torch.equal(weights[name], weight) for name, weight in wanted.items())
        model.policy.set_training_mode(True)
        extractors = [m for m in model.policy.modules() if isinstance(m, MultimodalExtractor)]
        assert not any(m.training for e in extractors for m in e.encoder.modules())
        assert not any(list(e.encoder.parameters()) for e in extractors)


@pytest.mark.parametrize("algo", ["ppo", "sac"])
def test_a_pretrained_encoder_learns_on(algo: str, encoder_file: Path, tmp_path: Path) -> None:
    wanted = PretrainedEncoder.load(encoder_file).weights
    config = run_of(tmp_path, encoder_file, algo, steps=4)
    learner = train(replace(config, steps=64), quiet=True).model
    assert any(not torch.equal(encoders_of(learner.policy)[0][name], w) for name, w in wanted.items())
    if algo == "sac":  # which has learned nothing before learning_starts
        untouched = train(config, quiet=True).model
        for weights in encoders_of(untouched.policy):
            assert all(torch.equal(weights[name], w) for name, w in wanted.items())


@pytest.mark.parametrize(("kind", "env_id", "shared"), [(PPO, TOY, False), (SAC, TOY_BOX, True)])
def test_freezing_works_with_extractors_that_are_shared_or_not(
    kind: Any, env_id: str, shared: bool, encoder_file: Path
) -> None:
    file = PretrainedEncoder.load(encoder_file)
    options: dict[str, Any] = {"n_steps": 16, "batch_size": 32} if kind is PPO else {"learning_starts": 8}
    model = kind(
        "MultiInputPolicy",
        make_vec_env(env_id, 2, seed=0),
        policy_kwargs={
            "features_extractor_class": MultimodalExtractor,
            "features_extractor_kwargs": {"config": file.config, "frozen": True},
            "normalize_images": False,
            "share_features_extractor": shared,
        },
        device="cpu",
        **options,
    )
    file.load_into(model.policy)
    model.learn(64)
    found = encoders_of(model.policy)
    assert len(found) == 2
    for weights in found:
        assert all(torch.equal(weights[name], weight) for name, weight in file.weights.items())


def test_recurrent_encoders_freeze_too() -> None:
    space = spaces.Dict(text=Tokens(4, 9), state=Vector(2))
    names = list(ENCODERS["tokens"])[:2]
    for name in names:
        config = EncoderConfig(modalities={"text": f"tokens:{name}"}, fusion="attention")
        frozen, free = MultimodalExtractor(space, config, frozen=True), MultimodalExtractor(space, config)
        frozen.load_state_dict(free.state_dict())
        observations = {"text": torch.tensor([[1, 2, 0, 0]]), "state": torch.zeros(1, 2)}
        features = frozen.train()(observations)
        assert not features.requires_grad
        assert torch.equal(features, free.eval()(observations))


def test_an_encoder_that_does_not_fit_is_refused(encoder_file: Path, tmp_path: Path) -> None:
    config = run_of(tmp_path, encoder_file, "ppo")
    with pytest.raises(ValueError, match=r"encoder\.width: trained with 64, given 32"):
        train(replace(config, encoder=replace(SMALL, width=32)), quiet=True)
    with pytest.raises(ValueError, match=r"observation\['eye'\]"):
        train(replace(config, env_id=OTHERS), quiet=True)
    assert not config.run_dir.exists()


def test_from_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, kept, run = (str(tmp_path / name) for name in ("encoder.pt", "rollouts.npz", "run"))
    command = ["pretrain", TOY, "--out", file, "--rollouts", kept, "--steps", "80", "--num-envs", "4"]
    command += ["--updates", "3", "--batch-size", "16", "--threads", "1", "--device", "cpu", "--probe"]
    command += ["--objectives", "contrastive", "masked:0.5", "--masked.picture-size", "8"]
    assert main([*command, "--encoder.width", "32"]) == 0
    assert "state, read linearly off the others" in capsys.readouterr().out
    assert main([*command, "--encoder.width", "32"]) == 0  # from the kept rollouts
    small = [
        "--num-envs",
        "4",
        "--threads",
        "1",
        "--device",
        "cpu",
        "--ppo.n-steps",
        "8",
        "--ppo.batch-size",
        "16",
    ]
    assert main(["train", TOY, "--pretrained", file, "--freeze", "--steps", "32", "--out", run, *small]) == 0
    saved = TrainConfig.load(tmp_path / "run" / "config.json")
    assert (saved.encoder.width, saved.pretrained, saved.freeze) == (32, Path(file), True)
    Path(file).unlink()
    assert main(["train", "--resume", run, "--steps", "64"]) == 0
    assert main(["evaluate", run, "--episodes", "2"]) == 0
    assert main(["export", run, "--to", str(tmp_path / "policy.pt"), "--check"]) == 0
    other = ["pretrain", OTHERS, *command[2:]]
    assert main(other) == 2
    assert "is not of toy/Others-v0" in capsys.readouterr().err
