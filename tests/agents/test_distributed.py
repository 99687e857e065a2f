from __future__ import annotations

import importlib.util
import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from gymnasium import spaces
from gymnasium.vector import AutoresetMode

from agents.__main__ import main
from agents.algorithm_config import DQNConfig, PPOConfig, SACConfig
from agents.algorithms import make_model
from agents.config import EncoderConfig, ImageConfig
from agents.defaults import defaults_for
from agents.distributed import config as distributed_config
from agents.distributed.checkpoints import (
    checkpoints,
    newest_checkpoint,
    restore_checkpoint,
    save_checkpoint,
    steps_of,
)
from agents.distributed.config import DistributedConfig, distributed_defaults, is_distributed
from agents.distributed.training import train_distributed
from agents.distributed.worlds import RunnerWorlds, check_worlds, make_worlds, world_settings
from agents.evaluation import evaluate
from agents.vec_env import make_vec_env, make_vector

TASK = "mmenvs/PathPlanning-v0"
TOY, TOY_BOX = "toy/Sides-v0", "toy/SidesBox-v0"


def tiny(tmp_path: Path, **changes: Any) -> DistributedConfig:
    replay: dict[str, Any] = {"buffer_size": 2_000, "learning_starts": 100, "batch_size": 16, "train_freq": 8}
    config = DistributedConfig(
        TASK,
        steps=200,
        runners=2,
        num_envs=2,
        env_kwargs={"camera_size": [24, 24]},
        reward_scale=0.05,
        out=tmp_path / "run",
        threads=1,
        checkpoint_every=0,
        episodes=4,
        encoder=EncoderConfig(image=ImageConfig(channels=(8, 8), features=16)),
        ppo=PPOConfig(n_steps=32, batch_size=32, n_epochs=1, anneal=True),
        dqn=DQNConfig(**replay, target_update_interval=50),
        sac=SACConfig(**replay),
    )
    return replace(config, **changes)


# What needs no Ray.


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("runners", 0, "at least 1"),
        ("num_envs", 0, "at least 1"),
        ("algo", "td3", "one of ('ppo', 'dqn', 'sac')"),
        ("seed", -1, "in [0, 2**32)"),
        ("learners", -1, "at least 0"),
        ("gpus_per_learner", 2, "0 or 1"),
        ("reward_scale", 0.0, "greater than 0"),
        ("target_success", 1.5, "in (0, 1]"),
        ("max_minutes", 0, "greater than 0"),
        ("keep_checkpoints", 0, "at least 1"),
        ("episodes", -1, "at least 0"),
        ("address", "", "None, 'auto' or the address of a cluster"),
    ],
)
def test_a_wrong_setting_is_named(name: str, value: Any, allowed: str) -> None:
    with pytest.raises(ValueError) as error:
        DistributedConfig(TASK, **{name: value})
    assert str(error.value) == f"DistributedConfig: {name}={value!r} must be {allowed}"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"ppo": PPOConfig(autocast=True)}, "ppo.autocast=True must be off"),
        ({"sac": SACConfig(hindsight=4)}, "sac.hindsight=4 must be off"),
    ],
)
def test_what_rllib_does_not_have_is_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        DistributedConfig(TASK, **changes)


def test_the_settings_of_a_task_are_those_of_a_single_process() -> None:
    ours, single = distributed_defaults(TASK), defaults_for(TASK)
    assert (ours.ppo, ours.dqn, ours.sac, ours.encoder) == (
        single.ppo,
        single.dqn,
        single.sac,
        single.encoder,
    )
    assert (ours.steps, ours.reward_scale) == (single.steps, single.reward_scale)
    assert replace(ours, runners=4).worlds == 64
    assert replace(ours, runners=3, num_envs=5).worlds == 15
    assert replace(ours, runners=100).worlds_per_runner == 1


def test_the_settings_survive_a_file(tmp_path: Path) -> None:
    config = tiny(tmp_path)
    config.save(tmp_path)
    assert DistributedConfig.load(tmp_path) == config
    assert is_distributed(tmp_path)
    assert not is_distributed(tmp_path / "other")
    with pytest.raises(ValueError, match="is not the folder of a run"):
        DistributedConfig.load(tmp_path / "other")


def test_what_does_not_fit_is_said_before_ray_starts(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"algo='sac' cannot choose actions of Discrete\(3\).*: ppo, dqn"):
        check_worlds(tiny(tmp_path, algo="sac"))
    with pytest.raises(ValueError, match=r"algo='dqn' cannot choose actions of Box.*: ppo, sac"):
        check_worlds(tiny(tmp_path, env_id=TOY_BOX, env_kwargs={}, algo="dqn"))
    with pytest.raises(ValueError, match="must be a Dict"):
        check_worlds(tiny(tmp_path, env_id="CartPole-v1", env_kwargs={}))
    with pytest.raises(ValueError, match="unknown environment id"):
        check_worlds(tiny(tmp_path, env_id="mmenvs/PathPlaning-v0"))


def test_without_ray_the_extra_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(
        distributed_config.importlib.util, "find_spec", lambda name: None if name == "ray" else found(name)
    )
    with pytest.raises(ModuleNotFoundError, match=r"needs ray.*: pip install 'mmenvs\[rllib\]'"):
        train_distributed(tiny(tmp_path))
    assert main(["distributed", TASK]) == 2
    assert "pip install 'mmenvs[rllib]'" in capsys.readouterr().err


def test_the_command_line_names_what_is_wrong(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["distributed"]) == 2
    assert "python -m agents distributed mmenvs/PathPlanning-v0" in capsys.readouterr().err
    assert main(["distributed", "--resume", "nowhere"]) == 2
    assert "is not the folder of a run" in capsys.readouterr().err


class Algorithm:
    """What saving needs of RLlib's."""

    def __init__(self, state: list[int] | None) -> None:
        self.local_replay_buffer = None if state is None else Buffer(state)

    def save_to_path(self, path: str) -> None:
        (Path(path) / "weights").touch()

    def restore_from_path(self, path: str) -> None:
        assert (Path(path) / "weights").exists()


class Buffer:
    def __init__(self, state: list[int]) -> None:
        self.state = state

    def get_state(self) -> list[int]:
        return self.state

    def set_state(self, state: list[int]) -> None:
        self.state = state


def test_checkpoints_are_whole_and_few(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="holds no checkpoint"):
        newest_checkpoint(tmp_path)
    for steps in (5, 10, 100, 1_000):
        save_checkpoint(Algorithm([steps]), tmp_path, steps, keep=2)
    (tmp_path / "checkpoints" / "step_000000002000.tmp").mkdir()
    assert [steps_of(path) for path in checkpoints(tmp_path)] == [100, 1_000]
    assert len(list(tmp_path.rglob("replay_buffer.pkl"))) == 1
    restored = Algorithm([])
    restore_checkpoint(restored, newest_checkpoint(tmp_path))
    assert restored.local_replay_buffer is not None
    assert restored.local_replay_buffer.state == [1_000]
    (newest_checkpoint(tmp_path) / "replay_buffer.pkl").write_bytes(b"\x80\x04")
    with pytest.raises(ValueError, match="cannot go on from"):
        restore_checkpoint(restored, newest_checkpoint(tmp_path))
    save_checkpoint(Algorithm(None), tmp_path, 3_000, keep=1)
    assert [path.name for path in (tmp_path / "checkpoints").glob("step_*[0-9]")] == ["step_000000003000"]


class Context(dict[str, Any]):
    """What RLlib hands to the maker of an environment."""

    worker_index = 1


@pytest.mark.parametrize("env_id", [TASK, TOY])
def test_worlds_of_a_runner(env_id: str, tmp_path: Path) -> None:
    kwargs = {"camera_size": [24, 24]} if env_id == TASK else {}
    config = tiny(tmp_path, env_id=env_id, env_kwargs=kwargs)
    env = make_worlds(Context(world_settings(config), num_envs=3))
    plain = make_vector(env_id, 3, AutoresetMode.NEXT_STEP, kwargs)
    seeds: Any = np.random.SeedSequence((0, 1)).generate_state(3).tolist()
    ours, infos = env.reset(seed=5)
    theirs, _ = plain.reset(seed=seeds)
    assert infos == {}
    rng, kept, ends = np.random.default_rng(0), [], 0
    for _ in range(60):
        for key, value in theirs.items():
            np.testing.assert_array_equal(ours[key], value)
        kept.append(ours["camera"])
        actions = rng.integers(env.single_action_space.n, size=3)
        ours, rewards, terminated, truncated, infos = env.step(actions)
        theirs, full, *flags, full_infos = plain.step(actions)
        np.testing.assert_allclose(rewards, 0.05 * full)
        np.testing.assert_array_equal((terminated, truncated), flags)
        ended = terminated | truncated
        ends += ended.sum()
        assert bool(infos) == ended.any()
        if ended.any():
            np.testing.assert_array_equal(infos["_success"], ended)
            np.testing.assert_array_equal(infos["success"][ended], full_infos["success"][ended])
    assert ends >= 3
    assert len({array.tobytes() for array in kept}) > 30, "observations of old steps were overwritten"
    other = make_worlds(Context(world_settings(config, steps=64), num_envs=3))
    assert other.reset(seed=5)[0]["camera"].tobytes() != kept[0].tobytes()
    for worlds in (env, plain, other):
        worlds.close()


def test_rllib_gets_no_other_autoreset_mode() -> None:
    env = make_vector(TOY, 2, AutoresetMode.SAME_STEP)
    with pytest.raises(ValueError, match="SAME_STEP, RLlib needs NEXT_STEP"):
        RunnerWorlds(env, 1.0, (0, 0))
    env.close()


# What needs Ray.


@pytest.fixture(scope="module")
def rllib() -> None:
    pytest.importorskip("ray", reason="Ray is not installed: pip install 'mmenvs[rllib]'")


@pytest.fixture(scope="module")
def cluster(rllib: None) -> Iterator[None]:
    import ray

    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, object_store_memory=200 * 1024**2)
    yield
    ray.shutdown()


def test_minibatches_are_drawn_from_the_whole_batch(rllib: None) -> None:
    from agents.distributed.learner import mixed

    rows = torch.arange(100)
    columns = mixed({"obs": {"a": rows[:, None], "b": rows.numpy()}, "rewards": rows})
    assert sorted(columns["rewards"].tolist()) == rows.tolist() != columns["rewards"].tolist()
    assert columns["obs"]["a"][:, 0].tolist() == columns["obs"]["b"].tolist() == columns["rewards"].tolist()


def test_two_runners_learn_save_resume_and_act(cluster: None, tmp_path: Path) -> None:
    config = tiny(tmp_path, checkpoint_every=128)
    first = train_distributed(config, quiet=True)
    assert first.stopped_by == "steps"
    assert 200 <= first.steps <= 400
    assert first.checkpoint.name == f"step_{first.steps:012d}"
    assert first.curve[-1].steps == first.steps
    assert first.curve[-1].success_rate is not None
    assert 0 <= first.metrics["route_completion"] <= 1
    assert np.mean(first.lengths) == pytest.approx(first.metrics["duration"] / 0.2)
    assert first.evaluation is not None
    assert first.evaluation.returns.shape == (4,)
    assert json.loads((first.run_dir / "results.json").read_text()) == first.evaluation.to_dict()

    from agents.distributed.policy import load_policy

    policy, saved = load_policy(first.run_dir)
    assert saved == config
    again = evaluate(policy, TASK, 4, env_kwargs=config.env_kwargs)
    np.testing.assert_array_equal(again.returns, first.evaluation.returns)
    with pytest.raises(ValueError, match=r"does not fit the environment.*camera"):
        wide = make_vector(TASK, 1, AutoresetMode.DISABLED)
        policy.check(wide.single_observation_space, wide.single_action_space)

    with pytest.raises(ValueError, match="only steps, out, address, runners"):
        train_distributed(replace(config, reward_scale=1.0), resume=first.run_dir)
    with pytest.raises(ValueError, match=f"must exceed the {first.steps} that the run has done"):
        train_distributed(config, resume=first.run_dir)
    more = train_distributed(
        replace(config, steps=first.steps + 100, episodes=0), resume=first.run_dir, quiet=True
    )
    assert first.steps + 100 <= more.steps <= first.steps + 400
    assert more.curve[0].steps > first.steps
    before, after = policy.module.state_dict(), load_policy(more.run_dir)[0].module.state_dict()
    assert any(not np.array_equal(before[key], after[key]) for key in before)
    assert not list(first.run_dir.rglob("*.tmp"))


@pytest.mark.parametrize(("algo", "env_id"), [("dqn", TASK), ("sac", "mmenvs/Driving-v0")])
def test_replay_buffers(cluster: None, algo: Any, env_id: str, tmp_path: Path) -> None:
    config = tiny(tmp_path, algo=algo, env_id=env_id, steps=300, runners=1, num_envs=4, episodes=0)
    result = train_distributed(config, quiet=True)
    assert result.steps >= 300
    assert result.evaluation is None
    assert main(["evaluate", str(result.run_dir), "--episodes", "2"]) == 0


@pytest.mark.parametrize("env_id", [TASK, TOY_BOX])
def test_a_module_starts_where_stable_baselines3_does(rllib: None, env_id: str) -> None:
    from agents.distributed.module import MultimodalActorCritic
    from agents.distributed.policy import DistributedPolicy

    env = make_vector(env_id, 5, AutoresetMode.DISABLED)
    module = MultimodalActorCritic(
        observation_space=env.single_observation_space,
        action_space=env.single_action_space,
        model_config={"encoder": EncoderConfig(), "net_arch": (64,)},
    )
    venv = make_vec_env(env_id, 1)
    policy = make_model("ppo", PPOConfig(batch_size=64), EncoderConfig(), venv, seed=0, device="cpu").policy
    # All but the biases of linear layers, which start at 0 in both.
    ours, theirs = (
        sorted((tuple(p.shape), round(float(p.detach().norm()), 3)) for p in net.parameters() if p.ndim == 2)
        for net in (module, policy)
    )
    assert [shape for shape, _ in ours] == [shape for shape, _ in theirs]
    assert np.allclose([norm for _, norm in ours], [norm for _, norm in theirs], rtol=0.01)

    observations, _ = env.reset(seed=0)
    for deterministic in (True, False):
        actions = DistributedPolicy(module, deterministic)(observations)
        assert all(env.single_action_space.contains(action) for action in actions)
    batch = {"obs": {key: torch.as_tensor(value) for key, value in observations.items()}}
    features = module.forward_train(batch)
    torch.testing.assert_close(
        module.compute_values(batch), module.compute_values(batch, features["embeddings"]).detach()
    )
    env.close()
    venv.close()


def test_a_module_chooses_slates(rllib: None) -> None:
    from agents.distributed.module import MultimodalActorCritic
    from agents.distributed.policy import DistributedPolicy

    env = make_vector(TOY, 6, AutoresetMode.DISABLED)
    slates = spaces.MultiDiscrete([3, 5])
    module = MultimodalActorCritic(
        observation_space=env.single_observation_space,
        action_space=slates,
        model_config={"encoder": EncoderConfig(), "net_arch": (8,)},
    )
    observations, _ = env.reset(seed=0)
    for deterministic in (True, False):
        actions = DistributedPolicy(module, deterministic)(observations)
        assert actions.shape == (6, 2)
        assert all(slates.contains(action) for action in actions)
    env.close()
