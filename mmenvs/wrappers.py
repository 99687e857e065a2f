"""Wrappers for any environment with a Dict observation: sensor faults, and modalities that go missing.

Each comes for single and for vector environments, and a world of a batch sees what the single one sees::

    env = SensorFaults(gym.make("mmenvs/Driving-v0"), ["camera:dirt:0.6", "lidar:dropout:0.3"])
    envs = VectorSensorFaults(gym.make_vec("mmenvs/Driving-v0", num_envs=64), ["image:noise:0.2"])
    env = ModalityDropout(gym.make("mmenvs/Driving-v0"), rate=0.2)

What goes wrong in episode ``k`` after ``reset(seed=s)`` follows from ``s`` and ``k`` alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import gymnasium as gym
import numpy as np
from gymnasium import spaces as gym_spaces
from gymnasium.utils import RecordConstructorArgs
from gymnasium.vector import AutoresetMode, VectorEnv, VectorWrapper
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from mmenvs.core.faults.bank import FaultBank
from mmenvs.core.faults.fault import Faults, parse_faults
from mmenvs.core.faults.modalities import ModalityBank
from mmenvs.core.seeding import EpisodeSeeds

if TYPE_CHECKING:
    AnyVectorWrapper = VectorWrapper[Any, Any, Any, Any, Any]
else:
    AnyVectorWrapper = VectorWrapper  # generic in the newer releases of Gymnasium only

_WORLD = np.zeros(1, np.int64)


class Bank(Protocol):
    """What the wrappers below need: a :class:`FaultBank` or a :class:`ModalityBank`."""

    keys: tuple[str, ...]

    def reset(self, worlds: NDArray[np.int64], seeds: NDArray[np.uint64]) -> None:
        """Start episodes."""

    def apply(self, observations: Mapping[str, NDArray[Any]], worlds: NDArray[np.int64]) -> None:
        """Change new observations in place."""

    def infos(self) -> dict[str, NDArray[Any]]:
        """Return what infos say, one row per world."""

    def close(self) -> None:
        """Release what it holds."""


class _Corrupted(gym.Wrapper[Any, Any, Any, Any]):
    """A single environment whose observations pass through a bank."""

    def __init__(self, env: gym.Env[Any, Any], bank: Bank, space: gym_spaces.Dict) -> None:
        super().__init__(env)
        self.bank = bank
        self.observation_space = space
        self._buffers = _buffers(bank, space, 1)
        self._seeds = EpisodeSeeds(1)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Start an episode; without a seed, the next one of the sequence that the last seed began."""
        observation, info = self.env.reset(seed=seed, options=options)
        if seed is None and not self._seeds.seeded:
            seed = int(np.random.default_rng().integers(2**63))
        if seed is not None:
            self._seeds.seed(_WORLD, [seed])
        self.bank.reset(_WORLD, self._seeds.next(_WORLD))
        return self._corrupt(observation), self._told(info)

    def step(self, action: Any) -> tuple[dict[str, Any], Any, bool, bool, dict[str, Any]]:
        """Take a step."""
        observation, reward, terminated, truncated, info = self.env.step(action)
        return self._corrupt(observation), reward, terminated, truncated, self._told(info)

    def close(self) -> None:
        """Close the environment and stop the threads."""
        self.bank.close()
        self.env.close()

    def _corrupt(self, observation: Mapping[str, Any]) -> dict[str, Any]:
        for key, buffer in self._buffers.items():
            if key in observation:
                buffer[0] = observation[key]
        self.bank.apply(self._buffers, _WORLD)
        # A single number of a discrete space comes as a NumPy scalar, which needs no copy.
        return dict(observation) | {key: buffer[0].copy() for key, buffer in self._buffers.items()}

    def _told(self, info: dict[str, Any]) -> dict[str, Any]:
        return info | {key: _joined(info.get(key), value[0]) for key, value in self.bank.infos().items()}


class _VectorCorrupted(AnyVectorWrapper):
    """A vector environment whose observations pass through a bank, in every autoreset mode."""

    def __init__(self, env: VectorEnv[Any, Any, Any], bank: Bank, space: gym_spaces.Dict) -> None:
        super().__init__(env)
        self.bank = bank
        self.single_observation_space = space
        self.observation_space = batch_space(space, env.num_envs)
        self._mode = env.metadata.get("autoreset_mode", AutoresetMode.NEXT_STEP)
        self._buffers = _buffers(bank, space, env.num_envs)
        self._everyone = np.arange(env.num_envs)
        self._seeds = EpisodeSeeds(env.num_envs)
        self._done = np.zeros(env.num_envs, bool)

    def reset(
        self, *, seed: Any = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Start episodes in all worlds, or in those of ``options["reset_mask"]``; the others stay.

        Args:
            seed: An integer ``s`` seeds world ``i`` with ``s + i``; a sequence seeds each world, where None
                continues the world's sequence of episodes.
            options: Passed on.
        """
        mask = (options or {}).get("reset_mask")
        # Gymnasium's own vector envs take the mask out of the dict that they get.
        observations, infos = self.env.reset(seed=seed, options=None if options is None else dict(options))
        worlds = self._everyone if mask is None else np.flatnonzero(mask)
        self._seed(seed, worlds)
        self._start(observations, worlds)
        self._done[worlds] = False
        return self._shown(observations), infos | self._told(infos, self._everyone)

    def step(
        self, actions: Any
    ) -> tuple[dict[str, Any], NDArray[Any], NDArray[Any], NDArray[Any], dict[str, Any]]:
        """Take a step in every world."""
        observations, rewards, terminated, truncated, infos = self.env.step(actions)
        done = np.asarray(terminated) | np.asarray(truncated)
        if self._mode == AutoresetMode.NEXT_STEP:
            restarted = self._done
        elif self._mode == AutoresetMode.SAME_STEP:
            restarted = done
            infos = infos | self._end(observations, infos, np.flatnonzero(done))
        else:
            restarted = np.zeros_like(done)
        if self._mode != AutoresetMode.SAME_STEP:
            self._take(observations, np.flatnonzero(~restarted))
        self._start(observations, np.flatnonzero(restarted))
        self._done = done
        return (
            self._shown(observations),
            rewards,
            terminated,
            truncated,
            infos | self._told(infos, self._everyone),
        )

    def close(self, **kwargs: Any) -> None:
        """Close the environment and stop the threads."""
        self.bank.close()
        self.env.close(**kwargs)

    def _end(
        self, observations: Mapping[str, Any], infos: dict[str, Any], ended: NDArray[np.int64]
    ) -> dict[str, Any]:
        """Corrupt the step's observations, also the last ones of episodes; return what infos say of these."""
        for key, buffer in self._buffers.items():
            if key in observations:
                buffer[...] = observations[key]
                for world in ended:
                    buffer[world] = infos["final_obs"][world][key]
        self.bank.apply(self._buffers, self._everyone)
        if not ended.size:
            return {}
        final_obs = np.full(len(self._everyone), None, object)
        for world in ended:
            own = {key: buffer[world].copy() for key, buffer in self._buffers.items()}
            final_obs[world] = dict(infos["final_obs"][world]) | own
        final_info = dict(infos.get("final_info", {}))
        final_info |= self._told(final_info, ended)
        return {"final_obs": final_obs, "final_info": final_info}

    def _start(self, observations: Mapping[str, Any], worlds: NDArray[np.int64]) -> None:
        if worlds.size:
            self.bank.reset(worlds, self._seeds.next(worlds))
            self._take(observations, worlds)

    def _take(self, observations: Mapping[str, Any], worlds: NDArray[np.int64]) -> None:
        """Corrupt the new observations of some worlds, in the wrapper's own buffers."""
        for key, buffer in self._buffers.items():
            if key in observations:
                buffer[worlds] = observations[key][worlds]
        self.bank.apply(self._buffers, worlds)

    def _shown(self, observations: Mapping[str, Any]) -> dict[str, Any]:
        return dict(observations) | {key: buffer.copy() for key, buffer in self._buffers.items()}

    def _told(self, infos: Mapping[str, Any], present: NDArray[np.int64]) -> dict[str, Any]:
        """Return what the bank says of the worlds ``present``, in Gymnasium's vector form."""
        mask = np.zeros(len(self._everyone), bool)
        mask[present] = True
        told: dict[str, Any] = {}
        for key, value in self.bank.infos().items():
            said = np.zeros_like(value)
            said[mask] = value[mask]
            told |= {key: _joined(infos.get(key), said), f"_{key}": mask.copy()}
        return told

    def _seed(self, seed: int | Sequence[int | None] | None, worlds: NDArray[np.int64]) -> None:
        if not self._seeds.seeded:
            drawn = np.random.default_rng().integers(2**63, size=len(self._everyone))
            self._seeds.seed(self._everyone, drawn)
        if seed is None:
            return
        if isinstance(seed, int | np.integer):
            seed = [int(seed) + world for world in range(len(self._everyone))]
        given = {world: own for world in worlds.tolist() if (own := seed[world]) is not None}
        self._seeds.seed(np.array(list(given), np.int64), list(given.values()))


class SensorFaults(_Corrupted, RecordConstructorArgs):
    """Faults of the sensors of an environment.

    ``info["faults"]`` says which faults were at work, bool of shape (faults,).  Around an environment of this
    package it does what that environment's own argument ``faults`` does with the same seed.

    Example:
        >>> env = SensorFaults(gym.make(env_id), ["camera:dirt:0.6", "lidar:dropout:0.3:random:0.02:15"])
    """

    def __init__(self, env: gym.Env[Any, Any], faults: Faults) -> None:
        """Wrap an environment.

        Args:
            env: Any environment with a Dict observation space.
            faults: Faults, in any form of :meth:`mmenvs.core.faults.Fault.parse`.

        Raises:
            TypeError: If the observation space is not a Dict.
            ValueError: Naming the fault, the field, its value and what is allowed.
        """
        parsed = parse_faults(faults)
        # Recorded as JSON can hold them, so that env.spec can make the wrapped environment again.
        RecordConstructorArgs.__init__(self, faults=[fault.to_dict() for fault in parsed])
        space = _dict_space(env.observation_space)
        super().__init__(env, FaultBank(space, parsed, 1), space)


class VectorSensorFaults(_VectorCorrupted):
    """Faults of the sensors of a vector environment; see :class:`SensorFaults`.

    ``infos["faults"]`` is a bool array of shape (num_envs, faults).
    """

    def __init__(self, env: VectorEnv[Any, Any, Any], faults: Faults) -> None:
        """Wrap an environment; see :class:`SensorFaults`."""
        space = _dict_space(env.single_observation_space)
        super().__init__(env, FaultBank(space, faults, env.num_envs), space)


class ModalityDropout(_Corrupted, RecordConstructorArgs):
    """Whole modalities that are missing at random.

    A missing key of the observation reads as nothing: black, no return, zero, padding.  The key ``validity``
    says which are there, 1 or 0 for each, so that a policy need not guess; ``info["validity"]`` says it too.
    After Liu et al., "Learning End-to-end Multimodal Sensor Policies for Autonomous Navigation" (CoRL 2017).
    """

    def __init__(
        self,
        env: gym.Env[Any, Any],
        rate: float,
        keep_at_least: int = 1,
        validity: bool = True,
        every: str = "episode",
    ) -> None:
        """Wrap an environment.

        Args:
            env: Any environment with a Dict observation space.
            rate: Chance that a key of the observation is missing, in (0, 1].
            keep_at_least: Keys that always stay; which ones is drawn.
            validity: Whether the observation gets the key ``validity``.
            every: ``"episode"`` or ``"step"``: how long a draw lasts.

        Raises:
            TypeError: If the observation space is not a Dict.
            ValueError: Naming the argument, its value and what is allowed.
        """
        options: dict[str, Any] = {"keep_at_least": keep_at_least, "validity": validity, "every": every}
        RecordConstructorArgs.__init__(self, rate=rate, **options)
        bank = ModalityBank(_dict_space(env.observation_space), rate, 1, **options)
        super().__init__(env, bank, bank.space)


class VectorModalityDropout(_VectorCorrupted):
    """Whole modalities of a vector environment that are missing at random; see :class:`ModalityDropout`."""

    def __init__(
        self,
        env: VectorEnv[Any, Any, Any],
        rate: float,
        keep_at_least: int = 1,
        validity: bool = True,
        every: str = "episode",
    ) -> None:
        """Wrap an environment; see :class:`ModalityDropout`."""
        space = _dict_space(env.single_observation_space)
        bank = ModalityBank(
            space, rate, env.num_envs, keep_at_least=keep_at_least, validity=validity, every=every
        )
        super().__init__(env, bank, bank.space)


def _dict_space(space: gym.Space[Any]) -> gym_spaces.Dict:
    if not isinstance(space, gym_spaces.Dict):
        raise TypeError(f"observation_space={space} must be a Dict")
    return space


def _buffers(bank: Bank, space: gym_spaces.Dict, count: int) -> dict[str, NDArray[Any]]:
    leaves = ((key, space[key]) for key in bank.keys)
    return {key: np.zeros((count, *(leaf.shape or ())), leaf.dtype) for key, leaf in leaves}


def _joined(inner: Any, outer: NDArray[Any]) -> NDArray[Any]:
    """Return what an inner environment says of itself and then what the wrapper says, as a fresh array."""
    return outer.copy() if inner is None else np.concatenate([inner, outer], -1)
