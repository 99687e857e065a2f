"""How long a newcomer waits: the import, the first episode with an empty cache, and with a warm one.

    python -m benchmarks.startup

Each figure is a fresh process.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time

from rich.console import Console
from rich.table import Table

_EPISODE = (
    "import gymnasium as gym, mmenvs; e = gym.make('mmenvs/Driving-v0'); e.reset(seed=0); "
    "e.step(e.action_space.sample())"
)
_IMPORT = "import time; t = time.perf_counter(); import mmenvs; print(time.perf_counter() - t)"


def run(code: str, cache: str) -> tuple[float, str, str]:
    """Run a line of Python in a fresh process; return its seconds, output and messages."""
    begin = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "MMENVS_CACHE_DIR": cache},
        capture_output=True,
        text=True,
        check=True,
    )
    return time.perf_counter() - begin, done.stdout, done.stderr


def main() -> None:
    """Measure and print."""
    table = Table(title="Start-up")
    for heading in ("what", "seconds", "asked"):
        table.add_column(heading)
    with tempfile.TemporaryDirectory() as cache:
        cold, _, message = run(_EPISODE, cache)
        warm = min(run(_EPISODE, cache)[0] for _ in range(3))
        imports = min(float(run(_IMPORT, cache)[1]) for _ in range(3))
    table.add_row("import mmenvs", f"{imports:.2f}", "below 0.4")
    table.add_row("first make, reset, step; empty cache", f"{cold:.1f}", "below 30")
    table.add_row("the same, warm cache", f"{warm:.2f}", "below 2")
    console = Console()
    console.print(table)
    console.print(f"message with an empty cache: {message.strip() or 'none'}")


if __name__ == "__main__":
    main()
