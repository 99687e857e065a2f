"""Labels as files that other programs read: JSON Lines, and Parquet where pyarrow is installed.

Every row of a store is a row of the file, labels that were taken back and the taking back included, in the
order of adding.  What a file holds twice, or the store holds already, is added once: a file may be imported
again, and stores of several people may be put together.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from feedback.labels import label_from_dict
from feedback.store import Event, LabelStore

_FIELDS = ("number", "kind", "labeller", "created", "undoes", "label")


@dataclass(frozen=True)
class Imported:
    """What an import did.

    Attributes:
        added: Rows that are new.
        known: Rows that were there already.
    """

    added: int
    known: int


def export_labels(store: LabelStore, path: str | os.PathLike[str]) -> int:
    """Write all rows of a store to a ``.jsonl`` or ``.parquet`` file; readers see the whole file or none.

    Returns:
        How many rows.

    Raises:
        ValueError: If the name ends otherwise, or a row cannot be read; see :func:`feedback.store.salvage`.
        ModuleNotFoundError: If it is Parquet and pyarrow is not installed.
    """
    target = Path(path)
    kind = _kind(target)
    records = [_record(event, store.name) for event in store.events()]
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f"{target.name}.{os.getpid()}.partial")
    if kind == "jsonl":
        with partial.open("w", encoding="utf-8") as file:
            for record in records:
                file.write(json.dumps(record, allow_nan=False) + "\n")
            file.flush()
            os.fsync(file.fileno())
    else:
        arrow, parquet = _pyarrow()
        flat = [{**record, "label": json.dumps(record["label"])} for record in records]
        number, text = arrow.int64(), arrow.string()
        types = dict.fromkeys(_FIELDS, text) | {"number": number, "undoes": number}
        parquet.write_table(arrow.Table.from_pylist(flat, schema=arrow.schema(list(types.items()))), partial)
    partial.replace(target)
    return len(records)


def import_labels(store: LabelStore, path: str | os.PathLike[str]) -> Imported:
    """Add the rows of a file that :func:`export_labels` wrote to a store: all of them, or none.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If a row cannot be read; the message names the file, the row and what is wrong.
        ModuleNotFoundError: If it is Parquet and pyarrow is not installed.
    """
    source = Path(path)
    records = _lines(source) if _kind(source) == "jsonl" else _table(source)
    events, seen = [], set()
    for row, record in records:
        event = _event(record, f"{source}, row {row}")
        if event.undoes is not None and event.undoes not in seen:
            raise ValueError(f"{source}, row {row}: undoes={event.undoes} is no earlier row's number")
        seen.add(event.number)
        events.append(event)
    added = store.restore(events)
    return Imported(added, len(events) - added)


def _record(event: Event, place: str) -> dict[str, Any]:
    try:
        label = json.loads(event.body) if event.undoes is None else None
    except json.JSONDecodeError as error:
        raise ValueError(f"{place}, row {event.number} is not valid JSON: {error}") from error
    return {
        "number": event.number,
        "kind": event.kind,
        "labeller": event.labeller,
        "created": event.created,
        "undoes": event.undoes,
        "label": label,
    }


def _event(record: Any, place: str) -> Event:
    if not isinstance(record, Mapping) or set(record) != set(_FIELDS):
        found = sorted(record) if isinstance(record, Mapping) else type(record).__name__
        raise ValueError(f"{place} has {found}, but must have the fields {sorted(_FIELDS)}")
    if not isinstance(record["number"], int):
        raise ValueError(f"{place}: number={record['number']!r} must be an integer")
    undoes, label = record["undoes"], record["label"]
    if undoes is not None:
        texts = (record["kind"], str(record["labeller"]), str(record["created"]))
        return Event(record["number"], *texts, int(undoes), "{}")
    try:
        known = label_from_dict(label)
    except (ValueError, TypeError) as error:
        raise ValueError(f"{place} is no label: {error}") from error
    data = known.to_dict()
    body = json.dumps(data, allow_nan=False)
    return Event(record["number"], known.kind, known.labeller, data["created"], None, body)


def _lines(path: Path) -> Iterator[tuple[int, Any]]:
    with path.open(encoding="utf-8") as file:
        for row, line in enumerate(file, 1):
            if not line.strip():
                continue
            try:
                yield row, json.loads(line)
            except json.JSONDecodeError as error:
                raise ValueError(f"{path}, row {row} is not valid JSON: {error}") from error


def _table(path: Path) -> Iterable[tuple[int, Any]]:
    arrow, parquet = _pyarrow()
    if not path.exists():
        raise FileNotFoundError(f"{path} does not exist")
    try:
        rows = parquet.read_table(path).to_pylist()
    except (arrow.ArrowException, OSError) as error:
        raise ValueError(f"{path} cannot be read as Parquet: {error}") from error
    return [(row, {**record, "label": _parsed(record.get("label"))}) for row, record in enumerate(rows, 1)]


def _parsed(text: Any) -> Any:
    try:
        return json.loads(text)
    except (TypeError, json.JSONDecodeError):
        return text


def _kind(path: Path) -> str:
    kind = path.suffix.removeprefix(".")
    if kind not in ("jsonl", "parquet"):
        raise ValueError(f"path={str(path)!r} must end with .jsonl or .parquet")
    return kind


def _pyarrow() -> tuple[Any, Any]:
    try:
        import pyarrow
        from pyarrow import parquet
    except ModuleNotFoundError:
        raise ModuleNotFoundError("Parquet needs pyarrow: pip install 'mmenvs[data]'") from None
    return pyarrow, parquet
