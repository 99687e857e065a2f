"""Pieces of episodes: cut, hashed, kept as files.

A :class:`Segment` is what a person compares and what a reward model learns from.  A
:class:`ClipFolder` keeps segments beside a store of labels, one file per content hash.
"""

from __future__ import annotations

import hashlib
import json
import os
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from feedback.labels import Clip

Observations = Mapping[str, NDArray[Any]]

_PREFIX = "observation/"
_LAST = "last/"


@dataclass(frozen=True, eq=False)
class Segment:
    """``length`` consecutive steps of one episode.

    Attributes:
        observations: Key to array of shape (length, *space.shape): what the agent saw before each step.
            A plain Box observation is held under the key ``"observation"``.
        actions: Shape (length, *action shape).
        rewards: True rewards, float64, shape (length,); a teacher may look at them, a reward model may not.
        terminated: Whether the last step ended the episode (a time limit does not count).
        success: Whether that end was the goal.
        env_id: Id of the environment.
        seed: Seed of the last seeded reset.
        episode: Episodes begun since that reset.
        start: First step within the episode.
        scenario: Scenario asked for, or None.
        last: Key to array of shape space.shape: what was seen after the last step; None where that was not
            kept.
    """

    observations: Observations
    actions: NDArray[Any]
    rewards: NDArray[np.float64]
    env_id: str
    seed: int
    start: int
    episode: int = 0
    terminated: bool = False
    success: bool = False
    scenario: int | None = field(default=None)
    last: Observations | None = None

    def __post_init__(self) -> None:
        """Validate.

        Raises:
            ValueError: If it is empty, its arrays differ in length, or the last observation has other keys.
        """
        lengths = {key: len(value) for key, value in self.observations.items()}
        lengths |= {"actions": len(self.actions), "rewards": len(self.rewards)}
        if len(self.actions) < 1 or len(set(lengths.values())) != 1 or not self.observations:
            raise ValueError(f"a segment needs at least one step and arrays of equal length; got {lengths}")
        if self.success and not self.terminated:
            raise ValueError("success=True needs terminated=True: only an ended episode reached its goal")
        if self.last is not None and set(self.last) != set(self.observations):
            raise ValueError(f"last has the keys {sorted(self.last)}, not {sorted(self.observations)}")

    def __len__(self) -> int:
        """Number of steps."""
        return len(self.actions)

    @property
    def failed(self) -> bool:
        """Whether it ends with an end of the episode that is not the goal."""
        return self.terminated and not self.success

    @cached_property
    def digest(self) -> str:
        """Hash of everything that the segment shows: observations, actions, rewards and how it ends."""
        flags = np.array([self.terminated, self.success])
        last = {f" last {key}": value for key, value in (self.last or {}).items()}
        shown = {**self.observations, **last, " rewards": self.rewards, " flags": flags}
        return digest_of(shown, self.actions)

    @property
    def after(self) -> dict[str, NDArray[Any]]:
        """What was seen after each step, key to array of shape (length, *space.shape).

        Where the last observation was not kept, what was seen before the last step stands for it.
        """
        return {
            key: np.concatenate((value[1:], value[-1:] if self.last is None else self.last[key][None]))
            for key, value in self.observations.items()
        }

    @property
    def clip(self) -> Clip:
        """Where it comes from and what is in it, as labels refer to it."""
        return Clip(self.digest, self.env_id, self.seed, self.episode, self.start, len(self), self.scenario)

    def cut(self, start: int, stop: int) -> Segment:
        """Return its steps ``start`` to ``stop - 1``, counted within the segment.

        Raises:
            ValueError: If that is not a range of at least one of its steps.
        """
        if not 0 <= start < stop <= len(self):
            raise ValueError(f"cut({start}, {stop}) is outside a segment of {len(self)} steps")
        whole = stop == len(self)
        return Segment(
            observations={key: value[start:stop] for key, value in self.observations.items()},
            actions=self.actions[start:stop],
            rewards=self.rewards[start:stop],
            terminated=self.terminated and whole,
            success=self.success and whole,
            env_id=self.env_id,
            seed=self.seed,
            episode=self.episode,
            start=self.start + start,
            scenario=self.scenario,
            last=self.last if whole else {key: value[stop] for key, value in self.observations.items()},
        )

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write a compressed ``.npz`` file; readers see the whole file or none."""
        target = Path(path)
        facts = {
            "terminated": self.terminated,
            "success": self.success,
            "env_id": self.env_id,
            "seed": self.seed,
            "episode": self.episode,
            "start": self.start,
            "scenario": self.scenario,
        }
        arrays = {_PREFIX + key: value for key, value in self.observations.items()}
        arrays |= {_LAST + key: value for key, value in (self.last or {}).items()}
        partial = target.with_name(f"{target.name}.{os.getpid()}.partial")
        with partial.open("wb") as file:
            np.savez_compressed(
                file,
                actions=self.actions,
                rewards=self.rewards,
                facts=np.array(json.dumps(facts)),
                allow_pickle=False,
                **arrays,
            )
            file.flush()
            os.fsync(file.fileno())
        partial.replace(target)
        _sync_folder(target.parent)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Segment:
        """Read a file that :meth:`save` wrote.

        Raises:
            FileNotFoundError: If there is none.
            ValueError: If it is damaged or not a segment; the message names it.
        """
        try:
            with np.load(path, allow_pickle=False) as file:
                arrays = {key: file[key] for key in file.files}
            facts = json.loads(str(arrays.pop("facts")))
            return cls(
                actions=arrays.pop("actions"),
                rewards=arrays.pop("rewards"),
                observations=_named(_PREFIX, arrays),
                last=_named(_LAST, arrays) or None,
                **facts,
            )
        except FileNotFoundError:
            raise
        except (zipfile.BadZipFile, EOFError, OSError, KeyError, TypeError, ValueError) as error:
            raise ValueError(f"{os.fspath(path)} cannot be read as a segment: {error}") from error


def _named(prefix: str, arrays: Observations) -> dict[str, NDArray[Any]]:
    """Return the arrays whose names begin with a prefix, without it."""
    return {key.removeprefix(prefix): value for key, value in arrays.items() if key.startswith(prefix)}


class ClipFolder:
    """A folder of segments, one file per content hash: the same segment is kept once."""

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        """Use a folder, creating it where there is none."""
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)

    def add(self, segment: Segment) -> Clip:
        """Keep a segment and return how labels refer to it."""
        path = self.path(segment.digest)
        if not path.exists():
            segment.save(path)
        return segment.clip

    def get(self, clip: Clip) -> Segment:
        """Return the segment that a label refers to.

        Raises:
            FileNotFoundError: If it was never kept here.
            ValueError: If the file is damaged or its content is not what the label was given on.
        """
        path = self.path(clip.digest)
        segment = Segment.load(path)
        if segment.digest != clip.digest:
            raise ValueError(f"{path} holds content {segment.digest}, not {clip.digest}")
        return segment

    def path(self, digest: str) -> Path:
        """Return the file of a content hash, whether or not it exists."""
        return self.folder / f"{digest}.npz"


def as_mapping(observation: Any) -> dict[str, NDArray[Any]]:
    """Return an observation as a mapping; a plain array stands under the key ``"observation"``."""
    if isinstance(observation, Mapping):
        return {key: np.asarray(value) for key, value in observation.items()}
    return {"observation": np.asarray(observation)}


def _sync_folder(folder: Path) -> None:
    """Have the names in a folder on disk too: a label that is durable is about a clip that must be."""
    if os.name != "posix":  # elsewhere a folder cannot be opened, and need not be
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def digest_of(arrays: Observations, actions: Any) -> str:
    """Hash named arrays and actions: 32 hexadecimal digits that depend on names, dtypes, shapes and bytes."""
    state = hashlib.blake2b(digest_size=16)
    action = np.asarray(actions)
    if action.dtype.kind in "iub":  # an action may arrive as a Python int, an int32 or an int64
        action = action.astype(np.int64)
    for name, array in [*sorted(arrays.items()), (" actions", action)]:
        value = np.ascontiguousarray(array)
        state.update(f"{name}|{value.dtype.str}|{value.shape}|".encode())
        state.update(value.tobytes())
    return state.hexdigest()
