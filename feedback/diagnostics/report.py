"""``python -m feedback report``: what labels, and a reward learned from them, are worth.

::

    python -m feedback report runs/PathPlanning-v0-preferences-seed0
    python -m feedback report --store labels.db --out labels.html

Writes one HTML file that needs nothing else and, beside it, all numbers as JSON; prints a short table.
"""

from __future__ import annotations

import json
import math
import os
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tyro
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from feedback.diagnostics.advice import ADVICE
from feedback.diagnostics.findings import Finding, findings
from feedback.diagnostics.material import LeftOut, Material, gather
from feedback.diagnostics.page import SIGNS, render

if TYPE_CHECKING:
    from feedback.reward_models import RewardModel

_COLOURS = {"good": "green", "fair": "yellow", "bad": "bold red", "none": "dim"}
#: Numbers of labels that are named one by one, and reasons that are; the JSON file has them all.
_NAMED, _REASONS = 12, 20


@dataclass(frozen=True)
class ReportConfig:
    """Settings of ``python -m feedback report``.

    Attributes:
        run_dir: Folder of a run of ``python -m feedback learn``; None for a store alone.
        store: File of the labels; by default ``labels.db`` in the folder of the run.
        out: The page; by default ``report.html`` in the folder of the run, or ``<store>.report.html`` beside
            the store. The numbers lie beside it, with ``.json`` at the end.
        gamma: Discount factor of the agent, in [0, 1]; the distance to the true reward depends on it.
    """

    run_dir: tyro.conf.Positional[Path | None] = None
    store: Path | None = None
    out: Path | None = None
    gamma: float = 0.99

    def __post_init__(self) -> None:
        """Validate.

        Raises:
            ValueError: Naming the field, its value and what is allowed.
        """
        if self.run_dir is None and self.store is None:
            raise ValueError("run_dir=None and store=None: name the folder of a run, or a store with --store")
        if not 0 <= self.gamma <= 1:
            raise ValueError(f"gamma={self.gamma} must be in [0, 1]")
        if self.out is not None and self.out.suffix not in (".html", ".htm"):
            raise ValueError(f"out={str(self.out)!r} must end with .html")

    @property
    def page_path(self) -> Path:
        """File of the page."""
        if self.out is not None:
            return self.out
        if self.run_dir is not None:
            return self.run_dir / "report.html"
        store = self.store or Path()
        return store.with_name(f"{store.stem}.report.html")


@dataclass(frozen=True)
class Report:
    """What was found, and where it is written.

    Attributes:
        findings: The sections.
        left_out: Labels that were not used, and why.
        page: The HTML file.
        numbers: The JSON file.
    """

    findings: tuple[Finding, ...]
    left_out: tuple[LeftOut, ...]
    page: Path
    numbers: Path


def report(
    config: ReportConfig, *, reward_model: RewardModel | None = None, console: Console | None = None
) -> Report:
    """Write and print a report.

    Labels that cannot be used are left out, and the report says why; so does every section that is empty.

    Args:
        config: What to report on.
        reward_model: The reward model; by default that of the run.
        console: Where the table goes.

    Raises:
        ValueError: If the run or the store does not exist.
        StoreError: If there is only a store, and it cannot be read.
    """
    material = gather(config.run_dir, config.store, reward_model=reward_model)
    found = findings(material, gamma=config.gamma)
    reasons = _reasons(material.left_out)
    page, numbers = config.page_path, config.page_path.with_suffix(".json")
    page.parent.mkdir(parents=True, exist_ok=True)
    _write(page, _page(material, found, reasons))
    data = {
        "title": material.title,
        "env_id": material.env_id,
        "left_out": [vars(entry) for entry in material.left_out],
        **{f.key: {"mark": f.mark, "headline": f.headline, **f.numbers} for f in found},
    }
    _write(numbers, json.dumps(_plain(data), indent=2, allow_nan=False) + "\n")
    screen = console or Console()
    screen.print(summary_table(found, material.title))
    for reason in reasons:
        screen.print(f"[yellow]left out:[/] {escape(reason)}")
    screen.print(f"saved as {escape(str(page))} and {escape(str(numbers))}")
    return Report(tuple(found), tuple(material.left_out), page, numbers)


def summary_table(found: Sequence[Finding], title: str) -> Table:
    """Return the table that a report is on a terminal."""
    table = Table(title=escape(title), show_header=False, show_lines=True)
    table.add_column("mark", justify="center")
    table.add_column("question", style="bold", max_width=26)
    table.add_column("answer")
    for finding in found:
        sign = f"[{_COLOURS[finding.mark]}]{SIGNS[finding.mark][0]}[/]"
        table.add_row(sign, ADVICE[finding.key].title, escape(finding.headline))
    return table


def _page(material: Material, found: Sequence[Finding], reasons: Sequence[str]) -> str:
    marks = [finding.mark for finding in found]
    words = {"bad": "bad", "fair": "worth a look", "good": "good", "none": "without data"}
    counts = ", ".join(f"{marks.count(mark)} {word}" for mark, word in words.items() if mark in marks)
    now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    return render(
        found,
        title=f"Feedback report: {material.title}",
        subtitle=f"{material.env_id or 'no environment'} · {counts}",
        left_out=reasons,
        footer=f"Intervals are 95 %. Written {now} by python -m feedback report.",
    )


def _reasons(left_out: Sequence[LeftOut]) -> list[str]:
    """Return a sentence for each reason, with the labels that were left out for it."""
    groups: dict[str, list[int]] = defaultdict(list)
    for entry in left_out:
        groups[entry.reason].append(entry.number)
    lines = []
    for reason, numbers in groups.items():
        named = ", ".join(str(number) for number in numbers[:_NAMED])
        more = f" and {len(numbers) - _NAMED} more" if len(numbers) > _NAMED else ""
        lines.append(f"{'Label' if len(numbers) == 1 else 'Labels'} {named}{more}: {reason}.")
    if len(lines) > _REASONS:
        lines[_REASONS:] = [f"For {len(lines) - _REASONS} more reasons see the JSON file."]
    return lines


def _plain(value: Any) -> Any:
    """Return plain JSON data: times as text, and None for what is not a number."""
    if isinstance(value, Mapping):
        return {str(key): _plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _write(path: Path, text: str) -> None:
    """Write a file; readers see the whole file or none."""
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)
