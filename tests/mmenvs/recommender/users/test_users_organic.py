"""What users look at by themselves."""

import math

import numpy as np
import pytest
from law_calls import draw_view, next_phase, stream

from mmenvs.recommender.arrays import FACT
from mmenvs.recommender.users import Organic
from mmenvs.recommender.users.organic import BROWSING, GONE, OPEN_TO_OFFERS


@pytest.mark.parametrize(
    ("phase", "expected"),
    [
        (BROWSING, {BROWSING: 0.6, OPEN_TO_OFFERS: 0.3}),
        (OPEN_TO_OFFERS, {BROWSING: 0.2, OPEN_TO_OFFERS: 0.7}),
    ],
)
def test_the_chain_has_its_frequencies(phase, expected):
    law, streams, draws = Organic(to_offers=0.3, to_browsing=0.2, leave=0.1).law(), stream(), 8000
    seen = np.bincount([next_phase(law, phase, streams, 0) for _ in range(draws)], minlength=3) / draws
    for following, chance in {**expected, GONE: 0.1}.items():
        error = math.sqrt(chance * (1.0 - chance) / draws)
        assert seen[following] == pytest.approx(chance, abs=4 * error)


def test_views_follow_the_softmax_of_the_scores():
    traits, taste = np.array([[0.0], [1.0], [2.0]]), np.array([[math.log(2.0)]])
    facts, streams, draws = np.zeros(3, FACT), stream(), 8000
    facts["bias"] = [math.log(3.0), 0.0, 0.0]
    expected = np.array([3.0, 2.0, 4.0]) / 9.0
    seen = (
        np.bincount([draw_view(taste, traits, facts, streams, 0) for _ in range(draws)], minlength=3) / draws
    )
    np.testing.assert_allclose(seen, expected, atol=4 * 0.5 / math.sqrt(draws))


def test_probabilities_must_not_exceed_one():
    with pytest.raises(ValueError, match=r"to_offers=0.95 and leave=0.1 must not sum to over 1"):
        Organic(to_offers=0.95, leave=0.1)
