from __future__ import annotations

import dataclasses
import json
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedback.labels import Clip, Evaluation, Label, Preference, label_from_dict

names = st.text(min_size=1, max_size=20).filter(str.strip)
naturals = st.integers(0, 2**63)
clips = st.builds(
    Clip,
    digest=st.text("0123456789abcdef", min_size=32, max_size=32),
    env_id=names,
    seed=naturals,
    episode=naturals,
    start=naturals,
    length=st.integers(1, 10_000),
    scenario=st.none() | naturals,
)
common = {
    "labeller": names,
    "created": st.datetimes(
        datetime(1971, 1, 1),
        datetime(2200, 1, 1),
        timezones=st.sampled_from([UTC, timezone(timedelta(hours=-7))]),
    ),
    "response_time": st.none() | st.floats(0, 1e6),
}
preferences = st.builds(
    Preference,
    first=clips,
    second=clips,
    choice=st.sampled_from(["first", "second", "equal", "incomparable"]),
    shown_left=st.sampled_from(["first", "second", None]),
    **common,
)
evaluations = st.builds(
    Evaluation, clip=clips, value=st.floats(allow_nan=False, allow_infinity=False), **common
)


@given(preferences | evaluations)
def test_a_label_survives_json(label: Label) -> None:
    assert label_from_dict(json.loads(json.dumps(label.to_dict()))) == label


@given(preferences | evaluations)
def test_time_is_kept_in_utc(label: Label) -> None:
    assert label.created.utcoffset() == timedelta(0)


def test_a_preference_as_a_soft_target(make_clip) -> None:
    def target(choice):
        return Preference(first=make_clip(1), second=make_clip(2), choice=choice, labeller="a").target

    assert [target(c) for c in ("first", "second", "equal", "incomparable")] == [
        (1, 0),
        (0, 1),
        (0.5, 0.5),
        None,
    ]


def test_an_evaluation_names_its_step_and_clips(make_clip) -> None:
    evaluation = Evaluation(clip=make_clip(start=5, length=4), value=-1, labeller="a")
    assert evaluation.step == 8
    assert evaluation.clips == (make_clip(start=5, length=4),)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"digest": "xyz"}, "digest='xyz' must be 32"),
        ({"seed": -1}, "seed=-1 must be an integer of at least 0"),
        ({"length": 0}, "length=0 must be an integer of at least 1"),
        ({"start": 1.5}, "start=1.5 must be an integer"),
        ({"env_id": " "}, "env_id=' ' must be a text"),
        ({"scenario": -2}, "scenario=-2"),
    ],
)
def test_a_bad_clip_is_named(make_clip, change, words) -> None:
    with pytest.raises(ValueError, match=words):
        make_clip(**change)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"value": float("nan")}, "value=nan must be a finite number"),
        ({"value": True}, "value=True"),
        ({"labeller": ""}, "labeller='' must be a text"),
        ({"created": datetime(2026, 1, 1)}, "created=.* must be a datetime with a time zone"),
        ({"response_time": -0.1}, "response_time=-0.1 must not be negative"),
        ({"clip": None}, "clip=None must be a Clip"),
    ],
)
def test_a_bad_evaluation_is_named(make_clip, change, words) -> None:
    good = Evaluation(clip=make_clip(), value=1, labeller="a")
    with pytest.raises(ValueError, match=words):
        dataclasses.replace(good, **change)


def test_a_bad_choice_says_what_is_allowed(make_clip) -> None:
    with pytest.raises(
        ValueError, match=r"choice='left' must be one of \['first', 'second', 'equal', 'incomparable'\]"
    ):
        Preference(first=make_clip(), second=make_clip(), choice="left", labeller="a")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"kind": "stars"}, "kind='stars' must be one of"),
        ({"mood": "good"}, r"missing fields \[\] and unknown fields \['mood'\]"),
        ({"created": "yesterday"}, "created='yesterday' must be an ISO 8601"),
        ({"clip": {"digest": "0"}}, "is not a clip"),
    ],
)
def test_bad_data_is_named(make_clip, change, words) -> None:
    data = Evaluation(clip=make_clip(), value=1, labeller="a").to_dict()
    with pytest.raises(ValueError, match=words):
        label_from_dict(data | change)
