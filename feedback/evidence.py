"""What labels say about a reward: one small dataclass for each kind of judgement, with the behaviour in it.

A label refers to clips by their hashes; evidence holds the segments themselves.  All evidence speaks of one
reward :math:`r` through its segments' scores or steps, and :mod:`feedback.likelihood` says how likely each
judgement is under it.

==================  ================================================  ==============================
evidence            from labels                                       likelihood
==================  ================================================  ==============================
Comparison          Preference; Demonstration against other clips     Bradley and Terry
Order               Ranking                                           Plackett and Luce
Stars               Rating                                            ordinal logit
Judged              Evaluation, Implicit                              normal
Instead             Intervention, Correction                          Bradley and Terry, step by step
==================  ================================================  ==============================

:func:`evidence_of` reads a store, and says which labels it had to leave out, and why.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from feedback.clips import ClipFolder, Segment
from feedback.labels import (
    Clip,
    Correction,
    Demonstration,
    Evaluation,
    Implicit,
    Intervention,
    Label,
    Preference,
    Ranking,
    Rating,
)
from feedback.store import LabelStore


@dataclass(frozen=True)
class Comparison:
    """One of two segments is better, or they are equal.

    Attributes:
        first: One.
        second: The other.
        target: Soft target for (first, second): (1, 0), (0, 1) or (½, ½).
        labeller: Who said so.
    """

    first: Segment
    second: Segment
    target: tuple[float, float]
    labeller: str = ""

    @property
    def segments(self) -> tuple[Segment, ...]:
        """The segments that it speaks of."""
        return self.first, self.second

    @property
    def pairs(self) -> tuple[tuple[Segment, Segment], ...]:
        """Pairs of segments of which the first is better; none where they are equal."""
        if self.target[0] == self.target[1]:
            return ()
        better = self.target[0] > self.target[1]
        return ((self.first, self.second) if better else (self.second, self.first),)


@dataclass(frozen=True)
class Order:
    """Several segments in order.

    Attributes:
        segments: The best first, at least two.
        labeller: Who said so.
    """

    segments: tuple[Segment, ...]
    labeller: str = ""

    @property
    def pairs(self) -> tuple[tuple[Segment, Segment], ...]:
        """Every better one with every worse one."""
        return tuple(combinations(self.segments, 2))


class _Single:
    """What is said of one segment by itself."""

    segment: Segment

    @property
    def segments(self) -> tuple[Segment, ...]:
        """The segment."""
        return (self.segment,)

    @property
    def pairs(self) -> tuple[tuple[Segment, Segment], ...]:
        """None: what is said of one does not compare."""
        return ()


@dataclass(frozen=True)
class Stars(_Single):
    """A segment got some of a number of stars.

    Attributes:
        segment: What was rated.
        value: From 1 to ``best``.
        best: The most that can be given.
        labeller: Who gave them.
    """

    segment: Segment
    value: int
    best: int = 5
    labeller: str = ""


@dataclass(frozen=True)
class Judged(_Single):
    """A number was said about one of the last steps of a segment.

    Attributes:
        segment: The steps that may have been meant.
        value: What was said.
        weights: Probability of each step that it was the one that was meant, shape (steps,), sum 1; None for
            the last step.
        labeller: Who said it; signals of different kinds are different voices, each on its own scale.
        weight: How much it counts, as one over the propensity of what was only seen by chance.
    """

    segment: Segment
    value: float
    weights: tuple[float, ...] | None = None
    labeller: str = ""
    weight: float = 1.0

    def __post_init__(self) -> None:
        """Validate.

        Raises:
            ValueError: Naming the field, its value and what is allowed.
        """
        if self.weights is not None:
            good = len(self.weights) == len(self.segment) and min(self.weights) >= 0
            if not good or not math.isclose(sum(self.weights), 1.0, abs_tol=1e-6):
                raise ValueError(
                    f"weights={self.weights} must be one probability for each of {len(self.segment)} steps"
                )
        if not (math.isfinite(self.weight) and self.weight > 0):
            raise ValueError(f"weight={self.weight} must be finite and positive")


@dataclass(frozen=True)
class Instead:
    """In each step of a segment one action would have been, or was, better than another.

    Attributes:
        better: The segment with the better actions.
        worse: The same observations with the others.
        labeller: Who said so.
    """

    better: Segment
    worse: Segment
    labeller: str = ""

    @property
    def segments(self) -> tuple[Segment, ...]:
        """The segment with either actions."""
        return self.better, self.worse

    @property
    def pairs(self) -> tuple[tuple[Segment, Segment], ...]:
        """None: it compares steps."""
        return ()


Evidence = Comparison | Order | Stars | Judged | Instead


@dataclass(frozen=True)
class EvidenceConfig:
    """How labels become evidence.

    Attributes:
        horizon: Most steps of a segment that is scored as a whole [steps].
        delay: Least and most steps between what is judged with a key and the key [steps]; uniform between
            (Warnell et al. 2018, arXiv:1709.10163).
        trust: How much a trace such as a click counts against a judgement that was asked for, in (0, 1].
            Traces are many, and all are biased in the same way.
        most: Largest factor by which implicit feedback counts more for being seldom seen; caps one over the
            propensity.
        actions: Whether takeovers and corrections count, which compare actions at the same observation.
        opponents: Other clips that each demonstration is preferred to.
        seed: Seed of the choice of those.
    """

    horizon: int = 16
    delay: tuple[int, int] = (0, 4)
    trust: float = 0.1
    most: float = 10.0
    actions: bool = True
    opponents: int = 4
    seed: int = 0

    def __post_init__(self) -> None:
        """Validate.

        Raises:
            ValueError: Naming the field, its value and what is allowed.
        """
        if self.horizon < 1:
            raise ValueError(f"horizon={self.horizon} must be at least 1 [steps]")
        if not 0 <= self.delay[0] <= self.delay[1]:
            raise ValueError(f"delay={self.delay} must be a least and a most number of steps, not negative")
        if not 0 < self.trust <= 1:
            raise ValueError(f"trust={self.trust} must be in (0, 1]")
        if not self.most >= 1:
            raise ValueError(f"most={self.most} must be at least 1")
        if self.opponents < 1:
            raise ValueError(f"opponents={self.opponents} must be at least 1")


@dataclass(frozen=True)
class Gathered:
    """The evidence of a store.

    Attributes:
        evidence: In the order of the labels.
        left_out: Why labels say nothing here, each reason with the number of labels.
    """

    evidence: tuple[Evidence, ...]
    left_out: dict[str, int] = field(default_factory=dict)


def evidence_of(
    store: LabelStore,
    clips: ClipFolder,
    env_id: str,
    config: EvidenceConfig | None = None,
    *,
    space: spaces.Dict | None = None,
) -> Gathered:
    """Read what the labels of a store say about one environment.

    Args:
        store: The labels; those that were taken back do not count.
        clips: The behaviour that they speak of.
        env_id: Labels on another environment, or another version of it, are left out.
        config: How they are read.
        space: Observation space of one world; labels on other observations are left out.
    """
    reader = _Reader(clips, env_id, config or EvidenceConfig(), space)
    for row in store.rows():
        reader.read(row.label)
    return reader.gathered()


class _LeftOut(Exception):
    """Says why a label says nothing here."""


class _Reader:
    def __init__(
        self, clips: ClipFolder, env_id: str, config: EvidenceConfig, space: spaces.Dict | None
    ) -> None:
        self._clips, self._env_id, self._config, self._space = clips, env_id, config, space
        self._segments: dict[str, Segment] = {}
        self._evidence: list[Evidence] = []
        self._shown: list[tuple[Segment, str]] = []
        self._reasons: Counter[str] = Counter()

    def read(self, label: Label) -> None:
        try:
            self._evidence += self._turn(label)
        except _LeftOut as reason:
            self._reasons[str(reason)] += 1

    def gathered(self) -> Gathered:
        for segment, labeller in self._shown:
            others = {s.digest: s for e in self._evidence for s in e.segments if s.digest != segment.digest}
            rng = np.random.default_rng((self._config.seed, int(segment.digest[:15], 16)))
            pieces = list(others.values())
            if not pieces:
                self._reasons["demonstrations need other labelled clips to be better than"] += 1
                continue
            for index in rng.choice(len(pieces), min(self._config.opponents, len(pieces)), replace=False):
                opponent = pieces[int(index)]
                piece = _cut(segment, self._config.horizon, rng)
                self._evidence.append(Comparison(piece, opponent, (1.0, 0.0), labeller))
        return Gathered(tuple(self._evidence), dict(self._reasons))

    def _turn(self, label: Label) -> Sequence[Evidence]:
        who = label.labeller
        if isinstance(label, Preference):
            if label.target is None:
                raise _LeftOut("pairs called incomparable")
            return [Comparison(self._scored(label.first), self._scored(label.second), label.target, who)]
        if isinstance(label, Ranking):
            return [Order(tuple(self._scored(clip) for clip in label.order), who)]
        if isinstance(label, Rating):
            return [Stars(self._scored(label.clip), label.value, label.best, who)]
        if isinstance(label, Evaluation):
            return [self._window(label)]
        if isinstance(label, Implicit):
            return [self._trace(label)]
        if isinstance(label, Intervention | Correction) and not self._config.actions:
            raise _LeftOut("takeovers and corrections, which take a reward of reward.sees='before'")
        if isinstance(label, Intervention):
            done = self._segment(label.clip)
            return [_instead(done, label.person_actions, label.agent_actions, who)]
        if isinstance(label, Correction):
            done = self._segment(label.clip)
            return [_instead(done, label.actions, done.actions, who)]
        if isinstance(label, Demonstration):
            if label.success is False:
                raise _LeftOut("demonstrations that failed")
            self._shown.append((self._segment(label.clip), who))
            return []
        raise _LeftOut(f"labels of kind {label.kind!r}, which say nothing about a reward")

    def _window(self, label: Evaluation) -> Judged:
        """Return the steps that a key may have been about; the clip may hold the steps before it as well."""
        segment = self._segment(label.clip)
        least, most = self._config.delay
        last = len(segment) - 1
        meant = np.arange(max(last - most, 0), max(last - least, 0) + 1)
        piece = segment.cut(int(meant[0]), int(meant[-1]) + 1)
        return Judged(piece, label.value, (1.0 / len(meant),) * len(meant), label.labeller)

    def _trace(self, label: Implicit) -> Judged:
        """Return what a click or a dwell says; dwelling counts by its logarithm, as it spreads that way."""
        value = math.log1p(label.value) if label.signal == "dwell" else label.value
        if label.signal in ("skip", "leave"):
            value = -value
        weight = min(1.0 / label.propensity, self._config.most) if label.propensity and value else 1.0
        voice = f"{label.labeller}/{label.signal}"
        return Judged(self._segment(label.clip), value, None, voice, self._config.trust * weight)

    def _scored(self, clip: Clip) -> Segment:
        segment = self._segment(clip)
        if len(segment) > self._config.horizon:
            raise _LeftOut(
                f"clips of {len(segment)} steps, more than horizon={self._config.horizon} allows for"
            )
        return segment

    def _segment(self, clip: Clip) -> Segment:
        if clip.env_id != self._env_id:
            raise _LeftOut(f"labels on {clip.env_id}, which is not {self._env_id}")
        if clip.digest not in self._segments:
            try:
                segment = self._clips.get(clip)
            except FileNotFoundError:
                raise _LeftOut(f"clips that are not in {self._clips.folder}") from None
            except ValueError as error:
                raise _LeftOut(str(error)) from error
            if self._space is not None and (wrong := _misfit(segment, self._space)):
                raise _LeftOut(f"clips of another observation space: {wrong}")
            self._segments[clip.digest] = segment
        return self._segments[clip.digest]


def _misfit(segment: Segment, space: spaces.Dict) -> str:
    """Return how a segment's observations differ from a space, or an empty text."""
    theirs = {key: (value.shape[1:], value.dtype) for key, value in segment.observations.items()}
    for key, leaf in space.items():
        if key not in theirs:
            return f"they lack {key!r}"
        if theirs[key] != (leaf.shape, leaf.dtype):
            return f"{key!r} is {theirs[key][1]} of shape {theirs[key][0]}, not {leaf.dtype} of {leaf.shape}"
    return ""


def _instead(done: Segment, better: Any, worse: Any, labeller: str) -> Instead:
    """Return evidence from the steps in which two courses of action differ."""
    good, bad = (np.asarray(actions, done.actions.dtype) for actions in (better, worse))
    if good.shape != done.actions.shape or bad.shape != done.actions.shape:
        raise _LeftOut(f"actions of shape {good.shape[1:]} or {bad.shape[1:]}, not {done.actions.shape[1:]}")
    differ = np.flatnonzero((good != bad).reshape(len(done), -1).any(1))
    if not len(differ):
        raise _LeftOut("takeovers in which the person did as the agent would have done")
    return Instead(_with_actions(done, good, differ), _with_actions(done, bad, differ), labeller)


def _with_actions(segment: Segment, actions: NDArray[Any], steps: NDArray[np.int64]) -> Segment:
    """Return some steps of a segment with other actions."""
    return replace(
        segment,
        observations={key: value[steps] for key, value in segment.observations.items()},
        actions=actions[steps],
        rewards=np.zeros(len(steps)),
        terminated=False,
        success=False,
        last=None,
    )


def _cut(segment: Segment, horizon: int, rng: np.random.Generator) -> Segment:
    """Return a piece of a segment of at most ``horizon`` steps."""
    start = int(rng.integers(max(len(segment) - horizon, 0) + 1))
    return segment.cut(start, min(start + horizon, len(segment)))
