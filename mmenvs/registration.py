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


_DRIVING = ("mmenvs.driving.env:DrivingEnv", "mmenvs.driving.env:DrivingVectorEnv")
_RECOMMENDER = ("mmenvs.recommender.env:RecommenderEnv", "mmenvs.recommender.env:RecommenderVectorEnv")

ENVIRONMENTS: dict[str, Entry] = {
    "mmenvs/Driving-v0": Entry(*_DRIVING, 600, {"task": "driving"}),
    "mmenvs/PathPlanning-v0": Entry(*_DRIVING, 200, {"task": "path_planning"}),
    "mmenvs/Highway-v0": Entry(*_DRIVING, 600, {"task": "highway"}),
    "mmenvs/Merge-v0": Entry(*_DRIVING, 600, {"task": "merge"}),
    "mmenvs/Exit-v0": Entry(*_DRIVING, 600, {"task": "exit"}),
    "mmenvs/Intersection-v0": Entry(*_DRIVING, 900, {"task": "intersection"}),
    "mmenvs/SignalisedIntersection-v0": Entry(*_DRIVING, 1500, {"task": "signalised_intersection"}),
    "mmenvs/Roundabout-v0": Entry(*_DRIVING, 600, {"task": "roundabout"}),
    "mmenvs/Racetrack-v0": Entry(*_DRIVING, 900, {"task": "racetrack"}),
    "mmenvs/PedestrianCrossing-v0": Entry(*_DRIVING, 900, {"task": "pedestrian_crossing"}),
    "mmenvs/EmergencyVehicle-v0": Entry(*_DRIVING, 900, {"task": "emergency_vehicle"}),
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
