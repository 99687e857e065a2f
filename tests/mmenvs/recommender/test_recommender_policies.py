"""The reference policies, and that the world rewards foresight."""

import numpy as np
import pytest

from mmenvs.recommender import (
    MyopicPolicy,
    OraclePolicy,
    RandomPolicy,
    RecommenderConfig,
    RecommenderSimulator,
)
from mmenvs.recommender.policies import department_outlook, expected_satisfaction

USERS, STEPS = 150, 100


def _simulator(worlds=USERS, **settings):
    config = RecommenderConfig(split="test", modalities=("user",), **settings)
    simulator = RecommenderSimulator(worlds, config)
    everybody = np.arange(worlds)
    simulator.reset(everybody, everybody.astype(np.uint64), everybody)
    return simulator


def _returns(policy):
    """Return of each user, and whether they were content at the end."""
    simulator, alive = _simulator(), np.ones(USERS, bool)
    total, content = np.zeros(USERS), np.zeros(USERS, bool)
    for _ in range(STEPS):
        simulator.step(policy.actions(simulator), alive)
        total += np.where(alive, simulator.rewards, 0.0)
        content[alive] = simulator.infos["success"][alive]
        alive &= ~simulator.terminated
    return total, content


def test_foresight_beats_greed_beats_chance_by_far():
    (chance, _), (greed, greedy), (foresight, content) = map(
        _returns, (RandomPolicy(0), MyopicPolicy(), OraclePolicy())
    )
    for better, worse in ((greed, chance), (foresight, greed)):
        gap = better - worse
        assert gap.mean() - 3.0 * gap.std() / np.sqrt(USERS) > 8.0
    assert content.mean() > greedy.mean() + 0.25
    assert content.mean() > 0.75


def test_the_myopic_policy_takes_the_best_of_the_moment():
    simulator = _simulator(20)
    gains = expected_satisfaction(simulator)
    chosen = MyopicPolicy().actions(simulator)
    assert (gains[np.arange(20), chosen] == gains.max(axis=1)).all()
    scores = np.einsum(
        "wt,wct->wc", simulator.state.taste, simulator.items.traits[simulator.state.candidates]
    )
    np.testing.assert_array_equal(chosen, scores.argmax(axis=1))


def test_expected_satisfaction_is_what_a_step_brings_on_average():
    worlds = 4000
    simulator = _simulator(200)
    config = RecommenderConfig(split="test", modalities=("user",))
    same = RecommenderSimulator(worlds, config)
    same.reset(np.arange(worlds), np.arange(worlds).astype(np.uint64), np.full(worlds, 7))
    expected = expected_satisfaction(simulator)[7]
    action = int(expected.argmax())
    same.step(np.full(worlds, action), np.ones(worlds, bool))
    seen = same.infos["satisfaction"]
    assert seen.mean() == pytest.approx(expected[action], abs=4 * seen.std() / np.sqrt(worlds))


def test_the_oracle_leaves_a_department_that_is_about_to_bore():
    simulator = _simulator(100)
    gains = expected_satisfaction(simulator)
    favourite = simulator.items.department[simulator.state.candidates[np.arange(100), gains.argmax(axis=1)]]
    simulator.state.exposure[np.arange(100), favourite] = 2.9
    for policy, least, most in ((MyopicPolicy(), 1.0, 1.0), (OraclePolicy(), 0.0, 0.3)):
        chosen = simulator.state.candidates[np.arange(100), policy.actions(simulator)]
        assert least <= (simulator.items.department[chosen] == favourite).mean() <= most


def test_planning_changes_nothing_in_the_world():
    simulator = _simulator(5)
    before = [field.copy() for field in simulator.state]
    OraclePolicy().actions(simulator)
    for old, new in zip(before, simulator.state, strict=True):
        np.testing.assert_array_equal(old, new)


def test_the_outlook_is_a_quantile_of_each_department():
    simulator = _simulator(3, candidates=4, items=40)
    scores = simulator.state.taste @ simulator.items.traits.T
    for department, outlook in enumerate(department_outlook(simulator).T):
        inside = scores[:, simulator.items.department == department]
        np.testing.assert_allclose(outlook, np.median(inside, axis=1))  # one of four a page: the median


def test_random_choices_are_reproducible_and_valid():
    simulator = _simulator(50)
    first, again = (RandomPolicy(3).actions(simulator) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert first.min() >= 0 and first.max() < 10


@pytest.mark.parametrize("horizon", [0, -1, 1.5, True])
def test_a_bad_horizon_is_named(horizon):
    with pytest.raises(ValueError, match="horizon="):
        OraclePolicy(horizon)
