"""The command line: ``python -m feedback COMMAND``."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import tyro

USAGE = """usage: python -m feedback COMMAND ... [options]

commands:
  play    drive yourself in a window and judge what happens with + and -
  learn   learn a reward from preferences, and an agent from the reward
  report  say what the labels and the reward of a run are worth: RUN_DIR
  export  write a store of labels to a file: STORE FILE.jsonl|FILE.parquet
  import  add the labels of such a file to a store: STORE FILE
  salvage write what can be read of a damaged store into a new one: BROKEN GOOD

'python -m feedback COMMAND --help' lists the options of a command.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command.

    Args:
        arguments: Command line without the program's name; that of the process by default.

    Returns:
        Exit status: 0 if all went well, 2 if what was asked for is not possible.
    """
    command, *rest = (list(sys.argv[1:]) if arguments is None else list(arguments)) or [""]
    commands = {
        "play": _play,
        "learn": _learn,
        "report": _report,
        "export": _export,
        "import": _import,
        "salvage": _salvage,
    }
    if command not in commands:
        print(USAGE, end="", file=sys.stdout if command in ("-h", "--help") else sys.stderr)
        return 0 if command in ("-h", "--help") else 2
    try:
        commands[command](rest)
    except (RuntimeError, ValueError, OSError, ModuleNotFoundError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


# Each command imports what it needs and no more: playing starts without torch.


def _play(arguments: list[str]) -> None:
    from feedback.play import PlayConfig, play

    play(tyro.cli(PlayConfig, args=arguments, prog="python -m feedback play"))


def _learn(arguments: list[str]) -> None:
    from feedback.learning.config import LearnConfig
    from feedback.learning.preferences import learn

    resume = "--resume" in arguments
    config = tyro.cli(
        LearnConfig,
        args=[argument for argument in arguments if argument != "--resume"],
        prog="python -m feedback learn",
        description="Learn from people. --resume goes on with the run in --out, which was killed.",
    )
    learn(config, resume=resume)


def _report(arguments: list[str]) -> None:
    from feedback.diagnostics.report import ReportConfig, report

    report(tyro.cli(ReportConfig, args=arguments, prog="python -m feedback report"))


def _export(arguments: list[str]) -> None:
    from feedback.housekeeping import run_export

    tyro.cli(run_export, args=arguments, prog="python -m feedback export")


def _import(arguments: list[str]) -> None:
    from feedback.housekeeping import run_import

    tyro.cli(run_import, args=arguments, prog="python -m feedback import")


def _salvage(arguments: list[str]) -> None:
    from feedback.housekeeping import run_salvage

    tyro.cli(run_salvage, args=arguments, prog="python -m feedback salvage")


if __name__ == "__main__":
    sys.exit(main())
