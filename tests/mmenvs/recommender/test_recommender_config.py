"""The settings: what is allowed, and what the error says when it is not."""

import json
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

from mmenvs.recommender import Catalogue, RecommenderConfig, RecommenderSimulator, UserModel
from mmenvs.recommender.tasks import TASKS
from mmenvs.recommender.users import Attraction, FixedLength, PositionBased, WindowBoredom

KNOBS = [item for item in fields(RecommenderConfig) if "range" in item.metadata]
WORDS = [item for item in fields(RecommenderConfig) if "words" in item.metadata]


@pytest.mark.parametrize("item", KNOBS, ids=lambda item: item.name)
def test_every_number_says_its_range(item):
    low, high = item.metadata["range"]
    also = " or None" if item.metadata["optional"] else ""
    for value in (low - 1, high + high / 10 + 1, float("nan"), "1", True):
        kind = rf"{item.name}=.* must be an? (number|integer) from {low:g} to .*{also}$"
        with pytest.raises(ValueError, match=kind):
            RecommenderConfig(**{item.name: value})
    if not item.metadata["optional"]:
        with pytest.raises(ValueError, match=rf"{item.name}=None must be"):
            RecommenderConfig(**{item.name: None})


@pytest.mark.parametrize("item", WORDS, ids=lambda item: item.name)
def test_every_word_says_what_is_allowed(item):
    allowed = ", ".join(map(repr, item.metadata["words"]))
    for value in ("other", None, 1):
        with pytest.raises(ValueError, match=rf"{item.name}={value!r} must be one of {allowed}"):
            RecommenderConfig(**{item.name: value})


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"candidates": 2.5}, r"candidates=2.5 must be an integer"),
        ({"raw_traits": 1}, r"raw_traits=1 must be True or False"),
        ({"picture_size": 30}, r"picture_size=30 must be a multiple of 8"),
        ({"modalities": ("image", "smell")}, r"modalities=\('image', 'smell'\) must be one or more"),
        ({"modalities": ()}, r"modalities=\(\) must be"),
        ({"modalities": ("user", "user")}, r"different names"),
        ({"modalities": "image"}, r"modalities='image' must be"),
        ({"modalities": None}, r"modalities=None must be"),
        ({"catalogue": "shoes"}, r"catalogue='shoes' must be a Catalogue, .* or one of \('procedural', "),
        ({"catalogue": None}, r"catalogue=NoneType must be a Catalogue, as of Catalogue.from_table"),
        ({"catalogue": {"name": ["a"]}}, r"catalogue=dict must be a Catalogue"),
        ({"catalogue": np.zeros(3)}, r"catalogue=ndarray must be a Catalogue"),
        ({"users": 3}, r"users=3 must be a UserModel, a mapping of its parts, calibrated users, or a file"),
        ({"slate_size": 2}, r"slate_size=2 must be 1 with action='item'; try action='slate'"),
        ({"action": "slate", "slate_size": 11}, r"slate_size=11 must be at most candidates=10"),
        (
            {"action": "weights", "candidates": None},
            r"candidates=None leaves action='weights' nothing to rank",
        ),
        ({"items": 5}, r"candidates=10 must be at most the 5 items on sale"),
        ({"items": 30, "on_sale": 0.2}, r"candidates=10 must be at most the 6 items on sale"),
        (
            {"action": "slate", "slate_size": 9, "candidates": None, "items": 8},
            r"slate_size=9 must be at most the 8 items on sale",
        ),
        (
            {"action": "proto", "slate_size": 9, "candidates": 2, "items": 20, "on_sale": 0.4},
            r"slate_size=9 must be at most the 8 items on sale",
        ),
    ],
)
def test_a_bad_value_is_named_with_what_is_allowed(settings, message):
    with pytest.raises(ValueError, match=message):
        RecommenderConfig(**settings)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"candidate": 5}, r"unknown setting 'candidate'; close matches: candidates"),
        ({"churn_rate": 5}, r"unknown setting 'churn_rate'; close matches: churn"),
        ({"users": {"boredoms": None}}, r"unknown part of users 'boredoms'; close matches: boredom"),
    ],
)
def test_an_unknown_setting_is_named_with_close_matches(settings, message):
    with pytest.raises(TypeError, match=message):
        RecommenderConfig.from_keywords(settings)


def test_an_unknown_task_is_named():
    with pytest.raises(ValueError, match=r"task='shop' must be one of \('recommender', "):
        RecommenderConfig.from_keywords({"task": "shop"})


@pytest.mark.parametrize("task", TASKS)
def test_the_settings_of_every_task_survive_json(task):
    config = RecommenderConfig.from_keywords({"task": task})
    again = json.loads(json.dumps(config.to_dict()))
    assert RecommenderConfig.from_keywords(again) == config
    assert RecommenderConfig.from_keywords({"task": "boredom", **again}) == config


def test_numpy_numbers_become_plain():
    config = RecommenderConfig(candidates=np.int64(4), modalities=["user", "text"], churn=np.float32(0.5))
    assert type(config.candidates) is int
    assert type(config.churn) is float
    assert config.modalities == ("user", "text")
    json.dumps(config.to_dict())


def test_the_users_of_a_task_are_changed_part_by_part():
    config = RecommenderConfig.from_keywords(
        {"task": "boredom", "users": {"boredom": {"steps": 9}, "choice": {"decay": 0.5}, "drift": {}}}
    )
    assert config.users.boredom == WindowBoredom(steps=9)
    assert config.users.choice == PositionBased(decay=0.5, slope=100.0, offset=0.65)
    assert config.users.dwell == FixedLength(limit=1.0)
    assert config.users.drift == Attraction()
    assert config.users.leaving is None


def test_a_user_model_replaces_that_of_the_task():
    config = RecommenderConfig.from_keywords({"task": "boredom", "users": UserModel(leaving=None)})
    assert config.users == UserModel(leaving=None)


def test_what_json_cannot_hold_is_named():
    catalogue = Catalogue.from_table({"name": ["a", "b"]}, text="name")
    with pytest.raises(TypeError, match=r"^catalogue=Catalogue\(2 items, 2 categories, \(\)\) is no JSON"):
        RecommenderConfig(catalogue=catalogue, candidates=2).to_dict()


def test_a_file_of_users_is_kept_as_its_path():
    config = RecommenderConfig(users=Path("users.npz"))
    assert config.to_dict()["users"] == "users.npz"


def test_the_test_split_is_frozen_and_the_training_split_is_not():
    assert RecommenderConfig().scenario_count is None
    assert RecommenderConfig(split="test").scenario_count == 200
    assert RecommenderConfig(split="test", num_scenarios=7).scenario_count == 7


# The catalogue and what is asked of it

TABLE = {
    "name": [f"thing {k}" for k in range(12)],
    "price": np.linspace(1.0, 9.0, 12),
    "kind": ["red", "green", "blue"] * 4,
}


def _of_table(**settings):
    catalogue = Catalogue.from_table(TABLE, text="name", attributes=["price", "kind"], price="price")
    return RecommenderSimulator(1, RecommenderConfig(catalogue=catalogue, **settings))


def test_a_catalogue_of_ones_own_has_its_own_size():
    assert _of_table(modalities=("user",)).config.size == 12
    with pytest.raises(ValueError, match=r"candidates=13 must be at most the 12 items on sale"):
        _of_table(candidates=13)
    with pytest.raises(ValueError, match=r"candidates=10 must be at most the 6 items on sale"):
        _of_table(on_sale=0.5)


def test_the_picture_size_is_the_catalogues():
    with pytest.raises(ValueError, match=r"picture_size=64 must be the catalogue's, which is 32"):
        _of_table(picture_size=64)
    _of_table(picture_size=64, modalities=("text", "user"))


@pytest.mark.parametrize("modality", ["text", "image_features"])
def test_a_modality_that_the_catalogue_lacks_is_named(modality):
    with pytest.raises(ValueError, match=rf"this catalogue has no {modality}"):
        RecommenderSimulator(1, RecommenderConfig(catalogue="topics", modalities=(modality,)))


def test_something_must_be_left_to_observe():
    with pytest.raises(ValueError, match=r"with candidates=None leave nothing to observe; add 'history'"):
        RecommenderSimulator(1, RecommenderConfig(candidates=None, modalities=("image", "text")))


def test_there_is_at_least_one_world():
    with pytest.raises(ValueError, match=r"num_worlds=0 must be at least 1"):
        RecommenderSimulator(0)


@pytest.mark.parametrize("modality", ["attributes", "history"])
def test_a_catalogue_without_attributes_has_neither_them_nor_a_history(modality):
    settings = {"catalogue": Catalogue.from_table({"name": ["a", "b", "c"]}, text="name"), "candidates": 2}
    with pytest.raises(ValueError, match=rf"'{modality}'\): this catalogue has no attributes"):
        RecommenderSimulator(1, RecommenderConfig(modalities=("text", modality), **settings))
    RecommenderSimulator(1, RecommenderConfig(modalities=("text", "user"), **settings))
