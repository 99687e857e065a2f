"""Steps: what the user does with a slate, what that is worth, and what enters the history."""

import numpy as np
import pytest
from shops import EAGER, feedback, shop, start, step

EVENTFUL = {"leaving": {"bias": -2.5}}


# What a step brings


@pytest.mark.parametrize("reward", ["satisfaction", "clicks", "dwell", "rating"])
def test_the_reward_is_its_terms_and_the_terms_are_what_happened(reward):
    simulator = shop(100, task="slate_recommender", reward=reward, users=EVENTFUL)
    left = 0
    for _ in range(8):
        step(simulator, [0, 1, 2])
        infos, terms = simulator.infos, simulator.infos["reward_terms"]
        np.testing.assert_allclose(simulator.rewards, sum(terms.values()))
        worth = {**infos, "rating": infos["rating"] / 5.0}[reward]
        np.testing.assert_allclose(terms["engagement"], worth)
        np.testing.assert_array_equal(terms["leaving"], np.where(simulator.terminated, -1.0, 0.0))
        np.testing.assert_array_equal(terms["absence"], 0.0)
        np.testing.assert_array_equal(infos["clicked"], infos["clicks"] > 0)
        for nothing in ("dwell", "satisfaction", "rating"):
            assert not infos[nothing][~infos["clicked"]].any()
        np.testing.assert_array_equal(infos["success"], (infos["mood"] >= 0.4) & ~simulator.terminated)
        left += simulator.terminated.sum()
    assert left > 10


def test_satisfaction_is_the_share_that_was_seen_and_at_most_one():
    simulator = shop(200, users=EAGER)
    step(simulator)
    np.testing.assert_allclose(simulator.infos["satisfaction"], simulator.infos["dwell"] / 60.0)
    many = {"choice": {"law": "PositionBased", "decay": 1.0, "offset": -50.0}, "leaving": None}
    simulator = shop(200, action="slate", slate_size=4, users=many)
    step(simulator, [0, 1, 2, 3])
    shares = (simulator.state.slate["dwell"] / 60.0).sum(axis=1)
    np.testing.assert_allclose(simulator.infos["satisfaction"], np.minimum(shares, 1.0))
    np.testing.assert_allclose(simulator.infos["dwell"], 60.0 * shares)
    assert (simulator.infos["clicks"] == 4).all() and (shares > 1.0).any()


def test_a_loved_item_is_clicked_and_a_hated_one_is_not():
    simulator = shop(200, users={"choice": {"no_click": -50.0}})
    step(simulator)
    assert simulator.infos["clicked"].all()
    simulator = shop(200, users={"choice": {"no_click": 50.0}})
    step(simulator)
    assert not simulator.infos["clicked"].any()
    assert not simulator.rewards[~simulator.terminated].any()


def test_the_item_is_the_first_that_was_clicked_or_else_the_first_shown():
    simulator = shop(200, task="slate_recommender")
    assert (simulator.infos["item"] == -1).all() and (simulator.infos["slate"] == -1).all()
    step(simulator, [4, 2, 7])
    slate, infos = simulator.state.slate, simulator.infos
    np.testing.assert_array_equal(infos["slate"], simulator.state.last_page[:, [4, 2, 7]])
    place = slate["clicked"].argmax(axis=1)
    np.testing.assert_array_equal(infos["item"], infos["slate"][np.arange(200), place])
    assert (place > 0).sum() > 0 and (~infos["clicked"]).any()


def test_scores_are_tastes_and_promises_hold_bait():
    simulator = shop(50, task="clickbait", users={"gullibility": 3.0})
    simulator.state.bored[:, 2] = 5
    taste = simulator.state.taste.copy()
    step(simulator, 3)
    items, place = simulator.items, simulator.state.slate[:, 0]
    shown = place["item"]
    score = (taste * items.traits[shown]).sum(axis=1) - 4.0 * (items.facts["category"][shown] == 2)
    np.testing.assert_allclose(place["score"], score)
    np.testing.assert_allclose(place["promise"], score + 3.0 * items.facts["bait"][shown])
    np.testing.assert_allclose(place["chance"], 1.0 / (1.0 + np.exp(0.25 - place["promise"])))
    assert (items.facts["bait"][shown] > 0.0).any() and (items.facts["category"][shown] == 2).any()


def test_bait_is_clicked_but_disappoints():
    simulator = shop(4000, task="clickbait", users={"gullibility": 6.0})
    step(simulator)
    bait = simulator.items.facts["bait"][simulator.infos["item"]] > 0.0
    infos = simulator.infos
    assert infos["clicked"][bait].mean() > infos["clicked"][~bait].mean() + 0.2
    clicked = infos["clicked"]
    assert infos["satisfaction"][clicked & bait].mean() < infos["satisfaction"][clicked & ~bait].mean() - 0.1
    rated = infos["rating"] > 0
    assert infos["rating"][rated & bait].mean() < infos["rating"][rated & ~bait].mean() - 0.5


def test_more_of_the_same_bores_and_drives_away():
    laws = {
        "choice": {"no_click": -50.0},
        "leaving": {"bias": -5.0, "mood_weight": 0.0, "boredom_weight": 3.0},
    }
    stays = {}
    for name in ("same", "varied"):
        simulator, alive = shop(200, users=laws), np.ones(200, bool)
        for turn in range(40):
            category = simulator.items.facts["category"][simulator.state.candidates]
            wanted = category == (0 if name == "same" else turn % 4)
            simulator.step(wanted.argmax(axis=1), alive)
            alive &= ~simulator.terminated
        stays[name] = alive.mean()
    assert stays["varied"] > 0.65
    assert stays["same"] < 0.1


def test_mood_follows_satisfaction():
    simulator = shop(50, users={"mood": {"rate": 0.2}, "leaving": None})
    np.testing.assert_array_equal(simulator.infos["mood"], 0.5)
    for _ in range(3):
        before = simulator.infos["mood"].copy()
        step(simulator)
        after = 0.8 * before + 0.2 * simulator.infos["satisfaction"]
        np.testing.assert_allclose(simulator.infos["mood"], after)


def test_clicks_after_the_budget_is_overspent_take_no_time():
    users = {"choice": {"law": "PositionBased", "offset": -50.0, "decay": 1.0}, "budget": {"start": 5.0}}
    simulator = shop(200, task="interest_evolution", items=400, users=users)
    step(simulator, [0, 1, 2])
    assert simulator.infos["clicks"].min() == 3
    assert simulator.state.slate["dwell"].min() == 0.0
    assert simulator.output.history_feedback.min() == 0.0


def test_without_boredom_no_click_counts_towards_it():
    simulator = shop(20, modalities=("recent",), users={**EAGER, "boredom": None})
    for _ in range(3):
        step(simulator)
    assert not simulator.observations["recent_clicks"].any()
    assert not simulator.infos["bored"].any()


# History


def test_the_history_keeps_the_latest_recommendations_oldest_first():
    simulator = shop(history_length=3, users={"leaving": None, "rating": {"probability": 1.0}})
    shown, reports = [], []
    for _ in range(5):
        shown.append(int(simulator.state.candidates[0, 1]))
        step(simulator, 1)
        infos = simulator.infos
        reports.append([1.0, infos["clicked"][0], infos["dwell"][0] / 60.0, infos["rating"][0] / 5.0, 0.0])
    space, seen = simulator.observation_space, simulator.observations
    attributes = space["history_attributes"].unflatten(seen["history_attributes"])[0]
    events = space["history_feedback"].unflatten(seen["history_feedback"])[0]
    np.testing.assert_array_equal(attributes, simulator.catalogue.attributes[shown[-3:]])
    np.testing.assert_allclose(events, np.array(reports[-3:]), rtol=1e-6)
    np.testing.assert_array_equal(simulator.state.history[0], shown[-3:])
    start(simulator, 1)
    assert not seen["history_feedback"].any() and not seen["history_attributes"].any()
    assert (simulator.state.history == -1).all()


def test_a_slate_enters_the_history_from_the_top_down():
    simulator = shop(task="slate_recommender", history_length=5)
    step(simulator, [0, 1, 2])
    first = simulator.infos["slate"][0].copy()
    step(simulator, [5, 6, 7])
    second, place = simulator.infos["slate"][0], simulator.state.slate[0]
    np.testing.assert_array_equal(simulator.state.history[0], [*first[1:], *second])
    events = feedback(simulator)
    assert events["valid"].all()
    np.testing.assert_array_equal(events["clicked"][2:], place["clicked"])
    np.testing.assert_allclose(events["dwell"][2:], place["dwell"] / 60.0, rtol=1e-6)


def test_of_a_slate_longer_than_the_history_the_top_is_kept():
    simulator = shop(action="slate", slate_size=6, history_length=4, users=EAGER)
    step(simulator, range(6))
    np.testing.assert_array_equal(simulator.state.history[0], simulator.infos["slate"][0, :4])


def test_empty_places_do_not_enter_the_history():
    simulator = shop(task="slate_recommender", duplicates="empty", history_length=4)
    step(simulator, [3, 3, 8])
    page = simulator.state.last_page[0]
    np.testing.assert_array_equal(simulator.infos["slate"][0], [page[3], -1, page[8]])
    np.testing.assert_array_equal(simulator.state.history[0], [-1, -1, page[3], page[8]])
    np.testing.assert_array_equal(feedback(simulator)["valid"], [0, 0, 1, 1])
