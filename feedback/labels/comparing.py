"""Judgements that compare clips."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from feedback.labels.base import Clip, Label, check_choice, check_clip

Choice = Literal["first", "second", "equal", "incomparable"]
Side = Literal["first", "second"]


@dataclass(frozen=True, kw_only=True)
class Preference(Label):
    """Which of two clips is better.

    Attributes:
        first: One clip.
        second: The other.
        choice: ``"first"``, ``"second"``, ``"equal"``, or ``"incomparable"``: cannot say.
        shown_left: Which of the two stood on the left; None where nothing was shown.
    """

    first: Clip
    second: Clip
    choice: Choice
    shown_left: Side | None = None

    def __post_init__(self) -> None:
        """Validate; see :meth:`Label.__post_init__`."""
        super().__post_init__()
        check_clip("first", self.first)
        check_clip("second", self.second)
        check_choice("choice", self.choice, get_args(Choice))
        if self.shown_left is not None:
            check_choice("shown_left", self.shown_left, get_args(Side))

    @property
    def target(self) -> tuple[float, float] | None:
        """Soft target for (first, second): (1, 0), (0, 1) or (½, ½); None if incomparable."""
        return {"first": (1.0, 0.0), "second": (0.0, 1.0), "equal": (0.5, 0.5)}.get(self.choice)


@dataclass(frozen=True, kw_only=True)
class Ranking(Label):
    """Several clips in order; ties are not asked for.

    Attributes:
        order: The clips, the best first; at least two, none of them twice.
        shown: Places in ``order`` in which the clips were shown, from the left; None where nothing was shown.
    """

    order: tuple[Clip, ...]
    shown: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        """Validate; see :meth:`Label.__post_init__`."""
        super().__post_init__()
        object.__setattr__(self, "order", tuple(self.order))
        for k, clip in enumerate(self.order):
            check_clip(f"order[{k}]", clip)
        if len(self.order) < 2 or len(set(self.order)) < len(self.order):
            raise ValueError(f"order has {len(self.order)} clips, but must have at least 2, none twice")
        if self.shown is not None:
            object.__setattr__(self, "shown", tuple(self.shown))
            if sorted(self.shown) != list(range(len(self.order))):
                raise ValueError(
                    f"shown={self.shown!r} must hold each of 0 to {len(self.order) - 1} once, or be None"
                )

    @property
    def pairs(self) -> tuple[tuple[Clip, Clip], ...]:
        """Every better clip with every worse one."""
        order = self.order
        return tuple((order[i], order[j]) for i in range(len(order)) for j in range(i + 1, len(order)))
