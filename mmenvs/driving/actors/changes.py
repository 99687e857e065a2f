"""Lane changes: MOBIL, and those that must be made because the lane ends or an ambulance comes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mmenvs.core.kernels import fast_function
from mmenvs.driving import state as st
from mmenvs.driving.actors.idm import A_MAX, GAP_MIN, idm
from mmenvs.driving.actors.lists import Lists, follower, leader
from mmenvs.driving.actors.spawn import choose_next
from mmenvs.driving.roads.compiled import DROPS, GOES_ON
from mmenvs.driving.roads.lanes import beside, lane_width

if TYPE_CHECKING:
    from mmenvs.driving.roads.library import Maps
    from mmenvs.driving.state import Worlds

POLITENESS = 0.2
GAIN = 0.3  # least advantage that makes a lane change worth it [m/s^2]
B_SAFE = 2.5  # most braking that a change may impose [m/s^2]
URGE = 4.0  # advantage of leaving a lane that ends, or that an ambulance wants [m/s^2]
KEEP_BACK = 30.0  # no change of choice this near to the end of a lane [m]
SIREN = 70.0  # how far ahead an ambulance is heard [m]


@fast_function
def siren_behind(
    world: int,
    car: int,
    worlds: Worlds,
) -> bool:
    """Say whether an ambulance comes from behind on a car's own lane."""
    cars = worlds.cars[world]
    if cars[st.C_KIND, 0] != st.EMERGENCY or car == 0 or cars[st.C_ACTIVE, 0] < 0.5:
        return False
    behind = cars[st.C_STATION, car] - cars[st.C_STATION, 0]
    return cars[st.C_LANE, car] == cars[st.C_LANE, 0] and 0.0 < behind < SIREN


@fast_function
def consider_change(
    world: int,
    car: int,
    worlds: Worlds,
    maps: Maps,
    lists: Lists,
) -> None:
    """Change to a neighbouring lane if MOBIL finds it safe and worth it.

    Incentive: own gain minus politeness times the new follower's loss exceeds a threshold, and the new
    follower need not brake harder than ``B_SAFE`` (Kesting, Treiber and Helbing, TRR 1999, 2007).
    """
    cars = worlds.cars[world]
    slot = worlds.slot[world]
    lane, station = int(cars[st.C_LANE, car]), cars[st.C_STATION, car]
    if maps.lane_junction[slot, lane] >= 0 or cars[st.C_FROM, car] >= 0.0:
        return
    if cars[st.C_GRANTED, car] > 0.5 or cars[st.C_KIND, car] == st.CYCLIST:
        return
    ends = maps.lane_end[slot, lane] == DROPS
    siren = siren_behind(world, car, worlds)
    speed, desired, headway = cars[st.C_SPEED, car], cars[st.C_DESIRED, car], cars[st.C_HEADWAY, car]
    now = cars[st.C_ACCELERATION, car]
    if not ends and not siren and (now > 0.5 * A_MAX or speed > 0.9 * desired):
        return
    remaining = maps.lane_length[slot, lane] - station
    if not ends and maps.lane_end[slot, lane] == GOES_ON and remaining < KEEP_BACK:
        return
    half, half_width = 0.5 * cars[st.C_LENGTH, car], 0.5 * cars[st.C_WIDTH, car]
    best_gain, best_lane = GAIN, -1
    for side in range(2):
        other = int(maps.lane_left[slot, lane]) if side == 0 else int(maps.lane_right[slot, lane])
        if other < 0 or maps.lane_kind[slot, other] != 0:
            continue
        if maps.lane_end[slot, other] == DROPS and maps.lane_length[slot, other] - station < 120.0:
            continue
        there = beside(slot, lane, other, station, maps)
        behind = follower(other, there, lists)
        # One's own side of the road is searched with a full lane's width: the car will be in its middle.
        gap, ahead_speed = leader(
            slot, behind, other, there, half, int(maps.lane_next[slot, other, 0]),
            -half_width, half_width, maps, lists,
        )  # fmt: skip
        if gap < GAP_MIN:
            continue
        imposed = 0.0
        if behind >= 0:
            back_gap = there - half - lists.station[behind] - lists.half[behind]
            if back_gap < GAP_MIN:
                continue
            back_speed = lists.speed[behind]
            back_desired, back_headway = max(back_speed, 4.0), 1.2
            if behind < cars.shape[1]:
                back_desired, back_headway = cars[st.C_DESIRED, behind], cars[st.C_HEADWAY, behind]
            imposed = idm(back_speed, back_desired, back_gap, back_speed - speed, back_headway)
            if imposed < -B_SAFE * (1.6 if ends else 1.0):
                continue
        then = idm(speed, desired, gap, speed - ahead_speed, headway)
        gain = then - now + POLITENESS * min(imposed, 0.0)
        if ends or siren:
            gain += URGE
        if gain > best_gain:
            best_gain, best_lane = gain, other
    if best_lane < 0:
        return
    begin_change(slot, world, car, best_lane, worlds, maps)


@fast_function
def begin_change(
    slot: int,
    world: int,
    car: int,
    other: int,
    worlds: Worlds,
    maps: Maps,
) -> None:
    """Move a car's reference to a neighbouring lane; its body follows at its own pace."""
    cars = worlds.cars[world]
    lane, station = int(cars[st.C_LANE, car]), cars[st.C_STATION, car]
    there = beside(slot, lane, other, station, maps)
    between = 0.5 * (lane_width(slot, lane, station, maps) + lane_width(slot, other, there, maps))
    to_left = other == maps.lane_left[slot, lane]
    cars[st.C_OFFSET, car] += -between if to_left else between
    cars[st.C_FROM, car] = lane
    cars[st.C_LANE, car] = other
    cars[st.C_STATION, car] = there
    cars[st.C_PREVIOUS, car] = -1.0
    cars[st.C_NEXT, car] = choose_next(world, other, worlds, maps)
    cars[st.C_GRANTED, car] = 0.0
