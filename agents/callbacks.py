"""What happens while a model learns: progress, the learning curve, checkpoints, and reasons to stop."""

from __future__ import annotations

import csv
import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.off_policy_algorithm import OffPolicyAlgorithm
from stable_baselines3.common.on_policy_algorithm import OnPolicyAlgorithm

#: Episodes over which success rate and return are averaged while a model learns.
WINDOW = 100


def recent(model: BaseAlgorithm) -> tuple[float | None, float | None]:
    """Return the success rate and the mean return of the last episodes, None where there are none yet."""
    successes, episodes = model.ep_success_buffer or (), model.ep_info_buffer or ()
    success = float(np.mean(successes)) if successes else None
    mean_return = float(np.mean([episode["r"] for episode in episodes])) if episodes else None
    return success, mean_return


class LearningBar:
    """A bar with the world steps per second, the success rate and the mean return of the last episodes."""

    def __init__(self, total: int, title: str, console: Console) -> None:
        """Prepare a bar of ``total`` world steps."""
        self._bar = Progress(
            TextColumn("[bold]{task.description}"),
            BarColumn(bar_width=None),
            TextColumn("{task.percentage:>3.0f}%"),
            TextColumn("{task.fields[speed]}"),
            TextColumn("[green]{task.fields[success]}[/]"),
            TextColumn("[cyan]{task.fields[mean_return]}[/]"),
            TimeRemainingColumn(),
            console=console,
            refresh_per_second=4,
        )
        self._task = self._bar.add_task(title, total=total, speed="", success="", mean_return="")
        self._begin = (0, 0.0)

    def start(self, steps: int) -> None:
        """Show the bar; the speed counts from here."""
        self._begin = (steps, time.perf_counter())
        self._bar.start()

    def update(self, steps: int, success: float | None, mean_return: float | None) -> None:
        """Show the world steps so far, and how the last episodes went where that is known."""
        first, began = self._begin
        elapsed = max(time.perf_counter() - began, 1e-6)
        self._bar.update(
            self._task,
            completed=steps,
            speed=f"{(steps - first) / elapsed:,.0f} steps/s",
            success="" if success is None else f"success {success:.0%}",
            mean_return="" if mean_return is None else f"return {mean_return:.2f}",
        )

    def stop(self) -> None:
        """Leave the last state of the bar on the screen."""
        self._bar.stop()


class ProgressBar(BaseCallback):
    """Shows a :class:`LearningBar`."""

    def __init__(self, total: int, title: str, console: Console) -> None:
        """Prepare a bar of ``total`` world steps."""
        super().__init__()
        self._bar = LearningBar(total, title, console)
        self._shown = 0.0

    def _on_training_start(self) -> None:
        self._bar.start(self.num_timesteps)

    def _on_step(self) -> bool:
        now = time.perf_counter()
        if now - self._shown > 0.25:
            self._shown = now
            self._bar.update(self.num_timesteps, *recent(self.model))
        return True

    def _on_training_end(self) -> None:
        self.close()

    def close(self) -> None:
        """Leave the last state of the bar on the screen."""
        self._bar.update(self.num_timesteps, *recent(self.model))
        self._bar.stop()


@dataclass(frozen=True)
class CurvePoint:
    """One point of a learning curve.

    Attributes:
        steps: World steps so far.
        seconds: Seconds of training so far, those before a resume not included.
        success_rate: Of the last episodes; None if the environment does not report success.
        mean_return: Of the last episodes; None before the first has ended.
    """

    steps: int
    seconds: float
    success_rate: float | None
    mean_return: float | None


class LearningCurve(BaseCallback):
    """Notes down a :class:`CurvePoint` every so many world steps, and writes them to a CSV file."""

    def __init__(self, path: Path, every: int) -> None:
        """Append to ``path`` a point every ``every`` world steps."""
        super().__init__()
        self.points: list[CurvePoint] = []
        self._path, self._every, self._due, self._began = path, every, 0, 0.0

    def _on_training_start(self) -> None:
        self._began = time.perf_counter()
        self._due = self.num_timesteps + self._every
        if not self._path.exists():
            self._append(("steps", "seconds", "success_rate", "mean_return"))

    def _on_step(self) -> bool:
        if self.num_timesteps >= self._due:
            self._note()
        return True

    def _on_training_end(self) -> None:
        self._note()

    def _note(self) -> None:
        self._due = self.num_timesteps + self._every
        seconds = time.perf_counter() - self._began
        point = CurvePoint(self.num_timesteps, round(seconds, 3), *recent(self.model))
        self.points.append(point)
        self._append((point.steps, point.seconds, point.success_rate, point.mean_return))

    def _append(self, row: tuple[Any, ...]) -> None:
        with self._path.open("a", newline="") as file:
            csv.writer(file).writerow(row)


class Checkpoints(BaseCallback):
    """Saves the model every so many world steps.

    With an on-policy algorithm, whose rollouts are over when a checkpoint is due, all worlds then begin anew,
    and so do all random numbers, from a seed that follows from the steps so far: whoever goes on from the
    checkpoint does, bit for bit, what the run itself does.  Nothing is lost by it, because the critic says
    what an episode that goes on at the end of a rollout is still worth.
    """

    def __init__(self, folder: Path, every: int, seed: int = 0) -> None:
        """Save into ``folder`` every ``every`` world steps, 0 for never, in a run with that seed."""
        super().__init__()
        self._folder, self._every, self._seed, self._due = folder, every, seed, 0

    def _on_training_start(self) -> None:
        self._plan()

    def _on_rollout_start(self) -> None:
        if self._is_due() and isinstance(self.model, OnPolicyAlgorithm):
            self._save()
            begin_anew(self.model, self._seed)

    def _on_step(self) -> bool:
        if self._is_due() and not isinstance(self.model, OnPolicyAlgorithm):
            self._save()
        return True

    def _on_training_end(self) -> None:
        if self._is_due():
            self._save()

    def _is_due(self) -> bool:
        return self._every > 0 and self.num_timesteps >= self._due

    def _save(self) -> None:
        save_checkpoint(self.model, self._folder, f"step_{self.num_timesteps:09d}")
        self._plan()

    def _plan(self) -> None:
        # Multiples, which a run that is resumed finds as well.
        every = max(self._every, 1)
        self._due = (self.num_timesteps // every + 1) * every


def seed_after(seed: int, steps: int) -> int:
    """Return the seed with which a run goes on after so many world steps.

    Going on with the seed of the run itself would replay its first episodes.
    """
    return (seed + steps) % 2**32


def begin_anew(model: BaseAlgorithm, seed: int) -> None:
    """Seed everything for the steps that a model has learned from, and begin an episode in every world."""
    assert model.env is not None
    model.set_random_seed(seed_after(seed, model.num_timesteps))
    model._last_obs = model.env.reset()  # type: ignore[assignment]
    model._last_episode_starts = np.ones(model.env.num_envs, bool)


class BestModel(BaseCallback):
    """Keeps the model with the best success rate, and among equals the best return, as ``best.zip``.

    What counts are the last :data:`WINDOW` training episodes; a validation would take longer than it tells.
    ``best.json`` says how good it was, so that a run that is resumed goes on from there.
    """

    def __init__(self, folder: Path, every: int) -> None:
        """Look every ``every`` world steps, and save into ``folder``."""
        super().__init__()
        self._folder, self._every, self._due = folder, every, 0
        self._best: tuple[float, float] | None = None

    def _on_training_start(self) -> None:
        self._due = self.num_timesteps + self._every
        note = self._folder / "best.json"
        if note.exists():
            kept = json.loads(note.read_text())
            self._best = (kept["success_rate"] or 0.0, kept["mean_return"])

    def _on_step(self) -> bool:
        if self.num_timesteps >= self._due:
            self._due = self.num_timesteps + self._every
            self._look()
        return True

    def _on_training_end(self) -> None:
        self._look()

    def _look(self) -> None:
        success, mean_return = recent(self.model)
        if mean_return is None or len(self.model.ep_info_buffer or ()) < WINDOW:
            return
        score = (success or 0.0, mean_return)
        if self._best is not None and score <= self._best:
            return
        self._best = score
        write_atomically(self._folder / "best.zip", self.model.save)
        kept = {"steps": self.num_timesteps, "success_rate": success, "mean_return": mean_return}
        note = json.dumps(kept, indent=1) + "\n"
        write_atomically(self._folder / "best.json", lambda file: file.write(note.encode()))


class HurriedSchedule:
    """A learning-rate schedule that runs ahead of the steps when time runs out first."""

    def __init__(self, schedule: Callable[[float], float], seconds: float) -> None:
        """Wrap a schedule.

        Args:
            schedule: Maps the share of the run that remains, from 1 to 0, to a learning rate.
            seconds: Time until the end, from now on [s].
        """
        self.schedule = schedule
        self._seconds = seconds
        self._began = time.perf_counter()

    def __call__(self, remaining: float) -> float:
        """Return the learning rate when a share of the steps, or less of the time, remains."""
        time_left = 1.0 - (time.perf_counter() - self._began) / self._seconds
        return self.schedule(min(remaining, max(time_left, 0.0)))

    def __reduce__(self) -> tuple[Any, ...]:
        """Save the wrapped schedule alone: a clock means nothing in another process."""
        return _identity, (self.schedule,)


def _identity(schedule: Callable[[float], float]) -> Callable[[float], float]:
    return schedule


class StopWhen(BaseCallback):
    """Ends training at a success rate or after a time.

    A learning rate that falls over the run follows whichever limit is nearer, the steps or the time: on a
    machine that is too slow for all steps, the policy still comes to rest before the end.

    Attributes:
        reason: Why training ended: ``"steps"``, ``"target_success"`` or ``"max_minutes"``.
    """

    def __init__(self, target_success: float | None, max_minutes: float | None) -> None:
        """Stop at whichever comes first; None for never."""
        super().__init__()
        self.reason = "steps"
        self._target = target_success
        self._limit = None if max_minutes is None else 60.0 * max_minutes
        self._began = 0.0

    def _on_training_start(self) -> None:
        self._began = time.perf_counter()
        if self._limit is not None:
            self.model.lr_schedule = HurriedSchedule(self.model.lr_schedule, self._limit)

    def _on_training_end(self) -> None:
        schedule = self.model.lr_schedule
        if isinstance(schedule, HurriedSchedule):
            self.model.lr_schedule = schedule.schedule

    def _on_step(self) -> bool:
        if self._limit is not None and time.perf_counter() - self._began > self._limit:
            self.reason = "max_minutes"
            return False
        successes = self.model.ep_success_buffer or ()
        if self._target is not None and len(successes) == WINDOW and np.mean(successes) >= self._target:
            self.reason = "target_success"
            return False
        return True


def save_checkpoint(model: BaseAlgorithm, folder: Path, name: str | None = None) -> Path:
    """Save a model as ``last.zip``, its replay buffer as ``last_buffer.pkl``, each in one atomic step.

    Args:
        model: What to save.
        folder: Folder of the run.
        name: Keep the model under ``checkpoints/<name>.zip`` as well.

    Returns:
        Path of ``last.zip``.
    """
    # The buffer goes first: after a crash in between, a model may meet a newer buffer, never an older one.
    if isinstance(model, OffPolicyAlgorithm):
        write_atomically(folder / "last_buffer.pkl", model.save_replay_buffer)
    last = folder / "last.zip"
    write_atomically(last, model.save)
    if name is not None:
        kept = folder / "checkpoints" / f"{name}.zip"
        kept.parent.mkdir(exist_ok=True)
        write_atomically(kept, model.save)
    return last


def write_atomically(path: Path, write: Callable[[Any], None]) -> None:
    """Write to a temporary neighbour and rename it, so that a crash leaves the old file or the new one."""
    temporary = path.with_name(path.name + ".tmp")
    with temporary.open("wb") as file:
        write(file)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
