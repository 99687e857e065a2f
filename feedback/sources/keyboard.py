"""A person at the keyboard of a pygame window: driving, and saying + or - at any moment."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from feedback.labels import Evaluation
from feedback.sources.base import Moment

#: Steering rate while a key is held, and its return to the middle once it is let go [full lock/s].
STEER_RATE, STEER_RETURN = 2.5, 4.0
#: Rate of throttle and brake towards full, and back to none [full/s].
THROTTLE_RATE, THROTTLE_RETURN = 3.0, 6.0


@dataclass(frozen=True)
class Signal:
    """A press of an evaluation key.

    Attributes:
        value: +1 or -1.
    """

    value: float


class Keyboard:
    """Follows the keys of a window by their presses and releases.

    ``pygame.key.get_pressed()`` stays empty for posted events and on some displays; presses and
    releases are always right.
    """

    def __init__(self) -> None:
        """Start with no key held."""
        import pygame

        self._held: set[int] = set()
        self._pressed: list[int] = []
        self._left = {pygame.K_LEFT, pygame.K_a}
        self._right = {pygame.K_RIGHT, pygame.K_d}
        self._forward = {pygame.K_UP, pygame.K_w}
        self._back = {pygame.K_DOWN, pygame.K_s}
        # "=" is the "+" key without shift on most keyboards.
        self._good = {pygame.K_PLUS, pygame.K_EQUALS, pygame.K_KP_PLUS}
        self._bad = {pygame.K_MINUS, pygame.K_UNDERSCORE, pygame.K_KP_MINUS}
        self._digits = [getattr(pygame, f"K_{n}") for n in (1, 2, 3, 4, 5, 6, 7, 8, 9, 0)]
        self._down, self._up, self._lost = pygame.KEYDOWN, pygame.KEYUP, pygame.WINDOWFOCUSLOST

    def handle(self, event: Any) -> Signal | None:
        """Take note of a pygame event; return the evaluation, if it is one."""
        if event.type == self._down:
            self._held.add(event.key)
            if event.key in self._good:
                return Signal(1.0)
            if event.key in self._bad:
                return Signal(-1.0)
            self._pressed.append(event.key)
        elif event.type == self._up:
            self._held.discard(event.key)
        elif event.type == self._lost:
            self._held.clear()  # releases go to the window that has the focus now
        return None

    @property
    def sideways(self) -> int:
        """-1 while left is held, +1 while right is, 0 for none or both."""
        return bool(self._held & self._right) - bool(self._held & self._left)

    @property
    def forwards(self) -> int:
        """+1 while forward is held, -1 while back is, 0 for none or both."""
        return bool(self._held & self._forward) - bool(self._held & self._back)

    def take_number(self) -> int | None:
        """Return the oldest press of a number key not yet taken, as 0 for key 1 … 9 for key 0; or None."""
        while self._pressed:
            key = self._pressed.pop(0)
            if key in self._digits:
                return self._digits.index(key)
        return None

    def release(self) -> None:
        """Forget held keys and waiting numbers, as at the start of an episode."""
        self._held.clear()
        self._pressed.clear()


class KeyboardSource:
    """Evaluations from a window that another part of the program shows.

    Each call takes the waiting events of the pygame queue, so it suits a training loop that renders
    with ``render_mode="human"``: what was pressed since the last step is credited to the current one.
    ``python -m feedback play`` has its own loop, which credits the step on show.
    """

    def __init__(self, labeller: str) -> None:
        """Listen to the pygame window, once there is one.

        Args:
            labeller: Who sits at the keyboard.
        """
        self.labeller = labeller
        self.keyboard = Keyboard()

    def evaluations(self, moment: Moment) -> list[Evaluation]:
        """Return one evaluation per press of + or - since the last call."""
        import pygame

        if not pygame.display.get_init():
            return []
        signals = [self.keyboard.handle(event) for event in pygame.event.get((pygame.KEYDOWN, pygame.KEYUP))]
        return [
            Evaluation(clip=moment.clip, value=signal.value, labeller=self.labeller)
            for signal in signals
            if signal is not None
        ]


class Driver(ABC):
    """Turns keys into actions of one space; :func:`driver_for` chooses the right one.

    Attributes:
        hint: What to tell the person.
        waits: Whether the world stands still until the person has chosen.
    """

    hint: str = ""
    waits: bool = False

    @abstractmethod
    def action(self, keyboard: Keyboard, seconds: float) -> Any | None:
        """Return the action for a step of ``seconds`` [s], or None to wait."""

    def reset(self) -> None:
        """Start an episode with the hands off."""
        return


class PedalDriver(Driver):
    """Box [steering] or [steering, throttle/brake]: held keys move them at a steady rate."""

    hint = "WASD or arrows: drive"

    def __init__(self, space: spaces.Box) -> None:
        """Drive with actions of ``space``, shape (1,) or (2,)."""
        self._space = space
        self._steering = self._throttle = 0.0

    def action(self, keyboard: Keyboard, seconds: float) -> NDArray[Any]:
        """Return [steering, throttle] ramped for ``seconds`` [s]; left is +1, forward is +1."""
        self._steering = _ramp(self._steering, -keyboard.sideways, seconds, STEER_RATE, STEER_RETURN)
        self._throttle = _ramp(self._throttle, keyboard.forwards, seconds, THROTTLE_RATE, THROTTLE_RETURN)
        values = np.array([self._steering, self._throttle])[: self._space.shape[0]]
        middle = (self._space.high.astype(float) + self._space.low) / 2
        half = (self._space.high.astype(float) - self._space.low) / 2
        action: NDArray[Any] = (middle + half * values).astype(self._space.dtype)
        return action

    def reset(self) -> None:
        """Centre the wheel and release the pedals."""
        self._steering = self._throttle = 0.0


class LaneDriver(Driver):
    """Discrete(3): left, straight, right while the key is held."""

    hint = "A/D or arrows: steer"

    def __init__(self, space: spaces.Discrete) -> None:
        """Drive with actions of ``space``."""
        self._start = int(space.start)

    def action(self, keyboard: Keyboard, seconds: float) -> int:
        """Return left, straight or right."""
        return self._start + 1 + keyboard.sideways


class NumberDriver(Driver):
    """Any other Discrete of up to ten actions: one press of a number key is one step."""

    waits = True

    def __init__(self, space: spaces.Discrete) -> None:
        """Choose among the actions of ``space``: key 1 is the first, key 0 the tenth."""
        self._start, self._count = int(space.start), int(space.n)
        self.hint = f"1-{self._count}: choose" if self._count < 10 else "1-9, 0: choose"

    def action(self, keyboard: Keyboard, seconds: float) -> int | None:
        """Return the action of the next number pressed, or None."""
        while (number := keyboard.take_number()) is not None:
            if number < self._count:
                return self._start + number
        return None


def driver_for(space: spaces.Space[Any]) -> Driver:
    """Return how a keyboard drives an action space.

    Raises:
        ValueError: If it cannot.
    """
    if isinstance(space, spaces.Box) and space.shape in ((1,), (2,)) and space.is_bounded():
        return PedalDriver(space)
    if isinstance(space, spaces.Discrete) and space.n == 3:
        return LaneDriver(space)
    if isinstance(space, spaces.Discrete) and space.n <= 10:
        return NumberDriver(space)
    raise ValueError(
        f"action_space={space} cannot be driven from a keyboard: it must be a bounded Box "
        "[steering] or [steering, throttle], or a Discrete of at most 10 actions"
    )


def _ramp(value: float, wanted: int, seconds: float, rate: float, back: float) -> float:
    """Move ``value`` towards ``wanted``: fast while against or returning, at ``rate`` otherwise."""
    change = (rate if wanted and wanted * value >= 0 else back) * seconds
    return float(min(max(wanted, value - change), value + change))
