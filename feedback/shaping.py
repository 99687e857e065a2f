r"""How what people say, and what was learned from it, becomes reward.

With a source and a reward model the signal of a step is

.. math:: (1 - \mathrm{mix}) \cdot \mathrm{said} + \mathrm{mix} \cdot \mathrm{learned};

with one of them it is that one.  ``"add"`` adds ``weight`` times the signal to the true reward, as TAMER&RL
does (Knox and Stone, 2012), and ``"replace"`` puts it in its place.  ``"potential"`` adds ``weight`` times
:math:`\gamma \Phi(s') - \Phi(s)`, which alone leaves the best policies the best
(:mod:`feedback.potentials`).

What was learned about how an episode may end is a part of the learned reward (:func:`with_endings`): without
it a crash would cost no more than the step in which it happens.

:class:`Shaper` does the arithmetic of any number of worlds, so that one world and many get the same rewards.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, TypeVar, get_args

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from feedback.clips import as_mapping
from feedback.potentials import (
    EndsPredictor,
    ModelPotential,
    Potential,
    RewardPredictor,
    check_gamma,
    potential_difference,
)

Shaping = Literal["add", "replace", "potential"]

#: Share of the learned reward where nothing is said about it.
DEFAULT_MIX = 0.5

_TOLD = ("true_reward", "feedback", "shaping")


@dataclass(frozen=True)
class ShapingConfig:
    """How feedback becomes reward.

    Attributes:
        shaping: ``"add"``: true reward plus feedback; ``"replace"``: feedback alone; ``"potential"``: true
            reward plus the difference of a potential.
        weight: Reward per unit of feedback; finite.
        mix: Share of the learned reward in the signal, in [0, 1], 0.5 unless given; only where a source and
            a reward model share it.
        gamma: The discount factor of the agent, in [0, 1]; needed by ``"potential"``, and by a reward model
            that says what the end of an episode is worth.
    """

    shaping: Shaping = "add"
    weight: float = 1.0
    mix: float | None = None
    gamma: float | None = None

    def __post_init__(self) -> None:
        """Validate.

        Raises:
            ValueError: Naming the field, its value and what is allowed.
        """
        if self.shaping not in get_args(Shaping):
            raise ValueError(f"shaping={self.shaping!r} must be one of {list(get_args(Shaping))}")
        if not math.isfinite(self.weight):
            raise ValueError(f"weight={self.weight} must be finite")
        if self.mix is not None and not 0 <= self.mix <= 1:
            raise ValueError(f"mix={self.mix} must be in [0, 1]")
        if self.gamma is not None:
            check_gamma(self.gamma)
        if self.gamma is None and self.shaping == "potential":
            raise ValueError("gamma=None must be the agent's discount factor with shaping='potential'")

    def check_parts(
        self, *, source: bool, reward_model: bool, potential: bool, endings: bool = False
    ) -> None:
        """Check that there is what this way of shaping needs, and nothing that would go unused.

        Args:
            source: Whether somebody judges the steps.
            reward_model: Whether there is a reward model.
            potential: Whether there is a potential of the user's own.
            endings: Whether the reward model says what the end of an episode is worth.

        Raises:
            ValueError: Naming the argument and what is allowed.
        """
        if endings and self.gamma is None:
            raise ValueError(
                "gamma=None must be the agent's discount factor: it decides what the end of an episode is "
                "worth by reward_model="
            )
        if self.gamma is not None and not endings and self.shaping != "potential":
            raise ValueError(
                f"gamma={self.gamma} must be None but with shaping='potential' or a reward model that says "
                f"what the end of an episode is worth; shaping={self.shaping!r}"
            )
        if self.shaping == "potential":
            if not (reward_model or potential):
                raise ValueError(
                    "shaping='potential' needs reward_model= or potential=: what people say about a step, "
                    "live or recorded, is not what a state is worth"
                )
        elif potential:
            raise ValueError(f"potential= is used by shaping='potential' alone, not by {self.shaping!r}")
        elif not (source or reward_model):
            raise ValueError("source=None and reward_model=None: at least one must be given")
        shared = source and reward_model and self.shaping != "potential"
        if self.mix is not None and not shared:
            raise ValueError(
                f"mix={self.mix} must be None but where a source and a reward model share the signal of "
                "shaping='add' or 'replace'"
            )


class Shaped(NamedTuple):
    """What became of a step; all of shape (worlds,).

    Attributes:
        reward: What the agent gets.
        true_reward: What the environment gave.
        feedback: Sum of what was said.
        shaping: What was added, or put in the place of the true reward.
        learned_reward: What the reward model gives, the end of an episode included; None without one.
    """

    reward: NDArray[np.float64]
    true_reward: NDArray[np.float64]
    feedback: NDArray[np.float64]
    shaping: NDArray[np.float64]
    learned_reward: NDArray[np.float64] | None

    def columns(self) -> dict[str, NDArray[np.float64]]:
        """Return what infos tell, by name."""
        named = {name: getattr(self, name) for name in _TOLD}
        return named if self.learned_reward is None else named | {"learned_reward": self.learned_reward}


FloatT = TypeVar("FloatT", np.float32, np.float64)


def with_endings(
    rewards: NDArray[FloatT],
    reward_model: object,
    gamma: float | None,
    terminated: NDArray[np.bool_],
    arrived: NDArray[np.bool_],
) -> NDArray[FloatT]:
    """Return rewards of steps with what the end of an episode is worth beside its last step.

    Args:
        rewards: What a reward model predicts, shape (steps,).
        reward_model: The model; one that has no method ``endings`` adds nothing.
        gamma: The discount factor of the agent; None to add nothing.
        terminated: Where the step ended its episode, a time limit left out, shape (steps,).
        arrived: Where that end was the goal, shape (steps,).
    """
    if gamma is None or not terminated.any() or not isinstance(reward_model, EndsPredictor):
        return rewards
    endings = reward_model.endings(gamma)
    worth = np.where(arrived, endings.arrival, endings.failure).astype(rewards.dtype)
    return np.where(terminated, rewards + worth, rewards)


class Shaper:
    """Follows some worlds and shapes the rewards of their steps.

    Attributes:
        config: How it shapes.
        columns: Names of what infos tell, those of :meth:`Shaped.columns`.
    """

    def __init__(
        self,
        config: ShapingConfig,
        num_worlds: int,
        action_space: spaces.Space[Any],
        *,
        source: bool,
        reward_model: RewardPredictor | None = None,
        potential: Potential | None = None,
    ) -> None:
        """Create the shaper.

        Args:
            config: How to shape.
            num_worlds: Number of worlds.
            action_space: Actions of a single world.
            source: Whether somebody judges the steps.
            reward_model: What was learned from feedback, if anything.
            potential: What an observation is worth, in place of the reward model's opinion.

        Raises:
            ValueError: If something is missing, superfluous, or does not fit the actions.
        """
        config.check_parts(
            source=source,
            reward_model=reward_model is not None,
            potential=potential is not None,
            endings=isinstance(reward_model, EndsPredictor),
        )
        self.config = config
        self.columns = _TOLD if reward_model is None else (*_TOLD, "learned_reward")
        self._source, self._model, self._potential = source, reward_model, potential
        self._from_model: ModelPotential | None = None
        if config.shaping == "potential" and potential is None and reward_model is not None:
            self._from_model = ModelPotential(reward_model, action_space)
        self._seen: dict[str, NDArray[Any]] = {}
        self._worth = np.zeros(num_worlds)

    def begin(self, worlds: Sequence[int], observations: Sequence[Any]) -> None:
        """Note with what the episodes of some worlds begin."""
        if not worlds:
            return
        self._note(worlds, observations)
        self._worth[list(worlds)] = self._worths(observations)

    def step(
        self,
        worlds: Sequence[int],
        actions: Sequence[Any],
        observations: Sequence[Any],
        rewards: Sequence[float],
        terminated: Sequence[bool],
        said: Sequence[float],
        arrived: Sequence[bool] | None = None,
    ) -> Shaped:
        """Shape the rewards of a step in some worlds.

        Args:
            worlds: Indices of the worlds; at least one.
            actions: What was done in each.
            observations: What it led to, before any reset.
            rewards: What the environment gave.
            terminated: Whether the episode ended; a time limit does not count.
            said: Sum of what was said about the step.
            arrived: Where an episode that ended did so at its goal; None for nowhere.
        """
        config, rows = self.config, list(worlds)
        true, feedback = np.array(rewards, np.float64), np.array(said, np.float64)
        learned: NDArray[np.float64] | None = None
        if self._model is not None:
            if getattr(self._model, "sees", "before") == "after":
                seen = _stacked(observations)
            else:
                seen = {key: value[rows] for key, value in self._seen.items()}
            learned = np.asarray(self._model.predict(seen, np.stack(list(actions)))[0], np.float64)
            ended = np.array(terminated, np.bool_)
            there = np.zeros_like(ended) if arrived is None else np.array(arrived, np.bool_)
            learned = with_endings(learned, self._model, config.gamma, ended, there)
        self._note(worlds, observations)
        if config.shaping == "potential":
            assert config.gamma is not None
            after = self._worths(observations, terminated)
            signal = potential_difference(self._worth[rows], after, terminated, config.gamma)
            self._worth[rows] = after
        else:
            signal = self._signal(feedback, learned)
        given = config.weight * signal
        return Shaped(given if config.shaping == "replace" else true + given, true, feedback, given, learned)

    def _signal(
        self, feedback: NDArray[np.float64], learned: NDArray[np.float64] | None
    ) -> NDArray[np.float64]:
        if learned is None:
            return feedback
        if not self._source:
            return learned
        mix = DEFAULT_MIX if self.config.mix is None else self.config.mix
        return (1.0 - mix) * feedback + mix * learned

    def _worths(
        self, observations: Sequence[Any], terminated: Sequence[bool] | None = None
    ) -> NDArray[np.float64]:
        """Return potentials, 0 where an episode ended: there it need not make sense."""
        ended = terminated if terminated is not None else [False] * len(observations)
        if self._potential is not None:
            known = zip(observations, ended, strict=True)
            return np.array([0.0 if end else float(self._potential(o)) for o, end in known])
        if self._from_model is not None:
            return np.where(ended, 0.0, self._from_model(_stacked(observations)))
        return np.zeros(len(observations))

    def _note(self, worlds: Sequence[int], observations: Sequence[Any]) -> None:
        """Copy what the model will be asked about after the next step."""
        if self._model is None:
            return
        for key, value in _stacked(observations).items():
            if key not in self._seen:
                self._seen[key] = np.zeros((len(self._worth), *value.shape[1:]), value.dtype)
            self._seen[key][list(worlds)] = value


def _stacked(observations: Sequence[Any]) -> dict[str, NDArray[Any]]:
    mappings = [as_mapping(observation) for observation in observations]
    return {key: np.stack([mapping[key] for mapping in mappings]) for key in mappings[0]}
