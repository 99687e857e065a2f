"""The laws of behaviour, one by one, on true scores: estimates lie within their errors."""

import math

import numpy as np
import pytest
from synthetic import Truth, logistic, simulate

from mmenvs.recommender.data.choice import (
    choice_probabilities,
    examination_by_regression,
    examination_from_propensities,
    fit_choice,
    positions_look_random,
)
from mmenvs.recommender.data.dwell import fit_dwell
from mmenvs.recommender.data.factorization import Factors, canonical
from mmenvs.recommender.data.features import moods, recent_clicks, satisfaction
from mmenvs.recommender.data.logs import Logs


def test_choice_probabilities_by_hand():
    # Weights 2, 1 against 1 for nothing; 3 against 1.
    features, starts = np.log([[2.0], [1.0], [3.0]]), np.array([0, 2, 3])
    p = choice_probabilities(np.array([0.0, 1.0]), features, starts)
    np.testing.assert_allclose(p, [2 / 4, 1 / 4, 3 / 4])


def test_the_multinomial_logit_is_recovered_within_its_errors():
    truth = Truth(users=100, sessions=2)
    logs, catalogue, scores = simulate(truth, seed=2)
    logs = logs.with_catalogue(catalogue)
    logs = logs.rows(logs.slates.order)
    score = scores[np.array(logs.user_ids, int)[logs.user], logs.item]
    fit = fit_choice(np.stack([score, logs.position], axis=1), logs.slates.starts, logs.clicked)
    assert fit.converged
    error = (fit.coefficients - [1.0, 1.0, math.log(0.7)]) / fit.stderr
    assert np.abs(error).max() < 3.0 and fit.stderr.max() < 0.06


def test_examination_from_random_and_from_confounded_positions():
    rng = np.random.default_rng(0)
    rows, decay = 20_000, 0.6
    score = rng.normal(size=rows)
    random = rng.integers(0, 3, rows)
    # A policy that puts what is liked first.
    chance = np.exp(np.outer(score, [1.0, 0.0, -1.0]))
    chance /= chance.sum(axis=1, keepdims=True)
    chosen = (rng.random(rows)[:, None] > chance.cumsum(axis=1)).sum(axis=1)
    for place, propensity in ((random, np.full(rows, 1 / 3)), (chosen, chance[np.arange(rows), chosen])):
        clicked = rng.random(rows) < decay**place * logistic(score)
        weighed = examination_from_propensities(place, clicked, propensity)
        assert abs(weighed.log_decay - math.log(decay)) < 3.5 * weighed.log_decay_stderr
        features = np.stack([np.ones(rows), score], axis=1)
        learnt = examination_by_regression(place, clicked, features)
        assert math.exp(learnt.log_decay) == pytest.approx(decay, abs=0.05)
    naive = clicked[chosen == 1].mean() / clicked[chosen == 0].mean()
    assert naive < 0.5  # what not knowing the policy would say


def test_positions_that_stick_to_items_are_noticed():
    rng = np.random.default_rng(0)
    user, item, position = (rng.integers(0, high, 3000) for high in (20, 30, 4))
    assert positions_look_random(position, user, item) is True
    assert positions_look_random((user + item + (position > 2)) % 4, user, item) is False
    assert positions_look_random(position, np.arange(3000), item) is None


@pytest.mark.parametrize("limit", [30.0, 1e6])
def test_dwell_is_a_mixture_whose_parts_are_told_apart(limit):
    rng = np.random.default_rng(3)
    margin = rng.normal(size=8000)
    skips = rng.random(8000) < logistic(-1.2 * margin)
    stay = (2.0 + 38.0 * logistic(margin)) if limit > 40.0 else (2.0 + 28.0 * logistic(margin))
    time = np.where(skips, rng.exponential(2.0, 8000), stay * np.exp(0.4 * rng.normal(size=8000)))
    fit = fit_dwell(np.minimum(time, limit), margin)
    assert fit.converged and fit.capped == (limit < 40.0)
    expected = np.array([2.0, 1.2, min(limit, 40.0), 0.4])
    within = np.abs(fit.values - [*expected, 0.0]) <= np.where(fit.stderr > 0.0, 3.5 * fit.stderr, 1e-9)
    assert within.all(), (fit.values, fit.stderr)
    # Without a pile of equal times the limit, which scales the medians, stands for the reference too.
    assert np.isfinite(fit.stderr[4]) == fit.capped


def test_recent_clicks_and_moods_by_hand():
    # One session of five slates and another of one; categories 0 and 1.
    logs = Logs.from_table(
        user=["a"] * 6, item=[0, 0, 1, 0, 0, 0], session=[0, 0, 0, 0, 0, 1], step=[0, 1, 2, 3, 4, 0],
        click=[1, 1, 1, 0, 0, 1], dwell=[10, 5, 30, 0, 0, 0],
    )  # fmt: skip
    assert recent_clicks(logs, np.array([0, 1]), steps=2).tolist() == [0, 1, 0, 1, 0, 0]
    gave = satisfaction(logs, dwell_limit=20.0)
    assert gave.tolist() == [0.5, 0.25, 1.0, 0.0, 0.0, 0.0]
    assert satisfaction(logs, None).tolist() == [1, 1, 1, 0, 0, 1]
    np.testing.assert_allclose(moods(logs, gave, 0.5), [0.5, 0.375, 0.6875, 0.34375, 0.171875, 0.25])


def test_canonical_factors_keep_scores_and_have_unit_tastes():
    rng = np.random.default_rng(0)
    factors = Factors(
        rng.normal(size=(50, 3)), rng.normal(size=(20, 3)), np.zeros(50), np.zeros(20), np.zeros(2)
    )
    turned = canonical(factors)
    np.testing.assert_allclose(turned.tastes @ turned.traits.T, factors.tastes @ factors.traits.T)
    np.testing.assert_allclose(turned.tastes.T @ turned.tastes / 50, np.eye(3), atol=1e-12)
    assert (np.diff(np.linalg.norm(turned.traits, axis=0)) <= 0.0).all()
