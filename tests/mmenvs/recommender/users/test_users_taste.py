"""Who comes: tastes, types, profiles and seasons."""

import math

import numpy as np
import pytest
from law_calls import draw_profile, draw_taste, follow_taste, set_season, stream, utility

from mmenvs.recommender.users import Population

USERS = 3000


def _drawn(population, size, table=None, parity=0, span=None, users=USERS):
    """Tastes and rows of the table of many users."""
    law, streams, taste = population.law(size, span), stream(), np.zeros((1, size))
    means = np.zeros((1, size)) if table is None else table
    tastes, rows = np.zeros((users, size)), np.zeros(users, np.int64)
    for user in range(users):
        rows[user] = draw_taste(law, taste, streams, 0, means, parity)
        tastes[user] = taste[0]
    return tastes, rows


def test_utility_is_the_inner_product():
    taste, traits = np.array([[1.0, -2.0]]), np.array([[0.0, 0.0], [3.0, 0.5]])
    assert utility(taste, 0, traits, 1) == 2.0


def test_normal_tastes_spread_around_the_mean():
    mean = np.array([[2.0, -2.0, 0.0]])
    tastes, _ = _drawn(Population(spread=0.7), 3, mean)
    np.testing.assert_allclose(tastes.mean(axis=0), mean[0], atol=4 * 0.7 / math.sqrt(USERS))
    np.testing.assert_allclose(tastes.std(axis=0), 0.7, rtol=0.06)


def test_types_are_equally_likely_and_have_their_own_means():
    means = np.array([[5.0, 0.0], [-5.0, 0.0], [0.0, 5.0]])
    tastes, rows = _drawn(Population(types=3, spread=0.5), 2, means)
    assert (np.bincount(rows) > USERS / 3 - 4 * math.sqrt(USERS * 2 / 9)).all()
    for row in range(3):
        np.testing.assert_allclose(tastes[rows == row].mean(axis=0), means[row], atol=0.1)


def test_the_means_of_types_spread_around_the_populations():
    mean = np.array([1.0, -1.0])
    means = Population(types=4000, between=0.8).type_means(mean, seed=3)
    np.testing.assert_allclose(means.mean(axis=0), mean, atol=0.06)
    np.testing.assert_allclose(means.std(axis=0), 0.8, rtol=0.06)
    np.testing.assert_array_equal(means, Population(types=4000, between=0.8).type_means(mean, seed=3))
    np.testing.assert_array_equal(Population().type_means(mean, seed=3), [mean])


def test_uniform_tastes_fill_the_interval():
    tastes, _ = _drawn(Population(shape="uniform"), 2)
    assert tastes.min() >= -1.0 and tastes.max() < 1.0
    np.testing.assert_allclose(tastes.mean(axis=0), 0.0, atol=0.05)
    np.testing.assert_allclose(tastes.std(axis=0), 1.0 / math.sqrt(3.0), rtol=0.05)


def test_users_of_topics_like_three_to_five_and_have_unit_length():
    tastes, _ = _drawn(Population(shape="topics"), 10)
    liked = (tastes > 0.0).sum(axis=1)
    assert set(liked) == {3, 4, 5}
    assert (tastes >= 0.0).all()
    np.testing.assert_allclose(np.linalg.norm(tastes, axis=1), 1.0)
    # As Sardine draws them: each topic with 0.4, and again until there are three to five.
    weights = np.array([math.comb(10, k) * 0.4**k * 0.6 ** (10 - k) for k in (3, 4, 5)])
    np.testing.assert_allclose(np.bincount(liked)[3:] / USERS, weights / weights.sum(), atol=0.04)


@pytest.mark.parametrize("users", [2, 7, 8])
def test_the_splits_share_out_a_table_of_users(users):
    table = np.arange(users, dtype=np.float64)[:, None]
    halves = []
    for parity in (0, 1):
        tastes, rows = _drawn(Population(), 1, table, parity, span=1.0, users=300)
        np.testing.assert_array_equal(tastes[:, 0], rows)
        halves.append(set(rows.tolist()))
    assert halves[0] == set(range(0, users, 2))
    assert halves[1] == set(range(1, users, 2))


def test_a_table_of_one_serves_both_splits():
    for parity in (0, 1):
        _, rows = _drawn(Population(), 1, np.array([[4.0]]), parity, span=1.0, users=20)
        assert set(rows) == {0}


def _profile(population, taste, day=0.0, seed=1):
    profile = np.zeros((1, 3 + len(taste)), np.float32)
    draw_profile(population.law(len(taste)), profile, np.array([taste]), stream(seed), 0, day)
    return profile[0]


def test_profiles_are_tastes_in_three_standard_deviations():
    said = _profile(Population(spread=0.5, profile_noise=0.0), [0.3, -0.9, 9.0])
    np.testing.assert_allclose(said[3:], [0.2, -0.6, 1.0], rtol=1e-6)
    assert said[0] == 1.0
    said = _profile(Population(spread=0.6, between=0.8, types=2, profile_noise=0.0), [0.3])
    np.testing.assert_allclose(said[3:], 0.1, rtol=1e-6)  # the types' spread counts as well
    assert _profile(Population(shape="uniform", profile_noise=0.0), [0.3])[3] == np.float32(0.3)


def test_what_users_say_is_noisy():
    said = np.array([_profile(Population(profile_noise=0.3), [0.6], seed=k)[3] for k in range(2000)])
    assert said.mean() == pytest.approx(0.2, abs=0.01)
    assert said.std() == pytest.approx(0.1, rel=0.08)


def test_cold_users_say_nothing():
    assert not _profile(Population(cold=1.0), [0.6, 2.0])[[0, 3, 4]].any()
    known = [_profile(Population(cold=0.3), [0.6], seed=k)[0] for k in range(2000)]
    assert np.mean(known) == pytest.approx(0.7, abs=0.045)


def test_profiles_tell_the_time_of_year():
    said = _profile(Population(period=360.0), [0.0], day=30.0)
    np.testing.assert_allclose(said[1:3], [math.cos(math.pi / 6), math.sin(math.pi / 6)], rtol=1e-6)


@pytest.mark.parametrize(("live", "known", "said"), [(True, 1.0, 0.25), (False, 1.0, 0.5), (True, 0.0, 0.5)])
def test_only_a_live_profile_follows_the_taste(live, known, said):
    profile = np.array([[known, 1.0, 0.0, 0.5]], np.float32)
    law = Population(shape="uniform", live=live).law(1)
    follow_taste(law, profile, np.array([[0.25]]), 0)
    assert profile[0, 3] == said


def test_the_season_turns_with_the_day():
    law, taste = Population(season=2.0, period=365.0).law(1), np.full((1, 3), 9.0)
    strengths = []
    for day in range(365):
        set_season(law, taste, 0, float(day))
        strengths.append(taste[0, 1])  # of an item that is wanted on 1 January
    assert taste[0, 0] == 9.0
    assert np.argmax(strengths) == 0
    assert np.std(strengths) == pytest.approx(2.0, rel=1e-3)
    alone = np.array([[9.0]])
    set_season(Population().law(1), alone, 0, 5.0)
    assert alone.tolist() == [[9.0]]


def test_the_most_topics_are_at_least_the_fewest():
    with pytest.raises(ValueError, match=r"most=2 must be at least fewest=3"):
        Population(most=2)


def test_users_cannot_like_more_topics_than_there_are():
    tastes, _ = _drawn(Population(shape="topics", fewest=3, most=40), 3, users=20)
    assert (tastes > 0.0).all()
    with pytest.raises(ValueError, match=r"fewest=30 must be at most the 10 traits of the catalogue"):
        Population(shape="topics", fewest=30, most=40).law(10)
