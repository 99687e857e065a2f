"""One step of all cars of a world: look, decide, move."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from mmenvs.core.arrays import ByteArray, FloatArray
from mmenvs.core.kernels import hot_function, inner_function
from mmenvs.driving import state as st
from mmenvs.driving.actors.changes import begin_change, choose_lane, siren_behind
from mmenvs.driving.actors.idm import B_COMFORT, idm
from mmenvs.driving.actors.junctions import STANDING, clears_on_amber, may_enter, signal_allows, wants_grant
from mmenvs.driving.actors.lists import (
    I_STATION,
    Lists,
    fill_lists,
    first_ahead,
    insert,
    leader,
    place_on_old_lane,
    swing,
)
from mmenvs.driving.actors.signals import set_lights
from mmenvs.driving.actors.spawn import choose_next, enter_road
from mmenvs.driving.roads.compiled import GOES_ON, L_BEND, L_END, L_LENGTH, L_LIMIT, L_NEXT
from mmenvs.driving.roads.lanes import lane_curvature

if TYPE_CHECKING:
    from mmenvs.driving.roads.library import Roads
    from mmenvs.driving.state import Params, Worlds

LATERAL_SPEED = 1.4  # of a lane change [m/s]
LATERAL_COMFORT = 2.5  # lateral acceleration that slows traffic in bends [m/s^2]
GAP_CREEP = 1.2  # how much closer a car goes to what it is about to pass [m]
NOTICE = 60.0  # distance from the end of a lane at which the next one matters [m]
SETTLED = 0.3  # a change is over once the car is this near to its place in the lane [m]
CAUTION = 25.0  # distance at which the ego is heeded wherever it is [m]
B_HARD = 7.0  # what brakes can do [m/s^2]
_NO_LIMIT = 9.0
_SINCE_LONG = 1.0e3  # [s]


@inner_function
def step_traffic(
    world: int,
    params: Params,
    worlds: Worlds,
    roads: Roads,
    lists: Lists,
) -> None:
    """Advance lights and all other cars of one world by one step."""
    set_lights(world, params.dt, worlds, roads)
    fill_lists(world, worlds, roads, lists)
    slot = worlds.slot[world]
    cars, ego, lights = worlds.cars[world], worlds.ego[world], worlds.lights[world]
    lanes, samples, conflicts = roads.lanes[slot], roads.samples[slot], roads.conflicts[slot]
    for car in range(cars.shape[1]):
        if cars[st.C_ACTIVE, car] > 0.5:
            acceleration = _decide(car, cars, ego, lights, lanes, samples, conflicts, lists)
            acceleration = min(acceleration, _heed_ego(car, cars, ego, worlds.boxes[world, car]))
            cars[st.C_ACCELERATION, car] = max(acceleration, -B_HARD)
    period = max(int(1.0 / params.dt), 1)
    for car in range(cars.shape[1]):
        if cars[st.C_ACTIVE, car] < 0.5:
            if cars[st.C_DESIRED, car] > 0.0:
                enter_road(world, car, worlds, roads, lists)
            continue
        if (worlds.steps[world] + car) % period == 0:
            other = choose_lane(car, cars, lanes, samples, lists)
            if other >= 0:
                begin_change(car, other, cars, lanes, samples)
                cars[st.C_NEXT, car] = choose_next(world, other, worlds.random, lanes)
                half_width = 0.5 * cars[st.C_WIDTH, car]  # who decides after this car must know
                insert(
                    other, cars[st.C_STATION, car], 0.5 * cars[st.C_LENGTH, car], -half_width, half_width,
                    cars[st.C_SPEED, car], lists,
                )  # fmt: skip
        if _move(car, params.dt, cars, lanes, samples):
            cars[st.C_NEXT, car] = choose_next(world, int(cars[st.C_LANE, car]), worlds.random, lanes)


@inner_function
def _decide(
    car: int,
    cars: FloatArray,
    ego: FloatArray,
    lights: ByteArray,
    lanes: FloatArray,
    samples: FloatArray,
    conflicts: FloatArray,
    lists: Lists,
) -> float:
    """Return the acceleration that a car chooses [m/s^2], and ask for the junction ahead."""
    lane, station, speed = int(cars[st.C_LANE, car]), cars[st.C_STATION, car], cars[st.C_SPEED, car]
    following = int(cars[st.C_NEXT, car])
    half, half_width = 0.5 * cars[st.C_LENGTH, car], 0.5 * cars[st.C_WIDTH, car]
    offset, rest = cars[st.C_OFFSET, car], cars[st.C_REST, car]
    headway = cars[st.C_HEADWAY, car]
    desired = cars[st.C_DESIRED, car]
    if cars[st.C_KIND, car] != st.EMERGENCY:
        desired = min(desired, lanes[lane, L_LIMIT])
    bend = abs(lane_curvature(lane, station, lanes, samples))
    bend = max(bend, abs(lane_curvature(lane, station + 1.2 * speed, lanes, samples)))
    if desired * desired * bend > LATERAL_COMFORT:
        desired = math.sqrt(LATERAL_COMFORT / bend)
    if siren_behind(cars[st.C_LANE, car], station, cars):
        desired = 0.7 * desired
    desired = max(desired, 1.0)
    half_width += swing(half, bend)
    low, high = min(offset, rest) - half_width, max(offset, rest) + half_width
    gap, ahead_speed = leader(car, lane, station, half, following, low, high, lanes, lists)
    acceleration = idm(speed, desired, gap, speed - ahead_speed, headway)
    leaving = int(cars[st.C_FROM, car])
    if leaving >= 0:
        # While changing lanes, heed both; but creep past what stands ahead in the old one.  The search
        # begins a little ahead of the car, so that it does not find the car's own shadow.
        there, aside = place_on_old_lane(lane, leaving, station, offset, lanes, samples)
        # Only who stands there counts: the end of a lane that is left does not matter any more.
        near, ahead_speed, found = first_ahead(
            -1, leaving, there + 0.05, aside - half_width, aside + half_width, lists
        )
        if found >= 0:
            gap = near - there - half + GAP_CREEP
            acceleration = min(acceleration, idm(speed, desired, gap, speed - ahead_speed, headway))
    remaining = lanes[lane, L_LENGTH] - station - half
    if following >= 0 and remaining < NOTICE:
        slowest = math.sqrt(LATERAL_COMFORT / max(lanes[following, L_BEND], 1e-3))
        slowest = min(slowest, lanes[following, L_LIMIT])
        allowed = math.sqrt(slowest * slowest + 2.0 * B_COMFORT * max(remaining, 0.0))
        acceleration = min(acceleration, (allowed - speed) / 0.8)
        if wants_grant(following, lanes) and not _granted(
            car, following, remaining, cars, ego, lights, lanes, conflicts, lists
        ):
            acceleration = min(acceleration, idm(speed, desired, max(remaining + 1.2, 0.1), speed, 1.0))
    return acceleration


@inner_function
def _granted(
    car: int,
    following: int,
    remaining: float,
    cars: FloatArray,
    ego: FloatArray,
    lights: ByteArray,
    lanes: FloatArray,
    conflicts: FloatArray,
    lists: Lists,
) -> bool:
    """Say whether a car may enter the junction ahead; ask for it, or give it back if it cannot be used."""
    speed = cars[st.C_SPEED, car]
    urgent = cars[st.C_KIND, car] == st.EMERGENCY
    item = lists.follow[car]  # only who is first at the line may ask
    first = item < 0 or lists.items[item, I_STATION] >= lanes[int(cars[st.C_LANE, car]), L_LENGTH]
    if cars[st.C_GRANTED, car] > 0.5:
        can_stop = remaining > 0.5 * speed * speed / B_COMFORT
        if urgent or not can_stop:
            return True
        if first and (
            signal_allows(following, remaining, speed, lights, lanes)
            or clears_on_amber(following, remaining, _SINCE_LONG, lights, lanes)
        ):
            return True
        cars[st.C_GRANTED, car] = 0.0
        lists.granted[following] -= 1
        return False
    if not first or remaining > max(3.0 * speed, 8.0):
        return False
    if not may_enter(
        following, remaining, speed, cars[st.C_WAIT, car], cars[st.C_LENGTH, car], urgent,
        cars, ego, True, lights, lanes, conflicts, lists,
    ):  # fmt: skip
        return False
    cars[st.C_GRANTED, car] = 1.0
    lists.granted[following] += 1
    return True


@hot_function
def _heed_ego(
    car: int,
    cars: FloatArray,
    ego: FloatArray,
    box: FloatArray,
) -> float:
    """Brake for an ego that is straight ahead, on whatever lane: the lists know it by its lane alone."""
    dx, dy = ego[st.X] - box[st.B_X], ego[st.Y] - box[st.B_Y]
    if dx * dx + dy * dy > CAUTION * CAUTION:
        return _NO_LIMIT
    ahead = dx * box[st.B_COS] + dy * box[st.B_SIN]
    aside = abs(dy * box[st.B_COS] - dx * box[st.B_SIN])
    cos = math.cos(ego[st.HEADING]) * box[st.B_COS] + math.sin(ego[st.HEADING]) * box[st.B_SIN]
    sin = math.sqrt(max(1.0 - cos * cos, 0.0))
    half_across = 0.5 * (st.EGO_WIDTH * abs(cos) + st.EGO_LENGTH * sin)
    half_along = 0.5 * (st.EGO_LENGTH * abs(cos) + st.EGO_WIDTH * sin)
    if ahead < 0.0 or aside > half_across + 0.5 * cars[st.C_WIDTH, car] + 0.2:
        return _NO_LIMIT
    speed = cars[st.C_SPEED, car]
    gap = ahead - half_along - 0.5 * cars[st.C_LENGTH, car]
    return idm(speed, max(cars[st.C_DESIRED, car], 1.0), gap, speed - ego[st.SPEED] * cos, 0.6)


@hot_function
def lateral_speed(
    speed: float,
) -> float:
    """Return how fast a car moves sideways during a lane change [m/s]."""
    return min(LATERAL_SPEED, 0.3 * speed + 0.25)


@inner_function
def _move(
    car: int,
    dt: float,
    cars: FloatArray,
    lanes: FloatArray,
    samples: FloatArray,
) -> bool:
    """Integrate one car and take it away where the world ends; say whether it came onto another lane."""
    lane = int(cars[st.C_LANE, car])
    speed = max(cars[st.C_SPEED, car] + cars[st.C_ACCELERATION, car] * dt, 0.0)
    cars[st.C_SPEED, car] = speed
    cars[st.C_WAIT, car] = cars[st.C_WAIT, car] + dt if speed < STANDING else 0.0
    station, offset = cars[st.C_STATION, car], cars[st.C_OFFSET, car]
    stretch = max(1.0 - lane_curvature(lane, station, lanes, samples) * offset, 0.5)
    station += speed * dt / stretch
    reach = lateral_speed(speed) * dt
    error = cars[st.C_REST, car] - offset
    cars[st.C_OFFSET, car] = offset + min(max(error, -reach), reach)
    if cars[st.C_FROM, car] >= 0.0 and abs(error) < SETTLED:
        cars[st.C_FROM, car] = -1.0
    length = lanes[lane, L_LENGTH]
    cars[st.C_STATION, car] = station
    if lanes[lane, L_END] != GOES_ON:
        if length - station < 3.0:
            cars[st.C_ACTIVE, car] = 0.0
        return False
    if station < length:
        return False
    following = int(cars[st.C_NEXT, car])
    cars[st.C_STATION, car] = station - length
    cars[st.C_PREVIOUS, car] = lane
    cars[st.C_LANE, car] = following if following >= 0 else lanes[lane, L_NEXT]
    cars[st.C_FROM, car] = -1.0
    cars[st.C_GRANTED, car] = 0.0
    return True
