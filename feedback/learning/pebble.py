"""PEBBLE: explore first, ask, and learn from all that was ever done (Lee et al. 2021, arXiv:2106.05091).

Before the first question the agent acts at random, then learns to see what is new
(:mod:`feedback.learning.novelty`), so that people are shown more than one kind of failure.  Each session
shows pieces of what it does, asks which of two is better, fits the reward model, and writes the new reward
into the whole replay buffer: soft actor-critic (Haarnoja et al. 2018) then learns from every step ever taken
as if the reward had always been this one.  What was learned about novelty is of no use for that, so
the critic is made anew after the first session and trained before the agent goes on.

The agent never sees the true reward.  ``background`` and ``from_store`` mean what they do for PPO.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

from gymnasium import spaces
from rich.progress import Progress, TaskID
from stable_baselines3 import SAC
from stable_baselines3.common.base_class import BaseAlgorithm

from agents.train_config import TrainConfig
from feedback.learning.novelty import Novelty
from feedback.learning.replay import give_buffer, load_buffer, relabel
from feedback.learning.rounds import FIT, Rounds
from feedback.learning.run import ShowProgress
from feedback.vec_wrapper import LearnedReward


class Pebble(Rounds):
    """A run of PEBBLE."""

    algo = "sac"

    def _suited(self, settings: TrainConfig) -> TrainConfig:
        """Return the agent's settings with those of PEBBLE in them.

        Raises:
            ValueError: If actions are no Box, episodes are to be seen in hindsight, or the run is too short
                to explore first.
        """
        pebble = self.config.pebble
        if not isinstance(self.action_space, spaces.Box):
            raise ValueError(
                f"algorithm='pebble' must be 'ppo' for actions of {self.action_space}: SAC needs a Box"
            )
        if settings.sac.hindsight:
            raise ValueError(f"sac.hindsight={settings.sac.hindsight} must be 0 with algorithm='pebble'")
        if pebble.before >= self.steps:
            raise ValueError(
                f"steps={self.steps} must be more than the {pebble.before} of pebble.random_steps and "
                "pebble.explore_steps"
            )
        changes: dict[str, Any] = {"learning_starts": pebble.random_steps}
        if pebble.gradient_steps is not None:
            changes["gradient_steps"] = pebble.gradient_steps
        if pebble.buffer_size is not None:
            changes["buffer_size"] = pebble.buffer_size
        return replace(settings, algo="sac", sac=replace(settings.sac, **changes))

    def _resumed(self, venv: LearnedReward) -> SAC:
        assert self.state is not None
        agent = cast(SAC, super()._resumed(venv))
        load_buffer(agent, self.config.run_dir / self.state.folder / "replay_buffer.pkl")
        return agent

    def _new(self, venv: LearnedReward, bar: Progress, task: TaskID) -> SAC:
        """Return an agent that has learned to see what is new, with all that it saw in its buffer."""
        config = self.config.pebble
        agent = cast(SAC, self.agent(venv, "sac", anneal=False))
        buffer = give_buffer(agent)
        buffer.novelty = Novelty(
            agent.observation_space,
            buffer.buffer_size * buffer.n_envs,
            neighbour=config.neighbour,
            seed=self.config.seed,
        )
        bar.update(task, description="explore")
        # The first of these steps are random: SAC's settings say so.
        agent.learn(config.before, callback=ShowProgress(bar, task, 0.0, 0.0, config.before))
        buffer.novelty = None
        # What was gained of a reward that nobody had asked for yet says nothing.
        venv.recent.clear()
        venv.recent_true.clear()
        venv.take_means()
        return agent

    def _round(
        self, index: int, agent: BaseAlgorithm, venv: LearnedReward, bar: Progress, task: TaskID
    ) -> None:
        assert isinstance(agent, SAC)
        config, model, tell = self.config.pebble, venv.reward_model, self.teller(bar, task, index)
        tell("ask", 0.0)
        self.ask(index, agent, model if self.reports else None, lambda: tell("ask", 0.0))
        self._refit(agent, venv)
        tell("train", FIT)
        if index == 0:
            reset_critic(agent)
            if config.reset_updates:
                agent.train(config.reset_updates, agent.batch_size)
        self._train(
            index, agent, venv, bar, task, refit=lambda: self._refit(agent, venv), before=config.before
        )
        tell("train", 1.0)

    def _refit(self, agent: SAC, venv: LearnedReward) -> None:
        self.fit(venv.reward_model)
        venv.bonus = self.config.bonus_at(agent.num_timesteps)
        relabel(agent, venv)


def reset_critic(agent: SAC) -> None:
    """Give an agent the critic of an untrained one; what it does stays as it is."""
    fresh = agent.policy_class(
        agent.observation_space, agent.action_space, agent.lr_schedule, **agent.policy_kwargs
    )
    made: Any = fresh
    for name in ("critic", "critic_target"):
        getattr(agent.policy, name).load_state_dict(getattr(made, name).state_dict())
    agent.policy.critic.optimizer.state.clear()
