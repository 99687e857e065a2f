"""Learning a reward in rounds: ask about what the agent does now, fit, train it on what the reward says."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import ClassVar, Literal

from rich.progress import Progress, TaskID
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.callbacks import BaseCallback

from agents.algorithms import CLASSES
from agents.callbacks import seed_after
from agents.checkpoints import load_checkpoint
from feedback.learning.callbacks import Learning
from feedback.learning.result import LearnResult
from feedback.learning.run import Run, ShowProgress
from feedback.vec_wrapper import LearnedReward

#: Share of a round that fitting takes on the bar.
FIT = 0.3


class Rounds(Run):
    """A run that goes round by round, and goes on after the last round that was kept.

    Attributes:
        algo: Name of what learns from the reward.
    """

    algo: ClassVar[Literal["ppo", "sac"]]

    @abstractmethod
    def _new(self, venv: LearnedReward, bar: Progress, task: TaskID) -> BaseAlgorithm:
        """Make the agent that the first round begins with."""

    @abstractmethod
    def _round(
        self, index: int, agent: BaseAlgorithm, venv: LearnedReward, bar: Progress, task: TaskID
    ) -> None:
        """Ask, fit and train."""

    def go(self) -> LearnResult:
        """Do the rounds that are left."""
        begun = self.state.round if self.state else 0
        reward_model = self.reward_model()
        scale = self.config.reward_scale
        venv = LearnedReward(
            self.worlds(seed=self.config.seed + begun),
            reward_model,
            gamma=getattr(self.settings, self.algo).gamma,
            scale=self.settings.reward_scale if scale is None else scale,
        )
        try:
            with self.bar() as bar:
                task = bar.add_task("labels", total=self.rounds, agreement="", result="")
                agent = self._start(venv, bar, task)
                for index in range(begun, self.rounds):
                    self._round(index, agent, venv, bar, task)
                    self.keep(index, agent, reward_model)
        finally:
            self.questions.close()
            venv.close()
        return self.finish(agent, reward_model, self.algo)

    def _start(self, venv: LearnedReward, bar: Progress, task: TaskID) -> BaseAlgorithm:
        return self._resumed(venv) if self.state else self._new(venv, bar, task)

    def _resumed(self, venv: LearnedReward) -> BaseAlgorithm:
        """Load the agent of the run that is gone on with."""
        assert self.state is not None
        file = self.config.run_dir / self.state.folder / "agent.zip"
        agent = load_checkpoint(CLASSES[self.algo], file, venv, self.config.device)
        # Otherwise it would meet the worlds of its first steps again.
        agent.set_random_seed(seed_after(self.config.seed, agent.num_timesteps))
        self.console.print(f"going on after round {self.state.round} with {agent.num_timesteps:,} steps")
        return agent

    def _train(
        self,
        index: int,
        agent: BaseAlgorithm,
        venv: LearnedReward,
        bar: Progress,
        task: TaskID,
        *more: BaseCallback,
        refit: Callable[[], object],
        before: int = 0,
    ) -> None:
        """Train on the reward until the end of a round.

        Args:
            index: The round.
            agent: Who learns.
            venv: Its worlds.
            bar: Where progress is shown.
            task: Its line.
            more: What else goes on meanwhile.
            refit: Called when enough answers have come in the background.
            before: World steps before the first question.
        """
        asking = self.config.asking * (self.steps - before)
        last = index == self.rounds - 1
        goal = self.steps if last else before + round(asking * (index + 1) / self.rounds)
        left = max(goal - agent.num_timesteps, 1)
        callbacks = [
            ShowProgress(bar, task, index + FIT, index + 1.0, left),
            Learning(self, venv, refit),
            *more,
        ]
        agent.learn(left, callback=callbacks, reset_num_timesteps=False)
