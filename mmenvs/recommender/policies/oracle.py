"""Ceilings: policies that read the user's mind, and what each of them plans for."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mmenvs.core.kernels import inner_function, kernel
from mmenvs.recommender.arrays import Items, Record, Records, State
from mmenvs.recommender.policies.appraisal import Appraisal, appraise, mean_gain, serve
from mmenvs.recommender.policies.base import Actions, Values, candidates, choose
from mmenvs.recommender.simulator import RecommenderSimulator
from mmenvs.recommender.users.boredom import fade, grow_bored
from mmenvs.recommender.users.choice import attraction, attraction_of_nothing
from mmenvs.recommender.users.dwell import expected_dwell
from mmenvs.recommender.users.leaving import leave_probability
from mmenvs.recommender.users.mood import next_mood

_WORST = -20.0  # score of a category that has no items [logit]


class OraclePolicy:
    """Recommends with foresight: it simulates what each choice does to boredom, mood and leaving.

    One step of policy improvement over a base policy by rollouts (Bertsekas, "Rollout algorithms for
    combinatorial optimization", 1997).  Each candidate is followed, for both outcomes of the click, by
    ``horizon`` steps of a base policy that avoids categories close to boring the user.  Future pages are
    unknown, so a category is worth what its best items on a typical page are worth; clicks count by their
    probability.  A slate takes the items whose clicks are worth most (the decomposition of SlateQ).
    """

    def __init__(self, horizon: int = 40) -> None:
        """Look ``horizon`` steps ahead.

        Raises:
            ValueError: If ``horizon`` is below 1.
        """
        if isinstance(horizon, bool) or horizon != int(horizon) or horizon < 1:
            raise ValueError(f"horizon={horizon!r} must be an integer of at least 1")
        self.horizon = int(horizon)

    def actions(self, simulator: RecommenderSimulator) -> Actions:
        """Return the choices of highest planned value."""
        view = appraise(simulator)
        clicked, ignored = self._plan(simulator, view)
        if simulator.config.action == "slate":
            # What a click adds to walking past; the same for all candidates that lie in one category.
            return serve(simulator, view, clicked - ignored)
        return choose(simulator, _alone(view, clicked, ignored))

    def values(self, simulator: RecommenderSimulator) -> Values:
        """Return the planned value of showing each candidate alone, shape (num_worlds, candidates)."""
        view = appraise(simulator)
        return _alone(view, *self._plan(simulator, view))

    def _plan(self, simulator: RecommenderSimulator, view: Appraisal) -> tuple[Values, Values]:
        """Return the planned value of a click on each candidate, and of walking past it."""
        page = np.ascontiguousarray(candidates(simulator))
        worlds, categories = simulator.num_worlds, len(simulator.catalogue.category_names)
        plan = Plan(
            outlook=category_outlook(simulator),
            outlook_gains=np.zeros((worlds, categories, 2)),
            outlook_pleasures=np.zeros((worlds, categories, 2)),
            outlook_clicks=np.zeros((worlds, categories, 2)),
            exposure=np.zeros((worlds, categories)),
            bored=np.zeros((worlds, categories), np.int64),
        )
        clicked, ignored = np.zeros(page.shape), np.zeros(page.shape)
        simulator.pool.run(
            _plan,
            *(page, view.gain, view.satisfaction, clicked, ignored, self.horizon),
            *(simulator.items, simulator.user_record, simulator.rule_record, simulator.state, plan),
        )
        return clicked, ignored


def category_outlook(simulator: RecommenderSimulator) -> Values:
    """Return the score [logit] of the best item that a typical page holds of each category.

    A page holds ``candidates / categories`` items of a category on average, so its best one lies at the
    quantile ``n / (n + 1)`` of the scores of that category; without a page, the best one is meant.

    Returns:
        Array of shape (num_worlds, categories), before boredom.
    """
    categories = len(simulator.catalogue.category_names)
    scores = simulator.state.taste @ simulator.items.traits.T + simulator.items.facts["bias"]
    count = simulator.config.candidates
    quantile = 1.0 if count is None else 1.0 / (1.0 + categories / count)
    outlook = np.full((simulator.num_worlds, categories), _WORST)
    for category in range(categories):
        inside = simulator.items.facts["category"] == category
        if inside.any():
            outlook[:, category] = np.quantile(scores[:, inside], quantile, axis=1)
    return outlook


def _alone(view: Appraisal, clicked: Values, ignored: Values) -> Values:
    return np.asarray(view.alone * clicked + (1.0 - view.alone) * ignored, np.float64)


class Plan(NamedTuple):
    """What the oracle plans with, one row a world; the last axis of the outlook says whether bored.

    Attributes:
        outlook: Score of a category's best item on a typical page [logit], shape (worlds, categories).
        outlook_gains: Its expected reward, shape (worlds, categories, 2).
        outlook_pleasures: Its expected satisfaction, same shape.
        outlook_clicks: Its click probability, same shape.
        exposure: Scratch, shape (worlds, categories).
        bored: Scratch, shape (worlds, categories).
    """

    outlook: Values
    outlook_gains: Values
    outlook_pleasures: Values
    outlook_clicks: Values
    exposure: Values
    bored: NDArray[np.int64]


@kernel
def _plan(
    begin: int,
    end: int,
    page: NDArray[np.int64],
    gain: Values,
    satisfaction: Values,
    clicked: Values,
    ignored: Values,
    horizon: int,
    items: Items,
    users: Records,
    rules: Records,
    state: State,
    plan: Plan,
) -> None:
    """Write the planned value of a click on each candidate, and of walking past it."""
    for world in range(begin, end):
        _look_out(world, users[0], rules[0], state, plan)
        for c in range(page.shape[1]):
            category = items.facts[page[world, c]].category
            clicked[world, c] = _follow(
                world, category, 1.0, gain[world, c], satisfaction[world, c], horizon, users[0], state, plan
            )
            ignored[world, c] = _follow(world, category, 0.0, 0.0, 0.0, horizon, users[0], state, plan)


@inner_function
def _look_out(world: int, users: Record, rules: Record, state: State, plan: Plan) -> None:
    """Write what the categories promise, bored with them and not."""
    for c in range(plan.outlook.shape[1]):
        for bored in range(2):
            score = plan.outlook[world, c] - (users.boredom.penalty if bored else 0.0)
            nothing, chance = attraction_of_nothing(users.choice), attraction(users.choice, score)
            if nothing > 0.0:
                chance /= nothing + chance
            dwell = expected_dwell(users.dwell, score, 0.0, state.sessions[world].mood)
            plan.outlook_clicks[world, c, bored] = chance
            plan.outlook_pleasures[world, c, bored] = chance * min(dwell / users.dwell.limit, 1.0)
            plan.outlook_gains[world, c, bored] = chance * mean_gain(rules.reward, score, dwell, users)


@inner_function
def _follow(
    world: int,
    category: int,
    clicked: float,
    gain: float,
    satisfaction: float,
    horizon: int,
    users: Record,
    state: State,
    plan: Plan,
) -> float:
    """Return the value of one first step and of the base policy's steps after it."""
    for c in range(plan.exposure.shape[1]):
        plan.exposure[world, c] = state.exposure[world, c]
        plan.bored[world, c] = state.bored[world, c]
    value, staying, mood = 0.0, 1.0, state.sessions[world].mood
    for _ in range(horizon + 1):
        fade(users.boredom, plan.exposure, world)
        plan.exposure[world, category] += clicked
        count = grow_bored(users.boredom, plan.exposure, plan.bored, world)
        mood = next_mood(mood, satisfaction, users.mood.rate)
        hazard = leave_probability(users.leaving, mood, count)
        value += staying * (gain - hazard * users.leaving.penalty)
        staying *= 1.0 - hazard
        highest = -np.inf
        for c in range(plan.outlook.shape[1]):
            bored = 1 if plan.bored[world, c] > 0 else 0
            now = plan.outlook_pleasures[world, c, bored]
            # A click here would bore the user: the base policy does it only for want of anything else.
            risky = plan.exposure[world, c] * users.boredom.decay + 1.0 >= users.boredom.threshold
            rank = now - 1.0 if risky else now
            if rank > highest:
                highest, category, satisfaction = rank, c, now
                clicked = plan.outlook_clicks[world, c, bored]
                gain = plan.outlook_gains[world, c, bored]
    return value
