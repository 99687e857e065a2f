"""What calibration found, what it could not find, and how well the result predicts what it has not seen."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from mmenvs.recommender.data.comparison import compare_logs
from mmenvs.recommender.data.logs import Logs
from mmenvs.recommender.data.parameters import Parameter


@dataclass(frozen=True)
class ReportCard:
    """A report that people read and programs compare.

    Attributes:
        source: What scores were fitted to: ``"clicks"``, ``"ratings"`` or ``"interactions"``.
        logs: Counts of the logs; see :meth:`~mmenvs.recommender.data.logs.Logs.summary`.
        parameters: Every parameter with its error; see :data:`~mmenvs.recommender.data.parameters.PRIORS`.
        held_out: Metrics of rows that were not fitted, baselines beside them, by name.
        modality: Share of each factor's variance over items (the strongest factor first, the item bias last)
            that the catalogue's features explain, out of sample; at most 1.
        click_rates: Real click-through rate by position.
        distances: Between real and simulated logs; empty until there are simulated ones.
        notes: What a reader should know: counted losses and fallbacks.
    """

    source: str
    logs: Mapping[str, float]
    parameters: Mapping[str, Parameter]
    held_out: Mapping[str, float]
    modality: tuple[float, ...]
    click_rates: tuple[float, ...]
    distances: Mapping[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def not_identified(self) -> dict[str, str]:
        """Parameters that the logs could not tell, and why."""
        return {name: each.why for name, each in self.parameters.items() if not each.identified}

    def with_simulated(self, real: Logs, simulated: Logs, *, seed: int = 0) -> ReportCard:
        """Return the card with the distances of :func:`~mmenvs.recommender.data.comparison.compare_logs`."""
        return replace(self, distances=compare_logs(real, simulated, seed=seed))

    def to_dict(self) -> dict[str, Any]:
        """Return the card as JSON types: tuples become lists, numbers that are not finite None."""
        plain = asdict(self)
        for name in ("logs", "held_out", "distances"):
            plain[name] = dict(getattr(self, name))
        plain["parameters"] = {name: asdict(each) for name, each in self.parameters.items()}
        plain["not_identified"] = self.not_identified
        cleaned: dict[str, Any] = _json(plain)
        return cleaned

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> ReportCard:
        """Make a card of what :meth:`to_dict` returned."""
        parameters = {}
        for name, each in plain["parameters"].items():
            error = math.inf if each["stderr"] is None else each["stderr"]
            parameters[name] = Parameter(each["value"], error, each["identified"], each["why"])
        numbers: dict[str, Any] = {
            name: {key: math.nan if value is None else value for key, value in plain[name].items()}
            for name in ("logs", "held_out", "distances")
        }
        tuples: dict[str, Any] = {
            name: tuple(math.nan if value is None else value for value in plain[name])
            for name in ("modality", "click_rates")
        }
        return cls(
            source=plain["source"], parameters=parameters, notes=tuple(plain["notes"]), **numbers, **tuples
        )

    def __str__(self) -> str:
        return self.to_text()

    def to_text(self) -> str:
        """Return the card as aligned plain text."""
        missing = self.not_identified
        lines = [f"Calibrated users: report card (scores from {self.source})", ""]
        if missing:
            lines.append(
                f"NOT IDENTIFIED by these logs ({len(missing)} of {len(self.parameters)}; priors are kept):"
            )
            lines += _aligned([(name, why) for name, why in missing.items()])
        else:
            lines.append("All parameters are identified by these logs.")
        found = {name: each for name, each in self.parameters.items() if each.identified}
        if found:
            lines += ["", "Parameters (value, standard error, from):"]
            lines += _aligned(
                [(name, f"{each.value:.4g}", f"{each.stderr:.2g}", each.why) for name, each in found.items()]
            )
        lines += [
            "",
            "Held-out rows:",
            *_aligned([(name, _text(value)) for name, value in self.held_out.items()]),
        ]
        if self.modality:
            *factors, bias = self.modality
            shares = [(f"factor {k + 1}", f"{value:.2f}") for k, value in enumerate(factors)]
            lines += [
                "",
                "Share of items' traits that pictures, text and attributes explain (R^2, left-one-out):",
            ]
            lines += _aligned([*shares, ("item bias", f"{bias:.2f}")])
        if len(self.click_rates) > 1:
            rates = [(f"position {k}", _text(value)) for k, value in enumerate(self.click_rates)]
            lines += ["", "Click-through rate by position:", *_aligned(rates)]
        lines += ["", "Simulated against real logs (0 is alike; of an AUC, 0.5):"]
        if self.distances:
            lines += _aligned([(name, _text(value)) for name, value in self.distances.items()])
        else:
            lines.append("  not compared: no simulated logs were given")
        lines += ["", "Logs:", *_aligned([(name, _text(value)) for name, value in self.logs.items()])]
        if self.notes:
            lines += ["", "Notes:", *(f"  {note}" for note in self.notes)]
        return "\n".join(lines)


def _text(value: float) -> str:
    if isinstance(value, int):
        return f"{value:,}"
    return "unknown" if math.isnan(value) else f"{value:.4g}"


def _aligned(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Set rows in columns, indented; the last column is ragged."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        lines.append("  " + "  ".join(cells).rstrip())
    return lines


def _json(value: Any) -> Any:
    """Replace what JSON does not know."""
    if isinstance(value, Mapping):
        return {key: _json(each) for key, each in value.items()}
    if isinstance(value, tuple | list):
        return [_json(each) for each in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
