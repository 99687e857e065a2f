"""Observations, checked: what a policy reads, and how two spaces differ.  No torch here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

#: Name of the only input of a policy whose observations are no Dict.
WHOLE = "observation"


def leaves_of(space: spaces.Space[Any]) -> dict[str, spaces.Space[Any]]:
    """Return the leaves of a Dict by key, or a space that is no Dict as the leaf :data:`WHOLE`."""
    return dict(space.spaces) if isinstance(space, spaces.Dict) else {WHOLE: space}


def space_differences(trained: spaces.Space[Any], given: spaces.Space[Any]) -> list[str]:
    """Say how an observation space differs from the one that a policy was trained on.

    Returns:
        One sentence for each key that is missing, new or different; none if the spaces are equal.
    """
    if isinstance(trained, spaces.Dict) and isinstance(given, spaces.Dict):
        pairs = [(key, trained.spaces.get(key), given.spaces.get(key)) for key in {**trained, **given}]
    else:
        pairs = [("", trained, given)]
    return [
        f"observation{f'[{key!r}]' if key else ''}: trained on {ours}, given {theirs}"
        for key, ours, theirs in pairs
        if ours != theirs
    ]


@dataclass(frozen=True)
class _Leaf:
    """What one key may hold; no bounds where every number of the dtype is allowed."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    low: NDArray[Any] | None
    high: NDArray[Any] | None


class ObservationReader:
    """Checks observations of a space and turns them into batches."""

    def __init__(self, space: spaces.Space[Any]) -> None:
        """Remember what is allowed.

        Args:
            space: Of a single world: a Box, Discrete, MultiDiscrete, MultiBinary, or a Dict of them.

        Raises:
            ValueError: If the space is of another kind.
        """
        self.space = space
        self._is_dict = isinstance(space, spaces.Dict)
        self._leaves = {key: _leaf(leaf) for key, leaf in leaves_of(space).items()}

    def read(self, observation: Any) -> tuple[dict[str, NDArray[Any]], bool]:
        """Check an observation or a batch of observations.

        Args:
            observation: As the environment gives it, each array of the shape of its space or with one batch
                axis before it; integers where floats are due, and float64, are converted.

        Returns:
            Key to array of shape ``(batch, *space.shape)``, and whether it was a single observation, whose
            batch is 1.

        Raises:
            ValueError: Naming every key that is missing, unknown or of another shape, type or range.
        """
        given = self._by_key(observation)
        arrays: dict[str, NDArray[Any]] = {}
        batches: dict[str, int | None] = {}
        faults: list[str] = []
        for key, leaf in self._leaves.items():
            label = f"observation[{key!r}]" if self._is_dict else "observation"
            array = np.asarray(given[key])
            fault = _fault_of_type(array, leaf)
            if fault is None:
                # Floats are rounded before they are compared, as the bounds were; integers would wrap around.
                if leaf.dtype.kind == "f":
                    array = array.astype(leaf.dtype, copy=False)
                fault = _fault_of_range(array, leaf)
            if fault is not None:
                faults.append(f"{label} {fault}")
                continue
            array = array.astype(leaf.dtype, copy=False)
            single = array.ndim == len(leaf.shape)
            batches[key] = None if single else len(array)
            arrays[key] = array[None] if single else array
        if not faults and len(set(batches.values())) > 1:
            sizes = ", ".join(f"{k!r} {'single' if n is None else n}" for k, n in batches.items())
            faults.append(f"observation mixes batches of different sizes: {sizes}")
        if not faults and 0 in batches.values():
            faults.append("observation is an empty batch")
        if faults:
            raise ValueError("; ".join(faults))
        return arrays, None in batches.values()

    def _by_key(self, observation: Any) -> Mapping[str, Any]:
        if not self._is_dict:
            return {WHOLE: observation}
        if not isinstance(observation, Mapping):
            raise ValueError(
                f"observation must be a mapping with the keys {list(self._leaves)}, "
                f"got {type(observation).__name__}"
            )
        missing = [key for key in self._leaves if key not in observation]
        unknown = [key for key in observation if key not in self._leaves]
        if missing or unknown:
            faults = [f"lacks {missing}"] * bool(missing) + [f"has unknown keys {unknown}"] * bool(unknown)
            raise ValueError(f"observation {' and '.join(faults)}; the policy reads {list(self._leaves)}")
        return observation


def _leaf(space: spaces.Space[Any]) -> _Leaf:
    if isinstance(space, spaces.Box):
        dtype = np.dtype(space.dtype)
        if np.issubdtype(dtype, np.integer):
            range_of_type = np.iinfo(dtype)
            if (space.low == range_of_type.min).all() and (space.high == range_of_type.max).all():
                # Every picture of the right type is within bounds: no need to look at its pixels.
                return _Leaf(space.shape, dtype, None, None)
        return _Leaf(space.shape, dtype, space.low, space.high)
    if isinstance(space, spaces.Discrete):
        low = np.asarray(space.start)
        return _Leaf((), np.dtype(np.int64), low, low + space.n - 1)
    if isinstance(space, spaces.MultiDiscrete):
        return _Leaf(space.nvec.shape, np.dtype(np.int64), space.start, space.start + space.nvec - 1)
    if isinstance(space, spaces.MultiBinary):
        shape = space.shape
        return _Leaf(shape, np.dtype(np.int8), np.zeros(shape, np.int8), np.ones(shape, np.int8))
    raise ValueError(f"no policy reads {space!r}: use a Box, Discrete, MultiDiscrete or MultiBinary")


def _fault_of_type(array: NDArray[Any], leaf: _Leaf) -> str | None:
    """Say what is wrong with the shape or the type of an array, None if nothing is."""
    axes = len(leaf.shape)
    if array.ndim not in (axes, axes + 1) or array.shape[array.ndim - axes :] != leaf.shape:
        return f"has shape {array.shape}, but must be {leaf.shape}, or a batch of them"
    able = array.dtype.kind in ("iuf" if leaf.dtype.kind == "f" else "iub")
    return None if able else f"has dtype {array.dtype}, but must be {leaf.dtype}"


def _fault_of_range(array: NDArray[Any], leaf: _Leaf) -> str | None:
    """Say what is out of bounds, None if nothing is."""
    low, high = leaf.low, leaf.high
    if low is None or high is None:
        if array.dtype == leaf.dtype:
            return None
        limits = np.iinfo(leaf.dtype)
        low, high = (np.broadcast_to(limit, leaf.shape) for limit in (limits.min, limits.max))
    inside = (array >= low) & (array <= high)
    if inside.all():
        return None
    where = tuple(int(index) for index in np.argwhere(~inside)[0])
    place = where[array.ndim - len(leaf.shape) :]
    return f"holds {array[where]} at {list(where)}, but must be in [{low[place]}, {high[place]}]"
