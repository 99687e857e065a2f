"""Learning from preferences: collect, ask, fit, train, and again (Christiano et al. 2017, arXiv:1706.03741).

Each round shows pieces of what the current policy does, asks which of two is better, fits the reward
model to all answers so far, and trains PPO on what it predicts.  The agent never sees the true reward;
only the simulated teacher and the final table do.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.utils import LinearSchedule
from stable_baselines3.common.vec_env import VecEnv

from agents.algorithms import make_model
from agents.callbacks import recent
from agents.defaults import defaults_for
from agents.evaluation import EvaluationResult, evaluate
from agents.vec_env import make_vec_env
from feedback.acquisition import choose_pairs
from feedback.clips import ClipFolder, Segment
from feedback.labels import Preference
from feedback.learning.config import LearnConfig
from feedback.learning.rollouts import collect
from feedback.queries import sample_pairs
from feedback.reward_models import Comparison, FitReport, RewardModel
from feedback.sources.base import PreferenceSource
from feedback.sources.teachers import Teacher, make_teacher
from feedback.store import LabelStore
from feedback.vec_wrapper import EnvLayout, LearnedReward


@dataclass(frozen=True)
class LearnResult:
    """What a run achieved.

    Attributes:
        agent: The agent trained on the learned reward.
        reward_model: The learned reward.
        reports: One fit per round.
        labels: Preferences used.
        steps: World steps of training of each agent.
        random: Held-out episodes of random actions.
        learned: Held-out episodes of the agent.
        true: Held-out episodes of the agent trained on the true reward; None if there was none.
        seconds: Wall time of the whole run [s].
    """

    agent: BaseAlgorithm
    reward_model: RewardModel
    reports: tuple[FitReport, ...]
    labels: int
    steps: int
    random: EvaluationResult
    learned: EvaluationResult
    true: EvaluationResult | None
    seconds: float

    @property
    def ratio(self) -> float:
        """Success of the agent over that of the true reward's; of returns where success is not reported."""
        if self.true is None:
            return math.nan
        mine, theirs = (_success_or_return(result) for result in (self.learned, self.true))
        return mine / theirs if theirs else math.nan

    def to_dict(self) -> dict[str, Any]:
        """Return plain lists and numbers, ready for JSON."""
        rows = {"random": self.random, "learned": self.learned, "true": self.true}
        return {
            "labels": self.labels,
            "steps": self.steps,
            "seconds": self.seconds,
            "ratio": None if math.isnan(self.ratio) else self.ratio,
            "fits": [
                {k: None if isinstance(v, float) and math.isnan(v) else v for k, v in vars(report).items()}
                for report in self.reports
            ],
            **{name: None if result is None else result.to_dict() for name, result in rows.items()},
        }


def learn(
    config: LearnConfig, *, source: PreferenceSource | None = None, console: Console | None = None
) -> LearnResult:
    """Learn a reward from preferences and an agent from the reward.

    Every label goes into the store before it is used, and its clips into a folder beside it; labels of
    the same environment that are there already are used first.

    Args:
        config: The run.
        source: Who answers; the teacher that ``config`` names by default.
        console: Where progress and the table go.

    Raises:
        ValueError: If the environment is unknown or unfit.
        StoreError: If the store cannot be used.
    """
    console = console or Console()
    with LabelStore(config.store_path) as store:
        teacher = make_teacher(config.teacher, horizon=config.query.length, seed=config.seed)
        return _Run(config, source or teacher, store, console).go()


def comparisons_of(store: LabelStore, clips: ClipFolder, env_id: str) -> list[Comparison]:
    """Return what can be learned from the preferences of a store, in the order of adding.

    Left out are those called incomparable, those on another environment, and those whose clips are not in the
    folder.
    """
    segments: dict[str, Segment] = {}
    found = []
    for preference in store.labels(Preference):
        sides = (preference.first, preference.second)
        if preference.target is None or any(clip.env_id != env_id for clip in sides):
            continue
        if not all(clips.path(clip.digest).exists() for clip in sides):
            continue
        for clip in sides:
            if clip.digest not in segments:
                segments[clip.digest] = clips.get(clip)
        first, second = (segments[clip.digest] for clip in sides)
        found.append(Comparison(first, second, preference.target))
    return found


class _Run:
    def __init__(
        self, config: LearnConfig, source: PreferenceSource, store: LabelStore, console: Console
    ) -> None:
        self.config, self.source, self.store, self.console = config, source, store, console
        self.settings = defaults_for(config.env_id)
        self.steps = config.steps or self.settings.steps // 2
        self.clips = ClipFolder(store.clip_folder)
        self.comparisons = comparisons_of(store, self.clips, config.env_id)
        self.asked = len(self.comparisons)
        self.rng = np.random.default_rng(config.seed)
        self.reports: list[FitReport] = []

    def go(self) -> LearnResult:
        config, began = self.config, time.perf_counter()
        if self.asked:
            self.console.print(f"{self.asked} labels are in {self.store.path}: they count")
        venv = make_vec_env(config.env_id, self.settings.worlds, seed=config.seed)
        device = "cuda" if config.device == "auto" and torch.cuda.is_available() else config.device
        reward_model = RewardModel(
            EnvLayout(venv).space,
            venv.action_space,
            config.reward,
            seed=config.seed,
            device="cpu" if device == "auto" else device,
        )
        try:
            agent = self._agent(LearnedReward(venv, reward_model), anneal=False)
            with self._bar() as bar:
                task = bar.add_task("labels", total=config.rounds, agreement="", result="")
                for index in range(config.rounds):
                    self._round(index, agent, reward_model, bar, task)
        finally:
            venv.close()
        learned = self._evaluate(agent)
        result = LearnResult(
            agent=agent,
            reward_model=reward_model,
            reports=tuple(self.reports),
            labels=self.asked,
            steps=self.steps,
            random=self._evaluate("random"),
            learned=learned,
            true=self._evaluate(self._train_on_true_reward()) if config.compare else None,
            seconds=time.perf_counter() - began,
        )
        self._save(result)
        self.console.print(result_table(result))
        return result

    def _round(
        self, index: int, agent: BaseAlgorithm, reward_model: RewardModel, bar: Progress, task: TaskID
    ) -> None:
        config = self.config
        bar.update(task, description=f"labels {self.asked}/{config.labels}: collect")
        wanted = math.ceil(config.labels * (index + 1) / config.rounds) - self.asked
        if wanted > 0:
            episodes = self._collect(index, agent if index else None)
            if isinstance(self.source, Teacher):
                self.source.watch(episodes)
            for first, second in self._pairs(episodes, wanted, reward_model if self.reports else None):
                self._ask(first, second)
                bar.update(task, description=f"labels {self.asked}/{config.labels}: ask")
        if not self.comparisons:
            raise ValueError("no question was answered, so there is nothing to learn from")
        report = reward_model.fit(
            self.comparisons,
            progress=lambda done: bar.update(
                task, completed=index + 0.3 * done, description=f"labels {self.asked}/{config.labels}: fit"
            ),
        )
        self.reports.append(report)
        bar.update(
            task,
            description=f"labels {self.asked}/{config.labels}: train",
            agreement=f"agreement {report.agreement:.0%}, held out {_percent(report.held_out_agreement)}",
        )
        goal = self.steps * (index + 1) // config.rounds
        callback = _ShowProgress(bar, task, index + 0.3, index + 1.0, goal - agent.num_timesteps)
        if index == config.rounds - 1 and self.settings.ppo.anneal:
            # Progress restarts with every call of learn(), so only the last round may anneal to the end.
            rate = self.settings.ppo.learning_rate
            agent.lr_schedule = LinearSchedule(rate, 0.02 * rate, 1.0)
        agent.learn(max(goal - agent.num_timesteps, 1), callback=callback, reset_num_timesteps=False)
        bar.update(task, completed=index + 1)

    def _collect(self, index: int, agent: BaseAlgorithm | None) -> list[Segment]:
        seed = int(np.random.SeedSequence((self.config.seed, index)).generate_state(1)[0]) // 2
        venv = make_vec_env(self.config.env_id, self.settings.worlds)
        try:
            return collect(venv, agent, env_id=self.config.env_id, seed=seed, steps=self.config.collect_steps)
        finally:
            venv.close()

    def _pairs(
        self, episodes: Sequence[Segment], wanted: int, reward_model: RewardModel | None
    ) -> list[tuple[Segment, Segment]]:
        """Return what to ask about; without a reward model nothing says what it does not know."""
        query = self.config.query
        if reward_model is None or query.method == "uniform":
            return sample_pairs(episodes, wanted, query, self.rng)
        pairs = sample_pairs(episodes, wanted * query.oversample, query, self.rng)
        left, right = (reward_model.scores([pair[side] for pair in pairs]) for side in range(2))
        return [pairs[k] for k in choose_pairs(query.method, wanted, left, right, self.rng)]

    def _ask(self, first: Segment, second: Segment) -> None:
        """Ask one question; the answer is in the store before it is used."""
        self.asked += 1
        preference = self.source.prefer(first, second)
        if preference is None:
            return
        for segment in (first, second):
            self.clips.add(segment)
        self.store.add(preference)
        if preference.target is not None:
            target = preference.target
            if preference.first.digest != first.digest:  # a recording may hold the pair the other way round
                target = target[::-1]
            self.comparisons.append(Comparison(first, second, target))

    def _agent(self, venv: VecEnv, *, anneal: bool) -> BaseAlgorithm:
        return make_model(
            "ppo",
            replace(self.settings.ppo, anneal=anneal and self.settings.ppo.anneal),
            self.settings.encoder,
            venv,
            seed=self.config.seed,
            device=self.config.device,
        )

    def _train_on_true_reward(self) -> BaseAlgorithm:
        """Train the same agent on the true reward: the yardstick."""
        venv = make_vec_env(self.config.env_id, self.settings.worlds, seed=self.config.seed)
        try:
            agent = self._agent(venv, anneal=True)
            with self._bar() as bar:
                task = bar.add_task("the same agent on the true reward", total=1, agreement="", result="")
                agent.learn(self.steps, callback=_ShowProgress(bar, task, 0.0, 1.0, self.steps))
        finally:
            venv.close()
        return agent

    def _evaluate(self, policy: Any) -> EvaluationResult:
        return evaluate(policy, self.config.env_id, self.config.eval_episodes, seed=self.config.seed)

    def _save(self, result: LearnResult) -> None:
        folder = self.config.run_dir
        folder.mkdir(parents=True, exist_ok=True)
        result.agent.save(folder / "agent.zip")
        torch.save(result.reward_model.state_dict(), folder / "reward_model.pt")
        (folder / "result.json").write_text(json.dumps(result.to_dict(), indent=2) + "\n")
        self.console.print(f"saved in {folder}; labels in {self.store.path}")

    def _bar(self) -> Progress:
        return Progress(
            TextColumn("[bold]{task.description}"),
            BarColumn(),
            TextColumn("[green]{task.fields[agreement]}"),
            TextColumn("[cyan]{task.fields[result]}"),
            TimeElapsedColumn(),
            console=self.console,
            refresh_per_second=4,
        )


class _ShowProgress(BaseCallback):
    """Moves a bar from ``begin`` to ``end`` during training and shows the true success of recent episodes."""

    def __init__(self, bar: Progress, task: TaskID, begin: float, end: float, steps: int) -> None:
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


def result_table(result: LearnResult) -> Table:
    """Return the table that a run ends with."""
    last = result.reports[-1]
    facts = f"{result.labels} preferences, {result.steps:,} steps, {result.seconds:.0f} s"
    title = f"{result.learned.env_id}: {facts}"
    table = Table(title=title)
    for column in ("agent", "success", "true return"):
        table.add_column(column, justify="left" if column == "agent" else "right")
    rows: Sequence[tuple[str, EvaluationResult | None]] = (
        ("random", result.random),
        ("learned reward", result.learned),
        ("true reward", result.true),
    )
    for name, row in rows:
        if row is not None:
            table.add_row(name, str(row.success_rate or "-"), str(row.mean_return))
    agreement = f"{last.agreement:.0%}, held out {_percent(last.held_out_agreement)} of {last.held_out}"
    ratio = "" if math.isnan(result.ratio) else f"; {result.ratio:.2f} of the true reward's"
    table.caption = f"agreement {agreement}{ratio}"
    return table


def _success_or_return(result: EvaluationResult) -> float:
    rate = result.success_rate
    return result.mean_return.mean if rate is None else rate.mean


def _percent(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.0%}"
