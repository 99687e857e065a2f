"""The checkpoints of a distributed run: folders that are whole or have another name."""

from __future__ import annotations

import pickle
import shutil
from pathlib import Path
from typing import Any

_BUFFER = "replay_buffer.pkl"


def save_checkpoint(algorithm: Any, folder: Path, steps: int, keep: int) -> Path:
    """Save everything that a run needs to go on, in one atomic step, and drop the oldest checkpoints.

    Args:
        algorithm: Of RLlib.
        folder: Folder of the run.
        steps: World steps so far; the name of the checkpoint.
        keep: How many of the newest to keep, the replay buffer of the very newest alone.

    Returns:
        Path of the checkpoint, ``checkpoints/step_<steps>``.
    """
    path = folder / "checkpoints" / f"step_{steps:012d}"
    if not path.exists():
        unfinished = path.with_suffix(".tmp")
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(parents=True)
        algorithm.save_to_path(str(unfinished.resolve()))
        # RLlib's new API stack leaves the buffer out, even with store_buffer_in_checkpoints.
        if algorithm.local_replay_buffer is not None:
            with (unfinished / _BUFFER).open("wb") as file:
                pickle.dump(algorithm.local_replay_buffer.get_state(), file)
        unfinished.replace(path)
    *older, _ = checkpoints(folder)
    for old in older:
        (old / _BUFFER).unlink(missing_ok=True)
    for old in older[: len(older) + 1 - keep]:
        shutil.rmtree(old)
    return path


def restore_checkpoint(algorithm: Any, path: Path) -> None:
    """Give an algorithm the state of a checkpoint.

    Raises:
        ValueError: If it is damaged.
    """
    try:
        algorithm.restore_from_path(str(path.resolve()))
        if algorithm.local_replay_buffer is not None and (path / _BUFFER).exists():
            with (path / _BUFFER).open("rb") as file:
                algorithm.local_replay_buffer.set_state(pickle.load(file))
    except (ValueError, RuntimeError, KeyError, OSError, EOFError, pickle.UnpicklingError) as error:
        raise ValueError(f"cannot go on from {path}: {error}") from error


def checkpoints(folder: Path) -> list[Path]:
    """Return the whole checkpoints of a run, oldest first."""
    return sorted(path for path in (folder / "checkpoints").glob("step_*") if path.suffix == "")


def newest_checkpoint(folder: Path) -> Path:
    """Return the newest checkpoint of a run.

    Raises:
        ValueError: If there is none.
    """
    found = checkpoints(folder)
    if not found:
        raise ValueError(f"{folder} holds no checkpoint: it is not the folder of a distributed run")
    return found[-1]


def steps_of(checkpoint: Path) -> int:
    """Return the world steps after which a checkpoint was saved."""
    return int(checkpoint.name.removeprefix("step_"))
