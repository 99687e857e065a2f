"""Logging policies: random choices whose probabilities are known exactly.

Logs of theirs can be used to judge other policies off-policy
(:mod:`~mmenvs.recommender.data.estimators`).  The propensity of an item at a place is the marginal
probability of that item there, given the state; for slates that is what the item-position model asks for.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from mmenvs.recommender.policies.base import Actions, Policy, Values, candidates, choose
from mmenvs.recommender.policies.plackett_luce import draw_rankings, ranking_marginals
from mmenvs.recommender.simulator import RecommenderSimulator


class LoggingPolicy(Protocol):
    """A policy that knows the probabilities of its choices; for the actions "item" and "slate"."""

    def actions(self, simulator: RecommenderSimulator) -> Actions:
        """Return one valid action per world, shape (num_worlds, *action_space.shape)."""
        ...

    def sample(self, simulator: RecommenderSimulator) -> tuple[Actions, Values]:
        """Return actions, and the propensity of each of their places, shape (num_worlds, slate_size)."""
        ...

    def probabilities(self, simulator: RecommenderSimulator) -> Values:
        """Return the probability of each candidate at each place.

        Returns:
            Shape (num_worlds, candidates, slate_size); sums to 1 over candidates.
        """
        ...


class _Logging(ABC):
    """What logging policies share."""

    def __init__(self, seed: int) -> None:
        self._rng = np.random.default_rng(seed)

    def actions(self, simulator: RecommenderSimulator) -> Actions:
        """Return choices without their propensities."""
        return self.sample(simulator)[0]

    @abstractmethod
    def sample(self, simulator: RecommenderSimulator) -> tuple[Actions, Values]:
        """Return actions and propensities; see :class:`LoggingPolicy`."""


class Uniform(_Logging):
    """Shows any candidates, all different, each as likely as the others."""

    def __init__(self, seed: int = 0) -> None:
        """Seed the policy's own generator."""
        super().__init__(seed)

    def sample(self, simulator: RecommenderSimulator) -> tuple[Actions, Values]:
        """Return actions and propensities; see :class:`LoggingPolicy`."""
        shape = candidates(simulator).shape
        actions = choose(simulator, self._rng.random(shape))
        return actions, np.full(_slate_shape(simulator), 1.0 / shape[1])

    def probabilities(self, simulator: RecommenderSimulator) -> Values:
        """Return the target distribution; see :class:`LoggingPolicy`."""
        _, count = shape = candidates(simulator).shape
        return np.full((*shape, simulator.config.slate_size), 1.0 / count)


class EpsilonGreedy(_Logging):
    """Follows a deterministic policy, but in a share ``epsilon`` of all steps :class:`Uniform`.

    With ``epsilon=0`` it is the policy itself as a target, or as a logging policy with propensities of 1.
    """

    def __init__(self, base: Policy, epsilon: float = 0.1, seed: int = 0) -> None:
        """Wrap a policy.

        Args:
            base: A policy whose choice depends on the state alone, and whose slates hold different
                candidates.
            epsilon: Share of random steps, in [0, 1].
            seed: Of the policy's own generator.

        Raises:
            ValueError: If ``epsilon`` is not in [0, 1].
        """
        if not 0.0 <= epsilon <= 1.0:
            raise ValueError(f"epsilon={epsilon!r} must be from 0 to 1")
        super().__init__(seed)
        self.base, self.epsilon = base, float(epsilon)

    def sample(self, simulator: RecommenderSimulator) -> tuple[Actions, Values]:
        """Return actions and propensities; see :class:`LoggingPolicy`.

        Raises:
            ValueError: If the base policy's slate names a candidate twice.
        """
        greedy = self._greedy(simulator)
        shape = candidates(simulator).shape
        chance = choose(simulator, self._rng.random(shape)).reshape(greedy.shape)
        explore = self._rng.random(len(greedy)) < self.epsilon
        slates = np.where(explore[:, None], chance, greedy)
        propensities = (slates == greedy) * (1.0 - self.epsilon) + self.epsilon / shape[1]
        flat = simulator.config.action == "item"
        return (slates[:, 0] if flat else slates), propensities

    def probabilities(self, simulator: RecommenderSimulator) -> Values:
        """Return the target distribution; see :class:`LoggingPolicy`.

        Raises:
            ValueError: If the base policy's slate names a candidate twice.
        """
        greedy = self._greedy(simulator)
        worlds, places = greedy.shape
        count = candidates(simulator).shape[1]
        result = np.full((worlds, count, places), self.epsilon / count)
        result[np.arange(worlds)[:, None], greedy, np.arange(places)] += 1.0 - self.epsilon
        return result

    def observe(self, simulator: RecommenderSimulator, active: NDArray[np.bool_] | None = None) -> None:
        """Let the base policy learn, if it can."""
        learn = getattr(self.base, "observe", None)
        if learn is not None:
            learn(simulator, active)

    def _greedy(self, simulator: RecommenderSimulator) -> NDArray[np.int64]:
        slates = np.asarray(self.base.actions(simulator), np.int64).reshape(_slate_shape(simulator))
        ordered = np.sort(slates, axis=1)
        if (np.diff(ordered, axis=1) == 0).any():
            raise ValueError(
                f"base={type(self.base).__name__} names a candidate twice on a slate: its propensities are "
                "known only for slates of different candidates"
            )
        return slates


class Softmax(_Logging):
    """Shows a candidate with a probability that grows with its value, ``exp(value / temperature)``.

    A slate is drawn place by place without replacement (Plackett-Luce).  The marginal probabilities of its
    places are exact, by enumeration, and limited to pages and slates of moderate size: at most
    :data:`~mmenvs.recommender.policies.plackett_luce.MOST_SETS` sets above the last place, which 100
    candidates and 3 places are within, and 30 candidates and 5 places are not.
    """

    def __init__(
        self, values_of: Callable[[RecommenderSimulator], Values], temperature: float = 1.0, seed: int = 0
    ) -> None:
        """Wrap values.

        Args:
            values_of: Returns the value of each candidate, shape (num_worlds, candidates), such as
                :func:`~mmenvs.recommender.policies.appraisal.expected_satisfaction`.
            temperature: In the unit of the values, above 0.
            seed: Of the policy's own generator.

        Raises:
            ValueError: If ``temperature`` is not above 0.
        """
        if not temperature > 0.0:
            raise ValueError(f"temperature={temperature!r} must be above 0")
        super().__init__(seed)
        self.values_of, self.temperature = values_of, float(temperature)

    def sample(self, simulator: RecommenderSimulator) -> tuple[Actions, Values]:
        """Return actions and propensities; see :class:`LoggingPolicy`.

        Raises:
            ValueError: If there are too many slates to enumerate.
        """
        logits = self._logits(simulator)
        places = simulator.config.slate_size
        slates = draw_rankings(logits, places, self._rng)
        chances = ranking_marginals(logits, places)
        propensities = np.take_along_axis(chances, slates[:, None, :], axis=1)[:, 0]
        return (slates[:, 0] if simulator.config.action == "item" else slates), propensities

    def probabilities(self, simulator: RecommenderSimulator) -> Values:
        """Return the target distribution; see :class:`LoggingPolicy`.

        Raises:
            ValueError: If there are too many slates to enumerate.
        """
        return ranking_marginals(self._logits(simulator), simulator.config.slate_size)

    def _logits(self, simulator: RecommenderSimulator) -> Values:
        if simulator.config.action not in ("item", "slate"):
            raise ValueError(f"action={simulator.config.action!r} must be 'item' or 'slate'")
        return np.asarray(self.values_of(simulator), np.float64) / self.temperature


def _slate_shape(simulator: RecommenderSimulator) -> tuple[int, int]:
    return simulator.num_worlds, simulator.config.slate_size
