"""How many stars users give."""

import math

import numpy as np
import pytest
from law_calls import draw_rating, expected_stars, stream

from mmenvs.recommender.users import Rating
from mmenvs.recommender.users.rating import NO_RATING


def _draws(law, score, count=8000):
    numbers, streams = law.law(), stream(3)
    return np.array([draw_rating(numbers, score, streams, 0) for _ in range(count)])


@pytest.mark.parametrize(
    ("score", "stars"), [(0.0, 3.0), (1.0, 4.0), (1.49, 4.0), (1.51, 5.0), (9.0, 5.0), (-9.0, 1.0)]
)
def test_stars_are_rounded_and_cut_off(score, stars):
    law = Rating(probability=1.0, slope=1.0, noise=0.0)
    assert set(_draws(law, score, 20)) == {stars}
    assert expected_stars(law.law(), score) == pytest.approx(stars)


def test_the_best_and_the_worst_are_rated_more_often():
    law = Rating(probability=0.2, extremity=0.3, slope=1.0, noise=0.0)
    # 0.2 in the middle, 0.2 + 0.3 * 1/2 a star from it, 0.2 + 0.3 at the ends.
    for score, chance in ((0.0, 0.2), (1.0, 0.35), (-2.0, 0.5), (2.0, 0.5)):
        rated = (_draws(law, score) > 0.0).mean()
        assert rated == pytest.approx(chance, abs=4 * math.sqrt(chance * (1.0 - chance) / 8000))


@pytest.mark.parametrize(
    "law", [Rating(), Rating(noise=2.0, middle=4.2, probability=0.9, extremity=0.9)], ids=repr
)
@pytest.mark.parametrize("score", [-3.0, -0.4, 0.0, 1.2, 4.0])
def test_expected_stars_is_what_draws_average_to(law, score):
    drawn = _draws(law, score)
    assert set(drawn) <= {0.0, 1.0, 2.0, 3.0, 4.0, 5.0}
    expected = expected_stars(law.law(), score)
    assert drawn.mean() == pytest.approx(expected, abs=4 * drawn.std() / math.sqrt(drawn.size))


def test_nobody_rates_without_the_law():
    assert draw_rating(NO_RATING, 3.0, stream(), 0) == 0.0
    assert expected_stars(NO_RATING, 3.0) == 0.0
