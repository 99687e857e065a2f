"""Oriented boxes: where everything solid is, and what the ego touches."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from mmenvs.core.arrays import FloatArray
from mmenvs.core.kernels import fast_function, inner_function
from mmenvs.driving import state as st
from mmenvs.driving.roads.compiled import L_LENGTH
from mmenvs.driving.roads.lanes import place_on_lane

if TYPE_CHECKING:
    from mmenvs.driving.roads.library import Roads
    from mmenvs.driving.state import Worlds

LONG = 5.0  # who is longer stands on two axles in bends, not on a point [m]
AXLES = 0.3  # of the length, from the middle to either axle
_NOWHERE = 1.0e6  # where the box of an absent car waits [m]


@fast_function
def boxes_overlap(
    x0: float,
    y0: float,
    cos0: float,
    sin0: float,
    half_length0: float,
    half_width0: float,
    x1: float,
    y1: float,
    cos1: float,
    sin1: float,
    half_length1: float,
    half_width1: float,
) -> bool:
    """Say whether two oriented rectangles overlap: the separating-axis test on their four axes.

    Args:
        x0: Centre of the first, east [m].
        y0: Centre of the first, north [m].
        cos0: Cosine of its heading.
        sin0: Sine of its heading.
        half_length0: Half of its length [m].
        half_width0: Half of its width [m].
        x1: Centre of the second, east [m].
        y1: Centre of the second, north [m].
        cos1: Cosine of its heading.
        sin1: Sine of its heading.
        half_length1: Half of its length [m].
        half_width1: Half of its width [m].
    """
    dx, dy = x1 - x0, y1 - y0
    cos = abs(cos0 * cos1 + sin0 * sin1)
    sin = abs(cos0 * sin1 - sin0 * cos1)
    if abs(dx * cos0 + dy * sin0) > half_length0 + half_length1 * cos + half_width1 * sin:
        return False
    if abs(dy * cos0 - dx * sin0) > half_width0 + half_length1 * sin + half_width1 * cos:
        return False
    if abs(dx * cos1 + dy * sin1) > half_length1 + half_length0 * cos + half_width0 * sin:
        return False
    return abs(dy * cos1 - dx * sin1) <= half_width1 + half_length0 * sin + half_width0 * cos


@inner_function
def _on_its_axles(
    car: int,
    cars: FloatArray,
    lanes: FloatArray,
    samples: FloatArray,
) -> tuple[float, float, float, float]:
    """Return middle [m], cosine and sine of the heading of a car both of whose axles keep to its way."""
    lane, station, offset = int(cars[st.C_LANE, car]), cars[st.C_STATION, car], cars[st.C_OFFSET, car]
    reach = AXLES * cars[st.C_LENGTH, car]
    front_lane, front = lane, station + reach
    following, before = int(cars[st.C_NEXT, car]), int(cars[st.C_PREVIOUS, car])
    if following >= 0 and front > lanes[lane, L_LENGTH]:
        front_lane, front = following, front - lanes[lane, L_LENGTH]
    rear_lane, rear = lane, station - reach
    if before >= 0 and rear < 0.0:
        rear_lane, rear = before, rear + lanes[before, L_LENGTH]
    x, y, _, _ = place_on_lane(front_lane, front, offset, lanes, samples)
    rear_x, rear_y, _, _ = place_on_lane(rear_lane, rear, offset, lanes, samples)
    dx, dy = x - rear_x, y - rear_y
    norm = 1.0 / math.sqrt(dx * dx + dy * dy)
    return 0.5 * (x + rear_x), 0.5 * (y + rear_y), dx * norm, dy * norm


@inner_function
def place_cars(
    world: int,
    worlds: Worlds,
    roads: Roads,
) -> None:
    """Write the boxes of the cars of one world."""
    cars = worlds.cars[world]
    boxes = worlds.boxes[world]
    lanes, samples = roads.lanes[worlds.slot[world]], roads.samples[worlds.slot[world]]
    for car in range(cars.shape[1]):
        box = boxes[car]
        if cars[st.C_ACTIVE, car] < 0.5:
            box[st.B_X] = _NOWHERE
            box[st.B_Y] = _NOWHERE
            box[st.B_RADIUS] = 0.0
            continue
        x, y, cos, sin = place_on_lane(
            int(cars[st.C_LANE, car]), cars[st.C_STATION, car], cars[st.C_OFFSET, car], lanes, samples
        )
        if cars[st.C_LENGTH, car] > LONG:
            x, y, cos, sin = _on_its_axles(car, cars, lanes, samples)
        # A car that changes lanes points where it goes.
        error = cars[st.C_REST, car] - cars[st.C_OFFSET, car]
        tilt = min(max(0.15 * error, -0.12), 0.12)
        norm = 1.0 / math.sqrt(1.0 + tilt * tilt)
        box[st.B_X] = x
        box[st.B_Y] = y
        box[st.B_COS] = (cos - tilt * sin) * norm
        box[st.B_SIN] = (sin + tilt * cos) * norm
        box[st.B_HALF_LENGTH] = 0.5 * cars[st.C_LENGTH, car]
        box[st.B_HALF_WIDTH] = 0.5 * cars[st.C_WIDTH, car]
        box[st.B_HEIGHT] = cars[st.C_HEIGHT, car]
        box[st.B_KIND] = cars[st.C_KIND, car]
        box[st.B_HUE] = cars[st.C_HUE, car]
        box[st.B_VX] = cars[st.C_SPEED, car] * box[st.B_COS]
        box[st.B_VY] = cars[st.C_SPEED, car] * box[st.B_SIN]
        box[st.B_RADIUS] = 0.5 * (cars[st.C_LENGTH, car] + cars[st.C_WIDTH, car])


@inner_function
def ego_collides(
    world: int,
    worlds: Worlds,
) -> int:
    """Return the first box that the ego of one world touches, or -1."""
    ego = worlds.ego[world]
    boxes = worlds.boxes[world]
    cos, sin = math.cos(ego[st.HEADING]), math.sin(ego[st.HEADING])
    radius = 0.5 * (st.EGO_LENGTH + st.EGO_WIDTH)
    for k in range(worlds.box_count[world]):
        box = boxes[k]
        dx, dy = box[st.B_X] - ego[st.X], box[st.B_Y] - ego[st.Y]
        reach = radius + box[st.B_RADIUS]
        if dx * dx + dy * dy > reach * reach:
            continue
        if boxes_overlap(
            ego[st.X],
            ego[st.Y],
            cos,
            sin,
            0.5 * st.EGO_LENGTH,
            0.5 * st.EGO_WIDTH,
            box[st.B_X],
            box[st.B_Y],
            box[st.B_COS],
            box[st.B_SIN],
            box[st.B_HALF_LENGTH],
            box[st.B_HALF_WIDTH],
        ):
            return k
    return -1
