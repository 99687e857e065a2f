"""What can go wrong with a sensor, how badly and when: a value that users write and JSON can hold."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

#: ``"always"``, ``("steps", begin, end)`` or ``("random", rate, duration)``; see :class:`Fault`.
Schedule = str | tuple[str, float, float]

#: Kind of fault to what it does, by form of sensor.  The form is the modality of the space; a space of whole
#: choices (Discrete, MultiDiscrete, MultiBinary) has the form ``"discrete"``.  A pair that is not here has no
#: meaning, and is refused.  Where zero is outside of the bounds, the bound nearest to it stands for it.
MEANINGS: dict[str, dict[str, str]] = {
    "noise": {
        "image": "Gaussian noise on every value; pixels of a class picture become another class",
        "scan": "Gaussian noise on every beam that returned",
        "objects": "Gaussian noise on the features of every object that is there",
        "tokens": "words become other words",
        "vector": "Gaussian noise on every number",
        "history": "Gaussian noise on every event that is there",
        "discrete": "choices become other choices",
    },
    "dropout": {
        "image": "square blocks are black (a depth picture: nothing within range)",
        "scan": "beams return nothing, which reads as the upper bound",
        "objects": "objects are missed: their rows are zero",
        "tokens": "words are missed: they read as padding",
        "vector": "numbers read as zero",
        "history": "events are missed: their rows are zero",
        "discrete": "choices read as the lowest one",
    },
    "blackout": {
        "image": "the picture is black (depth: nothing within range; classes: class 0)",
        "scan": "no beam returns",
        "objects": "no object is there",
        "tokens": "the sentence is all padding",
        "vector": "every number is zero",
        "history": "no event is there",
        "discrete": "every choice is the lowest one",
    },
    "frozen": dict.fromkeys(
        ("image", "scan", "objects", "tokens", "vector", "history", "discrete"),
        "the reading at the onset is repeated",
    ),
    "latency": dict.fromkeys(
        ("image", "scan", "objects", "tokens", "vector", "history", "discrete"),
        "the reading of some steps ago, or the first one before there were so many",
    ),
    "dirt": {"image": "smudges stick to the lens (depth: nothing within range; classes: class 0)"},
    "miscalibration": {
        "image": "the picture is shifted and turned by a few pixels",
        "scan": "the beams are turned by a fixed angle",
    },
    "jump": {"vector": "positions are off by a constant, as after a jump of a satellite receiver"},
}
#: Names of the kinds of fault.
KINDS = tuple(MEANINGS)
#: A fault on every sensor for which its kind has a meaning.
EVERY_SENSOR = "*"

_SCHEDULES = "'always', ('steps', begin, end) or ('random', rate, duration)"


@dataclass(frozen=True)
class Fault:
    """One fault of one sensor, or of all sensors of a modality at once.

    | Kind | ``severity`` says | Redrawn |
    | --- | --- | --- |
    | ``noise`` | standard deviation, in quarters of the space's range; share of wrong labels and words | every step |
    | ``dropout`` | share of blocks, beams, rows, words or numbers that are lost | every step |
    | ``blackout``, ``frozen`` | nothing: they are complete | |
    | ``latency`` | delay, ``max(1, round(10 * severity))`` steps | |
    | ``dirt`` | how many smudges, how large and how opaque | every episode |
    | ``miscalibration`` | image: shift of up to 8 % of the shorter side and turn of up to 6°, times severity; scan: a twelfth of the beams, times severity | every episode |
    | ``jump`` | offset, in quarters of the range; between half and all of it | every onset |

    :data:`MEANINGS` says what each kind does to each modality.

    Attributes:
        sensor: A key of the observation, a modality such as ``"image"``, or ``"*"`` for all sensors for which
            the kind has a meaning.  A key takes precedence over a modality of the same name.
        kind: One of :data:`KINDS`.
        severity: How bad it is, in (0, 1].
        schedule: When the fault is at work, counted in steps since the reset, whose observation is step 0:
            ``"always"``; ``("steps", begin, end)``, of which ``end`` is the first step without the fault; or
            ``("random", rate, duration)``: a working sensor fails with chance ``rate`` per step, and
            recovers after ``duration`` steps on average (geometrically distributed, at least 1).
    """  # noqa: E501

    sensor: str
    kind: str
    severity: float = 0.5
    schedule: Schedule = "always"

    def __post_init__(self) -> None:
        """Check every field.

        Raises:
            ValueError: Naming the field, its value and what is allowed.
        """
        if not isinstance(self.sensor, str) or not self.sensor:
            raise ValueError(
                f"sensor={self.sensor!r} must be a key of the observation, a modality, or {EVERY_SENSOR!r}"
            )
        if self.kind not in MEANINGS:
            raise ValueError(f"kind={self.kind!r} must be one of {', '.join(map(repr, KINDS))}")
        if not _is_number(self.severity) or not 0.0 < self.severity <= 1.0:
            raise ValueError(f"severity={self.severity!r} must be a number above 0 and up to 1")
        object.__setattr__(self, "severity", float(self.severity))
        object.__setattr__(self, "schedule", _checked(self.schedule))

    @classmethod
    def parse(cls, value: Fault | Mapping[str, Any] | str) -> Fault:
        """Make a fault from a fault, a dict of its fields, or a string.

        The string is ``sensor:kind``, ``sensor:kind:severity`` or ``sensor:kind:severity:schedule``, where
        the schedule is ``always``, ``steps:begin:end`` or ``random:rate:duration``: for example
        ``"camera:blackout"``, ``"lidar:dropout:0.3"``, ``"camera:frozen:1:random:0.02:15"``.

        Raises:
            ValueError: Naming the field, its value and what is allowed.
        """
        if isinstance(value, Fault):
            return value
        if isinstance(value, str):
            return cls(**_fields(value))
        if not isinstance(value, Mapping):
            raise ValueError(f"{value!r} must be a Fault, a dict of its fields, or a string 'sensor:kind'")
        known = tuple(cls.__dataclass_fields__)
        for name in value:
            if name not in known:
                raise ValueError(f"{name}={value[name]!r} is unknown; fields: {', '.join(known)}")
        for name in known[:2]:
            if name not in value:
                raise ValueError(f"{dict(value)!r} must have a field {name!r}")
        return cls(**value)

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as JSON can hold them; :meth:`parse` undoes it."""
        schedule = self.schedule if isinstance(self.schedule, str) else list(self.schedule)
        return {
            "sensor": self.sensor,
            "kind": self.kind,
            "severity": self.severity,
            "schedule": schedule,
        }

    def __str__(self) -> str:
        """Return the string that :meth:`parse` understands."""
        schedule = (self.schedule,) if isinstance(self.schedule, str) else self.schedule
        return ":".join(map(str, (self.sensor, self.kind, self.severity, *schedule)))


#: What users may write for a list of faults.
Faults = Fault | str | Mapping[str, Any] | Iterable[Fault | str | Mapping[str, Any]]


def parse_faults(faults: Faults) -> tuple[Fault, ...]:
    """Make faults of what a user wrote: one fault or several, each in any form of :meth:`Fault.parse`.

    Raises:
        ValueError: Naming the fault, the field, its value and what is allowed.
    """
    several = (faults,) if isinstance(faults, Fault | str | Mapping) else tuple(faults)
    parsed = []
    for index, value in enumerate(several):
        try:
            parsed.append(Fault.parse(value))
        except ValueError as error:
            raise ValueError(f"faults[{index}]: {error}") from None
    return tuple(parsed)


def _fields(text: str) -> dict[str, Any]:
    parts = text.split(":")
    if len(parts) not in (2, 3, 4, 6):
        raise ValueError(
            f"{text!r} must read 'sensor:kind', 'sensor:kind:severity', or these and a schedule: 'always', "
            "'steps:begin:end' or 'random:rate:duration'"
        )
    fields: dict[str, Any] = {"sensor": parts[0], "kind": parts[1]}
    if len(parts) > 2:
        fields["severity"] = _number("severity", parts[2])
    if len(parts) == 4:
        fields["schedule"] = parts[3]
    elif len(parts) == 6:
        fields["schedule"] = (parts[3], *(_number("schedule", part) for part in parts[4:]))
    return fields


def _number(name: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"{name}={text!r} must be a number") from None


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _checked(schedule: Any) -> Schedule:
    if schedule == "always":
        return "always"
    fields = () if isinstance(schedule, str) or not isinstance(schedule, Iterable) else tuple(schedule)
    if len(fields) != 3 or fields[0] not in ("steps", "random") or not all(map(_is_number, fields[1:])):
        raise ValueError(f"schedule={schedule!r} must be {_SCHEDULES}")
    name, first, second = fields
    if name == "steps":
        if int(first) != first or int(second) != second or not 0 <= first < second:
            raise ValueError(f"schedule={schedule!r} must have whole steps with 0 <= begin < end")
        return name, int(first), int(second)
    if not 0.0 < first <= 1.0:
        raise ValueError(f"schedule={schedule!r} must have a rate above 0 and up to 1, per step")
    if second < 1.0:
        raise ValueError(f"schedule={schedule!r} must have a duration of at least 1 step")
    return name, float(first), float(second)
