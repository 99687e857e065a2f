"""The presets behind the ids: settings by task name."""

from __future__ import annotations

from typing import Any

from mmenvs.recommender.users import (
    Attraction,
    Budget,
    Engagement,
    FadingBoredom,
    FixedLength,
    NetExposure,
    Organic,
    Population,
    PositionBased,
    Proportional,
    RandomWalk,
    Reinforcement,
    UserModel,
    WindowBoredom,
)

#: Everybody looks at the first place and clicks it.
_ALWAYS_FIRST = PositionBased(decay=0.0, slope=1.0, offset=-50.0)

TASKS: dict[str, dict[str, Any]] = {
    "recommender": {},
    "slate_recommender": {
        "action": "slate",
        "slate_size": 3,
        "users": UserModel(drift=Attraction(rate=0.02)),
    },
    "proto_recommender": {
        "action": "proto",
        "slate_size": 10,
        "candidates": None,
        "items": 1_000,
        "modalities": ("history", "user"),
        # Ten places a step: with the threshold of one place a step everybody would be bored at once.
        "users": UserModel(choice=PositionBased(offset=2.0), boredom=FadingBoredom(threshold=8.0)),
    },
    "cold_start": {
        "new_share": 0.3,
        "on_sale": 0.5,
        "items": 400,
        "users": UserModel(population=Population(types=8, spread=0.6, cold=1.0, season=0.5)),
    },
    "clickbait": {
        "reward": "clicks",
        "clickbait_share": 0.35,
        # With 3 logits who shows what is clicked most does not yet do worse than who shows anything at all.
        "users": UserModel(gullibility=6.0),
    },
    "interest_evolution": {
        "action": "slate",
        "slate_size": 3,
        "catalogue": "interest_evolution",
        "items": 20_000,
        "raw_traits": True,
        "reward": "dwell",
        "modalities": ("attributes", "history", "user"),
        "users": UserModel(
            population=Population(shape="uniform", profile_noise=0.0, live=True),
            choice=Proportional(),
            dwell=FixedLength(limit=4.0),
            boredom=None,
            drift=Reinforcement(),
            rating=None,
            leaving=None,
            budget=Budget(),
        ),
    },
    "long_term_satisfaction": {
        "catalogue": "long_term_satisfaction",
        "items": 10,
        "raw_traits": True,
        "reward": "dwell",
        "modalities": ("attributes", "history"),
        "users": UserModel(
            choice=_ALWAYS_FIRST,
            dwell=Engagement(),
            mood=NetExposure(),
            boredom=None,
            rating=None,
            leaving=None,
            gullibility=0.0,
        ),
    },
    "boredom": {
        "action": "slate",
        "slate_size": 10,
        "candidates": None,
        "catalogue": "topics",
        "items": 1_000,
        "raw_traits": True,
        "reward": "clicks",
        "greeting": True,
        "modalities": ("history", "recent"),
        "users": UserModel(
            population=Population(shape="topics"),
            choice=PositionBased(decay=0.85, slope=100.0, offset=0.65),
            dwell=FixedLength(limit=1.0),
            boredom=WindowBoredom(),
            rating=None,
            leaving=None,
        ),
    },
    "organic_bandit": {
        "candidates": None,
        "catalogue": "organic",
        "items": 10,
        "raw_traits": True,
        "reward": "clicks",
        "history_length": 20,
        "modalities": ("history",),
        "users": UserModel(
            choice=PositionBased(link="nested"),
            dwell=FixedLength(limit=1.0),
            boredom=None,
            drift=RandomWalk(rate=0.1),
            rating=None,
            leaving=None,
            organic=Organic(),
        ),
    },
}
