"""The picture of the study of preferences."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from agents.picture import draw_png
from benchmarks.preference_tasks import TASKS
from benchmarks.preferences_rows import LABELS, TEACHERS, Summary


def plot(summaries: Sequence[Summary], path: Path) -> bool:
    """Draw the summary as a PNG: a row of learning curves over labels, and a row of teachers.

    Returns:
        Whether it was drawn; without matplotlib it is not.
    """
    names = [name for name in TASKS if any(summary.task == name for summary in summaries)]
    return draw_png(path, (4.4 * len(names), 6.6), lambda figure: _draw(figure, names, summaries))


def _draw(figure: Any, names: Sequence[str], summaries: Sequence[Summary]) -> None:
    panels = figure.subplots(2, len(names), squeeze=False)
    for column, name in enumerate(names):
        own = [summary for summary in summaries if summary.task == name and summary.policy == "learned"]
        _draw_curve(panels[0][column], name, own)
        _draw_teachers(panels[1][column], own)


def _draw_curve(axes: Any, name: str, summaries: Sequence[Summary]) -> None:
    for method, colour in (("uniform", "tab:blue"), ("disagreement", "tab:orange")):
        own = sorted(
            (s for s in summaries if s.teacher == "oracle" and s.method == method), key=lambda s: s.labels
        )
        if own:
            mean = np.array([s.share for s in own])
            error = [mean - [s.share_low for s in own], [s.share_high for s in own] - mean]
            labels = [s.labels for s in own]
            style = {"color": colour, "capsize": 3, "marker": "o", "label": f"{method} questions"}
            axes.errorbar(labels, mean, yerr=error, **style)
    axes.axhline(1.0, color="black", ls="--", lw=1, label="true reward")
    axes.axhline(0.95, color="gray", ls=":", lw=1, label="asked with 200")
    ticks = [25, 50, 100, 200, 400, 700]
    axes.set(title=name, xlabel="labels", xscale="log", ylabel="share of the true reward's gain")
    axes.set_xticks(ticks, [str(tick) for tick in ticks])
    axes.minorticks_off()
    axes.set_ylim(0.0, 1.45)
    axes.set_xlim(20, 900)
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=8, loc="lower right")


def _draw_teachers(axes: Any, summaries: Sequence[Summary]) -> None:
    own = [s for s in summaries if s.labels == LABELS and s.method == "uniform"]
    own.sort(key=lambda s: ("oracle", *TEACHERS).index(s.teacher))
    mean = np.array([s.share for s in own])
    error = [mean - [s.share_low for s in own], [s.share_high for s in own] - mean] if own else None
    colours = ["tab:blue" if s.teacher == "oracle" else "tab:green" for s in own]
    axes.bar([s.teacher for s in own], mean, yerr=error, color=colours, error_kw={"capsize": 3, "lw": 1})
    axes.set(ylim=(0.0, 1.45), xlim=(-0.7, 5.7))
    if own and own[0].teacher == "oracle":
        axes.axhline(0.8 * own[0].share, color="gray", ls=":", lw=1, label="0.8 of the oracle's")
        axes.legend(frameon=False, fontsize=8)
    axes.set(ylabel="share of the true reward's gain", xlabel=f"teacher of {LABELS} labels")
    axes.tick_params(axis="x", rotation=30)
    axes.grid(axis="y", alpha=0.3)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
