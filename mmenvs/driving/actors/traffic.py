"""One step of all cars of a world: look, decide, move."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from mmenvs.core.kernels import fast_function
from mmenvs.driving import state as st
from mmenvs.driving.actors.changes import consider_change, siren_behind
from mmenvs.driving.actors.idm import B_COMFORT, idm
from mmenvs.driving.actors.junctions import STANDING, may_enter, signal_allows, wants_grant
from mmenvs.driving.actors.lists import Lists, fill_lists, leader
from mmenvs.driving.actors.signals import set_lights
from mmenvs.driving.actors.spawn import choose_next, enter_road
from mmenvs.driving.roads.compiled import GOES_ON
from mmenvs.driving.roads.lanes import lane_curvature, lane_width

if TYPE_CHECKING:
    from mmenvs.driving.roads.library import Maps
    from mmenvs.driving.state import Params, Worlds

LATERAL_SPEED = 1.4  # of a lane change [m/s]
LATERAL_COMFORT = 2.5  # lateral acceleration that slows traffic in bends [m/s^2]
GAP_CREEP = 1.2  # how much closer a car goes to what it is about to pass [m]
NOTICE = 60.0  # distance from the end of a lane at which the next one matters [m]
SETTLED = 0.3  # a change is over once the car is this near to its place in the lane [m]


@fast_function
def step_traffic(
    world: int,
    params: Params,
    worlds: Worlds,
    maps: Maps,
    lists: Lists,
) -> None:
    """Advance lights and all other cars of one world by one step."""
    set_lights(world, params.dt, worlds, maps)
    fill_lists(world, worlds, maps, lists)
    cars = worlds.cars[world]
    slot = worlds.slot[world]
    for car in range(cars.shape[1]):
        if cars[st.C_ACTIVE, car] > 0.5:
            cars[st.C_ACCELERATION, car] = _decide(world, car, params, worlds, maps, lists)
    period = max(int(1.0 / params.dt), 1)
    for car in range(cars.shape[1]):
        if cars[st.C_ACTIVE, car] < 0.5:
            if cars[st.C_DESIRED, car] > 0.0:
                enter_road(world, car, worlds, maps, lists)
            continue
        if (worlds.steps[world] + car) % period == 0:
            consider_change(world, car, worlds, maps, lists)
        _move(world, slot, car, params.dt, worlds, maps)


@fast_function
def _decide(
    world: int,
    car: int,
    params: Params,
    worlds: Worlds,
    maps: Maps,
    lists: Lists,
) -> float:
    """Return the acceleration that a car chooses [m/s^2], and ask for the junction ahead."""
    cars = worlds.cars[world]
    slot = worlds.slot[world]
    lane, station, speed = int(cars[st.C_LANE, car]), cars[st.C_STATION, car], cars[st.C_SPEED, car]
    following = int(cars[st.C_NEXT, car])
    half, half_width = 0.5 * cars[st.C_LENGTH, car], 0.5 * cars[st.C_WIDTH, car]
    offset, rest = cars[st.C_OFFSET, car], cars[st.C_REST, car]
    headway = cars[st.C_HEADWAY, car]
    remaining = maps.lane_length[slot, lane] - station - half
    desired = cars[st.C_DESIRED, car]
    if cars[st.C_KIND, car] != st.EMERGENCY:
        desired = min(desired, maps.lane_limit[slot, lane])
    bend = abs(lane_curvature(slot, lane, station, maps))
    bend = max(bend, abs(lane_curvature(slot, lane, station + 1.2 * speed, maps)))
    if desired * desired * bend > LATERAL_COMFORT:
        desired = math.sqrt(LATERAL_COMFORT / bend)
    if siren_behind(world, car, worlds):
        desired = min(desired, 0.7 * desired + 0.5)
    low, high = min(offset, rest) - half_width, max(offset, rest) + half_width
    gap, ahead_speed = leader(slot, car, lane, station, half, following, low, high, maps, lists)
    acceleration = idm(speed, max(desired, 1.0), gap, speed - ahead_speed, headway)
    if cars[st.C_FROM, car] >= 0.0:
        # While changing lanes, heed both; but creep past what stands ahead in the old one.
        shadow, there, between = _old_place(slot, car, worlds, world, maps)
        old_offset = offset + between
        gap, ahead_speed = leader(
            slot, -1, shadow, there, half, -1, old_offset - half_width, old_offset + half_width, maps, lists
        )
        acceleration = min(
            acceleration, idm(speed, max(desired, 1.0), gap + GAP_CREEP, speed - ahead_speed, headway)
        )
    if following >= 0 and remaining < NOTICE:
        slowest = math.sqrt(LATERAL_COMFORT / max(maps.lane_bend[slot, following], 1e-3))
        slowest = min(slowest, maps.lane_limit[slot, following])
        allowed = math.sqrt(slowest * slowest + 2.0 * B_COMFORT * max(remaining, 0.0))
        acceleration = min(acceleration, (allowed - speed) / 0.8)
        if wants_grant(slot, following, maps):
            acceleration = min(
                acceleration, _approach(world, slot, car, following, remaining, desired, worlds, maps, lists)
            )
    acceleration = min(acceleration, _heed_ego(world, car, desired, worlds))
    return max(acceleration, -7.0)


@fast_function
def _old_place(
    slot: int,
    car: int,
    worlds: Worlds,
    world: int,
    maps: Maps,
) -> tuple[int, float, float]:
    """Return the lane that a car leaves, its station there, and what to add to its offset [m]."""
    cars = worlds.cars[world]
    lane, old = int(cars[st.C_LANE, car]), int(cars[st.C_FROM, car])
    station = cars[st.C_STATION, car]
    there = station * maps.lane_length[slot, old] / maps.lane_length[slot, lane]
    between = 0.5 * (lane_width(slot, lane, station, maps) + lane_width(slot, old, there, maps))
    return old, there, between if cars[st.C_OFFSET, car] < 0.0 else -between


@fast_function
def _approach(
    world: int,
    slot: int,
    car: int,
    following: int,
    remaining: float,
    desired: float,
    worlds: Worlds,
    maps: Maps,
    lists: Lists,
) -> float:
    """Ask for the junction ahead, and return the acceleration that stops at the line without a grant."""
    cars = worlds.cars[world]
    speed = cars[st.C_SPEED, car]
    granted = cars[st.C_GRANTED, car] > 0.5
    if granted and not signal_allows(world, slot, following, remaining, speed, worlds, maps):
        if cars[st.C_KIND, car] != st.EMERGENCY and remaining > 0.5 * speed * speed / B_COMFORT:
            granted = False
            cars[st.C_GRANTED, car] = 0.0
            lists.granted[following] -= 1
    if not granted and remaining < max(3.0 * speed, 8.0):
        # Only who is first at the line may ask.
        item = lists.follow[car]
        first = item < 0 or lists.station[item] > cars[st.C_STATION, car] + remaining + 2.0
        urgent = cars[st.C_KIND, car] == st.EMERGENCY
        if first and may_enter(
            world, following, remaining, speed, cars[st.C_WAIT, car], cars[st.C_LENGTH, car], urgent, True,
            worlds, maps, lists,
        ):  # fmt: skip
            granted = True
            cars[st.C_GRANTED, car] = 1.0
            lists.granted[following] += 1
    if granted:
        return 9.0
    return idm(speed, max(desired, 1.0), max(remaining + 1.2, 0.1), speed, 1.0)


@fast_function
def _heed_ego(
    world: int,
    car: int,
    desired: float,
    worlds: Worlds,
) -> float:
    """Brake for an ego that is straight ahead, on whatever lane: the lists know it by its lane alone."""
    cars = worlds.cars[world]
    ego = worlds.ego[world]
    box = worlds.boxes[world, car]
    dx, dy = ego[st.X] - box[st.B_X], ego[st.Y] - box[st.B_Y]
    if dx * dx + dy * dy > 625.0:
        return 9.0
    ahead = dx * box[st.B_COS] + dy * box[st.B_SIN]
    aside = abs(dy * box[st.B_COS] - dx * box[st.B_SIN])
    cos = math.cos(ego[st.HEADING]) * box[st.B_COS] + math.sin(ego[st.HEADING]) * box[st.B_SIN]
    sin = math.sqrt(max(1.0 - cos * cos, 0.0))
    half_across = 0.5 * (st.EGO_WIDTH * abs(cos) + st.EGO_LENGTH * sin)
    half_along = 0.5 * (st.EGO_LENGTH * abs(cos) + st.EGO_WIDTH * sin)
    if ahead < 0.0 or aside > half_across + 0.5 * cars[st.C_WIDTH, car] + 0.2:
        return 9.0
    speed = cars[st.C_SPEED, car]
    gap = ahead - half_along - 0.5 * cars[st.C_LENGTH, car]
    return idm(speed, max(desired, 1.0), gap, speed - ego[st.SPEED] * cos, 0.6)


@fast_function
def _move(
    world: int,
    slot: int,
    car: int,
    dt: float,
    worlds: Worlds,
    maps: Maps,
) -> None:
    """Integrate one car, pass it on to the next lane, and take it away where the world ends."""
    cars = worlds.cars[world]
    lane = int(cars[st.C_LANE, car])
    speed = max(cars[st.C_SPEED, car] + cars[st.C_ACCELERATION, car] * dt, 0.0)
    cars[st.C_SPEED, car] = speed
    cars[st.C_WAIT, car] = cars[st.C_WAIT, car] + dt if speed < STANDING else 0.0
    station, offset = cars[st.C_STATION, car], cars[st.C_OFFSET, car]
    stretch = max(1.0 - lane_curvature(slot, lane, station, maps) * offset, 0.5)
    station += speed * dt / stretch
    reach = min(LATERAL_SPEED, 0.3 * speed + 0.25) * dt
    error = cars[st.C_REST, car] - offset
    cars[st.C_OFFSET, car] = offset + min(max(error, -reach), reach)
    if cars[st.C_FROM, car] >= 0.0 and abs(error) < SETTLED:
        cars[st.C_FROM, car] = -1.0
    length = maps.lane_length[slot, lane]
    if station >= length:
        if maps.lane_end[slot, lane] != GOES_ON:
            cars[st.C_ACTIVE, car] = 0.0
            return
        following = int(cars[st.C_NEXT, car])
        if following < 0:
            following = int(maps.lane_next[slot, lane, 0])
        station -= length
        cars[st.C_PREVIOUS, car] = lane
        cars[st.C_LANE, car] = following
        cars[st.C_FROM, car] = -1.0
        cars[st.C_GRANTED, car] = 0.0
        cars[st.C_NEXT, car] = choose_next(world, following, worlds, maps)
    cars[st.C_STATION, car] = station
    if maps.lane_end[slot, lane] != GOES_ON and maps.lane_length[slot, lane] - station < 3.0:
        cars[st.C_ACTIVE, car] = 0.0
