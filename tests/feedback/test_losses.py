from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st

from feedback.losses import (
    bradley_terry_loss,
    evaluation_loss,
    generalised_cross_entropy,
    ordinal_loss,
    plackett_luce_loss,
)

scores = st.lists(st.tuples(*[st.floats(-30, 30)] * 2), min_size=1, max_size=6)
targets = st.sampled_from([(1.0, 0.0), (0.0, 1.0), (0.5, 0.5)])
noises = st.sampled_from([0.0, 0.1, 0.5])


def loss(first: float, second: float, target: tuple[float, float], noise: float = 0.0) -> float:
    arguments = [torch.tensor([value], dtype=torch.float64) for value in (first, second)]
    return float(bradley_terry_loss(*arguments, torch.tensor([target], dtype=torch.float64), noise=noise))


def test_computed_by_hand() -> None:
    p = 1 / (1 + math.exp(-2.0))  # scores 3 and 1
    assert loss(3, 1, (1, 0)) == pytest.approx(-math.log(p))
    assert loss(3, 1, (0, 1)) == pytest.approx(-math.log(1 - p))
    assert loss(3, 1, (0.5, 0.5)) == pytest.approx(-0.5 * math.log(p) - 0.5 * math.log(1 - p))
    assert loss(3, 1, (1, 0), noise=0.1) == pytest.approx(-math.log(0.9 * p + 0.05))
    assert loss(0, 0, (1, 0), noise=0.3) == pytest.approx(math.log(2))


def test_noise_bounds_the_loss_of_a_confident_mistake() -> None:
    assert loss(-500, 500, (1, 0)) == pytest.approx(1000)
    assert loss(-500, 500, (1, 0), noise=0.1) == pytest.approx(-math.log(0.05))


@given(scores, targets, noises)
def test_swapping_sides_changes_nothing_and_flips_the_gradient(pairs, target, noise) -> None:
    values = torch.tensor(pairs, dtype=torch.float64)
    first, second = (values[:, i].clone().requires_grad_() for i in range(2))
    wanted = torch.tensor([target] * len(pairs), dtype=torch.float64)
    direct = bradley_terry_loss(first, second, wanted, noise=noise)
    swapped = bradley_terry_loss(second, first, wanted.flip(1), noise=noise)
    torch.testing.assert_close(direct, swapped)
    by_first, by_second = torch.autograd.grad(direct.sum(), (first, second))
    torch.testing.assert_close(by_first, -by_second)


@given(scores, st.floats(-50, 50))
def test_only_the_difference_counts(pairs, shift) -> None:
    values = torch.tensor(pairs, dtype=torch.float64)
    wanted = torch.tensor([(1.0, 0.0)] * len(pairs), dtype=torch.float64)
    torch.testing.assert_close(
        bradley_terry_loss(values[:, 0], values[:, 1], wanted),
        bradley_terry_loss(values[:, 0] + shift, values[:, 1] + shift, wanted),
    )


def test_wrong_arguments_are_named() -> None:
    two, three = torch.zeros(2), torch.zeros(3)
    with pytest.raises(ValueError, match="noise=1"):
        bradley_terry_loss(two, two, torch.zeros(2, 2), noise=1)
    with pytest.raises(ValueError, match="scores have shapes"):
        bradley_terry_loss(two, three, torch.zeros(2, 2))


ranked = st.lists(st.floats(-20, 20), min_size=2, max_size=6)
cuts = st.lists(st.floats(0.1, 3), min_size=1, max_size=5).map(lambda gaps: np.cumsum(gaps) - 3.0)


def tensor(values) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64)


@given(scores)
def test_a_ranking_of_two_is_a_preference(pairs) -> None:
    values, wanted = tensor(pairs), tensor([(1.0, 0.0)] * len(pairs))
    torch.testing.assert_close(
        plackett_luce_loss(values), bradley_terry_loss(values[:, 0], values[:, 1], wanted)
    )


def test_a_ranking_computed_by_hand() -> None:
    a, b, c = (math.exp(r) for r in (2.0, 1.0, -1.0))
    chance = a / (a + b + c) * b / (b + c)
    assert float(plackett_luce_loss(tensor([[2.0, 1.0, -1.0]]))) == pytest.approx(-math.log(chance))


@given(ranked)
def test_all_rankings_together_are_certain(values) -> None:
    if len(values) > 4:
        values = values[:4]
    orders = tensor(list(itertools.permutations(values)))
    assert float(torch.exp(-plackett_luce_loss(orders)).sum()) == pytest.approx(1.0)


@given(ranked, st.integers(1, 3))
def test_places_that_are_empty_do_not_count(values, empty) -> None:
    mask = torch.tensor([[True] * len(values) + [False] * empty])
    filled = tensor([[*values, *[99.0] * empty]]).requires_grad_()
    loss = plackett_luce_loss(filled, mask)
    torch.testing.assert_close(loss, plackett_luce_loss(tensor([values])))
    (gradient,) = torch.autograd.grad(loss.sum(), filled)
    assert torch.isfinite(gradient).all()
    assert not gradient[:, len(values) :].any()


@given(st.floats(-30, 30), cuts)
def test_all_ratings_together_are_certain(score, thresholds) -> None:
    best = len(thresholds) + 1
    losses = ordinal_loss(tensor([score] * best), torch.arange(1, best + 1), tensor(thresholds))
    assert float(torch.exp(-losses).sum()) == pytest.approx(1.0)
    assert torch.isfinite(losses).all()


def test_a_rating_computed_by_hand() -> None:
    def below(x: float) -> float:
        return 1 / (1 + math.exp(-x))

    edges = tensor([-1.0, 0.5, 2.0])
    losses = ordinal_loss(tensor([0.25] * 4), torch.arange(1, 5), edges)
    cumulative = [below(edge - 0.25) for edge in (-1.0, 0.5, 2.0)]
    wanted = np.diff([0.0, *cumulative, 1.0])
    torch.testing.assert_close(torch.exp(-losses), tensor(wanted))


@given(st.floats(-5, 5), cuts)
def test_gradients_of_ratings_are_those_of_differences(score, thresholds) -> None:
    best = len(thresholds) + 1
    values = torch.arange(1, best + 1)
    arguments = (tensor([score] * best).requires_grad_(), tensor(thresholds).requires_grad_())
    assert torch.autograd.gradcheck(lambda s, t: ordinal_loss(s, values, t), arguments)


def test_each_person_has_thresholds_of_their_own() -> None:
    strict, kind = tensor([1.0, 2.0]), tensor([-2.0, -1.0])
    together = ordinal_loss(tensor([0.0, 0.0]), torch.tensor([1, 3]), torch.stack((strict, kind)))
    apart = [
        float(ordinal_loss(tensor([0.0]), torch.tensor([value]), edges))
        for value, edges in ((1, strict), (3, kind))
    ]
    assert together.tolist() == pytest.approx(apart)


def test_an_evaluation_is_shared_out() -> None:
    rewards, weights = tensor([[1.0, 3.0, 9.0]]), tensor([[0.25, 0.75, 0.0]])
    assert float(evaluation_loss(rewards, tensor([1.0]), weights)) == pytest.approx(0.75 * 4)


@given(st.floats(0, 50), st.floats(0, 1))
@example(0.5, 5e-324)  # half of the smallest number is rounded to nothing
def test_a_robust_loss_lies_between_an_error_and_a_log_likelihood(value, q) -> None:
    robust = float(generalised_cross_entropy(tensor([value]), q))
    assert 1 - math.exp(-value) - 1e-9 <= robust <= value + 1e-9


def test_what_is_surely_wrong_pulls_less_when_robust() -> None:
    difference = tensor([-6.0]).requires_grad_()
    plain = bradley_terry_loss(difference, tensor([0.0]), tensor([(1.0, 0.0)]))
    (pull,) = torch.autograd.grad(generalised_cross_entropy(plain, 0.7).sum(), difference, retain_graph=True)
    (full,) = torch.autograd.grad(plain.sum(), difference)
    assert abs(float(pull)) < 0.05 * abs(float(full))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: plackett_luce_loss(torch.zeros(2, 1)), "with two clips or more"),
        (lambda: ordinal_loss(torch.zeros(1), torch.tensor([4]), torch.zeros(2)), "must be in 1 to 3"),
        (lambda: ordinal_loss(torch.zeros(1), torch.zeros(2), torch.zeros(2)), "have shapes"),
        (lambda: evaluation_loss(torch.zeros(2), torch.zeros(2), torch.zeros(2)), "have shapes"),
        (lambda: generalised_cross_entropy(torch.zeros(2), 2.0), "q=2.0 must be in"),
    ],
)
def test_losses_name_what_is_wrong(call, words) -> None:
    with pytest.raises(ValueError, match=words):
        call()
