"""Feedback that was given before, given again."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import TypeVar

from feedback.clips import Segment
from feedback.labels import Clip, Evaluation, Implicit, Preference
from feedback.sources.base import Moment
from feedback.store import LabelStore

_Place = tuple[str, int, int, int, int | None]
_OfStep = TypeVar("_OfStep", Evaluation, Implicit)


class ReplayError(RuntimeError):
    """What happens now is not what the recorded feedback was given on."""


class RecordedSource:
    """Replays the labels of a store, bit for bit.

    An evaluation, or an implicit signal, returns at the step it was given on, recognised by environment,
    seed, episode and step.  The hash of that step must agree as well: feedback on other behaviour would be
    a lie, so with ``strict`` a difference is an error, and otherwise the label is left out.  A preference
    returns when the same two segments are asked about, in either order.
    """

    def __init__(self, store: LabelStore, *, labeller: str | None = None, strict: bool = True) -> None:
        """Read the labels that stand now.

        Args:
            store: Where they are.
            labeller: Only those of this person; None for everybody's.
            strict: Whether behaviour that differs from the recorded one is an error.
        """
        self.strict = strict
        self._evaluations = _by_place(store.labels(Evaluation, labeller=labeller))
        self._implicit = _by_place(store.labels(Implicit, labeller=labeller))
        self._preferences: dict[tuple[str, str], Preference] = {}
        for preference in store.labels(Preference, labeller=labeller):
            self._preferences[preference.first.digest, preference.second.digest] = preference

    def evaluations(self, moment: Moment) -> list[Evaluation]:
        """Return what was said about this step.

        Raises:
            ReplayError: If ``strict`` and the step is not the one it was said about.
        """
        return self._given(self._evaluations, "evaluation", moment.clip)

    def implicit(self, moment: Moment) -> list[Implicit]:
        """Return the traces that this step left.

        Raises:
            ReplayError: If ``strict`` and the step is not the one that left them.
        """
        return self._given(self._implicit, "implicit signal", moment.clip)

    def prefer(self, first: Segment, second: Segment) -> Preference | None:
        """Return the recorded comparison of these two segments, or None if there is none."""
        direct = self._preferences.get((first.digest, second.digest))
        return direct or self._preferences.get((second.digest, first.digest))

    def _given(self, labels: dict[_Place, list[_OfStep]], name: str, clip: Clip) -> list[_OfStep]:
        found = labels.get(_place(clip), [])
        same = [label for label in found if label.clip.digest == clip.digest]
        if self.strict and len(same) < len(found):
            raise ReplayError(
                f"step {clip.start} of episode {clip.episode} of {clip.env_id} with seed {clip.seed} is not "
                f"the step that the recorded {name} was given on: the observation or the action differs. "
                "Replay the same actions, or pass strict=False"
            )
        return same


def _by_place(labels: Iterable[_OfStep]) -> dict[_Place, list[_OfStep]]:
    found: dict[_Place, list[_OfStep]] = defaultdict(list)
    for label in labels:
        found[_place(label.clip)].append(label)
    return found


def _place(clip: Clip) -> _Place:
    return clip.env_id, clip.seed, clip.episode, clip.start + clip.length - 1, clip.scenario
