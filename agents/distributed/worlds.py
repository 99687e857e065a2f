"""The worlds of one runner, the way RLlib wants them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from gymnasium import spaces
from gymnasium.vector import AutoresetMode, VectorEnv, VectorWrapper
from numpy.typing import NDArray

from agents.distributed.config import DistributedConfig
from agents.vec_env import find_spec, make_vector
from mmenvs import ENVIRONMENTS


class RunnerWorlds(VectorWrapper):
    """A vector environment in NEXT_STEP mode, which RLlib assumes and never checks.

    - Rewards are scaled; :class:`~agents.distributed.callbacks.EpisodeReports` takes the scale off again.
    - Infos come at the end of an episode alone, and only of the worlds that have ended: RLlib makes a dict
      per world of them, which would cost more than the step itself.
    - Observations are the runner's to keep, as its episodes do.
    - The worlds of different runners get different seeds.  RLlib seeds runner ``i`` with ``seed + i``, a
      vector environment its world ``k`` with ``seed + k``: most worlds of two runners would be the same.
    """

    def __init__(self, env: VectorEnv[Any, Any, Any], reward_scale: float, seed: tuple[int, int]) -> None:
        """Wrap an environment.

        Args:
            env: In NEXT_STEP mode.
            reward_scale: Factor on the rewards.
            seed: Seed of the run, and number of the runner.

        Raises:
            ValueError: If it is in another autoreset mode.
        """
        mode = env.metadata.get("autoreset_mode")
        if mode != AutoresetMode.NEXT_STEP:
            raise ValueError(f"env is in autoreset mode {getattr(mode, 'name', mode)}, RLlib needs NEXT_STEP")
        super().__init__(env)
        self._scale = reward_scale
        self._worlds_seed = seed
        self._reused = not getattr(env.unwrapped, "copy", False)

    def reset(
        self, *, seed: int | list[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Start an episode in every world; any ``seed`` stands for those of this runner."""
        seeds: Any = None
        if seed is not None:
            state = np.random.SeedSequence(self._worlds_seed).generate_state(self.num_envs)
            seeds = state.tolist()
        observations, _ = self.env.reset(seed=seeds, options=options)
        return self._own(observations), {}

    def step(
        self, actions: Any
    ) -> tuple[Any, NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_], dict[str, Any]]:
        """Advance every world, or start its next episode if it ended in the last step."""
        observations, rewards, terminated, truncated, infos = self.env.step(actions)
        ended = terminated | truncated
        kept = of_worlds(infos, ended) if ended.any() else {}
        return self._own(observations), rewards * self._scale, terminated, truncated, kept

    def _own(self, observations: Any) -> Any:
        return {key: value.copy() for key, value in observations.items()} if self._reused else observations


def of_worlds(infos: Mapping[str, Any], worlds: NDArray[np.bool_]) -> dict[str, Any]:
    """Return vectorised infos whose masks leave ``worlds`` alone, bool of shape (num_envs,)."""
    kept: dict[str, Any] = {}
    for key, value in infos.items():
        if key.startswith("_"):
            continue
        present = infos.get(f"_{key}")
        kept[key] = of_worlds(value, worlds) if isinstance(value, Mapping) else value
        kept[f"_{key}"] = worlds if present is None else worlds & present
    return kept


def make_worlds(context: Mapping[str, Any]) -> RunnerWorlds:
    """Make the worlds of a runner.

    Args:
        context: RLlib's ``EnvContext``: the ``worker_index``, ``num_envs``, and what :func:`world_settings`
            returned.
    """
    env_id, kwargs = context["env_id"], dict(context["env_kwargs"])
    if find_spec(env_id).id in ENVIRONMENTS:
        # Every runner has its own cores: by default each simulator would take all of the machine.
        kwargs.setdefault("threads", context["threads"])
    env = make_vector(env_id, context.get("num_envs", 1), AutoresetMode.NEXT_STEP, kwargs)
    seed = (context["seed"], getattr(context, "worker_index", 0))
    return RunnerWorlds(env, context["reward_scale"], seed)


def world_settings(config: DistributedConfig, steps: int = 0) -> dict[str, Any]:
    """Return what :func:`make_worlds` needs to know.

    Args:
        config: The run.
        steps: World steps that the run has done: a run that goes on does not replay its first episodes.
    """
    return {
        "env_id": config.env_id,
        "env_kwargs": dict(config.env_kwargs),
        "reward_scale": config.reward_scale,
        "seed": (config.seed + steps) % 2**32,
        "threads": config.cpus_per_runner,
    }


def check_worlds(config: DistributedConfig) -> None:
    """Make one world here, so that what does not fit is said before any process starts.

    Raises:
        ValueError: If the id or a keyword is wrong, or the algorithm does not fit, naming those that do.
    """
    env = make_vector(config.env_id, 1, AutoresetMode.NEXT_STEP, config.env_kwargs)
    try:
        observation, action = env.single_observation_space, env.single_action_space
    finally:
        env.close()
    if not isinstance(observation, spaces.Dict):
        raise ValueError(f"{config.env_id} has observations {observation}, which must be a Dict")
    bounded = isinstance(action, spaces.Box) and action.dtype.kind == "f" and action.is_bounded()
    able = {
        "ppo": bounded or isinstance(action, spaces.Discrete | spaces.MultiDiscrete),
        "dqn": isinstance(action, spaces.Discrete),
        "sac": bounded,
    }
    if not able[config.algo]:
        fitting = ", ".join(name for name, fits in able.items() if fits) or "none of them"
        raise ValueError(f"algo={config.algo!r} cannot choose actions of {action}; these can: {fitting}")
    starts = action.start if isinstance(action, spaces.Discrete | spaces.MultiDiscrete) else 0
    if np.any(starts):
        raise ValueError(f"{config.env_id} has actions {action}, which must start at 0")
