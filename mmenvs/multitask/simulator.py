"""A simulator per task, each as large as the batch, of which every world uses one at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from gymnasium import spaces as gym_spaces
from numpy.typing import NDArray

from mmenvs.core.parallel import WorldPool
from mmenvs.core.random import derive_seeds
from mmenvs.core.simulator import ANY_SCENARIO, Simulator
from mmenvs.multitask.config import MultiTaskConfig, Task, cumulative
from mmenvs.multitask.sharing import SharedInfos, SharedObservations
from mmenvs.spaces import Vector

_DRAW = np.uint64(0x7461736B)  # keeps the draw of the task apart from all that the seed decides within it
_SPLIT_SALT = {"train": np.uint64(0x747261), "test": np.uint64(0x746573)}
_ANY_TASK = -1


class MultiTaskSimulator(Simulator):
    """``num_worlds`` worlds, each in an episode of one of several tasks.

    An episode is that of the task's own simulator with the same seed, bit for bit: every simulator steps
    those of its worlds that are in its task, the others lie still.

    Attributes:
        config: The settings.
        tasks: The tasks.
        simulators: One for each task, of ``num_worlds`` worlds.
        task: Index of the task of each world, shape (num_worlds,).
        actions: Translates actions.
        told: The infos of the tasks, and which of them tells what.
    """

    limits: NDArray[np.int64]
    reset_options = ("task",)

    def __init__(self, num_worlds: int, config: MultiTaskConfig) -> None:
        """Make the simulators and join their spaces.

        Raises:
            ValueError: If ``num_worlds`` is below 1, or the tasks do not go together.
        """
        if num_worlds < 1:
            raise ValueError(f"num_worlds={num_worlds} must be at least 1")
        self.num_worlds, self.config = num_worlds, config
        self.tasks: tuple[Task, ...] = config.resolve()
        self.simulators = config.make(num_worlds)
        names = [task.name for task in self.tasks]
        self.actions = config.join_actions(self.simulators)
        self.action_space = self.actions.space
        self.pool = WorldPool(num_worlds, config.threads)
        self.render_fps = self.simulators[0].render_fps
        self.views = next((simulator.views for simulator in self.simulators if simulator.views), ())
        self.task = np.zeros(num_worlds, np.int64)
        self.rewards = np.zeros(num_worlds)
        self.terminated = np.zeros(num_worlds, bool)
        self.limits = np.full(num_worlds, self.tasks[0].max_episode_steps, np.int64)
        self._wanted = np.full(num_worlds, _ANY_TASK, np.int64)
        self._edges = cumulative(self.tasks)
        self._scales = np.array([task.reward_scale for task in self.tasks])
        self._limits = np.array([task.max_episode_steps for task in self.tasks], np.int64)
        self._names = np.array(names)
        self._publish()

    @property
    def view(self) -> str:
        """What the tasks that can be seen from several places are shown from; may be set."""
        return next((simulator.view for simulator in self.simulators if simulator.views), "")

    @view.setter
    def view(self, name: str) -> None:
        for simulator in self.simulators:
            if name in simulator.views:
                simulator.view = name

    def choose(self, worlds: NDArray[np.int64], options: Mapping[str, Any]) -> None:
        """Note which tasks the worlds' next episodes are asked to be of.

        Args:
            worlds: Indices of the worlds, shape (k,).
            options: Its ``"task"`` names a task, or holds one name for each of all worlds, or None for the
                seed's choice.

        Raises:
            ValueError: If there is no such task.
        """
        self._wanted[:] = _ANY_TASK
        given = options.get("task")
        if given is None:
            return
        names = self._names.tolist()
        each = [given] * self.num_worlds if isinstance(given, str) else list(given)
        if len(each) != self.num_worlds:
            raise ValueError(
                f"options['task'] has {len(each)} names, but must have {self.num_worlds}, or be one"
            )
        for name in each:
            if name is not None and name not in names:
                raise ValueError(f"options['task']={name!r} must be one of {', '.join(map(repr, names))}")
        wanted = np.array([_ANY_TASK if name is None else names.index(name) for name in each], np.int64)
        self._wanted[worlds] = wanted[worlds]

    def reset(
        self,
        worlds: NDArray[np.int64],
        seeds: NDArray[np.uint64],
        scenarios: NDArray[np.int64],
    ) -> None:
        """Start episodes; a seed, or the scenario if one is named, draws the task unless it was chosen."""
        now = self._draw(seeds, scenarios)
        now = np.where(self._wanted[worlds] == _ANY_TASK, now, self._wanted[worlds])
        self._wanted[worlds] = _ANY_TASK
        before = self.task[worlds]
        self._observed.forget(worlds, before, now)
        self.told.forget(worlds, before, now)
        self.task[worlds] = now
        self.limits[worlds] = self._limits[now]
        self._task_names[worlds] = self._names[now]
        self._masks[worlds] = self.actions.masks[now]
        self._valid[worlds] = self._validity[now]
        self._embedding[worlds] = np.eye(len(self.tasks), dtype=np.float32)[now]
        self._invalid[worlds] = False
        self._invalid_count[worlds] = 0
        for k, simulator in enumerate(self.simulators):
            chosen = now == k
            if chosen.any():
                which = worlds[chosen]
                simulator.reset(which, seeds[chosen], scenarios[chosen])
                self._take(k, which, self._mask_of(which))

    def step(self, actions: NDArray[Any], active: NDArray[np.bool_]) -> None:
        """Advance the active worlds, those of each task together."""
        np.logical_and(self.actions.invalid(actions, self.task), active, out=self._invalid, where=active)
        self._invalid_count += self._invalid & active
        for k, simulator in enumerate(self.simulators):
            inside = active & (self.task == k)
            if inside.any():
                simulator.step(self.actions.own(k, actions), inside)
                self._take(k, np.flatnonzero(inside), inside)

    def action_masks(self) -> NDArray[np.bool_]:
        """Return which actions mean something in the task of each world, bool of shape (num_worlds, n)."""
        return np.asarray(self.actions.masks[self.task])

    def join(self, own: Sequence[NDArray[Any]]) -> NDArray[Any]:
        """Return common actions from one batch of actions per task, of which each world takes its task's."""
        joined = [self.actions.common(k, np.asarray(actions)) for k, actions in enumerate(own)]
        return np.asarray(np.stack(joined)[self.task, np.arange(self.num_worlds)])

    def render(self, world: int) -> NDArray[np.uint8]:
        """Draw what a person sees of the task that a world is in."""
        simulator: Simulator = self.simulators[int(self.task[world])]
        return simulator.render(world)

    def close(self) -> None:
        """Release the threads; calling it twice is harmless."""
        self.pool.close()
        for simulator in self.simulators:
            simulator.close()

    def _publish(self) -> None:
        """Join the buffers of the tasks and allocate those of the mix."""
        worlds, count = self.num_worlds, len(self.tasks)
        self._observed = SharedObservations(self.simulators, self.tasks, self.pool)
        self.told = SharedInfos(self.simulators, self.tasks)
        names = self._names.tolist()
        for taken in ("task", "validity"):
            if taken in self._observed.space:
                raise ValueError(f"tasks: the key {taken!r} of an observation is the mix's own")
        keys = sorted([*self._observed.space, "task"])  # the order in which Gymnasium's Dict has them
        columns, everywhere = self._observed.columns, np.ones(count, bool)
        told = [columns[key].told if key in columns else everywhere for key in keys]
        self._validity = np.stack(told, axis=1).astype(np.float32)
        self._valid = np.zeros((worlds, len(keys)), np.float32)
        self._embedding = np.zeros((worlds, count), np.float32)
        self.observation_space = gym_spaces.Dict(
            {
                **self._observed.space,
                "task": Vector(count, low=0.0, high=1.0, unit="task", names=names),
                "validity": Vector(len(keys), low=0.0, high=1.0, unit="valid", names=keys),
            }
        )
        self.observations = {key: column.values for key, column in self._observed.columns.items()}
        self.observations |= {"task": self._embedding, "validity": self._valid}
        self._task_names = np.full(worlds, names[0], self._names.dtype)
        self._masks = np.zeros((worlds, self.actions.masks.shape[1]), np.int8)
        self._invalid = np.zeros(worlds, bool)
        self._invalid_count = np.zeros(worlds, np.int64)
        self._task_reward = np.zeros(worlds)
        self.infos = {
            **self.told.infos,
            "task": self._task_names,
            "task_reward": self._task_reward,
            "action_mask": self._masks,
            "invalid_action": self._invalid,
            "invalid_actions": self._invalid_count,
        }

    def _draw(self, seeds: NDArray[np.uint64], scenarios: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the task that each episode draws, shape (k,)."""
        salts = np.full(len(seeds), _SPLIT_SALT[self.config.split])
        named = derive_seeds(salts, scenarios.astype(np.uint64))
        roots = np.where(scenarios == ANY_SCENARIO, seeds, named)
        draws = derive_seeds(roots, np.full(len(seeds), _DRAW)) >> np.uint64(11)
        return np.searchsorted(self._edges, draws.astype(np.float64) * 2.0**-53, side="right").astype(
            np.int64
        )

    def _take(self, task: int, which: NDArray[np.int64], inside: NDArray[np.bool_]) -> None:
        """Take over what the worlds of a task show and tell, ``which`` being the places of ``inside``."""
        simulator = self.simulators[task]
        self._observed.take(task, which)
        self.told.take(task, inside)
        self._task_reward[which] = simulator.rewards[which]
        self.rewards[which] = simulator.rewards[which] * self._scales[task]
        self.terminated[which] = simulator.terminated[which]

    def _mask_of(self, which: NDArray[np.int64]) -> NDArray[np.bool_]:
        inside = np.zeros(self.num_worlds, bool)
        inside[which] = True
        return inside
