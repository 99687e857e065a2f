"""A learned reward in place of the true one, for Stable-Baselines3."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray
from stable_baselines3.common.vec_env import VecEnv, VecEnvWrapper
from stable_baselines3.common.vec_env.base_vec_env import VecEnvObs, VecEnvStepReturn

from agents.vec_env import GymVecEnv
from feedback.clips import as_mapping
from feedback.reward_models import RewardModel
from feedback.shaping import with_endings
from feedback.tracking import succeeded

#: Episodes that a mean return is over, if there are not more worlds than that.
_RECENT = 100


class RecentReturns:
    """The returns of the latest episodes of every world.

    The last hundred of all would do as well, but for the beginning: the first episodes that end are short,
    and where a long one earns more, their mean rises for no other reason than that longer ones end as well.
    """

    def __init__(self, worlds: int) -> None:
        """Start before the first step."""
        self._sums = np.zeros(worlds)
        self._latest = np.full((math.ceil(_RECENT / worlds), worlds), np.nan)

    def begin(self) -> None:
        """Start an episode in every world; those that were not finished do not count."""
        self._sums[:] = 0.0

    def add(self, rewards: NDArray[Any], dones: NDArray[np.bool_]) -> None:
        """Take a step of every world; both of shape (worlds,)."""
        self._sums += rewards
        self._latest[1:, dones] = self._latest[:-1, dones]
        self._latest[0, dones] = self._sums[dones]
        self._sums[dones] = 0.0

    def clear(self) -> None:
        """Forget the episodes that are over."""
        self._latest[:] = np.nan

    @property
    def mean(self) -> float:
        """The mean over worlds of what their latest episodes returned; NaN until every one has ended once."""
        if np.isnan(self._latest[0]).any():
            return math.nan
        return float(np.nanmean(self._latest, axis=0).mean())


class LearnedReward(VecEnvWrapper):
    """Replaces the reward of every world by what a reward model predicts for the step.

    ``infos[i]["true_reward"]`` keeps the environment's own.  Episode statistics (``infos[i]["episode"]``)
    come from the wrapped environment and so stay true returns; that is what a log should show, because
    the learned return says nothing about how good the agent is.

    Attributes:
        reward_model: The model.
        recent: Sums of the learned rewards of recent episodes.
        recent_true: Sums of their true rewards.
        bonus: Weight of the members' disagreement, added to the reward so that the agent looks at what is not
            known yet (RUNE; Liang et al. 2022, arXiv:2205.12401).
        scale: Factor on what the agent gets.
    """

    def __init__(
        self, venv: VecEnv, reward_model: RewardModel, *, gamma: float | None = None, scale: float = 1.0
    ) -> None:
        """Wrap an environment.

        Args:
            venv: The environment.
            reward_model: A model for the observations as the environment itself gives them; see
                :class:`EnvLayout`.
            gamma: The discount factor of the agent, for what an end is worth; None for nothing.
            scale: Factor on what the agent gets.
        """
        super().__init__(venv)
        self.reward_model = reward_model
        self.recent, self.recent_true = RecentReturns(venv.num_envs), RecentReturns(venv.num_envs)
        self.bonus = 0.0
        self._gamma, self.scale = gamma, scale
        self._layout = EnvLayout(venv)
        self._rewards: list[tuple[float, float]] = []
        self._seen: dict[str, NDArray[Any]] = {}
        self._actions: NDArray[Any] = np.empty(0)

    def reset(self) -> VecEnvObs:
        """Start an episode in every world."""
        observations = self.venv.reset()
        self._seen = self._layout.undo(observations)
        self.recent.begin()
        self.recent_true.begin()
        return observations

    def step_async(self, actions: NDArray[Any]) -> None:
        """Send the actions, shape (worlds, *action shape)."""
        self._actions = actions
        self.venv.step_async(actions)

    def step_wait(self) -> VecEnvStepReturn:
        """Take the step and judge what was done and what was seen before or after it."""
        observations, true_rewards, dones, infos = self.venv.step_wait()
        seen = self._seen
        if self.reward_model.sees == "after":
            seen = self._layout.undo(after_step(observations, dones, infos))
        terminated, arrived = np.zeros_like(dones), np.zeros_like(dones)
        for world in np.flatnonzero(dones).tolist():
            terminated[world] = not infos[world].get("TimeLimit.truncated", False)
            arrived[world] = succeeded(infos[world])
        rewards = self.judge(seen, self._actions, terminated, arrived)
        self._rewards.append((float(rewards.mean()), float(true_rewards.mean())))
        self.recent.add(rewards, dones)
        self.recent_true.add(true_rewards, dones)
        self._seen = self._layout.undo(observations)
        for info, reward in zip(infos, true_rewards.tolist(), strict=True):
            info["true_reward"] = reward
        return observations, (self.scale * rewards).astype(np.float32), dones, infos

    def take_means(self) -> tuple[float, float]:
        """Return the mean learned and true reward of a step since the last call; NaN without any step.

        Unlike sums over episodes they do not depend on which episodes have ended, nor on how long those are.
        """
        steps, self._rewards = self._rewards, []
        if not steps:
            return math.nan, math.nan
        learned, true = np.mean(steps, axis=0).tolist()
        return learned, true

    def judge(
        self,
        seen: Mapping[str, NDArray[Any]],
        actions: NDArray[Any],
        terminated: NDArray[np.bool_],
        arrived: NDArray[np.bool_],
    ) -> NDArray[np.float32]:
        """Return what steps are worth, those of now or of long ago, before they are scaled.

        Args:
            seen: Key to array of shape (steps, *space.shape) in the environment's own layout: what was seen
                before each step, or after it, as the model's ``sees`` says.
            actions: As the environment takes them, shape (steps, *action shape).
            terminated: Where the step ended its episode, a time limit left out, shape (steps,).
            arrived: Where that end was the goal, shape (steps,).

        Returns:
            Shape (steps,).
        """
        mean, deviation = self.reward_model.predict(seen, actions)
        rewards: NDArray[np.float32] = mean + self.bonus * deviation
        return with_endings(rewards, self.reward_model, self._gamma, terminated, arrived)


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


def after_step(observations: Any, dones: NDArray[np.bool_], infos: Sequence[Mapping[str, Any]]) -> Any:
    """Return what was seen after a step in every world, where an episode is over the last of it.

    Args:
        observations: What the step of a VecEnv returned, a batch or a Dict of batches; where an episode is
            over, this is the first observation of the next one.
        dones: Where an episode is over, shape (worlds,).
        infos: What the step told, one mapping per world.
    """
    over = [w for w in np.flatnonzero(dones).tolist() if infos[w].get("terminal_observation") is not None]
    if not over:
        return observations
    if isinstance(observations, Mapping):
        after = {key: value.copy() for key, value in observations.items()}
        for world in over:
            for key, value in after.items():
                value[world] = infos[world]["terminal_observation"][key]
        return after
    whole = observations.copy()
    for world in over:
        whole[world] = infos[world]["terminal_observation"]
    return whole
