"""Success: the goal was reached, and nothing was hit nor the road left on the way."""

from __future__ import annotations

from mmenvs.core.arrays import FloatArray
from mmenvs.core.kernels import fast_function
from mmenvs.driving.metrics.collision import collisions
from mmenvs.driving.metrics.columns import OFF_ROADS, REACHED


@fast_function
def update_success(
    row: FloatArray,
    reached: bool,
) -> None:
    """Remember whether the goal was reached.

    Args:
        row: Row of ``Verdicts.metrics``.
        reached: Whether the ego is at the goal.
    """
    if reached:
        row[REACHED] = 1.0


@fast_function
def success(
    row: FloatArray,
) -> float:
    """Return 1 for an episode that reached the goal without a collision and on the road, else 0."""
    clean = collisions(row) == 0.0 and row[OFF_ROADS] == 0.0
    return 1.0 if row[REACHED] > 0.0 and clean else 0.0
