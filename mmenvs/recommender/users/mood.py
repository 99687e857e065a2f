"""How content a user is with the session so far."""

from __future__ import annotations

from mmenvs.core.kernels import device_function

#: Mood at the start of a session.
INITIAL_MOOD = 0.5


@device_function
def next_mood(mood: float, satisfaction: float, rate: float) -> float:
    """Return the moving average ``(1 - rate) * mood + rate * satisfaction``, all in [0, 1]."""
    return mood + rate * (satisfaction - mood)
