"""What the measures of a run mean: a sentence, a mark, a picture, and what to do if it is bad."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import numpy as np

from agents.evaluation import Estimate
from feedback.diagnostics import figures
from feedback.diagnostics.agreement import Agreement, agreement
from feedback.diagnostics.calibration import calibration, probabilities
from feedback.diagnostics.consistency import consistency, position_bias, response_times
from feedback.diagnostics.epic import correlation, sampled_distance
from feedback.diagnostics.figures import Picture, Row
from feedback.diagnostics.hacking import hacking_alarm
from feedback.diagnostics.material import JudgedPair, Material
from feedback.diagnostics.overview import Pace, overview

#: ``"none"`` where there was nothing to judge.
Mark = Literal["good", "fair", "bad", "none"]

#: With fewer pairs than this nothing is called good or bad.
FEW = 20
#: Where a pair's agreement is good, and where fair, if its interval is above chance.
GOOD_AGREEMENT = 0.75
#: Expected calibration errors that are good, and fair.
GOOD_ERROR, FAIR_ERROR = 0.05, 0.1
#: Distances that are good, and fair: correlations of 0.75 and 0.4 without shaping.
GOOD_DISTANCE, FAIR_DISTANCE = math.sqrt(0.125), math.sqrt(0.3)
#: Kappas that are good, and fair: "substantial" and "moderate" by Landis and Koch (1977).
GOOD_KAPPA, FAIR_KAPPA = 0.6, 0.4


@dataclass(frozen=True)
class Finding:
    """One section of a report.

    Attributes:
        key: Its name in ``report.json`` and in :data:`feedback.diagnostics.advice.ADVICE`.
        mark: How it stands.
        headline: The answer in plain words; of an empty section, why it is empty.
        picture: The picture; None in an empty section.
        numbers: Everything measured.
    """

    key: str
    mark: Mark
    headline: str
    picture: Picture | None = None
    numbers: dict[str, Any] = field(default_factory=dict)


def findings(material: Material, *, gamma: float = 0.99) -> list[Finding]:
    """Measure all that the material allows, in the order of a report.

    Args:
        material: What there is.
        gamma: Discount factor of the agent, in [0, 1]: it decides what is potential shaping.
    """
    return [
        _hacking(material),
        _agreement(material),
        _calibration(material),
        _distance(material, gamma),
        _consistency(material),
        _habits(material),
        _overview(material),
    ]


def _hacking(material: Material) -> Finding:
    key = "hacking"
    progress = material.progress
    if progress is None or not len(progress.steps):
        reason = material.missing.get("progress", "progress.csv holds no point yet.")
        return Finding(key, "none", reason)
    alarm = hacking_alarm(progress)
    mark: Mark = "bad" if alarm.fired else "good" if alarm.judged else "none"
    headline = f"ALARM: {alarm.reason}." if alarm.fired else f"No sign of reward hacking: {alarm.reason}."
    if not alarm.judged:
        headline = f"Too early to tell: {alarm.reason}."
    return Finding(
        key,
        mark,
        headline,
        figures.training(progress, alarm),
        {"alarm": asdict(alarm), "points": len(progress.steps)},
    )


def _agreement(material: Material) -> Finding:
    key = "agreement"
    groups = [(name, _agreements(pairs)) for name, pairs in _groups(material).items()]
    rows = [
        Row(f"{row.labeller or 'all'}, {name}", row.rate, f"{row.pairs} pairs", index)
        for index, (name, found) in enumerate(groups)
        # One labeller is all of them.
        for row in (found[:1] if len(found) == 2 else found)
    ]
    if not rows:
        return Finding(key, "none", _why_no_pairs(material))
    name, (everybody, *_) = next((name, found) for name, found in groups if found)
    rate = everybody.rate
    mark: Mark = "fair"
    if name == "held out" and everybody.pairs >= FEW:
        if rate.low > 0.5 and rate.mean >= GOOD_AGREEMENT:
            mark = "good"
        elif rate.high < GOOD_AGREEMENT:
            mark = "bad"
    kind = "held-out pairs" if name == "held out" else "pairs that it learned from (none was held out)"
    return Finding(
        key,
        mark,
        f"The reward ranks {_share(rate)} of {kind} as the labellers did{_few(everybody.pairs)}.",
        figures.intervals(rows, "pairs ranked as the labeller did"),
        {name.replace(" ", "_"): [asdict(row) for row in found] for name, found in groups},
    )


def _calibration(material: Material) -> Finding:
    key = "calibration"
    groups = {name: [p for p in pairs if p.target != 0.5] for name, pairs in _groups(material).items()}
    held, everything = groups["held out"], [*groups["held out"], *groups["learned from"]]
    if not everything:
        return Finding(key, "none", _why_no_pairs(material))
    # What a model learned from it knows too well; but on a handful of pairs nothing can be seen.
    pairs, kind = (held, "held-out") if len(held) >= FEW else (everything, "held-out and learned")
    found = calibration(
        probabilities(np.stack([p.first for p in pairs], 1), np.stack([p.second for p in pairs], 1)),
        [p.target for p in pairs],
    )
    side = "too sure" if found.confidence > found.accuracy else "not sure enough"
    mark: Mark
    if found.error <= max(GOOD_ERROR, found.by_chance):
        mark, words = "good", "Well calibrated"
    elif found.error <= FAIR_ERROR:
        mark, words = "fair", f"A little {side}"
    else:
        mark, words = "bad", f"Badly calibrated, {side}"
    if found.pairs < FEW or kind != "held-out":
        mark = "fair" if mark == "good" else mark
    return Finding(
        key,
        mark,
        f"{words}: ECE {found.error:.2f} on {found.pairs} {kind} pairs, where a calibrated model stays below "
        f"{found.by_chance:.2f}; the best temperature is {found.temperature:.2g}{_few(found.pairs)}.",
        figures.reliability(found),
        {"pairs_used": kind, **asdict(found)},
    )


def _distance(material: Material, gamma: float) -> Finding:
    key = "distance"
    if not material.clips:
        return Finding(key, "none", _why_no_pairs(material))
    clips = material.clips
    learned, true = (np.concatenate([getattr(c, name) for c in clips]) for name in ("learned", "true"))
    sums = [np.array([getattr(c, name).sum() for c in clips]) for name in ("true", "learned")]
    distance = sampled_distance(clips, gamma=gamma)
    steps, returns = correlation(true, learned), correlation(*sums)
    numbers = {
        "distance": asdict(distance),
        "steps": steps,
        "returns": returns,
        "clips": len(clips),
        "gamma": gamma,
    }
    both = f"clips' returns correlate by {_number(returns)}, steps by {_number(steps)}"
    ended = np.array([c.terminated for c in clips])
    mark: Mark
    if math.isnan(distance.mean):
        mark, words = "none", "No distance: there are too few steps, or one reward is nothing but shaping"
    else:
        mark = "good" if distance.mean <= GOOD_DISTANCE else "bad"
        mark = "fair" if GOOD_DISTANCE < distance.mean <= FAIR_DISTANCE else mark
        interval = f"{distance.mean:.2f} [{distance.low:.2f}, {distance.high:.2f}]"
        words = f"EPIC distance about {interval} (0 the same, 0.71 unrelated, 1 opposite)"
    return Finding(
        key,
        mark,
        f"{words}; {both}.",
        figures.rewards(sums[0], sums[1], ended),
        numbers,
    )


def _consistency(material: Material) -> Finding:
    key = "consistency"
    found = consistency(material.preferences)
    if not found:
        reason = material.missing.get("labels", "No pair was answered twice: ask some pairs again to know.")
        return Finding(key, "none", reason)
    rows, parts = [], []
    for row in found:
        one, other = row.labellers
        same = one == other
        name = f"{one}, asked again" if same else f"{one} and {other}"
        note = f"{row.asked} pairs, kappa {_number(row.kappa)}"
        rows.append(Row(name, row.rate, note, 0 if same else 1))
        does = f"{one} repeats" if same else f"{one} and {other} agree on"
        parts.append((row, f"{does} {_share(row.rate)} of the answers"))
    worst = min(found, key=lambda row: (math.isnan(row.kappa), row.kappa))
    kappa = worst.kappa
    mark: Mark = "fair"
    if worst.asked >= FEW and not math.isnan(kappa):
        mark = "good" if kappa >= GOOD_KAPPA else "fair" if kappa >= FAIR_KAPPA else "bad"
    shown = "; ".join(text for _, text in sorted(parts, key=lambda part: part[0].rate.mean)[:3])
    return Finding(
        key,
        mark,
        f"Asked the same, {shown}{_few(worst.asked)}.",
        figures.intervals(rows, "same answer to the same pair", chance=None),
        {"answers": [asdict(row) for row in found]},
    )


def _habits(material: Material) -> Finding:
    key = "habits"
    labels = [row.label for row in material.standing]
    sides, times = position_bias(material.preferences), response_times(labels)
    numbers = {"sides": [asdict(row) for row in sides], "times": [asdict(row) for row in times]}
    if not sides and not times:
        reason = "No label says which clip stood on the left, or how long the answer took."
        return Finding(key, "none", material.missing.get("labels", reason))
    biased = [row for row in sides if row.biased]
    hasty = [row for row in times if row.hasty > 0.1]
    said = [f"{row.labeller} takes the left one {_share(row.rate)} of the time" for row in biased]
    said += [f"{row.labeller} gives {row.hasty:.0%} of the answers within half a second" for row in hasty]
    medians = ", ".join(f"{row.labeller} {row.median:.1f} s" for row in times)
    calm = "No side is favoured" if sides else "Sides are not known"
    headline = ("; ".join(said) if said else calm) + (f". Median times: {medians}." if times else ".")
    rows = [Row(row.labeller, row.rate, str(row.decided), 3) for row in sides]
    parts = [figures.intervals(rows, "the left one wins")] if sides else []
    parts += [figures.times(times)] if times else []
    picture = figures.beside(*parts) if len(parts) == 2 else parts[0]
    # With several labellers one interval in twenty misses the half by chance: that alone is not bad.
    blind = any(row.rate.low > 0.6 or row.rate.high < 0.4 for row in sides)
    return Finding(
        key,
        "bad" if blind else "fair" if said else "good",
        headline[0].upper() + headline[1:],
        picture,
        numbers,
    )


def _overview(material: Material) -> Finding:
    key = "overview"
    found = overview([r.label for r in material.standing], [r.label for r in material.undone])
    numbers = {name: value for name, value in asdict(found).items() if name != "curve"}
    if not found.standing:
        reason = material.missing.get("labels", "There is no label.")
        return Finding(key, "none", reason, numbers=numbers)
    kinds = _listed([f"{count} {kind}{'' if count == 1 else 's'}" for kind, count in found.kinds.items()])
    undone = f", and {found.undone} taken back" if found.undone else ""
    paces = ", ".join(pace for pace in map(_pace, found.paces) if pace)
    speed = f"; labels per minute: {paces}" if paces else ""
    return Finding(
        key,
        "good",
        f"{kinds} by {_listed(list(found.labellers))}{undone}{speed}.",
        figures.growth(found.curve),
        numbers,
    )


def _groups(material: Material) -> dict[str, list[JudgedPair]]:
    """Return the pairs, those that say more first."""
    return {
        "held out": [pair for pair in material.pairs if pair.held_out],
        "learned from": [pair for pair in material.pairs if not pair.held_out],
    }


def _agreements(pairs: Sequence[JudgedPair]) -> list[Agreement]:
    margins = [float(np.mean(pair.first - pair.second)) for pair in pairs]
    return agreement(margins, [pair.target for pair in pairs], [pair.labeller for pair in pairs])


def _why_no_pairs(material: Material) -> str:
    for part in ("labels", "reward_model", "pairs"):
        if part in material.missing:
            return material.missing[part]
    return "No labeller preferred one of two clips."


def _pace(pace: Pace) -> str:
    return "" if math.isnan(pace.per_minute) else f"{pace.labeller} {pace.per_minute:,.0f}"


def _listed(words: Sequence[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def _few(count: int) -> str:
    return f" ({count} are few: this may well be chance)" if count < FEW else ""


def _share(rate: Estimate) -> str:
    return f"{100 * rate.mean:.0f} % [{100 * rate.low:.0f}, {100 * rate.high:.0f}]"


def _number(value: float) -> str:
    return "?" if math.isnan(value) else f"{value:.2f}"
