"""Spaces as JSON and back, so that a file can say what it reads and what it answers.

:func:`space_to_json` gives plain dicts, lists, strings and numbers; :func:`space_from_json` rebuilds an equal
space, a self-describing one (:mod:`mmenvs.spaces`) with its modality, unit and names.  Bounds that are the
same everywhere are kept as one number, infinite ones as ``"inf"`` and ``"-inf"``, which JSON has no numbers
for.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from gymnasium.spaces import Box, Dict, Discrete, MultiBinary, MultiDiscrete, Space
from numpy.typing import NDArray

from mmenvs.spaces import History, Image, ModalBox, Objects, Scan, Tokens, Vector


def space_to_json(space: Space[Any]) -> dict[str, Any]:
    """Describe a space.

    Args:
        space: A Box, any of :mod:`mmenvs.spaces`, Discrete, MultiDiscrete, MultiBinary, or a Dict of them;
            of a single world, not batched.

    Returns:
        What ``json.dumps`` takes.

    Raises:
        ValueError: If the space is of another kind.
    """
    if isinstance(space, Dict):
        return {"type": "Dict", "spaces": {key: space_to_json(leaf) for key, leaf in space.spaces.items()}}
    if isinstance(space, Discrete):
        return {"type": "Discrete", "n": int(space.n), "start": int(space.start)}
    if isinstance(space, MultiDiscrete):
        return {"type": "MultiDiscrete", "nvec": space.nvec.tolist(), "start": space.start.tolist()}
    if isinstance(space, MultiBinary):
        return {"type": "MultiBinary", "n": space.n if isinstance(space.n, int) else list(space.shape)}
    if isinstance(space, Box) and not getattr(space, "batch", ()):
        kind = type(space).__name__
        if kind in _BOXES:
            return {"type": kind} | _box_to_json(space)
    raise ValueError(f"{space!r} cannot be written as JSON; known are {sorted([*_BOXES, *_OTHERS])}")


def space_from_json(data: Mapping[str, Any]) -> Space[Any]:
    """Rebuild a space.

    Args:
        data: What :func:`space_to_json` gave.

    Raises:
        ValueError: If it is something else.
    """
    try:
        kind = data["type"]
        if kind == "Dict":
            # Gymnasium sorts the keys of a plain dict; the order is that of the exported network's inputs.
            return Dict(OrderedDict((key, space_from_json(leaf)) for key, leaf in data["spaces"].items()))
        if kind in _OTHERS:
            return _OTHERS[kind](data)
        return _BOXES[kind](data)
    except (KeyError, TypeError, AttributeError, OverflowError) as error:
        raise ValueError(f"{data!r} does not describe a space: {error!r}") from error


def _box_to_json(space: Box) -> dict[str, Any]:
    found: dict[str, Any] = {
        "shape": list(space.shape),
        "dtype": str(space.dtype),
        "low": _bound_to_json(space.low),
        "high": _bound_to_json(space.high),
    }
    if isinstance(space, ModalBox):
        found |= {"unit": space.unit, "structure": list(space.structure)}
    if isinstance(space, Image):
        found |= {"tiles": list(space.tiles), "channels_first": space.channels_first}
    if isinstance(space, Scan):
        found["circular"] = space.circular
    if isinstance(space, Objects | Vector | History):
        found["names"] = list(space.names)
    return found


def _bound_to_json(bound: NDArray[Any]) -> Any:
    """Return a bound as nested lists, or as one number if it is the same everywhere."""
    values = bound if bound.size == 0 or (bound != bound.flat[0]).any() else bound.flat[0]
    return _spell(values.tolist())


def _spell(value: Any) -> Any:
    if isinstance(value, list):
        return [_spell(entry) for entry in value]
    return str(value) if isinstance(value, float) and not np.isfinite(value) else value


def _bound(data: Mapping[str, Any], name: str, shape: tuple[int, ...] | None = None) -> NDArray[Any]:
    """Return a bound as an array that broadcasts to ``shape``, by default to that of the space."""
    # NumPy reads "inf" as float32 from an array of strings, but not from a mixed list.
    values = np.array(data[name], object)
    bound = np.vectorize(float, otypes=[np.float64])(values) if data["dtype"].startswith("f") else values
    full = np.broadcast_to(bound.astype(data["dtype"]), data["shape"])
    return full if shape is None else full.reshape(shape)


def _plain_box(data: Mapping[str, Any]) -> Box:
    kind: Any = np.dtype(data["dtype"]).type
    return Box(_bound(data, "low").copy(), _bound(data, "high").copy(), dtype=kind)


def _modal_box(data: Mapping[str, Any]) -> ModalBox:
    low, high = _bound(data, "low"), _bound(data, "high")
    return ModalBox(
        low, high, data["shape"], data["dtype"], unit=data["unit"], structure=tuple(data["structure"])
    )


def _image(data: Mapping[str, Any]) -> Image:
    height, width, channels = data["structure"][-3:]
    rows, columns = data["tiles"]
    low, high = _bound(data, "low"), _bound(data, "high")
    return Image(
        height,
        width,
        channels,
        low=low.flat[0].item(),
        high=high.flat[0].item(),
        dtype=data["dtype"],
        unit=data["unit"],
        tiles=(rows, columns),
        channels_first=data["channels_first"],
    )


def _scan(data: Mapping[str, Any]) -> Scan:
    space = Scan(*data["shape"], unit=data["unit"], circular=data["circular"])
    # Of all beams the same by the constructor, but nothing hinders a wrapper from narrowing some.
    space.low, space.high = _bound(data, "low").copy(), _bound(data, "high").copy()
    return space


def _tokens(data: Mapping[str, Any]) -> Tokens:
    return Tokens(data["shape"][0], vocabulary=int(np.max(_bound(data, "high"))) + 1)


def _vector(data: Mapping[str, Any]) -> Vector:
    low, high = _bound(data, "low"), _bound(data, "high")
    return Vector(*data["shape"], low=low, high=high, unit=data["unit"], names=data["names"])


def _table(kind: type[Objects] | type[History]) -> Callable[[Mapping[str, Any]], Objects | History]:
    def build(data: Mapping[str, Any]) -> Objects | History:
        rows, features = data["structure"]
        low, high = (_bound(data, name, (rows, features)) for name in ("low", "high"))
        return kind(rows, features, low=low, high=high, unit=data["unit"], names=data["names"])

    return build


#: Kind of box to what rebuilds it.
_BOXES: dict[str, Callable[[Mapping[str, Any]], Box]] = {
    "Box": _plain_box,
    "ModalBox": _modal_box,
    "Image": _image,
    "Scan": _scan,
    "Objects": _table(Objects),
    "History": _table(History),
    "Tokens": _tokens,
    "Vector": _vector,
}
#: Kind of any other leaf to what rebuilds it.
_OTHERS: dict[str, Callable[[Mapping[str, Any]], Space[Any]]] = {
    "Discrete": lambda data: Discrete(data["n"], start=data["start"]),
    "MultiDiscrete": lambda data: MultiDiscrete(data["nvec"], start=data["start"]),
    "MultiBinary": lambda data: MultiBinary(data["n"]),
}
