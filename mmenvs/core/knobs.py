"""Knobs: numbers of a frozen dataclass that say their own range and check themselves."""

from __future__ import annotations

import difflib
import operator
from collections.abc import Iterable
from dataclasses import field, fields
from typing import Any, SupportsFloat


def knob(default: Any, low: float, high: float, optional: bool = False) -> Any:
    """Declare a number of a frozen dataclass with its range; :func:`check_knobs` enforces it.

    Args:
        default: The default; its type, int or float, is the knob's type.
        low: Smallest value allowed.
        high: Largest value allowed.
        optional: Whether None is allowed too; the default may then be None for an integer.
    """
    whole = default is None or isinstance(default, int)
    return field(default=default, metadata={"range": (low, high), "whole": whole, "optional": optional})


def option(default: str, *others: str) -> Any:
    """Declare a word of a frozen dataclass and which other ones are allowed."""
    return field(default=default, metadata={"words": (default, *others)})


def check_knobs(settings: Any) -> None:
    """Check every knob of a frozen dataclass and store it as a plain int, float or bool.

    Plain types keep a config JSON and let kernels be compiled for one set of types only.

    Raises:
        ValueError: Naming the field, its value and what is allowed.
    """
    for item in fields(settings):
        name, value, meta = item.name, getattr(settings, item.name), item.metadata
        if "words" in meta:
            if not isinstance(value, str) or value not in meta["words"]:
                raise ValueError(f"{name}={value!r} must be one of {', '.join(map(repr, meta['words']))}")
        elif "range" in meta:
            if value is None and meta["optional"]:
                continue
            also = " or None" if meta["optional"] else ""
            low, high = meta["range"]
            check = whole_number if meta["whole"] else real_number
            object.__setattr__(settings, name, check(name, value, low, high, also))
        elif isinstance(item.default, bool) and not isinstance(value, bool):
            raise ValueError(f"{name}={value!r} must be True or False")


def whole_number(name: str, value: Any, low: float, high: float, also: str = "") -> int:
    """Return ``value`` as an int.

    Raises:
        ValueError: If it is no integer of [low, high].
    """
    whole = hasattr(value, "__index__") and not isinstance(value, bool)
    if not whole or not low <= operator.index(value) <= high:
        raise ValueError(f"{name}={value!r} must be an integer from {low:.0f} to {high:.0f}{also}")
    return operator.index(value)


def real_number(name: str, value: Any, low: float, high: float, also: str = "") -> float:
    """Return ``value`` as a float.

    Raises:
        ValueError: If it is no number of [low, high].
    """
    real = isinstance(value, SupportsFloat) and not isinstance(value, bool)
    if not real or not low <= float(value) <= high:  # NaN compares false
        raise ValueError(f"{name}={value!r} must be a number from {low:g} to {high:g}{also}")
    return float(value)


def check_known(kind: str, given: Iterable[str], known: Iterable[str]) -> None:
    """Check that names are known.

    Raises:
        TypeError: Naming the first that is not, and its closest matches.
    """
    known = list(known)
    for name in given:
        if name not in known:
            close = difflib.get_close_matches(name, known) or sorted(known)
            raise TypeError(f"unknown {kind} {name!r}; close matches: {', '.join(close)}")
