"""Anything that can act in a vector environment, behind one signature."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, Literal

import numpy as np
from gymnasium import spaces
from gymnasium.vector import VectorEnv
from numpy.typing import NDArray
from stable_baselines3.common.base_class import BaseAlgorithm

from agents.deployed import Policy as ExportedPolicy
from agents.observations import space_differences
from agents.vec_env import ChannelsFirst

#: Batched observations, as the environment gives them, to batched actions.
PolicyFunction = Callable[[Any], NDArray[Any]]
#: Policies that need no training.
Untrained = Literal["random", "expert"]
#: A trained model, an exported one, a function, or a policy that needs no training.
Policy = BaseAlgorithm | ExportedPolicy | PolicyFunction | Untrained


def policy_for(
    policy: Policy, env: VectorEnv[Any, Any, Any], *, seed: int = 0, deterministic: bool = True
) -> PolicyFunction:
    """Return the function that chooses the actions of a policy in an environment.

    Args:
        policy: ``"random"``, ``"expert"`` (see :func:`expert_policy`), a trained or an exported model, or a
            function, which is returned as it is.
        env: Where it will act.
        seed: Seed of the random policy.
        deterministic: Whether a model takes its most likely action or draws one.

    Raises:
        ValueError: If the environment has no expert, or if the model was trained on other observations.
    """
    if isinstance(policy, BaseAlgorithm):
        return model_policy(policy, env, deterministic)
    if isinstance(policy, ExportedPolicy):
        return policy.check(env.single_observation_space, env.single_action_space).act
    if policy == "random":
        env.action_space.seed(seed)
        return lambda _: env.action_space.sample()
    if policy == "expert":
        return expert_policy(env)
    if callable(policy):
        return policy
    raise ValueError(f"policy={policy!r} must be a model, a function, 'random' or 'expert'")


def model_policy(
    model: BaseAlgorithm, env: VectorEnv[Any, Any, Any], deterministic: bool = True
) -> PolicyFunction:
    """Return the policy of a trained model.

    Raises:
        ValueError: If it was trained on other observations or actions, naming what differs.
    """
    layout = ChannelsFirst(env.single_observation_space)
    check_spaces(model, layout.space, env.single_action_space)
    if _is(model, "RecurrentPPO"):
        return RecurrentPolicy(model, layout, env.num_envs, deterministic)
    if _is(model, "MaskablePPO"):
        masked: Any = model
        return lambda observations: masked.predict(
            layout.view(observations), deterministic=deterministic, action_masks=action_masks(env)
        )[0]
    return lambda observations: model.predict(layout.view(observations), deterministic=deterministic)[0]


def _is(model: BaseAlgorithm, kind: str) -> bool:
    """Say whether a model is of a class of sb3-contrib, which need not be installed where it is not."""
    contrib = sys.modules.get("sb3_contrib")
    return contrib is not None and isinstance(model, getattr(contrib, kind))


class RecurrentPolicy:
    """A policy with a memory for each world, which whoever resets a world must clear."""

    def __init__(
        self, model: BaseAlgorithm, layout: ChannelsFirst, num_envs: int, deterministic: bool = True
    ) -> None:
        """Begin with empty memories."""
        self._model, self._layout, self._deterministic = model, layout, deterministic
        self._memory: tuple[NDArray[Any], ...] | None = None
        self._fresh = np.ones(num_envs, bool)

    def __call__(self, observations: Any) -> NDArray[Any]:
        """Choose the actions of all worlds."""
        actions, self._memory = self._model.predict(
            self._layout.view(observations),
            state=self._memory,
            episode_start=self._fresh,
            deterministic=self._deterministic,
        )
        self._fresh = np.zeros_like(self._fresh)
        return actions

    def restart(self, worlds: NDArray[np.bool_]) -> None:
        """Clear the memories of some worlds: their next observation begins an episode."""
        self._fresh = self._fresh | worlds


def restart(policy: PolicyFunction, worlds: NDArray[np.bool_]) -> None:
    """Tell a policy in which worlds, bool of shape (num_envs,), an episode begins, if it wants to know."""
    if isinstance(policy, RecurrentPolicy):
        policy.restart(worlds)


def action_masks(env: VectorEnv[Any, Any, Any]) -> NDArray[np.bool_]:
    """Return which actions each world allows, bool of shape (num_envs, actions).

    Raises:
        ValueError: If the environment has no method ``action_masks()``.
    """
    inner: Any = env.unwrapped
    if hasattr(inner, "action_masks"):
        return np.asarray(inner.action_masks(), bool)
    try:
        return np.stack([single.get_wrapper_attr("action_masks")() for single in inner.envs])
    except AttributeError:
        raise ValueError(f"the policy needs action_masks(), which {inner} has not") from None


def expert_policy(env: VectorEnv[Any, Any, Any]) -> PolicyFunction:
    """Return the scripted expert of a native environment: the driver, the shop's ceiling, or those of a mix.

    Raises:
        ValueError: If the environment has none.
    """
    simulator: Any = getattr(env.unwrapped, "simulator", None)
    expert = _expert_of(simulator)
    if expert is None:
        raise ValueError(f"there is no scripted expert for {env.unwrapped}")
    return lambda _: expert()


def _expert_of(simulator: Any) -> Callable[[], NDArray[Any]] | None:
    """Return what gives the actions of all worlds of a simulator, if anything does."""
    world = type(simulator).__module__
    if world.startswith("mmenvs.driving."):
        from mmenvs.driving.expert import ScriptedDriver

        return ScriptedDriver(simulator).actions
    if world.startswith("mmenvs.recommender."):
        from mmenvs.recommender.policies import ceiling_policy

        ceiling = ceiling_policy(simulator)
        return lambda: ceiling.actions(simulator)
    if world.startswith("mmenvs.multitask."):
        return _expert_of_mix(simulator)
    return None


def _expert_of_mix(simulator: Any) -> Callable[[], NDArray[Any]]:
    experts = [_expert_of(task) for task in simulator.simulators]
    idle = [np.stack([task.action_space.sample()] * simulator.num_worlds) for task in simulator.simulators]

    def act() -> NDArray[Any]:
        # A driver can look at a simulator only once there are roads.
        busy = [bool((simulator.task == k).any()) for k in range(len(experts))]
        own = [
            expert() if expert is not None and at_work else idle[k]
            for k, (expert, at_work) in enumerate(zip(experts, busy, strict=True))
        ]
        return np.asarray(simulator.join(own))

    return act


def check_spaces(
    model: BaseAlgorithm, observation_space: spaces.Space[Any], action_space: spaces.Space[Any]
) -> None:
    """Check that a model fits an environment.

    Raises:
        ValueError: Naming each key of the observation that differs, or the actions.
    """
    differences = space_differences(model.observation_space, observation_space)
    if model.action_space != action_space:
        differences.append(f"actions: trained on {model.action_space}, given {action_space}")
    if differences:
        raise ValueError("the model does not fit the environment; " + "; ".join(differences))
