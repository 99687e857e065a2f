"""What each candidate would bring now: the true numbers behind the ceilings."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mmenvs.core.kernels import inner_function, kernel
from mmenvs.recommender.arrays import Items, Record, Records, State
from mmenvs.recommender.policies.base import Actions, Values, candidates, choose
from mmenvs.recommender.policies.slates import best_slate
from mmenvs.recommender.session import CLICKS, DWELL, SATISFACTION, true_score
from mmenvs.recommender.simulator import RecommenderSimulator
from mmenvs.recommender.users.choice import attraction, attraction_of_nothing
from mmenvs.recommender.users.dwell import expected_dwell
from mmenvs.recommender.users.rating import MOST_STARS, expected_stars


class Appraisal(NamedTuple):
    """The candidates as their user sees them.

    Attributes:
        weight: Attraction: v of the laws of one click, relevance of the others, shape (worlds, candidates).
        gain: Mean reward of the step once the item is clicked, before penalties, same shape.
        satisfaction: Mean satisfaction once it is clicked, same shape.
        no_click: Attraction of clicking nothing; 0 for laws without it.
    """

    weight: Values
    gain: Values
    satisfaction: Values
    no_click: float

    @property
    def alone(self) -> Values:
        """Probability of a click on each candidate if it is all that is shown."""
        return self.weight / (self.no_click + self.weight) if self.no_click else self.weight


def appraise(simulator: RecommenderSimulator) -> Appraisal:
    """Return what each candidate would bring, by the user's hidden state and laws.

    Weights of the multinomial logit are relative to that of no click, which is 1.
    """
    page = np.ascontiguousarray(candidates(simulator))
    weight, gain, satisfaction = (np.zeros(page.shape) for _ in range(3))
    simulator.pool.run(
        _appraise,
        *(page, weight, gain, satisfaction, simulator.items),
        *(simulator.user_record, simulator.rule_record, simulator.state),
    )
    return Appraisal(weight, gain, satisfaction, attraction_of_nothing(simulator.users.choice))


def serve(simulator: RecommenderSimulator, view: Appraisal, values: Values) -> Actions:
    """Return the actions of highest immediate value, where a click on a candidate is worth ``values``."""
    if simulator.config.action == "slate" and view.no_click:
        return best_slate(view.weight, values, view.no_click, simulator.config.slate_size)
    return choose(simulator, view.alone * values)


def expected_satisfaction(simulator: RecommenderSimulator) -> Values:
    """Return the mean satisfaction of showing each candidate alone, in [0, 1], shape (worlds, candidates)."""
    view = appraise(simulator)
    return np.asarray(view.alone * view.satisfaction, np.float64)


class MyopicPolicy:
    """Shows what brings most in this very step.

    It knows the user's taste and present boredom, and ignores what its choice does to either.
    """

    def actions(self, simulator: RecommenderSimulator) -> Actions:
        """Return the greedy choices."""
        view = appraise(simulator)
        return serve(simulator, view, view.gain)


@kernel
def _appraise(
    begin: int,
    end: int,
    page: NDArray[np.int64],
    weight: Values,
    gain: Values,
    satisfaction: Values,
    items: Items,
    users: Records,
    rules: Records,
    state: State,
) -> None:
    for world in range(begin, end):
        for c in range(page.shape[1]):
            _appraise_item(
                world, c, page[world, c], weight, gain, satisfaction, items, users[0], rules[0], state
            )


@inner_function
def _appraise_item(
    world: int,
    c: int,
    item: int,
    weight: Values,
    gain: Values,
    satisfaction: Values,
    items: Items,
    users: Record,
    rules: Record,
    state: State,
) -> None:
    score = true_score(world, item, items, users, state)
    bait = items.facts[item].bait
    promise = score + users.gullibility * bait
    weight[world, c] = attraction(users.choice, promise)
    dwell = expected_dwell(users.dwell, score, bait, state.sessions[world].mood)
    satisfaction[world, c] = min(dwell / users.dwell.limit, 1.0)
    gain[world, c] = mean_gain(rules.reward, score, dwell, users)


@inner_function
def mean_gain(reward: int, score: float, dwell: float, users: Record) -> float:
    """Return the mean reward of a click, before penalties.

    Args:
        reward: What is rewarded, an index into :data:`~mmenvs.recommender.config.REWARDS`.
        score: True score of the item [logit].
        dwell: Mean dwell, in the dwell law's unit.
        users: The user model.
    """
    if reward == SATISFACTION:
        return float(min(dwell / users.dwell.limit, 1.0))
    if reward == CLICKS:
        return 1.0
    return dwell if reward == DWELL else expected_stars(users.rating, score) / MOST_STARS
