"""What a run of learning goes on from after it was killed."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from feedback.fitting import FitReport
from feedback.learning.config import LearnConfig

#: Name of its file in the folder of a run.
STATE = "state.json"


@dataclass
class State:
    """What a run goes on from after it was killed; the labels are in the store.

    Attributes:
        round: Rounds that are done.
        steps: World steps of training that are done.
        asked: Questions of the run, the unanswered ones included, but not those that wait for an answer.
        known: Judgements that were known then; those that came later were questions as well.
        reports: The fits.
        folder: Folder of the agent and the reward model, within that of the run; empty before the first.
        config: The settings, as plain data.
    """

    round: int
    steps: int
    asked: int
    known: int
    reports: list[FitReport]
    folder: str
    config: dict[str, Any]


def as_plain(config: LearnConfig) -> dict[str, Any]:
    """Return the settings as they are written."""
    plain: dict[str, Any] = json.loads(json.dumps(asdict(config), default=str))
    return plain


def find_state(config: LearnConfig) -> State | None:
    """Return the state of the run in the folder; None if it was killed before its first round was done.

    Raises:
        ValueError: If that run is done, or had other settings, naming them.
    """
    path = config.run_dir / STATE
    if (config.run_dir / "result.json").exists() and not path.exists():
        raise ValueError(f"{config.run_dir} holds a run that is done: there is nothing to go on with")
    if not path.exists():
        return None
    data = json.loads(path.read_text())
    theirs, mine = (_flat(plain) for plain in (data["config"], as_plain(config)))
    if differing := sorted(name for name in {**mine, **theirs} if mine.get(name) != theirs.get(name)):
        said = ", ".join(f"{name}={mine.get(name)!r} was {theirs.get(name)!r}" for name in differing)
        raise ValueError(f"{config.run_dir} holds a run with other settings: {said}")
    if not data["round"]:
        return None
    return State(**{**data, "reports": [FitReport(**report) for report in data["reports"]]})


def _flat(plain: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested settings under dotted names."""
    flat: dict[str, Any] = {}
    for name, value in plain.items():
        flat |= _flat(value, f"{prefix}{name}.") if isinstance(value, dict) else {prefix + name: value}
    return flat


def clear_rounds(folder: Path) -> None:
    """Remove what was kept after rounds, and what was being kept when a run was killed."""
    for path in folder.glob("round*"):
        if re.fullmatch(r"round\d+(\.partial)?", path.name):
            shutil.rmtree(path, ignore_errors=True)


def write_json(path: Path, data: Any) -> None:
    """Write JSON; readers see the whole file or none."""
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(data, indent=2) + "\n")
    partial.replace(path)
