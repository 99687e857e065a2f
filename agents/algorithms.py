"""Building untrained models of Stable-Baselines3 and sb3-contrib over the multimodal encoder."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from gymnasium import spaces
from sb3_contrib import QRDQN, TQC, MaskablePPO, RecurrentPPO
from sb3_contrib.common.maskable.utils import is_masking_supported
from stable_baselines3 import A2C, DQN, SAC, TD3
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.noise import NormalActionNoise
from stable_baselines3.common.preprocessing import is_image_space
from stable_baselines3.common.utils import LinearSchedule
from stable_baselines3.common.vec_env import VecEnv
from torch.optim import AdamW

from agents.accelerated import AcceleratedPPO
from agents.algorithm_config import OFF_POLICY, Algo, AlgorithmConfig
from agents.config import EncoderConfig
from agents.extractor import MultimodalExtractor
from agents.hindsight import HindsightBuffer, check_goals

CLASSES: dict[Algo, type[BaseAlgorithm]] = {
    "ppo": AcceleratedPPO,
    "a2c": A2C,
    "dqn": DQN,
    "sac": SAC,
    "td3": TD3,
    "recurrent_ppo": RecurrentPPO,
    "maskable_ppo": MaskablePPO,
    "qrdqn": QRDQN,
    "tqc": TQC,
}
_ANY = (spaces.Box, spaces.Discrete, spaces.MultiDiscrete, spaces.MultiBinary)
_CHOICES = (spaces.Discrete, spaces.MultiDiscrete, spaces.MultiBinary)
_ACTIONS: dict[Algo, tuple[type[spaces.Space[Any]], ...]] = {
    "ppo": _ANY,
    "a2c": _ANY,
    "dqn": (spaces.Discrete,),
    "sac": (spaces.Box,),
    "td3": (spaces.Box,),
    "recurrent_ppo": _ANY,
    "maskable_ppo": _CHOICES,
    "qrdqn": (spaces.Discrete,),
    "tqc": (spaces.Box,),
}
#: Settings that are arguments of the policy.
_OF_POLICY = ("lstm_hidden_size", "n_quantiles")


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
    freeze: bool = False,
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
        freeze: Whether the networks below the policy never learn; see
            :class:`~agents.extractor.MultimodalExtractor`.

    Raises:
        ValueError: If the algorithm cannot choose such actions, needs masks of them or goals that the
            environment does not have.
    """
    check_actions(algo, venv.action_space)
    if algo == "maskable_ppo" and not is_masking_supported(venv):
        raise ValueError(
            "algo='maskable_ppo' needs an environment with a method action_masks(), which this one has not; "
            "algo='ppo' does without"
        )
    arguments: dict[str, Any] = asdict(settings)
    policy_kwargs: dict[str, Any] = {"net_arch": list(arguments.pop("net_arch"))}
    policy_kwargs |= {name: arguments.pop(name) for name in _OF_POLICY if name in arguments}
    if algo == "recurrent_ppo":
        policy_kwargs["shared_lstm"] = arguments.pop("shared_lstm")
        policy_kwargs["enable_critic_lstm"] = not policy_kwargs["shared_lstm"]
    if goals := arguments.pop("hindsight", 0):
        check_goals(venv)
        arguments["replay_buffer_class"] = HindsightBuffer
        arguments["replay_buffer_kwargs"] = {"n_sampled_goal": goals, "goal_selection_strategy": "future"}
    if arguments.pop("anneal", False):
        rate = arguments["learning_rate"]
        arguments["learning_rate"] = LinearSchedule(rate, 0.02 * rate, 1.0)
    noise = arguments.pop("action_noise", 0.0)
    if noise:
        shape = venv.action_space.shape or ()
        arguments["action_noise"] = NormalActionNoise(np.zeros(shape), np.full(shape, noise))
    if isinstance(venv.observation_space, spaces.Dict):
        policy = "MultiInputLstmPolicy" if algo == "recurrent_ppo" else "MultiInputPolicy"
        policy_kwargs["features_extractor_class"] = MultimodalExtractor
        policy_kwargs["features_extractor_kwargs"] = {"config": encoder} | (
            {"frozen": True} if freeze else {}
        )
        policy_kwargs["normalize_images"] = False
    else:
        kind = "Cnn" if is_image_space(venv.observation_space) else "Mlp"
        policy = f"{kind}{'LstmPolicy' if algo == 'recurrent_ppo' else 'Policy'}"
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
