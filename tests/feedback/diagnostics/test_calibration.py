from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedback.diagnostics.calibration import COLDEST, HOTTEST, best_temperature, calibration, probabilities


def test_probabilities_are_averaged_not_scores() -> None:
    first, second = np.array([[0.0, 1e4], [math.log(3), 1e4]]), np.zeros((2, 2))
    np.testing.assert_allclose(probabilities(first, second), [(0.5 + 0.75) / 2, 1.0])


def test_the_error_by_hand() -> None:
    # Two bins over [0.5, 1]: 0.6 (right), 0.7 (wrong) and 0.9 (right), 0.8 (right); a tie is left out.
    found = calibration([0.6, 0.3, 0.9, 0.2, 0.99], [1.0, 1.0, 1.0, 0.0, 0.5], bins=2)
    assert found.pairs == 4
    assert [b.pairs for b in found.bins] == [2, 2]
    assert [b.confidence for b in found.bins] == pytest.approx([0.65, 0.85])
    assert [b.accuracy for b in found.bins] == [0.5, 1.0]
    assert found.error == pytest.approx(0.5 * 0.15 + 0.5 * 0.15)
    assert found.loss == pytest.approx(-np.mean(np.log([0.6, 0.3, 0.9, 0.8])))


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=30), st.data())
def test_which_segment_is_called_the_first_does_not_matter(pairs, data) -> None:
    swapped = data.draw(st.lists(st.booleans(), min_size=len(pairs), max_size=len(pairs)))
    # 0.5 is no side at all, and 1 - p rounds: a pair at the border of a bin may move, by rounding alone.
    chance = np.round([p for p, _ in pairs], 3) * 0.997 + 0.0007
    target = np.array([float(t) for _, t in pairs])
    mirrored = np.where(swapped, 1 - chance, chance), np.where(swapped, 1 - target, target)
    one, other = calibration(chance, target, seed=3), calibration(*mirrored, seed=3)
    assert one.error == pytest.approx(other.error, abs=1e-9)
    assert one.temperature == pytest.approx(other.temperature, rel=1e-6)
    assert 0 <= one.error <= 1


def test_overconfidence_is_seen_and_its_temperature_found() -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(scale=1.5, size=4000)
    answers = (rng.random(4000) < 1 / (1 + np.exp(-logits))).astype(float)
    honest = calibration(1 / (1 + np.exp(-logits)), answers)
    boastful = calibration(1 / (1 + np.exp(-3 * logits)), answers)
    assert honest.error < honest.by_chance < 0.05 < boastful.error
    assert honest.temperature == pytest.approx(1, abs=0.1)
    assert boastful.temperature == pytest.approx(3, abs=0.3)
    assert boastful.confidence > boastful.accuracy
    assert (
        boastful.tempered_loss == pytest.approx(honest.tempered_loss, abs=1e-3)
        and boastful.loss > honest.loss
    )


def test_few_pairs_excuse_a_large_error() -> None:
    rng = np.random.default_rng(1)
    chance = rng.uniform(0.5, 1, 12)
    assert calibration(chance, (rng.random(12) < chance).astype(float)).by_chance > 0.2


def test_temperatures_end_where_all_pairs_are_right_or_wrong() -> None:
    assert best_temperature(np.array([1.0, 2.0])) == pytest.approx(COLDEST, rel=1e-3)
    assert best_temperature(np.array([-1.0, -2.0])) == pytest.approx(HOTTEST, rel=1e-3)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([0.5], [0.5]), "at least one decided pair"),
        (([1.2], [1.0]), r"probabilities in \[0, 1\]"),
        (([math.nan], [1.0]), r"probabilities in \[0, 1\]"),
        (([0.7], [1.0], 0), "bins=0"),
    ],
)
def test_bad_input_is_named(arguments, message) -> None:
    predicted, targets, *bins = arguments
    with pytest.raises(ValueError, match=message):
        calibration(predicted, targets, **({"bins": bins[0]} if bins else {}))
