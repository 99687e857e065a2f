"""Many users in many sessions, held in arrays and advanced together."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmenvs.core.kernels import entry_point
from mmenvs.core.parallel import WorldPool
from mmenvs.core.random import derive_seeds
from mmenvs.core.simulator import ANY_SCENARIO, Simulator
from mmenvs.recommender.arrays import Output, State, as_records
from mmenvs.recommender.config import RecommenderConfig
from mmenvs.recommender.layout import (
    action_space,
    fresh_values,
    new_actions,
    new_output,
    new_state,
    observation_space,
    published,
)
from mmenvs.recommender.session import reset_sessions, step_sessions
from mmenvs.recommender.slates import bind_slates
from mmenvs.recommender.stock import make_stock, shop_rules

_SCENARIO_ROOT = np.uint64(0x52_45_43_4F_4D_4D_45_4E)
_DRAWN_SCENARIOS = np.uint64(2**31)  # an unlimited split is drawn from this many

#: What ``info`` holds of a step, beside the slate, the scenario and the reward's terms.
INFOS = (
    *("clicked", "clicks", "dwell", "satisfaction", "rating"),
    *("mood", "bored", "item", "day", "session", "success"),
)


class RecommenderSimulator(Simulator):
    """``num_worlds`` users, each in a session; see :class:`~mmenvs.recommender.env.RecommenderEnv`.

    Attributes:
        config: The settings.
        catalogue: The items.
        model: The user model.
        items: The catalogue as kernels see it.
        users: The user model's numbers.
        rules: The shop's rules.
        user_record: ``users`` as one record, for kernels.
        rule_record: ``rules`` as one record, for kernels.
        pool: Runs kernels over the worlds.
        scenario: Scenario of each world, shape (num_worlds,).
        state: The hidden state of the sessions, for policies that may cheat.
        output: The buffers behind ``observations``, ``rewards``, ``terminated`` and ``infos``.
    """

    def __init__(self, num_worlds: int, config: RecommenderConfig | None = None) -> None:
        """Build the catalogue and the arrays; sessions begin with :meth:`reset`.

        Args:
            num_worlds: Number of users.
            config: The settings; the defaults if None.

        Raises:
            ValueError: If ``num_worlds`` is below 1, or the catalogue lacks what the settings need.
        """
        if num_worlds < 1:
            raise ValueError(f"num_worlds={num_worlds} must be at least 1")
        self.num_worlds = num_worlds
        self.render_fps = 2
        self.config = config = config or RecommenderConfig()
        stock = make_stock(config)
        self.catalogue, self.model = stock.catalogue, stock.model
        self.items, self.users = stock.items, stock.users
        self.rules = shop_rules(config, stock)
        self.action_space = action_space(config, stock)
        self.observation_space = observation_space(config, stock)
        self.state: State = new_state(num_worlds, config, stock)
        self.output: Output = new_output(num_worlds, config, stock)
        self.user_record, self.rule_record = as_records(self.users), as_records(self.rules)
        self.scenario = np.zeros(num_worlds, np.int64)
        self._publish()
        self._bind()

    def reset(
        self,
        worlds: NDArray[np.int64],
        seeds: NDArray[np.uint64],
        scenarios: NDArray[np.int64],
    ) -> None:
        """Start episodes; the scenario decides the user and the first page, the seed what follows.

        Args:
            worlds: Indices of the worlds, shape (k,).
            seeds: Seed of each episode, shape (k,).
            scenarios: Scenario of each episode, shape (k,), or ``ANY_SCENARIO``.

        Raises:
            ValueError: If a scenario is not in the split.
        """
        count = self.config.scenario_count
        if count is not None and scenarios.size and int(scenarios.max()) >= count:
            raise ValueError(
                f"options['scenario']={int(scenarios.max())} must be from 0 to {count - 1}: "
                f"the {self.config.split!r} split has {count} scenarios"
            )
        drawn = derive_seeds(seeds, np.full_like(seeds, 2)) >> np.uint64(1)
        drawn %= _DRAWN_SCENARIOS if count is None else np.uint64(count)
        wanted = np.where(scenarios == ANY_SCENARIO, drawn.astype(np.int64), scenarios)
        # Even keys for training, odd ones for testing: hashing is one to one, so no user is in both.
        keys = 2 * wanted.astype(np.uint64) + np.uint64(self.config.split == "test")
        self._chosen[:] = False
        self._chosen[worlds] = True
        self._seeds[worlds] = seeds
        self._scenario_seeds[worlds] = derive_seeds(np.full_like(keys, _SCENARIO_ROOT), keys)
        for array, value in self._fresh:
            array[worlds] = value
        self.scenario[worlds] = wanted
        self.pool.run(self._reset_entry, *self._reset_arguments)

    def step(self, actions: NDArray[Any], active: NDArray[np.bool_]) -> None:
        """Show what ``actions[i]`` chooses to the user of each active world.

        Args:
            actions: shape (num_worlds, *action_space.shape).
            active: Worlds to advance, shape (num_worlds,).
        """
        # The bound kernels take contiguous arrays only, and a caller's may be a strided view.
        self._actions[:] = actions.reshape(self._actions.shape)
        self._active[:] = active
        self.pool.run(self._slate_entry, *self._slate_arguments)
        self.pool.run(self._step_entry, *self._step_arguments)

    def render(self, world: int) -> NDArray[np.uint8]:
        """Draw the shop page of one user: RGB of shape (360, 640, 3)."""
        from mmenvs.recommender.render import draw_page

        return draw_page(self, world)

    def close(self) -> None:
        """Release the threads; calling it twice is harmless."""
        self.pool.close()

    def _publish(self) -> None:
        """Publish the buffers under their names."""
        state, reports = self.state, self.output.reports
        self.observations = published(self.output, self.observation_space)
        self.rewards, self.terminated = reports["reward"], reports["terminated"]
        terms = ("engagement", "leaving", "absence")
        self.infos = {
            **{name: reports[name] for name in INFOS},
            "slate": state.slate["item"],
            "scenario": self.scenario,
            "reward_terms": {name: reports[name] for name in terms},
        }

    def _bind(self) -> None:
        """Bind the kernels to the arrays, once."""
        #: What an episode begins with, where it is the same for all.
        self._fresh = fresh_values(self.state, self.output)
        config, worlds = self.config, self.num_worlds
        state, out = self.state, self.output
        self._chosen = np.zeros(worlds, bool)
        self._seeds = np.zeros(worlds, np.uint64)
        self._scenario_seeds = np.zeros(worlds, np.uint64)
        self._active = np.zeros(worlds, bool)
        self.pool = WorldPool(worlds, config.threads)
        users, rules = self.user_record, self.rule_record
        world = (self.items, users, rules, state, out)
        self._step_arguments = (self._active, *world)
        self._reset_arguments = (self._chosen, self._seeds, self._scenario_seeds, *world)
        self._step_entry = entry_point(step_sessions, 0, 0, *self._step_arguments)
        self._reset_entry = entry_point(reset_sessions, 0, 0, *self._reset_arguments)
        self._actions = new_actions(worlds, config, self.action_space)
        self._slate_entry, self._slate_arguments = bind_slates(
            config.action, self._actions, self._active, self.items, rules, state, out
        )
