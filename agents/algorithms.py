"""The algorithms of Stable-Baselines3 and their settings.

Each config's fields are arguments of the algorithm's constructor, except ``net_arch``, the hidden layers of
the policy and of the value function above the features, and ``action_noise``.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from gymnasium import spaces
from stable_baselines3 import A2C, DQN, PPO, SAC, TD3
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.noise import NormalActionNoise
from stable_baselines3.common.preprocessing import is_image_space
from stable_baselines3.common.utils import LinearSchedule
from stable_baselines3.common.vec_env import VecEnv
from torch.optim import AdamW

from agents.config import EncoderConfig, require, require_positive
from agents.extractor import MultimodalExtractor

Algo = Literal["ppo", "a2c", "dqn", "sac", "td3"]

CLASSES: dict[Algo, type[BaseAlgorithm]] = {"ppo": PPO, "a2c": A2C, "dqn": DQN, "sac": SAC, "td3": TD3}
#: Algorithms that learn from a replay buffer.
OFF_POLICY: tuple[Algo, ...] = ("dqn", "sac", "td3")
_ACTIONS: dict[Algo, tuple[type[spaces.Space[Any]], ...]] = {
    "ppo": (spaces.Box, spaces.Discrete, spaces.MultiDiscrete, spaces.MultiBinary),
    "a2c": (spaces.Box, spaces.Discrete, spaces.MultiDiscrete, spaces.MultiBinary),
    "dqn": (spaces.Discrete,),
    "sac": (spaces.Box,),
    "td3": (spaces.Box,),
}


@dataclass(frozen=True)
class PPOConfig:
    """Proximal policy optimisation (Schulman et al., 2017), with few large minibatches.

    A rollout holds ``n_steps`` steps of every world.  With ``anneal`` the learning rate falls linearly to
    nearly zero over the steps of the run, which calms the last policy.
    """

    learning_rate: float = 5e-4
    anneal: bool = False
    n_steps: int = 128
    batch_size: int = 1024
    n_epochs: int = 4
    gamma: float = 0.99
    gae_lambda: float = 0.95
    clip_range: float = 0.2
    ent_coef: float = 0.005
    vf_coef: float = 0.5
    max_grad_norm: float = 0.5
    net_arch: tuple[int, ...] = (64,)

    def __post_init__(self) -> None:
        """Check the fields."""
        require_positive(self, "n_steps", "batch_size", "n_epochs")
        _check_rates(self)


@dataclass(frozen=True)
class A2CConfig:
    """Synchronous advantage actor-critic (Mnih et al., 2016)."""

    learning_rate: float = 7e-4
    n_steps: int = 16
    gamma: float = 0.99
    gae_lambda: float = 0.95
    ent_coef: float = 0.005
    vf_coef: float = 0.5
    max_grad_norm: float = 0.5
    net_arch: tuple[int, ...] = (64,)

    def __post_init__(self) -> None:
        """Check the fields."""
        require_positive(self, "n_steps")
        _check_rates(self)


@dataclass(frozen=True)
class DQNConfig:
    """Deep Q-learning (Mnih et al., 2015).

    Its replay buffer holds every observation twice.  With a camera of 64x64 the 20,000 transitions of the
    default take 0.5 GB, with one of 84x84 0.85 GB; Stable-Baselines3's own default of a million would take
    25 GB or more.
    """

    learning_rate: float = 3e-4
    buffer_size: int = 20_000
    learning_starts: int = 1_000
    batch_size: int = 128
    gamma: float = 0.99
    train_freq: int = 1
    gradient_steps: int = 1
    target_update_interval: int = 1_000
    exploration_fraction: float = 0.2
    exploration_final_eps: float = 0.05
    net_arch: tuple[int, ...] = (64,)

    def __post_init__(self) -> None:
        """Check the fields."""
        require_positive(self, "target_update_interval")
        _check_replay(self)


@dataclass(frozen=True)
class SACConfig:
    """Soft actor-critic (Haarnoja et al., 2018); on ``buffer_size`` see :class:`DQNConfig`."""

    learning_rate: float = 3e-4
    buffer_size: int = 20_000
    learning_starts: int = 1_000
    batch_size: int = 128
    tau: float = 0.005
    gamma: float = 0.99
    train_freq: int = 1
    gradient_steps: int = 1
    net_arch: tuple[int, ...] = (128,)

    def __post_init__(self) -> None:
        """Check the fields."""
        _check_replay(self)


@dataclass(frozen=True)
class TD3Config:
    """Twin delayed policy gradients (Fujimoto et al., 2018); on ``buffer_size`` see :class:`DQNConfig`.

    ``action_noise`` is the standard deviation of the exploration noise, relative to actions in [-1, 1].
    """

    learning_rate: float = 3e-4
    buffer_size: int = 20_000
    learning_starts: int = 1_000
    batch_size: int = 128
    tau: float = 0.005
    gamma: float = 0.99
    train_freq: int = 1
    gradient_steps: int = 1
    policy_delay: int = 2
    action_noise: float = 0.1
    net_arch: tuple[int, ...] = (128,)

    def __post_init__(self) -> None:
        """Check the fields."""
        require_positive(self, "policy_delay")
        require(self, "action_noise", self.action_noise >= 0, "at least 0")
        _check_replay(self)


AlgorithmConfig = PPOConfig | A2CConfig | DQNConfig | SACConfig | TD3Config


def make_model(
    algo: Algo,
    settings: AlgorithmConfig,
    encoder: EncoderConfig,
    venv: VecEnv,
    *,
    seed: int,
    device: str = "auto",
    tensorboard: Path | None = None,
    weight_decay: float = 0.0,
) -> BaseAlgorithm:
    """Build an untrained model.

    Dict observations are read by :class:`~agents.extractor.MultimodalExtractor`, others by what
    Stable-Baselines3 has for them.

    Args:
        algo: Name of the algorithm.
        settings: Its config.
        encoder: The networks below the policy.
        venv: Where it will learn.
        seed: Seed of the weights, of exploration and of the environment.
        device: ``"auto"``, ``"cpu"`` or ``"cuda"``.
        tensorboard: Folder of the log; None for no log.
        weight_decay: Of AdamW (Loshchilov and Hutter, 2019), which takes the place of the algorithm's own
            optimiser; 0 leaves that as it is.

    Raises:
        ValueError: If the algorithm cannot choose such actions.
    """
    check_actions(algo, venv.action_space)
    arguments: dict[str, Any] = asdict(settings)
    policy_kwargs: dict[str, Any] = {"net_arch": list(arguments.pop("net_arch"))}
    if arguments.pop("anneal", False):
        rate = arguments["learning_rate"]
        arguments["learning_rate"] = LinearSchedule(rate, 0.02 * rate, 1.0)
    noise = arguments.pop("action_noise", 0.0)
    if noise:
        shape = venv.action_space.shape or ()
        arguments["action_noise"] = NormalActionNoise(np.zeros(shape), np.full(shape, noise))
    if isinstance(venv.observation_space, spaces.Dict):
        policy = "MultiInputPolicy"
        policy_kwargs["features_extractor_class"] = MultimodalExtractor
        policy_kwargs["features_extractor_kwargs"] = {"config": encoder}
        policy_kwargs["normalize_images"] = False
    else:
        policy = "CnnPolicy" if is_image_space(venv.observation_space) else "MlpPolicy"
    if weight_decay:
        policy_kwargs["optimizer_class"] = AdamW
        # Stable-Baselines3's own epsilon for actor-critics; the default of torch elsewhere.
        epsilon = 1e-8 if algo in OFF_POLICY else 1e-5
        policy_kwargs["optimizer_kwargs"] = {"weight_decay": weight_decay, "eps": epsilon}
    log = None if tensorboard is None else str(tensorboard)
    return CLASSES[algo](
        policy,
        venv,
        policy_kwargs=policy_kwargs,
        seed=seed,
        device=device,
        tensorboard_log=log,
        **arguments,
    )


def check_actions(algo: Algo, space: spaces.Space[Any]) -> None:
    """Raise a ValueError that names the alternatives if an algorithm cannot choose actions of a space."""
    if not isinstance(space, _ACTIONS[algo]):
        able = [name for name, kinds in _ACTIONS.items() if isinstance(space, kinds)]
        raise ValueError(f"algo={algo!r} cannot choose actions of {space}; these can: {', '.join(able)}")


def _check_rates(config: PPOConfig | A2CConfig | DQNConfig | SACConfig | TD3Config) -> None:
    require(config, "learning_rate", config.learning_rate > 0, "greater than 0")
    require(config, "gamma", 0 <= config.gamma <= 1, "in [0, 1]")
    require_positive(config, "net_arch")


def _check_replay(config: DQNConfig | SACConfig | TD3Config) -> None:
    require_positive(config, "buffer_size", "batch_size", "train_freq")
    require(config, "learning_starts", config.learning_starts >= 0, "at least 0")
    steps = config.gradient_steps
    require(config, "gradient_steps", steps >= 1 or steps == -1, "at least 1, or -1 for one per transition")
    _check_rates(config)
