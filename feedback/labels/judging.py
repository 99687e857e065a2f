"""Judgements of one clip by itself."""

from __future__ import annotations

from dataclasses import dataclass

from feedback.labels.base import Clip, Label, check_clip, check_integer, check_number


@dataclass(frozen=True, kw_only=True)
class Evaluation(Label):
    """How good the behaviour is at one moment, such as a press of + or -.

    Attributes:
        clip: The step that was judged, or the few steps before the judgement.
        value: +1 for good, -1 for bad, or anything between or beyond; finite.
    """

    clip: Clip
    value: float

    def __post_init__(self) -> None:
        """Validate; see :meth:`Label.__post_init__`."""
        super().__post_init__()
        check_clip("clip", self.clip)
        check_number("value", self.value)

    @property
    def step(self) -> int:
        """The judged step within its episode: the last one of the clip."""
        return self.clip.start + self.clip.length - 1


@dataclass(frozen=True, kw_only=True)
class Rating(Label):
    """How good a clip is as a whole, on a scale from 1.

    Attributes:
        clip: What was judged.
        value: From 1, the worst, to ``best``.
        best: The top of the scale that was shown; 5 stars by default.
    """

    clip: Clip
    value: int
    best: int = 5

    def __post_init__(self) -> None:
        """Validate; see :meth:`Label.__post_init__`."""
        super().__post_init__()
        check_clip("clip", self.clip)
        check_integer("best", self.best, 2)
        check_integer("value", self.value, 1)
        if self.value > self.best:
            raise ValueError(f"value={self.value!r} must be an integer from 1 to best={self.best}")

    @property
    def share(self) -> float:
        """The value as a share of the scale, from 0 to 1."""
        return (self.value - 1) / (self.best - 1)
