"""The algorithms of Stable-Baselines3 and sb3-contrib: their names and their settings.

Each config's fields are arguments of the algorithm's constructor, except ``net_arch``, the hidden layers of
the policy and of the value function above the features; ``action_noise``; ``anneal``; the sizes of recurrent
layers and of distributions, which are arguments of the policy; and ``hindsight``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from agents.config import require, require_positive

Algo = Literal["ppo", "a2c", "dqn", "sac", "td3", "recurrent_ppo", "maskable_ppo", "qrdqn", "tqc"]
#: Algorithms that learn from a replay buffer.
OFF_POLICY: tuple[Algo, ...] = ("dqn", "sac", "td3", "qrdqn", "tqc")


@dataclass(frozen=True)
class ProximalConfig:
    """What all kinds of proximal policy optimisation (Schulman et al., 2017) have: few large minibatches.

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
class PPOConfig(ProximalConfig):
    """Settings of :class:`~agents.accelerated.AcceleratedPPO`, whose rollouts stay on the training device.

    ``autocast`` computes in bfloat16 and ``compile_encoder`` compiles the network below the policy; both pay
    on a GPU alone.
    """

    autocast: bool = False
    compile_encoder: bool = False


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

    ``hindsight`` is the number of goals that are put into each transition afterwards, which were reached
    later in its episode (hindsight experience replay, Andrychowicz et al., 2017); 0 for none.  The
    observation must have the keys ``observation``, ``achieved_goal`` and ``desired_goal``, the environment
    a ``compute_reward``, and ``learning_starts`` must let an episode end in each world before.
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
    hindsight: int = 0

    def __post_init__(self) -> None:
        """Check the fields."""
        require_positive(self, "target_update_interval")
        _check_replay(self)


@dataclass(frozen=True)
class SACConfig:
    """Soft actor-critic (Haarnoja et al., 2018).

    On ``buffer_size`` and ``hindsight`` see :class:`DQNConfig`.
    """

    learning_rate: float = 3e-4
    buffer_size: int = 20_000
    learning_starts: int = 1_000
    batch_size: int = 128
    tau: float = 0.005
    gamma: float = 0.99
    train_freq: int = 1
    gradient_steps: int = 1
    net_arch: tuple[int, ...] = (128,)
    hindsight: int = 0

    def __post_init__(self) -> None:
        """Check the fields."""
        _check_replay(self)


@dataclass(frozen=True)
class TD3Config:
    """Twin delayed policy gradients (Fujimoto et al., 2018).

    On ``buffer_size`` and ``hindsight`` see :class:`DQNConfig`.
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
    hindsight: int = 0

    def __post_init__(self) -> None:
        """Check the fields."""
        require_positive(self, "policy_delay")
        require(self, "action_noise", self.action_noise >= 0, "at least 0")
        _check_replay(self)


@dataclass(frozen=True)
class RecurrentPPOConfig(ProximalConfig):
    """PPO over a recurrent policy, which remembers what it saw before (sb3-contrib).

    Each minibatch holds whole sequences, one after another: it is slower than PPO by the
    length of an episode, and worth it only where one observation does not say enough.

    ``lstm_hidden_size`` is the size of the memory, ``shared_lstm`` whether policy and value function have one
    between them.
    """

    n_epochs: int = 2
    lstm_hidden_size: int = 128
    shared_lstm: bool = True

    def __post_init__(self) -> None:
        """Check the fields."""
        super().__post_init__()
        require_positive(self, "lstm_hidden_size")


@dataclass(frozen=True)
class MaskablePPOConfig(ProximalConfig):
    """PPO that never chooses an action that the environment forbids (Huang and Ontañón, 2022; sb3-contrib).

    The environment must have a method ``action_masks()``; others are refused.
    """


@dataclass(frozen=True)
class QRDQNConfig(DQNConfig):
    """DQN that learns the distribution of the return by its quantiles (Dabney et al., 2018; sb3-contrib)."""

    n_quantiles: int = 50

    def __post_init__(self) -> None:
        """Check the fields."""
        super().__post_init__()
        require_positive(self, "n_quantiles")


@dataclass(frozen=True)
class TQCConfig(SACConfig):
    """SAC with truncated quantile critics (Kuznetsov et al., 2020; sb3-contrib).

    ``top_quantiles_to_drop_per_net`` of the ``n_quantiles`` of each critic are left out, against optimism.
    """

    n_quantiles: int = 25
    top_quantiles_to_drop_per_net: int = 2

    def __post_init__(self) -> None:
        """Check the fields."""
        super().__post_init__()
        require_positive(self, "n_quantiles")
        drop = self.top_quantiles_to_drop_per_net
        allowed = "at least 0 and less than n_quantiles"
        require(self, "top_quantiles_to_drop_per_net", 0 <= drop < self.n_quantiles, allowed)


#: Settings of any algorithm; those of sb3-contrib are kinds of these.
AlgorithmConfig = ProximalConfig | A2CConfig | DQNConfig | SACConfig | TD3Config


def _check_rates(config: AlgorithmConfig) -> None:
    require(config, "learning_rate", config.learning_rate > 0, "greater than 0")
    require(config, "gamma", 0 <= config.gamma <= 1, "in [0, 1]")
    require_positive(config, "net_arch")


def _check_replay(config: DQNConfig | SACConfig | TD3Config) -> None:
    require_positive(config, "buffer_size", "batch_size", "train_freq")
    require(config, "learning_starts", config.learning_starts >= 0, "at least 0")
    steps = config.gradient_steps
    require(config, "gradient_steps", steps >= 1 or steps == -1, "at least 1, or -1 for one per transition")
    require(config, "hindsight", config.hindsight >= 0, "at least 0")
    _check_rates(config)
