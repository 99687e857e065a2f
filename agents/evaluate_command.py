"""What ``python -m agents evaluate`` does."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import tyro
from rich.console import Console

from agents.deployed import FORMATS
from agents.deployed import Policy as ExportedPolicy
from agents.distributed.config import is_distributed, require_ray
from agents.evaluation import EvaluationResult, evaluate
from agents.policies import Policy, Untrained
from agents.report import results_table
from agents.train_config import EnvKwargs
from agents.training import load_model


@dataclass(frozen=True)
class EvaluateConfig:
    """Play held-out episodes and report success, return and length with 95 % intervals.

    Attributes:
        policy: Folder of a run, a checkpoint in it, an exported ``.onnx`` or ``.pt``, ``random``, ``expert``.
        env_id: Where; by default where the agent was trained.
        episodes: How many episodes.
        seed: Seed of the first episode.
        split: ``train`` or ``test``.
        env_kwargs: Keyword arguments of the environment, on top of those of training.
        num_envs: Worlds that run together.
        stochastic: Draw actions instead of taking the most likely one.
        json: Write every episode to this file.
    """

    policy: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="RUN")]
    env_id: str | None = None
    episodes: int = 200
    seed: int = 0
    split: Literal["train", "test"] = "test"
    env_kwargs: EnvKwargs = field(default_factory=dict)
    num_envs: int = 64
    stochastic: bool = False
    json: Path | None = None


def evaluate_command(config: EvaluateConfig, console: Console | None = None) -> EvaluationResult:
    """Evaluate a policy and print a table.

    Args:
        config: What to evaluate.
        console: Where to print; the terminal by default.

    Raises:
        ValueError: If the run cannot be loaded, or does not fit the environment.
    """
    console = console or Console()
    policy, env_id, trained_with = read_policy(
        config.policy, config.env_id, "evaluate", deterministic=not config.stochastic
    )
    result = evaluate(
        policy,
        env_id,
        config.episodes,
        seed=config.seed,
        split=config.split,
        env_kwargs={**trained_with, **config.env_kwargs},
        num_envs=config.num_envs,
        deterministic=not config.stochastic,
    )
    title = f"{env_id}, {config.episodes} episodes of the {config.split} split"
    console.print(results_table({config.policy: result}, title))
    if config.json is not None:
        config.json.write_text(json.dumps(result.to_dict(), indent=1) + "\n")
        console.print(f"episodes written to {config.json}")
    return result


def read_policy(
    name: str, env_id: str | None, command: str, *, deterministic: bool = True
) -> tuple[Policy, str, Mapping[str, Any]]:
    """Read a policy that was named on the command line.

    Args:
        name: Folder of a run, a zip file in it, an exported file, ``random`` or ``expert``.
        env_id: Where it shall act; None for where it was trained.
        command: What asks, for messages.
        deterministic: Whether a policy that was trained by several processes takes its most likely action;
            others are told when they act.

    Returns:
        The policy, the id of the environment, and the keyword arguments of its training.

    Raises:
        ValueError: If it cannot be loaded, or nothing says where it shall act.
    """
    if name in get_args(Untrained):
        if env_id is None:
            raise ValueError(f"{command} {name} needs --env-id")
        untrained: Any = name
        return untrained, env_id, {}
    path = Path(name)
    if path.suffix in FORMATS:
        exported = ExportedPolicy.load(path)
        env_id = env_id or exported.metadata["env_id"]
        if env_id is None:
            raise ValueError(f"{path} does not say where it was trained: {command} needs --env-id")
        return exported, env_id, exported.metadata["env_kwargs"]
    if is_distributed(path):
        require_ray()
        from agents.distributed.policy import load_policy

        distributed, settings = load_policy(path, deterministic=deterministic)
        return distributed, env_id or settings.env_id, settings.env_kwargs
    model, run = load_model(path)
    return model, env_id or run.env_id, run.env_kwargs
