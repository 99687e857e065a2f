"""What goes on while an agent trains on a learned reward, whatever algorithm it is."""

from __future__ import annotations

from collections.abc import Callable

from stable_baselines3.common.callbacks import BaseCallback

from feedback.learning.run import Run
from feedback.vec_wrapper import LearnedReward


class Learning(BaseCallback):
    """Notes the curve, lets the bonus fade, and fits again when answers have come in the background."""

    def __init__(self, run: Run, venv: LearnedReward, refit: Callable[[], object]) -> None:
        """Prepare for one stretch of training.

        Args:
            run: What the agent learns in.
            venv: Its worlds.
            refit: Called between two rollouts when there are ``refit_every`` new answers.
        """
        super().__init__()
        self._run, self._venv, self._refit = run, venv, refit
        self._every = max(run.steps // 50, 1)
        self._noted = 0
        self._known = len(run.questions.evidence)

    def _on_rollout_start(self) -> None:
        config, questions = self._run.config, self._run.questions
        self._venv.bonus = config.bonus_at(self.num_timesteps)
        if config.background:
            questions.check()
            if len(questions.evidence) - self._known >= config.refit_every:
                self._known = len(questions.evidence)
                self._refit()

    def _on_rollout_end(self) -> None:
        if self.num_timesteps - self._noted >= self._every:
            self._noted = self.num_timesteps
            self._run.note(self.model, self._venv)

    def _on_step(self) -> bool:
        return True
