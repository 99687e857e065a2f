"""From a :class:`~agents.distributed.config.DistributedConfig` to RLlib's ``AlgorithmConfig``."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
from ray.rllib.algorithms.algorithm_config import AlgorithmConfig
from ray.rllib.algorithms.dqn import DQNConfig as RLlibDQN
from ray.rllib.algorithms.ppo import PPOConfig as RLlibPPO
from ray.rllib.algorithms.sac import SACConfig as RLlibSAC
from ray.rllib.core.rl_module.rl_module import RLModuleSpec
from ray.tune.registry import register_env

from agents.algorithm_config import DQNConfig, SACConfig
from agents.distributed.callbacks import EpisodeReports
from agents.distributed.config import DistributedConfig
from agents.distributed.learner import MixedPPOLearner
from agents.distributed.module import MultimodalActorCritic, MultimodalQNetwork, MultimodalSoftActorCritic
from agents.distributed.worlds import make_worlds, world_settings

#: Name of the worlds in Ray's registry.
_WORLDS = "mmenvs-worlds"
#: Least world steps between two reports of an algorithm with a replay buffer.
_REPORTED = 500


def rllib_config(config: DistributedConfig, steps: int = 0) -> AlgorithmConfig:
    """Return the settings of RLlib for a run.

    What RLlib adds to an algorithm by default is switched off, so that the same settings mean the same as in
    Stable-Baselines3: PPO without a penalty on the divergence and without clipped value errors, DQN without
    priorities.

    Args:
        config: The run.
        steps: World steps that it has done before.
    """
    register_env(_WORLDS, make_worlds)
    build = {"ppo": _ppo, "dqn": _dqn, "sac": _sac}[config.algo]
    settings, module, fragment = build(config)
    settings.environment(_WORLDS, env_config=world_settings(config, steps))
    settings.framework("torch")
    settings.env_runners(
        num_env_runners=config.runners,
        num_envs_per_env_runner=config.worlds_per_runner,
        num_cpus_per_env_runner=config.cpus_per_runner,
        gym_env_vectorize_mode=gym.VectorizeMode.VECTOR_ENTRY_POINT,
        rollout_fragment_length=fragment,
    )
    settings.learners(num_learners=config.learners, num_gpus_per_learner=config.gpus_per_learner)
    settings.rl_module(rl_module_spec=module)
    settings.callbacks(EpisodeReports)
    settings.debugging(seed=config.seed, log_level="ERROR")
    settings.fault_tolerance(restart_failed_env_runners=True)
    # Iterations with a replay buffer are too short to report each; those of PPO have thousands of steps.
    least = 0 if config.algo == "ppo" else _REPORTED
    settings.reporting(min_time_s_per_iteration=0, min_sample_timesteps_per_iteration=least)
    return settings


def _spec(kind: type, **model_config: Any) -> RLModuleSpec:
    return RLModuleSpec(module_class=kind, model_config=model_config)


def _ppo(config: DistributedConfig) -> tuple[AlgorithmConfig, RLModuleSpec, int]:
    ppo = config.ppo
    rate: Any = ppo.learning_rate
    if ppo.anneal:
        rate = [[0, ppo.learning_rate], [config.steps, 0.02 * ppo.learning_rate]]
    settings = RLlibPPO().training(
        learner_class=MixedPPOLearner,
        shuffle_batch_per_epoch=True,
        lr=rate,
        # Of each learner; they share what the runners bring.
        train_batch_size_per_learner=ppo.n_steps * config.worlds // max(1, config.learners),
        minibatch_size=ppo.batch_size // max(1, config.learners),
        num_epochs=ppo.n_epochs,
        gamma=ppo.gamma,
        lambda_=ppo.gae_lambda,
        clip_param=ppo.clip_range,
        entropy_coeff=ppo.ent_coef,
        vf_loss_coeff=ppo.vf_coef,
        vf_clip_param=float("inf"),
        use_kl_loss=False,
        grad_clip=ppo.max_grad_norm,
        grad_clip_by="global_norm",
    )
    module = _spec(MultimodalActorCritic, encoder=config.encoder, net_arch=ppo.net_arch)
    return settings, module, ppo.n_steps


def _dqn(config: DistributedConfig) -> tuple[AlgorithmConfig, RLModuleSpec, int]:
    dqn = config.dqn
    schedule = [(0, 1.0), (max(1, int(dqn.exploration_fraction * config.steps)), dqn.exploration_final_eps)]
    settings = RLlibDQN().training(
        lr=dqn.learning_rate,
        epsilon=schedule,
        target_network_update_freq=dqn.target_update_interval,
        double_q=True,
        dueling=False,
        num_atoms=1,
        # Stable-Baselines3's defaults.
        grad_clip=10.0,
        grad_clip_by="global_norm",
        td_error_loss_fn="huber",
        **_replay(config, dqn),
    )
    module = _spec(MultimodalQNetwork, encoder=config.encoder, net_arch=dqn.net_arch, epsilon=schedule)
    return settings, module, dqn.train_freq


def _sac(config: DistributedConfig) -> tuple[AlgorithmConfig, RLModuleSpec, int]:
    sac = config.sac
    settings = RLlibSAC().training(
        lr=None,
        actor_lr=sac.learning_rate,
        critic_lr=sac.learning_rate,
        alpha_lr=sac.learning_rate,
        tau=sac.tau,
        target_network_update_freq=1,
        twin_q=True,
        **_replay(config, sac),
    )
    module = _spec(MultimodalSoftActorCritic, encoder=config.encoder, net_arch=sac.net_arch, twin_q=True)
    return settings, module, sac.train_freq


def _replay(config: DistributedConfig, replay: DQNConfig | SACConfig) -> dict[str, Any]:
    """Return the settings of the replay buffer, and of how much is learnt from it."""
    drawn = replay.train_freq * config.worlds
    updates = drawn if replay.gradient_steps == -1 else replay.gradient_steps
    # RLlib divides by the steps of one runner more than there are, and rounds to whole updates.
    counted = replay.train_freq * config.worlds_per_runner * (config.runners + 1)
    return {
        "gamma": replay.gamma,
        "n_step": 1,
        "train_batch_size_per_learner": replay.batch_size // max(1, config.learners),
        "training_intensity": updates * replay.batch_size / counted,
        "num_steps_sampled_before_learning_starts": replay.learning_starts,
        "replay_buffer_config": {"type": "EpisodeReplayBuffer", "capacity": replay.buffer_size},
    }
