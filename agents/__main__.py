"""The command line: ``python -m agents COMMAND``; see :data:`USAGE`."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol, TypeVar

# Threads of torch that wait by spinning take the cores that the simulator needs; this must be set before
# torch is loaded.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


class _Run(Protocol):
    """The settings of a run."""

    @property
    def env_id(self) -> str: ...


Run = TypeVar("Run", bound=_Run)

USAGE = """usage: python -m agents COMMAND [OPTIONS]

  quickstart          train on mmenvs/PathPlanning-v0 for two minutes, show how well the agent drives
  train ENV_ID        train an agent; --pretrained encoder.pt starts from a pretrained encoder
  pretrain ENV_ID     pretrain an encoder on rollouts without labels, write encoder.pt
  distributed ENV_ID  train an agent in several processes or machines, on Ray RLlib
  tune ENV_ID         search settings for an agent
  evaluate RUN        play held-out episodes with a trained agent, 'random' or 'expert'
  watch RUN           see a policy at work, in a window or as a film
  export RUN          write a trained policy to one file, policy.onnx or policy.pt

python -m agents COMMAND --help lists the options; of train and distributed, with the defaults of that
ENV_ID."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command.

    Args:
        arguments: Of the command line; those of the process by default.

    Returns:
        Exit status: 0, or 2 if what was asked makes no sense.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    commands: dict[str, Callable[[list[str]], None]] = {
        "quickstart": _quickstart,
        "train": _train,
        "pretrain": _pretrain,
        "distributed": _distributed,
        "evaluate": _evaluate,
        "tune": _tune,
        "watch": _watch,
        "export": _export,
    }
    if not given or given[0] in ("-h", "--help"):
        print(USAGE)
        return 0 if given else 2
    if given[0] not in commands:
        print(f"unknown command {given[0]!r}\n\n{USAGE}", file=sys.stderr)
        return 2
    try:
        commands[given[0]](given[1:])
    except (ValueError, ImportError) as error:
        # Every config and every environment says in a ValueError what is wrong with what it was given, and
        # an ImportError which extra is not installed.
        if os.environ.get("MMENVS_TRACEBACK"):
            raise
        print(f"error: {error}\n(MMENVS_TRACEBACK=1 shows where)", file=sys.stderr)
        return 2
    return 0


def _quickstart(arguments: list[str]) -> None:
    import tyro

    from agents.quickstart import QuickstartConfig, quickstart

    quickstart(tyro.cli(QuickstartConfig, prog="python -m agents quickstart", args=arguments))


def _train(arguments: list[str]) -> None:
    import tyro

    from agents.defaults import defaults_for, large_batch
    from agents.train_config import TrainConfig
    from agents.training import train
    from agents.vec_env import find_spec

    resume, rest = _take_option(arguments, "--resume")
    large = "--large-batch" in rest
    rest = [argument for argument in rest if argument != "--large-batch"]
    saved = None if resume is None else TrainConfig.load(Path(resume) / "config.json")
    defaults, rest = _run_defaults("train", saved, defaults_for, rest)
    if large:
        defaults = large_batch(defaults)
    description = (
        "Train an agent. --resume DIR goes on with the run in that folder, whose settings are the defaults; "
        "--large-batch has settings of PPO for a large GPU as the defaults."
    )
    config = tyro.cli(
        TrainConfig, default=defaults, prog="python -m agents train", args=rest, description=description
    )
    find_spec(config.env_id)
    train(config, resume=None if resume is None else Path(resume))


def _distributed(arguments: list[str]) -> None:
    import tyro

    from agents.distributed.config import DistributedConfig, distributed_defaults
    from agents.distributed.training import train_distributed
    from agents.vec_env import find_spec

    resume, rest = _take_option(arguments, "--resume")
    saved = None if resume is None else DistributedConfig.load(Path(resume))
    defaults, rest = _run_defaults("distributed", saved, distributed_defaults, rest)
    description = (
        "Train an agent on Ray RLlib: --runners processes play, on this machine or on those of the cluster "
        "at --address. --resume DIR goes on with the run in that folder, whose settings are the defaults."
    )
    config = tyro.cli(
        DistributedConfig,
        default=defaults,
        prog="python -m agents distributed",
        args=rest,
        description=description,
    )
    find_spec(config.env_id)
    train_distributed(config, resume=None if resume is None else Path(resume))


def _run_defaults(
    command: str, saved: Run | None, defaults: Callable[[str], Run], arguments: list[str]
) -> tuple[Run, list[str]]:
    """Return the settings from which the command line departs, and the arguments with the id in them."""
    named = bool(arguments) and not arguments[0].startswith("-")
    if saved is not None:
        return saved, arguments if named else [saved.env_id, *arguments]
    if named:
        return defaults(arguments[0]), arguments
    if any(option in arguments for option in ("-h", "--help")):
        return defaults("ENV_ID"), arguments
    raise ValueError(
        f"{command} needs the id of an environment first: python -m agents {command} mmenvs/PathPlanning-v0"
    )


def _take_option(arguments: list[str], name: str) -> tuple[str | None, list[str]]:
    """Return the value of an option, None if it is not given, and the other arguments."""
    for place, argument in enumerate(arguments):
        if argument.startswith(f"{name}="):
            return argument.partition("=")[2], arguments[:place] + arguments[place + 1 :]
        if argument == name:
            if place + 1 == len(arguments):
                raise ValueError(f"{name} needs a value")
            return arguments[place + 1], arguments[:place] + arguments[place + 2 :]
    return None, arguments


def _pretrain(arguments: list[str]) -> None:
    import tyro

    from agents.pretraining.command import pretrain_command
    from agents.pretraining.config import PretrainConfig

    pretrain_command(tyro.cli(PretrainConfig, prog="python -m agents pretrain", args=arguments))


def _evaluate(arguments: list[str]) -> None:
    import tyro

    from agents.evaluate_command import EvaluateConfig, evaluate_command

    evaluate_command(tyro.cli(EvaluateConfig, prog="python -m agents evaluate", args=arguments))


def _tune(arguments: list[str]) -> None:
    import tyro

    from agents.tuning import TuneConfig, tune
    from agents.vec_env import find_spec

    config = tyro.cli(TuneConfig, prog="python -m agents tune", args=arguments)
    find_spec(config.env_id)
    tune(config)


def _watch(arguments: list[str]) -> None:
    import tyro

    from agents.watch_command import WatchConfig, watch_command

    watch_command(tyro.cli(WatchConfig, prog="python -m agents watch", args=arguments))


def _export(arguments: list[str]) -> None:
    import tyro

    from agents.export_command import ExportConfig, export_command

    export_command(tyro.cli(ExportConfig, prog="python -m agents export", args=arguments))


if __name__ == "__main__":
    sys.exit(main())
