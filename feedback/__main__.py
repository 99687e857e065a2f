"""The command line: ``python -m feedback play``, ``learn`` and ``report``."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import tyro

USAGE = """usage: python -m feedback COMMAND ENV_ID [options]
       python -m feedback report RUN_DIR [options]

commands:
  play    drive yourself in a window and judge what happens with + and -
  learn   learn a reward from preferences, and an agent from the reward
  report  say what the labels and the reward of a run are worth

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
    commands = {"play": _play, "learn": _learn, "report": _report}
    if command not in commands:
        print(USAGE, end="", file=sys.stdout if command in ("-h", "--help") else sys.stderr)
        return 0 if command in ("-h", "--help") else 2
    try:
        commands[command](rest)
    except (RuntimeError, ValueError) as error:
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

    learn(tyro.cli(LearnConfig, args=arguments, prog="python -m feedback learn"))


def _report(arguments: list[str]) -> None:
    from feedback.diagnostics.report import ReportConfig, report

    report(tyro.cli(ReportConfig, args=arguments, prog="python -m feedback report"))


if __name__ == "__main__":
    sys.exit(main())
