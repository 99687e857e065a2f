"""What the driving world remembers: the arrays, their columns and their units."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mmenvs.driving.config import DrivingConfig
from mmenvs.driving.roads.network import RUN_IN

# Columns of ``Worlds.ego``, all in SI units; angles in radians, counter-clockwise.
X, Y, HEADING, SPEED, STEERING, ACCELERATION, YAW_RATE = range(7)
STATION, OFFSET, HEADING_ERROR, PEDAL, PROGRESS, COMMAND_CHANGE = range(7, 13)
EGO_COLUMNS = 13

# Rows of ``Worlds.cars``: a quantity of all cars lies together, as the search for a leader wants it.
(
    C_STATION,
    C_OFFSET,
    C_SPEED,
    C_DESIRED,
    C_HEADWAY,
    C_LENGTH,
    C_WIDTH,
    C_HEIGHT,
    C_HUE,
    C_LANE,
    C_DIRECTION,
    C_ACCELERATION,
    C_ACTIVE,
    C_NEXT,  # first obstacle ahead, an index into ``Worlds.obstacles``
    C_TARGET,  # lateral offset of the lane that the car is in or changes to
) = range(15)
CAR_ROWS = 15

# Rows of ``Worlds.obstacles``, which are sorted by station.
O_STATION, O_OFFSET, O_LENGTH, O_WIDTH, O_HEIGHT, O_KIND, O_HUE = range(7)
OBSTACLE_ROWS = 7

# Columns of ``Worlds.boxes``: what sensors and collisions see.
(B_X, B_Y, B_COS, B_SIN, B_HALF_LENGTH, B_HALF_WIDTH, B_HEIGHT, B_KIND, B_HUE, B_VX, B_VY, B_RADIUS) = range(
    12
)
BOX_COLUMNS = 12

# Kinds of boxes.
CAR, VAN, PARKED, BARRIER, CONE, LORRY, EMERGENCY, CYCLIST, PEDESTRIAN = range(9)

# What a signal shows, the values of ``Worlds.lights``.
RED, AMBER, GREEN = range(3)
MOST_GROUPS = 64  # signal groups of a map

# The ego: a mid-size car.
EGO_LENGTH, EGO_WIDTH, EGO_HEIGHT, WHEELBASE = 4.6, 1.9, 1.5, 2.8
MAX_STEERING = 0.45  # [rad]
STEERING_RATE = 1.2  # [rad/s]
MAX_ACCELERATION, MAX_BRAKE = 3.0, 7.0  # [m/s^2]
MAX_LATERAL = 7.0  # lateral acceleration at which the tyres saturate [m/s^2]
STEER_TASK_ANGLE = 0.14  # steering of "left" and "right" under action="steer" [rad]


class Worlds(NamedTuple):
    """State of all worlds; the first axis of every array is the world.

    Attributes:
        ego: (worlds, 13) float64.
        ego_index: (worlds,) int32, nearest sample of the reference line.
        slot: (worlds,) int32, where the world's road lies in ``Maps``.
        steps: (worlds,) int64 since the last reset.
        random: (worlds,) uint64, stream of the world.
        noise: (worlds,) uint64, stream of the sensors.
        cars: (worlds, 15, cars) float32.
        order: (worlds, cars) int32, the cars from the lowest station to the highest.
        rank: (worlds, cars) int32, the place of each car in ``order``.
        obstacles: (worlds, 7, obstacles) float32.
        obstacle_count: (worlds,) int32.
        boxes: (worlds, cars + obstacles, 12) float32; cars first.
        box_count: (worlds,) int32.
        ego_box: (worlds, 12) float32, the ego as others see it.
        flags: (worlds, 4) bool: collision, off-road, success, wrong side.
        lights: (worlds, MOST_GROUPS) uint8, what each signal group of the world's map shows.
        look: (worlds,) int32, weather and light; an index into the looks of the sensors.
    """

    ego: NDArray[np.float64]
    ego_index: NDArray[np.int32]
    slot: NDArray[np.int32]
    steps: NDArray[np.int64]
    random: NDArray[np.uint64]
    noise: NDArray[np.uint64]
    cars: NDArray[np.float32]
    order: NDArray[np.int32]
    rank: NDArray[np.int32]
    obstacles: NDArray[np.float32]
    obstacle_count: NDArray[np.int32]
    boxes: NDArray[np.float32]
    box_count: NDArray[np.int32]
    ego_box: NDArray[np.float32]
    flags: NDArray[np.bool_]
    lights: NDArray[np.uint8]
    look: NDArray[np.int32]


# Columns of ``Worlds.flags``.
COLLISION, OFF_ROAD, SUCCESS, WRONG_SIDE = range(4)


class Params(NamedTuple):
    """Numbers that kernels need, in SI units; see :class:`~mmenvs.driving.config.DrivingConfig`."""

    dt: float
    steer_task: bool
    safe_step: bool
    speed_limit: float
    pace: float
    start: float
    finish: float
    lanes: int
    all_lanes: int
    lane_width: float
    obstacle_spacing: float
    blocked_lanes: int
    cars: int
    traffic_low: float
    traffic_high: float


def make_params(config: DrivingConfig) -> Params:
    """Collect the numbers that kernels need."""
    return Params(
        dt=float(config.dt),
        steer_task=config.action == "steer",
        safe_step=config.reward == "safe_step",
        speed_limit=float(config.speed_limit),
        pace=float(config.pace),
        start=float(RUN_IN),
        finish=float(RUN_IN + round(config.road_length)),
        lanes=int(config.lanes),
        all_lanes=int(config.lanes + config.oncoming_lanes),
        lane_width=float(config.lane_width),
        obstacle_spacing=float(config.obstacle_spacing),
        blocked_lanes=min(int(config.blocked_lanes), int(config.lanes) - 1),
        cars=int(config.traffic_vehicles),
        traffic_low=float(config.traffic_speed[0]),
        traffic_high=float(config.traffic_speed[1]),
    )


def make_worlds(config: DrivingConfig, num_worlds: int) -> Worlds:
    """Allocate the state of ``num_worlds`` worlds."""
    cars = config.traffic_vehicles
    obstacles = 1
    if config.obstacle_spacing:
        # Rows are at least 0.75 spacings apart; a row blocks up to two lanes with up to three cones each.
        obstacles = 6 * math.ceil(config.road_length / (0.75 * config.obstacle_spacing))
    return Worlds(
        ego=np.zeros((num_worlds, EGO_COLUMNS)),
        ego_index=np.zeros(num_worlds, np.int32),
        slot=np.zeros(num_worlds, np.int32),
        steps=np.zeros(num_worlds, np.int64),
        random=np.zeros(num_worlds, np.uint64),
        noise=np.zeros(num_worlds, np.uint64),
        cars=np.zeros((num_worlds, CAR_ROWS, max(cars, 1)), np.float32),
        order=np.tile(np.arange(max(cars, 1), dtype=np.int32), (num_worlds, 1)),
        rank=np.tile(np.arange(max(cars, 1), dtype=np.int32), (num_worlds, 1)),
        obstacles=np.zeros((num_worlds, OBSTACLE_ROWS, obstacles), np.float32),
        obstacle_count=np.zeros(num_worlds, np.int32),
        boxes=np.zeros((num_worlds, max(cars, 1) + obstacles, BOX_COLUMNS), np.float32),
        box_count=np.zeros(num_worlds, np.int32),
        ego_box=np.zeros((num_worlds, BOX_COLUMNS), np.float32),
        flags=np.zeros((num_worlds, 4), bool),
        lights=np.zeros((num_worlds, MOST_GROUPS), np.uint8),
        look=np.zeros(num_worlds, np.int32),
    )
