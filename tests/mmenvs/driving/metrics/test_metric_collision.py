"""Collisions: what is hit, how often, and whose fault it is."""

from __future__ import annotations

import math

import numpy as np
import pytest

from mmenvs.driving import state as st
from mmenvs.driving.metrics import columns as mc
from mmenvs.driving.metrics.collision import at_fault, collision_column, collisions, update_collision

HALF = (2.3, 0.95)


def make_ego(speed, heading=0.0):
    ego = np.zeros(st.EGO_COLUMNS)
    ego[st.SPEED], ego[st.HEADING] = speed, heading
    return ego


def make_boxes(*rows):
    """Boxes of 4.6 by 1.9 m from (x, y, speed along x, kind)."""
    boxes = np.zeros((max(len(rows), 1), st.BOX_COLUMNS), np.float32)
    for box, (x, y, speed, kind) in zip(boxes, rows, strict=False):
        box[st.B_X], box[st.B_Y], box[st.B_COS], box[st.B_VX], box[st.B_KIND] = x, y, 1.0, speed, kind
        box[st.B_HALF_LENGTH], box[st.B_HALF_WIDTH] = HALF
    return boxes


@pytest.mark.parametrize(
    ("kinds", "column"),
    [
        ((st.CAR, st.VAN, st.LORRY, st.EMERGENCY, st.PARKED), mc.HITS_VEHICLE),
        ((st.PEDESTRIAN,), mc.HITS_PEDESTRIAN),
        ((st.CYCLIST,), mc.HITS_CYCLIST),
        ((st.BARRIER, st.CONE), mc.HITS_STATIC),
    ],
)
def test_kinds(kinds, column):
    assert [collision_column(kind) for kind in kinds] == [column] * len(kinds)


@pytest.mark.parametrize(
    ("speed", "other", "in_lane", "expected"),
    [
        (10.0, (4.0, 0.0, 5.0), True, True),  # into a slower leader: the front bumper
        (0.0, (4.0, 0.0, -5.0), True, False),  # standing, run into
        (5.0, (-4.0, 0.0, 15.0), False, False),  # from behind
        (10.0, (-0.5, 1.8, 10.0), True, False),  # side by side, in the own lane
        (10.0, (-0.5, 1.8, 10.0), False, True),  # side by side, while changing lanes
        (10.0, (-0.5, 1.8, 0.0), True, True),  # along something that stands
        (10.0, (4.4, 1.8, 10.0), True, True),  # the corner of the front bumper
        (10.0, (-0.1, 1.8, 10.0), True, False),  # just behind it
    ],
)
@pytest.mark.parametrize("heading", [0.0, 2.0])
def test_fault_by_hand(speed, other, in_lane, expected, heading):
    boxes = make_boxes((*other, st.CAR))
    box = boxes[0]
    # The same scene, turned as a whole.
    cos, sin = math.cos(heading), math.sin(heading)
    x, y, speed_along = other
    box[st.B_X], box[st.B_Y] = x * cos - y * sin, x * sin + y * cos
    box[st.B_VX], box[st.B_VY] = speed_along * cos, speed_along * sin
    box[st.B_COS], box[st.B_SIN] = cos, sin
    assert bool(at_fault(make_ego(speed, heading), box, *HALF, in_lane)) is expected


def test_a_collision_counts_once_and_the_next_one_again():
    row = np.zeros(mc.METRIC_COLUMNS)
    row[mc.LAST_HIT] = -1
    ego = make_ego(10.0)
    boxes = make_boxes((4, 0, 0, st.CONE), (4, 0, 5, st.CAR), (-4, 0, 15, st.CAR), (4, 0, 1, st.PEDESTRIAN))
    for hit in (-1, 0, 0, 1, -1, 1, 2, 2, 3, -1):
        update_collision(row, ego, boxes, hit, *HALF, True)
    assert row[mc.HITS_STATIC] == row[mc.FAULTS_STATIC] == 1
    assert row[mc.HITS_VEHICLE] == 3
    assert row[mc.HITS_PEDESTRIAN] == 1
    assert row[mc.HITS_CYCLIST] == 0
    assert row[mc.FAULTS_ROAD_USER] == 3  # twice box 1 and the pedestrian; box 2 came from behind
    assert collisions(row) == 5
