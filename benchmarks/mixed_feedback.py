"""Do fifty preferences, fifty ratings and two minutes of + and - say more together than each alone?

    python -m benchmarks.mixed_feedback [--seeds 5] [--jobs 2] [--no-agents] [--out benchmarks/results]

On the highway of :mod:`benchmarks.preference_tasks`, simulated people look at episodes of random actions and
of agents of two skills: an oracle compares 50 pairs of clips, a rater with noise gives 1 to 5 stars to 50
clips, and a delayed evaluator presses + and - for two minutes, or stays silent.  A reward is fitted to each
kind alone and to all together.  What counts is how often it ranks 400 new pairs of clips as the oracle does,
and what PPO reaches that is trained on it.

Every finished run is a row of ``mixed_feedback_runs.csv`` and is not run again; ``mixed_feedback.csv`` has
means with 95 % bootstrap intervals over seeds.
"""

from __future__ import annotations

import os

# One core for torch; this must be set before it is loaded.
os.environ["OMP_NUM_THREADS"] = "1"

import math
import time
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Literal, get_args

import numpy as np
import tyro
from rich.console import Console
from rich.table import Table
from stable_baselines3.common.callbacks import BaseCallback

from agents.algorithms import make_model
from agents.evaluation import bootstrap, evaluate
from agents.vec_env import ScaledReward, make_vec_env
from benchmarks.keeping import keep_csv
from benchmarks.preference_tasks import TASKS
from benchmarks.study import StudyOptions, carry_out
from feedback.clips import Segment
from feedback.evidence import Comparison, Evidence, Judged, Stars
from feedback.learning.rollouts import collect
from feedback.queries import QueryConfig, sample_pairs
from feedback.reward_models import RewardConfig, RewardModel
from feedback.sources.base import Moment
from feedback.sources.people import DelayedEvaluator, EvaluatorConfig, Rater
from feedback.sources.teachers import OracleTeacher
from feedback.vec_wrapper import EnvLayout, LearnedReward

Kind = Literal["preferences", "ratings", "keys", "all"]

TASK = TASKS["highway"]
#: Pairs compared, clips rated, and steps watched with a finger on the keys: two minutes of 0.2 s each.
_PAIRS, _RATED, _WATCHED = 50, 50, 600
#: World steps of training of the two agents that are watched, and pairs that a reward is tested on.
_SKILLS, _TEST = (30_000, 60_000), 400
#: Steps before a key that it may be about: 0.2 to 1 s.
_DELAY = (1, 5)
#: How much a step that was watched in silence counts against a key.
_SILENCE = 0.1


@dataclass(frozen=True)
class Options(StudyOptions):
    """What to run.

    Attributes:
        agents: Whether PPO is trained on the rewards as well.
    """

    agents: bool = True


@dataclass(frozen=True)
class Row:
    """One line of ``mixed_feedback_runs.csv``.

    Attributes:
        kind: What was learned from.
        seed: Its seed.
        judgements: How many.
        agreement: Share of the test pairs ranked as the oracle does.
        mean_return: True return of the agent on the test scenarios; NaN where none was trained.
        success: Its success.
        seconds: CPU time [s].
    """

    kind: Kind
    seed: int
    judgements: int
    agreement: float
    mean_return: float
    success: float
    seconds: float

    @property
    def run(self) -> tuple[Kind, int, bool]:
        """The run that this row tells of: the kind, the seed, and whether an agent was trained."""
        return self.kind, self.seed, not math.isnan(self.mean_return)


def planned(options: Options) -> Iterator[tuple[Kind, int, bool]]:
    """Yield all runs, those of the first seed first."""
    for seed in range(options.seeds):
        for kind in get_args(Kind):
            yield kind, seed, options.agents


@dataclass(frozen=True)
class Executor:
    """Does runs.

    Attributes:
        options: What to run.
    """

    options: Options

    def __call__(self, run: tuple[Kind, int, bool]) -> Row:
        """Fit a reward, test it, and train an agent on it."""
        kind, seed, trained = run
        began = time.process_time()
        evidence, test, space, actions = _material(seed)
        chosen = [item for name in get_args(Kind)[:3] if kind in (name, "all") for item in evidence[name]]
        config = RewardConfig(encoder=TASK.encoder, held_out=0.0)
        model = RewardModel(space, actions, config, seed=seed)
        model.fit(chosen)
        first, second = ([pair[side] for pair in test] for side in range(2))
        gaps = (model.scores(first) - model.scores(second)).mean(0)
        oracle = OracleTeacher(horizon=config.horizon)
        answers = [oracle.prefer(a, b) for a, b in test]
        wanted = np.array([answer is not None and answer.choice == "first" for answer in answers])
        mean_return = success = float("nan")
        if trained:
            mean_return, success = _agent(model, seed, self.options.episodes)
        return Row(
            kind,
            seed,
            len(chosen),
            agreement=round(float(((gaps > 0) == wanted).mean()), 4),
            mean_return=round(mean_return, 3),
            success=round(success, 4),
            seconds=round(time.process_time() - began, 1),
        )


class _Watching(BaseCallback):
    """Lets people look at an agent at moments of its training."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.episodes: list[Segment] = []
        self._seed, self._waiting = seed, list(_SKILLS)

    def _on_step(self) -> bool:
        if self._waiting and self.num_timesteps >= self._waiting[0]:
            self.episodes += _show(self.model, self._seed + self._waiting.pop(0))
        return True


@lru_cache(maxsize=1)
def _material(seed: int) -> tuple[dict[str, list[Evidence]], list[tuple[Segment, Segment]], Any, Any]:
    """Return the evidence of each kind, the test pairs, and the spaces."""
    venv = ScaledReward(
        make_vec_env(TASK.env_id, TASK.worlds, seed=seed, env_kwargs=TASK.env_kwargs), TASK.reward_scale
    )
    agent = make_model("ppo", replace(TASK.ppo, anneal=False), TASK.encoder, venv, seed=seed, device="cpu")
    watching = _Watching(seed)
    agent.learn(_SKILLS[-1], callback=watching)
    space, actions = EnvLayout(venv).space, venv.action_space
    venv.close()
    episodes = _show(None, seed) + watching.episodes
    rng = np.random.default_rng(seed)
    pairs = sample_pairs(episodes, _PAIRS + _RATED // 2 + _TEST, QueryConfig(), rng)
    oracle = OracleTeacher(horizon=QueryConfig().length)
    rater = Rater(noise=0.2, seed=seed)
    rated = [segment for pair in pairs[_PAIRS : _PAIRS + _RATED // 2] for segment in pair]
    rater.watch(rated)
    evidence: dict[str, list[Evidence]] = {
        "preferences": [],
        "ratings": [],
        "keys": _keys(episodes, seed, rng),
    }
    for first, second in pairs[:_PAIRS]:
        answer = oracle.prefer(first, second)
        if answer is not None and answer.target is not None:
            evidence["preferences"].append(Comparison(first, second, answer.target, "oracle"))
    for segment in rated:
        stars = rater.rate(segment)
        evidence["ratings"].append(Stars(segment, stars.value, stars.best, "rater"))
    return evidence, pairs[-_TEST:], space, actions


def _show(agent: Any, seed: int) -> list[Segment]:
    venv = make_vec_env(TASK.env_id, TASK.worlds, env_kwargs=TASK.env_kwargs)
    try:
        return collect(venv, agent, env_id=TASK.env_id, seed=seed, steps=128)
    finally:
        venv.close()


def _keys(episodes: Sequence[Segment], seed: int, rng: np.random.Generator) -> list[Evidence]:
    """Return what two minutes with a finger on + and - give, in whole episodes until the time is over.

    Who watches and presses nothing says something too: that nothing was out of the ordinary.
    """
    person = DelayedEvaluator(EvaluatorConfig(step=0.2), seed=seed)
    said: list[Evidence] = []
    left = _WATCHED
    for index in rng.permutation(len(episodes)):
        if left == 0:
            break
        episode = episodes[int(index)]
        watched = min(len(episode), left)
        left -= watched
        meant = np.zeros(watched, np.bool_)
        for step in range(watched):
            last = step == len(episode) - 1
            moment = Moment(
                clip=episode.cut(step, step + 1).clip,
                reward=float(episode.rewards[step]),
                terminated=last and episode.terminated,
                truncated=last and not episode.terminated,
            )
            # What would be pressed after the end is pressed in the last step, and may be about that.
            begin, end = max(step - _DELAY[1], 0), step + 1 if last else max(step - _DELAY[0], 0) + 1
            for label in person.evaluations(moment):
                weights = (1.0 / (end - begin),) * (end - begin)
                said.append(Judged(episode.cut(begin, end), label.value, weights, person.name))
                meant[begin:end] = True
        # A key about the last steps watched might still have come.
        known = watched if watched == len(episode) else max(watched - _DELAY[1], 0)
        for step in np.flatnonzero(~meant[:known]).tolist():
            said.append(Judged(episode.cut(step, step + 1), 0.0, None, person.name, _SILENCE))
    return said


def _agent(model: RewardModel, seed: int, episodes: int) -> tuple[float, float]:
    """Train PPO on a reward and return its true return and success."""
    worlds = make_vec_env(TASK.env_id, TASK.worlds, seed=seed, env_kwargs=TASK.env_kwargs)
    venv = LearnedReward(worlds, model, gamma=TASK.ppo.gamma, scale=TASK.reward_scale)
    agent = make_model("ppo", TASK.ppo, TASK.encoder, venv, seed=seed, device="cpu")
    agent.learn(TASK.steps)
    venv.close()
    tested = evaluate(agent, TASK.env_id, episodes, seed=seed, env_kwargs=TASK.env_kwargs)
    return tested.mean_return.mean, tested.success_rate.mean if tested.success_rate else float("nan")


def report(rows: Collection[Row], options: Options, console: Console) -> None:
    """Keep and print means over seeds."""
    table = Table(title="Kinds of feedback alone and together: means over seeds with 95 % intervals")
    for heading in ("from", "seeds", "judgements", "agreement", "agents", "true return", "success"):
        table.add_column(heading)
    kept = []
    for kind in get_args(Kind):
        # A seed counts once, whether its agent was trained later or not.
        some = sorted((row for row in rows if row.kind == kind), key=lambda row: row.run[2])
        own = list({row.seed: row for row in some}.values())
        if not own:
            continue
        trained = [row for row in own if row.mean_return == row.mean_return]
        line: dict[str, Any] = {"kind": kind, "seeds": len(own), "agents": len(trained)}
        line["judgements"] = float(np.mean([row.judgements for row in own]))
        shown = {}
        for name, some in (("agreement", own), ("mean_return", trained), ("success", trained)):
            found = bootstrap(np.array([getattr(row, name) for row in some])) if some else None
            line |= {
                name: found and found.mean,
                f"{name}_low": found and found.low,
                f"{name}_high": found and found.high,
            }
            shown[name] = str(found) if found else ""
        kept.append(line)
        judgements = f"{line['judgements']:.0f}"
        table.add_row(
            kind,
            str(len(own)),
            judgements,
            shown["agreement"],
            str(len(trained)),
            shown["mean_return"],
            shown["success"],
        )
    if kept:
        keep_csv(options.out / "mixed_feedback.csv", kept)
    console.print(table)


def main(options: Options) -> None:
    """Run what is missing, keep each row, and report."""
    console, path = Console(), options.out / "mixed_feedback_runs.csv"
    rows = carry_out(Executor(options), planned(options), Row, path, options, console)
    report(rows, options, console)


if __name__ == "__main__":
    main(tyro.cli(Options, description=__doc__))
