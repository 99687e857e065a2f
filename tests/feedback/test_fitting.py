from __future__ import annotations

import math

import numpy as np
import pytest
from gymnasium import spaces

from agents.config import EncoderConfig
from feedback.clips import Segment
from feedback.fitting import fit_ends
from feedback.likelihood import Likelihood
from feedback.reward_network import RewardNetwork

HORIZON = 4


@pytest.fixture
def net() -> RewardNetwork:
    space = spaces.Dict({"state": spaces.Box(-1, 1, (2,), np.float32)})
    return RewardNetwork(space, spaces.Discrete(2), EncoderConfig(), 8, Likelihood())


def segment(*, failed: bool, steps: int = HORIZON) -> Segment:
    return Segment(
        observations={"state": np.zeros((steps, 2), np.float32)},
        actions=np.zeros(steps, np.int64),
        rewards=np.zeros(steps),
        env_id="Toy-v0",
        seed=0,
        start=0,
        terminated=failed,
    )


def answers(failure_lost: int, failure_won: int) -> list[tuple[Segment, Segment]]:
    """Pairs of full length of which one fails."""
    alive, ended = segment(failed=False), segment(failed=True)
    return [(alive, ended)] * failure_lost + [(ended, alive)] * failure_won


def test_a_failure_costs_the_log_odds_of_losing(net) -> None:
    fit_ends(net, answers(7000, 3000), HORIZON, noise=0.0)
    assert net.failure.item() == pytest.approx(-math.log(700 / 300), abs=2e-3)
    assert net.arrival.item() == 0


def test_what_the_steps_explain_is_not_explained_again(net) -> None:
    pairs = answers(700, 300)
    net.failure.data.fill_(-5.0)
    net.absorbing.data.fill_(-0.3)
    # The network makes every failing segment worse by 0.5, and the failure by 5 more.
    gaps = np.array([5.5] * 700 + [-5.5] * 300)
    fit_ends(net, pairs, HORIZON, noise=0.0, gaps=gaps)
    assert net.failure.item() == pytest.approx(-math.log(700 / 300) + 0.5, abs=2e-3)
    assert net.absorbing.item() == pytest.approx(-0.3)


def test_answers_that_are_probably_random_count_less(net) -> None:
    fit_ends(net, answers(950, 50), HORIZON, noise=0.0)
    taken_literally = net.failure.item()
    fit_ends(net, answers(950, 50), HORIZON, noise=0.1)
    assert net.failure.item() < 1.3 * taken_literally < 0


def test_everybody_agreeing_stays_finite(net) -> None:
    fit_ends(net, answers(200, 0), HORIZON, noise=0.1)
    assert -20 < net.failure.item() < -4


def test_without_an_end_nothing_changes(net) -> None:
    net.failure.data.fill_(-1.5)
    fit_ends(net, [(segment(failed=False), segment(failed=False, steps=2))], HORIZON, noise=0.0)
    fit_ends(net, [], HORIZON, noise=0.0)
    assert net.failure.item() == -1.5
