r"""Shaping that changes how fast an agent learns, but not what is best (Ng, Harada and Russell, 1999).

To every reward is added :math:`F = \gamma \Phi(s') - \Phi(s)` of a potential :math:`\Phi`, with
:math:`\Phi = 0` where an episode *ended*: not where its time ran out, because there the agent, too, expects
that it goes on.  Over an episode the additions sum up, discounted, to what does not depend on the policy,
:math:`-\Phi(s_0)`, so that the same policies are best, whatever people say a state is worth.  That holds for
no other way of adding feedback (see :class:`feedback.wrapper.HumanFeedback`), and only with the agent's own
:math:`\gamma`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol, runtime_checkable

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from numpy.typing import ArrayLike, NDArray

#: From an observation to what it is worth.
Potential = Callable[[Any], float]


class RewardPredictor(Protocol):
    """What a :class:`feedback.reward_models.RewardModel` is needed for here; torch need not be there.

    With an attribute ``sees`` of ``"after"`` it is asked about what was seen after a step, otherwise about
    what was seen before it.
    """

    def predict(
        self, observations: Mapping[str, NDArray[Any]], actions: NDArray[Any]
    ) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return mean and standard deviation of the reward of each step, both of shape (steps,)."""


class EndsWorth(Protocol):
    """What ends of an episode are worth, as :class:`feedback.reward_models.Endings` says it."""

    @property
    def failure(self) -> float:
        """Where it ended badly."""

    @property
    def arrival(self) -> float:
        """Where it ended at its goal."""


@runtime_checkable
class EndsPredictor(Protocol):
    """A reward model that also says what the end of an episode is worth."""

    def endings(self, gamma: float) -> EndsWorth:
        """Return that for an agent of a discount factor."""


def potential_difference(
    before: ArrayLike, after: ArrayLike, terminated: ArrayLike, gamma: float
) -> NDArray[np.float64]:
    r"""Return :math:`F = \gamma \Phi(s') - \Phi(s)` for one step or many.

    Args:
        before: :math:`\Phi(s)`.
        after: :math:`\Phi(s')`; what it says of an episode that ended does not count.
        terminated: Whether the step ended the episode; a time limit does not.
        gamma: The discount factor.

    Returns:
        An array of the shape of the arguments.
    """
    return np.asarray(gamma * np.where(terminated, 0.0, after) - np.asarray(before, np.float64))


class ModelPotential:
    """What a state is worth by a learned reward, whatever is done in it.

    That is the mean prediction over all actions of a Discrete space, and the prediction for the middle of a
    Box.  It is a reward, not a return: scale it with ``weight`` where it is used.
    """

    def __init__(self, reward_model: RewardPredictor, action_space: spaces.Space[Any]) -> None:
        """Use a reward model.

        Args:
            reward_model: The model.
            action_space: Actions of a single world.

        Raises:
            ValueError: If it is neither a Discrete nor a bounded Box.
        """
        self._model = reward_model
        if isinstance(action_space, spaces.Discrete):
            first = int(action_space.start)
            self._actions: NDArray[Any] = np.arange(first, first + int(action_space.n))
        elif isinstance(action_space, spaces.Box) and action_space.is_bounded():
            middle = (action_space.low.astype(np.float64) + action_space.high) / 2
            self._actions = middle.astype(action_space.dtype)[None]
        else:
            raise ValueError(
                f"action_space={action_space} must be a Discrete or a bounded Box for a potential from a "
                "reward model; give potential= instead"
            )

    def __call__(self, observations: Mapping[str, NDArray[Any]]) -> NDArray[np.float64]:
        """Return the potential of each observation of a batch, shape (worlds,)."""
        worlds, count = len(next(iter(observations.values()))), len(self._actions)
        repeated = {key: np.repeat(value, count, axis=0) for key, value in observations.items()}
        actions = np.tile(self._actions, (worlds, *(1,) * (self._actions.ndim - 1)))
        rewards, _ = self._model.predict(repeated, actions)
        means: NDArray[np.float64] = np.asarray(rewards, np.float64).reshape(worlds, count).mean(1)
        return means


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
        self._potential, self._gamma = potential, check_gamma(gamma)
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
        # An end is worth nothing, and need not make sense to the potential.
        after = 0.0 if terminated else float(self._potential(observation))
        shaping = float(potential_difference(self._before, after, terminated, self._gamma))
        self._before = after
        info = {**info, "true_reward": float(true_reward), "shaping": shaping}
        return observation, float(true_reward) + shaping, terminated, truncated, info


def check_gamma(gamma: float) -> float:
    """Return a discount factor.

    Raises:
        ValueError: If it is outside [0, 1].
    """
    if not 0 <= gamma <= 1:
        raise ValueError(f"gamma={gamma} must be in [0, 1]")
    return gamma
