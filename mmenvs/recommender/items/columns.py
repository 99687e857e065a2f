"""Tables as columns, whatever holds them, and what may be wrong with a column."""

from __future__ import annotations

import difflib
import numbers
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

#: A mapping of columns, rows as mappings, a structured array, or a data frame: anything with ``columns``
#: and ``table[column]``.
Table = Any

Column = NDArray[Any]

#: An array, or the path of an ``.npy`` file.
Vectors = NDArray[Any] | str | Path

_SHOWN = 3  # rows that a message lists


@dataclass
class Fallbacks:
    """Counts what had to be replaced, and remembers the first few for a message.

    Attributes:
        counts: How often, by what.
        examples: The first few of each.
    """

    counts: dict[str, int] = field(default_factory=dict)
    examples: dict[str, list[str]] = field(default_factory=dict)

    def add(self, what: str, where: Iterable[str]) -> None:
        """Count every place in ``where``."""
        for place in where:
            self.counts[what] = self.counts.get(what, 0) + 1
            shown = self.examples.setdefault(what, [])
            if len(shown) < _SHOWN:
                shown.append(place)

    def refuse(self) -> None:
        """Raise an error if anything was counted."""
        if self.counts:
            parts = [
                f"{count} {what} ({', '.join(self.examples[what])}{', …' if count > _SHOWN else ''})"
                for what, count in self.counts.items()
            ]
            raise ValueError(f"strict=True, and the table has {'; '.join(parts)}")


class Columns:
    """One way to read every kind of table.

    Args:
        table: See :data:`Table`.

    Raises:
        TypeError: If it is none of these.
        ValueError: If rows or columns have different lengths, or there is no row.
    """

    def __init__(self, table: Table) -> None:
        self.names: tuple[str, ...]
        self._read: Callable[[str], Any]
        rows: int | None = None
        if isinstance(table, np.ndarray):
            if table.dtype.names is None or table.ndim != 1:
                raise TypeError(
                    f"items: array of {table.dtype} and shape {table.shape}; an array must be structured, 1-D"
                )
            self.names, self._read, rows = table.dtype.names, table.__getitem__, len(table)
        elif isinstance(table, Mapping):
            self.names, self._read = tuple(table), table.__getitem__
        elif hasattr(table, "columns") and hasattr(table, "__getitem__"):
            self.names, self._read = tuple(table.columns), table.__getitem__
            rows = len(table) if hasattr(table, "__len__") else None
        elif isinstance(table, Sequence) and not isinstance(table, (str, bytes)):
            self.names, self._read, rows = _keys(table), lambda name: [row[name] for row in table], len(table)
        else:
            raise TypeError(
                f"items={type(table).__name__}: must be a mapping of columns, a list of rows as mappings, "
                "a structured array or a data frame"
            )
        if rows is None:
            rows = self._common_length()
        self.rows = rows
        if rows == 0:
            raise ValueError("items: the table has no rows; there must be at least 1")

    def get(self, name: str, option: str) -> Column:
        """Return a column as a 1-D array, of objects unless it holds numbers.

        Args:
            name: Of the column.
            option: Which argument named it, for messages.

        Raises:
            ValueError: If there is no such column.
        """
        if name not in self.names:
            close = difflib.get_close_matches(str(name), [str(known) for known in self.names], n=1)
            hint = f"did you mean {close[0]!r}? " if close else ""
            raise ValueError(f"{option}={name!r}: no such column; {hint}columns are {list(self.names)}")
        column = as_column(self._read(name))
        if len(column) != self.rows:
            raise ValueError(f"column {name!r} has {len(column)} rows, the table has {self.rows}")
        return column

    def _common_length(self) -> int:
        lengths = {name: len(self._read(name)) for name in self.names}
        if len(set(lengths.values())) > 1:
            raise ValueError(f"items: columns have different lengths: {lengths}; all must be the same")
        return next(iter(lengths.values()), 0)


def as_column(values: Any) -> Column:
    """Return values as a 1-D array, of objects unless they are numbers or times."""
    if not isinstance(values, (list, tuple)):
        array = np.asarray(values)
        if array.ndim == 1 and array.dtype.kind in "biufmMO":
            return array
        values = array.tolist() if array.ndim == 1 else list(array)
    column = np.empty(len(values), object)
    for row, value in enumerate(values):  # one by one: arrays within lists must stay what they are
        column[row] = value
    return column


def load_array(given: Any, what: str) -> NDArray[Any]:
    """Return an array as it is, or the one in an ``.npy`` file.

    Args:
        given: Array or path.
        what: Which argument that was, for messages.

    Raises:
        ValueError: If the file is missing or holds something else.
    """
    if isinstance(given, np.ndarray):
        return given
    path = Path(given)
    if not path.is_file():
        raise ValueError(f"{what}={str(given)!r}: there is no such file")
    try:
        return np.asarray(np.load(path, allow_pickle=False))
    except (ValueError, OSError, EOFError) as error:
        raise ValueError(
            f"{what}={str(given)!r}: is no array of numbers in NumPy's format ({error})"
        ) from error


def is_missing(column: Column) -> NDArray[np.bool_]:
    """Return where a column holds None, NaN, NaT or pandas' NA."""
    if column.dtype.kind == "f":
        return np.isnan(column)
    if column.dtype.kind in "mM":
        return np.isnat(column)
    if column.dtype.kind != "O":
        return np.zeros(len(column), np.bool_)
    return np.array([_no_value(value) for value in column], np.bool_)


def is_numeric(column: Column) -> bool:
    """Return whether every value that is there is a number or a time."""
    if column.dtype.kind != "O":
        return True
    known = column[~is_missing(column)]
    return len(known) > 0 and all(
        isinstance(value, numbers.Real | np.bool_ | np.datetime64) for value in known
    )


def as_numbers(column: Column, name: str, least: float = -np.inf) -> NDArray[np.float64]:
    """Return a column as float64, NaN where a value is missing.

    Args:
        column: To convert; times become days since 1970.
        name: Of the column, for messages.
        least: Smallest allowed value.

    Raises:
        ValueError: If a value is no number, infinite or below ``least``; the message names it and its row.
    """
    if column.dtype.kind in "mM":
        days = column.astype(f"{column.dtype.kind}8[s]").astype(np.float64) / 86400.0
        return np.where(np.isnat(column), np.nan, days)
    missing = is_missing(column)
    values = np.full(len(column), np.nan)
    if column.dtype.kind == "O":
        for row in np.flatnonzero(~missing):
            try:
                values[row] = float(column[row])
            except (TypeError, ValueError):
                raise ValueError(
                    f"column {name!r}, row {row}: {column[row]!r} is not a number; "
                    "all must be numbers or missing"
                ) from None
    else:
        values[~missing] = column[~missing].astype(np.float64)
    wrong = np.flatnonzero(~missing & ~(np.isfinite(values) & (values >= least)))
    if len(wrong):
        allowed = "finite" if least == -np.inf else f"finite and at least {least:g}"
        raise ValueError(f"column {name!r}, row {wrong[0]}: {values[wrong[0]]!r}; must be {allowed}")
    return values


def as_levels(column: Column, name: str) -> list[tuple[str, ...]]:
    """Return the values of each row as strings: none where missing, several where a row holds a list.

    Raises:
        ValueError: If a value has parts that are themselves lists.
    """
    levels: list[tuple[str, ...]] = []
    for row, value in enumerate(column):
        several = isinstance(value, (list, tuple, set, frozenset, np.ndarray))
        parts = (
            (sorted(value) if isinstance(value, (set, frozenset)) else list(value)) if several else [value]
        )
        if any(isinstance(part, (list, tuple, set, frozenset, np.ndarray)) for part in parts):
            raise ValueError(f"column {name!r}, row {row}: {value!r}; must hold values or flat lists of them")
        words = (_text(part) for part in parts if not _no_value(part))
        levels.append(tuple(word for word in words if word))
    return levels


def as_text(column: Column, name: str) -> list[str]:
    """Return each row as one string: "" where missing, lists joined by blanks."""
    return [" ".join(parts) for parts in as_levels(column, name)]


def _text(value: Any) -> str:
    return (value.decode() if isinstance(value, bytes) else str(value)).strip()


def _no_value(value: Any) -> bool:
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return True
    if isinstance(value, np.datetime64):
        return bool(np.isnat(value))
    return isinstance(value, (float, np.floating)) and bool(np.isnan(value))


def _keys(rows: Sequence[Any]) -> tuple[str, ...]:
    """Return the columns that every row has."""
    names: tuple[str, ...] = ()
    for number, row in enumerate(rows):
        if not isinstance(row, Mapping):
            raise TypeError(f"items, row {number}: {type(row).__name__}; rows must be mappings")
        if number == 0:
            names = tuple(row)
        elif row.keys() != rows[0].keys():
            lacking = [name for name in names if name not in row]
            beyond = [name for name in row if name not in rows[0]]
            raise ValueError(
                f"items, row {number}: lacks {lacking} and has {beyond} beyond row 0; "
                "all rows must have the same columns (None where a value is missing)"
            )
    return names
