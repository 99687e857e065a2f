"""The metrics of an episode: start them, feed them each step, read them at any time."""

from __future__ import annotations

from mmenvs.core.arrays import FloatArray
from mmenvs.core.kernels import fast_function
from mmenvs.driving import state as st
from mmenvs.driving.metrics import columns as mc
from mmenvs.driving.metrics.collision import collisions, update_collision
from mmenvs.driving.metrics.comfort import comfort_share, comfortable, update_comfort
from mmenvs.driving.metrics.cost import cost
from mmenvs.driving.metrics.direction import direction_score, update_direction
from mmenvs.driving.metrics.distance import mean_speed, update_distance
from mmenvs.driving.metrics.driving_score import driving_score
from mmenvs.driving.metrics.jerk import mean_jerk, update_jerk
from mmenvs.driving.metrics.nuplan_score import nuplan_score
from mmenvs.driving.metrics.off_road import update_off_road
from mmenvs.driving.metrics.red_light import update_red_light
from mmenvs.driving.metrics.route_completion import update_route_completion
from mmenvs.driving.metrics.speed_limit import speed_limit_share, update_speed_limit
from mmenvs.driving.metrics.stop_sign import update_stop_sign
from mmenvs.driving.metrics.success import success, update_success
from mmenvs.driving.metrics.time_to_collision import (
    TTC_HORIZON,
    safe_time_share,
    time_to_collision,
    update_time_to_collision,
)

#: Names of the finished metrics, in the order in which :func:`final_metrics` writes them.
METRICS: tuple[str, ...] = (
    "success",  # 1 if the goal was reached cleanly
    "route_completion",  # share of the route, 0 to 1
    "driving_score",  # CARLA's, 0 to 1
    "nuplan_score",  # nuPlan's, 0 to 1
    "cost",  # number of infractions
    "collision",  # number of collisions, then by kind
    "collision_vehicle",
    "collision_pedestrian",
    "collision_cyclist",
    "collision_static",
    "collision_at_fault",  # those that the ego could have prevented
    "off_road",  # times that the road was left
    "red_light",  # red lights run
    "stop_sign",  # stop signs run
    "direction",  # 1, 0.5 or 0: nuPlan's driving-direction compliance
    "speed_limit",  # share of steps within the speed limit
    "min_ttc",  # least time to collision [s], at most 3
    "safe_ttc",  # share of steps with a time to collision of at least 0.95 s
    "comfort",  # share of steps within all bounds of comfort
    "comfortable",  # 1 if all of them were
    "mean_jerk",  # [m/s^3]
    "max_jerk",  # [m/s^3]
    "mean_speed",  # [m/s]
    "distance",  # path driven [m]
    "duration",  # [s]
)


@fast_function
def start_metrics(
    row: FloatArray,
) -> None:
    """Prepare a row for a new episode.

    Args:
        row: Row of ``Verdicts.metrics``, shape (35,), float64.
    """
    row[:] = 0.0
    row[mc.LAST_HIT] = -1.0
    row[mc.MIN_TTC] = TTC_HORIZON


@fast_function
def update_metrics(
    row: FloatArray,
    ego: FloatArray,
    boxes: FloatArray,
    box_count: int,
    half_length: float,
    half_width: float,
    dt: float,
    lateral_acceleration: float,
    speed_limit: float,
    progress: float,
    route_length: float,
    hit: int,
    off_road: bool,
    wrong_way: bool,
    red_light: bool,
    stop_sign: bool,
    reached: bool,
    in_lane: bool,
) -> None:
    """Take one step into account; call it once a step, after the ego and the boxes have moved.

    Args:
        row: Row of ``Verdicts.metrics``, shape (35,), float64.
        ego: Row of ``Worlds.ego``; its position, heading, speed, acceleration and yaw rate are read.
        boxes: ``Worlds.boxes`` of the world, shape (boxes, 12).
        box_count: Boxes in use.
        half_length: Half of the ego's length [m].
        half_width: Half of the ego's width [m].
        dt: Time step [s].
        lateral_acceleration: Acceleration across the ego, left positive [m/s^2].
        speed_limit: Speed limit where the ego is [m/s].
        progress: Where the ego is along its route, from the start [m].
        route_length: Length of the route [m].
        hit: Index of the box that the ego touches; -1 for none.
        off_road: Whether the ego is off the road.
        wrong_way: Whether the ego moves against the direction of its lane.
        red_light: Whether the ego runs a red light at this step.
        stop_sign: Whether the ego runs a stop sign at this step.
        reached: Whether the ego is at the goal.
        in_lane: Whether the ego lies wholly within one lane, and not in a junction; False if unknown.
    """
    speed = ego[st.SPEED]
    update_success(row, reached)
    update_route_completion(row, progress, route_length, reached)
    update_collision(row, ego, boxes, hit, half_length, half_width, in_lane)
    update_off_road(row, off_road)
    update_red_light(row, red_light)
    update_stop_sign(row, stop_sign)
    update_direction(row, speed, wrong_way, dt)
    update_speed_limit(row, speed, speed_limit, dt)
    time = time_to_collision(ego, boxes, box_count, half_length, half_width, in_lane)
    update_time_to_collision(row, time)
    update_jerk(row, ego[st.ACCELERATION], lateral_acceleration, dt)
    update_comfort(row, ego[st.YAW_RATE], dt)
    update_distance(row, speed, dt)
    row[mc.STEPS] += 1.0


@fast_function
def final_metrics(
    row: FloatArray,
    out_row: FloatArray,
) -> None:
    """Write the metrics of the episode so far.

    Args:
        row: Row of ``Verdicts.metrics``, shape (35,), float64.
        out_row: Written; shape (25,), one number per name in :data:`METRICS`.
    """
    out_row[0] = success(row)
    out_row[1] = row[mc.COMPLETION]
    out_row[2] = driving_score(row)
    out_row[3] = nuplan_score(row)
    out_row[4] = cost(row)
    out_row[5] = collisions(row)
    out_row[6] = row[mc.HITS_VEHICLE]
    out_row[7] = row[mc.HITS_PEDESTRIAN]
    out_row[8] = row[mc.HITS_CYCLIST]
    out_row[9] = row[mc.HITS_STATIC]
    out_row[10] = row[mc.FAULTS_ROAD_USER] + row[mc.FAULTS_STATIC]
    out_row[11] = row[mc.OFF_ROADS]
    out_row[12] = row[mc.RED_LIGHTS]
    out_row[13] = row[mc.STOP_SIGNS]
    out_row[14] = direction_score(row)
    out_row[15] = speed_limit_share(row)
    out_row[16] = row[mc.MIN_TTC]
    out_row[17] = safe_time_share(row)
    out_row[18] = comfort_share(row)
    out_row[19] = comfortable(row)
    out_row[20] = mean_jerk(row)
    out_row[21] = row[mc.JERK_MOST]
    out_row[22] = mean_speed(row)
    out_row[23] = row[mc.DISTANCE]
    out_row[24] = row[mc.DURATION]
