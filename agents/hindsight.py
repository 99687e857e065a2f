"""Hindsight experience replay over any goal-conditioned environment."""

from __future__ import annotations

from typing import Any

from gymnasium import spaces
from stable_baselines3.common.type_aliases import DictReplayBufferSamples
from stable_baselines3.common.vec_env import VecEnv, VecNormalize
from stable_baselines3.her.her_replay_buffer import HerReplayBuffer

GOAL_KEYS = ("observation", "achieved_goal", "desired_goal")


class HindsightBuffer(HerReplayBuffer):
    """``HerReplayBuffer`` that says what to change when it has nothing to learn from yet."""

    def sample(  # type: ignore[override]
        self, batch_size: int, env: VecNormalize | None = None
    ) -> DictReplayBufferSamples:
        """Draw transitions, most of them with goals that were reached later.

        Raises:
            ValueError: If no episode has ended yet: goals come from episodes that are over.
        """
        if not (self.ep_length > 0).any():
            raise ValueError(
                f"hindsight has no ended episode to learn from after {self.size() * self.n_envs} steps of "
                f"{self.n_envs} worlds: learning_starts must be greater than the steps of an episode, "
                "times the worlds"
            )
        return super().sample(batch_size, env)


def check_goals(venv: VecEnv) -> None:
    """Check that an environment is goal-conditioned.

    Raises:
        ValueError: Naming the keys of the observation that it lacks, or its missing method.
    """
    space: spaces.Space[Any] = venv.observation_space
    keys = set(space.spaces) if isinstance(space, spaces.Dict) else set()
    if missing := [key for key in GOAL_KEYS if key not in keys]:
        raise ValueError(
            f"hindsight needs the keys {list(GOAL_KEYS)} in the observation, which lacks {missing}"
        )
    if not venv.has_attr("compute_reward"):
        raise ValueError(
            "hindsight needs an environment with compute_reward(achieved_goal, desired_goal, info)"
        )
