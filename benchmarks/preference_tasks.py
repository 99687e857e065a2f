"""The tasks on which learning from people is measured: small enough for many seeds on two cores."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from agents.algorithm_config import PPOConfig
from agents.config import EncoderConfig, HistoryConfig
from agents.defaults import DEFAULTS
from agents.train_config import TrainConfig
from feedback.queries import QueryConfig
from feedback.reward_models import RewardConfig

#: Worlds of every agent.
_WORLDS = 64

#: Name to the settings of the agent.  Pictures are left out: they would take three quarters of the time.
TASKS: dict[str, TrainConfig] = {
    "path": replace(
        DEFAULTS["mmenvs/PathPlanning-v0"],
        steps=200_000,
        num_envs=_WORLDS,
        env_kwargs={"sensors": ("lidar", "state"), "threads": 1},
        device="cpu",
    ),
    "highway": TrainConfig(
        "mmenvs/Highway-v0",
        steps=250_000,
        num_envs=_WORLDS,
        env_kwargs={"sensors": ("lidar", "radar", "state"), "action": "discrete", "dt": 0.2, "threads": 1},
        reward_scale=0.05,
        ppo=PPOConfig(9e-4, anneal=True, n_steps=64, batch_size=512, n_epochs=4, gamma=0.99, ent_coef=0.003),
        device="cpu",
    ),
    "recommender": TrainConfig(
        "mmenvs/Recommender-v0",
        steps=200_000,
        num_envs=_WORLDS,
        env_kwargs={
            "candidates": 4,
            "modalities": ("attributes", "history", "user"),
            "users": {"boredom": None, "population": {"spread": 0.5}},
            "threads": 1,
        },
        ppo=PPOConfig(9e-4, anneal=True, n_steps=32, batch_size=256, n_epochs=3, gamma=0.5, ent_coef=0.003),
        device="cpu",
    ),
}

#: How often an agent is tested on each test scenario, with other seeds.  What a user gets out of a session
#: differs so much, from seed to seed as well, that the mean of 200 sessions is off by 0.6 of 14: that is as
#: much as is to be measured.
TEST_ROUNDS: dict[str, int] = {"path": 1, "highway": 1, "recommender": 5}

#: A reward of a recommender: who judges one looks at what the user just did, not at who the user is or at the
#: place of the item on the page.
ANSWER_REWARD = RewardConfig(
    horizon=4,
    keys=("history_feedback",),
    actions=False,
    learning_rate=3e-3,
    reward_penalty=0.05,
    encoder=EncoderConfig(history=HistoryConfig(encoder="newest", features=16)),
)

#: Name to what learning from people does otherwise than by default.  On a recommender a page is judged by
#: itself, so that clips are short, and that a user left says little.  What is dangerous on a highway takes
#: longer to find in the same answers.
RECIPES: dict[str, dict[str, Any]] = {
    "path": {},
    "highway": {"reward": RewardConfig(epochs=16)},
    "recommender": {
        "rounds": 4,
        "asking": 0.2,
        "reward_scale": 0.3,
        "query": QueryConfig(length=4, end_fraction=0.1),
        "reward": ANSWER_REWARD,
    },
}
