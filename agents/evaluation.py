"""How good a policy is, on worlds that it has not seen."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv
from numpy.typing import NDArray

from agents.policies import Policy, PolicyFunction, policy_for, restart
from agents.vec_env import find_spec, make_vector
from mmenvs import ENVIRONMENTS
from mmenvs.core.vector_env import WorldVectorEnv

#: Seeds of held-out episodes of environments that have no split of their own begin here.
HELD_OUT_SEED = 1_000_000


@dataclass(frozen=True)
class Estimate:
    """A mean with its 95 % confidence interval."""

    mean: float
    low: float
    high: float

    def __str__(self) -> str:
        """Write ``mean [low, high]``."""
        return f"{self.mean:.3g} [{self.low:.3g}, {self.high:.3g}]"


@dataclass(frozen=True)
class EvaluationResult:
    """What happened in each episode, and what that says.

    Attributes:
        env_id: Where it was.
        split: ``"train"`` or ``"test"``.
        returns: Sum of rewards per episode, shape (episodes,).
        lengths: Steps per episode, shape (episodes,).
        successes: Whether each episode succeeded, shape (episodes,); None if the environment does not say.
    """

    env_id: str
    split: str
    returns: NDArray[np.float64]
    lengths: NDArray[np.int64]
    successes: NDArray[np.bool_] | None

    @cached_property
    def mean_return(self) -> Estimate:
        """Mean return, with a bootstrap interval."""
        return bootstrap(self.returns)

    @cached_property
    def mean_length(self) -> Estimate:
        """Mean steps per episode, with a bootstrap interval."""
        return bootstrap(self.lengths.astype(float))

    @cached_property
    def success_rate(self) -> Estimate | None:
        """Share of episodes that succeeded, with Wilson's interval."""
        return None if self.successes is None else wilson(int(self.successes.sum()), self.successes.size)

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain lists and numbers, ready for JSON."""
        estimates = {"success_rate": self.success_rate, "mean_return": self.mean_return}
        return {
            "env_id": self.env_id,
            "split": self.split,
            **{name: None if value is None else vars(value) for name, value in estimates.items()},
            "mean_length": vars(self.mean_length),
            "returns": self.returns.tolist(),
            "lengths": self.lengths.tolist(),
            "successes": None if self.successes is None else self.successes.tolist(),
        }


def evaluate(
    policy: Policy,
    env_id: str,
    episodes: int = 200,
    *,
    seed: int = 0,
    split: str = "test",
    env_kwargs: Mapping[str, Any] | None = None,
    num_envs: int = 64,
    deterministic: bool = True,
) -> EvaluationResult:
    """Play episodes and count each exactly once.

    Episode ``k`` is scenario ``k`` of the split, seeded with ``seed + k``; in an environment of another
    package the seed alone tells episodes apart, and held-out ones start at :data:`HELD_OUT_SEED`.
    World ``w`` plays the episodes ``w``, ``w + num_envs``, … and no others: taking whichever episodes end
    first would favour short ones.  What a deterministic policy gets in an episode does not depend on
    ``num_envs``.

    Args:
        policy: See :data:`agents.policies.Policy`.
        env_id: A registered id.
        episodes: How many to play.
        seed: Seed of the first episode, and of the random policy.
        split: ``"train"`` or ``"test"``.
        env_kwargs: Further keyword arguments of the environment.
        num_envs: Worlds that run together.
        deterministic: Whether a model takes its most likely action or draws one.

    Raises:
        ValueError: If the id is unknown, an argument is not allowed, or the policy does not fit.
    """
    if episodes < 1 or num_envs < 1:
        raise ValueError(f"episodes={episodes} and num_envs={num_envs} must be at least 1")
    if split not in ("train", "test"):
        raise ValueError(f"split={split!r} must be 'train' or 'test'")
    kwargs = dict(env_kwargs or {})
    first_seed = seed
    if find_spec(env_id).id in ENVIRONMENTS:
        kwargs["split"] = split
    elif split == "test":
        first_seed += HELD_OUT_SEED
    env = make_vector(env_id, min(num_envs, episodes), AutoresetMode.DISABLED, kwargs)
    try:
        act = policy_for(policy, env, seed=seed, deterministic=deterministic)
        returns, lengths, successes = _play(env, act, episodes, first_seed)
    finally:
        env.close()
    return EvaluationResult(env_id, split, returns, lengths, successes)


def bootstrap(values: NDArray[np.float64], resamples: int = 2000, seed: int = 0) -> Estimate:
    """Return the mean with a percentile bootstrap interval (Efron, 1979).

    Args:
        values: One number per episode, shape (episodes,).
        resamples: How often to draw as many episodes with replacement.
        seed: Seed of the draws: the same values give the same interval.
    """
    draws = np.random.default_rng(seed).integers(values.size, size=(resamples, values.size))
    low, high = np.percentile(values[draws].mean(1), (2.5, 97.5))
    return Estimate(float(values.mean()), float(low), float(high))


def wilson(successes: int, episodes: int) -> Estimate:
    """Return a rate with Wilson's score interval (1927).

    Unlike a bootstrap, it does not claim certainty when all episodes succeeded, or none.
    """
    z = 1.959964
    rate = successes / episodes
    centre = (rate + z**2 / (2 * episodes)) / (1 + z**2 / episodes)
    half = z / (1 + z**2 / episodes) * math.sqrt(rate * (1 - rate) / episodes + z**2 / (4 * episodes**2))
    # The formula gives exactly 0 and 1 at the ends, rounding does not.
    low = centre - half if successes > 0 else 0.0
    high = centre + half if successes < episodes else 1.0
    return Estimate(rate, low, high)


def _play(
    env: VectorEnv[Any, Any, Any], act: PolicyFunction, episodes: int, first_seed: int
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.bool_] | None]:
    """Play every episode once; a world that is through with its share plays its last one over, uncounted."""
    worlds = env.num_envs
    playing = np.arange(worlds)
    counted = np.ones(worlds, bool)
    returns, lengths = np.zeros(episodes), np.zeros(episodes, np.int64)
    successes: NDArray[np.bool_] | None = None
    observations = _reset(env, playing, np.ones(worlds, bool), first_seed)
    while True:
        observations, rewards, terminated, truncated, infos = env.step(act(observations))
        ended = terminated | truncated
        returns[playing[counted]] += rewards[counted]
        lengths[playing[counted]] += 1
        finished = ended & counted
        if finished.any() and "success" in infos:
            successes = np.zeros(episodes, bool) if successes is None else successes
            successes[playing[finished]] = np.asarray(infos["success"], bool)[finished]
        following = playing + worlds
        counted &= ~finished | (following < episodes)
        if not counted.any():
            return returns, lengths, successes
        if ended.any():
            playing = np.where(finished & counted, following, playing)
            observations = _reset(env, playing, ended, first_seed)
            restart(act, ended)


def _reset(
    env: VectorEnv[Any, Any, Any], playing: NDArray[np.int64], mask: NDArray[np.bool_], first_seed: int
) -> Any:
    """Start the episodes ``playing`` in the worlds of ``mask``."""
    # Gymnasium's vector envs take one seed per world, whatever the base class declares.
    seeds: Any = [first_seed + int(k) if chosen else None for k, chosen in zip(playing, mask, strict=True)]
    options: dict[str, Any] = {} if mask.all() else {"reset_mask": mask}
    if isinstance(env.unwrapped, WorldVectorEnv):
        options["scenario"] = playing
    return env.reset(seed=seeds, options=options or None)[0]
