"""Collisions: what was hit, and whether the ego is to blame."""

from __future__ import annotations

import math

from mmenvs.core.arrays import FloatArray
from mmenvs.core.kernels import fast_function
from mmenvs.driving import state as st
from mmenvs.driving.collision import boxes_overlap
from mmenvs.driving.metrics.columns import (
    FAULTS_ROAD_USER,
    FAULTS_STATIC,
    HITS_CYCLIST,
    HITS_PEDESTRIAN,
    HITS_STATIC,
    HITS_VEHICLE,
    LAST_HIT,
)

STANDING = 0.05  # speed below which a car counts as standing [m/s]; nuPlan's
#: Square of the cosine of 30 degrees: nuPlan calls a sector of this half-angle "ahead" or "behind".
SECTOR = 0.75


@fast_function
def collision_column(
    kind: int,
) -> int:
    """Return the column that counts collisions with a kind of box; parked cars are vehicles, as in CARLA."""
    if kind == st.PEDESTRIAN:
        return HITS_PEDESTRIAN
    if kind == st.CYCLIST:
        return HITS_CYCLIST
    if kind == st.BARRIER or kind == st.CONE:
        return HITS_STATIC
    return HITS_VEHICLE


@fast_function
def at_fault(
    ego: FloatArray,
    box: FloatArray,
    half_length: float,
    half_width: float,
    in_lane: bool,
) -> bool:
    """Say whether the ego could have prevented a collision, by nuPlan's rules.

    A standing ego is never to blame, nor one that is run into from behind; one that runs into something
    standing, or touches with its front bumper, always is; at the sides it is unless it kept to its lane
    (nuPlan's ``no_ego_at_fault_collisions``: Karnchanachari et al., "Towards learning-based planning: the
    nuPlan benchmark", ICRA 2024).

    Args:
        ego: Row of ``Worlds.ego``.
        box: Row of ``Worlds.boxes`` that the ego touches.
        half_length: Half of the ego's length [m].
        half_width: Half of the ego's width [m].
        in_lane: Whether the ego lies wholly within one lane.
    """
    if abs(ego[st.SPEED]) <= STANDING:
        return False
    if box[st.B_VX] * box[st.B_VX] + box[st.B_VY] * box[st.B_VY] <= STANDING * STANDING:
        return True
    cos, sin = math.cos(ego[st.HEADING]), math.sin(ego[st.HEADING])
    dx, dy = box[st.B_X] - ego[st.X], box[st.B_Y] - ego[st.Y]
    along = dx * cos + dy * sin
    if along < 0.0 and along * along > SECTOR * (dx * dx + dy * dy):
        return False
    bumper = boxes_overlap(
        ego[st.X] + cos * half_length,
        ego[st.Y] + sin * half_length,
        cos,
        sin,
        0.0,
        half_width,
        box[st.B_X],
        box[st.B_Y],
        box[st.B_COS],
        box[st.B_SIN],
        box[st.B_HALF_LENGTH],
        box[st.B_HALF_WIDTH],
    )
    return bumper or not in_lane


@fast_function
def update_collision(
    row: FloatArray,
    ego: FloatArray,
    boxes: FloatArray,
    hit: int,
    half_length: float,
    half_width: float,
    in_lane: bool,
) -> None:
    """Count a collision once, by the kind of what was hit, at the step at which it begins.

    Args:
        row: Row of ``Verdicts.metrics``.
        ego: Row of ``Worlds.ego``.
        boxes: ``Worlds.boxes`` of the world.
        hit: Index of the box that the ego touches; -1 for none.
        half_length: Half of the ego's length [m].
        half_width: Half of the ego's width [m].
        in_lane: Whether the ego lies wholly within one lane.
    """
    if hit >= 0 and float(hit) != row[LAST_HIT]:
        column = collision_column(int(boxes[hit, st.B_KIND]))
        row[column] += 1.0
        if at_fault(ego, boxes[hit], half_length, half_width, in_lane):
            row[FAULTS_STATIC if column == HITS_STATIC else FAULTS_ROAD_USER] += 1.0
    row[LAST_HIT] = float(hit)


@fast_function
def collisions(
    row: FloatArray,
) -> float:
    """Return the number of collisions of all kinds."""
    return float(row[HITS_VEHICLE] + row[HITS_PEDESTRIAN] + row[HITS_CYCLIST] + row[HITS_STATIC])
