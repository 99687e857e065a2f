"""What a fault needs to know of the sensor that it hits, read from the sensor's space."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from gymnasium import spaces as gym_spaces
from numpy.typing import NDArray

from mmenvs import spaces
from mmenvs.core.faults.fault import EVERY_SENSOR, MEANINGS, Fault

_WIDEST = 1.0e6  # a range beyond this says "unbounded", and tells nothing of the size of ordinary readings
# What kernels cannot compute with, and what they see in its place.
_WORK_DTYPES: dict[str, np.dtype[Any]] = {"bool": np.dtype(np.uint8), "float16": np.dtype(np.float32)}
_CHOICES = (gym_spaces.Discrete, gym_spaces.MultiDiscrete, gym_spaces.MultiBinary)


class Picture(NamedTuple):
    """Where the bytes of a picture, or of each picture of a contact sheet, lie.

    Attributes:
        planes: Planes that lie one behind the other: the channels if they come first, else 1.
        rows: Pictures below each other in the sheet.
        columns: Pictures beside each other in the sheet.
        height: Height of one picture [pixels].
        width: Width of one picture [pixels].
        pixel: Bytes of a pixel within one plane.
    """

    planes: int
    rows: int
    columns: int
    height: int
    width: int
    pixel: int


class Sensor:
    """One leaf of a Dict observation space, flattened.

    Attributes:
        key: Its key in the observation.
        form: Its modality, or ``"discrete"``; see :data:`~mmenvs.core.faults.fault.MEANINGS`.
        size: Numbers of a reading.
        dtype: dtype of a reading.
        work_dtype: dtype in which kernels see it: bytes for bools, float32 for float16.
        low: Lower bound of each number, shape (size,), ``work_dtype``.
        high: Upper bound of each number, shape (size,), ``work_dtype``.
        span: Range of each number, 1 if it is unbounded, shape (size,), float64.
        nothing: A reading that says nothing: shape (size,), ``work_dtype``.
        labels: Whether numbers are names (class ids, words, choices), so that there is no half-way.
        ranging: Whether numbers are distances of which the upper bound means "no return".
        features: Numbers of one row (object, event), or of one beam, word, entry: 1.
        valid: Index of the feature that says that a row is valid, or -1.
        names: Names of the numbers, empty if unknown.
        circular: Whether the first and the last number are neighbours.
    """

    def __init__(self, key: str, space: gym_spaces.Space[Any]) -> None:
        """Read the space.

        Raises:
            ValueError: If the space is a scan without an upper bound, which could not say "no return".
        """
        self.key = key
        self.space = space
        self.form = form_of(space)
        self.dtype: np.dtype[Any] = np.dtype(space.dtype)
        self.work_dtype: np.dtype[Any] = _WORK_DTYPES.get(self.dtype.name, self.dtype)
        self.size = int(np.prod(space.shape or (), dtype=np.int64))
        low, high = _bounds(space)
        self.low = np.ascontiguousarray(np.broadcast_to(low, (self.size,)), self.work_dtype)
        self.high = np.ascontiguousarray(np.broadcast_to(high, (self.size,)), self.work_dtype)
        with np.errstate(over="ignore"):
            span = self.high.astype(np.float64) - self.low.astype(np.float64)
        self.span = np.where(np.isfinite(span) & (span <= _WIDEST), span, 1.0)
        unit = getattr(space, "unit", "")
        self.labels = self.form in ("tokens", "discrete") or unit == "class"
        self.ranging = self.form == "scan" or (self.form == "image" and unit == "range")
        if self.ranging and not np.isfinite(self.high).all():
            raise ValueError(
                f"sensor={key!r} has no finite upper bound, which would mean 'no return': {space}"
            )
        self.nothing: NDArray[Any] = self.high if self.ranging else self.low
        if not self.ranging and self.form != "discrete":
            self.nothing = np.clip(np.zeros_like(self.low), self.low, self.high)
        self.names: tuple[str, ...] = tuple(getattr(space, "names", ()))
        rows = self.form in ("objects", "history") and isinstance(space, spaces.ModalBox)
        self.features = space.structure[-1] if rows and isinstance(space, spaces.ModalBox) else 1
        self.valid = self.names.index("valid") if rows and "valid" in self.names else -1
        self.circular = bool(getattr(space, "circular", False))

    @property
    def itemsize(self) -> int:
        """Bytes of one number as kernels see it."""
        return self.work_dtype.itemsize

    @property
    def picture(self) -> Picture:
        """Where the pixels lie, if the sensor is an image."""
        space = self.space
        if isinstance(space, spaces.Image):
            (height, width, channels), (rows, columns) = space.size, space.tiles
            first = space.channels_first
        else:
            shape = space.shape or ()
            # The convention of Stable-Baselines3: the smallest axis holds the channels.
            first = int(np.argmin(shape)) == 0
            channels, height, width = shape if first else (shape[2], shape[0], shape[1])
            rows = columns = 1
        planes, values = (channels, 1) if first else (1, channels)
        return Picture(planes, rows, columns, height, width, values * self.itemsize)


def form_of(space: gym_spaces.Space[Any]) -> str:
    """Return the modality of a space, ``"discrete"`` for choices, or "" if no fault can touch it."""
    if isinstance(space, _CHOICES):
        return "discrete"
    if isinstance(space, gym_spaces.Box) and space.dtype.kind in "iufb" and space.dtype.itemsize <= 8:
        return spaces.modality_of(space)
    return ""


def sensors_hit(fault: Fault, space: gym_spaces.Dict) -> list[str]:
    """Return the keys that a fault hits, in the order of the space.

    Raises:
        ValueError: If the fault names no sensor of the space, or one for which its kind has no meaning.
    """
    forms = {key: form_of(leaf) for key, leaf in space.spaces.items()}
    hit: Mapping[str, str]
    if fault.sensor in forms:
        hit = {fault.sensor: forms[fault.sensor]}
    elif fault.sensor == EVERY_SENSOR:
        hit = {key: form for key, form in forms.items() if form in MEANINGS[fault.kind]}
    else:
        hit = {key: form for key, form in forms.items() if form == fault.sensor}
    if fault.sensor == EVERY_SENSOR and not hit:
        raise ValueError(
            f"kind={fault.kind!r} has no meaning for any sensor of this observation; it has one for: "
            f"{', '.join(MEANINGS[fault.kind])}"
        )
    if not hit:
        modalities = sorted({form for form in forms.values() if form})
        raise ValueError(
            f"sensor={fault.sensor!r} must be a key of the observation ({', '.join(map(repr, forms))}), "
            f"a modality of it ({', '.join(map(repr, modalities))}), or {EVERY_SENSOR!r}"
        )
    for key, form in hit.items():
        if form not in MEANINGS[fault.kind]:
            allowed = [kind for kind, forms in MEANINGS.items() if form in forms]
            raise ValueError(
                f"kind={fault.kind!r} has no meaning for sensor {key!r} ({form or type(space[key]).__name__})"
                f"; allowed for it: {', '.join(map(repr, allowed)) or 'none'}"
            )
    return list(hit)


def _bounds(space: gym_spaces.Space[Any]) -> tuple[Any, Any]:
    if isinstance(space, gym_spaces.Box):
        return space.low.reshape(-1), space.high.reshape(-1)
    if isinstance(space, gym_spaces.Discrete):
        return space.start, space.start + space.n - 1
    if isinstance(space, gym_spaces.MultiDiscrete):
        start = getattr(space, "start", np.zeros_like(space.nvec))
        return start.reshape(-1), (start + space.nvec - 1).reshape(-1)
    return 0, 1
