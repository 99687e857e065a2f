"""What an episode's metrics remember from step to step: the columns of one row of ``Verdicts.metrics``.

All columns are float64.  :func:`~mmenvs.driving.metrics.episode.start_metrics` fills a row at a reset,
:func:`~mmenvs.driving.metrics.episode.update_metrics` after each step.
"""

from __future__ import annotations

(
    STEPS,  # steps so far
    DURATION,  # simulated time [s]
    DISTANCE,  # path driven [m]
    COMPLETION,  # largest share of the route reached, 0 to 1
    REACHED,  # 1 once the goal was reached
    HITS_VEHICLE,  # collisions by kind
    HITS_PEDESTRIAN,
    HITS_CYCLIST,
    HITS_STATIC,
    FAULTS_ROAD_USER,  # collisions with vehicles, pedestrians or cyclists that the ego is to blame for
    FAULTS_STATIC,  # the same with static objects
    OFF_ROADS,  # how often the road was left
    RED_LIGHTS,  # red lights run
    STOP_SIGNS,  # stop signs run
    LAST_HIT,  # index of the box touched at the last step; -1 for none
    LAST_OFF_ROAD,  # flags of the last step
    LAST_RED_LIGHT,
    LAST_STOP_SIGN,
    MIN_TTC,  # least time to collision so far [s]
    SAFE_STEPS,  # steps with enough time to collision
    LONGITUDINAL_ONCE,  # smoothed longitudinal acceleration [m/s^2], and smoothed once more
    LONGITUDINAL_TWICE,
    LATERAL_ONCE,  # lateral acceleration [m/s^2]
    LATERAL_TWICE,
    YAW_ONCE,  # yaw rate [rad/s]
    YAW_TWICE,
    JERK_LONGITUDINAL,  # of the last step [m/s^3]
    JERK,  # magnitude of the jerk of the last step [m/s^3]
    JERK_SUM,  # over the steps [m/s^3]
    JERK_MOST,
    COMFORT_STEPS,  # steps within all bounds of comfort
    LEGAL_STEPS,  # steps within the speed limit
    OVERSPEED,  # speed above the limit, integrated over time [m]
    WRONG_WAY,  # path of the current stretch against the traffic [m]
    WRONG_WAY_MOST,  # most metres against the traffic within a second
) = range(35)

#: Length of a row.
METRIC_COLUMNS = 35
