"""The presets behind the driving ids."""

from __future__ import annotations

from typing import Any

_STREET_TRAFFIC = {"traffic_vehicles": 8, "traffic_speed": (7.0, 11.0), "traffic_density": (0.4, 1.0)}
_ROUTED = {"any_lane": False, "obstacle_spacing": 0}

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
    "highway": {
        "map": "highway",
        "traffic_vehicles": 24,
        "traffic_speed": (14.0, 22.0),
        "traffic_density": (0.5, 1.0),
        "obstacle_spacing": 0,
    },
    "merge": {
        **_ROUTED,
        "map": "merge",
        "traffic_vehicles": 14,
        "traffic_speed": (13.0, 19.0),
        "traffic_density": (0.4, 1.0),
    },
    "exit": {
        **_ROUTED,
        "map": "exit",
        "traffic_vehicles": 16,
        "traffic_speed": (13.0, 19.0),
        "traffic_density": (0.4, 1.0),
    },
    "intersection": {**_ROUTED, **_STREET_TRAFFIC, "map": "crossroads"},
    "signalised_intersection": {**_ROUTED, **_STREET_TRAFFIC, "map": "signals", "pedestrians": 6},
    "roundabout": {**_ROUTED, **_STREET_TRAFFIC, "map": "roundabout"},
    "racetrack": {**_ROUTED, "map": "racetrack", "traffic_vehicles": 0},
    "pedestrian_crossing": {
        **_ROUTED,
        "map": "crossings",
        "traffic_vehicles": 6,
        "traffic_speed": (6.0, 8.0),
        "pedestrians": 10,
    },
    "parking": {
        **_ROUTED,
        "map": "parking",
        "sensors": ("goal",),
        "reward": "goal",
        "lidar_beams": 36,
        "lidar_range": 20.0,
        "traffic_vehicles": 0,
        "parked_share": 0.6,
    },
    "night_fog": {
        "sensors": ("camera", "lidar", "radar", "state", "navigation"),
        "weather": ("night", "fog"),
        "traffic_vehicles": 12,
    },
    "instructed": {
        **_ROUTED,
        **_STREET_TRAFFIC,
        "map": "signals",
        "sensors": ("camera", "lidar", "motion", "instruction"),
        "pedestrians": 4,
    },
    "emergency_vehicle": {
        "map": "highway",
        "lanes": 3,
        "speed_limit": 14.0,
        "road_length": 400.0,
        "traffic_vehicles": 14,
        "traffic_speed": (8.0, 12.0),
        "emergency": True,
        "obstacle_spacing": 0,
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
