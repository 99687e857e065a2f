from __future__ import annotations

from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode
from pretraining_toy import TOY, played

from agents.pretraining import Rollouts, collect
from agents.vec_env import make_vector


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
