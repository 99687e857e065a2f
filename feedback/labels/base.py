"""What every label has, and the round trip of labels through JSON."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime
from typing import Any, ClassVar

#: Hexadecimal digits of a content hash (BLAKE2b, 128 bits).
DIGEST_LENGTH = 32


@dataclass(frozen=True)
class Clip:
    """Where a piece of behaviour comes from, and a hash of what is in it.

    Attributes:
        digest: Content hash, 32 hexadecimal digits; see :meth:`feedback.clips.Segment.digest`.
        env_id: Id of the environment, with its version.
        seed: Seed of the last seeded reset, not negative.
        episode: Episodes begun since that reset, 0 for the one it began.
        start: First step of the clip within its episode.
        length: Number of steps [steps], at least 1.
        scenario: Scenario asked for with ``reset(options={"scenario": ...})``, or None.
    """

    digest: str
    env_id: str
    seed: int
    episode: int
    start: int
    length: int
    scenario: int | None = None

    def __post_init__(self) -> None:
        """Validate.

        Raises:
            ValueError: Naming the field, its value and what is allowed.
        """
        if not isinstance(self.digest, str) or not _is_digest(self.digest):
            raise ValueError(f"digest={self.digest!r} must be {DIGEST_LENGTH} lower-case hexadecimal digits")
        check_text("env_id", self.env_id)
        for name, least in (("seed", 0), ("episode", 0), ("start", 0), ("length", 1)):
            check_integer(name, getattr(self, name), least)
        if self.scenario is not None:
            check_integer("scenario", self.scenario, 0)


@dataclass(frozen=True, kw_only=True)
class Label:
    """What every label says besides its judgement.

    Attributes:
        labeller: Who judged, such as ``"alice"`` or ``"oracle"``.
        created: When, with a time zone; kept in UTC to the microsecond.
        response_time: Seconds between showing and answering [s]; None where nothing was shown.
    """

    kind: ClassVar[str] = ""
    kinds: ClassVar[dict[str, type[Label]]] = {}

    labeller: str
    created: datetime = field(default_factory=lambda: datetime.now(UTC))
    response_time: float | None = None

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Register the kind under its class name, so that stored labels find their class again."""
        super().__init_subclass__(**kwargs)
        cls.kind = cls.__name__.lower()
        Label.kinds[cls.kind] = cls

    def __post_init__(self) -> None:
        """Validate, and move ``created`` to UTC.

        Raises:
            ValueError: Naming the field, its value and what is allowed.
        """
        check_text("labeller", self.labeller)
        if not isinstance(self.created, datetime) or self.created.tzinfo is None:
            raise ValueError(f"created={self.created!r} must be a datetime with a time zone")
        object.__setattr__(self, "created", self.created.astimezone(UTC))
        if self.response_time is not None:
            check_number("response_time", self.response_time)
            if self.response_time < 0:
                raise ValueError(f"response_time={self.response_time!r} must not be negative [s]")

    @property
    def clips(self) -> tuple[Clip, ...]:
        """The clips that were judged, in the order of the fields."""
        values = (getattr(self, entry.name) for entry in fields(self))
        groups = (value if isinstance(value, tuple) else (value,) for value in values)
        return tuple(part for group in groups for part in group if isinstance(part, Clip))

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON data, from which :func:`label_from_dict` makes an equal label."""
        data = asdict(self)
        data["created"] = self.created.isoformat()
        return {"kind": self.kind, **data}


def label_from_dict(data: Mapping[str, Any]) -> Label:
    """Make the label that :meth:`Label.to_dict` turned into ``data``.

    Raises:
        ValueError: If the kind is unknown, a field is missing or unknown, or a value is not allowed.
    """
    values = dict(data)
    kind = values.pop("kind", None)
    cls = Label.kinds.get(kind) if isinstance(kind, str) else None
    if cls is None:
        raise ValueError(f"kind={kind!r} must be one of {sorted(Label.kinds)}")
    names = {f.name for f in fields(cls)}
    if values.keys() != names:
        missing, unknown = sorted(names - values.keys()), sorted(values.keys() - names)
        raise ValueError(f"a {kind} label has missing fields {missing} and unknown fields {unknown}")
    for name, value in values.items():
        if isinstance(value, Mapping):
            values[name] = _clip_from(name, value)
        elif isinstance(value, list) and value and all(isinstance(part, Mapping) for part in value):
            values[name] = tuple(_clip_from(f"{name}[{k}]", part) for k, part in enumerate(value))
    try:
        values["created"] = datetime.fromisoformat(values["created"])
    except (TypeError, ValueError):
        raise ValueError(f"created={values['created']!r} must be an ISO 8601 date and time") from None
    return cls(**values)


def _clip_from(name: str, value: Mapping[str, Any]) -> Clip:
    try:
        return Clip(**value)
    except TypeError as error:
        raise ValueError(f"{name}={value!r} is not a clip: {error}") from None


def _is_digest(text: str) -> bool:
    return len(text) == DIGEST_LENGTH and all(c in "0123456789abcdef" for c in text)


def check_text(name: str, value: object) -> None:
    """Raise a ValueError unless a value is a text that says something."""
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"{name}={value!r} must be a text that is not blank")


def check_integer(name: str, value: object, least: int) -> None:
    """Raise a ValueError unless a value is an integer of at least ``least``."""
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise ValueError(f"{name}={value!r} must be an integer of at least {least}")


def check_number(name: str, value: object) -> None:
    """Raise a ValueError unless a value is a finite number."""
    if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
        raise ValueError(f"{name}={value!r} must be a finite number")


def check_choice(name: str, value: object, allowed: tuple[str, ...]) -> None:
    """Raise a ValueError unless a value is one of those allowed."""
    if value not in allowed:
        raise ValueError(f"{name}={value!r} must be one of {list(allowed)}")


def check_clip(name: str, value: object) -> None:
    """Raise a ValueError unless a value is a :class:`Clip`."""
    if not isinstance(value, Clip):
        raise ValueError(f"{name}={value!r} must be a Clip")
