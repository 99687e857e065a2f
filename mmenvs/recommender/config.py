"""Every knob of the recommender world, with its unit, default and range."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from os import PathLike
from typing import Any

from mmenvs.core.knobs import check_knobs, check_known, knob, option
from mmenvs.recommender.items.catalogue import Catalogue
from mmenvs.recommender.users.model import UserModel

#: What an observation can hold; see :class:`~mmenvs.recommender.env.RecommenderEnv` for the keys of each.
MODALITIES = ("image", "image_features", "text", "attributes", "history", "user", "recent")

#: What a step is rewarded for, before penalties.
REWARDS = ("satisfaction", "clicks", "dwell", "rating")

#: Catalogues that are made up; see :mod:`~mmenvs.recommender.items.presets`.
CATALOGUES = ("procedural", "interest_evolution", "long_term_satisfaction", "topics", "organic")

#: Scenarios of the frozen test split, unless ``num_scenarios`` says otherwise.
TEST_SCENARIOS = 200


@dataclass(frozen=True, kw_only=True)
class RecommenderConfig:
    """Settings of :class:`~mmenvs.recommender.simulator.RecommenderSimulator`.

    A score is a logit: the utility of an item to a user.  The four ``*_weight`` fields say how much of
    it can be learnt from where, as the standard deviation over items and users [logit].

    Attributes:
        action: ``"item"`` recommends one candidate, ``"slate"`` several, ``"weights"`` ranks the candidates
            by a weighted sum of their attributes and their match with the user's clicks, ``"proto"`` gives
            a point whose nearest items of the whole catalogue (by inner product) make the slate.
        slate_size: Items shown at a time; 1 with the action ``"item"``.
        duplicates: What becomes of a slate's places that name a candidate a second time: ``"next"`` takes
            the next candidate of the page that is not on the slate, ``"empty"`` shows nothing there.
        candidates: Items on a page, from which an action chooses, 2 to 100; None for no page: an action
            then names items of the whole catalogue, and those not on sale count as duplicates do.
        catalogue: One of :data:`CATALOGUES`, or a :class:`~mmenvs.recommender.items.catalogue.Catalogue`.
        items: Size of a made-up catalogue.
        catalogue_seed: Seed of a made-up catalogue; the same seed gives the same items everywhere.
        picture_size: Side of an item's picture [pixel], a multiple of 8 from 16 to 128.
        text_size: Length of an item's text vector, for made-up catalogues.
        missing_rate: Share of pictures and of texts that the procedural catalogue lacks.
        clickbait_share: Share of its items whose picture and title promise more than the item gives.
        new_share: Share of its items whose rating and popularity are not known yet.
        churn: Share of the catalogue that is replaced in a day, where not all of it is on sale.
        on_sale: Share of the catalogue that is on sale on any day.
        proto_size: Length of the vectors that proto-actions and matches are computed with.
        greeting: Whether users are shown a random slate before the first action, which is not rewarded.
        history_length: Past events that the agent sees.
        modalities: What the agent observes, any of :data:`MODALITIES`; the world is the same whatever
            is observed.
        reward: What a step is rewarded for, one of :data:`REWARDS`.
        users: The user model: a :class:`~mmenvs.recommender.users.model.UserModel`, a mapping of the parts
            that change (see ``UserModel.updated``), or calibrated users, themselves or as a saved file.
        content_mood: Mood from which a user counts as content, in [0, 1].
        image_weight: Taste in colour and pattern, which only the picture shows [logit].
        text_weight: Taste in the theme, which only the text tells [logit].
        attribute_weight: Taste in price, popularity and freshness, which only the attributes hold [logit].
        shared_weight: Taste in department, finish and quality, which several modalities tell [logit].
        raw_traits: Whether to take a catalogue's traits as they are, whatever the weights.
        split: ``"train"`` or ``"test"``; no user of one is in the other.
        num_scenarios: Scenarios in the split; None for unlimited in training and for
            :data:`TEST_SCENARIOS` in testing.
        threads: Threads that advance a batch; None for one per core.
    """

    action: str = option("item", "slate", "proto", "weights")
    slate_size: int = knob(1, 1, 100)
    duplicates: str = option("next", "empty")
    candidates: int | None = knob(10, 2, 100, optional=True)
    catalogue: str | Catalogue = "procedural"
    items: int = knob(200, 2, 1_000_000)
    catalogue_seed: int = knob(0, 0, 2**63 - 1)
    picture_size: int = knob(32, 16, 128)
    text_size: int = knob(16, 1, 1_024)
    missing_rate: float = knob(0.0, 0.0, 1.0)
    clickbait_share: float = knob(0.0, 0.0, 1.0)
    new_share: float = knob(0.0, 0.0, 1.0)
    churn: float = knob(0.02, 0.0, 1.0)
    on_sale: float = knob(1.0, 0.05, 1.0)
    proto_size: int = knob(16, 1, 256)
    greeting: bool = False
    history_length: int = knob(10, 1, 1_000)
    modalities: tuple[str, ...] = ("image", "text", "attributes", "history", "user")
    reward: str = option(*REWARDS)
    users: Any = field(default_factory=UserModel)
    content_mood: float = knob(0.4, 0.0, 1.0)
    image_weight: float = knob(1.0, 0.0, 10.0)
    text_weight: float = knob(1.0, 0.0, 10.0)
    attribute_weight: float = knob(1.0, 0.0, 10.0)
    shared_weight: float = knob(1.0, 0.0, 10.0)
    raw_traits: bool = False
    split: str = option("train", "test")
    num_scenarios: int | None = knob(None, 1, 2**31, optional=True)
    threads: int | None = knob(None, 1, 2**31, optional=True)

    def __post_init__(self) -> None:
        """Check every field.

        Raises:
            ValueError: Naming the field, its value and what is allowed.
        """
        check_knobs(self)
        object.__setattr__(self, "users", checked_users(self.users))
        object.__setattr__(self, "modalities", _checked_modalities(self.modalities))
        known = isinstance(self.catalogue, str) and self.catalogue in CATALOGUES
        if not known and not isinstance(self.catalogue, Catalogue):
            given = repr(self.catalogue) if isinstance(self.catalogue, str) else type(self.catalogue).__name__
            raise ValueError(
                f"catalogue={given} must be a Catalogue, as of Catalogue.from_table, or one of {CATALOGUES}"
            )
        if self.picture_size % 8:
            raise ValueError(f"picture_size={self.picture_size} must be a multiple of 8")
        if self.action == "item" and self.slate_size != 1:
            raise ValueError(f"slate_size={self.slate_size} must be 1 with action='item'; try action='slate'")
        if self.action == "weights" and self.candidates is None:
            raise ValueError("candidates=None leaves action='weights' nothing to rank; give a number")
        on_offer = int(self.size * self.on_sale)
        for name, least in (("candidates", self.candidates or 1), ("slate_size", self.slate_size)):
            if on_offer < least:
                raise ValueError(f"{name}={least} must be at most the {on_offer} items on sale")
        if self.candidates is not None and self.action != "proto" and self.slate_size > self.candidates:
            raise ValueError(f"slate_size={self.slate_size} must be at most candidates={self.candidates}")

    @property
    def size(self) -> int:
        """Number of items of the catalogue."""
        return len(self.catalogue) if isinstance(self.catalogue, Catalogue) else self.items

    @property
    def scenario_count(self) -> int | None:
        """Scenarios that the split offers; None if there is no limit."""
        if self.num_scenarios is None and self.split == "test":
            return TEST_SCENARIOS
        return self.num_scenarios

    @classmethod
    def from_keywords(cls, settings: Mapping[str, Any]) -> RecommenderConfig:
        """Make a config of keyword arguments; ``task`` names the preset that they change.

        Raises:
            TypeError: If a keyword is unknown, naming it and its closest matches.
            ValueError: If a value is not allowed.
        """
        from mmenvs.recommender.tasks import TASKS

        given = dict(settings)
        task = given.pop("task", "recommender")
        if task not in TASKS:
            raise ValueError(f"task={task!r} must be one of {tuple(TASKS)}")
        check_known("setting", given, [item.name for item in fields(cls)])
        chosen = TASKS[task] | given
        if isinstance(given.get("users"), Mapping):
            chosen["users"] = checked_users(TASKS[task].get("users", {})).updated(given["users"])
        return cls(**chosen)

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as plain JSON types; ``from_keywords`` takes them back.

        Raises:
            TypeError: If the catalogue or the users are objects that JSON cannot hold.
        """
        if isinstance(self.catalogue, Catalogue):
            raise TypeError(f"catalogue={self.catalogue!r} is no JSON: only made-up catalogues have names")
        if not isinstance(self.users, UserModel | str):
            raise TypeError(
                f"users={type(self.users).__name__} is no JSON: save them and give the file's path"
            )
        users = self.users if isinstance(self.users, str) else self.users.to_dict()
        values = {item.name: getattr(self, item.name) for item in fields(self)}
        return values | {"modalities": list(self.modalities), "users": users}


def checked_users(given: Any) -> Any:
    """Return a user model, calibrated users, or the path of a file of them.

    Raises:
        ValueError: If it is none of these.
    """
    if isinstance(given, UserModel):
        return given
    if isinstance(given, Mapping):
        return UserModel().updated(given)
    if isinstance(given, str | PathLike):
        return str(given)
    if hasattr(given, "tastes") and hasattr(given, "traits"):
        return given
    raise ValueError(
        f"users={given!r} must be a UserModel, a mapping of its parts, calibrated users, or a file of them"
    )


def _checked_modalities(given: object) -> tuple[str, ...]:
    chosen = tuple(given) if isinstance(given, tuple | list) else ()
    if not chosen or len(set(chosen)) < len(chosen) or not set(chosen) <= set(MODALITIES):
        raise ValueError(f"modalities={given!r} must be one or more different names out of {MODALITIES}")
    return chosen
