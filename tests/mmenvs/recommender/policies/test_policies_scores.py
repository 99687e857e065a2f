"""Scores by hand, ceilings by task, and where a score lies between them."""

import math

import gymnasium as gym
import numpy as np
import pytest
from worlds import simulator_of

import mmenvs
from mmenvs.recommender.policies import (
    BaitPolicy,
    BoredomAwarePolicy,
    BudgetAwarePolicy,
    MyopicPolicy,
    OraclePolicy,
    ProjectedPolicy,
    RandomPolicy,
    ceiling_policy,
    evaluate,
    normalised,
)
from mmenvs.recommender.policies.scores import gini, time_limit
from mmenvs.recommender.tasks import TASKS

FEW = {"episodes": 12, "steps": 8}


class Always:
    """Takes the same action everywhere."""

    def __init__(self, action):
        self.action = action

    def actions(self, simulator):
        return np.broadcast_to(np.asarray(self.action), (simulator.num_worlds, *np.shape(self.action))).copy()


def test_a_score_is_what_its_episodes_add_up_to():
    score = evaluate(Always(0), **FEW, seed=3)
    simulator = simulator_of(12)
    everybody, alive = np.arange(12), np.ones(12, bool)
    simulator.reset(everybody, everybody.astype(np.uint64) + np.uint64(36), everybody)
    returns, steps, shown = np.zeros(12), np.zeros(12), []
    for _ in range(8):
        simulator.step(np.zeros(12, np.int64), alive)
        returns += np.where(alive, simulator.rewards, 0.0)
        steps += alive
        shown += simulator.infos["slate"][alive, 0].tolist()
        alive &= ~simulator.terminated
    assert score.mean == pytest.approx(returns.mean()) and score.users == 12
    reach = 1.959964 * returns.std(ddof=1) / math.sqrt(12)
    assert (score.low, score.high) == pytest.approx((returns.mean() - reach, returns.mean() + reach))
    assert score.session_length == pytest.approx(steps.mean())
    assert score.coverage == pytest.approx(len(set(shown)) / 200)
    assert score.gini == pytest.approx(gini(np.bincount(shown, minlength=200)))
    assert evaluate(Always(0), **FEW, seed=3) == score
    assert evaluate(Always(0), **FEW, seed=4).mean != score.mean


def test_diversity_and_entropy_by_hand():
    # Two items, of which one is always shown: no diversity, no entropy.
    alone = evaluate(Always(0), "boredom", **FEW, action="item", slate_size=1, candidates=None, items=20)
    assert alone.diversity == pytest.approx(0.0, abs=1e-6) and alone.entropy == 0.0
    assert alone.coverage == pytest.approx(1 / 20) and alone.gini == pytest.approx(1.0 - 1 / 20)
    pair = evaluate(Always([0, 1]), "boredom", episodes=4, steps=1, slate_size=2, items=20)
    simulator = simulator_of(1, "boredom", items=20, modalities=("history",))
    one, other = simulator.catalogue.embedding[:2].astype(float)
    assert pair.diversity == pytest.approx(1 - one @ other / np.linalg.norm(one) / np.linalg.norm(other))
    same = simulator.items.facts["category"][0] == simulator.items.facts["category"][1]
    assert pair.entropy == pytest.approx(0.0 if same else math.log(2))


def test_gini_by_hand():
    assert gini(np.array([3.0, 3.0, 3.0])) == pytest.approx(0.0)
    assert gini(np.array([0.0, 0.0, 6.0])) == pytest.approx(2 / 3)
    assert gini(np.array([1.0, 3.0])) == pytest.approx(0.25)
    assert gini(np.zeros(4)) == 0.0


def test_what_is_observed_changes_no_score():
    assert evaluate(Always(1), **FEW) == evaluate(Always(1), **FEW, modalities=("image", "user"))


@pytest.mark.parametrize(
    ("task", "settings", "kind"),
    [
        ("recommender", {}, OraclePolicy),
        ("slate_recommender", {}, OraclePolicy),
        ("cold_start", {}, OraclePolicy),
        ("clickbait", {}, OraclePolicy),
        ("boredom", {"modalities": ("history",)}, BoredomAwarePolicy),
        ("interest_evolution", {"items": 200}, BudgetAwarePolicy),
        ("long_term_satisfaction", {"modalities": ("history",)}, BaitPolicy),
        ("organic_bandit", {"modalities": ("history",)}, MyopicPolicy),
        ("proto_recommender", {"items": 100}, ProjectedPolicy),
        ("recommender", {"action": "weights"}, ProjectedPolicy),
    ],
)
def test_every_task_has_a_ceiling(task, settings, kind):
    simulator = simulator_of(3, task, **settings)
    policy = ceiling_policy(simulator)
    assert type(policy) is kind
    assert all(simulator.action_space.contains(action) for action in policy.actions(simulator))


def test_scores_lie_between_chance_and_ceiling():
    assert normalised(3.0, 1.0, 5.0) == 0.5
    chance, ceiling = (evaluate(policy, episodes=40) for policy in (RandomPolicy(0), OraclePolicy()))
    assert normalised(chance, chance, ceiling) == 0.0 and normalised(ceiling, chance, ceiling) == 1.0
    assert 0.3 < normalised(evaluate(MyopicPolicy(), episodes=40), chance, ceiling) < 1.0
    with pytest.raises(ValueError, match=r"ceiling=1\.0 must differ from random=1\.0"):
        normalised(2.0, 1.0, 1.0)


def test_time_limits_are_those_of_the_ids():
    for name, entry in mmenvs.ENVIRONMENTS.items():
        if "recommender" in entry.entry_point:
            assert time_limit(entry.kwargs["task"]) == gym.spec(name).max_episode_steps
    assert {time_limit(task) for task in TASKS} == {60, 100, 500, 1000}


def test_wrong_arguments_are_named():
    for change, message in (
        ({"episodes": 0}, "episodes=0 must be at least 1"),
        ({"steps": 0}, "steps=0 must be at least 1"),
        ({"task": "shop"}, "task='shop' must be one of"),
        ({"episodes": 201}, "options"),
    ):
        with pytest.raises(ValueError, match=message):
            evaluate(RandomPolicy(), **change)
