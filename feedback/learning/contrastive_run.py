"""A run that learns a policy from comparisons: ask once, clone, contrast; see :mod:`.contrastive`."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.policies import ActorCriticPolicy

from agents.policies import check_spaces
from agents.training import load_model
from feedback.learning.contrastive import ContrastiveLearner, usable
from feedback.learning.result import LearnResult
from feedback.learning.run import Run


class Contrastive(Run):
    """Contrastive preference learning; the result is a model of PPO, which may be trained on."""

    def go(self) -> LearnResult:
        """Ask what is left to be asked, then learn.

        Raises:
            ValueError: If nobody compared anything, or the behaviour to ask about does not fit the task.
        """
        worlds = self.worlds()
        try:
            agent = self.agent(worlds, "ppo", anneal=False)
            with self.bar() as bar:
                task = bar.add_task("labels", total=1, agreement="", result="")
                tell = self.teller(bar, task)
                self._ask(lambda: tell("ask", 0.0))
                self._learn(agent, lambda done: tell("learn", done))
        finally:
            self.questions.close()
            worlds.close()
        return self.finish(agent, None, "ppo")

    def _ask(self, tell: Callable[[], None]) -> None:
        questions = self.questions
        wanted = self.config.labels - questions.asked
        if self.source is None or wanted <= 0:
            return
        episodes = self.show(0, self._behaviour())
        for pair in questions.choose(episodes, wanted, self.config.query, None):
            questions.ask(pair)
            tell()

    def _behaviour(self) -> BaseAlgorithm | None:
        """Return who is watched; None for random actions."""
        path = self.config.cpl.behaviour
        if path is None:
            return None
        agent, _ = load_model(path, device=self.config.device)
        worlds = self.worlds(1)
        try:
            check_spaces(agent, worlds.observation_space, worlds.action_space)
        finally:
            worlds.close()
        return agent

    def _learn(self, agent: BaseAlgorithm, progress: Callable[[float], None]) -> None:
        evidence, left_out = usable(self.questions.evidence)
        self.leave_out(left_out)
        if not evidence:
            raise ValueError("nobody compared anything, so there is nothing to learn from")
        learner = ContrastiveLearner(
            cast(ActorCriticPolicy, agent.policy),
            self.space,
            self.config.cpl,
            horizon=self.config.query.length,
            seed=self.config.seed,
        )
        self.reports.append(learner.fit(evidence, progress=progress))
