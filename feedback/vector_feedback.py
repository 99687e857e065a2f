"""Feedback as reward, for any Gymnasium vector environment."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv
from numpy.typing import NDArray

from agents.vec_env import info_of
from feedback.potentials import Potential, RewardPredictor
from feedback.shaping import Shaper, Shaping, ShapingConfig
from feedback.sources.base import EvaluationSource
from feedback.store import LabelStore
from feedback.tracking import EpisodeTracker, env_id_of, succeeded
from feedback.wrapper import check_source, listen
from mmenvs.wrappers import AnyVectorWrapper


class VectorHumanFeedback(AnyVectorWrapper):
    """Turns evaluations and what was learned from feedback into shaped rewards, in many worlds at once.

    World ``i`` of a reset with seed ``s`` gets the rewards, bit for bit, that
    :class:`feedback.wrapper.HumanFeedback` gives a single world that is reset with seed ``s + i`` (those of a
    reward model up to rounding: torch adds up a batch in another order).  What one recorded, the other
    replays.

    It knows all autoreset modes.  What ``infos`` hold is as for a single world, each an array of shape
    (num_envs,) with its mask; in SAME_STEP mode ``infos["final_info"]`` holds it as well for the episodes
    that ended, so that :class:`agents.vec_env.GymVecEnv` hands it on.  A step of NEXT_STEP mode that only
    resets a world is no step of an episode: nobody is asked, and its reward stays 0.

    The returns that ``GymVecEnv`` reports of an environment wrapped in this are shaped ones.

    Example:
        >>> env = VectorHumanFeedback(make_vector(env_id, 8, AutoresetMode.SAME_STEP), RecordedSource(store))
        >>> model = PPO("MultiInputPolicy", GymVecEnv(env))
    """

    def __init__(
        self,
        env: VectorEnv[Any, Any, Any],
        sources: EvaluationSource | Sequence[EvaluationSource] | None = None,
        *,
        store: LabelStore | None = None,
        reward_model: RewardPredictor | None = None,
        potential: Potential | None = None,
        mix: float | None = None,
        shaping: Shaping = "add",
        weight: float = 1.0,
        gamma: float | None = None,
    ) -> None:
        """Wrap an environment.

        Args:
            env: Any vector environment whose single observation space is a Dict or a Box.
            sources: Who judges: one for each world, or one for all, who is asked about one world after the
                other and must not rely on the order of steps (a recording does not); None for nobody.
            store: Where live labels are kept; an evaluation is on disk before it becomes reward.
            reward_model: A :class:`feedback.reward_models.RewardModel` for single observations.
            potential: For ``"potential"``: what the observation of a single world is worth.
            mix: Share of the learned reward, in [0, 1]; see :class:`feedback.shaping.ShapingConfig`.
            shaping: ``"add"``, ``"replace"`` or ``"potential"``.
            weight: Reward per unit of feedback.
            gamma: The discount factor of the agent, for ``"potential"`` and for what a reward model says the
                end of an episode is worth; None where there is neither.

        Raises:
            TypeError: If a source does not judge steps.
            ValueError: If an argument is not allowed.
        """
        super().__init__(env)
        self.sources = _one_each(sources, env.num_envs)
        judges: list[EvaluationSource | None] = [*self.sources] or [None]
        for source in judges:
            check_source(source, store)
        self.store = store
        self.config = ShapingConfig(shaping, weight, mix, gamma)
        self._shaper = Shaper(
            self.config,
            env.num_envs,
            env.single_action_space,
            source=bool(self.sources),
            reward_model=reward_model,
            potential=potential,
        )
        self._mode = env.metadata.get("autoreset_mode", AutoresetMode.NEXT_STEP)
        self._trackers = [EpisodeTracker(_id_of(env)) for _ in range(env.num_envs)]
        self._done = np.zeros(env.num_envs, bool)

    def reset(self, *, seed: Any = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Start episodes in all worlds, or in those of ``options["reset_mask"]``.

        Args:
            seed: An integer ``s`` seeds world ``i`` with ``s + i``; a sequence seeds each world, where None
                continues the world's sequence of episodes.  Worlds that never had a seed get one drawn.
            options: Passed on.
        """
        mask = (options or {}).get("reset_mask")
        worlds = list(range(self.num_envs)) if mask is None else np.flatnonzero(mask).tolist()
        seed, seeds = self._seeds(seed, worlds)
        # Gymnasium's own vector envs take the mask out of the dict that they get.
        observations, infos = self.env.reset(seed=seed, options=None if options is None else dict(options))
        seen = [_observation_of(observations, world) for world in worlds]
        for world, observation in zip(worlds, seen, strict=True):
            self._trackers[world].begin(observation, seeds[world], _options_of(options, world))
        self._shaper.begin(worlds, seen)
        self._done[worlds] = False
        return observations, infos

    def step(
        self, actions: Any
    ) -> tuple[Any, NDArray[Any], NDArray[np.bool_], NDArray[np.bool_], dict[str, Any]]:
        """Take a step in every world and shape its reward by what is said about it."""
        observations, true_rewards, terminated, truncated, infos = self.env.step(actions)
        done = np.asarray(terminated) | np.asarray(truncated)
        same, none = self._mode == AutoresetMode.SAME_STEP, np.zeros_like(done)
        begun = done if same else self._done if self._mode == AutoresetMode.NEXT_STEP else none
        acted = np.flatnonzero(~(none if same else begun)).tolist()
        final = done if same else none
        last = [infos["final_obs"][w] if final[w] else _observation_of(observations, w) for w in acted]
        rewards = np.array(true_rewards, np.float64)
        # Told even if all worlds only began an episode, with an empty mask.
        columns = dict.fromkeys(self._shaper.columns, np.zeros(0))
        if acted:
            said = [
                self._listen(w, actions[w], seen, rewards[w], terminated[w], truncated[w], infos, final[w])
                for w, seen in zip(acted, last, strict=True)
            ]
            arrived = [bool(terminated[w]) and succeeded(_info_of(infos, w, final=final[w])) for w in acted]
            shaped = self._shaper.step(
                acted,
                [actions[w] for w in acted],
                last,
                rewards[acted].tolist(),
                terminated[acted],
                said,
                arrived,
            )
            rewards[acted] = shaped.reward
            columns = shaped.columns()
        told = _spread(columns, acted, self.num_envs)
        self._begin(np.flatnonzero(begun).tolist(), observations)
        self._done = done
        infos = {**infos, **told}
        if final.any():
            infos["final_info"] = {**infos.get("final_info", {}), **_only(told, final)}
        return observations, rewards, terminated, truncated, infos

    def _listen(
        self,
        world: int,
        action: Any,
        observation: Any,
        reward: float,
        terminated: bool,
        truncated: bool,
        infos: dict[str, Any],
        final: bool,
    ) -> float:
        """Ask about the step of one world."""
        if not self.sources:
            return 0.0
        info = _info_of(infos, world, final=final)
        moment = self._trackers[world].step(
            action,
            observation,
            float(reward),
            terminated=bool(terminated),
            truncated=bool(truncated),
            success=succeeded(info),
            info=info,
        )
        return listen(self.sources[world], moment, self.store)

    def _begin(self, worlds: list[int], observations: Any) -> None:
        """Note the episodes that worlds began by themselves."""
        seen = [_observation_of(observations, world) for world in worlds]
        for world, observation in zip(worlds, seen, strict=True):
            self._trackers[world].begin(observation, None)
        self._shaper.begin(worlds, seen)

    def _seeds(self, seed: Any, worlds: list[int]) -> tuple[Any, list[int | None]]:
        """Return the seed to pass on, and that of each world; what was never seeded gets one drawn."""
        if seed is None and not any(tracker.seeded for tracker in self._trackers):
            seed = int(np.random.default_rng().integers(2**31))
        if isinstance(seed, int | np.integer):
            return seed, [int(seed) + world for world in range(self.num_envs)]
        seeds = [None] * self.num_envs if seed is None else list(seed)
        if len(seeds) != self.num_envs:
            raise ValueError(f"seed has {len(seeds)} entries, but there are {self.num_envs} worlds")
        for world in worlds:
            if seeds[world] is None and not self._trackers[world].seeded:
                seeds[world] = int(np.random.default_rng().integers(2**31))
        return (None if all(entry is None for entry in seeds) else seeds), seeds


def _one_each(
    sources: EvaluationSource | Sequence[EvaluationSource] | None, count: int
) -> list[EvaluationSource]:
    """Return a source for each world; none at all for None."""
    if sources is None:
        return []
    if not isinstance(sources, Sequence):
        return [sources] * count
    if len(sources) != count:
        raise ValueError(f"sources has {len(sources)} entries, but there are {count} worlds")
    return list(sources)


def _id_of(env: VectorEnv[Any, Any, Any]) -> str:
    """Return the id of the single environment, under which its labels are replayed."""
    inner: Any = env.unwrapped
    if env.spec is None and getattr(inner, "envs", None):
        return env_id_of(inner.envs[0])
    return env.spec.id if env.spec is not None else type(inner).__name__


def _observation_of(observations: Any, world: int) -> Any:
    if isinstance(observations, dict):
        return {key: value[world] for key, value in observations.items()}
    return observations[world]


def _info_of(infos: dict[str, Any], world: int, *, final: bool) -> dict[str, Any]:
    """Return what a world told about its step; ``final`` if it told it beside that of the next episode."""
    return info_of(infos.get("final_info", {}) if final else infos, world)


def _options_of(options: dict[str, Any] | None, world: int) -> dict[str, Any] | None:
    """Return what a tracker wants to know of the options: the scenario of one world."""
    scenario = (options or {}).get("scenario")
    if scenario is None:
        return None
    return {"scenario": scenario if np.ndim(scenario) == 0 else scenario[world]}


def _spread(columns: dict[str, NDArray[np.float64]], worlds: list[int], count: int) -> dict[str, Any]:
    """Return columns of some worlds in Gymnasium's vector form: beside each ``key`` a mask ``_key``."""
    told: dict[str, Any] = {}
    for name, column in columns.items():
        told[name], told[f"_{name}"] = np.zeros(count), np.zeros(count, bool)
        told[name][worlds], told[f"_{name}"][worlds] = column, True
    return told


def _only(told: dict[str, Any], mask: NDArray[np.bool_]) -> dict[str, Any]:
    """Return vector infos that tell of the masked worlds alone."""
    return {key: mask.copy() if key.startswith("_") else np.where(mask, told[key], 0.0) for key in told}
