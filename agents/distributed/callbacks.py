"""What runners report of their episodes, and what becomes of it in the process that learns."""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from ray.rllib.callbacks.callbacks import RLlibCallback

from agents.callbacks import WINDOW, CurvePoint

#: Where RLlib keeps the results of its runners, and where in there the reports are.
RUNNERS, REPORTS, METRICS = "env_runners", "episodes", "metrics"


class EpisodeReports(RLlibCallback):
    """Reports each episode's return, length, ``info["success"]`` and the numbers in ``info["metrics"]``."""

    def on_episode_end(
        self,
        *,
        episode: Any,
        prev_episode_chunks: Sequence[Any] | None = None,
        env_runner: Any = None,
        metrics_logger: Any = None,
        **kwargs: Any,
    ) -> None:
        """Note how the episode went; RLlib calls it in the runner."""
        scale = env_runner.config.env_config["reward_scale"]
        info = episode.get_infos(-1)
        # An episode that goes on beyond a rollout comes in chunks, of which ``episode`` is the last.
        chunks = [*(prev_episode_chunks or ()), episode]
        report = {
            "return": sum(float(chunk.get_return()) for chunk in chunks) / scale,
            "length": float(sum(len(chunk) for chunk in chunks)),
        }
        if "success" in info:
            report["success"] = float(info["success"])
        # A series brings every episode exactly once; means of means would count runners, not episodes.
        for name, value in report.items():
            metrics_logger.log_value((REPORTS, name), value, reduce="item_series")
        for name, value in numbers(info.get("metrics", {})):
            metrics_logger.log_value((METRICS, name), value, reduce="item_series")


def numbers(metrics: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, float]]:
    """Yield the names and values of nested metrics that are finite numbers; names are joined by ``/``."""
    for name, value in metrics.items():
        if isinstance(value, Mapping):
            yield from numbers(value, f"{prefix}{name}/")
        elif np.ndim(value) == 0 and np.isfinite(value):
            yield f"{prefix}{name}", float(value)


class Recent:
    """The last episodes of all runners.

    Attributes:
        steps: World steps so far.
    """

    def __init__(self) -> None:
        """Begin without any."""
        self.steps = 0
        self._reports: dict[str, deque[float]] = {}
        self._metrics: dict[str, deque[float]] = {}

    def add(self, result: Mapping[str, Any]) -> None:
        """Take in what an iteration of RLlib returned."""
        runners = result.get(RUNNERS, {})
        self.steps = int(runners.get("num_env_steps_sampled_lifetime", self.steps))
        for kept, series in ((self._reports, REPORTS), (self._metrics, METRICS)):
            for name, values in runners.get(series, {}).items():
                recent = kept.setdefault(name, deque(maxlen=WINDOW))
                recent.extend(np.asarray(values, float).ravel().tolist())

    @property
    def lengths(self) -> tuple[float, ...]:
        """Steps of the last episodes."""
        return tuple(self._reports.get("length", ()))

    @property
    def metrics(self) -> dict[str, float]:
        """Name to mean of what the environment measured in the last episodes."""
        return {name: float(np.mean(values)) for name, values in self._metrics.items() if values}

    @property
    def success_rate(self) -> float | None:
        """Share of the last episodes that succeeded; None if the environment does not say."""
        return self._mean("success")

    @property
    def mean_return(self) -> float | None:
        """Mean return of the last episodes; None before the first has ended."""
        return self._mean("return")

    def reached(self, target: float | None) -> bool:
        """Say whether the window is full and at least ``target`` of it succeeded."""
        success = self.success_rate
        full = len(self._reports.get("success", ())) == WINDOW
        return target is not None and success is not None and full and success >= target

    def _mean(self, name: str) -> float | None:
        values = self._reports.get(name)
        return float(np.mean(values)) if values else None

    def point(self, seconds: float) -> CurvePoint:
        """Return a point of the learning curve."""
        return CurvePoint(self.steps, round(seconds, 3), self.success_rate, self.mean_return)


class Curve:
    """Appends points to ``curve.csv``, as :class:`agents.callbacks.LearningCurve` does."""

    def __init__(self, path: Path) -> None:
        """Go on with the file, or begin it."""
        self.points: list[CurvePoint] = []
        self._path = path
        if not path.exists():
            self._append(("steps", "seconds", "success_rate", "mean_return"))

    def add(self, point: CurvePoint) -> None:
        """Note a point down."""
        self.points.append(point)
        self._append((point.steps, point.seconds, point.success_rate, point.mean_return))

    def _append(self, row: tuple[Any, ...]) -> None:
        with self._path.open("a", newline="") as file:
            csv.writer(file).writerow(row)
