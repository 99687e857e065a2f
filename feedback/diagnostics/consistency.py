"""How far labellers can be relied on: do they agree with themselves, with each other, and with both sides?"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise

import numpy as np

from agents.evaluation import Estimate, wilson
from feedback.labels import Label, Preference

_MIRRORED = {"first": "second", "second": "first"}


@dataclass(frozen=True)
class Consistency:
    """How often two answers to the same pair were the same.

    Attributes:
        labellers: Who answered; twice the same name for one who was asked again.
        same: Times that both answers were the same.
        asked: Times that there were two answers.
        rate: The share, with Wilson's 95 % interval.
        kappa: The share beyond chance: 1 for always the same, 0 for as often as by chance, in [-1, 1]; NaN if
            all answers were one and the same.
    """

    labellers: tuple[str, str]
    same: int
    asked: int
    rate: Estimate
    kappa: float


@dataclass(frozen=True)
class PositionBias:
    """How often the left side wins.

    Attributes:
        labeller: Who answered.
        left: Times that the left one was preferred.
        decided: Times that one was preferred, and the sides are known.
        rate: The share, with Wilson's 95 % interval; ½ without bias, as sides are drawn at random.
    """

    labeller: str
    left: int
    decided: int
    rate: Estimate

    @property
    def biased(self) -> bool:
        """Whether ½ is outside the interval."""
        return not self.rate.low <= 0.5 <= self.rate.high


@dataclass(frozen=True)
class ResponseTimes:
    """How long answers take.

    Attributes:
        labeller: Who answered.
        count: Answers whose time is known.
        low: First quartile [s].
        median: Median [s].
        high: Third quartile [s].
        hasty: Share of answers within half a second, faster than two clips can be compared.
    """

    labeller: str
    count: int
    low: float
    median: float
    high: float
    hasty: float


def consistency(preferences: Iterable[Preference]) -> list[Consistency]:
    """Compare answers to the same two clips, whichever of them was called the first.

    With oneself: each answer with the next one that the same labeller gave on that pair.  With each other:
    the first answers of two labellers.

    Args:
        preferences: In the order in which they were given.

    Returns:
        Each labeller with himself or herself, then each two; nothing where no pair was answered twice.
    """
    answers: dict[tuple[str, str], dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for preference in preferences:
        first, second = preference.first.digest, preference.second.digest
        choice = str(preference.choice)
        if first > second:
            first, second, choice = second, first, _MIRRORED.get(choice, choice)
        answers[first, second][preference.labeller].append(choice)
    found: dict[tuple[str, str], list[tuple[str, str]]] = defaultdict(list)
    for by_labeller in answers.values():
        for name, given in by_labeller.items():
            found[name, name] += pairwise(given)
        for one, other in combinations(sorted(by_labeller), 2):
            found[one, other].append((by_labeller[one][0], by_labeller[other][0]))
    order = sorted((who for who, pairs in found.items() if pairs), key=lambda who: (who[0] != who[1], who))
    return [_consistency(who, found[who]) for who in order]


def cohen_kappa(answers: Sequence[tuple[str, str]]) -> float:
    r"""Return Cohen's kappa (1960) of two answers to each of several questions.

    :math:`\kappa = (p_o - p_e) / (1 - p_e)` with the share :math:`p_o` of same answers and
    :math:`p_e = \sum_k p_{1k} p_{2k}` expected if both answered independently, with k as often as
    they did.

    Args:
        answers: One answer of each.

    Returns:
        In [-1, 1]; NaN without answers, or if all are one and the same.
    """
    if not answers:
        return math.nan
    n = len(answers)
    observed = sum(one == other for one, other in answers) / n
    firsts, seconds = zip(*answers, strict=True)
    expected = sum(firsts.count(kind) * seconds.count(kind) for kind in set(firsts)) / n**2
    return math.nan if expected == 1 else (observed - expected) / (1 - expected)


def position_bias(preferences: Iterable[Preference]) -> list[PositionBias]:
    """Count how often the left side wins, per labeller by name; nothing where no sides are known."""
    wins: dict[str, list[bool]] = defaultdict(list)
    for preference in preferences:
        if preference.shown_left is not None and preference.choice in _MIRRORED:
            wins[preference.labeller].append(preference.choice == preference.shown_left)
    return [
        PositionBias(name, sum(won), len(won), wilson(sum(won), len(won)))
        for name, won in sorted(wins.items())
    ]


def response_times(labels: Iterable[Label]) -> list[ResponseTimes]:
    """Describe how long answers took, per labeller by name; nothing where no time is known."""
    times: dict[str, list[float]] = defaultdict(list)
    for label in labels:
        if label.response_time is not None:
            times[label.labeller].append(label.response_time)
    found = []
    for name, seconds in sorted(times.items()):
        low, median, high = np.percentile(seconds, (25, 50, 75)).tolist()
        found.append(
            ResponseTimes(name, len(seconds), low, median, high, float(np.mean(np.array(seconds) < 0.5)))
        )
    return found


def _consistency(labellers: tuple[str, str], answers: list[tuple[str, str]]) -> Consistency:
    same = sum(one == other for one, other in answers)
    # Which clip is called the first is chance: both ways round, so that kappa does not depend on it.
    mirrored = [(_MIRRORED.get(one, one), _MIRRORED.get(other, other)) for one, other in answers]
    return Consistency(
        labellers, same, len(answers), wilson(same, len(answers)), cohen_kappa(answers + mirrored)
    )
