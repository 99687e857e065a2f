"""Pretraining of encoders on rollouts without labels.

::

    rollouts = collect(gym.make_vec("mmenvs/PathPlanning-v0", num_envs=64), 20_000)
    result = pretrain(rollouts, LearnConfig(objectives=("contrastive", "masked:0.5")))
    result.encoder.save(Path("encoder.pt"))

or ``python -m agents pretrain ENV_ID``; then ``python -m agents train ENV_ID --pretrained encoder.pt``.
"""

from agents.pretraining.config import (
    ContrastiveConfig,
    LearnConfig,
    MaskedConfig,
    NextStepConfig,
    PretrainConfig,
)
from agents.pretraining.files import PretrainedEncoder
from agents.pretraining.learn import PretrainResult, pretrain
from agents.pretraining.objectives import OBJECTIVES
from agents.pretraining.rollouts import Rollouts, collect

__all__ = [
    "OBJECTIVES",
    "ContrastiveConfig",
    "LearnConfig",
    "MaskedConfig",
    "NextStepConfig",
    "PretrainConfig",
    "PretrainResult",
    "PretrainedEncoder",
    "Rollouts",
    "collect",
    "pretrain",
]
