"""The buffers of several simulators as one: the union of their keys, and where each comes from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from gymnasium import spaces as gym_spaces
from numpy.typing import NDArray

from mmenvs.core.parallel import WorldPool
from mmenvs.core.simulator import InfoArrays, Simulator
from mmenvs.multitask.config import Task
from mmenvs.space_json import space_to_json

#: A key of the observation or of the infos: of a group and a name, or of the empty group.
Path = tuple[str, str]


class Column(NamedTuple):
    """One array of the union.

    Attributes:
        values: The array, shape (num_worlds, ...).
        sources: Index of each task that has it, and its own array there.
        told: Which tasks have it, bool of shape (tasks,).
    """

    values: NDArray[Any]
    sources: tuple[tuple[int, NDArray[Any]], ...]
    told: NDArray[np.bool_]


def common_keys(found: Sequence[Mapping[Any, str]], tasks: Sequence[Task]) -> list[dict[Any, str]]:
    """Say what each task's keys are called in the union.

    Keys that look alike wherever they occur keep their name.  Where they differ, the family is put before
    it, such as ``driving_camera``, or the task's name if they differ within a family.

    Args:
        found: For each task, key to what must agree for keys to be one.
        tasks: The tasks.

    Returns:
        For each task, key to prefix, which is empty where none is needed.
    """
    prefixes: list[dict[Any, str]] = [{} for _ in tasks]
    for key in dict.fromkeys(key for keys in found for key in keys):
        owners = [k for k, keys in enumerate(found) if key in keys]
        looks = {(tasks[k].family, found[k][key]) for k in owners}
        if len({found[k][key] for k in owners}) == 1:
            chosen = dict.fromkeys(owners, "")
        elif len(looks) == len({family for family, _ in looks}):
            chosen = {k: f"{tasks[k].family}_" for k in owners}
        else:
            chosen = {k: f"{tasks[k].name}_" for k in owners}
        for k, prefix in chosen.items():
            prefixes[k][key] = prefix
    return prefixes


class SharedObservations:
    """The union of the observations of some simulators.

    A key of one task alone is that task's own buffer, so that nothing is copied; a key of several is a
    buffer of its own, into which the rows of the worlds that are in a task are copied after each step.

    Attributes:
        space: Key to space of one world.
        columns: Key to array and sources.
    """

    def __init__(self, simulators: Sequence[Simulator], tasks: Sequence[Task], pool: WorldPool) -> None:
        """Join the spaces and allocate what is shared."""
        shapes = [
            {key: str(space_to_json(leaf)) for key, leaf in simulator.observation_space.spaces.items()}
            for simulator in simulators
        ]
        self._pool = pool
        self.space: dict[str, gym_spaces.Space[Any]] = {}
        sources: dict[str, list[tuple[int, NDArray[Any]]]] = {}
        for k, (simulator, prefixes) in enumerate(zip(simulators, common_keys(shapes, tasks), strict=True)):
            for key, leaf in simulator.observation_space.spaces.items():
                name = prefixes[key] + key
                self.space.setdefault(name, leaf)
                sources.setdefault(name, []).append((k, simulator.observations[key]))
        self.columns = {
            name: _column(given, len(tasks), given[0][1] if len(given) == 1 else np.zeros_like(given[0][1]))
            for name, given in sources.items()
        }
        self._pairs = [
            [
                (column.values, values)
                for column in self.columns.values()
                for k, values in column.sources
                if k == task and len(column.sources) > 1
            ]
            for task in range(len(tasks))
        ]

    def forget(self, worlds: NDArray[np.int64], before: NDArray[np.int64], now: NDArray[np.int64]) -> None:
        """Clear what worlds showed in the task before and have no longer, all of shape (k,)."""
        if (before == now).all():
            return
        for column in self.columns.values():
            gone = worlds[column.told[before] & ~column.told[now]]
            if gone.size:
                column.values[gone] = 0

    def take(self, task: int, which: NDArray[np.int64]) -> None:
        """Copy what the worlds ``which`` show in a task, where the key is shared."""
        pairs = self._pairs[task]
        if pairs and which.size:
            self._pool.run(_copy_rows, which, pairs, count=len(which))


class SharedInfos:
    """The union of the infos of some simulators.

    Attributes:
        infos: In the form of :data:`~mmenvs.core.simulator.InfoArrays`; 0 where a task has no such entry.
        columns: Group and name to array and sources.
    """

    def __init__(self, simulators: Sequence[Simulator], tasks: Sequence[Task]) -> None:
        """Join the columns and allocate them."""
        found = [dict(_flat(simulator.infos)) for simulator in simulators]
        shapes = [{path: str(values.shape[1:]) for path, values in columns.items()} for columns in found]
        sources: dict[Path, list[tuple[int, NDArray[Any]]]] = {}
        for k, (columns, prefixes) in enumerate(zip(found, common_keys(shapes, tasks), strict=True)):
            for (group, name), values in columns.items():
                path = (group, prefixes[group, name] + name)
                sources.setdefault(path, []).append((k, values))
        self.columns = {
            path: _column(
                given,
                len(tasks),
                np.zeros(given[0][1].shape, np.result_type(*(values.dtype for _, values in given))),
            )
            for path, given in sources.items()
        }
        self.infos: dict[str, Any] = {}
        for (group, name), column in self.columns.items():
            place = self.infos.setdefault(group, {}) if group else self.infos
            place[name] = column.values

    def forget(self, worlds: NDArray[np.int64], before: NDArray[np.int64], now: NDArray[np.int64]) -> None:
        """Clear what worlds told in the task before and tell no longer, all of shape (k,)."""
        if (before == now).all():
            return
        for column in self.columns.values():
            gone = worlds[column.told[before] & ~column.told[now]]
            if gone.size:
                column.values[gone] = 0

    def take(self, task: int, inside: NDArray[np.bool_]) -> None:
        """Copy what the worlds that are in a task tell, ``inside`` of shape (num_worlds,)."""
        for column in self.columns.values():
            for k, values in column.sources:
                if k == task:
                    where = inside if values.ndim == 1 else inside[:, None]
                    np.copyto(column.values, values, where=where)

    def restrict(self, infos: dict[str, Any], task: NDArray[np.int64]) -> dict[str, Any]:
        """Say in Gymnasium's vectorised infos what each world's task tells, and return them.

        Args:
            infos: Beside each ``key`` a mask ``_key``; changed in place.
            task: Task of each world, shape (num_worlds,).
        """
        masks: dict[bytes, NDArray[np.bool_]] = {}
        groups: dict[str, NDArray[np.bool_]] = {}
        for (group, name), column in self.columns.items():
            pattern = column.told.tobytes()
            if pattern not in masks:
                masks[pattern] = column.told[task]
            mask = masks[pattern]
            if group:
                infos[group][f"_{name}"] = infos[group][f"_{name}"] & mask
                groups[group] = groups[group] | mask if group in groups else mask
            else:
                infos[f"_{name}"] = infos[f"_{name}"] & mask
        for group, mask in groups.items():
            infos[f"_{group}"] = infos[f"_{group}"] & mask
        return infos

    def told_by(self, infos: dict[str, Any], task: int) -> dict[str, Any]:
        """Return the infos of a single world without what its task does not tell."""
        told = dict(infos)
        for (group, name), column in self.columns.items():
            if column.told[task]:
                continue
            if group:
                told[group] = {key: value for key, value in told[group].items() if key != name}
            else:
                del told[name]
        return {key: value for key, value in told.items() if not isinstance(value, dict) or value}


def _column(sources: Sequence[tuple[int, NDArray[Any]]], tasks: int, values: NDArray[Any]) -> Column:
    told = np.zeros(tasks, bool)
    told[[k for k, _ in sources]] = True
    return Column(values, tuple(sources), told)


def _flat(infos: InfoArrays) -> Iterator[tuple[Path, NDArray[Any]]]:
    for key, value in infos.items():
        if isinstance(value, np.ndarray):
            yield ("", key), value
        else:
            for name, column in value.items():
                yield (key, name), column


def _copy_rows(
    begin: int, end: int, which: NDArray[np.int64], pairs: Sequence[tuple[NDArray[Any], NDArray[Any]]]
) -> None:
    rows = which[begin:end]
    for target, source in pairs:
        target[rows] = source[rows]
