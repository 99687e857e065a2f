"""Feedback as reward, for any Gymnasium environment."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal, get_args

import gymnasium as gym
import numpy as np
from gymnasium.utils import RecordConstructorArgs

from feedback.sources.base import EvaluationSource
from feedback.sources.recorded import RecordedSource
from feedback.store import LabelStore
from feedback.tracking import EpisodeTracker, env_id_of, succeeded

Shaping = Literal["add", "replace"]


@dataclass(frozen=True)
class ShapingConfig:
    """How feedback becomes reward.

    Attributes:
        shaping: ``"add"``: true reward plus feedback; ``"replace"``: feedback alone.
        weight: Reward per unit of feedback; finite.
    """

    shaping: Shaping = "add"
    weight: float = 1.0

    def __post_init__(self) -> None:
        """Validate.

        Raises:
            ValueError: Naming the field, its value and what is allowed.
        """
        if self.shaping not in get_args(Shaping):
            raise ValueError(f"shaping={self.shaping!r} must be one of {list(get_args(Shaping))}")
        if not math.isfinite(self.weight):
            raise ValueError(f"weight={self.weight} must be finite")

    def __call__(self, reward: float, feedback: float) -> float:
        """Return the reward that the agent gets."""
        given = self.weight * feedback
        return reward + given if self.shaping == "add" else given


class HumanFeedback(gym.Wrapper[Any, Any, Any, Any], RecordConstructorArgs):
    """Turns evaluations, live or recorded, into shaped rewards.

    After each step the source is asked what was said about it; the values are summed and added to the
    reward, or put in its place.  ``info["true_reward"]`` and ``info["feedback"]`` hold the two parts.
    Recorded evaluations give exactly the shaped rewards that the live ones gave, because both are
    credited to the step that the label names.

    A first reset without a seed draws one, so that what is recorded can always be replayed.

    Adding feedback changes which policy is best; that is its purpose, but mind its size.

    Example:
        >>> env = HumanFeedback(gym.make(env_id), KeyboardSource("alice"), store=LabelStore("labels.db"))
        >>> env = HumanFeedback(gym.make(env_id), RecordedSource(LabelStore("labels.db")))
    """

    def __init__(
        self,
        env: gym.Env[Any, Any],
        source: EvaluationSource,
        *,
        store: LabelStore | None = None,
        shaping: Shaping = "add",
        weight: float = 1.0,
    ) -> None:
        """Wrap an environment.

        Args:
            env: Any environment with a Dict or Box observation space.
            source: Who judges.
            store: Where live evaluations are kept; an evaluation is on disk before it becomes reward.
            shaping: ``"add"`` or ``"replace"``; see :class:`ShapingConfig`.
            weight: Reward per unit of feedback.

        Raises:
            TypeError: If the source does not judge steps.
            ValueError: If an argument is not allowed.
        """
        # Recorded, so that env.spec can make the wrapped environment again, as Gymnasium's checker wants.
        RecordConstructorArgs.__init__(
            self, source=source, store=store, shaping=shaping, weight=weight, _disable_deepcopy=True
        )
        gym.Wrapper.__init__(self, env)
        if not isinstance(source, EvaluationSource):
            raise TypeError(f"source={source!r} must have a method evaluations(moment)")
        if store is not None and isinstance(source, RecordedSource):
            raise ValueError(f"store={store!r} would keep recorded evaluations twice; leave it out")
        self.source = source
        self.store = store
        self.config = ShapingConfig(shaping, weight)
        self._tracker = EpisodeTracker(env_id_of(env))

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Start an episode."""
        if seed is None and not self._tracker.seeded:
            seed = int(np.random.default_rng().integers(2**31))
        observation, info = self.env.reset(seed=seed, options=options)
        self._tracker.begin(observation, seed, options)
        return observation, info

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Take a step and shape its reward by what is said about it."""
        observation, true_reward, terminated, truncated, info = self.env.step(action)
        reward = float(true_reward)
        moment = self._tracker.step(
            action,
            observation,
            reward,
            terminated=terminated,
            truncated=truncated,
            success=succeeded(info),
            info=info,
        )
        evaluations = self.source.evaluations(moment)
        if self.store is not None:
            for evaluation in evaluations:
                self.store.add(evaluation)
        feedback = math.fsum(evaluation.value for evaluation in evaluations)
        info = {**info, "true_reward": reward, "feedback": feedback}
        return observation, self.config(reward, feedback), terminated, truncated, info
