"""A mix of tasks as a Gymnasium environment, single and vectorised."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium.vector import AutoresetMode
from numpy.typing import NDArray

from mmenvs.core.env import WorldEnv
from mmenvs.core.vector_env import WorldVectorEnv
from mmenvs.multitask.config import MultiTaskConfig
from mmenvs.multitask.simulator import MultiTaskSimulator


class MultiTaskEnv(WorldEnv):
    """Several tasks, driving and recommending among them, for one agent.

    ## Description

    Each episode is one of a task of the mix, drawn by weight from its seed: by default path planning, a
    motorway, or a shop.  Whatever the task, the observation has the same keys and the action space is the
    same, so that one network can learn all of them; bits say which keys the task has, and a mask which
    actions.  An episode is that of the task's own environment with the same seed and settings, bit for bit.

    ## Action Space

    If all tasks are continuous (or with ``action="continuous"``) ``Box(-1, 1, (d,))``, ``d`` the most numbers
    that any task takes: a task takes the first ones, stretched to its own bounds, and ignores the others.

    Otherwise ``Discrete(n)``, ``n`` the most actions that any task has.  A driving task whose actions are
    continuous is driven by a grid of 7 steering angles, 0.5, 0.12, 0.03, 0, -0.03, -0.12, -0.5, for each of 3
    pedal positions, -0.6, 0, 0.8 (with ``"action": "discrete"`` among its settings by the coarser one of
    ``DrivingEnv``).  Slates are numbered, the last place fastest, up to 10,000 of them.

    | Default task | Actions | Meaning |
    | --- | --- | --- |
    | ``PathPlanning`` | 0 to 2 | left, straight, right |
    | ``Highway`` | 0 to 20 | 7 steering angles for each of 3 pedal positions |
    | ``Recommender`` | 0 to 9 | which candidate to recommend |

    ``info["action_mask"]`` is 1 for the actions (or numbers) that mean something in the task, as
    ``env.action_space.sample(mask)`` takes it; ``env.unwrapped.action_masks()`` gives it as bools, as
    sb3-contrib's ``MaskablePPO`` asks for it.  An action ``a`` beyond the ``m`` of a task means ``a % m``:
    nothing breaks, every action of the task stays as likely under random play as it can be, and
    ``info["invalid_action"]`` and ``info["invalid_actions"]`` (of the episode) tell.

    ## Observation Space

    A ``Dict`` of the union of the tasks' keys, and

    | Key | Shape | Range | Meaning |
    | --- | --- | --- | --- |
    | ``task`` | (tasks,) float32 | 0 to 1 | one-hot; the space's ``names`` are the tasks |
    | ``validity`` | (keys,) float32 | 0 to 1 | 1 for each key that the task has; its ``names`` are all other keys |

    Keys that look the same in several tasks are one key.  For that ``camera_size`` and ``lidar_beams`` hold for
    all driving tasks (but ``Parking``) unless a task's own settings say otherwise.  Keys that look different
    are told apart by the family, such as ``recommender_user``, or within a family by the task's name, such as
    ``Highway_camera``.  What a task lacks is 0.  The networks of ``agents`` heed the validity by themselves.

    ## Rewards

    Those of the task times its ``reward_scale``, by default 1 over what the scripted expert of the task
    returns, rounded, so that a good episode of any task returns about 1 (``Parking`` -1).
    ``info["task_reward"]`` is the reward before that, as are ``info["reward_terms"]``.

    ## Starting State

    That of the task.  ``reset(options={"task": "Highway"})`` chooses it; ``options={"scenario": k}`` takes
    scenario ``k``, which decides on the task as well if that is not chosen.  In a batch both options may hold
    one entry per world.  A world keeps its task until the episode ends, however it is reset.

    ## Episode End

    That of the task, and its time limit: 200 steps of path planning, 600 of the motorway, 100 of the shop.

    ``info`` holds ``task``, the name, and whatever the task's own environment tells, ``success`` always
    included.  In a batch, entries that a world's task does not tell are 0 and their mask ``_key`` is False.

    ## Arguments

    The fields of :class:`~mmenvs.multitask.config.MultiTaskConfig`, for example

    ```python
    gym.make(
        "mmenvs/MultiTask-v0",
        tasks=("PathPlanning", {"task": "Highway", "traffic_vehicles": 12}, "mmenvs/ColdStart-v0"),
        weights={"Highway": 2.0},
    )
    ```

    and ``render_mode`` None, ``"rgb_array"`` or ``"human"``, which show the task that is played.

    ## Version History

    * v0: First version.
    """

    simulator: MultiTaskSimulator

    def __init__(self, render_mode: str | None = None, **settings: Any) -> None:
        """Make one world.

        Args:
            render_mode: None, ``"rgb_array"`` or ``"human"``.
            settings: Fields of :class:`~mmenvs.multitask.config.MultiTaskConfig`.

        Raises:
            TypeError: If a keyword is unknown.
            ValueError: If a value is not allowed.
        """
        super().__init__(MultiTaskSimulator(1, MultiTaskConfig.from_keywords(settings)), render_mode)

    def action_masks(self) -> NDArray[np.bool_]:
        """Return which actions mean something in the task of this episode, bool of shape (n,)."""
        return np.asarray(self.simulator.action_masks()[0])

    def _info(self) -> dict[str, Any]:
        return self.simulator.told.told_by(super()._info(), int(self.simulator.task[0]))


class MultiTaskVectorEnv(WorldVectorEnv):
    """Many worlds of :class:`MultiTaskEnv` in one process, those of each task advanced together."""

    simulator: MultiTaskSimulator

    def __init__(
        self,
        num_envs: int = 1,
        *,
        max_episode_steps: int | None = None,
        autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
        copy: bool = True,
        render_mode: str | None = None,
        **settings: Any,
    ) -> None:
        """Make ``num_envs`` worlds.

        Args:
            num_envs: Number of worlds.
            max_episode_steps: Steps after which an episode of any task is truncated, if its own limit has not
                been reached before.
            autoreset_mode: See :class:`~mmenvs.core.vector_env.WorldVectorEnv`.
            copy: Whether returned arrays are the caller's to keep.
            render_mode: None or ``"rgb_array"``.
            settings: Fields of :class:`~mmenvs.multitask.config.MultiTaskConfig`.

        Raises:
            TypeError: If a keyword is unknown.
            ValueError: If a value is not allowed.
        """
        config = MultiTaskConfig.from_keywords(settings)
        super().__init__(
            MultiTaskSimulator(num_envs, config),
            max_episode_steps=max_episode_steps,
            autoreset_mode=autoreset_mode,
            copy=copy,
            render_mode=render_mode,
            threads=config.threads,
        )

    def action_masks(self) -> NDArray[np.bool_]:
        """Return which actions mean something in the task of each world, bool of shape (num_envs, n)."""
        return self.simulator.action_masks()

    def _infos(self, present: NDArray[np.bool_]) -> dict[str, Any]:
        return self.simulator.told.restrict(super()._infos(present), self.simulator.task)

    def _final(self, ended: NDArray[np.int64]) -> dict[str, Any]:
        final = super()._final(ended)
        self.simulator.told.restrict(final["final_info"], self.simulator.task)
        return final
