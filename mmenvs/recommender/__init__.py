"""The recommender world: users who click, linger, get bored and leave, and items seen, read and measured."""

from __future__ import annotations

from mmenvs.recommender.config import MODALITIES, RecommenderConfig
from mmenvs.recommender.env import RecommenderEnv, RecommenderVectorEnv
from mmenvs.recommender.policies import MyopicPolicy, OraclePolicy, Policy, RandomPolicy
from mmenvs.recommender.simulator import RecommenderSimulator

__all__ = [
    "MODALITIES",
    "MyopicPolicy",
    "OraclePolicy",
    "Policy",
    "RandomPolicy",
    "RecommenderConfig",
    "RecommenderEnv",
    "RecommenderSimulator",
    "RecommenderVectorEnv",
]
