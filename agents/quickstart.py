"""Two minutes from nothing to an agent that drives by camera and lidar."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

from rich.console import Console

from agents.config import require, require_positive
from agents.defaults import defaults_for
from agents.evaluation import EvaluationResult, evaluate
from agents.film import film_gif
from agents.policies import Policy
from agents.report import plot_curve, results_table
from agents.training import train


@dataclass(frozen=True)
class QuickstartConfig:
    """What the quickstart does.

    Attributes:
        env_id: The task.
        steps: Most world steps to train for; by default those known to work.
        minutes: Most minutes to train for.
        target_success: Stop training once so large a share of the last 100 episodes succeeded.
        episodes: Held-out episodes for each policy.
        seed: Seed of everything.
        out: Folder for the model, the picture and the film.
    """

    env_id: str = "mmenvs/PathPlanning-v0"
    steps: int | None = None
    minutes: float = 3.2
    target_success: float = 0.98
    episodes: int = 200
    seed: int = 0
    out: Path = Path("runs/quickstart")

    def __post_init__(self) -> None:
        """Check the fields."""
        require_positive(self, "episodes")
        require(self, "steps", self.steps is None or self.steps >= 1, "at least 1")
        require(self, "minutes", self.minutes > 0, "greater than 0")


def quickstart(config: QuickstartConfig, console: Console | None = None) -> dict[str, EvaluationResult]:
    """Train, compare with chance and with a scripted expert on held-out worlds, and film the result.

    Args:
        config: What to do.
        console: Where to print; the terminal by default.

    Returns:
        Name of the policy to how it did; also written to ``results.json``.

    Raises:
        ValueError: If the task is unknown.
    """
    console = console or Console()
    defaults = defaults_for(config.env_id)
    run = replace(
        defaults,
        steps=config.steps or defaults.steps,
        seed=config.seed,
        out=config.out,
        max_minutes=config.minutes,
        target_success=config.target_success,
    )
    console.rule(f"training PPO on {config.env_id}")
    trained = train(run, console=console)
    console.rule(f"{config.episodes} held-out episodes each")
    policies: dict[str, Policy] = {
        "random": "random",
        "scripted expert": "expert",
        "trained agent": trained.model,
    }
    results = {}
    for name, policy in policies.items():
        with console.status(f"evaluating: {name}"):
            results[name] = evaluate(policy, config.env_id, config.episodes, seed=config.seed)
    console.print(results_table(results, config.env_id))
    folder = trained.run_dir
    table = {name: result.to_dict() for name, result in results.items()}
    (folder / "results.json").write_text(json.dumps(table, indent=1) + "\n")
    picture, film = folder / "learning_curve.png", folder / "agent.gif"
    drawn = plot_curve(trained.curve, f"PPO on {config.env_id}, seed {config.seed}", picture)
    with console.status("filming"):
        filmed = film_gif(trained.model, config.env_id, film)
    console.print(f"model           {folder / 'last.zip'}")
    console.print(f"results         {folder / 'results.json'}")
    hint = "not made: pip install 'mmenvs[log]'"
    console.print(f"learning curve  {picture if drawn else hint}")
    console.print(f"film            {film if filmed else hint}")
    return results
