"""What a user is like and does, one law a file; :class:`UserModel` puts them together.

Each law is a frozen dataclass of its numbers and a few pure scalar functions that kernels and policies
share, so that an oracle computes with exactly the user that the simulator runs.
"""

from __future__ import annotations

from mmenvs.recommender.users.boredom import FadingBoredom, WindowBoredom
from mmenvs.recommender.users.budget import Budget
from mmenvs.recommender.users.choice import Cascade, MultinomialLogit, PositionBased, Proportional
from mmenvs.recommender.users.drift import Attraction, RandomWalk, Reinforcement
from mmenvs.recommender.users.dwell import DwellMixture, Engagement, FixedLength
from mmenvs.recommender.users.leaving import Leaving, Returning
from mmenvs.recommender.users.model import UserModel
from mmenvs.recommender.users.mood import MovingAverage, NetExposure
from mmenvs.recommender.users.organic import Organic
from mmenvs.recommender.users.rating import Rating
from mmenvs.recommender.users.taste import Population

__all__ = [
    "Attraction",
    "Budget",
    "Cascade",
    "DwellMixture",
    "Engagement",
    "FadingBoredom",
    "FixedLength",
    "Leaving",
    "MovingAverage",
    "MultinomialLogit",
    "NetExposure",
    "Organic",
    "Population",
    "PositionBased",
    "Proportional",
    "RandomWalk",
    "Rating",
    "Reinforcement",
    "Returning",
    "UserModel",
    "WindowBoredom",
]
