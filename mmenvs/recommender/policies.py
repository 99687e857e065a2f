"""Reference policies: what chance, greed and foresight reach.

Each acts on a :class:`~mmenvs.recommender.simulator.RecommenderSimulator` through
``actions(simulator)``, which returns one candidate per world, int64 of shape (num_worlds,).  The last
two read the user's hidden state, so they are ceilings to quote a score against, as
``(R - random) / (oracle - random)``, and not competitors.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from mmenvs.core.kernels import device_function, kernel
from mmenvs.recommender.catalogue import DEPARTMENTS
from mmenvs.recommender.session import Items, State, Users
from mmenvs.recommender.simulator import RecommenderSimulator
from mmenvs.recommender.users.boredom import bored_score, grow_bored
from mmenvs.recommender.users.choice import click_probability
from mmenvs.recommender.users.dwell import expected_dwell
from mmenvs.recommender.users.leaving import leave_probability
from mmenvs.recommender.users.mood import next_mood
from mmenvs.recommender.users.taste import utility

Actions = NDArray[np.int64]


class Policy(Protocol):
    """Anything that chooses candidates."""

    def actions(self, simulator: RecommenderSimulator) -> Actions:
        """Return one candidate per world, int64 of shape (num_worlds,)."""
        ...


class RandomPolicy:
    """Recommends any candidate."""

    def __init__(self, seed: int = 0) -> None:
        """Seed the policy's own generator."""
        self._rng = np.random.default_rng(seed)

    def actions(self, simulator: RecommenderSimulator) -> Actions:
        """Return uniform choices."""
        return self._rng.integers(simulator.config.candidates, size=simulator.num_worlds)


class MyopicPolicy:
    """Recommends the candidate with the highest expected satisfaction in this very step.

    It knows the user's taste and present boredom, and ignores what its choice does to either.
    """

    def actions(self, simulator: RecommenderSimulator) -> Actions:
        """Return the greedy choices."""
        return np.asarray(expected_satisfaction(simulator).argmax(axis=1), np.int64)


class OraclePolicy:
    """Recommends with foresight: it simulates what each choice does to boredom, mood and leaving.

    One step of policy improvement over a base policy by rollouts (Bertsekas, "Rollout algorithms",
    1997).  Each candidate is followed, for both outcomes of the click, by ``horizon`` steps of a base
    policy that avoids departments close to boring the user.  Future pages are unknown, so a department
    is worth what its best items on a typical page are worth; clicks count by their probability.
    """

    def __init__(self, horizon: int = 20) -> None:
        """Look ``horizon`` steps ahead.

        Raises:
            ValueError: If ``horizon`` is below 1.
        """
        if isinstance(horizon, bool) or horizon != int(horizon) or horizon < 1:
            raise ValueError(f"horizon={horizon!r} must be an integer of at least 1")
        self.horizon = int(horizon)

    def actions(self, simulator: RecommenderSimulator) -> Actions:
        """Return the choices of highest planned value."""
        worlds = simulator.num_worlds
        departments = len(DEPARTMENTS)
        best = np.zeros(worlds, np.int64)
        plan = Plan(
            gains=expected_satisfaction(simulator),
            outlook=department_outlook(simulator),
            outlook_gains=np.zeros((worlds, departments, 2)),
            outlook_clicks=np.zeros((worlds, departments, 2)),
            exposure=np.zeros((worlds, departments)),
            bored=np.zeros((worlds, departments), np.int64),
        )
        _plan(0, worlds, best, self.horizon, simulator.items, simulator.users, simulator.state, plan)
        return best


def expected_satisfaction(simulator: RecommenderSimulator) -> NDArray[np.float64]:
    """Return what each candidate would bring now, in [0, 1]: click probability times mean dwell share.

    Returns:
        Array of shape (num_worlds, candidates).
    """
    gains = np.zeros((simulator.num_worlds, simulator.config.candidates))
    _expect(0, simulator.num_worlds, gains, simulator.items, simulator.users, simulator.state)
    return gains


def department_outlook(simulator: RecommenderSimulator) -> NDArray[np.float64]:
    """Return the score [logit] of the best item that a typical page holds of each department.

    A page holds ``candidates / departments`` items of a department on average, so its best one lies at
    the quantile ``n / (n + 1)`` of the scores of that department.

    Returns:
        Array of shape (num_worlds, departments), before boredom.
    """
    scores = simulator.state.taste @ simulator.items.traits.T
    quantile = 1.0 / (1.0 + len(DEPARTMENTS) / simulator.config.candidates)
    outlook = np.full((simulator.num_worlds, len(DEPARTMENTS)), -20.0)
    for department in range(len(DEPARTMENTS)):
        inside = simulator.items.department == department
        if inside.any():
            outlook[:, department] = np.quantile(scores[:, inside], quantile, axis=1)
    return outlook


@device_function
def _gain(score: float, users: Users) -> float:
    """Return the expected satisfaction of recommending an item of this score."""
    dwell = expected_dwell(
        score,
        users.no_click_score,
        users.dwell_limit,
        users.dwell_spread,
        users.skip_dwell,
        users.skip_slope,
    )
    return click_probability(score, users.no_click_score) * dwell / users.dwell_limit


@kernel
def _expect(
    begin: int, end: int, gains: NDArray[np.float64], items: Items, users: Users, state: State
) -> None:
    """Write the expected satisfaction of every candidate."""
    for world in range(begin, end):
        for c in range(gains.shape[1]):
            item = state.candidates[world, c]
            score = utility(state.taste, world, items.traits, item)
            left = state.bored[world, items.department[item]]
            gains[world, c] = _gain(bored_score(score, left, users.boredom_penalty), users)


class Plan(NamedTuple):
    """What the oracle plans with, one row a world; the last axis of the outlook says whether bored.

    Attributes:
        gains: Expected satisfaction of each candidate, shape (worlds, candidates).
        outlook: Score of a department's best item on a typical page [logit], shape (worlds, departments).
        outlook_gains: Its expected satisfaction, shape (worlds, departments, 2).
        outlook_clicks: Its click probability, shape (worlds, departments, 2).
        exposure: Scratch, shape (worlds, departments).
        bored: Scratch, shape (worlds, departments).
    """

    gains: NDArray[np.float64]
    outlook: NDArray[np.float64]
    outlook_gains: NDArray[np.float64]
    outlook_clicks: NDArray[np.float64]
    exposure: NDArray[np.float64]
    bored: NDArray[np.int64]


@kernel
def _plan(
    begin: int,
    end: int,
    best: Actions,
    horizon: int,
    items: Items,
    users: Users,
    state: State,
    plan: Plan,
) -> None:
    """Write the candidate of highest planned value."""
    for world in range(begin, end):
        for d in range(plan.outlook.shape[1]):
            for bored in range(2):
                score = bored_score(plan.outlook[world, d], bored, users.boredom_penalty)
                plan.outlook_gains[world, d, bored] = _gain(score, users)
                plan.outlook_clicks[world, d, bored] = click_probability(score, users.no_click_score)
        highest = -np.inf
        for c in range(plan.gains.shape[1]):
            item = state.candidates[world, c]
            department = items.department[item]
            score = bored_score(
                utility(state.taste, world, items.traits, item),
                state.bored[world, department],
                users.boredom_penalty,
            )
            chance = click_probability(score, users.no_click_score)
            pleased = plan.gains[world, c] / chance
            value = chance * _follow(world, department, 1.0, pleased, horizon, users, state, plan)
            value += (1.0 - chance) * _follow(world, department, 0.0, 0.0, horizon, users, state, plan)
            if value > highest:
                highest = value
                best[world] = c


@device_function
def _follow(
    world: int,
    department: int,
    clicked: float,
    satisfaction: float,
    horizon: int,
    users: Users,
    state: State,
    plan: Plan,
) -> float:
    """Return the value of one first step and of the base policy's steps after it."""
    for d in range(plan.exposure.shape[1]):
        plan.exposure[world, d] = state.exposure[world, d]
        plan.bored[world, d] = state.bored[world, d]
    value, staying, mood = 0.0, 1.0, state.mood[world]
    for _ in range(horizon + 1):
        count = grow_bored(
            plan.exposure,
            plan.bored,
            world,
            department,
            clicked,
            users.boredom_decay,
            users.boredom_threshold,
            users.boredom_steps,
        )
        mood = next_mood(mood, satisfaction, users.mood_rate)
        hazard = leave_probability(
            mood, count, users.leave_bias, users.leave_mood_weight, users.leave_boredom_weight
        )
        value += staying * (satisfaction - hazard * users.leave_penalty)
        staying *= 1.0 - hazard
        highest = -np.inf
        for d in range(plan.outlook.shape[1]):
            bored = 1 if plan.bored[world, d] > 0 else 0
            gain = plan.outlook_gains[world, d, bored]
            # A click here would bore the user: the base policy does it only for want of anything else.
            risky = plan.exposure[world, d] * users.boredom_decay + 1.0 >= users.boredom_threshold
            rank = gain - 1.0 if risky else gain
            if rank > highest:
                highest, department, satisfaction = rank, d, gain
                clicked = plan.outlook_clicks[world, d, bored]
    return value
