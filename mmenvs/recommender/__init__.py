"""The recommender world: users who click, linger, rate, get bored and leave, and items to see and read."""

from __future__ import annotations

from mmenvs.recommender.config import MODALITIES, RecommenderConfig
from mmenvs.recommender.items import Catalogue
from mmenvs.recommender.observe import Event, Observer
from mmenvs.recommender.simulator import RecommenderSimulator
from mmenvs.recommender.users import UserModel

__all__ = [
    "MODALITIES",
    "Catalogue",
    "Event",
    "Observer",
    "RecommenderConfig",
    "RecommenderSimulator",
    "UserModel",
]
