"""What a distributed run is, and how it is written beside its checkpoints."""

from __future__ import annotations

import importlib.util
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, Literal, get_args

import tyro

from agents.algorithm_config import DQNConfig, PPOConfig, SACConfig
from agents.config import EncoderConfig, require, require_positive
from agents.defaults import defaults_for
from agents.train_config import EnvKwargs, load_config, task_name

#: Algorithms of RLlib that learn from Dict observations here.
DistributedAlgo = Literal["ppo", "dqn", "sac"]
#: Name of the file with the settings in the folder of a run.
CONFIG_FILE = "distributed.json"


@dataclass(frozen=True)
class DistributedConfig:
    """One distributed training run.

    Attributes:
        env_id: A registered id; ``package:id`` imports the package first.
        algo: The algorithm; its settings are the field of the same name.  ``dqn`` needs Discrete actions,
            ``sac`` a bounded Box of floats.
        steps: World steps in all, those before a resume included.
        seed: Seed of weights, exploration and worlds.
        runners: Processes that play, on this machine or anywhere in the cluster.
        num_envs: Worlds of each runner; by default all runners together have 64, or 8 with a replay buffer.
        env_kwargs: Keyword arguments of the environment.
        reward_scale: Factor on the rewards that the algorithm sees; what is reported stays as it is.
        out: Folder of the run; by default ``runs/<task>-rllib-<algo>-seed<seed>``.
        address: Of a running Ray cluster, such as ``auto`` or ``head:6379``; by default Ray starts on
            this machine.
        cpus_per_runner: Cores that Ray sets aside for each runner, and threads of its simulator.
        learners: Processes that learn; with 0 this one does.
        gpus_per_learner: GPUs of each learner, 0 or 1.
        threads: Threads of torch in this process; by default one per core that is idle at the start.
        checkpoint_every: World steps between checkpoints; 0 for one at the end alone.
        keep_checkpoints: How many of the newest checkpoints stay.
        target_success: Stop once so large a share of the last 100 episodes succeeded.
        max_minutes: Stop after so many minutes.
        episodes: Held-out episodes to play at the end; 0 for none.
        encoder: The networks that read the observation.
        ppo: Settings of PPO.
        dqn: Settings of DQN.
        sac: Settings of SAC.
    """

    env_id: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="ENV_ID")]
    algo: DistributedAlgo = "ppo"
    steps: int = 300_000
    seed: int = 0
    runners: int = 2
    num_envs: int | None = None
    env_kwargs: EnvKwargs = field(default_factory=dict)
    reward_scale: float = 1.0
    out: Path | None = None
    address: str | None = None
    cpus_per_runner: int = 1
    learners: int = 0
    gpus_per_learner: int = 0
    threads: int | None = None
    checkpoint_every: int = 100_000
    keep_checkpoints: int = 3
    target_success: float | None = None
    max_minutes: float | None = None
    episodes: int = 200
    encoder: EncoderConfig = field(default_factory=EncoderConfig)
    ppo: PPOConfig = field(default_factory=PPOConfig)
    dqn: DQNConfig = field(default_factory=DQNConfig)
    sac: SACConfig = field(default_factory=SACConfig)

    def __post_init__(self) -> None:
        """Check the fields."""
        require_positive(self, "steps", "runners", "cpus_per_runner", "keep_checkpoints")
        require(self, "algo", self.algo in get_args(DistributedAlgo), f"one of {get_args(DistributedAlgo)}")
        require(self, "seed", 0 <= self.seed < 2**32, "in [0, 2**32)")
        require(self, "num_envs", self.num_envs is None or self.num_envs >= 1, "at least 1")
        require(self, "reward_scale", self.reward_scale > 0, "greater than 0")
        require(self, "learners", self.learners >= 0, "at least 0")
        require(self, "gpus_per_learner", self.gpus_per_learner in (0, 1), "0 or 1")
        require(self, "threads", self.threads is None or self.threads >= 1, "at least 1")
        require(self, "checkpoint_every", self.checkpoint_every >= 0, "at least 0")
        require(self, "episodes", self.episodes >= 0, "at least 0")
        require(self, "address", self.address != "", "None, 'auto' or the address of a cluster")
        for name, option in (
            ("ppo", "autocast"),
            ("ppo", "compile_encoder"),
            ("dqn", "hindsight"),
            ("sac", "hindsight"),
        ):
            asked = getattr(getattr(self, name), option)
            if asked:
                raise ValueError(
                    f"DistributedConfig: {name}.{option}={asked!r} must be off: RLlib has it not"
                )
        target, minutes = self.target_success, self.max_minutes
        require(self, "target_success", target is None or 0 < target <= 1, "in (0, 1]")
        require(self, "max_minutes", minutes is None or minutes > 0, "greater than 0")

    @property
    def worlds_per_runner(self) -> int:
        """Number of worlds that each runner plays."""
        together = 64 if self.algo == "ppo" else 8
        return self.num_envs or max(1, together // self.runners)

    @property
    def worlds(self) -> int:
        """Number of worlds that all runners play together."""
        return self.runners * self.worlds_per_runner

    @property
    def run_dir(self) -> Path:
        """Folder of the run."""
        return self.out or Path("runs") / f"{task_name(self.env_id)}-rllib-{self.algo}-seed{self.seed}"

    def save(self, folder: Path) -> None:
        """Write the config into the folder of its run."""
        text = json.dumps(asdict(self), indent=2, default=str) + "\n"
        (folder / CONFIG_FILE).write_text(text)

    @classmethod
    def load(cls, folder: Path) -> DistributedConfig:
        """Read what :meth:`save` wrote.

        Raises:
            ValueError: If the file is missing, is no JSON, or holds a field that is not known.
        """
        return load_config(cls, folder / CONFIG_FILE)


def distributed_defaults(env_id: str) -> DistributedConfig:
    """Return the settings of a task: those of ``python -m agents train``, where they mean the same."""
    single = defaults_for(env_id)
    return DistributedConfig(
        env_id,
        steps=single.steps,
        reward_scale=single.reward_scale,
        encoder=single.encoder,
        ppo=single.ppo,
        dqn=single.dqn,
        sac=single.sac,
    )


def is_distributed(path: Path) -> bool:
    """Say whether a path is the folder of a distributed run, or one of its checkpoints."""
    folder = path.parent.parent if path.parent.name == "checkpoints" else path
    return (folder / CONFIG_FILE).is_file()


def require_ray() -> None:
    """Raise if RLlib, or a package that it needs, is not installed.

    Raises:
        ModuleNotFoundError: Naming what is missing and the extra that brings it.
    """
    needed = ("ray", "pyarrow", "tree", "lz4", "ormsgpack", "scipy")
    missing = [name for name in needed if importlib.util.find_spec(name) is None]
    if missing:
        raise ModuleNotFoundError(
            f"distributed training needs {', '.join(missing)}: pip install 'mmenvs[rllib]'", name=missing[0]
        )
