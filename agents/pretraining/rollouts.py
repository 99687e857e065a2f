"""Rollouts without labels: what worlds showed and what was done, at the speed of the simulator."""

from __future__ import annotations

import json
import zipfile
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from gymnasium import spaces
from gymnasium.vector import AutoresetMode, VectorEnv
from numpy.typing import NDArray

from agents.callbacks import write_atomically
from agents.policies import Policy, PolicyFunction, expert_policy, policy_for
from agents.pretraining.config import Behaviour
from mmenvs.space_json import space_from_json, space_to_json

#: Share of random actions in ``mixed``.
MIXED = 0.3
_KEY = "observation/"


@dataclass(frozen=True)
class Rollouts:
    """Steps of several worlds side by side; every observation is kept once, in the type of its space.

    Attributes:
        observations: Key to what was seen before each action, shape ``(steps, worlds, *space.shape)``.
        actions: What was done, shape ``(steps, worlds, *action_space.shape)``.
        last: Where the next row is no consequence of the action, because an episode ended or the rows do,
            bool of shape ``(steps, worlds)``.
        observation_space: Of a single world.
        action_space: Of a single world.
    """

    observations: dict[str, NDArray[Any]]
    actions: NDArray[Any]
    last: NDArray[np.bool_]
    observation_space: spaces.Dict
    action_space: spaces.Space[Any]

    def __len__(self) -> int:
        """Return the number of steps, over all worlds."""
        return self.last.size

    @property
    def worlds(self) -> int:
        """Number of worlds."""
        return int(self.last.shape[1])

    @property
    def nbytes(self) -> int:
        """Memory of the arrays [bytes]."""
        return sum(a.nbytes for a in (*self.observations.values(), self.actions, self.last))

    @cached_property
    def flat(self) -> dict[str, NDArray[Any]]:
        """Key to view of shape ``(steps * worlds, *space.shape)``.

        Step ``t`` of world ``w`` is row ``t * worlds + w``: the row after it is ``worlds`` further on.
        """
        return {k: v.reshape(-1, *v.shape[2:]) for k, v in self.observations.items()}

    def split(self, held_out: float) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the rows to learn from, and those of the last worlds, which are held out.

        Args:
            held_out: Share of the worlds, rounded up; of the steps if there is one world.
        """
        rows = np.arange(len(self)).reshape(self.last.shape)
        axis = 1 if self.worlds > 1 else 0
        kept = rows.shape[axis] - min(int(np.ceil(held_out * rows.shape[axis])), rows.shape[axis] - 1)
        learned, held = np.split(rows, [kept], axis)
        return learned.ravel(), held.ravel()

    def save(self, path: Path) -> None:
        """Write everything as .npz, uncompressed, in one atomic step."""
        card = {
            "observation_space": space_to_json(self.observation_space),
            "action_space": space_to_json(self.action_space),
        }
        arrays: dict[str, Any] = {_KEY + key: value for key, value in self.observations.items()}
        arrays |= {"actions": self.actions, "last": self.last, "card": np.array(json.dumps(card))}
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, lambda file: np.savez(file, **arrays))

    @classmethod
    def load(cls, path: Path) -> Rollouts:
        """Read what :meth:`save` wrote.

        Raises:
            ValueError: If the file is missing, damaged, or holds something else, naming what is wrong.
        """
        try:
            with np.load(path, allow_pickle=False) as file:
                card = json.loads(str(file["card"]))
                found = {key: file[key] for key in file.files if key != "card"}
            space = space_from_json(card["observation_space"])
            actions, last = found.pop("actions"), found.pop("last")
            action_space = space_from_json(card["action_space"])
        except FileNotFoundError:
            raise ValueError(f"{path} does not exist") from None
        except (KeyError, ValueError, TypeError, OSError, EOFError, zipfile.BadZipFile) as error:
            raise ValueError(
                f"cannot read {path} as rollouts: damaged, or something else ({error})"
            ) from error
        observations = {key.removeprefix(_KEY): value for key, value in found.items()}
        space = _check_space(space)
        if set(observations) != set(space.spaces):
            raise ValueError(f"{path} holds {sorted(observations)}, but its space has {sorted(space.spaces)}")
        for key, value in {**observations, "actions": actions}.items():
            leaf = action_space if key == "actions" and key not in observations else space[key]
            if value.shape != (*last.shape, *(leaf.shape or ())):
                raise ValueError(
                    f"{path}: {key!r} has shape {value.shape}, but must be "
                    f"{(*last.shape, *(leaf.shape or ()))}"
                )
        return cls({key: observations[key] for key in space.spaces}, actions, last, space, action_space)


def collect(
    env: VectorEnv[Any, Any, Any], steps: int, policy: Policy | Behaviour = "random", *, seed: int = 0
) -> Rollouts:
    """Play and keep what was seen and done.

    Args:
        env: Any vector environment with Dict observations, in any autoreset mode.
        steps: World steps, rounded up to whole steps of all worlds.
        policy: ``"random"``, the scripted ``"expert"``, ``"mixed"`` of both (a share :data:`MIXED` of random
            actions, which leads the expert to where it has to correct), a model, or a function.
        seed: Seed of the worlds and of random actions.

    Raises:
        ValueError: If the observations are no Dict, or the environment has no such policy.
    """
    space = _check_space(env.single_observation_space)
    worlds = env.num_envs
    rows = -(-steps // worlds)
    if rows < 2:
        raise ValueError(f"steps={steps} must be at least two for each of {worlds} worlds")
    mode = env.metadata.get("autoreset_mode")
    act = _mixed(env, seed) if policy == "mixed" else policy_for(policy, env, seed=seed)
    seen = {key: np.empty((rows, worlds, *leaf.shape), leaf.dtype) for key, leaf in space.items()}  # type: ignore[misc]
    actions: NDArray[Any] | None = None
    last = np.zeros((rows, worlds), bool)
    # With NEXT_STEP a finished world shows its last observation first, and the new episode one step later.
    waits = np.zeros(worlds, bool)
    # Gymnasium's vector envs take one seed per world, whatever the base class declares.
    seeds: Any = [seed + world for world in range(worlds)]
    observations, _ = env.reset(seed=seeds)
    for row in range(rows):
        for key, kept in seen.items():
            kept[row] = observations[key]
        chosen = np.asarray(act(observations))
        if actions is None:
            actions = np.empty((rows, *chosen.shape), chosen.dtype)
        actions[row] = chosen
        observations, _, terminated, truncated, _ = env.step(chosen)
        ended = np.asarray(terminated | truncated)
        last[row] = waits if mode == AutoresetMode.NEXT_STEP else ended
        waits = ended
        if mode == AutoresetMode.DISABLED and ended.any():
            observations, _ = env.reset(options={"reset_mask": ended})
    last[-1] = True
    assert actions is not None
    return Rollouts(seen, actions, last, space, env.single_action_space)


def _mixed(env: VectorEnv[Any, Any, Any], seed: int) -> PolicyFunction:
    """Return the expert, whose actions are replaced by random ones now and then."""
    expert, chance = expert_policy(env), policy_for("random", env, seed=seed)
    draws = np.random.default_rng(seed)

    def act(observations: Any) -> NDArray[Any]:
        wise, wild = np.asarray(expert(observations)), np.asarray(chance(observations))
        strays = draws.random(env.num_envs) < MIXED
        return np.where(strays.reshape(-1, *[1] * (wise.ndim - 1)), wild, wise)

    return act


def _check_space(space: spaces.Space[Any]) -> spaces.Dict:
    if not isinstance(space, spaces.Dict) or not space.spaces:
        raise ValueError(f"pretraining needs observations that are a Dict with keys, got {space!r}")
    return space
