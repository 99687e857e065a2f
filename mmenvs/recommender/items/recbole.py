"""Data sets in RecBole's atomic files: tab-separated, with a header of ``name:type``.

The types are ``token`` (a name), ``token_seq`` (names, blanks between them), ``float`` and ``float_seq``.  A
data set ``ml-100k`` is a folder of that name with ``ml-100k.item`` and ``ml-100k.inter``, and perhaps
``ml-100k.user``.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmenvs.recommender.items.catalogue import Catalogue
from mmenvs.recommender.items.tables import MAX_LEVELS, catalogue_from_table

#: Columns by name: tokens are arrays of str, floats arrays of float64, sequences lists of lists of these.
AtomicColumns = dict[str, Any]

TYPES = ("token", "token_seq", "float", "float_seq")

_ITEM = "item_id"
_PRIOR = 5.0  # ratings of the mean height that every item gets on top, so that one rating does not decide


def read_atomic(path: str | Path) -> AtomicColumns:
    """Read an atomic file.

    Args:
        path: Of the file, in UTF-8.

    Returns:
        By column: ``token`` as object array of str ("" where empty), ``float`` as float64 (NaN where empty),
        ``token_seq`` as list of lists of str, ``float_seq`` as list of lists of float.

    Raises:
        ValueError: If the file is missing, the header has no types, a row has another number of fields, or a
            float is none; the message names the line.
    """
    path = Path(path)
    lines = _lines(path)
    header = _header(next(lines, ""), path)
    fields: list[list[str]] = [[] for _ in header]
    for number, line in enumerate(lines, start=2):
        row = line.split("\t")
        if len(row) != len(header):
            raise ValueError(f"{path}, line {number}: {len(row)} fields; the header has {len(header)}")
        for column, field in zip(fields, row, strict=True):
            column.append(field)
    return {
        name: _parse(column, kind, f"{path}, column {name!r}")
        for (name, kind), column in zip(header, fields, strict=True)
    }


def write_atomic(
    path: str | Path,
    columns: Mapping[str, Sequence[Any] | NDArray[Any]],
    types: Mapping[str, str] | None = None,
) -> None:
    """Write an atomic file that :func:`read_atomic` reads back unchanged.

    Args:
        path: Of the file; overwritten.
        columns: By name, all of the same length.
        types: By name, one of :data:`TYPES`; columns that are not named, and all if None: ``float`` for
            arrays of numbers, ``float_seq`` and ``token_seq`` for lists of lists, otherwise ``token``.

    Raises:
        ValueError: If lengths differ, a type is unknown, or a value cannot be written: tokens must be free of
            tabs and line ends, those of sequences free of blanks and not empty.
    """
    chosen = {name: (types or {}).get(name) or _guess(column) for name, column in columns.items()}
    for name in types or {}:
        if name not in columns:
            raise ValueError(f"types names {name!r}: no such column; columns are {list(columns)}")
    lengths = {name: len(column) for name, column in columns.items()}
    if not columns or len(set(lengths.values())) > 1:
        raise ValueError(f"columns have the lengths {lengths}; there must be some, all of the same length")
    written = []
    for name, kind in chosen.items():
        if kind not in TYPES:
            raise ValueError(f"types[{name!r}]={kind!r}: must be one of {list(TYPES)}")
        if not name or any(mark in name for mark in ":\t\n\r"):
            raise ValueError(f"column {name!r}: a name must not be empty or hold colons, tabs or line ends")
        written.append([_format(value, kind, name, row) for row, value in enumerate(columns[name])])
    header = "\t".join(f"{name}:{kind}" for name, kind in chosen.items())
    rows = ("\t".join(row) for row in zip(*written, strict=True))
    with Path(path).open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(f"{line}\n" for line in itertools.chain((header,), rows))


def catalogue_from_recbole(
    data: str | Path,
    *,
    text: Sequence[str] | None = None,
    attributes: Sequence[str] | None = None,
    category: str | None = None,
    use_interactions: bool = True,
    **options: Any,
) -> Catalogue:
    """Make a catalogue of a RecBole data set's ``.item`` file.

    Args:
        data: The folder, or the path of its files without their endings.
        text: Columns that are the title and the description; None for all ``token_seq`` columns.
        attributes: Columns that are attributes; None for every ``float`` column, and every other one that
            holds at most ``max_levels`` different tokens or only tokens that read as numbers.
        category: As in :func:`~mmenvs.recommender.items.tables.catalogue_from_table`.
        use_interactions: Whether to take from the ``.inter`` file, if there is one, the popularity
            (logarithm of 1 plus the number of rows, as a share of the greatest) and, if it has a column
            ``rating``, the quality (mean rating, drawn to that of all items by 5 ratings, scaled to [0, 1];
            NaN where there is none).
        **options: Further arguments of :func:`~mmenvs.recommender.items.tables.catalogue_from_table`.

    Raises:
        ValueError: If there is no ``.item`` file, it has no column ``item_id``, or the table is refused.
    """
    prefix = _prefix(Path(data))
    items = read_atomic(_file(prefix, ".item"))
    if _ITEM not in items:
        raise ValueError(f"{prefix}.item: there is no column {_ITEM!r}; columns are {list(items)}")
    lists = [name for name, column in items.items() if isinstance(column, list)]
    if text is None:
        text = [name for name in lists if not _holds_floats(items[name])]
    if attributes is None:
        most = options.get("max_levels", MAX_LEVELS)
        attributes = [name for name in items if name != _ITEM and _is_attribute(items[name], most)]
    table = {name: _empty_as_missing(column) for name, column in items.items()}
    unknown = 0
    interactions = _file(prefix, ".inter")
    if use_interactions and interactions.is_file():
        found, unknown = _from_interactions(read_atomic(interactions), items[_ITEM])
        for name, column in found.items():
            # A name that no column of an atomic file can have.
            table[f":{name}"] = column
            options.setdefault(name, f":{name}")
    catalogue = catalogue_from_table(
        table, id=_ITEM, text=text, attributes=attributes, category=category, **options
    )
    if unknown:
        report = {**catalogue.report, "interactions with unknown items": unknown}
        catalogue = replace(catalogue, report=report)
    return catalogue


def _from_interactions(
    interactions: AtomicColumns, ids: NDArray[Any]
) -> tuple[dict[str, NDArray[np.float64]], int]:
    """Return popularity and quality of the items, and how many interactions are with others."""
    if _ITEM not in interactions:
        raise ValueError(f"the .inter file has no column {_ITEM!r}; columns are {list(interactions)}")
    index = {name: row for row, name in enumerate(ids.tolist())}
    row = np.array([index.get(name, -1) for name in interactions[_ITEM]], np.int64)
    known = row >= 0
    count = np.bincount(row[known], minlength=len(ids))
    found = {"popularity": np.log1p(count) / max(float(np.log1p(count.max(initial=0))), 1e-9)}
    rating = interactions.get("rating")
    if isinstance(rating, np.ndarray) and rating.dtype.kind == "f":
        rated = known & np.isfinite(rating)
        if rated.any():
            number = np.bincount(row[rated], minlength=len(ids))
            total = np.bincount(row[rated], rating[rated], minlength=len(ids))
            mean = (total + _PRIOR * rating[rated].mean()) / (number + _PRIOR)
            found["quality"] = np.where(number > 0, mean, np.nan)
    return found, int((~known).sum())


def _is_attribute(column: Any, most: int) -> bool:
    if isinstance(column, list):
        return not _holds_floats(column) and len({token for row in column for token in row}) <= most
    if column.dtype.kind == "f":
        return True
    known = {token for token in column if token}
    return len(known) <= most or all(_is_float(token) for token in known)


def _holds_floats(column: list[list[Any]]) -> bool:
    return any(isinstance(value, float) for row in column for value in row)


def _is_float(token: str) -> bool:
    try:
        return bool(np.isfinite(float(token)))
    except ValueError:
        return False


def _empty_as_missing(column: Any) -> Any:
    if isinstance(column, np.ndarray) and column.dtype.kind == "O":
        return [token or None for token in column]
    return column


def _prefix(data: Path) -> Path:
    """Return the path of the files without their endings."""
    if not data.is_dir():
        return data
    inside = data / data.name
    if _file(inside, ".item").is_file():
        return inside
    found = sorted(data.glob("*.item"))
    if len(found) != 1:
        raise ValueError(
            f"{data}: {len(found)} .item files; there must be one, or one called {data.name}.item"
        )
    return found[0].with_suffix("")


def _file(prefix: Path, ending: str) -> Path:
    return prefix.with_name(prefix.name + ending)


def _lines(path: Path) -> Iterator[str]:
    if not path.is_file():
        raise ValueError(f"{path}: there is no such file")
    # Only line feeds end a line: a title may hold other marks that str.splitlines would split at.
    with path.open(encoding="utf-8-sig", newline="\n") as file:
        for line in file:
            yield line.removesuffix("\n").removesuffix("\r")


def _header(line: str, path: Path) -> list[tuple[str, str]]:
    header: list[tuple[str, str]] = []
    for field in line.split("\t"):
        name, mark, kind = field.rpartition(":")
        if not mark or not name or kind not in TYPES:
            raise ValueError(
                f"{path}, line 1: {field!r}; must be name:type, and the type one of {list(TYPES)}"
            )
        if name in dict(header):
            raise ValueError(f"{path}, line 1: two columns are called {name!r}; names must differ")
        header.append((name, kind))
    return header


def _parse(fields: list[str], kind: str, where: str) -> Any:
    if kind == "token":
        tokens = np.empty(len(fields), object)
        tokens[:] = fields
        return tokens
    if kind == "token_seq":
        return [[token for token in field.split(" ") if token] for field in fields]
    if kind == "float":
        return np.array([_number(field, where, row) for row, field in enumerate(fields)], np.float64)
    return [
        [_number(part, where, row) for part in field.split(" ") if part] for row, field in enumerate(fields)
    ]


def _number(field: str, where: str, row: int) -> float:
    try:
        return float(field) if field else np.nan
    except ValueError:
        raise ValueError(f"{where}, line {row + 2}: {field!r} is not a number") from None


def _guess(column: Sequence[Any] | NDArray[Any]) -> str:
    if isinstance(column, np.ndarray) and column.dtype.kind in "fiub":
        return "float"
    if isinstance(column, Sequence) and column and all(isinstance(row, (list, tuple)) for row in column):
        return "float_seq" if _holds_floats(list(column)) else "token_seq"
    return "token"


def _format(value: Any, kind: str, name: str, row: int) -> str:
    parts = list(value) if kind.endswith("_seq") else [value]
    if kind.startswith("float"):
        words = ["" if kind == "float" and np.isnan(float(part)) else repr(float(part)) for part in parts]
    else:
        words = ["" if part is None else str(part) for part in parts]
    for word in words:
        if any(mark in word for mark in "\t\n\r"):
            raise ValueError(f"column {name!r}, row {row}: {word!r}; a token must not hold tabs or line ends")
        if kind == "token_seq" and (not word or " " in word):
            raise ValueError(
                f"column {name!r}, row {row}: {word!r}; tokens of a sequence must not be empty or hold blanks"
            )
    return " ".join(words)
