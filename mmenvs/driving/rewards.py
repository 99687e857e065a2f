"""What a step is worth: named terms, so that a user can see and reweigh them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mmenvs.core.arrays import BoolArray, FloatArray
from mmenvs.core.kernels import inner_function
from mmenvs.driving import state as st

if TYPE_CHECKING:
    from mmenvs.driving.state import Params, Worlds

#: Names of the reward terms, in the order of the array's columns.
TERMS = (
    "progress",
    "speeding",
    "wrong_side",
    "comfort",
    "stop_sign",
    "infraction",
    "success",
    "safe_step",
    "goal",
)
PROGRESS, SPEEDING, WRONG_SIDE, COMFORT, STOP_SIGN, INFRACTION, SUCCESS, SAFE_STEP, GOAL = range(9)

PROGRESS_WEIGHT = 0.1  # per metre along the road
SPEEDING_WEIGHT = 0.05  # per metre a second above the limit, a second
WRONG_SIDE_WEIGHT = 0.5  # a second among the oncoming lanes
COMFORT_WEIGHT = 0.05  # per full sweep of the steering
STOP_SIGN_PENALTY = 3.0
INFRACTION_PENALTY = 10.0
SUCCESS_BONUS = 10.0
MOVING_SHARE = 0.5  # of the pace that counts as moving along the road


@inner_function
def failed(
    flags: BoolArray,
) -> bool:
    """Say whether an episode has ended badly."""
    return bool(
        flags[st.COLLISION]
        or flags[st.OFF_ROAD]
        or flags[st.OFF_ROUTE]
        or flags[st.RED_LIGHT]
        or flags[st.OBSTRUCTION]
    )


@inner_function
def reward_terms(
    world: int,
    params: Params,
    limit: float,
    worlds: Worlds,
    terms: FloatArray,
) -> float:
    """Write the reward terms of one world and return their sum.

    Progress is signed: reversing costs what advancing earned, standing still earns nothing, so no cycle
    of states pays (Knox et al., "Reward (mis)design for autonomous driving", AIJ 2023).

    Args:
        world: Index of the world.
        params: ``Params``.
        limit: Speed limit where the ego is [m/s].
        worlds: ``Worlds``; flags, progress and speed are those of this step.
        terms: Shape (worlds, 9), one column per name in :data:`TERMS`.
    """
    ego = worlds.ego[world]
    flags = worlds.flags[world]
    row = terms[world]
    row[:] = 0.0
    if params.parking:
        row[GOAL] = 0.0 if flags[st.SUCCESS] else -1.0
        return float(row[GOAL])
    bad = failed(flags)
    if params.safe_step:
        moving = ego[st.PROGRESS] > MOVING_SHARE * params.pace * params.dt
        row[SAFE_STEP] = 1.0 if moving and not bad else 0.0
        return float(row[SAFE_STEP])
    row[PROGRESS] = PROGRESS_WEIGHT * ego[st.PROGRESS]
    row[SPEEDING] = -SPEEDING_WEIGHT * max(ego[st.SPEED] - limit, 0.0) * params.dt
    if flags[st.WRONG_SIDE]:
        row[WRONG_SIDE] = -WRONG_SIDE_WEIGHT * params.dt
    row[COMFORT] = -COMFORT_WEIGHT * ego[st.COMMAND_CHANGE]
    if flags[st.STOP_SIGN]:
        row[STOP_SIGN] = -STOP_SIGN_PENALTY
    if bad:
        row[INFRACTION] = -INFRACTION_PENALTY
    if flags[st.SUCCESS]:
        row[SUCCESS] = SUCCESS_BONUS
    total = 0.0
    for k in range(len(row)):
        total += row[k]
    return total
