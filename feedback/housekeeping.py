"""The commands that move labels between stores and files: ``export``, ``import`` and ``salvage``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path

import tyro

from feedback.exchange import export_labels, import_labels
from feedback.store import LabelStore, Unreadable, address_of, salvage


def run_export(store: tyro.conf.Positional[str], file: tyro.conf.Positional[Path]) -> None:
    """Write all rows of a store to a file.

    Args:
        store: File or URL of the labels.
        file: A ``.jsonl`` or ``.parquet`` file.
    """
    with _existing(store) as opened:
        print(f"{export_labels(opened, file)} rows of {opened.name} are in {file}")


def run_import(store: tyro.conf.Positional[str], file: tyro.conf.Positional[Path]) -> None:
    """Add the rows of an exported file to a store, those that it has already left out.

    Args:
        store: File or URL of the labels; made where there is none.
        file: A ``.jsonl`` or ``.parquet`` file.
    """
    if not file.exists():
        raise FileNotFoundError(f"{file} does not exist")
    with LabelStore(store) as opened:
        done = import_labels(opened, file)
        print(f"{done.added} rows of {file} are new in {opened.name}, {done.known} were there")


def run_salvage(
    broken: tyro.conf.Positional[str], good: tyro.conf.Positional[str], clips: Path | None = None
) -> None:
    """Write what can still be read of a damaged store, and its clips, into a new one.

    Args:
        broken: The damaged file; it is left as it is.
        good: File or URL of the new store.
        clips: Where the clips of the new store go; by default beside its file.
    """
    with LabelStore(good, clip_folder=clips) as opened:
        done = salvage(broken, opened)
        print(f"saved {done.kept} rows and {done.clips} clips in {opened.name}; lost {len(done.lost)} rows")
    for line in _grouped(done.lost):
        print(f"  {line}")


def _existing(url: str) -> LabelStore:
    """Open a store, but make none: who misspells its name is to hear of it."""
    path = address_of(url).path
    if path is not None and not path.exists():
        raise FileNotFoundError(f"{path} does not exist")
    return LabelStore(url)


def _grouped(rows: Iterable[Unreadable]) -> Iterator[str]:
    """Name rows, those that follow each other and were lost for the same reason in one line."""
    rows = list(rows)
    breaks = [
        k for k, (a, b) in enumerate(pairwise(rows), 1) if (a.number + 1, a.reason) != (b.number, b.reason)
    ]
    for begin, end in pairwise([0, *breaks, len(rows)] if rows else []):
        first, last = rows[begin], rows[end - 1]
        yield str(first) if first is last else f"rows {first.number} to {last.number}: {first.reason}"
