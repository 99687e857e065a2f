"""A user model: one law for each thing that users do, put together like bricks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, NamedTuple, cast

from mmenvs.core.knobs import check_knobs, check_known, knob
from mmenvs.recommender.users.boredom import NO_BOREDOM, Boredom, BoredomLaw, FadingBoredom, WindowBoredom
from mmenvs.recommender.users.budget import NO_BUDGET, Budget, BudgetLaw
from mmenvs.recommender.users.choice import (
    Cascade,
    Choice,
    ChoiceLaw,
    MultinomialLogit,
    PositionBased,
    Proportional,
)
from mmenvs.recommender.users.drift import (
    NO_DRIFT,
    Attraction,
    Drift,
    DriftLaw,
    RandomWalk,
    Reinforcement,
)
from mmenvs.recommender.users.dwell import Dwell, DwellLaw, DwellMixture, Engagement, FixedLength
from mmenvs.recommender.users.leaving import (
    NO_LEAVING,
    NO_RETURNING,
    Leaving,
    LeavingLaw,
    Returning,
    ReturningLaw,
)
from mmenvs.recommender.users.mood import Mood, MoodLaw, MovingAverage, NetExposure
from mmenvs.recommender.users.organic import NO_ORGANIC, Organic, OrganicLaw
from mmenvs.recommender.users.rating import NO_RATING, Rating, RatingLaw
from mmenvs.recommender.users.taste import Population, PopulationLaw

#: The laws that each part of a user model may follow; the first is what a partial dict is read as.
LAWS: dict[str, tuple[type, ...]] = {
    "population": (Population,),
    "choice": (MultinomialLogit, Proportional, Cascade, PositionBased),
    "dwell": (DwellMixture, FixedLength, Engagement),
    "mood": (MovingAverage, NetExposure),
    "boredom": (FadingBoredom, WindowBoredom),
    "drift": (Attraction, Reinforcement, RandomWalk),
    "rating": (Rating,),
    "leaving": (Leaving,),
    "returning": (Returning,),
    "budget": (Budget,),
    "organic": (Organic,),
}
#: Parts that a user model can do without.
OPTIONAL = ("boredom", "drift", "rating", "leaving", "returning", "budget", "organic")


class Users(NamedTuple):
    """A user model as kernels see it."""

    population: PopulationLaw
    choice: ChoiceLaw
    dwell: DwellLaw
    mood: MoodLaw
    boredom: BoredomLaw
    drift: DriftLaw
    rating: RatingLaw
    leaving: LeavingLaw
    returning: ReturningLaw
    budget: BudgetLaw
    organic: OrganicLaw
    gullibility: float


@dataclass(frozen=True, kw_only=True)
class UserModel:
    """What users are like and what they do: choice x dwell x mood x boredom x drift x rating x leaving ...

    Each part is one small frozen dataclass with its formula and source, and None switches the optional
    ones off::

        UserModel(choice=PositionBased(decay=0.8), boredom=None, rating=Rating(noise=0.9))

    Attributes:
        population: Who comes.
        choice: Which items of a slate are clicked.
        dwell: How long they are looked at.
        mood: How content that leaves the user.
        boredom: When more of the same bores; None for never.
        drift: How what is shown changes tastes; None for not at all.
        rating: Who gives stars to what; None for nobody.
        leaving: When a session ends; None for never.
        returning: Whether and when the next session begins; None for one session an episode.
        budget: Time to be spent; None for no limit.
        organic: What users look at by themselves; None for nothing.
        gullibility: What a bait of 1 adds to an item's score until it is clicked [logit].
    """

    population: Population = field(default_factory=Population)
    choice: Choice = field(default_factory=MultinomialLogit)
    dwell: Dwell = field(default_factory=DwellMixture)
    mood: Mood = field(default_factory=MovingAverage)
    boredom: Boredom | None = field(default_factory=FadingBoredom)
    drift: Drift | None = None
    rating: Rating | None = field(default_factory=Rating)
    leaving: Leaving | None = field(default_factory=Leaving)
    returning: Returning | None = None
    budget: Budget | None = None
    organic: Organic | None = None
    gullibility: float = knob(2.0, 0.0, 50.0)

    def __post_init__(self) -> None:
        """Check that each part is one of its laws.

        Raises:
            ValueError: Naming the part, its value and what is allowed.
        """
        check_knobs(self)
        for part, laws in LAWS.items():
            value = getattr(self, part)
            if value is None and part in OPTIONAL:
                continue
            if not isinstance(value, laws):
                names = ", ".join(law.__name__ for law in laws)
                also = " or None" if part in OPTIONAL else ""
                raise ValueError(f"users.{part}={value!r} must be one of {names}{also}")

    def updated(self, changes: Mapping[str, Any]) -> UserModel:
        """Return a model with some parts changed.

        Args:
            changes: By part a law, None, or a mapping of the fields that change, in which ``"law"`` names
                another law: ``{"boredom": {"threshold": 4}, "choice": {"law": "Cascade", "onward": 0.5}}``.

        Raises:
            TypeError: If a part, law or field is unknown.
            ValueError: If a value is not allowed.
        """
        check_known("part of users", changes, [item.name for item in fields(self)])
        parts = {name: self._part(name, value) for name, value in changes.items()}
        return replace(self, **parts)

    def to_dict(self) -> dict[str, Any]:
        """Return the model as plain JSON types; ``UserModel().updated`` takes them back."""
        result: dict[str, Any] = {"gullibility": self.gullibility}
        for part in LAWS:
            law = getattr(self, part)
            result[part] = None if law is None else {"law": type(law).__name__, **asdict(law)}
        return result

    def users(self, size: int, span: float | None = None) -> Users:
        """Return the model as kernels see it, for ``size`` personal tastes; see :meth:`Population.law`."""
        return Users(
            population=self.population.law(size, span),
            choice=self.choice.law(),
            dwell=self.dwell.law(),
            mood=self.mood.law(),
            boredom=self.boredom.law() if self.boredom else NO_BOREDOM,
            drift=self.drift.law() if self.drift else NO_DRIFT,
            rating=self.rating.law() if self.rating else NO_RATING,
            leaving=self.leaving.law() if self.leaving else NO_LEAVING,
            returning=self.returning.law() if self.returning else NO_RETURNING,
            budget=self.budget.law() if self.budget else NO_BUDGET,
            organic=self.organic.law() if self.organic else NO_ORGANIC,
            gullibility=self.gullibility,
        )

    def _part(self, name: str, value: Any) -> Any:
        if not isinstance(value, Mapping) or name not in LAWS:
            return value
        settings = dict(value)
        before = getattr(self, name)
        known = {law.__name__: law for law in LAWS[name]}
        wanted = settings.pop("law", type(before).__name__ if before else next(iter(known)))
        check_known(f"law of users.{name}", [wanted], known)
        law = cast(Any, known[wanted])
        check_known(f"field of {wanted}", settings, [item.name for item in fields(law)])
        return replace(before, **settings) if isinstance(before, law) else law(**settings)
