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

from mmenvs.core.arrays import FloatArray
from mmenvs.core.kernels import (
    allocating_function,
    fast_function,
    hot_function,
    inlined_function,
    inner_function,
)
from mmenvs.driving import state as st
from mmenvs.driving.roads.compiled import (
    DROPS,
    K_BEGIN,
    K_COUNT,
    K_WIDTH,
    L_BEFORE,
    L_END,
    L_LENGTH,
    L_NEXT,
    L_USABLE,
    MOST_SUCCESSORS,
    N_CROSSINGS,
    N_LANES,
    X_LANE,
    X_STATION,
)
from mmenvs.driving.roads.lanes import beside, lane_at, lane_curvature, lane_width, place_on_lane

if TYPE_CHECKING:
    from mmenvs.driving.roads.library import Roads
    from mmenvs.driving.state import Worlds

EGO_ITEMS = 3  # lanes that the ego can touch at once
CROSSING_ITEMS = 24
HORIZON = 90.0  # beyond it nobody is heeded: IDM's term is below 1 % there at these speeds [m]
FREE = 1000.0  # gap when nobody is ahead [m]
ASIDE = 0.35  # lateral room that a driver wants [m]
LONGEST = 6.0  # no item reaches farther than this from its centre [m]
PARTED = 9.0  # so far into one of several ways a tail may still be in the way of the others [m]
BESIDE = 3.2  # apart by more than this nobody is in the way [m]
TAIL = 2.0  # a car leaves the junction behind once its tail is this far beyond it [m]


#: Columns of ``Lists.items``: centre along the lane, half of the length, lateral extent [m], speed [m/s], and
#: whether it is but the tail of somebody who has taken another way.
I_STATION, I_HALF, I_LOW, I_HIGH, I_SPEED, I_PARTING = range(6)


class Lists(NamedTuple):
    """Scratch of one thread.

    Attributes:
        head: First item of each lane, -1 for none, shape (lanes,).
        granted: Cars that may enter each lane but have not yet, shape (lanes,).
        follow: Next item on the same lane, -1 for none, shape (items,).
        items: Shape (items, 6), columns ``I_...``.
        used: Number of items in use, shape (1,).
    """

    head: NDArray[np.int32]
    granted: NDArray[np.int32]
    follow: NDArray[np.int32]
    items: NDArray[np.float64]
    used: NDArray[np.int64]


@allocating_function
def make_lists(
    lanes: int,
    items: int,
) -> Lists:
    """Allocate the scratch of one thread; call it before the loop over worlds."""
    return Lists(
        np.full(lanes, -1, np.int32),
        np.zeros(lanes, np.int32),
        np.empty(items, np.int32),
        np.empty((items, 6), np.float64),
        np.zeros(1, np.int64),
    )


@inner_function
def items_needed(
    cars: int,
    obstacles: int,
) -> int:
    """Return how many items a world may have."""
    return (2 + MOST_SUCCESSORS) * cars + EGO_ITEMS + obstacles + CROSSING_ITEMS


@inlined_function
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
    # One type of number for all callers: each other combination would be compiled anew.
    return _insert(
        int(lane), np.float64(station), np.float64(half), np.float64(low), np.float64(high),
        np.float64(speed), lists,
    )  # fmt: skip


@inner_function
def _insert(
    lane: int,
    station: float,
    half: float,
    low: float,
    high: float,
    speed: float,
    lists: Lists,
) -> int:
    item = int(lists.used[0])
    if item >= len(lists.follow):
        return -1
    lists.used[0] = item + 1
    items = lists.items
    items[item, I_STATION] = station
    items[item, I_HALF] = half
    items[item, I_LOW] = low
    items[item, I_HIGH] = high
    items[item, I_SPEED] = speed
    items[item, I_PARTING] = 0.0
    before, at = -1, lists.head[lane]
    while at >= 0 and items[at, I_STATION] < station:
        before = at
        at = lists.follow[at]
    lists.follow[item] = at
    if before < 0:
        lists.head[lane] = item
    else:
        lists.follow[before] = item
    return item


@inner_function
def fill_lists(
    world: int,
    worlds: Worlds,
    roads: Roads,
    lists: Lists,
) -> None:
    """Rebuild the lists for one world; item ``car`` is the car of that number, active or not."""
    slot = worlds.slot[world]
    cars = worlds.cars[world]
    lanes, samples = roads.lanes[slot], roads.samples[slot]
    count = cars.shape[1]
    for lane in range(roads.counts[slot, N_LANES]):
        lists.head[lane] = -1
        lists.granted[lane] = 0
    lists.used[0] = 0
    for car in range(count):
        if cars[st.C_ACTIVE, car] < 0.5:
            lists.used[0] += 1
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
            _insert_shadow(car, cars, lanes, samples, lists)
    _insert_ego(worlds.ego[world], lanes, samples, lists)
    obstacles = worlds.obstacles[world]
    for place in range(worlds.obstacle_count[world]):
        k = worlds.obstacle_count[world] - 1 - place  # from far to near: each goes to the head of its list
        lane = int(obstacles[st.O_LANE, k])
        if lane < 0:
            continue
        half_width = 0.5 * obstacles[st.O_WIDTH, k]
        insert(
            lane, obstacles[st.O_STATION, k], 0.5 * obstacles[st.O_LENGTH, k],
            obstacles[st.O_OFFSET, k] - half_width, obstacles[st.O_OFFSET, k] + half_width, 0.0, lists,
        )  # fmt: skip
    for crossing in range(roads.counts[slot, N_CROSSINGS]):
        bits = worlds.busy[world, crossing]
        if bits == 0:
            continue
        row = roads.crossings[slot, crossing]
        for k in range(int(row[K_COUNT])):
            if bits & np.uint32(1 << k):
                met = roads.crossed[slot, int(row[K_BEGIN]) + k]
                half = 0.5 * max(float(row[K_WIDTH]), 1.5)
                insert(int(met[X_LANE]), met[X_STATION], half, -4.0, 4.0, 0.0, lists)


@inner_function
def place_on_old_lane(
    lane: int,
    leaving: int,
    station: float,
    offset: float,
    lanes: FloatArray,
    samples: FloatArray,
) -> tuple[float, float]:
    """Return station and lateral offset [m] on the lane that is being left by a car that changes lanes.

    Args:
        lane: Lane that the car goes to, on which it counts already.
        leaving: Lane that it comes from.
        station: Station on the new lane [m].
        offset: Lateral offset from it, towards the old one [m].
        lanes: ``Roads.lanes`` of the map.
        samples: ``Roads.samples`` of the map.
    """
    there = beside(lane, leaving, station, lanes, samples)
    between = 0.5 * (lane_width(lane, station, lanes, samples) + lane_width(leaving, there, lanes, samples))
    return there, offset + (between if offset < 0.0 else -between)


@inner_function
def _insert_shadow(
    car: int,
    cars: FloatArray,
    lanes: FloatArray,
    samples: FloatArray,
    lists: Lists,
) -> None:
    """Add the part of a car that is on another lane than its centre."""
    lane, station = int(cars[st.C_LANE, car]), cars[st.C_STATION, car]
    half = 0.5 * cars[st.C_LENGTH, car]
    half_width = 0.5 * cars[st.C_WIDTH, car]
    offset, speed = cars[st.C_OFFSET, car], cars[st.C_SPEED, car]
    leaving = int(cars[st.C_FROM, car])
    before = int(cars[st.C_PREVIOUS, car])
    if leaving >= 0:
        there, aside = place_on_old_lane(lane, leaving, station, offset, lanes, samples)
        insert(leaving, there, half, aside - half_width, aside + half_width, speed, lists)
    elif before >= 0 and station < half + TAIL:
        there = lanes[before, L_LENGTH] + station
        insert(before, there, half, offset - half_width, offset + half_width, speed, lists)
    if leaving >= 0 or before < 0 or station - half > PARTED:
        return
    # Where ways part, the tail is in the way of who takes another one until they are far enough apart.
    x, y, cos, sin = place_on_lane(lane, station, offset, lanes, samples)
    x, y = x - half * cos, y - half * sin
    tail = max(station - half, 0.0)
    half_width += swing(half, lane_curvature(lane, station, lanes, samples))
    for k in range(MOST_SUCCESSORS):
        other = int(lanes[before, L_NEXT + k])
        if other < 0:
            break
        if other == lane:
            continue
        other_x, other_y, other_cos, other_sin = place_on_lane(other, tail, 0.0, lanes, samples)
        aside = (y - other_y) * other_cos - (x - other_x) * other_sin
        if abs(aside) < BESIDE + half_width:
            item = insert(other, station, half, aside - half_width, aside + half_width, speed, lists)
            if item >= 0:
                lists.items[item, I_PARTING] = 1.0


@fast_function
def swing(
    half: float,
    curvature: float,
) -> float:
    """Return how far the ends of a straight vehicle stand out of a bend [m]."""
    return 0.5 * half * half * abs(curvature)


@inner_function
def _insert_ego(
    ego: FloatArray,
    lanes: FloatArray,
    samples: FloatArray,
    lists: Lists,
) -> None:
    """Add the ego to the lane that it is in and to those that it reaches into."""
    lane = int(ego[st.LANE])
    if lane < 0:
        return
    station, offset, direction = ego[st.LANE_STATION], ego[st.LANE_OFFSET], ego[st.LANE_DIRECTION]
    tilt = abs(math.sin(ego[st.HEADING_ERROR]))
    half_width = 0.5 * (st.EGO_WIDTH + tilt * (st.EGO_LENGTH - st.EGO_WIDTH))
    half_length = 0.5 * st.EGO_LENGTH
    speed = direction * ego[st.SPEED] * math.cos(ego[st.HEADING_ERROR])
    insert(lane, station, half_length, offset - half_width, offset + half_width, speed, lists)
    half = 0.5 * lane_width(lane, station, lanes, samples)
    for k in range(2):
        side = -1.0 if k == 0 else 1.0
        if side * offset + half_width < half:
            continue
        # A point just beyond the line belongs to the neighbour, if there is one.
        other, there, _, turned = lane_at(lane, station, side * (half + 0.2), lanes, samples)
        if other == lane:
            continue
        between = half + 0.5 * lane_width(other, there, lanes, samples)
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
    at = int(lists.head[lane]) if item < 0 else int(lists.follow[item])
    best, speed, found = 1.0e9, 0.0, -1
    items = lists.items  # element by element: a view of a row would cost two atomic counts
    while at >= 0:
        centre = items[at, I_STATION]
        if centre - LONGEST > best:
            break
        if centre >= station and items[at, I_LOW] < high + ASIDE and items[at, I_HIGH] > low - ASIDE:
            near = centre - items[at, I_HALF]
            if near < best:
                best, speed, found = near, items[at, I_SPEED], at
        at = int(lists.follow[at])
    return best, speed, found


@fast_function
def leader(
    item: int,
    lane: int,
    station: float,
    half: float,
    following: int,
    low: float,
    high: float,
    lanes: FloatArray,
    lists: Lists,
) -> tuple[float, float]:
    """Find who is ahead of a place, along the lane and those that follow it.

    Args:
        item: One's own item, or -1.
        lane: Lane.
        station: Station of one's centre [m].
        half: Half of one's length [m].
        following: Lane that will be taken after this one, or -1.
        low: Right end of one's lateral extent [m].
        high: Left end [m].
        lanes: ``Roads.lanes`` of the map.
        lists: ``Lists``.

    Returns:
        Gap [m] and the leader's speed [m/s]; a free road gives :data:`FREE`.  The end of a lane that is
        dropped counts as something that stands there.
    """
    near, speed, found = first_ahead(item, lane, station, low, high, lists)
    if found >= 0:
        return near - station - half, speed
    travelled = lanes[lane, L_LENGTH] - station - half
    for _ in range(4):
        if lanes[lane, L_END] == DROPS:
            return travelled - (lanes[lane, L_LENGTH] - lanes[lane, L_USABLE]) - 1.0, 0.0
        if following < 0 or travelled > HORIZON:
            break
        lane = following
        near, speed, found = first_ahead(-1, lane, -1.0e9, low, high, lists)
        if found >= 0:
            return travelled + near, speed
        travelled += lanes[lane, L_LENGTH]
        following = only_successor(lane, lanes)
    return FREE, 0.0


@hot_function
def only_successor(
    lane: int,
    lanes: FloatArray,
) -> int:
    """Return the lane that follows, or -1 where the way parts and the choice is not made yet."""
    return int(lanes[lane, L_NEXT]) if lanes[lane, L_NEXT + 1] < 0.0 else -1


@fast_function
def follower(
    lane: int,
    station: float,
    lanes: FloatArray,
    lists: Lists,
) -> tuple[int, float]:
    """Return the last item behind a station of a lane, or of the lane before it, and how far behind it is.

    The distance is from centre to centre [m]; the item is -1 if there is none.
    """
    at, found = int(lists.head[lane]), -1
    while at >= 0 and lists.items[at, I_STATION] < station:
        found = at
        at = int(lists.follow[at])
    if found >= 0:
        return found, station - lists.items[found, I_STATION]
    before = int(lanes[lane, L_BEFORE])
    if before < 0:
        return -1, FREE
    at = int(lists.head[before])
    while at >= 0:
        found = at
        at = int(lists.follow[at])
    if found < 0:
        return -1, FREE
    return found, station + lanes[before, L_LENGTH] - lists.items[found, I_STATION]
