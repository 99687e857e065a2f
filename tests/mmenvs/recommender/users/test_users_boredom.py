"""How users get fed up: step by step."""

import numpy as np
import pytest
from law_calls import boredom_penalty, count_window, fade, grow_bored, remember_click

from mmenvs.recommender.arrays import CLICK
from mmenvs.recommender.users import FadingBoredom, WindowBoredom
from mmenvs.recommender.users.boredom import NO_BOREDOM


class _User:
    """A user of three categories, stepped as a session steps them."""

    def __init__(self, law):
        self.law, self.window = law.law(), isinstance(law, WindowBoredom)
        self.exposure, self.bored = np.zeros((1, 3)), np.zeros((1, 3), np.int64)
        self.clicks = np.zeros((1, law.memory), CLICK)
        self.clicks["category"] = -1
        self.time = 0

    def step(self, *clicked):
        """Take one step in which items of these categories are clicked; return the bored categories."""
        fade(self.law, self.exposure, 0)
        for category in clicked:
            if self.window:
                remember_click(self.clicks, 0, category, self.time)
            else:
                self.exposure[0, category] += 1.0
        count_window(self.law, self.clicks, self.exposure, 0, self.time)
        count = grow_bored(self.law, self.exposure, self.bored, 0)
        self.time += 1
        bored = np.flatnonzero(self.bored[0]).tolist()
        assert count == len(bored)
        return bored


def test_exposure_fades_and_bores_at_the_threshold():
    user = _User(FadingBoredom(decay=0.5, threshold=1.75, steps=2))
    assert user.step(0) == []
    assert user.step(0) == []
    assert user.exposure[0].tolist() == [1.5, 0.0, 0.0]
    assert user.step(0) == [0]
    assert user.exposure[0].tolist() == [0.0, 0.0, 0.0]  # and it starts again
    assert user.step(1) == [0]
    assert user.step() == []
    assert user.exposure[0].tolist() == [0.0, 0.5, 0.0]


def test_several_clicks_of_one_step_add_up():
    user = _User(FadingBoredom(decay=0.85, threshold=3.0, steps=4))
    assert user.step(2, 2) == []
    assert user.step(2, 1, 2) == [2]  # 2 * 0.85 + 2


def test_alternating_categories_never_bore():
    user = _User(FadingBoredom())
    assert not any(user.step(step % 3) for step in range(200))


def test_five_clicks_in_five_steps_bore_for_five_steps():
    user = _User(WindowBoredom())
    for _ in range(4):
        assert user.step(1) == []
    assert [user.step(1)] + [user.step() for _ in range(5)] == [[1]] * 5 + [[]]


def test_a_click_counts_for_as_many_steps_as_the_window():
    user = _User(WindowBoredom())
    assert user.step(0, 0, 0, 0) == []
    for _ in range(3):
        assert user.step() == []
    assert user.step(0) == [0]  # the fifth step: the first is still in the window
    user = _User(WindowBoredom())
    assert user.step(0, 0, 0, 0) == []
    for _ in range(4):
        assert user.step() == []
    assert user.step(0) == []
    assert user.exposure[0].tolist() == [1.0, 0.0, 0.0]


def test_only_the_last_clicks_are_remembered():
    user = _User(WindowBoredom(memory=10, threshold=5))
    # Twelve clicks in one step: of the first four of category 0 two are forgotten.
    assert user.step(*[0] * 4, *[1] * 4, *[2] * 4) == []
    assert user.exposure[0].tolist() == [2.0, 4.0, 4.0]


def test_clicks_while_bored_do_not_prolong_it():
    user = _User(WindowBoredom())
    user.step(0, 0, 0, 0, 0)
    assert [user.step(0) for _ in range(4)] == [[0]] * 4
    assert user.bored[0, 0] == 1


@pytest.mark.parametrize(
    ("law", "penalties"),
    [
        (FadingBoredom(penalty=4.0), [4.0, 0.0, 0.0]),
        (WindowBoredom(penalty=7.0), [7.0, 7.0, 7.0]),
        (WindowBoredom(penalty=7.0, loses="category"), [7.0, 0.0, 0.0]),
    ],
    ids=repr,
)
def test_boredom_costs_its_category_or_everything(law, penalties):
    bored = np.array([[3, 0, 0]])
    assert [boredom_penalty(law.law(), bored, 0, c) for c in range(3)] == penalties
    assert boredom_penalty(law.law(), np.zeros((1, 3), np.int64), 0, 0) == 0.0


def test_without_boredom_nothing_bores():
    exposure, bored = np.full((1, 3), 1e6), np.zeros((1, 3), np.int64)
    assert grow_bored(NO_BOREDOM, exposure, bored, 0) == 0
    assert boredom_penalty(NO_BOREDOM, np.ones((1, 3), np.int64), 0, 0) == 0.0
