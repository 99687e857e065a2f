"""Every knob of the recommender world, with its unit, default and range."""

from __future__ import annotations

import difflib
import operator
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, SupportsFloat

#: What an observation can hold; see :class:`~mmenvs.recommender.env.RecommenderEnv` for the keys of each.
MODALITIES = ("image", "text", "attributes", "history", "user")

#: Scenarios of the frozen test split, unless ``num_scenarios`` says otherwise.
TEST_SCENARIOS = 200

_INTEGERS: dict[str, tuple[int, int]] = {
    "candidates": (2, 100),
    "items": (2, 1_000_000),
    "history_length": (1, 1_000),
    "catalogue_seed": (0, 2**63 - 1),
    "picture_size": (16, 128),
    "text_size": (1, 1_024),
    "boredom_steps": (1, 1_000),
}
_NUMBERS: dict[str, tuple[float, float]] = {
    "image_weight": (0.0, 10.0),
    "text_weight": (0.0, 10.0),
    "attribute_weight": (0.0, 10.0),
    "shared_weight": (0.0, 10.0),
    "profile_noise": (0.0, 10.0),
    "no_click_score": (-20.0, 20.0),
    "boredom_decay": (0.0, 1.0),
    "boredom_threshold": (0.1, 1_000.0),
    "boredom_penalty": (0.0, 100.0),
    "dwell_limit": (1.0, 86_400.0),
    "dwell_spread": (0.01, 5.0),
    "skip_dwell": (0.01, 86_400.0),
    "skip_slope": (0.0, 100.0),
    "mood_rate": (0.0, 1.0),
    "content_mood": (0.0, 1.0),
    "leave_bias": (-50.0, 50.0),
    "leave_mood_weight": (0.0, 100.0),
    "leave_boredom_weight": (0.0, 100.0),
    "leave_penalty": (0.0, 100.0),
}


@dataclass(frozen=True, kw_only=True)
class RecommenderConfig:
    """Settings of :class:`~mmenvs.recommender.simulator.RecommenderSimulator`, all JSON-serialisable.

    A score is a logit: the utility of an item to a user.  The four ``*_weight`` fields say how much of
    it can be learnt from where, as the standard deviation over items and users [logit].

    Attributes:
        candidates: Items on a page, of which an action recommends one; 2 to 100.
        items: Size of the procedural catalogue, at least ``candidates``.
        history_length: Past recommendations that the agent sees.
        catalogue_seed: Seed of the catalogue; the same seed gives the same items everywhere.
        picture_size: Side of an item's picture [pixel], a multiple of 8 from 16 to 128.
        text_size: Length of an item's text vector.
        modalities: What the agent observes, any of :data:`MODALITIES`; the world is the same whatever
            is observed.
        split: ``"train"`` or ``"test"``; no user of one is in the other.
        num_scenarios: Scenarios in the split; None for unlimited in training and for
            :data:`TEST_SCENARIOS` in testing.
        threads: Threads that advance a batch; None for one per core.
        image_weight: Taste in colour and pattern, which only the picture shows [logit].
        text_weight: Taste in the theme, which only the title tells [logit].
        attribute_weight: Taste in price, popularity and freshness, which only the attributes hold [logit].
        shared_weight: Taste in department, finish and quality, which several modalities tell [logit].
        profile_noise: Standard deviation of what users say of their taste around the truth.
        no_click_score: Score of walking past the recommendation [logit].
        boredom_decay: Factor by which the exposure to a department shrinks each step, in [0, 1].
        boredom_threshold: Exposure [clicks] at which users are fed up with a department.
        boredom_steps: Steps for which they stay so.
        boredom_penalty: What that takes from the score of its items [logit].
        dwell_limit: Time after which an item has been seen in full [s].
        dwell_spread: Standard deviation of the logarithm of dwell time.
        skip_dwell: Mean time before a disappointed user turns away [s].
        skip_slope: How sharply disappointment depends on the score [1/logit].
        mood_rate: Weight of the latest step in the user's mood, in [0, 1].
        content_mood: Mood from which a user counts as content, in [0, 1].
        leave_bias: Log-odds of leaving in a step at mood 0.5, without boredom.
        leave_mood_weight: What a bad mood adds to them, per unit of mood.
        leave_boredom_weight: What each department that bores the user adds to them.
        leave_penalty: Taken from the reward when the user leaves.
    """

    candidates: int = 10
    items: int = 200
    history_length: int = 10
    catalogue_seed: int = 0
    picture_size: int = 32
    text_size: int = 16
    modalities: tuple[str, ...] = MODALITIES
    split: str = "train"
    num_scenarios: int | None = None
    threads: int | None = None
    image_weight: float = 1.0
    text_weight: float = 1.0
    attribute_weight: float = 1.0
    shared_weight: float = 1.0
    profile_noise: float = 0.3
    no_click_score: float = 0.25
    boredom_decay: float = 0.85
    boredom_threshold: float = 3.0
    boredom_steps: int = 12
    boredom_penalty: float = 4.0
    dwell_limit: float = 60.0
    dwell_spread: float = 0.5
    skip_dwell: float = 2.0
    skip_slope: float = 1.5
    mood_rate: float = 0.15
    content_mood: float = 0.4
    leave_bias: float = -6.0
    leave_mood_weight: float = 8.0
    leave_boredom_weight: float = 1.5
    leave_penalty: float = 1.0

    def __post_init__(self) -> None:
        """Check every field.

        Raises:
            ValueError: Naming the field, its value and what is allowed.
        """
        # Plain types, so that a config is JSON and kernels are compiled for one set of types only.
        for name, (least, most) in _INTEGERS.items():
            object.__setattr__(self, name, _integer(name, getattr(self, name), least, most))
        for name, (low, high) in _NUMBERS.items():
            object.__setattr__(self, name, _number(name, getattr(self, name), low, high))
        for name in ("num_scenarios", "threads"):
            if getattr(self, name) is not None:
                object.__setattr__(self, name, _integer(name, getattr(self, name), 1, 2**31, " or None"))
        if self.items < self.candidates:
            raise ValueError(f"items={self.items} must be at least candidates={self.candidates}")
        if self.skip_dwell > self.dwell_limit:
            raise ValueError(f"skip_dwell={self.skip_dwell} must be at most dwell_limit={self.dwell_limit}")
        if self.picture_size % 8:
            raise ValueError(f"picture_size={self.picture_size} must be a multiple of 8")
        if self.split not in ("train", "test"):
            raise ValueError(f"split={self.split!r} must be 'train' or 'test'")
        object.__setattr__(self, "modalities", _checked_modalities(self.modalities))

    @property
    def scenario_count(self) -> int | None:
        """Scenarios that the split offers; None if there is no limit."""
        if self.num_scenarios is None and self.split == "test":
            return TEST_SCENARIOS
        return self.num_scenarios

    @classmethod
    def from_keywords(cls, settings: Mapping[str, Any]) -> RecommenderConfig:
        """Make a config of keyword arguments.

        Raises:
            TypeError: If a keyword is unknown, naming it and its closest matches.
            ValueError: If a value is not allowed.
        """
        known = [field.name for field in fields(cls)]
        for name in settings:
            if name not in known:
                close = difflib.get_close_matches(name, known) or sorted(known)
                raise TypeError(
                    f"unknown setting {name}={settings[name]!r}; close matches: {', '.join(close)}"
                )
        return cls(**settings)

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as plain JSON types; ``from_keywords`` takes them back."""
        return asdict(self) | {"modalities": list(self.modalities)}


def _integer(name: str, value: Any, least: int, most: int, also: str = "") -> int:
    whole = hasattr(value, "__index__") and not isinstance(value, bool)
    if not whole or not least <= operator.index(value) <= most:
        raise ValueError(f"{name}={value!r} must be an integer from {least} to {most}{also}")
    return operator.index(value)


def _number(name: str, value: Any, low: float, high: float) -> float:
    real = isinstance(value, SupportsFloat) and not isinstance(value, bool)
    if not real or not low <= float(value) <= high:  # NaN compares false
        raise ValueError(f"{name}={value!r} must be a number from {low:g} to {high:g}")
    return float(value)


def _checked_modalities(given: object) -> tuple[str, ...]:
    chosen = tuple(given) if isinstance(given, tuple | list) else ()
    if not chosen or len(set(chosen)) < len(chosen) or not set(chosen) <= set(MODALITIES):
        raise ValueError(f"modalities={given!r} must be one or more different names out of {MODALITIES}")
    return chosen
