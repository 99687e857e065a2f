"""Episodes in which a person watches an agent and takes over, kept as labels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import gymnasium as gym

from feedback.clips import ClipFolder
from feedback.labels import Intervention
from feedback.sources.base import InterventionSource
from feedback.store import LabelStore
from feedback.tracking import EpisodeTracker, env_id_of, succeeded


@dataclass(frozen=True)
class InterventionReport:
    """What happened.

    Attributes:
        episodes: Number of episodes.
        steps: Steps in all.
        person_steps: Those in which the person acted.
        takeovers: How often the person took over, one label each.
        successes: Episodes that reached their goal.
        returns: True return of each episode.
    """

    episodes: int
    steps: int
    person_steps: int
    takeovers: int
    successes: int
    returns: tuple[float, ...]

    @property
    def takeover_rate(self) -> float:
        """Share of the steps in which the person acted, from 0 to 1."""
        return self.person_steps / self.steps

    @property
    def success_rate(self) -> float:
        """Share of the episodes that reached their goal, from 0 to 1."""
        return self.successes / self.episodes


def record_interventions(
    env: gym.Env[Any, Any],
    agent: Callable[[Any], Any],
    driver: InterventionSource,
    store: LabelStore,
    episodes: int,
    *,
    seed: int = 0,
) -> InterventionReport:
    """Let an agent act under the eyes of a person, and keep what the person did instead.

    Each takeover becomes an :class:`feedback.labels.Intervention`, on disk as soon as the person gives back,
    and its steps a clip in the folder beside the store.  A step counts as the person's if the person acted,
    whatever the action: steering one way and braking are no less for adding up to nothing.

    Args:
        env: The world.
        agent: From an observation to an action; of a model, ``lambda o: model.predict(o)[0]``.
        driver: Who watches.
        store: Where the labels are kept.
        episodes: Number of episodes, at least 1; the k-th is reset with ``seed + k``.
        seed: Seed of the first episode.

    Raises:
        TypeError: If the driver cannot take over.
        ValueError: If ``episodes`` is below 1.
    """
    if not isinstance(driver, InterventionSource):
        raise TypeError(f"driver={driver!r} must have a name and methods begin() and takeover()")
    if episodes < 1:
        raise ValueError(f"episodes={episodes} must be at least 1")
    session = _Session(env, agent, driver, store)
    for episode in range(episodes):
        session.play(seed + episode)
    return InterventionReport(
        episodes, session.steps, session.person_steps, session.takeovers, session.successes,
        tuple(session.returns),
    )  # fmt: skip


class _Session:
    """The loop, and what it counts."""

    def __init__(
        self,
        env: gym.Env[Any, Any],
        agent: Callable[[Any], Any],
        driver: InterventionSource,
        store: LabelStore,
    ) -> None:
        self._env, self._agent, self._driver, self._store = env, agent, driver, store
        self._clips = ClipFolder(store.clip_folder)
        self._tracker = EpisodeTracker(env_id_of(env), keep=True)
        self._actions: list[tuple[Any, Any]] = []  # of the agent and of the person, while the person acts
        self.steps = self.person_steps = self.takeovers = self.successes = 0
        self.returns: list[float] = []

    def play(self, seed: int) -> None:
        """Play one episode."""
        observation, _ = self._env.reset(seed=seed)
        self._tracker.begin(observation, seed)
        self._driver.begin()
        step, total, over = 0, 0.0, False
        while not over:
            wanted = self._agent(observation)
            taken = self._driver.takeover(observation, wanted)
            action = wanted if taken is None else taken
            observation, reward, terminated, truncated, info = self._env.step(action)
            self._tracker.step(
                action,
                observation,
                float(reward),
                terminated=terminated,
                truncated=truncated,
                success=succeeded(info),
                info=info,
            )
            if taken is None:
                self._keep(step)
            else:
                self._actions.append((wanted, taken))
                self.person_steps += 1
            step, total, over = step + 1, total + float(reward), terminated or truncated
        self._keep(step)
        self.steps += step
        self.successes += succeeded(info)
        self.returns.append(total)

    def _keep(self, stop: int) -> None:
        """Keep the takeover that ended before step ``stop``, if one did."""
        segment = self._tracker.segment() if self._actions else None
        if segment is None:
            return
        label = Intervention(
            clip=self._clips.add(segment.cut(stop - len(self._actions), stop)),
            agent_actions=tuple(wanted for wanted, _ in self._actions),
            person_actions=tuple(taken for _, taken in self._actions),
            labeller=self._driver.name,
        )
        self._store.add(label)
        self.takeovers += 1
        self._actions.clear()
