"""One world as a :class:`gymnasium.Env`."""

from __future__ import annotations

from typing import Any, cast

import gymnasium as gym
import numpy as np
from gymnasium.error import ResetNeeded
from numpy.typing import NDArray

from mmenvs.core.actions import ActionChecker
from mmenvs.core.seeding import EpisodeSeeds, check_options, scenarios_from
from mmenvs.core.simulator import Simulator

Observation = dict[str, NDArray[Any]]

_WORLD = np.zeros(1, np.int64)
_ACTIVE = np.ones(1, bool)


class WorldEnv(gym.Env[Observation, Any]):
    """A face of a :class:`~mmenvs.core.simulator.Simulator` of one world.

    Every call returns fresh arrays.  ``reset(options={"scenario": k})`` starts scenario ``k`` of the
    configured split instead of one drawn from the seed.
    """

    metadata: dict[str, Any] = {"render_modes": ["rgb_array", "human"], "render_fps": 10}  # noqa: RUF012

    def __init__(self, simulator: Simulator, render_mode: str | None = None) -> None:
        """Wrap a simulator of one world.

        Args:
            simulator: The world.
            render_mode: None, ``"rgb_array"`` or ``"human"``.

        Raises:
            ValueError: If the simulator holds several worlds or cannot render in that mode.
        """
        if simulator.num_worlds != 1:
            raise ValueError(f"simulator.num_worlds={simulator.num_worlds} must be 1 for a single env")
        modes = [*simulator.render_modes, "human"]
        if render_mode is not None and render_mode not in modes:
            raise ValueError(f"render_mode={render_mode!r} must be None or one of {modes}")
        self.simulator = simulator
        self.metadata = {"render_modes": modes, "render_fps": simulator.render_fps}
        self.observation_space = cast(gym.Space[Observation], simulator.observation_space)
        self.action_space = simulator.action_space
        self.render_mode = render_mode
        self._checker = ActionChecker(simulator.action_space)
        self._seeds = EpisodeSeeds(1)
        self._running = False
        self._elapsed = 0
        self._window: Any = None

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Start an episode; without a seed, the next one of the sequence that the last seed began."""
        super().reset(seed=seed)
        known = check_options(options, ("scenario", *self.simulator.reset_options))
        scenario = scenarios_from(known, 1)
        self.simulator.choose(_WORLD, known)
        if seed is not None:
            self._seeds.seed(_WORLD, [seed])
        elif not self._seeds.seeded:
            self._seeds.seed(_WORLD, [int(self.np_random.integers(2**63))])
        self.simulator.reset(_WORLD, self._seeds.next(_WORLD), scenario)
        self._running = True
        self._elapsed = 0
        if self.render_mode == "human":
            self._show()
        return self._observation(), self._info()

    def step(self, action: Any) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        """Advance one step.

        Truncation is the business of Gymnasium's ``TimeLimit``, but for simulators with limits of their own.

        Raises:
            ResetNeeded: Before the first reset, and after the end of an episode.
            ValueError: If the action is not in the action space.
        """
        if not self._running:
            raise ResetNeeded("no episode is running: call reset() before step()")
        self.simulator.step(self._checker.check(action), _ACTIVE)
        terminated = bool(self.simulator.terminated[0])
        self._elapsed += 1
        limits = self.simulator.limits
        truncated = limits is not None and self._elapsed >= int(limits[0])
        self._running = not (terminated or truncated)
        if self.render_mode == "human":
            self._show()
        return self._observation(), float(self.simulator.rewards[0]), terminated, truncated, self._info()

    def render(self) -> NDArray[np.uint8] | None:
        """Return the picture of the world, or refresh the window in the ``"human"`` mode.

        Raises:
            ResetNeeded: Before the first reset.
        """
        if self.render_mode is None:
            gym.logger.warn("render() needs a render_mode: gym.make(id, render_mode='rgb_array')")
            return None
        if not self._seeds.seeded:
            raise ResetNeeded("there is nothing to render yet: call reset() before render()")
        if self.render_mode == "human":
            self._show()
            return None
        return self.simulator.render(0)

    @property
    def views(self) -> tuple[str, ...]:
        """What :meth:`render` can show the world from; empty where there is one way only."""
        return self.simulator.views

    @property
    def view(self) -> str:
        """What it is shown from now, one of :attr:`views`; V changes it in the window.

        Raises:
            ValueError: If it is set to anything else.
        """
        return self.simulator.view

    @view.setter
    def view(self, name: str) -> None:
        if name not in self.views:
            raise ValueError(f"view={name!r} must be one of {self.views}")
        self.simulator.view = name

    def next_view(self) -> None:
        """Turn to the next of the views."""
        self.simulator.next_view()

    def close(self) -> None:
        """Close the window and release the threads."""
        if self._window is not None:
            self._window.close()
            self._window = None
        self.simulator.close()

    def _observation(self) -> Observation:
        return {key: value[0].copy() for key, value in self.simulator.observations.items()}

    def _info(self) -> dict[str, Any]:
        info: dict[str, Any] = {}
        for key, value in self.simulator.infos.items():
            if isinstance(value, np.ndarray):
                info[key] = _plain(value)
            else:
                info[key] = {name: _plain(column) for name, column in value.items()}
        return info

    def _show(self) -> None:
        if self._window is None:
            from mmenvs.core.window import Window

            self._window = Window(type(self.simulator).__name__, self.metadata["render_fps"])
        if self._window.show(self.simulator.render(0)):
            self.next_view()


def _plain(column: NDArray[Any]) -> Any:
    return column.item(0) if column.ndim == 1 else column[0].copy()
