"""How a run went on: the points that learning leaves in ``progress.csv``."""

from __future__ import annotations

import csv
import math
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

COLUMNS = ("step", "labels", "learned_return", "true_return", "agreement", "held_out_agreement")
#: What runs of earlier versions lack.
LATER_COLUMNS = ("learned_reward", "true_reward")


@dataclass(frozen=True, eq=False)
class TrainingProgress:
    """What was known at each evaluation point, NaN where it was not; every array has shape (points,).

    Attributes:
        steps: World steps so far, growing, int64.
        labels: Preferences learned from so far.
        learned_return: Mean sum of learned rewards over recent episodes, of all worlds alike.
        true_return: Likewise of true rewards.
        agreement: Share of pairs learned from that the reward ranks as the labellers did, in [0, 1].
        held_out_agreement: The same for pairs held out.
        learned_reward: Mean learned reward of a step since the point before.
        true_reward: Likewise the true one.
    """

    steps: NDArray[np.int64]
    labels: NDArray[np.float64]
    learned_return: NDArray[np.float64]
    true_return: NDArray[np.float64]
    agreement: NDArray[np.float64]
    held_out_agreement: NDArray[np.float64]
    learned_reward: NDArray[np.float64]
    true_reward: NDArray[np.float64]


def read_progress(path: str | os.PathLike[str]) -> TrainingProgress:
    """Read a run's ``progress.csv``.

    A run that was resumed writes some steps again; the later row counts.  A last row that was cut off by
    a kill is left out.

    Raises:
        FileNotFoundError: If there is none.
        ValueError: If a column is missing or a value is not a number; the message names file and row.
    """
    source = Path(path)
    with source.open(newline="", encoding="utf-8") as file:
        lines = list(csv.reader(file))
    header, rows = (lines[0], lines[1:]) if lines else ([], [])
    missing = [name for name in COLUMNS if name not in header]
    if missing:
        raise ValueError(f"{source} lacks the columns {missing}")
    if rows and len(rows[-1]) < len(header):
        rows.pop()
    table: dict[int, list[float]] = {}
    places = [header.index(name) if name in header else None for name in (*COLUMNS, *LATER_COLUMNS)]
    for number, row in enumerate(rows, 2):
        try:
            values = [math.nan if place is None else float(row[place] or math.nan) for place in places]
            table[int(values[0])] = values
        except (ValueError, IndexError) as error:
            raise ValueError(f"{source}, row {number} cannot be read: {error}") from error
    columns = np.array([table[step] for step in sorted(table)], np.float64).reshape(-1, len(places)).T
    return TrainingProgress(columns[0].astype(np.int64), *columns[1:])
