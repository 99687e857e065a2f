"""One action space for tasks that have different ones."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

#: Most slates that a task's MultiDiscrete actions may be numbered as.
MOST_ACTIONS = 10_000


class CommonActions:
    """Translates between the actions of a mix and those of its tasks.

    - All tasks Discrete or MultiDiscrete: ``Discrete(n)``, where ``n`` is the most that any task has.  A task
      of ``m`` actions means its own by the first ``m`` numbers; a larger one, ``a``, means ``a % m``.  The
      slates of a MultiDiscrete are numbered, the last place running fastest (:func:`numpy.unravel_index`).
    - All tasks Box: ``Box(-1, 1, (d,))``, where ``d`` is the most that any task has.  A task of ``k`` numbers
      takes the first ``k``, stretched from [-1, 1] to its own bounds, and ignores the others.

    Attributes:
        space: The common space.
        masks: Which actions, or numbers of a Box, mean something in each task, bool of shape (tasks, n).
    """

    def __init__(self, own: Sequence[spaces.Space[Any]], names: Sequence[str]) -> None:
        """Join the action spaces of some tasks.

        Args:
            own: Action space of each task.
            names: Name of each task, for errors.

        Raises:
            ValueError: If the spaces cannot be joined, naming them.
        """
        self._own = list(own)
        self._sizes = [_size(space, name) for space, name in zip(own, names, strict=True)]
        boxes = [isinstance(space, spaces.Box) for space in own]
        if any(boxes) and not all(boxes):
            found = ", ".join(f"{name}: {space}" for space, name in zip(own, names, strict=True))
            raise ValueError(
                f"tasks: the actions must be all discrete, or all continuous; they are {found}.  "
                "Set action='discrete' or 'continuous', or the setting 'action' of single tasks"
            )
        most = max(self._sizes)
        self.space: spaces.Space[Any]
        self.space = spaces.Box(-1.0, 1.0, (most,), np.float32) if all(boxes) else spaces.Discrete(most)
        self.discrete = not all(boxes)
        self.masks = np.arange(most) < np.array(self._sizes)[:, None]

    def invalid(self, actions: NDArray[Any], task: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Say which of the common actions mean nothing in the tasks of their worlds, shape (worlds,)."""
        if not self.discrete:
            return np.zeros(len(task), bool)
        return np.asarray(actions >= np.array(self._sizes)[task])

    def own(self, task: int, actions: NDArray[Any]) -> NDArray[Any]:
        """Return what common actions mean in a task.

        Args:
            task: Index of the task.
            actions: Valid common actions, shape (worlds, *space.shape).

        Returns:
            Valid actions of the task, shape (worlds, *its space's shape).
        """
        space, size = self._own[task], self._sizes[task]
        if isinstance(space, spaces.Box):
            chosen = actions[:, :size]
            if not ((space.low == -1.0) & (space.high == 1.0)).all():
                low, high = space.low.reshape(-1), space.high.reshape(-1)
                chosen = np.clip(low + 0.5 * (chosen + 1.0) * (high - low), low, high)
            return np.ascontiguousarray(chosen, space.dtype).reshape(len(actions), *space.shape)
        within = actions % size
        if isinstance(space, spaces.MultiDiscrete):
            return np.stack(np.unravel_index(within, space.nvec.tolist()), axis=1).astype(np.int64)
        return np.asarray(within + getattr(space, "start", 0), np.int64)

    def common(self, task: int, actions: NDArray[Any]) -> NDArray[Any]:
        """Return the common actions that mean ``actions`` in a task: the inverse of :meth:`own`."""
        space, size = self._own[task], self._sizes[task]
        if isinstance(space, spaces.Box):
            padded = np.zeros((len(actions), self.masks.shape[1]), np.float32)
            low, high = space.low.reshape(-1), space.high.reshape(-1)
            padded[:, :size] = 2.0 * (actions.reshape(len(actions), size) - low) / (high - low) - 1.0
            return np.clip(padded, -1.0, 1.0)
        if isinstance(space, spaces.MultiDiscrete):
            return np.asarray(np.ravel_multi_index(tuple(actions.T), space.nvec.tolist()), np.int64)
        return np.asarray(actions - getattr(space, "start", 0), np.int64)


def _size(space: spaces.Space[Any], name: str) -> int:
    """Return the number of actions of a discrete space, or of numbers of a Box."""
    if isinstance(space, spaces.Box):
        return math.prod(space.shape)
    if isinstance(space, spaces.Discrete):
        return int(space.n)
    if isinstance(space, spaces.MultiDiscrete):
        count = math.prod(int(places) for places in space.nvec)
        if count > MOST_ACTIONS:
            raise ValueError(
                f"task {name!r}: {count:.3g} different slates of {space} must be at most {MOST_ACTIONS}, "
                "to be numbered; give it fewer candidates or a smaller slate_size"
            )
        return count
    raise ValueError(f"task {name!r}: {space} must be a Box, Discrete or MultiDiscrete")
