"""The tasks on which fusions are compared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from agents.algorithm_config import PPOConfig
from agents.config import EncoderConfig, ImageConfig, TokensConfig


@dataclass(frozen=True)
class Task:
    """One task and the settings that learn it.

    Attributes:
        env_id: Where it is.
        option: Keyword of the environment that says what is observed.
        modalities: Name in that keyword to the keys of the observation that it brings.
        env_kwargs: Further keywords.
        measure: What counts, ``"success"`` or ``"mean_return"``.
        steps: World steps of a run.
        reward_scale: Factor on the rewards that PPO sees.
        ppo: Its settings.
        encoder: The networks, but for the fusion.
        faults: Name of a modality to what is wrong with it.
    """

    env_id: str
    option: str
    modalities: Mapping[str, tuple[str, ...]]
    env_kwargs: Mapping[str, Any]
    measure: str
    steps: int
    reward_scale: float
    ppo: PPOConfig
    encoder: EncoderConfig = field(default_factory=EncoderConfig)
    faults: Mapping[str, str] = field(default_factory=dict)

    def observing(self, without: str = "") -> dict[str, Any]:
        """Return the keywords of the environment with all modalities, or all but one."""
        seen = tuple(name for name in self.modalities if name != without)
        # An environment refuses faults of what it does not have.
        faults = tuple(fault for name, fault in self.faults.items() if name != without)
        given = {"faults": faults} if faults else {}
        return {**self.env_kwargs, self.option: seen, **given, "threads": 1}


_ENCODER = EncoderConfig(image=ImageConfig(features=64), tokens=TokensConfig(encoder="transformer"))
_STREET: dict[str, Any] = {
    "camera_size": (48, 48),
    "lidar_beams": 60,
    "action": "steer",
    "dt": 0.2,
    "oncoming_lanes": 1,
}
TASKS: dict[str, Task] = {
    "driving": Task(
        "mmenvs/Driving-v0",
        "sensors",
        {name: (name,) for name in ("camera", "lidar", "state", "instruction")},
        {
            **_STREET,
            "camera_fov": 75.0,
            "lanes": 3,
            "road_length": 160.0,
            "max_curvature": 0.012,
            "traffic_vehicles": 4,
            "traffic_speed": (3.5, 5.5),
            "obstacle_spacing": 48.0,
            "blocked_lanes": 1,
        },
        measure="success",
        steps=200_000,
        reward_scale=0.05,
        ppo=PPOConfig(9e-4, anneal=True, n_steps=64, batch_size=512, n_epochs=2, gamma=0.95, ent_coef=0.001),
        encoder=_ENCODER,
        faults={name: f"{name}:blackout:1:random:0.04:8" for name in ("camera", "lidar")},
    ),
    "instructed": Task(
        "mmenvs/Instructed-v0",
        "sensors",
        {name: (name,) for name in ("camera", "lidar", "motion", "instruction")},
        {**_STREET, "map": "Y", "lanes": 1, "pedestrians": 0, "traffic_vehicles": 2},
        measure="success",
        steps=150_000,
        reward_scale=0.05,
        ppo=PPOConfig(9e-4, anneal=True, n_steps=64, batch_size=512, n_epochs=4, gamma=0.95, ent_coef=0.005),
        encoder=_ENCODER,
    ),
    "recommender": Task(
        "mmenvs/Recommender-v0",
        "modalities",
        {
            "image": ("candidate_image",),
            "text": ("candidate_text",),
            "attributes": ("candidate_attributes",),
            "history": ("history_attributes", "history_feedback"),
            "user": ("user",),
        },
        {"candidates": 4, "users": {"boredom": None, "population": {"spread": 0.5}}},
        measure="mean_return",
        steps=120_000,
        reward_scale=1.0,
        ppo=PPOConfig(9e-4, anneal=True, n_steps=32, batch_size=256, n_epochs=3, gamma=0.5, ent_coef=0.003),
        encoder=replace(_ENCODER, width=32),
    ),
}
