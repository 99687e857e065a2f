"""Checks actions before a world sees them: nothing is silently clamped."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray


class ActionChecker:
    """Turns what the user passed into a valid action array, or says what is wrong with it."""

    def __init__(self, space: spaces.Space[Any]) -> None:
        """Prepare the check of actions of ``space``: Box, Discrete or MultiDiscrete.

        Raises:
            TypeError: If the space is of another kind.
        """
        self.space = space
        self._low: Any
        self._high: Any
        if isinstance(space, spaces.Box):
            self._low, self._high = space.low, space.high
        elif isinstance(space, spaces.Discrete):
            self._low, self._high = int(space.start), int(space.start + space.n - 1)
        elif isinstance(space, spaces.MultiDiscrete):
            self._low, self._high = np.zeros_like(space.nvec), space.nvec - 1
        else:
            raise TypeError(f"action_space={space!r} must be a Box, Discrete or MultiDiscrete")
        self._integral = not isinstance(space, spaces.Box)
        self.dtype: np.dtype[Any] = np.dtype(np.int64 if self._integral else space.dtype)

    def check(self, actions: Any, num_worlds: int | None = None) -> NDArray[Any]:
        """Return ``actions`` as an array of shape ``(num_worlds or 1, *space.shape)``.

        Args:
            actions: One action, or with ``num_worlds`` a batch of them.
            num_worlds: Size of the batch; None for a single action.

        Raises:
            ValueError: Naming the shape, the type or the first offending value and what is allowed.
        """
        shape = self.space.shape or ()
        expected = shape if num_worlds is None else (num_worlds, *shape)
        try:
            array = np.asarray(actions)
        except (TypeError, ValueError) as error:
            raise ValueError(f"action={actions!r} is not an array of numbers: {error}") from None
        if array.shape != expected:
            raise ValueError(
                f"action has shape {array.shape}, but {self.space} needs shape {expected}"
                + ("" if num_worlds is None else f" for {num_worlds} worlds")
            )
        if array.dtype.kind not in "iufb":
            raise ValueError(f"action={actions!r} has dtype {array.dtype}, but must hold numbers")
        if self._integral and array.dtype.kind == "f" and not (array == np.floor(array)).all():
            raise ValueError(f"action={actions!r} must hold whole numbers for {self.space}")
        inside = (array >= self._low) & (array <= self._high)  # NaN compares false
        if not inside.all():
            index = tuple(int(i) for i in np.argwhere(~inside)[0]) if array.ndim else ()
            place = f"[{', '.join(map(str, index))}]" if index else ""
            low = np.broadcast_to(self._low, array.shape)[index]
            high = np.broadcast_to(self._high, array.shape)[index]
            raise ValueError(
                f"action{place}={array[index]} is outside what {self.space} allows: [{low}, {high}]"
            )
        # Kernels are bound to contiguous arrays, and read a strided one wrongly.
        valid = np.ascontiguousarray(array, self.dtype).reshape(expected)
        return valid[None] if num_worlds is None else valid
