"""Multimodal environments for reinforcement learning with human feedback.

Importing the package registers its ids with Gymnasium::

    import gymnasium as gym
    import mmenvs

    env = gym.make("mmenvs/Driving-v0", sensors=("camera", "lidar", "state"))
"""

from __future__ import annotations

from mmenvs import spaces
from mmenvs.registration import ENVIRONMENTS, register_environments

__version__ = "0.1.0"
__all__ = ["ENVIRONMENTS", "__version__", "register_environments", "spaces"]

register_environments()
