"""Reference policies: what chance, greed, learning and foresight reach.

Each acts on a :class:`~mmenvs.recommender.simulator.RecommenderSimulator` through
``actions(simulator)``, which returns one valid action per world.  Those that read the user's hidden state
are ceilings to quote a score against, as ``(R - random) / (ceiling - random)``, and not competitors:
:func:`ceiling_policy` names the one of a task.  Learners see what an agent sees and are told what came of
each step (``observe``); logging policies know the exact probabilities of their choices.
"""

from __future__ import annotations

from mmenvs.recommender.policies.appraisal import MyopicPolicy, expected_satisfaction
from mmenvs.recommender.policies.aware import BaitPolicy, BoredomAwarePolicy, BudgetAwarePolicy
from mmenvs.recommender.policies.base import Policy, PopularityPolicy, RandomPolicy
from mmenvs.recommender.policies.learners import LearningPolicy, LinUCB, ThompsonSampling
from mmenvs.recommender.policies.logging import EpsilonGreedy, LoggingPolicy, Softmax, Uniform
from mmenvs.recommender.policies.neighbours import ItemKNN
from mmenvs.recommender.policies.oracle import OraclePolicy
from mmenvs.recommender.policies.projection import ProjectedPolicy
from mmenvs.recommender.policies.scores import Score, ceiling_policy, evaluate, normalised
from mmenvs.recommender.policies.slates import best_slate, bootstrap_target, slate_value

__all__ = [
    "BaitPolicy",
    "BoredomAwarePolicy",
    "BudgetAwarePolicy",
    "EpsilonGreedy",
    "ItemKNN",
    "LearningPolicy",
    "LinUCB",
    "LoggingPolicy",
    "MyopicPolicy",
    "OraclePolicy",
    "Policy",
    "PopularityPolicy",
    "ProjectedPolicy",
    "RandomPolicy",
    "Score",
    "Softmax",
    "ThompsonSampling",
    "Uniform",
    "best_slate",
    "bootstrap_target",
    "ceiling_policy",
    "evaluate",
    "expected_satisfaction",
    "normalised",
    "slate_value",
]
