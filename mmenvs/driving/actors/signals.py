"""Traffic lights: what each signal group shows at a moment."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from mmenvs.core.kernels import fast_function, inner_function
from mmenvs.driving import state as st
from mmenvs.driving.roads.compiled import N_GROUPS

if TYPE_CHECKING:
    from mmenvs.driving.roads.library import Roads
    from mmenvs.driving.state import Worlds

AMBER_TIME = 3.0  # [s]
_STAGGER = 11.0  # how much later the next junction's cycle begins [s]


@fast_function
def light_at(
    time: float,
    cycle: float,
    begin: float,
    green: float,
) -> int:
    """Return :data:`~mmenvs.driving.state.GREEN`, ``AMBER`` or ``RED`` at a time of the cycle [s]."""
    since = _since_green(time, cycle, begin)
    if since < green:
        return st.GREEN
    return st.AMBER if since < green + AMBER_TIME else st.RED


@fast_function
def _since_green(
    time: float,
    cycle: float,
    begin: float,
) -> float:
    """Return how long ago green began [s]."""
    return (time - begin) - cycle * math.floor((time - begin) / cycle)


@inner_function
def time_to_red(
    world: int,
    group: int,
    dt: float,
    worlds: Worlds,
    roads: Roads,
) -> float:
    """Return how long a group's green and amber last yet [s]; negative at red.

    Args:
        world: Index of the world.
        group: Index of the signal group.
        dt: Duration of a step [s].
        worlds: ``Worlds``.
        roads: ``Roads``.
    """
    row = roads.groups[worlds.slot[world], group]
    now = worlds.phase[world] + worlds.steps[world] * dt - _STAGGER * row[3]
    left: float = row[2] + AMBER_TIME - _since_green(now, row[0], row[1])
    return left


@inner_function
def set_lights(
    world: int,
    dt: float,
    worlds: Worlds,
    roads: Roads,
) -> None:
    """Write what the signal groups of a world show; the world's phase was drawn at its reset."""
    slot = worlds.slot[world]
    now = worlds.phase[world] + worlds.steps[world] * dt
    for group in range(roads.counts[slot, N_GROUPS]):
        row = roads.groups[slot, group]
        worlds.lights[world, group] = light_at(now - _STAGGER * row[3], row[0], row[1], row[2])
