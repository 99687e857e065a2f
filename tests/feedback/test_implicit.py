from __future__ import annotations

import math
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import mmenvs  # noqa: F401  registers the ids
from feedback.labels import Clip, Evaluation, Implicit
from feedback.sources import ImplicitConfig, ImplicitFeedbackSource, ImplicitSource, Moment, RecordedSource
from feedback.sources.recorded import ReplayError
from feedback.store import LabelStore
from feedback.wrapper import HumanFeedback

_CLIP = Clip("0" * 32, "Toy-v0", 0, 0, 0, 1)


def told(source: ImplicitSource, moment: Moment) -> list[tuple[Any, ...]]:
    return [(label.signal, label.value, label.position, label.item) for label in source.implicit(moment)]


@pytest.fixture
def moment(make_clip):
    def make(terminated: bool = False, **info: Any) -> Moment:
        return Moment(make_clip(length=1), 0.0, terminated, False, info)

    return make


def test_a_click_says_something_of_every_place(moment) -> None:
    slate = np.array([11, 12, 13, 14])
    step = moment(slate=slate, clicked=True, clicks=1, item=13, dwell=20.0)
    assert told(ImplicitSource(), step) == [
        ("click", 0.0, 0, 11),
        ("skip", 1.0, 0, 11),
        ("click", 0.0, 1, 12),
        ("skip", 1.0, 1, 12),
        ("click", 1.0, 2, 13),
        ("dwell", 20.0, 2, 13),
        ("click", 0.0, 3, 14),
    ]


def test_without_a_click_only_the_first_place_was_surely_seen(moment) -> None:
    step = moment(terminated=True, slate=np.array([-1, 12, 13]), clicked=False, clicks=0, item=12, dwell=0.0)
    assert told(ImplicitSource(), step) == [
        ("click", 0.0, 1, 12),
        ("skip", 1.0, 1, 12),
        ("click", 0.0, 2, 13),
        ("leave", 1.0, None, None),
    ]


def test_of_several_clicks_nothing_is_made_up(moment) -> None:
    # The first is known; whether one below it was clicked as well is not, nor with which the time was spent.
    step = moment(slate=np.array([11, 12, 13]), clicked=True, clicks=2, item=12, dwell=20.0)
    assert told(ImplicitSource(), step) == [
        ("click", 0.0, 0, 11),
        ("skip", 1.0, 0, 11),
        ("click", 1.0, 1, 12),
    ]
    # An environment that tells each place is believed.
    each = moment(slate=[11, 12, 13], clicked=[True, False, True], dwell=[3.0, 0.0, 5.0])
    assert told(ImplicitSource(), each) == [
        ("click", 1.0, 0, 11),
        ("dwell", 3.0, 0, 11),
        ("click", 0.0, 1, 12),
        ("skip", 1.0, 1, 12),
        ("click", 1.0, 2, 13),
        ("dwell", 5.0, 2, 13),
    ]


def test_where_there_is_no_slate_there_are_no_places(moment) -> None:
    assert told(ImplicitSource(), moment(clicked=True, dwell=2.0)) == [
        ("click", 1.0, None, None),
        ("dwell", 2.0, None, None),
    ]
    assert told(ImplicitSource(), moment(speed=3.0)) == []
    assert ImplicitSource().evaluations(moment(speed=3.0)) == []


def test_what_traces_are_worth(moment) -> None:
    config = ImplicitConfig(
        click=2.0, dwell=1.0, skip=-0.5, leave=-3.0, dwell_limit=math.e**2 - 1, clip=4.0,
        propensities=(1.0, 0.5, 0.1),
    )  # fmt: skip
    source = ImplicitSource(config, name="ann")
    # Place 1 of chance 1/2: the click counts twice, and so does the dwell, half of the limit in logarithms.
    step = moment(slate=[7, 8, 9], clicked=True, item=8, dwell=math.e - 1)
    [evaluation] = source.evaluations(step)
    assert evaluation.value == pytest.approx(2 * 2.0 + 2 * 0.5 - 0.5)
    assert evaluation.labeller == "ann"
    assert [label.propensity for label in source.implicit(step)] == [1.0, 1.0, 0.5, 0.5, 0.1]
    # Place 2 of chance 1/10 would count ten times, but four is the most; a dwell counts up to the limit.
    [evaluation] = source.evaluations(moment(slate=[7, 8, 9], clicked=True, item=9, dwell=1000.0))
    assert evaluation.value == pytest.approx(4 * 2.0 + 4 * 1.0 - 2 * 0.5)
    [evaluation] = source.evaluations(moment(terminated=True, slate=[7, 8, 9], clicked=False))
    assert evaluation.value == pytest.approx(-0.5 - 3.0)


def test_what_the_environment_knows_of_attention_goes_first(moment) -> None:
    source = ImplicitSource(ImplicitConfig(click=1.0, dwell=0.0, skip=0.0, propensities=(1.0, 1.0)))
    step = moment(slate=[7, 8], clicked=True, item=8, propensity=np.array([1.0, 0.25]))
    assert source.evaluations(step)[0].value == 4.0


@given(st.integers(0, 1000), st.floats(0.2, 1.0))
def test_clicks_weighted_by_propensity_tell_relevance(seed: int, decay: float) -> None:
    # Exact expectation over looks and clicks: what is clicked p * r of the time counts r, wherever it stands.
    relevance = np.random.default_rng(seed).random(4)
    chances = decay ** np.arange(4)
    source = ImplicitSource(
        ImplicitConfig(click=1.0, dwell=0.0, skip=0.0, clip=1000.0, propensities=tuple(chances))
    )
    for k in range(4):
        click = Implicit(clip=_CLIP, signal="click", position=k, propensity=float(chances[k]), labeller="u")
        assert chances[k] * relevance[k] * source.worth([click]) == pytest.approx(relevance[k])


@pytest.mark.parametrize("env_id", ["mmenvs/Recommender-v0", "mmenvs/Clickbait-v0"])
def test_recorded_today_and_replayed_without_the_person(env_id: str, store, tmp_path) -> None:
    def run(source: Any, kept: Any = None) -> list[tuple[float, float]]:
        env = HumanFeedback(gym.make(env_id), source, store=kept, shaping="replace")
        env.reset(seed=3)
        rows = []
        for action in np.random.default_rng(0).integers(10, size=60):
            _, reward, terminated, truncated, info = env.step(int(action))
            rows.append((reward, info["feedback"]))
            if terminated or truncated:
                env.reset()
        env.close()
        return rows

    live = run(ImplicitSource(), store)
    signals = {label.signal for label in store.labels(Implicit)}
    assert signals >= {"click", "skip", "dwell"}
    assert any(label.value == 1.0 for label in store.labels(Implicit) if label.signal == "click")
    assert run(RecordedSource(store)) == live

    # The traces themselves come back, equal in every field, and are worth the same once more.
    with LabelStore(tmp_path / "again.db") as again:
        assert run(ImplicitSource(traces=RecordedSource(store)), again) == live
        assert list(again.labels(Implicit)) == list(store.labels(Implicit))
    # Valued otherwise, the same traces give another reward.
    clicks = run(ImplicitSource(ImplicitConfig(dwell=0, skip=0, leave=0), traces=RecordedSource(store)))
    assert {reward for reward, _ in clicks} == {0.0, 1.0}


def test_traces_of_other_behaviour_are_refused(store, make_clip) -> None:
    clip, other = make_clip(0, length=1), make_clip(1, length=1)
    store.add(Implicit(clip=clip, signal="click", labeller="user"))
    assert len(RecordedSource(store).implicit(Moment(clip, 0.0, False, False))) == 1
    with pytest.raises(ReplayError, match="the recorded implicit signal was given on"):
        RecordedSource(store).implicit(Moment(other, 0.0, False, False))
    assert RecordedSource(store, strict=False).implicit(Moment(other, 0.0, False, False)) == []
    assert not list(store.labels(Evaluation))
    assert isinstance(RecordedSource(store), ImplicitFeedbackSource)


def test_infos_that_contradict_themselves_are_named(moment) -> None:
    source = ImplicitSource()
    with pytest.raises(ValueError, match=r"info\['item'\]=5 was clicked, but is not in"):
        source.implicit(moment(slate=[1, 2], clicked=True, item=5))
    with pytest.raises(ValueError, match=r"info\['clicked'\] has 1 places, but info\['slate'\] has 2"):
        source.implicit(moment(slate=[1, 2], clicked=[True]))
    with pytest.raises(ValueError, match="fewer than the 2 places"):
        ImplicitSource(ImplicitConfig(propensities=(1.0,))).implicit(moment(slate=[1, 2], clicked=False))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("click", math.inf),
        ("dwell_limit", 0.0),
        ("clip", 0.5),
        ("propensities", (1.0, 0.0)),
        ("leave", math.nan),
    ],
)
def test_bad_settings_are_named(field: str, value: Any) -> None:
    with pytest.raises(ValueError, match=f"{field}="):
        ImplicitConfig(**{field: value})
