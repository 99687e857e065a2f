"""Who may enter a junction: signals, right of way, and room to leave it again.

A car asks before it reaches the stop line.  It may enter a lane of the junction once its signal allows
it, no conflicting lane is in use, nobody with the right of way is about to come, and there is room
behind whoever is ahead on the far side, so that nobody is ever left standing in the middle.  What is
granted holds until the car is in; so two conflicting lanes are never granted at once.
"""

from __future__ import annotations

from mmenvs.core.arrays import ByteArray, FloatArray
from mmenvs.core.kernels import hot_function, inner_function
from mmenvs.driving import state as st
from mmenvs.driving.actors.lists import I_HALF, I_PARTING, I_SPEED, I_STATION, Lists, leader, only_successor
from mmenvs.driving.roads.compiled import (
    F_CLEAR,
    F_LANE,
    F_YIELDS,
    L_CONFLICT,
    L_CONFLICTS,
    L_GROUP,
    L_LENGTH,
    L_RULE,
)
from mmenvs.driving.roads.network import SIGNAL, STOP, YIELD

B_STOP = 3.0  # braking that a driver accepts to stop at amber [m/s^2]
APPROACH = 4.0  # who has the right of way and comes within this time is waited for [s]
STANDING = 0.4  # below this a car counts as standing [m/s]
STOP_TIME = 1.0  # how long a stop sign holds a car [s]
SLOW = 1.5  # who is slower than this may come to a stop [m/s]
SLOW_IN_RING = 3.5  # the same where a way that is given must stay free: a full ring never empties [m/s]
AT_LINE = 4.0  # who stands this near to the line may clear it on amber [m]
IMPATIENCE = 8.0  # who has stood for this long takes shorter gaps [s]
SHORT_GAP = 2.2  # how short [s]
COURTESY = 30.0  # who has stood at the line for this long is let through by who has the right of way [s]
PATIENCE = 2.5  # who has stood for this long at the line is not waited for any more [s]


@hot_function
def wants_grant(
    lane: int,
    lanes: FloatArray,
) -> bool:
    """Say whether entering a lane needs a grant."""
    return lane >= 0 and (lanes[lane, L_RULE] != 0.0 or lanes[lane, L_CONFLICTS] > 0.0)


@inner_function
def signal_allows(
    lane: int,
    distance: float,
    speed: float,
    lights: ByteArray,
    lanes: FloatArray,
) -> bool:
    """Say whether the signal of a lane lets a car pass that could stop only within ``v^2 / 2b``."""
    group = int(lanes[lane, L_GROUP])
    if group < 0 or lanes[lane, L_RULE] != SIGNAL:
        return True
    light = lights[group]
    if light == st.GREEN:
        return True
    return light == st.AMBER and distance < speed * speed / (2.0 * B_STOP)


@inner_function
def clears_on_amber(
    lane: int,
    distance: float,
    wait: float,
    lights: ByteArray,
    lanes: FloatArray,
) -> bool:
    """Say whether somebody who found no gap during green may use the amber, when the others stop."""
    group = int(lanes[lane, L_GROUP])
    return group >= 0 and lights[group] == st.AMBER and distance < AT_LINE and wait > IMPATIENCE


@inner_function
def _in_use(
    lane: int,
    until: float,
    lists: Lists,
) -> bool:
    """Say whether anybody is on a lane before a station, or may enter it."""
    if lists.granted[lane] > 0:
        return True
    item = int(lists.head[lane])
    while item >= 0:
        row = lists.items[item]
        if row[I_STATION] - row[I_HALF] < until and row[I_SPEED] > -0.1 and row[I_PARTING] < 0.5:
            return True
        item = int(lists.follow[item])
    return False


@inner_function
def may_enter(
    lane: int,
    distance: float,
    speed: float,
    wait: float,
    length: float,
    urgent: bool,
    cars: FloatArray,
    ego: FloatArray,
    heed_ego: bool,
    lights: ByteArray,
    lanes: FloatArray,
    conflicts: FloatArray,
    lists: Lists,
) -> bool:
    """Say whether somebody may enter a lane of a junction.

    Args:
        lane: The lane to be entered.
        distance: From the front to the stop line [m].
        speed: Speed [m/s].
        wait: How long he or she has been standing [s].
        length: Length of the car [m].
        urgent: Whether signs and signals do not matter.
        cars: ``Worlds.cars`` of the world.
        ego: Row of ``Worlds.ego``.
        heed_ego: Whether the ego is somebody else.
        lights: ``Worlds.lights`` of the world.
        lanes: ``Roads.lanes`` of the map.
        conflicts: ``Roads.conflicts`` of the map.
        lists: ``Lists``.
    """
    if not urgent:
        allowed = signal_allows(lane, distance, speed, lights, lanes)
        if not allowed and not clears_on_amber(lane, distance, wait, lights, lanes):
            return False
        if lanes[lane, L_RULE] == STOP and (wait < STOP_TIME or distance > 6.0):
            return False
    first, count = int(lanes[lane, L_CONFLICT]), int(lanes[lane, L_CONFLICTS])
    for row in range(first, first + count):
        other = int(conflicts[row, F_LANE])
        if _in_use(other, conflicts[row, F_CLEAR], lists):
            return False
        gives_way = conflicts[row, F_YIELDS] > 0.5 and not urgent
        if not urgent and wait < COURTESY and _starved(other, cars, lights, lanes):
            return False
        within = SHORT_GAP if wait > IMPATIENCE else APPROACH
        if gives_way and _approached(other, within, cars, ego, heed_ego, lights, lanes):
            return False
    if count > 0:
        # Keep the box clear: whoever stands ahead must leave room for the whole car.
        gap, ahead = leader(-1, lane, 0.0, 0.0, only_successor(lane, lanes), -1.0, 1.0, lanes, lists)
        slow = SLOW_IN_RING if lanes[lane, L_RULE] == YIELD else SLOW
        if ahead < slow and gap < lanes[lane, L_LENGTH] + length + 2.5:
            return False
    return True


@inner_function
def _starved(
    lane: int,
    cars: FloatArray,
    lights: ByteArray,
    lanes: FloatArray,
) -> bool:
    """Say whether somebody has waited at the line for too long to enter a lane that nothing else forbids."""
    for other in range(cars.shape[1]):
        if cars[st.C_WAIT, other] < COURTESY or cars[st.C_ACTIVE, other] < 0.5:
            continue
        if int(cars[st.C_NEXT, other]) != lane:
            continue
        distance = lanes[int(cars[st.C_LANE, other]), L_LENGTH] - cars[st.C_STATION, other]
        if distance < AT_LINE + 0.5 * cars[st.C_LENGTH, other] and signal_allows(
            lane, distance, 0.0, lights, lanes
        ):
            return True
    return False


@inner_function
def _approached(
    lane: int,
    within: float,
    cars: FloatArray,
    ego: FloatArray,
    heed_ego: bool,
    lights: ByteArray,
    lanes: FloatArray,
) -> bool:
    """Say whether somebody is about to enter a lane of a junction, its signal permitting."""
    for other in range(cars.shape[1]):
        if cars[st.C_ACTIVE, other] < 0.5 or int(cars[st.C_NEXT, other]) != lane:
            continue
        speed = cars[st.C_SPEED, other]
        distance = lanes[int(cars[st.C_LANE, other]), L_LENGTH] - cars[st.C_STATION, other]
        if distance > max(within * max(speed, 3.0), 8.0):
            continue
        if speed < STANDING and cars[st.C_WAIT, other] > PATIENCE:
            continue
        if signal_allows(lane, distance, speed, lights, lanes):
            return True
    if not heed_ego or int(ego[st.NEXT_LANE]) != lane or ego[st.SPEED] < STANDING:
        return False
    near = ego[st.TO_NEXT] < max(APPROACH * max(ego[st.SPEED], 2.0), 6.0)
    return bool(near and signal_allows(lane, ego[st.TO_NEXT], ego[st.SPEED], lights, lanes))
