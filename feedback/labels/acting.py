"""What people did, or would have done, instead of judging."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from feedback.labels.base import Clip, Label, check_clip, check_number

#: An action as plain data: a number, or a tuple of numbers.
Action = float | int | tuple[Any, ...]


@dataclass(frozen=True, kw_only=True)
class Intervention(Label):
    """A person took over from an agent for the steps of a clip.

    The states lie in the clip itself; where the person took over and gave back, in its ``start`` and
    ``length``.

    Attributes:
        clip: What happened while the person acted.
        agent_actions: What the agent would have done, one action per step.
        person_actions: What the person did, one action per step.
    """

    clip: Clip
    agent_actions: tuple[Action, ...]
    person_actions: tuple[Action, ...]

    def __post_init__(self) -> None:
        """Validate; see :meth:`Label.__post_init__`."""
        super().__post_init__()
        check_clip("clip", self.clip)
        for name in ("agent_actions", "person_actions"):
            object.__setattr__(self, name, _actions(name, getattr(self, name), self.clip))

    @property
    def first_step(self) -> int:
        """The step of the episode in which the person took over."""
        return self.clip.start

    @property
    def last_step(self) -> int:
        """The last step in which the person acted."""
        return self.clip.start + self.clip.length - 1


@dataclass(frozen=True, kw_only=True)
class Demonstration(Label):
    """A person showed how it is done.

    Attributes:
        clip: What the person did; the actions lie in the clip itself.
        success: Whether it reached what it was meant to; None where nobody said.
    """

    clip: Clip
    success: bool | None = None

    def __post_init__(self) -> None:
        """Validate; see :meth:`Label.__post_init__`."""
        super().__post_init__()
        check_clip("clip", self.clip)
        if self.success is not None and not isinstance(self.success, bool):
            raise ValueError(f"success={self.success!r} must be True, False or None")


@dataclass(frozen=True, kw_only=True)
class Correction(Label):
    """What should have been done in the steps of a clip, though it was not: "this instead".

    Attributes:
        clip: What the agent did.
        actions: What it should have done, one action per step.
    """

    clip: Clip
    actions: tuple[Action, ...]

    def __post_init__(self) -> None:
        """Validate; see :meth:`Label.__post_init__`."""
        super().__post_init__()
        check_clip("clip", self.clip)
        object.__setattr__(self, "actions", _actions("actions", self.actions, self.clip))


def _actions(name: str, given: object, clip: Clip) -> tuple[Action, ...]:
    """Return actions as plain tuples of numbers, one for each step of a clip."""
    if hasattr(given, "tolist"):
        given = given.tolist()
    if isinstance(given, str) or not isinstance(given, Sequence) or len(given) != clip.length:
        found = f"{len(given)} actions" if isinstance(given, Sequence) else repr(given)
        raise ValueError(f"{name}: {found} must be {clip.length} actions, one for each step of the clip")
    return tuple(_action(f"{name}[{k}]", action) for k, action in enumerate(given))


def _action(name: str, given: Any) -> Action:
    if hasattr(given, "tolist"):
        given = given.tolist()
    if isinstance(given, list | tuple):
        return tuple(_action(f"{name}[{k}]", part) for k, part in enumerate(given))
    check_number(name, given)
    number: float | int = given
    return number
