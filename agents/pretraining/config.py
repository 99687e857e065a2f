"""What pretraining is: which objectives, how much of each, and for how long."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal, get_args

import tyro

from agents.config import EncoderConfig, require, require_positive
from agents.train_config import EnvKwargs

#: Who acts while rollouts are collected; ``mixed`` is the expert with random actions in between.
Behaviour = Literal["random", "expert", "mixed"]
#: What is predicted of the next step.
Predicted = Literal["features", "observations", "both"]


@dataclass(frozen=True)
class ContrastiveConfig:
    """Cross-modal InfoNCE; see :class:`~agents.pretraining.contrastive.Contrastive`.

    Attributes:
        keys: Keys that are compared, each with each; all by default.
        size: Size of the projections that are compared.
        hidden: Size of the hidden layer of each projection.
        temperature: By which similarities are divided, or where it starts if it is learned.
        learn_temperature: Whether it is learned, as by Radford et al. (2021).
    """

    keys: tuple[str, ...] = ()
    size: int = 64
    hidden: int = 128
    temperature: float = 0.1
    learn_temperature: bool = True

    def __post_init__(self) -> None:
        """Check the fields."""
        require_positive(self, "size", "hidden")
        require(
            self, "keys", len(self.keys) != 1, "none, or two or more: one key has nothing to be told from"
        )
        require(self, "temperature", 0.01 <= self.temperature <= 10.0, "in [0.01, 10]")


@dataclass(frozen=True)
class MaskedConfig:
    """Masked autoencoding; see :class:`~agents.pretraining.masked.Masked`.

    Attributes:
        keys: Keys that are reconstructed; all by default.
        key_rate: Chance that a key is hidden as a whole, in [0, 1); one of each observation always stays.
        part_rate: Chance that a part of a key is hidden: a patch of a picture, a sector of a scan, an object,
            an event, a number of a vector, in [0, 1).
        patches: Patches to a side of a picture, and sectors of a scan.
        picture_size: Side of the pictures that are reconstructed [pixels].
        hidden: Size of the hidden layer of each decoder.
    """

    keys: tuple[str, ...] = ()
    key_rate: float = 0.3
    part_rate: float = 0.5
    patches: int = 8
    picture_size: int = 16
    hidden: int = 256

    def __post_init__(self) -> None:
        """Check the fields."""
        require_positive(self, "patches", "picture_size", "hidden")
        for name in ("key_rate", "part_rate"):
            require(self, name, 0.0 <= getattr(self, name) < 1.0, "in [0, 1)")
        require(self, "part_rate", self.key_rate + self.part_rate > 0, "above 0 if key_rate is 0")


@dataclass(frozen=True)
class NextStepConfig:
    """Prediction of the next step; see :class:`~agents.pretraining.next_step.NextStep`.

    Attributes:
        predict: ``features`` of the next step, its low-dimensional ``observations``, or ``both``.
        size: Size of the projections in which features are predicted.
        hidden: Size of the hidden layers.
        momentum: Share of itself that the slow copy of the encoder keeps at each update, in [0, 1).
        variance: Weight of what holds every dimension of the projections apart; 0 leaves it out.
        covariance: Weight of what keeps dimensions from saying the same.
    """

    predict: Predicted = "both"
    size: int = 64
    hidden: int = 128
    momentum: float = 0.99
    variance: float = 1.0
    covariance: float = 0.04

    def __post_init__(self) -> None:
        """Check the fields."""
        require(self, "predict", self.predict in get_args(Predicted), f"one of {get_args(Predicted)}")
        require_positive(self, "size", "hidden")
        require(self, "momentum", 0.0 <= self.momentum < 1.0, "in [0, 1)")
        for name in ("variance", "covariance"):
            require(self, name, getattr(self, name) >= 0.0, "at least 0")


@dataclass(frozen=True)
class LearnConfig:
    """How an encoder is pretrained on rollouts.

    Attributes:
        objectives: Names in :data:`agents.pretraining.objectives.OBJECTIVES`, each with its weight, such as
            ``masked:0.5``; 1 where none is said.
        updates: Updates of the weights.
        batch_size: Steps in each.
        learning_rate: Of AdamW; it rises over the first twentieth of the updates and then falls to zero.
        weight_decay: Of AdamW.
        held_out: Share of the worlds, the last ones, that losses are judged on and nothing is learned from.
        report_every: Updates between two reports.
        seed: Seed of weights and draws.
        device: ``auto``, ``cpu`` or ``cuda``.
        threads: Threads of torch; None leaves them as they are.
        encoder: The encoder.
        contrastive: Settings of ``contrastive``.
        masked: Settings of ``masked``.
        next_step: Settings of ``next_step``.
    """

    objectives: tuple[str, ...] = ("contrastive", "masked", "next_step")
    updates: int = 2_000
    batch_size: int = 256
    learning_rate: float = 1e-3
    weight_decay: float = 1e-4
    held_out: float = 0.1
    report_every: int = 100
    seed: int = 0
    device: str = "auto"
    threads: int | None = None
    encoder: EncoderConfig = field(default_factory=EncoderConfig)
    contrastive: ContrastiveConfig = field(default_factory=ContrastiveConfig)
    masked: MaskedConfig = field(default_factory=MaskedConfig)
    next_step: NextStepConfig = field(default_factory=NextStepConfig)

    def __post_init__(self) -> None:
        """Check the fields."""
        from agents.pretraining.objectives import OBJECTIVES

        require_positive(self, "updates", "batch_size", "report_every")
        require(self, "batch_size", self.batch_size >= 2, "at least 2, so that steps can be told apart")
        require(self, "learning_rate", self.learning_rate > 0, "greater than 0")
        require(self, "weight_decay", self.weight_decay >= 0, "at least 0")
        require(self, "held_out", 0.0 < self.held_out < 1.0, "in (0, 1)")
        require(self, "seed", 0 <= self.seed < 2**32, "in [0, 2**32)")
        require(self, "threads", self.threads is None or self.threads >= 1, "at least 1")
        names = [entry.partition(":")[0] for entry in self.objectives]
        valid = bool(names) and len({*names}) == len(names) and {*names} <= {*OBJECTIVES}
        require(self, "objectives", valid, f"one or more of {sorted(OBJECTIVES)}, each at most once")
        require(self, "objectives", all(w > 0 for w in self.weights.values()), "names with weights above 0")

    @property
    def weights(self) -> dict[str, float]:
        """Name of each objective to its weight.

        Raises:
            ValueError: If one is no number.
        """
        found = {}
        for entry in self.objectives:
            name, _, weight = entry.partition(":")
            try:
                found[name] = float(weight) if weight else 1.0
            except ValueError:
                raise ValueError(
                    f"LearnConfig: objectives={self.objectives!r} must be names with numbers, such as "
                    f"'masked:0.5', not {entry!r}"
                ) from None
        return found


@dataclass(frozen=True)
class PretrainConfig:
    """Pretrain an encoder on rollouts without labels.

    Attributes:
        env_id: A registered id; ``package:id`` imports the package first.
        out: The encoder file.
        behaviour: Who acts: ``random``, the scripted ``expert``, or ``mixed``.
        steps: World steps to collect.
        num_envs: Worlds that run together.
        env_kwargs: Keyword arguments of the environment.
        rollouts: Where to keep the rollouts as .npz; read from there if the file exists.
        probe: Say at the end what a linear model reads off the features, and off those of random weights.
        learn: How to learn from them.
    """

    env_id: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="ENV_ID")]
    out: Path = Path("encoder.pt")
    behaviour: Behaviour = "random"
    steps: int = 20_000
    num_envs: int = 64
    env_kwargs: EnvKwargs = field(default_factory=dict)
    rollouts: Path | None = None
    probe: bool = False
    learn: Annotated[LearnConfig, tyro.conf.arg(name="")] = field(default_factory=LearnConfig)

    def __post_init__(self) -> None:
        """Check the fields."""
        require(self, "behaviour", self.behaviour in get_args(Behaviour), f"one of {get_args(Behaviour)}")
        require_positive(self, "num_envs", "steps")
        require(self, "num_envs", self.num_envs >= 2, "at least 2: some worlds are held out")
        require(
            self, "steps", self.steps >= 2 * self.num_envs, f"at least two per world, {2 * self.num_envs}"
        )
        suffix = ".npz" if self.rollouts is None else self.rollouts.suffix
        require(self, "rollouts", suffix == ".npz", "a .npz file")
