"""Columns of a user's table, whatever it is, as checked NumPy arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

#: Characters that would break the rows of a text file or the strings of an ``.npz`` file.
_FORBIDDEN = "\t\n\r\0"


def column(table: Any, name: str, source: Any) -> NDArray[Any]:
    """Return one column.

    Args:
        table: None, or what ``source`` names a column of: a mapping of columns, a data frame, a structured
            array, or a sequence of mappings (one a row).
        name: The field that is being filled, for messages.
        source: The column itself, or its name in the table.

    Returns:
        The column, shape (rows,); of objects where it holds a mixture.

    Raises:
        ValueError: If the table has no such column, or it is not one-dimensional.
    """
    if isinstance(source, str):
        if table is None:
            raise ValueError(f"{name}={source!r} names a column, but no table was given")
        source = _named(table, name, source)
    if hasattr(source, "to_numpy"):
        source = source.to_numpy()
    try:
        values = np.asarray(source)
    except ValueError:
        raise ValueError(f"{name} must be one-dimensional; its rows have different lengths") from None
    if values.ndim != 1:
        raise ValueError(f"{name} must be one-dimensional, but has the shape {values.shape}")
    return values


def _named(table: Any, name: str, source: str) -> Any:
    if isinstance(table, Sequence) and not isinstance(table, str | bytes):
        for row, cells in enumerate(table):
            if not isinstance(cells, Mapping) or source not in cells:
                raise ValueError(f"{name}={source!r}: row {row} of the table has no such key")
        return [cells[source] for cells in table]
    try:
        return table[source]
    except (KeyError, IndexError, ValueError):
        known = getattr(getattr(table, "dtype", None), "names", None)
        known = known or getattr(table, "columns", None)
        known = list(known if known is not None else table) if hasattr(table, "__iter__") else []
        raise ValueError(f"{name}={source!r} is no column of the table; it has {known}") from None


def numbers(
    name: str, values: NDArray[Any], *, low: float = -np.inf, high: float = np.inf, unknown: bool = False
) -> NDArray[np.float64]:
    """Return a column of numbers as float64.

    Args:
        name: The field, for messages.
        values: Shape (rows,).
        low: Least value allowed.
        high: Largest value allowed.
        unknown: Whether a number may be missing (None or NaN).

    Raises:
        ValueError: Naming the field, the first bad value, its row and what is allowed.
    """
    if values.dtype == object:
        values = np.array([np.nan if value is None else value for value in values], dtype=object)
    try:
        result = values.astype(np.float64)
    except (TypeError, ValueError):
        bad = next(row for row, value in enumerate(values) if not _is_number(value))
        raise ValueError(f"{name}[{bad}]={plain(values[bad])!r} must be a number") from None
    missing = np.isnan(result)
    with np.errstate(invalid="ignore"):
        wrong = ~missing & ~((result >= low) & (result <= high) & np.isfinite(result))
    if not unknown:
        wrong |= missing
    if wrong.any():
        row = int(np.argmax(wrong))
        also = ", or NaN where unknown" if unknown else ""
        raise ValueError(
            f"{name}[{row}]={plain(result[row])!r} must be a number from {low:g} to {high:g}{also}"
        )
    return result


def plain(value: Any) -> Any:
    """Return a NumPy scalar as Python's own, which prints without its type."""
    return value.item() if isinstance(value, np.generic) else value


def _is_number(value: Any) -> bool:
    try:
        float(value)
    except (TypeError, ValueError):
        return False
    return True


def integers(name: str, values: NDArray[Any], *, low: int = 0) -> NDArray[np.int64]:
    """Return a column of whole numbers, at least ``low``, as int64.

    Raises:
        ValueError: Naming the field, the first bad value, its row and what is allowed.
    """
    if values.dtype.kind in "iub" and (not len(values) or values.min() >= low):
        return values.astype(np.int64)
    result = numbers(name, values, low=low, high=2.0**53)
    if (result != np.floor(result)).any():
        row = int(np.argmax(result != np.floor(result)))
        raise ValueError(f"{name}[{row}]={plain(result[row])!r} must be a whole number from {low}")
    return result.astype(np.int64)


def booleans(name: str, values: NDArray[Any]) -> NDArray[np.bool_]:
    """Return a column of false and true, or of 0 and 1, as bool.

    Raises:
        ValueError: Naming the field, the first bad value, its row and what is allowed.
    """
    if values.dtype == np.bool_:
        return values.copy()
    result = numbers(name, values)
    wrong = (result != 0.0) & (result != 1.0)
    if wrong.any():
        row = int(np.argmax(wrong))
        raise ValueError(f"{name}[{row}]={plain(result[row])!r} must be False or True, or 0 or 1")
    return np.asarray(result == 1.0)


def codes(name: str, values: NDArray[Any]) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Number the different ids of a column in the order in which they appear.

    Whole numbers become their digits, so that 196, 196.0 (what data frames make of integers beside
    missing values) and "196" are the same id.

    Args:
        name: The field, for messages.
        values: Shape (rows,).

    Returns:
        The code of each row, int64 of shape (rows,), and the id of each code.

    Raises:
        ValueError: Naming the field, the first missing or unusable id and its row.
    """
    if values.dtype.kind == "f":
        whole = numbers(name, values)
        if (whole != np.floor(whole)).any():
            row = int(np.argmax(whole != np.floor(whole)))
            raise ValueError(f"{name}[{row}]={plain(whole[row])!r} must be an id: a string or a whole number")
        values = whole.astype(np.int64)
    elif values.dtype == object:
        values = np.array([_as_id(name, row, value) for row, value in enumerate(values)], dtype=object)
    # Objects (strings of any length) are numbered with a dictionary: sorting them is slow.
    if values.dtype == object:
        known: dict[Any, int] = {}
        code = np.fromiter((known.setdefault(value, len(known)) for value in values), np.int64, len(values))
        ids = tuple(known)
    else:
        unique, first, inverse = np.unique(values, return_index=True, return_inverse=True)
        rank = np.empty(len(unique), np.int64)
        rank[np.argsort(first, kind="stable")] = np.arange(len(unique))
        code = rank[inverse.reshape(-1)]
        ids = tuple(str(unique[index]) for index in np.argsort(first, kind="stable"))
    for number, text in enumerate(ids):
        if not text or any(character in text for character in _FORBIDDEN):
            row = int(np.argmax(code == number))
            raise ValueError(
                f"{name}[{row}]={text!r} must be a non-empty id without tabs, line ends and NULs"
            )
    return code, ids


def _as_id(name: str, row: int, value: Any) -> str:
    if value is None or (isinstance(value, float | np.floating) and np.isnan(value)):
        raise ValueError(f"{name}[{row}]={value!r} must be an id: a string or a whole number")
    if isinstance(value, float | np.floating) and value == np.floor(value):
        value = int(value)
    return str(value)
