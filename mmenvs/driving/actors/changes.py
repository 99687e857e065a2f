"""Lane changes: MOBIL, and those that must be made because the lane ends or an ambulance comes."""

from __future__ import annotations

from mmenvs.core.arrays import FloatArray
from mmenvs.core.kernels import hot_function, inner_function
from mmenvs.driving import state as st
from mmenvs.driving.actors.idm import A_MAX, GAP_MIN, idm
from mmenvs.driving.actors.lists import I_HALF, I_SPEED, Lists, follower, leader
from mmenvs.driving.roads.compiled import (
    DROPS,
    GOES_ON,
    L_BEFORE,
    L_END,
    L_JUNCTION,
    L_KIND,
    L_LEFT,
    L_LENGTH,
    L_NEXT,
    L_RIGHT,
    L_USABLE,
)
from mmenvs.driving.roads.lanes import beside, lane_width

POLITENESS = 0.2
GAIN = 0.3  # least advantage that makes a lane change worth it [m/s^2]
B_SAFE = 2.5  # most braking that a change may impose [m/s^2]
PRESSED = 1.6  # how much more of it somebody asks for whose lane ends
URGE = 4.0  # advantage of leaving a lane that ends, or that an ambulance wants [m/s^2]
KEEP_BACK = 30.0  # no change of choice this near to the end of a lane [m]
DROP_NOTICE = 120.0  # nobody changes to a lane that ends within this [m]
SIREN = 70.0  # how far ahead an ambulance is heard [m]


@hot_function
def siren_behind(
    lane: float,
    station: float,
    cars: FloatArray,
) -> bool:
    """Say whether an ambulance, which is always the first car, comes from behind on the same lane."""
    if cars[st.C_KIND, 0] != st.EMERGENCY or cars[st.C_ACTIVE, 0] < 0.5:
        return False
    behind = station - cars[st.C_STATION, 0]
    return bool(lane == cars[st.C_LANE, 0] and 0.0 < behind < SIREN)


@inner_function
def choose_lane(
    car: int,
    cars: FloatArray,
    lanes: FloatArray,
    samples: FloatArray,
    lists: Lists,
) -> int:
    """Return the neighbouring lane that a car should change to, or -1.

    MOBIL: one's own gain minus politeness times the new follower's loss must exceed a threshold, and the
    new follower need not brake harder than ``B_SAFE`` (Kesting, Treiber and Helbing, TRR 1999, 2007).
    """
    lane, station = int(cars[st.C_LANE, car]), cars[st.C_STATION, car]
    if lanes[lane, L_JUNCTION] >= 0.0 or cars[st.C_FROM, car] >= 0.0:
        return -1
    if cars[st.C_GRANTED, car] > 0.5 or cars[st.C_KIND, car] == st.CYCLIST:
        return -1
    if lanes[lane, L_LEFT] < 0.0 and lanes[lane, L_RIGHT] < 0.0:
        return -1
    ends = lanes[lane, L_END] == DROPS
    siren = siren_behind(cars[st.C_LANE, car], station, cars)
    speed, desired, headway = cars[st.C_SPEED, car], cars[st.C_DESIRED, car], cars[st.C_HEADWAY, car]
    now = cars[st.C_ACCELERATION, car]
    must = ends or siren
    if not must and (now > 0.5 * A_MAX or speed > 0.9 * desired):
        return -1
    remaining = lanes[lane, L_LENGTH] - station
    if not ends and lanes[lane, L_END] == GOES_ON and remaining < KEEP_BACK:
        return -1
    half, half_width = 0.5 * cars[st.C_LENGTH, car], 0.5 * cars[st.C_WIDTH, car]
    best_gain, best_lane = GAIN, -1
    for side in range(2):
        other = int(lanes[lane, L_LEFT]) if side == 0 else int(lanes[lane, L_RIGHT])
        if other < 0 or lanes[other, L_KIND] != 0.0:
            continue
        there = beside(lane, other, station, lanes, samples)
        if lanes[other, L_END] == DROPS and lanes[other, L_USABLE] - there < DROP_NOTICE:
            continue
        if lanes[other, L_BEFORE] < -1.0 and there < KEEP_BACK:
            continue  # who comes may come from several lanes
        behind, distance = follower(other, there, lanes, lists)
        gap, ahead_speed = leader(
            -1, other, there, half, int(lanes[other, L_NEXT]), -half_width, half_width, lanes, lists
        )
        if gap < GAP_MIN:
            continue
        imposed = 0.0
        if behind >= 0:
            back = lists.items[behind]
            back_gap = distance - half - back[I_HALF]
            if back_gap < GAP_MIN:
                continue
            back_speed = back[I_SPEED]
            back_desired, back_headway = max(back_speed, 4.0), 1.2
            if behind < cars.shape[1]:
                back_desired, back_headway = cars[st.C_DESIRED, behind], cars[st.C_HEADWAY, behind]
            imposed = idm(back_speed, back_desired, back_gap, back_speed - speed, back_headway)
            if imposed < -B_SAFE * (PRESSED if ends else 1.0):
                continue
        then = idm(speed, desired, gap, speed - ahead_speed, headway)
        gain = then - now + POLITENESS * min(imposed, 0.0) + (URGE if must else 0.0)
        if gain > best_gain:
            best_gain, best_lane = gain, other
    return best_lane


@inner_function
def begin_change(
    car: int,
    other: int,
    cars: FloatArray,
    lanes: FloatArray,
    samples: FloatArray,
) -> None:
    """Move a car's reference to a neighbouring lane; its body follows at its own pace."""
    lane, station = int(cars[st.C_LANE, car]), cars[st.C_STATION, car]
    there = beside(lane, other, station, lanes, samples)
    between = 0.5 * (lane_width(lane, station, lanes, samples) + lane_width(other, there, lanes, samples))
    cars[st.C_OFFSET, car] += -between if other == lanes[lane, L_LEFT] else between
    cars[st.C_FROM, car] = lane
    cars[st.C_LANE, car] = other
    cars[st.C_STATION, car] = there
    cars[st.C_PREVIOUS, car] = -1.0
    cars[st.C_GRANTED, car] = 0.0
