"""Feedback as reward, for any Gymnasium environment."""

from __future__ import annotations

import math
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.utils import RecordConstructorArgs

from feedback.potentials import Potential, RewardPredictor
from feedback.shaping import Shaper, Shaping, ShapingConfig
from feedback.sources.base import EvaluationSource, ImplicitFeedbackSource, Moment
from feedback.sources.recorded import RecordedSource
from feedback.store import LabelStore
from feedback.tracking import EpisodeTracker, env_id_of, succeeded


class HumanFeedback(gym.Wrapper[Any, Any, Any, Any], RecordConstructorArgs):
    """Turns evaluations, live or recorded, and what was learned from feedback into shaped rewards.

    After each step the source is asked what was said about it, and the reward model what it thinks; the
    reward follows by :mod:`feedback.shaping`.  ``info`` then holds

    * ``true_reward``: the environment's own;
    * ``feedback``: the sum of what was said, 0.0 for nothing;
    * ``learned_reward``: what the reward model gives, the end of an episode included, where there is one;
    * ``shaping``: what was added to the true reward, or put in its place.

    Recorded evaluations give exactly the shaped rewards that the live ones gave, because both are
    credited to the step that the label names.

    A first reset without a seed draws one, so that what is recorded can always be replayed.

    Adding feedback changes which policy is best; that is its purpose, but mind its size.  With
    ``"potential"`` the best policies stay the best; what is said live is then kept, but is no reward.

    Example:
        >>> env = HumanFeedback(gym.make(env_id), KeyboardSource("alice"), store=LabelStore("labels.db"))
        >>> env = HumanFeedback(gym.make(env_id), RecordedSource(LabelStore("labels.db")))
        >>> env = HumanFeedback(env, KeyboardSource("alice"), reward_model=model, mix=0.3, gamma=0.99)
        >>> env = HumanFeedback(gym.make(env_id), reward_model=model, shaping="potential", gamma=0.99)
    """

    def __init__(
        self,
        env: gym.Env[Any, Any],
        source: EvaluationSource | None = None,
        *,
        store: LabelStore | None = None,
        reward_model: RewardPredictor | None = None,
        potential: Potential | None = None,
        mix: float | None = None,
        shaping: Shaping = "add",
        weight: float = 1.0,
        gamma: float | None = None,
    ) -> None:
        """Wrap an environment.

        Args:
            env: Any environment with a Dict or Box observation space.
            source: Who judges; None for nobody.
            store: Where live labels are kept; an evaluation is on disk before it becomes reward.
            reward_model: A :class:`feedback.reward_models.RewardModel` for the observations of ``env``.
            potential: For ``"potential"``: what an observation is worth.  Without it that is the reward
                model's prediction, see :class:`feedback.potentials.ModelPotential`.
            mix: Share of the learned reward, in [0, 1]; see :class:`feedback.shaping.ShapingConfig`.
            shaping: ``"add"``, ``"replace"`` or ``"potential"``.
            weight: Reward per unit of feedback.
            gamma: The discount factor of the agent, for ``"potential"`` and for what a reward model says the
                end of an episode is worth; None where there is neither.

        Raises:
            TypeError: If the source does not judge steps.
            ValueError: If an argument is not allowed.
        """
        # Recorded, so that env.spec can make the wrapped environment again, as Gymnasium's checker wants.
        RecordConstructorArgs.__init__(
            self,
            source=source,
            store=store,
            reward_model=reward_model,
            potential=potential,
            mix=mix,
            shaping=shaping,
            weight=weight,
            gamma=gamma,
            _disable_deepcopy=True,
        )
        gym.Wrapper.__init__(self, env)
        check_source(source, store)
        self.source = source
        self.store = store
        self.config = ShapingConfig(shaping, weight, mix, gamma)
        self._shaper = Shaper(
            self.config,
            1,
            env.action_space,
            source=source is not None,
            reward_model=reward_model,
            potential=potential,
        )
        self._tracker = EpisodeTracker(env_id_of(env))

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Start an episode."""
        if seed is None and not self._tracker.seeded:
            seed = int(np.random.default_rng().integers(2**31))
        observation, info = self.env.reset(seed=seed, options=options)
        self._tracker.begin(observation, seed, options)
        self._shaper.begin([0], [observation])
        return observation, info

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Take a step and shape its reward by what is said about it."""
        observation, true_reward, terminated, truncated, info = self.env.step(action)
        moment = self._tracker.step(
            action,
            observation,
            float(true_reward),
            terminated=terminated,
            truncated=truncated,
            success=succeeded(info),
            info=info,
        )
        said = listen(self.source, moment, self.store)
        shaped = self._shaper.step(
            [0], [action], [observation], [moment.reward], [terminated], [said], [succeeded(info)]
        )
        told = {name: float(column[0]) for name, column in shaped.columns().items()}
        return observation, float(shaped.reward[0]), terminated, truncated, {**info, **told}


def listen(source: EvaluationSource | None, moment: Moment, store: LabelStore | None) -> float:
    """Ask a source about a step, keep its labels, and return the sum of its evaluations."""
    if source is None:
        return 0.0
    traces = source.implicit(moment) if isinstance(source, ImplicitFeedbackSource) else []
    evaluations = source.evaluations(moment)
    if store is not None:
        for label in (*traces, *evaluations):
            store.add(label)
    return math.fsum(evaluation.value for evaluation in evaluations)


def check_source(source: object, store: LabelStore | None) -> None:
    """Check that a source can judge steps, and that its labels may be kept.

    Raises:
        TypeError: If the source does not judge steps.
        ValueError: If nothing, or what was recorded before, would be kept.
    """
    if source is not None and not isinstance(source, EvaluationSource):
        raise TypeError(f"source={source!r} must have a method evaluations(moment)")
    if store is not None and source is None:
        raise ValueError(f"store={store!r} would stay empty without a source; leave it out")
    if store is not None and isinstance(source, RecordedSource):
        raise ValueError(f"store={store!r} would keep recorded evaluations twice; leave it out")
