from __future__ import annotations

import json
import math
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
from feedback_toy import ENV_ID
from gymnasium import spaces
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from agents.__main__ import main as agents_main
from agents.algorithm_config import PPOConfig
from agents.algorithms import make_model
from agents.config import EncoderConfig
from agents.train_config import TrainConfig
from agents.training import load_model
from agents.vec_env import make_vec_env
from feedback.__main__ import main
from feedback.clips import ClipFolder, Segment
from feedback.evidence import Comparison, Order, Stars
from feedback.labels import Ranking, Rating
from feedback.learning.config import LearnConfig
from feedback.learning.contrastive import (
    ContrastiveLearner,
    CPLConfig,
    advantages_of,
    comparisons_of,
    contrastive_loss,
    usable,
)
from feedback.learning.preferences import learn
from feedback.learning.rollouts import collect
from feedback.store import LabelStore
from feedback.vec_wrapper import EnvLayout

SMALL = TrainConfig(ENV_ID, num_envs=4, ppo=PPOConfig(n_steps=16, batch_size=64))
POINT = "feedback-tests/Point-v0"


class Point(gym.Env[Any, Any]):
    """A plain Box in, two continuous actions out; eight steps an episode."""

    def __init__(self) -> None:
        self.observation_space = spaces.Box(-1, 1, (3,), np.float32)
        self.action_space = spaces.Box(-1, 1, (2,), np.float32)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.steps = 0
        return self._look(), {}

    def step(self, action):
        self.steps += 1
        return self._look(), float(action[0]), self.steps == 8, False, {}

    def _look(self):
        return self.np_random.uniform(-1, 1, 3).astype(np.float32)


if POINT not in gym.registry:
    gym.register(POINT, entry_point=Point)


class Setting:
    """An untrained policy of a task, and episodes of random actions."""

    def __init__(self, env_id: str, steps: int = 48) -> None:
        venv = make_vec_env(env_id, 4)
        self.episodes = collect(venv, None, env_id=env_id, seed=3, steps=steps)
        self.agent: Any = make_model("ppo", SMALL.ppo, EncoderConfig(), venv, seed=0, device="cpu")
        self.space, self.observation_space = EnvLayout(venv).space, venv.observation_space
        venv.close()

    def learner(self, config: CPLConfig | None = None, horizon: int = 8) -> ContrastiveLearner:
        return ContrastiveLearner(self.agent.policy, self.space, config, horizon=horizon)

    def segments(self, length: int = 8) -> list[Segment]:
        cuts = (e.cut(t, t + length) for e in self.episodes for t in range(0, len(e) - length + 1, length))
        return list(cuts)


def better_by(score, segments: list[Segment], rng: np.random.Generator, count: int) -> list[Comparison]:
    found = []
    for _ in range(count):
        first, second = (segments[int(i)] for i in rng.choice(len(segments), 2, replace=False))
        gap = score(first) - score(second)
        found.append(Comparison(first, second, (0.5, 0.5) if gap == 0 else (float(gap > 0), float(gap < 0))))
    return found


def test_the_loss_by_hand() -> None:
    first, second = torch.tensor([-1.0, -1.0, -1.0]), torch.tensor([-2.0, -2.0, -2.0])
    target = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.5, 0.5]])
    losses = contrastive_loss(first, second, target, bias=0.5)
    # A1 - A2 / 2 = 0 and A2 - A1 / 2 = -1.5
    expected = [math.log(2), math.log1p(math.exp(1.5))]
    np.testing.assert_allclose(losses, [*expected, np.mean(expected)], rtol=1e-6)


@given(st.floats(-20, 5), st.floats(-20, 5), st.floats(0.01, 1), st.floats(0, 1))
def test_the_loss_does_not_depend_on_the_side_of_a_segment(
    a: float, b: float, bias: float, mu: float
) -> None:
    first, second = torch.tensor([a]), torch.tensor([b])
    target = torch.tensor([[mu, 1 - mu]])
    one = contrastive_loss(first, second, target, bias=bias)
    other = contrastive_loss(second, first, target.flip(1), bias=bias)
    torch.testing.assert_close(one, other)
    assert one.item() > 0


def test_advantages_by_hand() -> None:
    log_probs, lengths = torch.tensor([-1.0, -2.0, -4.0, -3.0]), torch.tensor([3, 1])
    config = CPLConfig(gamma=0.5, lengths="sum")
    # -1 - 2/2 - 4/4 = -3; times alpha = 0.1
    np.testing.assert_allclose(advantages_of(log_probs, lengths, config, 3), [-0.3, -0.3], rtol=1e-6)
    # As a mean, the single step counts as three: 1 + 1/2 + 1/4 times as much.
    config = CPLConfig(gamma=0.5)
    np.testing.assert_allclose(advantages_of(log_probs, lengths, config, 3), [-0.3, -0.525], rtol=1e-6)


@given(st.lists(st.integers(1, 12), min_size=1, max_size=6), st.floats(0.3, 1), st.floats(-5, 2))
def test_a_length_says_nothing_of_itself(lengths: list[int], gamma: float, each: float) -> None:
    log_probs = torch.full((sum(lengths),), each, dtype=torch.float64)
    found = advantages_of(log_probs, torch.tensor(lengths), CPLConfig(gamma=gamma), 12)
    whole = 0.1 * each * sum(gamma**t for t in range(12))
    np.testing.assert_allclose(found, [whole] * len(lengths), atol=1e-9)


@pytest.mark.parametrize("env_id", [ENV_ID, POINT])
def test_log_probabilities_are_those_of_the_policy(env_id: str) -> None:
    setting = Setting(env_id)
    parts = [setting.segments()[0].cut(0, 5), setting.segments()[1], setting.segments()[2].cut(2, 3)]
    found = setting.learner().log_probs(parts)
    at = 0
    for part in parts:
        for t in range(len(part)):
            seen: Any = {
                # As Stable-Baselines3 has it, pictures with their channels first.
                key: value[t].transpose(2, 0, 1) if value.ndim == 4 else value[t]
                for key, value in part.observations.items()
            }
            seen = seen if env_id == ENV_ID else seen["observation"]
            tensor, _ = setting.agent.policy.obs_to_tensor(seen)
            action = torch.as_tensor(part.actions[t : t + 1])
            expected = setting.agent.policy.evaluate_actions(tensor, action)[1]
            torch.testing.assert_close(found[at : at + 1], expected, rtol=1e-5, atol=1e-6)
            at += 1
    assert found.shape == (at,) == (14,)


@pytest.mark.parametrize("config", [CPLConfig(), CPLConfig(reference=True), CPLConfig(pretrain=0)])
def test_the_better_action_becomes_the_likelier(config: CPLConfig) -> None:
    setting, rng = Setting(ENV_ID), np.random.default_rng(0)
    segments = setting.segments(4)
    # Going right is better, wherever.
    comparisons = better_by(lambda s: float((s.actions == 2).sum()), segments, rng, 120)
    report = setting.learner(config, horizon=4).fit(comparisons)
    assert report.agreement > 0.8 and report.held_out > 0
    assert report.learned_from + sum(c.target[0] == 0.5 for c in comparisons) >= 100
    mean = np.exp(setting.learner().log_probs(segments).detach().numpy())
    taken = np.concatenate([s.actions for s in segments])
    assert mean[taken == 2].mean() > 1.5 * mean[taken != 2].mean()
    assert not setting.agent.policy.training


def test_continuous_actions_keep_their_spread_unless_it_is_to_be_learned() -> None:
    for learn_spread in (False, True):
        setting, rng = Setting(POINT), np.random.default_rng(0)
        before = setting.agent.policy.log_std.detach().clone()
        comparisons = better_by(lambda s: float(s.rewards.sum()), setting.segments(4), rng, 60)
        config = CPLConfig(learn_spread=learn_spread, learning_rate=3e-3)
        setting.learner(config, horizon=4).fit(comparisons)
        seen = np.random.default_rng(1).uniform(-1, 1, (50, 3)).astype(np.float32)
        assert setting.agent.predict(seen, deterministic=True)[0][:, 0].mean() > 0.15
        assert torch.equal(before, setting.agent.policy.log_std) != learn_spread


def test_the_same_seed_learns_the_same() -> None:
    weights = []
    for _ in range(2):
        setting = Setting(POINT)
        comparisons = better_by(
            lambda s: float(s.rewards.sum()), setting.segments(), np.random.default_rng(0), 8
        )
        setting.learner(CPLConfig(epochs=2, pretrain=1)).fit(comparisons)
        weights.append(torch.cat([w.detach().flatten() for w in setting.agent.policy.parameters()]))
    assert torch.equal(*weights)


def test_rankings_count_by_their_pairs_and_the_rest_is_left_out(make_segment) -> None:
    a, b, c = (make_segment([1.0], mark=k) for k in range(3))
    tie = Comparison(a, b, (0.5, 0.5), "x")
    kept, left_out = usable([tie, Stars(a, 3), Order((a, b, c), "y"), Stars(b, 2)])
    assert list(left_out.values()) == [2] and "ratings compare no segments" in next(iter(left_out))
    pairs = comparisons_of(kept)
    assert pairs[0] is tie
    assert [(p.first, p.second, p.target, p.labeller) for p in pairs[1:]] == [
        (better, worse, (1.0, 0.0), "y") for better, worse in ((a, b), (a, c), (b, c))
    ]


def test_what_it_cannot_learn_from_is_named(make_segment) -> None:
    setting, segment = Setting(POINT, 8), make_segment([1.0])
    with pytest.raises(ValueError, match="Stars: ratings compare no segments"):
        setting.learner().fit([Stars(segment, 3)])
    with pytest.raises(ValueError, match="at least one comparison"):
        setting.learner().fit([])
    with pytest.raises(ValueError, match="horizon=0"):
        setting.learner(horizon=0)
    with pytest.raises(ValueError, match="advantages have shapes"):
        contrastive_loss(torch.zeros(2), torch.zeros(3), torch.zeros(2, 2))
    with pytest.raises(ValueError, match="bias=0"):
        contrastive_loss(torch.zeros(2), torch.zeros(2), torch.zeros(2, 2), bias=0.0)
    with pytest.raises(ValueError, match="algorithm='dpo' must be one of"):
        LearnConfig(ENV_ID, algorithm="dpo")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(("alpha", v) for v in (0.0, math.inf, math.nan)),
        *(("bias", v) for v in (0.0, 1.5)),
        *(("gamma", v) for v in (0.0, 1.1)),
        *(("lengths", "median"), ("pretrain", -1), ("epochs", 0), ("batch_size", 0)),
        *(("learning_rate", 0.0), ("weight_decay", -1.0), ("held_out", 0.6)),
    ],
)
def test_bad_settings_are_named(field: str, value: Any) -> None:
    with pytest.raises(ValueError, match=f"{field}={value!r}"):
        CPLConfig(**{field: value})


def test_the_numbers_of_the_paper() -> None:
    assert (CPLConfig().temperature, CPLConfig().asymmetry) == (0.1, 0.5)
    with_reference = CPLConfig(reference=True)
    assert (with_reference.temperature, with_reference.asymmetry) == (0.2, 0.75)
    assert CPLConfig(alpha=0.3, bias=1.0).temperature == 0.3


def test_from_the_command_line_to_an_agent_that_can_be_used(tmp_path, capsys) -> None:
    out = tmp_path / "run"
    arguments = ["learn", ENV_ID, "--algorithm", "cpl", "--labels", "30", "--query.length", "8"]
    arguments += ["--collect-steps", "20", "--cpl.epochs", "2", "--cpl.pretrain", "1"]
    arguments += ["--no-compare", "--eval-episodes", "4", "--device", "cpu"]
    assert main([*arguments, "--out", str(out)]) == 0
    result = json.loads((out / "result.json").read_text())
    assert (result["labels"], result["steps"], len(result["fits"]), result["true"]) == (30, 0, 1, None)
    assert sorted(p.name for p in out.iterdir()) == [
        *("agent.zip", "config.json", "labels.clips", "labels.db", "result.json")
    ]
    # Another run asks about what the first one learned.
    behaviour = ["--cpl.behaviour", str(out / "agent.zip"), "--out", str(tmp_path / "next")]
    assert main([*arguments, *behaviour]) == 0
    assert main([*arguments, *behaviour, "--resume"]) == 2
    capsys.readouterr()
    agents_main(["evaluate", str(out / "agent.zip"), "--episodes", "4"])
    assert f"{ENV_ID}, 4 episodes" in capsys.readouterr().out
    saved, run = load_model(out / "agent.zip")
    assert (run.env_id, run.algo) == (ENV_ID, "ppo")
    assert saved.observation_space["camera"].shape == (3, 16, 16)
    agents_main(["export", str(out / "agent.zip"), "--to", str(tmp_path / "policy.pt"), "--check"])
    assert "100.0% of the actions are the same" in " ".join(capsys.readouterr().out.split())


def test_a_store_of_rankings_and_ratings(tmp_path, capsys) -> None:
    setting = Setting(ENV_ID)
    with LabelStore(tmp_path / "people.db") as store:
        clips = ClipFolder(store.clip_folder)
        for first, second, third in zip(*[iter(setting.segments()[:12])] * 3, strict=True):
            order = tuple(clips.add(segment) for segment in (first, second, third))
            store.add(Ranking(order=order, labeller="ada"))
            store.add(Rating(clip=order[0], value=4, labeller="ada"))
    config = LearnConfig(
        ENV_ID,
        algorithm="cpl",
        from_store=str(tmp_path / "people.db"),
        out=tmp_path / "run",
        compare=False,
        eval_episodes=2,
        device="cpu",
        cpl=CPLConfig(epochs=1),
    )
    result = learn(config, settings=SMALL)
    assert list(result.left_out.values()) == [4]
    assert "4 labels are left out: ratings compare no" in " ".join(capsys.readouterr().out.split())
    with LabelStore(tmp_path / "only.db") as store:
        store.add(
            Rating(clip=ClipFolder(store.clip_folder).add(setting.segments()[0]), value=4, labeller="ada")
        )
    only = {"from_store": str(tmp_path / "only.db"), "out": tmp_path / "nothing"}
    with pytest.raises(ValueError, match="nobody compared anything"):
        learn(LearnConfig(ENV_ID, algorithm="cpl", **only), settings=SMALL, console=Console(quiet=True))
