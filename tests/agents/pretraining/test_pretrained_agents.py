from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from gymnasium import spaces
from pretraining_toy import OTHERS, SMALL, TOY, TOY_BOX
from stable_baselines3 import PPO, SAC
from stable_baselines3.common.policies import BasePolicy

from agents.__main__ import main
from agents.algorithm_config import A2CConfig, DQNConfig, PPOConfig, SACConfig, TD3Config
from agents.config import EncoderConfig
from agents.encoders import ENCODERS
from agents.extractor import MultimodalExtractor
from agents.pretraining import PretrainedEncoder
from agents.train_config import TrainConfig
from agents.training import load_model, train
from agents.vec_env import make_vec_env
from mmenvs.spaces import Tokens, Vector


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
