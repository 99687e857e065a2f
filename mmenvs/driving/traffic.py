"""Other cars: car following by IDM, lane changes by MOBIL, and entering and leaving the road."""

from __future__ import annotations

import math

from mmenvs.core.kernels import fast_function
from mmenvs.core.random import integer_below, uniform, uniform_between
from mmenvs.driving import state as st

A_MAX = 1.8  # maximum acceleration [m/s^2]
B_COMFORT = 2.5  # comfortable deceleration [m/s^2]
B_HARD = 7.0  # what brakes can do [m/s^2]
GAP_MIN = 2.0  # standstill gap [m]
POLITENESS = 0.2
GAIN = 0.3  # least advantage that makes a lane change worth it [m/s^2]
B_SAFE = 2.5  # most braking that a change may impose [m/s^2]
LATERAL_SPEED = 1.4  # of a lane change [m/s]
LATERAL_COMFORT = 2.5  # lateral acceleration that slows traffic in bends [m/s^2]
_FREE = 1000.0  # gap when nobody is ahead [m]


@fast_function
def idm(speed, desired, gap, closing, headway):  # type: ignore[no-untyped-def]
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
    wanted = GAP_MIN + max(0.0, speed * headway + speed * closing / (2.0 * math.sqrt(A_MAX * B_COMFORT)))
    near = wanted / max(gap, 0.1)
    return max(A_MAX * (1.0 - ratio * ratio - near * near), -B_HARD)


@fast_function
def leader(world, car, offset, params, worlds):  # type: ignore[no-untyped-def]
    """Find who is ahead of a car if it drove at a lateral offset.

    Returns:
        Gap [m] and the leader's speed along the car's direction [m/s]; a free road gives a huge gap.
    """
    cars = worlds.cars[world]
    obstacles = worlds.obstacles[world]
    ego = worlds.ego[world]
    station = cars[car, st.C_STATION]
    direction = cars[car, st.C_DIRECTION]
    half = 0.5 * cars[car, st.C_LENGTH]
    half_width = 0.5 * cars[car, st.C_WIDTH] + 0.35
    best, speed = _FREE, 0.0
    for other in range(len(cars)):
        if other == car or cars[other, st.C_ACTIVE] < 0.5:
            continue
        ahead = direction * (cars[other, st.C_STATION] - station)
        if ahead <= 0.0 or ahead >= best + 8.0:
            continue
        if abs(cars[other, st.C_OFFSET] - offset) < half_width + 0.5 * cars[other, st.C_WIDTH]:
            gap = ahead - half - 0.5 * cars[other, st.C_LENGTH]
            if gap < best:
                best = gap
                speed = cars[other, st.C_SPEED] * cars[other, st.C_DIRECTION] * direction
    for other in range(worlds.obstacle_count[world]):
        ahead = direction * (obstacles[other, st.O_STATION] - station)
        if 0.0 < ahead < best + 8.0:
            if abs(obstacles[other, st.O_OFFSET] - offset) < half_width + 0.5 * obstacles[other, st.O_WIDTH]:
                gap = ahead - half - 0.5 * obstacles[other, st.O_LENGTH]
                if gap < best:
                    best, speed = gap, 0.0
    ahead = direction * (ego[st.STATION] - station)
    if 0.0 < ahead < best + 8.0 and abs(ego[st.OFFSET] - offset) < half_width + 0.5 * st.EGO_WIDTH:
        gap = ahead - half - 0.5 * st.EGO_LENGTH
        if gap < best:
            best = gap
            speed = ego[st.SPEED] * math.cos(ego[st.HEADING_ERROR]) * direction
    return best, speed


@fast_function
def _follower(world, car, offset, worlds):  # type: ignore[no-untyped-def]
    """Find who would follow a car at a lateral offset: gap [m], speed, desired speed, headway."""
    cars = worlds.cars[world]
    ego = worlds.ego[world]
    station = cars[car, st.C_STATION]
    direction = cars[car, st.C_DIRECTION]
    half = 0.5 * cars[car, st.C_LENGTH]
    half_width = 0.5 * cars[car, st.C_WIDTH] + 0.35
    best, speed, desired, headway = _FREE, 0.0, 10.0, 1.5
    for other in range(len(cars)):
        if other == car or cars[other, st.C_ACTIVE] < 0.5:
            continue
        behind = direction * (station - cars[other, st.C_STATION])
        if behind < 0.0 or behind >= best + 8.0:
            continue
        if abs(cars[other, st.C_OFFSET] - offset) < half_width + 0.5 * cars[other, st.C_WIDTH]:
            gap = behind - half - 0.5 * cars[other, st.C_LENGTH]
            if gap < best:
                best = gap
                speed = cars[other, st.C_SPEED]
                desired = cars[other, st.C_DESIRED]
                headway = cars[other, st.C_HEADWAY]
    behind = direction * (station - ego[st.STATION])
    if 0.0 <= behind < best + 8.0 and abs(ego[st.OFFSET] - offset) < half_width + 0.5 * st.EGO_WIDTH:
        gap = behind - half - 0.5 * st.EGO_LENGTH
        if gap < best:
            best, speed, desired, headway = gap, ego[st.SPEED], max(ego[st.SPEED], 1.0), 1.0
    return best, speed, desired, headway


@fast_function
def _consider_lane_change(world, car, params, worlds, maps):  # type: ignore[no-untyped-def]
    """Change to a neighbouring lane if MOBIL finds it safe and worth it.

    Incentive: own gain minus politeness times the new follower's loss exceeds a threshold, and the new
    follower need not brake harder than ``B_SAFE`` (Kesting, Treiber and Helbing, TRR 1999, 2007).
    """
    cars = worlds.cars[world]
    slot = worlds.slot[world]
    lane = int(cars[car, st.C_LANE])
    speed, desired, headway = cars[car, st.C_SPEED], cars[car, st.C_DESIRED], cars[car, st.C_HEADWAY]
    if abs(cars[car, st.C_OFFSET] - maps.lane_offset[slot, lane]) > 0.3:
        return
    now = cars[car, st.C_ACCELERATION]
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
        gap, ahead_speed = leader(world, car, offset, params, worlds)
        back_gap, back_speed, back_desired, back_headway = _follower(world, car, offset, worlds)
        if gap < GAP_MIN or back_gap < GAP_MIN:
            continue
        then = idm(speed, desired, gap, speed - ahead_speed, headway)
        imposed = idm(back_speed, back_desired, back_gap, back_speed - speed, back_headway)
        if imposed < -B_SAFE:
            continue
        gain = then - now + POLITENESS * min(imposed, 0.0)
        if gain > best_gain:
            best_gain, best_lane = gain, other
    cars[car, st.C_LANE] = best_lane


@fast_function
def _enter_road(world, car, params, worlds, maps):  # type: ignore[no-untyped-def]
    """Bring a car that has left the road back at its lane's beginning, once there is room."""
    cars = worlds.cars[world]
    slot = worlds.slot[world]
    lane = int(cars[car, st.C_LANE])
    direction = maps.lane_direction[slot, lane]
    last = maps.samples[slot] - 1
    station = 4.0 if direction > 0.0 else last - 4.0
    for other in range(len(cars)):
        if cars[other, st.C_ACTIVE] > 0.5 and abs(cars[other, st.C_STATION] - station) < 20.0:
            return
    if abs(worlds.ego[world, st.STATION] - station) < 25.0:
        return
    cars[car, st.C_STATION] = station
    cars[car, st.C_OFFSET] = maps.lane_offset[slot, lane]
    cars[car, st.C_DIRECTION] = direction
    cars[car, st.C_SPEED] = 0.8 * cars[car, st.C_DESIRED]
    cars[car, st.C_ACTIVE] = 1.0


@fast_function
def step_traffic(world, params, worlds, maps):  # type: ignore[no-untyped-def]
    """Advance all other cars of one world by one step."""
    cars = worlds.cars[world]
    slot = worlds.slot[world]
    last = maps.samples[slot] - 1
    dt = params.dt
    period = max(int(1.0 / dt), 1)
    for car in range(len(cars)):
        if cars[car, st.C_ACTIVE] < 0.5:
            if cars[car, st.C_DESIRED] > 0.0:
                _enter_road(world, car, params, worlds, maps)
            continue
        speed = cars[car, st.C_SPEED]
        index = min(max(int(cars[car, st.C_STATION]), 0), last)
        bend = abs(maps.reference[slot, index, 4])
        desired = min(cars[car, st.C_DESIRED], math.sqrt(LATERAL_COMFORT / max(bend, 1e-4)))
        gap, ahead_speed = leader(world, car, cars[car, st.C_OFFSET], params, worlds)
        acceleration = idm(speed, desired, gap, speed - ahead_speed, cars[car, st.C_HEADWAY])
        target = maps.lane_offset[slot, int(cars[car, st.C_LANE])]
        if abs(target - cars[car, st.C_OFFSET]) > 0.3:  # while changing lanes, heed both
            gap, ahead_speed = leader(world, car, target, params, worlds)
            acceleration = min(
                acceleration, idm(speed, desired, gap, speed - ahead_speed, cars[car, st.C_HEADWAY])
            )
        cars[car, st.C_ACCELERATION] = acceleration
    for car in range(len(cars)):
        if cars[car, st.C_ACTIVE] < 0.5:
            continue
        if (worlds.steps[world] + car) % period == 0:
            _consider_lane_change(world, car, params, worlds, maps)
        speed = max(cars[car, st.C_SPEED] + cars[car, st.C_ACCELERATION] * dt, 0.0)
        cars[car, st.C_SPEED] = speed
        index = min(max(int(cars[car, st.C_STATION]), 0), last)
        stretch = 1.0 - maps.reference[slot, index, 4] * cars[car, st.C_OFFSET]
        cars[car, st.C_STATION] += cars[car, st.C_DIRECTION] * speed * dt / stretch
        error = maps.lane_offset[slot, int(cars[car, st.C_LANE])] - cars[car, st.C_OFFSET]
        reach = min(LATERAL_SPEED, 0.3 * speed) * dt
        cars[car, st.C_OFFSET] += min(max(error, -reach), reach)
        if cars[car, st.C_STATION] < 3.0 or cars[car, st.C_STATION] > last - 3.0:
            cars[car, st.C_ACTIVE] = 0.0


@fast_function
def _draw_car(world, car, params, worlds):  # type: ignore[no-untyped-def]
    """Draw the size, colour and temper of a car."""
    cars = worlds.cars[world]
    stream = worlds.random
    van = uniform(stream, world) < 0.2
    if van:
        cars[car, st.C_LENGTH] = uniform_between(stream, world, 5.4, 6.6)
        cars[car, st.C_WIDTH] = uniform_between(stream, world, 2.0, 2.2)
        cars[car, st.C_HEIGHT] = uniform_between(stream, world, 2.3, 2.9)
    else:
        cars[car, st.C_LENGTH] = uniform_between(stream, world, 4.0, 4.9)
        cars[car, st.C_WIDTH] = uniform_between(stream, world, 1.75, 1.95)
        cars[car, st.C_HEIGHT] = uniform_between(stream, world, 1.4, 1.65)
    cars[car, st.C_HUE] = uniform(stream, world)
    cars[car, st.C_DESIRED] = uniform_between(stream, world, params.traffic_low, params.traffic_high)
    cars[car, st.C_HEADWAY] = uniform_between(stream, world, 1.0, 1.8)


@fast_function
def _place_obstacles(world, params, worlds, maps):  # type: ignore[no-untyped-def]
    """Block one or two lanes of travel at intervals; at least one lane stays open."""
    obstacles = worlds.obstacles[world]
    slot = worlds.slot[world]
    stream = worlds.random
    count = 0
    if params.obstacle_spacing > 0.0:
        station = params.start + uniform_between(stream, world, 0.9, 1.4) * params.obstacle_spacing
        while station < params.finish - 12.0:
            blocked = 1
            if params.lanes >= 3 and uniform(stream, world) < 0.3:
                blocked = 2
            if params.lanes == 1:
                blocked = 0
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
                    if count >= len(obstacles):
                        break
                    obstacles[count, st.O_STATION] = at + 0.8 * piece
                    obstacles[count, st.O_OFFSET] = (
                        centre + (piece - 0.5 * (pieces - 1)) * 1.0 + 0.3 * (uniform(stream, world) - 0.5)
                    )
                    obstacles[count, st.O_LENGTH] = length
                    obstacles[count, st.O_WIDTH] = width
                    obstacles[count, st.O_HEIGHT] = height
                    obstacles[count, st.O_KIND] = kind
                    obstacles[count, st.O_HUE] = uniform(stream, world)
                    count += 1
            station += uniform_between(stream, world, 0.75, 1.25) * params.obstacle_spacing
    worlds.obstacle_count[world] = count


@fast_function
def _fits(world, car, station, offset, worlds):  # type: ignore[no-untyped-def]
    """Say whether a car may start at a place without crowding anyone."""
    cars = worlds.cars[world]
    obstacles = worlds.obstacles[world]
    ego = worlds.ego[world]
    if abs(ego[st.STATION] - station) < 22.0 and abs(ego[st.OFFSET] - offset) < 3.0:
        return False
    for other in range(car):
        if cars[other, st.C_ACTIVE] > 0.5 and abs(cars[other, st.C_OFFSET] - offset) < 3.0:
            if abs(cars[other, st.C_STATION] - station) < 12.0:
                return False
    for other in range(worlds.obstacle_count[world]):
        if abs(obstacles[other, st.O_OFFSET] - offset) < 3.0:
            if abs(obstacles[other, st.O_STATION] - station) < 14.0:
                return False
    return True


@fast_function
def place_traffic(world, params, worlds, maps):  # type: ignore[no-untyped-def]
    """Start obstacles and traffic of one world; the ego must stand already."""
    cars = worlds.cars[world]
    slot = worlds.slot[world]
    stream = worlds.random
    last = maps.samples[slot] - 1
    _place_obstacles(world, params, worlds, maps)
    if params.cars == 0:  # the array still holds one row, which never becomes active
        cars[:, :] = 0.0
        return
    span = (last - 30.0) / len(cars)
    for car in range(len(cars)):
        _draw_car(world, car, params, worlds)
        cars[car, st.C_ACTIVE] = 0.0
        for _attempt in range(8):
            lane = integer_below(stream, world, params.all_lanes)
            station = 15.0 + (car + uniform(stream, world)) * span
            offset = maps.lane_offset[slot, lane]
            if cars[car, st.C_ACTIVE] > 0.5 or not _fits(world, car, station, offset, worlds):
                continue
            cars[car, st.C_LANE] = lane
            cars[car, st.C_STATION] = station
            cars[car, st.C_OFFSET] = offset
            cars[car, st.C_DIRECTION] = maps.lane_direction[slot, lane]
            cars[car, st.C_SPEED] = 0.8 * cars[car, st.C_DESIRED]
            cars[car, st.C_ACTIVE] = 1.0
        if cars[car, st.C_ACTIVE] < 0.5:
            cars[car, st.C_LANE] = integer_below(stream, world, params.all_lanes)
        cars[car, st.C_ACCELERATION] = 0.0
