"""Who may enter a junction: signals, right of way, and room to leave it again.

A car asks before it reaches the stop line.  It may enter a lane of the junction once its signal allows
it, no conflicting lane is in use, nobody with the right of way is about to come, and there is room
behind whoever is ahead on the far side, so that nobody is ever left standing in the middle.  What is
granted holds until the car is in; so two conflicting lanes are never granted at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mmenvs.core.arrays import FloatArray
from mmenvs.core.kernels import fast_function
from mmenvs.driving import state as st
from mmenvs.driving.actors.lists import Lists, leader
from mmenvs.driving.roads.compiled import F_CLEAR, F_LANE, F_YIELDS
from mmenvs.driving.roads.network import SIGNAL, STOP

if TYPE_CHECKING:
    from mmenvs.driving.roads.library import Maps
    from mmenvs.driving.state import Worlds

B_STOP = 3.0  # braking that a driver accepts to stop at amber [m/s^2]
APPROACH = 4.0  # who has the right of way and comes within this time is waited for [s]
STANDING = 0.4  # below this a car counts as standing [m/s]
STOP_TIME = 1.0  # how long a stop sign holds a car [s]
PATIENCE = 2.5  # who has stood for this long at the line is not waited for any more [s]


@fast_function
def wants_grant(
    slot: int,
    lane: int,
    maps: Maps,
) -> bool:
    """Say whether entering a lane needs a grant."""
    if lane < 0:
        return False
    return maps.lane_rule[slot, lane] != 0 or maps.conflict_begin[slot, lane + 1] > maps.conflict_begin[slot, lane]


@fast_function
def signal_allows(
    world: int,
    slot: int,
    lane: int,
    distance: float,
    speed: float,
    worlds: Worlds,
    maps: Maps,
) -> bool:
    """Say whether the signal of a lane lets a car pass that could stop only within ``v^2 / 2b``."""
    group = maps.lane_group[slot, lane]
    if group < 0 or maps.lane_rule[slot, lane] != SIGNAL:
        return True
    light = worlds.lights[world, group]
    if light == st.GREEN:
        return True
    return light == st.AMBER and distance < speed * speed / (2.0 * B_STOP)


@fast_function
def _in_use(
    lane: int,
    until: float,
    lists: Lists,
) -> bool:
    """Say whether anybody is on a lane before a station, or may enter it."""
    if lists.granted[lane] > 0:
        return True
    item = lists.head[lane]
    while item >= 0:
        if lists.station[item] - lists.half[item] < until and lists.speed[item] > -0.1:
            return True
        item = lists.follow[item]
    return False


@fast_function
def may_enter(
    world: int,
    lane: int,
    distance: float,
    speed: float,
    wait: float,
    length: float,
    urgent: bool,
    heed_ego: bool,
    worlds: Worlds,
    maps: Maps,
    lists: Lists,
) -> bool:
    """Say whether somebody may enter a lane of a junction.

    Args:
        world: Index of the world.
        lane: The lane to be entered.
        distance: From the front to the stop line [m].
        speed: Speed [m/s].
        wait: How long he or she has been standing [s].
        length: Length of the car [m].
        urgent: Whether signs and signals do not matter.
        heed_ego: Whether the ego is somebody else.
        worlds: ``Worlds``.
        maps: ``Maps``.
        lists: ``Lists``.
    """
    slot = worlds.slot[world]
    cars = worlds.cars[world]
    if not urgent:
        if not signal_allows(world, slot, lane, distance, speed, worlds, maps):
            return False
        if maps.lane_rule[slot, lane] == STOP and (wait < STOP_TIME or distance > 6.0):
            return False
    for entry in range(maps.conflict_begin[slot, lane], maps.conflict_begin[slot, lane + 1]):
        other = int(maps.conflicts[slot, entry, F_LANE])
        if _in_use(other, maps.conflicts[slot, entry, F_CLEAR], lists):
            return False
        if maps.conflicts[slot, entry, F_YIELDS] > 0.5 and not urgent:
            if _approached(world, slot, other, heed_ego, cars, worlds, maps):
                return False
    if maps.conflict_begin[slot, lane + 1] > maps.conflict_begin[slot, lane]:
        # Keep the box clear: whoever stands ahead must leave room for the whole car.
        following = int(maps.lane_next[slot, lane, 0])
        if maps.lane_next[slot, lane, 1] >= 0:
            following = -1
        gap, ahead = leader(slot, -1, lane, 0.0, 0.0, following, -1.0, 1.0, maps, lists)
        if ahead < 1.5 and gap < maps.lane_length[slot, lane] + length + 2.5:
            return False
    return True


@fast_function
def _approached(
    world: int,
    slot: int,
    lane: int,
    heed_ego: bool,
    cars: FloatArray,
    worlds: Worlds,
    maps: Maps,
) -> bool:
    """Say whether somebody is about to enter a lane of a junction, its signal permitting."""
    for other in range(cars.shape[1]):
        if cars[st.C_ACTIVE, other] < 0.5 or int(cars[st.C_NEXT, other]) != lane:
            continue
        speed = cars[st.C_SPEED, other]
        distance = maps.lane_length[slot, int(cars[st.C_LANE, other])] - cars[st.C_STATION, other]
        if distance > max(APPROACH * max(speed, 3.0), 8.0):
            continue
        if speed < STANDING and cars[st.C_WAIT, other] > PATIENCE:
            continue
        if signal_allows(world, slot, lane, distance, speed, worlds, maps):
            return True
    ego = worlds.ego[world]
    if heed_ego and int(ego[st.NEXT_LANE]) == lane and ego[st.TO_NEXT] < max(APPROACH * max(ego[st.SPEED], 2.0), 6.0):
        if ego[st.SPEED] > STANDING and signal_allows(
            world, slot, lane, ego[st.TO_NEXT], ego[st.SPEED], worlds, maps
        ):
            return True
    return False
