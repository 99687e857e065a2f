r"""Shaping that changes how fast an agent learns, but not what is best (Ng, Harada and Russell, 1999).

To every reward is added :math:`F = \gamma \Phi(s') - \Phi(s)` of a potential :math:`\Phi`, with
:math:`\Phi = 0` where an episode *ended*: not where its time ran out, because there the agent, too, expects
that it goes on.  Over an episode the additions sum up, discounted, to what does not depend on the policy,
:math:`-\Phi(s_0)`, so that the same policies are best, whatever people say a state is worth.  That holds for
no other way of adding feedback (see :class:`feedback.wrapper.HumanFeedback`), and only with the agent's own
:math:`\gamma`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray
from stable_baselines3.common.vec_env import VecEnv, VecEnvWrapper
from stable_baselines3.common.vec_env.base_vec_env import VecEnvObs, VecEnvStepReturn

from agents.vec_env import cut_off
from feedback.vec_wrapper import EnvLayout

#: From an observation to what it is worth.
Potential = Callable[[Any], float]
#: From a batch of observations to what each is worth, shape (worlds,).
BatchPotential = Callable[[dict[str, NDArray[Any]]], NDArray[Any]]


class PotentialShaping(gym.Wrapper[Any, Any, Any, Any]):
    """Adds the difference of a potential to the rewards of one world.

    ``info["true_reward"]`` and ``info["shaping"]`` hold the two parts.
    """

    def __init__(self, env: gym.Env[Any, Any], potential: Potential, gamma: float) -> None:
        """Wrap an environment.

        Args:
            env: Any environment.
            potential: What an observation is worth, in units of return.
            gamma: The discount factor of the agent, in [0, 1].

        Raises:
            ValueError: If ``gamma`` is outside [0, 1].
        """
        super().__init__(env)
        self._potential, self._gamma = potential, _checked(gamma)
        self._before = 0.0

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Start an episode."""
        observation, info = self.env.reset(seed=seed, options=options)
        self._before = float(self._potential(observation))
        return observation, info

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Take a step and shape its reward."""
        observation, true_reward, terminated, truncated, info = self.env.step(action)
        after = 0.0 if terminated else float(self._potential(observation))
        shaping = self._gamma * after - self._before
        self._before = after
        info = {**info, "true_reward": float(true_reward), "shaping": shaping}
        return observation, float(true_reward) + shaping, terminated, truncated, info


class VecPotentialShaping(VecEnvWrapper):
    """Adds the difference of a potential to the rewards of many worlds; see :class:`PotentialShaping`.

    ``infos[i]["true_reward"]`` keeps the environment's own; episode statistics stay true returns.
    """

    def __init__(self, venv: VecEnv, potential: BatchPotential, gamma: float) -> None:
        """Wrap an environment.

        Args:
            venv: The environment.
            potential: What each observation of a batch is worth, in units of return; it gets a Dict in the
                environment's own layout, a plain array under the key ``"observation"``.
            gamma: The discount factor of the agent, in [0, 1].

        Raises:
            ValueError: If ``gamma`` is outside [0, 1].
        """
        super().__init__(venv)
        self._potential, self._gamma = potential, _checked(gamma)
        self._layout = EnvLayout(venv)
        self._before = np.zeros(venv.num_envs)

    def reset(self) -> VecEnvObs:
        """Start an episode in every world."""
        observations = self.venv.reset()
        self._before = self._worth(observations)
        return observations

    def step_wait(self) -> VecEnvStepReturn:
        """Take the step and shape its rewards."""
        observations, true_rewards, dones, infos = self.venv.step_wait()
        begun = self._worth(observations)
        after = begun.copy()
        after[dones] = 0.0
        late, last = cut_off(dones, infos)
        if late:
            after[late] = self._worth(last)
        shaped = true_rewards + self._gamma * after - self._before
        # Where an episode was over, the world has begun another.
        self._before = begun
        for info, reward in zip(infos, true_rewards.tolist(), strict=True):
            info["true_reward"] = reward
        return observations, shaped.astype(np.float32), dones, infos

    def _worth(self, observations: Any) -> NDArray[np.float64]:
        return np.asarray(self._potential(self._layout.undo(observations)), np.float64)


def _checked(gamma: float) -> float:
    if not 0 <= gamma <= 1:
        raise ValueError(f"gamma={gamma} must be in [0, 1]")
    return gamma
