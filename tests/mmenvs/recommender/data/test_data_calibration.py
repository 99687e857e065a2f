"""Calibration finds the parameters of users who are known, and says what it could not find."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from small_catalogue import small_catalogue
from synthetic import Truth, simulate

from mmenvs.recommender.data.calibration import CalibratedUsers, calibrate
from mmenvs.recommender.data.comparison import compare_logs
from mmenvs.recommender.data.logs import Logs
from mmenvs.recommender.data.parameters import PRIORS

TRUTH = Truth(users=200, sessions=3, boredom_penalty=0.3)
FAST = {"factors": 4, "epochs": 20, "recent_steps": TRUTH.boredom_steps}

#: How far an estimate may be from the truth: scores are estimated too, which blurs what depends on them.
TOLERANCES = {
    "no_click_score": 0.2,
    "temperature": 0.15,
    "position_decay": 0.05,
    "leave_bias": 0.5,
    "leave_mood_weight": 1.2,
    "skip_dwell": 0.2,
    "skip_slope": 0.4,
    "dwell_limit": 1e-9,
    "dwell_spread": 0.1,
    "rating_mean": 0.25,
    "rating_scale": 0.1,
    "boredom_penalty": 0.1,
}


@pytest.fixture(scope="module")
def world():
    return simulate(TRUTH)


@pytest.fixture(scope="module")
def users(world):
    logs, catalogue, _ = world
    return calibrate(logs, catalogue, **FAST)


def aligned(users, scores):
    """Return fitted and true scores of all pairs, in the order of the fitted users."""
    true = scores[[int(name) for name in users.user_ids]]
    fitted = users.score(np.arange(len(true))[:, None], np.arange(true.shape[1])[None])
    return fitted, true


def test_parameters_are_recovered_from_clicks(users):
    truth = {name: getattr(TRUTH, name, 1.0) for name in TOLERANCES}
    for name, tolerance in TOLERANCES.items():
        found = users.parameters[name]
        assert found.identified, name
        assert found.value == pytest.approx(truth[name], abs=tolerance), name
    assert users.parameters["boredom_penalty"].z > 5.0
    # The noise of ratings also holds what the factors miss.
    assert 0.5 < users.parameters["rating_noise"].value < 0.85
    assert users.report.not_identified == {}


def test_preferences_are_recovered_and_predict(users, world):
    fitted, true = aligned(users, world[2])
    assert np.corrcoef(fitted.ravel(), true.ravel())[0, 1] > 0.87
    held_out = users.report.held_out
    assert held_out["clicks: AUC"] > 0.75
    assert held_out["clicks: expected calibration error"] < 0.02
    assert (
        held_out["clicks: log-likelihood [nat per impression]"]
        > held_out["clicks: log-likelihood of a constant rate"] + 0.06
    )
    assert held_out["ratings: RMSE"] < held_out["ratings: RMSE of biases only"] - 0.1
    assert held_out["ratings: RMSE of biases only"] < held_out["ratings: RMSE of the mean"]
    assert held_out["ratings: histogram, KS"] < 0.1


def test_traits_are_what_features_tell(users):
    assert min(users.report.modality[:3]) > 0.4  # 0.8 of the truth, less what estimation blurs
    assert users.report.modality[3] < 0.3  # there is no fourth factor


def test_new_items_get_the_preferences_that_their_features_predict(world):
    logs, catalogue, scores = world
    known = logs.with_catalogue(catalogue)
    users = calibrate(known.rows(known.item >= 20), catalogue, **FAST, regularisation=5.0)
    fitted, true = aligned(users, scores)
    assert np.corrcoef(fitted[:, :20].ravel(), true[:, :20].ravel())[0, 1] > 0.6
    assert any("20 of 80 items have no training rows" in note for note in users.report.notes)


def test_the_same_seed_gives_the_same_users(world):
    logs, catalogue, _ = world
    short = logs.rows(np.arange(6000))
    one, other = (calibrate(short, catalogue, factors=2, epochs=3, seed=5) for _ in range(2))
    np.testing.assert_array_equal(one.tastes, other.tastes)
    assert one.report.to_dict() == other.report.to_dict()
    assert (calibrate(short, catalogue, factors=2, epochs=3, seed=6).tastes != one.tastes).any()


def test_several_clicks_a_slate_make_it_the_position_based_model():
    truth = Truth(users=120, sessions=2, slate=4, choice="position")
    logs, catalogue, scores = simulate(truth, seed=1)
    settings = FAST | {"regularisation": 3.0, "folds": 2}
    randomised = calibrate(logs, catalogue, **settings)
    assert randomised.choice == "position"
    decay = randomised.parameters["position_decay"]
    assert decay.value == pytest.approx(0.7, abs=0.04) and "inverse propensity" in decay.why
    unknown = calibrate(replace(logs, propensity=np.full(len(logs), np.nan)), catalogue, **settings)
    decay = unknown.parameters["position_decay"]
    assert decay.value == pytest.approx(0.7, abs=0.05) and "look random" in decay.why
    for users in (randomised, unknown):
        assert users.parameters["no_click_score"].value == pytest.approx(1.0, abs=0.3)
        assert users.parameters["temperature"].value == pytest.approx(1.0, abs=0.35)
        fitted, true = aligned(users, scores)
        assert np.corrcoef(fitted.ravel(), true.ravel())[0, 1] > 0.85


def test_place_and_taste_are_told_apart_by_propensities_only():
    # A policy that likes to put first what the user likes; each order of two items has a known probability.
    rng = np.random.default_rng(0)
    liking = rng.normal(size=(100, 30))
    user = np.repeat(np.arange(100), 60)
    item = np.argsort(rng.random((len(user), 30)), axis=1)[:, :2]
    better = liking[user, item[:, 0]] > liking[user, item[:, 1]]
    kept = better == (rng.random(len(user)) < 0.8)
    item = np.where(kept[:, None], item, item[:, ::-1])
    weight = np.exp(liking[user[:, None], item]) * [1.0, 0.7]
    edges = np.cumsum(weight / (1.0 + weight.sum(axis=1))[:, None], axis=1)
    chosen = (rng.random(len(user))[:, None] > edges).sum(axis=1)
    likelier = liking[user, item[:, 0]] > liking[user, item[:, 1]]
    logs = Logs.from_table(
        user=np.repeat(user, 2), item=[f"item{code}" for code in item.ravel()],
        position=np.tile([0, 1], len(user)), click=(chosen[:, None] == [0, 1]).ravel(),
        step=np.repeat(np.tile(np.arange(60), 100), 2), propensity=np.repeat(np.where(likelier, 0.8, 0.2), 2),
    )  # fmt: skip
    catalogue = small_catalogue(rng.normal(size=(30, 2)))
    known = calibrate(logs, catalogue, **FAST, regularisation=5.0).parameters["position_decay"]
    assert known.identified and known.value == pytest.approx(0.7, abs=0.06)
    hidden = replace(logs, propensity=np.full(len(logs), np.nan))
    users = calibrate(hidden, catalogue, **FAST, regularisation=5.0)
    doubted = users.parameters["position_decay"]
    assert not doubted.identified and doubted.value < 0.6 and "items keep their places" in doubted.why
    assert "position_decay" in users.report.not_identified


def test_ratings_alone_identify_ratings_alone(world):
    logs, catalogue, _ = world
    rated = logs.rows(logs.clicked)
    rated = Logs.from_table(
        user=[rated.user_ids[code] for code in rated.user],
        item=[rated.item_ids[code] for code in rated.item],
        rating=rated.rating,
    )
    users = calibrate(rated, catalogue, factors=4, epochs=20, unseen="drop")
    assert users.report.source == "ratings"
    missing = users.report.not_identified
    assert set(missing) == {name for name in PRIORS if not name.startswith("rating_")}
    assert missing["temperature"] == "no impressions without click in the logs"
    assert missing["skip_dwell"] == "no dwell times"
    assert missing["leave_bias"] == "no row says that its user left"
    for name in missing:
        assert users.parameters[name].value == PRIORS[name] and math.isinf(users.parameters[name].stderr)
    mean, spread = rated.rating.mean(), rated.rating.std()
    assert users.parameters["rating_mean"].value == pytest.approx(mean, abs=0.05)
    assert users.parameters["rating_scale"].value == pytest.approx(spread, abs=0.05)
    codes = np.arange(50), np.arange(50)
    score = users.score(*codes)
    lowest, highest = users.rating_range
    expected = np.clip(
        users.parameters["rating_mean"].value + users.parameters["rating_scale"].value * score,
        lowest,
        highest,
    )
    np.testing.assert_allclose(users.predict_rating(*codes), expected)
    np.testing.assert_allclose(score, np.sum(users.tastes[:50] * users.traits[:50], axis=1) + users.bias[:50])
    text = users.report.to_text()
    assert "NOT IDENTIFIED by these logs (11 of 14" in text
    assert text.index("NOT IDENTIFIED") < text.index("Parameters")


def test_interactions_alone_rank_against_random_items(world):
    logs, catalogue, _ = world
    liked = logs.rows(logs.clicked)
    liked = replace(liked, rating=np.full(len(liked), np.nan), dwell=np.full(len(liked), np.nan))
    users = calibrate(liked, catalogue, factors=4, epochs=20, regularisation=5.0)
    assert users.report.source == "interactions"
    assert users.report.held_out["interactions against random items: AUC"] > 0.65
    with pytest.raises(ValueError, match="ratings cannot be predicted: no ratings"):
        users.predict_rating(0, 0)


def test_users_survive_a_file(users, tmp_path):
    again = CalibratedUsers.load(users.save(tmp_path / "users.npz"))
    for name in ("tastes", "traits", "bias", "user_bias"):
        np.testing.assert_array_equal(getattr(again, name), getattr(users, name))
    assert again.user_ids == users.user_ids and again.parameters == users.parameters
    assert again.report == users.report and again.choice == users.choice
    json.dumps(users.report.to_dict(), allow_nan=False)
    np.savez(tmp_path / "other.npz", tastes=np.zeros(3))
    with pytest.raises(ValueError, match=r"must be written by CalibratedUsers\.save"):
        CalibratedUsers.load(tmp_path / "other.npz")


def test_temperature_can_be_made_part_of_the_scores(users):
    plain = users.with_unit_temperature()
    unit = users.parameters["temperature"].value
    assert plain.parameters["temperature"].value == pytest.approx(1.0)
    codes = np.arange(40), np.arange(40)
    np.testing.assert_allclose(plain.score(*codes), users.score(*codes) / unit)
    np.testing.assert_allclose(plain.predict_rating(*codes), users.predict_rating(*codes))
    np.testing.assert_allclose(plain.traits[:, -1], 1.0)


def test_logs_of_the_same_users_are_alike_and_of_others_are_not(world):
    logs, _, _ = world
    again = compare_logs(logs, simulate(TRUTH, seed=0)[0])
    assert again["session length, KS"] == 0.0 and again["popularity, total variation"] == 0.0
    changed = simulate(replace(TRUTH, leave_bias=-2.0, dwell_spread=1.5, no_click_score=0.0))[0]
    other = compare_logs(logs, changed)
    assert other["session length, KS"] > 0.2 and other["dwell time, KS"] > 0.1
    assert other["click rate, difference"] > 0.05
    assert other["two-sample AUC of sessions"] > 0.6
    assert again["two-sample AUC of sessions"] < 0.56
    half = logs.split(0.5, by="user")
    alike = compare_logs(*half)
    assert alike["session length, KS"] < 0.1 and abs(alike["two-sample AUC of sessions"] - 0.5) < 0.08
    assert alike["rating, KL"] < 0.02


def test_the_card_takes_simulated_logs(world, users):
    logs, _, _ = world
    card = users.report.with_simulated(logs, logs.split(0.5, by="session")[0])
    assert card.distances["click rate by position, largest difference"] < 0.02
    assert "two-sample AUC of sessions" in str(card)
    assert "not compared" in str(users.report)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"factors": 0}, "factors=0 must be an integer from 1"),
        ({"epochs": 1.5}, r"epochs=1\.5 must be an integer from 1"),
        ({"folds": 1}, "folds=1 must be an integer from 2"),
        ({"mood_rate": 0.0}, r"mood_rate=0\.0 must be above 0 and at most 1"),
        ({"regularisation": -1.0}, r"regularisation=-1\.0 must be above 0, or None"),
        ({"holdout": 1.0}, r"holdout=1\.0 must be between 0 and 1"),
    ],
)
def test_wrong_settings_are_named(world, change, message):
    logs, catalogue, _ = world
    with pytest.raises(ValueError, match=message):
        calibrate(logs, catalogue, **change)


def test_logs_that_cannot_be_calibrated_are_refused():
    catalogue = small_catalogue(np.zeros((3, 1)))
    few = Logs.from_table(user=["a"] * 3, item=catalogue.ids, rating=[1, 2, 3])
    with pytest.raises(ValueError, match="logs of 3 slates are too short"):
        calibrate(few, catalogue)
    unclicked = Logs.from_table(user=range(60), item=["item0"] * 60, click=[0] * 60)
    with pytest.raises(ValueError, match="impressions without clicks only"):
        calibrate(unclicked, catalogue)


def test_a_catalogue_that_shows_nothing_explains_nothing(world):
    logs, _, _ = world
    blank = small_catalogue(np.zeros((80, 1)))
    users = calibrate(logs, blank, factors=2, epochs=5, regularisation=5.0)
    np.testing.assert_allclose(users.report.modality, 0.0, atol=1e-9)
    assert np.isfinite(users.traits).all()
    assert (
        not users.parameters["boredom_penalty"].identified or users.parameters["boredom_penalty"].stderr > 0
    )
