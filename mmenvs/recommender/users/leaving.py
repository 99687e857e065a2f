"""When a user ends the session.

A logistic hazard on mood and boredom.  The simulators that fix the session's length, or draw it at the
start, hide the cost of a bad policy; here what was recommended decides how long the user stays.
"""

from __future__ import annotations

from mmenvs.core.kernels import device_function
from mmenvs.recommender.users.choice import logistic


@device_function
def leave_probability(
    mood: float, bored_departments: float, bias: float, mood_weight: float, boredom_weight: float
) -> float:
    """Return ``logistic(bias + mood_weight * (0.5 - mood) + boredom_weight * bored_departments)``.

    Args:
        mood: The user's mood in [0, 1].
        bored_departments: How many departments bore the user.
        bias: Log-odds at mood 0.5 without boredom.
        mood_weight: Log-odds per unit of mood lost.
        boredom_weight: Log-odds per department that bores.
    """
    return logistic(bias + mood_weight * (0.5 - mood) + boredom_weight * bored_departments)
