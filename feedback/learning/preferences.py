"""Learning from preferences: collect, ask, fit, train, and again (Christiano et al. 2017, arXiv:1706.03741).

Each round shows pieces of what the current policy does, asks which of two is better, fits the reward
model to all that is known so far, and trains PPO on what it predicts.  The agent never sees the true reward;
only the simulated teacher and the final table do.

With ``background`` nobody waits: questions are answered while the agent trains, and the reward is fitted
again between two rollouts whenever enough answers have come.  With ``from_store`` nobody is asked: the reward
is fitted once to labels of any kind that were given before, and the agent trained on it.
"""

from __future__ import annotations

from rich.console import Console
from rich.progress import Progress, TaskID
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.utils import ConstantSchedule

from agents.train_config import TrainConfig
from feedback.learning.config import Algorithm, LearnConfig
from feedback.learning.contrastive_run import Contrastive
from feedback.learning.pebble import Pebble
from feedback.learning.result import LearnResult
from feedback.learning.rounds import FIT, Rounds
from feedback.learning.run import Run
from feedback.sources.base import PreferenceSource
from feedback.sources.teachers import make_teacher
from feedback.store import LabelStore
from feedback.store.address import address_of
from feedback.vec_wrapper import LearnedReward


def learn(
    config: LearnConfig,
    *,
    source: PreferenceSource | None = None,
    settings: TrainConfig | None = None,
    console: Console | None = None,
    resume: bool = False,
) -> LearnResult:
    """Learn an agent from what people say: a reward first, unless ``config.algorithm`` does without.

    Every label goes into the store before it is used, and its clips into a folder beside it; labels of
    the same environment that are there already are used first.

    Args:
        config: The run.
        source: Who answers; the teacher that ``config`` names by default.
        settings: Those of the agent; by default those that are known to work on the task.
        console: Where progress and the table go.
        resume: Whether to go on with the run in its folder, which was killed.

    Raises:
        ValueError: If the environment is unknown or unfit, or there is nothing to go on with.
        StoreError: If the store cannot be used.
    """
    console = console or Console()
    if config.from_store is not None:
        file = address_of(config.from_store).path
        if file is not None and not file.exists():
            raise ValueError(f"from_store={config.from_store!r} does not exist")
    if source is None and config.from_store is None:
        source = make_teacher(config.teacher, horizon=config.query.length, seed=config.seed)
    with LabelStore(config.store_path) as store:
        return WAYS[config.algorithm](config, settings, source, store, console, resume=resume).go()


class Preferences(Rounds):
    """Rounds of collecting, asking, fitting a reward and training PPO on it."""

    algo = "ppo"

    def _new(self, venv: LearnedReward, bar: Progress, task: TaskID) -> BaseAlgorithm:
        return self.agent(venv, "ppo", anneal=False)

    def _round(
        self, index: int, agent: BaseAlgorithm, venv: LearnedReward, bar: Progress, task: TaskID
    ) -> None:
        model, tell = venv.reward_model, self.teller(bar, task, index)
        tell("ask", 0.0)
        self.ask(index, agent if index else None, model if self.reports else None, lambda: tell("ask", 0.0))
        self.fit(model, lambda done: tell("fit", FIT * done))
        tell("train", FIT)
        self._train(index, agent, venv, bar, task, _Annealing(self), refit=lambda: self.fit(model))
        tell("train", 1.0)


#: How an agent is made of what people said: a kind of run for every ``algorithm``.
WAYS: dict[Algorithm, type[Run]] = {"ppo": Preferences, "pebble": Pebble, "cpl": Contrastive}


class _Annealing(BaseCallback):
    """Lowers the learning rate over all rounds: progress restarts with every call of ``learn()``."""

    def __init__(self, run: Run) -> None:
        super().__init__()
        self._run = run

    def _on_rollout_start(self) -> None:
        if self._run.settings.ppo.anneal:
            done = min(self.num_timesteps / self._run.steps, 1.0)
            rate = self._run.settings.ppo.learning_rate * (1.0 - 0.98 * done)
            self.model.lr_schedule = ConstantSchedule(rate)

    def _on_step(self) -> bool:
        return True
