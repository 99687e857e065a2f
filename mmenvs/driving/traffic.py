"""Other cars: car following by IDM, lane changes by MOBIL, and entering and leaving the road."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from mmenvs.core.arrays import FloatArray, IntArray
from mmenvs.core.kernels import fast_function
from mmenvs.core.random import integer_below, uniform, uniform_between
from mmenvs.driving import state as st

if TYPE_CHECKING:
    from mmenvs.driving.roads.library import Maps
    from mmenvs.driving.state import Params, Worlds

A_MAX = 1.8  # maximum acceleration [m/s^2]
B_COMFORT = 2.5  # comfortable deceleration [m/s^2]
B_HARD = 7.0  # what brakes can do [m/s^2]
GAP_MIN = 2.0  # standstill gap [m]
GAP_CREEP = 1.2  # how much closer a car goes to what it is about to pass [m]
POLITENESS = 0.2
GAIN = 0.3  # least advantage that makes a lane change worth it [m/s^2]
B_SAFE = 2.5  # most braking that a change may impose [m/s^2]
LATERAL_SPEED = 1.4  # of a lane change [m/s]
LATERAL_COMFORT = 2.5  # lateral acceleration that slows traffic in bends [m/s^2]
_FREE = 1000.0  # gap when nobody is ahead [m]
_HORIZON = 90.0  # beyond it nobody is heeded: IDM's term is below 1 % there at these speeds [m]
_IDM_ROOT = 2.0 * math.sqrt(A_MAX * B_COMFORT)


@fast_function
def idm(
    speed: float,
    desired: float,
    gap: float,
    closing: float,
    headway: float,
) -> float:
    """Return the acceleration of the Intelligent Driver Model [m/s^2].

    ``a [1 - (v / v0)^4 - (s* / s)^2]`` with ``s* = s0 + max(0, v T + v dv / (2 sqrt(a b)))`` (Treiber,
    Hennecke and Helbing, Phys. Rev. E 62, 2000), limited to what brakes can do.

    Args:
        speed: Own speed [m/s].
        desired: Desired speed [m/s].
        gap: Bumper-to-bumper distance to the leader [m].
        closing: Own speed minus the leader's [m/s].
        headway: Time headway [s].
    """
    ratio = speed / desired
    ratio *= ratio
    wanted = GAP_MIN + max(0.0, speed * headway + speed * closing / (_IDM_ROOT))
    near = wanted / max(gap, 0.1)
    return max(A_MAX * (1.0 - ratio * ratio - near * near), -B_HARD)


@fast_function
def _sort_cars(
    cars: FloatArray,
    order: IntArray,
    rank: IntArray,
) -> None:
    """Bring ``order`` and ``rank`` up to date; cheap, because it is nearly sorted from the last step."""
    for first in range(1, len(order)):
        car = order[first]
        station = cars[st.C_STATION, car]
        place = first
        while place > 0 and cars[st.C_STATION, order[place - 1]] > station:
            order[place] = order[place - 1]
            place -= 1
        order[place] = car
    for place in range(len(order)):
        rank[order[place]] = place


@fast_function
def leader(
    car: int,
    offset: float,
    ego: FloatArray,
    cars: FloatArray,
    order: IntArray,
    rank: IntArray,
    obstacles: FloatArray,
    obstacle_count: int,
) -> tuple[float, float]:
    """Find who is ahead of a car if it drove at a lateral offset.

    Args:
        car: Index of the car.
        offset: Lateral offset [m].
        ego: Row of ``Worlds.ego``.
        cars: ``Worlds.cars`` of the world.
        order: Cars by station.
        rank: Place of each car in ``order``.
        obstacles: ``Worlds.obstacles`` of the world, by station.
        obstacle_count: Obstacles in use.

    Returns:
        Gap [m] and the leader's speed along the car's direction [m/s]; a free road gives a huge gap.
    """
    station = cars[st.C_STATION, car]
    forward = cars[st.C_DIRECTION, car] > 0.0
    half = 0.5 * cars[st.C_LENGTH, car]
    half_width = 0.5 * cars[st.C_WIDTH, car] + 0.35
    best, speed = _FREE, 0.0
    reach = _HORIZON  # centre to centre, so that nothing farther can be nearer than ``best``
    direction = 1.0 if forward else -1.0
    step = 1 if forward else -1
    place = rank[car] + step
    while 0 <= place < len(order):
        other = order[place]
        place += step
        ahead = direction * (cars[st.C_STATION, other] - station)
        if ahead >= reach:
            break
        if cars[st.C_ACTIVE, other] < 0.5:
            continue
        # Who is about to come into the lane is heeded as if it were there already.
        aside = min(abs(cars[st.C_OFFSET, other] - offset), abs(cars[st.C_TARGET, other] - offset))
        if aside < half_width + 0.5 * cars[st.C_WIDTH, other]:
            gap = ahead - half - 0.5 * cars[st.C_LENGTH, other]
            if gap < best:
                best = gap
                speed = cars[st.C_SPEED, other] * cars[st.C_DIRECTION, other] * direction
                reach = min(reach, gap + 8.0)
    if forward:  # obstacles stand in the lanes of travel
        for other in range(int(cars[st.C_NEXT, car]), obstacle_count):
            ahead = obstacles[st.O_STATION, other] - station
            if ahead >= reach:
                break
            if abs(obstacles[st.O_OFFSET, other] - offset) < half_width + 0.5 * obstacles[st.O_WIDTH, other]:
                gap = ahead - half - 0.5 * obstacles[st.O_LENGTH, other]
                if gap < best:
                    best, speed = gap, 0.0
                    reach = min(reach, gap + 8.0)
    ahead = direction * (ego[st.STATION] - station)
    if 0.0 < ahead < reach and abs(ego[st.OFFSET] - offset) < half_width + 0.5 * st.EGO_WIDTH:
        gap = ahead - half - 0.5 * st.EGO_LENGTH
        if gap < best:
            best = gap
            speed = ego[st.SPEED] * math.cos(ego[st.HEADING_ERROR]) * direction
    return best, speed


@fast_function
def _follower(
    car: int,
    offset: float,
    ego: FloatArray,
    cars: FloatArray,
    order: IntArray,
    rank: IntArray,
) -> tuple[float, float, float, float]:
    """Find who would follow a car at a lateral offset: gap [m], speed, desired speed, headway."""
    station = cars[st.C_STATION, car]
    forward = cars[st.C_DIRECTION, car] > 0.0
    half = 0.5 * cars[st.C_LENGTH, car]
    half_width = 0.5 * cars[st.C_WIDTH, car] + 0.35
    best, speed, desired, headway = _FREE, 0.0, 10.0, 1.5
    reach = _HORIZON
    direction = 1.0 if forward else -1.0
    step = -1 if forward else 1
    place = rank[car] + step
    while 0 <= place < len(order):
        other = order[place]
        place += step
        behind = direction * (station - cars[st.C_STATION, other])
        if behind >= reach:
            break
        if cars[st.C_ACTIVE, other] < 0.5:
            continue
        # Who is about to come into the lane is heeded as if it were there already.
        aside = min(abs(cars[st.C_OFFSET, other] - offset), abs(cars[st.C_TARGET, other] - offset))
        if aside < half_width + 0.5 * cars[st.C_WIDTH, other]:
            gap = behind - half - 0.5 * cars[st.C_LENGTH, other]
            if gap < best:
                best = gap
                speed = cars[st.C_SPEED, other]
                desired = cars[st.C_DESIRED, other]
                headway = cars[st.C_HEADWAY, other]
                reach = min(reach, gap + 8.0)
    behind = direction * (station - ego[st.STATION])
    if -st.EGO_LENGTH < behind < reach and abs(ego[st.OFFSET] - offset) < half_width + 0.5 * st.EGO_WIDTH:
        gap = behind - half - 0.5 * st.EGO_LENGTH
        if gap < best:
            best, speed, desired, headway = gap, ego[st.SPEED], max(ego[st.SPEED], 1.0), 1.0
    return best, speed, desired, headway


@fast_function
def _consider_lane_change(
    world: int,
    car: int,
    params: Params,
    worlds: Worlds,
    maps: Maps,
) -> None:
    """Change to a neighbouring lane if MOBIL finds it safe and worth it.

    Incentive: own gain minus politeness times the new follower's loss exceeds a threshold, and the new
    follower need not brake harder than ``B_SAFE`` (Kesting, Treiber and Helbing, TRR 1999, 2007).
    """
    cars = worlds.cars[world]
    ego = worlds.ego[world]
    order, rank = worlds.order[world], worlds.rank[world]
    obstacles, count = worlds.obstacles[world], worlds.obstacle_count[world]
    slot = worlds.slot[world]
    lane = int(cars[st.C_LANE, car])
    speed, desired, headway = cars[st.C_SPEED, car], cars[st.C_DESIRED, car], cars[st.C_HEADWAY, car]
    if abs(cars[st.C_OFFSET, car] - maps.lane_offset[slot, lane]) > 0.3:
        return
    now = cars[st.C_ACCELERATION, car]
    if now > 0.5 * A_MAX or speed > 0.9 * desired:
        return
    best_gain, best_lane = GAIN, lane
    for side in (-1, 1):
        other = lane + side
        if other < 0 or other >= params.all_lanes:
            continue
        if maps.lane_direction[slot, other] != maps.lane_direction[slot, lane]:
            continue
        offset = maps.lane_offset[slot, other]
        gap, ahead_speed = leader(car, offset, ego, cars, order, rank, obstacles, count)
        back_gap, back_speed, back_desired, back_headway = _follower(car, offset, ego, cars, order, rank)
        if gap < GAP_MIN or back_gap < GAP_MIN:
            continue
        then = idm(speed, desired, gap, speed - ahead_speed, headway)
        imposed = idm(back_speed, back_desired, back_gap, back_speed - speed, back_headway)
        if imposed < -B_SAFE:
            continue
        gain = then - now + POLITENESS * min(imposed, 0.0)
        if gain > best_gain:
            best_gain, best_lane = gain, other
    cars[st.C_LANE, car] = best_lane
    cars[st.C_TARGET, car] = maps.lane_offset[slot, best_lane]


@fast_function
def _enter_road(
    world: int,
    car: int,
    params: Params,
    worlds: Worlds,
    maps: Maps,
) -> None:
    """Bring a car that has left the road back at its lane's beginning, once there is room."""
    cars = worlds.cars[world]
    slot = worlds.slot[world]
    lane = int(cars[st.C_LANE, car])
    direction = maps.lane_direction[slot, lane]
    last = maps.samples[slot] - 1
    station = 4.0 if direction > 0.0 else last - 4.0
    for other in range(cars.shape[1]):
        if cars[st.C_ACTIVE, other] > 0.5 and abs(cars[st.C_STATION, other] - station) < 20.0:
            return
    if abs(worlds.ego[world, st.STATION] - station) < 25.0:
        return
    cars[st.C_STATION, car] = station
    cars[st.C_OFFSET, car] = maps.lane_offset[slot, lane]
    cars[st.C_TARGET, car] = maps.lane_offset[slot, lane]
    cars[st.C_DIRECTION, car] = direction
    cars[st.C_SPEED, car] = 0.8 * cars[st.C_DESIRED, car]
    cars[st.C_NEXT, car] = 0.0
    cars[st.C_ACTIVE, car] = 1.0


@fast_function
def step_traffic(
    world: int,
    params: Params,
    worlds: Worlds,
    maps: Maps,
) -> None:
    """Advance all other cars of one world by one step."""
    cars = worlds.cars[world]
    ego = worlds.ego[world]
    order, rank = worlds.order[world], worlds.rank[world]
    obstacles, count = worlds.obstacles[world], worlds.obstacle_count[world]
    slot = worlds.slot[world]
    _sort_cars(cars, order, rank)
    last = maps.samples[slot] - 1
    dt = params.dt
    period = max(int(1.0 / dt), 1)
    for car in range(cars.shape[1]):
        if cars[st.C_ACTIVE, car] < 0.5:
            if cars[st.C_DESIRED, car] > 0.0:
                _enter_road(world, car, params, worlds, maps)
            continue
        speed = cars[st.C_SPEED, car]
        index = min(max(int(cars[st.C_STATION, car]), 0), last)
        passed = int(cars[st.C_NEXT, car])
        while passed < count and obstacles[st.O_STATION, passed] <= cars[st.C_STATION, car]:
            passed += 1
        cars[st.C_NEXT, car] = passed
        bend = abs(maps.reference[slot, index, 4])
        desired = cars[st.C_DESIRED, car]
        if desired * desired * bend > LATERAL_COMFORT:
            desired = math.sqrt(LATERAL_COMFORT / bend)
        gap, ahead_speed = leader(car, cars[st.C_OFFSET, car], ego, cars, order, rank, obstacles, count)
        acceleration = idm(speed, desired, gap, speed - ahead_speed, cars[st.C_HEADWAY, car])
        target = cars[st.C_TARGET, car]
        if abs(target - cars[st.C_OFFSET, car]) > 0.3:
            # While changing lanes, heed both; but creep past what stands ahead in the old one.
            acceleration = idm(speed, desired, gap + GAP_CREEP, speed - ahead_speed, cars[st.C_HEADWAY, car])
            gap, ahead_speed = leader(car, target, ego, cars, order, rank, obstacles, count)
            acceleration = min(
                acceleration, idm(speed, desired, gap, speed - ahead_speed, cars[st.C_HEADWAY, car])
            )
        cars[st.C_ACCELERATION, car] = acceleration
    for car in range(cars.shape[1]):
        if cars[st.C_ACTIVE, car] < 0.5:
            continue
        if (worlds.steps[world] + car) % period == 0:
            _consider_lane_change(world, car, params, worlds, maps)
        speed = max(cars[st.C_SPEED, car] + cars[st.C_ACCELERATION, car] * dt, 0.0)
        cars[st.C_SPEED, car] = speed
        index = min(max(int(cars[st.C_STATION, car]), 0), last)
        stretch = 1.0 - maps.reference[slot, index, 4] * cars[st.C_OFFSET, car]
        cars[st.C_STATION, car] += cars[st.C_DIRECTION, car] * speed * dt / stretch
        error = cars[st.C_TARGET, car] - cars[st.C_OFFSET, car]
        reach = min(LATERAL_SPEED, 0.3 * speed + 0.25) * dt
        cars[st.C_OFFSET, car] += min(max(error, -reach), reach)
        if cars[st.C_STATION, car] < 3.0 or cars[st.C_STATION, car] > last - 3.0:
            cars[st.C_ACTIVE, car] = 0.0


@fast_function
def _draw_car(
    world: int,
    car: int,
    params: Params,
    worlds: Worlds,
) -> None:
    """Draw the size, colour and temper of a car."""
    cars = worlds.cars[world]
    stream = worlds.random
    van = uniform(stream, world) < 0.2
    if van:
        cars[st.C_LENGTH, car] = uniform_between(stream, world, 5.4, 6.6)
        cars[st.C_WIDTH, car] = uniform_between(stream, world, 2.0, 2.2)
        cars[st.C_HEIGHT, car] = uniform_between(stream, world, 2.3, 2.9)
    else:
        cars[st.C_LENGTH, car] = uniform_between(stream, world, 4.0, 4.9)
        cars[st.C_WIDTH, car] = uniform_between(stream, world, 1.75, 1.95)
        cars[st.C_HEIGHT, car] = uniform_between(stream, world, 1.4, 1.65)
    cars[st.C_HUE, car] = uniform(stream, world)
    cars[st.C_DESIRED, car] = uniform_between(stream, world, params.traffic_low, params.traffic_high)
    cars[st.C_HEADWAY, car] = uniform_between(stream, world, 1.0, 1.8)


@fast_function
def _place_obstacles(
    world: int,
    params: Params,
    worlds: Worlds,
    maps: Maps,
) -> None:
    """Block one or two lanes of travel at intervals; at least one lane stays open."""
    obstacles = worlds.obstacles[world]
    slot = worlds.slot[world]
    stream = worlds.random
    count = 0
    if params.obstacle_spacing > 0.0:
        station = params.start + uniform_between(stream, world, 0.9, 1.4) * params.obstacle_spacing
        while station < params.finish - 12.0:
            blocked = min(params.blocked_lanes, 2 if uniform(stream, world) < 0.2 else 1)
            first = integer_below(stream, world, params.lanes)
            for k in range(blocked):
                lane = (first + k) % params.lanes
                centre = maps.lane_offset[slot, lane]
                at = station + uniform_between(stream, world, -1.0, 1.0)
                draw = uniform(stream, world)
                if draw < 0.45:
                    pieces, kind, length, width, height = 1, st.PARKED, 4.4, 1.8, 1.5
                elif draw < 0.75:
                    pieces, kind, length, width, height = 1, st.BARRIER, 0.5, 2.7, 1.0
                else:
                    pieces, kind, length, width, height = 3, st.CONE, 0.45, 0.45, 0.85
                for piece in range(pieces):
                    if count >= obstacles.shape[1]:
                        break
                    obstacles[st.O_STATION, count] = at + 0.8 * piece
                    obstacles[st.O_OFFSET, count] = (
                        centre + (piece - 0.5 * (pieces - 1)) * 1.0 + 0.3 * (uniform(stream, world) - 0.5)
                    )
                    obstacles[st.O_LENGTH, count] = length
                    obstacles[st.O_WIDTH, count] = width
                    obstacles[st.O_HEIGHT, count] = height
                    obstacles[st.O_KIND, count] = kind
                    obstacles[st.O_HUE, count] = uniform(stream, world)
                    count += 1
            station += uniform_between(stream, world, 0.75, 1.25) * params.obstacle_spacing
    worlds.obstacle_count[world] = count
    for first in range(1, count):  # pieces of one row may overtake each other by a metre
        place = first
        while place > 0 and obstacles[st.O_STATION, place] < obstacles[st.O_STATION, place - 1]:
            for row in range(st.OBSTACLE_ROWS):
                keep = obstacles[row, place]
                obstacles[row, place] = obstacles[row, place - 1]
                obstacles[row, place - 1] = keep
            place -= 1


@fast_function
def _fits(
    world: int,
    car: int,
    station: float,
    offset: float,
    worlds: Worlds,
) -> bool:
    """Say whether a car may start at a place without crowding anyone."""
    cars = worlds.cars[world]
    obstacles = worlds.obstacles[world]
    ego = worlds.ego[world]
    if abs(ego[st.STATION] - station) < 25.0 and abs(ego[st.OFFSET] - offset) < 3.0:
        return False
    for other in range(car):
        near = (
            abs(cars[st.C_STATION, other] - station) < 12.0 and abs(cars[st.C_OFFSET, other] - offset) < 3.0
        )
        if near and cars[st.C_ACTIVE, other] > 0.5:
            return False
    for other in range(worlds.obstacle_count[world]):
        near = abs(obstacles[st.O_STATION, other] - station) < 14.0
        if near and abs(obstacles[st.O_OFFSET, other] - offset) < 3.0:
            return False
    return True


@fast_function
def place_traffic(
    world: int,
    params: Params,
    worlds: Worlds,
    maps: Maps,
) -> None:
    """Start obstacles and traffic of one world; the ego must stand already."""
    cars = worlds.cars[world]
    slot = worlds.slot[world]
    stream = worlds.random
    last = maps.samples[slot] - 1
    _place_obstacles(world, params, worlds, maps)
    if params.cars == 0:  # the array still holds one row, which never becomes active
        cars[:, :] = 0.0
        return
    span = (last - 30.0) / cars.shape[1]
    for car in range(cars.shape[1]):
        _draw_car(world, car, params, worlds)
        cars[st.C_ACTIVE, car] = 0.0
        for _attempt in range(8):
            lane = integer_below(stream, world, params.all_lanes)
            station = 15.0 + (car + uniform(stream, world)) * span
            offset = maps.lane_offset[slot, lane]
            if not _fits(world, car, station, offset, worlds):
                continue
            cars[st.C_LANE, car] = lane
            cars[st.C_STATION, car] = station
            cars[st.C_OFFSET, car] = offset
            cars[st.C_TARGET, car] = offset
            cars[st.C_DIRECTION, car] = maps.lane_direction[slot, lane]
            cars[st.C_SPEED, car] = 0.8 * cars[st.C_DESIRED, car]
            cars[st.C_ACTIVE, car] = 1.0
            break
        if cars[st.C_ACTIVE, car] < 0.5:
            cars[st.C_LANE, car] = integer_below(stream, world, params.all_lanes)
        cars[st.C_ACCELERATION, car] = 0.0
        cars[st.C_NEXT, car] = 0.0
        worlds.order[world, car] = car  # episodes must not depend on what was sorted before
