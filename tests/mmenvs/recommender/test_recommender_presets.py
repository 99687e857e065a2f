"""The published simulators: their catalogues, and the numbers that are published of them."""

import numpy as np
import pytest
from shops import shop, step

from mmenvs.recommender.items.presets import preset_catalogue
from mmenvs.recommender.policies import BaitPolicy, RandomPolicy

WORLDS = 1000


def _returns(task, policy, steps, **settings):
    simulator = shop(WORLDS, task=task, **settings)
    total, alive = np.zeros(WORLDS), np.ones(WORLDS, bool)
    for _ in range(steps):
        simulator.step(policy.actions(simulator), alive)
        total += np.where(alive, simulator.rewards, 0.0)
        alive &= ~simulator.terminated
        if not alive.any():
            break
    return total


def _check(returns, published, within):
    """Compare a mean with a published one, allowing for four standard errors besides."""
    error = returns.std() / np.sqrt(returns.size)
    assert returns.mean() == pytest.approx(published, abs=within + 4 * error)


def test_interest_evolution_pays_chance_160():
    # SlateQ: 159.2 and 160.6 of its random baselines.
    _check(_returns("interest_evolution", RandomPolicy(0), 1000), 160.0, 1.0)


@pytest.mark.parametrize(("most", "published"), [(True, 572.0), (False, 1353.0)])
def test_long_term_satisfaction_punishes_bait(most, published):
    _check(_returns("long_term_satisfaction", BaitPolicy(most), 60), published, 0.01 * published)


def test_recsims_own_sensitivity_leaves_no_dilemma():
    users = {"mood": {"sensitivity": 0.01}}
    _check(_returns("long_term_satisfaction", BaitPolicy(True), 60, users=users), 1161.0, 12.0)
    _check(_returns("long_term_satisfaction", BaitPolicy(False), 60, users=users), 756.0, 8.0)


def test_boredom_pays_chance_43():
    _check(_returns("boredom", RandomPolicy(0), 100), 43.4, 1.0)


def test_organic_offers_are_clicked_about_once_in_fifty():
    simulator = shop(WORLDS, task="organic_bandit")
    clicks, offers, alive = 0, 0, np.ones(WORLDS, bool)
    for offer in range(20):
        simulator.step(np.full(WORLDS, offer % 10), alive)
        clicks += int(simulator.infos["clicks"][alive].sum())
        offers += int(alive.sum())
        alive &= ~simulator.terminated
    assert 0.008 < clicks / offers < 0.03


def test_interest_evolution_by_its_description():
    catalogue = preset_catalogue("interest_evolution", 20_000, 0)
    assert np.bincount(catalogue.category).tolist() == [1000] * 20
    np.testing.assert_array_equal(catalogue.traits["shared"], np.eye(20)[catalogue.category])
    means = np.bincount(catalogue.category, catalogue.quality) / 1000
    np.testing.assert_allclose(means, [*np.linspace(-3, 0, 14), *np.linspace(0, 3, 6)], atol=0.02)
    spread = (catalogue.quality - means[catalogue.category]).std()
    assert spread == pytest.approx(0.1, rel=0.03)
    simulator = shop(200, task="interest_evolution", items=400)
    assert np.abs(simulator.state.taste).max() <= 1.0
    assert set(simulator.state.sessions["budget"]) == {200.0}


def test_topics_by_their_description():
    catalogue = preset_catalogue("topics", 3000, 0)
    traits = catalogue.traits["shared"]
    counts = (traits > 0).sum(axis=1)
    assert set(counts) == {2, 3}
    assert (counts == 2).mean() == pytest.approx(0.5, abs=0.04)
    np.testing.assert_allclose(np.linalg.norm(traits, axis=1), 1.0)
    np.testing.assert_array_equal(catalogue.category, traits.argmax(axis=1))
    np.testing.assert_allclose((traits > 0).mean(axis=0), 0.25, atol=0.04)


def test_bait_of_long_term_satisfaction_runs_from_nothing_to_all():
    catalogue = preset_catalogue("long_term_satisfaction", 5, 0)
    assert catalogue.bait.tolist() == [0.0, 0.25, 0.5, 0.75, 1.0]
    np.testing.assert_array_equal(catalogue.attributes[:, 0], catalogue.bait)


def test_long_term_satisfaction_begins_anywhere_and_all_click():
    simulator = shop(2000, task="long_term_satisfaction")
    level = simulator.state.sessions["level"].copy()
    assert np.abs(level).max() <= 0.5 / 0.3
    assert level.std() == pytest.approx(1.0 / 0.3 / np.sqrt(12.0), rel=0.05)
    bait = simulator.items.facts["bait"][simulator.state.candidates[:, 3]]
    step(simulator, 3)
    assert simulator.infos["clicked"].all()
    after = simulator.state.sessions["level"]
    expected = 0.7 * level - 2.0 * (bait - 0.5)
    assert (after - expected).std() == pytest.approx(0.05, rel=0.1)
    np.testing.assert_allclose(simulator.infos["mood"], 1.0 / (1.0 + np.exp(-0.2 * after)))


def test_organic_products_differ_in_traits_and_popularity():
    catalogue = preset_catalogue("organic", 4000, 0)
    assert catalogue.bias.std() == pytest.approx(3.0, rel=0.05)
    assert catalogue.traits["shared"].std() == pytest.approx(1.0, rel=0.05)
    np.testing.assert_array_equal(preset_catalogue("organic", 10, 0).attributes, np.eye(10))


def test_presets_are_reproducible_and_named():
    for name in ("interest_evolution", "topics", "organic"):
        first, other = preset_catalogue(name, 40, 1), preset_catalogue(name, 40, 2)
        preset_catalogue.cache_clear()
        again = preset_catalogue(name, 40, 1)
        assert again is not first
        for field in ("quality", "bias", "attributes"):
            np.testing.assert_array_equal(getattr(again, field), getattr(first, field))
        assert not np.array_equal(first.traits["shared"], other.traits["shared"]) or not np.array_equal(
            first.quality, other.quality
        )
    with pytest.raises(ValueError, match=r"catalogue='shoes' must be one of the preset catalogues"):
        preset_catalogue("shoes", 10, 0)
