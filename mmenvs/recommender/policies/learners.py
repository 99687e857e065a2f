"""Policies that learn while they act, from what an agent can see: linear bandits.

One model is shared by all worlds.  The value of showing an item to a user is linear in the products of
what is known of the user with what is known of the item (:mod:`~mmenvs.recommender.policies.visible`), so
that what one user teaches serves all.  The models are of the moment: they see boredom in the history, but
do not plan for it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from mmenvs.recommender.policies.base import Actions, Values, choose
from mmenvs.recommender.policies.visible import EXTRA, Visible, item_vectors, look, observed_gains
from mmenvs.recommender.simulator import RecommenderSimulator


class LearningPolicy(Protocol):
    """A policy that is told what came of its actions."""

    def actions(self, simulator: RecommenderSimulator) -> Actions:
        """Return one valid action per world, shape (num_worlds, *action_space.shape)."""
        ...

    def observe(self, simulator: RecommenderSimulator, active: NDArray[np.bool_] | None = None) -> None:
        """Learn from the step that followed.

        Args:
            simulator: The worlds after the step, before any of them is reset.
            active: Worlds that were advanced, shape (num_worlds,); all if None.
        """
        ...


class _LinearBandit(ABC):
    """Ridge regression of gains on user features x item features, all worlds in one model.

    With x the outer product of c (user) and f (item), flattened: ``A = ridge I + sum x x'``,
    ``b = sum gain x``, ``theta = A^-1 b``.
    """

    def __init__(self, exploration: float, size: int, ridge: float) -> None:
        for name, value, least in (("size", size, 1), ("exploration", exploration, 0.0)):
            if not value >= least:
                raise ValueError(f"{name}={value!r} must be at least {least}")
        if not ridge > 0.0:
            raise ValueError(f"ridge={ridge!r} must be above 0")
        self.exploration, self.size, self.ridge = float(exploration), int(size), float(ridge)
        self._vectors: Values | None = None
        self._seen: Visible | None = None
        self._moment: Values = np.zeros(0)
        self._weights: Values = np.zeros(0)
        self._precision: Values = np.zeros((0, 0))
        self._covariance: Values = np.zeros((0, 0))

    def actions(self, simulator: RecommenderSimulator) -> Actions:
        """Return the choices of highest optimistic value.

        Raises:
            ValueError: If the action space does not name candidates, or the features have changed.
        """
        if self._vectors is None or len(self._vectors) != len(simulator.catalogue):
            self._vectors = item_vectors(simulator, self.size)
        seen = look(simulator, self._vectors)
        features = seen.user.shape[1] * (self.size + EXTRA)
        if not self._weights.size:
            self._precision = self.ridge * np.eye(features)
            self._covariance = np.eye(features) / self.ridge
            self._moment, self._weights = np.zeros(features), np.zeros(features)
        if self._weights.size != features:
            raise ValueError(
                f"this policy has learnt from {self._weights.size} features, but sees {features} here"
            )
        self._seen = seen
        return choose(simulator, self._values(seen))

    def observe(self, simulator: RecommenderSimulator, active: NDArray[np.bool_] | None = None) -> None:
        """Learn what the items shown have brought; see :meth:`LearningPolicy.observe`.

        Raises:
            RuntimeError: If :meth:`actions` was not called for this step.
        """
        if self._seen is None:
            raise RuntimeError("observe() must follow actions() and the step")
        seen, self._seen = self._seen, None
        shown: NDArray[np.int64] = simulator.state.slate["item"]
        gains = observed_gains(simulator)
        rows = shown >= 0
        if active is not None:
            rows &= active[:, None]
        world, place = np.nonzero(rows)
        if not world.size:
            return
        column = np.argmax(seen.page[world] == shown[world, place][:, None], axis=1)
        outer = seen.user[world, :, None] * seen.candidates[world, column][:, None, :]
        x = outer.reshape(len(world), -1)
        self._precision += x.T @ x
        self._moment += gains[world, place] @ x
        if len(x) < x.shape[1]:
            # Sherman, Morrison & Woodbury: the inverse changes in as many directions as there are rows.
            moved = self._covariance @ x.T
            self._covariance -= moved @ np.linalg.solve(np.eye(len(x)) + x @ moved, moved.T)
        else:
            self._covariance = np.asarray(np.linalg.inv(self._precision), np.float64)
        self._covariance = 0.5 * (self._covariance + self._covariance.T)
        self._weights = self._covariance @ self._moment

    @abstractmethod
    def _values(self, seen: Visible) -> Values:
        """Return what to choose by, shape (worlds, candidates)."""

    def _means(self, seen: Visible, weights: Values) -> Values:
        """Return c' W f for weights of shape (user features x item features) or (worlds, the same)."""
        shape = (-1, seen.user.shape[1], seen.candidates.shape[2])
        own = np.einsum("wp,wpq->wq", seen.user, np.broadcast_to(weights.reshape(shape), _per_world(seen)))
        return np.asarray(np.matmul(seen.candidates, own[..., None])[..., 0])


class LinUCB(_LinearBandit):
    """Shows the items with the highest upper confidence bounds, ``x' theta + exploration sqrt(x' A^-1 x)``.

    Li, Chu, Langford & Schapire, "A contextual-bandit approach to personalized news article recommendation"
    (WWW 2010), with one model for all arms: an item is what the catalogue shows of it.
    """

    def __init__(self, exploration: float = 0.2, *, size: int = 16, ridge: float = 1.0) -> None:
        """Know nothing yet.

        Args:
            exploration: Width of the confidence bounds, in the unit of the reward; 0 is greedy.
            size: Principal components by which items are known.
            ridge: Precision of the prior on weights.

        Raises:
            ValueError: If a number is not allowed.
        """
        super().__init__(exploration, size, ridge)

    def _values(self, seen: Visible) -> Values:
        mean = self._means(seen, self._weights)
        if self.exploration == 0.0:
            return mean
        users, size = seen.user.shape[1], seen.candidates.shape[2]
        # x' A^-1 x for x = c (x) f: contract with c on both sides first, then with each candidate's f.
        half = seen.user @ self._covariance.reshape(users, -1)
        form = np.einsum("wqrs,wr->wqs", half.reshape(-1, size, users, size), seen.user)
        variance = (np.matmul(seen.candidates, form) * seen.candidates).sum(axis=2)
        return np.asarray(mean + self.exploration * np.sqrt(np.maximum(variance, 0.0)))


class ThompsonSampling(_LinearBandit):
    """Draws one model per world from the posterior ``N(theta, exploration^2 A^-1)`` and acts greedily on it.

    Agrawal & Goyal, "Thompson sampling for contextual bandits with linear payoffs" (ICML 2013).
    """

    def __init__(
        self, exploration: float = 0.1, *, size: int = 16, ridge: float = 1.0, seed: int = 0
    ) -> None:
        """Know nothing yet.

        Args:
            exploration: Standard deviation of a reward's noise, in its unit; 0 is greedy.
            size: Principal components by which items are known.
            ridge: Precision of the prior on weights.
            seed: Of the draws.

        Raises:
            ValueError: If a number is not allowed.
        """
        super().__init__(exploration, size, ridge)
        self._rng = np.random.default_rng(seed)

    def _values(self, seen: Visible) -> Values:
        draws = self._rng.standard_normal((len(seen.user), self._weights.size))
        root = np.linalg.cholesky(self._covariance)
        return self._means(seen, self._weights + self.exploration * draws @ root.T)


def _per_world(seen: Visible) -> tuple[int, int, int]:
    return len(seen.user), seen.user.shape[1], seen.candidates.shape[2]
