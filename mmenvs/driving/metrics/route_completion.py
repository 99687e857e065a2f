"""Route completion: the largest share of the route that was reached."""

from __future__ import annotations

from mmenvs.core.arrays import FloatArray
from mmenvs.core.kernels import fast_function
from mmenvs.driving.metrics.columns import COMPLETION


@fast_function
def update_route_completion(
    row: FloatArray,
    progress: float,
    route_length: float,
    reached: bool,
) -> None:
    """Remember the farthest point of the route; driving back loses nothing and gains nothing.

    Args:
        row: Row of ``Verdicts.metrics``.
        progress: Where the ego is along the route, from its start [m].
        route_length: Length of the route [m].
        reached: Whether the ego is at the goal, which completes the route.
    """
    share = 1.0 if reached else min(progress / max(route_length, 1.0e-6), 1.0)
    row[COMPLETION] = max(row[COMPLETION], share)
