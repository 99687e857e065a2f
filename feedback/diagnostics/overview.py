"""What is in a store of labels: how many, of which kind, by whom, when, and how fast."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from feedback.labels import Label

#: A gap of more than this is a pause, not work [s].
PAUSE = 120.0


@dataclass(frozen=True)
class Pace:
    """How fast somebody labels.

    Attributes:
        labeller: Who.
        labels: Labels in all.
        minutes: Time spent, without pauses of more than :data:`PAUSE` [min].
        per_minute: Labels per minute of that time; NaN where no two were given in one go.
    """

    labeller: str
    labels: int
    minutes: float
    per_minute: float


@dataclass(frozen=True)
class Overview:
    """What was given.

    Attributes:
        kinds: Kind to number of labels that stand.
        labellers: Name to number of labels that stand.
        undone: Number of labels that were taken back.
        first: When the first label was given; None without labels.
        last: When the last one was given.
        paces: How fast, per labeller by name; labels that were taken back count, too: giving them took time.
        curve: For each labeller the minutes of work by anybody at each label that stands, growing [min].
    """

    kinds: dict[str, int]
    labellers: dict[str, int]
    undone: int
    first: datetime | None
    last: datetime | None
    paces: list[Pace]
    curve: dict[str, list[float]]

    @property
    def standing(self) -> int:
        """Number of labels that stand."""
        return sum(self.kinds.values())


def overview(standing: Iterable[Label], undone: Iterable[Label] = ()) -> Overview:
    """Count labels and the time that they took.

    Args:
        standing: Labels that stand.
        undone: Labels that were taken back.
    """
    kept, gone = list(standing), list(undone)
    everything = sorted([*kept, *gone], key=lambda label: label.created)
    names = sorted({label.labeller for label in everything})
    worked = _working_minutes([label.created for label in everything])
    taken_back = {id(label) for label in gone}
    curve: dict[str, list[float]] = {name: [] for name in names}
    for label, minute in zip(everything, worked, strict=True):
        if id(label) not in taken_back:
            curve[label.labeller].append(minute)
    return Overview(
        kinds=dict(sorted(Counter(label.kind for label in kept).items())),
        labellers=dict(sorted(Counter(label.labeller for label in kept).items())),
        undone=len(gone),
        first=everything[0].created if everything else None,
        last=everything[-1].created if everything else None,
        paces=[_pace(name, [x.created for x in everything if x.labeller == name]) for name in names],
        curve=curve,
    )


def _pace(name: str, moments: list[datetime]) -> Pace:
    gaps = [gap for gap in _gaps(moments) if gap <= PAUSE]
    minutes = sum(gaps) / 60
    return Pace(name, len(moments), minutes, len(gaps) / minutes if minutes > 0 else float("nan"))


def _working_minutes(moments: list[datetime]) -> list[float]:
    """Return the minutes of work at each moment: a pause takes no time."""
    minutes = [0.0] if moments else []
    for gap in _gaps(moments):
        minutes.append(minutes[-1] + (gap / 60 if gap <= PAUSE else 0.0))
    return minutes


def _gaps(moments: list[datetime]) -> list[float]:
    return [(later - earlier).total_seconds() for earlier, later in pairwise(moments)]
