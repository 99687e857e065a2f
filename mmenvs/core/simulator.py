"""The contract between a world and its faces."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

#: Per-world information: arrays of shape (num_worlds,), or one level of named groups of such arrays.
InfoArrays = Mapping[str, "NDArray[Any] | Mapping[str, NDArray[Any]]"]

#: Pass this as a scenario to let the world draw one from its seed.
ANY_SCENARIO = -1


class Simulator(ABC):
    """``num_worlds`` independent worlds held in arrays and advanced together.

    A simulator writes into buffers that it owns and overwrites them at each call; copying, time
    limits, autoreset, seeding and the checking of actions are its faces' business
    (:class:`mmenvs.core.env.WorldEnv` and :class:`mmenvs.core.vector_env.WorldVectorEnv`).

    What world ``i`` does depends only on the seed of its last reset and the actions since: never on
    the other worlds, on the number of worlds, or on the number of threads.

    Attributes:
        num_worlds: Number of worlds.
        observation_space: Dict space of one world; its leaves are :mod:`mmenvs.spaces`.
        action_space: Action space of one world.
        observations: Key to array of shape ``(num_worlds, *space.shape)``.
        rewards: float64, shape ``(num_worlds,)``.
        terminated: bool, shape ``(num_worlds,)``; true from the step that ended the episode.
        infos: See :data:`InfoArrays`; the same keys at every call.
        render_modes: Modes that :meth:`render` understands, besides ``"human"``.
        render_fps: Steps per second of simulated time.
        views: What :meth:`render` can show a world from, such as ``("chase", "driver", "top")``; empty where
            there is one way only.
        view: The one of them that it shows; may be changed between frames.
        limits: Steps after which the episode that runs in each world is truncated, shape (num_worlds,), for
            worlds whose time limits differ; None leaves time limits to the faces alone.
        reset_options: Options of a face's ``reset`` that :meth:`choose` heeds, besides the faces' own.
    """

    num_worlds: int
    observation_space: spaces.Dict
    action_space: spaces.Space[Any]
    observations: dict[str, NDArray[Any]]
    rewards: NDArray[np.float64]
    terminated: NDArray[np.bool_]
    infos: InfoArrays
    render_modes: tuple[str, ...] = ("rgb_array",)
    render_fps: int = 10
    views: tuple[str, ...] = ()
    view: str = ""
    limits: NDArray[np.int64] | None = None
    reset_options: tuple[str, ...] = ()

    def choose(self, worlds: NDArray[np.int64], options: Mapping[str, Any]) -> None:
        """Note what a face was asked for, just before it starts episodes in some worlds.

        Args:
            worlds: Indices of the worlds, shape ``(k,)``.
            options: The options of the face's ``reset``, of which those of :attr:`reset_options` count.

        Raises:
            ValueError: If an option has a value that is not allowed.
        """
        return

    @abstractmethod
    def reset(
        self,
        worlds: NDArray[np.int64],
        seeds: NDArray[np.uint64],
        scenarios: NDArray[np.int64],
    ) -> None:
        """Start a new episode in some worlds and write their first observations.

        Args:
            worlds: Indices of the worlds, shape ``(k,)``.
            seeds: Seed of each episode, shape ``(k,)``.
            scenarios: Scenario of each episode, shape ``(k,)``, or :data:`ANY_SCENARIO` to draw it from
                the seed.

        Raises:
            ValueError: If a scenario is outside what the configuration offers.
        """

    @abstractmethod
    def step(self, actions: NDArray[Any], active: NDArray[np.bool_]) -> None:
        """Advance the active worlds by one step and write all buffers for them.

        Args:
            actions: Valid actions, shape ``(num_worlds, *action_space.shape)``.
            active: Worlds to advance, shape ``(num_worlds,)``; the others stay untouched.
        """

    @abstractmethod
    def render(self, world: int) -> NDArray[np.uint8]:
        """Draw what a person should see of one world: shape ``(height, width, 3)``."""

    def next_view(self) -> None:
        """Show worlds from the next of the views from now."""
        if self.views:
            self.view = self.views[(self.views.index(self.view) + 1) % len(self.views)]

    def close(self) -> None:
        """Release threads and windows; calling it twice is harmless."""
        return
