"""What is clicked: every formula by hand, and draws that follow it."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from law_calls import chances, clicks, crowding, logistic, relevance

from mmenvs.recommender.users import Cascade, MultinomialLogit, PositionBased, Proportional
from mmenvs.recommender.users.choice import NOTHING

ONE_CLICK = [
    MultinomialLogit(),
    MultinomialLogit(no_click=-2.0, decay=0.6),
    Proportional(),
    Cascade(scale=1.0),
    Cascade(form="linear", scale=0.4),
    Cascade(form="logistic", attention=1.0, scale=1.0),
]
SEVERAL = [
    Cascade(form="logistic", scale=1.0, onward=0.7),
    PositionBased(),
    PositionBased(decay=0.5, slope=3.0, offset=0.4, mixed=True),
    PositionBased(link="nested"),
]
SCORES = st.lists(st.floats(-1e6, 1e6) | st.floats(-8, 8) | st.just(NOTHING), min_size=1, max_size=12)


def test_multinomial_logit_divides_by_the_weights():
    # Weights 2, 1, 4 and 1 for nothing.
    found = chances(MultinomialLogit(no_click=0.0), *np.log([2.0, 1.0, 4.0]))
    np.testing.assert_allclose(found, [2 / 8, 1 / 8, 4 / 8])


def test_multinomial_logit_with_decay_discounts_lower_places():
    # Weights 2, 1 / 2, 4 / 4 and e for nothing.
    found = chances(MultinomialLogit(no_click=1.0, decay=0.5), *np.log([2.0, 1.0, 4.0]))
    np.testing.assert_allclose(found, np.array([2.0, 0.5, 1.0]) / (3.5 + math.e))


def test_without_attention_to_lower_places_all_look_at_the_first():
    np.testing.assert_allclose(chances(MultinomialLogit(no_click=0.0, decay=0.0), 0.0, 9.0, 9.0), [0.5, 0, 0])
    np.testing.assert_allclose(chances(PositionBased(decay=0.0), 0.0, 9.0, 9.0), [0.5, 0, 0])


def test_proportional_counts_what_is_above_the_minimum():
    # RecSim's defaults: 1, 2 and 0 above -1, and 2 for nothing.
    np.testing.assert_allclose(chances(Proportional(), 0.0, 1.0, -3.0), [1 / 5, 2 / 5, 0])


def test_recsims_cascade_goes_down_until_a_click():
    # a s e^v: .0325 and .065, the second of those who went on.
    np.testing.assert_allclose(chances(Cascade(), 0.0, math.log(2.0)), [0.0325, (1 - 0.0325) * 0.065])


def test_the_cascades_linear_form_counts_from_the_minimum_and_ends_at_one():
    law = Cascade(form="linear", attention=0.5, scale=1.0)
    # 0.5 (0 + 1); then 0.5 (-2 + 1) counts as 0; then 0.5 (3 + 1) counts as 1; nobody reaches the last.
    np.testing.assert_allclose(chances(law, 0.0, -2.0, 3.0, 0.0), [0.5, 0.0, 0.5, 0.0])


def test_the_dependent_click_model_goes_on_after_a_click():
    law = Cascade(form="logistic", attention=1.0, scale=1.0, onward=0.5)
    # Half click; of them half go on, and all who do not click: 3/4 reach the next place.
    np.testing.assert_allclose(chances(law, 0.0, 0.0, 0.0), [0.5, 0.5 * 0.75, 0.5 * 0.75**2])


def test_position_based_is_relevance_times_attention():
    law = PositionBased(decay=0.5, slope=2.0, offset=1.0)
    # logistic(2 (1 - 1)) = 1/2; logistic(2 (1 + ln 3 / 2 - 1)) = 3/4.
    found = chances(law, 1.0, 1.0 + math.log(3.0) / 2, 1.0)
    np.testing.assert_allclose(found, [0.5, 0.75 / 2, 0.5 / 4])


def test_mixed_readers_start_at_either_end():
    found = chances(PositionBased(decay=0.5, mixed=True), 0.0, 0.0, 0.0)
    np.testing.assert_allclose(found, 0.5 * np.array([1 + 0.25, 0.5 + 0.5, 0.25 + 1]) / 2)


def test_recogyms_link_is_about_two_percent():
    def s(x):
        return 1.0 / (1.0 + math.exp(-x))

    law = PositionBased(link="nested", decay=1.0)
    scores = [-20.0, 0.0, 1.0, 20.0]
    by_hand = [s(5.0 * s(2.0 * s(0.3 * v) - 2.0) - 6.0) for v in scores]
    np.testing.assert_allclose(chances(law, *scores), by_hand)
    assert by_hand[1] == pytest.approx(0.0094, abs=1e-4)
    assert by_hand[3] == pytest.approx(0.0291, abs=1e-4)


def test_a_crowded_slate_is_less_relevant():
    law = PositionBased(crowd=4, crowd_penalty=3.0, decay=1.0).law()
    assert [crowding(law, most) for most in (0, 3, 4, 9)] == [1.0, 1.0, 1 / 3, 1 / 3]
    assert crowding(PositionBased().law(), 100) == 1.0
    np.testing.assert_allclose(
        chances(PositionBased(decay=1.0), 0.0, 0.0, crowd_factor=1 / 3), [1 / 6, 1 / 6]
    )


@pytest.mark.parametrize("law", ONE_CLICK + SEVERAL, ids=repr)
def test_an_empty_place_is_never_clicked(law):
    assert chances(law, 1.0, NOTHING)[1] == 0.0
    assert chances(law, NOTHING)[0] == 0.0


@pytest.mark.parametrize("law", [MultinomialLogit(), Proportional(), Cascade()], ids=repr)
def test_an_empty_place_takes_nothing_from_the_others(law):
    np.testing.assert_array_equal(chances(law, 0.5, NOTHING, 1.0)[[0, 2]], chances(law, 0.5, 1.0))


@pytest.mark.parametrize("law", ONE_CLICK, ids=repr)
@given(scores=SCORES)
def test_laws_of_one_click_share_out_at_most_one(law, scores):
    found = chances(law, *scores)
    assert ((found >= 0.0) & (found <= 1.0)).all()
    assert found.sum() <= 1.0 + 1e-12


@pytest.mark.parametrize("law", SEVERAL, ids=repr)
@given(scores=SCORES)
def test_laws_of_several_clicks_give_probabilities(law, scores):
    found = chances(law, *scores)
    assert ((found >= 0.0) & (found <= 1.0)).all()


@pytest.mark.parametrize("law", ONE_CLICK + SEVERAL, ids=repr)
def test_clicks_happen_as_often_as_their_probability(law):
    scores, draws = (0.5, -1.0, NOTHING, 1.5, 0.2), 4000
    found, expected = clicks(law, scores, draws), chances(law, *scores)
    error = np.sqrt(expected * (1.0 - expected) / draws)
    assert (np.abs(found.mean(axis=0) - expected) <= 4.0 * error).all()
    assert not found[:, 2].any()
    if law in ONE_CLICK:
        assert found.sum(axis=1).max() == 1
    elif law != PositionBased(link="nested"):
        assert found.sum(axis=1).max() >= 2


def test_logistic_by_hand():
    assert logistic(0.0) == 0.5
    assert logistic(math.log(3.0)) == pytest.approx(0.75)
    assert logistic(-math.log(3.0)) == pytest.approx(0.25)
    assert (logistic(-1e6), logistic(1e6)) == (0.0, 1.0)


@pytest.mark.parametrize("law", [Cascade(scale=100.0), PositionBased(slope=1e4)], ids=repr)
@pytest.mark.parametrize("score", [1e4, 1e9, 1e300])
def test_relevance_of_huge_scores_stays_a_probability(law, score):
    assert relevance(law.law(), score) == 1.0
    assert relevance(law.law(), -score) == 0.0


def test_nothing_clicked_must_be_worth_more_than_the_minimum():
    with pytest.raises(ValueError, match=r"no_click=-1.0 must be above minimum=-1.0"):
        Proportional(no_click=-1.0)
