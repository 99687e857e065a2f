"""Where figures are kept."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

Row = TypeVar("Row")


def keep_csv(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write rows that have the same keys as a CSV file, in a folder that is made if need be."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def load_rows(kind: type[Row], path: Path) -> list[Row]:
    """Return the rows of a CSV file as a dataclass of texts and numbers; none without the file."""
    if not path.exists():
        return []
    hints = get_type_hints(kind)
    types = {name: hint if hint in (int, float) else str for name, hint in hints.items()}
    with path.open(newline="") as file:
        return [
            kind(**{name: types[name](text) for name, text in line.items()}) for line in csv.DictReader(file)
        ]


def append_rows(path: Path, rows: Sequence[Any]) -> None:
    """Add instances of a dataclass to a CSV file, which is made if need be."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = not path.exists()
    with path.open("a", newline="") as file:
        writer = csv.DictWriter(file, [item.name for item in fields(rows[0])])
        if fresh:
            writer.writeheader()
        writer.writerows(asdict(row) for row in rows)
