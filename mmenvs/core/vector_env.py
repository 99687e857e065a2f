"""N worlds as a :class:`gymnasium.vector.VectorEnv`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from gymnasium.error import ResetNeeded
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from mmenvs.core.actions import ActionChecker
from mmenvs.core.parallel import WorldPool
from mmenvs.core.seeding import EpisodeSeeds, check_options, scenarios_from
from mmenvs.core.simulator import Simulator

Observations = dict[str, NDArray[Any]]


class WorldVectorEnv(VectorEnv[Observations, NDArray[Any], NDArray[Any]]):
    """A face of a :class:`~mmenvs.core.simulator.Simulator` of many worlds.

    It truncates by itself, because Gymnasium hands ``max_episode_steps`` to a vector entry point, and
    knows all three autoreset modes: NEXT_STEP (the default, which RLlib assumes), SAME_STEP (what
    Stable-Baselines3 expects, with ``final_obs`` and ``final_info``) and DISABLED (reset by
    ``reset(options={"reset_mask": mask})``).

    With ``copy=False`` the returned observations, rewards and flags are views of buffers that the next
    call overwrites; that saves a copy for those who consume them at once.
    """

    metadata: dict[str, Any] = {"autoreset_mode": AutoresetMode.NEXT_STEP}  # noqa: RUF012

    def __init__(
        self,
        simulator: Simulator,
        *,
        max_episode_steps: int | None = None,
        autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
        copy: bool = True,
        render_mode: str | None = None,
        threads: int | None = None,
    ) -> None:
        """Wrap a simulator.

        Args:
            simulator: The worlds.
            max_episode_steps: Steps after which an episode is truncated; None for no limit.
            autoreset_mode: An ``AutoresetMode``, its value or its name.
            copy: Whether returned arrays are the caller's to keep.
            render_mode: None or ``"rgb_array"``; :meth:`render` then returns one picture per world.
            threads: Threads for copying; None for one per core.

        Raises:
            ValueError: If an argument is outside what is allowed.
        """
        if max_episode_steps is not None and max_episode_steps < 1:
            raise ValueError(f"max_episode_steps={max_episode_steps} must be at least 1, or None")
        if render_mode is not None and render_mode not in simulator.render_modes:
            raise ValueError(f"render_mode={render_mode!r} must be None or one of {simulator.render_modes}")
        self.simulator = simulator
        self.num_envs = simulator.num_worlds
        self.single_observation_space = simulator.observation_space
        self.single_action_space = simulator.action_space
        self.observation_space = batch_space(simulator.observation_space, self.num_envs)
        self.action_space = batch_space(simulator.action_space, self.num_envs)
        self.render_mode = render_mode
        self.autoreset_mode = _autoreset_mode(autoreset_mode)
        self.metadata = {
            "autoreset_mode": self.autoreset_mode,
            "render_modes": list(simulator.render_modes),
            "render_fps": simulator.render_fps,
        }
        self.copy = copy
        self.max_episode_steps = max_episode_steps
        self._checker = ActionChecker(simulator.action_space)
        self._seeds = EpisodeSeeds(self.num_envs)
        self._pool = WorldPool(self.num_envs, threads)
        self._elapsed = np.zeros(self.num_envs, np.int64)
        self._done = np.zeros(self.num_envs, bool)
        self._everything = np.ones(self.num_envs, bool)

    def reset(
        self,
        *,
        seed: int | Sequence[int | None] | None = None,
        options: dict[str, Any] | None = None,
    ) -> tuple[Observations, dict[str, Any]]:
        """Start episodes in all worlds, or in those of ``options["reset_mask"]``.

        Args:
            seed: An integer ``s`` seeds world ``i`` with ``s + i``; a sequence seeds each world, where
                None continues the world's sequence of episodes.
            options: ``reset_mask``, bool of shape (num_envs,); ``scenario``, an integer or one per world; and
                those of the simulator (:attr:`~mmenvs.core.simulator.Simulator.reset_options`).

        Raises:
            ValueError: If an option or the number of seeds is wrong.
        """
        known = check_options(options, ("scenario", "reset_mask", *self.simulator.reset_options))
        scenarios = scenarios_from(known, self.num_envs)
        worlds = np.arange(self.num_envs)
        if known.get("reset_mask") is not None:
            mask = np.asarray(known["reset_mask"])
            if mask.shape != (self.num_envs,) or mask.dtype != np.bool_ or not mask.any():
                raise ValueError(
                    f"options['reset_mask'] must be a bool array of shape ({self.num_envs},) with at least "
                    f"one True; got dtype {mask.dtype}, shape {mask.shape}, values {mask}"
                )
            worlds = worlds[mask]
        self._apply_seed(seed, worlds)
        self.simulator.choose(worlds, known)
        self._start(worlds, scenarios[worlds])
        return self._observations(), self._infos(self._everything)

    def step(
        self, actions: NDArray[Any]
    ) -> tuple[Observations, NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_], dict[str, Any]]:
        """Advance every world by one step, or reset it where the autoreset mode says so.

        Raises:
            ResetNeeded: Before the first reset, and in DISABLED mode when a finished world is stepped.
            ValueError: If the actions are not in the action space.
        """
        if not self._seeds.seeded:
            raise ResetNeeded("no episode is running: call reset() before step()")
        valid = self._checker.check(actions, self.num_envs)
        simulator = self.simulator
        finished = np.flatnonzero(self._done)
        active = self._everything
        if finished.size:
            if self.autoreset_mode == AutoresetMode.DISABLED:
                raise ResetNeeded(
                    f"the episodes of worlds {finished.tolist()} have ended: call "
                    "reset(options={'reset_mask': terminated | truncated}) first"
                )
            active = ~self._done
        simulator.step(valid, active)
        self._elapsed += active
        terminated = simulator.terminated & active
        truncated = np.zeros(self.num_envs, bool)
        for limit in (self.max_episode_steps, simulator.limits):
            if limit is not None:
                truncated |= (self._elapsed >= limit) & active
        rewards = np.where(active, simulator.rewards, 0.0)
        if finished.size:
            self._start(finished)
        self._done = terminated | truncated
        ended = np.flatnonzero(self._done)
        if ended.size and self.autoreset_mode == AutoresetMode.SAME_STEP:
            final = self._final(ended)
            self._start(ended)
            infos = self._infos(self._everything) | final
        else:
            infos = self._infos(self._everything)
        return self._observations(), rewards, terminated, truncated, infos

    def render(self) -> tuple[NDArray[np.uint8], ...] | None:
        """Return one picture per world, or None without a render mode."""
        if self.render_mode is None:
            return None
        return tuple(self.simulator.render(world) for world in range(self.num_envs))

    def close_extras(self, **kwargs: Any) -> None:
        """Release the threads."""
        self._pool.close()
        self.simulator.close()

    def _apply_seed(self, seed: int | Sequence[int | None] | None, worlds: NDArray[np.int64]) -> None:
        if seed is None:
            if self._seeds.seeded:
                return
            seed = int(np.random.default_rng().integers(2**62))
            worlds = np.arange(self.num_envs)
        if isinstance(seed, int | np.integer):
            if seed < 0:
                raise ValueError(f"seed={seed} must not be negative")
            seeds: list[int | None] = [int(seed) + int(world) for world in worlds]
        else:
            if len(seed) != self.num_envs:
                raise ValueError(f"seed has {len(seed)} entries, but there are {self.num_envs} worlds")
            if not self._seeds.seeded:
                self._apply_seed(None, worlds)
            seeds = [seed[world] for world in worlds]
        chosen = np.array([s is not None for s in seeds])
        self._seeds.seed(worlds[chosen], [s for s in seeds if s is not None])

    def _start(self, worlds: NDArray[np.int64], scenarios: NDArray[np.int64] | None = None) -> None:
        if scenarios is None:
            scenarios = np.full(worlds.size, -1, np.int64)
        self.simulator.reset(worlds, self._seeds.next(worlds), scenarios)
        self._elapsed[worlds] = 0
        self._done[worlds] = False

    def _observations(self) -> Observations:
        source = self.simulator.observations
        if not self.copy:
            return dict(source)
        target = {key: np.empty_like(value) for key, value in source.items()}
        self._pool.run(_copy_slices, target, source)
        return target

    def _infos(self, present: NDArray[np.bool_]) -> dict[str, Any]:
        return _masked(self.simulator.infos, present, self._keep)

    def _keep(self, column: NDArray[Any]) -> NDArray[Any]:
        return column.copy() if self.copy else column

    def _final(self, ended: NDArray[np.int64]) -> dict[str, Any]:
        """Return ``final_obs`` and ``final_info`` in the form of Gymnasium's own vector envs."""
        mask = np.zeros(self.num_envs, bool)
        mask[ended] = True
        final_obs = np.full(self.num_envs, None, object)
        for world in ended:
            final_obs[world] = {k: v[world].copy() for k, v in self.simulator.observations.items()}
        final_info = _masked(self.simulator.infos, mask, np.copy)
        return {
            "final_obs": final_obs,
            "_final_obs": mask,
            "final_info": final_info,
            "_final_info": mask.copy(),
        }


def _masked(
    infos: Any, present: NDArray[np.bool_], keep: Callable[[NDArray[Any]], NDArray[Any]]
) -> dict[str, Any]:
    """Return infos in Gymnasium's vector form: beside each ``key`` a mask ``_key``."""
    result: dict[str, Any] = {}
    for key, value in infos.items():
        result[key] = keep(value) if isinstance(value, np.ndarray) else _masked(value, present, keep)
        result[f"_{key}"] = present.copy()
    return result


def _copy_slices(begin: int, end: int, target: Observations, source: Observations) -> None:
    for key, value in source.items():
        target[key][begin:end] = value[begin:end]


def _autoreset_mode(mode: AutoresetMode | str) -> AutoresetMode:
    if isinstance(mode, AutoresetMode):
        return mode
    for known in AutoresetMode:
        if mode in (known.value, known.name):
            return known
    raise ValueError(f"autoreset_mode={mode!r} must be one of {[m.name for m in AutoresetMode]}")
