"""What a user likes: a vector of tastes that weighs the traits of items, and how a population spreads."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mmenvs.core.kernels import inner_function
from mmenvs.core.knobs import check_knobs, knob, option
from mmenvs.core.random import integer_below, normal, uniform

NORMAL, UNIFORM, TOPICS, TABLE = range(4)

#: What of a profile comes before the tastes.
PROFILE_HEAD = ("known", "season_cos", "season_sin")


class PopulationLaw(NamedTuple):
    """A population as kernels see it; :class:`Population` explains each number."""

    kind: int
    spread: float
    profile_noise: float
    span: float
    live: bool
    cold: float
    season: float
    period: float
    fewest: int
    most: int
    size: int


@dataclass(frozen=True, kw_only=True)
class Population:
    """Who comes: types of users, how much they differ, what they say of themselves, and seasons.

    Attributes:
        shape: ``"normal"`` tastes around the mean of their type; ``"uniform"`` in [-1, 1] (RecSim); or
            ``"topics"``: uniform in [0, 1] on ``fewest`` to ``most`` topics, zero elsewhere, unit length
            (SARDINE).
        types: Types of users, as likely as each other; normal tastes only.
        between: Standard deviation of the types' mean tastes around the population's.
        spread: Standard deviation of tastes within a type.
        profile_noise: Standard deviation of what users say of their tastes around the truth.
        live: Whether the profile follows the tastes as they drift, instead of telling those at sign-up.
        cold: Share of users who say nothing of themselves.
        season: Strength of the season: standard deviation over the year and items that have one [logit].
        period: Length of the year [day].
        fewest: Least number of topics of a user.
        most: Greatest number of topics of a user.
    """

    shape: str = option("normal", "uniform", "topics")
    types: int = knob(1, 1, 10_000)
    between: float = knob(0.8, 0.0, 100.0)
    spread: float = knob(1.0, 0.0, 100.0)
    profile_noise: float = knob(0.3, 0.0, 10.0)
    live: bool = False
    cold: float = knob(0.0, 0.0, 1.0)
    season: float = knob(0.0, 0.0, 10.0)
    period: float = knob(365.0, 1.0, 100_000.0)
    fewest: int = knob(3, 1, 1_000)
    most: int = knob(5, 1, 1_000)

    def __post_init__(self) -> None:
        """Check every field."""
        check_knobs(self)
        if self.most < self.fewest:
            raise ValueError(f"most={self.most} must be at least fewest={self.fewest}")

    def law(self, size: int, span: float | None = None) -> PopulationLaw:
        """Return the law as kernels see it.

        Args:
            size: Personal tastes, those that are not the season's.
            span: Taste that a profile's 1 stands for; by default three standard deviations, or the largest.

        Raises:
            ValueError: If users like more topics than there are tastes.
        """
        if self.shape == "topics" and span is None and self.fewest > size:
            raise ValueError(f"fewest={self.fewest} must be at most the {size} traits of the catalogue")
        kind = ("normal", "uniform", "topics").index(self.shape)
        widest = 3.0 * max(math.hypot(self.spread, self.between if self.types > 1 else 0.0), 0.01)
        return PopulationLaw(
            kind=TABLE if span is not None else kind,
            spread=self.spread,
            profile_noise=self.profile_noise,
            span=span if span is not None else (1.0 if kind else widest),
            live=self.live,
            cold=self.cold,
            season=self.season * math.sqrt(2.0),
            period=self.period,
            fewest=self.fewest,
            most=min(self.most, size),
            size=size,
        )

    def type_means(self, mean: NDArray[np.float64], seed: int) -> NDArray[np.float64]:
        """Return the mean tastes of each type, shape (types, traits), around the population's ``mean``."""
        if self.types == 1:
            return mean[None].copy()
        rng = np.random.default_rng(np.random.SeedSequence([seed, 0x7E57]))
        return np.asarray(mean + self.between * rng.standard_normal((self.types, mean.size)), np.float64)


@inner_function
def utility(taste: NDArray[np.float64], world: int, traits: NDArray[np.float64], item: int) -> float:
    """Return the score of an item to a user before boredom [logit].

    Args:
        taste: Tastes, shape (worlds, traits).
        world: The user's row.
        traits: Weighted traits of the catalogue [logit], shape (items, traits).
        item: The item's row.
    """
    total = 0.0
    for f in range(taste.shape[1]):
        total += taste[world, f] * traits[item, f]
    return total


@inner_function
def draw_taste(
    law: PopulationLaw,
    taste: NDArray[np.float64],
    streams: NDArray[np.uint64],
    world: int,
    table: NDArray[np.float64],
    parity: int,
) -> int:
    """Draw a user of the population.

    Args:
        law: The population.
        taste: Written, shape (worlds, traits); those of the season are left alone.
        streams: Random streams, shape (worlds,).
        world: The user's row.
        table: Means of the types, or the users themselves, shape (rows, size).
        parity: Which half of a table of users to draw from, 0 or 1.

    Returns:
        The row of the table: the user's type.
    """
    if law.kind == TABLE:
        half = (table.shape[0] + 1 - parity) // 2
        row = 2 * integer_below(streams, world, half) + parity if half > 0 else 0
        for f in range(law.size):
            taste[world, f] = table[row, f]
        return row
    row = integer_below(streams, world, table.shape[0])
    if law.kind == NORMAL:
        for f in range(law.size):
            taste[world, f] = table[row, f] + law.spread * normal(streams, world)
    elif law.kind == UNIFORM:
        for f in range(law.size):
            taste[world, f] = 2.0 * uniform(streams, world) - 1.0
    else:
        _draw_topics(law, taste, streams, world)
    return row


@inner_function
def _draw_topics(
    law: PopulationLaw, taste: NDArray[np.float64], streams: NDArray[np.uint64], world: int
) -> None:
    chance = 0.5 * (law.fewest + law.most) / law.size
    liked = -1
    while liked < law.fewest or liked > law.most:
        liked = 0
        for f in range(law.size):
            taste[world, f] = 1.0 if uniform(streams, world) < chance else 0.0
            liked += int(taste[world, f])
    length = 0.0
    for f in range(law.size):
        taste[world, f] *= uniform(streams, world)
        length += taste[world, f] * taste[world, f]
    length = math.sqrt(length)
    for f in range(law.size):
        taste[world, f] /= max(length, 1e-12)


@inner_function
def set_season(law: PopulationLaw, taste: NDArray[np.float64], world: int, day: float) -> None:
    """Write the tastes of the season, the last two, if the population has any."""
    if taste.shape[1] > law.size:
        angle = 2.0 * math.pi * day / law.period
        taste[world, law.size] = law.season * math.cos(angle)
        taste[world, law.size + 1] = law.season * math.sin(angle)


@inner_function
def draw_profile(
    law: PopulationLaw,
    profile: NDArray[np.float32],
    taste: NDArray[np.float64],
    streams: NDArray[np.uint64],
    world: int,
    day: float,
) -> None:
    """Write what the user says of their taste at sign-up: the truth plus noise, scaled into [-1, 1].

    Args:
        law: The population.
        profile: Written, shape (worlds, 3 + size): see :data:`PROFILE_HEAD`, then the tastes.
        taste: True tastes, shape (worlds, traits).
        streams: Random streams, shape (worlds,).
        world: The user's row.
        day: Day of the year.
    """
    known = uniform(streams, world) >= law.cold
    profile[world, 0] = 1.0 if known else 0.0
    set_date(law, profile, world, day)
    for f in range(law.size):
        said = (taste[world, f] + law.profile_noise * normal(streams, world)) / law.span
        profile[world, 3 + f] = min(max(said, -1.0), 1.0) if known else 0.0


@inner_function
def set_date(law: PopulationLaw, profile: NDArray[np.float32], world: int, day: float) -> None:
    """Write the time of year into a profile."""
    angle = 2.0 * math.pi * day / law.period
    profile[world, 1] = math.cos(angle)
    profile[world, 2] = math.sin(angle)


@inner_function
def follow_taste(
    law: PopulationLaw, profile: NDArray[np.float32], taste: NDArray[np.float64], world: int
) -> None:
    """Let a live profile tell the tastes as they are now."""
    if law.live and profile[world, 0] > 0.0:
        for f in range(law.size):
            profile[world, 3 + f] = min(max(taste[world, f] / law.span, -1.0), 1.0)
