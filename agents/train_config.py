"""What a training run is, and how it is written beside its model."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Annotated, Any, TypeVar, get_args, get_type_hints

import tyro

from agents.algorithm_config import (
    OFF_POLICY,
    A2CConfig,
    Algo,
    AlgorithmConfig,
    DQNConfig,
    MaskablePPOConfig,
    PPOConfig,
    QRDQNConfig,
    RecurrentPPOConfig,
    SACConfig,
    TD3Config,
    TQCConfig,
)
from agents.config import EncoderConfig, require, require_positive

Config = TypeVar("Config")


def json_object(text: str) -> dict[str, Any]:
    """Read a JSON object from the command line, such as ``'{"traffic_density": 0.2}'``.

    Raises:
        ValueError: If it is something else.
    """
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"{text!r} is not valid JSON: {error}") from None
    if not isinstance(value, dict):
        raise ValueError(f"{text!r} must be a JSON object")
    return value


#: Keyword arguments of an environment; on the command line a JSON object.
EnvKwargs = Annotated[
    Mapping[str, Any],
    tyro.constructors.PrimitiveConstructorSpec(
        nargs=1,
        metavar="JSON",
        instance_from_str=lambda words: json_object(words[0]),
        is_instance=lambda value: isinstance(value, Mapping),
        str_from_instance=lambda value: [json.dumps(dict(value))],
    ),
]


@dataclass(frozen=True)
class TrainConfig:
    """One training run.

    Attributes:
        env_id: A registered id; ``package:id`` imports the package first.
        algo: The algorithm; its settings are the field of the same name.
        steps: World steps in all, those before a resume included.
        seed: Seed of weights, exploration and worlds.
        num_envs: Worlds that run together; by default 32, or 8 with a replay buffer.
        env_kwargs: Keyword arguments of the environment.
        reward_scale: Factor on the rewards that the algorithm sees; what is reported stays as it is.  Returns
            of about 1 keep the value function from drowning the policy in the layers that both share.
        out: Folder of the run; by default ``runs/<task>-<algo>-seed<seed>``.
        device: ``auto``, ``cpu`` or ``cuda``.
        threads: Threads of torch; by default one per core that is idle at the start.
        checkpoint_every: World steps between checkpoints; 0 for one at the end alone.
        target_success: Stop once so large a share of the last 100 episodes succeeded.
        max_minutes: Stop after so many minutes.
        weight_decay: Share of each weight that is taken off it per unit of learning rate (AdamW); 0 for none.
        wandb: Project of Weights & Biases that gets the run as well; None for none.
        encoder: The networks that read the observation.
        pretrained: Encoder file, as ``agents pretrain`` writes it; ``encoder`` is then taken from it.
        freeze: Whether the pretrained encoder stays as it is, rather than learn on.
        ppo: Settings of PPO.
        a2c: Settings of A2C.
        dqn: Settings of DQN.
        sac: Settings of SAC.
        td3: Settings of TD3.
        recurrent_ppo: Settings of RecurrentPPO.
        maskable_ppo: Settings of MaskablePPO.
        qrdqn: Settings of QR-DQN.
        tqc: Settings of TQC.
    """

    env_id: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="ENV_ID")]
    algo: Algo = "ppo"
    steps: int = 300_000
    seed: int = 0
    num_envs: int | None = None
    env_kwargs: EnvKwargs = field(default_factory=dict)
    reward_scale: float = 1.0
    out: Path | None = None
    device: str = "auto"
    threads: int | None = None
    checkpoint_every: int = 100_000
    target_success: float | None = None
    max_minutes: float | None = None
    weight_decay: float = 0.0
    wandb: str | None = None
    encoder: EncoderConfig = field(default_factory=EncoderConfig)
    pretrained: Path | None = None
    freeze: bool = False
    ppo: PPOConfig = field(default_factory=PPOConfig)
    a2c: A2CConfig = field(default_factory=A2CConfig)
    dqn: DQNConfig = field(default_factory=DQNConfig)
    sac: SACConfig = field(default_factory=SACConfig)
    td3: TD3Config = field(default_factory=TD3Config)
    recurrent_ppo: RecurrentPPOConfig = field(default_factory=RecurrentPPOConfig)
    maskable_ppo: MaskablePPOConfig = field(default_factory=MaskablePPOConfig)
    qrdqn: QRDQNConfig = field(default_factory=QRDQNConfig)
    tqc: TQCConfig = field(default_factory=TQCConfig)

    def __post_init__(self) -> None:
        """Check the fields."""
        require_positive(self, "steps")
        require(self, "algo", self.algo in get_args(Algo), f"one of {get_args(Algo)}")
        require(self, "seed", 0 <= self.seed < 2**32, "in [0, 2**32)")
        require(self, "num_envs", self.num_envs is None or self.num_envs >= 1, "at least 1")
        require(self, "threads", self.threads is None or self.threads >= 1, "at least 1")
        require(self, "checkpoint_every", self.checkpoint_every >= 0, "at least 0")
        require(self, "reward_scale", self.reward_scale > 0, "greater than 0")
        require(self, "weight_decay", self.weight_decay >= 0, "at least 0")
        require(self, "freeze", not self.freeze or self.pretrained is not None, "False without pretrained")
        target, minutes = self.target_success, self.max_minutes
        require(self, "target_success", target is None or 0 < target <= 1, "in (0, 1]")
        require(self, "max_minutes", minutes is None or minutes > 0, "greater than 0")

    @property
    def settings(self) -> AlgorithmConfig:
        """Settings of the chosen algorithm."""
        settings: AlgorithmConfig = getattr(self, self.algo)
        return settings

    @property
    def worlds(self) -> int:
        """Number of worlds that run together."""
        return self.num_envs or (8 if self.algo in OFF_POLICY else 32)

    @property
    def run_dir(self) -> Path:
        """Folder of the run."""
        return self.out or Path("runs") / f"{task_name(self.env_id)}-{self.algo}-seed{self.seed}"

    def save(self, path: Path) -> None:
        """Write the config as JSON."""
        path.write_text(json.dumps(asdict(self), indent=2, default=str) + "\n")

    @classmethod
    def load(cls, path: Path) -> TrainConfig:
        """Read what :meth:`save` wrote.

        Raises:
            ValueError: If the file is missing, is no JSON, or holds a field that is not known.
        """
        return load_config(cls, path)


def task_name(env_id: str) -> str:
    """Return the name of a task without its namespace and the package that brings it, as folders have it."""
    return env_id.rsplit("/", maxsplit=1)[-1].rsplit(":", maxsplit=1)[-1]


def load_config(kind: type[Config], path: Path) -> Config:
    """Read a dataclass, and those inside of it, from a JSON file.

    Raises:
        ValueError: If the file is missing, is no JSON, or holds a field that is not known.
    """
    try:
        data = json.loads(path.read_text())
    except FileNotFoundError:
        raise ValueError(f"{path} does not exist: {path.parent} is not the folder of a run") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"{path} is not valid JSON: {error}") from None
    return decode_config(kind, data, path)


def decode_config(kind: type[Config], data: Any, path: Path) -> Config:
    """Build a (nested) dataclass from what JSON kept of it.

    Args:
        kind: The dataclass.
        data: What JSON kept.
        path: The file, for messages.

    Raises:
        ValueError: If something is no object that should be, or a field is not known, or not allowed.
    """
    if not isinstance(data, dict):
        raise ValueError(f"{path}: {kind.__name__} must be a JSON object, got {data!r}")
    hints = get_type_hints(kind)
    known = {entry.name for entry in fields(kind)}  # type: ignore[arg-type]
    if unknown := sorted(set(data) - known):
        raise ValueError(f"{path}: {kind.__name__} has no field {unknown}; known: {sorted(known)}")
    return kind(**{name: _decode_field(hints[name], value, path) for name, value in data.items()})


def _decode_field(hint: Any, value: Any, path: Path) -> Any:
    if is_dataclass(hint) and isinstance(hint, type):
        return decode_config(hint, value, path)
    if isinstance(value, list):
        return tuple(value)
    if value is not None and Path in get_args(hint):
        return Path(value)
    return value
