"""The one table of environment ids."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import gymnasium as gym


@dataclass(frozen=True)
class Entry:
    """One id: where its two faces are made, with which settings and time limit.

    Attributes:
        entry_point: ``"module:callable"`` of the single environment.
        vector_entry_point: ``"module:callable"`` of the native vector environment.
        max_episode_steps: Steps after which an episode is truncated.
        kwargs: JSON-serialisable keyword arguments, overridden by those of ``gym.make``.
    """

    entry_point: str
    vector_entry_point: str
    max_episode_steps: int
    kwargs: dict[str, Any] = field(default_factory=dict)


def _driving(name: str, task: str, max_episode_steps: int, vector: str = "Driving") -> Entry:
    return Entry(
        f"mmenvs.driving.envs:{name}Env",
        f"mmenvs.driving.envs:{vector}VectorEnv",
        max_episode_steps,
        {"task": task},
    )


_RECOMMENDER = ("mmenvs.recommender.env:RecommenderEnv", "mmenvs.recommender.env:RecommenderVectorEnv")

ENVIRONMENTS: dict[str, Entry] = {
    "mmenvs/Driving-v0": _driving("Driving", "driving", 600),
    "mmenvs/PathPlanning-v0": _driving("PathPlanning", "path_planning", 200),
    "mmenvs/Highway-v0": _driving("Highway", "highway", 600),
    "mmenvs/Merge-v0": _driving("Merge", "merge", 600),
    "mmenvs/Exit-v0": _driving("Exit", "exit", 600),
    "mmenvs/Intersection-v0": _driving("Intersection", "intersection", 900),
    "mmenvs/SignalisedIntersection-v0": _driving("SignalisedIntersection", "signalised_intersection", 1500),
    "mmenvs/Roundabout-v0": _driving("Roundabout", "roundabout", 600),
    "mmenvs/Racetrack-v0": _driving("Racetrack", "racetrack", 900),
    "mmenvs/PedestrianCrossing-v0": _driving("PedestrianCrossing", "pedestrian_crossing", 900),
    "mmenvs/EmergencyVehicle-v0": _driving("EmergencyVehicle", "emergency_vehicle", 900),
    "mmenvs/Parking-v0": _driving("Parking", "parking", 500, "Parking"),
    "mmenvs/NightFog-v0": _driving("NightFog", "night_fog", 600),
    "mmenvs/Instructed-v0": _driving("Instructed", "instructed", 1500),
    "mmenvs/Recommender-v0": Entry(*_RECOMMENDER, 100),
}


def register_environments() -> None:
    """Register every id with Gymnasium; calling it again changes nothing."""
    for name, entry in ENVIRONMENTS.items():
        if name not in gym.registry:
            gym.register(
                id=name,
                entry_point=entry.entry_point,
                vector_entry_point=entry.vector_entry_point,
                max_episode_steps=entry.max_episode_steps,
                kwargs=dict(entry.kwargs),
            )
