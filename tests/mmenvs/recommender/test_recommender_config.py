"""The settings: what is allowed, and what the error says when it is not."""

import json

import numpy as np
import pytest

from mmenvs.recommender import RecommenderConfig


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"candidates": 1}, r"candidates=1 must be an integer from 2 to 100"),
        ({"candidates": 2.5}, r"candidates=2.5 must be an integer"),
        ({"candidates": True}, r"candidates=True must be an integer"),
        ({"items": 5}, r"items=5 must be at least candidates=10"),
        ({"picture_size": 30}, r"picture_size=30 must be a multiple of 8"),
        ({"modalities": ("image", "smell")}, r"modalities=\('image', 'smell'\) must be one or more"),
        ({"modalities": ()}, r"modalities=\(\) must be"),
        ({"modalities": ("user", "user")}, r"different names"),
        ({"modalities": "image"}, r"modalities='image' must be"),
        ({"skip_dwell": 90.0}, r"skip_dwell=90.0 must be at most dwell_limit=60.0"),
        ({"split": "validation"}, r"split='validation' must be 'train' or 'test'"),
        ({"num_scenarios": 0}, r"num_scenarios=0 must be an integer from 1 .* or None"),
        ({"threads": -1}, r"threads=-1 must be"),
        ({"boredom_decay": 1.5}, r"boredom_decay=1.5 must be a number from 0 to 1"),
        ({"leave_bias": float("nan")}, r"leave_bias=nan must be a number"),
        ({"dwell_limit": "60"}, r"dwell_limit='60' must be a number"),
    ],
)
def test_a_bad_value_is_named_with_what_is_allowed(settings, message):
    with pytest.raises(ValueError, match=message):
        RecommenderConfig(**settings)


def test_an_unknown_setting_is_named_with_close_matches():
    with pytest.raises(TypeError, match=r"unknown setting candidate=5; close matches: candidates"):
        RecommenderConfig.from_keywords({"candidate": 5})


def test_settings_survive_json_and_accept_numpy_numbers():
    config = RecommenderConfig(
        candidates=np.int64(4), modalities=["user", "text"], leave_bias=np.float32(-3), split="test"
    )
    assert RecommenderConfig.from_keywords(json.loads(json.dumps(config.to_dict()))) == config
    assert type(config.candidates) is int
    assert type(config.leave_bias) is float


def test_the_test_split_is_frozen_and_the_training_split_is_not():
    assert RecommenderConfig().scenario_count is None
    assert RecommenderConfig(split="test").scenario_count == 200
    assert RecommenderConfig(split="test", num_scenarios=7).scenario_count == 7
