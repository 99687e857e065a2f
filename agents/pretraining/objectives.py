"""Objectives by name.

One of your own takes one line, ``OBJECTIVES["mine"] = Mine``, where ``Mine(setting)`` is an
:class:`~agents.pretraining.base.Objective`; ``LearnConfig(objectives=("mine", "masked:0.5"))`` chooses it.
"""

from __future__ import annotations

from collections.abc import Callable

from agents.pretraining.base import Objective, Setting
from agents.pretraining.contrastive import Contrastive
from agents.pretraining.masked import Masked
from agents.pretraining.next_step import NextStep

OBJECTIVES: dict[str, Callable[[Setting], Objective]] = {
    "contrastive": Contrastive,
    "masked": Masked,
    "next_step": NextStep,
}
