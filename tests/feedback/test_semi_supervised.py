from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from gymnasium import spaces
from hypothesis import given
from hypothesis import strategies as st

from feedback.clips import Segment
from feedback.evidence import Comparison, Stars
from feedback.reward_models import RewardConfig, RewardModel
from feedback.semi_supervised import Guesses, crop_pair, cropped


class Believes:
    """Is as likely to prefer the first segment as its first true reward says."""

    held = False

    def probabilities(self, first, second):
        return np.array([segment.rewards[0] for segment in first])

    def holds_out(self, *digests):
        return self.held


def pairs_of(make_segment, chances):
    return [(make_segment([x], 2 * k), make_segment([0.0], 2 * k + 1)) for k, x in enumerate(chances)]


def first_rewards(scores):
    """A member that scores a segment by a parameter of its own."""
    return lambda segments: torch.stack([scores[int(segment.seed)] for segment in segments])


def test_an_answer_counts_only_where_the_ensemble_is_sure(make_segment) -> None:
    guesses = Guesses.of(Believes(), pairs_of(make_segment, [0.95, 0.9, 0.5, 0.1, 0.02]), 0.9)
    assert guesses.sure.tolist() == [True, False, False, False, True]
    assert guesses.first.tolist() == [True, True, False, False, False]


def test_pairs_that_agreement_is_measured_on_are_never_learned_from(make_segment) -> None:
    judge = Believes()
    judge.held = True
    guesses = Guesses.of(judge, pairs_of(make_segment, [0.99]), 0.9)
    assert guesses.pairs == ()
    assert float(guesses.loss(lambda _: torch.ones(2), 4, 1.0, np.random.default_rng(0))) == 0


def test_the_gradient_is_that_of_the_sure_pairs_alone(make_segment) -> None:
    scores = torch.zeros(4, requires_grad=True)
    segments = [make_segment([0.0], k, seed=k) for k in range(4)]
    pairs = ((segments[0], segments[1]), (segments[2], segments[3]))
    guesses = Guesses(pairs, np.array([False, True]), np.array([True, False]))
    loss = guesses.loss(first_rewards(scores), 400, 1.0, np.random.default_rng(0))
    loss.backward()
    # Half of the draws are sure: log 2 / 2, and the second of the first pair is pulled up by a quarter.
    assert loss.item() == pytest.approx(math.log(2) / 2, abs=0.04)
    assert scores.grad[:2].tolist() == pytest.approx([0.25, -0.25], abs=0.03)
    assert scores.grad[2:].tolist() == [0.0, 0.0]
    nobody = Guesses(pairs, np.array([True, True]), np.array([False, False]))
    unsure = nobody.loss(first_rewards(scores), 8, 1.0, np.random.default_rng(0))
    assert unsure.item() == 0 and not unsure.requires_grad


@given(
    lengths=st.tuples(st.integers(1, 12), st.integers(1, 12)),
    crop=st.floats(0.05, 1.0),
    ended=st.booleans(),
    seed=st.integers(0, 99),
)
def test_pieces_are_alike_in_length_and_ends_stay_whole(lengths, crop, ended, seed) -> None:
    first, second = (
        Segment({"x": np.arange(n)}, np.arange(n), np.zeros(n), "Toy-v0", 0, 0, terminated=end)
        for n, end in zip(lengths, (False, ended), strict=True)
    )
    one, other = crop_pair(first, second, crop, np.random.default_rng(seed))
    if ended:
        assert (one, other) == (first, second)
        return
    shortest = min(lengths)
    assert math.ceil(crop * shortest) <= len(one) <= max(lengths)
    if (one, other) != (first, second):
        assert len(one) == len(other) <= shortest
    for piece in (one, other):
        # A run of steps, and the observation that comes after them.
        assert (np.diff(piece.actions) == 1).all() and piece.actions[0] == piece.start
        assert (piece.after["x"][:-1] == piece.observations["x"][1:]).all()


def test_only_comparisons_are_cropped_and_answers_stay(make_segment) -> None:
    compared = Comparison(make_segment([1.0] * 8, 0), make_segment([0.0] * 8, 1), (0.0, 1.0), "ann")
    rated = Stars(make_segment([1.0] * 8, 2), 4)
    rng = np.random.default_rng(0)
    lengths = set()
    for _ in range(60):
        one, other = cropped([compared, rated], 0.5, rng)
        assert other is rated and (one.target, one.labeller) == ((0.0, 1.0), "ann")
        lengths.add(len(one.first))
    assert lengths == {4, 5, 6, 7, 8}


def toy(rng: np.random.Generator) -> Segment:
    x = rng.uniform(-1, 1, (4, 1)).astype(np.float32)
    return Segment({"x": x}, np.zeros((4, 1), np.float32), x[:, 0].astype(float), "Toy-v0", 0, 0)


def test_a_reward_model_learns_from_pairs_without_answers() -> None:
    rng = np.random.default_rng(0)
    asked, unasked = ([(toy(rng), toy(rng)) for _ in range(count)] for count in (40, 60))
    evidence = [
        Comparison(a, b, (1.0, 0.0) if a.rewards.sum() > b.rewards.sum() else (0.0, 1.0)) for a, b in asked
    ]

    def fitted(unlabelled, **changes) -> RewardModel:
        box = spaces.Box(-1, 1, (1,))
        config = RewardConfig(members=2, horizon=4, sees="before", epochs=6, held_out=0.0, **changes)
        model = RewardModel(spaces.Dict({"x": box}), box, config, seed=0)
        assert model.fit(evidence, unlabelled=unlabelled).learned_from == 40
        return model

    def scores(model):
        return model.scores([a for a, _ in unasked])

    plain = scores(fitted(()))
    np.testing.assert_array_equal(scores(fitted(unasked)), plain)  # without a weight nothing changes
    assert (scores(fitted(unasked, surf_weight=1.0, surf_threshold=0.6)) != plain).any()
    assert (scores(fitted((), crop=0.5)) != plain).any()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("surf_weight", -1.0),
        ("surf_weight", math.inf),
        ("surf_threshold", 0.4),
        ("surf_threshold", 1.0),
        ("crop", 0.0),
        ("crop", 1.5),
    ],
)
def test_bad_settings_are_named(field, value) -> None:
    with pytest.raises(ValueError, match=f"{field}={value}"):
        RewardConfig(**{field: value})
