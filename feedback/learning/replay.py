"""A replay buffer whose rewards are what the reward model of now says, however long ago the steps were."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any, cast

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray
from stable_baselines3.common.buffers import DictReplayBuffer, ReplayBuffer
from stable_baselines3.common.off_policy_algorithm import OffPolicyAlgorithm
from stable_baselines3.common.vec_env import VecNormalize

from feedback.clips import as_mapping
from feedback.learning.novelty import Novelty
from feedback.tracking import succeeded
from feedback.vec_wrapper import EnvLayout, LearnedReward

#: Transitions that are judged at a time; bounds the memory.
_AT_A_TIME = 1024


class JudgedBuffer(ReplayBuffer):
    """Knows which episodes arrived at their goal, and may reward novelty instead of what it holds.

    Attributes:
        arrived: Where a step ended an episode at its goal, shape (size of the buffer, worlds).
        novelty: What stands for the reward of every sample as long as it is there.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Take the arguments of the buffers of Stable-Baselines3."""
        super().__init__(*args, **kwargs)
        self.arrived = np.zeros((self.buffer_size, self.n_envs), np.bool_)
        self.novelty: Novelty | None = None

    def add(
        self,
        obs: Any,
        next_obs: Any,
        action: NDArray[Any],
        reward: NDArray[Any],
        done: NDArray[Any],
        infos: list[dict[str, Any]],
    ) -> None:
        """Keep a step of every world."""
        self.arrived[self.pos] = [
            bool(over) and succeeded(info) for over, info in zip(done, infos, strict=True)
        ]
        if self.novelty is not None:
            self.novelty.see(next_obs)
        super().add(obs, next_obs, action, reward, done, infos)

    def _get_samples(self, batch_inds: NDArray[np.int64], env: VecNormalize | None = None) -> Any:
        samples = super()._get_samples(batch_inds, env)
        if self.novelty is None:
            return samples
        seen: Any = samples.next_observations
        found = {key: value.cpu().numpy() for key, value in seen.items()} if isinstance(seen, dict) else None
        rewards = self.novelty.rewards(seen.cpu().numpy() if found is None else found)
        return samples._replace(rewards=self.to_torch(rewards[:, None]))


class BoxJudgedBuffer(JudgedBuffer):
    """For observations that are one array."""


class DictJudgedBuffer(JudgedBuffer, DictReplayBuffer):
    """For observations that are a Dict of arrays."""


def give_buffer(agent: OffPolicyAlgorithm) -> JudgedBuffer:
    """Give an agent that has learned nothing yet such a buffer, as large as its own."""
    kind = DictJudgedBuffer if isinstance(agent.observation_space, spaces.Dict) else BoxJudgedBuffer
    buffer = kind(
        agent.buffer_size,
        agent.observation_space,
        agent.action_space,
        device=agent.device,
        n_envs=agent.n_envs,
    )
    agent.replay_buffer = buffer
    return buffer


def load_buffer(agent: OffPolicyAlgorithm, file: Path) -> None:
    """Give an agent the buffer that was kept beside it.

    Raises:
        ValueError: If the file is missing or damaged, holds something else, or other worlds than the agent's.
    """
    try:
        agent.load_replay_buffer(file)
    except (OSError, EOFError, pickle.UnpicklingError, AttributeError, ImportError, AssertionError) as error:
        raise ValueError(f"{file} cannot be read as a replay buffer: {error}") from error
    buffer = agent.replay_buffer
    if not isinstance(buffer, JudgedBuffer) or buffer.n_envs != agent.n_envs:
        worlds = getattr(buffer, "n_envs", None)
        raise ValueError(f"{file} holds a buffer of {worlds} worlds, but the agent has {agent.n_envs}")


def relabel(agent: OffPolicyAlgorithm, venv: LearnedReward) -> None:
    """Write into an agent's buffer the reward that its worlds would give for each step now.

    Args:
        agent: With a :class:`JudgedBuffer`.
        venv: Its worlds.
    """
    buffer = cast(JudgedBuffer, agent.replay_buffer)
    layout = EnvLayout(venv)
    held = buffer.next_observations if venv.reward_model.sees == "after" else buffer.observations
    shown = agent.observation_space
    shapes = {key: leaf.shape or () for key, leaf in shown.items()} if isinstance(shown, spaces.Dict) else {}
    steps = buffer.size()
    rows = max(_AT_A_TIME // buffer.n_envs, 1)
    for begin in range(0, steps, rows):
        span = slice(begin, min(begin + rows, steps))
        pieces: Any = (
            {key: value[span].reshape(-1, *shapes[key]) for key, value in held.items()}
            if isinstance(held, dict)
            else held[span].reshape(-1, *(shown.shape or ()))
        )
        # The buffer keeps actions in [-1, 1]; people and reward models know them as the environment does.
        scaled = buffer.actions[span].reshape(-1, *(agent.action_space.shape or ()))
        actions = agent.policy.unscale_action(scaled)
        terminated = (buffer.dones[span] > 0) & ~(buffer.timeouts[span] > 0)
        arrived = buffer.arrived[span]
        rewards = venv.judge(
            layout.undo(as_mapping(pieces)), actions, terminated.reshape(-1), arrived.reshape(-1)
        )
        buffer.rewards[span] = venv.scale * rewards.reshape(-1, buffer.n_envs)
