"""Settings that are known to work, per task."""

from __future__ import annotations

from dataclasses import replace

from agents.algorithm_config import DQNConfig, PPOConfig, SACConfig
from agents.train_config import TrainConfig

#: Task to the run that is known to work on it.
DEFAULTS: dict[str, TrainConfig] = {
    entry.env_id: entry
    for entry in (
        TrainConfig(
            "mmenvs/PathPlanning-v0",
            steps=600_000,
            num_envs=64,
            reward_scale=0.05,
            ppo=PPOConfig(
                learning_rate=9e-4,
                anneal=True,
                n_steps=64,
                batch_size=256,
                n_epochs=2,
                gamma=0.95,
                ent_coef=0.001,
            ),
            dqn=DQNConfig(gradient_steps=2),
        ),
        TrainConfig(
            "mmenvs/Driving-v0",
            steps=2_000_000,
            num_envs=64,
            ppo=PPOConfig(learning_rate=3e-4, n_steps=128, batch_size=2048, n_epochs=4, ent_coef=0.001),
            sac=SACConfig(gradient_steps=2),
        ),
        TrainConfig(
            "mmenvs/Recommender-v0",
            steps=500_000,
            num_envs=64,
            ppo=PPOConfig(learning_rate=5e-4, n_steps=64, batch_size=1024, n_epochs=4),
        ),
    )
}


#: Worlds, steps of each in a rollout, and minibatches of a rollout, where a large GPU learns.
_LARGE = (1024, 32, 8)


def large_batch(config: TrainConfig) -> TrainConfig:
    """Return settings of PPO for a large GPU: many worlds, large minibatches, bfloat16.

    The learning rate grows with the square root of the minibatch, as noise of the gradient falls with it.

    Raises:
        ValueError: If the algorithm is not PPO.
    """
    if config.algo != "ppo":
        raise ValueError(f"algo={config.algo!r} must be 'ppo' for a large batch")
    worlds, n_steps, minibatches = _LARGE
    batch = worlds * n_steps // minibatches
    rate = config.ppo.learning_rate * min((batch / config.ppo.batch_size) ** 0.5, 2.0)
    ppo = replace(config.ppo, n_steps=n_steps, batch_size=batch, learning_rate=rate, autocast=True)
    return replace(config, num_envs=worlds, ppo=ppo)


def defaults_for(env_id: str) -> TrainConfig:
    """Return the settings of a task, or the general ones if it has none of its own."""
    task = env_id.rsplit(":", maxsplit=1)[-1]
    return DEFAULTS.get(task, TrainConfig(env_id))
