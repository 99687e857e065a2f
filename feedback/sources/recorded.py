"""Feedback that was given before, given again."""

from __future__ import annotations

from collections import defaultdict

from feedback.clips import Segment
from feedback.labels import Clip, Evaluation, Preference
from feedback.sources.base import Moment
from feedback.store import LabelStore

_Place = tuple[str, int, int, int, int | None]


class ReplayError(RuntimeError):
    """What happens now is not what the recorded feedback was given on."""


class RecordedSource:
    """Replays the labels of a store, bit for bit.

    An evaluation returns at the step it was given on, recognised by environment, seed, episode and
    step.  The hash of that step must agree as well: feedback on other behaviour would be a lie, so
    with ``strict`` a difference is an error, and otherwise the evaluation is left out.  A preference
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
        self._evaluations: dict[_Place, list[Evaluation]] = defaultdict(list)
        for evaluation in store.labels(Evaluation, labeller=labeller):
            self._evaluations[_place(evaluation.clip)].append(evaluation)
        self._preferences: dict[tuple[str, str], Preference] = {}
        for preference in store.labels(Preference, labeller=labeller):
            self._preferences[preference.first.digest, preference.second.digest] = preference

    def evaluations(self, moment: Moment) -> list[Evaluation]:
        """Return what was said about this step.

        Raises:
            ReplayError: If ``strict`` and the step is not the one it was said about.
        """
        found = self._evaluations.get(_place(moment.clip), [])
        same = [e for e in found if e.clip.digest == moment.clip.digest]
        if self.strict and len(same) < len(found):
            clip = moment.clip
            raise ReplayError(
                f"step {clip.start} of episode {clip.episode} of {clip.env_id} with seed {clip.seed} is not "
                "the step that the recorded evaluation was given on: the observation or the action differs. "
                "Replay the same actions, or pass strict=False"
            )
        return same

    def prefer(self, first: Segment, second: Segment) -> Preference | None:
        """Return the recorded comparison of these two segments, or None if there is none."""
        direct = self._preferences.get((first.digest, second.digest))
        return direct or self._preferences.get((second.digest, first.digest))


def _place(clip: Clip) -> _Place:
    return clip.env_id, clip.seed, clip.episode, clip.start + clip.length - 1, clip.scenario
