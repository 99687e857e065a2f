"""Simulated people who do not compare: they press + and -, give stars, click, and lose patience.

Every one draws from a generator of its own: the same seed and the same behaviour give the same labels.
"""

from __future__ import annotations

import math
from bisect import insort
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from feedback.clips import Segment
from feedback.labels import Choice, Clip, Evaluation, Implicit, Preference, Rating
from feedback.sources.base import Moment, PreferenceSource

#: Distance of the quartiles of a normal distribution, in standard deviations.
_QUARTILES = 1.349
_OPPOSITE: dict[Choice, Choice] = {"first": "second", "second": "first"}


@dataclass(frozen=True)
class EvaluatorConfig:
    """Someone with a finger on + and -.

    Attributes:
        threshold: How many times the usual spread a reward must lie above or below the usual to be judged.
        attention: Chance that such a step is judged at all, in [0, 1].
        mistake: Chance of the wrong key, in [0, 1].
        delay: Least and most time between a step and the key [s]; 0.2 to 4 s after Warnell et al. 2018
            (arXiv:1709.10163), of which most passes in the first second.
        step: Duration of a step [s].
    """

    threshold: float = 1.0
    attention: float = 1.0
    mistake: float = 0.0
    delay: tuple[float, float] = (0.2, 1.0)
    step: float = 0.1

    def __post_init__(self) -> None:
        """Validate.

        Raises:
            ValueError: Naming the field, its value and what is allowed.
        """
        if not self.threshold >= 0:
            raise ValueError(f"threshold={self.threshold} must not be negative")
        for name in ("attention", "mistake"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name}={getattr(self, name)} must be in [0, 1]")
        if not 0 <= self.delay[0] <= self.delay[1] < math.inf:
            raise ValueError(f"delay={self.delay} must be a least and a most time [s], not negative")
        if not self.step > 0:
            raise ValueError(f"step={self.step} must be positive [s]")


class DelayedEvaluator:
    """Presses + or - some time after a step that was better or worse than usual.

    The label says what a real keyboard would: the step at which the key was pressed, not the one that was
    meant.  What is usual is learned from the rewards seen so far; see :func:`usual`.  A key that would be
    pressed after the end of an episode is pressed in its last step.
    """

    def __init__(
        self, config: EvaluatorConfig | None = None, *, seed: int = 0, name: str = "evaluator"
    ) -> None:
        """Create the person."""
        self.config = config or EvaluatorConfig()
        self.name = name
        self._rng = np.random.default_rng(seed)
        self._pending: deque[tuple[int, float]] = deque()  # steps still to wait, value
        self._seen: list[float] = []  # rewards, rising

    def evaluations(self, moment: Moment) -> list[Evaluation]:
        """Return the keys that are pressed in this step."""
        self._judge(moment.reward)
        ended = moment.terminated or moment.truncated
        pressed = [value for wait, value in self._pending if wait <= 0 or ended]
        self._pending = deque((wait - 1, value) for wait, value in self._pending if wait > 0 and not ended)
        return [Evaluation(clip=moment.clip, value=value, labeller=self.name) for value in pressed]

    def _judge(self, reward: float) -> None:
        """Decide whether a step will be judged, and note its reward."""
        config = self.config
        attention, slip, share = self._rng.random(3)
        middle, spread = usual(self._seen)
        above = reward - middle
        if spread > 0 and abs(above) >= config.threshold * spread and attention < config.attention:
            value = math.copysign(1.0, above) * (-1.0 if slip < config.mistake else 1.0)
            least, most = config.delay
            self._pending.append((round((least + share * (most - least)) / config.step), value))
        insort(self._seen, reward)


def usual(values: Sequence[float]) -> tuple[float, float]:
    """Return what people take for usual: the middle and the spread of what they saw.

    Both come from the quartiles, the spread so that it is the standard deviation of what is normally
    distributed.  A crash that costs as much as a minute's driving earns is remembered as one bad moment: by
    mean and standard deviation one in twenty steps would make all others look alike, and good.

    Args:
        values: What was seen, rising.

    Returns:
        Middle and spread. Where most values are the same, that one and the root mean square distance from
        it; (0, 0) of nothing.
    """
    if not values:
        return 0.0, 0.0
    low, high = (_quantile(values, share) for share in (0.25, 0.75))
    if high > low:
        return 0.5 * (low + high), (high - low) / _QUARTILES
    return low, math.sqrt(float(np.mean(np.square(np.subtract(values, low)))))


def _quantile(values: Sequence[float], share: float) -> float:
    place = share * (len(values) - 1)
    below = math.floor(place)
    above = min(below + 1, len(values) - 1)
    return values[below] + (place - below) * (values[above] - values[below])


class Rater:
    """Gives 1 to ``best`` stars to a segment, by its true reward per step and thresholds of their own.

    Attributes:
        thresholds: Rising rewards per step above which there is one star more [reward/step]; empty before
            anything was watched.
    """

    def __init__(
        self,
        *,
        best: int = 5,
        strictness: float = 0.0,
        noise: float = 0.0,
        seed: int = 0,
        name: str = "rater",
    ) -> None:
        """Create the person.

        Args:
            best: Most stars.
            strictness: By how much of the usual spread all thresholds are shifted up; negative for who is
                generous.
            noise: Standard deviation of what is felt, in the usual spread (:func:`usual`).
            seed: Seed of the noise.
            name: Who labels say it was.

        Raises:
            ValueError: If ``best`` is below 2, or ``noise`` is negative.
        """
        if best < 2:
            raise ValueError(f"best={best} must be at least 2")
        if not noise >= 0:
            raise ValueError(f"noise={noise} must not be negative")
        self.name, self.best = name, best
        self.thresholds: tuple[float, ...] = ()
        self._strictness, self._noise, self._spread = strictness, noise, 1.0
        self._rng = np.random.default_rng(seed)

    def watch(self, segments: Iterable[Segment]) -> None:
        """See what there is, to know what deserves how many stars: equal shares for who is not strict."""
        means = [float(segment.rewards.mean()) for segment in segments]
        self._spread = usual(sorted(means))[1] or 1.0
        shares = np.arange(1, self.best) / self.best
        self.thresholds = tuple((np.quantile(means, shares) + self._strictness * self._spread).tolist())

    def rate(self, segment: Segment) -> Rating:
        """Rate a segment.

        Raises:
            ValueError: If nothing was watched before.
        """
        if not self.thresholds:
            raise ValueError(f"{self.name} has not watched anything: call watch() first")
        felt = float(segment.rewards.mean()) + self._noise * self._spread * self._rng.standard_normal()
        stars = 1 + sum(felt > edge for edge in self.thresholds)
        return Rating(clip=segment.clip, value=stars, best=self.best, labeller=self.name)


class PositionBiasedClicker:
    r"""Clicks on what is relevant, but looks less often at what stands further down.

    The position-based model (Richardson et al. 2007): a place :math:`k`, from 0, is looked at with
    probability :math:`(k + 1)^{-\eta}`, and what is looked at is clicked with that of its relevance.
    """

    def __init__(self, *, eta: float = 1.0, seed: int = 0, name: str = "clicker") -> None:
        """Create the person.

        Args:
            eta: How fast attention falls; 0 for not at all.
            seed: Seed of the draws.
            name: Who labels say it was.

        Raises:
            ValueError: If ``eta`` is negative.
        """
        if not eta >= 0:
            raise ValueError(f"eta={eta} must not be negative")
        self.name, self._eta = name, eta
        self._rng = np.random.default_rng(seed)

    def clicks(
        self, clip: Clip, relevance: Sequence[float], items: Sequence[int] | None = None
    ) -> list[Implicit]:
        """Return a click, or none, for each place of a slate.

        Args:
            clip: The step in which the slate was shown.
            relevance: Probability that what stands at each place is clicked once seen, in [0, 1].
            items: What stands there; None where items have no numbers.

        Returns:
            One label per place, of value 1 or 0, with the propensity of being seen.
        """
        chance = (np.arange(len(relevance)) + 1.0) ** -self._eta
        looked, liked = self._rng.random((2, len(relevance)))
        return [
            Implicit(
                clip=clip,
                signal="click",
                value=float(looked[k] < chance[k] and liked[k] < relevance[k]),
                position=k,
                item=None if items is None else int(items[k]),
                propensity=float(chance[k]),
                labeller=self.name,
            )
            for k in range(len(relevance))
        ]


class Annoyed:
    """Answers like another source, and worse and worse the more is asked.

    After ``patience`` questions the chance to skip one, and that to answer without looking, rise to half.
    """

    def __init__(self, source: PreferenceSource, *, patience: int = 100, seed: int = 0) -> None:
        """Wrap a source of preferences.

        Raises:
            ValueError: If ``patience`` is below 1.
        """
        if patience < 1:
            raise ValueError(f"patience={patience} must be at least 1 question")
        self.asked = 0
        self._source, self._patience = source, patience
        self._rng = np.random.default_rng(seed)

    def prefer(self, first: Segment, second: Segment) -> Preference | None:
        """Compare two segments; None if the question is skipped."""
        self.asked += 1
        answer = self._source.prefer(first, second)
        skip, blind, coin = self._rng.random(3)
        weariness = 0.5 * (1.0 - math.exp(-max(self.asked - self._patience, 0) / self._patience))
        if answer is None or skip < weariness:
            return None
        return replace(answer, choice="first" if coin < 0.5 else "second") if blind < weariness else answer


class Inconsistent:
    """Answers like another source, but a share of the answers the other way round, the same pair or not."""

    def __init__(self, source: PreferenceSource, *, rate: float = 0.2, seed: int = 0) -> None:
        """Wrap a source of preferences.

        Raises:
            ValueError: If ``rate`` is outside [0, 1].
        """
        if not 0 <= rate <= 1:
            raise ValueError(f"rate={rate} must be in [0, 1]")
        self._source, self._rate = source, rate
        self._rng = np.random.default_rng(seed)

    def prefer(self, first: Segment, second: Segment) -> Preference | None:
        """Compare two segments; None if the question stays unanswered."""
        answer, slip = self._source.prefer(first, second), self._rng.random()
        if answer is None or slip >= self._rate:
            return answer
        return replace(answer, choice=_OPPOSITE.get(answer.choice, answer.choice))
