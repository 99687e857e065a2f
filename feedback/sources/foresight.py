"""What a driver who sits beside sees coming: where the car would be if the agent's command were held."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mmenvs.driving import state as st
from mmenvs.driving.collision import boxes_overlap
from mmenvs.driving.dynamics import bicycle_step, path_of
from mmenvs.driving.roads.routes import P_COS, P_LEFT, P_RIGHT, P_SIN, P_X, P_Y

if TYPE_CHECKING:
    from mmenvs.driving.simulator import DrivingSimulator


def _plain(function: Any) -> Any:
    """Return a compiled helper's Python function."""
    return getattr(function, "py_func", function)


# A person foresees a few steps a second: the plain Python of these helpers will do, and is not compiled.
_step, _overlap, _path = (_plain(function) for function in (bicycle_step, boxes_overlap, path_of))


class Outcome(NamedTuple):
    """What would become of a command.

    Attributes:
        off_road: Whether a side of the car would leave the road.
        collision: Whether it would hit something.
        speed: The speed at the end [m/s].
    """

    off_road: bool
    collision: bool
    speed: float


class Foresight:
    """Foresees the first world of a driving simulator.

    The command is held for the whole time: the wheel turns as fast as it can, the car is a kinematic bicycle
    (Polack et al., IV 2017), everybody else goes on straight at the present speed, and who follows
    directly behind keeps behind.  That is simpler than the world, as people's foresight is; it looks at the
    state, not the sensors.
    """

    def __init__(self, simulator: DrivingSimulator) -> None:
        """Look at a simulator.

        Raises:
            ValueError: If it is a parking lot, where there is no road to leave.
        """
        if simulator.params.parking:
            raise ValueError("env is a parking task: foresight needs a road")
        self._simulator = simulator

    def __call__(self, command: NDArray[np.float64], seconds: float, margin: float) -> Outcome:
        """Return what becomes of holding a command.

        Args:
            command: Steering and pedal in [-1, 1], shape (2,).
            seconds: How long it is held [s].
            margin: What is kept between the car and others, or the edge of the road [m].
        """
        dt = self._simulator.params.dt
        ego = self._simulator.worlds.ego[0]
        x, y, heading = float(ego[st.X]), float(ego[st.Y]), float(ego[st.HEADING])
        speed, steering = float(ego[st.SPEED]), float(ego[st.STEERING])
        others, road = self._others(x, y, heading, speed * seconds), self._road(speed * seconds)
        off_road = collision = False
        for k in range(max(1, round(seconds / dt))):
            before = speed
            speed, steering = self._obey(command, speed, steering)
            x, y, heading, _ = _step(x, y, heading, 0.5 * (before + speed), steering, dt)
            off_road = off_road or _leaves(road, x, y, heading, margin)
            collision = collision or _hits(others, x, y, heading, (k + 1) * dt, margin)
        return Outcome(off_road, collision, speed)

    def _obey(self, command: NDArray[np.float64], speed: float, steering: float) -> tuple[float, float]:
        """Return speed [m/s] and steering angle [rad] after a step under a command."""
        params = self._simulator.params
        if params.steer_task:
            return speed, float(command[0]) * st.STEER_TASK_ANGLE
        pedal, turn = float(command[1]), st.STEERING_RATE * params.dt
        acceleration = pedal * (st.MAX_BRAKE if pedal * speed < 0 else st.MAX_ACCELERATION)
        wanted = float(command[0]) * st.MAX_STEERING
        steering = min(max(wanted, steering - turn), steering + turn)
        # A tyre cannot give more: the car understeers instead.
        grip = math.atan(st.MAX_LATERAL * st.WHEELBASE / max(speed * speed, 1.0))
        return max(speed + acceleration * params.dt, 0.0), min(max(steering, -grip), grip)

    def _road(self, distance: float) -> NDArray[np.float64]:
        """Return the samples of the path, 1 m apart, along the next metres."""
        simulator = self._simulator
        path: NDArray[np.float64] = _path(0, simulator.worlds, simulator.roads)
        index = int(simulator.worlds.ego_index[0])
        return np.asarray(path[max(index - 3, 0) : index + math.ceil(distance) + 20], np.float64)

    def _others(self, x: float, y: float, heading: float, distance: float) -> NDArray[np.float64]:
        """Return the boxes that are near, shape (others, 12), without who follows directly behind."""
        worlds = self._simulator.worlds
        boxes = np.asarray(worlds.boxes[0][: int(worlds.box_count[0])], np.float64)
        dx, dy = boxes[:, st.B_X] - x, boxes[:, st.B_Y] - y
        ahead = dx * math.cos(heading) + dy * math.sin(heading)
        aside = np.abs(dy * math.cos(heading) - dx * math.sin(heading))
        follows = (ahead < 0) & (aside < 0.5 * st.EGO_WIDTH + boxes[:, st.B_HALF_WIDTH])
        return boxes[(np.hypot(dx, dy) < 2 * distance + 20.0) & ~follows]


def _leaves(road: NDArray[np.float64], x: float, y: float, heading: float, margin: float) -> bool:
    """Say whether a side of the car would be nearer to the edge of the road than a margin [m]."""
    nearest = int(np.argmin((road[:, P_X] - x) ** 2 + (road[:, P_Y] - y) ** 2))
    row = road[nearest]
    offset = (y - row[P_Y]) * row[P_COS] - (x - row[P_X]) * row[P_SIN]
    tilt = abs(math.sin(heading) * row[P_COS] - math.cos(heading) * row[P_SIN])
    half_width = 0.5 * st.EGO_WIDTH + 0.5 * st.EGO_LENGTH * tilt
    return bool(min(row[P_LEFT] - offset, row[P_RIGHT] + offset) < half_width + margin)


def _hits(
    others: NDArray[np.float64], x: float, y: float, heading: float, time: float, margin: float
) -> bool:
    """Say whether the car would touch anybody at a time [s] from now, kept apart by a margin [m]."""
    half_length, half_width = 0.5 * st.EGO_LENGTH + margin, 0.5 * st.EGO_WIDTH + margin
    cos, sin = math.cos(heading), math.sin(heading)
    there: Any = others[:, [st.B_X, st.B_Y]] + others[:, [st.B_VX, st.B_VY]] * time
    reach = half_length + half_width + others[:, st.B_HALF_LENGTH] + others[:, st.B_HALF_WIDTH]
    near = np.flatnonzero(np.hypot(there[:, 0] - x, there[:, 1] - y) < reach)
    return any(
        _overlap(
            x, y, cos, sin, half_length, half_width,
            there[k, 0], there[k, 1], others[k, st.B_COS], others[k, st.B_SIN],
            others[k, st.B_HALF_LENGTH], others[k, st.B_HALF_WIDTH],
        )
        for k in near
    )  # fmt: skip
