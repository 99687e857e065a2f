"""Cost, as safe reinforcement learning counts it: the number of infractions."""

from __future__ import annotations

from mmenvs.core.arrays import FloatArray
from mmenvs.core.kernels import fast_function
from mmenvs.driving.metrics.collision import collisions
from mmenvs.driving.metrics.columns import OFF_ROADS, RED_LIGHTS, STOP_SIGNS


@fast_function
def cost(
    row: FloatArray,
) -> float:
    """Return the number of collisions, departures from the road, red lights and stop signs run.

    Args:
        row: Row of ``Verdicts.metrics``.
    """
    return float(collisions(row) + row[OFF_ROADS] + row[RED_LIGHTS] + row[STOP_SIGNS])
