"""Distributed training: one function, from a config to checkpoints in a folder."""

from __future__ import annotations

import json
import logging
import os
import shutil
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from rich.console import Console

from agents.callbacks import CurvePoint, LearningBar
from agents.distributed.checkpoints import newest_checkpoint, restore_checkpoint, save_checkpoint, steps_of
from agents.distributed.config import DistributedConfig, require_ray
from agents.evaluation import EvaluationResult, evaluate
from agents.report import results_table
from agents.training import idle_cores

#: Fields of a run that may change when it is resumed: where it runs and how long, not what it learns.
RESUMABLE = (
    *("steps", "out", "address", "runners", "num_envs", "cpus_per_runner", "learners", "gpus_per_learner"),
    *("threads", "checkpoint_every", "keep_checkpoints", "target_success", "max_minutes", "episodes"),
)


@dataclass(frozen=True)
class DistributedResult:
    """What a run left.

    Attributes:
        run_dir: Its folder, with ``distributed.json``, ``curve.csv``, ``checkpoints/`` and, if held-out
            episodes were played, ``results.json``.
        checkpoint: The last checkpoint.
        steps: World steps in all.
        seconds: Seconds of training in this call, without Ray's start.
        stopped_by: ``"steps"``, ``"target_success"``, ``"max_minutes"`` or ``"interrupted"``.
        curve: Points of the learning curve noted in this call.
        lengths: Steps of the last episodes.
        metrics: Mean of each of the environment's ``info["metrics"]`` over the last episodes.
        evaluation: The held-out episodes; None if none were played.
    """

    run_dir: Path
    checkpoint: Path
    steps: int
    seconds: float
    stopped_by: str
    curve: Sequence[CurvePoint]
    lengths: Sequence[float]
    metrics: dict[str, float]
    evaluation: EvaluationResult | None


def train_distributed(
    config: DistributedConfig,
    *,
    resume: Path | None = None,
    console: Console | None = None,
    quiet: bool = False,
) -> DistributedResult:
    """Train a policy in several processes, or go on training one, and play held-out episodes with it.

    A resumed run goes on with the steps, the optimiser and the replay buffer of the last checkpoint, in
    worlds with new seeds.  Runs with the same config are alike, not equal: runners answer in any order.

    Args:
        config: The run.
        resume: Folder of the run to go on with; only the :data:`RESUMABLE` fields of ``config`` may differ.
        console: Where to print; the terminal by default.
        quiet: Print nothing.

    Raises:
        ModuleNotFoundError: If Ray is not installed.
        ValueError: If the config does not fit the environment, the cluster, or the run that is resumed.
    """
    require_ray()
    from agents.distributed.worlds import check_worlds

    console = console or Console(quiet=quiet)
    if resume:
        _check_resume(config, resume)
    last = newest_checkpoint(resume) if resume else None
    if last is not None and (done := steps_of(last)) >= config.steps:
        raise ValueError(f"steps={config.steps} must exceed the {done} that the run has done")
    check_worlds(config)
    torch.set_num_threads(config.threads or idle_cores())
    folder = resume or config.run_dir
    with _cluster(config, console), _algorithm(config, last) as algorithm:
        if last is None:
            folder.mkdir(parents=True, exist_ok=True)
            shutil.rmtree(folder / "checkpoints", ignore_errors=True)
            for old in ("curve.csv", "results.json"):
                (folder / old).unlink(missing_ok=True)
        config.save(folder)
        result = _learn(algorithm, config, folder, console, 0 if last is None else steps_of(last))
    return result if config.episodes == 0 else replace(result, evaluation=_evaluate(config, result, console))


def _learn(
    algorithm: Any, config: DistributedConfig, folder: Path, console: Console, steps: int
) -> DistributedResult:
    from agents.distributed.callbacks import Curve, Recent

    recent, curve = Recent(), Curve(folder / "curve.csv")
    recent.steps = steps
    bar = LearningBar(config.steps, config.env_id, console)
    began, due, stopped_by = time.perf_counter(), steps + config.checkpoint_every, "steps"
    noted = steps
    bar.start(steps)
    try:
        while recent.steps < config.steps:
            recent.add(algorithm.train())
            bar.update(recent.steps, recent.success_rate, recent.mean_return)
            seconds = time.perf_counter() - began
            if recent.steps - noted >= config.steps // 200:
                curve.add(recent.point(seconds))
                noted = recent.steps
            if config.checkpoint_every and recent.steps >= due:
                save_checkpoint(algorithm, folder, recent.steps, config.keep_checkpoints)
                due += config.checkpoint_every
            if recent.reached(config.target_success):
                stopped_by = "target_success"
                break
            if config.max_minutes is not None and seconds > 60.0 * config.max_minutes:
                stopped_by = "max_minutes"
                break
    except KeyboardInterrupt:
        stopped_by = "interrupted"
        console.print("[yellow]interrupted: saving what was learned")
    finally:
        bar.stop()
    seconds = time.perf_counter() - began
    if recent.steps > noted:
        curve.add(recent.point(seconds))
    last = save_checkpoint(algorithm, folder, recent.steps, config.keep_checkpoints)
    facts = [f"{recent.steps:,} steps", f"{seconds:.0f} s", f"stopped by {stopped_by}"]
    if recent.success_rate is not None:
        facts.append(f"success {recent.success_rate:.0%}")
    if recent.mean_return is not None:
        facts.append(f"return {recent.mean_return:.2f}")
    console.print(f"trained: {', '.join(facts)}; saved as {last}")
    points, lengths = tuple(curve.points), recent.lengths
    return DistributedResult(
        folder, last, recent.steps, seconds, stopped_by, points, lengths, recent.metrics, None
    )


def _evaluate(config: DistributedConfig, result: DistributedResult, console: Console) -> EvaluationResult:
    """Play held-out episodes with the last checkpoint, and write them to ``results.json``."""
    from agents.distributed.policy import load_policy

    policy, _ = load_policy(result.checkpoint)
    kwargs = config.env_kwargs
    held_out = evaluate(policy, config.env_id, config.episodes, seed=config.seed, env_kwargs=kwargs)
    console.print(
        results_table({"trained": held_out}, f"{config.env_id}, {config.episodes} held-out episodes")
    )
    (result.run_dir / "results.json").write_text(json.dumps(held_out.to_dict(), indent=1) + "\n")
    return held_out


@contextmanager
def _cluster(config: DistributedConfig, console: Console) -> Iterator[None]:
    """Join a cluster or start one on this machine; one that already runs in this process is used and left."""
    # Ray asks for these when it is imported or started: no statistics sent home, no notes on its own future.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    os.environ.setdefault("RAY_TRAIN_ENABLE_V2_MIGRATION_WARNINGS", "0")
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
    import ray

    for name in ("ray.rllib", "ray.tune", "ray._common"):
        # Notes on RLlib's own migration, in the middle of the bar.
        logging.getLogger(name).setLevel(logging.ERROR)

    if ray.is_initialized():
        yield
        return
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    with console.status("starting Ray"):
        if config.address is None:
            # Cores are a promise to the scheduler: more runners than cores may be asked for, and take turns.
            cores = config.runners * config.cpus_per_runner + config.learners
            ray.init(num_cpus=cores, include_dashboard=False, **quiet)
        else:
            try:
                ray.init(address=config.address, **quiet)
            except (ConnectionError, RuntimeError) as error:
                raise ValueError(
                    f"DistributedConfig: address={config.address!r} must be that of a running cluster, or "
                    f"'auto' on one of its machines: {error}"
                ) from error
    try:
        yield
    finally:
        ray.shutdown()


@contextmanager
def _algorithm(config: DistributedConfig, checkpoint: Path | None) -> Iterator[Any]:
    """Build RLlib's algorithm, with the state of a checkpoint if there is one."""
    from agents.distributed.settings import rllib_config

    settings = rllib_config(config, 0 if checkpoint is None else steps_of(checkpoint))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        algorithm = settings.build_algo()
    try:
        if checkpoint is not None:
            restore_checkpoint(algorithm, checkpoint)
        yield algorithm
    finally:
        algorithm.stop()


def _check_resume(config: DistributedConfig, folder: Path) -> None:
    """Check that a config may go on with the run in a folder."""
    saved = DistributedConfig.load(folder)
    unchanged = replace(config, **{name: getattr(saved, name) for name in RESUMABLE})
    for name in DistributedConfig.__dataclass_fields__:
        ours, theirs = getattr(unchanged, name), getattr(saved, name)
        if ours != theirs:
            raise ValueError(
                f"cannot resume {folder}: {name}={ours!r}, but the run has {theirs!r}; "
                f"only {', '.join(RESUMABLE)} may change"
            )
