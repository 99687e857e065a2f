"""A running estimate of how fast a signal changes, in two numbers of memory.

nuPlan smooths before it compares with its bounds: it fits parabolas to 0.8 s of accelerations and to
1.5 s of them for their derivative (Savitzky and Golay, Anal. Chem. 36, 1964), centred, so after the
episode.  Brown's double exponential smoothing ("Smoothing, Forecasting and Prediction", 1963) does the same
during the episode.  With :data:`TIME_CONSTANT` it reports a ramp after the same mean delay (0.75 s, half
of the window) and turns a unit step into the same peak, 1 a second, so the bounds keep their meaning.
"""

from __future__ import annotations

from mmenvs.core.arrays import FloatArray
from mmenvs.core.kernels import fast_function
from mmenvs.driving.metrics.columns import STEPS

TIME_CONSTANT = 0.375  # of each of the two smoothings [s]


@fast_function
def smoothed_slope(
    row: FloatArray,
    once: int,
    twice: int,
    value: float,
    dt: float,
) -> float:
    """Smooth a signal into two columns of a row and return its rate of change.

    Both start at the first value, so an episode that begins in motion does not begin with a jolt.

    Args:
        row: Row of ``Verdicts.metrics``; its ``STEPS`` count the steps before this one.
        once: Column of the smoothed signal.
        twice: Column of the signal smoothed twice.
        value: The signal.
        dt: Time step [s].

    Returns:
        Rate of change [signal/s]; exact for a steady ramp, once the start has faded.
    """
    if row[STEPS] == 0.0:
        row[once] = value
        row[twice] = value
        return 0.0
    gain = dt / (TIME_CONSTANT + dt)
    row[once] += gain * (value - row[once])
    row[twice] += gain * (row[once] - row[twice])
    return float((row[once] - row[twice]) / TIME_CONSTANT)
