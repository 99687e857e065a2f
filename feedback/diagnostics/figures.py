"""The pictures of a report, each for a light and for a dark page.

Figure and canvas of matplotlib are used directly: pyplot keeps global state and may ask for a display.
"""

from __future__ import annotations

import base64
import importlib.util
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agents.evaluation import Estimate, wilson
from feedback.diagnostics.calibration import Calibration
from feedback.diagnostics.consistency import ResponseTimes
from feedback.diagnostics.hacking import Alarm
from feedback.diagnostics.progress import TrainingProgress


@dataclass(frozen=True)
class Theme:
    """Colours of a page.

    Attributes:
        ink: Of text.
        muted: Of axes, grid and what is beside the point.
        grid: Of the lines behind.
        colours: Of series, told apart by colour-blind readers, too (Okabe and Ito's, a little adjusted).
        alarm: Of what is wrong.
    """

    ink: str
    muted: str
    grid: str
    colours: tuple[str, ...]
    alarm: str


LIGHT = Theme("#1f2430", "#6b7280", "#e5e7eb", ("#0072b2", "#d97706", "#059669", "#9d4edd"), "#c81e1e")
DARK = Theme("#e8eaf0", "#9aa3b2", "#333a47", ("#56b4e9", "#f0b04a", "#34d399", "#c59bf5"), "#ff7b72")

#: Draws on an empty figure.
Draw = Callable[[Any, Theme], None]


@dataclass(frozen=True)
class Picture:
    """A picture that has not been drawn yet.

    Attributes:
        draw: How.
        height: In inches; all are 7.2 wide [in].
        text: What it shows, for those who cannot see it.
    """

    draw: Draw
    height: float
    text: str


@dataclass(frozen=True)
class Row:
    """A line of :func:`intervals`.

    Attributes:
        name: On the left.
        value: Share with its interval.
        note: On the right.
        colour: Number of the colour.
    """

    name: str
    value: Estimate
    note: str = ""
    colour: int = 0


def available() -> bool:
    """Whether matplotlib is there."""
    return importlib.util.find_spec("matplotlib") is not None


def png(picture: Picture, theme: Theme) -> bytes:
    """Draw a picture on a clear ground as a PNG, 1440 pixels wide."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.2, picture.height), layout="constrained", facecolor="none")
    FigureCanvasAgg(figure)
    picture.draw(figure, theme)
    target = io.BytesIO()
    figure.savefig(target, format="png", dpi=200, facecolor="none", metadata={"Software": None})
    return target.getvalue()


def data_url(image: bytes) -> str:
    """Return a PNG as an address that holds it."""
    return f"data:image/png;base64,{base64.b64encode(image).decode()}"


def intervals(rows: Sequence[Row], label: str, *, chance: float | None = 0.5) -> Picture:
    """Shares with their intervals, one below the other; a dashed line where chance is."""

    def draw(figure: Any, theme: Theme) -> None:
        axes = _axes(figure.add_subplot(), theme)
        if chance is not None:
            axes.axvline(chance, color=theme.muted, lw=1, ls=(0, (4, 3)), zorder=1)
        for place, row in enumerate(rows):
            colour = theme.colours[row.colour % len(theme.colours)]
            axes.plot([row.value.low, row.value.high], [place, place], color=colour, lw=3.5, alpha=0.4)
            axes.plot([row.value.mean], [place], "o", color=colour, ms=7.5)
            axes.annotate(
                row.note, (1.02, place), xycoords=("axes fraction", "data"), va="center", fontsize=9,
                color=theme.muted, annotation_clip=False,
            )  # fmt: skip
        axes.set_yticks(range(len(rows)), [row.name for row in rows])
        axes.tick_params(axis="y", length=0, labelcolor=theme.ink)
        axes.set(xlim=(-0.02, 1.02), ylim=(len(rows) - 0.4, -0.6), xlabel=label)
        axes.grid(axis="y", visible=False)
        axes.xaxis.set_major_formatter(_percent)

    told = "; ".join(f"{row.name}: {row.value.mean:.0%}" for row in rows)
    return Picture(draw, 0.9 + 0.36 * len(rows), f"{label}. {told}")


def beside(left: Picture, right: Picture) -> Picture:
    """Two pictures side by side."""

    def draw(figure: Any, theme: Theme) -> None:
        for part, picture in zip(figure.subfigures(1, 2, wspace=0.06), (left, right), strict=True):
            part.set_facecolor("none")
            picture.draw(part, theme)

    return Picture(draw, max(left.height, right.height), f"{left.text} {right.text}")


def reliability(found: Calibration) -> Picture:
    """Accuracy over confidence with Wilson's intervals, and how many pairs have it."""

    def draw(figure: Any, theme: Theme) -> None:
        curve, counts = figure.subplots(1, 2, width_ratios=(1.35, 1))
        blue, orange = theme.colours[:2]
        _axes(curve, theme).plot([0.5, 1], [0.5, 1], color=theme.muted, lw=1, ls=(0, (4, 3)))
        places, heights, sizes = (
            np.array([getattr(b, name) for b in found.bins]) for name in ("confidence", "accuracy", "pairs")
        )
        rates = [wilson(round(b.accuracy * b.pairs), b.pairs) for b in found.bins]
        curve.vlines(places, [r.low for r in rates], [r.high for r in rates], color=blue, lw=5, alpha=0.2)
        curve.vlines(places, places, heights, color=orange, lw=2)
        curve.scatter(places, heights, s=24 + 120 * sizes / sizes.max(), color=blue, zorder=3, lw=0)
        curve.set(xlim=(0.48, 1.02), ylim=(-0.16, 1.16), xlabel="what the model says", ylabel="what is true")
        curve.set_yticks([0, 0.25, 0.5, 0.75, 1])
        curve.annotate("above the line: not sure enough", (0.49, 1.1), fontsize=8.5, color=theme.muted)
        curve.annotate("below it: too sure", (1.01, -0.12), fontsize=8.5, color=theme.muted, ha="right")
        _axes(counts, theme).bar(places, sizes, width=0.035, color=blue, alpha=0.85, lw=0)
        counts.set(xlim=(0.48, 1.02), xlabel="what the model says", ylabel="pairs")
        for axis in (curve.xaxis, curve.yaxis, counts.xaxis):
            axis.set_major_formatter(_percent)

    return Picture(draw, 3.0, f"Reliability curve of {found.pairs} pairs, ECE {found.error:.2f}")


def rewards(true: NDArray[np.float64], learned: NDArray[np.float64], ended: NDArray[np.bool_]) -> Picture:
    """Return of each clip under the true and the learned reward."""

    def draw(figure: Any, theme: Theme) -> None:
        axes = _axes(figure.add_subplot(), theme)
        for chosen, name, colour, marker in (
            (~ended, "goes on", theme.colours[0], "o"),
            (ended, "the episode ends", theme.colours[1], "D"),
        ):
            if chosen.any():
                axes.scatter(
                    true[chosen],
                    learned[chosen],
                    s=26,
                    color=colour,
                    alpha=0.6,
                    lw=0,
                    marker=marker,
                    label=name,
                )
        axes.set(xlabel="true return of the clip", ylabel="learned return of the clip")
        _legend(axes, theme, loc="upper left")

    return Picture(draw, 3.2, f"True and learned return of {len(true)} clips")


def training(progress: TrainingProgress, alarm: Alarm) -> Picture:
    """Returns, rewards of a step, and agreement over the world steps: one below the other."""
    panels = [
        ("learned return", {"": progress.learned_return}),
        ("true return", {"": progress.true_return}),
        ("learned reward\nof a step", {"": progress.learned_reward}),
        ("true reward\nof a step", {"": progress.true_reward}),
        (
            "agreement",
            {"held-out pairs": progress.held_out_agreement, "pairs learned from": progress.agreement},
        ),
    ]
    known = [panel for panel in panels if any(np.isfinite(series).any() for series in panel[1].values())]

    def draw(figure: Any, theme: Theme) -> None:
        rows = figure.subplots(max(len(known), 1), 1, sharex=True, squeeze=False)[:, 0]
        colours = cycle(theme.colours)
        for axes, (name, lines) in zip(rows, known, strict=False):
            _axes(axes, theme).set_ylabel(name)
            for label, series in lines.items():
                there = np.isfinite(series)
                style = {"lw": 2, "marker": "o", "ms": 3.5, "color": next(colours), "label": label or None}
                axes.plot(progress.steps[there], series[there], **style)
            if name == "agreement":
                axes.set(ylim=(0.42, 1.06), yticks=[0.5, 0.75, 1.0])
                axes.yaxis.set_major_formatter(_percent)
                axes.axhline(0.5, color=theme.muted, lw=1, ls=(0, (4, 3)), zorder=1)
                _legend(axes, theme, loc="lower right", bbox_to_anchor=(1, 0.98), borderaxespad=0, ncols=2)
        if alarm.since_step is not None:
            for axes in rows:
                axes.axvspan(alarm.since_step, progress.steps[-1], color=theme.alarm, alpha=0.12, lw=0)
            rows[0].annotate(
                "alarm", (alarm.since_step, 0.95), xycoords=("data", "axes fraction"), xytext=(5, 0),
                textcoords="offset points", color=theme.alarm, fontsize=9.5, weight="bold", va="top",
            )  # fmt: skip
        rows[-1].set_xlabel("world steps")
        rows[-1].xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
        figure.align_ylabels(rows)

    return Picture(
        draw,
        0.6 + 1.3 * max(len(known), 1),
        "Learned and true return and reward of a step, agreement over training",
    )


def times(found: Sequence[ResponseTimes]) -> Picture:
    """Median and quartiles of the response times."""

    def draw(figure: Any, theme: Theme) -> None:
        axes = _axes(figure.add_subplot(), theme)
        for place, row in enumerate(found):
            axes.plot([row.low, row.high], [place, place], color=theme.colours[2], lw=9, alpha=0.35)
            axes.plot([row.median], [place], "|", color=theme.colours[2], ms=15, mew=3)
            axes.annotate(
                str(row.count), (1.02, place), xycoords=("axes fraction", "data"), va="center",
                fontsize=9, color=theme.muted, annotation_clip=False,
            )  # fmt: skip
        axes.set_yticks(range(len(found)), [row.labeller for row in found])
        axes.tick_params(axis="y", length=0, labelcolor=theme.ink)
        longest = max(row.high for row in found)
        axes.set(xlim=(0, 1.06 * longest or 1), ylim=(len(found) - 0.4, -0.6), xlabel="response time [s]")
        axes.grid(axis="y", visible=False)

    told = "; ".join(f"{row.labeller}: {row.median:.1f} s" for row in found)
    return Picture(draw, 0.9 + 0.36 * len(found), f"Response times. {told}")


def growth(curve: Mapping[str, Sequence[float]]) -> Picture:
    """Labels over the minutes of work."""

    def draw(figure: Any, theme: Theme) -> None:
        axes = _axes(figure.add_subplot(), theme)
        end = max(minutes[-1] for minutes in curve.values() if minutes)
        for index, (name, minutes) in enumerate(curve.items()):
            if minutes:
                colour = theme.colours[index % len(theme.colours)]
                counts = np.arange(len(minutes) + 1)
                axes.step(
                    [*minutes, end], [*counts[1:], counts[-1]], where="post", lw=2, color=colour, label=name
                )
        axes.set(xlabel="minutes of work, pauses left out", ylabel="labels that stand", ylim=(0, None))
        _legend(axes, theme, loc="upper left")

    return Picture(draw, 2.6, "Labels over time: " + ", ".join(f"{k} {len(v)}" for k, v in curve.items()))


def _percent(value: float, _: int) -> str:
    return f"{100 * value:.0f} %"


def _axes(axes: Any, theme: Theme) -> Any:
    axes.set_facecolor("none")
    for side, spine in axes.spines.items():
        spine.set_visible(side == "bottom")
        spine.set_color(theme.muted)
    axes.tick_params(colors=theme.muted, labelcolor=theme.ink, labelsize=9, length=3)
    axes.tick_params(axis="y", length=0)
    axes.xaxis.label.set(color=theme.ink, fontsize=9.5)
    axes.yaxis.label.set(color=theme.ink, fontsize=9.5)
    axes.grid(color=theme.grid, lw=0.8)
    axes.set_axisbelow(True)
    return axes


def _legend(axes: Any, theme: Theme, **place: Any) -> None:
    handles, _ = axes.get_legend_handles_labels()
    if handles:
        axes.legend(frameon=False, fontsize=9, labelcolor=theme.ink, **place)
