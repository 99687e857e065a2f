"""Laws put together to a user model, and what is said when they do not fit."""

import json
from dataclasses import fields

import pytest

from mmenvs.recommender.users import (
    Attraction,
    Budget,
    Cascade,
    FadingBoredom,
    Leaving,
    MultinomialLogit,
    PositionBased,
    Rating,
    Returning,
    UserModel,
    WindowBoredom,
)
from mmenvs.recommender.users.model import LAWS, OPTIONAL

EVERY_LAW = [law for laws in LAWS.values() for law in laws]


NUMBERS = [
    pytest.param(law, item.name, *item.metadata["range"], id=f"{law.__name__}-{item.name}")
    for law in EVERY_LAW
    for item in fields(law)
    if "range" in item.metadata
]
WORDS = [
    pytest.param(law, item.name, item.metadata["words"], id=f"{law.__name__}-{item.name}")
    for law in EVERY_LAW
    for item in fields(law)
    if "words" in item.metadata
]


@pytest.mark.parametrize(("law", "name", "low", "high"), NUMBERS)
def test_every_number_of_every_law_says_its_range(law, name, low, high):
    for value in (low - 1, high + high / 10 + 1, float("nan"), "1", None, True):
        with pytest.raises(ValueError, match=rf"^{name}=.* must be an? (number|integer) from {low:g} to"):
            law(**{name: value})


@pytest.mark.parametrize(("law", "field", "allowed"), WORDS)
def test_every_word_of_every_law_says_what_is_allowed(law, field, allowed):
    with pytest.raises(ValueError, match=rf"^{field}='other' must be one of '{allowed[0]}'"):
        law(**{field: "other"})


@pytest.mark.parametrize(("law", "field"), [(PositionBased, "mixed"), (LAWS["population"][0], "live")])
def test_a_switch_is_true_or_false(law, field):
    with pytest.raises(ValueError, match=rf"^{field}=1 must be True or False"):
        law(**{field: 1})


@pytest.mark.parametrize("part", LAWS)
def test_each_part_is_one_of_its_laws(part):
    wrong = Leaving() if part != "leaving" else Rating()
    with pytest.raises(ValueError, match=rf"users\.{part}={type(wrong).__name__}\(.* must be one of "):
        UserModel(**{part: wrong})
    if part in OPTIONAL:
        assert getattr(UserModel(**{part: None}), part) is None
    else:
        with pytest.raises(ValueError, match=rf"users\.{part}=None must be one of {LAWS[part][0].__name__}"):
            UserModel(**{part: None})


def test_a_partial_dict_changes_only_what_it_names():
    model = UserModel(boredom=FadingBoredom(decay=0.5), choice=MultinomialLogit(no_click=1.0))
    changed = model.updated({"boredom": {"threshold": 4}, "gullibility": 3})
    assert changed.boredom == FadingBoredom(decay=0.5, threshold=4.0)
    assert changed.gullibility == 3.0
    assert changed.choice == model.choice
    assert model.boredom.threshold == 3.0


def test_another_law_starts_from_its_own_defaults():
    changed = UserModel().updated(
        {"choice": {"law": "Cascade", "onward": 0.5}, "boredom": {"law": "WindowBoredom"}}
    )
    assert changed.choice == Cascade(onward=0.5)
    assert changed.boredom == WindowBoredom()
    again = changed.updated({"boredom": {"law": "WindowBoredom", "steps": 9}})
    assert again.boredom == WindowBoredom(steps=9)


def test_a_part_that_was_off_becomes_its_first_law():
    changed = UserModel().updated({"drift": {"rate": 0.2}, "returning": {}, "budget": {"start": 9}})
    assert changed.drift == Attraction(rate=0.2)
    assert changed.returning == Returning()
    assert changed.budget == Budget(start=9.0)


def test_parts_may_be_laws_or_none():
    changed = UserModel().updated({"leaving": None, "choice": PositionBased(decay=0.5)})
    assert changed.leaving is None
    assert changed.choice == PositionBased(decay=0.5)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"boredoom": {}}, r"unknown part of users 'boredoom'; close matches: boredom"),
        ({"choice": {"law": "Cascad"}}, r"unknown law of users.choice 'Cascad'; close matches: Cascade"),
        ({"choice": {"law": "Rating"}}, r"unknown law of users.choice 'Rating'; close matches: .*Cascade"),
        (
            {"boredom": {"treshold": 4}},
            r"unknown field of FadingBoredom 'treshold'; close matches: threshold",
        ),
        ({"boredom": {"memory": 4}}, r"unknown field of FadingBoredom 'memory'"),
    ],
)
def test_unknown_names_are_given_with_close_matches(changes, message):
    with pytest.raises(TypeError, match=message):
        UserModel().updated(changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"boredom": {"threshold": -1}}, r"threshold=-1 must be a number from 0.1 to 1000"),
        ({"boredom": 4}, r"users.boredom=4 must be one of FadingBoredom, WindowBoredom or None"),
        ({"boredom": "WindowBoredom"}, r"users.boredom='WindowBoredom' must be one of"),
        ({"choice": None}, r"users.choice=None must be one of MultinomialLogit, Proportional, Cascade, Pos"),
        ({"gullibility": -1}, r"gullibility=-1 must be a number from 0 to 50"),
        ({"gullibility": {"law": "x"}}, r"gullibility=.* must be a number"),
    ],
)
def test_wrong_values_are_named_with_what_is_allowed(changes, message):
    with pytest.raises(ValueError, match=message):
        UserModel().updated(changes)


def test_models_survive_json():
    model = UserModel(
        boredom=WindowBoredom(loses="category"), drift=Attraction(), leaving=None, gullibility=1.0
    )
    assert UserModel().updated(json.loads(json.dumps(model.to_dict()))) == model
