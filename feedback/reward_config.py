"""How a reward model is built and fitted."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal, get_args

from agents.config import EncoderConfig

#: Which observation of a step a reward is read from.
Sees = Literal["before", "after"]


@dataclass(frozen=True)
class RewardConfig:
    """How a reward model is built and fitted.

    Attributes:
        members: Networks in the ensemble.
        hidden: Units of the hidden layer.
        horizon: Steps that segments are asked to have [steps].
        sees: Whether the reward of a step is read from the observation ``"before"`` or ``"after"`` it. What
            came of an action is easier to judge, and to learn, than what may come of it.
        keys: What of the observation the reward is read from; None for everything. A reward that can depend
            on little needs few labels.
        actions: Whether the reward may depend on the action beside what came of it. Where all that matters
            can be seen afterwards, an action that it likes by chance is one that an agent learns to take.
        look: Most steps of a segment that a gradient step looks at [steps]; those of a longer one are drawn
            anew every time and stand for the others.
        noise: Assumed probability of a random answer, in [0, 1).
        robust: How little a comparison counts that the model is sure is wrong, the q of
            :func:`~feedback.losses.generalised_cross_entropy`, in [0, 1].
        epochs: Passes over the judgements in one fit.
        batch_size: Judgements per gradient step.
        learning_rate: Of AdamW.
        reward_penalty: Weight of the mean square of the rewards, which keeps them small where nothing asks
            for more: what is the same for all steps is left to the numbers about ends.
        weight_decay: Of AdamW.
        held_out: Fraction of the comparisons, rankings and ratings kept for measuring agreement, in [0, 0.5].
        surf_weight: Weight of answers that the ensemble gives itself to pairs that nobody was asked about,
            against 1 for those of people; see :mod:`feedback.semi_supervised`. 0 for none.
        surf_threshold: Probability above which such an answer counts, in [0.5, 1).
        crop: Least share of a compared segment that is left when it is cropped at random, in (0, 1]; 1 crops
            nothing.
        bootstrap: Whether each member learns from its own sample with replacement.
        encoder: The encoder of the observations.
    """

    members: int = 3
    hidden: int = 64
    horizon: int = 16
    sees: Sees = "after"
    keys: tuple[str, ...] | None = None
    actions: bool = True
    look: int = 16
    noise: float = 0.1
    robust: float = 0.0
    epochs: int = 8
    batch_size: int = 16
    learning_rate: float = 1e-3
    reward_penalty: float = 0.3
    weight_decay: float = 1e-4
    held_out: float = 0.1
    surf_weight: float = 0.0
    surf_threshold: float = 0.99
    crop: float = 1.0
    bootstrap: bool = True
    encoder: EncoderConfig = field(default_factory=EncoderConfig)

    def __post_init__(self) -> None:
        """Validate.

        Raises:
            ValueError: Naming the field, its value and what is allowed.
        """
        for name in ("members", "hidden", "horizon", "look", "epochs", "batch_size"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}={getattr(self, name)} must be at least 1")
        if self.sees not in get_args(Sees):
            raise ValueError(f"sees={self.sees!r} must be one of {list(get_args(Sees))}")
        if not self.actions and self.sees == "before":
            raise ValueError(
                "actions=False must be True with sees='before', which shows nothing of what came"
            )
        if not 0 <= self.noise < 1:
            raise ValueError(f"noise={self.noise} must be in [0, 1)")
        if not 0 <= self.robust <= 1:
            raise ValueError(f"robust={self.robust} must be in [0, 1]")
        if not self.learning_rate > 0:
            raise ValueError(f"learning_rate={self.learning_rate} must be positive")
        for name in ("weight_decay", "reward_penalty"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"{name}={getattr(self, name)} must not be negative")
        if not 0 <= self.surf_weight < math.inf:
            raise ValueError(f"surf_weight={self.surf_weight} must be finite and not negative")
        if not 0.5 <= self.surf_threshold < 1:
            raise ValueError(f"surf_threshold={self.surf_threshold} must be in [0.5, 1)")
        if not 0 < self.crop <= 1:
            raise ValueError(f"crop={self.crop} must be in (0, 1]")
        if not 0 <= self.held_out <= 0.5:
            raise ValueError(f"held_out={self.held_out} must be in [0, 0.5]")
