from __future__ import annotations

import dataclasses
import json
from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedback.labels import (
    Clip,
    Correction,
    Demonstration,
    Evaluation,
    Implicit,
    Intervention,
    Label,
    Preference,
    Ranking,
    Rating,
    label_from_dict,
)

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
rankings = st.lists(clips, min_size=2, max_size=5, unique=True).flatmap(
    lambda order: st.builds(
        Ranking,
        order=st.just(tuple(order)),
        shown=st.none() | st.permutations(range(len(order))).map(tuple),
        **common,
    )
)
ratings = st.integers(2, 10).flatmap(
    lambda best: st.builds(Rating, clip=clips, value=st.integers(1, best), best=st.just(best), **common)
)
finite = st.floats(allow_nan=False, allow_infinity=False)
actions = st.integers(0, 20) | st.lists(finite, min_size=1, max_size=3).map(tuple)
short = st.integers(1, 4).flatmap(
    lambda length: st.tuples(
        clips.map(lambda clip: dataclasses.replace(clip, length=length)),
        st.lists(actions, min_size=length, max_size=length).map(tuple),
        st.lists(actions, min_size=length, max_size=length).map(tuple),
    )
)
interventions = st.tuples(short, st.fixed_dictionaries(common)).map(
    lambda drawn: Intervention(
        clip=drawn[0][0], agent_actions=drawn[0][1], person_actions=drawn[0][2], **drawn[1]
    )
)
corrections = st.tuples(short, st.fixed_dictionaries(common)).map(
    lambda drawn: Correction(clip=drawn[0][0], actions=drawn[0][1], **drawn[1])
)
demonstrations = st.builds(Demonstration, clip=clips, success=st.none() | st.booleans(), **common)
implicits = st.builds(
    Implicit,
    clip=clips,
    signal=st.sampled_from(["click", "dwell", "skip", "return", "leave"]),
    value=st.floats(0, 1e6),
    position=st.none() | naturals,
    item=st.none() | naturals,
    propensity=st.none() | st.floats(0.01, 1.0),
    **common,
)
judgements = preferences | evaluations | rankings | ratings
labels = judgements | interventions | corrections | demonstrations | implicits


@given(labels)
def test_a_label_survives_json(label: Label) -> None:
    assert label_from_dict(json.loads(json.dumps(label.to_dict()))) == label


@given(labels)
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


def test_every_kind_is_known_by_its_name() -> None:
    kinds = (Preference, Ranking, Rating, Evaluation, Intervention, Demonstration, Correction, Implicit)
    assert {kind.kind: kind for kind in kinds} == {
        name: Label.kinds[name] for name in (k.kind for k in kinds)
    }


def test_a_ranking_is_all_its_pairs(make_clip) -> None:
    a, b, c = (make_clip(k) for k in range(3))
    ranking = Ranking(order=[a, b, c], labeller="a")
    assert ranking.pairs == ((a, b), (a, c), (b, c))
    assert ranking.clips == (a, b, c)


def test_a_rating_as_a_share_of_its_scale(make_clip) -> None:
    assert [Rating(clip=make_clip(1), value=v, labeller="a").share for v in (1, 3, 5)] == [0.0, 0.5, 1.0]


def test_actions_of_arrays_become_plain_numbers(make_clip) -> None:
    clip = make_clip(start=7, length=2)
    taken = Intervention(
        clip=clip,
        agent_actions=np.array([[0.0, 0.5], [1.0, 0.25]], np.float32),
        person_actions=[np.int64(3), np.int64(4)],
        labeller="a",
    )
    assert taken.agent_actions == ((0.0, 0.5), (1.0, 0.25))
    assert taken.person_actions == (3, 4)
    assert (taken.first_step, taken.last_step) == (7, 8)
    assert label_from_dict(json.loads(json.dumps(taken.to_dict()))) == taken


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda c: Ranking(order=(c(1),), labeller="a"), "order has 1 clips, but must have at least 2"),
        (lambda c: Ranking(order=(c(1), c(1)), labeller="a"), "none twice"),
        (lambda c: Ranking(order=(c(1), c(2)), shown=(0, 2), labeller="a"), r"shown=\(0, 2\) must hold each"),
        (lambda c: Ranking(order=(c(1), 5), labeller="a"), r"order\[1\]=5 must be a Clip"),
        (lambda c: Rating(clip=c(1), value=6, labeller="a"), "value=6 must be an integer from 1 to best=5"),
        (lambda c: Rating(clip=c(1), value=2.5, labeller="a"), "value=2.5 must be an integer"),
        (
            lambda c: Correction(clip=c(1, length=2), actions=(1,), labeller="a"),
            "actions: 1 actions must be 2 actions",
        ),
        (
            lambda c: Correction(clip=c(1, length=1), actions=((0.0, float("nan")),), labeller="a"),
            r"actions\[0\]\[1\]=nan must be a finite number",
        ),
        (
            lambda c: Demonstration(clip=c(1), success="yes", labeller="a"),
            "success='yes' must be True",
        ),
        (lambda c: Implicit(clip=c(1), signal="like", labeller="a"), "signal='like' must be one of"),
        (lambda c: Implicit(clip=c(1), signal="click", propensity=0.0, labeller="a"), r"must be in \(0, 1\]"),
        (lambda c: Implicit(clip=c(1), signal="dwell", value=-1.0, labeller="a"), "must not be negative"),
    ],
)
def test_labels_that_make_no_sense(make, words: str, make_clip) -> None:
    with pytest.raises(ValueError, match=words):
        make(make_clip)
