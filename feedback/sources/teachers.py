"""Simulated people who compare segments by their true rewards.

The teachers of B-Pref (Lee et al. 2021, arXiv:2111.03026) are one formula with five parameters, which
:class:`TeacherConfig` names; :data:`TEACHERS` has the six under their names.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np

from feedback.clips import Segment
from feedback.labels import Choice, Preference


@dataclass(frozen=True)
class TeacherConfig:
    r"""B-Pref's parameters; the defaults are its oracle.

    The first segment is preferred with probability
    :math:`\mathrm{sigmoid}(\beta \sum_t \gamma^{H-1-t} (r^1_t - r^2_t))`.

    Attributes:
        beta: Rationality: infinite for always the better one, 0 for a coin.
        gamma: Weight of a step against the following one, in (0, 1]; below 1, the end counts more.
        mistake: Probability of answering the opposite, in [0, 1].
        skip: Return per step [reward/step] that one segment must exceed for the question to be answered;
            None to answer all.
        equal: Difference of return per step [reward/step] below which segments are equal.
        skip_share: The same, as a share of the mean return of the episodes that the teacher watched, per step
            of the longest (:meth:`Teacher.watch`): B-Pref's :math:`\epsilon_{skip}`.  What counts as nothing
            is 0 return, or the worst episode's where that is below 0: with B-Pref's own formula a negative
            mean turns the threshold round.
        equal_share: Likewise, B-Pref's :math:`\epsilon_{equal}`.
        horizon: Steps H of the segments [steps]; None for the longer of the two. Missing steps are worth 0
            where a failure ended the episode, and as much as the known ones otherwise.
    """

    beta: float = math.inf
    gamma: float = 1.0
    mistake: float = 0.0
    skip: float | None = None
    equal: float = 0.0
    skip_share: float = 0.0
    equal_share: float = 0.0
    horizon: int | None = None

    def __post_init__(self) -> None:
        """Validate.

        Raises:
            ValueError: Naming the field, its value and what is allowed.
        """
        if not self.beta >= 0:
            raise ValueError(f"beta={self.beta} must not be negative")
        if not 0 < self.gamma <= 1:
            raise ValueError(f"gamma={self.gamma} must be in (0, 1]")
        if not 0 <= self.mistake <= 1:
            raise ValueError(f"mistake={self.mistake} must be in [0, 1]")
        if not (math.isfinite(self.equal) and self.equal >= 0):
            raise ValueError(f"equal={self.equal} must be finite and not negative")
        for name in ("skip_share", "equal_share"):
            if not 0 <= getattr(self, name) < math.inf:
                raise ValueError(f"{name}={getattr(self, name)} must be finite and not negative")
        if self.horizon is not None and self.horizon < 1:
            raise ValueError(f"horizon={self.horizon} must be at least 1, or None")


#: B-Pref's six teachers, with its parameters.
TEACHERS: dict[str, TeacherConfig] = {
    "oracle": TeacherConfig(),
    "stochastic": TeacherConfig(beta=1.0),
    "mistake": TeacherConfig(mistake=0.1),
    "skip": TeacherConfig(skip_share=0.1),
    "equal": TeacherConfig(equal_share=0.1),
    "myopic": TeacherConfig(gamma=0.9),
}
#: Episodes over which B-Pref averages returns.
_WATCHED = 10


def make_teacher(name: str, *, horizon: int | None = None, seed: int = 0) -> Teacher:
    """Return one of :data:`TEACHERS`.

    Args:
        name: Which.
        horizon: Steps of the segments [steps]; see :class:`TeacherConfig`.
        seed: Seed of its mistakes.

    Raises:
        ValueError: If there is no teacher of that name.
    """
    if name not in TEACHERS:
        raise ValueError(f"teacher={name!r} must be one of {list(TEACHERS)}")
    return Teacher(replace(TEACHERS[name], horizon=horizon), seed=seed, name=name)


class Teacher:
    """Compares segments by their true returns.

    The order is B-Pref's: skip, choose, flip by mistake, and equality overrides.
    """

    def __init__(self, config: TeacherConfig | None = None, *, seed: int = 0, name: str = "teacher") -> None:
        """Create the teacher; the same seed and questions give the same answers."""
        self.config = config or TeacherConfig()
        self.name = name
        self._rng = np.random.default_rng(seed)
        self._watched: deque[float] = deque(maxlen=_WATCHED)  # returns
        self._worst, self._longest = 0.0, 1

    def watch(self, episodes: Iterable[Segment]) -> None:
        """See episodes of the agent, by which the teacher knows what is much for it; only the last ten count.

        Thresholds that are shares follow from them, as B-Pref takes them from the last training episodes.
        It divides returns by the length of an episode, which there is the same for all.  Where some end early
        that is the longest one's: a crash in the third step is a bad episode, not three very bad steps.
        """
        for episode in episodes:
            total = float(episode.rewards.sum())
            self._watched.append(total)
            self._worst = min(self._worst, total)
            self._longest = max(self._longest, len(episode))

    @property
    def usual(self) -> float:
        """Mean return of the episodes watched last, above what counts as nothing, per step [reward/step]."""
        if not self._watched:
            return 0.0
        return (math.fsum(self._watched) / len(self._watched) - self._worst) / self._longest

    def prefer(self, first: Segment, second: Segment) -> Preference | None:
        """Compare two segments; None if the teacher skips the question."""
        choice = self._choose(first, second)
        if choice is None:
            return None
        return Preference(
            first=first.clip,
            second=second.clip,
            choice=choice,
            labeller=self.name,
            created=datetime.now(UTC),
        )

    def _choose(self, first: Segment, second: Segment) -> Choice | None:
        config = self.config
        horizon = config.horizon or max(len(first), len(second))
        returns = [_weighted(segment, 1.0, horizon) for segment in (first, second)]
        least = config.skip
        if config.skip_share:
            floor = self._worst / self._longest
            least = max(floor + config.skip_share * self.usual, -math.inf if least is None else least)
        if least is not None and max(returns) <= least * horizon:
            return None
        # Both draws happen at every question, so that one answer never shifts the stream of the next.
        coin, slip = self._rng.random(2)
        tie = max(config.equal, config.equal_share * self.usual)
        if abs(returns[0] - returns[1]) <= tie * horizon:
            return "equal"
        gap = _weighted(first, config.gamma, horizon) - _weighted(second, config.gamma, horizon)
        if math.isinf(config.beta):
            prefers_first = gap > 0
        else:
            prefers_first = coin < 0.5 * (1.0 + math.tanh(0.5 * config.beta * gap))
        if slip < config.mistake:
            prefers_first = not prefers_first
        return "first" if prefers_first else "second"


class OracleTeacher(Teacher):
    """Always prefers the higher true return; says "equal" to a tie."""

    def __init__(self, *, horizon: int | None = None, name: str = "oracle") -> None:
        """Create the oracle; see :class:`TeacherConfig` for ``horizon``."""
        super().__init__(TeacherConfig(horizon=horizon), name=name)


def _weighted(segment: Segment, gamma: float, horizon: int) -> float:
    """Return the discounted true return over the horizon.

    Steps that are missing because the episode ended count as 0; of a goal that was reached before the
    horizon, or a piece that is just shorter, the known steps stand for the missing ones.
    """
    steps = np.arange(len(segment))
    known = math.fsum(gamma ** (horizon - 1.0 - steps) * segment.rewards)
    return known if segment.failed else known * horizon / len(segment)
