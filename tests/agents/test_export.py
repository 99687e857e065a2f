"""Exported policies act as the models that they came from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from exporting import (
    ACTIONS,
    EVERYTHING,
    SUFFIXES,
    draw,
    first,
    needs_onnx,
    tiny_model,
    worlds,
)
from gymnasium import spaces
from gymnasium.vector import AutoresetMode
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.policies import ActorCriticPolicy

from agents.algorithm_config import Algo
from agents.deployed import Policy
from agents.export import check_export, export_policy
from agents.export_command import observations_of
from agents.vec_env import ChannelsFirst, make_vec_env, make_vector

PAIRS: list[tuple[Algo, str]] = [
    *(("ppo", kind) for kind in ACTIONS),
    ("a2c", "discrete"),
    ("a2c", "box"),
    ("dqn", "discrete"),
    ("sac", "box"),
    ("td3", "box"),
    ("qrdqn", "discrete"),
    ("tqc", "box"),
]


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize(("algo", "kind"), PAIRS)
def test_every_algorithm_and_every_modality(algo: Algo, kind: str, suffix: str, tmp_path: Path) -> None:
    venv = worlds(EVERYTHING, ACTIONS[kind])
    model = tiny_model(algo, venv)
    file = tmp_path / f"policy{suffix}"
    policy = Policy.load(export_policy(model, file, observation_space=EVERYTHING, value=True))
    observations = draw(EVERYTHING, 300)
    found = check_export(model, policy, observations)
    assert found.observations == 300
    assert found.same == 1.0
    assert found.difference <= 1e-4  # actions reach to 10
    answers = policy.answer(observations)
    assert len(np.unique(answers["action"], axis=0)) > 1
    assert ACTIONS[kind].contains(policy.act(first(observations, 0)))
    value, scores = critics(model, observations)
    np.testing.assert_allclose(answers["value"], value, rtol=1e-4, atol=1e-4)
    if scores is not None:
        np.testing.assert_allclose(answers["scores"], scores, rtol=1e-4, atol=1e-4)
    # Batches of any size, and a single observation, are decided alike.
    np.testing.assert_allclose(
        policy.act(first(observations, slice(7, 12))), answers["action"][7:12], atol=1e-4
    )
    np.testing.assert_allclose(policy.act(first(observations, 9)), answers["action"][9], atol=1e-4)


def critics(model: BaseAlgorithm, observations: Any) -> tuple[np.ndarray, np.ndarray | None]:
    """Return the value and the scores as Stable-Baselines3 has them."""
    policy: Any = model.policy
    seen, _ = policy.obs_to_tensor(ChannelsFirst(EVERYTHING).view(observations))
    with torch.no_grad():
        if isinstance(policy, ActorCriticPolicy):
            distribution: Any = policy.get_distribution(seen).distribution
            scores = None
            if isinstance(model.action_space, spaces.Discrete):
                scores = distribution.logits.numpy()
            elif isinstance(model.action_space, spaces.MultiDiscrete):
                scores = torch.cat([place.logits for place in distribution], 1).numpy()
            return policy.predict_values(seen)[:, 0].numpy(), scores
        if hasattr(policy, "q_net"):
            q_values = policy.q_net(seen)
            return q_values.max(1).values.numpy(), q_values.numpy()
        if hasattr(policy, "quantile_net"):
            q_values = policy.quantile_net(seen).mean(1)
            return q_values.max(1).values.numpy(), q_values.numpy()
        actions = policy.actor(seen) if not hasattr(policy.actor, "log_std") else policy.actor(seen, True)
        expected = policy.critic(seen, actions)
        # TQC's critics give quantiles, shape (batch, critics, quantiles).
        critics = expected.mean(2) if isinstance(expected, torch.Tensor) else torch.cat(expected, 1)
        return critics.min(1).values.numpy(), None


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize(
    ("env_id", "algo"),
    [
        ("mmenvs/Driving-v0", "ppo"),
        ("mmenvs/Driving-v0", "sac"),
        ("mmenvs/PathPlanning-v0", "dqn"),
        ("mmenvs/Recommender-v0", "ppo"),
        ("mmenvs/SlateRecommender-v0", "ppo"),
    ],
)
def test_our_environments(env_id: str, algo: Algo, suffix: str, tmp_path: Path) -> None:
    venv = make_vec_env(env_id, 2, seed=0)
    model = tiny_model(algo, venv)
    venv.close()
    env = make_vector(env_id, 16, AutoresetMode.SAME_STEP)
    policy = Policy.load(
        export_policy(model, tmp_path / f"policy{suffix}", observation_space=env.single_observation_space)
    ).check(env.single_observation_space, env.single_action_space)
    found = check_export(model, policy, observations_of(env, steps=20, drawn=60))
    env.close()
    assert found.observations == 380
    assert found.same == 1.0
    assert found.difference <= 1e-5


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_an_environment_without_keys(suffix: str, tmp_path: Path) -> None:
    venv = make_vec_env("CartPole-v1", 2, seed=0)
    model = tiny_model("ppo", venv)
    policy = Policy.load(export_policy(model, tmp_path / f"policy{suffix}"))
    observations = np.random.default_rng(0).uniform(-0.2, 0.2, (200, 4)).astype(np.float32)
    assert check_export(model, policy, observations).same == 1.0
    assert policy.act(observations[0]).shape == ()


def test_what_a_file_says_of_itself(tmp_path: Path) -> None:
    venv = worlds(EVERYTHING, ACTIONS["box"])
    file = export_policy(
        tiny_model("sac", venv),
        tmp_path / "new" / "policy.pt",
        observation_space=EVERYTHING,
        env_id="toy/Anything-v0",
        env_kwargs={"size": 3},
    )
    policy = Policy.load(file)
    assert policy.observation_space == EVERYTHING
    assert policy.action_space == ACTIONS["box"]
    assert policy.metadata["inputs"] == list(EVERYTHING.spaces)
    assert policy.metadata["outputs"] == ["action"]
    assert policy.metadata["algorithm"] == "SAC"
    assert policy.metadata["env_id"] == "toy/Anything-v0"
    assert policy.metadata["env_kwargs"] == {"size": 3}
    assert set(policy.metadata["versions"]) >= {"mmenvs", "torch", "stable_baselines3"}
    assert not list(file.parent.glob("*.tmp"))


@needs_onnx
def test_others_can_read_the_onnx_file(tmp_path: Path) -> None:
    import onnxruntime

    venv = worlds(EVERYTHING, ACTIONS["discrete"])
    file = export_policy(tiny_model("ppo", venv), tmp_path / "policy.onnx", observation_space=EVERYTHING)
    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    assert {entry.name: entry.type for entry in session.get_inputs()}["camera"] == "tensor(uint8)"
    assert [entry.name for entry in session.get_inputs()] == list(EVERYTHING.spaces)
    assert [entry.name for entry in session.get_outputs()] == ["action", "scores"]
    assert session.get_inputs()[0].shape == ["batch", 40, 48, 3]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"path": Path("policy.h5")}, "must end in .onnx or .pt"),
        (
            {"observation_space": spaces.Dict(state=EVERYTHING["state"])},
            r"observation\['camera'\]: trained on",
        ),
        ({"env_kwargs": {"size": object()}}, "must be plain JSON"),
    ],
)
def test_mistakes_are_named(arguments: dict[str, Any], message: str, tmp_path: Path) -> None:
    model = tiny_model("ppo", worlds(EVERYTHING, ACTIONS["box"]))
    with pytest.raises(ValueError, match=message):
        export_policy(model, **{"path": tmp_path / "policy.pt", **arguments})


def test_keys_that_are_names_of_outputs(tmp_path: Path) -> None:
    space = spaces.Dict(action=EVERYTHING["state"])
    model = tiny_model("ppo", worlds(space, ACTIONS["box"]))
    with pytest.raises(ValueError, match=r"the observation has \['action'\]"):
        export_policy(model, tmp_path / "policy.pt")


def test_policies_that_remember_are_refused(tmp_path: Path) -> None:
    from sb3_contrib import RecurrentPPO

    model = RecurrentPPO("MlpLstmPolicy", make_vec_env("CartPole-v1", 1), n_steps=8, batch_size=8)
    with pytest.raises(ValueError, match="RecurrentActorCriticPolicy cannot be exported"):
        export_policy(model, tmp_path / "policy.pt")
