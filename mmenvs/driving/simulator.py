"""The driving world: owns the arrays and says the order of a step."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from gymnasium import spaces as gym_spaces
from numpy.typing import NDArray

from mmenvs import spaces
from mmenvs.core.faults import FaultBank
from mmenvs.core.kernels import compile_aside, entry_point, is_cached
from mmenvs.core.parallel import WorldPool
from mmenvs.core.random import derive_seeds
from mmenvs.core.simulator import ANY_SCENARIO, InfoArrays, Simulator
from mmenvs.driving import kernels, observing, rewards, weather
from mmenvs.driving import state as st
from mmenvs.driving.config import CAMERA_YAWS, PICTURES, VIEWS, DrivingConfig
from mmenvs.driving.metrics.columns import METRIC_COLUMNS
from mmenvs.driving.metrics.episode import METRICS
from mmenvs.driving.render import Painter
from mmenvs.driving.roads import surface
from mmenvs.driving.roads.compiled import N_ROUTES, R_FINISH, R_START
from mmenvs.driving.roads.library import Maps, RoadLibrary, Roads
from mmenvs.driving.roads.sources import compile_map, longest_route, road_settings
from mmenvs.driving.sensors import motion, radar
from mmenvs.driving.sensors.bev import make_chart
from mmenvs.driving.sensors.camera import make_view
from mmenvs.driving.sensors.goal import GOAL_NAMES, write_goals
from mmenvs.driving.sensors.instruction import INSTRUCTION_LENGTH, VOCABULARY, instruction_table
from mmenvs.driving.sensors.stacking import FrameStack

# Salts that keep the streams of different purposes, and the two splits, apart.
_SPLIT_SALT = {"train": 0x7261696E, "test": 0x74657374}
_WORLD_STREAM, _NOISE_STREAM, _MAP_STREAM, _SCENARIO_DRAW, _ROUTE_DRAW = (
    np.uint64(1 << n) for n in (40, 41, 42, 43, 44)
)

_NO_LIMIT = 60.0  # [m/s]
_COSTLY = [st.COLLISION, st.OFF_ROAD, st.OFF_ROUTE, st.RED_LIGHT, st.STOP_SIGN, st.OBSTRUCTION]
#: What the ``observation`` of a goal-conditioned task consists of.
GOAL_SENSORS = ("motion", "lidar")
#: The grid of ``action="discrete"``: five steering by three pedal values.
DISCRETE_ACTIONS = np.array(
    [(steering, pedal) for pedal in (-0.6, 0.0, 0.8) for steering in (0.5, 0.12, 0.0, -0.12, -0.5)]
)
#: The moves of ``action="steer"``: left, straight, right.
STEER_ACTIONS = np.array([(1.0, 0.0), (0.0, 0.0), (-1.0, 0.0)])


class DrivingSimulator(Simulator):
    """Driving worlds on procedural roads.

    Attributes:
        config: Settings.
        worlds: State; see :class:`~mmenvs.driving.state.Worlds`.
        params: Numbers of the kernels.
        completion: Share of the route done, shape (num_worlds,).
        pool: Threads.
    """

    def __init__(self, num_worlds: int, config: DrivingConfig) -> None:
        """Allocate ``num_worlds`` worlds; nothing is drawn or compiled before the first reset.

        Raises:
            ValueError: If ``num_worlds`` is below 1.
        """
        if num_worlds < 1:
            raise ValueError(f"num_worlds={num_worlds} must be at least 1")
        self.config = config
        self.num_worlds = num_worlds
        road = road_settings(config)
        # What a file says of its roads stands in the file; its limits are those of the lanes.
        from_file = config.map.endswith(".xodr")
        limit = _NO_LIMIT if from_file and config.speed_limit is None else road.speed_limit
        self.params = st.make_params(config, limit)
        self.worlds = st.make_worlds(config, num_worlds, longest_route(config))
        self.render_fps = round(1 / config.dt)
        self._library = RoadLibrary(config, num_worlds)
        self.pool = WorldPool(num_worlds, config.threads)
        self._make_spaces()
        self._make_sensors()
        # Faults happen to a sensor, before its pictures are stacked.
        self._readings = dict(self.observations)
        self._faults = FaultBank(self.observation_space, config.faults, num_worlds, self.pool)
        self._stacks = self._stack_cameras()
        if "goal" in config.sensors:
            self._show_goals()
        self.rewards = np.zeros(num_worlds)
        self.terminated = np.zeros(num_worlds, bool)
        self._terms = np.zeros((num_worlds, len(rewards.TERMS)))
        self._verdicts = kernels.Verdicts(
            self.rewards,
            self.terminated,
            self._terms,
            np.zeros((num_worlds, METRIC_COLUMNS)),
            np.zeros((num_worlds, len(METRICS))),
        )
        self._drivable = surface.drivable()
        self._everyone = np.arange(num_worlds)
        self._kernels: dict[str, Any] = {}
        self.views, self.view = VIEWS, config.view
        self._painter: Painter | None = None
        self.completion = np.zeros(num_worlds)
        self._cost = np.zeros(num_worlds)
        self._start, self._span = np.zeros(num_worlds), np.ones(num_worlds)
        self.infos = self._make_infos()

    @property
    def roads(self) -> Roads:
        """Lanes and routes; ``worlds.slot`` says which network a world uses."""
        return self._library.roads

    @property
    def maps(self) -> Maps:
        """What the sensors see of the networks."""
        return self._library.maps

    def reset(
        self,
        worlds: NDArray[np.int64],
        seeds: NDArray[np.uint64],
        scenarios: NDArray[np.int64],
    ) -> None:
        """Start episodes; see :class:`~mmenvs.core.simulator.Simulator`."""
        config = self.config
        if not self._kernels:
            self._compile(worlds)
        if (scenarios >= config.scenarios).any():
            raise ValueError(
                f"options['scenario']={int(scenarios.max())} must be below {config.scenarios}, "
                f"the number of scenarios of split={config.split!r}"
            )
        drawn = derive_seeds(seeds, np.full(len(seeds), _SCENARIO_DRAW)) % np.uint64(config.scenarios)
        chosen = np.where(scenarios == ANY_SCENARIO, drawn.astype(np.int64), scenarios).astype(np.uint64)
        salt = np.full(len(worlds), np.uint64(_SPLIT_SALT[config.split]))
        own = derive_seeds(salt, chosen)
        state = self.worlds
        state.random[worlds] = derive_seeds(own, np.full(len(worlds), _WORLD_STREAM))
        state.noise[worlds] = derive_seeds(seeds, np.full(len(worlds), _NOISE_STREAM))
        map_seeds = derive_seeds(salt, _MAP_STREAM + chosen % np.uint64(config.num_maps))
        for world, map_seed in zip(worlds.tolist(), map_seeds.tolist(), strict=True):
            state.slot[world] = self._library.assign(world, map_seed)
        slots = state.slot[worlds]
        draw = derive_seeds(own, np.full(len(worlds), _ROUTE_DRAW))
        routes = (draw % self.roads.counts[slots, N_ROUTES].astype(np.uint64)).astype(np.int32)
        state.route[worlds] = routes
        ways = self.roads.routes[slots, routes]
        self._start[worlds] = ways[:, R_START]
        self._span[worlds] = ways[:, R_FINISH] - ways[:, R_START]
        self.rewards[worlds] = 0.0
        self.terminated[worlds] = False
        self._terms[worlds] = 0.0
        self._verdicts.scores[worlds] = 0.0
        self._run(kernels.reset_worlds, worlds, *self._reset_arguments())
        self._faults.reset(worlds, seeds)
        self._observe(worlds, fresh=True)
        self._update_infos()

    def step(self, actions: NDArray[Any], active: NDArray[np.bool_]) -> None:
        """Advance the active worlds; see :class:`~mmenvs.core.simulator.Simulator`."""
        which = self._everyone if active.all() else np.flatnonzero(active)
        self._run(kernels.step_worlds, which, *self._step_arguments(self.commands(actions)))
        self._observe(which)
        self._update_infos()

    def commands(self, actions: NDArray[Any]) -> NDArray[np.float64]:
        """Return steering and pedal, shape (num_worlds, 2), for actions of the configured kind."""
        if self.config.action == "continuous":
            return np.ascontiguousarray(actions, np.float64)
        table = STEER_ACTIONS if self.config.action == "steer" else DISCRETE_ACTIONS
        return np.asarray(table[actions])

    def instruction_text(self, world: int) -> str:
        """Return what is said in a world now."""
        return instruction_table()[1][int(observing.sentence_of(world, self.worlds, self.roads))]

    def render(self, world: int) -> NDArray[np.uint8]:
        """Draw what a person sees of a world, shape (height, width, 3)."""
        if self._painter is None:
            self._painter = Painter(self)
        return self._painter.paint(world)

    def close(self) -> None:
        """Stop the threads."""
        self.pool.close()

    def _make_spaces(self) -> None:
        config = self.config
        height, width = config.camera_size
        makers: dict[str, Callable[[], spaces.ModalBox]] = {
            "camera": lambda: spaces.Image(height, width, 3),
            "depth": lambda: spaces.Image(height, width, 1, high=1.0, dtype=np.float32, unit="range"),
            "semantic": lambda: spaces.Image(
                height, width, 1, high=len(surface.SEMANTIC_CLASSES) - 1, unit="class"
            ),
            "bev": lambda: spaces.Image(
                *config.bev_size,
                3 if config.bev_colour else 1,
                high=255 if config.bev_colour else len(surface.SEMANTIC_CLASSES) - 1,
                unit="intensity" if config.bev_colour else "class",
            ),
            "lidar": lambda: spaces.Scan(config.lidar_layers * config.lidar_beams),
            "radar": lambda: spaces.Objects(config.radar_targets, 4, names=radar.FEATURES),
            "state": lambda: spaces.Vector(len(motion.STATE_NAMES), names=motion.STATE_NAMES),
            "motion": lambda: spaces.Vector(len(motion.MOTION_NAMES), names=motion.MOTION_NAMES),
            "navigation": lambda: spaces.Vector(
                motion.NAVIGATION_SIZE, unit="50 m", names=motion.NAVIGATION_NAMES
            ),
            "instruction": lambda: spaces.Tokens(INSTRUCTION_LENGTH, len(VOCABULARY), words=VOCABULARY),
        }
        leaves: dict[str, gym_spaces.Space[Any]] = {}
        self.observations = {}
        self._pictures: dict[str, NDArray[Any]] = {}
        for sensor in config.sensors if "goal" not in config.sensors else GOAL_SENSORS:
            space = makers[sensor]()
            if sensor not in PICTURES:
                leaves[sensor] = space
                self.observations[sensor] = np.zeros((self.num_worlds, *space.shape), space.dtype)
                continue
            # The pictures of a sensor lie together, camera by camera; the observations are views of them.
            stack = np.zeros((len(config.cameras), self.num_worlds, *space.shape), space.dtype)
            self._pictures[sensor] = stack
            for camera, pictures in zip(config.cameras, stack, strict=True):
                key = sensor if camera == "front" else f"{sensor}_{camera}"
                leaves[key], self.observations[key] = makers[sensor](), pictures
        self.observation_space = gym_spaces.Dict(leaves)
        if config.action == "continuous":
            self.action_space = gym_spaces.Box(-1.0, 1.0, (2,), np.float32)
        else:
            self.action_space = gym_spaces.Discrete(
                len(STEER_ACTIONS if config.action == "steer" else DISCRETE_ACTIONS)
            )

    def _make_sensors(self) -> None:
        config, n = self.config, self.num_worlds
        angles = np.arange(config.lidar_beams) * (2 * math.pi / config.lidar_beams)
        tilts = np.zeros(1)
        if config.lidar_layers > 1:
            tilts = np.radians(np.linspace(*config.lidar_elevation, config.lidar_layers))
        kinds = list(weather.WEATHERS.values())
        self._looks = weather.looks_of(config.weather, config.look_variants)
        self._instruments = observing.Instruments(
            beams=np.stack([np.cos(angles), np.sin(angles)], 1),
            layers=np.stack([np.tan(tilts), 1.0 / np.cos(tilts)], 1),
            lidar_range=float(config.lidar_range),
            lidar_sight=weather.by_look(weather.lidar_reach(kind, config.lidar_range) for kind in kinds),
            lidar_noise=float(config.lidar_noise),
            lidar_rain=weather.by_look(kind.lidar_sigma for kind in kinds),
            lidar_dropout=weather.by_look(kind.lidar_dropout for kind in kinds),
            radar_range=float(config.radar_range),
            radar_sight=weather.by_look(weather.radar_reach(kind, config.radar_range) for kind in kinds),
            radar_half_angle=math.radians(0.5 * config.radar_fov),
            radar_noise=weather.by_look(config.radar_noise + kind.radar_noise for kind in kinds),
            look_ahead=np.array(motion.LOOK_AHEAD),
            imu_noise=float(config.imu_noise),
            gnss_noise=float(config.gnss_noise),
            sentences=instruction_table()[0],
        )
        self._chart = make_chart(config.bev_resolution)
        self._view = make_view(
            config.camera_size,
            config.camera_fov,
            depth_range=config.camera_range,
            yaws=[CAMERA_YAWS[camera] for camera in config.cameras],
            looks=self._looks if "camera" in config.sensors else (0,),
        )
        absent: dict[str, NDArray[Any]] = {
            "camera": np.zeros((1, n, 0, 0, 3), np.uint8),
            "depth": np.zeros((1, n, 0, 0, 1), np.float32),
            "semantic": np.zeros((1, n, 0, 0, 1), np.uint8),
            "instruction": np.zeros((n, 0), np.int64),
        }
        nothing = np.zeros((n, 0), np.float32)
        buffers: dict[str, Any] = {
            key: self._pictures.get(key, self.observations.get(key, absent.get(key, nothing)))
            for key in observing.Outputs._fields
        }
        for sensor in PICTURES:
            if sensor not in self._pictures:
                buffers[sensor] = np.repeat(absent[sensor], len(config.cameras), axis=0)
        self._outputs = observing.Outputs(**buffers)

    def _show_goals(self) -> None:
        """Show motion and lidar as one vector, and the goals beside it."""
        parts = [self.observation_space[key] for key in GOAL_SENSORS]
        low, high = (np.concatenate([getattr(part, side) for part in parts]) for side in ("low", "high"))
        leaves: dict[str, gym_spaces.Space[Any]] = {
            "observation": spaces.Vector(len(low), low=low, high=high),
            "achieved_goal": spaces.Vector(len(GOAL_NAMES), names=GOAL_NAMES),
            "desired_goal": spaces.Vector(len(GOAL_NAMES), names=GOAL_NAMES),
        }
        self.observation_space = gym_spaces.Dict(leaves)
        self.observations = {
            key: np.zeros((self.num_worlds, *(space.shape or ())), space.dtype)
            for key, space in leaves.items()
        }

    def _stack_cameras(self) -> list[FrameStack]:
        """Replace the pictures of ``camera`` by stacks of them, if that is asked for."""
        depth = self.config.frame_stack
        if depth == 1:
            return []
        stacks = []
        leaves = dict(self.observation_space.spaces)
        for key in [key for key in leaves if key.startswith("camera")]:
            stack = FrameStack(self.observations[key], depth, self.pool)
            height, width = self.config.camera_size
            leaves[key] = spaces.Image(height, width, 3 * depth)
            self.observations[key] = stack.frames
            stacks.append(stack)
        self.observation_space = gym_spaces.Dict(leaves)
        return stacks

    def _make_infos(self) -> InfoArrays:
        flags = self.worlds.flags
        return {
            "success": flags[:, st.SUCCESS],
            "collision": flags[:, st.COLLISION],
            "off_road": flags[:, st.OFF_ROAD],
            "off_route": flags[:, st.OFF_ROUTE],
            "red_light": flags[:, st.RED_LIGHT],
            "stop_sign": flags[:, st.STOP_SIGN],
            "obstruction": flags[:, st.OBSTRUCTION],
            "route_completion": self.completion,
            "speed": self.worlds.ego[:, st.SPEED],
            "cost": self._cost,
            "reward_terms": {name: self._terms[:, k] for k, name in enumerate(rewards.TERMS)},
            **({"faults": self._faults.active} if self.config.faults else {}),
            "metrics": {name: self._verdicts.scores[:, k] for k, name in enumerate(METRICS)},
        }

    def _update_infos(self) -> None:
        flags = self.worlds.flags
        self._cost[:] = flags[:, _COSTLY].any(axis=1)
        done = (self.worlds.ego[:, st.STATION] - self._start) / self._span
        np.clip(done, 0.0, 1.0, out=self.completion)

    def _observe(self, which: NDArray[np.int64], *, fresh: bool = False) -> None:
        if len(self._looks) > 1:  # worlds of one look in a row: their tables stay in the cache
            which = which[np.argsort(self.worlds.look[which], kind="stable")]
        self._run(observing.observe_worlds, which, *self._observe_arguments())
        if "bev" in self._readings:
            self._run(
                observing.overlook_worlds, which, self._chart, self.worlds, self.maps, self._readings["bev"]
            )
        self._faults.apply(self._readings, which)
        for stack in self._stacks:
            stack.add(which, fresh)
        if "desired_goal" in self.observations:
            shown = [self._readings[key][which] for key in GOAL_SENSORS]
            self.observations["observation"][which] = np.concatenate(shown, axis=1)
            goals = (self.observations[key] for key in ("achieved_goal", "desired_goal"))
            write_goals(which, self.worlds, self.roads, *goals)

    def _reset_arguments(self) -> tuple[Any, ...]:
        return self.params, self._looks, self.worlds, self.roads, self._verdicts.metrics

    def _step_arguments(self, commands: NDArray[np.float64]) -> tuple[Any, ...]:
        return (
            commands,
            self.params,
            self._drivable,
            self.worlds,
            self.roads,
            self.maps,
            self._verdicts,
        )

    def _observe_arguments(self) -> tuple[Any, ...]:
        return self.params, self._instruments, self._view, self.worlds, self.roads, self.maps, self._outputs

    def _compile(self, which: NDArray[np.int64]) -> None:
        """Get all kernels ready; on a fresh installation three processes share that work."""
        helpers = []
        if not is_cached(observing.observe_worlds):
            helpers = [compile_aside(__name__, name) for name in ("compile_observer", "compile_roads")]
        self._bind(kernels.reset_worlds, which, *self._reset_arguments())
        self._bind(kernels.step_worlds, which, *self._step_arguments(np.zeros((self.num_worlds, 2))))
        for helper in helpers:
            if helper is not None:
                helper.wait()
        self._bind(observing.observe_worlds, which, *self._observe_arguments())

    def _bind(self, function: Any, which: NDArray[np.int64], *arguments: Any) -> Any:
        """Return the direct entry of a kernel, compiled at its first use."""
        name = function.__name__
        if name not in self._kernels:
            self._kernels[name] = entry_point(function, 0, 1, which, *arguments)
        return self._kernels[name]

    def _run(self, function: Any, which: NDArray[np.int64], *arguments: Any) -> None:
        """Run a kernel over some worlds, through its direct entry."""
        entry = self._bind(function, which, *arguments)
        self.pool.run(entry, which, *arguments, count=len(which))


def compile_roads() -> None:
    """Compile what makes a map, and leave it in the cache."""
    compile_map(DrivingConfig(), 0)


def compile_observer() -> None:
    """Compile the kernel of the sensors, and leave it in the cache."""
    simulator = DrivingSimulator(1, DrivingConfig())
    simulator._bind(observing.observe_worlds, np.zeros(1, np.int64), *simulator._observe_arguments())
