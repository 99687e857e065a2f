"""What the tests of stores share."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from feedback.labels import Clip, Evaluation

WRITER = """
import sys
from feedback.labels import Clip, Evaluation
from feedback.store import LabelStore

url, labeller, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
store = LabelStore(url)
for i in range(count):
    clip = Clip("0" * 32, "Toy-v0", 0, 0, i, 1)
    number = store.add(Evaluation(clip=clip, value=1.0, labeller=labeller))
    print(number, i, flush=True)
"""


def writer(url: str | Path, labeller: str, count: int) -> subprocess.Popen[str]:
    """Start a process that labels; it prints each number that it was given, and the step that it labelled."""
    arguments = [sys.executable, "-c", WRITER, str(url), labeller, str(count)]
    return subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True)


def evaluation(clip: Clip, value: float = 1.0, labeller: str = "a") -> Evaluation:
    return Evaluation(clip=clip, value=value, labeller=labeller)


def clip_folder_of(tmp_path: Path) -> Path:
    return tmp_path / "labels.clips"
