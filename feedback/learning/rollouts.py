"""Episodes of the current policy, for people to look at."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.vec_env import VecEnv

from feedback.clips import Segment
from feedback.tracking import succeeded
from feedback.vec_wrapper import EnvLayout, after_step


def collect(
    venv: VecEnv, agent: BaseAlgorithm | None, *, env_id: str, seed: int, steps: int
) -> list[Segment]:
    """Let every world of a VecEnv run for some steps and return its episodes.

    Args:
        venv: The worlds; world ``i`` is seeded with ``seed + i``.
        agent: Whose policy acts, exploring as it does in training; None for random actions.
        env_id: What the segments say about where they come from.
        seed: Seed of the worlds and of the random actions.
        steps: Steps of each world [steps].

    Returns:
        Episodes in the order of worlds, then of time. The last one of a world may be unfinished; it is
        kept, because leaving it out would favour short episodes.
    """
    layout = EnvLayout(venv)
    venv.seed(seed)
    venv.action_space.seed(seed)
    observations: Any = venv.reset()
    frames: list[dict[str, NDArray[Any]]] = []
    done_actions: list[NDArray[Any]] = []
    rewards, dones = np.zeros((steps, venv.num_envs)), np.zeros((steps, venv.num_envs), bool)
    terminated, success = np.zeros_like(dones), np.zeros_like(dones)
    ends: dict[tuple[int, int], dict[str, NDArray[Any]]] = {}
    for step in range(steps):
        # GymVecEnv gives arrays to keep; a VecEnv that reuses its buffers must not change what was seen.
        frames.append({key: value.copy() for key, value in layout.undo(observations).items()})
        if agent is None:
            actions = np.stack([venv.action_space.sample() for _ in range(venv.num_envs)])
        else:
            actions, _ = agent.predict(observations, deterministic=False)
        done_actions.append(actions)
        observations, rewards[step], dones[step], infos = venv.step(actions)
        after = layout.undo(after_step(observations, dones[step], infos))
        over = range(venv.num_envs) if step == steps - 1 else np.flatnonzero(dones[step]).tolist()
        for world in over:
            ends[step, world] = {key: value[world].copy() for key, value in after.items()}
        for world in np.flatnonzero(dones[step]).tolist():
            terminated[step, world] = not infos[world].get("TimeLimit.truncated", False)
            success[step, world] = terminated[step, world] and succeeded(infos[world])
    episodes = []
    for world in range(venv.num_envs):
        begin = number = 0
        for end in (*(np.flatnonzero(dones[:, world]) + 1).tolist(), steps):
            if end == begin:
                continue
            span = range(begin, end)
            episodes.append(
                Segment(
                    observations={key: np.stack([frames[t][key][world] for t in span]) for key in frames[0]},
                    actions=np.stack([done_actions[t][world] for t in span]),
                    rewards=rewards[begin:end, world].copy(),
                    terminated=bool(terminated[end - 1, world]),
                    success=bool(success[end - 1, world]),
                    env_id=env_id,
                    seed=seed + world,
                    episode=number,
                    start=0,
                    last=ends[end - 1, world],
                )
            )
            begin, number = end, number + 1
    return episodes
