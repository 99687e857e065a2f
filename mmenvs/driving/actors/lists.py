"""Who is on which lane: one sorted list per lane, rebuilt at every step.

An item is something that a driver on the lane must heed: a car, the part of a car that still is (or
already is) on another lane, the ego, an obstacle, a crossing that people use.  Its lateral extent is the
interval from ``low`` to ``high`` around the lane's centre line.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mmenvs.core.kernels import fast_function
from mmenvs.driving import state as st
from mmenvs.driving.roads.compiled import DROPS, GOES_ON, X_LANE, X_STATION
from mmenvs.driving.roads.lanes import beside, lane_at, lane_width

if TYPE_CHECKING:
    from mmenvs.driving.roads.library import Maps
    from mmenvs.driving.state import Worlds

EGO_ITEMS = 3  # lanes that the ego can touch at once
CROSSING_ITEMS = 24
HORIZON = 90.0  # beyond it nobody is heeded: IDM's term is below 1 % there at these speeds [m]
FREE = 1000.0  # gap when nobody is ahead [m]
ASIDE = 0.35  # lateral room that a driver wants [m]
TAIL = 2.0  # a car leaves the junction behind once its tail is this far beyond it [m]


class Lists(NamedTuple):
    """Scratch of one thread.

    Attributes:
        head: First item of each lane, -1 for none, shape (lanes,).
        follow: Next item on the same lane, -1 for none, shape (items,).
        lane: Lane of each item, shape (items,).
        station: Centre of each item along its lane [m], shape (items,).
        half: Half of its length [m].
        low: Lateral extent, right end [m].
        high: Lateral extent, left end [m].
        speed: Speed along the lane [m/s].
        count: Number of items in use, shape (1,).
        granted: Cars that may enter each lane but have not yet, shape (lanes,).
    """

    head: NDArray[np.int32]
    follow: NDArray[np.int32]
    lane: NDArray[np.int32]
    station: NDArray[np.float64]
    half: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    speed: NDArray[np.float64]
    count: NDArray[np.int64]
    granted: NDArray[np.int32]


@fast_function
def make_lists(
    lanes: int,
    items: int,
) -> Lists:
    """Allocate the scratch of one thread; call it before the loop over worlds."""
    return Lists(
        np.full(lanes, -1, np.int32),
        np.empty(items, np.int32),
        np.empty(items, np.int32),
        np.empty(items, np.float64),
        np.empty(items, np.float64),
        np.empty(items, np.float64),
        np.empty(items, np.float64),
        np.empty(items, np.float64),
        np.zeros(1, np.int64),
        np.zeros(lanes, np.int32),
    )


@fast_function
def items_needed(
    cars: int,
    obstacles: int,
) -> int:
    """Return how many items a world may have."""
    return 2 * cars + EGO_ITEMS + obstacles + CROSSING_ITEMS


@fast_function
def insert(
    lane: int,
    station: float,
    half: float,
    low: float,
    high: float,
    speed: float,
    lists: Lists,
) -> int:
    """Add an item to its lane's list, in order of station, and return its number."""
    item = lists.count[0]
    if item >= len(lists.follow):
        return -1
    lists.count[0] = item + 1
    lists.lane[item] = lane
    lists.station[item] = station
    lists.half[item] = half
    lists.low[item] = low
    lists.high[item] = high
    lists.speed[item] = speed
    before, at = -1, lists.head[lane]
    while at >= 0 and lists.station[at] < station:
        before = at
        at = lists.follow[at]
    lists.follow[item] = at
    if before < 0:
        lists.head[lane] = item
    else:
        lists.follow[before] = item
    return int(item)


@fast_function
def fill_lists(
    world: int,
    worlds: Worlds,
    maps: Maps,
    lists: Lists,
) -> None:
    """Rebuild the lists for one world; item ``car`` is the car of that number, active or not."""
    slot = worlds.slot[world]
    cars = worlds.cars[world]
    count = cars.shape[1]
    for lane in range(maps.lanes[slot]):
        lists.head[lane] = -1
        lists.granted[lane] = 0
    lists.count[0] = 0
    for car in range(count):
        if cars[st.C_ACTIVE, car] < 0.5:
            lists.count[0] += 1
            continue
        offset, rest = cars[st.C_OFFSET, car], cars[st.C_REST, car]
        half_width = 0.5 * cars[st.C_WIDTH, car]
        insert(
            int(cars[st.C_LANE, car]), cars[st.C_STATION, car], 0.5 * cars[st.C_LENGTH, car],
            min(offset, rest) - half_width, max(offset, rest) + half_width, cars[st.C_SPEED, car], lists,
        )  # fmt: skip
        if cars[st.C_GRANTED, car] > 0.5:
            lists.granted[int(cars[st.C_NEXT, car])] += 1
    for car in range(count):
        if cars[st.C_ACTIVE, car] > 0.5:
            _insert_shadow(slot, car, worlds.cars[world], maps, lists)
    _insert_ego(world, worlds, maps, lists)
    obstacles = worlds.obstacles[world]
    for k in range(worlds.obstacle_count[world]):
        half_width = 0.5 * obstacles[st.O_WIDTH, k]
        insert(
            int(obstacles[st.O_LANE, k]), obstacles[st.O_STATION, k], 0.5 * obstacles[st.O_LENGTH, k],
            obstacles[st.O_OFFSET, k] - half_width, obstacles[st.O_OFFSET, k] + half_width, 0.0, lists,
        )  # fmt: skip
    for crossing in range(maps.crossing_count[slot]):
        if worlds.busy[world, crossing] == 0:
            continue
        for entry in range(maps.crossing_lane_begin[slot, crossing], maps.crossing_lane_begin[slot, crossing + 1]):
            row = maps.crossing_lanes[slot, entry]
            if worlds.busy[world, crossing] & (1 << (entry - maps.crossing_lane_begin[slot, crossing])):
                insert(int(row[X_LANE]), row[X_STATION], 0.5 * maps.crossings[slot, crossing, 4], -4.0, 4.0, 0.0, lists)


@fast_function
def _insert_shadow(
    slot: int,
    car: int,
    cars: NDArray[np.float32],
    maps: Maps,
    lists: Lists,
) -> None:
    """Add the part of a car that is on another lane than its centre."""
    lane, station = int(cars[st.C_LANE, car]), cars[st.C_STATION, car]
    half = 0.5 * cars[st.C_LENGTH, car]
    half_width = 0.5 * cars[st.C_WIDTH, car]
    leaving = int(cars[st.C_FROM, car])
    if leaving >= 0:
        offset = cars[st.C_OFFSET, car]
        between = 0.5 * (lane_width(slot, lane, station, maps) + lane_width(slot, leaving, station, maps))
        there = offset + (between if offset < 0.0 else -between)
        # In the lane's frame the car sits where it is, on its way out.
        insert(
            leaving, beside(slot, lane, leaving, station, maps), half,
            there - half_width, there + half_width, cars[st.C_SPEED, car], lists,
        )  # fmt: skip
        return
    before = int(cars[st.C_PREVIOUS, car])
    if before >= 0 and station < half + TAIL:
        offset = cars[st.C_OFFSET, car]
        insert(
            before, maps.lane_length[slot, before] + station, half,
            offset - half_width, offset + half_width, cars[st.C_SPEED, car], lists,
        )  # fmt: skip


@fast_function
def _insert_ego(
    world: int,
    worlds: Worlds,
    maps: Maps,
    lists: Lists,
) -> None:
    """Add the ego to the lane that it is in and to those that it reaches into."""
    ego = worlds.ego[world]
    slot = worlds.slot[world]
    lane = int(ego[st.LANE])
    if lane < 0:
        return
    station, offset, direction = ego[st.LANE_STATION], ego[st.LANE_OFFSET], ego[st.LANE_DIRECTION]
    tilt = abs(math.sin(ego[st.HEADING_ERROR]))
    half_width = 0.5 * (st.EGO_WIDTH + tilt * (st.EGO_LENGTH - st.EGO_WIDTH))
    half_length = 0.5 * st.EGO_LENGTH
    speed = direction * ego[st.SPEED] * math.cos(ego[st.HEADING_ERROR])
    insert(lane, station, half_length, offset - half_width, offset + half_width, speed, lists)
    half = 0.5 * lane_width(slot, lane, station, maps)
    for side in (-1.0, 1.0):
        if side * offset + half_width < half:
            continue
        # A point just beyond the line belongs to the neighbour, if there is one.
        other, there, _, turned = lane_at(slot, lane, station, side * (half + 0.2), maps)
        if other == lane:
            continue
        between = half + 0.5 * lane_width(slot, other, there, maps)
        aside = (offset - side * between) * turned
        insert(other, there, half_length, aside - half_width, aside + half_width, speed * turned, lists)


@fast_function
def first_ahead(
    item: int,
    lane: int,
    station: float,
    low: float,
    high: float,
    lists: Lists,
) -> tuple[float, float, int]:
    """Find the nearest item ahead on one lane that is in the way.

    Args:
        item: The item to begin after, or -1 to begin at the head of the lane.
        lane: The lane.
        station: Where the search begins [m]; items behind it are passed over.
        low: Right end of one's own lateral extent [m].
        high: Left end [m].
        lists: ``Lists``.

    Returns:
        Station of its near end [m], its speed [m/s], and its number; -1 if there is none.
    """
    at = lists.head[lane] if item < 0 else lists.follow[item]
    best, speed, found = 1.0e9, 0.0, -1
    while at >= 0:
        if lists.station[at] - 12.0 > best:
            break
        if lists.station[at] >= station and lists.low[at] < high + ASIDE and lists.high[at] > low - ASIDE:
            near = lists.station[at] - lists.half[at]
            if near < best:
                best, speed, found = near, lists.speed[at], int(at)
        at = lists.follow[at]
    return best, speed, found


@fast_function
def leader(
    slot: int,
    item: int,
    lane: int,
    station: float,
    half: float,
    following: int,
    low: float,
    high: float,
    maps: Maps,
    lists: Lists,
) -> tuple[float, float]:
    """Find who is ahead of a place, along the lane and those that follow it.

    Args:
        slot: Slot of the map.
        item: One's own item, or -1.
        lane: Lane.
        station: Station of one's centre [m].
        half: Half of one's length [m].
        following: Lane that will be taken after this one, or -1.
        low: Right end of one's lateral extent [m].
        high: Left end [m].
        maps: ``Maps``.
        lists: ``Lists``.

    Returns:
        Gap [m] and the leader's speed [m/s]; a free road gives :data:`FREE`.  The end of a lane that is
        dropped counts as something that stands there.
    """
    near, speed, found = first_ahead(item, lane, station, low, high, lists)
    if found >= 0:
        return near - station - half, speed
    travelled = maps.lane_length[slot, lane] - station - half
    for _ in range(4):
        if maps.lane_end[slot, lane] != GOES_ON:
            if maps.lane_end[slot, lane] == DROPS:
                return travelled - 1.0, 0.0
            break
        if following < 0 or travelled > HORIZON:
            break
        lane = following
        near, speed, found = first_ahead(-1, lane, -1.0e9, low, high, lists)
        if found >= 0:
            return travelled + near, speed
        travelled += maps.lane_length[slot, lane]
        # Where the way parts again, who is ahead depends on a choice that is not made yet.
        following = int(maps.lane_next[slot, lane, 0]) if maps.lane_next[slot, lane, 1] < 0 else -1
    return FREE, 0.0


@fast_function
def follower(
    lane: int,
    station: float,
    lists: Lists,
) -> int:
    """Return the last item behind a station of a lane, -1 if there is none."""
    at, found = lists.head[lane], -1
    while at >= 0 and lists.station[at] < station:
        found = int(at)
        at = lists.follow[at]
    return found
