"""Propensities are exact: they sum to one, agree with enumeration, and with what is drawn."""

from itertools import permutations

import numpy as np
import pytest
from worlds import begin, simulator_of

from mmenvs.recommender.policies import EpsilonGreedy, MyopicPolicy, Softmax, Uniform, expected_satisfaction
from mmenvs.recommender.policies.plackett_luce import draw_rankings, ranking_marginals

SLATES = {"task": "slate_recommender", "candidates": 6}


def policies(seed=0):
    return (
        Uniform(seed),
        EpsilonGreedy(MyopicPolicy(), 0.3, seed),
        Softmax(expected_satisfaction, 0.2, seed),
    )


@pytest.mark.parametrize("settings", [{"candidates": 6}, SLATES, {"candidates": None, "items": 7}])
@pytest.mark.parametrize("which", range(3))
def test_propensities_are_what_is_drawn(settings, which):
    worlds = 4000
    simulator = simulator_of(worlds, **settings)
    begin(simulator, np.full(worlds, 3))  # one moment, many times
    policy = policies()[which]
    table = policy.probabilities(simulator)
    np.testing.assert_allclose(table.sum(axis=1), 1.0, atol=1e-12)
    actions, propensities = policy.sample(simulator)
    assert all(simulator.action_space.contains(action) for action in actions[:10])
    slates = actions.reshape(worlds, -1)
    np.testing.assert_allclose(
        propensities, table[np.arange(worlds)[:, None], slates, np.arange(slates.shape[1])], rtol=1e-12
    )
    for place, expected in enumerate(table[0].T):
        seen = np.bincount(slates[:, place], minlength=len(expected)) / worlds
        assert np.abs(seen - expected).max() < 4.5 * np.sqrt(0.25 / worlds)


def test_marginals_of_rankings_by_enumeration():
    logits = np.random.default_rng(0).normal(size=(2, 5))
    marginals = ranking_marginals(logits, 3)
    for row, weights in enumerate(np.exp(logits)):
        expected = np.zeros((5, 3))
        for ranking in permutations(range(5), 3):
            chance, left = 1.0, weights.sum()
            for item in ranking:
                chance, left = chance * weights[item] / left, left - weights[item]
            expected[list(ranking), range(3)] += chance
        np.testing.assert_allclose(marginals[row], expected, rtol=1e-12)


def test_extreme_weights_stay_exact():
    logits = np.array([[0.0, -40.0, -41.0, -5000.0]])
    marginals = ranking_marginals(logits, 2)
    assert np.isfinite(marginals).all() and (marginals > 0.0).all()
    # Next to a certain first item, the second place is a choice between the others.
    assert marginals[0, 1, 1] == pytest.approx(1.0 / (1.0 + np.exp(-1.0)), rel=1e-12)
    drawn = draw_rankings(np.repeat(logits, 2000, axis=0), 2, np.random.default_rng(0))
    assert (drawn[:, 0] == 0).all()
    assert (drawn[:, 1] == 1).mean() == pytest.approx(marginals[0, 1, 1], abs=0.05)


def test_greedy_targets_and_coins():
    simulator = simulator_of(50, **SLATES)
    target = EpsilonGreedy(MyopicPolicy(), 0.0)
    actions, propensities = target.sample(simulator)
    np.testing.assert_array_equal(actions, MyopicPolicy().actions(simulator))
    assert (propensities == 1.0).all() and set(target.probabilities(simulator).ravel()) == {0.0, 1.0}
    np.testing.assert_array_equal(target.actions(simulator), actions)


@pytest.mark.parametrize("which", range(3))
def test_the_same_seed_draws_the_same(which):
    simulator = simulator_of(30, **SLATES)
    first, again, other = (policies(seed)[which].sample(simulator)[0] for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_limits_and_mistakes_are_named():
    with pytest.raises(ValueError, match="places=5 of 30 items make 27405 sets"):
        ranking_marginals(np.zeros((1, 30)), 5)
    with pytest.raises(ValueError, match="places=4 must be from 1 to the 3 items"):
        ranking_marginals(np.zeros((1, 3)), 4)
    with pytest.raises(ValueError, match=r"epsilon=1\.5 must be from 0 to 1"):
        EpsilonGreedy(MyopicPolicy(), 1.5)
    with pytest.raises(ValueError, match=r"temperature=0\.0 must be above 0"):
        Softmax(expected_satisfaction, 0.0)
    weights = simulator_of(2, action="weights")
    for policy in (Uniform(), Softmax(expected_satisfaction)):
        with pytest.raises(ValueError, match="action='weights'"):
            policy.sample(weights)

    class Twice:
        def actions(self, simulator):
            return np.zeros((simulator.num_worlds, 3), np.int64)

    with pytest.raises(ValueError, match="base=Twice names a candidate twice"):
        EpsilonGreedy(Twice()).sample(simulator_of(2, **SLATES))
