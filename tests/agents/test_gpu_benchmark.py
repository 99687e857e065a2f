"""The benchmark of GPUs runs where little is installed, and anywhere in small."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
#: What a machine with a GPU need not have.
ABSENT = ("tyro", "rich", "sb3_contrib", "pygame", "pybullet", "onnx", "onnxruntime", "tensorboard", "ray")


def test_it_runs_in_small_with_nothing_else_installed(tmp_path: Path) -> None:
    script = (
        "import sys\n"
        f"sys.modules.update(dict.fromkeys({ABSENT!r}))\n"
        "import benchmarks.gpu as gpu\n"
        "rows = gpu.measure_speed('cpu', 0.1, 4, 16, 1)\n"
        "gpu.print_table('speed', rows)\n"
        "names = [row.name for row in rows]\n"
        "assert names[0].endswith('DummyVecEnv') and 'ours' in names, names\n"
        "assert rows[0].ratio == 1.0 and all(row.steps > 0 for row in rows)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "plain PPO, DummyVecEnv" in done.stdout
