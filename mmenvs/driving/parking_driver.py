"""How the scripted driver parks: along the aisle, in on the tightest arc, and back for another try.

The driver has no plan, only rules for where the car stands in the frame of the parking space: ``ahead`` of
its middle, ``aside`` of its axis and ``turned`` from it.  Forwards and backwards it steers for the circle of
radius :data:`RADIUS` that ends on the axis.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from mmenvs.core.kernels import inner_function
from mmenvs.driving import state as st
from mmenvs.driving.dynamics import path_of
from mmenvs.driving.roads.compiled import R_FINISH
from mmenvs.driving.roads.routes import P_COS, P_CURVATURE, P_SIN, P_X, P_Y

if TYPE_CHECKING:
    from mmenvs.driving.roads.library import Roads
    from mmenvs.driving.state import Worlds

RADIUS = 6.2  # of the arcs [m]; the wheels allow 6.0
CRUISE, SLOW = 4.0, 2.0  # along the aisle and on the arcs [m/s]
SWING = 1.2  # to the far side of the aisle, before the turn [m]
BACK = 5.6  # how far from the middle of the space another try begins [m]
GOOD_ASIDE, GOOD_TURN = 0.25, 0.12  # what is not worth another try [m, rad]


@inner_function
def _steer(wanted: float, turned: float, speed: float, backwards: bool) -> float:
    """Return the front-wheel angle that turns the car to a wanted angle [rad]."""
    pace = max(abs(speed), 0.8)
    steering = math.atan(st.WHEELBASE * 2.5 * (wanted - turned) / pace)
    if backwards:
        steering = -steering
    return min(max(steering, -st.MAX_STEERING), st.MAX_STEERING)


@inner_function
def _pedal(speed: float, wanted: float) -> float:
    """Return the acceleration towards a speed [m/s²]."""
    return min(max((wanted - speed) / 0.4, -st.MAX_ACCELERATION), st.MAX_ACCELERATION)


@inner_function
def park(world: int, worlds: Worlds, roads: Roads) -> tuple[float, float]:
    """Return the steering angle [rad] and the acceleration [m/s²] of a car that looks for its space.

    Args:
        world: Index of the world.
        worlds: ``Worlds``.
        roads: ``Roads``.
    """
    ego = worlds.ego[world]
    slot = worlds.slot[world]
    speed = ego[st.SPEED]
    spot = roads.spots[slot, worlds.spot[world]]
    path = path_of(world, worlds, roads)
    finish = roads.routes[slot, worlds.route[world], R_FINISH]
    beside = path[min(int(finish), len(path) - 1)]
    axis_cos, axis_sin = math.cos(spot[2]), math.sin(spot[2])
    # Angle from the aisle to the axis, and how far along the aisle the arc begins.
    cos = axis_cos * beside[P_COS] + axis_sin * beside[P_SIN]
    sin = axis_sin * beside[P_COS] - axis_cos * beside[P_SIN]
    side = 1.0 if sin > 0.0 else -1.0
    away = math.sqrt((spot[0] - beside[P_X]) ** 2 + (spot[1] - beside[P_Y]) ** 2) + SWING
    begin = finish - (away * cos + RADIUS * (1.0 - cos)) / max(abs(sin), 0.3)
    if ego[st.STATION] < begin - 0.2:
        target = -side * SWING if ego[st.STATION] > begin - 14.0 else 0.0
        wanted = min(max((target - ego[st.OFFSET]) / 4.0, -0.35), 0.35)
        bend = path[min(worlds.ego_index[world] + 1, len(path) - 1), P_CURVATURE]
        steering = math.atan(st.WHEELBASE * (bend + 2.0 * (wanted - ego[st.HEADING_ERROR]) / max(speed, 2.0)))
        rest = max(begin - ego[st.STATION], 0.0)
        return steering, _pedal(speed, min(CRUISE, math.sqrt(SLOW * SLOW + 2.0 * rest)))
    dx, dy = ego[st.X] - spot[0], ego[st.Y] - spot[1]
    ahead, aside = dx * axis_cos + dy * axis_sin, dy * axis_cos - dx * axis_sin
    turned = math.atan2(math.sin(ego[st.HEADING] - spot[2]), math.cos(ego[st.HEADING] - spot[2]))
    arc = math.acos(max(1.0 - abs(aside) / RADIUS, 0.0))
    lean = min(arc, 0.9 * abs(aside)) * (1.0 if aside > 0.0 else -1.0)
    flags = worlds.flags[world]
    bumped = abs(speed) < 0.05 and (flags[st.COLLISION] or flags[st.OFF_ROAD])
    crooked = abs(aside) > GOOD_ASIDE or abs(turned) > GOOD_TURN
    if (speed < -0.05 and ahead > -BACK) or bumped or (ahead > -0.5 and crooked) or ahead > 0.5:
        return _steer(min(max(lean, -0.5), 0.5), turned, speed, True), _pedal(speed, -SLOW)
    wanted = min(SLOW, math.sqrt(max(1.6 * -ahead, 0.0)))
    return _steer(-lean, turned, speed, False), _pedal(speed, wanted)
