"""The picture of the comparison of fusions."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from agents.picture import draw_png
from benchmarks.fusion_rows import HEADINGS, Summary
from benchmarks.fusion_tasks import TASKS, Task

_COLOURS = {"fusion": "tab:blue", "without": "tab:orange", "hidden": "tab:green"}


def plot(summaries: Sequence[Summary], path: Path) -> bool:
    """Draw the summary as a PNG: a panel per task, a bar per variant, lines for the references.

    Returns:
        Whether it was drawn; without matplotlib it is not.
    """
    names = list(dict.fromkeys(summary.task for summary in summaries))
    return draw_png(path, (4.6 * len(names), 5.2), lambda figure: _draw(figure, names, summaries))


def _draw(figure: Any, names: Sequence[str], summaries: Sequence[Summary]) -> None:
    for axes, name in zip(figure.subplots(1, len(names), squeeze=False)[0], names, strict=True):
        _draw_task(axes, TASKS[name], name, [summary for summary in summaries if summary.task == name])
    handles = {
        label: handle
        for axes in figure.axes
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)
    }
    figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=5, frameon=False)


def _draw_task(axes: Any, task: Task, name: str, summaries: Sequence[Summary]) -> None:
    """Draw one task: horizontal bars, grouped by kind from the top down."""
    place, ticks, labels = 0.0, [], []
    for kind, heading in HEADINGS.items():
        for entry in (summary for summary in summaries if summary.kind == kind):
            mean, low, high = _measure(task, entry)
            axes.barh(
                place,
                mean,
                xerr=[[mean - low], [high - mean]],
                color=_COLOURS[kind],
                error_kw={"capsize": 2, "lw": 1},
                label=heading,
            )
            ticks.append(place)
            labels.append(entry.variant if kind == "fusion" else f"no {entry.variant}")
            place += 1.0
        place += 0.6
    for entry in (summary for summary in summaries if summary.kind == "reference"):
        style = {"random": ":", "expert": "--"}[entry.variant]
        axes.axvline(_measure(task, entry)[0], color="black", ls=style, lw=1, label=entry.variant)
    seeds = {summary.seeds for summary in summaries if summary.kind != "reference"} or {0}
    count = f"{min(seeds)}" if len(seeds) == 1 else f"{min(seeds)} to {max(seeds)}"
    what = {"success": "success on held-out scenarios", "mean_return": "return on held-out scenarios"}
    axes.set(title=f"{name} ({count} seeds)", xlabel=what[task.measure], yticks=ticks)
    axes.set_yticklabels(labels)
    axes.invert_yaxis()
    axes.grid(axis="x", alpha=0.3)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def _measure(task: Task, entry: Summary) -> tuple[float, float, float]:
    """Return the mean and the interval of what counts in a task."""
    if task.measure == "success":
        return entry.success, entry.success_low, entry.success_high
    return entry.mean_return, entry.mean_return_low, entry.mean_return_high
