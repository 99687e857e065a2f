"""A learned reward in place of the true one, for Stable-Baselines3."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray
from stable_baselines3.common.vec_env import VecEnv, VecEnvWrapper
from stable_baselines3.common.vec_env.base_vec_env import VecEnvObs, VecEnvStepReturn

from agents.vec_env import GymVecEnv
from feedback.clips import as_mapping
from feedback.reward_models import RewardModel


class LearnedReward(VecEnvWrapper):
    """Replaces the reward of every world by what a reward model predicts for the step.

    ``infos[i]["true_reward"]`` keeps the environment's own.  Episode statistics (``infos[i]["episode"]``)
    come from the wrapped environment and so stay true returns; that is what a log should show, because
    the learned return says nothing about how good the agent is.
    """

    def __init__(self, venv: VecEnv, reward_model: RewardModel) -> None:
        """Wrap an environment.

        Args:
            venv: The environment.
            reward_model: A model for the observations as the environment itself gives them; see
                :class:`EnvLayout`.
        """
        super().__init__(venv)
        self.reward_model = reward_model
        self._layout = EnvLayout(venv)
        self._seen: dict[str, NDArray[Any]] = {}
        self._actions: NDArray[Any] = np.empty(0)

    def reset(self) -> VecEnvObs:
        """Start an episode in every world."""
        observations = self.venv.reset()
        self._seen = self._layout.undo(observations)
        return observations

    def step_async(self, actions: NDArray[Any]) -> None:
        """Send the actions, shape (worlds, *action shape)."""
        self._actions = actions
        self.venv.step_async(actions)

    def step_wait(self) -> VecEnvStepReturn:
        """Take the step and judge what was seen before it and what was done."""
        observations, true_rewards, dones, infos = self.venv.step_wait()
        rewards, _ = self.reward_model.predict(self._seen, self._actions)
        self._seen = self._layout.undo(observations)
        for info, reward in zip(infos, true_rewards.tolist(), strict=True):
            info["true_reward"] = reward
        return observations, rewards, dones, infos


class EnvLayout:
    """Gives observations of a VecEnv the layout that the environment itself uses.

    Stable-Baselines3 wants pictures as (channels, height, width); recordings, people and reward models
    see them as the environment shows them, so that a clip is the same whoever recorded it.

    Attributes:
        space: Observation space of one world in the environment's own layout; always a Dict.
    """

    def __init__(self, venv: VecEnv) -> None:
        """Compare the layout of a VecEnv with that of the environment within."""
        base: Any = venv.unwrapped
        own = base.env.single_observation_space if isinstance(base, GymVecEnv) else venv.observation_space
        self.space = own if isinstance(own, spaces.Dict) else spaces.Dict({"observation": own})
        shown: Any = venv.observation_space
        shapes = {k: v.shape for k, v in shown.items()} if isinstance(shown, spaces.Dict) else None
        self._moved = [
            key
            for key, leaf in self.space.items()
            if leaf.shape != (shapes[key] if shapes is not None else shown.shape)
        ]

    def undo(self, observations: Any) -> dict[str, NDArray[Any]]:
        """Return a batch in the environment's layout, as views."""
        result: Mapping[str, NDArray[Any]] = as_mapping(observations)
        return {
            key: np.moveaxis(value, -3, -1) if key in self._moved else value for key, value in result.items()
        }
