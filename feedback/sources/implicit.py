r"""What people give away while they are recommended something, as labels and as reward.

:class:`ImplicitSource` reads in ``info`` after each step what was shown and what was done with it:

=============================  ======================================================================
key                            what it says
=============================  ======================================================================
``slate``                      numbers of the items shown, from the top, -1 for an empty place
``clicked``                    whether anything was clicked; or that of each place
``clicks``                     how many were clicked; without it, one at most
``item``                       the first item clicked
``dwell``                      seconds spent with what was clicked, in all; or with that of each place
``propensity``                 chance that each place is looked at; without it, that of the config
=============================  ======================================================================

as ``mmenvs/Recommender-v0`` and its kin tell it; where there is no slate there are no places.  What is not
known gives no label: of several clicks such an ``info`` names the first, so nothing is said about the places
below it.

Clicks are biased by where things are shown.  By the examination hypothesis (Richardson et al., 2007) a click
is the product of a look and of relevance, so that a click at a place that is looked at with probability
:math:`p` counts :math:`1 / p` times (Joachims, Swaminathan and Schnabel, WSDM 2017, arXiv:1608.04468), at
most ``clip`` times, because a rare click at a place that nobody sees would outweigh all others.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from feedback.labels import Clip, Evaluation, Implicit
from feedback.sources.base import ImplicitFeedbackSource, Moment


@dataclass(frozen=True)
class ImplicitConfig:
    r"""What each trace is worth.

    Attributes:
        click: Worth of a click.
        dwell: Worth of a dwell of ``dwell_limit``; a shorter one of :math:`t` seconds is worth the share
            :math:`\ln(1 + t) / \ln(1 + \mathrm{limit})` of it.  The second second says more than the
            hundredth.
        skip: Worth of passing by what was surely seen: what stood above a click, or the first place when
            nothing was clicked.
        leave: Worth of leaving for good.
        dwell_limit: Dwell that counts in full [s]; positive.
        clip: Most that a click or a dwell is multiplied with for standing where few look; at least 1.
        propensities: Chance that each place is looked at, from the top, each in (0, 1]; None where it is not
            known, and nothing is corrected.  For a position-based user these are ``decay ** k``.
    """

    click: float = 1.0
    dwell: float = 0.5
    skip: float = -0.1
    leave: float = -1.0
    dwell_limit: float = 60.0
    clip: float = 10.0
    propensities: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        """Validate.

        Raises:
            ValueError: Naming the field, its value and what is allowed.
        """
        for name in ("click", "dwell", "skip", "leave"):
            if not math.isfinite(getattr(self, name)):
                raise ValueError(f"{name}={getattr(self, name)} must be finite")
        if not 0 < self.dwell_limit < math.inf:
            raise ValueError(f"dwell_limit={self.dwell_limit} must be positive and finite [s]")
        if not 1 <= self.clip < math.inf:
            raise ValueError(f"clip={self.clip} must be at least 1 and finite")
        if self.propensities is not None:
            object.__setattr__(self, "propensities", tuple(self.propensities))
            if not self.propensities or not all(0 < p <= 1 for p in self.propensities):
                raise ValueError(f"propensities={self.propensities} must hold numbers in (0, 1], or be None")


class ImplicitSource:
    """Turns the traces of each step into :class:`feedback.labels.Implicit` labels and one evaluation.

    ``HumanFeedback(env, ImplicitSource(), store=store)`` keeps both, and ``RecordedSource(store)`` replays
    both.  ``ImplicitSource(config, traces=RecordedSource(store))`` replays the traces alone, at other worths.
    """

    def __init__(
        self,
        config: ImplicitConfig | None = None,
        *,
        traces: ImplicitFeedbackSource | None = None,
        name: str = "user",
    ) -> None:
        """Create the source.

        Args:
            config: What each trace is worth.
            traces: Who tells the traces; None to read them in ``info``.
            name: Who labels say it was.
        """
        self.config = config or ImplicitConfig()
        self.name = name
        self._traces = traces

    def evaluations(self, moment: Moment) -> list[Evaluation]:
        """Return what the traces of the step are worth; nothing if they are worth nothing."""
        value = self.worth(self.implicit(moment))
        return [Evaluation(clip=moment.clip, value=value, labeller=self.name)] if value else []

    def implicit(self, moment: Moment) -> list[Implicit]:
        """Return the traces of the step: from the top a click or none, a skip and a dwell; leaving is last.

        Raises:
            ValueError: If ``info`` contradicts itself, or has more places than ``propensities``.
        """
        if self._traces is not None:
            return self._traces.implicit(moment)
        labels: list[Implicit] = []
        for place in _places(moment.info, self.config):
            labels += self._labels(moment.clip, place)
        if moment.terminated:
            labels.append(Implicit(clip=moment.clip, signal="leave", labeller=self.name))
        return labels

    def worth(self, labels: Sequence[Implicit]) -> float:
        """Return the sum of what traces are worth by the config."""
        return math.fsum(self._worth(label) for label in labels)

    def _worth(self, label: Implicit) -> float:
        config = self.config
        often = min(1.0 / label.propensity, config.clip) if label.propensity is not None else 1.0
        if label.signal == "click":
            return config.click * label.value * often
        if label.signal == "dwell":
            share = math.log1p(label.value) / math.log1p(config.dwell_limit)
            return config.dwell * min(share, 1.0) * often
        # A skip is told of what was seen: there is no look to correct for.
        return {"skip": config.skip, "leave": config.leave}.get(label.signal, 0.0) * label.value

    def _labels(self, clip: Clip, place: _Place) -> list[Implicit]:
        about: dict[str, Any] = {
            "clip": clip,
            "position": place.position,
            "item": place.item,
            "propensity": place.propensity,
            "labeller": self.name,
        }
        labels = [Implicit(signal="click", value=float(place.clicked), **about)]
        if place.passed_by:
            labels.append(Implicit(signal="skip", **about))
        if place.dwell > 0:
            labels.append(Implicit(signal="dwell", value=place.dwell, **about))
        return labels


class _Place(NamedTuple):
    """What is known of one place; dwell in seconds."""

    position: int | None
    item: int | None
    propensity: float | None
    clicked: bool
    passed_by: bool
    dwell: float


def _places(info: Mapping[str, Any], config: ImplicitConfig) -> list[_Place]:
    """Return what an info tells of each place of which it tells anything."""
    if "clicked" not in info:
        return []
    if "slate" not in info:
        clicked, dwell = bool(np.any(info["clicked"])), float(np.sum(info.get("dwell", 0.0)))
        return [_Place(None, None, None, clicked, not clicked, dwell)]
    slate = [int(item) for item in np.asarray(info["slate"]).reshape(-1)]
    clicks = _clicks(info, slate)
    chances = _propensities(info, config, len(slate))
    dwells = _dwells(info, clicks)
    last = max((k for k, known in enumerate(clicks) if known), default=None)
    top = next((k for k, item in enumerate(slate) if item >= 0), None)
    places = []
    for k, known in enumerate(clicks):
        if known is None or slate[k] < 0:
            continue
        passed_by = not known and (k == top if last is None else k < last)
        places.append(_Place(k, slate[k], chances[k], known, passed_by, dwells[k]))
    return places


def _clicks(info: Mapping[str, Any], slate: list[int]) -> list[bool | None]:
    """Return whether each place was clicked; None where that is not known."""
    if np.ndim(info["clicked"]) == 1:
        told = [bool(clicked) for clicked in info["clicked"]]
        if len(told) != len(slate):
            raise ValueError(f"info['clicked'] has {len(told)} places, but info['slate'] has {len(slate)}")
        return list(told)
    if not info["clicked"]:
        return [False] * len(slate)
    item = int(info.get("item", slate[0]))
    if item not in slate:
        raise ValueError(f"info['item']={item} was clicked, but is not in info['slate']={slate}")
    first, only = slate.index(item), int(info.get("clicks", 1)) <= 1
    below = len(slate) - first - 1
    return [*[False] * first, True, *([False] if only else [None]) * below]


def _dwells(info: Mapping[str, Any], clicks: list[bool | None]) -> list[float]:
    """Return the seconds spent with each place; those of several clicks cannot be told apart."""
    told = info.get("dwell", 0.0)
    if np.ndim(told) == 1:
        return [float(seconds) for seconds in told]
    alone = None not in clicks and sum(map(bool, clicks)) == 1
    return [float(told) if clicked and alone else 0.0 for clicked in clicks]


def _propensities(info: Mapping[str, Any], config: ImplicitConfig, count: int) -> list[float | None]:
    if "propensity" in info:
        return [float(chance) for chance in np.broadcast_to(info["propensity"], count)]
    if config.propensities is None:
        return [None] * count
    if len(config.propensities) < count:
        raise ValueError(f"propensities={config.propensities} are fewer than the {count} places of the slate")
    return list(config.propensities[:count])
