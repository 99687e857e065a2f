from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from feedback.losses import bradley_terry_loss

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
