from __future__ import annotations

import json
import math

import numpy as np
import pytest
import torch
from feedback_toy import ENV_ID, SLIDE_ID
from gymnasium import spaces
from rich.console import Console
from stable_baselines3 import SAC

from agents.algorithm_config import SACConfig
from agents.algorithms import make_model
from agents.config import EncoderConfig
from agents.train_config import TrainConfig
from agents.vec_env import make_vec_env
from feedback.__main__ import main
from feedback.learning.config import LearnConfig
from feedback.learning.novelty import Features, Novelty, log_distances
from feedback.learning.pebble import reset_critic
from feedback.learning.pebble_config import PebbleConfig
from feedback.learning.preferences import learn
from feedback.learning.replay import give_buffer, load_buffer, relabel
from feedback.reward_models import RewardConfig, RewardModel
from feedback.vec_wrapper import EnvLayout, LearnedReward


def sac(shown: str, sees: str = "after", scale: float = 0.5):
    """Three worlds, an agent with a filled buffer, and what its worlds gave for each step."""
    worlds = make_vec_env(SLIDE_ID, 3, seed=0, env_kwargs={"shown": shown})
    config = RewardConfig(members=2, sees=sees)
    model = RewardModel(EnvLayout(worlds).space, worlds.action_space, config, seed=0)
    with torch.no_grad():
        for net in model._nets:
            for name, value in (("failure", -7.0), ("arrival", 3.0), ("scale", 2.0)):
                getattr(net, name).fill_(value)
    venv = LearnedReward(worlds, model, gamma=0.5, scale=scale)
    settings = SACConfig(learning_starts=10_000, net_arch=(8,), buffer_size=600)
    agent = make_model("sac", settings, EncoderConfig(), venv, seed=0, device="cpu")
    give_buffer(agent)
    agent.learn(450)
    return agent, venv


def test_novelty_is_the_log_distance_to_the_kth_neighbour() -> None:
    points = np.array([[0.0, 0.0], [3.0, 4.0], [0.0, 1.0], [6.0, 8.0]], np.float32)
    # From the origin: 1, 5, 10; from (6, 8): 5, sqrt(85), 10.
    expected = {1: [1.0, 5.0], 2: [5.0, math.sqrt(85)], 3: [10.0, 10.0], 9: [10.0, 10.0]}
    for neighbour, distances in expected.items():
        found = log_distances(points[[0, 3]], points, neighbour)
        np.testing.assert_allclose(found, np.log1p(distances), rtol=1e-6)
    assert log_distances(points[:1], points[:1], 1).tolist() == [0.0]


def test_novelty_is_in_units_of_its_own_spread_and_each_sensor_has_the_same_say() -> None:
    space = spaces.Dict({"far": spaces.Box(-1e3, 1e3, (1,)), "near": spaces.Box(-1, 1, (1,))})
    novelty = Novelty(space, 8, neighbour=1)
    with pytest.raises(ValueError, match="nothing has been seen"):
        novelty.rewards({"far": np.zeros((1, 1)), "near": np.zeros((1, 1))})
    seen = {
        "far": np.array([[-500.0], [500], [-500], [500]]),
        "near": np.array([[-0.2], [-0.2], [0.2], [0.2]]),
    }
    novelty.see(seen)
    corners = novelty.rewards(seen)
    assert corners.min() > 0 and np.ptp(corners) == 0  # each is two spreads from the next, in either sensor
    novelty.see({"far": np.array([[4000.0]]), "near": np.array([[0.0]])})
    lone, usual = novelty.rewards({"far": np.array([[4000.0], [500]]), "near": np.array([[0.0], [0.2]])})
    # Spreads of 500 and 0.2: ((4000 - 500) / 500, 0.2 / 0.2) and (0, 0.4 / 0.2).
    raw = np.log1p([math.hypot(7, 1), 2.0])
    assert lone / usual == pytest.approx(raw[0] / raw[1], rel=1e-5)


def test_old_points_make_room() -> None:
    novelty = Novelty(spaces.Box(-9, 9, (1,)), 3, neighbour=2)
    for value in (0.0, 0.0, 0.0, 5.0, 5.0, 5.0):
        novelty.see(np.array([[value]]))
    assert novelty.rewards(np.array([[5.0]]))[0] == 0


def test_pictures_become_few_numbers_that_keep_their_distances() -> None:
    space = spaces.Dict({"camera": spaces.Box(0, 255, (3, 24, 24), np.uint8), "gear": spaces.Discrete(3)})
    features, rng = Features(space), np.random.default_rng(0)
    assert features.size == 32 + 3
    pictures = rng.integers(0, 256, (40, 3, 24, 24), np.uint8)
    found = features({"camera": pictures, "gear": np.arange(40)[:, None] % 3})
    np.testing.assert_array_equal(found[:3, 32:], np.eye(3))
    flat = pictures.reshape(40, -1).astype(float)
    ratios = np.linalg.norm(found[1:, :32] - found[0, :32], axis=1) / np.linalg.norm(
        flat[1:] - flat[0], axis=1
    )
    assert ratios.mean() == pytest.approx(1, abs=0.15)


@pytest.mark.parametrize("sees", ["after", "before"])
@pytest.mark.parametrize("shown", ["dict", "box", "picture"])
def test_relabelling_gives_what_the_worlds_would_have_given(shown, sees) -> None:
    agent, venv = sac(shown, sees)
    buffer = agent.replay_buffer
    given = buffer.rewards[: buffer.pos].copy()
    ends = buffer.dones > buffer.timeouts
    assert buffer.arrived.any() and (ends & ~buffer.arrived).any() and buffer.timeouts.any()
    buffer.rewards[:] = np.nan
    others = [value.copy() for value in (buffer.actions, buffer.dones, buffer.timeouts, buffer.arrived)]
    relabel(agent, venv)
    np.testing.assert_allclose(buffer.rewards[: buffer.pos], given, rtol=1e-4, atol=1e-5)
    assert np.isnan(buffer.rewards[buffer.pos :]).all()
    for before, now in zip(
        others, (buffer.actions, buffer.dones, buffer.timeouts, buffer.arrived), strict=True
    ):
        np.testing.assert_array_equal(before, now)
    venv.close()


@pytest.mark.parametrize("shown", ["dict", "box"])
def test_relabelling_follows_the_reward_model(shown, monkeypatch) -> None:
    agent, venv = sac(shown)
    buffer = agent.replay_buffer
    key = "observation" if shown == "box" else "position"

    def predict(observations, actions):
        mean = 10 * observations[key][:, 0] + actions[:, 0]
        return mean.astype(np.float32), np.full(len(actions), 4.0, np.float32)

    monkeypatch.setattr(venv.reward_model, "predict", predict)
    monkeypatch.setattr("feedback.learning.replay._AT_A_TIME", 64)
    venv.bonus = 0.25
    relabel(agent, venv)
    after = buffer.next_observations if shown == "box" else buffer.next_observations["position"]
    # Actions in the buffer are halves of the environment's, and a bonus of a quarter of 4 is 1.
    expected = 10 * after[..., 0] + 2 * buffer.actions[..., 0] + 1
    ended = (buffer.dones == 1) & (buffer.timeouts == 0)
    # gamma / (1 - gamma) = 1 and both missing rewards are 0: 3 / 2 and -7 / 2.
    expected += np.where(ended, np.where(after[..., 0] >= 1, 1.5, -3.5), 0)
    np.testing.assert_allclose(buffer.rewards[: buffer.pos], 0.5 * expected[: buffer.pos], rtol=1e-5)
    assert (buffer.rewards[buffer.pos :] == 0).all()
    venv.close()


def test_what_is_sampled_while_exploring_is_novelty() -> None:
    agent, venv = sac("picture")
    buffer = agent.replay_buffer
    buffer.novelty = Novelty(agent.observation_space, 600)
    agent.learn(90, reset_num_timesteps=False)
    new = buffer.sample(64)
    assert (new.rewards > 0).all() and new.rewards.shape == (64, 1)
    buffer.novelty = None
    assert set(buffer.sample(64).rewards.flatten().tolist()) <= set(buffer.rewards.flatten().tolist())
    venv.close()


def test_only_the_critic_is_made_anew() -> None:
    agent, venv = sac("dict")
    agent.learning_starts = 0
    agent.train(5, 16)
    before = {key: value.clone() for key, value in agent.policy.state_dict().items()}
    reset_critic(agent)
    after = agent.policy.state_dict()
    changed = {key.split(".")[0] for key in before if not torch.equal(before[key], after[key])}
    assert changed == {"critic", "critic_target"}
    critics = zip(agent.critic.parameters(), agent.critic_target.parameters(), strict=True)
    assert all(torch.equal(mine, theirs) for mine, theirs in critics)
    agent.train(1, 16)
    assert not torch.equal(after["critic.qf0.0.weight"], before["critic.qf0.0.weight"])
    venv.close()


OPTIONS = """
    --algorithm pebble --labels 12 --rounds 2 --steps 260 --collect-steps 30 --eval-episodes 2 --device cpu
    --no-compare --bonus 0.05 --query.length 8 --reward.horizon 8 --reward.epochs 2 --reward.members 2
    --pebble.random-steps 60 --pebble.explore-steps 60 --pebble.reset-updates 5 --pebble.gradient-steps 1
    --reward.surf-weight 1 --reward.surf-threshold 0.6 --reward.crop 0.7
"""


def run(folder, *more: str) -> dict:
    assert main(["learn", SLIDE_ID, "--out", str(folder), *OPTIONS.split(), *more]) == 0
    result = json.loads((folder / "result.json").read_text())
    return {key: value for key, value in result.items() if key != "seconds"}


def test_a_run_is_the_same_twice_and_learns_from_its_store_alone(tmp_path) -> None:
    first, second = run(tmp_path / "a"), run(tmp_path / "b")
    assert first == second
    assert first["labels"] == 12 and len(first["fits"]) == 2
    again = run(tmp_path / "c", "--from-store", str(tmp_path / "a" / "labels.db"))
    assert again["labels"] == 12 and len(again["fits"]) == 1
    assert {path.name for path in (tmp_path / "c").iterdir()} >= {"agent.zip", "reward_model.pt"}
    assert not [path for path in (tmp_path / "c").iterdir() if path.is_dir()]


def test_a_killed_run_goes_on_with_its_buffer(tmp_path, monkeypatch) -> None:
    def config() -> LearnConfig:
        return LearnConfig(
            SLIDE_ID,
            algorithm="pebble",
            labels=9,
            rounds=3,
            steps=240,
            collect_steps=30,
            compare=False,
            eval_episodes=2,
            device="cpu",
            out=tmp_path,
            reward=RewardConfig(members=1, epochs=1),
            pebble=PebbleConfig(random_steps=60, explore_steps=0, reset_updates=0, gradient_steps=1),
        )

    sizes = []
    judge = relabel

    def killed(agent, venv) -> None:
        sizes.append(agent.replay_buffer.size())
        if len(sizes) == 2:
            raise KeyboardInterrupt
        judge(agent, venv)

    monkeypatch.setattr("feedback.learning.pebble.relabel", killed)
    quiet = Console(quiet=True)
    with pytest.raises(KeyboardInterrupt):
        learn(config(), console=quiet)
    assert (tmp_path / "round1" / "replay_buffer.pkl").exists()
    steps, seeds = json.loads((tmp_path / "state.json").read_text())["steps"], []
    set_seed = SAC.set_random_seed
    monkeypatch.setattr(
        SAC, "set_random_seed", lambda agent, seed: seeds.append(seed) or set_seed(agent, seed)
    )
    result = learn(config(), console=quiet, resume=True)
    # Loading seeds everything as at first, and the worlds of the first steps would come again.
    assert seeds[-1] == steps > 0
    assert result.labels == 9 and len(result.reports) == 3
    # The second fit relabels as many steps as before the kill.
    assert len(sizes) == 4 and sizes[2] == sizes[1]


@pytest.mark.parametrize("damage", ["missing", "cut off", "worlds"])
def test_a_buffer_that_cannot_be_used_is_named(tmp_path, damage) -> None:
    agent, venv = sac("box")
    file = tmp_path / "replay_buffer.pkl"
    agent.save_replay_buffer(file)
    kept = agent.replay_buffer.rewards.copy()
    load_buffer(agent, file)
    np.testing.assert_array_equal(agent.replay_buffer.rewards, kept)
    if damage == "missing":
        file.unlink()
    elif damage == "cut off":
        file.write_bytes(file.read_bytes()[:-100])
    else:
        agent.n_envs = 5
    with pytest.raises(ValueError, match=r"replay_buffer\.pkl"):
        load_buffer(agent, file)
    venv.close()


def test_what_pebble_cannot_do_is_said(tmp_path) -> None:
    quiet = Console(quiet=True)
    with pytest.raises(ValueError, match="algorithm='pebble' must be 'ppo' for actions of Discrete"):
        learn(LearnConfig(ENV_ID, algorithm="pebble", out=tmp_path), console=quiet)
    with pytest.raises(ValueError, match="steps=500 must be more than the 10000 of"):
        learn(LearnConfig(SLIDE_ID, algorithm="pebble", steps=500, out=tmp_path), console=quiet)
    with pytest.raises(ValueError, match=r"sac\.hindsight=4 must be 0"):
        settings = TrainConfig(SLIDE_ID, sac=SACConfig(hindsight=4))
        learn(LearnConfig(SLIDE_ID, algorithm="pebble", out=tmp_path), settings=settings, console=quiet)
    with pytest.raises(ValueError, match="algorithm='sarsa' must be one of"):
        LearnConfig(SLIDE_ID, algorithm="sarsa")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("random_steps", 0),
        ("explore_steps", -1),
        ("neighbour", 0),
        ("reset_updates", -1),
        ("gradient_steps", 0),
        ("buffer_size", 0),
    ],
)
def test_bad_settings_of_pebble_are_named(field, value) -> None:
    with pytest.raises(ValueError, match=f"{field}={value}"):
        PebbleConfig(**{field: value})
