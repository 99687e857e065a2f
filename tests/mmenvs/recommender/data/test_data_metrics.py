"""Metrics and regressions against numbers worked out by hand."""

import math

import numpy as np
import pytest

from mmenvs.recommender.data.metrics import (
    auc,
    expected_calibration_error,
    kl_divergence,
    ks_distance,
    log_likelihood,
    rmse,
    two_sample_auc,
)
from mmenvs.recommender.data.regression import fit_logistic, fit_ridge, maximise


def test_auc_counts_ordered_pairs_and_half_of_the_ties():
    # Pairs (positive, negative): (0.9, 0.5), (0.9, 0.1) won, (0.5, 0.5) tied, (0.5, 0.1) won.
    assert auc([1, 1, 0, 0], [0.9, 0.5, 0.5, 0.1]) == pytest.approx(3.5 / 4)
    assert math.isnan(auc([1, 1], [0.1, 0.2]))
    with pytest.raises(ValueError, match="score has the shape"):
        auc([1, 0], [0.5])


def test_calibration_error_weighs_bins_by_their_rows():
    # Bin [0, .5): p .2 and .4, y 0 and 1, gap .2 of 2 rows; bin [.5, 1]: p .5 and 1, y 1 and 1, gap .25 of 2.
    assert expected_calibration_error([0, 1, 1, 1], [0.2, 0.4, 0.5, 1.0], bins=2) == pytest.approx(0.225)
    with pytest.raises(ValueError, match=r"must lie in \[0, 1\]"):
        expected_calibration_error([0], [1.5])


def test_likelihood_and_rmse():
    assert log_likelihood([1, 0], [0.5, 0.75]) == pytest.approx((math.log(0.5) + math.log(0.25)) / 2)
    assert rmse([1, 2], [2, 4]) == pytest.approx(math.sqrt(2.5))


def test_distances_by_hand():
    assert ks_distance([1, 2, 3, 4], [3, 4, 5, 6]) == pytest.approx(0.5)
    assert ks_distance([1, 1], [1, 1, 1]) == 0.0
    assert kl_divergence([1, 1], [1, 3], pseudocount=0) == pytest.approx(
        0.5 * math.log(2) + 0.5 * math.log(2 / 3)
    )
    assert kl_divergence([4, 0], [4, 0]) == 0.0
    assert math.isfinite(kl_divergence([4, 1], [5, 0]))


def test_two_samples_are_told_apart_by_place_and_by_spread():
    rng = np.random.default_rng(0)
    one, alike = rng.normal(size=(2000, 3)), rng.normal(size=(1500, 3))
    assert two_sample_auc(one, alike) == pytest.approx(0.5, abs=0.04)
    assert two_sample_auc(one, alike + np.array([1.0, 0, 0])) == pytest.approx(
        0.76, abs=0.03
    )  # Phi(1 / sqrt 2)
    assert two_sample_auc(one, alike * 3.0) > 0.75
    assert math.isnan(two_sample_auc(one, alike[:1]))


def test_a_logistic_regression_on_a_two_by_two_table():
    # Odds 1/3 without and 3 with the feature: intercept -log 3, coefficient 2 log 3, variance sum of
    # 1/counts.
    x = np.repeat([0.0, 0.0, 1.0, 1.0], [30, 10, 10, 30])
    y = np.repeat([0.0, 1.0, 0.0, 1.0], [30, 10, 10, 30])
    fit = fit_logistic(np.stack([np.ones(80), x], axis=1), y)
    assert fit.converged
    np.testing.assert_allclose(fit.coefficients, [-math.log(3), 2 * math.log(3)], rtol=1e-5)
    assert fit.stderr[1] == pytest.approx(math.sqrt(2 / 30 + 2 / 10), rel=1e-5)
    shifted = fit_logistic(x[:, None], y, offset=np.full(80, -math.log(3)))
    assert shifted.coefficients[0] == pytest.approx(2 * math.log(3), rel=1e-5)


def test_numerical_newton_finds_the_normal_distribution():
    sample = np.random.default_rng(0).normal(3.0, 2.0, 500)

    def value(c):
        return float(np.sum(-c[1] - 0.5 * ((sample - c[0]) / np.exp(c[1])) ** 2))

    fit = maximise(value, np.array([0.0, 0.0]))
    assert fit.converged
    assert fit.coefficients[0] == pytest.approx(sample.mean(), abs=1e-4)
    assert np.exp(fit.coefficients[1]) == pytest.approx(sample.std(), rel=1e-4)
    assert fit.stderr[0] == pytest.approx(sample.std() / math.sqrt(500), rel=1e-2)


def test_flat_likelihoods_have_infinite_errors():
    fit = fit_logistic(np.ones((10, 2)), np.tile([0.0, 1.0], 5))
    assert np.isinf(fit.stderr).all()


def test_ridge_explains_what_features_tell_and_no_more():
    rng = np.random.default_rng(0)
    features = rng.normal(size=(400, 10))
    targets = np.stack([features[:, 0] + rng.normal(size=400), rng.normal(size=400)], axis=1)
    fit = fit_ridge(features, targets, np.ones(400))
    assert fit.r_squared[0] == pytest.approx(0.5, abs=0.1)
    assert fit.r_squared[1] < 0.05
    assert fit.predict(features)[:, 0] == pytest.approx(features[:, 0], abs=0.5)
    few = fit_ridge(features[:2], targets[:2], np.ones(2))
    np.testing.assert_allclose(few.predict(features[:5]), np.tile(targets[:2].mean(axis=0), (5, 1)))
