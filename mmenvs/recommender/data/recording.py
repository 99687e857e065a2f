"""Logs out of the simulator: what a recommender shows to its users and what they do about it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mmenvs.core.random import derive_seeds
from mmenvs.recommender.config import RecommenderConfig
from mmenvs.recommender.data.logs import Logs
from mmenvs.recommender.policies.base import Actions, Policy, Values, candidates
from mmenvs.recommender.policies.logging import LoggingPolicy
from mmenvs.recommender.policies.visible import observed_gains
from mmenvs.recommender.simulator import RecommenderSimulator

_BATCH = 256  # worlds of a simulator that is made here
_DAY = 86_400.0  # seconds
_PAGE = 1.0  # seconds that a step takes besides the dwell time
_YEAR = 366.0  # days between a user's episodes, so that their times do not mix


class Recording(NamedTuple):
    """Logs, and what another policy would have done in the same moments.

    Attributes:
        logs: The logs.
        target: Probability with which the target policy would have shown each row's item at its place, shape
            (rows,).
        distribution: Its probability of each candidate at the row's place, shape (rows, candidates).
        page: The candidates, catalogue indices, shape (rows, candidates).
    """

    logs: Logs
    target: Values
    distribution: Values
    page: NDArray[np.int64]


def record(
    source: RecommenderSimulator | Mapping[str, Any],
    policy: Policy | LoggingPolicy,
    *,
    users: int,
    steps: int,
    episodes: int = 1,
    seed: int = 0,
) -> Logs:
    """Let a policy serve users, and log it.

    Users are the scenarios 0 to ``users - 1`` of the split; whoever leaves is gone until their next episode.
    One row is one item shown at one place; empty places have none.

    - ``user`` is named after the scenario, ``item`` is the row of the catalogue, whose ids are kept.
    - ``session`` is a visit: an episode has several where users return.  ``step`` counts from 0 within it.
    - ``time`` is the day of the year plus what the visit's pages and dwell times took so far [s]; a user's
      episodes lie a year apart.
    - ``clicked``, ``dwell`` (NaN where nothing was clicked) and ``rating`` (NaN where no stars were given)
      are the row's own.
    - ``reward`` is what the row's item has brought, plus an equal share of what the step brought besides
      (penalties for leaving, satisfaction beyond 1): the rows of a slate sum to the step's reward.
    - ``left`` is true for all rows of the step with which the user ended the visit.
    - ``propensity`` is exact for a :class:`~mmenvs.recommender.policies.logging.LoggingPolicy`, NaN for any
      other.  :class:`~mmenvs.recommender.policies.logging.EpsilonGreedy` with ``epsilon=0`` gives a
      deterministic policy's, which are 1.

    Args:
        source: A simulator, whose episodes are ended, or the keywords of one, such as
            ``{"task": "slate_recommender", "candidates": 20}``.
        policy: What to show; a policy with a method ``observe`` learns meanwhile.
        users: How many.
        steps: Steps of an episode, at most.
        episodes: Episodes of each user.
        seed: Of what the users do; the same seed gives the same logs, if the policy is as before.

    Returns:
        Rows by user batch, episode, step, user and place.

    Raises:
        ValueError: Naming the argument, the value and what is allowed.
    """
    _check(users=users, steps=steps, episodes=episodes)
    simulator = _simulator(source, users)
    parts = [part for part, _, _ in _play(simulator, policy, None, users, steps, episodes, seed)]
    return _as_logs(simulator, parts, users)


def record_target(
    source: RecommenderSimulator | Mapping[str, Any],
    policy: Policy | LoggingPolicy,
    target: LoggingPolicy,
    *,
    users: int,
    steps: int,
    episodes: int = 1,
    seed: int = 0,
) -> Recording:
    """Record as :func:`record` does, with what another policy would have shown: what estimators ask for.

    ``ips(logs.reward, logs.propensity, target)`` of rows with one place estimates the target's mean reward.

    Args:
        source: See :func:`record`.
        policy: See :func:`record`.
        target: The policy to be judged.
        users: See :func:`record`.
        steps: See :func:`record`.
        episodes: See :func:`record`.
        seed: See :func:`record`.

    Returns:
        The recording.

    Raises:
        ValueError: Naming the argument, the value and what is allowed.
    """
    _check(users=users, steps=steps, episodes=episodes)
    simulator = _simulator(source, users)
    played = list(_play(simulator, policy, target, users, steps, episodes, seed))
    logs = _as_logs(simulator, [part for part, _, _ in played], users)
    distribution, page = (np.concatenate([step[k] for step in played]) for k in (1, 2))
    shown = np.argmax(page == logs.item[:, None], axis=1)
    return Recording(logs, distribution[np.arange(len(logs)), shown], distribution, page)


def _check(**counts: int) -> None:
    for name, value in counts.items():
        if isinstance(value, bool) or value != int(value) or value < 1:
            raise ValueError(f"{name}={value!r} must be an integer of at least 1")


def _simulator(source: RecommenderSimulator | Mapping[str, Any], users: int) -> RecommenderSimulator:
    if isinstance(source, RecommenderSimulator):
        return source
    return RecommenderSimulator(min(users, _BATCH), RecommenderConfig.from_keywords(source))


def _play(
    simulator: RecommenderSimulator,
    policy: Policy | LoggingPolicy,
    target: LoggingPolicy | None,
    users: int,
    steps: int,
    episodes: int,
    seed: int,
) -> Iterator[tuple[dict[str, NDArray[Any]], Values, NDArray[np.int64]]]:
    """Yield the columns of each step, with the target's distribution and the page of each row."""
    worlds = np.arange(simulator.num_worlds)
    visits = 0
    for episode in range(episodes):
        for first in range(0, users, len(worlds)):
            # The last batch may be larger than what is left of the users: its other worlds stand still.
            everybody = np.minimum(first + worlds, users - 1)
            root = derive_seeds(np.array([seed], np.uint64), np.array([episode], np.uint64))
            seeds = derive_seeds(np.repeat(root, len(worlds)), everybody.astype(np.uint64))
            simulator.reset(worlds, seeds, everybody)
            alive = first + worlds < users
            visit = visits + np.arange(len(worlds))
            visits += len(worlds)
            step, spent = np.zeros(len(worlds), np.int64), np.zeros(len(worlds))
            for _ in range(steps):
                day = simulator.state.sessions["day"].copy()
                number = simulator.state.sessions["number"].copy()
                page, wanted = _targets(simulator, target)
                actions, propensity = _choice(simulator, policy)
                simulator.step(actions, alive)
                learn = getattr(policy, "observe", None)
                if learn is not None:
                    learn(simulator, alive)
                returned = simulator.state.sessions["number"] != number
                world, place = np.nonzero((simulator.state.slate["item"] >= 0) & alive[:, None])
                columns = _columns(simulator, world, place)
                columns |= {
                    "user": everybody[world],
                    "session": visit[world],
                    "step": step[world],
                    "time": (day[world] + _YEAR * episode) * _DAY + spent[world],
                    "propensity": propensity[world, place],
                    "left": (simulator.terminated | returned)[world],
                }
                yield columns, wanted[world, :, place], page[world]
                alive = alive & ~simulator.terminated
                step, spent = step + 1, spent + _PAGE + simulator.output.reports["dwell"]
                back = returned & alive
                step[back], spent[back] = 0, 0.0
                visit[back] = visits + np.arange(int(back.sum()))
                visits += int(back.sum())
                if not alive.any():
                    break
    simulator.pool.close()


def _choice(simulator: RecommenderSimulator, policy: Policy | LoggingPolicy) -> tuple[Actions, Values]:
    sample = getattr(policy, "sample", None)
    if sample is None:
        return policy.actions(simulator), np.full((simulator.num_worlds, simulator.config.slate_size), np.nan)
    actions, propensities = sample(simulator)
    return actions, propensities


def _targets(
    simulator: RecommenderSimulator, target: LoggingPolicy | None
) -> tuple[NDArray[np.int64], Values]:
    """Return the page and the target's probabilities of its items at each place; empty without a target."""
    if target is None:
        shape = (simulator.num_worlds, 0, simulator.config.slate_size)
        return np.zeros(shape[:2], np.int64), np.zeros(shape)
    return candidates(simulator).copy(), target.probabilities(simulator)


def _columns(
    simulator: RecommenderSimulator, world: NDArray[np.int64], place: NDArray[np.int64]
) -> dict[str, NDArray[Any]]:
    """Return what happened at places of the slates."""
    slate, gains = simulator.state.slate, observed_gains(simulator)
    shown = np.maximum((slate["item"] >= 0).sum(axis=1), 1)
    rest = (simulator.rewards - gains.sum(axis=1)) / shown
    clicked: NDArray[np.bool_] = slate["clicked"][world, place]
    stars = slate["stars"][world, place]
    return {
        "item": slate["item"][world, place],
        "position": place,
        "clicked": clicked,
        "dwell": np.where(clicked, slate["dwell"][world, place], np.nan),
        "rating": np.where(clicked & (stars > 0.0), stars, np.nan),
        "reward": gains[world, place] + rest[world],
    }


def _as_logs(simulator: RecommenderSimulator, parts: list[dict[str, NDArray[Any]]], users: int) -> Logs:
    columns: dict[str, Any] = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    names = tuple(f"user{k}" for k in range(users))
    return Logs(**columns, user_ids=names, item_ids=simulator.catalogue.ids)
