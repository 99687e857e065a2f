"""Episodes: browsing, returning, changing tastes, and what scenarios and seeds decide."""

import numpy as np
import pytest
from shops import EAGER, EVERYTHING, feedback, shop, start, step

from mmenvs.recommender import MODALITIES
from mmenvs.recommender.users import Population


def _same(left, right):
    return left.keys() == right.keys() and all(np.array_equal(left[key], right[key]) for key in left)


def _copy(arrays):
    return {key: value.copy() for key, value in arrays.items()}


# Organic views


def test_users_have_browsed_before_the_first_offer():
    simulator = shop(300, task="organic_bandit", history_length=200)
    for world in range(300):
        events = feedback(simulator, world)
        views = int(events["valid"].sum())
        assert views >= 1
        np.testing.assert_array_equal(events["organic"], events["valid"])
        assert not events["clicked"].any()
        assert (simulator.state.history[world] >= 0).sum() == views
    lengths = (simulator.state.history >= 0).sum(axis=1)
    # Views until an offer, among those who do not leave: geometric with 0.26.
    assert lengths.mean() == pytest.approx(1.0 / 0.26, abs=4 * 3.3 / np.sqrt(300))


def test_a_click_is_followed_by_browsing():
    users = {"choice": {"link": "logistic", "offset": -50.0}, "organic": {"leave": 0.0}}
    simulator = shop(100, task="organic_bandit", users=users)
    step(simulator, 4)
    assert simulator.infos["clicked"].all()
    for world in range(100):
        events, items = feedback(simulator, world), simulator.state.history[world]
        offers = np.flatnonzero(events["clicked"])
        assert offers.size <= 1  # none if the browsing since has filled the history
        assert events["organic"][-1] == 1.0
        if offers.size:
            assert items[offers[0]] == 4 and events["organic"][offers[0]] == 0.0


def test_without_a_click_most_stay_open_to_offers():
    users = {"choice": {"link": "logistic", "offset": 50.0}, "organic": {"leave": 0.0}}
    simulator = shop(2000, task="organic_bandit", users=users)
    step(simulator, 4)
    browsed = simulator.output.history_feedback[:, -1, 4]
    assert browsed.mean() == pytest.approx(0.05, abs=4 * np.sqrt(0.05 * 0.95 / 2000))
    step(simulator, 4)
    assert not simulator.terminated.any()


def test_whoever_leaves_while_browsing_ends_the_episode():
    simulator = shop(2000, task="organic_bandit", users={"organic": {"leave": 0.3, "to_offers": 0.7}})
    step(simulator)
    assert simulator.terminated.mean() == pytest.approx(0.3 + 0.7 * 0.05 * 0.3, abs=0.05)
    assert not simulator.infos["reward_terms"]["leaving"].any()


def test_whoever_has_left_does_not_browse():
    users = {"leaving": {"bias": 50.0}, "organic": {"to_browsing": 0.9, "leave": 0.0}}
    simulator = shop(100, task="organic_bandit", users=users)
    step(simulator)
    assert simulator.terminated.all()
    assert not simulator.output.history_feedback[:, -1, 4].any()


# Returning, days and seasons


def test_returning_users_begin_another_session_on_another_day():
    users = {"leaving": {"bias": 50.0}, "returning": {"horizon": 30, "penalty": 0.1}}
    simulator = shop(2000, users=users)
    first = simulator.infos["day"].copy()
    mood = simulator.infos["mood"].copy()
    step(simulator)
    infos, stays = simulator.infos, ~simulator.terminated
    gone = infos["day"] - first
    assert stays.all()  # nobody is away for a month at once
    np.testing.assert_array_equal(infos["session"], 1)
    np.testing.assert_allclose(infos["reward_terms"]["absence"], -0.1 * gone)
    np.testing.assert_array_equal(infos["reward_terms"]["leaving"], -1.0)
    assert set(gone) == set(range(10))
    ended = mood + 0.15 * (infos["satisfaction"] - mood)
    np.testing.assert_allclose(infos["mood"], 0.5 * (ended + 0.5))


def test_episodes_end_past_the_horizon():
    users = {"leaving": {"bias": 50.0}, "returning": {"horizon": 12}}
    simulator = shop(200, users=users)
    first, alive = simulator.infos["day"].copy(), np.ones(200, bool)
    for _ in range(60):
        simulator.step(np.zeros(200, np.int64), alive)
        gone = simulator.infos["day"] - first
        np.testing.assert_array_equal(simulator.terminated[alive], gone[alive] >= 12.0)
        alive &= ~simulator.terminated
    assert not alive.any()


def test_a_new_session_has_its_whole_budget_and_no_boredom():
    users = {"budget": {"start": 100.0, "refund": 0.0}, "returning": {"base": 1.0}, **EAGER}
    simulator = shop(100, users=users)
    sessions, exposure = simulator.state.sessions, simulator.state.exposure
    simulator.state.bored[:] = 3
    np.testing.assert_array_equal(sessions["budget"], 100.0)
    spent = np.full(100, 100.0)
    for _ in range(12):
        before = sessions["number"].copy()
        step(simulator)
        spent -= simulator.infos["dwell"]
        fresh = sessions["number"] > before
        np.testing.assert_array_equal(fresh, spent <= 1e-9)
        spent[fresh] = 100.0
        np.testing.assert_allclose(sessions["budget"], spent, atol=1e-9)
        assert not exposure[fresh].any() and not simulator.state.bored[fresh].any()
        assert not simulator.infos["bored"][fresh].any()
        assert not simulator.terminated.any()
    assert (sessions["number"] > 0).any()


def test_without_a_click_time_passes_too():
    simulator = shop(
        3, users={"choice": {"no_click": 50.0}, "budget": {"start": 1.0, "idle": 0.4}, "leaving": None}
    )
    for left in (0.6, 0.2):
        step(simulator)
        np.testing.assert_allclose(simulator.state.sessions["budget"], left)
        assert not simulator.terminated.any()
    step(simulator)
    assert simulator.terminated.all()
    assert not simulator.rewards.any()


def test_the_season_moves_scores_with_the_day():
    simulator = shop(300, users={"population": {"season": 2.0}})
    days, seasons = simulator.infos["day"], simulator.catalogue.season
    assert len(set(days)) > 100 and days.min() >= 0 and days.max() < 365
    angle = 2.0 * np.pi * days / 365.0
    strength = 2.0 * np.sqrt(2.0) * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    np.testing.assert_allclose(simulator.state.taste[:, -2:], strength)
    np.testing.assert_array_equal(simulator.items.traits[:, -2:], seasons)
    np.testing.assert_allclose(simulator.output.user[:, 1:3], strength / (2.0 * np.sqrt(2.0)), atol=1e-6)
    assert simulator.observation_space["user"].shape == (24,)  # nobody tells the shop about the season


def test_the_season_follows_the_days_of_absence():
    users = {
        "population": {"season": 1.0},
        "leaving": {"bias": 50.0},
        "returning": {"longest": 300, "base": 0.0, "horizon": 3650},
    }
    simulator = shop(50, users=users)
    step(simulator)
    angle = 2.0 * np.pi * simulator.infos["day"] / 365.0
    np.testing.assert_allclose(simulator.state.taste[:, -2], np.sqrt(2.0) * np.cos(angle), atol=1e-9)
    np.testing.assert_allclose(simulator.output.user[:, 1], np.cos(angle), atol=1e-6)


# Tastes


def test_users_say_roughly_what_they_like():
    simulator = shop(500)
    said, true = simulator.observations["user"][:, 3:], simulator.state.taste
    for trait in range(true.shape[1]):
        assert np.corrcoef(said[:, trait], true[:, trait])[0, 1] > 0.85


def test_a_live_profile_follows_drifting_tastes():
    simulator = shop(20, task="interest_evolution", items=400)
    before = simulator.observations["user"][:, 3:].copy()
    np.testing.assert_allclose(before, simulator.state.taste, rtol=1e-6)
    for _ in range(5):
        step(simulator, [0, 1, 2])
    np.testing.assert_allclose(simulator.observations["user"][:, 3:], simulator.state.taste, rtol=1e-6)
    assert not np.array_equal(simulator.observations["user"][:, 3:], before)


def test_clicks_attract_tastes():
    simulator = shop(40, users={**EAGER, "drift": {"law": "Attraction", "rate": 0.3}})
    taste, longest = simulator.state.taste.copy(), simulator.rules.longest
    step(simulator)
    clicked = simulator.items.traits[simulator.infos["item"]] / longest
    length = np.linalg.norm(taste, axis=1, keepdims=True)
    moved = 0.7 * taste + 0.3 * length * clicked
    moved *= length / np.linalg.norm(moved, axis=1, keepdims=True)
    np.testing.assert_allclose(simulator.state.taste, moved)


def test_tastes_without_drift_stay():
    simulator = shop(10, users=EAGER)
    taste = simulator.state.taste.copy()
    for _ in range(5):
        step(simulator)
    np.testing.assert_array_equal(simulator.state.taste, taste)


def test_cold_start_users_say_nothing_and_come_in_types():
    simulator = shop(400, task="cold_start")
    assert not simulator.observations["user"][:, [0, *range(3, 24)]].any()
    kinds = simulator.state.sessions["type"]
    assert set(kinds) == set(range(8))
    means = simulator.items.table
    for kind in range(8):
        near = np.linalg.norm(simulator.state.taste[kinds == kind][:, :21].mean(axis=0) - means[kind])
        far = np.linalg.norm(means - means[kind], axis=1)
        assert near < np.sort(far)[1] / 2


def test_a_profile_of_types_is_scaled_by_all_their_spread():
    simulator = shop(
        2000, users={"population": Population(types=50, spread=0.6, between=0.8, profile_noise=0.0)}
    )
    said = simulator.observations["user"][:, 3:]
    np.testing.assert_allclose(said, np.clip(simulator.state.taste / 3.0, -1.0, 1.0), rtol=1e-6)


def test_recent_clicks_are_a_share_of_what_bores():
    simulator = shop(50, modalities=("recent",), users={**EAGER, "boredom": {"decay": 0.5, "threshold": 4.0}})
    step(simulator)
    category = simulator.items.facts["category"][simulator.infos["item"]]
    expected = np.eye(4)[category] / 4.0
    np.testing.assert_allclose(simulator.observations["recent_clicks"], expected)
    step(simulator)
    category = simulator.items.facts["category"][simulator.infos["item"]]
    np.testing.assert_allclose(
        simulator.observations["recent_clicks"], expected / 2 + np.eye(4)[category] / 4.0
    )


# Scenarios and seeds


@pytest.mark.parametrize(
    "settings", [{}, EVERYTHING, {"task": "organic_bandit"}, {"task": "interest_evolution"}]
)
def test_a_scenario_is_a_user_and_a_first_page_and_the_seed_is_the_rest(settings):
    first, second = shop(6, seed=1, **settings), shop(6, seed=2, **settings)
    np.testing.assert_array_equal(first.state.taste, second.state.taste)
    np.testing.assert_array_equal(first.state.history, second.state.history)
    assert _same(first.observations, second.observations)
    rewards = []
    for _ in range(30):
        for simulator in (first, second):
            step(simulator)
            rewards.append(simulator.rewards.copy())
    assert not all(np.array_equal(a, b) for a, b in zip(rewards[::2], rewards[1::2], strict=True))
    start(second, np.arange(6) + 6, seed=1)
    assert not np.array_equal(first.state.taste, second.state.taste)


def test_the_seed_draws_the_scenario_within_the_split():
    simulator = shop(300, scenarios=-1, split="test")
    assert simulator.infos["scenario"].min() >= 0 and simulator.infos["scenario"].max() < 200
    assert len(set(simulator.infos["scenario"])) > 100
    with pytest.raises(
        ValueError, match=r"options\['scenario'\]=200 must be from 0 to 199: the 'test' split"
    ):
        start(simulator, 200)


def test_no_user_is_in_both_splits():
    tastes = {}
    for split in ("train", "test"):
        tastes[split] = {taste.tobytes() for taste in shop(200, split=split).state.taste}
        assert len(tastes[split]) == 200
    assert not tastes["train"] & tastes["test"]


def test_resetting_some_worlds_leaves_the_others_alone():
    simulator = shop(6, **EVERYTHING)
    step(simulator, [0, 1, 2])
    state = [array.copy() for array in simulator.state]
    output = [array.copy() for array in simulator.output]
    simulator.reset(np.array([1, 4]), np.array([7, 8], np.uint64), np.array([9, 9]))
    others = [0, 2, 3, 5]
    for before, after in zip([*state, *output], [*simulator.state, *simulator.output], strict=True):
        np.testing.assert_array_equal(before[others], after[others])
    fresh = shop(1, seed=7, scenarios=9, **EVERYTHING)
    for key, value in fresh.observations.items():
        np.testing.assert_array_equal(value[0], simulator.observations[key][1])


def test_worlds_at_rest_stay_untouched():
    simulator = shop(4, **EVERYTHING)
    before = [array.copy() for array in (*simulator.state, *simulator.output)]
    simulator.step(np.zeros((4, 3), np.int64), np.array([False, True, False, True]))
    for old, new in zip(before, (*simulator.state, *simulator.output), strict=True):
        np.testing.assert_array_equal(old[[0, 2]], new[[0, 2]])


@pytest.mark.parametrize("modality", MODALITIES)
def test_what_is_observed_never_changes_the_world(modality):
    full, part = shop(5, **EVERYTHING), shop(5, **{**EVERYTHING, "modalities": (modality,)})
    for _ in range(6):
        assert 0 < len(part.observations) <= 2
        assert all(np.array_equal(value, full.observations[key]) for key, value in part.observations.items())
        np.testing.assert_array_equal(full.rewards, part.rewards)
        for simulator in (full, part):
            step(simulator, [1, 1, 2])


@pytest.mark.parametrize("task", ["boredom", "long_term_satisfaction", "proto_recommender", "cold_start"])
def test_an_episode_can_be_repeated(task):
    simulator = shop(3, seed=5, task=task)
    rng = np.random.default_rng(0)
    actions = [
        rng.integers(0, 10, (3, *simulator.action_space.shape))
        if task != "proto_recommender"
        else rng.random((3, 16), np.float32)
        for _ in range(10)
    ]
    traces = []
    for _ in range(2):
        start(simulator, seed=5)
        trace = [_copy(simulator.observations)]
        for action in actions:
            step(simulator, action)
            trace.append({**_copy(simulator.observations), "reward": simulator.rewards.copy()})
        traces.append(trace)
    assert all(_same(left, right) for left, right in zip(*traces, strict=True))
