"""What every way of learning from people needs: worlds, questions, a reward, a place on disk, a result."""

from __future__ import annotations

import shutil
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.off_policy_algorithm import OffPolicyAlgorithm
from stable_baselines3.common.vec_env import VecEnv

from agents.algorithms import make_model
from agents.callbacks import recent
from agents.defaults import defaults_for
from agents.evaluation import EvaluationResult, evaluate
from agents.train_config import TrainConfig
from agents.vec_env import ScaledReward, make_vec_env
from feedback.clips import Segment
from feedback.fitting import FitReport
from feedback.learning.config import LearnConfig
from feedback.learning.curve import Curve
from feedback.learning.questions import Questions, due
from feedback.learning.result import LearnResult, percent, result_table
from feedback.learning.rollouts import collect
from feedback.learning.state import STATE, State, as_plain, clear_rounds, find_state, write_json
from feedback.queries import sample_pairs
from feedback.reward_models import RewardModel
from feedback.sources.base import PreferenceSource
from feedback.store import LabelStore
from feedback.vec_wrapper import EnvLayout, LearnedReward

#: Pairs without an answer for each with one, SURF's ratio (Park et al. 2022, arXiv:2203.10050).
_UNLABELLED = 4


class Run(ABC):
    """One run, and what is the same in every way of learning.

    Attributes:
        config: Its settings.
        settings: Those of the agent.
        steps: World steps of training.
        reports: Its fits so far.
    """

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
            ValueError: If there is nothing to go on with, its settings were others, or the task is not one
                that can be learned in this way.
        """
        self.config, self.store, self.console = config, store, console
        self.settings = settings or defaults_for(config.env_id)
        self.env_kwargs: Mapping[str, Any] = {**self.settings.env_kwargs, **config.env_kwargs}
        self.steps = config.steps or self.settings.steps // 2
        self.source = source
        self.state = find_state(config) if resume else None
        self.reports: list[FitReport] = list(self.state.reports) if self.state else []
        self._shown: list[Segment] = []
        self.began = time.perf_counter()
        probe = self.worlds(1)
        self.space, self.action_space = EnvLayout(probe).space, probe.action_space
        probe.close()
        self.settings = self._suited(self.settings)
        self.questions = Questions(
            source,
            store,
            config.env_id,
            space=self.space,
            horizon=config.query.length,
            actions=config.reward.sees == "before",
            asked=self.state.asked if self.state else 0,
            known=self.state.known if self.state else 0,
            seed=config.seed,
        )
        self.left_out: dict[str, int] = {}
        self.leave_out(self.questions.left_out)
        if self.questions.asked:
            console.print(f"{self.questions.asked} labels are in {store.name}: they count")
        self._curve = Curve(config.run_dir / "progress.csv", steps=self.state.steps if self.state else 0)
        if self.state is None:
            self._begin()

    @abstractmethod
    def go(self) -> LearnResult:
        """Do what is left to be done, and return what was achieved."""

    def _suited(self, settings: TrainConfig) -> TrainConfig:
        """Return the agent's settings as this way of learning wants them; refuse what it cannot learn."""
        return settings

    @property
    def rounds(self) -> int:
        """Rounds of fitting; one where nobody is asked."""
        return 1 if self.source is None else self.config.rounds

    def worlds(self, count: int | None = None, seed: int | None = None) -> VecEnv:
        """Make worlds of the task, as many as the agent trains in by default."""
        return make_vec_env(
            self.config.env_id, count or self.settings.worlds, seed=seed, env_kwargs=self.env_kwargs
        )

    def reward_model(self) -> RewardModel:
        """Make the reward model, or load that of the run that is gone on with."""
        device = self.config.device
        device = "cuda" if device == "auto" and torch.cuda.is_available() else device
        device = "cpu" if device == "auto" else device
        if self.state:
            path = self.config.run_dir / self.state.folder / "reward_model.pt"
            return RewardModel.load(path, seed=self.config.seed + self.state.round, device=device)
        return RewardModel(
            self.space, self.action_space, self.config.reward, seed=self.config.seed, device=device
        )

    def leave_out(self, reasons: Mapping[str, int]) -> None:
        """Say which labels are not used, and why."""
        for reason, count in reasons.items():
            self.console.print(f"[yellow]{count} labels are left out: {reason}")
            self.left_out[reason] = self.left_out.get(reason, 0) + count

    def show(self, index: int, agent: BaseAlgorithm | None) -> list[Segment]:
        """Let the agent act, random actions without one, and return its episodes, which the source sees."""
        seed = int(np.random.SeedSequence((self.config.seed, index)).generate_state(1)[0]) // 2
        venv = self.worlds()
        try:
            episodes = collect(
                venv, agent, env_id=self.config.env_id, seed=seed, steps=self.config.collect_steps
            )
        finally:
            venv.close()
        self.questions.watch(episodes)
        return episodes

    def ask(
        self,
        index: int,
        agent: BaseAlgorithm | None,
        reward_model: RewardModel | None,
        tell: Callable[[], None],
    ) -> None:
        """Ask the questions of a round about what the agent does now.

        Args:
            index: The round.
            agent: Who is watched; None for random actions.
            reward_model: What is known, for active choice; None for nothing.
            tell: Called after every answer.
        """
        config, questions = self.config, self.questions
        wanted = due(config.labels, config.rounds, index, questions.asked)
        if not wanted or self.source is None:
            return
        self._shown = episodes = self.show(index, agent)
        pairs = questions.choose(episodes, wanted, config.query, reward_model)
        if config.background:
            questions.submit(pairs)
            if not self.reports:  # there is no reward yet to train on
                questions.wait(min(config.refit_every, wanted), tell)
            return
        for pair in pairs:
            questions.ask(pair)
            tell()

    def fit(self, reward_model: RewardModel, progress: Callable[[float], None] | None = None) -> FitReport:
        """Fit the reward to all that is known.

        Raises:
            ValueError: If nothing is.
        """
        evidence = self.questions.evidence
        if not evidence:
            raise ValueError("no question was answered, so there is nothing to learn from")
        report = reward_model.fit(evidence, unlabelled=self._unlabelled(len(evidence)), progress=progress)
        self.reports.append(report)
        return report

    def note(self, agent: BaseAlgorithm, venv: LearnedReward) -> None:
        """Write a row of the learning curve."""
        last = self.reports[-1]
        learned_reward, true_reward = venv.take_means()
        self._curve.add(
            step=agent.num_timesteps,
            labels=self.questions.asked,
            learned_return=venv.recent.mean,
            true_return=venv.recent_true.mean,
            agreement=last.agreement,
            held_out_agreement=last.held_out_agreement,
            learned_reward=learned_reward,
            true_reward=true_reward,
        )

    def keep(self, index: int, agent: BaseAlgorithm, reward_model: RewardModel) -> None:
        """Keep the state after a round; a kill at any moment leaves this one or the one before."""
        folder = self.config.run_dir / f"round{index + 1}"
        partial = folder.with_suffix(".partial")
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        agent.save(partial / "agent.zip")
        if isinstance(agent, OffPolicyAlgorithm):
            agent.save_replay_buffer(partial / "replay_buffer.pkl")
        reward_model.save(partial / "reward_model.pt")
        shutil.rmtree(folder, ignore_errors=True)
        partial.replace(folder)
        self._remember(index + 1, agent.num_timesteps, folder.name)
        shutil.rmtree(self.config.run_dir / f"round{index}", ignore_errors=True)

    def finish(self, agent: BaseAlgorithm, reward_model: RewardModel | None, algo: str) -> LearnResult:
        """Evaluate the agent and the yardsticks, keep everything, and show the table."""
        config = self.config
        self.questions.close()
        self.questions.check()
        result = LearnResult(
            agent=agent,
            reward_model=reward_model,
            reports=tuple(self.reports),
            labels=self.questions.asked,
            # Who learns without a reward learns without a world.
            steps=self.steps if reward_model is not None or config.compare else 0,
            random=self.evaluate("random"),
            learned=self.evaluate(agent),
            true=self.evaluate(self._true_agent(algo)) if config.compare else None,
            seconds=time.perf_counter() - self.began,
            left_out=self.left_out,
        )
        folder = config.run_dir
        folder.mkdir(parents=True, exist_ok=True)
        agent.save(folder / "agent.zip")
        if reward_model is not None:
            reward_model.save(folder / "reward_model.pt")
        # With it the commands of agents know what the file holds: evaluate, watch, export.
        replace(
            self.settings,
            env_id=config.env_id,
            algo=algo,  # type: ignore[arg-type]
            steps=self.steps,
            seed=config.seed,
            env_kwargs=dict(self.env_kwargs),
        ).save(folder / "config.json")
        write_json(folder / "result.json", result.to_dict())
        # The state goes first: what it names is there as long as it is.
        (folder / STATE).unlink(missing_ok=True)
        clear_rounds(folder)
        self.console.print(f"saved in {folder}; labels in {self.store.name}")
        self.console.print(result_table(result))
        return result

    def evaluate(self, policy: Any) -> EvaluationResult:
        """Play held-out episodes."""
        config = self.config
        return evaluate(
            policy, config.env_id, config.eval_episodes, seed=config.seed, env_kwargs=self.env_kwargs
        )

    def agent(self, venv: VecEnv, algo: str, *, anneal: bool) -> BaseAlgorithm:
        """Make an untrained agent."""
        settings: Any = getattr(self.settings, algo)
        if hasattr(settings, "anneal"):
            settings = replace(settings, anneal=anneal and settings.anneal)
        made: BaseAlgorithm = make_model(
            algo,  # type: ignore[arg-type]
            settings,
            self.settings.encoder,
            venv,
            seed=self.config.seed,
            device=self.config.device,
        )
        return made

    def bar(self) -> Progress:
        """Return a progress bar with room for what is being reached."""
        return Progress(
            TextColumn("[bold]{task.description}"),
            BarColumn(),
            TextColumn("[green]{task.fields[agreement]}"),
            TextColumn("[cyan]{task.fields[result]}"),
            TimeElapsedColumn(),
            console=self.console,
            refresh_per_second=4,
        )

    def said(self) -> str:
        """Return how well the last fit agrees with people."""
        if not self.reports:
            return ""
        last = self.reports[-1]
        return f"agreement {percent(last.agreement)}, held out {percent(last.held_out_agreement)}"

    def teller(self, bar: Progress, task: TaskID, begun: float = 0.0) -> Callable[[str, float], None]:
        """Return what shows, after ``begun`` rounds, what is being done and which part of a round is done."""

        def tell(what: str, done: float) -> None:
            shown = f"labels {self.questions.asked}/{self.config.labels}: {what}"
            bar.update(task, description=shown, completed=begun + done, agreement=self.said())

        return tell

    def _begin(self) -> None:
        """Note that a run begins here, whatever an earlier one left."""
        self._remember(0, 0, "")
        clear_rounds(self.config.run_dir)

    def _remember(self, rounds: int, steps: int, folder: str) -> None:
        asked, known = self.questions.settled
        state = State(rounds, steps, asked, known, self.reports, folder, as_plain(self.config))
        write_json(self.config.run_dir / STATE, asdict(state))

    def _unlabelled(self, answers: int) -> list[tuple[Segment, Segment]]:
        """Cut pairs that nobody is asked about out of what was shown last, if the reward learns from such."""
        if not self.config.reward.surf_weight:
            return []
        if not self._shown:  # nobody is asked, or not in this round
            self._shown = self.show(len(self.reports), None)
        rng = np.random.default_rng((self.config.seed, len(self.reports)))
        return sample_pairs(self._shown, _UNLABELLED * answers, self.config.query, rng)

    def _true_agent(self, algo: str) -> BaseAlgorithm:
        """Train the same agent on the true reward: the yardstick."""
        venv = ScaledReward(self.worlds(seed=self.config.seed), self.settings.reward_scale)
        try:
            agent = self.agent(venv, algo, anneal=True)
            with self.bar() as bar:
                task = bar.add_task("the same agent on the true reward", total=1, agreement="", result="")
                agent.learn(self.steps, callback=ShowProgress(bar, task, 0.0, 1.0, self.steps))
        finally:
            venv.close()
        return agent


class ShowProgress(BaseCallback):
    """Moves a bar from ``begin`` to ``end`` during training and shows the true success of recent episodes."""

    def __init__(self, bar: Progress, task: TaskID, begin: float, end: float, steps: int) -> None:
        """Prepare for so many steps of training."""
        super().__init__()
        self._bar, self._task = bar, task
        self._span, self._steps, self._before = (begin, end), max(steps, 1), 0

    def _on_training_start(self) -> None:
        self._before = self.num_timesteps

    def _on_rollout_end(self) -> None:
        done = min((self.num_timesteps - self._before) / self._steps, 1.0)
        success, mean_return = recent(self.model)
        shown = [] if mean_return is None else [f"true return {mean_return:.1f}"]
        if success is not None:
            shown.append(f"success {success:.0%}")
        begin, end = self._span
        completed = begin + (end - begin) * done
        self._bar.update(self._task, completed=completed, result=", ".join(shown))

    def _on_step(self) -> bool:
        return True
