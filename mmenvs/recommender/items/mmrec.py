"""Data sets in MMRec's layout: a folder with ``X.inter``, ``image_feat.npy`` and ``text_feat.npy``.

Items are numbered from 0; row i of the feature files belongs to item i.  ``X.inter`` is tab-separated with
a header of plain names: ``userID``, ``itemID``, perhaps ``rating`` and ``timestamp``, and ``x_label``, which
says where a row belongs: 0 training, 1 validation, 2 test.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmenvs.recommender.items.catalogue import Catalogue
from mmenvs.recommender.items.columns import load_array
from mmenvs.recommender.items.components import whitened_components
from mmenvs.recommender.items.tables import catalogue_from_table

#: Values of the column ``x_label``.
TRAIN, VALIDATION, TEST = 0, 1, 2

_WHOLE = ("userID", "itemID", "x_label")


def read_mmrec_interactions(path: str | Path) -> dict[str, NDArray[Any]]:
    """Read an ``.inter`` file of MMRec.

    Args:
        path: Of the file, or of the folder that holds one.

    Returns:
        By column: ``userID``, ``itemID`` and ``x_label`` as int64, all others as float64 (NaN where empty).

    Raises:
        ValueError: If the file or one of the columns ``userID`` and ``itemID`` is missing, a row has another
            number of fields, an entry is no number, or an id or split is out of range; the message names
            the line.
    """
    path = _inter(Path(path))
    lines = path.read_text(encoding="utf-8-sig").split("\n")
    header = lines[0].rstrip("\r").split("\t")
    for name in _WHOLE[:2]:
        if name not in header:
            raise ValueError(f"{path}: there is no column {name!r}; columns are {header}")
    rows: list[list[float]] = []
    for number, line in enumerate(lines[1:], start=2):
        fields = line.rstrip("\r").split("\t")
        if fields == [""] and number == len(lines):
            break
        if len(fields) != len(header):
            raise ValueError(f"{path}, line {number}: {len(fields)} fields; the header has {len(header)}")
        try:
            rows.append([float(field) if field else np.nan for field in fields])
        except ValueError:
            raise ValueError(f"{path}, line {number}: {fields} must all be numbers") from None
    table = np.array(rows, np.float64).reshape(-1, len(header))
    columns: dict[str, NDArray[Any]] = {}
    for name, column in zip(header, table.T, strict=True):
        if name in _WHOLE:
            greatest = TEST if name == "x_label" else 2**53
            wrong = np.flatnonzero(~((column >= 0) & (column <= greatest) & (column == np.floor(column))))
            if len(wrong):
                raise ValueError(
                    f"{path}, line {wrong[0] + 2}: {name}={column[wrong[0]]}; must be a whole number "
                    f"from 0 to {greatest}"
                )
            columns[name] = column.astype(np.int64)
        else:
            columns[name] = column.copy()
    return columns


def catalogue_from_mmrec(
    folder: str | Path, *, image_size: int = 64, text_size: int = 64, strict: bool = False, **options: Any
) -> Catalogue:
    """Make a catalogue of the features in a folder of MMRec.

    There are no pictures in such a folder: every item with picture features gets a look of its own, drawn
    as a mosaic of its first features.  Both kinds of features are reduced to whitened principal components.
    Popularity is the logarithm of 1 plus an item's rows in the training split, as a share of the greatest.

    Args:
        folder: Holds ``X.inter`` and ``image_feat.npy`` or ``text_feat.npy`` or both.
        image_size: Numbers that are kept of an item's picture features.
        text_size: Numbers that are kept of an item's text features; rows are then scaled to unit length.
        strict: Whether to refuse what would otherwise be replaced and counted.
        **options: Further arguments of
            :func:`~mmenvs.recommender.items.tables.catalogue_from_table`, such as ``picture_size``.

    Returns:
        The catalogue; ids are the item numbers.  Its ``report`` counts "missing pictures" and "missing
        texts": items without a row in the file, or with one of zeros, NaN or infinity.

    Raises:
        ValueError: If there is no ``.inter`` file or neither feature file, or an array is not
            two-dimensional.
    """
    folder = Path(folder)
    for name, size in (("image_size", image_size), ("text_size", text_size)):
        if isinstance(size, bool) or not isinstance(size, int) or size < 1:
            raise ValueError(f"{name}={size!r}: must be a whole number of at least 1")
    interactions = read_mmrec_interactions(folder)
    files = {name: folder / f"{name}_feat.npy" for name in ("image", "text")}
    found = {name: _features(path) for name, path in files.items() if path.is_file()}
    if not found:
        raise ValueError(
            f"{folder}: neither {files['image'].name} nor {files['text'].name}; one must be there"
        )
    items = max(len(features) for features in found.values())
    items = max(items, int(interactions["itemID"].max(initial=-1)) + 1)
    reduced = {
        name: _reduced(found.get(name, np.zeros((0, 1))), items, size)
        for name, size in (("image", image_size), ("text", text_size))
    }
    training = interactions["itemID"]
    if "x_label" in interactions:
        training = training[interactions["x_label"] == TRAIN]
    count = np.log1p(np.bincount(training, minlength=items))
    return catalogue_from_table(
        {"id": np.arange(items), "popularity": count / max(float(count.max()), 1e-9)},
        **{
            "id": "id",
            "popularity": "popularity",
            "image_encoder": reduced["image"],
            "text_encoder": reduced["text"],
            "strict": strict,
            **options,
        },
    )


def _inter(path: Path) -> Path:
    if path.is_dir():
        found = sorted(path.glob("*.inter"))
        if len(found) != 1:
            raise ValueError(f"{path}: {len(found)} .inter files; there must be one")
        return found[0]
    if not path.is_file():
        raise ValueError(f"{path}: there is no such file or folder")
    return path


def _features(path: Path) -> NDArray[np.float64]:
    features = load_array(path, path.name)
    if features.ndim != 2 or features.dtype.kind not in "fiu":
        raise ValueError(
            f"{path}: {features.dtype} of shape {features.shape}; must be numbers of shape (items, size)"
        )
    return features.astype(np.float64)


def _reduced(features: NDArray[np.float64], items: int, size: int) -> NDArray[np.float64]:
    """Return the whitened components of the rows that hold any, zeros for the others; shape (items, kept)."""
    padded = np.zeros((items, features.shape[1]))
    padded[: len(features)] = features
    known = np.asarray(np.isfinite(padded).all(axis=1) & padded.any(axis=1), np.bool_)
    padded[~known] = 0.0
    return whitened_components(padded, size, known)
