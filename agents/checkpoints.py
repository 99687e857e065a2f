"""Saved models, checked before they are loaded: which part of a file is missing or damaged."""

from __future__ import annotations

import pickle
import zipfile
import zlib
from pathlib import Path
from typing import Any

from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.vec_env import VecEnv

from agents.policies import check_spaces

#: What a saved model consists of, beside what it may hold.
_PARTS = ("data", "policy.pth")
#: What Stable-Baselines3 and torch raise over files that are not what they should be.
_FAULTS = (
    *(ValueError, RuntimeError, KeyError, AttributeError, TypeError, AssertionError),
    *(EOFError, ImportError, pickle.UnpicklingError, zlib.error),
)
_WITHOUT_BUFFER: dict[str, Any] = {"buffer_size": 1, "replay_buffer_class": None, "replay_buffer_kwargs": {}}


def load_checkpoint(
    kind: type[BaseAlgorithm], file: Path, venv: VecEnv | None = None, device: str = "auto"
) -> BaseAlgorithm:
    """Load a saved model.

    Args:
        kind: Its algorithm.
        file: The zip file.
        venv: Environment to go on training in; None for acting alone.
        device: ``"auto"``, ``"cpu"`` or ``"cuda"``.

    Raises:
        ValueError: If the file is missing or damaged, holds a model of another algorithm or other networks,
            or the spaces are not those of ``venv``, naming what differs.
    """
    check_archive(file)
    try:
        # Who only acts needs no replay buffer: neither its memory nor the environment that one of goals asks.
        model = kind.load(file, device=device, custom_objects=_WITHOUT_BUFFER)
    except _FAULTS as error:
        reason = f"it has no {error}" if isinstance(error, KeyError) else error
        raise ValueError(f"cannot load {file} as a model of {kind.__name__}: {reason}") from error
    if venv is None:
        return model
    check_spaces(model, venv.observation_space, venv.action_space)
    # Loaded once more, because a model takes another number of worlds only while it is made.
    return kind.load(file, env=venv, device=device)


def check_archive(file: Path) -> None:
    """Check that the file of a saved model is whole.

    Raises:
        ValueError: If it is missing, cut off or overwritten, or lacks a part, naming it.
    """
    if not file.exists():
        raise ValueError(f"{file} does not exist: no checkpoint was written yet")
    try:
        with zipfile.ZipFile(file) as archive:
            damaged = archive.testzip()
            missing = [part for part in _PARTS if part not in archive.namelist()]
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError) as error:
        size = file.stat().st_size
        raise ValueError(
            f"cannot load {file}: its {size:,} bytes are no zip file, or only a part of one ({error})"
        ) from error
    if damaged is not None:
        raise ValueError(f"cannot load {file}: its part {damaged!r} is damaged")
    if missing:
        # The parts are archives themselves, so that what is left of a file may be taken for a whole one.
        raise ValueError(f"cannot load {file}: it lacks {missing}: cut off, or no model of Stable-Baselines3")
