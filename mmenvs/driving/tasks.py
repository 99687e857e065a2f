"""The presets behind the driving ids."""

from __future__ import annotations

from typing import Any

#: Task name to the settings in which it differs from :class:`~mmenvs.driving.config.DrivingConfig`.
TASKS: dict[str, dict[str, Any]] = {
    "driving": {},
    "path_planning": {
        "sensors": ("camera", "lidar", "state"),
        "camera_size": (64, 64),
        "camera_fov": 75.0,
        "lidar_beams": 120,
        "action": "steer",
        "reward": "safe_step",
        "dt": 0.2,
        "lanes": 3,
        "oncoming_lanes": 1,
        "road_length": 160.0,
        "max_curvature": 0.012,
        "traffic_vehicles": 4,
        "traffic_speed": (3.5, 5.5),
        "obstacle_spacing": 48.0,
        "blocked_lanes": 1,
        "pace": 9.0,
    },
}


def task_defaults(task: str) -> dict[str, Any]:
    """Return the settings of a task.

    Raises:
        ValueError: If there is no such task.
    """
    if task not in TASKS:
        raise ValueError(f"task={task!r} must be one of {', '.join(map(repr, TASKS))}")
    return TASKS[task]
