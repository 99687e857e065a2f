"""What ``python -m agents export`` does."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import tyro
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import concatenate, create_empty_array
from rich.console import Console

from agents.deployed import Policy
from agents.export import check_export, export_policy
from agents.training import load_model
from agents.vec_env import make_vector

_WORLDS, _STEPS, _DRAWN = 16, 16, 256


@dataclass(frozen=True)
class ExportConfig:
    """Write a trained policy to one file that runs without Stable-Baselines3.

    Attributes:
        run: Folder of a run, or a zip file in it.
        to: Where to write: policy.onnx, or policy.pt for TorchScript.
        value: Also export the value of an observation.
        check: Compare the file with the model on observations of the environment and random ones.
    """

    run: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="RUN")]
    to: Path = Path("policy.onnx")
    value: bool = False
    check: bool = False


def export_command(config: ExportConfig, console: Console | None = None) -> Path:
    """Export the policy of a run.

    Args:
        config: What to export.
        console: Where to print; the terminal by default.

    Returns:
        The file.

    Raises:
        ValueError: If the run cannot be loaded, or the file differs from the model.
        ImportError: If onnx, or with ``check`` onnxruntime, is needed and not installed.
    """
    console = console or Console()
    model, run = load_model(config.run, device="cpu")
    env = make_vector(run.env_id, _WORLDS, AutoresetMode.SAME_STEP, run.env_kwargs)
    try:
        path = export_policy(
            model,
            config.to,
            observation_space=env.single_observation_space,
            env_id=run.env_id,
            env_kwargs=run.env_kwargs,
            value=config.value,
        )
        console.print(f"{run.algo} of {run.env_id} exported to {path}, {path.stat().st_size / 1e6:.2f} MB")
        if config.check:
            found = check_export(model, Policy.load(path), observations_of(env))
            console.print(
                f"checked on {found.observations} observations: {found.same:.1%} of the actions are the "
                f"same, the greatest difference is {found.difference:.2g}"
            )
            if found.same < 1.0:
                raise ValueError(f"{path} does not act as the model does")
    finally:
        env.close()
    return path


def observations_of(env: VectorEnv[Any, Any, Any], steps: int = _STEPS, drawn: int = _DRAWN) -> Any:
    """Return one batch of observations of random actions, and as many as wanted drawn from the space."""
    space = env.single_observation_space
    env.action_space.seed(0)
    space.seed(0)
    found = [space.sample() for _ in range(drawn)]
    observations, _ = env.reset(seed=0)
    for _ in range(steps):
        if isinstance(observations, dict):
            worlds = [{k: np.copy(v[w]) for k, v in observations.items()} for w in range(env.num_envs)]
        else:
            worlds = list(np.copy(observations))
        found += worlds
        observations = env.step(env.action_space.sample())[0]
    batch: Any = create_empty_array(space, len(found))
    return concatenate(space, found, batch)
