"""What a person reads after a run: a table, and a picture of the learning curve."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.table import Table

from agents.callbacks import CurvePoint
from agents.evaluation import Estimate, EvaluationResult
from agents.picture import draw_png


def results_table(results: Mapping[str, EvaluationResult], title: str) -> Table:
    """Return a table with one row per policy.

    Args:
        results: Name of the policy to how it did.
        title: Title of the table.
    """
    table = Table(title=title, caption="mean and 95 % interval")
    table.add_column("policy", style="bold")
    for name in ("success rate", "mean return", "mean length"):
        table.add_column(name, justify="right")
    for name, result in results.items():
        success = result.success_rate
        table.add_row(
            name,
            "-" if success is None else f"{success.mean:.1%} [{success.low:.1%}, {success.high:.1%}]",
            _cell(result.mean_return, 2),
            _cell(result.mean_length, 1),
        )
    return table


def plot_curve(points: Sequence[CurvePoint], title: str, path: Path) -> bool:
    """Draw a learning curve as a PNG: success rate and mean return over world steps.

    Args:
        points: The curve.
        title: Title of the picture.
        path: Where to write it.

    Returns:
        Whether it was drawn; without matplotlib it is not.
    """
    return draw_png(path, (7, 4), lambda figure: _draw_curve(figure, points, title), dpi=120)


def _draw_curve(figure: Any, points: Sequence[CurvePoint], title: str) -> None:
    left = figure.add_subplot()
    success = [(p.steps, p.success_rate) for p in points if p.success_rate is not None]
    returns = [(p.steps, p.mean_return) for p in points if p.mean_return is not None]
    left.set(title=title, xlabel="world steps", ylabel="success rate", ylim=(-0.02, 1.02))
    left.plot(*zip(*success, strict=True) if success else ([], []), color="tab:green", label="success rate")
    left.grid(alpha=0.3)
    right = left.twinx()
    right.set_ylabel("mean return")
    right.plot(*zip(*returns, strict=True) if returns else ([], []), color="tab:blue", label="mean return")
    figure.legend(loc="outside lower center", ncols=2, frameon=False)


def _cell(estimate: Estimate, digits: int) -> str:
    mean, low, high = (f"{number:.{digits}f}" for number in (estimate.mean, estimate.low, estimate.high))
    return f"{mean} [{low}, {high}]"
