"""Logs in files: RecBole's atomic files, Parquet, and NumPy's own format."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from mmenvs.recommender.data.columns import codes
from mmenvs.recommender.data.logs import COLUMNS, Logs

#: RecBole's column, its type there, and the argument of :meth:`Logs.from_table` that takes it.
_RECBOLE = (
    ("user_id", "token", "user"),
    ("item_id", "token", "item"),
    ("rating", "float", "rating"),
    ("timestamp", "float", "time"),
    ("click", "float", "click"),
    ("dwell", "float", "dwell"),
    ("position", "float", "position"),
    ("propensity", "float", "propensity"),
    ("session_id", "token", "session"),
    ("step", "float", "step"),
    ("reward", "float", "reward"),
    ("left", "float", "left"),
)


def write_recbole(logs: Logs, folder: str | Path, name: str) -> Path:
    """Write ``folder/name/name.inter``, where RecBole looks for a data set of ``data_path=folder``.

    Args:
        logs: Columns that are unknown throughout are left out; single unknown numbers become empty cells.
        folder: Made if need be.
        name: Of the data set.

    Returns:
        The file.
    """
    fields = {
        "user": [logs.user_ids[code] for code in logs.user],
        "item": [logs.item_ids[code] for code in logs.item],
        "click": logs.clicked.astype(np.float64),
        "session": [str(session) for session in logs.session],
        **{
            name: getattr(logs, name).astype(np.float64)
            for name in ("rating", "time", "dwell", "position", "propensity", "step", "reward", "left")
        },
    }
    columns, types = {}, {}
    for heading, kind, source in _RECBOLE:
        values = fields[source]
        if isinstance(values, np.ndarray) and len(values) and np.isnan(values).all():
            continue
        columns[heading], types[heading] = values, kind
    path = Path(folder) / name / f"{name}.inter"
    path.parent.mkdir(parents=True, exist_ok=True)
    _atomic_writer()(path, columns, types)
    return path


def read_recbole(path: str | Path, **options: Any) -> Logs:
    """Read the interactions of a RecBole data set.

    Args:
        path: The ``.inter`` file, or a folder that holds exactly one.
        options: ``catalogue``, ``unseen`` and ``session_gap`` of :meth:`Logs.from_table`.

    Returns:
        The logs; columns that have no place in them are counted in their ``report``.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file has no users or no items, or a cell is not allowed.
    """
    path = Path(path)
    if path.is_dir():
        found = sorted(path.glob("*.inter"))
        if len(found) != 1:
            names = [file.name for file in found]
            raise FileNotFoundError(f"path={str(path)!r} must hold one .inter file, but holds {names}")
        path = found[0]
    columns = dict(_atomic_reader()(path))
    known = {heading: source for heading, _, source in _RECBOLE}
    for heading in ("user_id", "item_id"):
        if heading not in columns:
            raise ValueError(f"{path} must have the column {heading}, but has {list(columns)}")
    given = {known[heading]: values for heading, values in columns.items() if heading in known}
    logs = Logs.from_table(**given, **options)
    ignored = {f"column {heading} ignored": len(logs) for heading in columns if heading not in known}
    if not ignored:
        return logs
    from dataclasses import replace

    return replace(logs, report={**logs.report, **ignored})


def _items_module() -> Any:
    """Return the package's own reader of atomic files, or None while there is none."""
    try:
        return import_module("mmenvs.recommender.items.recbole")
    except ModuleNotFoundError:
        return None


def _atomic_reader() -> Callable[[Path], Mapping[str, Any]]:
    return getattr(_items_module(), "read_atomic", _read_atomic)


def _atomic_writer() -> Callable[[Path, Mapping[str, Any], Mapping[str, str]], Any]:
    return getattr(_items_module(), "write_atomic", _write_atomic)


def _read_atomic(path: Path) -> dict[str, Any]:
    """Read a tab-separated file whose header is ``name:type``; only tokens and numbers are understood."""
    with path.open(encoding="utf-8", newline="") as file:
        lines = file.read().split("\n")
    heading = [cell.partition(":")[::2] for cell in lines[0].rstrip("\r").split("\t")]
    cells = [line.rstrip("\r").split("\t") for line in lines[1:] if line]
    for number, row in enumerate(cells):
        if len(row) != len(heading):
            raise ValueError(f"{path}, row {number}: {len(row)} cells, but the header has {len(heading)}")
    columns: dict[str, Any] = {}
    for (name, kind), values in zip(
        heading, zip(*cells, strict=True) if cells else ((),) * len(heading), strict=True
    ):
        if kind == "float":
            try:
                columns[name] = np.array([float(value) if value else np.nan for value in values])
            except ValueError as error:
                raise ValueError(f"{path}, column {name}: {error}") from None
        else:
            columns[name] = np.array(values, dtype=object)
    return columns


def _write_atomic(path: Path, columns: Mapping[str, Any], types: Mapping[str, str]) -> None:
    """Write a tab-separated file whose header is ``name:type``; numbers survive exactly, NaN is empty."""
    text = {
        name: ["" if np.isnan(value) else repr(float(value)) for value in values]
        if types[name] == "float"
        else values
        for name, values in columns.items()
    }
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write("\t".join(f"{name}:{types[name]}" for name in columns) + "\n")
        file.writelines("\t".join(row) + "\n" for row in zip(*text.values(), strict=True))


def write_parquet(logs: Logs, path: str | Path) -> Path:
    """Write a Parquet file with one column a field; users and items by their ids.

    Raises:
        ImportError: Without pyarrow, naming the extra that brings it.
    """
    arrow, parquet = _pyarrow()
    arrays: dict[str, Any] = {name: getattr(logs, name) for name in COLUMNS}
    arrays["user"] = arrow.array([logs.user_ids[code] for code in logs.user], arrow.string())
    arrays["item"] = arrow.array([logs.item_ids[code] for code in logs.item], arrow.string())
    kept = {"user_ids": logs.user_ids, "item_ids": logs.item_ids, "report": dict(logs.report)}
    table = arrow.table(arrays).replace_schema_metadata({"mmenvs": json.dumps(kept)})
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    parquet.write_table(table, str(path))
    return Path(path)


def read_parquet(path: str | Path) -> Logs:
    """Read what :func:`write_parquet` wrote.

    Other Parquet files are read with pyarrow or pandas and given to :meth:`Logs.from_table`.

    Raises:
        ImportError: Without pyarrow, naming the extra that brings it.
        ValueError: If the file was not written by :func:`write_parquet`.
    """
    _, parquet = _pyarrow()
    table = parquet.read_table(str(path))
    metadata = (table.schema.metadata or {}).get(b"mmenvs")
    if metadata is None or set(COLUMNS) - set(table.column_names):
        raise ValueError(
            f"path={str(path)!r} must be written by Logs.to_parquet; use Logs.from_table for others"
        )
    kept = json.loads(metadata)
    columns: dict[str, Any] = {}
    for name in COLUMNS:
        values = table[name].to_numpy()
        if name in ("user", "item"):
            code, ids = codes(name, values)
            row_of = {text: row for row, text in enumerate(kept[f"{name}_ids"])}
            values = np.array([row_of[text] for text in ids], np.int64)[code] if len(ids) else code
        columns[name] = values
    for name in ("user_ids", "item_ids"):
        columns[name] = tuple(kept[name])
    return Logs(**columns, report=kept["report"])


def _pyarrow() -> tuple[Any, Any]:
    try:
        return import_module("pyarrow"), import_module("pyarrow.parquet")
    except ImportError as error:
        raise ImportError("Parquet needs pyarrow: pip install 'mmenvs[data]'") from error


def write_npz(logs: Logs, path: str | Path) -> Path:
    """Write a compressed ``.npz`` file that holds no pickled objects."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    arrays: dict[str, Any] = {name: getattr(logs, name) for name in COLUMNS}
    for name in ("user_ids", "item_ids"):
        arrays[name] = np.array(getattr(logs, name), np.str_)
    arrays["report"] = np.array(json.dumps(dict(logs.report)))
    with path.open("wb") as file:  # a file, since NumPy appends ".npz" to names without it
        np.savez_compressed(file, **arrays)
    return path


def read_npz(path: str | Path) -> Logs:
    """Read what :func:`write_npz` wrote.

    Raises:
        ValueError: If the file was not written by :func:`write_npz`.
    """
    with np.load(path, allow_pickle=False) as file:
        missing = {*COLUMNS, "user_ids", "item_ids", "report"} - set(file.files)
        if missing:
            raise ValueError(
                f"path={str(path)!r} must be written by Logs.to_npz, but lacks {sorted(missing)}"
            )
        columns: dict[str, Any] = {name: file[name] for name in COLUMNS}
        for name in ("user_ids", "item_ids"):
            columns[name] = tuple(file[name].tolist())
        return Logs(**columns, report=json.loads(str(file["report"])))
