from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from feedback_toy import ENV_ID, SLIDE_ID

from agents.algorithm_config import PPOConfig, SACConfig
from agents.algorithms import make_model
from agents.config import EncoderConfig
from agents.vec_env import make_vec_env
from feedback.learning.callbacks import Learning
from feedback.learning.config import LearnConfig
from feedback.reward_models import RewardConfig, RewardModel
from feedback.vec_wrapper import EnvLayout, LearnedReward, RecentReturns, after_step


def wrapped(gamma: float | None, scale: float = 1.0, worlds: int = 6) -> LearnedReward:
    # Twelve steps to the goal, so that some episodes arrive and others fail.
    venv = make_vec_env(ENV_ID, worlds, seed=0, env_kwargs={"goal": 12})
    model = RewardModel(EnvLayout(venv).space, venv.action_space, RewardConfig(members=2), seed=0)
    with torch.no_grad():
        for net in model._nets:
            net.failure.fill_(-7.0)
            net.arrival.fill_(3.0)
            net.goal.fill_(0.5)
            net.absorbing.fill_(-0.5)
            net.scale.fill_(2.0)
    return LearnedReward(venv, model, gamma=gamma, scale=scale)


def sliding() -> LearnedReward:
    venv = make_vec_env(SLIDE_ID, 2, seed=0)
    return LearnedReward(venv, RewardModel(EnvLayout(venv).space, venv.action_space, seed=0))


def test_a_step_is_worth_what_came_of_it_and_an_end_what_was_learned_of_ends() -> None:
    venv, kinds = wrapped(gamma=0.5, scale=0.1), set()
    layout = EnvLayout(venv)
    venv.reset()
    for step in range(60):
        actions = np.full(6, step % 3 if step % 7 else 0)
        observations, rewards, dones, infos = venv.step(actions)
        after = layout.undo(after_step(observations, dones, infos))
        expected = venv.reward_model.predict(after, actions)[0]
        for world in np.flatnonzero(dones):
            arrived = infos[world]["success"]
            kinds.add(arrived)
            # (3 + 1 x (0.5 + 0.5)) / 2, with gamma / (1 - gamma) = 1
            expected[world] += 2.0 if arrived else -3.5
        np.testing.assert_allclose(rewards, 0.1 * expected, rtol=1e-6)
    assert kinds == {True, False}
    venv.close()


def test_without_a_discount_factor_an_end_is_worth_nothing_of_its_own() -> None:
    with_ends, without = wrapped(gamma=0.5), wrapped(gamma=None)
    with_ends.reset(), without.reset()
    for _ in range(20):
        _, told, dones, _ = with_ends.step(np.zeros(6, int))
        _, plain, _, _ = without.step(np.zeros(6, int))
        np.testing.assert_array_equal(told[~dones], plain[~dones])
        assert (told[dones] != plain[dones]).all()
    assert with_ends.recent.mean < without.recent.mean
    assert with_ends.recent_true.mean == without.recent_true.mean


def test_early_returns_do_not_tell_of_short_episodes_alone() -> None:
    returns = RecentReturns(2)
    assert math.isnan(returns.mean)
    for step in range(1, 61):
        # One world's episodes have 3 steps, the other's 30, and every step is worth 1.
        returns.add(np.ones(2), np.array([step % 3 == 0, step % 30 == 0]))
        if step < 30:
            assert math.isnan(returns.mean)
        else:
            assert returns.mean == (3 + 30) / 2
    returns.add(np.ones(2), np.zeros(2, bool))
    returns.begin()
    returns.add(np.full(2, 7.0), np.ones(2, bool))
    assert returns.mean == ((20 * 3 + 7) / 21 + (2 * 30 + 7) / 3) / 2
    returns.clear()
    assert math.isnan(returns.mean)


def test_what_came_last_stands_where_an_episode_is_over() -> None:
    observations = {"x": np.arange(4.0)}
    dones = np.array([False, True, False, True])
    infos = [{}, {"terminal_observation": {"x": -1.0}}, {}, {}]
    after = after_step(observations, dones, infos)
    np.testing.assert_array_equal(after["x"], [0, -1, 2, 3])
    np.testing.assert_array_equal(observations["x"], np.arange(4.0))
    plain = after_step(np.zeros((2, 3)), np.array([True, False]), [{"terminal_observation": np.ones(3)}, {}])
    np.testing.assert_array_equal(plain, [[1, 1, 1], [0, 0, 0]])
    assert after_step(observations, np.zeros(4, bool), infos) is observations


def test_the_scale_is_on_all_that_the_agent_gets() -> None:
    small, usual = wrapped(gamma=0.9), wrapped(gamma=0.9)
    small.scale = 0.25
    for venv in (small, usual):
        venv.reset()
    for _ in range(30):
        actions = np.array([usual.action_space.sample() for _ in range(usual.num_envs)])
        rewards = [venv.step(actions)[1] for venv in (small, usual)]
        np.testing.assert_allclose(4.0 * rewards[0], rewards[1], rtol=1e-5)
    learned, true = small.take_means()
    assert learned == pytest.approx(usual.take_means()[0]) and np.isfinite(true)
    assert np.isnan(small.take_means()[0])  # nothing since then


def test_runes_weight_fades_with_the_steps() -> None:
    config = LearnConfig(ENV_ID, bonus=0.05, bonus_decay=0.5)
    # 0.05 (1 - 0.5)^t
    assert [config.bonus_at(step) for step in (0, 1, 3)] == [0.05, 0.025, 0.00625]
    assert LearnConfig(ENV_ID).bonus_at(5) == 0


@pytest.mark.parametrize("algo", ["ppo", "sac"])
def test_training_lets_the_bonus_fade_and_fits_again_for_new_answers(algo) -> None:
    venv = wrapped(gamma=None, worlds=2) if algo == "ppo" else sliding()
    questions = SimpleNamespace(evidence=[0] * 4, check=lambda: None)
    config = LearnConfig(ENV_ID, bonus=0.4, bonus_decay=0.1, background=True, refit_every=2)
    run = SimpleNamespace(config=config, questions=questions, steps=8, note=lambda *_: None)
    fits = []
    callback = Learning(run, venv, lambda: fits.append(len(questions.evidence)))
    settings = PPOConfig(n_steps=2, batch_size=4) if algo == "ppo" else SACConfig(train_freq=2)
    agent = make_model(algo, settings, EncoderConfig(), venv, seed=0, device="cpu")
    questions.evidence.append(1)
    agent.learn(8, callback=callback)
    # Two steps of two worlds in a rollout: the last one begins after four.
    assert venv.bonus == pytest.approx(0.4 * 0.9**4)
    assert fits == []
    questions.evidence.append(1)
    agent.learn(8, callback=callback, reset_num_timesteps=False)
    assert fits == [6]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("bonus", -0.1),
        ("bonus", np.inf),
        ("bonus_decay", 1.0),
        ("reward_scale", 0.0),
        ("reward_scale", np.nan),
    ],
)
def test_bad_settings_of_what_the_agent_gets_are_named(field, value) -> None:
    with pytest.raises(ValueError, match=f"{field}={value}"):
        LearnConfig(ENV_ID, **{field: value})


def test_the_bonus_adds_what_the_members_dispute() -> None:
    plain, curious = wrapped(gamma=None), wrapped(gamma=None)
    curious.bonus = 2.0
    layout = EnvLayout(plain)
    plain.reset(), curious.reset()
    actions = np.ones(6, int)
    observations, rewards, dones, infos = plain.step(actions)
    _, more, _, _ = curious.step(actions)
    after = layout.undo(after_step(observations, dones, infos))
    _, deviation = plain.reward_model.predict(after, actions)
    assert (deviation > 0).all()
    assert more == pytest.approx(rewards + 2 * deviation, rel=1e-5)
