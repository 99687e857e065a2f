from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedback.diagnostics.consistency import cohen_kappa, consistency, position_bias, response_times
from feedback.labels import Preference, Rating


@pytest.fixture
def prefer(make_clip):
    def make(labeller, first, second, choice, **changes):
        return Preference(
            labeller=labeller, first=make_clip(first), second=make_clip(second), choice=choice, **changes
        )

    return make


def test_answers_are_compared_whichever_clip_was_called_the_first(prefer) -> None:
    given_answers = [
        prefer("alice", 1, 2, "first"),
        prefer("alice", 2, 1, "second"),  # the same
        prefer("alice", 1, 2, "second"),  # another
        prefer("alice", 3, 4, "equal"),
        prefer("alice", 4, 3, "equal"),  # the same
        prefer("bob", 2, 1, "second"),  # as alice at first
        prefer("bob", 5, 6, "first"),  # asked once, and alone
    ]
    alice, both = consistency(given_answers)
    assert alice.labellers == ("alice", "alice")
    assert (alice.same, alice.asked) == (2, 3)
    assert both.labellers == ("alice", "bob")
    assert (both.same, both.asked) == (1, 1)
    # Both ways round: 4 of 6 the same; each answers first, second and equal twice in six.
    assert alice.kappa == pytest.approx((4 / 6 - 1 / 3) / (1 - 1 / 3))


def test_kappa_by_hand() -> None:
    # The example of Wikipedia's article: 20 yes-yes, 5 yes-no, 10 no-yes, 15 no-no.
    answers = [("y", "y")] * 20 + [("y", "n")] * 5 + [("n", "y")] * 10 + [("n", "n")] * 15
    assert cohen_kappa(answers) == pytest.approx(0.4)
    assert cohen_kappa([("a", "b"), ("b", "a")]) == -1
    assert math.isnan(cohen_kappa([("a", "a")])) and math.isnan(cohen_kappa([]))


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("abc")), min_size=1))
def test_kappa_is_symmetric_and_bounded(answers) -> None:
    kappa = cohen_kappa(answers)
    if not math.isnan(kappa):
        assert -1 <= kappa <= 1
        assert kappa == pytest.approx(cohen_kappa([pair[::-1] for pair in answers]))


def test_who_always_takes_the_left_one_is_biased(prefer) -> None:
    always = [
        prefer("bob", k, k + 100, side, shown_left=side) for k, side in enumerate(["first", "second"] * 10)
    ]
    fair = [
        prefer("alice", k, k + 100, "first", shown_left=s) for k, s in enumerate(["first", "second"] * 10)
    ]
    rest = [prefer("alice", 1, 2, "equal", shown_left="first"), prefer("carol", 1, 2, "first")]
    alice, bob = position_bias(always + fair + rest)
    assert (alice.labeller, alice.left, alice.decided, alice.biased) == ("alice", 10, 20, False)
    assert (bob.labeller, bob.left, bob.decided, bob.biased) == ("bob", 20, 20, True)


def test_response_times_of_all_kinds_of_labels(prefer, make_clip) -> None:
    labels = [prefer("alice", 1, 2, "first", response_time=t) for t in (1.0, 2.0, 3.0)]
    labels += [Rating(labeller="alice", clip=make_clip(), value=3, response_time=0.1)]
    labels += [prefer("bob", 1, 2, "first")]
    (alice,) = response_times(labels)
    assert (alice.labeller, alice.count, alice.median, alice.hasty) == ("alice", 4, 1.5, 0.25)


def test_nothing_asked_twice_is_nothing_found(prefer) -> None:
    assert consistency([prefer("alice", 1, 2, "first")]) == []
    assert position_bias([]) == [] and response_times([]) == []
