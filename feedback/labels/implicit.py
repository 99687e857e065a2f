"""What people gave away without being asked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from feedback.labels.base import Clip, Label, check_choice, check_clip, check_integer, check_number

Signal = Literal["click", "dwell", "skip", "return", "leave"]


@dataclass(frozen=True, kw_only=True)
class Implicit(Label):
    """A click, a dwell, a skip: a trace of a judgement, biased by where and how a thing was shown.

    Attributes:
        clip: The step in which it happened.
        signal: ``"click"``, ``"dwell"``, ``"skip"`` (shown, seen, passed by), ``"return"`` or ``"leave"``.
        value: Seconds of a dwell, days until a return [s, d]; 1 for what happened, 0 for what did not.
        position: Place at which it was shown, 0 for the first; None where there are no places.
        item: Number of what was shown; None where it has none.
        propensity: Chance that a person looks at that place, in (0, 1]; None where it is not known.
    """

    clip: Clip
    signal: Signal
    value: float = 1.0
    position: int | None = None
    item: int | None = None
    propensity: float | None = None

    def __post_init__(self) -> None:
        """Validate; see :meth:`Label.__post_init__`."""
        super().__post_init__()
        check_clip("clip", self.clip)
        check_choice("signal", self.signal, get_args(Signal))
        check_number("value", self.value)
        if self.value < 0:
            raise ValueError(f"value={self.value!r} must not be negative")
        for name in ("position", "item"):
            if getattr(self, name) is not None:
                check_integer(name, getattr(self, name), 0)
        if self.propensity is not None:
            check_number("propensity", self.propensity)
            if not 0 < self.propensity <= 1:
                raise ValueError(f"propensity={self.propensity!r} must be in (0, 1]")
