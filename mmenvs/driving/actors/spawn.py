"""Where cars begin: at the start of an episode, and when they come back onto the road."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mmenvs.core.arrays import FloatArray
from mmenvs.core.kernels import inner_function
from mmenvs.core.random import UIntArray, integer_below, uniform, uniform_between
from mmenvs.driving import state as st
from mmenvs.driving.actors.lists import EGO_ITEMS, I_HALF, I_STATION, Lists, fill_lists, insert
from mmenvs.driving.roads.compiled import (
    L_LENGTH,
    L_LIMIT,
    L_NEXT,
    L_RIGHT,
    MOST_SUCCESSORS,
    N_ENTRIES,
    N_LANES,
)
from mmenvs.driving.roads.lanes import lane_width

if TYPE_CHECKING:
    from mmenvs.driving.roads.library import Roads
    from mmenvs.driving.state import Params, Worlds

ROOM = 9.0  # between two cars at the start, besides their lengths [m]
ROOM_EGO = 22.0  # between a car and the ego at the start [m]
ENTRY = 8.0  # where a car comes in, from the beginning of the lane [m]


@inner_function
def choose_next(
    world: int,
    lane: int,
    streams: UIntArray,
    lanes: FloatArray,
) -> int:
    """Choose at random where a car goes after a lane; -1 where it ends."""
    count = 0
    while count < MOST_SUCCESSORS and lanes[lane, L_NEXT + count] >= 0.0:
        count += 1
    if count == 0:
        return -1
    return int(lanes[lane, L_NEXT + integer_below(streams, world, count)])


@inner_function
def _draw_car(
    world: int,
    car: int,
    aggressiveness: float,
    params: Params,
    worlds: Worlds,
) -> None:
    """Give a car its kind, size, colour and temper."""
    cars = worlds.cars[world]
    stream = worlds.random
    draw = uniform(stream, world)
    if car < params.emergency:
        kind, length, width, height = st.EMERGENCY, 6.2, 2.2, 2.6
    elif car < params.emergency + params.cyclists:
        kind, length, width, height = st.CYCLIST, 1.8, 0.6, 1.75
    elif draw < 0.1:
        kind = st.LORRY
        length, width, height = uniform_between(stream, world, 7.5, 9.5), 2.45, 3.3
    elif draw < 0.22:
        kind = st.VAN
        length, width = uniform_between(stream, world, 5.2, 6.4), uniform_between(stream, world, 2.0, 2.2)
        height = uniform_between(stream, world, 2.3, 2.9)
    else:
        kind = st.CAR
        length, width = uniform_between(stream, world, 4.0, 4.9), uniform_between(stream, world, 1.75, 1.95)
        height = uniform_between(stream, world, 1.4, 1.65)
    cars[st.C_KIND, car] = kind
    cars[st.C_LENGTH, car], cars[st.C_WIDTH, car], cars[st.C_HEIGHT, car] = length, width, height
    cars[st.C_HUE, car] = uniform(stream, world)
    desired = uniform_between(stream, world, params.traffic_low, params.traffic_high)
    cars[st.C_DESIRED, car] = desired * (0.9 + 0.2 * aggressiveness)
    cars[st.C_HEADWAY, car] = uniform_between(stream, world, 1.2, 1.8) - 0.5 * aggressiveness
    cars[st.C_REST, car] = 0.0
    if kind == st.EMERGENCY:
        cars[st.C_DESIRED, car] = params.emergency_speed
        cars[st.C_HEADWAY, car] = 0.8
    elif kind == st.CYCLIST:
        cars[st.C_DESIRED, car] = uniform_between(stream, world, 3.5, 6.0)


@inner_function
def put_car(
    world: int,
    car: int,
    lane: int,
    station: float,
    cars: FloatArray,
    streams: UIntArray,
    lanes: FloatArray,
    samples: FloatArray,
) -> None:
    """Start a car on a lane."""
    rest = 0.0
    if cars[st.C_KIND, car] == st.CYCLIST:  # by the kerb
        rest = -0.5 * lane_width(lane, station, lanes, samples) + 0.8
    cars[st.C_LANE, car], cars[st.C_STATION, car] = lane, station
    cars[st.C_REST, car], cars[st.C_OFFSET, car] = rest, rest
    cars[st.C_SPEED, car] = 0.8 * min(cars[st.C_DESIRED, car], lanes[lane, L_LIMIT])
    cars[st.C_NEXT, car] = choose_next(world, lane, streams, lanes)
    cars[st.C_PREVIOUS, car] = cars[st.C_FROM, car] = -1.0
    cars[st.C_GRANTED, car] = cars[st.C_WAIT, car] = cars[st.C_ACCELERATION, car] = 0.0
    cars[st.C_ACTIVE, car] = 1.0


@inner_function
def _room_at(
    lane: int,
    station: float,
    half: float,
    cars: int,
    lists: Lists,
) -> bool:
    """Say whether a car may start at a place without crowding anyone."""
    item = int(lists.head[lane])
    while item >= 0:
        gap = abs(lists.items[item, I_STATION] - station) - half - lists.items[item, I_HALF]
        # No car has a shadow yet, so the ego's items come right after the cars'.
        wanted = ROOM_EGO if cars <= item < cars + EGO_ITEMS else ROOM
        if gap < wanted:
            return False
        item = int(lists.follow[item])
    return True


@inner_function
def place_traffic(
    world: int,
    params: Params,
    worlds: Worlds,
    roads: Roads,
    lists: Lists,
) -> None:
    """Start the traffic of a world; the ego and the obstacles must stand already."""
    cars = worlds.cars[world]
    slot = worlds.slot[world]
    lanes, samples = roads.lanes[slot], roads.samples[slot]
    share = roads.spawn[slot, worlds.route[world]]
    stream = worlds.random
    count = cars.shape[1]
    cars[:, :] = 0.0
    worlds.busy[world] = 0
    if params.cars == 0:  # the array still holds one column, which never becomes active
        return
    aggressiveness = uniform_between(stream, world, params.temper_low, params.temper_high)
    density = uniform_between(stream, world, params.density_low, params.density_high)
    fill_lists(world, worlds, roads, lists)
    for car in range(count):
        _draw_car(world, car, aggressiveness, params, worlds)
        special = car < params.emergency + params.cyclists
        if not special and uniform(stream, world) >= density:
            cars[st.C_DESIRED, car] = 0.0  # not in this episode
            continue
        if car < params.emergency:
            _behind_ego(world, car, worlds, roads, lists)
            continue
        half = 0.5 * cars[st.C_LENGTH, car]
        for _attempt in range(8):
            draw = uniform(stream, world)
            lane = 0
            while lane < roads.counts[slot, N_LANES] - 1 and share[lane] <= draw:
                lane += 1
            if special and lanes[lane, L_RIGHT] >= 0.0:
                continue
            length = lanes[lane, L_LENGTH]
            if length < 2.0 * half + 8.0:
                continue
            station = uniform_between(stream, world, half + 3.0, length - half - 4.0)
            if not _room_at(lane, station, half, count, lists):
                continue
            put_car(world, car, lane, station, cars, stream, lanes, samples)
            width = 0.5 * cars[st.C_WIDTH, car]
            insert(lane, station, half, -width, width, cars[st.C_SPEED, car], lists)
            break


@inner_function
def _behind_ego(
    world: int,
    car: int,
    worlds: Worlds,
    roads: Roads,
    lists: Lists,
) -> None:
    """Start an ambulance at the beginning of the ego's lane."""
    ego, cars, slot = worlds.ego[world], worlds.cars[world], worlds.slot[world]
    lane = int(ego[st.LANE])
    station = max(ego[st.LANE_STATION] - 60.0, 5.0)
    put_car(world, car, lane, station, cars, worlds.random, roads.lanes[slot], roads.samples[slot])
    width = 0.5 * cars[st.C_WIDTH, car]
    insert(lane, station, 0.5 * cars[st.C_LENGTH, car], -width, width, cars[st.C_SPEED, car], lists)


@inner_function
def enter_road(
    world: int,
    car: int,
    worlds: Worlds,
    roads: Roads,
    lists: Lists,
) -> None:
    """Bring a car that has left the world back where traffic comes in, once there is room."""
    slot = worlds.slot[world]
    cars = worlds.cars[world]
    entries = roads.counts[slot, N_ENTRIES]
    if entries == 0 or cars[st.C_KIND, car] == st.EMERGENCY:
        return
    lane = int(roads.entries[slot, integer_below(worlds.random, world, entries)])
    half = 0.5 * cars[st.C_LENGTH, car]
    item = int(lists.head[lane])
    if item >= 0 and lists.items[item, I_STATION] - lists.items[item, I_HALF] < ENTRY + half + 14.0:
        return
    put_car(world, car, lane, ENTRY, cars, worlds.random, roads.lanes[slot], roads.samples[slot])
    width = 0.5 * cars[st.C_WIDTH, car]
    insert(lane, ENTRY, half, -width, width, cars[st.C_SPEED, car], lists)
