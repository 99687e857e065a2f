"""What an agent can see of its user and of the items, as numbers to learn from; nothing hidden is read.

Visible are the catalogue, the page, the history with what was clicked and for how long, and, where the
settings show it, what users say of themselves.  Hidden are tastes, scores, moods, boredom and budgets.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mmenvs.recommender.policies.base import Values, candidates
from mmenvs.recommender.simulator import RecommenderSimulator
from mmenvs.recommender.stock import proto_vectors
from mmenvs.recommender.users.rating import MOST_STARS

#: Clicks on a category within the history that count as one unit of its feature.
_CLICKS = 3.0

#: Columns of :attr:`Visible.candidates` that are not of the item's vector: a one, match and recent clicks.
EXTRA = 3


class Visible(NamedTuple):
    """A moment as an agent sees it.

    Attributes:
        page: Items that the action chooses from, catalogue indices, shape (worlds, candidates).
        user: A one and, if it is shown, the user's profile, shape (worlds, user features).
        candidates: A one, the item's vector, its mean inner product with the clicked items of the history,
            and the clicks of the history on its category, shape (worlds, candidates, item features).
        clicked: Clicked items of the history, oldest first, -1 for none, shape (worlds, history_length).
        passed: Items of the history that were shown and not clicked, the same way.
    """

    page: NDArray[np.int64]
    user: Values
    candidates: Values
    clicked: NDArray[np.int64]
    passed: NDArray[np.int64]


def look(simulator: RecommenderSimulator, vectors: Values) -> Visible:
    """Return what an agent sees now.

    Args:
        simulator: The worlds.
        vectors: Of the items, see :func:`item_vectors`, shape (items, size).
    """
    worlds = simulator.num_worlds
    page = candidates(simulator).copy()  # the world's own array has moved on when the outcome is observed
    clicked = clicked_history(simulator)
    there = clicked >= 0
    past = vectors[clicked] * there[..., None]
    centre = past.sum(axis=1) / np.maximum(there.sum(axis=1), 1)[:, None]
    categories = len(simulator.catalogue.category_names)
    kinds = simulator.items.facts["category"]
    counts = np.zeros((worlds, categories))
    np.add.at(counts, (np.nonzero(there)[0], kinds[clicked[there]]), 1.0 / _CLICKS)
    match = np.take_along_axis(centre @ vectors.T, page, axis=1)
    recent = np.take_along_axis(counts, kinds[page], axis=1)
    one = np.ones((*page.shape, 1))
    features = np.concatenate([one, vectors[page], match[..., None], recent[..., None]], axis=2)
    user = np.ones((worlds, 1))
    if "user" in simulator.config.modalities:
        user = np.concatenate([user, simulator.output.user.astype(np.float64)], axis=1)
    passed = np.where(clicked < 0, simulator.state.history, -1)
    return Visible(page, user, features, clicked, passed)


def clicked_history(simulator: RecommenderSimulator) -> NDArray[np.int64]:
    """Return the clicked items of the history, and what users viewed by themselves.

    Returns:
        Catalogue indices, oldest first, -1 for none, shape (num_worlds, history_length).
    """
    feedback = simulator.output.history_feedback
    liked = (feedback[..., 1] > 0.0) | (feedback[..., 4] > 0.0)
    return np.where(liked, simulator.state.history, -1)


def item_vectors(simulator: RecommenderSimulator, size: int) -> Values:
    """Return the leading principal components of what the shop knows of its items.

    Returns:
        Shape (items, size); the mean length is 1.
    """
    return np.ascontiguousarray(proto_vectors(simulator.catalogue, size).T, np.float64)


def observed_gains(simulator: RecommenderSimulator) -> Values:
    """Return what each item shown in the last step has brought, in the unit of the reward.

    Returns:
        Shape (num_worlds, slate_size), 0 without a click; before penalties, and before the satisfaction of
        several clicks is cut at 1.
    """
    slate, reward = simulator.state.slate, simulator.config.reward
    clicked = slate["clicked"] & (slate["item"] >= 0)
    if reward == "clicks":
        return clicked.astype(np.float64)
    if reward == "rating":
        return np.where(clicked, slate["stars"] / MOST_STARS, 0.0)
    dwell = np.where(clicked, slate["dwell"], 0.0)
    return dwell if reward == "dwell" else np.minimum(dwell / simulator.users.dwell.limit, 1.0)
