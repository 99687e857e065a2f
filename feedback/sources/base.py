"""The questions that a source of feedback may answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Protocol, runtime_checkable

from feedback.clips import Segment
from feedback.labels import Clip, Evaluation, Implicit, Preference


@dataclass(frozen=True)
class Moment:
    """One step that has just been taken, for a source to judge.

    Attributes:
        clip: The step: its place, and the hash of what was seen before it and what was done.
        reward: The environment's own reward, for simulated people.
        terminated: Whether the step ended the episode.
        truncated: Whether a time limit ended it.
        info: What the environment told about the step, read-only; empty where nobody passed it on.
    """

    clip: Clip
    reward: float
    terminated: bool
    truncated: bool
    # Arrays within have no truth value, so infos cannot take part in comparisons of moments.
    info: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)

    def __post_init__(self) -> None:
        """Make ``info`` read-only."""
        object.__setattr__(self, "info", MappingProxyType(dict(self.info)))


@runtime_checkable
class EvaluationSource(Protocol):
    """Judges behaviour while it happens."""

    def evaluations(self, moment: Moment) -> list[Evaluation]:
        """Return what was said about the step, in the order of saying it; empty for nothing."""


@runtime_checkable
class ImplicitFeedbackSource(Protocol):
    """Tells what people gave away without being asked."""

    def implicit(self, moment: Moment) -> list[Implicit]:
        """Return the traces that the step left, in the order of the places; empty for none."""


@runtime_checkable
class InterventionSource(Protocol):
    """Watches an agent act, and takes over where it should not go on.

    Attributes:
        name: Who labels say it was.
    """

    name: str

    def begin(self) -> None:
        """Note that an episode begins; the agent acts."""

    def takeover(self, observation: Any, agent_action: Any) -> Any | None:
        """Return what the person does in place of what the agent wants to do, or None to let it."""


@runtime_checkable
class PreferenceSource(Protocol):
    """Compares pieces of behaviour."""

    def prefer(self, first: Segment, second: Segment) -> Preference | None:
        """Return which segment is better, or None if the question stays unanswered."""
