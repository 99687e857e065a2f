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
        max_episode_steps: Steps after which an episode is truncated; None if the world has its own limits.
        kwargs: JSON-serialisable keyword arguments, overridden by those of ``gym.make``.
    """

    entry_point: str
    vector_entry_point: str
    max_episode_steps: int | None
    kwargs: dict[str, Any] = field(default_factory=dict)


def _driving(name: str, task: str, max_episode_steps: int, vector: str = "Driving") -> Entry:
    return Entry(
        f"mmenvs.driving.envs:{name}Env",
        f"mmenvs.driving.envs:{vector}VectorEnv",
        max_episode_steps,
        {"task": task},
    )


def _recommender(name: str, task: str, max_episode_steps: int = 100) -> Entry:
    module = "env" if task == "recommender" else "envs"
    return Entry(
        f"mmenvs.recommender.{module}:{name}Env",
        "mmenvs.recommender.env:RecommenderVectorEnv",
        max_episode_steps,
        {"task": task},
    )


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
    "mmenvs/Recommender-v0": _recommender("Recommender", "recommender"),
    "mmenvs/SlateRecommender-v0": _recommender("SlateRecommender", "slate_recommender"),
    "mmenvs/ProtoRecommender-v0": _recommender("ProtoRecommender", "proto_recommender"),
    "mmenvs/ColdStart-v0": _recommender("ColdStart", "cold_start"),
    "mmenvs/Clickbait-v0": _recommender("Clickbait", "clickbait"),
    "mmenvs/InterestEvolution-v0": _recommender("InterestEvolution", "interest_evolution", 1000),
    "mmenvs/LongTermSatisfaction-v0": _recommender("LongTermSatisfaction", "long_term_satisfaction", 60),
    "mmenvs/Boredom-v0": _recommender("Boredom", "boredom"),
    "mmenvs/OrganicBandit-v0": _recommender("OrganicBandit", "organic_bandit", 500),
    "mmenvs/MultiTask-v0": Entry(
        "mmenvs.multitask.env:MultiTaskEnv", "mmenvs.multitask.env:MultiTaskVectorEnv", None
    ),
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
