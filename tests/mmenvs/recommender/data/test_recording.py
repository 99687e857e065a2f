"""Logs of the simulator: their columns, off-policy estimates against the truth, and users that come back."""

import gymnasium as gym
import numpy as np
import pytest

import mmenvs
from mmenvs.recommender import RecommenderConfig, RecommenderSimulator
from mmenvs.recommender.data import (
    CalibratedUsers,
    calibrate,
    direct_method,
    doubly_robust,
    ips,
    per_decision_ips,
    record,
    record_target,
    snips,
)
from mmenvs.recommender.data.dwell import fit_dwell
from mmenvs.recommender.policies import (
    EpsilonGreedy,
    MyopicPolicy,
    RandomPolicy,
    Softmax,
    Uniform,
    expected_satisfaction,
)
from mmenvs.recommender.users import Leaving, PositionBased, Rating, Returning, UserModel

assert mmenvs.ENVIRONMENTS
LIGHT = {"modalities": ("user",), "threads": 1}
#: Nobody changes: what a step brings depends on the step alone.
STEADY = UserModel(boredom=None, leaving=None)
EVENTFUL = {"task": "slate_recommender", "users": {"leaving": {"bias": -2.0}, "rating": {"probability": 1.0}}}


def simulator_of(worlds, **settings):
    return RecommenderSimulator(worlds, RecommenderConfig.from_keywords({**LIGHT, **settings}))


def test_a_recording_says_what_happened():
    simulator = simulator_of(8, **EVENTFUL)
    logs = record(simulator, RandomPolicy(1), users=8, steps=6, seed=5)
    assert logs.item_ids == simulator.catalogue.ids and logs.user_ids == tuple(f"user{k}" for k in range(8))
    assert np.isnan(logs.propensity).all()
    assert (np.isnan(logs.dwell) == ~logs.clicked).all() and logs.clicked.any()
    assert (
        np.isin(logs.rating[logs.clicked], (1, 2, 3, 4, 5)).all()
        and np.isnan(logs.rating[~logs.clicked]).all()
    )
    sizes = np.diff(logs.slates.starts)
    assert (sizes == 3).all()
    for session in range(8):
        rows = logs.session == session
        steps = logs.step[rows].max()
        assert logs.left[rows & (logs.step == steps)].all() == (steps < 5) or steps == 5
        assert not logs.left[rows & (logs.step < steps)].any()
        assert (np.diff(logs.time[rows]) >= 0.0).all()


def test_rewards_of_a_slate_sum_to_the_step_and_sessions_to_returns():
    for reward in ("satisfaction", "clicks", "dwell", "rating"):
        settings = EVENTFUL | {"reward": reward}
        logs = record(simulator_of(16, **settings), RandomPolicy(2), users=16, steps=20, seed=1)
        simulator, policy = simulator_of(16, **settings), RandomPolicy(2)
        record(simulator, policy, users=16, steps=1, seed=1)
        returns = np.bincount(logs.session, logs.reward)
        first = np.bincount(logs.session[logs.step == 0], logs.reward[logs.step == 0])
        np.testing.assert_allclose(first, simulator.rewards, atol=1e-12)
        assert returns.shape == (16,) and logs.left.any()


def test_the_batch_changes_nothing():
    policy = EpsilonGreedy(MyopicPolicy(), 0.0)
    whole, parts = (record(simulator_of(worlds), policy, users=10, steps=5, seed=2) for worlds in (10, 4))
    for name in ("item", "clicked", "dwell", "reward", "time"):
        orders = [np.lexsort((logs.position, logs.step, logs.user)) for logs in (whole, parts)]
        np.testing.assert_array_equal(getattr(whole, name)[orders[0]], getattr(parts, name)[orders[1]])
    assert (whole.propensity == 1.0).all()
    other = record(simulator_of(10), policy, users=10, steps=5, seed=3)
    assert len(other) != len(whole) or (other.clicked != whole.clicked).any()


def test_users_who_return_begin_another_session():
    users = UserModel(leaving=Leaving(bias=-1.0), returning=Returning())
    logs = record({**LIGHT, "users": users}, Uniform(0), users=6, steps=40, episodes=2)
    assert logs.summary()["sessions"] > 20
    for session in np.unique(logs.session):
        rows = logs.session == session
        assert (np.sort(logs.step[rows]) == np.arange(rows.sum())).all()
        assert logs.left[rows].sum() <= 1 and not logs.left[rows][np.argsort(logs.step[rows])][:-1].any()
    assert len(np.unique(logs.time[logs.user == 0] // 86_400)) > 3


def test_wrong_arguments_are_named():
    for name in ("users", "steps", "episodes"):
        with pytest.raises(ValueError, match=f"{name}=0 must be an integer of at least 1"):
            record(LIGHT, Uniform(), **{"users": 2, "steps": 2, name: 0})


def softmax(temperature, seed=0):
    return Softmax(expected_satisfaction, temperature, seed)


def test_estimates_of_one_step_agree_with_the_truth():
    users = 3000
    simulator = simulator_of(users, users=STEADY)
    played = {}
    for name, policy in (("coin", EpsilonGreedy(MyopicPolicy(), 0.5)), ("soft", softmax(0.2))):
        target = softmax(0.05)
        recording = record_target(simulator, policy, target, users=users, steps=1, seed=1)
        logs = recording.logs
        # What each candidate would have brought, before anything happened.
        record(simulator, Uniform(), users=users, steps=1)
        everybody = np.arange(users)
        simulator.reset(everybody, everybody.astype(np.uint64), everybody)
        gains = expected_satisfaction(simulator)
        np.testing.assert_array_equal(simulator.state.candidates, recording.page)
        q_target = (recording.distribution * gains).sum(axis=1)
        truth = q_target.mean()
        shown = np.argmax(recording.page == logs.item[:, None], axis=1)
        arguments = (logs.reward, logs.propensity, recording.target)
        rough = 0.8 * gains + 0.05  # a model that is wrong
        robust = doubly_robust(
            *arguments, rough[everybody, shown], (recording.distribution * rough).sum(axis=1), level=0.99
        )
        for estimate in (ips(*arguments, level=0.99), snips(*arguments, level=0.99), robust):
            assert estimate.low < truth < estimate.high, name
            assert estimate.high - estimate.low < 0.15
        assert logs.reward.mean() < truth - 0.05  # the logging policy earns less
        assert abs(direct_method(q_target).value - truth) < 1e-12
        played[name] = robust.stderr / ips(*arguments).stderr
    assert max(played.values()) < 1.0  # even a rough model helps


def test_estimates_of_slates_agree_with_what_the_target_earns():
    model = UserModel(boredom=None, leaving=None, choice=PositionBased(offset=0.25))
    simulator = simulator_of(2000, users=model, action="slate", slate_size=3, candidates=6, reward="clicks")
    target = softmax(0.1)
    recording = record_target(simulator, Uniform(3), target, users=2000, steps=1)
    logs = recording.logs
    earned = record(simulator, target, users=2000, steps=1, seed=9)
    shape = (2000, 3)
    arguments = (logs.reward, logs.propensity, recording.target)
    np.testing.assert_array_equal(logs.position.reshape(shape), [[0, 1, 2]] * 2000)
    truth = earned.reward.reshape(shape).sum(axis=1)
    for estimator in (ips, snips):
        estimate = estimator(*(part.reshape(shape) for part in arguments))
        noise = np.hypot(estimate.stderr, truth.std() / np.sqrt(2000))
        assert abs(estimate.value - truth.mean()) < 3.0 * noise
        assert truth.mean() - logs.reward.sum() / 2000 > 4.0 * noise


def test_estimates_of_sessions_agree_with_what_the_target_earns():
    simulator = simulator_of(2500)  # with boredom and leaving: later steps depend on earlier ones
    target = softmax(0.12)
    recording = record_target(simulator, softmax(0.25), target, users=2500, steps=3)
    logs = recording.logs
    earned = record(simulator, target, users=2500, steps=3, seed=9)
    truth = np.bincount(earned.session, earned.reward)
    for normalise in (False, True):
        estimate = per_decision_ips(
            logs.reward, logs.propensity, recording.target, logs.session, logs.step, normalise=normalise
        )
        noise = np.hypot(estimate.stderr, truth.std() / np.sqrt(2500))
        assert abs(estimate.value - truth.mean()) < 3.0 * noise
        assert truth.mean() - logs.reward.sum() / 2500 > 3.0 * noise


# Users of the simulator, logged, calibrated, and simulated again.

TRUTH = UserModel(boredom=None, rating=Rating(probability=1.0, extremity=0.0))
SHOP = {**LIGHT, "action": "slate", "slate_size": 3, "items": 80}


@pytest.fixture(scope="module")
def real():
    return record({**SHOP, "users": TRUTH}, Uniform(0), users=200, steps=40, episodes=3)


@pytest.fixture(scope="module")
def catalogue():
    return simulator_of(1, **SHOP, users=TRUTH).catalogue


@pytest.fixture(scope="module")
def calibrated(real, catalogue):
    return calibrate(real, catalogue, factors=6, epochs=20, regularisation=5.0)


def test_parameters_of_the_simulator_are_recovered(real, catalogue, calibrated):
    simulator = simulator_of(200, **SHOP, users=TRUTH)
    everybody = np.arange(200)
    simulator.reset(everybody, everybody.astype(np.uint64), everybody)
    true = simulator.state.taste @ simulator.items.traits.T + simulator.items.facts["bias"]
    shown = true[real.user, real.item]
    # Scores have the mean 0 over what was shown, where the simulator's have another.
    expected = {
        "no_click_score": (TRUTH.choice.no_click - shown.mean(), 0.35),
        "temperature": (1.0, 0.2),
        "position_decay": (1.0, 0.04),
        "leave_bias": (TRUTH.leaving.bias, 0.8),
        "leave_mood_weight": (TRUTH.leaving.mood_weight, 1.6),
        "skip_dwell": (TRUTH.dwell.skip_mean, 0.2),
        "dwell_limit": (TRUTH.dwell.limit, 0.0),
        # What the fitted scores miss looks like spread, and flattens the slope: see below for true scores.
        "dwell_spread": (TRUTH.dwell.spread, 0.1),
        "skip_slope": (TRUTH.dwell.skip_slope, 0.7),
    }
    for name, (value, tolerance) in expected.items():
        found = calibrated.parameters[name]
        assert found.identified, name
        assert found.value == pytest.approx(value, abs=tolerance), name
    rows = real.clicked
    fit = fit_dwell(real.dwell[rows], shown[rows] - TRUTH.choice.no_click)
    law = TRUTH.dwell
    truth = [law.skip_mean, law.skip_slope, law.limit, law.spread, 0.0]
    assert (np.abs(fit.values - truth) <= 3.5 * fit.stderr).all()
    fitted = calibrated.score(real.user, real.item)
    assert np.corrcoef(fitted, shown)[0, 1] > 0.7
    notes = "\n".join(calibrated.report.notes)
    assert "not fitted: boredom's threshold and duration, drift of tastes, the mood's rate" in notes


def test_calibrated_users_behave_like_those_of_the_logs(real, catalogue, calibrated):
    shop = {**SHOP, "users": calibrated, "catalogue": catalogue}
    simulated = record(shop, Uniform(4), users=200, steps=40, episodes=3, seed=1)
    distances = calibrated.report.with_simulated(real, simulated).distances
    assert abs(distances["click rate, difference"]) < 0.03
    assert distances["session length, KS"] < 0.1
    assert distances["dwell time, KS"] < 0.05
    assert distances["popularity, total variation"] < 0.1
    assert distances["two-sample AUC of impressions"] < 0.55
    assert distances["two-sample AUC of sessions"] < 0.65
    card = str(calibrated.report.with_simulated(real, simulated))
    assert "two-sample AUC of sessions" in card and "not compared" not in card


def test_calibrated_users_come_from_objects_and_from_files(catalogue, calibrated, tmp_path):
    path = calibrated.save(tmp_path / "users.npz")
    assert isinstance(CalibratedUsers.load(path), CalibratedUsers)
    made = [
        gym.make("mmenvs/Recommender-v0", users=users, catalogue=catalogue, modalities=("history", "user"))
        for users in (calibrated, path)
    ]
    trajectories = []
    for env in made:
        observation, info = env.reset(seed=3)
        assert env.observation_space.contains(observation) and info["item"] == -1
        steps = []
        for _ in range(20):
            observation, reward, terminated, _, info = env.step(1)
            assert env.observation_space.contains(observation) and np.isfinite(reward)
            steps.append((reward, info["item"], info["dwell"]))
            if terminated:
                break
        trajectories.append(steps)
        env.close()
    assert trajectories[0] == trajectories[1]
