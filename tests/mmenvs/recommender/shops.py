"""Shops to test with: simulators whose users have come in."""

from __future__ import annotations

from typing import Any

import numpy as np

from mmenvs.recommender import RecommenderConfig, RecommenderSimulator

#: Users who click whatever they see and never leave.
EAGER = {"choice": {"no_click": -50.0}, "leaving": None}

#: All that is random at once.
EVERYTHING: dict[str, Any] = {
    "action": "slate",
    "slate_size": 3,
    "on_sale": 0.5,
    "churn": 0.1,
    "clickbait_share": 0.3,
    "missing_rate": 0.3,
    "new_share": 0.2,
    "modalities": ("image", "image_features", "text", "attributes", "history", "user", "recent"),
    "users": {
        "population": {"types": 3, "spread": 0.7, "cold": 0.3, "season": 0.5},
        "drift": {"law": "RandomWalk", "rate": 0.05},
        "rating": {"probability": 0.6},
        "leaving": {"bias": -2.5},
        "returning": {"horizon": 20},
    },
}


def shop(worlds: int = 1, seed: int = 0, scenarios: Any = None, **settings: Any) -> RecommenderSimulator:
    """Return a simulator after its first reset."""
    simulator = RecommenderSimulator(worlds, RecommenderConfig.from_keywords(settings))
    start(simulator, scenarios, seed)
    return simulator


def start(simulator: RecommenderSimulator, scenarios: Any = None, seed: int = 0) -> None:
    """Begin episodes: world i has the seed ``seed + i``, and the scenario i unless they are given."""
    worlds = np.arange(simulator.num_worlds)
    chosen = worlds if scenarios is None else np.broadcast_to(scenarios, worlds.shape)
    simulator.reset(worlds, np.uint64(seed) + worlds.astype(np.uint64), chosen.astype(np.int64))


def step(simulator: RecommenderSimulator, action: Any = 0) -> None:
    """Let every world take the same action, or each its own."""
    space = simulator.action_space
    shape = (simulator.num_worlds, *(space.shape or ()))
    actions = np.broadcast_to(np.asarray(action), shape).astype(space.dtype)
    simulator.step(actions, np.ones(simulator.num_worlds, bool))


def feedback(simulator: RecommenderSimulator, world: int = 0) -> Any:
    """Return the history's feedback of a world by name."""
    names = ("valid", "clicked", "dwell", "rating", "organic")
    return dict(zip(names, simulator.output.history_feedback[world].T, strict=True))
