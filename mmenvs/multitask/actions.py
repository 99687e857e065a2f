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
#: Steering and pedal by which a continuous driving task is driven in a discrete mix, shape (21, 2).  The
#: driving world's own grid has nothing between 0 and 0.12, which is too much steering on a motorway.
DRIVING_GRID = np.array(
    [
        (steering, pedal)
        for pedal in (-0.6, 0.0, 0.8)
        for steering in (0.5, 0.12, 0.03, 0.0, -0.03, -0.12, -0.5)
    ],
    np.float32,
)
_STEERING_FIRST = np.array([4.0, 1.0])  # a wrong steering angle costs more than a wrong pedal


class CommonActions:
    """Translates between the actions of a mix and those of its tasks.

    - All tasks Discrete or MultiDiscrete: ``Discrete(n)``, where ``n`` is the most that any task has.  A task
      of ``m`` actions means its own by the first ``m`` numbers; a larger one, ``a``, means ``a % m``.  The
      slates of a MultiDiscrete are numbered, the last place running fastest (:func:`numpy.unravel_index`);
      a Box with a grid means the rows of the grid.
    - All tasks Box: ``Box(-1, 1, (d,))``, where ``d`` is the most that any task has.  A task of ``k`` numbers
      takes the first ``k``, stretched from [-1, 1] to its own bounds, and ignores the others.

    Attributes:
        space: The common space.
        masks: Which actions, or numbers of a Box, mean something in each task, bool of shape (tasks, n).
    """

    def __init__(
        self,
        own: Sequence[spaces.Space[Any]],
        names: Sequence[str],
        grids: Sequence[NDArray[Any] | None] | None = None,
    ) -> None:
        """Join the action spaces of some tasks.

        Args:
            own: Action space of each task.
            names: Name of each task, for errors.
            grids: For each task None, or a grid of valid actions of shape (m, numbers) for its Box.

        Raises:
            ValueError: If the spaces cannot be joined, naming them.
        """
        self._grids = list(grids or [None] * len(own))
        own = [
            space if grid is None else spaces.Discrete(len(grid))
            for space, grid in zip(own, self._grids, strict=True)
        ]
        self._own = own
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
        grid = self._grids[task]
        if grid is not None:
            return np.asarray(grid[within])
        if isinstance(space, spaces.MultiDiscrete):
            return np.stack(np.unravel_index(within, space.nvec.tolist()), axis=1).astype(np.int64)
        return np.asarray(within + getattr(space, "start", 0), np.int64)

    def common(self, task: int, actions: NDArray[Any]) -> NDArray[Any]:
        """Return the common actions that mean ``actions`` in a task, or come closest on its grid."""
        space, size = self._own[task], self._sizes[task]
        grid = self._grids[task]
        if grid is not None:
            distance = ((actions[:, None] - grid[None]) ** 2 * _STEERING_FIRST).sum(axis=2)
            return np.asarray(np.argmin(distance, axis=1))
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
