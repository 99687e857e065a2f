"""Off-policy estimators against hand-worked cases and against a bandit whose truth is known."""

import numpy as np
import pytest

from mmenvs.recommender.data.estimators import (
    direct_method,
    doubly_robust,
    ips,
    per_decision_ips,
    snips,
    trajectory_ips,
)

REWARD, LOGGING, TARGET = [1.0, 0.0, 1.0, 1.0], [0.5, 0.5, 0.25, 1.0], [0.25, 1.0, 0.5, 0.0]


def test_weights_by_hand():
    # Weights 0.5, 2, 2, 0.
    estimate = ips(REWARD, LOGGING, TARGET)
    assert estimate.value == pytest.approx(2.5 / 4)
    terms = np.array([0.5, 0.0, 2.0, 0.0])
    assert estimate.stderr == pytest.approx(terms.std(ddof=1) / 2)
    assert estimate.high - estimate.value == pytest.approx(1.959964 * estimate.stderr, rel=1e-6)
    assert estimate.effective_sample_size == pytest.approx(4.5**2 / 8.25)
    assert ips(REWARD, LOGGING, TARGET, clip=1.0).value == pytest.approx(1.5 / 4)
    assert snips(REWARD, LOGGING, TARGET).value == pytest.approx(2.5 / 4.5)
    assert direct_method([0.2, 0.4]).value == pytest.approx(0.3)
    robust = doubly_robust(REWARD, LOGGING, TARGET, q_logged=[0.5] * 4, q_target=[0.6] * 4)
    assert robust.value == pytest.approx(0.6 + (0.25 - 1.0 + 1.0 + 0.0) / 4)


def test_slates_sum_over_their_positions():
    reward, logging, target = [[1, 0], [0, 1]], [[0.5, 0.5], [0.5, 0.25]], [[0.5, 0.5], [0.25, 0.5]]
    assert ips(reward, logging, target).value == pytest.approx((1 + 2) / 2)
    # Position 0: 1 / 1.5; position 1: 2 / 3.
    assert snips(reward, logging, target).value == pytest.approx(1 / 1.5 + 2 / 3)
    assert direct_method([[0.1, 0.2], [0.3, 0.4]]).value == pytest.approx(0.5)


def test_sessions_by_hand():
    # Session a: weights 2, 0.5, rewards 1, 3; session b: weight 1, reward 2; the rows are shuffled.
    reward, logging = [3.0, 2.0, 1.0], [1.0, 0.5, 0.25]
    target, session, step = [0.5, 0.5, 0.5], ["a", "b", "a"], [7, 0, 3]
    arguments = (reward, logging, target, session, step)
    assert trajectory_ips(*arguments).value == pytest.approx((1.0 * 4.0 + 1.0 * 2.0) / 2)
    assert per_decision_ips(*arguments).value == pytest.approx((2 * 1 + 1 * 3 + 1 * 2) / 2)
    assert per_decision_ips(*arguments, discount=0.5).value == pytest.approx((2 + 1.5 + 2) / 2)
    assert trajectory_ips(*arguments, clip=0.5).value == pytest.approx((0.5 * 4 + 0.5 * 2) / 2)
    # Step 0: (2 * 1 + 1 * 2) / 3; step 1: (1 * 3 + 1 * 0) / 2.
    assert per_decision_ips(*arguments, normalise=True).value == pytest.approx(4 / 3 + 3 / 2)
    assert trajectory_ips(*arguments, normalise=True).value == pytest.approx((4 + 2) / 2)


def bandit(rng, rows):
    """Contexts 0 and 1, actions 0 to 2; returns logs, target probabilities, model values and the truth."""
    chance = np.array([[0.1, 0.5, 0.8], [0.7, 0.3, 0.2]])
    behaviour = np.array([[0.6, 0.3, 0.1], [0.2, 0.3, 0.5]])
    wanted = np.array([[0.1, 0.1, 0.8], [0.8, 0.1, 0.1]])
    model = chance + np.array([[0.05, -0.05, 0.1], [-0.1, 0.05, 0.0]])  # a biased one
    context = rng.integers(0, 2, rows)
    action = (rng.random(rows)[:, None] > behaviour[context].cumsum(axis=1)).sum(axis=1)
    reward = (rng.random(rows) < chance[context, action]).astype(float)
    arrays = (reward, behaviour[context, action], wanted[context, action])
    values = {"q_logged": model[context, action], "q_target": (wanted * model).sum(axis=1)[context]}
    return arrays, values, float((wanted * chance).sum(axis=1).mean())


def test_estimators_on_a_bandit_with_known_truth():
    rng = np.random.default_rng(0)
    results, covered = [], 0
    for _ in range(400):
        arrays, values, truth = bandit(rng, 200)
        by_weight = ips(*arrays)
        results.append(
            (by_weight.value, snips(*arrays).value, doubly_robust(*arrays, **values).value,
             direct_method(values["q_target"]).value)
        )  # fmt: skip
        covered += by_weight.low <= truth <= by_weight.high
    mean, spread = np.mean(results, axis=0), np.std(results, axis=0)
    error = 3.0 * spread / np.sqrt(len(results))
    assert abs(mean[0] - truth) < error[0]  # IPS is unbiased
    assert abs(mean[2] - truth) < error[2]  # and so is DR, whose model is wrong
    assert abs(mean[1] - truth) < 0.02  # SNIPS nearly
    assert abs(mean[3] - truth) > error[3]  # the direct method inherits the model's bias
    assert spread[2] < 0.9 * spread[0] and spread[1] < spread[0]
    assert 0.91 < covered / len(results) < 0.98


def test_self_normalisation_is_bounded_by_the_rewards():
    reward, logging, target = [1.0, 1.0, 0.9], [0.01, 0.5, 0.5], [1.0, 0.5, 0.5]
    assert ips(reward, logging, target).value > 30
    assert 0.9 <= snips(reward, logging, target).value <= 1.0


def test_per_decision_weights_vary_less_and_agree():
    rng = np.random.default_rng(1)
    whole, stepwise = [], []
    for _ in range(200):
        session, step = np.repeat(np.arange(100), 4), np.tile(np.arange(4), 100)
        action = rng.random(400) < 0.5
        reward = (rng.random(400) < np.where(action, 0.8, 0.2)).astype(float)
        arguments = (reward, np.full(400, 0.5), np.where(action, 0.8, 0.2), session, step)
        whole.append(trajectory_ips(*arguments).value)
        stepwise.append(per_decision_ips(*arguments).value)
    truth = 4 * (0.8 * 0.8 + 0.2 * 0.2)
    assert abs(np.mean(whole) - truth) < 3 * np.std(whole) / np.sqrt(200)
    assert abs(np.mean(stepwise) - truth) < 3 * np.std(stepwise) / np.sqrt(200)
    assert np.std(stepwise) < np.std(whole)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"logging": [0.5, 0.0]}, r"logging\[1, 0\]=0\.0 must be above 0 and at most 1"),
        ({"logging": [0.5, np.nan]}, r"logging\[1\]=nan must be a finite number"),
        ({"target": [0.5, 1.5]}, r"target\[1, 0\]=1\.5 must be from 0 to 1"),
        ({"target": [0.5]}, r"target has the shape \(1, 1\), but reward has \(2, 1\)"),
        ({"reward": [np.inf, 1.0]}, r"reward\[0\]=inf must be a finite number"),
        ({"reward": []}, r"reward must have the shape"),
        ({"clip": 0.0}, r"clip=0\.0 must be above 0"),
        ({"level": 1.0}, r"level=1\.0 must be between 0 and 1"),
    ],
)
def test_wrong_input_is_named(change, message):
    with pytest.raises(ValueError, match=message):
        ips(**{"reward": [0.0, 1.0], "logging": [0.5, 0.5], "target": [0.5, 0.5], **change})


def test_a_step_taken_twice_is_named():
    with pytest.raises(ValueError, match=r"step\[1\]=0 must be taken once in session 5"):
        per_decision_ips([1.0, 1.0], [0.5, 0.5], [0.5, 0.5], [5, 5], [0, 0])
