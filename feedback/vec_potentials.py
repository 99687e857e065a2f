"""Potential-based shaping of many worlds, for Stable-Baselines3, as in :mod:`feedback.potentials`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from stable_baselines3.common.vec_env import VecEnv, VecEnvWrapper
from stable_baselines3.common.vec_env.base_vec_env import VecEnvObs, VecEnvStepReturn

from agents.vec_env import cut_off
from feedback.potentials import check_gamma, potential_difference
from feedback.vec_wrapper import EnvLayout

#: From a batch of observations to what each is worth, shape (worlds,).
BatchPotential = Callable[[dict[str, NDArray[Any]]], NDArray[Any]]


class VecPotentialShaping(VecEnvWrapper):
    """Adds the difference of a potential to the rewards of many worlds.

    The twin of :class:`feedback.potentials.PotentialShaping` for Stable-Baselines3.
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
        self._potential, self._gamma = potential, check_gamma(gamma)
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
        after, terminated = begun.copy(), dones.copy()
        late, last = cut_off(dones, infos)
        if late:
            after[late], terminated[late] = self._worth(last), False
        shaped = true_rewards + potential_difference(self._before, after, terminated, self._gamma)
        # Where an episode was over, the world has begun another.
        self._before = begun
        for info, reward in zip(infos, true_rewards.tolist(), strict=True):
            info["true_reward"] = reward
        return observations, shaped.astype(np.float32), dones, infos

    def _worth(self, observations: Any) -> NDArray[np.float64]:
        return np.asarray(self._potential(self._layout.undo(observations)), np.float64)
