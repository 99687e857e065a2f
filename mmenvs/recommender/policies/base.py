"""What a policy is, and the two that know nothing of their user."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from mmenvs.recommender.simulator import RecommenderSimulator

Actions = NDArray[Any]
Values = NDArray[np.float64]


class Policy(Protocol):
    """Anything that chooses what to recommend."""

    def actions(self, simulator: RecommenderSimulator) -> Actions:
        """Return one valid action per world, shape (num_worlds, *action_space.shape)."""
        ...


class RandomPolicy:
    """Takes any action; a slate holds different candidates."""

    def __init__(self, seed: int = 0) -> None:
        """Seed the policy's own generator."""
        self._rng = np.random.default_rng(seed)

    def actions(self, simulator: RecommenderSimulator) -> Actions:
        """Return uniform choices."""
        worlds, space = simulator.num_worlds, simulator.action_space
        if simulator.config.action in ("item", "slate"):
            return choose(simulator, self._rng.random(candidates(simulator).shape))
        return self._rng.uniform(-1.0, 1.0, (worlds, *(space.shape or ()))).astype(np.float32)


class PopularityPolicy:
    """Recommends what most people like: the highest popularity, or the highest bias where there is none."""

    def actions(self, simulator: RecommenderSimulator) -> Actions:
        """Return the most popular candidates."""
        popularity = simulator.catalogue.popularity
        ranked = popularity if popularity.any() else simulator.items.facts["bias"]
        return choose(simulator, ranked[candidates(simulator)])


def candidates(simulator: RecommenderSimulator) -> NDArray[np.int64]:
    """Return the items that each world's action chooses from.

    Returns:
        Catalogue indices of shape (num_worlds, candidates); all items where there is no page.
    """
    if simulator.state.candidates.shape[1]:
        return simulator.state.candidates
    everything = np.arange(len(simulator.catalogue))
    return np.broadcast_to(everything, (simulator.num_worlds, everything.size))


def choose(simulator: RecommenderSimulator, values: Values) -> Actions:
    """Return the actions that show the candidates of highest value, the best first.

    Args:
        simulator: The worlds, with the action "item" or "slate".
        values: Value of each candidate, shape (num_worlds, candidates); of equals the first is taken.

    Raises:
        ValueError: If the action space does not name candidates.
    """
    if simulator.config.action == "item":
        return np.asarray(values.argmax(axis=1), np.int64)
    if simulator.config.action == "slate":
        return top(values, simulator.config.slate_size)
    raise ValueError(f"action={simulator.config.action!r} names no candidates: use 'item' or 'slate'")


def top(values: Values, count: int) -> NDArray[np.int64]:
    """Return the indices of the ``count`` highest values of each row, the highest first, ties in order."""
    size = values.shape[1]
    if count * 8 < size:
        # Sorting all of a catalogue for ten places is a waste; a stable sort of the few keeps ties in order.
        few = np.sort(np.argpartition(-values, count, axis=1)[:, :count], axis=1)
        order = np.argsort(-np.take_along_axis(values, few, axis=1), axis=1, kind="stable")
        return np.take_along_axis(few, order, axis=1)
    return np.argsort(-values, axis=1, kind="stable")[:, :count]
