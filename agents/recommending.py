"""A deployed recommender: from a person's history and the items on offer to ranked ids."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from gymnasium import spaces
from numpy.typing import ArrayLike

from agents.deployed import Policy
from mmenvs import ENVIRONMENTS
from mmenvs.recommender.config import RecommenderConfig
from mmenvs.recommender.observe import EventLike, ItemName, Observer


class Recommender:
    """An exported policy and the shop that it works in.

    Attributes:
        policy: Who decides.
        observer: Lays out what the policy sees; its catalogue holds the items.
    """

    def __init__(self, policy: Policy, observer: Observer | None = None) -> None:
        """Open the shop.

        Args:
            policy: A policy that was trained on one of the recommender's tasks.
            observer: The shop; by default that of the policy's training.  Give one for a catalogue of your
                own: ``Observer(RecommenderConfig.from_keywords({"catalogue": catalogue, ...}))``.

        Raises:
            ValueError: If the policy was trained on something else, naming what differs.
        """
        self.policy = policy
        self.observer = observer or Observer(_config_of(policy))
        policy.check(self.observer.observation_space, self.observer.action_space)

    def recommend(
        self,
        history: Iterable[EventLike] = (),
        candidates: Sequence[ItemName] | None = None,
        user: Mapping[str, float] | ArrayLike | None = None,
        *,
        day: float = 0.0,
    ) -> list[str]:
        """Recommend items to a person; see :meth:`mmenvs.recommender.observe.Observer.observe`.

        Args:
            history: What they saw, oldest first: ``(item, clicked, dwell [s], stars)`` each.
            candidates: The items on offer, rows of the catalogue or ids, as many as in training; None where
                the policy chooses from the whole catalogue.
            user: What they say of their tastes; None for nothing.
            day: Day of the year.

        Returns:
            Ids, best first: all on offer where the policy picks one item, else the slate.

        Raises:
            ValueError: If an item is not known or a number out of its range, naming it.
        """
        observer = self.observer
        answers = self.policy.answer(observer.observe(candidates, history, user, day=day))
        if isinstance(observer.action_space, spaces.Discrete):
            order = np.argsort(-answers["scores"], kind="stable").tolist()
            rows = order if candidates is None else [observer.row(candidates[place]) for place in order]
        else:
            rows = observer.slate(answers["action"])
        return [observer.catalogue.ids[row] for row in rows]


def _config_of(policy: Policy) -> RecommenderConfig:
    """Return the settings of the shop in which a policy was trained."""
    env_id, given = policy.metadata["env_id"], policy.metadata["env_kwargs"]
    entry = ENVIRONMENTS.get((env_id or "").rsplit(":", maxsplit=1)[-1])
    if entry is None or "recommender" not in entry.entry_point:
        raise ValueError(f"the policy was trained on {env_id!r}, which is no recommender")
    return RecommenderConfig.from_keywords({**entry.kwargs, **given})
