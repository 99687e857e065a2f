"""Keeps count of where an environment is, so that feedback can say what it was given on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from feedback.clips import Segment, as_mapping, digest_of
from feedback.labels import Clip
from feedback.sources.base import Moment


class EpisodeTracker:
    """Follows one environment through resets and steps.

    Tell it of every reset (:meth:`begin`) and every step (:meth:`step`).
    """

    def __init__(self, env_id: str, *, keep: bool = False) -> None:
        """Start before the first reset.

        Args:
            env_id: Id of the environment.
            keep: Whether to keep the steps of the running episode for :meth:`segment`.
        """
        self.env_id = env_id
        self._keep = keep
        self._seed: int | None = None
        self._episode = 0
        self._step = 0
        self._scenario: int | None = None
        self._seen: dict[str, NDArray[Any]] = {}
        self._steps: list[tuple[dict[str, NDArray[Any]], NDArray[Any], float]] = []
        self._ended = (False, False)

    @property
    def seeded(self) -> bool:
        """Whether a seed has been given, so that episodes can be named."""
        return self._seed is not None

    def begin(self, observation: Any, seed: int | None, options: Mapping[str, Any] | None = None) -> None:
        """Note a reset.

        Args:
            observation: What it returned.
            seed: The seed it was given, or None.
            options: The options it was given.

        Raises:
            ValueError: If no seed has ever been given.
        """
        if seed is not None:
            self._seed, self._episode = int(seed), 0
        elif self._seed is None:
            raise ValueError("seed=None: the first reset needs a seed, or its episodes could not be replayed")
        else:
            self._episode += 1
        scenario = (options or {}).get("scenario")
        self._scenario = None if scenario is None else int(scenario)
        self._step = 0
        self._seen = _kept(observation)
        self._steps = []
        self._ended = (False, False)

    def step(
        self,
        action: Any,
        observation: Any,
        reward: float,
        *,
        terminated: bool = False,
        truncated: bool = False,
        success: bool = False,
        info: Mapping[str, Any] | None = None,
    ) -> Moment:
        """Note a step and return it in the form that sources of feedback judge.

        Args:
            action: What was done.
            observation: What it led to.
            reward: The environment's own reward.
            terminated: Whether the step ended the episode.
            truncated: Whether a time limit ended it.
            success: Whether that end was the goal.
            info: What the environment told, for sources that read it; None for nothing.

        Raises:
            RuntimeError: Before the first :meth:`begin`.
        """
        if self._seed is None:
            raise RuntimeError("no episode is running: call begin() before step()")
        done = np.asarray(action)
        clip = Clip(
            digest=digest_of(self._seen, done),
            env_id=self.env_id,
            seed=self._seed,
            episode=self._episode,
            start=self._step,
            length=1,
            scenario=self._scenario,
        )
        if self._keep:
            self._steps.append((self._seen, done, float(reward)))
        self._step += 1
        self._seen = _kept(observation)
        self._ended = (terminated, terminated and success)
        return Moment(
            clip=clip, reward=float(reward), terminated=terminated, truncated=truncated, info=info or {}
        )

    def segment(self) -> Segment | None:
        """Return the running episode so far, or None before its first step or without ``keep``."""
        if not self._steps or self._seed is None:
            return None
        observations = [seen for seen, _, _ in self._steps]
        return Segment(
            observations={key: np.stack([o[key] for o in observations]) for key in observations[0]},
            actions=np.stack([action for _, action, _ in self._steps]),
            rewards=np.array([reward for _, _, reward in self._steps]),
            terminated=self._ended[0],
            success=self._ended[1],
            env_id=self.env_id,
            seed=self._seed,
            episode=self._episode,
            start=0,
            scenario=self._scenario,
            last=self._seen,
        )


def _kept(observation: Any) -> dict[str, NDArray[Any]]:
    """Copy an observation: some environments of other packages write the next one over it."""
    return {key: value.copy() for key, value in as_mapping(observation).items()}


def env_id_of(env: gym.Env[Any, Any]) -> str:
    """Return the id under which an environment was made, or the name of its class."""
    return env.spec.id if env.spec is not None else type(env.unwrapped).__name__


def succeeded(info: Mapping[str, Any]) -> bool:
    """Whether an info says that the goal was reached (``success`` or ``is_success``)."""
    return bool(info.get("success", info.get("is_success", False)))
