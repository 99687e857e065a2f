"""Time to collision: how soon the ego would hit something if all kept their velocity."""

from __future__ import annotations

import math

from mmenvs.core.arrays import FloatArray
from mmenvs.core.kernels import fast_function
from mmenvs.driving import state as st
from mmenvs.driving.metrics.collision import SECTOR, STANDING
from mmenvs.driving.metrics.columns import MIN_TTC, SAFE_STEPS, STEPS

#: How far ahead we look, and what "nothing in the way" reads as [s].
TTC_HORIZON = 3.0
#: The least time to collision that nuPlan accepts [s].
TTC_BOUND = 0.95

_NEVER = 1.0e9
_STILL = 1.0e-9


@fast_function
def box_time_to_collision(
    dx: float,
    dy: float,
    vx: float,
    vy: float,
    cos0: float,
    sin0: float,
    half_length0: float,
    half_width0: float,
    cos1: float,
    sin1: float,
    half_length1: float,
    half_width1: float,
) -> float:
    """Return when two rectangles that move without turning first touch [s]; huge if they never do.

    The relative motion is a ray against the Minkowski sum of the two, whose sides have the directions of
    both: on each of the four axes they overlap during one interval of time, and they touch while all four
    intervals do.  That is the separating-axis test with time, and it is exact.

    Args:
        dx: Centre of the second relative to the first, east [m].
        dy: The same, north [m].
        vx: Velocity of the second relative to the first, east [m/s].
        vy: The same, north [m/s].
        cos0: Cosine of the first's heading.
        sin0: Sine of the first's heading.
        half_length0: Half of the first's length [m].
        half_width0: Half of the first's width [m].
        cos1: Cosine of the second's heading.
        sin1: Sine of the second's heading.
        half_length1: Half of the second's length [m].
        half_width1: Half of the second's width [m].

    Returns:
        The time; 0 if they overlap now.
    """
    cos = abs(cos0 * cos1 + sin0 * sin1)
    sin = abs(cos0 * sin1 - sin0 * cos1)
    enter, leave = 0.0, _NEVER
    for axis in range(4):
        if axis == 0:
            nx, ny = cos0, sin0
            reach = half_length0 + half_length1 * cos + half_width1 * sin
        elif axis == 1:
            nx, ny = -sin0, cos0
            reach = half_width0 + half_length1 * sin + half_width1 * cos
        elif axis == 2:
            nx, ny = cos1, sin1
            reach = half_length1 + half_length0 * cos + half_width0 * sin
        else:
            nx, ny = -sin1, cos1
            reach = half_width1 + half_length0 * sin + half_width0 * cos
        place = dx * nx + dy * ny
        speed = vx * nx + vy * ny
        if abs(speed) < _STILL:
            if abs(place) > reach:
                return _NEVER
            continue
        inverse = 1.0 / speed
        middle, spread = -place * inverse, reach * abs(inverse)
        enter = max(enter, middle - spread)
        leave = min(leave, middle + spread)
        if enter > leave:
            return _NEVER
    return enter


@fast_function
def time_to_collision(
    ego: FloatArray,
    boxes: FloatArray,
    box_count: int,
    half_length: float,
    half_width: float,
    in_lane: bool,
) -> float:
    """Return the time to the first collision at constant velocity, at most :data:`TTC_HORIZON` [s].

    As in nuPlan a standing ego collides with nothing, what lies within 30 degrees of straight behind is the
    others' business, and an ego that keeps to its lane minds only what lies within 30 degrees of straight
    ahead.  Most boxes are dismissed by their circles, without a division.

    Args:
        ego: Row of ``Worlds.ego``.
        boxes: ``Worlds.boxes`` of the world.
        box_count: Boxes in use.
        half_length: Half of the ego's length [m].
        half_width: Half of the ego's width [m].
        in_lane: Whether the ego lies wholly within one lane, and not in a junction.
    """
    best = TTC_HORIZON
    speed = ego[st.SPEED]
    if abs(speed) <= STANDING:
        return best
    x, y = ego[st.X], ego[st.Y]
    cos, sin = math.cos(ego[st.HEADING]), math.sin(ego[st.HEADING])
    ego_vx, ego_vy = speed * cos, speed * sin
    # Whoever reverses looks behind.
    facing = 1.0 if speed > 0.0 else -1.0
    radius = math.sqrt(half_length * half_length + half_width * half_width)
    for k in range(box_count):
        dx, dy = boxes[k, st.B_X] - x, boxes[k, st.B_Y] - y
        vx, vy = boxes[k, st.B_VX] - ego_vx, boxes[k, st.B_VY] - ego_vy
        reach = radius + boxes[k, st.B_RADIUS]
        distance2 = dx * dx + dy * dy
        gap2 = distance2 - reach * reach
        if gap2 > 0.0:
            closing = -(dx * vx + dy * vy)
            speed2 = vx * vx + vy * vy
            # They move apart, or pass at a distance.
            if closing <= 0.0 or closing * closing < speed2 * gap2:
                continue
            # They are still apart, and still approaching, when the horizon ends.
            if closing > speed2 * best and gap2 + best * (speed2 * best - 2.0 * closing) > 0.0:
                continue
        along = facing * (dx * cos + dy * sin)
        in_sector = along * along > SECTOR * distance2
        if in_sector and along < 0.0:
            continue
        if in_lane and not in_sector:
            continue
        time = box_time_to_collision(
            dx,
            dy,
            vx,
            vy,
            cos,
            sin,
            half_length,
            half_width,
            boxes[k, st.B_COS],
            boxes[k, st.B_SIN],
            boxes[k, st.B_HALF_LENGTH],
            boxes[k, st.B_HALF_WIDTH],
        )
        best = min(best, time)
    return best


@fast_function
def update_time_to_collision(
    row: FloatArray,
    time: float,
) -> None:
    """Remember the least time to collision, and count the steps on which it was long enough.

    Args:
        row: Row of ``Verdicts.metrics``.
        time: Time to collision of this step [s].
    """
    row[MIN_TTC] = min(row[MIN_TTC], time)
    if time >= TTC_BOUND:
        row[SAFE_STEPS] += 1.0


@fast_function
def safe_time_share(
    row: FloatArray,
) -> float:
    """Return the share of steps with a time to collision of at least :data:`TTC_BOUND`; 1 at the start."""
    return float(row[SAFE_STEPS] / row[STEPS]) if row[STEPS] > 0.0 else 1.0
