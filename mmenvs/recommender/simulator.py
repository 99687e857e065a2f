"""Many users in many sessions, held in arrays and advanced together."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from gymnasium import spaces as gym_spaces
from numpy.typing import NDArray

from mmenvs.core.kernels import entry_point
from mmenvs.core.parallel import WorldPool
from mmenvs.core.random import derive_seeds
from mmenvs.core.simulator import ANY_SCENARIO, Simulator
from mmenvs.recommender.catalogue import (
    ATTRIBUTES,
    DEPARTMENTS,
    POPULATION_MEAN,
    TRAIT_NAMES,
    procedural_catalogue,
)
from mmenvs.recommender.config import RecommenderConfig
from mmenvs.recommender.session import (
    FEEDBACK,
    Items,
    Output,
    State,
    Users,
    reset_sessions,
    step_sessions,
)
from mmenvs.spaces import History, Image, Objects, Vector

_SCENARIO_ROOT = np.uint64(0x52_45_43_4F_4D_4D_45_4E)
_DRAWN_SCENARIOS = np.uint64(2**31)  # an unlimited split is drawn from this many
_SMALLEST_SIDE = 36  # Stable-Baselines3 warns about smaller images


class RecommenderSimulator(Simulator):
    """``num_worlds`` users, each in a session; see :class:`~mmenvs.recommender.env.RecommenderEnv`.

    Attributes:
        config: The settings.
        catalogue: The items.
        items: The catalogue as kernels see it.
        users: The user model's numbers.
        state: The hidden state of the sessions, for policies that may cheat.
        output: The buffers behind ``observations``, ``rewards``, ``terminated`` and ``infos``.
    """

    def __init__(self, num_worlds: int, config: RecommenderConfig | None = None) -> None:
        """Build the catalogue and the arrays; sessions begin with :meth:`reset`.

        Args:
            num_worlds: Number of users.
            config: The settings; the defaults if None.

        Raises:
            ValueError: If ``num_worlds`` is below 1.
        """
        if num_worlds < 1:
            raise ValueError(f"num_worlds={num_worlds} must be at least 1")
        self.num_worlds = num_worlds
        self.render_fps = 2
        self.config = config = config or RecommenderConfig()
        self.catalogue = procedural_catalogue(
            config.items, config.catalogue_seed, config.picture_size, config.text_size
        )
        tiles = _tiles(config.candidates, config.picture_size)
        self.action_space = gym_spaces.Discrete(config.candidates)
        self.observation_space = _observation_space(config, tiles)
        self.users = Users(**{name: getattr(config, name) for name in Users._fields})
        self.items = self._items()
        self.state = _new_state(num_worlds, config)
        self.output = _new_output(num_worlds, config, tiles)
        self._bind(tiles)

    def reset(
        self,
        worlds: NDArray[np.int64],
        seeds: NDArray[np.uint64],
        scenarios: NDArray[np.int64],
    ) -> None:
        """Start sessions; the scenario decides the user and the first page, the seed what follows.

        Args:
            worlds: Indices of the worlds, shape (k,).
            seeds: Seed of each session, shape (k,).
            scenarios: Scenario of each session, shape (k,), or ``ANY_SCENARIO``.

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
        self.output.scenario[worlds] = wanted
        self._pool.run(self._reset_entry, *self._reset_arguments)

    def step(self, actions: NDArray[Any], active: NDArray[np.bool_]) -> None:
        """Recommend candidate ``actions[i]`` to the user of each active world.

        Args:
            actions: int64, shape (num_worlds,).
            active: Worlds to advance, shape (num_worlds,).
        """
        # The bound kernel takes contiguous arrays only, and a caller's may be a strided view.
        self._actions[:] = actions
        self._active[:] = active
        self._pool.run(self._step_entry, self._actions, self._active, *self._step_arguments)

    def render(self, world: int) -> NDArray[np.uint8]:
        """Draw the shop page of one user: RGB of shape (360, 640, 3)."""
        from mmenvs.recommender.render import draw_page

        return draw_page(self, world)

    def close(self) -> None:
        """Release the threads; calling it twice is harmless."""
        self._pool.close()

    def _items(self) -> Items:
        config, catalogue = self.config, self.catalogue
        weights = {
            "image": config.image_weight,
            "text": config.text_weight,
            "attributes": config.attribute_weight,
            "shared": config.shared_weight,
        }
        pictures: NDArray[np.uint64] = np.zeros((1, 0, 0), np.uint64)
        pictures.setflags(write=False)  # the same type as real pictures, so that kernels compile once
        if "image" in config.modalities:
            rows = catalogue.pictures.reshape(config.items, config.picture_size, -1)
            pictures = rows.view(np.uint64)
        return Items(
            traits=catalogue.weighted_traits(weights),
            department=catalogue.department,
            attributes=catalogue.attributes,
            text=catalogue.text,
            pictures=pictures,
        )

    def _bind(self, tiles: tuple[int, int]) -> None:
        """Publish the buffers under their names and bind the kernels to the arrays, once."""
        out, config, worlds = self.output, self.config, self.num_worlds
        published: dict[str, NDArray[Any]] = {
            "candidate_image": out.image.view(np.uint8),
            "candidate_text": out.text,
            "candidate_attributes": out.attributes,
            "history_attributes": out.history_attributes,
            "history_feedback": out.history_feedback,
            "user": out.user,
        }
        self.observations = {
            key: published[key].reshape(worlds, *(space.shape or ()))
            for key, space in self.observation_space.spaces.items()
        }
        self.rewards, self.terminated = out.rewards, out.terminated
        self.infos = {
            "clicked": out.clicked,
            "dwell": out.dwell,
            "satisfaction": out.satisfaction,
            "mood": out.mood,
            "bored": out.bored,
            "item": out.item,
            "success": out.success,
            "scenario": out.scenario,
            "reward_terms": {"satisfaction": out.satisfaction, "leaving": out.leaving},
        }
        self._chosen = np.zeros(worlds, bool)
        self._seeds = np.zeros(worlds, np.uint64)
        self._scenario_seeds = np.zeros(worlds, np.uint64)
        mean = np.array([POPULATION_MEAN.get(name, 0.0) for name in TRAIT_NAMES])
        self._pool = WorldPool(worlds, config.threads)
        self._step_arguments = (self.items, self.users, self.state, out)
        self._reset_arguments = (
            *(self._chosen, self._seeds, self._scenario_seeds, mean),
            *self._step_arguments,
        )
        self._actions = np.zeros(worlds, np.int64)
        self._active = np.zeros(worlds, bool)
        self._step_entry = entry_point(
            step_sessions, 0, 0, self._actions, self._active, *self._step_arguments
        )
        self._reset_entry = entry_point(reset_sessions, 0, 0, *self._reset_arguments)


def _observation_space(config: RecommenderConfig, tiles: tuple[int, int]) -> gym_spaces.Dict:
    numbers, length = len(ATTRIBUTES), config.history_length
    by_modality: dict[str, dict[str, gym_spaces.Space[Any]]] = {
        "image": {"candidate_image": Image(config.picture_size, config.picture_size, tiles=tiles)},
        "text": {"candidate_text": Objects(config.candidates, config.text_size)},
        "attributes": {
            "candidate_attributes": Objects(config.candidates, numbers, low=0.0, names=ATTRIBUTES)
        },
        "history": {
            "history_attributes": History(length, numbers, low=0.0, names=ATTRIBUTES),
            "history_feedback": History(length, len(FEEDBACK), low=0.0, names=FEEDBACK),
        },
        "user": {"user": Vector(len(TRAIT_NAMES), names=TRAIT_NAMES)},
    }
    leaves: dict[str, gym_spaces.Space[Any]] = {}
    for name, spaces in by_modality.items():
        if name in config.modalities:
            leaves |= spaces
    return gym_spaces.Dict(leaves)


def _tiles(count: int, size: int) -> tuple[int, int]:
    """Return rows and columns of a contact sheet that fits ``count`` pictures, both sides large enough.

    A grid without empty places if there is one, and the squarest of those that waste least.
    """
    least = math.ceil(_SMALLEST_SIDE / size)
    grids = [(rows, max(least, math.ceil(count / rows))) for rows in range(least, count + least)]
    exact = [grid for grid in grids if grid[0] * grid[1] == count]
    return min(exact or grids, key=lambda g: (g[0] * g[1] if not exact else 0, abs(g[1] - g[0]), g[0] > g[1]))


def _new_state(worlds: int, config: RecommenderConfig) -> State:
    count, departments = config.candidates, len(DEPARTMENTS)
    return State(
        behaviour=np.zeros(worlds, np.uint64),
        layout=np.zeros(worlds, np.uint64),
        taste=np.zeros((worlds, len(TRAIT_NAMES))),
        exposure=np.zeros((worlds, departments)),
        bored=np.zeros((worlds, departments), np.int64),
        mood=np.zeros(worlds),
        candidates=np.zeros((worlds, count), np.int64),
        last_page=np.zeros((worlds, count), np.int64),
        last_choice=np.full(worlds, -1, np.int64),
        history=np.full((worlds, config.history_length), -1, np.int64),
        scores=np.zeros((worlds, 1)),
        steps=np.zeros(worlds, np.int64),
        total=np.zeros(worlds),
    )


def _new_output(worlds: int, config: RecommenderConfig, tiles: tuple[int, int]) -> Output:
    seen, size, length = config.modalities, config.picture_size, config.history_length
    words = tiles[1] * size * 3 // 8 if "image" in seen else 0
    numbers = len(ATTRIBUTES)
    return Output(
        image=np.zeros((worlds, tiles[0] * size, words), np.uint64),
        text=np.zeros((worlds, config.candidates, config.text_size if "text" in seen else 0), np.float32),
        attributes=np.zeros((worlds, config.candidates, numbers if "attributes" in seen else 0), np.float32),
        history_attributes=np.zeros((worlds, length, numbers if "history" in seen else 0), np.float32),
        history_feedback=np.zeros((worlds, length, len(FEEDBACK)), np.float32),
        user=np.zeros((worlds, len(TRAIT_NAMES)), np.float32),
        rewards=np.zeros(worlds),
        terminated=np.zeros(worlds, bool),
        clicked=np.zeros(worlds, bool),
        dwell=np.zeros(worlds),
        satisfaction=np.zeros(worlds),
        leaving=np.zeros(worlds),
        mood=np.zeros(worlds),
        bored=np.zeros(worlds, np.int64),
        item=np.full(worlds, -1, np.int64),
        success=np.zeros(worlds, bool),
        scenario=np.zeros(worlds, np.int64),
    )
