"""What ``python -m agents pretrain`` does."""

from __future__ import annotations

from dataclasses import replace

from gymnasium.vector import AutoresetMode
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from agents.observations import space_differences
from agents.pretraining.config import PretrainConfig
from agents.pretraining.learn import PretrainResult, Report, pretrain
from agents.pretraining.probe import probe
from agents.pretraining.rollouts import Rollouts, collect
from agents.training import idle_cores
from agents.vec_env import make_vector


def pretrain_command(config: PretrainConfig, console: Console | None = None) -> PretrainResult:
    """Collect rollouts, pretrain an encoder on them and write its file.

    Args:
        config: What to do.
        console: Where to print; the terminal by default.

    Raises:
        ValueError: If the environment is unknown or has no such policy, kept rollouts are of another
            space, or an objective does not fit the observations.
    """
    console = console or Console()
    learn = config.learn
    if learn.threads is None:
        learn = replace(learn, threads=idle_cores())
    rollouts = _rollouts(config, console)
    size = f"{len(rollouts):,} steps of {rollouts.worlds} worlds, {rollouts.nbytes / 1e6:,.0f} MB"
    console.print(f"rollouts: {size}, {', '.join(rollouts.observations)}")
    bar = Progress(
        TextColumn("[bold]{task.description}"),
        BarColumn(bar_width=None),
        TextColumn("{task.percentage:>3.0f}%"),
        TextColumn("[green]{task.fields[losses]}[/]"),
        TimeRemainingColumn(),
        console=console,
    )
    task = bar.add_task(f"pretraining on {config.env_id}", total=learn.updates, losses="")

    def watch(report: Report) -> None:
        losses = ", ".join(f"{name} {loss:.3f}" for name, loss in report.held_out.items())
        bar.update(task, completed=report.updates, losses=losses)

    with bar:
        result = pretrain(rollouts, learn, watch)
    result.encoder.save(config.out)
    console.print(_table(result))
    if config.probe:
        for key, (trained, untrained) in probe(result.encoder, rollouts, learn).items():
            console.print(
                f"{key}, read linearly off the others: R^2 {trained:.2f} (random weights: {untrained:.2f})"
            )
    console.print(f"saved as {config.out}; python -m agents train {config.env_id} --pretrained {config.out}")
    return result


def _rollouts(config: PretrainConfig, console: Console) -> Rollouts:
    """Return the rollouts that are kept, or collect some."""
    env = make_vector(config.env_id, config.num_envs, AutoresetMode.SAME_STEP, config.env_kwargs)
    try:
        if config.rollouts is not None and config.rollouts.exists():
            kept = Rollouts.load(config.rollouts)
            differences = space_differences(kept.observation_space, env.single_observation_space)
            if kept.action_space != env.single_action_space:
                differences.append(f"actions: {kept.action_space}, given {env.single_action_space}")
            if differences:
                raise ValueError(f"{config.rollouts} is not of {config.env_id}; {'; '.join(differences)}")
            return kept
        with console.status(f"collecting {config.steps:,} steps, {config.behaviour}"):
            rollouts = collect(env, config.steps, config.behaviour, seed=config.learn.seed)
    finally:
        env.close()
    if config.rollouts is not None:
        rollouts.save(config.rollouts)
    return rollouts


def _table(result: PretrainResult) -> Table:
    """Return losses and figures on the held-out worlds, at the first and the last report."""
    first, last = result.reports[0], result.reports[-1]
    table = Table(title="held-out worlds")
    for heading in ("", f"after {first.updates:,} updates", f"after {last.updates:,}"):
        table.add_column(heading, justify="right" if heading else "left")
    for name, loss in last.held_out.items():
        table.add_row(f"[bold]{name}", f"{first.held_out[name]:.3f}", f"{loss:.3f}")
        for figure, value in last.figures.items():
            if figure.startswith(f"{name}/"):
                table.add_row(f"  {figure.partition('/')[2]}", f"{first.figures[figure]:.3f}", f"{value:.3f}")
    return table
