"""Columns of numbers and of categories as attributes in [0, 1]."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from mmenvs.recommender.items.columns import (
    Column,
    Fallbacks,
    as_levels,
    as_numbers,
    is_missing,
    is_numeric,
)

Scaling = Literal["rank", "range"]

#: Levels of a category that get an attribute of their own, unless the user says otherwise.
MAX_LEVELS = 32

OTHER = "other"
UNKNOWN = "unknown"


@dataclass(frozen=True, eq=False)
class Attributes:
    """Encoded columns.

    Attributes:
        names: One an attribute: a number's column, or "column=level".
        values: float32 of shape (items, attributes), in [0, 1]; 0 where missing.
        traits: The same with mean 0, a number with variance 1 and the levels of one column with variance 1
            together; 0 where missing; shape (items, attributes).
        first_category: Levels of the first column that is not a number; None if all are.
    """

    names: tuple[str, ...]
    values: NDArray[np.float32]
    traits: NDArray[np.float64]
    first_category: list[tuple[str, ...]] | None


def encode_attributes(
    columns: Sequence[tuple[str, Column]],
    scaling: Scaling,
    max_levels: int,
    ids: Sequence[str],
    fallbacks: Fallbacks,
) -> Attributes:
    """Encode columns; see :func:`~mmenvs.recommender.items.tables.catalogue_from_table`.

    Args:
        columns: Names and values.
        scaling: How numbers are scaled.
        max_levels: Levels of a column that get an attribute of their own.
        ids: Of the items, to say where something was missing.
        fallbacks: Counts missing values and levels beyond ``max_levels``.
    """
    if scaling not in get_args(Scaling):
        raise ValueError(f"scaling={scaling!r}: must be one of {list(get_args(Scaling))}")
    if isinstance(max_levels, bool) or not isinstance(max_levels, int) or max_levels < 1:
        raise ValueError(f"max_levels={max_levels!r}: must be a whole number of at least 1")
    names: list[str] = []
    blocks: list[NDArray[np.float64]] = [np.zeros((len(ids), 0))]
    traits: list[NDArray[np.float64]] = [np.zeros((len(ids), 0))]
    first: list[tuple[str, ...]] | None = None
    for name, column in columns:
        if is_numeric(column) or _reads_as_numbers(column, max_levels):
            numbers = scaled(as_numbers(column, name), scaling)
            missing = np.isnan(numbers)
            block, labels = np.nan_to_num(numbers)[:, None], [name]
        else:
            levels = as_levels(column, name)
            missing = np.array([not row for row in levels], np.bool_)
            block, labels = _one_column_a_level(levels, name, max_levels, ids, fallbacks)
            first = levels if first is None else first
        fallbacks.add(f"missing values of {name}", [ids[row] for row in np.flatnonzero(missing).tolist()])
        names += labels
        blocks.append(block)
        traits.append(_standardised(block, ~missing))
    return Attributes(
        tuple(names),
        np.concatenate(blocks, axis=1).astype(np.float32),
        np.concatenate(traits, axis=1),
        first,
    )


def scaled(values: NDArray[np.float64], scaling: Scaling) -> NDArray[np.float64]:
    """Scale numbers to [0, 1], the least to 0 and the greatest to 1; equal ones all to 0.5; NaN stays.

    Args:
        values: Shape (items,).
        scaling: ``"rank"`` puts equal steps between different numbers by how many items lie between them;
            ``"range"`` keeps their distances.
    """
    known = ~np.isnan(values)
    result = np.full(len(values), np.nan)
    if not known.any():
        return result
    numbers = values[known]
    if scaling == "rank":
        _, inverse, count = np.unique(numbers, return_inverse=True, return_counts=True)
        numbers = (np.cumsum(count) - 0.5 * (count - 1))[inverse]  # equal numbers share their mean rank
    least, greatest = float(numbers.min()), float(numbers.max())
    if least == greatest:
        result[known] = 0.5
    else:
        # Halves, because the difference of two very large numbers may not be a number.
        numbers = (0.5 * numbers - 0.5 * least) / (0.5 * greatest - 0.5 * least)
        result[known] = np.clip(numbers, 0.0, 1.0)
    return result


def first_levels(levels: Sequence[tuple[str, ...]]) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Number the first level of each row, by name; rows without one are :data:`UNKNOWN`."""
    first = [row[0] if row else UNKNOWN for row in levels]
    names = sorted(set(first))
    number = {name: index for index, name in enumerate(names)}
    return np.array([number[name] for name in first], np.int64), tuple(names)


def _reads_as_numbers(column: Column, max_levels: int) -> bool:
    """Return whether texts have too many levels for categories, and all read as finite numbers."""
    known = column[~is_missing(column)]
    if not all(isinstance(value, str) for value in known) or len(set(known)) <= max_levels:
        return False
    try:
        return bool(np.isfinite([float(value) for value in known]).all())
    except ValueError:
        return False


def _one_column_a_level(
    levels: Sequence[tuple[str, ...]], name: str, max_levels: int, ids: Sequence[str], fallbacks: Fallbacks
) -> tuple[NDArray[np.float64], list[str]]:
    count = Counter(level for row in levels for level in row)
    # By frequency, then by name: the same whatever the order of the rows.
    kept = sorted(sorted(count, key=lambda level: (-count[level], level))[:max_levels])
    number = {level: index for index, level in enumerate(kept)}
    beyond = len(count) > len(kept)
    block = np.zeros((len(levels), len(kept) + beyond))
    others: list[str] = []
    for item, row in enumerate(levels):
        for level in row:
            if level not in number:
                others.append(f"{ids[item]}: {level}")
            block[item, number.get(level, len(kept))] = 1.0
    fallbacks.add(f"values of {name} under '{OTHER}'", others)
    return block, [f"{name}={level}" for level in [*kept, *([OTHER] if beyond else [])]]


def _standardised(block: NDArray[np.float64], known: NDArray[np.bool_]) -> NDArray[np.float64]:
    result = np.zeros_like(block)
    if known.any():
        centred = block[known] - block[known].mean(axis=0)
        spread = float(np.sqrt(centred.var(axis=0).sum()))
        result[known] = centred / spread if spread > 1e-9 else 0.0
    return result
