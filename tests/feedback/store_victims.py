"""Labels in one process after another, kills each at a random moment, and prints what each acknowledged.

    python store_victims.py URL CLIP_FOLDER KILLS SEED

Each line of the output is a JSON list of [number, step].  The processes are forks of this one, because
importing takes longer than labelling.
"""

from __future__ import annotations

import json
import os
import random
import select
import signal
import sys
import time

import numpy as np
import sqlalchemy.dialects.sqlite  # noqa: F401

from feedback.clips import ClipFolder, Segment
from feedback.labels import Evaluation
from feedback.store import LabelStore

STEPS_EACH = 100_000


def label(url: str, clip_folder: str, first: int, acknowledge: int) -> None:
    store = LabelStore(url, clip_folder=clip_folder)
    clips = ClipFolder(store.clip_folder)
    for step in range(first, first + STEPS_EACH):
        segment = Segment(
            observations={"state": np.full((1, 4), step, np.float32)},
            actions=np.zeros(1, np.int64),
            rewards=np.zeros(1),
            env_id="Toy-v0",
            seed=0,
            start=step,
        )
        number = store.add(Evaluation(clip=clips.add(segment), value=1.0, labeller=f"victim-{first}"))
        os.write(acknowledge, f"{number} {step}\n".encode())


def kill_one(url: str, clip_folder: str, first: int, rng: random.Random) -> list[list[int]]:
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            label(url, clip_folder, first, writing)
        finally:
            os._exit(1)
    os.close(writing)
    if rng.random() < 0.8:  # else it may be killed while it opens the store
        select.select([reading], [], [])
    time.sleep(rng.uniform(0, 0.05))
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status), "it ended before it was killed"
    with os.fdopen(reading) as pipe:
        # A line cut short by the kill was not acknowledged.
        return [[int(part) for part in line.split()] for line in pipe if line.endswith("\n")]


def main(url: str, clip_folder: str, kills: int, seed: int) -> None:
    rng = random.Random(seed)
    for kill in range(kills):
        print(json.dumps(kill_one(url, clip_folder, kill * STEPS_EACH, rng)), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
