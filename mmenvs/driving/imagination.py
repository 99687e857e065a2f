"""What the scripted driver expects of others, and how it imagines a manoeuvre of its own."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from mmenvs.core.arrays import FloatArray
from mmenvs.core.kernels import fast_function, inner_function
from mmenvs.driving import state as st
from mmenvs.driving.actors.traffic import lateral_speed
from mmenvs.driving.collision import boxes_overlap
from mmenvs.driving.dynamics import path_of
from mmenvs.driving.roads.compiled import L_LENGTH, L_NEXT
from mmenvs.driving.roads.lanes import place_on_lane, place_on_path
from mmenvs.driving.roads.routes import P_CURVATURE, P_LEFT, P_RIGHT

if TYPE_CHECKING:
    from mmenvs.driving.roads.library import Roads
    from mmenvs.driving.state import Params, Worlds

HORIZON = 4.8  # [s]
LOOKS = 12  # how often within the horizon others are looked at
MARGIN_AHEAD, MARGIN_ASIDE = 1.2, 0.35  # kept from others [m]
MARGIN_EDGE = 0.3  # kept from the edge of the asphalt [m]
MAX_TILT = 0.4  # largest angle to the road of a manoeuvre [rad]
B_WALL = 2.0  # braking before a line that must not be passed [m/s^2]
NEAR = 75.0  # how far away others are heeded [m]
CRASH = 100.0
_TIGHT = 40.0  # price of a second within the margins [m]
_P_X, _P_Y, _P_COS, _P_SIN, _P_LENGTH, _P_WIDTH = range(6)


@fast_function
def steering_towards(
    offset: float,
    tilt: float,
    speed: float,
    curvature: float,
    target: float,
) -> float:
    """Return the front-wheel angle that leads to a lateral offset [rad].

    A cascade: the offset error asks for an angle to the road, the angle error for a yaw rate, and the
    bicycle's inverse gives the steering.

    Args:
        offset: Lateral offset [m].
        tilt: Heading relative to the road [rad].
        speed: Speed [m/s].
        curvature: Curvature of the road [1/m].
        target: Wanted lateral offset [m].
    """
    reach = max(0.9 * speed, 4.0)
    wanted = min(max((target - offset) / reach, -MAX_TILT), MAX_TILT)
    yaw_rate = curvature * speed + 2.2 * (wanted - tilt)
    return math.atan(st.WHEELBASE * yaw_rate / max(speed, 2.0))


@inner_function
def _nearest_step(
    steering: float,
) -> float:
    """Return the step of the three-way task closest to a steering angle."""
    return min(max(round(steering / st.STEER_TASK_ANGLE), -1), 1)


@inner_function
def foresee(
    world: int,
    worlds: Worlds,
    roads: Roads,
    future: FloatArray,
) -> int:
    """Write where everybody near will be, shape (others, LOOKS, 6), and return how many there are."""
    ego = worlds.ego[world]
    cars, boxes = worlds.cars[world], worlds.boxes[world]
    lanes, samples = roads.lanes[worlds.slot[world]], roads.samples[worlds.slot[world]]
    step = HORIZON / LOOKS
    own = ego[st.LANE_DIRECTION] > 0.0
    count = 0
    for k in range(worlds.box_count[world]):
        box = boxes[k]
        dx, dy = box[st.B_X] - ego[st.X], box[st.B_Y] - ego[st.Y]
        if dx * dx + dy * dy > NEAR * NEAR:
            continue
        is_car = k < cars.shape[1]
        lane, station, following, follows, behind = 0, 0.0, -1, False, 0.0
        if is_car:
            lane, station = int(cars[st.C_LANE, k]), float(cars[st.C_STATION, k])
            following = int(cars[st.C_NEXT, k])
            # Who follows on the same lane keeps behind, else nobody could ever brake.
            behind = ego[st.LANE_STATION] - 0.5 * st.EGO_LENGTH - box[st.B_HALF_LENGTH] - 2.0 * MARGIN_AHEAD
            follows = own and lane == int(ego[st.LANE]) and station < ego[st.LANE_STATION]
            behind = max(behind, station)
        walker = box[st.B_KIND] == st.PEDESTRIAN
        for look in range(LOOKS):
            time = (look + 1) * step
            row = future[count, look]
            if is_car:
                station += cars[st.C_SPEED, k] * step
                if follows:
                    station = min(station, behind)
                while station > lanes[lane, L_LENGTH] and following >= 0:
                    station -= lanes[lane, L_LENGTH]
                    lane, following = following, int(lanes[following, L_NEXT])
                drift = cars[st.C_REST, k] - cars[st.C_OFFSET, k]
                reach = lateral_speed(cars[st.C_SPEED, k]) * time
                drift = min(max(drift, -reach), reach)
                x, y, cos, sin = place_on_lane(lane, station, cars[st.C_OFFSET, k] + drift, lanes, samples)
                row[_P_X], row[_P_Y], row[_P_COS], row[_P_SIN] = x, y, cos, sin
            else:
                row[_P_X] = box[st.B_X] + box[st.B_VX] * time
                row[_P_Y] = box[st.B_Y] + box[st.B_VY] * time
                row[_P_COS], row[_P_SIN] = box[st.B_COS], box[st.B_SIN]
            # People change their minds: give them more room ahead.
            row[_P_LENGTH] = box[st.B_HALF_LENGTH] + (0.9 if walker else 0.0)
            row[_P_WIDTH] = box[st.B_HALF_WIDTH] + (0.4 if walker else 0.0)
        count += 1
    return count


@inner_function
def _touches(
    x: float,
    y: float,
    cos: float,
    sin: float,
    ahead: float,
    aside: float,
    look: int,
    count: int,
    future: FloatArray,
) -> bool:
    """Say whether the ego, kept apart by margins, would touch anybody at a moment."""
    half_length, half_width = 0.5 * st.EGO_LENGTH + ahead, 0.5 * st.EGO_WIDTH + aside
    for k in range(count):
        row = future[k, look]
        dx, dy = row[_P_X] - x, row[_P_Y] - y
        reach = half_length + half_width + row[_P_LENGTH] + row[_P_WIDTH]
        if dx * dx + dy * dy > reach * reach:
            continue
        if boxes_overlap(
            x, y, cos, sin, half_length, half_width,
            row[_P_X], row[_P_Y], row[_P_COS], row[_P_SIN], row[_P_LENGTH], row[_P_WIDTH],
        ):  # fmt: skip
            return True
    return False


@inner_function
def imagine(
    world: int,
    target: float,
    delay: float,
    speed_target: float,
    wall: float,
    count: int,
    future: FloatArray,
    params: Params,
    worlds: Worlds,
    roads: Roads,
) -> tuple[float, float, float]:
    """Roll out one manoeuvre and return its score, its first steering angle and first acceleration.

    Until ``delay`` [s] has passed the car keeps its offset: the gap beside it may still have to open.
    """
    ego = worlds.ego[world]
    path = path_of(world, worlds, roads)
    last = len(path) - 1
    dt = params.dt
    station, offset, tilt = ego[st.STATION], ego[st.OFFSET], ego[st.HEADING_ERROR]
    speed = ego[st.SPEED]
    begin = station
    keep = offset
    score, first_steering, first_acceleration = 0.0, 0.0, 0.0
    look, look_time = 0, HORIZON / LOOKS
    for step in range(int(HORIZON / dt)):
        row = path[min(max(int(station), 0), last)]
        curvature = row[P_CURVATURE]
        aim = keep if step * dt < delay else target
        steering = steering_towards(offset, tilt, speed, curvature, aim)
        acceleration = 0.0
        if params.steer_task:
            steering = _nearest_step(steering) * st.STEER_TASK_ANGLE
        else:
            # Krauss' safe speed: the line is reached at a standstill, and not before.
            left = max(wall - station, 0.0)
            safe = math.sqrt(B_WALL * B_WALL * dt * dt + 2.0 * B_WALL * left) - B_WALL * dt
            acceleration = min((speed_target - speed) / 0.8, (safe - speed) / dt)
            acceleration = min(max(acceleration, -0.9 * st.MAX_BRAKE), 0.9 * st.MAX_ACCELERATION)
            grip = math.atan(st.MAX_LATERAL * st.WHEELBASE / max(speed * speed, 1.0))
            steering = min(max(steering, -grip), grip)
            steering = min(max(steering, -st.MAX_STEERING), st.MAX_STEERING)
        if step == 0:
            first_steering, first_acceleration = steering, acceleration
        speed = max(speed + acceleration * dt, 0.0)
        beta = math.atan(0.5 * math.tan(steering))
        yaw_rate = speed * math.sin(beta) / (0.5 * st.WHEELBASE)
        along = speed * math.cos(tilt + beta) / max(1.0 - curvature * offset, 0.2)
        offset += speed * math.sin(tilt + beta + 0.5 * yaw_rate * dt) * dt
        station += along * dt
        tilt += (yaw_rate - curvature * along) * dt
        time = (step + 1) * dt
        price = CRASH * (1.0 + HORIZON - time)
        half_width = 0.5 * st.EGO_WIDTH + 0.5 * st.EGO_LENGTH * abs(math.sin(tilt))
        room = min(row[P_LEFT] - offset, row[P_RIGHT] + offset) - half_width - MARGIN_EDGE
        if room < 0.0:
            score += 8.0 * room * dt
            if room < -MARGIN_EDGE:
                return score - price + station - begin, first_steering, first_acceleration
        if station > max(wall, begin + 0.05):
            return score - price + station - begin, first_steering, first_acceleration
        if time >= (look + 1) * look_time - 1e-6 and look < LOOKS:
            x, y, road_cos, road_sin = place_on_path(path, station, offset)
            cos = road_cos * math.cos(tilt) - road_sin * math.sin(tilt)
            sin = road_sin * math.cos(tilt) + road_cos * math.sin(tilt)
            ahead = MARGIN_AHEAD + 0.15 * speed
            if _touches(x, y, cos, sin, ahead, MARGIN_ASIDE, look, count, future):
                score -= _TIGHT * look_time
                if _touches(x, y, cos, sin, 0.25, 0.1, look, count, future):
                    return score - price + station - begin, first_steering, first_acceleration
            look += 1
    return score + station - begin, first_steering, first_acceleration
