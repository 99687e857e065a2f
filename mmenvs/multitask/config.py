"""Which tasks are mixed, how often each comes, and what they have in common."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from mmenvs.core.knobs import check_known, real_number, whole_number
from mmenvs.core.simulator import Simulator
from mmenvs.multitask.actions import DRIVING_GRID, CommonActions
from mmenvs.registration import ENVIRONMENTS

#: Packages whose ids can be tasks.
FAMILIES = ("driving", "recommender")
ACTIONS = ("auto", "discrete", "continuous")
#: Size of the return that the scripted expert, or the recommender's ceiling, reaches in each task.
EXPERT_RETURNS: dict[str, float] = {
    "driving": 40.0,
    "path_planning": 90.0,
    "highway": 70.0,
    "merge": 35.0,
    "exit": 35.0,
    "intersection": 23.0,
    "signalised_intersection": 23.0,
    "roundabout": 27.0,
    "racetrack": 80.0,
    "pedestrian_crossing": 30.0,
    "emergency_vehicle": 50.0,
    "parking": 250.0,  # of the other sign: every step before the car is parked costs 1
    "night_fog": 40.0,
    "instructed": 23.0,
    "recommender": 65.0,
    "slate_recommender": 65.0,
    "proto_recommender": 85.0,
    "cold_start": 60.0,
    "clickbait": 85.0,
    "interest_evolution": 275.0,
    "long_term_satisfaction": 1300.0,
    "boredom": 450.0,
    "organic_bandit": 1.7,
}
_ENTRY_KEYS = ("task", "name", "max_episode_steps")


@dataclass(frozen=True)
class Task:
    """One task of a mix.

    Attributes:
        name: What ``info["task"]`` and ``options={"task": ...}`` call it.
        env_id: The id whose world it is.
        preset: Its name within its family.
        family: One of :data:`FAMILIES`.
        settings: Keyword arguments that differ from those of the id.
        weight: How often it is drawn, relative to the others.
        reward_scale: What its rewards are multiplied by.
        max_episode_steps: Steps after which its episodes are truncated.
    """

    name: str
    env_id: str
    preset: str
    family: str
    settings: dict[str, Any]
    weight: float
    reward_scale: float
    max_episode_steps: int

    def make(self, num_worlds: int, shared: Mapping[str, Any]) -> Simulator:
        """Return a simulator of ``num_worlds`` worlds of this task.

        Args:
            num_worlds: Number of worlds.
            shared: Settings that hold for every task unless its own say otherwise.

        Raises:
            ValueError: If a setting is not allowed, naming the task.
            TypeError: If a keyword is unknown, naming the task.
        """
        settings = {**shared, **self.settings}
        try:
            if self.family == "driving":
                return _driving(num_worlds, self.preset, settings)
            return _recommender(num_worlds, self.preset, settings)
        except (TypeError, ValueError) as error:
            kind = TypeError if isinstance(error, TypeError) else ValueError
            raise kind(f"task {self.name!r}: {error}") from error


@dataclass(frozen=True)
class MultiTaskConfig:
    """Settings of a mix; the keyword arguments of ``gym.make("mmenvs/MultiTask-v0", ...)``.

    Attributes:
        tasks: The mix: ids or their names (``"mmenvs/Highway-v0"`` or ``"Highway"``), or mappings
            ``{"task": "Highway", "name": "Busy", "traffic_vehicles": 40}`` of a task, a name of its own
            (the task's by default), ``max_episode_steps`` (the id's by default) and any settings of its id.
        weights: How often a task is drawn, relative to the others, by name; 1 where nothing is said, and 0
            for a task that is never drawn, though it has its place in the spaces.
        reward_scale: What a task's rewards are multiplied by, by name; by default 1 over the return of its
            scripted expert (:data:`EXPERT_RETURNS`), so that a good episode returns about 1.
        action: ``"discrete"``, ``"continuous"``, or ``"auto"``: continuous if all tasks are so by themselves;
            see :class:`~mmenvs.multitask.env.MultiTaskEnv`.
        camera_size: Height and width of the pictures of all driving tasks [pixels]; None for those of the
            tasks themselves, which then may need keys of their own.
        lidar_beams: Beams of the lidar of all driving tasks; None for those of the tasks themselves.
        split: ``"train"`` or ``"test"``.
        num_scenarios: Scenarios of the split; None for those of the tasks.
        threads: Threads of a batch; None for one per core.
    """

    tasks: tuple[Any, ...] = ("PathPlanning", "Highway", "Recommender")
    weights: Mapping[str, float] = field(default_factory=dict)
    reward_scale: Mapping[str, float] = field(default_factory=dict)
    action: str = "auto"
    camera_size: tuple[int, int] | None = (64, 64)
    lidar_beams: int | None = 120
    split: str = "train"
    num_scenarios: int | None = None
    threads: int | None = None

    def __post_init__(self) -> None:
        """Check the fields that are no task's own.

        Raises:
            ValueError: Naming the field, its value and what is allowed.
        """
        if isinstance(self.tasks, str) or not isinstance(self.tasks, Sequence) or not self.tasks:
            raise ValueError(f"tasks={self.tasks!r} must be a sequence of one or more tasks")
        object.__setattr__(self, "tasks", tuple(self.tasks))
        if self.action not in ACTIONS:
            raise ValueError(f"action={self.action!r} must be one of {', '.join(map(repr, ACTIONS))}")
        self.resolve()

    @classmethod
    def from_keywords(cls, given: Mapping[str, Any]) -> MultiTaskConfig:
        """Make a config of keyword arguments.

        Raises:
            TypeError: If a keyword is unknown, naming it and its closest matches.
            ValueError: If a value is not allowed.
        """
        check_known("setting", given, [item.name for item in fields(cls)])
        return cls(**given)

    def resolve(self) -> tuple[Task, ...]:
        """Return the tasks, in the order given.

        Raises:
            ValueError: Naming the task, the weight or the scale that is not allowed.
        """
        entries = [_entry(entry) for entry in self.tasks]
        names = [name for name, *_ in entries]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(
                    f"tasks names {name!r} twice: give one of them a name, as in {{'task': ..., 'name': ...}}"
                )
        weights = _by_name("weights", self.weights, names)
        scales = _by_name("reward_scale", self.reward_scale, names)
        if not any(weights.get(name, 1.0) for name in names):
            raise ValueError(f"weights={dict(self.weights)!r} must leave one task with more than 0")
        return tuple(
            Task(
                name,
                env_id,
                preset := ENVIRONMENTS[env_id].kwargs["task"],
                _family(env_id),
                settings,
                weights.get(name, 1.0),
                scales.get(name, 1.0 / EXPERT_RETURNS[preset]),
                limit,
            )
            for name, env_id, settings, limit in entries
        )

    def shared(self, task: Task) -> dict[str, Any]:
        """Return the settings that this mix asks of a task, besides its own."""
        common: dict[str, Any] = {
            "split": self.split,
            "num_scenarios": self.num_scenarios,
            "threads": self.threads,
        }
        if task.family == "driving":
            sizes: dict[str, Any] = {"camera_size": self.camera_size, "lidar_beams": self.lidar_beams}
            if task.preset == "parking":  # its lidar is a part of one vector, of a size of its own
                sizes = {}
            common |= {key: size for key, size in sizes.items() if size is not None}
        return common

    def make(self, num_worlds: int) -> list[Simulator]:
        """Return a simulator of ``num_worlds`` worlds for each task.

        Raises:
            ValueError: If a setting is not allowed, naming the task.
        """
        return [task.make(num_worlds, self.shared(task)) for task in self.resolve()]

    def join_actions(self, simulators: Sequence[Simulator]) -> CommonActions:
        """Return the common actions of the tasks' simulators.

        Raises:
            ValueError: If they cannot be joined.
        """
        tasks, own = self.resolve(), [simulator.action_space for simulator in simulators]
        boxes = [isinstance(space, spaces.Box) for space in own]
        discrete = self.action == "discrete" or (self.action == "auto" and not all(boxes))
        grids = [
            DRIVING_GRID if discrete and box and task.family == "driving" else None
            for task, box in zip(tasks, boxes, strict=True)
        ]
        return CommonActions(own, [task.name for task in tasks], grids)


def _driving(num_worlds: int, preset: str, settings: dict[str, Any]) -> Simulator:
    from mmenvs.driving.config import DrivingConfig
    from mmenvs.driving.simulator import DrivingSimulator
    from mmenvs.driving.tasks import task_defaults

    return DrivingSimulator(num_worlds, DrivingConfig.from_keywords(task_defaults(preset), settings))


def _recommender(num_worlds: int, preset: str, settings: dict[str, Any]) -> Simulator:
    from mmenvs.recommender.config import RecommenderConfig
    from mmenvs.recommender.simulator import RecommenderSimulator

    return RecommenderSimulator(num_worlds, RecommenderConfig.from_keywords({"task": preset, **settings}))


def _entry(given: Any) -> tuple[str, str, dict[str, Any], int]:
    """Return name, id, settings and time limit of an entry of ``tasks``."""
    if isinstance(given, str):
        given = {"task": given}
    if not isinstance(given, Mapping) or not isinstance(given.get("task"), str):
        raise ValueError(f"tasks: {given!r} must be the name of a task, or a mapping with the key 'task'")
    env_id = _id_of(given["task"])
    name = given.get("name", _short(env_id))
    if not isinstance(name, str) or not name:
        raise ValueError(f"tasks: name={name!r} must be a word")
    limit = ENVIRONMENTS[env_id].max_episode_steps
    asked = given.get("max_episode_steps", limit)
    steps = whole_number(f"tasks: max_episode_steps of {name!r}", asked, 1, 10**9)
    return name, env_id, {key: value for key, value in given.items() if key not in _ENTRY_KEYS}, steps


def _id_of(task: str) -> str:
    known = {_short(env_id): env_id for env_id in ENVIRONMENTS if _family(env_id)}
    env_id = known.get(_short(task))
    if env_id is None or task not in (env_id, _short(env_id)):
        close = difflib.get_close_matches(task, known, 3, 0.4)
        hint = f"; did you mean {' or '.join(map(repr, close))}?" if close else ""
        raise ValueError(f"tasks: {task!r} must be one of {', '.join(known)}, or its id{hint}")
    return env_id


def _short(env_id: str) -> str:
    return env_id.rsplit("/", maxsplit=1)[-1].removesuffix("-v0")


def _family(env_id: str) -> str:
    """Return the family of an id, empty for one that is no task."""
    module = ENVIRONMENTS[env_id].entry_point.split(".")[1]
    return module if module in FAMILIES else ""


def _by_name(field_name: str, given: Any, names: Sequence[str]) -> dict[str, float]:
    if not isinstance(given, Mapping):
        raise ValueError(f"{field_name}={given!r} must be a mapping of names of tasks to numbers")
    for name in given:
        if name not in names:
            raise ValueError(
                f"{field_name}[{name!r}] must be of one of the tasks {', '.join(map(repr, names))}"
            )
    return {name: real_number(f"{field_name}[{name!r}]", given[name], 0.0, 1e9) for name in given}


def cumulative(tasks: Sequence[Task]) -> NDArray[np.float64]:
    """Return the upper edges of the tasks' shares of [0, 1), float64 of shape (tasks,)."""
    edges = np.cumsum([task.weight for task in tasks])
    return np.asarray(edges / edges[-1], np.float64)
