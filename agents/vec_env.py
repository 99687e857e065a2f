"""Any Gymnasium vector environment as a Stable-Baselines3 ``VecEnv``."""

from __future__ import annotations

import difflib
import inspect
import time
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from gymnasium.envs.registration import EnvSpec, load_env_creator
from gymnasium.vector import AutoresetMode, VectorEnv
from numpy.typing import NDArray
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.preprocessing import is_image_space, is_image_space_channels_first
from stable_baselines3.common.vec_env import VecEnv, VecEnvWrapper
from stable_baselines3.common.vec_env.base_vec_env import VecEnvIndices, VecEnvObs, VecEnvStepReturn

from mmenvs import ENVIRONMENTS
from mmenvs.spaces import Image


def make_vec_env(
    env_id: str,
    num_envs: int,
    *,
    seed: int | None = None,
    env_kwargs: Mapping[str, Any] | None = None,
) -> GymVecEnv:
    """Make ``num_envs`` worlds of an id, ready for Stable-Baselines3.

    Args:
        env_id: A registered id; ``"package:id"`` imports the package first.
        num_envs: Number of worlds.
        seed: World ``i`` is seeded with ``seed + i``.
        env_kwargs: Keyword arguments of the environment.

    Raises:
        ValueError: If the id is unknown, naming those that come close.
    """
    venv = GymVecEnv(make_vector(env_id, num_envs, AutoresetMode.SAME_STEP, env_kwargs))
    venv.seed(seed)
    return venv


def make_vector(
    env_id: str,
    num_envs: int,
    autoreset_mode: AutoresetMode,
    env_kwargs: Mapping[str, Any] | None = None,
) -> VectorEnv[Any, Any, Any]:
    """Make a Gymnasium vector environment in a given autoreset mode.

    Ids whose vector entry point takes an ``autoreset_mode`` run natively, and reuse their buffers if it takes
    ``copy``; others run one world after another in this process.

    Raises:
        ValueError: If the id is unknown, naming those that come close, or if a keyword is refused.
    """
    spec = find_spec(env_id)
    kwargs = dict(env_kwargs or {})
    native = _parameters(spec.vector_entry_point)
    try:
        if "autoreset_mode" not in native:
            options = {"autoreset_mode": autoreset_mode}
            return gym.make_vec(spec, num_envs, "sync", vector_kwargs=options, **kwargs)
        if "copy" in native:
            kwargs["copy"] = False
        return gym.make_vec(spec, num_envs, autoreset_mode=autoreset_mode.name, **kwargs)
    except TypeError as error:
        raise ValueError(f"{spec.id} refuses env_kwargs={dict(env_kwargs or {})}: {error}") from error


def find_spec(env_id: str) -> EnvSpec:
    """Return the registration of an id.

    Raises:
        ValueError: If the id is unknown, naming those that come close.
    """
    try:
        return gym.spec(env_id)
    except (gym.error.Error, ModuleNotFoundError) as error:
        close = difflib.get_close_matches(env_id, list(gym.registry), n=3, cutoff=0.4)
        hint = f"did you mean {' or '.join(close)}?" if close else f"known here: {', '.join(ENVIRONMENTS)}"
        raise ValueError(f"unknown environment id {env_id!r}; {hint}") from error


def _parameters(entry_point: Any) -> Collection[str]:
    """Return the names of the parameters of an entry point, none if there is no entry point."""
    if entry_point is None:
        return ()
    creator = load_env_creator(entry_point) if isinstance(entry_point, str) else entry_point
    return inspect.signature(creator).parameters


class GymVecEnv(VecEnv):
    """Worlds of a :class:`gymnasium.vector.VectorEnv` in SAME_STEP mode, as Stable-Baselines3 wants them.

    - At the end of an episode its ``infos[i]`` holds ``terminal_observation``, ``TimeLimit.truncated``,
      ``episode`` with ``r`` (return), ``l`` (length) and ``t`` (seconds since the start), as ``Monitor``
      writes them, ``is_success`` if the environment reports ``success``, and everything else that it
      reported then.  At other steps it is an empty dict, so that stepping costs no Python per world.
    - Byte pictures of shape (height, width, channels) come as (channels, height, width) views, not copies.
    - Observations are the caller's to keep, also when the environment reuses its buffers.
    """

    def __init__(self, env: VectorEnv[Any, Any, Any]) -> None:
        """Wrap an environment.

        Args:
            env: In SAME_STEP mode, its observations a Box, or a Dict of leaves.

        Raises:
            ValueError: If it is in another autoreset mode.
        """
        mode = env.metadata.get("autoreset_mode")
        if mode != AutoresetMode.SAME_STEP:
            raise ValueError(
                f"env is in autoreset mode {getattr(mode, 'name', mode)}, but Stable-Baselines3 needs "
                "SAME_STEP: gym.make_vec(id, num_envs=n, autoreset_mode='SAME_STEP') for a native vector "
                "env, vector_kwargs={'autoreset_mode': gymnasium.vector.AutoresetMode.SAME_STEP} for others"
            )
        self.env = env
        self.layout = ChannelsFirst(env.single_observation_space)
        super().__init__(env.num_envs, self.layout.space, env.single_action_space)
        self._reused = not getattr(env.unwrapped, "copy", False)
        self._returns = np.zeros(self.num_envs)
        self._lengths = np.zeros(self.num_envs, np.int64)
        self._started = time.time()
        self._actions: NDArray[Any] | None = None

    def reset(self) -> VecEnvObs:
        """Start an episode in every world, with the seeds and options that were set since the last reset."""
        # Gymnasium's vector envs take one seed per world, whatever the base class declares.
        seeds: Any = None if all(seed is None for seed in self._seeds) else self._seeds
        options = self._options[0]
        if any(other != options for other in self._options):
            raise ValueError("set_options() must give every world the same options in one batch")
        observations, infos = self.env.reset(seed=seeds, options=dict(options) or None)
        self.reset_infos = [info_of(infos, world) for world in range(self.num_envs)]
        self._reset_seeds()
        self._reset_options()
        self._returns[:] = 0.0
        self._lengths[:] = 0
        shown: VecEnvObs = self._to_sb3(observations)
        return shown

    def step_async(self, actions: NDArray[Any]) -> None:
        """Remember the actions of shape ``(num_envs, *action_space.shape)``."""
        self._actions = actions

    def step_wait(self) -> VecEnvStepReturn:
        """Advance every world by the remembered actions."""
        assert self._actions is not None, "step_async() comes before step_wait()"
        observations, rewards, terminated, truncated, infos = self.env.step(self._actions)
        self._returns += rewards
        self._lengths += 1
        dones = terminated | truncated
        # Fresh dicts, because callbacks and wrappers write into them.
        sb3_infos: list[dict[str, Any]] = [{} for _ in range(self.num_envs)]
        if dones.any():
            for world in np.flatnonzero(dones).tolist():
                sb3_infos[world] = self._final_info(world, infos, truncated[world] and not terminated[world])
            self._returns[dones] = 0.0
            self._lengths[dones] = 0
        return self._to_sb3(observations), rewards.astype(np.float32), dones, sb3_infos

    def close(self) -> None:
        """Close the environment."""
        self.env.close()

    def get_images(self) -> Sequence[NDArray[Any] | None]:
        """Return one rendered picture per world, or Nones without a render mode."""
        frames: Any = self.env.render() if self.render_mode == "rgb_array" else None
        return [None] * self.num_envs if frames is None else list(frames)

    def get_attr(self, attr_name: str, indices: VecEnvIndices = None) -> list[Any]:
        """Return an attribute of each world; what a native environment has once, its worlds share.

        Raises:
            AttributeError: If the environment has no such attribute.
        """
        worlds = self._get_indices(indices)
        inner: Any = self.env.unwrapped
        if not hasattr(inner, attr_name) and hasattr(inner, "get_attr"):
            values = inner.get_attr(attr_name)
            return [values[world] for world in worlds]
        value = getattr(inner, attr_name)
        return [value for _ in worlds]

    def has_attr(self, attr_name: str) -> bool:
        """Say whether every world has an attribute or a method, without calling it as Gymnasium would."""
        inner: Any = self.env.unwrapped
        if hasattr(inner, attr_name) or not hasattr(inner, "envs"):
            return hasattr(inner, attr_name)
        return all(single.has_wrapper_attr(attr_name) for single in inner.envs)

    def set_attr(self, attr_name: str, value: Any, indices: VecEnvIndices = None) -> None:
        """Set an attribute of the worlds.

        Raises:
            ValueError: If only some worlds of a native environment are meant: they share one object.
        """
        inner: Any = self.env.unwrapped
        worlds = list(self._get_indices(indices))
        if hasattr(inner, "set_attr"):
            values = (
                list(inner.get_attr(attr_name)) if len(worlds) < self.num_envs else [value] * self.num_envs
            )
            for world in worlds:
                values[world] = value
            inner.set_attr(attr_name, values)
        elif len(worlds) < self.num_envs:
            raise ValueError(
                f"set_attr({attr_name!r}) must be for all worlds: {inner} holds them in one object"
            )
        else:
            setattr(inner, attr_name, value)

    def env_method(
        self, method_name: str, *method_args: Any, indices: VecEnvIndices = None, **method_kwargs: Any
    ) -> list[Any]:
        """Call a method: of each chosen world, or once of a native environment, whose answer all share.

        What a native environment answers to ``action_masks()`` has one row per world, and is told apart.
        """
        worlds = list(self._get_indices(indices))
        inner: Any = self.env.unwrapped
        if method_name == "action_masks" and hasattr(inner, method_name):
            masks = inner.action_masks()
            return [masks[world] for world in worlds]
        if hasattr(inner, method_name) or not hasattr(inner, "call"):
            answer = getattr(inner, method_name)(*method_args, **method_kwargs)
            return [answer for _ in worlds]
        if hasattr(inner, "envs"):
            return [
                inner.envs[world].get_wrapper_attr(method_name)(*method_args, **method_kwargs)
                for world in worlds
            ]
        answers = inner.call(method_name, *method_args, **method_kwargs)
        return [answers[world] for world in worlds]

    def env_is_wrapped(
        self, wrapper_class: type[gym.Wrapper[Any, Any, Any, Any]], indices: VecEnvIndices = None
    ) -> list[bool]:
        """Say yes to ``Monitor`` alone: episodes are reported here just as it does."""
        return [issubclass(wrapper_class, Monitor) for _ in self._get_indices(indices)]

    def _final_info(self, world: int, infos: dict[str, Any], timed_out: bool) -> dict[str, Any]:
        info = info_of(infos.get("final_info", {}), world)
        info["TimeLimit.truncated"] = bool(timed_out)
        info["terminal_observation"] = self.layout.view(infos["final_obs"][world])
        info["episode"] = {
            "r": round(float(self._returns[world]), 6),
            "l": int(self._lengths[world]),
            "t": round(time.time() - self._started, 6),
        }
        if "success" in info:
            info["is_success"] = bool(info["success"])
        return info

    def _to_sb3(self, observations: Any) -> Any:
        if self._reused:
            if isinstance(observations, dict):
                observations = {key: value.copy() for key, value in observations.items()}
            else:
                observations = observations.copy()
        return self.layout.view(observations)


class ScaledReward(VecEnvWrapper):
    """Multiplies the rewards by a constant; the statistics of episodes in the infos stay as they are."""

    def __init__(self, venv: VecEnv, scale: float) -> None:
        """Wrap an environment.

        Args:
            venv: The environment.
            scale: The factor.
        """
        super().__init__(venv)
        self.scale = np.float32(scale)

    def reset(self) -> VecEnvObs:
        """Start an episode in every world."""
        return self.venv.reset()

    def step_wait(self) -> VecEnvStepReturn:
        """Advance every world by the remembered actions."""
        observations, rewards, dones, infos = self.venv.step_wait()
        return observations, rewards * self.scale, dones, infos

    def env_method(
        self, method_name: str, *method_args: Any, indices: VecEnvIndices = None, **method_kwargs: Any
    ) -> list[Any]:
        """Call a method of the worlds; rewards that are computed for other goals are scaled, too."""
        answers = super().env_method(method_name, *method_args, indices=indices, **method_kwargs)
        return [answer * self.scale for answer in answers] if method_name == "compute_reward" else answers


def cut_off(dones: NDArray[np.bool_], infos: Sequence[Mapping[str, Any]]) -> tuple[list[int], Any]:
    """Return where an episode ran out of time in a step, and what was last seen there.

    Args:
        dones: Where an episode is over, shape (num_envs,).
        infos: What the step of a ``VecEnv`` told, one mapping per world.

    Returns:
        Indices of the worlds, and a batch of their last observations, an array or a dict of arrays whose
        first axis is as long; None if there are none.
    """
    late = [
        world
        for world in np.flatnonzero(dones).tolist()
        if infos[world].get("TimeLimit.truncated") and infos[world].get("terminal_observation") is not None
    ]
    ends = [infos[world]["terminal_observation"] for world in late]
    if not ends:
        return [], None
    if isinstance(ends[0], dict):
        return late, {key: np.stack([end[key] for end in ends]) for key in ends[0]}
    return late, np.stack(ends)


class ChannelsFirst:
    """Shows byte pictures the way Stable-Baselines3 stores them: channels, height, width.

    Attributes:
        space: The observation space after the change; it keeps the modality of each leaf.
    """

    def __init__(self, space: spaces.Space[Any]) -> None:
        """Look for pictures in a Box, or in the leaves of a Dict."""
        self.space: spaces.Space[Any]
        if isinstance(space, spaces.Dict):
            self._keys = [key for key, leaf in space.spaces.items() if _is_channels_last(leaf)]
            leaves = {key: _moved(leaf) if key in self._keys else leaf for key, leaf in space.spaces.items()}
            self.space = spaces.Dict(leaves)
        else:
            self._keys = []
            self._whole = _is_channels_last(space)
            self.space = _moved(space) if self._whole else space

    def view(self, observations: Any) -> Any:
        """Return a view of one observation or of a batch of them."""
        if isinstance(observations, dict):
            shown = dict(observations)
            for key in self._keys:
                shown[key] = np.moveaxis(shown[key], -1, -3)
            return shown
        return np.moveaxis(observations, -1, -3) if self._whole else observations


def _is_channels_last(space: spaces.Space[Any]) -> bool:
    if isinstance(space, Image):
        return space.dtype == np.uint8 and not space.channels_first
    return (
        isinstance(space, spaces.Box) and is_image_space(space) and not is_image_space_channels_first(space)
    )


def _moved(space: Any) -> spaces.Box:
    if isinstance(space, Image):
        return space.to_channels_first()
    low, high = np.moveaxis(space.low, -1, 0), np.moveaxis(space.high, -1, 0)
    return spaces.Box(low, high, dtype=space.dtype)


def info_of(infos: Mapping[str, Any], world: int) -> dict[str, Any]:
    """Return what Gymnasium's vectorised infos say of one world, its arrays copied."""
    info: dict[str, Any] = {}
    for key, value in infos.items():
        if key.startswith("_") or key in ("final_obs", "final_info"):
            continue
        present = infos.get(f"_{key}")
        if present is not None and not present[world]:
            continue
        entry = info_of(value, world) if isinstance(value, Mapping) else value[world]
        info[key] = entry.copy() if isinstance(entry, np.ndarray) else entry
    return info
