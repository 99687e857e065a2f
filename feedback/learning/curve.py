"""The learning curve of a run, on disk."""

from __future__ import annotations

import csv
import math
from pathlib import Path


class Curve:
    """``progress.csv``: one row per point; a run that is gone on with adds to what it had kept."""

    def __init__(self, path: Path, *, steps: int) -> None:
        """Keep the rows up to so many steps; those after them will be made again."""
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            return
        with path.open(newline="") as file:
            head, *rows = list(csv.reader(file)) or [[]]
        # A kill may have cut off the last row.
        kept = [row for row in rows if len(row) == len(head) and int(row[0]) <= steps]
        partial = path.with_suffix(".partial")
        with partial.open("w", newline="") as file:
            csv.writer(file).writerows([head, *kept])
        partial.replace(path)
        if not kept:
            path.unlink()

    def add(self, **values: float) -> None:
        """Add a row; the steps come first, NaN is left empty."""
        begun = self._path.exists()
        with self._path.open("a", newline="") as file:
            writer = csv.writer(file)
            if not begun:
                writer.writerow(values)
            writer.writerow(["" if math.isnan(value) else value for value in values.values()])
