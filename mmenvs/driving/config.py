"""Every knob of the driving world: unit, default, and what is allowed."""

from __future__ import annotations

import dataclasses
import difflib
from dataclasses import dataclass
from typing import Any

from mmenvs.core.faults import Faults, parse_faults
from mmenvs.driving.weather import VARIANTS, looks_of

SENSORS = (
    "camera",
    "depth",
    "semantic",
    "bev",
    "lidar",
    "radar",
    "state",
    "motion",
    "goal",
    "navigation",
    "instruction",
)
#: Sensors that every camera takes.
PICTURES = ("camera", "depth", "semantic")
#: Direction of each camera, left of the car's heading [degrees].
CAMERA_YAWS = {"front": 0.0, "left": 90.0, "right": -90.0, "rear": 180.0}
ACTIONS = ("continuous", "discrete", "steer")
VEHICLES = ("kinematic", "dynamic")
VIEWS = ("chase", "driver", "top")
REWARDS = ("progress", "safe_step", "goal")
SPLITS = ("train", "test")

#: Layouts that ``map`` can name.
MAPS = (
    "road", "highway", "merge", "exit", "crossroads", "signals", "roundabout", "racetrack", "parking",
    "crossings", "town", "random",
)  # fmt: skip
_OF_THE_MAP = ("lanes", "oncoming_lanes", "lane_width", "road_length", "max_curvature", "speed_limit")
_PAIRS_AND_LISTS = (
    "sensors", "cameras", "camera_size", "bev_size", "lidar_elevation", "traffic_speed", "traffic_density",
    "aggressiveness", "render_size",
)  # fmt: skip
#: Number of scenarios of the frozen test split.
TEST_SCENARIOS = 200


@dataclass(frozen=True)
class DrivingConfig:
    """Settings of a driving world; the keyword arguments of ``gym.make("mmenvs/Driving-v0", ...)``.

    Attributes:
        sensors: Keys of the observation, from :data:`SENSORS`.
        camera_size: Height and width of camera, depth and semantic pictures [pixels].
        camera_fov: Horizontal field of view [degrees], 20 to 140.
        camera_range: Distance at which depth saturates [m].
        cameras: Where cameras look, from :data:`CAMERA_YAWS`; the key of all but the front one says so,
            such as ``camera_left`` or ``depth_rear``.
        frame_stack: Pictures of ``camera`` that lie on top of each other, the newest in the last channels.
        bev_size: Height and width of the bird's-eye view [pixels].
        bev_resolution: Side of one of its pixels [m].
        bev_colour: Whether it shows colours instead of semantic classes.
        lidar_beams: Beams of a layer of the lidar, evenly around the car, the first straight ahead.
        lidar_layers: Layers of the lidar; one is planar, several see how high things are.
        lidar_elevation: Angles of the lowest and the highest of several layers [degrees].
        lidar_range: Reach of the lidar in clear air [m].
        lidar_noise: Standard deviation of the lidar's reading in dry air [m].
        radar_targets: Most targets that the radar reports.
        radar_range: Reach of the radar in dry air [m].
        radar_fov: Full opening angle of the radar, centred ahead [degrees].
        radar_noise: Noise of the radar in dry air; 1 is that of a good automotive unit (0.2 m, 0.2 degrees,
            0.06 m/s), 0 none.
        imu_noise: Noise of ``state`` and ``motion``; 1 is that of a good automotive unit, 0 none.
        gnss_noise: Standard deviation of the position behind ``navigation``, in each direction [m].
        weather: A name of :data:`~mmenvs.driving.weather.WEATHERS`, several names of which each episode
            draws one, or ``"random"`` for all of them.
        look_variants: How many variants of the colours, the sky and the direction of light of each weather
            are drawn, 1 to 4; 1 is the plain one.
        faults: Sensor faults, in any form of :meth:`mmenvs.core.faults.Fault.parse`, such as
            ``("camera:dirt:0.6", "lidar:dropout:0.3")``.
        vehicle: ``"kinematic"`` (a bicycle) or ``"dynamic"`` (a single-track model whose tyres slip).
        action: ``"continuous"`` Box [steering, throttle/brake] in [-1, 1]; ``"discrete"`` a grid of 5
            steering by 3 throttle values; ``"steer"`` Discrete(3) left, straight, right at a steady pace.
        dt: Time of one step [s].
        lanes: Lanes in the direction of travel; this and the next five are the map's own by default.
        oncoming_lanes: Lanes in the opposite direction, left of the others.
        lane_width: Width of a lane [m].
        road_length: Length of the road between start and finish [m].
        max_curvature: Sharpest bend [1/m].
        speed_limit: Speed limit [m/s].
        map: Where to drive: the name of a layout (:data:`MAPS`), a string of blocks such as ``"SXCrR"``,
            ``"random"`` for a string drawn anew for each map, or the path of an OpenDRIVE file ending in
            ``.xodr``.
        any_lane: Whether the ego may start in any lane beside that of its route.
        traffic_vehicles: Cars, vans and lorries besides the ego.
        traffic_density: Lowest and highest share of them that an episode has.
        aggressiveness: Lowest and highest temper of an episode's traffic, from 0 (long headways) to 1.
        cyclists: Cyclists.
        pedestrians: People who use the crossings; some cross elsewhere, see
            :mod:`~mmenvs.driving.roads.wayside`.
        emergency: Whether an ambulance comes from behind.
        parked_share: Share of parking spaces that are taken.
        traffic_speed: Lowest and highest desired speed of traffic [m/s].
        obstacle_spacing: Mean distance between rows of static obstacles [m]; 0 for none.
        blocked_lanes: Most lanes that one row of obstacles blocks; at least one always stays open.
        pace: Steady speed of the ego under ``action="steer"`` [m/s].
        reward: ``"progress"`` (named terms, see the env's page) or ``"safe_step"`` (1 for a safe step
            that moves along the road, else 0) or ``"goal"`` (0 in the parking space, else -1).
        split: ``"train"`` or ``"test"``: disjoint sets of scenarios.
        num_scenarios: Number of scenarios of the split; None for unlimited (train) or 200 (test).
        num_maps: Number of different roads that the scenarios of a split share.
        view: What ``render()`` shows at first: ``"chase"`` (from behind the car), ``"driver"`` or ``"top"``.
        dashboard: Whether ``render()`` draws instruments and sensor thumbnails.
        render_size: Height and width of the rendered picture [pixels].
        threads: Threads of a batch; None for one per core.
    """

    sensors: tuple[str, ...] = ("camera", "lidar", "state", "navigation")
    camera_size: tuple[int, int] = (84, 84)
    camera_fov: float = 90.0
    camera_range: float = 100.0
    cameras: tuple[str, ...] = ("front",)
    frame_stack: int = 1
    bev_size: tuple[int, int] = (64, 64)
    bev_resolution: float = 0.5
    bev_colour: bool = False
    lidar_beams: int = 72
    lidar_layers: int = 1
    lidar_elevation: tuple[float, float] = (-12.0, 3.0)
    lidar_range: float = 50.0
    lidar_noise: float = 0.0
    radar_targets: int = 8
    radar_range: float = 100.0
    radar_fov: float = 90.0
    radar_noise: float = 0.0
    imu_noise: float = 0.0
    gnss_noise: float = 0.0
    weather: str | tuple[str, ...] = "clear"
    look_variants: int = 1
    faults: Faults = ()
    vehicle: str = "kinematic"
    action: str = "continuous"
    dt: float = 0.1
    lanes: int | None = None
    oncoming_lanes: int | None = None
    lane_width: float | None = None
    road_length: float | None = None
    max_curvature: float | None = None
    speed_limit: float | None = None
    map: str = "road"
    any_lane: bool = True
    traffic_vehicles: int = 15
    traffic_density: tuple[float, float] = (1.0, 1.0)
    aggressiveness: tuple[float, float] = (0.2, 0.6)
    cyclists: int = 0
    pedestrians: int = 0
    emergency: bool = False
    parked_share: float = 0.0
    traffic_speed: tuple[float, float] = (5.0, 9.0)
    obstacle_spacing: float = 60.0
    blocked_lanes: int = 2
    pace: float = 9.0
    reward: str = "progress"
    split: str = "train"
    num_scenarios: int | None = None
    num_maps: int = 128
    view: str = "chase"
    dashboard: bool = True
    render_size: tuple[int, int] = (360, 640)
    threads: int | None = None

    def __post_init__(self) -> None:
        """Check every field.

        Raises:
            ValueError: Naming the field, its value and what is allowed.
        """
        if not isinstance(self.weather, str):
            object.__setattr__(self, "weather", tuple(self.weather))
        for name in _PAIRS_AND_LISTS:
            value = getattr(self, name)
            if isinstance(value, str) or not hasattr(value, "__iter__"):
                raise ValueError(f"{name}={value!r} must be a sequence")
            object.__setattr__(self, name, tuple(value))
        object.__setattr__(self, "faults", parse_faults(self.faults))
        if not self.sensors:
            raise ValueError(f"sensors=() must name at least one of {', '.join(SENSORS)}")
        for sensor in self.sensors:
            _one_of("sensors", sensor, SENSORS)
        if len(set(self.sensors)) != len(self.sensors):
            raise ValueError(f"sensors={self.sensors} names a sensor twice")
        if not self.cameras or len(set(self.cameras)) != len(self.cameras):
            raise ValueError(f"cameras={self.cameras} must name at least one camera, and none twice")
        for camera in self.cameras:
            _one_of("cameras", camera, tuple(CAMERA_YAWS))
        _integer("look_variants", self.look_variants, 1, VARIANTS)
        looks_of(self.weather, self.look_variants)
        if (
            len(self.lidar_elevation) != 2
            or not -60 <= self.lidar_elevation[0] < self.lidar_elevation[1] <= 60
        ):
            raise ValueError(
                f"lidar_elevation={self.lidar_elevation} must be (low, high) with -60 <= low < high <= 60"
            )
        _one_of("vehicle", self.vehicle, VEHICLES)
        if self.vehicle == "dynamic" and self.action == "steer":
            raise ValueError("vehicle='dynamic' must be 'kinematic' with action='steer', which keeps a pace")
        if self.reward == "goal" and (self.vehicle != "kinematic" or self.action == "steer"):
            raise ValueError(
                f"vehicle={self.vehicle!r}, action={self.action!r} must be 'kinematic' and 'continuous' or "
                "'discrete' with reward='goal', because parking takes a reverse gear"
            )
        _one_of("action", self.action, ACTIONS)
        _one_of("reward", self.reward, REWARDS)
        if (self.reward == "goal") != ("goal" in self.sensors) or (
            self.reward == "goal" and self.map != "parking"
        ):
            raise ValueError(
                f"reward={self.reward!r}, sensors={self.sensors}, map={self.map!r}: the reward 'goal', "
                "the sensor 'goal' and the map 'parking' must be used together"
            )
        if "goal" in self.sensors and len(self.sensors) > 1:
            raise ValueError(f"sensors={self.sensors} must be 'goal' alone, which holds motion and lidar")
        _one_of("split", self.split, SPLITS)
        _one_of("view", self.view, VIEWS)
        for name, low, high in (
            ("camera_fov", 20, 140),
            ("camera_range", 1, 1000),
            ("lidar_range", 1, 500),
            ("lidar_noise", 0, 10),
            ("radar_noise", 0, 100),
            ("imu_noise", 0, 100),
            ("gnss_noise", 0, 100),
            ("bev_resolution", 0.05, 10),
            ("radar_range", 1, 500),
            ("radar_fov", 1, 360),
            ("dt", 0.01, 0.5),
            ("lane_width", 2.5, 6),
            ("road_length", 60, 5000),
            ("max_curvature", 0, 0.05),
            ("speed_limit", 3, 40),
            ("pace", 1, 30),
            ("parked_share", 0, 1),
        ):
            if getattr(self, name) is not None or name not in _OF_THE_MAP:
                _number(name, getattr(self, name), low, high)
        for name, low, high in (
            ("lidar_beams", 4, 4096),
            ("frame_stack", 1, 16),
            ("lidar_layers", 1, 64),
            ("radar_targets", 1, 64),
            ("lanes", 1, 5),
            ("oncoming_lanes", 0, 3),
            ("traffic_vehicles", 0, 128),
            ("cyclists", 0, 32),
            ("pedestrians", 0, 64),
            ("blocked_lanes", 1, 5),
            ("num_maps", 1, 100_000),
        ):
            if getattr(self, name) is not None or name not in _OF_THE_MAP:
                _integer(name, getattr(self, name), low, high)
        for name, low, high in (("camera_size", 8, 1024), ("bev_size", 8, 1024), ("render_size", 64, 4096)):
            pair = getattr(self, name)
            if len(pair) != 2:
                raise ValueError(f"{name}={pair} must be (height, width)")
            for value in pair:
                _integer(name, value, low, high)
        if len(self.traffic_speed) != 2 or not 1 <= self.traffic_speed[0] <= self.traffic_speed[1] <= 40:
            raise ValueError(
                f"traffic_speed={self.traffic_speed} must be (low, high) with 1 <= low <= high <= 40"
            )
        for name in ("traffic_density", "aggressiveness"):
            pair = getattr(self, name)
            if len(pair) != 2 or not 0 <= pair[0] <= pair[1] <= 1:
                raise ValueError(f"{name}={pair} must be (low, high) with 0 <= low <= high <= 1")
        for name in ("any_lane", "emergency"):
            if not isinstance(getattr(self, name), bool):
                raise ValueError(f"{name}={getattr(self, name)!r} must be True or False")
        check_map(self.map)
        if self.obstacle_spacing != 0:
            _number("obstacle_spacing", self.obstacle_spacing, 20, 5000)
        if self.num_scenarios is not None:
            _integer("num_scenarios", self.num_scenarios, 1, 2**31)
        if self.threads is not None:
            _integer("threads", self.threads, 1, 1024)

    @property
    def scenarios(self) -> int:
        """Number of scenarios of the split."""
        if self.num_scenarios is not None:
            return self.num_scenarios
        return TEST_SCENARIOS if self.split == "test" else 2**31

    @classmethod
    def from_keywords(cls, defaults: dict[str, Any], given: dict[str, Any]) -> DrivingConfig:
        """Build a config from a task's defaults and a user's keywords.

        Raises:
            ValueError: If a keyword is unknown; it names the closest ones.
        """
        names = [f.name for f in dataclasses.fields(cls)]
        for key, value in given.items():
            if key not in names:
                close = difflib.get_close_matches(key, names, 3, 0.4)
                hint = f"; did you mean {' or '.join(close)}?" if close else ""
                raise ValueError(f"{key}={value!r} is not a setting of the driving world{hint}")
        return cls(**{**defaults, **given})


def check_map(value: str) -> None:
    """Raise a ValueError unless ``map`` names a layout, an OpenDRIVE file or a string of blocks."""
    if not isinstance(value, str) or not value:
        raise ValueError(f"map={value!r} must be a name, a string of blocks or the path of an .xodr file")
    if value in MAPS or value.endswith(".xodr"):
        return
    from mmenvs.driving.roads.blocks import BLOCKS

    unknown = sorted(set(value) - set(BLOCKS))
    if unknown:
        raise ValueError(
            f"map={value!r} must be one of {', '.join(map(repr, MAPS))}, the path of an .xodr file, or a "
            f"string of blocks from {''.join(BLOCKS)}; {''.join(unknown)!r} is none"
        )


def _one_of(name: str, value: object, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise ValueError(f"{name}={value!r} must be one of {', '.join(map(repr, allowed))}")


def _number(name: str, value: Any, low: float, high: float) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise ValueError(f"{name}={value!r} must be a number from {low} to {high}")


def _integer(name: str, value: Any, low: int, high: int) -> None:
    if isinstance(value, bool) or not hasattr(value, "__index__") or not low <= value <= high:
        raise ValueError(f"{name}={value!r} must be an integer from {low} to {high}")
