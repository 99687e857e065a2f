"""How what is shown changes tastes."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from law_calls import attract, reinforce, stream, walk

from mmenvs.recommender.users import Attraction, RandomWalk, Reinforcement
from mmenvs.recommender.users.drift import NO_DRIFT


def _reinforced(interest, draws=4000):
    """Interest in topic 0 after one click on it, again and again; topic 1 must stay."""
    law, traits, streams = Reinforcement(rate=0.3).law(), np.eye(2), stream()
    found = np.zeros(draws)
    for draw in range(draws):
        taste = np.array([[interest, 0.5]])
        reinforce(law, taste, traits, 0, 2, streams, 0)
        found[draw] = taste[0, 0]
        assert taste[0, 1] == 0.5
    return found


@pytest.mark.parametrize("interest", [-0.6, 0.0, 0.4])
def test_reinforcement_goes_either_way_by_the_interest(interest):
    found = _reinforced(interest)
    step = 0.3 * (1.0 - abs(interest)) * (1.0 - interest)
    up, down = min(interest + step, 1.0), max(interest - step, -1.0)
    assert set(np.round(found, 12)) == {round(up, 12), round(down, 12)}
    chance = (interest + 1.0) / 2.0
    error = math.sqrt(chance * (1.0 - chance) / found.size)
    assert np.isclose(found, up).mean() == pytest.approx(chance, abs=4 * error)


def test_reinforcement_leaves_certainty_alone():
    assert (_reinforced(1.0, 10) == 1.0).all()
    assert (_reinforced(-1.0, 10) == -1.0).all()


def test_attraction_by_hand():
    # Sardine's rule as it is stated: n(0.9 u + 0.1 x), and the length of u is kept.
    taste, clicked = np.array([[2.0, 0.0]]), np.array([[0.0, 3.0]])
    attract(Attraction(rate=0.1).law(), taste, clicked, 3.0, 2, 0)
    np.testing.assert_allclose(taste[0], 2.0 * np.array([0.9, 0.1]) / math.hypot(0.9, 0.1))


def test_attraction_takes_the_mean_of_the_clicks():
    one, two = np.array([[1.0, 0.0]]), np.array([[1.0, 0.0]])
    law = Attraction(rate=0.2).law()
    attract(law, one, np.array([[0.5, 0.5]]), 1.0, 2, 0)
    attract(law, two, np.array([[1.0, 1.0]]), 2.0, 2, 0)  # the sum of two clicks, and twice the length
    np.testing.assert_allclose(one, two)


def test_attraction_moves_towards_topics_and_not_all_tastes_at_once():
    # Sardine's own code adds one number to every taste: those of topics never clicked would grow.
    taste = np.array([[0.6, 0.8, 0.0]])
    for _ in range(50):
        attract(Attraction(rate=0.05).law(), taste, np.array([[1.0, 0.0, 0.0]]), 1.0, 3, 0)
    assert taste[0, 2] == 0.0
    assert taste[0, 0] > 0.99 and taste[0, 1] < 0.1


@given(
    arrays(np.float64, (1, 4), elements=st.floats(-3, 3)),
    arrays(np.float64, (1, 4), elements=st.floats(-1, 1)),
    st.floats(0, 1),
)
def test_attraction_keeps_the_strength_of_taste(taste, clicked, rate):
    before = np.linalg.norm(taste)
    attract(Attraction(rate=rate).law(), taste, clicked, 2.0, 4, 0)
    after = np.linalg.norm(taste)
    assert after == pytest.approx(before, abs=1e-9) or after < 1e-9


def test_a_random_walk_spreads_with_the_square_root_of_time():
    law, streams, taste = RandomWalk(rate=0.1).law(), stream(), np.zeros((1, 3000))
    for _ in range(16):
        walk(law, taste, 2000, streams, 0)
    assert taste[0, :2000].std() == pytest.approx(0.4, rel=0.06)
    assert not taste[0, 2000:].any()  # the tastes of the season do not drift


def test_without_drift_tastes_stay():
    taste, streams = np.array([[0.3, -0.2]]), stream()
    reinforce(NO_DRIFT, taste, np.eye(2), 0, 2, streams, 0)
    walk(NO_DRIFT, taste, 2, streams, 0)
    assert taste.tolist() == [[0.3, -0.2]]
    assert streams[0] == 1
