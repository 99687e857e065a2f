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

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, cast

from gymnasium import spaces
from rich.console import Console
from rich.progress import Progress, TaskID
from stable_baselines3 import SAC
from stable_baselines3.common.callbacks import BaseCallback

from agents.checkpoints import load_checkpoint
from agents.defaults import defaults_for
from agents.train_config import TrainConfig
from feedback.learning.callbacks import Learning
from feedback.learning.config import LearnConfig
from feedback.learning.novelty import Novelty
from feedback.learning.replay import give_buffer, load_buffer, relabel
from feedback.learning.result import LearnResult
from feedback.learning.run import Run, ShowProgress
from feedback.sources.base import PreferenceSource
from feedback.store import LabelStore
from feedback.vec_wrapper import LearnedReward

#: Share of a session that fitting takes on the bar.
_FIT = 0.3


class Pebble(Run):
    """A run of PEBBLE."""

    def __init__(
        self,
        config: LearnConfig,
        settings: TrainConfig | None,
        source: PreferenceSource | None,
        store: LabelStore,
        console: Console,
        *,
        resume: bool = False,
    ) -> None:
        """Prepare a run, or find what is left of one.

        Raises:
            ValueError: If actions are no Box, the run is too short to explore first, or there is nothing to
                go on with.
        """
        super().__init__(
            config,
            _for_sac(config, settings or defaults_for(config.env_id)),
            source,
            store,
            console,
            resume=resume,
        )
        if not isinstance(self.action_space, spaces.Box):
            raise ValueError(
                f"algorithm='pebble' must be 'ppo' for actions of {self.action_space}: SAC needs a Box"
            )
        if self.settings.sac.hindsight:
            raise ValueError(f"sac.hindsight={self.settings.sac.hindsight} must be 0 with algorithm='pebble'")
        if config.pebble.before >= self.steps:
            raise ValueError(
                f"steps={self.steps} must be more than the {config.pebble.before} of pebble.random_steps and "
                "pebble.explore_steps"
            )

    def go(self) -> LearnResult:
        """Explore, then ask, fit, relabel and train in every session."""
        begun = self.state.round if self.state else 0
        reward_model = self.reward_model()
        venv = LearnedReward(
            self.worlds(seed=self.config.seed + begun),
            reward_model,
            gamma=self.settings.sac.gamma,
            scale=self.settings.reward_scale,
        )
        try:
            with self.bar() as bar:
                task = bar.add_task("labels", total=self.rounds, agreement="", result="")
                agent = self._resumed(venv) if self.state else self._explored(venv, bar, task)
                for index in range(begun, self.rounds):
                    self._session(index, agent, venv, bar, task)
                    self.keep(index, agent, reward_model)
        finally:
            self.questions.close()
            venv.close()
        return self.finish(agent, reward_model, "sac")

    def _resumed(self, venv: LearnedReward) -> SAC:
        assert self.state is not None
        folder = self.config.run_dir / self.state.folder
        agent = cast(SAC, load_checkpoint(SAC, folder / "agent.zip", venv, self.config.device))
        load_buffer(agent, folder / "replay_buffer.pkl")
        self.console.print(f"going on after round {self.state.round} with {agent.num_timesteps:,} steps")
        return agent

    def _explored(self, venv: LearnedReward, bar: Progress, task: TaskID) -> SAC:
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
        venv.recent.clear()  # what was gained of a reward that nobody had asked for yet
        return agent

    def _session(self, index: int, agent: SAC, venv: LearnedReward, bar: Progress, task: TaskID) -> None:
        def tell(what: str, done: float) -> None:
            shown = f"labels {self.questions.asked}/{self.config.labels}: {what}"
            bar.update(task, description=shown, completed=index + done, agreement=self.said())

        model = venv.reward_model
        tell("ask", 0.0)
        self.ask(index, agent, model if self.reports else None, lambda: tell("ask", 0.0))
        self._refit(agent, venv)
        tell("train", _FIT)
        if index == 0:
            reset_critic(agent)
            if self.config.pebble.reset_updates:
                agent.train(self.config.pebble.reset_updates, agent.batch_size)
        before = self.config.pebble.before
        asking = self.config.asking * (self.steps - before)
        last = index == self.rounds - 1
        goal = self.steps if last else before + round(asking * (index + 1) / self.rounds)
        left = max(goal - agent.num_timesteps, 1)
        callbacks: Sequence[BaseCallback] = [
            ShowProgress(bar, task, index + _FIT, index + 1.0, left),
            Learning(self, venv, lambda: self._refit(agent, venv)),
        ]
        agent.learn(left, callback=list(callbacks), reset_num_timesteps=False)
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


def _for_sac(config: LearnConfig, settings: TrainConfig) -> TrainConfig:
    """Return the agent's settings with those of PEBBLE in them."""
    pebble = config.pebble
    changes: dict[str, Any] = {"learning_starts": pebble.random_steps}
    if pebble.gradient_steps is not None:
        changes["gradient_steps"] = pebble.gradient_steps
    if pebble.buffer_size is not None:
        changes["buffer_size"] = pebble.buffer_size
    return replace(settings, algo="sac", sac=replace(settings.sac, **changes))
