"""nuPlan's closed-loop score: a weighted mean, times what must never go wrong."""

from __future__ import annotations

from mmenvs.core.arrays import FloatArray
from mmenvs.core.kernels import fast_function
from mmenvs.driving.metrics.columns import COMPLETION, FAULTS_ROAD_USER, FAULTS_STATIC, MIN_TTC, OFF_ROADS
from mmenvs.driving.metrics.comfort import comfortable
from mmenvs.driving.metrics.direction import direction_score
from mmenvs.driving.metrics.speed_limit import speed_limit_score
from mmenvs.driving.metrics.time_to_collision import TTC_BOUND

PROGRESS_WEIGHT, TTC_WEIGHT, SPEED_LIMIT_WEIGHT, COMFORT_WEIGHT = 5.0, 5.0, 4.0, 2.0
#: Share of the route below which an episode made no progress and scores 0.
LEAST_PROGRESS = 0.2


@fast_function
def nuplan_score(
    row: FloatArray,
) -> float:
    """Return nuPlan's score of an episode, 0 to 1.

    The mean of progress (5), time to collision (5), speed limit (4) and comfort (2) is multiplied by the
    scores of at-fault collisions (0 with a road user; half for one static object, 0 for more), of the
    drivable area, of making progress and of the driving direction (Karnchanachari et al., "Towards
    learning-based planning: the nuPlan benchmark", ICRA 2024).  nuPlan's progress is relative to a recorded
    driver's; ours is the share of the route, for there is none.

    Args:
        row: Row of ``Verdicts.metrics``.
    """
    progress = row[COMPLETION]
    if row[FAULTS_ROAD_USER] > 0.0 or row[OFF_ROADS] > 0.0 or progress < LEAST_PROGRESS:
        return 0.0
    multiplier = max(1.0 - 0.5 * row[FAULTS_STATIC], 0.0) * direction_score(row)
    mean = (
        PROGRESS_WEIGHT * progress
        + TTC_WEIGHT * (1.0 if row[MIN_TTC] >= TTC_BOUND else 0.0)
        + SPEED_LIMIT_WEIGHT * speed_limit_score(row)
        + COMFORT_WEIGHT * comfortable(row)
    ) / (PROGRESS_WEIGHT + TTC_WEIGHT + SPEED_LIMIT_WEIGHT + COMFORT_WEIGHT)
    return float(multiplier * mean)
