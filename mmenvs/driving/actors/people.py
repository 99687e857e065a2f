"""People on foot: they come to a crossing, or to a place without one, wait, and walk over the road."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from mmenvs.core.arrays import FloatArray
from mmenvs.core.kernels import inner_function
from mmenvs.core.random import integer_below, uniform, uniform_between
from mmenvs.driving import state as st
from mmenvs.driving.actors.signals import time_to_red
from mmenvs.driving.roads.compiled import (
    K_BEGIN,
    K_COUNT,
    K_GROUP,
    K_WIDTH,
    N_CROSSINGS,
    N_PAINTED,
    X_AT,
    X_LANE,
    X_STATION,
)
from mmenvs.driving.roads.lanes import lane_width, place_on_lane

if TYPE_CHECKING:
    from mmenvs.driving.roads.library import Roads
    from mmenvs.driving.state import Params, Worlds

ARRIVALS = 0.12  # how often an absent person comes to a crossing [1/s]
B_EXPECTED = 2.5  # braking that people expect of drivers [m/s^2]
B_POSSIBLE = 5.0  # braking that people trust in once they are on their way [m/s^2]
REACTION = 0.8  # [s]
ELSEWHERE = 0.15  # share of the people who cross where nothing is painted
B_UNEXPECTED, REACTION_UNEXPECTED = 1.2, 2.0  # what these expect of drivers [m/s^2, s]
KERB = 0.6  # how far from a lane people look once more [m]
NOTICE = 4.0  # a lane is kept free once somebody is this far from it [m]
SPREAD = 0.35  # how far from the middle of a crossing people walk, in widths of it
HEIGHT, SIZE = 1.72, 0.5  # [m]
PACE = 1.2  # what signals reckon with: who needs more time than is left at this pace waits [m/s], RiLSA 2015
ABSENT, WAITING, WALKING = range(3)


@inner_function
def place_people(
    world: int,
    params: Params,
    worlds: Worlds,
    roads: Roads,
) -> None:
    """Start the people of a world: absent, waiting, or already on their way."""
    people = worlds.people[world]
    slot = worlds.slot[world]
    people[:, :] = 0.0
    worlds.busy[world] = 0
    if roads.counts[slot, N_CROSSINGS] == 0:
        return
    for person in range(people.shape[1]):
        if uniform(worlds.random, world) < 0.5:
            _arrive(world, person, worlds, roads)


@inner_function
def _arrive(
    world: int,
    person: int,
    worlds: Worlds,
    roads: Roads,
) -> None:
    """Bring a person to an end of a crossing."""
    people = worlds.people[world]
    stream = worlds.random
    slot = worlds.slot[world]
    total, painted = roads.counts[slot, N_CROSSINGS], roads.counts[slot, N_PAINTED]
    elsewhere = uniform(stream, world) < ELSEWHERE
    if painted == 0 or (elsewhere and total > painted):
        people[st.W_CROSSING, person] = painted + integer_below(stream, world, total - painted)
    else:
        people[st.W_CROSSING, person] = integer_below(stream, world, painted)
    people[st.W_FORWARD, person] = 1.0 if uniform(stream, world) < 0.5 else -1.0
    people[st.W_ALONG, person] = -0.8
    people[st.W_ASIDE, person] = uniform_between(stream, world, -SPREAD, SPREAD)
    people[st.W_SPEED, person] = uniform_between(stream, world, 0.9, 1.7)
    people[st.W_HUE, person] = uniform(stream, world)
    people[st.W_STATE, person] = WAITING


@inner_function
def step_people(
    world: int,
    params: Params,
    worlds: Worlds,
    roads: Roads,
) -> None:
    """Advance the people of a world, and note which lanes they want to be kept free."""
    slot = worlds.slot[world]
    if roads.counts[slot, N_CROSSINGS] == 0:
        return
    people = worlds.people[world]
    lanes, samples = roads.lanes[slot], roads.samples[slot]
    busy = worlds.busy[world]
    busy[:] = 0
    for person in range(people.shape[1]):
        if people[st.W_STATE, person] == ABSENT:
            if uniform(worlds.random, world) < ARRIVALS * params.dt:
                _arrive(world, person, worlds, roads)
            continue
        crossing = int(people[st.W_CROSSING, person])
        row = roads.crossings[slot, crossing]
        length = math.sqrt((row[2] - row[0]) ** 2 + (row[3] - row[1]) ** 2)
        if people[st.W_STATE, person] == WAITING:
            if not _may_walk(world, crossing, length, params, worlds, roads):
                continue
            people[st.W_STATE, person] = WALKING
        before = people[st.W_ALONG, person]
        along = before + people[st.W_SPEED, person] * params.dt
        if along > length + 0.8:
            people[st.W_STATE, person] = ABSENT
            people[st.W_ALONG, person] = along
            continue
        forward = people[st.W_FORWARD, person] > 0.0
        wanted, held = np.uint32(0), False
        for k in range(int(row[K_COUNT])):
            met = roads.crossed[slot, int(row[K_BEGIN]) + k]
            ahead = (met[X_AT] if forward else length - met[X_AT]) - along
            half = 0.5 * lane_width(int(met[X_LANE]), met[X_STATION], lanes, samples)
            if -half - 0.4 < ahead < half + NOTICE:
                wanted |= np.uint32(1 << k)
            edge = half + KERB
            enters = ahead < edge <= ahead + along - before
            if enters and _threatened(world, met, row[K_WIDTH], B_POSSIBLE, 0.3, worlds, roads):
                held = True  # a look to the side before every lane
                # Whoever already stands in the way goes first, or both would wait forever.
                wanted &= ~np.uint32(1 << k)
        busy[crossing] |= wanted
        people[st.W_ALONG, person] = before if held else along


@inner_function
def _may_walk(
    world: int,
    crossing: int,
    length: float,
    params: Params,
    worlds: Worlds,
    roads: Roads,
) -> bool:
    """Say whether a person steps onto the road: at green, or when all who come can stop in comfort.

    Green for people ends early enough for them to be over before the cars' red, as RiLSA 2015 has it; it
    leaves the rest of the cars' green to those who turn.
    """
    slot = worlds.slot[world]
    row = roads.crossings[slot, crossing]
    group = int(row[K_GROUP])
    if group >= 0 and (
        worlds.lights[world, group] != st.GREEN
        or time_to_red(world, group, params.dt, worlds, roads) < length / PACE
    ):
        return False
    braking, reaction = B_EXPECTED, REACTION
    if crossing >= roads.counts[slot, N_PAINTED]:  # nobody expects them there, and they know
        braking, reaction = B_UNEXPECTED, REACTION_UNEXPECTED
    for k in range(int(row[K_COUNT])):
        met = roads.crossed[slot, int(row[K_BEGIN]) + k]
        if _threatened(world, met, row[K_WIDTH], braking, reaction, worlds, roads):
            return False
    return True


@inner_function
def _threatened(
    world: int,
    met: FloatArray,
    width: float,
    braking: float,
    reaction: float,
    worlds: Worlds,
    roads: Roads,
) -> bool:
    """Say whether somebody drives towards a crossed lane who could not stop, or stands in the way.

    Args:
        world: Index of the world.
        met: Row of ``Roads.crossed``.
        width: Width of the crossing [m].
        braking: What the driver is expected to do [m/s^2].
        reaction: How long it takes until he or she does [s].
        worlds: ``Worlds``.
        roads: ``Roads``.
    """
    slot, cars = worlds.slot[world], worlds.cars.shape[2]
    x, y, _, _ = place_on_lane(int(met[X_LANE]), met[X_STATION], 0.0, roads.lanes[slot], roads.samples[slot])
    for car in range(cars + 1):
        if car < cars and worlds.cars[world, st.C_ACTIVE, car] < 0.5:
            continue  # its box keeps the heading of an earlier episode, or none
        box = worlds.boxes[world, car] if car < cars else worlds.ego_box[world]
        speed = worlds.cars[world, st.C_SPEED, car] if car < cars else worlds.ego[world, st.SPEED]
        dx, dy = x - box[st.B_X], y - box[st.B_Y]
        ahead = dx * box[st.B_COS] + dy * box[st.B_SIN]
        aside = abs(dy * box[st.B_COS] - dx * box[st.B_SIN])
        room = box[st.B_HALF_LENGTH] + SPREAD * width + 0.6
        if speed > 0.3:
            room += 2.8 + reaction * speed + speed * speed / (2.0 * braking)
        if aside < 2.6 and -box[st.B_HALF_LENGTH] - 1.2 < ahead < room:
            return True
    return False


@inner_function
def place_people_boxes(
    world: int,
    worlds: Worlds,
    roads: Roads,
) -> None:
    """Write the boxes of the people of a world, after those of cars and obstacles."""
    people = worlds.people[world]
    slot = worlds.slot[world]
    at = worlds.cars.shape[2] + worlds.obstacle_count[world]
    for person in range(people.shape[1]):
        if people[st.W_STATE, person] == ABSENT:
            continue
        row = roads.crossings[slot, int(people[st.W_CROSSING, person])]
        length = max(math.sqrt((row[2] - row[0]) ** 2 + (row[3] - row[1]) ** 2), 1e-3)
        cos, sin = (row[2] - row[0]) / length, (row[3] - row[1]) / length
        forward = people[st.W_FORWARD, person]
        along = people[st.W_ALONG, person]
        place = along if forward > 0.0 else length - along
        aside = people[st.W_ASIDE, person] * row[4]
        box = worlds.boxes[world, at]
        box[st.B_X] = row[0] + cos * place - sin * aside
        box[st.B_Y] = row[1] + sin * place + cos * aside
        box[st.B_COS], box[st.B_SIN] = cos * forward, sin * forward
        box[st.B_HALF_LENGTH] = box[st.B_HALF_WIDTH] = 0.5 * SIZE
        box[st.B_HEIGHT], box[st.B_KIND] = HEIGHT, st.PEDESTRIAN
        box[st.B_HUE] = people[st.W_HUE, person]
        speed = people[st.W_SPEED, person] if people[st.W_STATE, person] == WALKING else 0.0
        box[st.B_VX], box[st.B_VY] = speed * box[st.B_COS], speed * box[st.B_SIN]
        box[st.B_RADIUS] = SIZE
        at += 1
    worlds.box_count[world] = at
