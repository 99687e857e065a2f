"""Ceilings of the published simulators: what whoever knows their trick can reach."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mmenvs.core.kernels import inner_function, kernel
from mmenvs.recommender.arrays import Record, Records, State
from mmenvs.recommender.policies.appraisal import appraise
from mmenvs.recommender.policies.base import Actions, Values, candidates, choose
from mmenvs.recommender.policies.slates import best_slate
from mmenvs.recommender.simulator import RecommenderSimulator
from mmenvs.recommender.users.boredom import WINDOW
from mmenvs.recommender.users.choice import PROPORTIONAL, attention_at

_NONE = -1


class BoredomAwarePolicy:
    """Fills a slate with the most relevant items whose clicks will not bore.

    For :class:`~mmenvs.recommender.users.boredom.WindowBoredom`.  It goes down the slate and keeps, by
    category, the clicks that would be remembered: those of the past, and the probable ones above, each with
    its probability, the oldest forgotten once there are more than are remembered.  A category that would
    come within ``slack`` of the threshold is left out.
    """

    def __init__(self, slack: float = 2.0) -> None:
        """Stay ``slack`` clicks below the threshold.

        Raises:
            ValueError: If ``slack`` is negative.
        """
        if not slack >= 0.0:
            raise ValueError(f"slack={slack!r} must be at least 0")
        self.slack = float(slack)

    def actions(self, simulator: RecommenderSimulator) -> Actions:
        """Return the slates.

        Raises:
            ValueError: If users do not tire by a window of clicks, or the action is no slate of items.
        """
        if simulator.users.boredom.kind != WINDOW or simulator.config.action != "slate":
            raise ValueError("BoredomAwarePolicy needs users of WindowBoredom and action='slate'")
        view, places = appraise(simulator), simulator.config.slate_size
        values, page = view.alone * view.gain, candidates(simulator)
        category = simulator.items.facts["category"][page]
        count = len(simulator.catalogue.category_names)
        best = np.full((simulator.num_worlds, count, places), _NONE, np.int64)
        simulator.pool.run(_rank_by_category, np.ascontiguousarray(category), values, best)
        actions = np.zeros((simulator.num_worlds, places), np.int64)
        simulator.pool.run(
            _fill_slates, actions, best, values, self.slack, simulator.user_record, simulator.state
        )
        return actions


class BudgetAwarePolicy:
    """Spends a user's time where it buys most: the ceiling of interest evolution.

    Uses only what an agent can know: interests as the live profile tells them, and the mean quality by
    category.  Watching w minutes of quality q costs ``w (1 - refund q)``, a step without a click costs
    ``idle``.  The slate that maximises watching per cost maximises ``watching - rate cost`` for the best
    rate there is (Dinkelbach, "On nonlinear fractional programming", 1967), which is a sum over clicks.
    """

    def __init__(self, rate: float = 1.5) -> None:
        """Take ``rate`` minutes for what a minute of budget buys.

        Raises:
            ValueError: If it is not positive.
        """
        if not rate > 0.0:
            raise ValueError(f"rate={rate!r} must be positive")
        self.rate = float(rate)

    def actions(self, simulator: RecommenderSimulator) -> Actions:
        """Return the slates.

        Raises:
            ValueError: If users have no budget, or choose by another law than the proportional one.
        """
        budget, choice = simulator.users.budget, simulator.users.choice
        if not budget.on or choice.kind != PROPORTIONAL or simulator.config.action != "slate":
            raise ValueError("BudgetAwarePolicy needs a Budget, Proportional choice and action='slate'")
        facts, page = simulator.items.facts, candidates(simulator)
        mean = np.bincount(facts["category"], facts["quality"]) / np.bincount(facts["category"])
        size = simulator.users.population.size
        profile = simulator.output.user[:, 3 : 3 + size].astype(np.float64)
        liked = np.einsum("wf,wcf->wc", profile, simulator.items.traits[page][..., :size])
        weights = np.maximum(liked - choice.minimum, 0.0)
        watch = simulator.users.dwell.limit
        cost = watch * (1.0 - budget.refund * mean[facts["category"][page]]) - budget.idle
        no_click = choice.no_click - choice.minimum
        return best_slate(weights, watch - self.rate * cost, no_click, simulator.config.slate_size)


class BaitPolicy:
    """Always shows the candidate with most bait, or with least: the two sides of long-term satisfaction."""

    def __init__(self, most: bool) -> None:
        """Take the most bait, or the least."""
        self._sign = 1.0 if most else -1.0

    def actions(self, simulator: RecommenderSimulator) -> Actions:
        """Return the candidates of extreme bait."""
        return choose(simulator, self._sign * simulator.items.facts["bait"][candidates(simulator)])


@kernel
def _rank_by_category(
    begin: int, end: int, category: NDArray[np.int64], values: Values, best: NDArray[np.int64]
) -> None:
    """Write the candidates of highest value of each category, the best first, ties in order."""
    places = best.shape[2]
    for world in range(begin, end):
        for c in range(values.shape[1]):
            kind, value, k = category[world, c], values[world, c], places
            while k > 0 and (
                best[world, kind, k - 1] == _NONE or value > values[world, best[world, kind, k - 1]]
            ):
                k -= 1
                if k + 1 < places:
                    best[world, kind, k + 1] = best[world, kind, k]
            if k < places:
                best[world, kind, k] = c


@kernel
def _fill_slates(
    begin: int,
    end: int,
    actions: NDArray[np.int64],
    best: NDArray[np.int64],
    values: Values,
    slack: float,
    users: Records,
    state: State,
) -> None:
    memory, places = state.clicks.shape[1], actions.shape[1]
    weights = np.zeros(memory + places)
    kinds = np.zeros(memory + places, np.int64)
    used = np.zeros(best.shape[1], np.int64)
    counts = np.zeros(best.shape[1])
    for world in range(begin, end):
        _fill_slate(world, actions, best, values, slack, users[0], state, weights, kinds, used, counts)


@inner_function
def _fill_slate(
    world: int,
    actions: NDArray[np.int64],
    best: NDArray[np.int64],
    values: Values,
    slack: float,
    users: Record,
    state: State,
    weights: Values,
    kinds: NDArray[np.int64],
    used: NDArray[np.int64],
    counts: Values,
) -> None:
    memory, places = state.clicks.shape[1], actions.shape[1]
    oldest = state.sessions[world].steps - users.boredom.window
    for k in range(memory):
        click = state.clicks[world, k]
        counts_still = click.category >= 0 and click.step > oldest
        weights[k] = 1.0 if counts_still else 0.0
        kinds[k] = click.category if counts_still else 0
    for c in range(counts.size):
        used[c] = 0
    for place in range(places):
        last = memory + place  # events so far
        for c in range(counts.size):
            counts[c] = 0.0
        room = float(memory)
        for k in range(last - 1, -1, -1):
            kept = min(weights[k], room)
            counts[kinds[k]] += kept
            room -= kept
        attention = attention_at(users.choice, place, places)
        chosen, highest = _NONE, -np.inf
        for strict in range(2):
            for c in range(counts.size):
                if chosen != _NONE and strict == 1:
                    break
                item = best[world, c, used[c]] if used[c] < places else _NONE
                if item == _NONE:
                    continue
                likely = values[world, item] * attention
                safe = counts[c] + likely <= users.boredom.threshold - slack
                # For want of anything safe, the least likely to be clicked.
                rank = values[world, item] if safe else -values[world, item]
                if (safe or strict == 1) and rank > highest:
                    highest, chosen = rank, c
        actions[world, place] = best[world, chosen, used[chosen]]
        weights[last] = values[world, best[world, chosen, used[chosen]]] * attention
        kinds[last] = chosen
        used[chosen] += 1
