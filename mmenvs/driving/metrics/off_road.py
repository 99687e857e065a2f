"""Leaving the road: how often."""

from __future__ import annotations

from mmenvs.core.arrays import FloatArray
from mmenvs.core.kernels import fast_function
from mmenvs.driving.metrics.columns import LAST_OFF_ROAD, OFF_ROADS


@fast_function
def update_off_road(
    row: FloatArray,
    off_road: bool,
) -> None:
    """Count the step at which the road is left; staying off it counts once.

    Args:
        row: Row of ``Verdicts.metrics``.
        off_road: Whether the ego is off the road.
    """
    if off_road and row[LAST_OFF_ROAD] == 0.0:
        row[OFF_ROADS] += 1.0
    row[LAST_OFF_ROAD] = 1.0 if off_road else 0.0
