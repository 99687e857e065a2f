"""What an Observer lays out is what the simulator shows, bit for bit."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
import pytest

import mmenvs  # noqa: F401
from mmenvs.recommender import Event, Observer, RecommenderConfig
from mmenvs.recommender.simulator import RecommenderSimulator
from mmenvs.recommender.users.taste import PROFILE_HEAD

ALL = ("image", "image_features", "text", "attributes", "history", "user", "recent")
TASKS: dict[str, dict[str, Any]] = {
    "Recommender": {"modalities": ALL},
    "SlateRecommender": {"modalities": ALL, "history_length": 2},
    "ColdStart": {},
    "ProtoRecommender": {"modalities": ("history", "user", "recent")},
    "Boredom": {"greeting": False},
    "InterestEvolution": {"items": 500, "action": "weights"},
    "LongTermSatisfaction": {},
}


def told(simulator: RecommenderSimulator) -> list[Event]:
    """Return the events of the last step, in the units that a person would give."""
    slate = simulator.state.slate[0]
    places = slate[slate["item"] >= 0]
    return [
        Event(int(place["item"]), bool(place["clicked"]), float(place["dwell"]), float(place["stars"]))
        for place in places
    ]


@pytest.mark.parametrize("name", TASKS)
def test_the_same_as_the_simulator(name: str) -> None:
    env = gym.make(f"mmenvs/{name}-v0", **TASKS[name])
    observation, info = env.reset(seed=3)
    env.action_space.seed(3)
    simulator: Any = env.unwrapped.simulator
    observer = Observer(simulator.config)
    assert observer.observation_space == env.observation_space
    assert observer.action_space == env.action_space
    history: list[list[Event]] = []
    for _ in range(25):
        page = simulator.state.candidates[0] if simulator.config.candidates else None
        profile = simulator.output.user[0]
        user = profile[len(PROFILE_HEAD) :].copy() if profile[0] else None
        seen = observer.observe(page, history, user, day=float(info["day"]))
        assert seen.keys() == observation.keys()
        for key, value in observation.items():
            np.testing.assert_array_equal(seen[key], value, err_msg=key)
            assert seen[key].dtype == value.dtype
        action = env.action_space.sample()
        recommended = observer.slate(action)
        observation, _, terminated, truncated, info = env.step(action)
        assert recommended == [item for item in info["slate"] if item >= 0]
        history.append(told(simulator))
        if terminated or truncated:
            break
    env.close()


def test_events_and_users_however_they_are_given() -> None:
    observer = Observer(RecommenderConfig(modalities=("history", "user"), candidates=None))
    ids = observer.catalogue.ids
    event = Event(5, True, 12.0, 4.0)
    told_ways = [[event], [(5, True, 12.0, 4.0)], [[event]], [(ids[5], True, 12.0, 4.0)]]
    told_ways.append([{"item": ids[5], "clicked": True, "dwell": 12.0, "rating": 4.0}])
    seen = [observer.observe(None, history, {}) for history in told_ways]
    for other in seen[1:]:
        for key, value in seen[0].items():
            np.testing.assert_array_equal(other[key], value)
    newest = seen[0]["history_feedback"].reshape(-1, 5)[-1]
    np.testing.assert_allclose(newest, [1, 1, 12.0 / observer._limit, 0.8, 0], rtol=1e-6)
    name = observer.taste_names[2]
    profile = observer.observe(None, (), {name: -0.5})["user"]
    assert profile[0] == 1.0
    assert profile[len(PROFILE_HEAD) + 2] == -0.5
    assert np.count_nonzero(profile[len(PROFILE_HEAD) :]) == 1
    assert observer.observe(None)["user"][0] == 0.0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"candidates": [0, 1, 2]}, "must be 4 different items, got 3"),
        ({"candidates": [0, 1, 2, 2]}, "got 4, 3 different"),
        ({"candidates": None}, "candidates=None must be 4 items"),
        ({"candidates": [0, 1, 2, 200]}, "item 200 must be an id, or a row from 0 to 199"),
        ({"candidates": [0, 1, 2, "no such"]}, "item 'no such' is not in the catalogue"),
        ({"history": [Event(0, True, -1.0)]}, r"dwell of .* must be in \[0, inf\]"),
        ({"history": [(0, True, 1.0, 6.0)]}, "rating of .* must be in"),
        ({"history": [(0, True, 1.0, 5.0, False, 8)]}, "must be an Event, or its fields"),
        ({"history": [{"thing": 0}]}, "must be an Event, or its fields"),
        ({"user": {"courage": 1.0}}, r"user names tastes \['courage'\]"),
        ({"user": [0.0]}, "must be 21 numbers"),
    ],
)
def test_mistakes_are_named(arguments: dict[str, Any], message: str) -> None:
    observer = Observer(RecommenderConfig(candidates=4))
    with pytest.raises(ValueError, match=message):
        observer.observe(**{"candidates": [0, 1, 2, 3], **arguments})


def test_a_page_where_there_is_none() -> None:
    observer = Observer(RecommenderConfig(modalities=("history",), candidates=None))
    with pytest.raises(ValueError, match="candidates must be None"):
        observer.observe([0, 1])
