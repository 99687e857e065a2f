"""From wishes to actions that cannot name candidates: points among items, and weights of attributes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from mmenvs.recommender.policies.appraisal import appraise
from mmenvs.recommender.policies.base import Actions, Values, candidates, top
from mmenvs.recommender.policies.visible import clicked_history
from mmenvs.recommender.simulator import RecommenderSimulator
from mmenvs.recommender.users.boredom import FADING
from mmenvs.recommender.users.choice import POSITION

#: How much more the regression minds items of high value: exponents per standard deviation.
_SHARPNESS = (0.0, 1.0, 2.0, 4.0)
_RIDGE = 1e-6


class ProjectedPolicy:
    """Takes the action whose slate is worth most among some that come close to what is wished for.

    A best effort, not a true ceiling; it reads the hidden state.  The values of the items are regressed on
    what the action weighs: the items' vectors for "proto", attributes and match for "weights".  The
    coefficients are the action.  As only the top of the ranking is shown, several regressions are tried that
    mind high values more and more, then random changes of the best so far.  A slate is worth the values of
    its places, less a fine for each category that its clicks are about to bore the user with.
    """

    def __init__(
        self,
        values_of: Callable[[RecommenderSimulator], Values] | None = None,
        *,
        fine: float = 1.0,
        tries: int = 16,
        seed: int = 0,
    ) -> None:
        """Wish for values.

        Args:
            values_of: Returns the value of showing each candidate, shape (num_worlds, candidates); by default
                :func:`cautious_values`.
            fine: Cost of boring the user with a category, in the largest gains of a click.
            tries: Random changes in each of two rounds.
            seed: Of the changes.

        Raises:
            ValueError: If a number is negative.
        """
        for name, value in (("fine", fine), ("tries", tries)):
            if not value >= 0:
                raise ValueError(f"{name}={value!r} must be at least 0")
        self.values_of, self.fine, self.tries = values_of or cautious_values, float(fine), int(tries)
        self._rng = np.random.default_rng(seed)

    def actions(self, simulator: RecommenderSimulator) -> Actions:
        """Return the points or weights, in [-1, 1].

        Raises:
            ValueError: If the action names candidates.
        """
        action = simulator.config.action
        if action not in ("proto", "weights"):
            raise ValueError(f"action={action!r} must be 'proto' or 'weights'")
        values = self.values_of(simulator)
        features = proto_features(simulator) if action == "proto" else weight_features(simulator)
        spread = np.maximum(values.std(axis=1, keepdims=True), 1e-12)
        standard = (values - values.mean(axis=1, keepdims=True)) / spread
        search = _Search(simulator, features, values, self.fine)
        for sharpness in _SHARPNESS:
            weight = np.exp(sharpness * (standard - standard.max(axis=1, keepdims=True)))
            search.consider(_regress(features, standard, weight / weight.sum(axis=1, keepdims=True)))
        if simulator.config.slate_size > 1:
            for reach in (1.0, 0.3):
                best = search.best.copy()
                for _ in range(self.tries):
                    change = self._rng.standard_normal(best.shape) / np.sqrt(best.shape[1])
                    search.consider(best + reach * change)
        return search.best.astype(np.float32)


class _Search:
    """The best action so far of each world; as rankings have no length, the largest entry is 1."""

    def __init__(
        self, simulator: RecommenderSimulator, features: Values, values: Values, fine: float
    ) -> None:
        view, users = appraise(simulator), simulator.users
        self._features, self._values, self._fine = features, values, fine
        self._places = min(simulator.config.slate_size, values.shape[1])
        self._chance, self._gain = view.alone, view.gain
        self._category = simulator.items.facts["category"][candidates(simulator)]
        # Only where each place is looked at by itself does its position change what it is worth.
        decay = users.choice.decay if users.choice.kind == POSITION else 1.0
        self._attention = decay ** np.arange(self._places)
        law = users.boredom
        self._room = law.threshold - simulator.state.exposure * law.decay if law.kind == FADING else None
        self._most = 1.0 if simulator.config.reward == "satisfaction" else np.inf
        self.best = np.zeros((len(values), features.shape[-1]))
        self._highest = np.full(len(values), -np.inf)

    def consider(self, points: Values) -> None:
        """Take the points, shape (worlds, size), where they are better."""
        points = points / np.maximum(np.abs(points).max(axis=1, keepdims=True), 1e-12)
        worth = self._worth(top(_scores(self._features, points), self._places))
        better = worth > self._highest
        self.best[better], self._highest[better] = points[better], worth[better]

    def _worth(self, shown: NDArray[np.int64]) -> Values:
        value = np.take_along_axis(self._values, shown, axis=1) * self._attention
        if self._room is None or self._places == 1:
            return np.asarray(np.minimum(value.sum(axis=1), self._most))
        chance = np.take_along_axis(self._chance, shown, axis=1) * self._attention
        gain = np.take_along_axis(self._gain, shown, axis=1)
        clicks = np.zeros(self._room.shape)
        np.add.at(
            clicks,
            (np.arange(len(shown))[:, None], np.take_along_axis(self._category, shown, axis=1)),
            chance,
        )
        # A Poisson number of clicks: how likely it is to fill the room that is left.
        risk = _poisson_tail(clicks, np.maximum(np.ceil(self._room), 1.0))
        pleasure = np.minimum((chance * gain).sum(axis=1), self._most)
        return np.asarray(pleasure - self._fine * self._gain.max() * risk.sum(axis=1))


def cautious_values(simulator: RecommenderSimulator) -> Values:
    """Return what each candidate brings now, less a fine where a click might bore the user.

    Reads the hidden state.

    Returns:
        Shape (num_worlds, candidates), in the unit of the reward.
    """
    view = appraise(simulator)
    values = np.asarray(view.alone * view.gain)
    law = simulator.users.boredom
    if law.kind == FADING:
        risky = simulator.state.exposure * law.decay + 1.0 >= law.threshold
        category = simulator.items.facts["category"][candidates(simulator)]
        values = values - np.take_along_axis(risky, category, axis=1) * view.gain.max()
    return values


def proto_features(simulator: RecommenderSimulator) -> Values:
    """Return what proto-actions weigh, shape (items, proto_size)."""
    return simulator.items.proto.T.astype(np.float64)


def weight_features(simulator: RecommenderSimulator) -> Values:
    """Return attributes and match, which "weights" weighs, shape (num_worlds, candidates, weights)."""
    page, clicked = candidates(simulator), _clicked(simulator)
    vectors = simulator.items.proto.T.astype(np.float64)
    there = clicked >= 0
    centre = (vectors[clicked] * there[..., None]).sum(axis=1) / np.maximum(there.sum(axis=1), 1)[:, None]
    match = np.einsum("wcd,wd->wc", vectors[page], centre)
    return np.concatenate([simulator.items.attributes[page], match[..., None]], axis=2).astype(np.float64)


def _clicked(simulator: RecommenderSimulator) -> NDArray[np.int64]:
    seen = simulator.output.history_feedback[..., 1] > 0.0
    return np.where(seen, clicked_history(simulator), -1)


def _regress(features: Values, values: Values, weight: Values) -> Values:
    """Return coefficients of weighted least squares with an intercept, shape (worlds, size)."""
    if features.ndim == 2:
        centre = weight @ features
        size = features.shape[1]
        outer = (features[:, :, None] * features[:, None, :]).reshape(len(features), -1)
        second = (weight @ outer).reshape(-1, size, size) - centre[:, :, None] * centre[:, None, :]
        cross = (weight * values) @ features
    else:
        centre = np.einsum("wc,wcd->wd", weight, features)
        second = np.einsum("wc,wcd,wce->wde", weight, features, features)
        second -= centre[:, :, None] * centre[:, None, :]
        cross = np.einsum("wc,wcd->wd", weight * values, features)
        size = features.shape[2]
    cross -= (weight * values).sum(axis=1, keepdims=True) * centre
    ridge = _RIDGE * np.maximum(np.trace(second, axis1=1, axis2=2), 1e-9)
    return np.asarray(np.linalg.solve(second + ridge[:, None, None] * np.eye(size), cross[..., None])[..., 0])


def _scores(features: Values, points: Values) -> Values:
    if features.ndim == 2:
        return np.asarray(points @ features.T)
    return np.asarray(np.einsum("wcd,wd->wc", features, points))


def _poisson_tail(mean: Values, least: Values) -> Values:
    """Return P(X >= least) of Poisson variables, for ``least`` up to a few dozens."""
    term = np.exp(-mean)
    below = np.zeros_like(mean)
    for k in range(int(least.max(initial=0.0))):
        below += np.where(k < least, term, 0.0)
        term = term * mean / (k + 1)
    return np.asarray(np.maximum(1.0 - below, 0.0))
