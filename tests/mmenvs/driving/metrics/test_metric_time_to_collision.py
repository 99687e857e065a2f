"""Time to collision: by hand, and against a simulation of the two boxes."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as hs

from mmenvs.driving import state as st
from mmenvs.driving.collision import boxes_overlap
from mmenvs.driving.metrics import columns as mc
from mmenvs.driving.metrics.time_to_collision import (
    TTC_HORIZON,
    box_time_to_collision,
    safe_time_share,
    time_to_collision,
    update_time_to_collision,
)

HALF = (2.3, 0.95)


def make_scene(speed, *others):
    """An ego at the origin that heads east, and boxes of its size from (x, y, heading, speed)."""
    ego = np.zeros(st.EGO_COLUMNS)
    ego[st.SPEED] = speed
    boxes = np.zeros((len(others) + 1, st.BOX_COLUMNS), np.float32)
    for box, (x, y, heading, own) in zip(boxes, others, strict=False):
        box[st.B_X], box[st.B_Y] = x, y
        box[st.B_COS], box[st.B_SIN] = math.cos(heading), math.sin(heading)
        box[st.B_VX], box[st.B_VY] = own * math.cos(heading), own * math.sin(heading)
        box[st.B_HALF_LENGTH], box[st.B_HALF_WIDTH] = HALF
        box[st.B_RADIUS] = sum(HALF)
    return ego, boxes, len(others)


def ttc(speed, *others, in_lane=False):
    return time_to_collision(*make_scene(speed, *others), *HALF, in_lane)


@pytest.mark.parametrize(
    ("speed", "other", "expected"),
    [
        (10.0, (24.6, 0, 0, 0), 2.0),  # 20 m between the bumpers
        (10.0, (14.6, 0, 0, 5), 2.0),  # 10 m, closing at 5 m/s
        (10.0, (14.6, 0, 0, 10), 3.0),  # as fast as we are
        (10.0, (14.6, 0, 0, 20), 3.0),  # faster
        (10.0, (24.6, 0, math.pi, 10), 1.0),  # head on
        (10.0, (14.6, 1.89, 0, 0), 1.0),  # half covered
        (10.0, (14.6, 1.91, 0, 0), 3.0),  # beside our path
        (10.0, (44.6, 0, 0, 0), 3.0),  # 4 s away
        (10.0, (3.0, 0, 0, 0), 0.0),  # already touching
        (0.0, (4.61, 0, math.pi, 10), 3.0),  # a standing ego collides with nothing
        (10.0, (-6.0, 0, 0, 20), 3.0),  # run into from behind
        (-5.0, (-14.6, 0, 0, 0), 2.0),  # in reverse
        (-5.0, (6.6, 0, 0, -10), 3.0),  # pursued in reverse
        # Crossing from the right at 8 m/s: it fills our path from (10.95 - 0.95 - 2.3) / 8 s on.
        (10.0, (13.25, -10.95, math.pi / 2, 8), 1.0),
    ],
)
def test_by_hand(speed, other, expected):
    assert ttc(speed, other) == pytest.approx(expected, abs=1e-5)


def test_the_first_of_many_counts():
    far = [(40.0 + k, 20.0, 0.0, 0.0) for k in range(10)]
    assert ttc(10.0, *far, (24.6, 0, 0, 0), (14.6, 0, 0, 0), (29.6, 0, 0, 0)) == pytest.approx(1.0, abs=1e-5)
    assert ttc(10.0) == TTC_HORIZON


def test_in_its_lane_the_ego_minds_only_what_is_ahead():
    cutting_in = (2.0, 4.0, -math.pi / 4, 14.0)
    assert ttc(10.0, cutting_in) < 0.5
    assert ttc(10.0, cutting_in, in_lane=True) == TTC_HORIZON
    assert ttc(10.0, (24.6, 0, 0, 0), in_lane=True) == pytest.approx(2.0, abs=1e-5)


def test_an_absent_car_is_no_danger():
    """Simulators park boxes that are not in use a thousand kilometres away, with whatever velocity."""
    ego, boxes, _ = make_scene(10.0, (1e6, 1e6, -2.4, 30.0))
    boxes[0, st.B_RADIUS] = 0.0
    assert time_to_collision(ego, boxes, 1, *HALF, False) == TTC_HORIZON


poses = hs.tuples(
    hs.floats(-15, 15),
    hs.floats(-15, 15),
    hs.floats(0, 6.3),
    hs.floats(0.3, 4),
    hs.floats(0.3, 2),
    hs.floats(-15, 15),
    hs.floats(-15, 15),
)


@given(poses, poses)
@settings(max_examples=150, deadline=None)
def test_it_agrees_with_moving_the_boxes(first, second):
    def corners(pose):
        return math.cos(pose[2]), math.sin(pose[2]), pose[3], pose[4]

    dx, dy, vx, vy = (b - a for a, b in zip(first[:2] + first[5:], second[:2] + second[5:], strict=True))
    found = box_time_to_collision(dx, dy, vx, vy, *corners(first), *corners(second))
    mirrored = box_time_to_collision(-dx, -dy, -vx, -vy, *corners(second), *corners(first))
    assert found == pytest.approx(mirrored, abs=1e-6, rel=1e-6)

    def touch(time):
        return bool(
            boxes_overlap(0.0, 0.0, *corners(first), dx + vx * time, dy + vy * time, *corners(second))
        )

    assert found >= 0.0
    if found == 0.0:
        assert touch(0.0)
    elif found > 3.0:
        assert not any(touch(time) for time in np.linspace(0, 3, 61))
    else:
        assert not any(touch(time) for time in np.linspace(0, found - 1e-6, 20) if time >= 0.0)
        # A graze is over at once: look right after the first touch, and at it.
        assert any(touch(found + later) for later in (0.0, 1e-12, 1e-9, 1e-7))


@given(
    hs.floats(-30, 30),
    hs.lists(
        hs.tuples(hs.floats(-60, 60), hs.floats(-60, 60), hs.floats(0, 6.3), hs.floats(0, 30)),
        min_size=1,
        max_size=6,
    ),
)
@settings(max_examples=150, deadline=None)
def test_the_broad_phase_dismisses_nothing_that_matters(speed, others):
    assume(abs(speed) > 0.1)
    ego, boxes, count = make_scene(speed, *others)
    expected = TTC_HORIZON
    for box in boxes[:count].astype(np.float64):
        dx, dy = box[st.B_X], box[st.B_Y]
        if dx * math.copysign(1, speed) < 0 and dx * dx > 0.75 * (dx * dx + dy * dy):
            continue
        time = box_time_to_collision(
            dx,
            dy,
            box[st.B_VX] - speed,
            box[st.B_VY],
            1.0,
            0.0,
            *HALF,
            box[st.B_COS],
            box[st.B_SIN],
            box[st.B_HALF_LENGTH],
            box[st.B_HALF_WIDTH],
        )
        expected = min(expected, time)
    assert time_to_collision(ego, boxes, count, *HALF, False) == pytest.approx(expected, abs=1e-6)


def test_the_least_time_and_the_share_of_safe_steps():
    row = np.zeros(mc.METRIC_COLUMNS)
    assert safe_time_share(row) == 1.0
    row[mc.MIN_TTC] = TTC_HORIZON
    for time in (3.0, 0.95, 0.94, 2.0):
        update_time_to_collision(row, time)
        row[mc.STEPS] += 1
    assert row[mc.MIN_TTC] == 0.94
    assert safe_time_share(row) == 0.75
