"""What the driving world remembers: the arrays, their columns and their units."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mmenvs.driving.config import DrivingConfig
from mmenvs.driving.roads.compiled import MOST_CROSSINGS, MOST_GROUPS
from mmenvs.driving.sensors.instruction import TRAINING_VARIANTS, VARIANTS

# Columns of ``Worlds.ego``, all in SI units; angles in radians, counter-clockwise.
X, Y, HEADING, SPEED, STEERING, ACCELERATION, YAW_RATE = range(7)
STATION, OFFSET, HEADING_ERROR, PEDAL, PROGRESS, COMMAND_CHANGE = range(7, 13)  # along the path
LANE, LANE_STATION, LANE_OFFSET, LANE_DIRECTION = range(13, 17)  # -1: a lane of oncoming traffic
NEXT_LANE, TO_NEXT = range(17, 19)  # lane of the junction ahead on the path, -1 for none, and how far it is
SLOWEST = 19  # least speed on the last metres before the line ahead [m/s]
SIDE_SPEED, SIDE_ACCELERATION = range(20, 22)
HELD = 22  # steps for which an ambulance has been held up
WAIT = 23  # how long the ego has been standing [s]
EGO_COLUMNS = 24

# Rows of ``Worlds.cars``: a quantity of all cars lies together. Stations and offsets are along the lane.
(
    C_STATION,
    C_OFFSET,
    C_REST,  # offset that the car keeps or returns to
    C_SPEED,
    C_DESIRED,  # 0 for a car that is not in this episode
    C_HEADWAY,
    C_LENGTH,
    C_WIDTH,
    C_HEIGHT,
    C_HUE,
    C_KIND,
    C_LANE,
    C_NEXT,  # lane that is taken after this one, -1 where there is none
    C_PREVIOUS,  # lane that the tail may still be on, -1 for none
    C_FROM,  # lane that a lane change leaves, -1 for none
    C_ACCELERATION,
    C_ACTIVE,
    C_GRANTED,  # whether it may enter C_NEXT, a lane of a junction
    C_WAIT,  # how long it has been standing [s]
) = range(19)
CAR_ROWS = 19

# Rows of ``Worlds.obstacles``. Lane -1: a parking space, whose number is the station.
O_LANE, O_STATION, O_OFFSET, O_LENGTH, O_WIDTH, O_HEIGHT, O_KIND, O_HUE = range(8)
OBSTACLE_ROWS = 8

# Rows of ``Worlds.people``: where on which crossing somebody is, and which way he or she goes.
W_STATE, W_CROSSING, W_ALONG, W_ASIDE, W_FORWARD, W_SPEED, W_HUE = range(7)
PEOPLE_ROWS = 7

# Columns of ``Worlds.boxes``: what sensors and collisions see.
(B_X, B_Y, B_COS, B_SIN, B_HALF_LENGTH, B_HALF_WIDTH, B_HEIGHT, B_KIND, B_HUE, B_VX, B_VY, B_RADIUS) = range(
    12
)
BOX_COLUMNS = 12

# Kinds of boxes.
CAR, VAN, PARKED, BARRIER, CONE, LORRY, EMERGENCY, CYCLIST, PEDESTRIAN = range(9)

# What a signal shows, the values of ``Worlds.lights``.
RED, AMBER, GREEN = range(3)

# The ego: a mid-size car.
EGO_LENGTH, EGO_WIDTH, EGO_HEIGHT, WHEELBASE = 4.6, 1.9, 1.5, 2.8
MAX_STEERING = 0.45  # [rad]
STEERING_RATE = 1.2  # [rad/s]
REVERSE_SPEED = 3.0  # [m/s]
MAX_ACCELERATION, MAX_BRAKE = 3.0, 7.0  # [m/s^2]
MAX_LATERAL = 7.0  # lateral acceleration at which the tyres saturate on a dry road [m/s^2]
ROAD_FRICTION = 0.9  # of dry asphalt
TYRES = 9.81 * ROAD_FRICTION  # what they give on it [m/s^2]
STEER_TASK_ANGLE = 0.14  # steering of "left" and "right" under action="steer" [rad]
EMERGENCY_SPEED = 16.0  # what an ambulance wants to drive [m/s]
MOST_PARKED = 64  # cars in parking spaces


class Worlds(NamedTuple):
    """State of all worlds; the first axis of every array is the world.

    Attributes:
        ego: (worlds, 24) float64.
        ego_index: (worlds,) int32, nearest sample of the path.
        slot: (worlds,) int32, where the world's road lies in ``Maps``.
        steps: (worlds,) int64 since the last reset.
        random: (worlds,) uint64, stream of the world.
        noise: (worlds,) uint64, stream of the sensors.
        route: (worlds,) int32, which route of the map the ego follows.
        spot: (worlds,) int32, the parking space that the ego is to use; -1 for none.
        phase: (worlds,) float64, where in the signals' cycle the episode began [s].
        cars: (worlds, 19, cars) float32.
        obstacles: (worlds, 8, obstacles) float32.
        obstacle_count: (worlds,) int32.
        people: (worlds, 7, people) float32.
        busy: (worlds, MOST_CROSSINGS) uint32, a bit for each lane that people on a crossing want free.
        boxes: (worlds, cars + obstacles + people, 12) float32, in that order.
        box_count: (worlds,) int32.
        ego_box: (worlds, 12) float32, the ego as others see it.
        flags: (worlds, 8) bool; see the column constants.
        lights: (worlds, MOST_GROUPS) uint8, what each signal group of the world's map shows.
        wording: (worlds,) int32, which of its wordings a sentence has.
        look: (worlds,) int32, weather and light; an index into the looks of the sensors.
    """

    ego: NDArray[np.float64]
    ego_index: NDArray[np.int32]
    slot: NDArray[np.int32]
    steps: NDArray[np.int64]
    random: NDArray[np.uint64]
    noise: NDArray[np.uint64]
    route: NDArray[np.int32]
    spot: NDArray[np.int32]
    phase: NDArray[np.float64]
    cars: NDArray[np.float32]
    obstacles: NDArray[np.float32]
    obstacle_count: NDArray[np.int32]
    people: NDArray[np.float32]
    busy: NDArray[np.uint32]
    boxes: NDArray[np.float32]
    box_count: NDArray[np.int32]
    ego_box: NDArray[np.float32]
    flags: NDArray[np.bool_]
    lights: NDArray[np.uint8]
    look: NDArray[np.int32]
    wording: NDArray[np.int32]


# Columns of ``Worlds.flags``.
COLLISION, OFF_ROAD, SUCCESS, WRONG_SIDE, OFF_ROUTE, RED_LIGHT, STOP_SIGN, OBSTRUCTION = range(8)
FLAG_COLUMNS = 8


class Params(NamedTuple):
    """Numbers that kernels need, in SI units; see :class:`~mmenvs.driving.config.DrivingConfig`."""

    dt: float
    steer_task: bool
    safe_step: bool
    speed_limit: float
    pace: float
    parking: bool
    least_speed: float
    dynamic: bool
    any_lane: bool
    keep_route: float
    obstacle_spacing: float
    blocked_lanes: int
    cars: int
    emergency: int
    cyclists: int
    emergency_speed: float
    traffic_low: float
    traffic_high: float
    density_low: float
    density_high: float
    temper_low: float
    temper_high: float
    parked_share: float
    first_wording: int
    wordings: int


def make_params(config: DrivingConfig, speed_limit: float) -> Params:
    """Collect the numbers that kernels need; the speed limit is the ego's on the fastest road [m/s]."""
    return Params(
        dt=float(config.dt),
        steer_task=config.action == "steer",
        safe_step=config.reward == "safe_step",
        speed_limit=float(speed_limit),
        pace=float(config.pace),
        parking=config.reward == "goal",
        least_speed=-REVERSE_SPEED if config.reward == "goal" else 0.0,
        dynamic=config.vehicle == "dynamic",
        any_lane=bool(config.any_lane),
        keep_route=0.0 if config.any_lane else 1.0,
        obstacle_spacing=float(config.obstacle_spacing),
        blocked_lanes=int(config.blocked_lanes),
        cars=actors(config),
        emergency=int(config.emergency),
        cyclists=int(config.cyclists),
        emergency_speed=EMERGENCY_SPEED,
        traffic_low=float(config.traffic_speed[0]),
        traffic_high=float(config.traffic_speed[1]),
        density_low=float(config.traffic_density[0]),
        density_high=float(config.traffic_density[1]),
        temper_low=float(config.aggressiveness[0]),
        temper_high=float(config.aggressiveness[1]),
        parked_share=float(config.parked_share),
        # Sentences of the test split are worded in ways never heard in training.
        first_wording=TRAINING_VARIANTS if config.split == "test" else 0,
        wordings=VARIANTS - TRAINING_VARIANTS if config.split == "test" else TRAINING_VARIANTS,
    )


def actors(config: DrivingConfig) -> int:
    """Return how many drivers and cyclists a world may have besides the ego."""
    return config.traffic_vehicles + config.cyclists + int(config.emergency)


def make_worlds(config: DrivingConfig, num_worlds: int, road_length: float) -> Worlds:
    """Allocate the state of ``num_worlds`` worlds whose routes are up to ``road_length`` metres long."""
    cars = max(actors(config), 1)
    obstacles = 1
    if config.obstacle_spacing:
        # Rows are at least 0.75 spacings apart; a row blocks up to two lanes with up to three cones each.
        obstacles = 6 * math.ceil(road_length / (0.75 * config.obstacle_spacing))
    if config.parked_share:
        obstacles += MOST_PARKED
    return Worlds(
        ego=np.zeros((num_worlds, EGO_COLUMNS)),
        ego_index=np.zeros(num_worlds, np.int32),
        slot=np.zeros(num_worlds, np.int32),
        steps=np.zeros(num_worlds, np.int64),
        random=np.zeros(num_worlds, np.uint64),
        noise=np.zeros(num_worlds, np.uint64),
        route=np.zeros(num_worlds, np.int32),
        spot=np.full(num_worlds, -1, np.int32),
        phase=np.zeros(num_worlds),
        cars=np.zeros((num_worlds, CAR_ROWS, cars), np.float32),
        obstacles=np.zeros((num_worlds, OBSTACLE_ROWS, obstacles), np.float32),
        obstacle_count=np.zeros(num_worlds, np.int32),
        people=np.zeros((num_worlds, PEOPLE_ROWS, config.pedestrians), np.float32),
        busy=np.zeros((num_worlds, MOST_CROSSINGS), np.uint32),
        boxes=np.zeros((num_worlds, cars + obstacles + config.pedestrians, BOX_COLUMNS), np.float32),
        box_count=np.zeros(num_worlds, np.int32),
        ego_box=np.zeros((num_worlds, BOX_COLUMNS), np.float32),
        flags=np.zeros((num_worlds, FLAG_COLUMNS), bool),
        lights=np.zeros((num_worlds, MOST_GROUPS), np.uint8),
        look=np.zeros(num_worlds, np.int32),
        wording=np.zeros(num_worlds, np.int32),
    )
