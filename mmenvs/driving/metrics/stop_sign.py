"""Stop signs run: how many."""

from __future__ import annotations

from mmenvs.core.arrays import FloatArray
from mmenvs.core.kernels import fast_function
from mmenvs.driving.metrics.columns import LAST_STOP_SIGN, STOP_SIGNS


@fast_function
def update_stop_sign(
    row: FloatArray,
    stop_sign: bool,
) -> None:
    """Count a stop sign at the step at which its line is crossed without a stop.

    Args:
        row: Row of ``Verdicts.metrics``.
        stop_sign: Whether the ego runs a stop sign; several steps in a row are one sign.
    """
    if stop_sign and row[LAST_STOP_SIGN] == 0.0:
        row[STOP_SIGNS] += 1.0
    row[LAST_STOP_SIGN] = 1.0 if stop_sign else 0.0
