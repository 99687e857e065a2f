from __future__ import annotations

import json

import numpy as np
import pytest

from agents.evaluation import bootstrap, evaluate, wilson

TOY, NATIVE = "toy/Sides-v0", "mmenvs/Recommender-v0"


def always(action: int):
    return lambda observations: np.full(len(next(iter(observations.values()))), action)


def sees(observations: dict[str, np.ndarray]) -> np.ndarray:
    return (observations["camera"][:, 0, -1, 0] > 0).astype(np.int64)


@pytest.mark.parametrize("env_id", [TOY, NATIVE])
def test_episodes_do_not_depend_on_how_many_run_together(env_id: str) -> None:
    results = [evaluate(always(0), env_id, 11, num_envs=n) for n in (1, 4, 64)]
    for other in results[1:]:
        np.testing.assert_array_equal(other.returns, results[0].returns)
        np.testing.assert_array_equal(other.lengths, results[0].lengths)
        np.testing.assert_array_equal(other.successes, results[0].successes)


def test_a_perfect_policy_by_hand() -> None:
    result = evaluate(sees, TOY, 7, num_envs=3)
    np.testing.assert_array_equal(result.returns, np.full(7, 8.0))
    np.testing.assert_array_equal(result.lengths, np.full(7, 8))
    assert result.success_rate is not None
    assert result.success_rate.mean == 1.0
    assert (result.mean_return.low, result.mean_return.high) == (8.0, 8.0)


def test_short_episodes_are_not_favoured() -> None:
    """Stopping at the first n episodes to end would count short ones more often."""
    few = evaluate(always(1), TOY, 64, num_envs=64)
    again = evaluate(always(1), TOY, 64, num_envs=8)
    assert few.mean_length.mean == again.mean_length.mean
    assert few.lengths.min() < few.lengths.max()


def test_held_out_and_seed() -> None:
    test, train, other = (
        evaluate(always(0), TOY, 20, split=split, seed=seed).returns
        for split, seed in (("test", 0), ("train", 0), ("test", 100))
    )
    assert not np.array_equal(test, train)
    assert not np.array_equal(test, other)
    np.testing.assert_array_equal(evaluate("random", TOY, 9).returns, evaluate("random", TOY, 9).returns)


def test_the_expert_beats_chance() -> None:
    expert, chance = (evaluate(name, NATIVE, 24, num_envs=24) for name in ("expert", "random"))
    assert expert.mean_return.low > chance.mean_return.high


def test_environments_without_success() -> None:
    result = evaluate("random", "CartPole-v1", 5)
    assert result.successes is None
    assert result.success_rate is None
    assert json.loads(json.dumps(result.to_dict()))["success_rate"] is None


def test_intervals_by_hand() -> None:
    # Wilson, 8 of 10: Brown, Cai and DasGupta, "Interval estimation for a binomial proportion", 2001.
    rate = wilson(8, 10)
    assert (rate.mean, round(rate.low, 3), round(rate.high, 3)) == (0.8, 0.490, 0.943)
    assert wilson(10, 10).low < 0.75
    assert wilson(10, 10).high == 1.0
    assert wilson(0, 10).low == 0.0
    values = np.random.default_rng(0).normal(3.0, 2.0, 400)
    estimate = bootstrap(values)
    half = 1.96 * values.std() / 20
    assert estimate.mean == pytest.approx(values.mean())
    assert estimate.low == pytest.approx(values.mean() - half, abs=0.05)
    assert estimate.high == pytest.approx(values.mean() + half, abs=0.05)
    assert bootstrap(values) == estimate


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"policy": "clever"}, "policy='clever' must be"),
        ({"policy": "expert"}, "no scripted expert"),
        ({"episodes": 0}, "episodes=0"),
        ({"split": "dev"}, "split='dev' must be"),
        ({"env_id": "toy/Side-v0"}, "did you mean toy/Sides"),
    ],
)
def test_errors_name_the_argument(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        evaluate(**{"policy": "random", "env_id": TOY, "episodes": 2, **arguments})  # type: ignore[arg-type]
