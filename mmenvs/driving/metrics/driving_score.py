"""CARLA's driving score: route completion, times a penalty for each infraction."""

from __future__ import annotations

from mmenvs.core.arrays import FloatArray
from mmenvs.core.kernels import fast_function
from mmenvs.driving.metrics.columns import (
    COMPLETION,
    HITS_CYCLIST,
    HITS_PEDESTRIAN,
    HITS_STATIC,
    HITS_VEHICLE,
    RED_LIGHTS,
    STOP_SIGNS,
)

PEDESTRIAN_FACTOR = 0.50
VEHICLE_FACTOR = 0.60  # cyclists are vehicles to CARLA
STATIC_FACTOR = 0.65
RED_LIGHT_FACTOR = 0.70
STOP_SIGN_FACTOR = 0.80


@fast_function
def driving_score(
    row: FloatArray,
) -> float:
    """Return CARLA's driving score, 0 to 1.

    Each infraction multiplies the route completion by its factor (CARLA Autonomous Driving Leaderboard,
    "Evaluation and metrics").  CARLA's further terms (a minimum speed, the share of the route beside the
    road) have no counterpart here: leaving the road ends an episode.

    Args:
        row: Row of ``Verdicts.metrics``.
    """
    return float(
        row[COMPLETION]
        * PEDESTRIAN_FACTOR ** row[HITS_PEDESTRIAN]
        * VEHICLE_FACTOR ** (row[HITS_VEHICLE] + row[HITS_CYCLIST])
        * STATIC_FACTOR ** row[HITS_STATIC]
        * RED_LIGHT_FACTOR ** row[RED_LIGHTS]
        * STOP_SIGN_FACTOR ** row[STOP_SIGNS]
    )
