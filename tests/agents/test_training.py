from __future__ import annotations

import importlib.machinery
import json
import pickle
import sys
import types
from dataclasses import replace
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest
import torch
from stable_baselines3 import PPO
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.off_policy_algorithm import OffPolicyAlgorithm
from stable_baselines3.common.utils import LinearSchedule

from agents.algorithm_config import (
    A2CConfig,
    DQNConfig,
    PPOConfig,
    RecurrentPPOConfig,
    SACConfig,
    TD3Config,
)
from agents.callbacks import CurvePoint, HurriedSchedule, save_checkpoint
from agents.config import EncoderConfig
from agents.defaults import DEFAULTS, defaults_for
from agents.evaluation import evaluate
from agents.extractor import MultimodalExtractor
from agents.film import film_gif
from agents.report import plot_curve
from agents.train_config import TrainConfig
from agents.training import load_model, train
from agents.vec_env import make_vec_env
from mmenvs import ENVIRONMENTS

TOY, TOY_BOX = "toy/Sides-v0", "toy/SidesBox-v0"


def tiny(tmp_path: Path, algo: str = "ppo", **changes: object) -> TrainConfig:
    replay = {"buffer_size": 500, "learning_starts": 20, "batch_size": 8}
    config = TrainConfig(
        TOY_BOX if algo in ("sac", "td3") else TOY,
        algo=algo,  # type: ignore[arg-type]
        steps=128,
        num_envs=4,
        out=tmp_path / algo,
        device="cpu",
        threads=1,
        ppo=PPOConfig(n_steps=16, batch_size=32, n_epochs=2),
        a2c=A2CConfig(n_steps=8),
        dqn=DQNConfig(**replay, target_update_interval=40),
        sac=SACConfig(**replay),
        td3=TD3Config(**replay),
    )
    return replace(config, **changes)


@pytest.mark.parametrize("algo", ["ppo", "a2c", "recurrent_ppo"])
def test_a_run_that_was_killed_goes_on_bit_for_bit(algo: str, tmp_path: Path) -> None:
    config = tiny(tmp_path, algo, steps=320, checkpoint_every=100)
    config = replace(config, recurrent_ppo=RecurrentPPOConfig(n_steps=16, batch_size=32, lstm_hidden_size=8))
    whole = train(config, quiet=True)
    killed = replace(config, out=tmp_path / "killed")

    class Killed(BaseCallback):
        """Stops the process, as far as a test may, in the middle of a rollout after the second checkpoint."""

        def _on_step(self) -> bool:
            if self.num_timesteps > 230:
                raise MemoryError
            return True

    with pytest.raises(MemoryError):
        train(killed, callbacks=[Killed()], quiet=True)
    resumed = train(killed, resume=killed.out, quiet=True)
    assert resumed.steps == whole.steps == 320
    weights, others = whole.model.policy.state_dict(), resumed.model.policy.state_dict()
    assert all(torch.equal(weights[key], others[key]) for key in weights)
    assert list(whole.model.ep_success_buffer or ()) == list(resumed.model.ep_success_buffer or ())


@pytest.mark.parametrize("algo", ["ppo", "a2c", "dqn", "sac", "td3"])
def test_train_resume_and_evaluate(algo: str, tmp_path: Path) -> None:
    config = tiny(tmp_path, algo)
    first = train(config, quiet=True)
    assert first.steps == 128
    assert first.stopped_by == "steps"
    assert TrainConfig.load(first.run_dir / "config.json") == config

    loaded, _ = load_model(first.run_dir, device="cpu")
    before = loaded.policy.state_dict()
    assert all(torch.equal(v, before[k]) for k, v in first.model.policy.state_dict().items())

    again = train(replace(config, steps=192), resume=first.run_dir, quiet=True)
    assert again.steps == 192
    assert again.model._n_updates > first.model._n_updates
    if isinstance(again.model, OffPolicyAlgorithm):
        assert again.model.replay_buffer.size() == 48  # of four worlds: 32 before, 16 since
    changed = again.model.policy.state_dict()
    assert any(not torch.equal(v, before[k]) for k, v in changed.items())

    result = evaluate(again.model, config.env_id, 6, num_envs=4)
    assert result.returns.shape == (6,)
    assert not list(first.run_dir.rglob("*.tmp"))


def test_the_optimiser_goes_on_where_it_was(tmp_path: Path) -> None:
    result = train(tiny(tmp_path), quiet=True)
    loaded, _ = load_model(result.run_dir, device="cpu")
    ours, theirs = (m.policy.optimizer.state_dict()["state"] for m in (result.model, loaded))
    assert ours
    assert all(torch.equal(ours[i]["exp_avg"], theirs[i]["exp_avg"]) for i in ours)


def test_same_seed_same_weights(tmp_path: Path) -> None:
    runs = [
        train(tiny(tmp_path, seed=seed, out=tmp_path / str(i)), quiet=True)
        for i, seed in enumerate((1, 1, 2))
    ]
    a, b, c = (run.model.policy.state_dict() for run in runs)
    assert all(torch.equal(v, b[k]) for k, v in a.items())
    assert any(not torch.equal(v, c[k]) for k, v in a.items())


def test_it_learns_what_only_the_camera_says(tmp_path: Path) -> None:
    config = tiny(
        tmp_path,
        steps=20_000,
        num_envs=16,
        target_success=0.9,
        ppo=PPOConfig(learning_rate=2e-3, n_steps=32, batch_size=128, n_epochs=4),
    )
    result = train(config, quiet=True)
    assert result.stopped_by == "target_success"
    held_out, chance = evaluate(result.model, TOY, 100), evaluate("random", TOY, 100)
    assert held_out.success_rate is not None
    assert chance.success_rate is not None
    assert held_out.success_rate.low > chance.success_rate.high


def test_minutes_end_training(tmp_path: Path) -> None:
    result = train(tiny(tmp_path, steps=10**7, max_minutes=0.01), quiet=True)
    assert result.stopped_by == "max_minutes"
    assert (result.run_dir / "last.zip").exists()


def test_a_learning_rate_that_falls_with_the_steps_falls_with_the_time_if_that_is_nearer(monkeypatch):
    clock = iter([100.0, 100.0, 130.0, 175.0, 400.0])
    monkeypatch.setattr("agents.callbacks.time.perf_counter", lambda: next(clock))
    hurried = HurriedSchedule(LinearSchedule(1.0, 0.0, 1.0), 100.0)
    assert hurried(1.0) == 1.0
    assert hurried(0.5) == pytest.approx(0.5)  # 30 s gone, half of the steps
    assert hurried(0.5) == pytest.approx(0.25)  # 75 s gone
    assert hurried(0.5) == 0.0
    assert isinstance(pickle.loads(pickle.dumps(hurried)), LinearSchedule)


def test_a_run_leaves_curve_checkpoints_and_log(tmp_path: Path) -> None:
    result = train(tiny(tmp_path, checkpoint_every=64), quiet=True)
    kept = sorted(path.name for path in (result.run_dir / "checkpoints").iterdir())
    assert kept == ["step_000000064.zip", "step_000000128.zip"]
    lines = (result.run_dir / "curve.csv").read_text().splitlines()
    assert lines[0] == "steps,seconds,success_rate,mean_return"
    assert len(lines) == len(result.curve) + 1
    assert result.curve[-1].success_rate is not None
    older, _ = load_model(result.run_dir / "checkpoints" / kept[0], device="cpu")
    assert older.num_timesteps == 64


def test_a_failing_write_leaves_the_old_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    result = train(tiny(tmp_path), quiet=True)
    good = (result.run_dir / "last.zip").read_bytes()

    def fail(file: object) -> None:
        file.write(b"half")  # type: ignore[attr-defined]
        raise OSError("disk full")

    monkeypatch.setattr(result.model, "save", fail)
    with pytest.raises(OSError, match="disk full"):
        save_checkpoint(result.model, result.run_dir)
    assert (result.run_dir / "last.zip").read_bytes() == good


def test_damaged_and_missing_models_are_named(tmp_path: Path) -> None:
    result = train(tiny(tmp_path), quiet=True)
    last = result.run_dir / "last.zip"
    last.write_bytes(last.read_bytes()[:1000])
    with pytest.raises(ValueError, match=r"cannot load .*last\.zip"):
        load_model(result.run_dir)
    last.unlink()
    with pytest.raises(ValueError, match="no checkpoint was written yet"):
        load_model(result.run_dir)
    with pytest.raises(ValueError, match="is not the folder of a run"):
        load_model(tmp_path / "nowhere")


def test_what_does_not_fit_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"algo='sac' cannot choose actions of Discrete.*: ppo, a2c, dqn"):
        train(replace(tiny(tmp_path, "sac"), env_id=TOY), quiet=True)
    result = train(tiny(tmp_path), quiet=True)
    with pytest.raises(ValueError, match="seed=1, but the run has 0"):
        train(tiny(tmp_path, seed=1, steps=999), resume=result.run_dir, quiet=True)
    with pytest.raises(ValueError, match="steps=128 must exceed the 128"):
        train(tiny(tmp_path), resume=result.run_dir, quiet=True)
    with pytest.raises(ValueError, match=r"does not fit.*observation\['camera'\]: trained on"):
        evaluate(result.model, "mmenvs/Recommender-v0", 2)


def test_config_survives_json_and_names_unknown_fields(tmp_path: Path) -> None:
    config = tiny(
        tmp_path, env_kwargs={"split": "train"}, encoder=EncoderConfig(modalities={"state": "vector"})
    )
    path = tmp_path / "config.json"
    config.save(path)
    assert TrainConfig.load(path) == config
    path.write_text(json.dumps({**json.loads(path.read_text()), "speed": 3}))
    with pytest.raises(ValueError, match=r"no field \['speed'\]"):
        TrainConfig.load(path)
    path.write_text("{")
    with pytest.raises(ValueError, match="not valid JSON"):
        TrainConfig.load(path)
    with pytest.raises(ValueError, match=r"target_success=1.5 must be in \(0, 1\]"):
        TrainConfig(TOY, target_success=1.5)
    with pytest.raises(ValueError, match="PPOConfig: learning_rate=0 must be greater than 0"):
        PPOConfig(learning_rate=0)


def test_defaults_name_real_tasks() -> None:
    assert set(DEFAULTS) <= set(ENVIRONMENTS)
    assert defaults_for("mmenvs:mmenvs/PathPlanning-v0").ppo == DEFAULTS["mmenvs/PathPlanning-v0"].ppo
    assert defaults_for(TOY) == TrainConfig(TOY)


def test_plain_sb3_with_normalised_images_sees_the_same(tmp_path: Path) -> None:
    env = make_vec_env(TOY, 2, seed=0)

    def policy(normalized: bool) -> PPO:
        kwargs = {
            "features_extractor_class": MultimodalExtractor,
            "features_extractor_kwargs": {"normalized_images": normalized},
            "normalize_images": normalized,
        }
        return PPO(
            "MultiInputPolicy", env, n_steps=8, batch_size=8, policy_kwargs=kwargs, seed=0, device="cpu"
        )

    raw, divided = policy(False), policy(True)
    observation, _ = raw.policy.obs_to_tensor(env.reset())
    values = [model.policy.predict_values(observation) for model in (raw, divided)]
    torch.testing.assert_close(*values, rtol=1e-4, atol=1e-5)
    divided.save(tmp_path / "model.zip")
    loaded = PPO.load(tmp_path / "model.zip", device="cpu")
    assert loaded.observation_space == env.observation_space
    assert type(loaded.observation_space["camera"]) is type(env.observation_space["camera"])
    torch.testing.assert_close(loaded.policy.predict_values(observation), values[1])


def test_pictures_for_people(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    pytest.importorskip("PIL")
    from PIL import Image as Picture

    points = [CurvePoint(0, 0.0, None, None), CurvePoint(10, 1.0, 0.5, 3.0), CurvePoint(20, 2.0, 0.7, 4.0)]
    assert plot_curve(points, "curve", tmp_path / "curve.png")
    assert plot_curve([], "nothing yet", tmp_path / "empty.png")
    assert (tmp_path / "curve.png").stat().st_size > (tmp_path / "empty.png").stat().st_size
    env_id = "mmenvs/Recommender-v0"
    run = tiny(
        tmp_path, ppo=PPOConfig(n_steps=8, batch_size=16, n_epochs=1), steps=16, num_envs=2, env_id=env_id
    )
    model = train(run, quiet=True).model
    assert film_gif(model, env_id, tmp_path / "film.gif", longest=3)
    with Picture.open(tmp_path / "film.gif") as film:
        assert film.n_frames >= 2
        assert film.height == 270


def test_a_given_environment_is_used_and_left_open(tmp_path: Path) -> None:
    env = make_vec_env(TOY, 4)
    result = train(tiny(tmp_path), venv=env, quiet=True)
    assert result.model.get_env() is env
    assert np.isfinite(env.step(np.zeros(4, np.int64))[1]).all()
    assert gym.spec(TOY).id == TOY


def test_weights_and_biases_gets_the_run_as_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[str, dict[str, object]]] = []
    fake = types.ModuleType("wandb")
    fake.__spec__ = importlib.machinery.ModuleSpec("wandb", None)

    class Run:
        def finish(self) -> None:
            calls.append(("finish", {}))

    def init(**arguments: object) -> Run:
        calls.append(("init", arguments))
        return Run()

    fake.init = init  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "wandb", fake)
    train(tiny(tmp_path, wandb="mine"), quiet=True)
    assert [name for name, _ in calls] == ["init", "finish"]
    given = calls[0][1]
    assert given["project"] == "mine"
    assert given["sync_tensorboard"] is True
    assert given["config"]["algo"] == "ppo"  # type: ignore[index]


def test_a_log_that_is_not_installed_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ModuleNotFoundError, match=r"wandb='mine' needs.*pip install wandb tensorboard"):
        train(tiny(tmp_path, wandb="mine"), quiet=True)
